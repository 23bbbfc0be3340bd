"""A limiter of no known family is not passed off as one of them without a word of doubt."""

from __future__ import annotations

import pytest

from affidavit.ratelimit.records import NONE_FITS
from tests.bench_limits import driven
from tests.limiters.dialects import Dialect
from tests.limiters.misfits import MISFITS
from tests.limiters.simulated import Simulated

DIALECTS = (Dialect(), Dialect("none", "seconds"))


@pytest.mark.parametrize("seed", [0, 2])
def test_none_fits_where_the_limit_alternates(seed: int) -> None:
    verdict = driven(Simulated((MISFITS["limit alternates"](seed),), 5, DIALECTS[0], seed=seed), "active")
    assert (verdict.family, verdict.limit, verdict.window) == (NONE_FITS, None, None)
    assert "no known kind of limiter explains" in verdict.stopped


@pytest.mark.parametrize(
    ("name", "seed"),
    [("refuses by chance", 1), ("two backends", 1), ("window of any length", 4), ("two limits at once", 0)],
)
def test_what_came_otherwise_than_foretold_is_counted(name: str, seed: int) -> None:
    verdict = driven(Simulated((MISFITS[name](seed),), 5, DIALECTS[seed % 2], seed=seed), "active")
    assert verdict.misses > 0
