"""Probe scripts as typed rows: what `probes.yaml` says, checked for form.

Reading is strict: an unknown key, a name used twice or a step without an action is a ValueError whose text names the
probe, the step and what was expected. Nothing is sent from here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from affidavit.profile import MAIN
from affidavit.template import forms_in, problem_with, variables_used

CONTROL = "control"
NEEDS = frozenset({CONTROL, "receiver", "virtual-time"})
LIKELY = 0.25
"""Which part of a poll's or a walk's turns is likely to be needed."""
BUILT_IN = frozenset({"recipient", "unique", "receiver_url", "value", "index", "key"})
NOT_TO_BIND = BUILT_IN - {"value"}
"""What `each` must not bind either: these have a value already."""
HTTP_STATUSES = range(100, 600)
ANSWERS = range(200, 600)
"""What the receiver of webhooks can answer."""
_PROBE_KEYS = frozenset({"id", "about", "after", "needs", "last", "apart", "steps"})
_CALL_KEYS = frozenset(
    {
        "id", "call", "key", "authorization", "path", "raw_path", "query", "headers", "body", "raw_body", "expect",
        "each", "save", "repeat", "walk", "together", "after",
    }
)  # fmt: skip
MOST_GROWTH = 10
_REPEAT_KEYS = frozenset({"times", "every", "until", "unpaced", "steered", "grows"})
_WALK_KEYS = frozenset({"parameter", "pages"})


@dataclass(frozen=True)
class Until:
    """When a repeated step may stop."""

    at: str | None = None
    accepted: tuple[Any, ...] = ()
    status: int | None = None


@dataclass(frozen=True)
class Repeat:
    """Ask again, up to `times`, waiting `every` seconds before the second, and `grows` times longer each time."""

    times: int
    every: float = 0.0
    until: Until | None = None
    unpaced: bool = False
    """True for the one place where the limit is met on purpose."""
    steered: int | None = None
    """What `times` is where the probe's controls are obeyed; None when they make no difference."""
    grows: float = 1.0

    def pause(self, turn: int) -> float:
        """Seconds to wait before asking for the `turn`-th time again, from 1."""
        return self.every * self.grows ** (turn - 1)

    @property
    def lasts(self) -> float:
        """Seconds that all of it takes at most."""
        return sum(self.pause(turn) for turn in range(1, self.times))


@dataclass(frozen=True)
class Walk:
    """Follow a page parameter from 1 until an empty page."""

    parameter: str
    pages: int


@dataclass(frozen=True)
class Call:
    """One request, or several that share a reference."""

    id: str
    operation: str
    role: str
    expect: tuple[int, ...]
    authorization: str | None
    path: Mapping[str, Any]
    raw_path: str | None
    query: Mapping[str, Any]
    headers: Mapping[str, Any]
    body: Any
    has_body: bool
    raw_body: str | None
    each: tuple[Mapping[str, Any], ...]
    save: Mapping[str, str]
    repeat: Repeat | None
    walk: Walk | None
    together: int
    after: tuple[str, ...]
    """Steps of a probe whose steps stand apart that this one comes after, beside those whose answers it uses."""

    @property
    def requests(self) -> int:
        """The most requests this step can cost."""
        times = self.repeat.times if self.repeat else self.walk.pages if self.walk else 1
        return max(1, len(self.each)) * times * self.together

    @property
    def likely(self) -> float:
        """How many requests it will cost, more or less: a poll or a walk mostly ends early."""
        open_end = self.walk or (self.repeat and self.repeat.until and self.repeat.until.status is None)
        return self.least + (self.requests - self.least) * (LIKELY if open_end else 1)

    @property
    def least(self) -> int:
        """The fewest requests it costs when it goes as expected: a poll may end with its first answer."""
        times = self.repeat.times if self.repeat and not self.repeat.until else 1
        return max(1, len(self.each)) * times * self.together


@dataclass(frozen=True)
class Wait:
    """Let time pass on the run's clock."""

    seconds: float
    virtual: bool = False
    """Whether only a virtual clock is worth it; on any other the step is passed over."""


@dataclass(frozen=True)
class Control:
    """Ask the embedded sandbox to do what no provider's API can."""

    action: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """Tell the webhook receiver how to answer the next deliveries."""

    answers: tuple[int | str, ...]


Step = Call | Wait | Control | Program


@dataclass(frozen=True)
class Probe:
    """A conversation that produces the evidence for some claims."""

    id: str
    about: str
    after: tuple[str, ...]
    needs: frozenset[str]
    last: bool
    apart: bool
    """Whether its steps need of each other only what they name, so that some of them can be asked without the rest."""
    steps: tuple[Step, ...]

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The steps that send something."""
        return tuple(step for step in self.steps if isinstance(step, Call))

    @property
    def requests(self) -> int:
        """The most requests the whole probe can cost."""
        return sum(call.requests for call in self.calls)


@dataclass(frozen=True)
class Script:
    """All probes of a provider, in the order written, with the bodies they share."""

    bodies: Mapping[str, Any]
    probes: Mapping[str, Probe]

    @cached_property
    def together(self) -> frozenset[str]:
        """Steps whose requests are sent at once."""
        return frozenset(
            f"{probe.id}/{call.id}" for probe in self.probes.values() for call in probe.calls if call.together > 1
        )


def read_script(data: Mapping[str, Any], operations: Sequence[str], roles: Sequence[str]) -> Script:
    """Check and type a parsed `probes.yaml`. Raises ValueError."""
    _only(data, {"provider", "bodies", "probes"}, "probes.yaml")
    probes: dict[str, Probe] = {}
    for item in data.get("probes", []):
        probe = _probe(item)
        if probe.id in probes:
            raise ValueError(f"probe {probe.id!r} is there twice: give each probe its own id")
        probes[probe.id] = probe
    for probe in probes.values():
        _check_names(probe, probes, data.get("bodies", {}), operations, roles)
    return Script(data.get("bodies", {}), probes)


def _probe(item: Mapping[str, Any]) -> Probe:
    where = f"probe {item.get('id')!r}"
    _only(item, _PROBE_KEYS, where)
    steps = tuple(_step(step, where) for step in item["steps"])
    names = [step.id for step in steps if isinstance(step, Call)]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise ValueError(f"{where}: step ids {sorted(doubled)} are there twice")
    needs = frozenset(item.get("needs", ()))
    if needs - NEEDS:
        raise ValueError(f"{where}: needs {sorted(needs - NEEDS)}, expected some of {sorted(NEEDS)}")
    return Probe(
        item["id"],
        item.get("about", ""),
        tuple(item.get("after", ())),
        needs,
        bool(item.get("last", False)),
        bool(item.get("apart", False)),
        steps,
    )


def _step(item: Mapping[str, Any], where: str) -> Step:
    if "call" in item:
        return _call(item, f"{where}, step {item.get('id')!r}")
    if "wait" in item:
        _only(item, {"wait", "virtual"}, f"{where}, wait")
        return Wait(_seconds(item["wait"], f"{where}, wait"), bool(item.get("virtual", False)))
    if set(item) == {"control"}:
        _only(item["control"], {"action", "with"}, f"{where}, control")
        return Control(item["control"]["action"], item["control"].get("with", {}))
    if set(item) == {"receiver"}:
        return Program(_answers(item["receiver"], f"{where}, receiver"))
    raise ValueError(f"{where}: step {dict(item)!r} has none of call, wait, control, receiver")


def _answers(entries: Sequence[Any], where: str) -> tuple[int | str, ...]:
    for entry in entries:
        if entry != "silent" and not (type(entry) is int and entry in ANSWERS):
            raise ValueError(f"{where}: answers {entry!r}; use a status from 200 to 599, or silent")
    return tuple(entries)


def _seconds(value: Any, where: str) -> float:  # noqa: ANN401 - any YAML value
    seconds = float(value)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{where}: is {value!r}, expected 0 or more seconds")
    return seconds


def _count(value: Any, where: str) -> int:  # noqa: ANN401 - any YAML value
    if type(value) is not int or value < 1:
        raise ValueError(f"{where}: is {value!r}, expected a whole number from 1")
    return value


def _call(item: Mapping[str, Any], where: str) -> Call:
    _only(item, _CALL_KEYS, where)
    several = [name for name in ("repeat", "walk", "together") if name in item]
    if "walk" in several and len(several) > 1:
        raise ValueError(f"{where}: has {several}; a walk goes alone")
    if "expect" not in item:
        raise ValueError(f"{where}: says no `expect`; name the status the documents promise here")
    expect = item["expect"]
    return Call(
        id=item["id"],
        operation=item["call"],
        role=str(item.get("key", "main")),
        expect=_statuses(expect if isinstance(expect, list) else [expect], where),
        authorization=item.get("authorization"),
        path=item.get("path", {}),
        raw_path=item.get("raw_path"),
        query=item.get("query", {}),
        headers=item.get("headers", {}),
        body=item.get("body"),
        has_body="body" in item,
        raw_body=item.get("raw_body"),
        each=_each(item.get("each", {}), where),
        save=item.get("save", {}),
        repeat=_repeat(item["repeat"], where) if "repeat" in item else None,
        walk=_walk(item["walk"], where) if "walk" in item else None,
        together=_count(item.get("together", 1), f"{where}, together"),
        after=tuple(item.get("after", ())),
    )


def _walk(item: Mapping[str, Any], where: str) -> Walk:
    _only(item, _WALK_KEYS, f"{where}, walk")
    return Walk(item["parameter"], _count(item["pages"], f"{where}, pages"))


def _statuses(entries: Sequence[Any], where: str) -> tuple[int, ...]:
    """Statuses as written, a class such as `2xx` standing for all that have a name."""
    found: list[int] = []
    for entry in entries:
        if type(entry) is int and entry in HTTP_STATUSES:
            found.append(entry)
        elif re.fullmatch("[1-5]xx", str(entry)):
            found += [status.value for status in HTTPStatus if status // 100 == int(entry[0])]
        else:
            raise ValueError(f"{where}: expects {entry!r}; use a status or a class such as 2xx")
    return tuple(found)


def _each(columns: Mapping[str, Sequence[Any]], where: str) -> tuple[Mapping[str, Any], ...]:
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"{where}: the lists under `each` have different lengths {sorted(lengths)}")
    if lengths == {0}:
        raise ValueError(f"{where}: the lists under `each` are empty")
    rows = zip(*columns.values(), strict=True)
    return tuple(dict(zip(columns, row, strict=True)) for row in rows)


def _repeat(item: Mapping[str, Any], where: str) -> Repeat:
    _only(item, _REPEAT_KEYS, f"{where}, repeat")
    times = _count(item["times"], f"{where}, times")
    every = _seconds(item.get("every", 0), f"{where}, every")
    stop = _until(item["until"], f"{where}, until") if "until" in item else None
    steered = _count(item["steered"], f"{where}, steered") if "steered" in item else None
    grows = float(item.get("grows", 1))
    if not 1 <= grows <= MOST_GROWTH:
        raise ValueError(f"{where}, grows: is {item['grows']!r}, expected a number from 1 to {MOST_GROWTH}")
    return Repeat(times, every, stop, bool(item.get("unpaced", False)), steered, grows)


def _until(item: Mapping[str, Any], where: str) -> Until:
    _only(item, {"at", "in", "status"}, where)
    if set(item) == {"status"}:
        (status,) = _statuses([item["status"]], where)
        return Until(status=status)
    if set(item) != {"at", "in"}:
        raise ValueError(f"{where}: has {sorted(item)}, expected either a status, or both at and in")
    return Until(item["at"], tuple(item["in"]))


def _check_names(
    probe: Probe,
    probes: Mapping[str, Probe],
    bodies: Mapping[str, Any],
    operations: Sequence[str],
    roles: Sequence[str],
) -> None:
    known = set(BUILT_IN) | _saved_before(probe, probes, ())
    _check_apart(probe)
    for step in probe.steps:
        if isinstance(step, Control):
            where = f"probe {probe.id!r}, control {step.action!r}"
            _check_templates([step.arguments], known, roles, where)
        elif isinstance(step, Call):
            where = f"probe {probe.id!r}, step {step.id!r}"
            _check_call(step, operations, roles, where)
            rows = [value for row in step.each for value in row.values()]
            _check_templates(rows, known, roles, where)
            bound = {name for row in step.each for name in row}
            _check_templates(_templates(step, bodies), known | bound, roles, where)
            known |= set(step.save)


def _check_apart(probe: Probe) -> None:
    earlier: set[str] = set()
    for call in probe.calls:
        if call.after and not (probe.apart and set(call.after) <= earlier):
            raise ValueError(
                f"probe {probe.id!r}, step {call.id!r}: comes after {list(call.after)}, expected earlier steps of a "
                "probe with `apart: true`"
            )
        earlier.add(call.id)


def _check_call(call: Call, operations: Sequence[str], roles: Sequence[str], where: str) -> None:
    if call.operation not in operations:
        raise ValueError(f"{where}: calls {call.operation!r}, which openapi.yaml does not have")
    if call.role not in {*roles, "none"}:
        raise ValueError(f"{where}: key {call.role!r} is no role of profile.toml")
    taken = (set(call.save) & BUILT_IN) | ({name for row in call.each for name in row} & NOT_TO_BIND)
    if taken:
        raise ValueError(f"{where}: binds {sorted(taken)}, which every template has already; take another name")


def _check_templates(templates: Sequence[Any], known: AbstractSet[str], roles: Sequence[str], where: str) -> None:
    unknown = set().union(*map(variables_used, templates)) - known
    if unknown:
        raise ValueError(f"{where}: uses {sorted(unknown)}, which nothing before it saves")
    for form in forms_in(list(templates)):
        if problem := problem_with(form):
            raise ValueError(f"{where}: {problem}")
        if form.get("$key", MAIN) not in roles:
            raise ValueError(f"{where}: $key {form['$key']!r} is no role of profile.toml")


def _saved_before(probe: Probe, probes: Mapping[str, Probe], later: tuple[str, ...]) -> set[str]:
    """What the probes before this one save. Raises ValueError when one comes after itself."""
    saved: set[str] = set()
    for name in probe.after:
        if name not in probes:
            raise ValueError(f"probe {probe.id!r} comes after {name!r}, which is no probe of this file")
        if name in {*later, probe.id}:
            raise ValueError(f"probe {name!r} comes after itself: {' after '.join([*later, probe.id, name])}")
        saved |= _saved_before(probes[name], probes, (*later, probe.id))
        saved |= {variable for call in probes[name].calls for variable in call.save}
    return saved


def whole_body(body: Any, bodies: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any YAML value
    """A body as written, at every depth with the shared one it is `$like` put in, and one item of each `$list`.

    Raises ValueError.
    """
    if isinstance(body, list):
        return [whole_body(item, bodies) for item in body]
    if not isinstance(body, Mapping):
        return body
    if "$list" in body:
        return [whole_body(body["$list"]["of"], bodies)]
    if "$like" not in body:
        return {name: whole_body(value, bodies) for name, value in body.items()}
    base = bodies.get(body["$like"])
    if base is None:
        raise ValueError(f"no body {body['$like']!r} under `bodies`")
    kept = {name: value for name, value in base.items() if name not in body.get("without", ())}
    return whole_body({**kept, **body.get("with", {})}, bodies)


def variables_of(call: Call, bodies: Mapping[str, Any]) -> set[str]:
    """Names of the variables the step's request is filled from."""
    rows = [value for row in call.each for value in row.values()]
    return set().union(*map(variables_used, [*_templates(call, bodies), *rows]))


def _templates(call: Call, bodies: Mapping[str, Any]) -> list[Any]:
    body = whole_body(call.body, bodies)
    return [call.path, call.raw_path, call.query, call.headers, body, call.body, call.raw_body, call.authorization]


def _only(item: Mapping[str, Any], known: set[str] | frozenset[str], where: str) -> None:
    unknown = set(item) - known
    if unknown:
        raise ValueError(f"{where}: unknown {sorted(unknown)}; known are {sorted(known)}")
