"""The files of a run hold every claim, and nothing a provider says can spoil them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from affidavit.documents import load_catalog
from affidavit.evidence import Evidence
from affidavit.finding import Finding, Verdict, VerdictKind
from affidavit.report.files import write_results
from affidavit.report.replay import Replay
from affidavit.verdict import Result
from tests.checks.hand_made import Talk

CATALOG = load_catalog("chatmaid")
HOSTILE = "\x00\x1b[2J</failure>]]>\ud800 & \"quoted\" 'too' 👋"


def verdicts() -> list[Verdict]:
    """One of each kind, with provider text that means harm."""
    ids = iter(CATALOG.claims)
    finding = Finding("answers", "status 200", HOSTILE, (1,))
    found = [Verdict("chatmaid", next(ids), kind, HOSTILE) for kind in VerdictKind]
    return [replace(one, findings=(finding,)) if one.kind is VerdictKind.BROKEN else one for one in found]


def written(folder: Path, sent: str = "x" * 500) -> Path:
    """The folder with the results of a run whose one request had this body."""
    talk = Talk().answered("sendMessage", {}, sent=sent)
    result = Result(verdicts(), 1, Evidence(tuple(talk.exchanges)), "http://x")
    write_results(folder, CATALOG, result, Replay("KEY", folder / "bodies", "http://x"))
    return folder


def test_the_junit_file_is_xml_with_one_case_for_each_verdict(tmp_path: Path) -> None:
    suite = ET.parse(written(tmp_path) / "junit.xml").getroot()  # noqa: S314 - our own file
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": "4", "failures": "1", "skipped": "1",
    }  # fmt: skip
    told = {case.get("name", "").split()[0]: [part.tag for part in case] for case in suite}
    assert list(told.values()) == [[], ["failure"], ["system-out"], ["skipped"]]
    (failure,) = suite.iter("failure")
    assert failure.text
    assert failure.text.startswith("expected status 200, got \ufffd\ufffd[2J</failure>]]>\ufffd & ")


def test_the_json_file_has_each_verdict_with_its_claim_and_reading(tmp_path: Path) -> None:
    rows = json.loads((written(tmp_path) / "verdicts.json").read_text("utf-8"))["verdicts"]
    assert [row["kind"] for row in rows] == [kind.value for kind in VerdictKind]
    for row in rows:
        claim = CATALOG.claims[row["claim"]]
        assert (row["says"], row["at"], row["reading"]) == (claim.says, claim.place, claim.reading)
    assert rows[1]["findings"][0]["got"] == HOSTILE


def test_a_long_body_of_a_proof_lies_beside_the_record_and_an_old_one_goes(tmp_path: Path) -> None:
    (tmp_path / "bodies").mkdir()
    (tmp_path / "bodies" / "7.txt").write_text("old", "utf-8")
    (body,) = (written(tmp_path) / "bodies").iterdir()
    assert (body.name, body.read_text("utf-8")) == ("1.txt", json.dumps("x" * 500))
    assert list((written(tmp_path, "short") / "bodies").iterdir()) == []
