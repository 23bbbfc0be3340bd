from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from affidavit.load.outcome import Journey, Kind, Outcome
from affidavit.load.results import Results, line_of
from affidavit.load.thresholds import Threshold, judged
from affidavit.report.load import show_load, write_load


def line(*, limit: float = 0.0, troubles: tuple[str, ...] = (), keys: int = 1, complete: bool = True) -> dict[str, Any]:
    """Nine sends of 0.1 s and a 429; of two messages one is never seen to be delivered. `limit` is for the 429s."""
    results = Results("chatmaid", "mix")
    for number in range(9):
        results.add(Outcome(number, number, number + 0.1, "send", f"key {number % keys}", Kind.OK, 201))
    results.add(Outcome(9, 9, 9.1, "list", "key 0", Kind.LIMITED, 429, wait=12.0))
    results.add_journey(Journey(0.0, "delivered", "polling", seen=2.0, until=2.0))
    results.add_journey(Journey(0.0, "delivered", "polling", seen=None, until=9.0))
    shown = line_of(results, {"rate": 1, "duration": 10}, 10.0, troubles)
    shown["thresholds"] = judged(shown, [Threshold("limited", limit)], complete=complete)
    return shown


def said(capsys: pytest.CaptureFixture[str], *lines: dict[str, Any], broken_off: str = "") -> str:
    show_load(lines, Path("reports/load"), broken_off)
    return capsys.readouterr().out


def test_the_summary_says_what_came(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        said(capsys, line())
        == """
chatmaid, mix: 1/s for 10 s
  10 wanted, 10 requests sent; 0.9 successes/s
  9 ok, 1 with 429 (10 %), 0 failed
  429: asked to wait 12 s (median); 0 of 0 got through after the wait, 0 sent before it was over
                                   from the plan                      from sending
  milliseconds       p50     p95     p99     max       p50     p95     p99     max
  send               100     100     100     100       100     100     100     100
  delivered by polling: 1 of 2, 1 not by the end; p50 2 s, p95 not reached
  BROKEN      limited at most 0 %: 10 %
  files: reports/load/run.ndjson, load.html, load.json, load.csv, junit.xml
"""
    )


@pytest.mark.parametrize(
    ("one", "broken_off", "words"),
    [
        (line(troubles=("the processor was busy",)), "", "no verdict: the processor was busy"),
        (line(complete=False), "the target went away", "broken off: the target went away"),
        (line_of(Results("chatmaid", "mix"), {}, 10.0), "", "no verdict: nothing was planned in its time"),
    ],
    ids=["bottleneck", "broken off", "nothing planned"],
)
def test_an_unsound_run_says_why_and_is_neither_kept_nor_broken(
    capsys: pytest.CaptureFixture[str], one: dict[str, Any], broken_off: str, words: str
) -> None:
    text = said(capsys, one, broken_off=broken_off)
    assert words in text
    assert "kept" not in text
    assert "BROKEN" not in text


def test_files_that_could_not_be_written_are_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    show_load([line()], Path("reports/load"), "the results cannot be written: no space", written=False)
    assert "files:" not in capsys.readouterr().out


def test_what_is_hardly_broken_is_not_rounded_to_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert "BROKEN      limited at most 10 %: 0.1 against 0.09999\n" in said(capsys, line(limit=0.09999))


def test_many_keys_are_cut_and_the_cut_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, line(keys=7))
    assert text.count("  key key ") == 5
    assert "2 more keys, in load.json" in text


def test_the_files_hold_what_came(tmp_path: Path) -> None:
    write_load(tmp_path / "load", [line()], broken_off="")
    whole = json.loads((tmp_path / "load" / "load.json").read_text(encoding="utf-8"))
    assert whole == {"broken_off": "", "scenarios": [line()]}
    with (tmp_path / "load" / "load.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["operation"]: row for row in csv.DictReader(file)}
    assert {name: (row["sent"], row["limited"]) for name, row in rows.items()} == {
        "list": ("1", "1"),
        "send": ("9", "0"),
    }
    assert float(rows["send"]["service_p95"]) == pytest.approx(0.1, rel=0.001)
    assert rows["list"]["service_p95"] == ""


def cases(folder: Path) -> dict[str, str]:
    """Name of each case -> how it stands."""
    suite = ET.parse(folder / "junit.xml").getroot()[0]  # noqa: S314 - our own file
    found = {str(case.get("name")): case[0].tag if len(case) else "passed" for case in suite}
    assert suite.get("tests") == str(len(found))
    for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert suite.get(name) == str([*found.values()].count(tag))
    return found


@pytest.mark.parametrize(
    ("one", "broken_off", "expected"),
    [
        (line(limit=0.1), "", {"the run can be judged": "passed", "limited at most 10 %": "passed"}),
        (line(), "", {"the run can be judged": "passed", "limited at most 0 %": "failure"}),
        (line(troubles=("busy",)), "", {"the run can be judged": "error", "limited at most 0 %": "skipped"}),
        (line(complete=False), "gone", {"the run can be judged": "error", "limited at most 0 %": "skipped"}),
    ],
    ids=["kept", "broken", "bottleneck", "broken off"],
)
def test_junit_has_a_case_per_threshold_and_one_for_the_run(
    tmp_path: Path, one: dict[str, Any], broken_off: str, expected: dict[str, str]
) -> None:
    write_load(tmp_path, [one], broken_off)
    assert cases(tmp_path) == expected
