"""What the target has shown to exist, learned from the record: ids, senders, and keys that can read them.

An invented id meets nothing, so a request with one only ever sees the answer for strangers. The values that were
accepted before, at the same place of the same operation with the same key, make an invented request meet something.

A path parameter always names something. A field of a body, or a filter, counts only when the target spoke of its
value before anybody else did: then the value is a reference, and not a text of the caller's. A query parameter that
every accepted request had is needed, and counts too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from affidavit.evidence import fits
from affidavit.exchange import Exchange
from affidavit.openapi_document import OpenApiDocument, Operation
from affidavit.pointer import join

MOST_VALUES = 8
"""Newest values kept per place: old ones may be gone."""
REDACTED = "⟨"


class Place(NamedTuple):
    """Where in a request a value stands."""

    part: Literal["path", "query", "body"]
    name: str
    """Name of the parameter, or JSON Pointer into the body."""


class Known:
    """The values to use, by operation and key role."""

    def __init__(self, document: OpenApiDocument) -> None:
        """Nothing is known yet."""
        self._document = document
        self._read = 0
        self._told: set[str] = set()
        self._said: set[str] = set()
        self._accepted: dict[tuple[str, str], dict[Place, list[str]]] = defaultdict(dict)
        self._needed: dict[str, set[str]] = {}

    def learn(self, exchanges: Sequence[Exchange]) -> None:
        """Read what is new in the record."""
        for exchange in exchanges[self._read :]:
            self._learn(exchange)
        self._read = len(exchanges)

    def values(self, operation: str, role: str) -> Mapping[Place, Sequence[str]]:
        """Values that were accepted, by place."""
        needed = self._needed.get(operation, set())
        return {
            place: values
            for place, values in self._accepted.get((operation, role), {}).items()
            if place.part != "query" or place.name in needed or all(value in self._told for value in values)
        }

    def role(self, operation: Operation, role: str) -> str:
        """The key role to read with: another one, where only that one was given anything."""
        if operation.risk != "read" or (operation.id, role) in self._accepted:
            return role
        return next((other for name, other in self._accepted if name == operation.id), role)

    def _learn(self, exchange: Exchange) -> None:
        answer, asked = exchange.response, exchange.request
        own = {value for _, value in asked.query} | {value for _, value in _texts(asked.json)}
        self._said |= own - self._told
        operation = self._document.operations.get(exchange.operation or "")
        if answer is None or not fits("2xx", answer.status):
            return
        if operation:
            self._accept(operation, exchange)
        self._told |= {value for _, value in _texts(answer.json)} - self._said

    def _accept(self, operation: Operation, exchange: Exchange) -> None:
        asked = exchange.request
        path = self._document.path_values(operation, asked.path)
        places = [(Place("path", name), value) for name, value in path.items()]
        places += [(Place("query", name), value) for name, value in asked.query]
        places += [(Place("body", at), value) for at, value in _texts(asked.json) if value in self._told]
        names = {name for name, _ in asked.query}
        self._needed[operation.id] = self._needed.get(operation.id, names) & names
        accepted = self._accepted[operation.id, exchange.role or "none"]
        for place, value in places:
            if REDACTED not in value:
                accepted[place] = list(_newest([*accepted.get(place, ()), value]))


def _newest(values: Iterable[str]) -> Sequence[str]:
    return list(dict.fromkeys(reversed(list(values))))[:MOST_VALUES][::-1]


def _texts(value: Any, at: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    """Every text in a JSON value with its pointer."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from _texts(member, join(at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, join(at, index))
