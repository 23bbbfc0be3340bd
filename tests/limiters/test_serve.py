"""The limiters answer over HTTP as they do in virtual time; windows are so long that nothing comes back meanwhile."""

from __future__ import annotations

import httpx
import pytest

from tests.limiters.serve import FAMILIES, application, serving


def asked(arguments: list[str], *paths: str) -> list[httpx.Response]:
    with serving(application(arguments)) as url, httpx.Client(trust_env=False) as client:
        return [client.get(url + path) for path in paths]


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"concurrency", "leaky-queue"}))
def test_a_limit_is_kept(family: str) -> None:
    # A window of the clock this long begins in the year 2286.
    answers = asked(["--family", family, "--limit", "2", "--window", "9e9"], "", "", "")
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["X-RateLimit-Remaining"] for one in answers] == ["1", "0", "0"]


def test_the_wait_may_be_a_lie() -> None:
    *_, refusal = asked(["--limit", "1", "--window", "1000", "--lie", "hour", "--wait", "body"], "", "")
    assert refusal.json()["retryAfter"] == 3600


def test_each_route_may_have_its_limit() -> None:
    answers = asked(["--limit", "1", "--window", "1000", "--by-route"], "a", "a", "b")
    assert [one.status_code for one in answers] == [200, 429, 200]


def test_there_may_be_two_limits() -> None:
    answers = asked(["--limit", "5", "--window", "900", "--also", "2", "1000"], "", "", "")
    assert [one.status_code for one in answers] == [200, 200, 429]


def test_a_connection_may_end_with_its_answer() -> None:
    (answer,) = asked(["--closes", "--skew", "-86400", "--slow", "0.01", "--jitter", "0.01"], "")
    assert answer.headers["Connection"] == "close"
