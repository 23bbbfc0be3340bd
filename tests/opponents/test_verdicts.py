"""The judge on servers that others wrote: no claim broken, whatever their ids, wording, clocks and legal readings."""

from __future__ import annotations

from pathlib import Path

import pytest

from affidavit.finding import VerdictKind
from tests.opponents.stage import EVERYTHING, play

KEPT_AT_LEAST = {"chatmaid": 210, "whatsapi": 120}


@pytest.mark.parametrize("provider", KEPT_AT_LEAST)
@pytest.mark.parametrize(("skew", "allowed"), [(0, EVERYTHING), (-240, frozenset()), (300, EVERYTHING)])
def test_a_faithful_stranger_breaks_nothing(
    provider: str, skew: float, allowed: frozenset[str], tmp_path: Path
) -> None:
    result = play(provider, tmp_path, skew=skew, allowed=allowed, examples=4)
    assert {one.claim: one.findings for one in result.verdicts if one.kind is VerdictKind.BROKEN} == {}
    assert sum(one.kind is VerdictKind.KEPT for one in result.verdicts) >= KEPT_AT_LEAST[provider] * (
        1 if allowed else 0.8
    )
