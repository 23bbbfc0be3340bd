"""What a scenario does with its arrivals and with the answers it gets. No clock, no network.

    moment ─► arrival ─► Shot ─► (sent by somebody) ─► answered ─► perhaps another Shot, later

A shot is one request that is wanted at one moment. A message that was sent is **watched** until it is settled: either
by polling it again and again (`follow`), or by arrivals that ask for the state of some message, or by webhooks.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, cycle
from typing import Any, Literal, NamedTuple, TypeGuard

from affidavit.exchange import ABSENT
from affidavit.load.outcome import Journey, Kind
from affidavit.load.recipe import Recipe
from affidavit.pointer import first

SEND, POLL = "send", "poll"
MOST_WATCHED = 20_000
"""Messages watched at the same time; beyond that, new ones are not."""
LONGEST_ID = 200
TOLD_EARLY = 1_000
"""Webhooks kept that tell of messages not known yet: one may overtake the answer to the send."""

By = Literal["polling", "webhook"]


class Arrival(NamedTuple):
    """One row of the schedule."""

    moment: float
    """Seconds since the start."""
    request: str
    """A name of the recipe's requests."""
    role: str


@dataclass(slots=True)
class Shot:
    """One request that is wanted at one moment."""

    request: str
    role: str
    intended: float
    message: str = ""
    """Id of the message it is about."""
    attempt: int = 1
    waited: float = 0.0
    """Seconds from `intended` to its leaving, on purpose."""
    since: float | None = None
    """When the attempt before this one was refused; None for the first."""
    held: float = 0.0
    """Seconds of `waited` since then."""
    left: float = 0.0
    """When it left."""
    early: bool = False
    """Whether it left before the end of a wait that its key was asked for."""

    def held_until(self, now: float) -> None:
        """It waits no longer."""
        self.waited = max(0.0, now - self.intended)
        self.held = self.waited if self.since is None else max(0.0, now - self.since)


@dataclass(slots=True)
class _Watched:
    """A message on its way."""

    id: str
    role: str
    accepted: float
    reached: dict[By, set[str]]
    polls: int = 0


def arrivals(
    moments: Iterable[float], weights: Mapping[str, float], roles: Sequence[str], draw: Callable[[], float]
) -> Iterator[Arrival]:
    """Give each moment its request, drawn by weight, and its key, in turn.

    `draw` gives uniform numbers in [0, 1); it is not called when there is nothing to choose.
    """
    names = [name for name, weight in weights.items() if weight > 0]
    sums = list(accumulate(weights[name] for name in names))
    for moment, role in zip(moments, cycle(roles), strict=False):
        if len(names) == 1:
            yield Arrival(moment, names[0], role)
        else:
            point = draw() * sums[-1]
            yield Arrival(moment, next(name for name, end in zip(names, sums, strict=True) if point < end), role)


@dataclass
class Flow:
    """One scenario under way in one process."""

    recipe: Recipe
    think: float
    """Seconds from one look at a message to the next."""
    patience: float
    """Seconds after which a message that is not settled is given up."""
    follow: bool = False
    """Whether every message is polled until it is settled."""
    ways: tuple[By, ...] = ()
    """How messages are watched; () when nobody asks what becomes of them."""
    journeys: list[Journey] = field(default_factory=list)
    """Ended, and not yet taken by whoever counts them."""
    polls: list[tuple[int, bool]] = field(default_factory=list)
    """Of messages no longer watched: how often each was asked for, and whether that settled it."""
    nameless: int = 0
    """Sends whose answers named no message that could be watched, and not taken yet."""
    watched: dict[str, _Watched] = field(default_factory=dict)
    _due: deque[tuple[float, str]] = field(default_factory=deque)
    """When the next look at a message is worth while, and at which."""
    _early: dict[str, list[tuple[str, float]]] = field(default_factory=dict)

    def shot(self, arrival: Arrival) -> Shot:
        """What the arrival asks. Asking for a state needs a message: as long as there is none, one is sent."""
        if arrival.request != POLL:
            return Shot(arrival.request, arrival.role, arrival.moment)
        message = self._next_due(arrival.moment)
        if message is None:
            return Shot(SEND, arrival.role, arrival.moment)
        return Shot(POLL, message.role, arrival.moment, message.id)

    def wants_body(self, shot: Shot) -> bool:
        """Whether the answer's body has to be read."""
        return bool(self.ways) and self.recipe.requests[shot.request].state is not None

    def answered(self, shot: Shot, kind: Kind, body: bytes, now: float) -> Shot | None:
        """What to ask next because of the last answer to this shot; its `intended` is then."""
        if not self.ways:
            return None
        asked = self.recipe.requests[shot.request]
        answer = _json(body) if kind is Kind.OK else ABSENT
        if shot.request == POLL:
            return self._looked(shot, first(answer, asked.state or ""), now)
        if kind is not Kind.OK or asked.message is None or len(self.watched) >= MOST_WATCHED:
            return None
        message = first(answer, asked.message)
        if not _is_id(message):
            self.nameless += 1
            return None
        watched = _Watched(message, shot.role, now, {way: set() for way in self.ways})
        self.watched[message] = watched
        for state, at in self._early.pop(message, []):
            self._seen(watched, "webhook", state, max(at, now))
        if "polling" not in self.ways:
            return None
        if asked.state:
            self._seen(watched, "polling", first(answer, asked.state), now)
        return self._again(watched, now)

    def told(self, message: str, state: str, now: float) -> None:
        """A webhook said that a message is in a state."""
        watched = self.watched.get(message)
        if watched is not None:
            self._seen(watched, "webhook", state, now)
        elif len(self._early) < TOLD_EARLY:
            self._early.setdefault(message, []).append((state, now))

    def give_up(self, now: float, *, everything: bool = False) -> None:
        """Stop watching what has not settled in time, or anything at all."""
        while self.watched:
            oldest = next(iter(self.watched.values()))
            if not everything and now - oldest.accepted < self.patience:
                return
            self._close(oldest, now, failed=False)

    def _looked(self, shot: Shot, state: Any, now: float) -> Shot | None:  # noqa: ANN401 - any JSON value
        watched = self.watched.get(shot.message)
        if watched is None:
            return None
        watched.polls += 1
        self._seen(watched, "polling", state, now)
        return self._again(watched, now)

    def _again(self, watched: _Watched, now: float) -> Shot | None:
        """The next look at a message that is not settled."""
        if watched.id not in self.watched or not self._misses(watched, "polling"):
            return None
        if self.follow:
            return Shot(POLL, watched.role, now + self.think, watched.id)
        self._due.append((now + self.think, watched.id))
        return None

    def _next_due(self, now: float) -> _Watched | None:
        while self._due and self._due[0][0] <= now:
            watched = self.watched.get(self._due.popleft()[1])
            if watched is not None:
                return watched
        return None

    def _seen(self, watched: _Watched, way: By, state: Any, now: float) -> None:  # noqa: ANN401 - any JSON value
        if not isinstance(state, str):
            return
        if state in self.recipe.states["failed"]:
            self._close(watched, now, failed=True)
            return
        for name in self._misses(watched, way):
            if state in self.recipe.states[name]:
                watched.reached[way].add(name)
                self.journeys.append(Journey(watched.accepted, name, way, now, now))
        if not any(self._misses(watched, one) for one in self.ways):
            self._close(watched, now, failed=False)

    def _misses(self, watched: _Watched, way: By) -> list[str]:
        return [name for name in ("sent", "delivered") if name not in watched.reached[way]]

    def _close(self, watched: _Watched, now: float, *, failed: bool) -> None:
        if self.watched.pop(watched.id, None) is None:
            return
        for way in self.ways:
            for name in self._misses(watched, way):
                self.journeys.append(Journey(watched.accepted, name, way, None, now, failed))
        if "polling" in self.ways:
            self.polls.append((watched.polls, failed or not self._misses(watched, "polling")))


def _is_id(value: Any) -> TypeGuard[str]:  # noqa: ANN401 - any JSON value
    """Whether it can stand in a path: JSON may hold halves of characters, which nothing can write."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST_ID
        and not any("\ud800" <= one <= "\udfff" for one in value)
    )


def _json(body: bytes) -> Any:  # noqa: ANN401 - any JSON value, or ABSENT
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return ABSENT
