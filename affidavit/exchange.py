"""What was said on the wire: one request with its answer, redacted and immutable.

Everything that is shown, judged or gated is computed from these records, so they hold no object that cannot be
written as one JSON line and read back equal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from sys import intern
from typing import Any, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


class _Absent:
    """The body that could not be read as JSON; distinct from JSON null."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


@lru_cache(maxsize=4096)
def _json_or_absent(text: str | None) -> Any:  # noqa: ANN401 - any JSON value, or ABSENT
    """The same object for the same text, since long runs get the same refusal thousands of times; not to be changed."""
    if not text:
        return ABSENT
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return ABSENT


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are kept once for all bodies: there are thousands with the same."""
    return {intern(name): value for name, value in members}


def _refuse(constant: str) -> Any:  # noqa: ANN401 - never returns
    """NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(constant)


_DECODER = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_object)


@dataclass(frozen=True)
class Request:
    """One request as sent; secrets replaced by placeholders."""

    method: str
    url: str
    """Absolute, as on the wire."""
    path: str
    """Path as on the wire (percent-encoded), without query."""
    query: tuple[tuple[str, str], ...]
    """Decoded pairs."""
    headers: tuple[tuple[str, str], ...]
    body: str | None
    """Text of the body; None when there was none. Bytes that are not UTF-8 are escaped."""

    @cached_property
    def json(self) -> Any:  # noqa: ANN401 - any JSON value, or ABSENT
        """The body as JSON, or ABSENT."""
        return _json_or_absent(self.body)

    def header(self, name: str) -> str | None:
        """First value of the named header, or None."""
        return _header(self.headers, name)


@dataclass(frozen=True)
class Response:
    """One answer as received; secrets replaced by placeholders."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    """Text of the body, capped; see `truncated`."""
    truncated: bool = False

    @cached_property
    def json(self) -> Any:  # noqa: ANN401 - any JSON value, or ABSENT
        """The body as JSON, or ABSENT."""
        return _json_or_absent(self.body)

    def header(self, name: str) -> str | None:
        """First value of the named header, or None."""
        return _header(self.headers, name)

    def has_header(self, name: str) -> bool:
        """Whether the named header is there at all."""
        return self.header(name) is not None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its response or the transport error that came instead."""

    seq: int
    """Position in the record, from 1."""
    provider: str
    operation: str | None
    """operationId, or None when the request matches no documented operation."""
    source: str
    """Who asked: `probe/step`, `property/<operation>`, `stateful`."""
    role: str | None
    """Role of the API key used; None when no known key was sent."""
    request: Request
    response: Response | None
    error: str | None
    """Transport error in words; None when a response came."""
    at: float
    """Epoch seconds on the run's clock when the request left."""
    elapsed: float
    """Seconds until the response was complete."""

    def forget(self) -> None:
        """Drop the bodies as JSON, which take more memory than all else; they are read again when asked for."""
        for part in (self.request, self.response):
            if part:
                vars(part).pop("json", None)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook that the provider posted to the harness's receiver, with what the receiver answered."""

    seq: int
    provider: str
    at: float
    """Epoch seconds on the run's clock when it arrived."""
    request: Request
    answered: int | None
    """Status the receiver gave, or None when it deliberately stayed silent."""


def _header(headers: tuple[tuple[str, str], ...], name: str) -> str | None:
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)
