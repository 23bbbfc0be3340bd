"""The dispatcher on a clock that only a test moves, against a target that answers when a test says."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import count
from typing import cast

import pytest

from affidavit.documents import load_catalog, load_recipe
from affidavit.load.arrivals import schedule, steady
from affidavit.load.dispatch import GONE_SECONDS, MOST_REFUSALS, Dispatcher, Settings
from affidavit.load.flow import Arrival, Flow, arrivals
from affidavit.load.outcome import NO_ROOM, Kind, Outcome
from affidavit.load.recipe import Wording
from affidavit.load.results import Results
from affidavit.load.timeline import Timeline
from affidavit.load.waiting import Line
from affidavit.load.wire import Answer, Done, Pool
from affidavit.profile import RateLimit

CATALOG = load_catalog("chatmaid")
RECIPE = load_recipe(CATALOG)
PATIENT, RUDE = True, False


class Timer:
    """A timer of the loop below."""

    def __init__(self, loop: Loop, after: float) -> None:
        self.loop, self.after, self.stopped = loop, after, False

    def start(self, callback: Callable[[], None], *, update: bool) -> None:
        """Call back when the time has come."""
        del update
        self.loop.at(self.loop.now + self.after, lambda: None if self.stopped else callback())

    def stop(self) -> None:
        """Do not call back any more."""
        self.stopped = True

    def close(self) -> None:
        """As gevent's."""


class Loop:
    """Stands in for gevent's loop, and for the network: everything happens at its moment, and takes no time."""

    def __init__(self, answer: Callable[[float], tuple[float, Answer]]) -> None:
        self.now = 0.0
        self.answer = answer
        self.loop = self
        self.sent: list[float] = []
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def clock(self) -> float:
        """Now."""
        return self.now

    def at(self, moment: float, callback: Callable[[], None]) -> None:
        """Do it then."""
        heapq.heappush(self._due, (moment, next(self._order), callback))

    def run_callback(self, callback: Callable[[], None]) -> None:
        """Do it next."""
        self.at(self.now, callback)

    def timer(self, after: float) -> Timer:
        """As gevent's."""
        return Timer(self, after)

    def send(self, request: bytes, done: Done) -> None:
        """As the pool's; the answer says itself when it comes."""
        del request
        started = self.now
        self.sent.append(started)
        moment, answer = self.answer(started)
        self.at(moment, lambda: done(answer._replace(started=started, finished=self.now)))

    def close(self) -> None:
        """As the pool's."""

    def run(self, until: Dispatcher) -> None:
        """Let everything happen until the dispatcher has finished."""
        while not until.finished.is_set():
            moment, _, callback = heapq.heappop(self._due)
            self.now = max(self.now, moment)
            callback()


def ok(*headers: tuple[bytes, bytes]) -> Answer:
    return Answer(201, list(headers), b"", 0.0, 0.0)


def limited(wait: int) -> Answer:
    return Answer(429, [(b"Retry-After", str(wait).encode())], b"", 0.0, 0.0)


BROKEN = Answer(0, [], b"", 0.0, 0.0, "nobody there")


def play(  # noqa: PLR0913 - what a test may vary
    answer: Callable[[float], tuple[float, Answer]],
    rate: float,
    seconds: float,
    *,
    patient: bool = PATIENT,
    in_flight: int = 1000,
    budget: int | None = None,
    drain: float = 10.0,
    limit: RateLimit = CATALOG.profile.rate_limit,
    into: list[Dispatcher] | None = None,
) -> tuple[list[Outcome], Loop, Dispatcher]:
    """Run a plan of sends to its end."""
    loop, outcomes = Loop(answer), list[Outcome]()
    rows: Iterator[Arrival] = arrivals(schedule(steady(rate, seconds), lambda: 0.5), {"send": 1.0}, ["main"], float)
    dispatcher = Dispatcher(
        Settings(seconds=seconds, drain=drain, in_flight=in_flight, budget=budget, patient=patient),
        rows,
        Flow(RECIPE, 1.0, 30.0),
        {("send", "main"): Wording("sendMessage", "POST", b"", None)},
        {"main": Line()},
        cast("Pool", loop),
        limit,
        outcomes.append,
    )
    if into is not None:
        into.append(dispatcher)
    dispatcher.start(0.0)
    loop.run(dispatcher)
    return outcomes, loop, dispatcher


def kinds(outcomes: list[Outcome]) -> dict[Kind, int]:
    return {
        kind: sum(one.kind is kind for one in outcomes) for kind in Kind if any(one.kind is kind for one in outcomes)
    }


def test_every_request_leaves_at_its_moment_whatever_the_answers_do() -> None:
    outcomes, loop, _ = play(lambda now: (now + 3, ok()), 10, 2)
    assert loop.sent == pytest.approx([number / 10 for number in range(20)])
    assert kinds(outcomes) == {Kind.OK: 20}
    assert not any(one.late for one in outcomes)


def test_a_stall_is_felt_by_all_who_would_have_come_in_it() -> None:
    # 2 s of 10 s: a hundred of 500 requests wait, evenly from 2 s down to nothing. So a tenth waits more than 1 s, and
    # a hundredth more than 1.9 s.
    outcomes, *_ = play(lambda now: (6.0 if 4 <= now < 6 else now, ok()), 50, 10)
    results = Results("chatmaid", "stall")
    for one in outcomes:
        results.add(one)
    felt = results.times["sendMessage"].from_intended
    assert felt.quantile(0.9) == pytest.approx(1.0, rel=0.03)
    assert felt.quantile(0.99) == pytest.approx(1.9, rel=0.03)


def test_what_finds_too_much_in_flight_is_dropped_and_counted() -> None:
    outcomes, loop, _ = play(lambda _now: (1.95, ok()), 10, 2, in_flight=5)
    assert len(loop.sent) == 5
    assert kinds(outcomes) == {Kind.OK: 5, Kind.DROPPED: 15}


def test_a_patient_client_sends_nothing_while_a_wait_lasts_and_then_everything() -> None:
    def answer(now: float) -> tuple[float, Answer]:
        return now, limited(3) if 1 <= now < 4 else ok()

    outcomes, loop, _ = play(answer, 10, 2)
    assert [moment for moment in loop.sent if 1 <= moment < 4] == [1.0]
    assert kinds(outcomes) == {Kind.OK: 20, Kind.LIMITED: 1}
    again = [one for one in outcomes if one.attempt == 2]
    assert [(one.intended, one.started, one.waited, one.lateness) for one in again] == [(1.0, 4.0, 3.0, 0.0)]
    assert not any(one.early_retry or one.late for one in outcomes)


def test_of_several_waits_each_is_held_once() -> None:
    # Every answer takes half a second. Refused at 0.5 and at 3.0, two seconds each: it leaves at 2.5 and at 5.0.
    outcomes, _, _ = play(lambda now: (now + 0.5, limited(2) if now < 4 else ok()), 1, 1)
    assert [(one.attempt, one.started, one.waited, one.held) for one in outcomes] == [
        (1, 0.0, 0.0, 0.0),
        (2, 2.5, 2.5, 2.0),
        (3, 5.0, 5.0, 2.0),
    ]
    timeline = Timeline()
    for one in outcomes:
        timeline.add(one)
    assert [row.waiting for row in timeline.rows()] == [0.5, 1.0, 0.5, 1.0, 1.0, 0.0]


def test_an_impatient_client_goes_on_and_each_request_in_the_wait_is_early() -> None:
    outcomes, loop, _ = play(lambda now: (now, limited(1) if now >= 1 else ok()), 10, 2, patient=RUDE)
    assert len(loop.sent) == 20
    assert kinds(outcomes) == {Kind.OK: 10, Kind.LIMITED: 10}
    assert sum(one.early_retry for one in outcomes) == 9


def test_a_limit_that_is_announced_is_never_met_by_a_patient_client() -> None:
    window = {"left": 5}
    date = (b"Date", b"Thu, 01 Jan 2026 00:00:00 GMT")

    def answer(now: float) -> tuple[float, Answer]:
        if now >= 4:
            window["left"] = 99
        if window["left"] == 0:
            return now, limited(4)
        window["left"] -= 1
        return now, ok((b"X-Left", str(window["left"]).encode()), (b"X-Reset", b"1767225604"), date)

    told = RateLimit(remaining_header="X-Left", reset_header="X-Reset", retry_after_header="Retry-After")
    outcomes, *_ = play(answer, 10, 2, limit=told)
    assert kinds(outcomes) == {Kind.OK: 20}
    assert {one.remaining for one in outcomes} >= {0, 1, 2, 3, 4}


@pytest.mark.parametrize("odd", [b"9" * 40, b"-5", b"1.5", b"", b"\xb2"])
def test_a_count_that_is_none_is_passed_over(odd: bytes) -> None:
    told = RateLimit(remaining_header="X-Left", limit_header="X-Limit")
    outcomes, *_ = play(lambda now: (now, ok((b"X-Left", odd), (b"x-limit", b"20"))), 1, 1, limit=told)
    assert [(one.remaining, one.limit) for one in outcomes] == [(None, 20)]


def test_what_still_waits_at_the_end_was_never_sent() -> None:
    outcomes, *_ = play(lambda now: (now, limited(600) if now >= 1 else ok()), 10, 2)
    assert kinds(outcomes) == {Kind.OK: 10, Kind.LIMITED: 1, Kind.UNSENT: 10}


def test_what_gets_no_answer_by_the_end_is_counted_too() -> None:
    outcomes, loop, _ = play(lambda _now: (99.0, ok()), 10, 1, drain=2.0)
    assert kinds(outcomes) == {Kind.TIMEOUT: 10}
    assert loop.now == pytest.approx(3.0, abs=0.3)
    assert not any(one.late for one in outcomes)
    assert [one.service for one in outcomes] == pytest.approx([one.from_intended for one in outcomes])


def test_what_left_after_a_wait_has_as_long_for_its_answer_as_what_left_in_time() -> None:
    # Refused at 0 for 9 s, so sent again at 9; the plan and the drain are over at 10, and the answer comes at 12.
    outcomes, *_ = play(lambda now: (now + 3, ok()) if now >= 9 else (now, limited(9)), 1, 1, drain=9.0)
    assert kinds(outcomes) == {Kind.LIMITED: 1, Kind.OK: 1}
    assert next(one.finished for one in outcomes if one.kind is Kind.OK) == pytest.approx(12.0)


def test_nothing_leaves_when_the_time_is_over() -> None:
    outcomes, loop, _ = play(lambda now: (now, limited(4)), 1, 1, drain=3.0)
    assert loop.sent == [0.0]
    assert kinds(outcomes) == {Kind.LIMITED: 1, Kind.UNSENT: 1}


def test_a_budget_is_never_exceeded() -> None:
    outcomes, loop, _ = play(lambda now: (now, ok()), 10, 2, budget=7)
    assert len(loop.sent) == 7
    assert kinds(outcomes)[Kind.OK] == 7


def test_a_target_that_is_gone_ends_the_run_early() -> None:
    outcomes, loop, dispatcher = play(lambda now: (now, ok() if now < 3 else BROKEN), 10, 60)
    assert dispatcher.broken == "the target does not answer any more (nobody there): run again when it does"
    assert loop.now == pytest.approx(3 + GONE_SECONDS, abs=0.2)
    assert kinds(outcomes)[Kind.OK] == 30


def test_a_target_that_cannot_be_reached_when_the_run_ends_leaves_no_verdict() -> None:
    nobody = BROKEN._replace(unreached=True)
    outcomes, _, dispatcher = play(lambda now: (now, ok() if now < 3 else nobody), 10, 4)
    assert dispatcher.broken == "the target does not answer any more (nobody there): run again when it does"
    assert kinds(outcomes) == {Kind.OK: 30, Kind.FAILED: 10}
    *_, dispatcher = play(lambda now: (now, nobody if now < 3 else ok()), 10, 4)
    assert dispatcher.broken == ""


def test_a_machine_without_room_is_not_a_target_that_is_gone() -> None:
    *_, dispatcher = play(lambda now: (now, BROKEN._replace(problem=f"{NO_ROOM}: Too many open files")), 10, 9)
    assert dispatcher.broken == ""


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_never_let_in_ends_the_run(status: int) -> None:
    _, loop, dispatcher = play(lambda now: (now, ok()._replace(status=status)), 10, 4)
    assert dispatcher.broken == (
        f"the target refuses the key 'main' for sendMessage with {status}: check it, or use another"
    )
    assert len(loop.sent) == MOST_REFUSALS
    outcomes, _, dispatcher = play(lambda now: (now, ok()._replace(status=status) if now else ok()), 10, 4)
    assert (dispatcher.broken, kinds(outcomes)) == ("", {Kind.OK: 1, Kind.FAILED: 39})


@pytest.mark.parametrize("after", [0, 5])
def test_a_mistake_of_our_own_ends_the_run_and_is_not_hidden(after: int) -> None:
    def answer(_now: float) -> tuple[float, Answer]:
        raise ZeroDivisionError

    played: list[Dispatcher] = []
    with pytest.raises(ZeroDivisionError):
        play(lambda now: answer(now) if now >= after else (now, ok()), 1, 9, into=played)
    assert played[0].broken == "this tool failed: ZeroDivisionError"
    assert played[0].finished.is_set()


def test_a_short_outage_does_not() -> None:
    outcomes, _, dispatcher = play(lambda now: (now, BROKEN if 3 <= now < 7 else ok()), 10, 10)
    assert dispatcher.broken == ""
    assert kinds(outcomes) == {Kind.OK: 60, Kind.FAILED: 40}
