"""How a limiter's decision is told: header fields, and the body of a refusal.

fields     X-RateLimit-* with a reset in epoch seconds, in epoch milliseconds or in seconds from now; the current
           IETF fields; those of the sixth draft; or none
wait       Retry-After in seconds or as a date, `retryAfter` in the body, or nothing
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

from tests.limiters.families import GRAIN, Decision

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Told:
    """What there is to tell, on the server's clock."""

    limit: int
    window: float
    now: float
    decision: Decision

    @property
    def left(self) -> str:
        """Requests left."""
        return str(self.decision.remaining)

    @property
    def delta(self) -> int:
        """Whole seconds until the reset, rounded up."""
        return math.ceil(self.decision.reset - self.now - GRAIN)


def x_fields(told: Told, reset: int) -> Headers:
    """The usual three."""
    names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    return list(zip(names, (str(told.limit), told.left, str(reset)), strict=True))


def draft_6(told: Told) -> Headers:
    """`RateLimit-Limit` and its like, with the policy."""
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
    return list(zip(names, (str(told.limit), told.left, str(told.delta), policy(told)), strict=True))


def structured(told: Told) -> Headers:
    """The structured fields of the current draft."""
    return [
        ("RateLimit-Policy", f'"default";q={policy(told)}'),
        ("RateLimit", f'"default";r={told.left};t={told.delta}'),
    ]


def policy(told: Told) -> str:
    """Limit and window; the window in whole seconds, as the drafts have it."""
    return f"{told.limit};w={max(1, round(told.window))}"


FIELDS: Mapping[str, Callable[[Told], Headers]] = {
    "none": lambda _told: [],
    "x-epoch": lambda told: x_fields(told, math.ceil(told.decision.reset - GRAIN)),
    "x-epoch-ms": lambda told: x_fields(told, math.ceil(told.decision.reset * 1000)),
    "x-delta": lambda told: x_fields(told, told.delta),
    "ietf": structured,
    "draft-6": draft_6,
}

WAITS = ("none", "seconds", "date", "body")


@dataclass(frozen=True)
class Dialect:
    """One way to tell."""

    fields: str = "none"
    wait: str = "none"

    def __post_init__(self) -> None:
        if self.fields not in FIELDS or self.wait not in WAITS:
            raise ValueError(f"{self}: fields are one of {list(FIELDS)}, wait one of {list(WAITS)}")

    def headers(self, told: Told) -> Headers:
        """Those of this answer."""
        found = FIELDS[self.fields](told)
        if told.decision.admitted:
            return found
        if self.wait == "seconds":
            found.append(("Retry-After", str(self.seconds(told))))
        if self.wait == "date":
            # A date has whole seconds, so it is rounded up by itself.
            moment = math.ceil(told.now + told.decision.retry_after - GRAIN)
            found.append(("Retry-After", formatdate(moment, usegmt=True)))
        return found

    def body(self, told: Told) -> str:
        """JSON; a refusal in Chatmaid's envelope."""
        if told.decision.admitted:
            return '{"success":true}'
        refusal = {"success": False, "error": "Rate limit exceeded", "statusCode": 429}
        return json.dumps(refusal | ({"retryAfter": self.seconds(told)} if self.wait == "body" else {}))

    def seconds(self, told: Told) -> int:
        """Whole seconds to wait, rounded up, at least 1."""
        return max(1, math.ceil(told.decision.retry_after - GRAIN))
