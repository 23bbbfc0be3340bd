"""What to ask, in which order, and what it will cost: a pure plan over the probes of a provider.

A part of a probe is worth the claims it decides first, weighed by priority, per request. Parts come in the order of
that worth, each after those it builds on; the bursts that meet a rate limit come last, since after them a key is of no
use for a while. With a budget the plan never costs more, and names what stays undecided for want of it.

The costs are upper bounds: a poll that ends early leaves requests over, which the run plans again for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from math import ceil
from typing import Any

from affidavit.catalog import Catalog, Claim, Row
from affidavit.checks.table import REFUSAL
from affidavit.evidence import TOO_MANY, fits
from affidavit.exchange import ABSENT
from affidavit.plan_order import Search, Unit, costs_together, in_order
from affidavit.probes.parts import Part, references
from affidavit.probes.script import CONTROL, Call, Probe, Wait, whole_body
from affidavit.safety import Policy, unwanted
from affidavit.worth import Wanted, Worth

RECEIVER = "receiver"
OBSERVED = 0.1
"""What a claim that can only be observed counts, against one that can be broken."""
NOTHING: Mapping[str, int] = {}
MEETS_LIMIT = 1.02
"""How much more a plan is worth for meeting a limit."""
LOOKS = 3
"""So often a message must be looked at, at least, to see it move from one state to another and on."""
TOO_DEAR = "needs more requests than the budget has"


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
class Turn:
    """Steps of one probe, asked together, and what they cost at most."""

    probe: Probe
    """With these steps alone."""
    most: int


@dataclass(frozen=True)
class Plan:
    """What to ask in order, and what it comes to."""

    turns: tuple[Turn, ...]
    decided: tuple[str, ...]
    """Claims that will have evidence, when the target answers as documented."""
    undecided: Mapping[str, str]
    """Claim -> why not."""
    left_out: Mapping[str, str]
    """Probe, or `probe/step` of one that is asked in part -> why it is not asked."""
    roles: Mapping[str, int]
    """Key role -> its requests at most."""
    waits: float
    """Seconds the probes themselves let pass."""

    @property
    def requests(self) -> int:
        """All requests at most."""
        return sum(turn.most for turn in self.turns)

    @property
    def reserved(self) -> int:
        """Those of the bursts, which come last."""
        return sum(turn.most for turn in self.turns if turn.probe.last)

    @cached_property
    def of(self) -> Mapping[str, Probe]:
        """Probe id -> the steps of it that are asked, in the order written."""
        found: dict[str, Probe] = {}
        for turn in self.turns:
            known = found.get(turn.probe.id)
            found[turn.probe.id] = replace(known, steps=known.steps + turn.probe.steps) if known else turn.probe
        return found

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
        """Look at every step once: what stands in its way, and what its answer is evidence for.

        `flooded` are the roles whose limit is met on purpose, so that it matters for the plan.
        """
        self.catalog, self.means = catalog, means
        self.probes = catalog.script.probes
        self.obstacles = self._obstacles()
        floods = [call for probe in self.probes.values() for call in filter(_floods, probe.calls)]
        self.flooded = frozenset(call.role for call in floods)
        self.worth = Worth(self._wanted(), [name for name, why in self.obstacles.items() if not why])

    def plan(
        self,
        budget: int | None = None,
        done: AbstractSet[str] = frozenset(),
        used: Mapping[str, int] = NOTHING,
        *,
        whole: bool = False,
    ) -> Plan:
        """The best order for `budget` requests (None: all it takes); `whole` keeps each probe together.

        The steps in `done` were asked before; `used` are the requests each role has made in the last window.

        Part by part, greedily; and once more for each burst that could come on top, since what leads up to a burst
        makes it cheaper, which going part by part does not see. Where keeping the probes together decides more within
        the budget, they are kept together.
        """
        orders = [self._units(whole=whole)]
        if budget is not None and not whole:
            orders.append(self._units(whole=True))
        found = (self._best_plan(units, budget, done, used) for units in orders)
        return max(found, key=lambda one: self._value(one, done))

    def _best_plan(
        self, units: Sequence[Unit], budget: int | None, done: AbstractSet[str], used: Mapping[str, int]
    ) -> Plan:
        search = Search(units, self.worth, budget, self.worth.bits(done), used)
        plain = search.run(())
        if budget is None:
            return self._told(units, plain, done, used)
        bursts = [
            place
            for place, unit in enumerate(units)
            if _bursts(unit.part.probe)
            and unit.most <= budget + sum(used.values())
            and place not in plain
            and not unit.bits & search.done
        ]
        orders = [plain, *(order for place in bursts if (order := search.run((place,))))]
        found = (self._told(units, order, done, used) for order in orders)
        return max(found, key=lambda one: self._value(one, done))

    def _value(self, planned: Plan, done: AbstractSet[str]) -> float:
        """What all that was and will be asked is worth, the same measure that the order goes by.

        A limit that nobody meets leaves a whole family of promises unseen, so a plan that meets one may cost a little.
        """
        asked = done | {name for turn in planned.turns for name in references(turn.probe)}
        meets = any(map(_bursts, (turn.probe for turn in planned.turns)))
        return self.worth.whole(self.worth.bits(asked)) * (MEETS_LIMIT if meets else 1)

    def _told(
        self, units: Sequence[Unit], order: Sequence[int], done: AbstractSet[str], used: Mapping[str, int]
    ) -> Plan:
        """A plan in words: neighbours of one probe are one turn."""
        chosen = in_order(units, order)
        costs = costs_together(chosen, used)
        turns: list[Turn] = []
        for unit, most in zip(chosen, costs, strict=True):
            probe = unit.part.probe
            if turns and turns[-1].probe.id == probe.id:
                steps = turns[-1].probe.steps + probe.steps
                turns[-1] = Turn(replace(probe, steps=steps), turns[-1].most + most)
            else:
                turns.append(Turn(probe, most))
        calls = [(turn.probe, call) for turn in turns for call in self._calls(turn.probe)]
        asked = done | {f"{probe.id}/{call.id}" for probe, call in calls}
        undecided = {claim.id: why for claim in self.catalog.claims.values() if (why := self._open(claim, asked))}
        roles: Counter[str] = Counter()
        for _, call in calls:
            roles[call.role] += self._most(call)
        return Plan(
            tuple(turns),
            tuple(name for name in self.catalog.claims if name not in undecided),
            undecided,
            dict(self._left_out(asked)),
            roles,
            sum(unit.pauses for unit in chosen),
        )

    def _left_out(self, asked: AbstractSet[str]) -> Iterator[tuple[str, str]]:
        for probe in self.probes.values():
            missing = [name for name in references(probe) if name not in asked]
            if len(missing) < len(probe.calls):
                yield from ((name, self.obstacles[name] or TOO_DEAR) for name in missing)
            else:
                yield probe.id, self._why(probe)

    @cache  # noqa: B019 - a planner lives as long as its units are wanted
    def _units(self, *, whole: bool) -> Sequence[Unit]:
        """Every part that can be asked at all, whole probes or not."""
        every = self.catalog.whole_parts if whole else self.catalog.parts
        found = [part for part in every if self._calls(part.probe)]
        place_of = {step: place for place, part in enumerate(found) for step in part.steps}
        lines: dict[int, tuple[int, ...]] = {}

        def line(place: int) -> tuple[int, ...]:
            if place not in lines:
                before = sorted({place_of[step] for step in found[place].after if step in place_of})
                lines[place] = tuple(dict.fromkeys([*(one for each in before for one in line(each)), place]))
            return lines[place]

        bits = [self.worth.bits(part.steps) for part in found]
        rows = [self.worth.rows(one) for one in bits]
        return [
            self._unit(part, bits[place], line(place), frozenset[int]().union(*(rows[one] for one in line(place))))
            for place, part in enumerate(found)
        ]

    def _unit(self, part: Part, bits: int, line: tuple[int, ...], rows: frozenset[int]) -> Unit:
        probe, calls = part.probe, self._calls(part.probe)
        # A key in another header than its own may not count as this key's request.
        plain = [call for call in calls if call.authorization is None]
        usage = Counter(role for call in plain for role in [call.role] * call.least)
        return Unit(
            part=part,
            bits=bits,
            most=sum(self._most(call) for call in calls),
            likely=sum(min(call.likely, self._most(call)) for call in calls),
            usage=Counter() if probe.last else usage,  # a burst is spared only what comes before it
            floods=tuple((call.role, self._most(call)) for call in calls if probe.last and self._fills(call)),
            line=line,
            rows=rows,
            pauses=0.0 if "virtual-time" in probe.needs else _pauses(probe),
        )

    def _most(self, call: Call) -> int:
        """The most requests a step costs with these means."""
        return self._steered(call) or call.requests

    def _steered(self, call: Call) -> int:
        """Requests of a step that a control has made cheaper; 0 when none has."""
        return call.repeat.steered or 0 if call.repeat and CONTROL in self.means.powers else 0

    def _fills(self, call: Call) -> bool:
        """Whether the step goes on until a limit is met that other requests of its key have filled in part."""
        return _floods(call) and not self._steered(call)

    def _calls(self, probe: Probe) -> list[Call]:
        """The steps of the probe that can be asked."""
        return [call for call in probe.calls if not self.obstacles[f"{probe.id}/{call.id}"]]

    def _wanted(self) -> Iterator[Wanted]:
        for claim in self.catalog.claims.values():
            for row in claim.decided_by:
                weight = (4 - claim.priority) * (OBSERVED if claim.observe else 1) / len(claim.decided_by)
                yield Wanted(weight, tuple(self._groups(row)), bool(row.alternatives))

    def _groups(self, row: Row) -> list[AbstractSet[str]]:
        groups: list[AbstractSet[str]] = [set(group) for group in row.alternatives]
        if groups:
            return groups
        if row.hears:
            hearing = [probe for probe in self.probes.values() if RECEIVER in probe.needs]
            return [{name for probe in hearing for name in references(probe)}]
        if row.seen_in:
            telling = _refused if row.seen_in == REFUSAL else _follows
            return [
                {f"{probe.id}/{call.id}" for probe in self.probes.values() for call in filter(telling, probe.calls)}
            ]
        operations = row.params.get("operation", "*")
        named = (operations,) if isinstance(operations, str) else tuple(operations)
        return [self._answering(named, row.status if isinstance(row.status, int | str) else tuple(row.status))]

    @cache  # noqa: B019 - as above
    def _answering(self, operations: tuple[str, ...], status: int | str | tuple[int | str, ...]) -> AbstractSet[str]:
        """Every step of these operations whose answer is expected to have such a status."""
        return {
            f"{probe.id}/{call.id}"
            for probe in self.probes.values()
            for call in probe.calls
            if ("*" in operations or call.operation in operations) and any(fits(status, one) for one in call.expect)
        }

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
        return obstacles[0] if all(obstacles) else TOO_DEAR

    def _why(self, probe: Probe) -> str:
        most = sum(self._most(call) for call in self._calls(probe))
        if most:
            return f"needs up to {most} requests, more than the budget has left"
        return next((self.obstacles[f"{probe.id}/{call.id}"] for call in probe.calls), "asks nothing")

    def _obstacles(self) -> Mapping[str, str]:
        """Step -> why it cannot be asked, or ''. What cannot be asked saves nothing for others to be filled from."""
        own = {
            f"{probe.id}/{call.id}": self._obstacle(probe, call)
            for probe in self.probes.values()
            for call in probe.calls
        }
        found: dict[str, str] = {}

        def why(name: str) -> str:
            if name not in found:
                found[name] = own[name]  # until more is known: a step may be filled from what it saved itself
                sources = sorted(self.catalog.filled_from[name])
                found[name] = own[name] or next(filter(None, map(why, sources)), "")
            return found[name]

        return {name: why(name) for name in own}

    def _obstacle(self, probe: Probe, call: Call) -> str:
        lacking = lacking_powers(probe, self.means.powers)
        if lacking:
            return lacking
        if call.role != "none" and call.role not in self.means.keys:
            return f"needs the key role `{call.role}`"
        for flood in filter(_floods, probe.calls):
            limit, most = self.means.limits.get(flood.role, 0), self._most(flood)
            if limit >= most and not (flood.repeat and flood.repeat.steered):
                return f"{most} requests do not meet the limit of {limit}"
        operation = self.catalog.openapi.operations[call.operation]
        body: Any = whole_body(call.body, self.catalog.script.bodies) if call.has_body else ABSENT
        key = self.means.keys.get(call.role, "") if operation.needs_key and call.authorization is None else ""
        return unwanted(self.means.policy, operation, key, call.role, body)


def _floods(call: Call) -> bool:
    """Whether the step goes on until the limit is met."""
    return bool(call.repeat and call.repeat.until and call.repeat.until.status == TOO_MANY)


def _bursts(probe: Probe) -> bool:
    """Whether the probe meets a limit, after all others."""
    return probe.last and any(map(_floods, probe.calls))


def _refused(call: Call) -> bool:
    """Whether the step may be answered that there were too many."""
    return TOO_MANY in call.expect


def _follows(call: Call) -> bool:
    """Whether the step polls until something has become of what it asks for."""
    return bool(call.repeat and call.repeat.until and call.repeat.until.at and call.repeat.times >= LOOKS)


def _pauses(probe: Probe) -> float:
    """Seconds the probe lets pass at most."""
    waits = sum(step.seconds for step in probe.steps if isinstance(step, Wait) and not step.virtual)
    return waits + sum(call.repeat.lasts for call in probe.calls if call.repeat)
