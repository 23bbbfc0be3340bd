"""The search for limits finds what others wrote, in real time with windows of a second or two.

Real time is noisy, and more so while other tests run: one of three searches has to be right. `make bench-limits` holds
every one to it.
"""

from __future__ import annotations

import pytest

from tests.bench_foreign_limits import search
from tests.foreign_limiters.table import FOREIGN, Foreign
from tests.foreign_limiters.test_foreign_limiters import started

SEARCHES = 3
QUICK = {
    "limits fixed window",
    "limits moving window",
    "express-rate-limit",
    "rate-limiter-flexible with block",
    "nginx limit_req nodelay",
    "HAProxy stick table",
}


@pytest.mark.parametrize("foreign", [one for one in FOREIGN if one.name in QUICK], ids=lambda one: one.name)
def test_family_and_limit_are_found(foreign: Foreign) -> None:
    limiter = started(foreign)
    searches = (search(limiter, limiter.short, seed=seed) for seed in range(SEARCHES))
    assert any(one.family and one.limit for one in searches)


def test_the_quick_ones_are_in_the_table() -> None:
    assert {one.name for one in FOREIGN} >= QUICK
