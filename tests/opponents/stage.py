"""A run of the judge against a server that others wrote, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from affidavit.clock import VirtualClock
from affidavit.documents import load_catalog
from affidavit.receiver import Receiver
from affidavit.safety import RISKS
from affidavit.session import START, Session, Settings
from affidavit.verdict import Result
from tests.opponents.chatmaid import ChatmaidOpponent
from tests.opponents.whatsapi import WhatsapiOpponent

catalog_of = cache(load_catalog)
"""Read once in each process: it takes as long as a run."""
EVERYTHING = frozenset(RISKS)
DEAR = 200
"""Requests of a burst from which on it may be left out."""


class Ticking(VirtualClock):
    """Lets the opponent do what is due whenever time passes."""

    def __init__(self) -> None:
        super().__init__(START)
        self.tick_opponent: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        """Let time pass, for both."""
        super().sleep(seconds)
        self.tick_opponent()


def play(  # noqa: PLR0913 - a run and what is different in it
    provider: str,
    folder: Path,
    *,
    skew: float = 0,
    allowed: frozenset[str] = EVERYTHING,
    examples: int = 0,
    change: Callable[[Any], None] | None = None,
    thrifty: bool = False,
) -> Result:
    """A run against the opponent, whose clock is `skew` seconds ahead of ours; `thrifty` leaves dear bursts out."""
    catalog, clock = catalog_of(provider), Ticking()
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(clock, "0123456789abcdef", silence=0))
        opponent: Any
        if provider == "chatmaid":
            opponent = ChatmaidOpponent(lambda: clock.now() + skew)
        else:
            opponent = WhatsapiOpponent(lambda: clock.now() + skew, receiver.base)
        if change is not None:
            change(opponent)
        if provider == "whatsapi":
            clock.tick_opponent = opponent.tick
        stack.enter_context(opponent)
        named = {role.removeprefix("plan_"): key for role, key in opponent.keys.items()}
        keys = {role: key for role, key in named.items() if role in catalog.profile.roles}
        dear = {name for name, probe in catalog.script.probes.items() if probe.last and probe.requests > DEAR}
        settings = Settings(
            target=opponent.url,
            keys=keys,
            allowed=allowed,
            receiver=(receiver.base, 1) if allowed else None,
            examples=examples,
            leave_out=frozenset(dear if thrifty else ()),
        )
        session = Session(catalog, settings, folder, clock, opponent.url, keys, None, receiver if allowed else None)
        return session.play(lambda *_: None)
