"""What time it is: the only place that asks the system, and a stand-in that moves only when told to.

Everything below this layer takes moments as arguments. Moments are epoch seconds, UTC; they never go back, even when
somebody sets the system's clock, because the sandbox's machines rely on that.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

MILLISECOND = 0.001


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now(self) -> float:
        """Epoch seconds; never earlier than what was told before."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment of the clock's own choice, for measuring spans."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return when so much time has passed."""
        ...


class SystemClock:
    """The system's clock, held still while the system sets it back."""

    def __init__(self) -> None:
        self._latest = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Epoch seconds."""
        with self._lock:
            self._latest = max(self._latest, time.time())
            return self._latest

    def monotonic(self) -> float:
        """The system's monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the thread."""
        time.sleep(seconds)


class VirtualClock:
    """A clock that stands still until somebody moves it; threads may share it."""

    def __init__(self, start: float) -> None:
        self._start = self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Epoch seconds."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.now() - self._start

    def sleep(self, seconds: float) -> None:
        """Move the clock instead of waiting."""
        self.advance(seconds)

    def advance(self, seconds: float) -> float:
        """Move the clock on; return the new moment."""
        if not seconds >= 0:
            raise ValueError(f"a clock cannot be advanced by {seconds} seconds: use 0 or more")
        with self._lock:
            self._now += seconds
            return self._now

    def advance_to(self, moment: float) -> float:
        """Move the clock to exactly this moment, unless it is there or later already; return the moment it shows.

        `advance(moment - now())` would not do: rounding can leave the clock just short of the moment.
        """
        with self._lock:
            self._now = max(self._now, moment)
            return self._now

    def tick(self) -> float:
        """Move the clock on by a millisecond, so that two events have two moments; return the new moment."""
        return self.advance(MILLISECOND)
