"""What a sandbox provider is: a machine that answers one request at one moment.

A `Machine` holds the whole state of one provider's imitation: accounts, keys, messages. It decides what the
provider would answer, and nothing else:

* it does no I/O and reads no clock: the moment comes in as `now` (epoch seconds, UTC);
* it draws no randomness of its own: ids come from the seed it was built with, so two machines with one seed that
  see the same requests at the same moments answer the same bytes;
* it knows nothing of checks or claims: it is written from the provider's documents alone.

The state is a plain mutable object behind these methods rather than a value passed in and out: a load run stores
hundreds of thousands of messages, and copying them for every request would measure the copying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came off the wire."""

    method: str
    path: str
    """Raw path, still percent-encoded, without the query."""
    query: tuple[tuple[str, str], ...] = ()
    """Decoded pairs in the order sent; a name may repeat."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: bytes = b""
    client: str = "127.0.0.1"
    """Address of the caller, for limits per address."""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; `headers` are sent as they stand, in order."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A webhook delivery that is due."""

    id: int
    due: float
    """Epoch seconds at which it should leave."""
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    attempt: int = 1
    """1 for the first delivery, 2 for its retry."""


class UnknownControlError(ValueError):
    """A control action, or an argument of one, that the machine does not have."""


class Machine(Protocol):
    """One provider's imitation."""

    def step(self, request: Request, now: float) -> Response:
        """Answer `request` at `now`. `now` never goes back between calls."""
        ...

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """Let everything that is due by `now` happen (lifecycle, schedules); return the deliveries due by `now`."""
        ...

    def next_due(self) -> float | None:
        """The next moment at which `tick` would do something, or None."""
        ...

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """Take the outcome of a delivery: an HTTP status, or None for a timeout or transport error."""
        ...

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """Do something only a sandbox can: see each machine's `CONTROLS`.

        Raises UnknownControlError when the action or an argument is not known.
        """
        ...

    def keys(self) -> Mapping[str, str]:
        """The seeded API keys by role."""
        ...
