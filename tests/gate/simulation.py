"""Made-up runs, to count how often the comparison of speed is wrong.

Service times are log-normal with one slow request in a hundred. Each run is faster or slower as a whole, and the hour
drifts from pair to pair, as they do on a shared host.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from random import Random

from affidavit.gate.performance import Judgement, Run, Speed, compare_speed, verdict
from affidavit.load.histogram import Histogram

OPERATIONS = {"sendMessage": 0.12, "getMessage": 0.04, "listMessages": 0.08, "getAccount": 0.03}
"""Operation -> seconds of a usual request."""


@dataclass(frozen=True)
class World:
    """How much things vary."""

    pairs: int = 5
    requests: int = 250
    """Of each operation in each run."""
    request: float = 0.5
    """Standard deviation of a request's logarithm."""
    run: float = 0.03
    hour: float = 0.05


def outcomes(world: World, slower: float, times: int, seed: int) -> Counter[Speed]:
    """How so many comparisons end when the second side takes `slower` times as long."""
    chance = Random(seed)  # noqa: S311 - a simulation
    return Counter(verdict(_comparison(world, slower, chance)) for _ in range(times))


def _comparison(world: World, slower: float, chance: Random) -> list[Judgement]:
    before, after, hour = [], [], 0.0
    for _ in range(world.pairs):
        hour += chance.gauss(0, world.hour)
        before.append(_run(world, hour, chance))
        after.append(_run(world, hour + math.log(slower), chance))
    return compare_speed(before, after, in_turn=True)


def _run(world: World, level: float, chance: Random) -> Run:
    level += chance.gauss(0, world.run)
    found = {}
    for name, seconds in OPERATIONS.items():
        found[name] = Histogram()
        for _ in range(world.requests):
            slow = 10 if chance.random() < 0.01 else 1
            found[name].add(slow * seconds * math.exp(level + chance.gauss(0, world.request)))
    return found
