"""The fixed-window limiter both providers use: so many requests per window, counted per key.

A window is one of two kinds. An *aligned* one belongs to the clock: with 60 seconds it begins at every full minute of
the epoch, for all keys at once. The other kind begins with a key's first request and ends that long after it; the
next request then begins a new one.

What a refusal promises is exact: at `now + retry_after` the same key is admitted, and one second earlier it is not.
Refused requests are not counted, so knocking on a closed door does not keep it closed.

Inelegant: a key that never comes back keeps its small row for ever.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

ROUNDING = 1e-6
"""Share of a token that a bucket may lack for want of digits."""


class Admission(NamedTuple):
    """What the limiter decided about one request."""

    allowed: bool
    limit: int
    """Requests per window."""
    remaining: int
    """Requests left in this window after this one."""
    reset_at: float
    """Epoch seconds at which the window ends."""
    retry_after: int
    """Whole seconds until then, rounded up, at least 1."""


@dataclass(slots=True)
class FixedWindow:
    """Admits `limit` requests of one key per window; `limit` may be changed at any time."""

    limit: int
    seconds: float
    """Length of a window."""
    aligned: bool
    """Whether windows belong to the clock, or begin with a key's first request."""
    own: dict[str, int] = field(default_factory=dict)
    """Key -> its limit, for those that have another."""
    _windows: dict[str, _Window] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.limit < 0 or self.seconds <= 0:
            raise ValueError(
                f"a window of {self.limit} requests in {self.seconds} s cannot be: use 0 or more in some time"
            )

    def admit(self, key: str, now: float) -> Admission:
        """Take the request of `key` at `now` into account, or refuse it."""
        window, limit = self._window(key, now), self.own.get(key, self.limit)
        allowed = window.admitted < limit
        if allowed:
            window.admitted += 1
        remaining = max(0, limit - window.admitted)
        return Admission(allowed, limit, remaining, window.reset_at, whole_seconds(now, window.reset_at))

    def _window(self, key: str, now: float) -> _Window:
        """The window `now` falls into, begun if need be."""
        window = self._windows.get(key)
        if window is None or now >= window.reset_at:
            begin = now - now % self.seconds if self.aligned else now
            window = self._windows[key] = _Window(begin + self.seconds)
        return window


@dataclass(slots=True)
class _Window:
    reset_at: float
    admitted: int = 0


def whole_seconds(now: float, until: float) -> int:
    """The fewest whole seconds, at least 1, that carry a clock from `now` to `until` or beyond."""
    wait = math.floor(until - now)
    return max(1, wait if now + wait >= until else wait + 1)
