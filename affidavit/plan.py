"""What to ask, in which order, and what it will cost: a pure plan over the probes of a provider.

A probe is worth the claims it decides first, weighed by priority, per request. Probes come in the order of that worth,
each after those it builds on; the bursts that meet a rate limit come last, since after them a key is of no use for a
while. With a budget the plan never costs more, and names what stays undecided for want of it.

The costs are upper bounds: a poll that ends early leaves requests over, which the run plans again for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Any

from affidavit.catalog import Catalog, Claim, Row
from affidavit.evidence import TOO_MANY, fits
from affidavit.exchange import ABSENT
from affidavit.probes.script import Call, Probe, Wait, whole_body
from affidavit.safety import Policy, unwanted

RECEIVER = "receiver"
NOTHING: Mapping[str, int] = {}
AGAIN = 0.1
"""What evidence for a row that is decided already counts, against the first."""
CHANCE = 0.5
"""How likely an answer that no row names holds what a row about any answer looks for."""


@dataclass(frozen=True)
class Means:
    """What a run has to ask with."""

    keys: Mapping[str, str]
    policy: Policy
    powers: frozenset[str] = frozenset()
    """Which of a probe's `needs` are met."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Role -> requests per window, as far as an answer has said."""


@dataclass(frozen=True)
class Plan:
    """Probes in order, and what they come to."""

    probes: tuple[Probe, ...]
    costs: Mapping[str, int]
    """Probe -> requests at most, of those that can be asked at all."""
    decided: tuple[str, ...]
    """Claims that will have evidence, when the target answers as documented."""
    undecided: Mapping[str, str]
    """Claim -> why not."""
    left_out: Mapping[str, str]
    """Probe -> why it is not asked."""
    roles: Mapping[str, int]
    """Key role -> its requests at most."""
    waits: float
    """Seconds the probes themselves let pass."""

    @property
    def requests(self) -> int:
        """All requests at most."""
        return sum(self.costs[probe.id] for probe in self.probes)

    def seconds(self, limit: int, window: float) -> float:
        """How long it takes at `limit` requests of each key per `window` seconds."""
        turns = max((ceil(count / limit) - 1 for count in self.roles.values()), default=0)
        return max(0, turns) * window + self.waits


def lacking_powers(probe: Probe, powers: AbstractSet[str]) -> str:
    """Why a probe cannot be asked with these powers, or ''."""
    lacking = probe.needs - powers
    if lacking == {RECEIVER}:
        return "needs a webhook receiver: name its public address with --receiver"
    return f"needs {' and '.join(sorted(lacking))}, which only the sandbox has" if lacking else ""


class Planner:
    """Plans for one provider with the same means; the plan may be made again as a run goes on."""

    def __init__(self, catalog: Catalog, means: Means) -> None:
        """Look at every step once: what it costs, and what stands in its way."""
        self.used = Counter[str]()
        self.catalog, self.means = catalog, means
        self.probes = catalog.script.probes
        self.obstacles = {
            f"{probe.id}/{call.id}": self._obstacle(probe, call)
            for probe in self.probes.values()
            for call in probe.calls
        }
        self.costs = {probe.id: sum(call.requests for call in self._calls(probe)) for probe in self.probes.values()}

        # What a burst is spared is only what is certain to be used before it.
        self.usage = {
            name: Counter(role for call in self._calls(probe) for role in [call.role] * call.least)
            for name, probe in self.probes.items()
        }
        self.floods = {
            name: [(call.role, call.requests) for call in self._calls(probe) if _floods(call)]
            for name, probe in self.probes.items()
            if probe.last
        }

    @cached_property
    def rows(self) -> list[tuple[float, list[AbstractSet[str]], bool]]:
        """Every row that decides something: its weight, its groups, and whether it names its steps.

        Each group needs one of its steps.
        """
        return [
            ((4 - claim.priority) / len(claim.decided_by), self._groups(row), bool(row.alternatives))
            for claim in self.catalog.claims.values()
            for row in claim.decided_by
        ]

    @cached_property
    def touched(self) -> Mapping[str, Sequence[int]]:
        """Step -> the rows that it is evidence for, by their place in `rows`."""
        found: dict[str, list[int]] = defaultdict(list)
        for place, (_, groups, _) in enumerate(self.rows):
            for step in set().union(*groups):
                found[step].append(place)
        return found

    def plan(
        self, budget: int | None = None, done: AbstractSet[str] = frozenset(), used: Mapping[str, int] = NOTHING
    ) -> Plan:
        """The best order for `budget` requests (None: all it takes).

        The probes in `done` were asked before; `used` are the requests each role has made in the last window.

        Probe by probe, greedily; and once more for each burst that could come on top, since what leads up to a burst
        makes it cheaper, which going probe by probe does not see.
        """
        self.used = Counter(used)
        plain = self._plan(budget, done, ())
        if budget is None:
            return plain
        bursts = [one for one in self.probes.values() if one.last and one not in plain.probes and one.id not in done]
        affordable = [one for one in bursts if self.costs[one.id] and self._costs([one])[one.id] <= budget]
        return max((plain, *(self._plan(budget, done, (one,)) for one in affordable)), key=self._value)

    def _value(self, planned: Plan) -> int:
        return sum(4 - self.catalog.claims[name].priority for name in planned.decided)

    def _plan(self, budget: int | None, done: AbstractSet[str], first: Iterable[Probe]) -> Plan:
        chosen = {one.id: one for probe in first for one in self._closure(probe) if one.id not in done}
        asked = self._steps({*done, *chosen})
        while bundle := self._best(budget, chosen, done, asked):
            chosen |= {probe.id: probe for probe in bundle}
            asked |= self._steps(probe.id for probe in bundle)
        probes = tuple(sorted(chosen.values(), key=lambda one: one.last))
        calls = [call for probe in probes for call in self._calls(probe)]
        undecided = {claim.id: why for claim in self.catalog.claims.values() if (why := self._open(claim, asked))}
        return Plan(
            probes,
            self._costs(probes),
            tuple(name for name in self.catalog.claims if name not in undecided),
            undecided,
            {name: self._why(probe) for name, probe in self.probes.items() if name not in {*chosen, *done}},
            {role: sum(one.requests for one in calls if one.role == role) for role in {one.role for one in calls}},
            sum(_pauses(probe) for probe in probes if "virtual-time" not in probe.needs),
        )

    def _best(
        self, budget: int | None, chosen: Mapping[str, Probe], done: AbstractSet[str], asked: AbstractSet[str]
    ) -> Sequence[Probe]:
        """The most telling probe that can still be paid for, after those it builds on."""
        best: tuple[float, Sequence[Probe]] = (0.0, ())
        for probe in self.probes.values():
            if probe.id in done or probe.id in chosen or not self.costs[probe.id]:
                continue
            before = (one for one in self._closure(probe) if one.id not in done and one.id not in chosen)
            bundle = [one for one in before if self.costs[one.id]]
            costs = self._costs((*chosen.values(), *bundle)) if budget is not None else self.costs
            if budget is not None and sum(costs.values()) > budget:
                continue
            worth = self._worth(asked, self._steps(one.id for one in bundle))
            worth = (0.001 + worth) / sum(costs[one.id] for one in bundle)
            if worth > best[0]:
                best = (worth, bundle)
        return best[1]

    def _costs(self, probes: Iterable[Probe]) -> Mapping[str, int]:
        """What each of the probes costs when they are asked together.

        A burst that goes on until it is refused needs only what the probes before it left of the key's limit.
        """
        together = list(probes)
        used = self.used.copy()
        for probe in together:
            if not probe.last:
                used.update(self.usage[probe.id])
        costs = {probe.id: self.costs[probe.id] for probe in together}
        for probe in together:
            for role, most in self.floods.get(probe.id, ()):
                costs[probe.id] -= used[role] if used[role] < most else 0
        return costs

    def _calls(self, probe: Probe) -> list[Call]:
        """The steps of the probe that can be asked."""
        return [call for call in probe.calls if not self.obstacles[f"{probe.id}/{call.id}"]]

    def _closure(self, probe: Probe) -> Iterator[Probe]:
        for name in probe.after:
            yield from self._closure(self.probes[name])
        yield probe

    def _worth(self, asked: AbstractSet[str], new: AbstractSet[str]) -> float:
        total = 0.0
        for place in {place for step in new for place in self.touched.get(step, ())}:
            weight, groups, named = self.rows[place]
            if not named:
                before = len(groups[0] & asked)
                after = before + len(groups[0] & new)
                total += weight * (CHANCE**before - CHANCE**after)
            elif all(group & asked for group in groups):
                total += AGAIN * weight
            elif all(group & asked or group & new for group in groups):
                total += weight
        return total

    def _steps(self, probes: Iterable[str]) -> set[str]:
        """Steps of the probes that can be asked."""
        return {f"{name}/{call.id}" for name in probes for call in self._calls(self.probes[name])}

    def _groups(self, row: Row) -> list[AbstractSet[str]]:
        groups: list[AbstractSet[str]] = [set(group) for group in row.alternatives]
        if groups:
            return groups
        if row.hears:
            hearing = [probe for probe in self.probes.values() if "receiver" in probe.needs]
            return [{f"{probe.id}/{call.id}" for probe in hearing for call in probe.calls}]
        operations, status = row.params.get("operation", "*"), row.params.get("status", "any")
        named = {operations} if isinstance(operations, str) else set(operations)
        return [
            {
                f"{probe.id}/{call.id}"
                for probe in self.probes.values()
                for call in probe.calls
                if ("*" in named or call.operation in named) and any(fits(status, one) for one in call.expect)
            }
        ]

    def _open(self, claim: Claim, asked: AbstractSet[str]) -> str:
        if not claim.decided_by:
            return f"only by hand: {claim.by_hand}" if claim.by_hand else claim.undecided
        for row in claim.decided_by:
            for group in self._groups(row):
                if not group & asked:
                    return self._why_open(group)
        return ""

    def _why_open(self, group: AbstractSet[str]) -> str:
        if not group:
            return "no probe asks for it; property tests may"
        obstacles = [self.obstacles[name] for name in sorted(group)]
        return obstacles[0] if all(obstacles) else "needs more requests than the budget has"

    def _why(self, probe: Probe) -> str:
        if self.costs[probe.id]:
            return f"needs up to {self.costs[probe.id]} requests, more than the budget has left"
        return next((self.obstacles[f"{probe.id}/{call.id}"] for call in probe.calls), "asks nothing")

    def _obstacle(self, probe: Probe, call: Call) -> str:
        lacking = lacking_powers(probe, self.means.powers)
        if lacking:
            return lacking
        if call.role != "none" and call.role not in self.means.keys:
            return f"needs the key role `{call.role}`"
        for flood in filter(_floods, probe.calls):
            limit = self.means.limits.get(flood.role, 0)
            if limit >= flood.requests:
                return f"{flood.requests} requests do not meet the limit of {limit}"
        operation = self.catalog.openapi.operations[call.operation]
        body: Any = whole_body(call.body, self.catalog.script.bodies) if call.has_body else ABSENT
        key = self.means.keys.get(call.role, "") if operation.needs_key and call.authorization is None else ""
        return unwanted(self.means.policy, operation, key, call.role, body)


def _floods(call: Call) -> bool:
    """Whether the step goes on until the limit is met."""
    return bool(call.repeat and call.repeat.until and call.repeat.until.status == TOO_MANY)


def _pauses(probe: Probe) -> float:
    """Seconds the probe lets pass at most."""
    waits = sum(step.seconds for step in probe.steps if isinstance(step, Wait))
    return waits + sum(call.repeat.every * (call.repeat.times - 1) for call in probe.calls if call.repeat)
