from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from affidavit.load import timeline as module
from affidavit.load.outcome import Kind, Outcome
from affidavit.load.timeline import Row, Timeline


def answered(at: float, kind: Kind = Kind.OK, *, remaining: int | None = None, waited: float = 0.0) -> Outcome:
    """An answer half a second after the plan wanted it, and the wait on top of that."""
    status = {Kind.OK: 200, Kind.LIMITED: 429}.get(kind, 0)
    limit = None if remaining is None else 20
    return Outcome(
        at, at + waited, at + waited + 0.5, "list", "main", kind, status, remaining, limit, waited=waited, held=waited
    )  # fmt: skip


def timeline(*outcomes: Outcome) -> Timeline:
    made = Timeline()
    for one in outcomes:
        made.add(one)
    return made


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 4)


def test_a_row_is_a_second_and_quiet_seconds_have_rows_too() -> None:
    rows = timeline(
        answered(0.1, remaining=3), answered(0.2, remaining=2), answered(0.8, Kind.LIMITED, remaining=0), answered(3.0)
    ).rows()
    assert rows == [
        Row(0, offered=3, done=2, limited=0, remaining=2, limit=20, waiting=0),
        Row(1, offered=0, done=1, limited=1, remaining=0, limit=20, waiting=0),
        Row(2, offered=0, done=0, limited=0, remaining=None, limit=None, waiting=0),
        Row(3, offered=1, done=1, limited=0, remaining=None, limit=None, waiting=0),
    ]


def test_a_further_attempt_is_no_new_offer() -> None:
    again = answered(0.0)._replace(attempt=2)
    assert [(row.offered, row.done) for row in timeline(answered(0.0), again).rows()] == [(1, 2)]


def test_what_was_given_up_is_offered_and_not_done() -> None:
    assert [(row.offered, row.done) for row in timeline(answered(0.0, Kind.TIMEOUT)).rows()] == [(1, 0)]


def test_waiting_is_how_many_wait_on_average() -> None:
    # One from 0.25 to 2.5, another from 1 to 2: 0.75 in second 0, both in second 1, a half in second 2.
    rows = timeline(answered(0.25, waited=2.25), answered(1.0, waited=1.0)).rows()
    assert [row.waiting for row in rows] == [0.75, 2.0, 0.5, 0.0]


def test_a_request_that_is_refused_again_and_again_waits_once_at_a_time() -> None:
    # Wanted at 0, refused at 0.5; sent again at 3, refused at 3.5; sent at 6: one waits, but for what the answers took.
    first = answered(0.0, Kind.LIMITED)
    again = first._replace(attempt=2, started=3.0, finished=3.5, waited=3.0, held=2.5)
    last = again._replace(attempt=3, started=6.0, finished=6.5, waited=6.0, held=2.5)
    rows = timeline(first, again, last).rows()
    assert [row.waiting for row in rows] == [0.5, 1.0, 1.0, 0.5, 1.0, 1.0, 0.0]


@pytest.mark.usefixtures("short")
def test_a_long_run_shares_rows() -> None:
    made = timeline(*(answered(float(second), remaining=20 - second) for second in range(9)))
    assert made.width == 4
    assert made.rows() == [
        Row(0, offered=4, done=4, limited=0, remaining=17, limit=20, waiting=0),
        Row(4, offered=4, done=4, limited=0, remaining=13, limit=20, waiting=0),
        Row(8, offered=1, done=1, limited=0, remaining=12, limit=20, waiting=0),
    ]


@pytest.mark.usefixtures("short")
def test_a_shared_row_has_the_average_of_those_waiting() -> None:
    # 1 of 1 waits in seconds 0 to 2; then rows of two seconds hold 1, and half of one.
    made = timeline(answered(0.0, waited=3.0), answered(4.0))
    assert (made.width, [row.waiting for row in made.rows()]) == (2, [1.0, 0.5, 0.0])


def both_ways(one: Timeline, other: Timeline) -> Timeline:
    one.merge(Timeline.load(json.loads(json.dumps(other.dump()))))
    return one


def other_way(one: Timeline, other: Timeline) -> Timeline:
    return both_ways(other, one)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("merge", [both_ways, other_way])
def test_merged_parts_are_the_whole(merge: Callable[[Timeline, Timeline], Timeline]) -> None:
    early = [answered(number / 4, remaining=number, waited=0.5) for number in range(12)]
    late = [answered(6 + number / 4, Kind.LIMITED) for number in range(20)]
    merged = merge(timeline(*early), timeline(*late))
    whole = timeline(*early, *late)
    assert merged.rows() == whole.rows()
    assert merged.width == whole.width == 4


def test_nothing_has_no_rows() -> None:
    assert Timeline().rows() == []
