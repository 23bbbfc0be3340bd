"""Plays the parts of this process: a process that runs alone has them all, a worker its share of each scenario."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import gevent
from gevent.event import Event
from locust.stats import RequestStats, StatsEntry, bucket_response_time

from _hooks import Hooks
from affidavit.load.outcome import Kind, Outcome
from affidavit.load.part import Means, Part
from affidavit.load.results import Results
from affidavit.load.scenario import Scenario
from affidavit.load.target import Target

FOLD_SECONDS = 0.05
"""Short, so that counting never keeps an arrival waiting for long."""
STATS_SECONDS = 0.5
BUSY = 0.9
"""Part of a CPU core, in some second, beyond which this process may have been the limit."""
SETTLE_SECONDS = 2
"""A process that only just started is busy with starting."""


@dataclass(frozen=True)
class Role:
    """A scenario with all that it needs."""

    scenario: Scenario
    target: Target
    means: Means


class Player:
    """All parts of this process, from `start` until `finished` is set."""

    def __init__(  # noqa: PLR0913 - every one has its default
        self,
        roles: Sequence[Role],
        stats: RequestStats,
        *,
        index: int = 0,
        of: int = 1,
        told_to_wait: Callable[[str, str, float, bool], None] = lambda *_: None,
        hooks: Hooks | None = None,
    ) -> None:
        """Put the parts together. Raises UsageError, RefusedError and TargetError.

        Args:
            roles: which parts.
            stats: Locust's own, which get every request too.
            index: number of this process, from 0.
            of: how many processes there are.
            told_to_wait: hears of every wait that a key was asked for: provider, role, seconds, asked by the answer.
            hooks: where webhooks arrive.
        """
        self.finished = Event()
        self.busiest = 0.0
        """The greatest part of a CPU core that a second took."""
        self._stats, self._told_to_wait, self._hooks = stats, told_to_wait, hooks
        self._fresh: list[tuple[Part, list[Outcome]]] = []
        self.parts = [
            Part(
                role.scenario,
                role.target,
                role.means,
                index=index,
                of=of,
                told_to_wait=self._listener(role.scenario),
            )
            for role in roles
        ]

    def start(self, delay: float) -> None:
        """Begin in so many seconds; the schedules' clocks show 0 then."""
        self.began = time.perf_counter() + delay
        for part in self.parts:
            part.dispatcher.start(self.began)
        gevent.spawn(self._count)

    def hold(self, provider: str, role: str, seconds: float, *, promised: bool, but: Part | None = None) -> None:
        """A key must wait: tell all parts that use it."""
        for part in self.parts:
            if part is not but and part.scenario.provider == provider:
                part.dispatcher.hold(role, seconds, promised=promised)

    def stop(self, broken: str) -> None:
        """End all parts now, and say why the run proves nothing."""
        for part in self.parts:
            part.dispatcher.stop(broken)

    def take(self) -> list[Results]:
        """What was counted since the last call."""
        return [part.take() for part in self.parts]

    @property
    def broken(self) -> str:
        """Why the run proves nothing."""
        return "; ".join(dict.fromkeys(part.dispatcher.broken for part in self.parts if part.dispatcher.broken))

    @property
    def troubles(self) -> list[str]:
        """Why this process may have been the limit."""
        if self.busiest <= BUSY:
            return []
        return [f"this process used {self.busiest:.0%} of a CPU core: give it more cores with --processes"]

    def _listener(self, scenario: Scenario) -> Callable[[str, float, bool], None]:
        def told(role: str, seconds: float, promised: bool) -> None:  # noqa: FBT001 - as the dispatcher calls it
            me = next(part for part in self.parts if part.scenario is scenario)
            self.hold(scenario.provider, role, seconds, promised=promised, but=me)
            self._told_to_wait(scenario.provider, role, seconds, promised)

        return told

    def _count(self) -> None:
        looked, used = time.perf_counter(), time.process_time()
        since_stats = 0.0
        while not all(part.dispatcher.finished.is_set() for part in self.parts):
            gevent.sleep(FOLD_SECONDS)
            self._fold()
            since_stats += FOLD_SECONDS
            if since_stats >= STATS_SECONDS:
                self._tell_locust()
                since_stats = 0.0
            now = time.perf_counter()
            if now - looked >= 1:
                cpu = time.process_time()
                if looked > self.began + SETTLE_SECONDS:
                    self.busiest = max(self.busiest, (cpu - used) / (now - looked))
                looked, used = now, cpu
        self._fold()
        self._tell_locust()
        self.finished.set()

    def _fold(self) -> None:
        hooked = [part for part in self.parts if part.scenario.webhook]
        if self._hooks is not None and hooked and hooked[0].target.recipe.webhook is not None:
            self._hooks.tell(self.began, hooked[0].target.recipe.webhook, [part.flow for part in hooked])
        for part in self.parts:
            fresh = part.fold()
            if fresh:
                self._fresh.append((part, fresh))

    def _tell_locust(self) -> None:
        """Give Locust's statistics what came, at once for many requests: one by one it would cost more than they do."""
        for part, outcomes in self._fresh:
            sent = sorted((one for one in outcomes if one.sent), key=lambda one: one.operation)
            for operation, group in groupby(sent, key=lambda one: one.operation):
                name = f"{part.scenario.name} {operation}"
                count_in_locust(self._stats, part.methods[operation], name, list(group))
        self._fresh.clear()


def count_in_locust(stats: RequestStats, method: str, name: str, outcomes: Sequence[Outcome]) -> None:
    """Log requests of one kind that ended just now. A 429 is no failure."""
    now = time.time()
    for entry in (stats.total, stats.get(name, method)):
        _log(entry, outcomes, now)
    for one in outcomes:
        if one.kind in {Kind.FAILED, Kind.TIMEOUT}:
            stats.log_error(method, name, one.problem)


def _log(entry: StatsEntry, outcomes: Sequence[Outcome], now: float) -> None:
    """What `StatsEntry.log` does, for many at once."""
    milliseconds = [one.service * 1000 for one in outcomes]
    second = int(now)
    if entry.use_response_times_cache and entry.last_request_timestamp and second > int(entry.last_request_timestamp):
        entry._cache_response_times(second - 1)  # noqa: SLF001 - as `log` does
    entry.num_requests += len(outcomes)
    entry.num_reqs_per_sec[second] += len(outcomes)
    entry.last_request_timestamp = now
    entry.total_response_time += sum(milliseconds)  # type: ignore[assignment]  # Locust adds fractions as well
    least = min(milliseconds)
    entry.min_response_time = least if entry.min_response_time is None else min(entry.min_response_time, least)  # type: ignore[assignment]  # as above
    entry.max_response_time = max(entry.max_response_time, *milliseconds)  # type: ignore[assignment]  # as above
    for one in milliseconds:
        entry.response_times[bucket_response_time(one)] += 1
