"""The part of one scenario that one process plays: put together, started, folded, ended."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.errors import UsageError
from affidavit.load.arrivals import Plan, schedule, share, shares
from affidavit.load.dispatch import Dispatcher, Settings
from affidavit.load.flow import SEND, Flow, arrivals
from affidavit.load.options import count, given, plan, seconds, weights
from affidavit.load.outcome import Outcome
from affidavit.load.recipe import Wording
from affidavit.load.results import Results
from affidavit.load.scenario import Scenario
from affidavit.load.target import Target
from affidavit.load.waiting import Line
from affidavit.load.wire import Pool, resolve

NAMELESS = "the answer names no message, so nobody knows whether it was delivered"


@dataclass(frozen=True)
class Means:
    """What a run was asked to do with one scenario."""

    plan: Plan
    weights: Mapping[str, float]
    roles: tuple[str, ...]
    seed: int
    in_flight: int
    budget: int | None
    timeout: float
    drain: float
    think: float
    give_up: float


def means_of(options: Mapping[str, Any], scenario: Scenario, roles: tuple[str, ...]) -> Means:
    """What the options, by name and as texts, ask of a scenario. Raises UsageError."""

    def spans(name: str, default: float, least: float = 0.001) -> float:
        return given(options, name, lambda text, where: seconds(text, where, least=least), default)

    def mixed(text: str, where: str) -> Mapping[str, float]:
        return weights(text, where, [*scenario.weights])

    return Means(
        plan=plan(scenario.shape, options),
        weights=given(options, "weights", mixed, scenario.weights) if len(scenario.weights) > 1 else scenario.weights,
        roles=roles,
        seed=given(options, "seed", lambda text, where: count(text, where, least=0), 1),
        in_flight=given(options, "in_flight", count, 1000),
        budget=given(options, "budget", count, None),
        timeout=spans("timeout", 30.0),
        drain=spans("drain", 10.0, 0.0),
        think=spans("think", 1.0),
        give_up=spans("give_up", 30.0),
    )


class Part:
    """One scenario in process number `index` of `of`."""

    def __init__(  # noqa: PLR0913 - the parts of a run, put together in one place
        self,
        scenario: Scenario,
        target: Target,
        means: Means,
        *,
        index: int = 0,
        of: int = 1,
        told_to_wait: Callable[[str, float, bool], None] = lambda *_: None,
    ) -> None:
        """Word everything; nothing is sent. Raises UsageError, RefusedError and TargetError."""
        self.scenario, self.target, self.means = scenario, target, means
        self.results = Results(scenario.provider, scenario.name)
        """Counted since `take`."""
        self.methods: dict[str, str] = {}
        """By operation."""
        self._buffer: list[Outcome] = []
        self.flow = Flow(target.recipe, means.think, means.give_up, scenario.follow, scenario.ways)
        wordings = self._words()
        draw = random.Random(f"{means.seed}/{scenario.name}/moments").random  # noqa: S311 - a schedule, no secret
        pick = random.Random(f"{means.seed}/{scenario.name}/requests").random  # noqa: S311 - as above
        rows = arrivals(schedule(means.plan, draw), means.weights, means.roles, pick)
        self.dispatcher = Dispatcher(
            Settings(
                seconds=means.plan.seconds,
                drain=means.drain,
                in_flight=max(1, shares(means.in_flight, of)[index]),
                budget=None if means.budget is None else shares(means.budget, of)[index],
                patient=scenario.patient,
            ),
            share(rows, index, of),
            self.flow,
            wordings,
            {role: Line() for role in means.roles},
            Pool(resolve(target.base), time.perf_counter, timeout=means.timeout),
            target.catalog.profile.rate_limit,
            self._buffer.append,
            told_to_wait,
        )

    def fold(self) -> list[Outcome]:
        """Count what has come since the last call, and give it back."""
        fresh = self._buffer[:]
        self._buffer.clear()
        add = self.results.add
        for outcome in fresh:
            add(outcome)
        flow = self.flow
        for journey in flow.journeys:
            self.results.add_journey(journey)
        for polls, settled in flow.polls:
            self.results.add_polls(polls, settled=settled)
        if flow.nameless:
            self.results.add_problem(NAMELESS, flow.nameless)
        flow.nameless = 0
        flow.journeys.clear()
        flow.polls.clear()
        return fresh

    def take(self) -> Results:
        """What was counted since the last call."""
        taken, self.results = self.results, Results(self.scenario.provider, self.scenario.name)
        return taken

    def _words(self) -> dict[tuple[str, str], Wording]:
        target, recipe = self.target, self.target.recipe
        names = {*self.means.weights, *({SEND, "poll"} if "polling" in self.flow.ways else ())}
        if strange := sorted(names - recipe.requests.keys()):
            raise UsageError(f"{self.scenario.provider} has no request {', '.join(strange)} for load scenarios")
        wordings = {
            (name, role): target.writer(role).word(recipe.requests[name], role, target.keys[role])
            for name in sorted(names)
            for role in self.means.roles
        }
        self.methods = {one.operation: one.method for one in wordings.values()}
        return wordings
