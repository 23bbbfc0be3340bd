"""How many messages a minute fit a limit, and whether webhooks are needed: arithmetic over a plan or a `load` line.

A message costs one request to send it and one for every time its state is asked for; a key has so many requests per
window. So `sends per minute = requests per minute / (1 + polls per message)`, and with webhooks the polls fall away.
How many polls a message needs is taken from the run, or from how long deliveries took there: with a poll every `i`
seconds it is the sum over k of the part still on its way at `k * i`.

Intervals hold 90 %. They come from a Bayesian bootstrap: the run's own messages under random weights, which costs no
more for a million messages than for a hundred. They say what chance alone would change, not what another day would.

Inelegant: a message that failed is left out of the times of delivery, though it needed polls until it had failed. And
one that was never settled counts with as many polls as any other got, though it would have needed more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from affidavit.load.survival import Cell, Survival, missing
from affidavit.words import counted as plural

DRAWS = 200
LOW, HIGH = 0.05, 0.95
INTERVALS = (1.5, 5.0, 15.0, 60.0)
"""Seconds between two polls that are tried when nobody names others; the first is that of Chatmaid's own example."""
LONGEST_WATCH = 600.0
"""Seconds after which a client stops asking for a message that has not moved."""
NEVER = f"not there by the end, asked for until {LONGEST_WATCH:g} s"
STRESSED_SHARE = 0.01
"""Part of the arrivals dropped or failed from which on the server counts as the limit."""


class Chance(Protocol):
    """A seeded source of chance, such as `random.Random`."""

    def gammavariate(self, alpha: float, beta: float) -> float:
        """A gamma-distributed number."""
        ...


@dataclass(frozen=True)
class Range:
    """An estimate with the interval that holds 90 %; low and high are equal to it when it is given, not measured."""

    low: float
    best: float
    high: float

    def through(self, function: Callable[[float], float]) -> Range:
        """The same range after a function that only rises or only falls."""
        low, high = sorted((function(self.low), function(self.high)))
        return Range(low, function(self.best), high)


def exactly(value: float) -> Range:
    """A range for a value that is given."""
    return Range(value, value, value)


@dataclass(frozen=True)
class Quota:
    """What one key may ask."""

    requests: int
    """Per window, at least 1."""
    window: float
    """Seconds, above 0."""
    origin: str
    """Where the numbers come from, in words."""
    announced: bool = False
    """Whether answers named the requests, for each key its own."""
    guessed: bool = False
    """Whether neither a document, nor the target, nor the caller named the requests."""

    @property
    def per_minute(self) -> float:
        """Requests a minute over a long time."""
        return self.requests * 60 / self.window

    def sends(self, polls: Range) -> Range:
        """Messages a minute that fit, with so many polls each."""
        return polls.through(lambda each: self.per_minute / (1 + each))


@dataclass(frozen=True)
class Way:
    """One way to learn what became of a message, and what it leaves room for."""

    name: str
    polls: Range
    """Requests per message beside its send."""
    sends: Range
    """Messages a minute that fit the quota."""


@dataclass(frozen=True)
class Answer:
    """All that can be said of one quota."""

    quota: Quota
    ways: tuple[Way, ...]
    """The first is webhooks, without a poll."""
    bound: str
    """In words: whether the quota or the server ends first; '' when only a plan is known."""
    evidence: str
    """In words: what the numbers of polls are taken from."""

    @property
    def crossing(self) -> Way | None:
        """The polling that fits most messages: beyond it only webhooks do. None when no polling was asked about."""
        return max((way for way in self.ways[1:] if way.polls.best), key=lambda way: way.sends.best, default=None)


def planned(quota: Quota, polls: Sequence[float], evidence: str = "given, not measured") -> Answer:
    """What fits when a message needs so many polls; `evidence` says where their number is from."""
    ways = (_way(quota, f"{each:g} poll{'' if each == 1 else 's'} per message", exactly(each)) for each in polls)
    return Answer(quota, (_webhooks(quota), *ways), "", evidence)


def measured(quota: Quota, line: Mapping[str, Any], every: Sequence[float], chance: Chance) -> Answer:
    """What fits after what a run has seen; `every` are seconds between two polls to try beside its own.

    Raises ValueError when the line's histograms are none.
    """
    ways, evidence = [_webhooks(quota)], []
    looks = polls_needed(line)
    if any(settled for _, settled in looks):
        ways.append(_way(quota, "polling as in the run", _bootstrapped(looks, _area, chance)))
        evidence.append(f"polls of {_counted(looks, 'not settled by the end')}")
    times = delivery_times(line)
    if times:
        evidence.append(f"delivery times of {_counted(times, NEVER)}")
        for seconds in every:
            polls = _bootstrapped(times, _polls(seconds), chance)
            ways.append(_way(quota, f"polling every {seconds:g} s", polls))
    said = " and ".join(evidence) or "no message was followed in this run, so only its sends are known"
    return Answer(quota, tuple(ways), bound(quota, line, chance), said)


def _counted(cells: Mapping[Cell, int], lacking: str) -> str:
    """How many messages there were, and how many of them are known to lack something."""
    open_ones = sum(times for (_, seen), times in cells.items() if not seen)
    return plural(sum(cells.values()), "message") + (f" ({open_ones} {lacking})" if open_ones else "")


def bound(quota: Quota, line: Mapping[str, Any], chance: Chance) -> str:
    """Whether the quota of the run's keys or the server ends first, in words."""
    rates = Counter((row[2] - row[3]) * 60 / line.get("width", 1) for row in line["series"][:-1] if row[1])
    allowed = allowed_in(quota, line)
    if unknown := _no_verdict(quota, line, allowed, short=not rates):
        return f"not known: {unknown}"
    lost, limited, most = _lost(line), line["outcomes"]["limited"], max(rates)
    if lost > STRESSED_SHARE * line["offered"]:
        return _stressed(_bootstrapped(rates, _mean, chance), allowed, f"{lost} of {line['offered']}")
    if limited:
        return f"quota-bound: the run met the limit ({limited} answers with 429), and the server lost nothing"
    if most >= allowed:
        return f"quota-bound: the server answered up to {most:.0f} requests a minute, and the quota is {allowed:.0f}"
    return f"neither was met: the run asked for {most:.0f} requests a minute of {allowed:.0f}; a faster one would tell"


def allowed_in(quota: Quota, line: Mapping[str, Any]) -> float:
    """Requests a minute that all keys of the run have together; a key's own where its answers named one."""
    limits = limits_by_key(line) if quota.announced else {}
    return sum(limits.get(role, quota.requests) for role in line["keys"] or [""]) * 60 / quota.window


def limits_by_key(line: Mapping[str, Any]) -> dict[str, int]:
    """The greatest limit that answers named, by role of the key."""
    named = {role: [row[5] for row in key["series"] if row[5]] for role, key in line["keys"].items()}
    return {role: max(limits) for role, limits in named.items() if limits}


def _no_verdict(quota: Quota, line: Mapping[str, Any], allowed: float, *, short: bool) -> str:
    """Why nobody can tell which ends first; '' when it can be told."""
    if line["bottleneck"]:
        return f"the generator was the limit ({line['bottleneck']})"
    if short:
        return "the run was too short"
    if quota.guessed and not line["outcomes"]["limited"]:
        return f"the quota of {allowed:.0f} requests a minute is a guess, and no answer was a 429"
    return ""


def _stressed(admitted: Range, allowed: float, lost: str) -> str:
    """The server lost something: whether that was below the quota."""
    rate = f"{admitted.best:.0f} ({admitted.low:.0f} to {admitted.high:.0f}) requests a minute"
    if admitted.low >= allowed:
        return f"quota-bound: the server lost {lost} at {rate}, and the quota is {allowed:.0f}"
    if admitted.high < allowed:
        return f"server-bound: it lost {lost} at {rate}, and the quota is {allowed:.0f}"
    return f"both about the same: the server lost {lost} at {rate}, and the quota is {allowed:.0f}"


def _lost(line: Mapping[str, Any]) -> int:
    """Arrivals that the server could not serve; what it refused for their own fault is not among them."""
    outcomes = line["outcomes"]
    at_fault = sum(times for status, times in line["statuses"].items() if 400 <= int(status) < 500 and status != "429")
    return int(line["dropped"] + outcomes["timeout"] + max(0, outcomes["failed"] - at_fault))


def polls_needed(line: Mapping[str, Any]) -> dict[Cell, int]:
    """How often messages were asked for, whether they were settled then, and how many."""
    settled = {(float(polls), True): times for polls, times in line.get("polls", ())}
    return settled | {(float(polls), False): times for polls, times in line.get("polls_unsettled", ())}


def delivery_times(line: Mapping[str, Any]) -> dict[Cell, int]:
    """When messages were delivered or last watched, and how many. Raises ValueError when the histograms are none.

    From webhooks when they showed any: they see sooner than polls.
    """
    for by in ("webhook", "polling"):
        one = line.get("delivery", {}).get(by, {}).get("delivered")
        if one and one["seen"]:
            told = {"seen": one["histogram"], "censored": one["censored_histogram"], "failed": 0}
            return Survival.load(told).cells()
    return {}


def _webhooks(quota: Quota) -> Way:
    return _way(quota, "webhooks, no polling", exactly(0))


def _way(quota: Quota, name: str, polls: Range) -> Way:
    return Way(name, polls, quota.sends(polls))


def _polls(every: float) -> Callable[[Mapping[Cell, float]], float]:
    """The expected number of polls, one every so many seconds, up to LONGEST_WATCH: the sum of those still missing."""

    def expected(cells: Mapping[Cell, float]) -> float:
        still, total, number = 1.0, 0.0, 0
        for until, after in [*missing(cells), (math.inf, 0.0)]:
            while number * every < min(until, LONGEST_WATCH):
                total += still
                number += 1
            still = after
        return total

    return expected


def _area(cells: Mapping[Cell, float]) -> float:
    """The mean of what was seen, where what was not needed more: at most as many as anything in the run needed."""
    still, total, before = 1.0, 0.0, 0.0
    for value, after in [*missing(cells), (max(value for value, _ in cells), 0.0)]:
        total += still * (value - before)
        still, before = after, value
    return total


def _mean(cells: Mapping[float, float]) -> float:
    return sum(value * weight for value, weight in cells.items()) / sum(cells.values())


T = TypeVar("T")


def _bootstrapped(cells: Mapping[T, int], statistic: Callable[[Mapping[T, float]], float], chance: Chance) -> Range:
    """The statistic of the cells, and its interval under random weights of what they hold."""
    drawn = sorted(
        statistic({cell: chance.gammavariate(count, 1) for cell, count in cells.items()}) for _ in range(DRAWS)
    )
    best = statistic({cell: float(count) for cell, count in cells.items()})
    low, high = drawn[int(LOW * (DRAWS - 1))], drawn[int(HIGH * (DRAWS - 1))]
    return Range(min(low, best), best, max(high, best))
