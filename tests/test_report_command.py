"""`affidavit report`: old runs, where the files land, and what is refused before anything is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from affidavit import cli
from affidavit.documents import load_catalog
from affidavit.load.outcome import Kind, Outcome
from affidavit.load.results import Results, line_of
from affidavit.recorder import VERSION
from affidavit.session import Settings, run

Report = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A faulty run."""
    folder = tmp_path_factory.mktemp("run")
    settings = Settings(examples=0, deviations=("limit-one-refused",), budget=100)
    run(load_catalog("chatmaid"), settings, folder, lambda *_: None)
    return (folder / "run.ndjson").read_bytes()


@pytest.fixture
def path(record: bytes, tmp_path: Path) -> Path:
    home = tmp_path / "reports" / "chatmaid"
    home.mkdir(parents=True)
    (home / "run.ndjson").write_bytes(record)
    return home / "run.ndjson"


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Report:
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", ["affidavit", "report", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_runs_in_reports_are_shown_when_none_is_named(report: Report, path: Path) -> None:
    code, out, _ = report("--format", "terminal")
    assert code == 0
    assert "BROKEN CM-074" in out
    assert f"record: {path.relative_to(path.parents[2])}" in out


def test_one_format_can_be_printed_alone(report: Report, path: Path) -> None:
    code, out, err = report(str(path), "--format", "json", "--out", "-")
    assert (code, err) == (0, "")
    assert json.loads(out)["verdict"] == "broken"
    assert sorted(one.name for one in path.parent.iterdir()) == ["run.ndjson"]


def test_the_files_land_beside_the_run_or_where_they_are_wanted(report: Report, path: Path, tmp_path: Path) -> None:
    code, out, _ = report(str(path), "--format", "sarif", "--format", "markdown")
    assert code == 0
    assert {one.name for one in path.parent.iterdir()} == {"run.ndjson", "report.sarif", "report.md"}
    assert f"written: {path.parent / 'report.sarif'}, {path.parent / 'report.md'}" in out
    report("--format", "junit", "--out", str(tmp_path / "new" / "place"))
    assert (tmp_path / "new" / "place" / "report.junit.xml").exists()
    report("--format", "junit")
    assert (path.parents[1] / "report.junit.xml").exists()


def test_a_run_that_was_interrupted_is_shown_as_not_complete(report: Report, path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:20]))
    code, out, _ = report(str(path), "--format", "markdown", "--out", "-")
    assert code == 0
    assert "The run is not complete: it was interrupted" in out
    assert "incomplete: it was interrupted" in report(str(path), "--format", "terminal")[1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda text: text[:-10], "it is cut off"),
        (lambda text: text.replace(b'"version":%d' % VERSION, b'"version":%d' % (VERSION + 1), 1), "use a newer one"),
        (lambda _: b'{"log": {"entries": []}}\n', "'kind'"),
        (lambda text: text.replace(b'"seed":1', b'"seed":"x"', 1), "no usable seed"),
        (lambda text: text.replace(b'"provider":"chatmaid"', b'"provider":"nobody"', 1), "unknown provider 'nobody'"),
    ],
    ids=["cut", "newer", "foreign", "seed", "provider"],
)
def test_what_cannot_be_read_ends_with_2_and_overwrites_nothing(
    report: Report, path: Path, change: Callable[[bytes], bytes], named: str
) -> None:
    path.write_bytes(change(path.read_bytes()))
    before = path.parent / "report.json"
    before.write_text("kept", "utf-8")
    code, out, err = report(str(path), "--format", "json")
    assert (code, out) == (2, "")
    assert named in err
    assert len(err.splitlines()) == 1
    assert before.read_text("utf-8") == "kept"


@pytest.mark.parametrize("formats", [[], ["terminal"], ["json", "sarif"]])
def test_only_one_format_can_be_printed(report: Report, path: Path, formats: list[str]) -> None:
    asked = [word for name in formats for word in ("--format", name)]
    code, out, err = report(str(path), *asked, "--out", "-")
    assert (code, out) == (2, "")
    assert "--out - prints one format" in err


def test_runs_of_other_kinds_say_whose_they_are_and_how_many_requests_they_sent(report: Report, tmp_path: Path) -> None:
    manifest = {"kind": "manifest", "version": 1, "provider": "chatmaid", "target": "embedded"}
    end = {"kind": "end", "complete": True, "reason": ""}
    told = {"low": 20, "best": 20, "high": 20}
    limits = {"kind": "limits", "role": "main", "operation": "getAccount", "mode": "active", "limit": told}
    results = Results("chatmaid", "mix")
    results.add(Outcome(0, 0, 0, "send", "main", Kind.OK, 202, 5, None))
    load = {"kind": "load", **line_of(results, {}, 10.0)}
    for what, line in (("limits", limits), ("load", load)):
        folder = tmp_path / "reports" / what
        folder.mkdir(parents=True)
        text = "".join(json.dumps(one) + "\n" for one in ({**manifest, "what": what}, line, end))
        (folder / "run.ndjson").write_text(text, "utf-8")
    code, out, _ = report("--format", "terminal")
    assert code == 0
    assert "Chatmaid, search for limits, embedded sandbox" in out
    assert "  1 request; record: reports/load/run.ndjson" in out
