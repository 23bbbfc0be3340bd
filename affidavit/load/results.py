"""What a load scenario came to: a fold over its outcomes and journeys, in memory that does not grow with the run.

Outcomes go in one by one. Each process folds its own, and the folds are merged: histograms and timelines lose nothing
by it. What comes out is one `load` line of the record; everything shown, written or judged is read from that line.

What is timed: requests that ended as documented, and those given up without an answer, at the time they were given up.
A 429 and a failure are counted and not timed: a quick refusal would make a target look fast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from affidavit.load.histogram import Histogram
from affidavit.load.outcome import NO_ROOM, Journey, Kind, Outcome
from affidavit.load.survival import Survival
from affidavit.load.timeline import Timeline
from affidavit.words import counted

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
ALL = "all"
"""Stands for every operation together, and for every key."""
OTHERS = "others"
"""Keys beyond the first ones, together, and problems beyond them."""
MOST_KEYS = 12
MOST_PROBLEMS = 20
MOST_POLLS = 1000
MOST_LATE, FEW_LATE, BIT_LATE = 0.01, 3, 0.1
"""Part of the requests that may leave late before the generator counts as the bottleneck; fewer than so many are no
sign of it, unless one of them left later than so many seconds."""
TIMED = frozenset({Kind.OK, Kind.TIMEOUT})
COUNTS = ("offered", "sent", "done", *(kind.value for kind in Kind), "late", "early_retries", "retried", "recovered")
"""What is counted of every operation and key. `retried`: left after a wait that was asked; `recovered`: not refused
again then."""


class Times:
    """How long the requests of one operation took, from when the plan wanted them and from when they left."""

    def __init__(self) -> None:
        self.from_intended = Histogram()
        self.service = Histogram()

    def merge(self, other: Times) -> None:
        """Add all that another has counted."""
        self.from_intended.merge(other.from_intended)
        self.service.merge(other.service)

    def dump(self) -> dict[str, str]:
        """As plain JSON values."""
        return {"from_intended": self.from_intended.encode(), "service": self.service.encode()}

    @classmethod
    def load(cls, data: Mapping[str, str]) -> Times:
        """What `dump` gave. Raises ValueError for what is no histogram."""
        times = cls()
        times.from_intended = Histogram.decode(data["from_intended"])
        times.service = Histogram.decode(data["service"])
        return times


class Results:
    """Everything that is kept of one scenario on one provider."""

    def __init__(self, provider: str, scenario: str) -> None:
        self.provider = provider
        self.scenario = scenario
        self.counts: dict[tuple[str, str], Counter[str]] = {}
        """By operation and key."""
        self.times: dict[str, Times] = {}
        """By operation."""
        self.timelines: dict[str, Timeline] = {}
        """By key."""
        self.waits = Histogram()
        """Waits that 429s asked for."""
        self.recovery = Histogram()
        """From the intended start to the success, of requests refused at first."""
        self.delivery: dict[tuple[str, str], Survival] = {}
        """By how it was seen and state."""
        self.polls: Counter[tuple[int, bool]] = Counter()
        """How often a message's state was asked for, and whether it was settled then -> of how many messages."""
        self.statuses: Counter[int] = Counter()
        self.problems: Counter[str] = Counter()
        self.latest = 0.0
        """When the latest answer came."""
        self.lateness = 0.0
        """Seconds of the latest dispatch."""

    def add(self, outcome: Outcome) -> None:
        """Count one attempt."""
        role = self._known(outcome.role)
        self.timelines[role].add(outcome)
        count_in(self._counts(outcome.operation, role), outcome)
        if outcome.kind in TIMED:
            times = self._times(outcome.operation)
            times.from_intended.add(outcome.from_intended)
            times.service.add(outcome.service)
        if outcome.wait > 0:
            self.waits.add(outcome.wait)
        if outcome.attempt > 1 and outcome.kind is Kind.OK:
            self.recovery.add(outcome.from_intended)
        if outcome.status:
            self.statuses[outcome.status] += 1
            self.latest = max(self.latest, outcome.finished)
        if outcome.late:
            self.lateness = max(self.lateness, outcome.lateness)
        if outcome.problem:
            self.add_problem(outcome.problem, 1)

    def add_journey(self, journey: Journey) -> None:
        """Count one message's way to one state."""
        survival = self.delivery.setdefault((journey.by, journey.state), Survival())
        seconds = (journey.until if journey.seen is None else journey.seen) - journey.accepted
        survival.add(seconds, seen=journey.seen is not None, failed=journey.failed)

    def add_polls(self, polls: int, *, settled: bool = True) -> None:
        """Count one message whose state was asked for so often until it was settled, or nobody asked any more."""
        self.polls[min(polls, MOST_POLLS), settled] += 1

    def merge(self, other: Results) -> None:
        """Add all that another has counted."""
        for role, timeline in other.timelines.items():
            self.timelines[self._known(role)].merge(timeline)
        for (operation, role), counts in other.counts.items():
            self._counts(operation, self._known(role)).update(counts)
        for operation, times in other.times.items():
            self._times(operation).merge(times)
        self.waits.merge(other.waits)
        self.recovery.merge(other.recovery)
        for way, survival in other.delivery.items():
            self.delivery.setdefault(way, Survival()).merge(survival)
        self.polls.update(other.polls)
        self.statuses.update(other.statuses)
        self.latest, self.lateness = max(self.latest, other.latest), max(self.lateness, other.lateness)
        for problem, times_seen in other.problems.items():
            self.add_problem(problem, times_seen)

    def counted(self, operation: str | None = None, role: str | None = None) -> Counter[str]:
        """Counts of one operation, or of one key, or of all together."""
        total: Counter[str] = Counter()
        for (one, other), counts in self.counts.items():
            if operation in {None, one} and role in {None, other}:
                total.update(counts)
        return total

    def dump(self) -> dict[str, Any]:
        """As plain JSON values, for another process; `load` reads it."""
        return {
            "provider": self.provider,
            "scenario": self.scenario,
            "counts": [[*key, dict(counts)] for key, counts in self.counts.items()],
            "times": {operation: times.dump() for operation, times in self.times.items()},
            "timelines": {role: timeline.dump() for role, timeline in self.timelines.items()},
            "waits": self.waits.encode(),
            "recovery": self.recovery.encode(),
            "delivery": [[*way, survival.dump()] for way, survival in self.delivery.items()],
            "polls": [[*key, times] for key, times in self.polls.items()],
            "statuses": [*map(list, self.statuses.items())],
            "problems": dict(self.problems),
            "latest": self.latest,
            "lateness": self.lateness,
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Results:
        """What `dump` gave. Raises ValueError for what is no histogram."""
        results = cls(data["provider"], data["scenario"])
        results.counts = {(operation, role): Counter(counts) for operation, role, counts in data["counts"]}
        results.times = {operation: Times.load(one) for operation, one in data["times"].items()}
        results.timelines = {role: Timeline.load(one) for role, one in data["timelines"].items()}
        results.waits = Histogram.decode(data["waits"])
        results.recovery = Histogram.decode(data["recovery"])
        results.delivery = {(by, state): Survival.load(one) for by, state, one in data["delivery"]}
        results.polls.update({(polls, settled): times for polls, settled, times in data["polls"]})
        results.statuses.update(dict(data["statuses"]))
        results.problems.update(data["problems"])
        results.latest, results.lateness = data["latest"], data["lateness"]
        return results

    def _known(self, role: str) -> str:
        """The key under which this one is counted; it has a timeline then."""
        if role not in self.timelines:
            role = role if len(self.timelines) < MOST_KEYS else OTHERS
            self.timelines.setdefault(role, Timeline())
        return role

    def _counts(self, operation: str, role: str) -> Counter[str]:
        counts = self.counts.get((operation, role))
        if counts is None:
            counts = self.counts[operation, role] = Counter()
        return counts

    def _times(self, operation: str) -> Times:
        times = self.times.get(operation)
        if times is None:
            times = self.times[operation] = Times()
        return times

    def add_problem(self, problem: str, times: int) -> None:
        """Count something that went wrong, in a few words of our own."""
        known = problem in self.problems or len(self.problems) < MOST_PROBLEMS
        self.problems[problem if known else OTHERS] += times


def count_in(counts: Counter[str], outcome: Outcome) -> None:
    """Count one attempt under every name of COUNTS that fits it."""
    counts[outcome.kind.value] += 1
    if outcome.attempt == 1:
        counts["offered"] += 1
    if not outcome.sent:
        return
    counts["sent"] += 1
    if outcome.status:
        counts["done"] += 1
    if outcome.late:
        counts["late"] += 1
    if outcome.early_retry:
        counts["early_retries"] += 1
    elif outcome.attempt > 1:
        counts["retried"] += 1
        counts["recovered"] += outcome.kind is not Kind.LIMITED


def line_of(results: Results, plan: Mapping[str, Any], seconds: float, troubles: Iterable[str] = ()) -> dict[str, Any]:
    """The `load` line of the record, its thresholds still empty.

    `plan` is written as it is. `seconds` is how long it sent; what was answered later makes it longer. `troubles` are
    reasons, known elsewhere, why the generator was the limit.
    """
    counts, total, whole = results.counted(), Times(), Timeline()
    seconds = max(seconds, results.latest)
    for times in results.times.values():
        total.merge(times)
    for timeline in results.timelines.values():
        whole.merge(timeline)
    timed = {ALL: total, **dict(sorted(results.times.items()))}
    return {
        "provider": results.provider,
        "scenario": results.scenario,
        "plan": dict(plan),
        "seconds": round(seconds, 3),
        "offered": counts["offered"],
        "sent": counts["sent"],
        "done": counts["done"],
        "late": counts["late"],
        "dropped": counts["dropped"],
        "unsent": counts["unsent"],
        "goodput": _per(counts["ok"], seconds),
        "outcomes": {kind.value: counts[kind.value] for kind in (Kind.OK, Kind.LIMITED, Kind.FAILED, Kind.TIMEOUT)},
        "limited_share": _per(counts["limited"], counts["sent"]),
        "early_retries": counts["early_retries"],
        "recovery": {
            "retried": counts["retried"],
            "recovered": counts["recovered"],
            "waits": {**_quantiles(results.waits), "histogram": results.waits.encode()},
            "seconds": {**_quantiles(results.recovery), "histogram": results.recovery.encode()},
        },
        "operations": {
            name: _shown(results.counted(operation=name)) for name in sorted({name for name, _ in results.counts})
        },
        "histograms": {
            name: {"from_intended": one.from_intended.encode(), "service": one.service.encode()}
            for name, one in timed.items()
        },
        "quantiles": {
            name: {"from_intended": _quantiles(one.from_intended), "service": _quantiles(one.service)}
            for name, one in timed.items()
        },
        **_series(whole),
        "keys": {
            role: {**_shown(results.counted(role=role)), **_series(timeline)}
            for role, timeline in sorted(results.timelines.items())
        },
        "delivery": _delivered(results),
        "polls": _polls(results, settled=True),
        "polls_unsettled": _polls(results, settled=False),
        "statuses": {str(status): times for status, times in sorted(results.statuses.items())},
        "problems": dict(results.problems.most_common()),
        "bottleneck": "; ".join([*troubles, *_lack_of_room(results), *_lateness(counts, results.lateness)]),
        "thresholds": [],
    }


def _lateness(counts: Counter[str], longest: float) -> list[str]:
    late, sent = counts["late"], counts["sent"]
    if late <= MOST_LATE * sent or (late < FEW_LATE and longest <= BIT_LATE):
        return []
    by = f"{longest * 1000:.0f} ms" if longest < 1 else f"{longest:.1f} s"
    return [f"{late} of {counted(sent, 'request')} left late, by up to {by}: this machine could not keep the rate"]


def _lack_of_room(results: Results) -> Iterator[str]:
    for problem, times in results.problems.items():
        if problem.startswith(NO_ROOM):
            yield f"{counted(times, 'request')} could not leave: {problem}"


def _delivered(results: Results) -> dict[str, dict[str, Any]]:
    """By how it was seen and state: how many, and within what time, the missing ones not left out."""
    shown: dict[str, dict[str, Any]] = {}
    for (by, state), survival in sorted(results.delivery.items()):
        shown.setdefault(by, {})[state] = {
            "watched": survival.watched,
            "seen": survival.seen.total,
            "failed": survival.failed,
            "censored": survival.censored.total,
            **{name: _rounded(survival.quantile(part)) for name, part in QUANTILES.items() if part < 1},
            "histogram": survival.seen.encode(),
            "censored_histogram": survival.censored.encode(),
        }
    return shown


def _polls(results: Results, *, settled: bool) -> list[list[int]]:
    return sorted([polls, times] for (polls, there), times in results.polls.items() if there is settled)


def _shown(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in COUNTS}


def _series(timeline: Timeline) -> dict[str, Any]:
    return {"width": timeline.width, "series": [list(row) for row in timeline.rows()]}


def _quantiles(histogram: Histogram) -> dict[str, float | int | None]:
    """Seconds by name, and of how many."""
    values = {name: _rounded(histogram.quantile(part)) for name, part in QUANTILES.items()}
    return {"count": histogram.total, **values}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def _per(part: float, whole: float) -> float:
    return round(part / whole, 6) if whole else 0.0
