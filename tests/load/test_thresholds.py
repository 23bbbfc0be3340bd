from __future__ import annotations

from typing import Any

import pytest

from affidavit.errors import ExitCode, UsageError
from affidavit.load.outcome import Kind, Outcome
from affidavit.load.results import Results, line_of
from affidavit.load.thresholds import MEASURES, Threshold, exit_code, judged, read_threshold, shown

KINDS = [Kind.OK] * 90 + [Kind.LIMITED] * 5 + [Kind.FAILED, Kind.TIMEOUT, Kind.DROPPED, Kind.DROPPED, Kind.DROPPED]


def line(kinds: list[Kind] = KINDS, troubles: tuple[str, ...] = ()) -> dict[str, Any]:
    """The load line of `send`: the n-th arrival took n hundredths of a second."""
    results = Results("chatmaid", "send")
    for number, kind in enumerate(kinds, 1):
        status = {Kind.OK: 201, Kind.LIMITED: 429, Kind.FAILED: 500}.get(kind, 0)
        early = kind is Kind.LIMITED and number == 91
        results.add(
            Outcome(1.0, 1.0, 1.0 + number / 100, "send", "main", kind, status, early_retry=early, attempt=1 + early)
        )
    return line_of(results, {}, 10.0, troubles)


def verdicts(shown_line: dict[str, Any], *texts: str, complete: bool = True) -> list[bool | None]:
    thresholds = [read_threshold(text, ["send", "list"]) for text in texts]
    return [one["kept"] for one in judged(shown_line, thresholds, complete=complete)]


@pytest.mark.parametrize(
    ("kept", "broken"),
    [
        ("p50=0.47", "p50=0.45"),  # 90 answers and one given up after 0.97 s: the 46th of 91
        ("p90=830ms", "p90=810ms"),  # the 82nd
        ("p95=0.88s", "p95=860ms"),  # the 87th
        ("p99=0.98", "p99=0.96"),  # the 91st
        ("dropped=3.1%", "dropped=3%"),  # 3 of 99 planned
        ("limited=5.2%", "limited=5%"),  # 5 of 97 sent
        ("early-retries=1", "early-retries=0"),
        ("failures=2.1%", "failures=2%"),  # 2 of 97 sent
    ],
)
def test_a_threshold_is_kept_up_to_its_limit(kept: str, broken: str) -> None:
    assert verdicts(line(), kept, broken) == [True, False]


def test_every_measure_is_tried_above() -> None:
    [mark] = [one for one in test_a_threshold_is_kept_up_to_its_limit.pytestmark if one.name == "parametrize"]  # type: ignore[attr-defined]  # pytest sets it
    assert {kept.partition("=")[0] for kept, _ in mark.args[1]} == set(MEASURES)


def test_what_came_stands_beside_the_limit() -> None:
    assert judged(line(), [Threshold("limited", 0.01)], complete=True) == [
        {"name": "limited", "limit": 0.01, "got": 0.051546, "kept": False}
    ]


def test_a_threshold_of_another_scenario_is_left_out() -> None:
    assert verdicts(line(), "list:p95=1ms", "send:early-retries=0") == [False]


def test_no_answer_at_all_is_no_good_time() -> None:
    assert verdicts(line([Kind.FAILED]), "p95=10") == [False]


@pytest.mark.parametrize(
    ("one", "complete"),
    [(line(troubles=("the processor was busy",)), True), (line(), False), (line([]), True)],
    ids=["bottleneck", "broken off", "nothing planned"],
)
def test_an_unsound_run_has_no_verdict_but_its_numbers(one: dict[str, Any], *, complete: bool) -> None:
    one["thresholds"] = judged(one, [Threshold("early-retries", 0), Threshold("p95", 10)], complete=complete)
    assert [row["kept"] for row in one["thresholds"]] == [None, None]
    assert one["thresholds"][0]["got"] == one["early_retries"]
    assert exit_code([one], complete=complete) is ExitCode.UNREACHABLE


@pytest.mark.parametrize(("text", "code"), [("early-retries=0", ExitCode.BROKEN), ("early-retries=1", ExitCode.KEPT)])
def test_the_exit_code_says_whether_all_are_kept(text: str, code: ExitCode) -> None:
    one = line()
    one["thresholds"] = judged(one, [read_threshold("p95=10", []), read_threshold(text, [])], complete=True)
    assert exit_code([line(), one], complete=True) is code


def test_a_run_that_measured_nothing_is_not_kept() -> None:
    assert exit_code([], complete=True) is ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("p95", "'p95' is not NAME=LIMIT"),
        ("p97=1", "'p97=1' is not NAME=LIMIT with one of the names p50, p90"),
        ("=1", "is not NAME=LIMIT"),
        ("p95=", "'p95=' needs seconds"),
        ("p95=-1", "'p95=-1' needs seconds"),
        ("p95=5%", "needs seconds, such as 0.5 or 500ms"),
        ("p95=nan", "needs seconds"),
        ("limited=5", "'limited=5' needs a part, such as 0.05 or 5%"),
        ("dropped=101%", "needs a part"),
        ("early-retries=0.5", "needs a whole number"),
        ("unknown:p95=1", "is for no scenario here; known are list, send"),
    ],
)
def test_a_wrong_threshold_is_refused_with_what_was_expected(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        read_threshold(text, ["send", "list"])


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("p95", 0.0123, "12.3 ms"),
        ("p95", 1.9, "1.9 s"),
        ("p95", None, "none"),
        ("limited", 0.051546, "5.15 %"),
        ("early-retries", 3.0, "3"),
    ],
)
def test_values_are_shown_in_their_unit(name: str, value: float | None, text: str) -> None:
    assert shown(name, value) == text
