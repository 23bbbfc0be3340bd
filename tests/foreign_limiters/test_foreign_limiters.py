"""The foreign limiters run here, and each limits as the table says it is configured to."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from tests.foreign_limiters.table import FOREIGN, Foreign, Setting

LONG = Setting(7, 30, 30)
"""Nothing comes back while a test runs."""
SETTINGS = {"nginx limit_req": Setting(3, 6), "nginx limit_conn": Setting(4, 1)}
"""For those that hold requests back: a test waits for all of them."""


def started(foreign: Foreign) -> Foreign:
    """The limiter, or a skipped test; where everything has to be there (CI), a failed one."""
    if foreign.lacking and os.environ.get("CI") == "true":
        pytest.fail(foreign.lacking)
    if foreign.lacking:
        pytest.skip(foreign.lacking)
    return foreign


def statuses(url: str, number: int) -> list[int]:
    """Of so many requests at once."""
    with httpx.Client(trust_env=False, timeout=30) as client, ThreadPoolExecutor(number) as pool:
        return sorted(one.status_code for one in pool.map(lambda _: client.get(f"{url}some/path"), range(number)))


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda one: one.name)
def test_as_many_as_the_limit_are_admitted_at_once(foreign: Foreign) -> None:
    setting = SETTINGS.get(foreign.name, LONG)
    with started(foreign).start(setting) as url:
        assert statuses(url, 3 * setting.limit) == [*[200] * setting.limit, *[429] * 2 * setting.limit]


def test_a_limiter_that_cannot_start_says_why() -> None:
    (slowapi,) = (one for one in FOREIGN if one.name == "slowapi")
    with pytest.raises(RuntimeError, match=r"ended|refused|invalid literal"), slowapi.start(replace(LONG, window=0.5)):
        pass


def test_what_is_not_installed_is_named() -> None:
    missing = Foreign("no", "token-bucket", FOREIGN[0].start, "no-such-program")
    assert (
        missing.lacking == "no-such-program is not installed; `make system-packages` or `make bench-limits` does that"
    )
