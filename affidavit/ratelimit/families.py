"""The kinds of limiters, each as a small machine that many supposed limiters share: one array element per supposition.

    room(t)        how many requests would be admitted together at `t`
    take(t, a, r)  `a` were admitted at `t` and `r` refused, whatever was expected
    ready(t)       the first moment from `t` on at which one is admitted, if nobody asks until then
    change(t)      the first moment from `t` on at which more comes back

`take` follows what was seen and not what was expected: a refusal proves the limit used up, even when others used it,
and an admission proves room. Moments are seconds since the first request of the examination, so that they stay exact.

To add a family, write a class with these methods and give it a row in `FAMILIES`.

Sliding counters differ in how they round: most admit while the estimate plus one is within the limit, generous ones
while the estimate is below the limit, which is one request more wherever the estimate is no whole number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

GRAIN = 1e-7
"""Seconds, or requests, that rounding may cost."""
NEARLY_ONE = 1 - 1e-3
"""What a generous limiter admits above its limit: less than one request."""
LONG_AGO = -1e9


@dataclass(frozen=True)
class Supposed:
    """Parameters of many suppositions of one family; arrays of one length."""

    limit: Floats
    window: Floats
    """Seconds; of a bucket, the time from empty to full."""
    phase: Floats
    """Moment at which some window begins; for windows of the clock."""
    block: Floats
    """Seconds that a refusal locks out."""
    counts: Flags
    """Whether refused requests use up the limit too."""
    generous: Flags
    """Whether a fraction of a request below the limit is enough to admit one."""

    def __getitem__(self, chosen: NDArray[np.intp] | Flags) -> Supposed:
        return Supposed(
            self.limit[chosen],
            self.window[chosen],
            self.phase[chosen],
            self.block[chosen],
            self.counts[chosen],
            self.generous[chosen],
        )


class Machine(Protocol):
    """What a family does; see the head of this file."""

    def __init__(self, supposed: Supposed) -> None: ...
    def room(self, t: Floats) -> Floats:
        """Requests that would be admitted together."""
        ...

    def take(self, t: Floats, admitted: Floats, refused: Floats) -> None:
        """Follow what was seen."""
        ...

    def ready(self, t: Floats) -> Floats:
        """When one is admitted again."""
        ...

    def change(self, t: Floats) -> Floats:
        """When more is admitted than now."""
        ...


class ClockWindow:
    """So many in each window of the clock."""

    def __init__(self, supposed: Supposed) -> None:
        self.p = supposed
        self._number = np.full(supposed.limit.shape, LONG_AGO)
        self._used = np.zeros(supposed.limit.shape)

    def _at(self, t: Floats) -> Floats:
        return np.floor((t - self.p.phase) / self.p.window + GRAIN)

    def room(self, t: Floats) -> Floats:
        """All of it in a later window, else what is left."""
        left = self.p.limit - self._used
        return np.where(self._at(t) > self._number, self.p.limit, left)

    def take(self, t: Floats, admitted: Floats, refused: Floats) -> None:
        """Count in the window of `t`; a window that admits too much was in truth the next."""
        number = np.maximum(self._at(t), self._number)
        used = np.where(number > self._number, 0.0, self._used)
        self._number, self._used = number, _used(used, self.p.limit, admitted, refused)

    def ready(self, t: Floats) -> Floats:
        """Now, or at the end of the window."""
        return np.where(self.room(t) >= 1, t, self.change(t))

    def change(self, t: Floats) -> Floats:
        """At the end of the window."""
        return np.maximum(t, self.p.phase + (self._number + 1) * self.p.window)


class FirstRequestWindow:
    """So many in a window that the first request begins; where refusals count, each begins the window anew.

    That request may be another's: then the window began some time after the one before was over.
    """

    def __init__(self, supposed: Supposed) -> None:
        self.p = supposed
        self._begin = np.full(supposed.limit.shape, LONG_AGO)
        self._earliest = np.full(supposed.limit.shape, LONG_AGO)
        """When it may have begun already, if another's request began it."""
        self._used = np.zeros(supposed.limit.shape)

    def _over(self, t: Floats) -> Flags:
        return np.asarray(t >= self._begin + self.p.window - GRAIN)

    def may_be_new(self, t: Floats) -> Flags:
        """Where another's request may have begun the next window."""
        return np.asarray(t >= self._earliest + self.p.window) & ~self._over(t)

    def begin(self, t: Floats, chosen: Flags) -> None:
        """Take it for the next window where `chosen`, whoever began it."""
        earliest = np.clip(self._earliest + self.p.window, t - self.p.window, t)
        self._earliest = np.where(chosen, earliest, self._earliest)
        self._begin = np.where(chosen, t, self._begin)
        self._used = np.where(chosen, 0.0, self._used)

    def room(self, t: Floats) -> Floats:
        """All of it once the window is over, else what is left."""
        return np.where(self._over(t), self.p.limit, self.p.limit - self._used)

    def take(self, t: Floats, admitted: Floats, refused: Floats) -> None:
        """Begin a window if need be, and count."""
        over = (self._over(t) | (admitted > self.p.limit - self._used)) & (admitted + refused > 0)
        self.begin(t, over)
        self._used = _used(self._used, self.p.limit, admitted, refused)
        self._earliest = np.where(refused > 0, np.maximum(self._earliest, t - self.p.window), self._earliest)
        anew = self.p.counts & (refused > 0)
        self._begin, self._earliest = np.where(anew, t, self._begin), np.where(anew, t, self._earliest)

    def ready(self, t: Floats) -> Floats:
        """Now, or at the end of the window."""
        return np.where(self.room(t) >= 1, t, self.change(t))

    def change(self, t: Floats) -> Floats:
        """At the end of the window."""
        return np.maximum(t, self._begin + self.p.window)


class SlidingLog:
    """So many in any span as long as the window."""

    def __init__(self, supposed: Supposed) -> None:
        self.p = supposed
        self._times = np.empty((0, *supposed.limit.shape))
        self._counts = np.empty((0, *supposed.limit.shape))
        self._others = np.empty((0, *supposed.limit.shape))
        """Of the counts, what others must have taken, nobody knows when."""

    def unsure(self, t: Floats) -> Floats:
        """How many of others there are that may have grown old already."""
        found: Floats = np.where(self._young(t), self._others, 0.0).sum(axis=-2)
        return found

    def _young(self, t: Floats) -> Flags:
        return np.asarray(self._times + self.p.window - GRAIN > np.asarray(t)[..., None, :])

    def _inside(self, t: Floats) -> Floats:
        found: Floats = np.where(self._young(t), self._counts, 0.0).sum(axis=-2)
        return found

    def room(self, t: Floats) -> Floats:
        """The limit less what is young."""
        return np.maximum(0.0, self.p.limit - self._inside(t))

    def take(self, t: Floats, admitted: Floats, refused: Floats) -> None:
        """Note it; when one was refused, what was not seen was others', half of the time since the last batch ago."""
        missing = self.p.limit - self._inside(t) - admitted
        others = np.where((refused > 0) & ~self.p.counts, np.maximum(0.0, missing), 0.0)
        own = admitted + np.where(self.p.counts, refused, 0)
        before = np.maximum(t - self.p.window, self._times[-1] if len(self._times) else LONG_AGO)
        self._times = np.concatenate([self._times, [(before + t) / 2], np.broadcast_to(t, (1, *own.shape))])
        self._counts = np.concatenate([self._counts, others[None], own[None]])
        self._others = np.concatenate([self._others, others[None], np.zeros((1, *own.shape))])

    def ready(self, t: Floats) -> Floats:
        """When so many have grown old that one fits."""
        young = self._times + self.p.window - GRAIN > t
        order = np.cumsum(np.where(young, self._counts, 0.0)[::-1], axis=0)[::-1]
        full = order >= self.p.limit
        last = np.max(np.where(full, self._times, LONG_AGO), axis=0, initial=LONG_AGO)
        return np.asarray(np.maximum(t, last + self.p.window))

    def change(self, t: Floats) -> Floats:
        """When the oldest that is young grows old."""
        young = self._times + self.p.window - GRAIN > t
        first = np.min(np.where(young, self._times, -LONG_AGO), axis=0, initial=-LONG_AGO)
        return np.asarray(np.where(first == -LONG_AGO, t, first + self.p.window))


class SlidingCounter:
    """What was counted in this window of the clock, and the share of the one before that is less than a window ago."""

    def __init__(self, supposed: Supposed) -> None:
        self.p = supposed
        self._most = supposed.limit + np.where(supposed.generous, NEARLY_ONE, 0.0)
        self._number = np.full(supposed.limit.shape, LONG_AGO)
        self._now = np.zeros(supposed.limit.shape)
        self._before = np.zeros(supposed.limit.shape)

    def _counts(self, t: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Number of the window of `t`, share of the one before that still counts, and both counts, seen from `t`."""
        into = (t - self.p.phase) / self.p.window + GRAIN
        number = np.maximum(np.floor(into), self._number)
        gone = number - self._number
        now = np.where(gone == 0, self._now, 0.0)
        before = np.where(gone == 0, self._before, np.where(gone == 1, self._now, 0.0))
        return number, np.clip(1 - (into - number), 0.0, 1.0), now, before

    def room(self, t: Floats) -> Floats:
        """What is left of the most that the estimate may come to, rounded down."""
        _, share, now, before = self._counts(t)
        return np.maximum(0.0, np.floor(self._most - before * share - now + 1e-4))

    def take(self, t: Floats, admitted: Floats, refused: Floats) -> None:
        """Count in the window of `t`; when one was refused, what was not seen was others'."""
        number, share, now, before = self._counts(t)
        counted = now + admitted + np.where(self.p.counts, refused, 0)
        full = np.maximum(counted, np.floor(self._most - before * share))
        counted = np.where(refused > 0, full, counted)
        self._number, self._now, self._before = number, counted, before

    def ready(self, t: Floats) -> Floats:
        """Where the falling estimate has room for one."""
        number, _, now, before = self._counts(t)
        begin, room = self.p.phase + number * self.p.window, self._most - 1
        in_this = begin + self.p.window * (1 - (room - now) / np.maximum(before, GRAIN))
        in_next = begin + self.p.window * (2 - np.minimum(1.0, room / np.maximum(now, GRAIN)))
        return np.where(self.room(t) >= 1, t, np.maximum(t, np.where(now <= room, in_this, in_next)))

    def change(self, t: Floats) -> Floats:
        """When the next window begins."""
        number, *_ = self._counts(t)
        return np.maximum(t, self.p.phase + (number + 1) * self.p.window)


class TokenBucket:
    """A bucket that fills evenly, from empty to full in a window; the same as the generic cell rate algorithm."""

    def __init__(self, supposed: Supposed) -> None:
        self.p = supposed
        self._tokens = supposed.limit.copy()
        self._at = np.zeros(supposed.limit.shape)

    def _held(self, t: Floats) -> Floats:
        each = self.p.window / self.p.limit
        return np.minimum(self.p.limit, self._tokens + np.maximum(0.0, t - self._at) / each)

    def room(self, t: Floats) -> Floats:
        """Whole tokens."""
        return np.floor(self._held(t) + 1e-4)

    def take(self, t: Floats, admitted: Floats, refused: Floats) -> None:
        """Take them; a refusal leaves less than one."""
        left = np.maximum(0.0, self._held(t) - admitted)
        self._tokens = np.where(refused > 0, np.minimum(left, 1 - 1e-3), left)
        self._at = np.maximum(self._at, t)

    def ready(self, t: Floats) -> Floats:
        """When there is a whole token."""
        return t + np.maximum(0.0, 1 - self._held(t)) * self.p.window / self.p.limit

    def change(self, t: Floats) -> Floats:
        """When one more is there."""
        return t + self.p.window / self.p.limit


class Concurrency:
    """So many at once; all that was asked before has been answered."""

    def __init__(self, supposed: Supposed) -> None:
        self.p = supposed

    def room(self, t: Floats) -> Floats:
        """Always all of it."""
        return self.p.limit + 0.0 * t

    def take(self, t: Floats, admitted: Floats, refused: Floats) -> None:
        """Nothing stays."""

    def ready(self, t: Floats) -> Floats:
        """Always."""
        return t + 0.0 * self.p.limit

    def change(self, t: Floats) -> Floats:
        """Nothing changes."""
        return self.ready(t)


class BlockingWindow:
    """A window that the first request begins; one too many, and nobody is admitted for the time of the block."""

    def __init__(self, supposed: Supposed) -> None:
        self.p = supposed
        self._begin = np.full(supposed.limit.shape, LONG_AGO)
        self._used = np.zeros(supposed.limit.shape)
        self._until = np.full(supposed.limit.shape, LONG_AGO)

    def room(self, t: Floats) -> Floats:
        """None while blocked, all of it when that or the window is over, else what is left."""
        over = (t >= self._begin + self.p.window - GRAIN) | (self._until > LONG_AGO)
        return np.where(t < self._until - GRAIN, 0.0, np.where(over, self.p.limit, self.p.limit - self._used))

    def take(self, t: Floats, admitted: Floats, refused: Floats) -> None:
        """Begin a window or a block."""
        blocked = (t < self._until - GRAIN) & (admitted == 0)
        room = self.room(t)
        fresh = ~blocked & ((room == self.p.limit) | (admitted > room)) & (admitted + refused > 0)
        self._begin = np.where(fresh, t, self._begin)
        self._used = np.where(
            blocked, self._used, _used(np.where(fresh, 0.0, self._used), self.p.limit, admitted, refused)
        )
        self._until = np.where(fresh, LONG_AGO, self._until)
        locks = (refused > 0) & ~(blocked & ~self.p.counts)
        self._until = np.where(locks, t + self.p.block, self._until)

    def ready(self, t: Floats) -> Floats:
        """When neither block nor a full window stands."""
        return np.where(self.room(t) >= 1, t, self.change(t))

    def change(self, t: Floats) -> Floats:
        """When the block or the window ends."""
        return np.maximum(t, np.where(self._until > LONG_AGO, self._until, self._begin + self.p.window))


def _used(used: Floats, limit: Floats, admitted: Floats, refused: Floats) -> Floats:
    """What is used up afterwards: all when one was refused."""
    return np.where(refused > 0, limit, np.minimum(used + admitted, limit))


@dataclass(frozen=True)
class Family:
    """A row of the table."""

    machine: Callable[[Supposed], Machine]
    title: str
    """In words, for people."""
    odds: float
    """Log of how likely it is before anything was asked; rarer kinds and kinds with more parameters have less."""
    phased: bool = False
    """Whether its windows are those of the clock."""
    boundaries: bool = False
    """Whether room comes back at once where such a window ends."""
    blocks: bool = False
    counting: bool = False
    """Whether it can differ by refused requests counting."""
    rounding: bool = False
    """Whether it can differ by being generous."""
    gradual: bool = False
    """Whether room comes back bit by bit."""
    refills: bool = False
    """Whether that is at an even pace, always."""
    delays: bool = False
    """Whether requests wait in a queue."""
    timeless: bool = False
    """Whether time plays no part."""


FAMILIES: Mapping[str, Family] = {
    "fixed-window-clock": Family(ClockWindow, "fixed window of the clock", -0.5, phased=True, boundaries=True),
    "fixed-window-first": Family(FirstRequestWindow, "fixed window that the first request begins", 0.0, counting=True),
    "sliding-log": Family(SlidingLog, "sliding log", -0.3, counting=True),
    "sliding-counter": Family(
        SlidingCounter, "sliding counter of two windows", -2.0, phased=True, counting=True, rounding=True, gradual=True
    ),
    "token-bucket": Family(TokenBucket, "token bucket (GCRA)", 0.0, gradual=True, refills=True),
    "leaky-queue": Family(TokenBucket, "leaky queue, which delays", -0.5, gradual=True, refills=True, delays=True),
    "concurrency": Family(Concurrency, "requests at once", -0.5, timeless=True),
    "window-with-block": Family(BlockingWindow, "window with a block after it", -2.0, blocks=True, counting=True),
}
