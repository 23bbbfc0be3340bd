"""Each family does what its name says, worked out by hand; and what it promises about waiting is exact."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from tests.limiters.families import (
    BlockingWindow,
    ClockWindow,
    Concurrency,
    FirstRequestWindow,
    Gcra,
    LeakyQueue,
    Limiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)

FAMILIES: Sequence[Callable[[int, float], Limiter]] = (
    ClockWindow,
    FirstRequestWindow,
    SlidingLog,
    lambda limit, window: SlidingLog(limit, window, counts_refused=True),
    SlidingCounter,
    lambda limit, window: SlidingCounter(limit, window, generous=True),
    TokenBucket,
    Gcra,
    LeakyQueue,
    Concurrency,
    BlockingWindow,
)
START = 1_700_000_000.0


def admitted(limiter: Limiter, *moments: float) -> list[bool]:
    return [limiter.admit(START + moment).admitted for moment in moments]


def test_a_window_of_the_clock_begins_with_the_clock() -> None:
    # START is a multiple of 10. The third at 9 is one too many; 10 is in the next window.
    assert admitted(ClockWindow(2, 10), 8, 8.5, 9, 10, 10, 10) == [True, True, False, True, True, False]


def test_a_window_from_the_first_request_begins_with_it() -> None:
    assert admitted(FirstRequestWindow(2, 10), 8, 8.5, 10, 17.9, 18, 19, 20) == [
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]


def test_a_sliding_log_looks_back_a_window() -> None:
    # At 10 the request of 0 is gone, that of 5 is not.
    assert admitted(SlidingLog(2, 10), 0, 5, 9, 10, 11, 15) == [True, True, False, True, False, True]


def test_a_sliding_log_that_counts_refusals_stays_closed_to_those_who_knock() -> None:
    knocking = SlidingLog(2, 10, counts_refused=True)
    assert admitted(knocking, 0, 1, 5, 10, 14, 30) == [True, True, False, False, False, True]


def test_a_sliding_counter_weighs_the_window_before() -> None:
    # Four at 0. At 12 a fifth of the window is over, and 4 x 0.8 = 3.2 still count: no room for a whole one more.
    # At 12.5 they are 3, so one fits, and only one.
    assert admitted(SlidingCounter(4, 10), 0, 0, 0, 0, 12, 12.5, 12.5) == [*[True] * 4, False, True, False]


def test_a_generous_sliding_counter_admits_while_less_than_the_limit_is_used_up() -> None:
    # Four at 0. At 10.1 they count 3.96, which is less than four: one fits, and not a second.
    assert admitted(SlidingCounter(4, 10, generous=True), 0, 0, 0, 0, 9, 10.1, 10.1) == [
        *[True] * 4,
        False,
        True,
        False,
    ]


def test_a_sliding_counter_forgets_after_an_idle_window() -> None:
    assert admitted(SlidingCounter(2, 10), 0, 0, 25, 25, 25) == [True, True, True, True, False]


@pytest.mark.parametrize("bucket", [TokenBucket, Gcra])
def test_a_bucket_is_filled_evenly(bucket: Callable[[int, float], Limiter]) -> None:
    # Two tokens, one every 5 s: after the first two the next comes at 5, and after 25 s no more than two are there.
    assert admitted(bucket(2, 10), 0, 0, 4.9, 5, 9.9, 30, 30, 30) == [True, True, False, True, False, True, True, False]


def test_a_queue_delays_those_who_fit_and_refuses_the_others() -> None:
    queue = LeakyQueue(5, 10, room=2)  # one leaves every 2 s
    decisions = [queue.admit(START + moment) for moment in (0, 0, 0, 0, 2)]
    assert [one.admitted for one in decisions] == [True, True, True, False, True]
    assert [one.delay for one in decisions] == pytest.approx([0, 2, 4, 0, 4])


def test_so_many_are_served_at_once() -> None:
    assert admitted(Concurrency(2, 3), 0, 1, 2, 3, 3.5, 4) == [True, True, False, True, False, True]


def test_a_block_outlasts_the_window() -> None:
    # The third at 1 begins a block of 20 s; knocking does not prolong it.
    assert admitted(BlockingWindow(2, 5, 20), 0, 0, 1, 6, 20.9, 21, 21, 22) == [
        True,
        True,
        False,
        False,
        False,
        True,
        True,
        False,
    ]


def test_a_block_that_counts_refusals_lasts_while_somebody_knocks() -> None:
    blocking = BlockingWindow(1, 5, 20, counts_refused=True)
    assert admitted(blocking, 0, 1, 20, 39, 59) == [True, False, False, False, True]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("limit", [1, 2, 7])
@pytest.mark.parametrize("seed", range(5))
def test_the_promised_wait_is_enough_and_no_less_is(
    family: Callable[[int, float], Limiter], limit: int, seed: int
) -> None:
    # A twin that saw the same requests is asked a little before, the limiter itself a little after.
    chance, window = random.Random(seed), 7.3  # noqa: S311 - no secret
    limiter, history, refusals = family(limit, window), list[float](), 0
    now = START
    for _ in range(60):
        now += chance.choice([0, 0, 0.01, window / limit / 2, chance.uniform(0, window)])
        history.append(now)
        decision = limiter.admit(now)
        if decision.admitted:
            continue
        refusals += 1
        early, late = (now + decision.retry_after + shift for shift in (-0.001, 0.001))
        twin = family(limit, window)
        for moment in history:
            twin.admit(moment)
        assert not twin.admit(early).admitted
        now = late
        history.append(now)
        assert limiter.admit(now).admitted
    assert refusals


@pytest.mark.parametrize("family", FAMILIES)
def test_as_many_as_remain_are_admitted_at_once(family: Callable[[int, float], Limiter]) -> None:
    limiter = family(9, 10.0)
    remaining = [limiter.admit(START + 1 + step / 1000).remaining for step in range(9)]
    assert remaining == list(range(8, -1, -1))
    assert not limiter.admit(START + 1.1).admitted
