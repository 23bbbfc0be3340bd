"""Every format of a report: valid by the schema that others published, and true to the verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT6

from affidavit.documents import ROOT, load_catalog
from affidavit.errors import RecordError, UsageError
from affidavit.gate.findings import broken_claims
from affidavit.recorder import Recorder
from affidavit.report.files import mark_latest
from affidavit.report.formats import FORMATS
from affidavit.report.rows import report_of
from affidavit.report.runs import Run, read_runs, records
from affidavit.report.text import visible
from affidavit.report_command import replay_of_record
from affidavit.session import Settings, run
from tests.report.samples import HOSTILE, hostile_run, limits_line, load_line

SCHEMAS = Path(__file__).parent / "schemas"
FAULT = "limit-one-refused"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A faulty run of one provider and a short one of the other."""
    home = tmp_path_factory.mktemp("reports")
    settings = Settings(examples=2, deviations=(FAULT,))
    run(load_catalog("chatmaid"), settings, home / "chatmaid", lambda *_: None)
    run(load_catalog("whatsapi"), Settings(examples=0, budget=30), home / "whatsapi", lambda *_: None)
    mark_latest(home, home / "whatsapi")
    return home


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[Run]:
    return read_runs([folder], replay_of_record)


@pytest.fixture(scope="module")
def hostile(runs: list[Run]) -> list[Run]:
    return [hostile_run(runs[0])]


def sarif_validator() -> Validator:
    return jsonschema.Draft4Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text("utf-8")))


def har_validator() -> Validator:
    files = {path.name: json.loads(path.read_text("utf-8")) for path in (SCHEMAS / "har").glob("*.json")}
    resources = [(name, DRAFT6.create_resource(one)) for name, one in files.items()]
    registry: Registry[Any] = Registry().with_resources(resources)
    return jsonschema.Draft6Validator(files["har.json"], registry=registry)


def own_validator() -> Validator:
    return jsonschema.Draft202012Validator(json.loads((ROOT / "docs/report.schema.json").read_text("utf-8")))


VALIDATORS = {"sarif": sarif_validator, "har": har_validator, "json": own_validator}


@pytest.mark.parametrize("name", VALIDATORS)
@pytest.mark.parametrize("which", ["runs", "hostile"])
def test_a_format_is_valid_by_its_published_schema(name: str, which: str, request: pytest.FixtureRequest) -> None:
    document = json.loads(FORMATS[name].render(request.getfixturevalue(which)))
    assert [error.message for error in VALIDATORS[name]().iter_errors(document)] == []


@pytest.mark.parametrize("name", VALIDATORS)
def test_the_schema_of_a_format_refuses_what_is_not_of_it(name: str) -> None:
    assert not VALIDATORS[name]().is_valid({"version": 7, "log": {}})


def test_sarif_points_at_the_line_of_the_claim_and_has_the_proof(runs: list[Run]) -> None:
    first, second = json.loads(FORMATS["sarif"].render(runs))["runs"]
    assert second["results"] == []
    [result] = [one for one in first["results"] if one["ruleId"] == "CM-074"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "openapi/chatmaid/claims.yaml"
    lines = (ROOT / place["artifactLocation"]["uri"]).read_text("utf-8").splitlines()
    assert "id: CM-074" in lines[place["region"]["startLine"] - 1]
    assert first["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "CM-074"
    assert "limit=1" in result["webRequest"]["target"]
    assert result["webResponse"]["statusCode"] == 400
    found = broken_claims(runs[0].catalog, runs[0].result.evidence, runs[0].result.verdicts)
    assert [one["partialFingerprints"]["affidavitFinding/v1"] for one in first["results"]] == [one.id for one in found]


def test_hostile_text_in_the_proof_of_a_sarif_result_is_visible_and_valid(runs: list[Run]) -> None:
    evidence = runs[0].result.evidence
    hostile = tuple(
        replace(one, response=replace(one.response, headers=(("X-B", HOSTILE),), body=HOSTILE)) if one.response else one
        for one in evidence.exchanges
    )
    changed = replace(runs[0], result=replace(runs[0].result, evidence=replace(evidence, exchanges=hostile)))
    text = FORMATS["sarif"].render([changed])
    [result] = json.loads(text)["runs"][0]["results"]
    assert result["webResponse"]["body"]["text"] == visible(HOSTILE) != HOSTILE
    assert [error.message for error in sarif_validator().iter_errors(json.loads(text))] == []


def test_har_has_every_exchange_in_order(runs: list[Run]) -> None:
    entries = json.loads(FORMATS["har"].render(runs))["log"]["entries"]
    wanted = [one for each in runs for one in each.recorded.exchanges]
    assert [(one["_seq"], one["response"]["status"]) for one in entries] == [
        (one.seq, one.response.status if one.response else 0) for one in wanted
    ]
    assert [one["response"]["content"]["text"] for one in entries] == [
        one.response.body if one.response else "" for one in wanted
    ]


def test_junit_has_a_case_for_every_claim_and_one_for_the_whole_run(runs: list[Run], hostile: list[Run]) -> None:
    suites = ET.fromstring(FORMATS["junit"].render(runs)).findall("testsuite")  # noqa: S314 - written by ourselves
    assert [int(one.attrib["tests"]) for one in suites] == [len(one.catalog.claims) + 1 for one in runs]
    assert [one.attrib["failures"] for one in suites] == ["1", "0"]
    [stopped] = ET.fromstring(FORMATS["junit"].render(hostile)).findall("testsuite")  # noqa: S314 - as above
    assert stopped.attrib["errors"] == "1"
    assert stopped.find("testcase/error") is not None


def test_json_has_the_verdicts_of_the_run(runs: list[Run]) -> None:
    document = json.loads(FORMATS["json"].render(runs))
    assert (document["verdict"], document["counts"]["broken"]) == ("broken", 1)
    for shown, each in zip(document["runs"], runs, strict=True):
        verdicts = {one.claim: one.kind.value for one in each.result.verdicts}
        assert {one["id"]: one["verdict"] for one in shown["claims"]} == verdicts
        assert sum(row["claims"] for row in shown["documents"]) == len(verdicts)
        assert sum(row["claims"] for row in shown["operations"]) == len(verdicts)
        assert sum(group["count"] for group in shown["undecided"]) == shown["counts"]["undecided"]


def test_markdown_shows_the_broken_claim_and_how_to_repeat_it(runs: list[Run]) -> None:
    page = FORMATS["markdown"].render(runs)
    assert page.startswith("## BROKEN: 1 of ")
    assert "**CM-074** The smallest limit" in page
    assert "got       status 400" in page
    assert "curl -sS -i 'http://127.0.0.1:8601/v1/messages?limit=1" in page


def test_markdown_lets_no_text_of_others_be_more_than_text(hostile: list[Run]) -> None:
    page = FORMATS["markdown"].render(hostile)
    outside = "".join(page.split("````")[::2])
    assert "<img" not in outside.replace("\\<img", "")
    assert not any(letter in page for letter in "\x00\u202e\ud800")
    assert "12025550101" not in page


def test_the_report_says_what_is_worst_of_all_runs(runs: list[Run], hostile: list[Run]) -> None:
    kept = runs[1]
    stopped = replace(kept, recorded=replace(kept.recorded, complete=False, reason="the key was refused"))
    assert report_of([kept]).verdict == "kept"
    assert report_of([kept, stopped]).verdict == "incomplete"
    assert report_of([kept, stopped, *hostile]).verdict == "broken"
    assert report_of([stopped]).headline == "1 of 1 runs not complete"


def test_documents_that_changed_since_the_run_are_named(folder: Path, tmp_path: Path) -> None:
    first, *rest = (folder / "whatsapi" / "run.ndjson").read_text("utf-8").splitlines()
    manifest = json.loads(first)
    manifest["documents"]["claims.yaml"] = "0" * 64
    old = tmp_path / "run.ndjson"
    old.write_text("\n".join([json.dumps(manifest), *rest, ""]), "utf-8")
    [read] = read_runs([old], replay_of_record)
    assert read.documents_changed == ("claims.yaml",)
    assert read_runs([folder / "whatsapi"], replay_of_record)[0].documents_changed == ()


def test_a_folder_stands_for_the_runs_in_it_each_once(folder: Path, tmp_path: Path) -> None:
    both = [folder / "chatmaid" / "run.ndjson", folder / "whatsapi" / "run.ndjson"]
    assert records(folder) == both
    assert records(folder / "latest") == [folder / "latest" / "run.ndjson"]
    read = read_runs([folder, folder / "latest", both[0]], replay_of_record)
    assert [one.recorded.provider for one in read] == ["chatmaid", "whatsapi"]
    with pytest.raises(UsageError, match="there is no run"):
        records(tmp_path)
    with pytest.raises(RecordError, match="cannot be read"):
        read_runs([tmp_path / "run.ndjson"], replay_of_record)


def test_latest_points_at_the_newest_and_never_replaces_what_somebody_made(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        mark_latest(tmp_path, tmp_path / name)
        assert (tmp_path / "latest").resolve() == (tmp_path / name).resolve()
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").mkdir()
    mark_latest(tmp_path, tmp_path / "one")
    assert not (tmp_path / "latest").is_symlink()


def test_latest_is_of_all_kinds_of_runs_in_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for out, folder in (("reports", "reports/chatmaid"), ("reports/limits", "reports/limits/chatmaid"),
                        ("reports/load", "reports/load"), ("elsewhere", "elsewhere/chatmaid")):  # fmt: skip
        Path(folder).mkdir(parents=True)
        mark_latest(Path(out), Path(folder))
        latest = Path("reports" if out.startswith("reports") else "elsewhere") / "latest"
        assert latest.resolve() == Path(folder).resolve()
    mark_latest(Path("alone"), Path("alone"))
    assert not list(tmp_path.glob("alone/*"))
    assert sorted(str(one) for one in Path().rglob("latest")) == ["elsewhere/latest", "reports/latest"]


def test_what_was_only_measured_is_shown_whatever_was_asked(tmp_path: Path) -> None:
    manifests: dict[str, dict[str, Any]] = {
        "url": {"what": "limits", "provider": "http://127.0.0.1:9", "target": "http://127.0.0.1:9"},
        "load": {"what": "load", "targets": {"chatmaid": "embedded", "whatsapi": "embedded"}},
    }
    for name, manifest in manifests.items():
        recorder = Recorder(tmp_path / "limits" / name / "run.ndjson", manifest)
        recorder.result("limits", limits_line())
        recorder.result("load", load_line())
        recorder.end(complete=True)
    read = read_runs([tmp_path], replay_of_record)
    shown = {one.provider: (one.title, one.where, one.requests, one.counts.total) for one in report_of(read).runs}
    assert shown == {
        "chatmaid, whatsapi": ("chatmaid, whatsapi", "embedded sandbox", 100, 0),
        "http://127.0.0.1:9": ("http://127.0.0.1:9", "http://127.0.0.1:9", 100, 0),
    }
    assert report_of(read).headline == "2 load thresholds not kept"
    for name in FORMATS:
        assert FORMATS[name].render(read)
    page = FORMATS["markdown"].render(read)
    assert "limit of main getAccount: fixed-window-first: 5 requests in 10 s (9.9 to 10.1)" in page
    assert "chatmaid steady: 100 sent, 90 ok, 10 limited, 0 failed, 0 timeout; 95 % within 60.0 ms" in page
    assert "steady: p95 at most 0.01, got 0.06: **not kept**" in page
