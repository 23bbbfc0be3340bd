"""The judge on servers that others wrote: no claim broken, whatever their ids, wording, clocks and legal readings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affidavit.clock import VirtualClock
from affidavit.documents import load_catalog
from affidavit.finding import VerdictKind
from affidavit.session import START, Session, Settings
from affidavit.verdict import Result
from tests.opponents.chatmaid import ChatmaidOpponent

OPPONENTS: dict[str, tuple[Callable[[Callable[[], float]], Any], int]] = {"chatmaid": (ChatmaidOpponent, 210)}
"""Provider -> its second implementation, and how many claims a run against it keeps at least."""


def contract(provider: str, folder: Path, skew: float) -> Result:
    """A run against the opponent, whose clock is `skew` seconds ahead of ours."""
    clock, catalog = VirtualClock(START), load_catalog(provider)
    build, _ = OPPONENTS[provider]
    with build(lambda: clock.now() + skew) as opponent:
        settings = Settings(target=opponent.url, keys=opponent.keys)
        session = Session(catalog, settings, folder, clock, opponent.url, dict(opponent.keys), None, None)
        return session.play(lambda *_: None)


@pytest.mark.parametrize("provider", OPPONENTS)
@pytest.mark.parametrize("skew", [0, -240, 300])
def test_a_faithful_stranger_breaks_nothing(provider: str, skew: float, tmp_path: Path) -> None:
    result = contract(provider, tmp_path, skew)
    assert {one.claim: one.findings for one in result.verdicts if one.kind is VerdictKind.BROKEN} == {}
    assert sum(one.kind is VerdictKind.KEPT for one in result.verdicts) >= OPPONENTS[provider][1]
