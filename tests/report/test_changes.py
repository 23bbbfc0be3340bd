"""The page for the provider and the notes of a pull request, with text that somebody hostile wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from affidavit.documents import load_catalog
from affidavit.exchange import Exchange
from affidavit.finding import VerdictKind
from affidavit.gate.assessment import Assessment, Judged, assess
from affidavit.report.changes import changes
from affidavit.report.gate import code_quality, pull_request_lines, show_assessment
from affidavit.session import Settings, run
from affidavit.verdict import judge

HOSTILE = "````\n# Owned <script>alert(1)</script>\n::error::x\x1b[31m\u202e +1 (202) 555-0123 %0A::warning::y"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Judged, Assessment]:
    """A run whose answers hold hostile text where the documents promise something else."""
    catalog = load_catalog("chatmaid")
    result = run(catalog, Settings(examples=0, budget=40), tmp_path_factory.mktemp("run"), lambda *_: None)

    def poisoned(one: Exchange) -> Exchange:
        if one.operation != "listPhoneNumbers" or one.response is None or one.response.status != 200:
            return one
        body = json.loads(one.response.body)
        for item in body["data"]:
            item |= {"displayName": [HOSTILE], "connectionStatus": HOSTILE, HOSTILE: 1}
        return replace(one, response=replace(one.response, body=json.dumps(body, ensure_ascii=False)))

    evidence = replace(result.evidence, exchanges=tuple(map(poisoned, result.evidence.exchanges)))
    before = Judged(catalog, result.evidence, result.verdicts, "embedded")
    after = Judged(catalog, evidence, judge(catalog, evidence), "embedded")
    assert any(one.kind is VerdictKind.BROKEN for one in after.verdicts)
    today = date(2030, 1, 1)
    return after, assess(after, (), before.measure(today), before.broken, today)


def test_hostile_text_stays_in_its_code_block_and_shows_no_number(hostile: tuple[Judged, Assessment]) -> None:
    page = changes(*hostile, "a <b>baseline</b>")
    inside, fence = False, ""
    for line in page.splitlines():
        if not inside and line.startswith("```"):
            inside, fence = True, line.removesuffix("text")
        elif inside and line == fence:
            inside = False
        elif not inside:
            assert "<script" not in line.replace("\\<", "")
            assert "<b>" not in line.replace("\\<", "").replace("\\>", "")
            assert not line.startswith("# ") or line == "# Chatmaid: what changed"
    assert not inside
    assert "555-0123" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "alert(1)" in page


def test_a_note_is_one_line_and_obeys_nobody(hostile: tuple[Judged, Assessment]) -> None:
    judged, assessment = hostile
    lines = pull_request_lines(judged.catalog, assessment)
    assert lines
    for line in lines:
        assert line.startswith("::error ")
        assert line.isprintable()
        assert "%0A::warning" not in line


def test_a_code_quality_report_is_json_with_a_place_for_each(hostile: tuple[Judged, Assessment]) -> None:
    judged, assessment = hostile
    issues = code_quality(judged.catalog, assessment)
    assert len({one["fingerprint"] for one in issues}) == len(issues) > 0
    assert all(Path(one["location"]["path"]).name == "claims.yaml" for one in issues)
    assert all(one["description"].isprintable() for one in issues)
    json.dumps(issues)


def test_the_terminal_shows_no_control_character(
    hostile: tuple[Judged, Assessment], capsys: pytest.CaptureFixture[str]
) -> None:
    judged, assessment = hostile
    show_assessment(judged.catalog, assessment, "a run", "a baseline")
    said = capsys.readouterr().out
    assert "BREAKING" in said
    assert all(line.isprintable() for line in said.splitlines())


def test_a_run_without_a_change_says_so(hostile: tuple[Judged, Assessment]) -> None:
    judged, _ = hostile
    today = date(2030, 1, 1)
    same = assess(judged, (), judged.measure(today), judged.broken, today)
    assert "Nothing changed." in changes(judged, same, "itself")
