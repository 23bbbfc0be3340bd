"""How long until messages arrive, with those that had not arrived when watching ended.

Leaving those out would make a provider that delivers half of everything look fast. A message still on its way when the
run ends is *censored*: it took longer than it was watched. The Kaplan-Meier estimate uses it up to that moment. A
message that failed never arrives: it stays among those on their way for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from affidavit.load.histogram import Histogram

Cell: TypeAlias = tuple[float, bool]
"""Seconds, and whether it was seen then; False when it was last watched then."""


class Survival:
    """Times until something was seen, times after which it was not yet seen, and how often it never will be."""

    def __init__(self) -> None:
        self.seen = Histogram()
        self.censored = Histogram()
        self.failed = 0

    def add(self, seconds: float, *, seen: bool, failed: bool = False) -> None:
        """Count one: seen after so long, failed, or not seen when watching ended after so long."""
        if seen:
            self.seen.add(seconds)
        elif failed:
            self.failed += 1
        else:
            self.censored.add(seconds)

    def merge(self, other: Survival) -> None:
        """Add all that another has counted."""
        self.seen.merge(other.seen)
        self.censored.merge(other.censored)
        self.failed += other.failed

    @property
    def watched(self) -> int:
        """How many there were, seen or not."""
        return self.seen.total + self.censored.total + self.failed

    def curve(self) -> Iterator[tuple[float, float]]:
        """Seconds, and the part of all that is estimated to have arrived by then."""
        for seconds, part in missing(self.cells()):
            yield seconds, 1 - part

    def cells(self) -> dict[Cell, int]:
        """When something was seen or last watched, and how often. What failed is watched for ever."""
        cells = {(seconds, True): times for seconds, times in self.seen.steps()}
        cells |= {(seconds, False): times for seconds, times in self.censored.steps()}
        return cells | ({(math.inf, False): self.failed} if self.failed else {})

    def quantile(self, part: float) -> float | None:
        """Seconds within which this part of all arrives; None when too few were seen to arrive."""
        return next((seconds for seconds, arrived in self.curve() if arrived >= part - 1e-9), None)

    def dump(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"seen": self.seen.encode(), "censored": self.censored.encode(), "failed": self.failed}

    @classmethod
    def load(cls, data: dict[str, Any]) -> Survival:
        """What `dump` gave. Raises ValueError for what is no histogram."""
        survival = cls()
        survival.seen = Histogram.decode(data["seen"])
        survival.censored = Histogram.decode(data["censored"])
        survival.failed = data["failed"]
        return survival


def missing(cells: Mapping[Cell, float]) -> Iterator[tuple[float, float]]:
    """Kaplan and Meier's estimate: seconds, and the part of all still missing from then on."""
    at_risk, still = sum(cells.values()), 1.0
    for (seconds, seen), times in sorted(cells.items(), key=_seen_first):
        if seen:
            still *= max(0.0, 1 - times / at_risk)
            yield seconds, still
        at_risk -= times


def _seen_first(cell: tuple[Cell, float]) -> tuple[float, bool]:
    (seconds, seen), _ = cell
    return seconds, not seen
