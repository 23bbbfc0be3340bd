"""The search for limits on limiters of unusual numbers and servers of unusual habits, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from affidavit.ratelimit.flow import Caps, Mode, Reply, Send, Verdict, examine
from tests.limiters.dialects import Dialect
from tests.limiters.driving import driven, of
from tests.limiters.families import (
    ClockWindow,
    Concurrency,
    Decision,
    FirstRequestWindow,
    Gcra,
    LeakyQueue,
    Limiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)
from tests.limiters.simulated import Simulated

START = 1_700_000_003.3
ALIKE = {"fixed-window-first", "sliding-log", "token-bucket", "leaky-queue"}


def taken_for(other: str, seed: int) -> object:
    """A search that is known to end wrongly."""
    return pytest.param(seed, marks=pytest.mark.xfail(strict=True, reason=f"known: taken for {other}"))


def searched(server: Simulated, mode: Mode = "active", tell: Callable[[Reply], Reply] = lambda reply: reply) -> Verdict:
    """What the search comes to; each answer is changed by `tell`."""
    answered = of(server)

    def answer(ask: Send, now: float) -> tuple[Reply, ...]:
        return tuple(tell(reply) for reply in answered(ask, now))

    return driven(examine(Caps(), mode), answer, START, 0.0005)


def bests(verdict: Verdict) -> tuple[object, ...]:
    """Family, limit and window."""
    limit, window = verdict.limit, verdict.window
    return verdict.family, None if limit is None else limit.best, None if window is None else window.best


@pytest.mark.parametrize("family", [FirstRequestWindow, SlidingLog, TokenBucket, Gcra, LeakyQueue])
def test_with_a_limit_of_one_all_that_do_the_same_are_tied(family: Callable[[int, float], Limiter]) -> None:
    verdict = searched(Simulated((family(1, 7.3),), 7.3))
    assert {verdict.family, *verdict.ties} >= ALIKE
    assert bests(verdict)[1:] == (1, pytest.approx(7.3, rel=0.01))


@pytest.mark.parametrize(
    ("name", "family", "limit", "window"),
    [
        ("fixed-window-clock", ClockWindow, 3, 7.3),
        ("sliding-log", SlidingLog, 3, 7.3),
        ("token-bucket", TokenBucket, 5, 33.3),
        ("concurrency", Concurrency, 3, 0.5),
    ],
)
def test_odd_numbers_are_found(name: str, family: Callable[[int, float], Limiter], limit: int, window: float) -> None:
    found = bests(searched(Simulated((family(limit, window),), window)))
    assert found == (name, limit, None if name == "concurrency" else pytest.approx(window, rel=0.01))


@pytest.mark.parametrize("factor", [0.3, 5.0])
def test_a_lying_wait_does_not_mislead(factor: float) -> None:
    def lie(decision: Decision) -> Decision:
        return decision._replace(retry_after=decision.retry_after * factor)

    server = Simulated((FirstRequestWindow(20, 10),), 10, Dialect("none", "seconds"), change=lie)
    assert bests(searched(server)) == ("fixed-window-first", 20, pytest.approx(10, rel=0.01))


@pytest.mark.parametrize("seed", [taken_for("a window of the clock", 0), 1, 2, 3, 4, 5])
def test_slow_answers_do_not_mislead(seed: int) -> None:
    server = Simulated((FirstRequestWindow(20, 30),), 30, round_trip=(0.8, 1.2), seed=seed)
    assert bests(searched(server)) == ("fixed-window-first", 20, pytest.approx(30, rel=0.02))


@pytest.mark.parametrize("skew", [0, 3600])
def test_a_watcher_takes_the_window_of_the_clock_from_its_resets(skew: float) -> None:
    server = Simulated((ClockWindow(20, 60),), 60, Dialect("x-epoch", "seconds"), skew=skew)
    verdict = searched(server, "watching")
    assert (*bests(verdict), verdict.refused) == ("fixed-window-clock", 20, 60, 0)


def test_of_two_limits_the_one_that_is_met_is_found() -> None:
    server = Simulated((FirstRequestWindow(10, 5), FirstRequestWindow(200, 600)), 5)
    assert bests(searched(server))[1:] == (10, pytest.approx(5, rel=0.02))


def test_requests_at_once_are_told_from_short_windows_by_full_batches_one_after_the_other() -> None:
    # Every batch takes 0.5 s. A window that is longer cannot admit a full one each time.
    verdict = searched(Simulated((Concurrency(10, 0.5),), 0.5, round_trip=(0.001, 0.004)))
    assert bests(verdict) == ("concurrency", 10, None)
    assert verdict.seconds < 20
    assert verdict.requests < 120


@pytest.mark.parametrize("generous", [True, False])
@pytest.mark.parametrize(("limit", "window"), [(7, 10.0), (20, 2.0), (20, 60.0)])
def test_a_sliding_counter_is_found_however_it_rounds(limit: int, window: float, *, generous: bool) -> None:
    dialect = Dialect("x-delta", "seconds")
    verdict = searched(Simulated((SlidingCounter(limit, window, generous=generous),), window, dialect))
    assert bests(verdict) == ("sliding-counter", limit, pytest.approx(window, rel=0.01))


LARGE = [
    ("fixed-window-first", FirstRequestWindow),
    ("fixed-window-clock", ClockWindow),
    ("sliding-log", SlidingLog),
    ("token-bucket", Gcra),
]


@pytest.mark.parametrize(("name", "family"), LARGE)
def test_of_a_large_limit_enough_is_found_for_what_may_be_spent(
    name: str, family: Callable[[int, float], Limiter]
) -> None:
    verdict = searched(Simulated((family(2000, 60),), 60, Dialect("x-epoch", "seconds")))
    assert name in {verdict.family, *verdict.ties}
    assert bests(verdict)[1:] == (2000, pytest.approx(60, rel=0.01))
    assert (verdict.stopped, verdict.requests <= Caps().requests) == ("", True)


@pytest.mark.parametrize(("name", "family"), LARGE[:3])
def test_of_a_large_limit_that_nothing_announces_no_family_is_ruled_out_unseen(
    name: str, family: Callable[[int, float], Limiter]
) -> None:
    verdict = searched(Simulated((family(2000, 60),), 60))
    assert name in {verdict.family, *verdict.ties}
    assert bests(verdict)[1] == 2000


def test_a_limit_beyond_what_may_be_spent_is_left_to_watching() -> None:
    verdict = searched(Simulated((ClockWindow(5000, 60),), 60, Dialect("x-epoch")))
    assert verdict.stopped.endswith("5000 are announced: --watching reads the limit without reaching it")


def test_a_queue_is_measured_by_the_pace_of_its_answers() -> None:
    # Every batch but the first waits for the end of the one before, which the delay alone does not tell apart.
    verdict = searched(Simulated((LeakyQueue(156, 60),), 60, Dialect("none", "date"), seed=3))
    assert bests(verdict) == ("leaky-queue", 156, pytest.approx(60, rel=0.01))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_windows_that_others_begin_are_not_taken_for_those_of_the_clock_alone(seed: int) -> None:
    server = Simulated((FirstRequestWindow(100, 5),), 5, Dialect("x-delta", "date"), seed=seed, foreign=0.05)
    verdict = searched(server)
    assert "fixed-window-first" in {verdict.family, *verdict.ties}
    assert bests(verdict)[1] == 100


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_log_in_which_others_are_noted_earlier_than_seen_is_a_log(seed: int) -> None:
    server = Simulated((SlidingLog(443, 10.62),), 10.62, Dialect("x-epoch", "seconds"), seed=seed, foreign=0.05)
    verdict = searched(server)
    assert "sliding-log" in {verdict.family, *verdict.ties}


@pytest.mark.parametrize("seed", [taken_for("a sliding counter", 1), 2, 3])
def test_an_announced_limit_is_believed_where_others_use_a_part_of_it(seed: int) -> None:
    server = Simulated((Concurrency(100, 2.0),), 2.0, Dialect("x-delta", "seconds"), seed=seed, foreign=0.05)
    verdict = searched(server)
    assert verdict.limit is not None
    assert "concurrency" in {verdict.family, *verdict.ties}
    assert (verdict.limit.best, verdict.limit.low < 100) == (100, True)


def test_a_watcher_who_is_told_nothing_is_told_how_to_go_on() -> None:
    verdict = searched(Simulated((ClockWindow(20, 60),), 60), "watching")
    assert verdict.requests == 1
    assert verdict.stopped.endswith("add --active")


@pytest.mark.parametrize(("name", "family"), [("token-bucket", TokenBucket), ("leaky-queue", LeakyQueue)])
@pytest.mark.parametrize("fields", ["x-epoch", "x-delta"])
def test_a_watcher_ties_what_comes_back_within_a_round_trip(
    name: str, family: Callable[[int, float], Limiter], fields: str
) -> None:
    server = Simulated((family(500, 1),), 1, Dialect(fields), round_trip=(0.06, 0.065))
    verdict = searched(server, "watching")
    assert name in {verdict.family, *verdict.ties}
    assert (bests(verdict)[1], verdict.refused) == (500, 0)


def daily_quota(limit: int) -> Callable[[Reply], Reply]:
    """Headers that speak of a quota which nobody will use up."""
    left = iter(range(limit - 1, 0, -1))

    def tell(reply: Reply) -> Reply:
        told = (("X-RateLimit-Limit", str(limit)), ("X-RateLimit-Remaining", str(next(left))))
        return replace(reply, headers=reply.headers + told)

    return tell


@pytest.mark.parametrize("family", [FirstRequestWindow, SlidingLog])
def test_headers_of_a_daily_quota_do_not_hide_the_limit_that_refuses(family: Callable[[int, float], Limiter]) -> None:
    verdict = searched(Simulated((family(6, 3),), 3), tell=daily_quota(10_000))
    assert bests(verdict)[1:] == (6, pytest.approx(3, rel=0.05))
    assert verdict.requests < 250


def test_a_watcher_says_that_the_headers_are_of_another_limit() -> None:
    verdict = searched(Simulated((FirstRequestWindow(6, 3),), 3), "watching", daily_quota(10_000))
    assert verdict.limit is None
    assert "of another limit" in verdict.stopped
