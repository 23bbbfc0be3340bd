"""The judge on servers that others wrote: no claim broken, whatever their ids, wording, clocks and legal readings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from affidavit.clock import VirtualClock
from affidavit.documents import load_catalog
from affidavit.finding import VerdictKind
from affidavit.receiver import Receiver
from affidavit.safety import RISKS
from affidavit.session import START, Session, Settings
from affidavit.verdict import Result
from tests.opponents.chatmaid import ChatmaidOpponent
from tests.opponents.whatsapi import WhatsapiOpponent

EVERYTHING = frozenset(RISKS)
KEPT_AT_LEAST = {"chatmaid": 210, "whatsapi": 120}


class Ticking(VirtualClock):
    """Lets the opponent do what is due whenever time passes."""

    def __init__(self, tick: Callable[[], None]) -> None:
        super().__init__(START)
        self.tick_opponent = tick

    def sleep(self, seconds: float) -> None:
        """Let time pass, for both."""
        super().sleep(seconds)
        self.tick_opponent()


def contract(provider: str, folder: Path, skew: float, allowed: frozenset[str]) -> Result:
    """A run against the opponent, whose clock is `skew` seconds ahead of ours."""
    catalog, clock = load_catalog(provider), Ticking(lambda: None)
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(clock, "0123456789abcdef", silence=0))
        opponent: Any
        if provider == "chatmaid":
            opponent = stack.enter_context(ChatmaidOpponent(lambda: clock.now() + skew))
        else:
            opponent = stack.enter_context(WhatsapiOpponent(lambda: clock.now() + skew, receiver.base))
            clock.tick_opponent = opponent.tick
        named = {role.removeprefix("plan_"): key for role, key in opponent.keys.items()}
        keys = {role: key for role, key in named.items() if role in catalog.profile.roles}
        settings = Settings(target=opponent.url, keys=keys, allowed=allowed, receiver=(receiver.base, 1), examples=4)
        session = Session(catalog, settings, folder, clock, opponent.url, keys, None, receiver)
        return session.play(lambda *_: None)


@pytest.mark.parametrize("provider", KEPT_AT_LEAST)
@pytest.mark.parametrize(("skew", "allowed"), [(0, EVERYTHING), (-240, frozenset()), (300, EVERYTHING)])
def test_a_faithful_stranger_breaks_nothing(
    provider: str, skew: float, allowed: frozenset[str], tmp_path: Path
) -> None:
    result = contract(provider, tmp_path, skew, allowed)
    assert {one.claim: one.findings for one in result.verdicts if one.kind is VerdictKind.BROKEN} == {}
    assert sum(one.kind is VerdictKind.KEPT for one in result.verdicts) >= KEPT_AT_LEAST[provider] * (
        1 if allowed else 0.8
    )
