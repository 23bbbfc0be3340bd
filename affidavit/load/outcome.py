"""What became of one arrival, and of one message: the two rows that every figure of a load run is a fold over.

An **arrival** is a moment at which the plan wants a request, whatever the target does. A client that honours waits may
need several requests (attempts) for one arrival; each is an outcome of its own, and only its first attempt is a new
offer. Moments are seconds since the start of the run, on a clock that never goes back, so rows of several processes
that started together can be merged.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal, NamedTuple

NO_ROOM = "this machine has no room for more connections"
"""Begins the problem of a request that could not leave, for a reason that is not the target's."""
LATE_SECONDS = 0.010
"""A dispatch later than this is a late one: so long after its moment, deliberate waiting taken off."""


class Kind(Enum):
    """How a request, or an arrival that got none, ended."""

    OK = "ok"
    """Answered with the success the operation documents."""
    LIMITED = "limited"
    """Answered with 429: not a failure."""
    FAILED = "failed"
    """Any other answer, or no connection."""
    TIMEOUT = "timeout"
    """No complete answer in time, or none yet when the run ended."""
    DROPPED = "dropped"
    """Never sent: as many requests as allowed were in flight, or the budget was spent."""
    UNSENT = "unsent"
    """Never sent: its key was still waiting when the run ended."""

    # Enum's own hash is computed in Python from the name, at some cost per outcome folded.
    __hash__ = object.__hash__


NEVER_SENT = frozenset({Kind.DROPPED, Kind.UNSENT})


class Outcome(NamedTuple):
    """One attempt of one arrival. A tuple, because a soak makes hundreds of thousands of them."""

    intended: float
    """When the plan wanted the arrival's first attempt."""
    started: float
    """When the request left; for one never sent, when it was given up."""
    finished: float
    """When the answer was complete or given up; `started` for one never sent."""
    operation: str
    """operationId."""
    role: str
    """Role of the key, or the number of one of many keys."""
    kind: Kind
    status: int = 0
    """HTTP status; 0 without an answer."""
    remaining: int | None = None
    """What the answer said is left of the key's limit."""
    limit: int | None = None
    """What the answer said the key's limit is."""
    early_retry: bool = False
    """Whether it left before the wait that an earlier answer had asked of its key was over."""
    attempt: int = 1
    """1 for the first request of an arrival."""
    waited: float = 0.0
    """Seconds of `started - intended` that were deliberate: the key's wait, and the pace after it."""
    wait: float = 0.0
    """Seconds that a 429 asked to wait; 0 when it named none, or for other answers."""
    problem: str = ""
    """What went wrong, in a few words of our own; '' for ok and limited."""
    held: float = 0.0
    """Seconds of `waited` after the attempt before this one, which nobody has counted yet."""

    @property
    def sent(self) -> bool:
        """Whether a request left."""
        return self.kind not in NEVER_SENT

    @property
    def service(self) -> float:
        """Seconds from the request's start to its end."""
        return self.finished - self.started

    @property
    def from_intended(self) -> float:
        """Seconds from the moment the plan wanted to the end: what somebody waiting for it would have felt."""
        return self.finished - self.intended

    @property
    def lateness(self) -> float:
        """Seconds by which the generator itself was late; 0 or a little more in a sound run."""
        return max(0.0, self.started - self.intended - self.waited)

    @property
    def late(self) -> bool:
        """Whether it left too late to be called on time."""
        return self.sent and self.lateness > LATE_SECONDS


class Journey(NamedTuple):
    """One message on its way to one state, as seen one way."""

    accepted: float
    """When the answer to the send was complete."""
    state: str
    """The state waited for: `sent` or `delivered`."""
    by: Literal["polling", "webhook"]
    seen: float | None
    """When it was first seen in this state or beyond; None when that had not happened by the end: censored."""
    until: float
    """When watching ended: `seen`, or the moment at which it was given up."""
    failed: bool = False
    """Whether the message ended in failure instead, so that it can never get there."""
