from __future__ import annotations

import json
from typing import Any

import pytest

from affidavit.load.histogram import Histogram
from affidavit.load.outcome import NO_ROOM, Journey, Kind, Outcome
from affidavit.load.results import ALL, MOST_KEYS, MOST_POLLS, MOST_PROBLEMS, OTHERS, Results, line_of


def sent(at: float, took: float = 0.1, kind: Kind = Kind.OK, **more: Any) -> Outcome:  # noqa: ANN401 - any field
    """A send by `main` that left when the plan wanted it."""
    status = {Kind.OK: 201, Kind.LIMITED: 429, Kind.FAILED: 500}.get(kind, 0)
    return Outcome(at, at, at + took, "send", "main", kind, status)._replace(**more)


def folded(*outcomes: Outcome) -> Results:
    results = Results("chatmaid", "send only")
    for one in outcomes:
        results.add(one)
    return results


def line(*outcomes: Outcome, seconds: float = 10.0) -> dict[str, Any]:
    return line_of(folded(*outcomes), {"rate": 1}, seconds)


def test_every_arrival_is_offered_once_and_every_request_counted_once() -> None:
    shown = line(
        sent(0.0),
        sent(1.0, kind=Kind.LIMITED, wait=2.0),
        sent(1.0, kind=Kind.OK, started=3.0, attempt=2, waited=2.0, finished=3.1),
        sent(2.0, kind=Kind.FAILED, problem="answered 500"),
        sent(3.0, took=30.0, kind=Kind.TIMEOUT, problem="no answer in 30 s"),
        sent(4.0, kind=Kind.DROPPED, finished=4.0),
        sent(5.0, kind=Kind.UNSENT, finished=9.0),
    )
    assert {name: shown[name] for name in ("offered", "sent", "done", "dropped", "unsent", "late")} == {
        "offered": 6, "sent": 5, "done": 4, "dropped": 1, "unsent": 1, "late": 0,
    }  # fmt: skip
    assert shown["outcomes"] == {"ok": 2, "limited": 1, "failed": 1, "timeout": 1}
    assert shown["goodput"] == 0.2  # 2 in 10 seconds
    assert shown["limited_share"] == 0.2  # 1 of 5
    assert shown["statuses"] == {"201": 2, "429": 1, "500": 1}
    assert shown["problems"] == {"answered 500": 1, "no answer in 30 s": 1}


def test_only_successes_and_what_was_given_up_are_timed() -> None:
    shown = line(
        sent(0.0, took=0.2),
        sent(0.0, took=0.001, kind=Kind.LIMITED),
        sent(0.0, took=0.001, kind=Kind.FAILED),
        sent(0.0, took=30.0, kind=Kind.TIMEOUT),
    )
    for name in (ALL, "send"):
        assert Histogram.decode(shown["histograms"][name]["service"]).total == 2
        assert shown["quantiles"][name]["service"]["count"] == 2
        assert shown["quantiles"][name]["service"]["p50"] == pytest.approx(0.2, rel=0.001)
        assert shown["quantiles"][name]["service"]["max"] == pytest.approx(30.0, rel=0.001)


def test_the_time_from_the_plan_and_the_time_from_sending_stand_side_by_side() -> None:
    quantiles = line(sent(1.0, started=3.0, finished=3.1, waited=2.0))["quantiles"]["send"]
    assert quantiles["from_intended"]["p95"] == pytest.approx(2.1, rel=0.001)
    assert quantiles["service"]["p95"] == pytest.approx(0.1, rel=0.001)


def test_recovery_is_what_became_of_those_that_waited() -> None:
    refused = sent(0.0, kind=Kind.LIMITED, wait=5.0)
    shown = line(
        refused,
        sent(0.0, started=5.0, finished=5.1, attempt=2, waited=5.0),
        refused,
        sent(0.0, started=5.0, finished=5.1, attempt=2, waited=5.0, kind=Kind.LIMITED),
        refused,
        sent(0.0, started=1.0, finished=1.1, attempt=2, early_retry=True, kind=Kind.LIMITED),
    )
    recovery = shown["recovery"]
    assert (recovery["retried"], recovery["recovered"], shown["early_retries"]) == (2, 1, 1)
    assert recovery["waits"]["count"] == 3
    assert recovery["waits"]["p50"] == pytest.approx(5.0, rel=0.001)
    assert recovery["seconds"]["p50"] == pytest.approx(5.1, rel=0.001)


def test_a_generator_that_is_late_says_so() -> None:
    punctual = [sent(float(number)) for number in range(99)]
    late = sent(99.0, started=99.5, finished=99.6)
    assert line(*punctual, late)["bottleneck"] == ""  # 1 of 100 is allowed
    shown = line(*punctual, late, late)
    assert shown["late"] == 2
    assert shown["bottleneck"] == "2 of 101 requests left late, by up to 500 ms: this machine could not keep the rate"


def test_one_or_two_that_are_a_little_late_are_no_sign_of_a_slow_generator() -> None:
    def late(number: int, by: float) -> Outcome:
        return sent(float(number), started=number + by, finished=number + by + 0.1)

    assert line(sent(0.0), late(1, 0.05), late(2, 0.05))["bottleneck"] == ""
    assert "3 of 4 requests" in line(sent(0.0), *(late(number, 0.05) for number in (1, 2, 3)))["bottleneck"]
    assert "by up to 2.0 s" in line(sent(0.0), late(1, 2.0))["bottleneck"]


def test_requests_that_this_machine_had_no_room_for_make_it_the_bottleneck() -> None:
    crowded = sent(0.0, kind=Kind.FAILED, status=0, problem=f"{NO_ROOM}: Too many open files")
    assert line(sent(0.0), crowded)["bottleneck"] == f"1 request could not leave: {NO_ROOM}: Too many open files"


def test_successes_after_the_plan_are_no_faster_for_it() -> None:
    shown = line(sent(0.0), sent(1.0), sent(2.0, attempt=2, started=19.9, finished=20.0), seconds=10.0)
    assert (shown["seconds"], shown["goodput"]) == (20.0, 0.15)


def test_a_trouble_known_elsewhere_makes_the_generator_the_bottleneck() -> None:
    assert line_of(folded(sent(0.0)), {}, 1.0, ["a worker was lost"])["bottleneck"] == "a worker was lost"


def test_a_message_that_was_not_seen_to_arrive_is_counted() -> None:
    results = folded()
    results.add_journey(Journey(1.0, "delivered", "polling", seen=3.0, until=3.0))
    results.add_journey(Journey(1.0, "delivered", "polling", seen=None, until=9.0))
    results.add_journey(Journey(1.0, "delivered", "polling", seen=None, until=2.0, failed=True))
    results.add_journey(Journey(1.0, "delivered", "webhook", seen=1.5, until=1.5))
    shown = line_of(results, {}, 10.0)["delivery"]
    polling = shown["polling"]["delivered"]
    assert [polling[name] for name in ("watched", "seen", "failed", "censored")] == [3, 1, 1, 1]
    assert polling["p50"] is None
    assert shown["webhook"]["delivered"]["p50"] == pytest.approx(0.5, rel=0.001)
    assert Histogram.decode(polling["censored_histogram"]).quantile(1) == pytest.approx(8.0, rel=0.001)


def test_operations_and_keys_are_counted_apart() -> None:
    shown = line(sent(0.0), sent(0.0, operation="list"), sent(0.0, role="second", kind=Kind.LIMITED))
    assert {name: one["sent"] for name, one in shown["operations"].items()} == {"send": 2, "list": 1}
    assert {role: (one["ok"], one["limited"]) for role, one in shown["keys"].items()} == {
        "main": (2, 0), "second": (0, 1),
    }  # fmt: skip
    assert shown["series"] == [[0, 3, 3, 1, None, None, 0]]
    assert shown["keys"]["second"]["series"] == [[0, 1, 1, 1, None, None, 0]]


def test_memory_does_not_grow_with_keys_problems_or_polls() -> None:
    many = 3 * MOST_PROBLEMS
    results = folded(*(sent(0.0, role=f"key {n}", problem=f"problem {n}") for n in range(many)))
    results.add_polls(10**9)
    shown = line_of(results, {}, 1.0)
    assert len(shown["keys"]) == MOST_KEYS + 1
    assert shown["keys"][OTHERS]["sent"] == many - MOST_KEYS
    assert len(shown["problems"]) == MOST_PROBLEMS + 1
    assert shown["problems"][OTHERS] == many - MOST_PROBLEMS
    assert shown["polls"] == [[MOST_POLLS, 1]]


def test_two_processes_come_to_what_one_comes_to() -> None:
    outcomes = [
        sent(number / 10, took=0.01 * (1 + number % 7), role=f"key {number % 3}", remaining=number % 5, limit=20)
        for number in range(100)
    ]
    outcomes += [sent(3.0, kind=Kind.LIMITED, wait=4.0), sent(3.0, attempt=2, started=7.0, finished=7.2, waited=4.0)]
    journeys = [Journey(0.0, "delivered", "polling", seen, until=9.0) for seen in (1.0, 2.0, None)]
    whole, one, other = Results("p", "s"), Results("p", "s"), Results("p", "s")
    for number, outcome in enumerate(outcomes):
        whole.add(outcome)
        (one if number % 2 else other).add(outcome)
    for number, journey in enumerate(journeys):
        whole.add_journey(journey)
        whole.add_polls(number)
        (one if number % 2 else other).add_journey(journey)
        (one if number % 2 else other).add_polls(number)
    one.merge(Results.load(json.loads(json.dumps(other.dump()))))
    assert line_of(one, {}, 10.0) == line_of(whole, {}, 10.0)
