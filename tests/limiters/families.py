"""Nine families of rate limiters, each told the moment of a request and nothing else.

They are written to be seen right, not to be fast. `now` never goes back between calls. Moments are epoch seconds, spans
seconds.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

GRAIN = 1e-6
"""A moment in epoch seconds is exact to about a quarter of this; so much earlier is in time."""


class Decision(NamedTuple):
    """What became of one request."""

    admitted: bool
    delay: float
    """Seconds the request is held before it is answered."""
    remaining: int
    """Requests that would be admitted right after this one."""
    reset: float
    """Moment at which all is as if nobody had asked; after a refusal, at which one is admitted again."""
    retry_after: float
    """Seconds, from the request, after which one is certainly admitted if nobody else asks; 0 when it is now."""


def served(remaining: int, reset: float, retry_after: float, delay: float = 0.0) -> Decision:
    """The request is admitted."""
    return Decision(admitted=True, delay=delay, remaining=remaining, reset=reset, retry_after=retry_after)


def refused(now: float, retry_after: float) -> Decision:
    """The request is not; the reset of a refusal is when one is admitted again."""
    return Decision(admitted=False, delay=0.0, remaining=0, reset=now + retry_after, retry_after=retry_after)


class Limiter(Protocol):
    """One limiter for one caller."""

    limit: int

    def admit(self, now: float) -> Decision:
        """Take a request into account."""
        ...


class ClockWindow:
    """So many in each window of the clock; a window of 60 s is a minute of the clock."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window = limit, window
        self._number, self._used = -1, 0

    def admit(self, now: float) -> Decision:
        """Look at the window that `now` is in."""
        number = int(now // self.window)
        if number != self._number:
            self._number, self._used = number, 0
        end = (number + 1) * self.window
        if self._used >= self.limit:
            return refused(now, end - now)
        self._used += 1
        left = self.limit - self._used
        return served(left, end, 0 if left else end - now)


class FirstRequestWindow:
    """So many in a window that the first request begins."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window = limit, window
        self._end, self._used = float("-inf"), 0

    def admit(self, now: float) -> Decision:
        """Look at the window that is open, or open one."""
        if now >= self._end:
            self._end, self._used = now + self.window, 0
        if self._used >= self.limit:
            return refused(now, self._end - now)
        self._used += 1
        left = self.limit - self._used
        return served(left, self._end, 0 if left else self._end - now)


class SlidingLog:
    """So many in any span as long as the window."""

    def __init__(self, limit: int, window: float, *, counts_refused: bool = False) -> None:
        self.limit, self.window, self.counts_refused = limit, window, counts_refused
        self._log: list[float] = []

    def admit(self, now: float) -> Decision:
        """Look at the last `window` seconds."""
        self._log = [at for at in self._log if at > now - self.window]
        admitted = len(self._log) < self.limit
        if admitted or self.counts_refused:
            self._log.append(now)
        left = max(0, self.limit - len(self._log))
        wait = 0.0 if left else self._log[-self.limit] + self.window - now
        return served(left, self._log[-1] + self.window, wait) if admitted else refused(now, wait)


class SlidingCounter:
    """What was counted in this window of the clock, and the share of the one before that is less than a window ago."""

    def __init__(self, limit: int, window: float, *, counts_refused: bool = False, generous: bool = False) -> None:
        """A generous one rounds the estimate down, and so admits while less than the limit is used up."""
        self.limit, self.window, self.counts_refused = limit, window, counts_refused
        self._most = limit + 1 - 2 * GRAIN if generous else limit
        self._number, self._now, self._before = -1, 0, 0

    def admit(self, now: float) -> Decision:
        """Weigh both windows."""
        number = int(now // self.window)
        if number != self._number:
            self._before = self._now if number == self._number + 1 else 0
            self._number, self._now = number, 0
        admitted = self._estimate(now) + 1 <= self._most
        if admitted or self.counts_refused:
            self._now += 1
        left = max(0, int(self._most - self._estimate(now) + GRAIN))
        wait = 0.0 if left else self._wait(now)
        return served(left, (number + 2) * self.window, wait) if admitted else refused(now, wait)

    def _estimate(self, at: float) -> float:
        """The count at a moment in this window or the next, if nobody asks until then."""
        into = at / self.window - self._number
        if into < 1:
            return self._before * (1 - into) + self._now
        return self._now * max(0.0, 2 - into)

    def _wait(self, now: float) -> float:
        """Seconds until one more fits; the estimate falls in straight lines, so each line is solved for it."""
        begin, room = self._number * self.window, self._most - 1
        if self._before and self._now <= room:
            return max(0.0, begin + self.window * (1 - (room - self._now) / self._before) - now)
        return max(0.0, begin + self.window * (2 - min(1.0, room / self._now)) - now)


class TokenBucket:
    """A bucket of `limit` tokens, filled evenly, from empty to full in a window."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window = limit, window
        self._tokens, self._at = float(limit), 0.0

    def admit(self, now: float) -> Decision:
        """Fill up, then take one."""
        each = self.window / self.limit
        self._tokens = min(float(self.limit), self._tokens + (now - self._at) / each)
        self._at = now
        admitted = self._tokens >= 1 - GRAIN
        if admitted:
            self._tokens -= 1
        wait = max(0.0, (1 - self._tokens) * each)
        if not admitted:
            return refused(now, wait)
        return served(int(self._tokens + GRAIN), now + (self.limit - self._tokens) * each, wait)


class Gcra:
    """The generic cell rate algorithm: a request is admitted when it is not too far ahead of its even pace."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window = limit, window
        self._due = float("-inf")

    def admit(self, now: float) -> Decision:
        """Compare with the moment at which the next request is due."""
        each = self.window / self.limit
        ahead = max(self._due, now) + each - now
        admitted = ahead <= self.window + GRAIN
        if admitted:
            self._due = now + ahead
        left = int((self.window - (self._due - now)) / each + GRAIN)
        wait = max(0.0, self._due + each - self.window - now)
        return served(left, self._due, wait) if admitted else refused(now, wait)


class LeakyQueue:
    """Requests leave one by one, `limit` in a window; `room` may wait, the others are refused."""

    def __init__(self, limit: int, window: float, room: int | None = None) -> None:
        """Without `room`, as many may wait as leave in a window, less the one that leaves at once."""
        self.limit, self.window = limit, window
        self.room = limit - 1 if room is None else room
        self._free = float("-inf")

    def admit(self, now: float) -> Decision:
        """Queue up behind those who wait."""
        each = self.window / self.limit
        delay = max(0.0, self._free - now)
        admitted = delay <= self.room * each + GRAIN
        if admitted:
            self._free = now + delay + each
        wait = max(0.0, self._free - now - self.room * each)
        if not admitted:
            return refused(now, wait)
        left = int(self.room + 1 - (self._free - now) / each + GRAIN)
        return served(left, self._free, wait, delay)


class Concurrency:
    """So many at once; each takes `window` seconds."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window = limit, window
        self._ends: list[float] = []

    def admit(self, now: float) -> Decision:
        """Look at who is being served."""
        self._ends = [end for end in self._ends if end > now]
        admitted = len(self._ends) < self.limit
        if admitted:
            self._ends.append(now + self.window)
        left = self.limit - len(self._ends)
        wait = 0.0 if left else self._ends[0] - now
        return served(left, self._ends[-1], wait, delay=self.window) if admitted else refused(now, wait)


class BlockingWindow:
    """So many in a window that the first request begins; one more, and nobody is admitted for `block` seconds."""

    def __init__(self, limit: int, window: float, block: float | None = None, *, counts_refused: bool = False) -> None:
        """Without `block` it lasts three windows; with `counts_refused` each refused request begins it anew."""
        self.limit, self.window, self.counts_refused = limit, window, counts_refused
        self.block = 3 * window if block is None else block
        self._end, self._used, self._blocked_until = float("-inf"), 0, float("-inf")

    def admit(self, now: float) -> Decision:
        """Look at the block first, then at the window."""
        if now < self._blocked_until:
            return self._refuse(now, self._blocked_until if not self.counts_refused else now + self.block)
        if now >= self._end or self._blocked_until > float("-inf"):
            self._end, self._used, self._blocked_until = now + self.window, 0, float("-inf")
        if self._used >= self.limit:
            return self._refuse(now, now + self.block)
        self._used += 1
        left = self.limit - self._used
        return served(left, self._end, 0 if left else self._end - now)

    def _refuse(self, now: float, until: float) -> Decision:
        self._blocked_until = until
        return refused(now, until - now)
