"""The gate from the command line: files, exit codes, and what is left alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from affidavit import cli
from affidavit.documents import OPENAPI, load_catalog
from affidavit.errors import ExitCode
from affidavit.session import Settings, run

Run = Callable[..., tuple[int, str]]
ACCEPT = ("--reason", "They know.", "--who", "Ann", "--expires", "2030-06-30", "--today", "2030-01-01")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A faithful run and two with a fault, in folders named for them."""
    home = tmp_path_factory.mktemp("runs")
    for name in ("faithful", "phone-alone-lacks-name", "no-key-sends"):
        deviations = () if name == "faithful" else (name,)
        run(load_catalog("chatmaid"), Settings(examples=0, deviations=deviations), home / name, lambda *_: None)
    return home


@pytest.fixture
def affidavit(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command line in a folder that holds the runs; the exit code and all it said."""
    shutil.copytree(runs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["affidavit", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


def test_a_run_against_itself_opens_the_gate(affidavit: Run) -> None:
    code, said = affidavit("gate", "faithful", "--baseline", "faithful/run.ndjson")
    assert code == ExitCode.KEPT
    assert "gate open: 0 new, 0 known, 0 expired, 0 stale, 0 fixed" in said
    assert "limits    not compared, no header announces them" in said


def test_a_run_that_did_not_ask_again_is_incomplete_whether_its_target_is_faulty_or_not(affidavit: Run) -> None:
    lines = Path("phone-alone-lacks-name/run.ndjson").read_text("utf-8").splitlines(keepends=True)
    for kept in (1, 6):
        Path("few.ndjson").write_text("".join((*lines[:kept], lines[-1])), "utf-8")
        code, said = affidavit("gate", "few.ndjson", "--baseline", "faithful")
        assert code == ExitCode.UNREACHABLE
        assert "decided before were not asked or not answered now" in said
        assert "or without --budget" in " ".join(said.split())
        assert "gate incomplete: 0 new" in said
        assert "nothing changed" not in said
        assert "Nothing changed" not in Path("changes.md").read_text("utf-8")


def test_a_folder_names_every_run_in_it(affidavit: Run) -> None:
    for name in ("faithful", "no-key-sends"):
        shutil.copytree(name, f"new/{name}")
    shutil.copytree("faithful", "old/chatmaid")
    Path("new/load").mkdir()
    first = json.loads(Path("faithful/run.ndjson").read_text("utf-8").splitlines()[0])
    Path("new/load/run.ndjson").write_text(json.dumps(first | {"what": "load"}) + "\n", "utf-8")
    code, said = affidavit("gate", "new", "--baseline", "old")
    told = " ".join(said.split())
    assert (code, told.count("gate open: 0 new"), told.count("gate closed: ")) == (ExitCode.BROKEN, 1, 1)
    assert Path("new/no-key-sends/changes.md").exists()
    code, said = affidavit("gate", "faithful", "--baseline", "new")
    assert (code, "are both of chatmaid: name one baseline of a provider" in said) == (ExitCode.USAGE, True)


def test_one_run_is_accepted_at_a_time(affidavit: Run) -> None:
    for name in ("chatmaid", "other"):
        shutil.copytree("faithful", f"A/{name}")
    code, said = affidavit("accept", "A", "--measure")
    assert (code, "A holds 2 runs: name one of them, such as A/chatmaid" in said) == (ExitCode.USAGE, True)


def test_a_broken_claim_closes_it_and_stands_on_the_page_for_the_provider(affidavit: Run) -> None:
    code, said = affidavit("gate", "phone-alone-lacks-name", "--baseline", "faithful")
    assert code == ExitCode.BROKEN
    assert "BREAKING  CM-150" in said
    page = Path("phone-alone-lacks-name/changes.md").read_text("utf-8")
    assert "A phone read alone has the same eight fields as in the list." in page
    assert "chatmaid_api_reference.txt:223" in page
    assert "GET /v1/phone-numbers/" in page
    assert "12025550110" not in page
    shown = [word for line in said.splitlines() if line.startswith("    ") for word in line.split() if len(word) == 12]
    assert shown
    assert all(one in page for one in shown)
    assert "sk_test_" not in page


def test_without_a_baseline_every_broken_claim_is_new(affidavit: Run) -> None:
    code, said = affidavit("gate", "phone-alone-lacks-name", "--changes", "sub/page.md")
    assert code == ExitCode.BROKEN
    assert "against no baseline" in said
    assert Path("sub/page.md").exists()
    assert affidavit("gate", "faithful")[0] == ExitCode.KEPT


def test_the_life_of_an_accepted_finding(affidavit: Run) -> None:
    assert affidavit("accept", "faithful", "--measure")[0] == 0
    assert affidavit("accept", "phone-alone-lacks-name", "CM-150", *ACCEPT)[0] == 0
    gate = ("gate", "phone-alone-lacks-name", "--today")
    code, said = affidavit(*gate, "2030-06-30")
    assert "2 known" in said
    assert "LOOK AT   CM-247" in said  # nothing tells any more whether reading changes the field
    assert code == ExitCode.BROKEN  # the field is gone from what was measured, and nobody has accepted that
    changed = [line.split()[0] for line in said.splitlines() if line.startswith("    ") and len(line.split()) == 1]
    assert affidavit("accept", "phone-alone-lacks-name", *changed, *ACCEPT)[0] == 0
    assert affidavit(*gate, "2030-06-30")[0] == ExitCode.KEPT
    code, said = affidavit(*gate, "2030-07-01")
    assert (code, "EXPIRED   CM-150" in said) == (ExitCode.BROKEN, True)
    code, said = affidavit("gate", "no-key-sends", "--today", "2030-01-02")
    assert (code, "STALE     CM-150" in said, "BREAKING  CM-038" in said) == (ExitCode.BROKEN, True, True)
    drops = [part for one in changed for part in ("--drop", one)]
    assert affidavit("accept", "faithful", "--drop", "CM-150", *drops)[0] == 0
    assert affidavit("gate", "faithful")[0] == ExitCode.KEPT


def test_annotations_point_at_the_claims_line_and_stay_one_line_each(affidavit: Run) -> None:
    _, said = affidavit("gate", "phone-alone-lacks-name", "--annotate", "--code-quality", "quality.json")
    lines = [line for line in said.splitlines() if line.startswith("::error ")]
    line = load_catalog("chatmaid").claim_lines["CM-150"]
    issues = json.loads(Path("quality.json").read_text("utf-8"))
    assert [one["location"]["lines"]["begin"] for one in issues] == [line, line]
    assert len({one["fingerprint"] for one in issues}) == 2
    assert len(lines) == 2
    assert all(f"file=openapi/chatmaid/claims.yaml,line={line},title=CM-150 (new)::" in one for one in lines)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("gate", "nothing"), ExitCode.USAGE, "nothing cannot be read"),
        (("gate",), ExitCode.USAGE, "there is no run in reports/"),
        (("gate", "faithful", "--today", "soon"), ExitCode.USAGE, "'soon' is no day: write it like 2030-01-31"),
        (("gate", "faithful", "--baseline", "x.json"), ExitCode.USAGE, "x.json cannot be read"),
        (
            ("gate", "foreign.ndjson"),
            ExitCode.USAGE,
            "foreign.ndjson:1 is no line of a run record: 'kind' is missing; expected a manifest, with which",
        ),
        (("gate", "newer.ndjson"), ExitCode.USAGE, "version 99"),
        (("gate", "half.ndjson"), ExitCode.UNREACHABLE, "half.ndjson is incomplete (it was interrupted)"),
        (("gate", "stopped.ndjson"), ExitCode.UNREACHABLE, "stopped.ndjson is incomplete (the key is spent)"),
        (("gate", "cut.ndjson"), ExitCode.USAGE, "cut.ndjson:"),
        (("gate", "limits.ndjson"), ExitCode.USAGE, "has no line that says what limits: search again"),
        (("gate", "load.ndjson"), ExitCode.USAGE, "a record of load, and the gate compares contract runs and searches"),
        (("gate", "--documents", "a.yaml", "b.yaml"), ExitCode.USAGE, "a.yaml cannot be read as YAML or JSON"),
        (("gate", "--documents", "foreign.ndjson", "b.yaml"), ExitCode.USAGE, "foreign.ndjson:1 is no line"),
        (("gate", "--documents", "faithful", "b.yaml"), ExitCode.USAGE, "holds no answer with an OpenAPI document"),
        (("gate", "--documents", "a", "b", "c"), ExitCode.USAGE, "--documents compares two documents, got 3"),
        (("gate", "--documents", "a"), ExitCode.USAGE, "or a --provider whose document is the other one"),
        (("gate", "--documents", "--provider", "chatmaid"), ExitCode.USAGE, "no place where it publishes its own"),
        (("accept", "half.ndjson", "CM-150", *ACCEPT), ExitCode.UNREACHABLE, "incomplete"),
        (("accept", "faithful"), ExitCode.USAGE, "nothing to accept"),
        (("accept", "faithful", "CM-150"), ExitCode.USAGE, "give --expires"),
        (("accept", "faithful", "CM-150", *ACCEPT), ExitCode.USAGE, "this run has no finding 'CM-150'"),
        (("accept", "faithful", "--drop", "CM-150"), ExitCode.USAGE, "has no 'CM-150': nothing to drop"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    affidavit: Run, arguments: tuple[str, ...], code: int, said: str
) -> None:
    lines = Path("faithful/run.ndjson").read_text("utf-8").splitlines(keepends=True)
    manifest = json.loads(lines[0])
    texts = {
        "foreign": '{"name": "a package"}\n',
        "newer": json.dumps({**manifest, "version": 99}) + "\n",
        "limits": json.dumps({**manifest, "what": "limits"}) + "\n" + lines[-1],
        "load": json.dumps({**manifest, "what": "load"}) + "\n" + lines[-1],
        "half": "".join(lines[:-1]),
        "stopped": "".join(lines[:-1]) + '{"kind": "end", "complete": false, "reason": "the key is spent"}\n',
        "cut": "".join(lines[:-1]) + lines[-2][:50],
    }
    for name, text in texts.items():
        Path(f"{name}.ndjson").write_text(text, "utf-8")
    assert (called := affidavit(*arguments))[0] == code
    assert said in called[1]
    assert called[1].count("\n") == 1
    assert not Path("reports").exists()
    assert not list(Path().rglob("changes.md"))


def test_a_baseline_that_cannot_be_read_is_never_written_over(affidavit: Run) -> None:
    path = Path("reports/baseline/chatmaid.json")
    path.parent.mkdir(parents=True)
    path.write_text('{"format": "affidavit baseline", "version": 1, "provider": "chatmaid", "extra": 1}', "utf-8")
    before = path.read_bytes()
    for arguments in (("accept", "faithful", "--measure"), ("gate", "faithful")):
        code, said = affidavit(*arguments)
        assert code == ExitCode.USAGE
        assert "unknown ['extra']" in said
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["chatmaid.json"]


def test_a_baseline_of_another_provider_is_refused(affidavit: Run) -> None:
    assert affidavit("accept", "faithful", "--measure", "--baseline", "own.json")[0] == 0
    text = Path("own.json").read_text("utf-8").replace('"provider": "chatmaid"', '"provider": "whatsapi"', 1)
    Path("own.json").write_text(text, "utf-8")
    code, said = affidavit("gate", "faithful", "--baseline", "own.json")
    assert (code, "no baseline named is of chatmaid" in said) == (ExitCode.USAGE, True)


def test_documents_are_compared_from_files_and_with_what_a_target_publishes(affidavit: Run) -> None:
    ours = OPENAPI / "whatsapi" / "openapi.yaml"
    code, said = affidavit("gate", "--documents", str(ours), "--provider", "whatsapi")
    assert (code, "0 breaking, 0 unknown, 0 compatible" in said) == (ExitCode.KEPT, True)
    text = ours.read_text("utf-8").replace("  /send-message:", "  /send:")
    Path("new.yaml").write_text(text, "utf-8")
    code, said = affidavit("gate", "--documents", str(ours), "new.yaml")
    assert (code, "BREAKING  POST /send-message: the operation is gone." in said) == (ExitCode.BROKEN, True)
    code, said = affidavit("gate", "--documents", "--provider", "whatsapi")
    assert code == ExitCode.BROKEN
    assert "openapi/whatsapi/openapi.yaml against what the embedded sandbox publishes" in said
    assert "the webhook is gone" in said


def test_without_a_name_each_contract_run_in_reports_is_taken_once(affidavit: Run) -> None:
    shutil.copytree("faithful", "reports/chatmaid")
    Path("reports/latest").symlink_to("chatmaid")
    Path("reports/limits").mkdir()
    manifest = json.loads(Path("faithful/run.ndjson").read_text("utf-8").splitlines()[0])
    Path("reports/limits/run.ndjson").write_text(json.dumps({**manifest, "what": "limits"}) + "\n", "utf-8")
    code, said = affidavit("gate")
    assert (code, said.count("gate open")) == (ExitCode.KEPT, 1)
    assert "reports/chatmaid/run.ndjson against" in said


def searched(name: str, requests: int) -> None:
    """A search for limits in a folder of this name."""
    told = {"low": requests, "best": requests, "high": requests}
    manifest = {"kind": "manifest", "version": 1, "what": "limits", "provider": "chatmaid", "target": "embedded"}
    line = {"kind": "limits", "role": "main", "operation": "getAccount", "mode": "active", "limit": told}
    text = "".join(json.dumps(one) + "\n" for one in (manifest, line, {"kind": "end", "complete": True, "reason": ""}))
    Path(name).mkdir()
    Path(name, "run.ndjson").write_text(text, "utf-8")


def test_searches_for_limits_and_contract_runs_are_held_together_each_against_its_own(affidavit: Run) -> None:
    searched("old", 20)
    searched("new", 10)
    both = ("--baseline", "faithful", "--baseline", "old")
    code, said = affidavit("gate", "faithful", "new", *both, "--changes", "page.md")
    assert code == ExitCode.BROKEN
    assert said.count("gate open") == said.count("gate closed") == 1
    assert "BREAKING  The limit of the key main at getAccount: it admitted 20 requests, and admits 10 now." in said
    page = Path("page.md").read_text("utf-8")
    assert ("Nothing changed." in page, "admits 10 now" in page) == (True, True)
    assert affidavit("gate", "faithful", "old", *both)[0] == ExitCode.KEPT
    code, said = affidavit("gate", "new", "--baseline", "faithful")
    assert (code, "no baseline named is of a search for limits of chatmaid" in said) == (ExitCode.USAGE, True)


def test_a_search_is_a_measure_beside_the_contract_run(affidavit: Run) -> None:
    searched("old", 20)
    searched("new", 10)
    assert affidavit("accept", "faithful", "--measure")[0] == ExitCode.KEPT
    assert "behaviour was not compared" in affidavit("gate", "old")[1]
    assert affidavit("accept", "old", "--measure")[0] == ExitCode.KEPT
    assert affidavit("gate", "old", "faithful")[0] == ExitCode.KEPT
    code, said = affidavit("gate", "new", "faithful")
    assert (code, said.count("gate closed")) == (ExitCode.BROKEN, 1)


def test_the_page_is_to_be_sent_only_when_it_tells_something(affidavit: Run) -> None:
    same = affidavit("gate", "faithful", "--baseline", "faithful")[1]
    assert "nothing changed, and so says: faithful/changes.md" in same
    assert "to send to the provider" not in same
    better = affidavit("gate", "faithful", "--baseline", "phone-alone-lacks-name")[1]
    assert "to send to the provider: faithful/changes.md" in better
    assert "Nothing changed" not in Path("faithful/changes.md").read_text("utf-8")
