"""What was seen and announced so far, and what the moments of it suggest for the numbers of a limiter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from affidavit.ratelimit.families import Family, Floats
from affidavit.ratelimit.odds import LONGEST, SHORTEST
from affidavit.ratelimit.records import Interval


@dataclass(frozen=True)
class Seen:
    """A batch of requests that were sent at once, and what became of them."""

    at: float
    """When they arrived, seconds since the first request; half a round trip after they left."""
    spread: float
    """How far off that may be, seconds."""
    admitted: int
    refused: int
    late: float = 0.0
    """Seconds by which the last admitted one was answered later than the round trip explains."""
    pace: float = 0.0
    """Seconds from one answer of the batch to the next, where they came late."""
    remaining: int | None = None
    """What the last of them left, as announced."""
    wait: float | None = None
    """Seconds that a refusal asked to wait."""
    reset: Interval | None = None
    """When an admitted one said that the window ends, seconds since the first request."""

    def unannounced(self) -> Seen:
        """The same without what was announced."""
        return replace(self, remaining=None, reset=None)


@dataclass(frozen=True)
class Hints:
    """What the answers announce; a supposition that fits is tried, and no more."""

    limits: tuple[int, ...] = ()
    windows: tuple[float, ...] = ()
    policies: tuple[float, ...] = ()
    """Windows that are announced as such, in whole seconds."""
    boundaries: tuple[float, ...] = ()
    """Moments at which a window begins."""
    longest: float = LONGEST
    shortest: float = SHORTEST


class Clues:
    """What the moments of a history suggest: between a refusal and the next admission something ended."""

    def __init__(self, history: Sequence[Seen], chance: np.random.Generator) -> None:
        """Find the gaps."""
        self._chance = chance
        self._at = np.array([one.at for one in history])
        self._refused = np.array([one.at for one in history if one.refused])
        pairs = pairwise(history)
        self._gaps = np.array(
            [(before.at, after.at, after.admitted) for before, after in pairs if _came_back(before, after)]
        ).reshape(-1, 3)
        first = next((one.at for one in history if one.refused), 0.0)
        self.ramp = float(first - self._at[0])
        """Seconds up to the first refusal."""
        self._paces = np.array([one.pace for one in history if one.pace])

    def reopenings(self, otherwise: Floats) -> Floats:
        """Moments inside gaps; mostly of the narrow ones."""
        if not len(self._gaps):
            return otherwise
        odds = 1 / (self._gaps[:, 1] - self._gaps[:, 0] + 0.01)
        chosen = self._gaps[self._chance.choice(len(self._gaps), len(otherwise), p=odds / odds.sum())]
        found: Floats = chosen[:, 0] + self._chance.random(len(otherwise)) * (chosen[:, 1] - chosen[:, 0])
        return found

    def windows(self, family: Family, otherwise: Floats, limit: Floats) -> tuple[Floats, Floats]:
        """Spans that the family needs for the gaps, and where they end."""
        end = self.reopenings(otherwise)
        span = self._spans(family, otherwise, limit, end)
        return np.where((span > 0) & (self._chance.random(len(span)) < 0.7), span, otherwise), end

    def _spans(self, family: Family, otherwise: Floats, limit: Floats, end: Floats) -> Floats:
        count, chance = len(otherwise), self._chance
        if family.delays:
            pick = chance.choice(self._paces[-3:], count) if len(self._paces) else otherwise / limit
            found: Floats = limit * pick
            return found
        if not len(self._gaps):
            return otherwise
        if family.phased:
            begin, times = self.reopenings(otherwise), chance.integers(1, 5, count)
            return np.asarray(np.abs(end - begin) / times)
        if family.gradual:
            chosen = self._gaps[chance.integers(0, len(self._gaps), count)]
            return np.asarray(
                limit * (chosen[:, 1] - chosen[:, 0]) / np.maximum(0.5, chosen[:, 2] - chance.random(count))
            )
        return np.asarray(end - chance.choice(self._at, count))

    def locks(self, otherwise: Floats) -> Floats:
        """Spans from a refusal to a moment inside a gap."""
        if not len(self._refused):
            return otherwise
        span = self.reopenings(otherwise) - self._chance.choice(self._refused, len(otherwise))
        return np.where((span > 0) & (len(self._gaps) > 0), span, otherwise)


def _came_back(before: Seen, after: Seen) -> bool:
    """Whether room came back between the two."""
    if before.remaining is not None and after.remaining is not None:
        return after.remaining > before.remaining - after.admitted
    return bool(before.refused and after.admitted)
