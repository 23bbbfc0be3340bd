"""The open model: at which moments a plan wants a request, whatever the target does.

A plan is a row of stages; in each the rate goes from one value to another in a straight line (or stays). The integral
of the rate is the number of arrivals expected so far; an arrival happens where it reaches the next number: 0, 1, 2, …
for `constant`, or a running sum of exponential gaps for `poisson`. With `group` above 1 so many come at the same
moment, and correspondingly rarer.

Several processes share a plan by each taking every n-th arrival of the very same schedule, so together they ask for
what one process would have asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import TypeVar

T = TypeVar("T")

CONSTANT, POISSON = "constant", "poisson"
ARRIVALS = (CONSTANT, POISSON)


@dataclass(frozen=True)
class Stage:
    """A span of a plan."""

    seconds: float
    first: float
    """Arrivals per second at its start."""
    last: float
    """Arrivals per second at its end."""

    @property
    def expected(self) -> float:
        """Arrivals in the whole span."""
        return self.seconds * (self.first + self.last) / 2

    def reaches(self, arrivals: float) -> float:
        """Seconds from its start to the moment by which so many arrivals are expected."""
        slope = (self.last - self.first) / self.seconds
        root = math.sqrt(max(0.0, self.first**2 + 2 * slope * arrivals))
        # The usual formula divides by the slope; this one is the same and also holds for a flat stage.
        return 2 * arrivals / (self.first + root) if arrivals else 0.0


@dataclass(frozen=True)
class Plan:
    """What a scenario asks for."""

    stages: tuple[Stage, ...]
    arrivals: str = CONSTANT
    """One of ARRIVALS."""
    group: int = 1
    """How many arrive at the same moment."""

    @property
    def seconds(self) -> float:
        """Its length."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def expected(self) -> float:
        """Arrivals expected in all."""
        return sum(stage.expected for stage in self.stages)

    @property
    def peak(self) -> float:
        """The highest rate, arrivals per second."""
        return max(max(stage.first, stage.last) for stage in self.stages)


def steady(rate: float, seconds: float, arrivals: str = CONSTANT, group: int = 1) -> Plan:
    """A plan of one rate."""
    return Plan((Stage(seconds, rate, rate),), arrivals, group)


def stair(rate: float, seconds: float, steps: int, arrivals: str = CONSTANT) -> Plan:
    """A plan that climbs to `rate` in equal steps of equal length."""
    rates = (rate * step / steps for step in range(1, steps + 1))
    return Plan(tuple(Stage(seconds / steps, one, one) for one in rates), arrivals)


def schedule(plan: Plan, draw: Callable[[], float]) -> Iterator[float]:
    """The moments of all arrivals, seconds from the start, in order.

    `draw` gives uniform numbers in [0, 1); it is called for `poisson` alone, once per group.
    """
    wanted = _poisson(draw) if plan.arrivals == POISSON else (float(number) for number in count())
    number = next(wanted) * plan.group
    before = start = 0.0
    for stage in plan.stages:
        # Rounding must not move the arrival that falls on the very end of a stage into it.
        while number - before < stage.expected * (1 - 1e-12):
            moment = start + stage.reaches(max(0.0, number - before))
            for _ in range(plan.group):
                yield moment
            number = next(wanted) * plan.group
        before += stage.expected
        start += stage.seconds


def share(moments: Iterator[T], index: int, of: int) -> Iterator[T]:
    """The arrivals of one of several processes."""
    return islice(moments, index, None, of)


def shares(whole: int, of: int) -> list[int]:
    """A count dealt out as evenly as can be; the first ones get what is left over."""
    return [whole // of + (index < whole % of) for index in range(of)]


def _poisson(draw: Callable[[], float]) -> Iterator[float]:
    total = 0.0
    while True:
        total -= math.log(1.0 - draw())
        yield total
