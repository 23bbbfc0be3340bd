"""The simulated server adds to a limiter what a network and a server add, and nothing else."""

from __future__ import annotations

import pytest

from tests.limiters.dialects import Dialect
from tests.limiters.families import ClockWindow, Concurrency, FirstRequestWindow, SlidingLog
from tests.limiters.simulated import Answer, Simulated

START = 1_700_000_000.0


def exact(limit: int, window: float, dialect: Dialect) -> Simulated:
    return Simulated((FirstRequestWindow(limit, window),), window, dialect, round_trip=(0, 0))


def told(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name != "Date"}


@pytest.mark.parametrize(
    ("dialect", "served", "refused"),
    [
        (Dialect(), {}, {}),
        (
            Dialect("x-epoch", "seconds"),
            {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000008"},
            {
                "X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000008",
                "Retry-After": "6",
            },
        ),
        (
            Dialect("x-epoch-ms"),
            {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000007300"},
            {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000007300"},
        ),
        (
            Dialect("x-delta", "date"),
            {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "8"},
            {
                "X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "6",
                "Retry-After": "Tue, 14 Nov 2023 22:13:28 GMT",
            },
        ),
        (
            Dialect("ietf"),
            {"RateLimit-Policy": '"default";q=1;w=7', "RateLimit": '"default";r=0;t=8'},
            {"RateLimit-Policy": '"default";q=1;w=7', "RateLimit": '"default";r=0;t=6'},
        ),
        (
            Dialect("draft-6"),
            {"RateLimit-Limit": "1", "RateLimit-Remaining": "0", "RateLimit-Reset": "8", "RateLimit-Policy": "1;w=7"},
            {"RateLimit-Limit": "1", "RateLimit-Remaining": "0", "RateLimit-Reset": "6", "RateLimit-Policy": "1;w=7"},
        ),
    ],
    ids=lambda value: f"{value.fields}-{value.wait}" if isinstance(value, Dialect) else None,
)  # fmt: skip
def test_a_dialect_tells_the_decision(dialect: Dialect, served: dict[str, str], refused: dict[str, str]) -> None:
    # One in 7.3 s, asked at 0 and at 2: 5.3 s are left then.
    server = exact(1, 7.3, dialect)
    assert [told(server.ask(START)), told(server.ask(START + 2))] == [served, refused]


def test_the_wait_may_stand_in_the_body() -> None:
    server = exact(1, 7.3, Dialect("none", "body"))
    server.ask(START)
    assert server.ask(START + 2).body.endswith('"statusCode": 429, "retryAfter": 6}')


def test_a_clock_that_is_ahead_moves_windows_dates_and_resets() -> None:
    server = Simulated((ClockWindow(1, 10),), 10, Dialect("x-epoch"), round_trip=(0, 0), skew=4)
    answers = [server.ask(START + at) for at in (5.9, 6)]
    assert [one.status for one in answers] == [200, 200]
    assert [dict(one.headers)["X-RateLimit-Reset"] for one in answers] == ["1700000010", "1700000020"]
    assert dict(answers[1].headers)["Date"] == "Tue, 14 Nov 2023 22:13:30 GMT"


def test_a_round_trip_takes_its_time() -> None:
    server = Simulated((SlidingLog(9, 10),), 10, round_trip=(0.02, 0.08))
    trips = [one.answered - one.sent for one in server.ask_together(START, 9)]
    assert 0.02 <= min(trips) < max(trips) <= 0.08


def test_who_is_served_slowly_is_answered_late() -> None:
    server = Simulated((Concurrency(2, 1.5),), 1.5, round_trip=(0, 0))
    answers = server.ask_together(START, 3)
    assert [one.status for one in answers] == [200, 200, 429]
    assert [one.answered - START for one in answers] == [1.5, 1.5, 0]


def test_others_use_up_their_share() -> None:
    # 5 % of 100 in 10 s is a request every 2 s.
    log = SlidingLog(100, 10)
    server = Simulated((log,), 10, foreign=0.05, seed=1)
    moments = [START + second for second in range(0, 2000, 10)]
    used = []
    for moment in moments:
        server.ask(moment)
        used.append(len(log._log) - 1)
    assert sum(used) / len(used) == pytest.approx(5, rel=0.15)


def test_the_strictest_of_several_limiters_decides() -> None:
    server = Simulated(
        (FirstRequestWindow(2, 1), FirstRequestWindow(3, 60)), 1, Dialect("none", "seconds"), round_trip=(0, 0)
    )
    answers = [server.ask(START + at) for at in (0, 0, 0, 1, 1)]
    assert [one.status for one in answers] == [200, 200, 429, 200, 429]
    assert [dict(one.headers).get("Retry-After") for one in answers[2:]] == ["1", None, "59"]
