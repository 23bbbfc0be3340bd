"""Five limiters that are none of the known families: what a search must not give a family to."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from tests.limiters.families import ClockWindow, Decision, FirstRequestWindow, refused, served


class ByChance:
    """Refuses three in ten, whoever asks and whenever."""

    limit = 10

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret

    def admit(self, now: float) -> Decision:
        """Throw a die."""
        return refused(now, 1) if self._random.random() < 0.3 else served(5, now + 1, 0)


class TwoBackends:
    """Each request goes to one of two servers, by chance, and each has its own window."""

    limit = 20

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._backends = (FirstRequestWindow(10, 7), FirstRequestWindow(10, 7))

    def admit(self, now: float) -> Decision:
        """Ask one of them."""
        return self._random.choice(self._backends).admit(now)


class Alternating:
    """Every second window admits four times as many."""

    limit = 20

    def __init__(self, seed: int) -> None:
        self._small, self._large = ClockWindow(5 + seed % 3, 5), ClockWindow(20, 5)

    def admit(self, now: float) -> Decision:
        """Look at the window that is open."""
        return (self._large if int(now // 5) % 2 else self._small).admit(now)


class AnyLength:
    """A window that the first request begins, and whose length is another each time."""

    limit = 10

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._end, self._used = float("-inf"), 0

    def admit(self, now: float) -> Decision:
        """Count in a window of two to twenty seconds."""
        if now >= self._end:
            self._end, self._used = now + self._random.uniform(2, 20), 0
        if self._used >= self.limit:
            return refused(now, self._end - now)
        self._used += 1
        return served(self.limit - self._used, self._end, 0)


class TwoAtOnce:
    """So many a second, and at once fewer than that twice over in a longer window: both are met."""

    limit = 8

    def __init__(self, seed: int) -> None:
        self._short, self._long = FirstRequestWindow(8, 3), FirstRequestWindow(14 + seed % 3, 13)

    def admit(self, now: float) -> Decision:
        """Pass both."""
        first = self._long.admit(now)
        return self._short.admit(now) if first.admitted else first


MISFITS: Mapping[str, Callable[[int], ByChance | TwoBackends | Alternating | AnyLength | TwoAtOnce]] = {
    "refuses by chance": ByChance,
    "two backends": TwoBackends,
    "limit alternates": Alternating,
    "window of any length": AnyLength,
    "two limits at once": TwoAtOnce,
}
