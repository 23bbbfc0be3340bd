"""What two searches for limits found: a change only where no reading of both has anything in common."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from affidavit.documents import catalog_without_claims
from affidavit.evidence import Evidence
from affidavit.gate.assessment import Judged, assess
from affidavit.gate.baseline import Baseline, accept, dumps, loads, measured
from affidavit.gate.difference import Severity
from affidavit.gate.limits import compare_searches, not_searched, searched

TODAY = date(2030, 1, 1)
BREAKING, UNKNOWN, COMPATIBLE = Severity.BREAKING, Severity.UNKNOWN, Severity.COMPATIBLE


def line(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """20 requests in a minute of the clock, as an active search tells it."""
    return {
        "kind": "limits", "provider": "chatmaid", "role": "main", "operation": "getAccount", "mode": "active",
        "family": "fixed-window-clock", "ties": [], "limit": interval(20), "window": interval(60, 59.9, 60.1),
        "counts_refused": False, "scope": "key, all operations together", "refused": 4, "audit": [], **changed,
    }  # fmt: skip


def interval(best: float, low: float | None = None, high: float | None = None) -> dict[str, float]:
    return {"low": best if low is None else low, "best": best, "high": best if high is None else high}


def mistake(name: str) -> dict[str, Any]:
    return {"id": name, "found": "A sentence.", "expected": "a wait", "got": "none", "exchanges": [3]}


def told(before: dict[str, Any], after: dict[str, Any]) -> set[tuple[str, Severity]]:
    found = compare_searches("chatmaid", searched([before]), searched([after]))
    assert all(one.identity.operation == "getAccount" and one.sources for one in found)
    return {(one.identity.subject.removeprefix("searched-"), one.severity) for one in found}


@pytest.mark.parametrize(
    ("changed", "severity"),
    [
        ({"family": "sliding-log"}, ("family", UNKNOWN)),
        ({"family": "token-bucket", "ties": ["sliding-counter"]}, ("family", UNKNOWN)),
        (
            {"family": "sliding-log", "posterior": {"sliding-log": 0.99, "fixed-window-clock": 0.004}},
            ("family", UNKNOWN),
        ),
        ({"limit": interval(19)}, ("limit", BREAKING)),
        ({"limit": interval(21)}, ("limit", COMPATIBLE)),
        ({"window": interval(120, 119, 121)}, ("window", BREAKING)),
        ({"window": interval(30)}, ("window", COMPATIBLE)),
        ({"counts_refused": True}, ("refused", UNKNOWN)),
        ({"scope": "account or address"}, ("scope", UNKNOWN)),
        ({"scope": "key, each operation apart"}, ("scope", UNKNOWN)),
        ({"audit": [mistake("wait-missing")]}, ("answers", UNKNOWN)),
    ],
)
def test_each_change_of_what_limits_is_found_alone(changed: dict[str, Any], severity: tuple[str, Severity]) -> None:
    assert told(line(), line(**changed)) == {severity}


def test_a_mistake_that_is_gone_is_harmless_and_another_one_is_not() -> None:
    before, after = line(audit=[mistake("wait-zero")]), line(audit=[mistake("wait-missing")])
    found = compare_searches("chatmaid", searched([before]), searched([after]))
    assert [(one.identity.at, one.severity) for one in found] == [
        ("main wait-missing", UNKNOWN),
        ("main wait-zero", COMPATIBLE),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"family": "window-with-block", "ties": ["fixed-window-clock"]},
        {"family": "unknown"},
        {"family": "window-with-block", "posterior": {"window-with-block": 0.984, "fixed-window-clock": 0.015}},
        {"limit": interval(22, 20, 24)},
        {"limit": None, "window": None},
        {"window": interval(61, 60.05, 62)},
        {"window": interval(60.9)},  # 0.9 % over, which no search in real time can tell
        {"counts_refused": None},
        {"scope": "unknown"},
        {"scope": "key"},
        {"mode": "watching", "audit": [mistake("wait-missing")]},
        {"refused": 0, "audit": [mistake("limit-changing")]},
        {"limit": "20", "window": [60], "ties": 5, "audit": "none", "scope": None, "counts_refused": "no"},
    ],
)
def test_what_both_may_mean_or_one_could_not_see_is_no_change(changed: dict[str, Any]) -> None:
    assert told(line(), line(**changed)) == set()
    assert told(line(**changed), line()) == set()


def test_requests_at_once_are_not_held_against_requests_in_a_window() -> None:
    at_once = line(family="concurrency", limit=interval(3), window=None)
    assert told(line(), at_once) == {("family", UNKNOWN)}


def test_a_place_that_was_not_searched_again_is_named_and_no_change() -> None:
    other = line(operation="listMessages")
    before, after = searched([line(), other]), searched([other])
    assert compare_searches("chatmaid", before, after) == []
    assert not_searched(before, after) == ["limits/getAccount main active"]


def judged(*lines: dict[str, Any]) -> Judged:
    return Judged(catalog_without_claims("chatmaid"), Evidence(()), [], "embedded", searched(lines))


def test_a_search_is_kept_in_the_baseline_beside_what_was_accepted_of_it() -> None:
    slower = judged(line(limit=interval(10)))
    baseline = measured(Baseline("chatmaid"), judged(line()).measure(TODAY))
    assert baseline.measure is None
    [lower] = assess(slower, (), baseline.search, [], TODAY).decision.failing
    baseline = accept(baseline, [lower], reason="known", who="Ann", on=TODAY, expires=TODAY + timedelta(days=9))
    again = loads(dumps(baseline), "x.json")
    assert again == baseline
    decision = assess(slower, again.accepted_of("limits"), again.measure_of("limits"), [], TODAY).decision
    assert (decision.passes, len(decision.known)) == (True, 1)
    lowest = assess(judged(line(limit=interval(5))), again.accepted_of("limits"), again.search, [], TODAY).decision
    assert [one.after for one in lowest.failing] == ["5"]
    watched = judged(line(mode="watching"))
    assert assess(watched, again.accepted_of("limits"), again.search, [], TODAY).decision.passes
    back = assess(judged(line()), again.accepted_of("limits"), again.search, [], TODAY).decision
    assert [one.identity.subject for one, _ in back.stale] == ["searched-limit"]
    assert again.accepted_of("contract") == ()
    assert measured(again, slower.measure(TODAY)).accepted == ()


def test_a_contract_run_as_the_measure_leaves_the_search_alone(run_of: Any) -> None:  # noqa: ANN401 - a fixture
    baseline = measured(Baseline("chatmaid"), judged(line()).measure(TODAY))
    both = measured(baseline, run_of().measure(TODAY))
    assert both.search == baseline.search
    assert both.measure is not None
