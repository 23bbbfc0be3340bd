"""Hold the search for limits to simulated limiters it shares nothing with: python -m tests.bench_limits.

Families x limits x windows x dialects x round trips, on a virtual clock. It prints what share was found beside the bar,
and with `--missed` every case that was missed. `--short` is for CI.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from affidavit.ratelimit.flow import Caps, Mode, Verdict, examine
from tests.limiters import driving, families
from tests.limiters.dialects import FIELDS, WAITS, Dialect
from tests.limiters.families import Limiter
from tests.limiters.simulated import Simulated

START = 1_800_000_000.0
NEAR = 0.0101
"""Relative error of a window that is right: one percent."""

LIMITERS: dict[str, tuple[str, Callable[..., Limiter]]] = {
    "clock window": ("fixed-window-clock", families.ClockWindow),
    "first-request window": ("fixed-window-first", families.FirstRequestWindow),
    "sliding log": ("sliding-log", families.SlidingLog),
    "sliding counter": ("sliding-counter", families.SlidingCounter),
    "token bucket": ("token-bucket", families.TokenBucket),
    "GCRA": ("token-bucket", families.Gcra),
    "leaky queue": ("leaky-queue", families.LeakyQueue),
    "concurrency": ("concurrency", families.Concurrency),
    "blocking window": ("window-with-block", families.BlockingWindow),
}
"""Name -> the family it is to be found as, and the limiter."""
COUNTING = frozenset({"sliding log", "sliding counter"})
WINDOWS = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0)
LIMITS = (5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True)
class Case:
    """One limiter behind one server."""

    name: str
    limit: int
    window: float
    dialect: Dialect
    counts_refused: bool
    round_trip: tuple[float, float]
    skew: float
    foreign: float
    seed: int

    def server(self) -> Simulated:
        """A fresh one."""
        more = {"counts_refused": True} if self.counts_refused else {}
        limiter = LIMITERS[self.name][1](self.limit, self.window, **more)
        return Simulated((limiter,), self.window, self.dialect, self.seed, self.round_trip, self.skew, self.foreign)


@dataclass(frozen=True)
class Score:
    """What became of a case."""

    case: Case
    verdict: Verdict

    @property
    def family(self) -> bool:
        """Whether the family was found, or is among those that are tied."""
        return LIMITERS[self.case.name][0] in {self.verdict.family, *self.verdict.ties}

    @property
    def limit(self) -> bool:
        """Whether the limit is exact."""
        return self.verdict.limit is not None and self.verdict.limit.best == self.case.limit

    @property
    def window(self) -> bool:
        """Whether the window is within one percent, where time plays a part."""
        found = self.verdict.window
        return self.case.name == "concurrency" or (found is not None and abs(found.best / self.case.window - 1) <= NEAR)

    @property
    def inside(self) -> bool:
        """Whether the true window lies between the bounds shown, where time plays a part."""
        found, true = self.verdict.window, self.case.window
        return self.case.name == "concurrency" or (found is not None and found.low <= true <= found.high)


def cases(count: int, seed: int, mode: Mode, foreign: float = 0.0, limit: int | None = None) -> Iterator[Case]:
    """So many different ones, every family as often as the others."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    fields = [name for name in FIELDS if mode == "active" or name != "none"]
    names = list(LIMITERS)
    for number in range(count):
        name = names[number % len(names)]
        trip = chance.uniform(0.02, 0.08)
        yield Case(
            name,
            limit or chance.choice([chance.choice(LIMITS), chance.randint(5, 500)]),
            chance.choice([chance.choice(WINDOWS), round(60 ** chance.random(), 2)]),
            Dialect(chance.choice(fields), chance.choice(WAITS)),
            counts_refused=name in COUNTING and chance.random() < 0.3,
            round_trip=(0.02, 0.08) if chance.random() < 0.5 else (trip, trip * 1.1),
            skew=chance.uniform(-30, 30),
            foreign=foreign,
            seed=seed * 100_000 + number,
        )


def examined(case: Case, mode: Mode, caps: Caps | None = None) -> Score:
    """What the search says of the case."""
    return Score(case, driven(case.server(), mode, caps))


def driven(server: Simulated, mode: Mode, caps: Caps | None = None) -> Verdict:
    """Drive the search against the server, in virtual time."""
    return driving.driven(examine(caps or Caps(), mode), driving.of(server), START)


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_limits", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a hundred cases in all, for CI")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--missed", action="store_true", help="print every case that was missed")
    options = parser.parse_args(arguments)
    full = 45 if options.short else 1008
    part = 18 if options.short else 252
    seed = options.seed
    parts: tuple[tuple[str, Mode, Iterator[Case], dict[str, float]], ...] = (
        ("active", "active", cases(full, seed, "active"), {"family": 0.99}),
        ("active, others use 5 %", "active", cases(part * 2, seed + 1, "active", 0.05), {"family": 0.95}),
        ("active, 20 per window", "active", cases(part, seed + 2, "active", 0.0, 20), {"requests": 60, "windows": 3.5}),
        ("watching", "watching", cases(part, seed + 3, "watching"), {"family": 0.98}),
    )
    failed = False
    with ProcessPoolExecutor() as pool:
        for title, mode, some, bars in parts:
            scores = list(pool.map(partial(examined, mode=mode), list(some), chunksize=4))
            failed |= _report(title, scores, bars, missed=options.missed)
    return int(failed and not options.short)


def _report(title: str, scores: list[Score], bars: dict[str, float], *, missed: bool) -> bool:
    count = len(scores)
    shares: dict[str, float] = {
        "family": sum(one.family for one in scores) / count,
        "family, no tie": sum(one.family and not one.verdict.ties for one in scores) / count,
        "limit": sum(one.limit for one in scores) / count,
        "window": sum(one.window for one in scores) / count,
        "window in bounds": sum(one.inside for one in scores) / count,
    }
    costs: dict[str, float] = {
        "requests": statistics.median(one.verdict.requests for one in scores),
        "windows": statistics.median(one.verdict.seconds / one.case.window for one in scores),
        "refused": statistics.median(one.verdict.refused for one in scores),
    }
    _say(f"{title}: {count} cases")
    short = False
    for name, value in (shares | costs).items():
        bar = bars.get(name)
        below = bar is not None and (value < bar if name in shares else value > bar)
        short |= below
        text = f"{value:7.1%}" if name in shares else f"{value:7.1f}"
        _say(f"  {name:16}{text}" + (f"   bar {bar:g}{', MISSED' if below else ''}" if bar else ""))
    by_name = {name: [one for one in scores if one.case.name == name] for name in LIMITERS}
    for name, some in by_name.items():
        marks: list[Any] = [sum(getattr(one, what) for one in some) for what in ("family", "limit", "window")]
        _say(f"    {name:22}family {marks[0]:3} limit {marks[1]:3} window {marks[2]:3} of {len(some)}")
    for one in scores if missed else ():
        if not (one.family and one.limit and one.window):
            found = one.verdict
            _say(f"    {one.case} -> {found.family} {found.ties} {found.limit} {found.window} {found.stopped}")
    return short


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
