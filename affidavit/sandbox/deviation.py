"""Named ways in which an imitation differs: faults, which break a promise of the documents, and variants, which do not.

A deviation is a machine around a machine. It may change what the inner one is asked, what it answers, and what it sends
out, ask it more than the caller did, and remember; the machines themselves stay faithful and know nothing of it.

    request ─► second deviation ─► first deviation ─► machine
    response ◄────────┴──────────────────┴────────────────┘

To add one, add a row to the provider's `deviations` module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from affidavit.sandbox.http import UnreadableBodyError, from_json, to_json
from affidavit.sandbox.model import Json, Machine, Outgoing, Request, Response, UnknownControlError

SWITCH = "deviate"
"""Control action: `{"on": [names]}` puts exactly these deviations on, from now on."""


class Around(Machine):
    """Does what the inner machine does; a deviation overrides what it wants different."""

    def __init__(self, inner: Machine) -> None:
        self.inner = inner

    def step(self, request: Request, now: float) -> Response:
        """Answer the request."""
        return self.inner.step(request, now)

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """What is due."""
        return self.inner.tick(now)

    def next_due(self) -> float | None:
        """When something is due."""
        return self.inner.next_due()

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """A delivery's outcome."""
        self.inner.delivered(outgoing, status, now)

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """A control of the inner machine."""
        return self.inner.control(action, arguments, now)

    def keys(self) -> Mapping[str, str]:
        """The keys by role."""
        return self.inner.keys()


@dataclass(frozen=True, slots=True)
class Deviation:
    """One row: a name, what it does in one sentence, and the machine that does it."""

    name: str
    says: str
    family: str
    """What kind of promise it touches, in the words of the ledger's families."""
    around: Callable[[Machine], Machine]


@dataclass(frozen=True, slots=True)
class Place:
    """Which conversations a deviation touches; a path's `{}` stands for any one part of it."""

    method: str = ".*"
    path: str = ".*"
    status: str = ".*"
    """Of the answer; digits or a pattern such as `2..`."""

    def asks(self, request: Request) -> bool:
        """Whether the request is meant, method and path."""
        path = self.path if self.path == ".*" else re.escape(self.path).replace(r"\{\}", "[^/]+")
        return bool(re.fullmatch(self.method, request.method) and re.fullmatch(path, request.path))

    def answers(self, request: Request, response: Response) -> bool:
        """Whether this answer to it is meant."""
        return self.asks(request) and bool(re.fullmatch(self.status, str(response.status)))


class Answering(Around):
    """Gives another answer than the inner machine where the place fits."""

    def __init__(self, inner: Machine, place: Place, change: Callable[[Request, Response, float], Response]) -> None:
        super().__init__(inner)
        self._place, self._change = place, change

    def step(self, request: Request, now: float) -> Response:
        """The changed answer."""
        response = self.inner.step(request, now)
        return self._change(request, response, now) if self._place.answers(request, response) else response


class Asking(Around):
    """Asks the inner machine something else than the caller did where the place fits."""

    def __init__(self, inner: Machine, place: Place, change: Callable[[Request, float], Request]) -> None:
        super().__init__(inner)
        self._place, self._change = place, change

    def step(self, request: Request, now: float) -> Response:
        """The answer to the changed request."""
        return self.inner.step(self._change(request, now) if self._place.asks(request) else request, now)


class Sometimes(Around):
    """Deviates on every so-many-th request of the place and is faithful otherwise."""

    def __init__(self, inner: Machine, place: Place, every: int, around: Callable[[Machine], Machine]) -> None:
        super().__init__(inner)
        self._place, self._every, self._deviant = place, every, around(inner)
        self._asked = 0

    def step(self, request: Request, now: float) -> Response:
        """The faithful answer, or the other one when its turn has come."""
        if not self._place.asks(request):
            return self.inner.step(request, now)
        self._asked += 1
        machine = self.inner if self._asked % self._every else self._deviant
        return machine.step(request, now)


GONE: Any = object()
"""What a change of `edited` returns to take the member away."""


def edited(value: Any, at: str, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any JSON value
    """The value with what stands at the JSON Pointer changed; `*` is every item, and nothing there is nothing done."""
    if not at:
        return change(value)
    name, _, below = at[1:].partition("/")
    rest = f"/{below}" if below else ""
    if isinstance(value, list):
        wanted = range(len(value)) if name == "*" else [int(name)]
        items = [edited(item, rest, change) if place in wanted else item for place, item in enumerate(value)]
        return [item for item in items if item is not GONE]
    if not isinstance(value, dict) or name not in value:
        return value
    members = {key: edited(member, rest, change) if key == name else member for key, member in value.items()}
    return {key: member for key, member in members.items() if member is not GONE}


def with_json(response: Response, change: Callable[[Any], Any]) -> Response:
    """The response with its JSON body changed; one that is no JSON stays as it is."""
    try:
        value: Any = from_json(response.body)
    except UnreadableBodyError:
        return response
    return replace(response, body=to_json(change(value)))


def with_body(request: Request, change: Callable[[Any], Any]) -> Request:
    """The request with its JSON body changed; one that is no JSON stays as it is."""
    try:
        value: Any = from_json(request.body)
    except UnreadableBodyError:
        return request
    return replace(request, body=to_json(change(value)))


def with_header(response: Response, name: str, value: str | None) -> Response:
    """The response with the header set in place, or taken away when `value` is None."""
    known = [one.lower() for one, _ in response.headers]
    if name.lower() not in known:
        return response if value is None else replace(response, headers=(*response.headers, (name, value)))
    kept = ((one, value if one.lower() == name.lower() else old) for one, old in response.headers)
    return replace(response, headers=tuple((one, text) for one, text in kept if text is not None))


class Switchboard(Around):
    """A faithful machine with the deviations that are on around it; the switch is a control action."""

    def __init__(self, faithful: Machine, known: Mapping[str, Deviation], on: Iterable[str] = ()) -> None:
        """Raises UnknownControlError for a name that is not known."""
        super().__init__(faithful)
        self._faithful, self._known = faithful, known
        self.on: tuple[str, ...] = ()
        self._switch(tuple(on))

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """The switch, or a control of the machine."""
        if action != SWITCH:
            return super().control(action, arguments, now)
        names = arguments.get("on")
        if set(arguments) != {"on"} or not isinstance(names, Sequence) or isinstance(names, str):
            raise UnknownControlError(f'{SWITCH} takes {{"on": [names]}}, got {dict(arguments)!r}')
        self._switch(tuple(str(name) for name in names))
        return {"on": list(self.on)}

    def _switch(self, names: tuple[str, ...]) -> None:
        unknown = [name for name in names if name not in self._known]
        if unknown:
            raise UnknownControlError(f"no deviation {', '.join(unknown)}; there are: {', '.join(sorted(self._known))}")
        machine = self._faithful
        for name in names:
            machine = self._known[name].around(machine)
        self.inner, self.on = machine, names


def table(rows: Iterable[Deviation]) -> Mapping[str, Deviation]:
    """The rows by name. Raises ValueError for a name that is there twice."""
    found: dict[str, Deviation] = {}
    for row in rows:
        if row.name in found:
            raise ValueError(f"deviation {row.name!r} is there twice")
        found[row.name] = row
    return found


__all__ = [
    "GONE",
    "SWITCH",
    "Answering",
    "Around",
    "Asking",
    "Deviation",
    "Place",
    "Sometimes",
    "Switchboard",
    "edited",
    "table",
    "with_body",
    "with_header",
    "with_json",
]
