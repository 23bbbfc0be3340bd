"""Is it slower than before? From the histograms of several runs, with what the runs themselves vary by.

Single requests are not compared: a thousand of them are no thousand witnesses, since they share the hour, the host and
the run. The unit is a run. Of each operation a few quantiles are compared as ratios, run by run. Runs made in turn
(before, after, before, after) are compared in pairs, so that a slow hour slows both. How much ratios vary when nothing
changed is told by runs of the same side: that is the A/A calibration, and the margin is never smaller than it.

A verdict needs evidence. `fail`: slower by more than the margin, and more than chance explains. `pass`: a slow-down
that matters can be excluded. Everything else is `inconclusive`, and says what is lacking.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from statistics import fmean

from affidavit.load.histogram import Histogram

Run = Mapping[str, Histogram]
"""Operation -> how long its requests took."""

QUANTILES = {0.5: 30, 0.95: 200}
"""Quantile -> requests that a run needs for it to mean anything."""
TOGETHER = "all operations"
SHORTEST = 1e-6
"""Seconds; what a histogram can tell from nothing."""
FEWEST_RUNS = 3
MARGIN = math.log(1.08)
"""Slower by less is nothing to anybody."""
MATTERS = math.log(1.2)
"""A slow-down of this size must be excluded for a pass."""
ERROR = 0.02
"""Chance of a false alarm in a whole comparison: half for all operations together, half shared among the rest."""


class Speed(StrEnum):
    """How a comparison ends."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Judgement:
    """One quantile of one operation."""

    operation: str
    quantile: float
    verdict: Speed
    before: float = 0.0
    """Seconds, the geometric mean over the runs."""
    after: float = 0.0
    low: float = 0.0
    """Ratio of after to before that is at least so much, and at most `high`."""
    high: float = 0.0
    why: str = ""
    """What is lacking, when inconclusive."""

    @property
    def ratio(self) -> float:
        """After to before."""
        return self.after / self.before if self.before else 1.0


def compare_speed(before: Sequence[Run], after: Sequence[Run], *, in_turn: bool) -> list[Judgement]:
    """Every operation that all runs have. `in_turn` says that the runs alternate, and are pairs in their order."""
    operations = sorted(set.intersection(*({*run} for run in (*before, *after)))) if before and after else []
    todo: list[tuple[tuple[str, ...], float]] = [((one,), quantile) for one in operations for quantile in QUANTILES]
    each = ERROR / 2 / max(1, len(todo))
    together = [_judge(tuple(operations), 0.5, before, after, in_turn, ERROR / 2)] if len(operations) > 1 else []
    return together + [_judge(several, quantile, before, after, in_turn, each) for several, quantile in todo]


def verdict(judgements: Sequence[Judgement]) -> Speed:
    """All in one: what fails, fails; it passes when all operations together do, or the only one."""
    if any(one.verdict is Speed.FAIL for one in judgements):
        return Speed.FAIL
    return judgements[0].verdict if judgements else Speed.INCONCLUSIVE


def _judge(  # noqa: PLR0913, PLR0917 - two sides, and what of them
    operations: tuple[str, ...],
    quantile: float,
    before: Sequence[Run],
    after: Sequence[Run],
    in_turn: bool,  # noqa: FBT001 - as it is told
    error: float,
) -> Judgement:
    name = operations[0] if len(operations) == 1 else TOGETHER
    runs = min(len(before), len(after))
    fewest = min(run[one].total for run in (*before, *after) for one in operations)
    if runs < FEWEST_RUNS:
        lacking = f"{runs} runs on one side, and {FEWEST_RUNS} are needed"
        return Judgement(name, quantile, Speed.INCONCLUSIVE, why=lacking)
    if fewest < QUANTILES[quantile]:
        lacking = f"a run has {fewest} requests, and {QUANTILES[quantile]} are needed"
        return Judgement(name, quantile, Speed.INCONCLUSIVE, why=lacking)
    was, now = ([_logarithm(run, operations, quantile) for run in side] for side in (before, after))
    slower = fmean(now) - fmean(was)
    reach = (_paired if in_turn and len(was) == len(now) else _apart)(was, now, error)
    told = Judgement(
        name,
        quantile,
        Speed.INCONCLUSIVE,
        math.exp(fmean(was)),
        math.exp(fmean(now)),
        math.exp(slower - reach),
        math.exp(slower + reach),
    )
    return _decided(told, slower, reach)


def _decided(told: Judgement, slower: float, reach: float) -> Judgement:
    """Give the verdict: the margin is what matters to people, or what chance reaches, whichever is more."""
    end, why = Speed.INCONCLUSIVE, "the runs vary too much: make more, or longer ones"
    if slower > max(MARGIN, reach):
        end, why = Speed.FAIL, ""
    elif slower + reach < MATTERS:
        end, why = Speed.PASS, ""
    return replace(told, verdict=end, why=why)


def _logarithm(run: Run, operations: Sequence[str], quantile: float) -> float:
    """Of the quantile; of several operations the mean, so that each counts as much."""
    return fmean(math.log(max(run[one].quantile(quantile) or 0.0, SHORTEST)) for one in operations)


def _paired(was: Sequence[float], now: Sequence[float], error: float) -> float:
    """How far chance moves the mean ratio of pairs, told in two ways, each with half the error: the nearer one counts.

    By the pairs alone, and by the pairs with their neighbours: two runs of one side after each other are an A/A pair.
    The first is good when hours differ, the second when they do not.
    """
    ratios = [after - before for before, after in zip(was, now, strict=True)]
    mean, alone = fmean(ratios), len(ratios) - 1
    own = sum((one - mean) ** 2 for one in ratios) / alone
    neighbours = fmean([(after - before) ** 2 for side in (was, now) for before, after in pairwise(side)])
    told = ((own, alone), ((own + neighbours) / 2, alone + alone // 2))
    return min(_students(1 - error / 2, freedom) * math.sqrt(variance / len(ratios)) for variance, freedom in told)


def _apart(was: Sequence[float], now: Sequence[float], error: float) -> float:
    """The same for runs that were not made in turn: each side varies by itself."""
    variances = [sum((one - fmean(side)) ** 2 for one in side) / (len(side) - 1) for side in (was, now)]
    spread = math.sqrt(sum(one / len(side) for one, side in zip(variances, (was, now), strict=True)))
    return _students(1 - error, min(len(was), len(now)) - 1) * spread


def _students(chance: float, freedom: int) -> float:
    """Quantile of Student's t distribution, found by halving an interval."""
    low, high = 0.0, 1e6
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(middle, freedom) < chance else (low, middle)
    return high


def _below(value: float, freedom: int) -> float:
    """Chance of less than `value`, by the finite series for whole degrees (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan(value / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for step in range(1, freedom // 2 + 1):
        total += term
        term *= square * ((2 * step) / (2 * step + 1) if odd else (2 * step - 1) / (2 * step))
    within = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return (1 + within) / 2
