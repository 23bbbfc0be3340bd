"""One line per key, in which a patient client keeps the requests that may not leave yet.

Every answer to the key tells the line what it knows: a 429 how long to wait, any answer perhaps what is left of the
limit. Nothing leaves while a wait lasts. After it the line opens carefully, one request at first and one more with each
round of answers, until nothing is held any more: a target that refused somebody a moment ago is not flooded with all
that has gathered since.

An impatient client asks nobody's leave; its line only remembers what was asked, to tell which requests came too early.

It does not know what a request is, nor what time it is.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """The requests of one key."""

    def __init__(self) -> None:
        self.resume = 0.0
        """Before this moment a patient client sends nothing."""
        self._promised = 0.0
        """Before this moment a request comes earlier than a 429 asked."""
        self._held: deque[T] = deque()
        self._out = 0
        """Sent and not answered yet."""
        self._room: int | None = None
        """How many may be out at once while the line opens again; None when it is open."""
        self._answers = 0
        """Answers since the room last grew."""
        self._left: int | None = None
        """What the latest answer said is left of the limit."""

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)

    def is_early(self, now: float) -> bool:
        """Whether a request that leaves now does so before the end of a wait that a 429 asked for."""
        return now < self._promised

    def offer(self, item: T, now: float) -> bool:
        """Whether it may leave now; else it is held."""
        if self._held or not self._is_open(now):
            self._held.append(item)
            return False
        self._out += 1
        return True

    def again(self, item: T) -> None:
        """Hold a refused one, before all others."""
        self._held.appendleft(item)

    def sent(self) -> None:
        """Count a request that left without leave."""
        self._out += 1

    def release(self, now: float) -> list[T]:
        """Those that may leave now, in order."""
        free = []
        while self._held and self._is_open(now):
            self._out += 1
            free.append(self._held.popleft())
        return free

    def clear(self) -> list[T]:
        """Give up all that are held."""
        given_up = list(self._held)
        self._held.clear()
        return given_up

    def refused(self, now: float, wait: float, *, promised: bool) -> None:
        """A 429 came: wait so many seconds, which it asked for itself, or which are our own guess."""
        self._out -= 1
        self.hold(now + wait, promised=promised)

    def hold(self, until: float, *, promised: bool) -> None:
        """Send nothing before this moment; another process may have been told."""
        self._room, self._answers = 1, 0
        self._left = None
        self.resume = max(self.resume, until)
        if promised:
            self._promised = max(self._promised, until)

    def answered(self, now: float, *, left: int | None = None, reset: float | None = None) -> None:
        """Any other answer came, or none will.

        Args:
            now: the moment.
            left: what it says is left of the limit.
            reset: seconds until there is more, when nothing is left.
        """
        self._out -= 1
        self._left = left
        if reset is not None:
            self.hold(now + reset, promised=False)
        elif not self._held:
            self._room = None
        elif self._room is not None:
            self._answers += 1
            if self._answers == self._room:
                self._room, self._answers = self._room + 1, 0

    def _is_open(self, now: float) -> bool:
        if now < self.resume:
            return False
        if self._left is not None and self._out >= max(1, self._left):
            return False
        return self._room is None or self._out < self._room
