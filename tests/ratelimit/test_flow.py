"""The flow finds simulated limiters, keeps its caps whatever comes, and says when it cannot know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from affidavit.ratelimit.flow import Caps, Mode, Reply, Send, Verdict, examine
from affidavit.ratelimit.records import NONE_FITS, UNKNOWN
from tests.bench_limits import LIMITERS, START, Case, driven, examined
from tests.limiters import driving
from tests.limiters.dialects import Dialect

PLAIN = Case("clock window", 20, 10.0, Dialect("x-epoch", "seconds"), False, (0.04, 0.045), 0.0, 0.0, 7)  # noqa: FBT003 - counts_refused


@pytest.mark.parametrize("name", LIMITERS)
@pytest.mark.parametrize("dialect", [Dialect(), Dialect("x-epoch", "seconds")], ids=["silent", "telling"])
def test_every_family_is_found_by_going_over_its_limit(name: str, dialect: Dialect) -> None:
    score = examined(replace(PLAIN, name=name, dialect=dialect), "active")
    assert score.family
    assert score.limit
    assert score.verdict.family != NONE_FITS
    assert score.verdict.stopped == ""


@pytest.mark.parametrize("name", LIMITERS)
def test_every_family_is_found_by_watching_without_one_refusal(name: str) -> None:
    score = examined(replace(PLAIN, name=name), "watching")
    assert score.family
    assert score.limit
    assert score.verdict.refused == 0
    assert score.verdict.requests <= 20


def test_watching_needs_answers_that_say_what_remains() -> None:
    verdict = examined(replace(PLAIN, dialect=Dialect("none", "seconds")), "watching").verdict
    assert (verdict.family, verdict.requests) == (UNKNOWN, 1)
    assert "do not say what remains" in verdict.stopped


@pytest.mark.parametrize("mode", ["active", "watching"])
@pytest.mark.parametrize("most", [1, 2, 7, 30])
def test_no_more_requests_are_sent_than_allowed(mode: Mode, most: int) -> None:
    verdict = examined(PLAIN, mode, Caps(requests=most)).verdict
    assert verdict.requests == len(verdict.trace) <= most


def test_no_more_time_passes_than_allowed() -> None:
    verdict = examined(PLAIN, "active", Caps(seconds=4.0)).verdict
    assert verdict.seconds <= 4.1
    assert "4 s allowed" in verdict.stopped


def test_refusals_end_it_when_so_many_came() -> None:
    verdict = examined(PLAIN, "active", Caps(refused=3)).verdict
    assert "3 refusals" in verdict.stopped


def answered(
    status: int, *headers: tuple[str, str], later: tuple[tuple[str, str], ...] = (), mode: Mode = "active"
) -> Verdict:
    """What comes of a server that answers so, and with `later` from the second request on."""
    sent = 0

    def answer(ask: Send, now: float) -> tuple[Reply, ...]:
        nonlocal sent
        told = later if sent and later else headers
        sent += ask.times
        return (Reply(status, told, "", now, now + 0.05),) * ask.times

    return driving.driven(examine(Caps(), mode), answer, START)


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_it_stops_at_once_where_it_is_not_welcome(status: int) -> None:
    verdict = answered(status)
    assert verdict.requests == 1
    assert verdict.stopped.startswith(f"the target answered {status}: ")


def test_it_stops_when_nothing_answers() -> None:
    assert answered(0).stopped.startswith("a request got no answer: ")


def test_it_stops_when_it_would_have_to_wait_too_long() -> None:
    assert answered(429, ("Retry-After", "901")).stopped.startswith("the target asked to wait 901 s: ")


def test_it_stops_when_the_announced_limit_falls() -> None:
    verdict = answered(200, ("X-RateLimit-Limit", "20"), later=(("X-RateLimit-Limit", "10"),))
    assert verdict.stopped.startswith("the announced limit fell from 20 to 10: ")


@pytest.mark.parametrize("mode", ["active", "watching"])
@pytest.mark.parametrize("headers", [(), (("Retry-After", "7"),), (("X-RateLimit-Remaining", "0"),)])
def test_a_key_that_is_used_up_is_given_no_numbers(mode: Mode, headers: tuple[tuple[str, str], ...]) -> None:
    verdict = answered(429, *headers, mode=mode)
    assert (verdict.family, verdict.limit, verdict.window) == (UNKNOWN, None, None)
    assert verdict.stopped == "no request was admitted; the key may be used up: try later"
    assert verdict.requests <= 4


def test_a_key_that_others_have_used_up_is_examined_when_it_is_admitted_again() -> None:
    server = PLAIN.server()
    server.ask_together(START, 20)
    verdict = driven(server, "active")
    assert verdict.limit is not None
    assert (verdict.family, verdict.limit.best, verdict.stopped) == ("fixed-window-clock", 20, "")


@pytest.mark.parametrize("status", [400, 404, 420])
def test_answers_that_are_neither_served_nor_refused_say_nothing_about_a_limit(status: int) -> None:
    verdict = answered(status)
    assert f"most answers were {status}, so this says nothing about a limit" in verdict.stopped
    assert (verdict.family, verdict.limit) == (UNKNOWN, None)
    assert verdict.requests <= 20


@pytest.mark.parametrize(
    ("caps", "option"),
    [
        (Caps(requests=12), "--max-requests"),
        (Caps(requests=30), "--max-requests"),
        (Caps(seconds=4.0), "--max-seconds"),
        (Caps(refused=3), "--max-refused"),
    ],
)
def test_a_cap_that_ends_it_is_named_with_its_option(caps: Caps, option: str) -> None:
    assert option in examined(replace(PLAIN, dialect=Dialect()), "active", caps).verdict.stopped


def test_a_server_without_a_limit_is_not_given_one() -> None:
    verdict = answered(200)
    assert verdict.family == UNKNOWN
    assert "met no limit" in verdict.stopped


def test_the_clock_and_the_form_of_reset_are_read() -> None:
    verdict = examined(replace(PLAIN, skew=-12.0), "active").verdict
    assert verdict.reset_dialect == "epoch-s"
    assert verdict.clock_skew is not None
    assert verdict.clock_skew.low <= -12.0 <= verdict.clock_skew.high
