"""What the examination of a limiter asks for, is told, and ends in: frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["watching", "active"]
"""watching: reads what the answers announce and never goes over the limit. active: goes over it on purpose."""

NONE_FITS = "none fits"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Place:
    """What is asked: a key, by its role, and an operation. The shell knows what they stand for."""

    key: str = "main"
    operation: str = ""


@dataclass(frozen=True)
class Send:
    """Send `times` requests at once to `place`; the flow is sent one `Reply` for each."""

    times: int = 1
    place: Place = Place()


@dataclass(frozen=True)
class Wait:
    """Let time pass until the moment `until`, epoch seconds on the clock of the replies; past moments mean no wait."""

    until: float


@dataclass(frozen=True)
class Reply:
    """What came for one request."""

    status: int
    """HTTP status; 0 when no answer came."""
    headers: tuple[tuple[str, str], ...]
    body: str
    sent_at: float
    """Epoch seconds on the shell's clock."""
    answered_at: float


@dataclass(frozen=True)
class Caps:
    """What an examination may cost at most; it never asks more, and says when a cap ended it."""

    requests: int = 3000
    seconds: float = 900.0
    refused: int = 1000
    """Answers with 429 (or another status that the limiter refuses with)."""
    longest_wait: float = 900.0
    """A Retry-After beyond so many seconds ends the examination."""


@dataclass(frozen=True)
class Interval:
    """A number with its bounds: what is outside of them would not explain the answers."""

    low: float
    best: float
    high: float


@dataclass(frozen=True)
class Traced:
    """One answer, as the verdict rests on it."""

    sent_at: float
    """Seconds since the first request of the examination."""
    answered_at: float
    status: int
    remaining: int | None
    place: Place = Place()


@dataclass(frozen=True)
class Verdict:
    """What limits, how sure that is, and the answers that show it."""

    mode: Mode
    family: str
    """A name of `families.FAMILIES`, NONE_FITS, or UNKNOWN when there is not enough to say."""
    ties: tuple[str, ...] = ()
    """Further families that explain the answers as well as `family` does."""
    limit: Interval | None = None
    """Requests per window; for a token bucket and a leaky queue its size; for concurrency requests at once."""
    window: Interval | None = None
    """Seconds; for a token bucket and a leaky queue the time to refill from empty to full. None for concurrency."""
    rate: Interval | None = None
    """Requests per second that are readmitted; None where a window ends at once."""
    block: Interval | None = None
    """Seconds for which a refusal locks out; None unless the family is a window with block."""
    counts_refused: bool | None = None
    """Whether refused requests use up the limit too; None when that was not seen or makes no difference."""
    scope: str = UNKNOWN
    """What the limit is counted per, in words; UNKNOWN when only one place was given."""
    shared: tuple[tuple[Place, bool], ...] = ()
    """Other places, and whether they share the limit."""
    reset_dialect: str | None = None
    """epoch-s, epoch-ms, delta-s, or None when no answer announces a reset."""
    clock_skew: Interval | None = None
    """Seconds by which the server's clock is ahead of the shell's."""
    misses: int = 0
    """Steps that came otherwise than the family foretells; 0 where only watched."""
    posterior: Mapping[str, float] = field(default_factory=dict)
    """Family -> probability; those not named have less than one in a thousand."""
    trace: tuple[Traced, ...] = ()
    requests: int = 0
    refused: int = 0
    seconds: float = 0.0
    stopped: str = ""
    """Why it ended before it knew enough: a cap, a status, a long wait; '' when it did not."""
    reason: str = ""
    """What the verdict rests on, in words."""
