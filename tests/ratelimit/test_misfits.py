"""A limiter of no known family is not passed off as one of them without a word of doubt."""

from __future__ import annotations

import pytest

from tests.bench_limits import driven
from tests.limiters.dialects import Dialect
from tests.limiters.misfits import MISFITS
from tests.limiters.simulated import Simulated

DIALECTS = (Dialect(), Dialect("none", "seconds"))


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("limit alternates", 0),
        ("limit alternates", 2),
        ("refuses by chance", 1),
        ("two backends", 1),
        ("window of any length", 4),
        ("two limits at once", 0),
    ],
)
def test_what_came_otherwise_than_foretold_is_counted(name: str, seed: int) -> None:
    verdict = driven(Simulated((MISFITS[name](seed),), 5, DIALECTS[seed % 2], seed=seed), "active")
    assert verdict.misses > 0
