"""What is known and accepted of a provider: `reports/baseline/<provider>.json`, read strictly.

It holds the differences that somebody accepted, each with reason, name, date and expiry, and what the target did in the
run that was taken as the measure. What cannot be read as exactly that is refused, and never written over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import Any

from affidavit.errors import UsageError
from affidavit.gate.behaviour import Answers, Asked, Behaviour, Place
from affidavit.gate.difference import Axis, Difference, Identity
from affidavit.gate.limits import is_of_search, rows, searched
from affidavit.recorded import LIMITS

FORMAT = "affidavit baseline"
VERSION = 1
MOST_TEXT = 500


@dataclass(frozen=True)
class Accepted:
    """One difference that somebody accepted."""

    id: str
    identity: Identity
    says: str
    before: str
    after: str
    sources: tuple[str, ...]
    reason: str
    who: str
    on: date
    expires: date
    comes_and_goes: bool = False
    """Not seen in every run, so that its absence does not make it stale."""


@dataclass(frozen=True)
class Measure:
    """The run that later ones are measured by."""

    taken_on: date
    target: str
    verdicts: Mapping[str, str]
    """Claim -> how it stood."""
    behaviour: Behaviour


@dataclass(frozen=True)
class Baseline:
    """Everything of one file."""

    provider: str
    accepted: tuple[Accepted, ...] = ()
    measure: Measure | None = None
    search: Measure | None = None
    """The search for limits that later ones are measured by."""

    def measure_of(self, what: str) -> Measure | None:
        """What a run of this kind is measured by."""
        return self.search if what == LIMITS else self.measure

    def accepted_of(self, what: str) -> tuple[Accepted, ...]:
        """What a run of this kind could show."""
        return tuple(one for one in self.accepted if is_of_search(one.identity) == (what == LIMITS))


def accept(  # noqa: PLR0913 - what is accepted, and who answers for it
    baseline: Baseline,
    differences: Iterable[Difference],
    *,
    reason: str,
    who: str,
    on: date,
    expires: date,
    comes_and_goes: bool = False,
) -> Baseline:
    """The baseline with these differences accepted; an entry that is there already is renewed. Raises UsageError."""
    if not reason.strip() or not who.strip():
        raise UsageError("an accepted difference needs a reason and a name: give --reason and --who")
    if expires <= on:
        raise UsageError(f"--expires {expires} is not after {on}: name a day by which it is looked at again")
    entries = {one.id: one for one in baseline.accepted}
    for one in differences:
        entries[one.id] = Accepted(
            id=one.id,
            identity=one.identity,
            says=one.says,
            before=one.before,
            after=one.after,
            sources=one.sources,
            reason=reason.strip(),
            who=who.strip(),
            on=on,
            expires=expires,
            comes_and_goes=comes_and_goes,
        )
    return replace(baseline, accepted=tuple(entries[key] for key in sorted(entries)))


def drop(baseline: Baseline, names: Iterable[str]) -> Baseline:
    """The baseline without these entries, named by id or by claim. Raises UsageError for a name that fits none."""
    kept = baseline.accepted
    for name in names:
        left = tuple(one for one in kept if name != one.id and not one.identity.is_of_claim(name))
        if len(left) == len(kept):
            raise UsageError(f"the baseline of {baseline.provider} has no {name!r}: nothing to drop")
        kept = left
    return replace(baseline, accepted=kept)


def measured(baseline: Baseline, measure: Measure) -> Baseline:
    """The baseline with another run as the measure; what was accepted of its behaviour is the measure now."""
    search = bool(measure.behaviour.searched)
    kept = tuple(
        one for one in baseline.accepted if one.identity.axis != Axis.BEHAVIOUR or is_of_search(one.identity) != search
    )
    if search:
        return replace(baseline, accepted=kept, search=measure)
    return replace(baseline, accepted=kept, measure=measure)


def dumps(baseline: Baseline) -> str:
    """The file's text: one line per entry and per way of asking, so that a change shows as a small diff."""
    data = {"format": FORMAT, "version": VERSION, "provider": baseline.provider}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in data.items()]
    lines.append('"accepted": ' + _rows([_accepted_row(one) for one in baseline.accepted]))
    lines.append('"measure": ' + ("null" if baseline.measure is None else _measure_text(baseline.measure)))
    if baseline.search is not None:
        lines.append(f'"{LIMITS}": ' + _search_text(baseline.search))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def loads(text: str, name: str) -> Baseline:
    """Read the text of the file `name`. Raises UsageError naming what is wrong in it."""
    try:
        data = json.loads(text)
        _check_head(data)
        accepted = tuple(_accepted(row) for row in data["accepted"])
        measure = None if data["measure"] is None else _measure(data["provider"], data["measure"])
        search = _search(data["provider"], data[LIMITS]) if LIMITS in data else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        said = f"{problem.args[0]!r} is missing" if isinstance(problem, KeyError) else str(problem)
        raise UsageError(f"{name} cannot be used: {said}; nothing was changed") from problem
    return Baseline(str(data["provider"]), accepted, measure, search)


def _check_head(data: Any) -> None:  # noqa: ANN401 - any JSON value
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f'it is no baseline, which is a JSON object with "format": "{FORMAT}"')
    if data.get("version") != VERSION:
        raise ValueError(f"its version is {data.get('version')!r}, and this Affidavit reads {VERSION}: use another one")
    names = {"format", "version", "provider", "accepted", "measure"}
    _exactly(data, names | (data.keys() & {LIMITS}), "the file")


def _accepted_row(one: Accepted) -> dict[str, Any]:
    row = asdict(one)
    row["identity"] = {key: value for key, value in row["identity"].items() if value}
    for name in ("says", "before", "after"):
        row[name] = row[name][:MOST_TEXT]
    return {**row, "on": one.on.isoformat(), "expires": one.expires.isoformat()}


def _accepted(row: Mapping[str, Any]) -> Accepted:
    names = {one.name for one in fields(Accepted)}
    _exactly(row, names, f"the accepted {row.get('id') if isinstance(row, dict) else row!r}")
    known = {one.name for one in fields(Identity)}
    _only(row["identity"], known, f"the identity of {row['id']!r}")
    identity = Identity(**row["identity"])
    if identity.id != row["id"]:
        raise ValueError(f"the id {row['id']!r} does not fit its identity, which is {identity.id!r}: one was edited")
    for name in ("reason", "who"):
        if not isinstance(row[name], str) or not row[name].strip():
            raise ValueError(f"the accepted {row['id']!r} has no {name}")
    dates = {name: date.fromisoformat(row[name]) for name in ("on", "expires")}
    return Accepted(**{**row, **dates, "identity": identity, "sources": tuple(row["sources"])})


def _measure_text(measure: Measure) -> str:
    told = measure.behaviour
    answers = [
        [asked.step, asked.role, asked.operation, asked.shape, asked.status, _answers_row(told.answers[asked])]
        for asked in sorted(told.answers)
    ]
    parts = {
        "taken_on": json.dumps(measure.taken_on.isoformat()),
        "target": json.dumps(measure.target),
        "verdicts": json.dumps(dict(sorted(measure.verdicts.items()))),
        "limits": json.dumps({role: sorted(several) for role, several in sorted(told.limits.items())}),
        "windows": json.dumps(dict(sorted(told.windows.items()))),
        "spans": json.dumps({name: list(several) for name, several in sorted(told.spans.items())}),
        "answers": _rows(answers),
    }
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {text}" for name, text in parts.items()) + "\n}"


def _search_text(search: Measure) -> str:
    head = {"taken_on": search.taken_on.isoformat(), "target": search.target}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    return "{\n" + ",\n".join([*lines, '"found": ' + _rows(rows(search.behaviour.searched))]) + "\n}"


def _search(provider: str, data: Mapping[str, Any]) -> Measure:
    _exactly(data, {"taken_on", "target", "found"}, LIMITS)
    found = Behaviour(provider, {}, {}, {}, {}, searched(data["found"]))
    return Measure(date.fromisoformat(data["taken_on"]), str(data["target"]), {}, found)


def _answers_row(answers: Answers) -> dict[str, Any]:
    return {
        "count": answers.count,
        "types": dict(sorted(answers.types.items())),
        "headers": dict(sorted(answers.headers.items())),
        "places": {
            at: [
                one.parents,
                one.present,
                dict(sorted(one.kinds.items())),
                None if one.values is None else sorted(one.values),
            ]
            for at, one in sorted(answers.places.items())
        },
    }


def _measure(provider: str, data: Mapping[str, Any]) -> Measure:
    _exactly(data, {"taken_on", "target", "verdicts", "limits", "windows", "spans", "answers"}, "the measure")
    answers = {}
    for step, role, operation, shape, status, row in data["answers"]:
        _exactly(row, {"count", "types", "headers", "places"}, f"the answers of {step!r}")
        places = {at: _place(*values) for at, values in row["places"].items()}
        answers[Asked(step, role, operation, shape, int(status))] = Answers(
            int(row["count"]), Counter(row["types"]), Counter(row["headers"]), places
        )
    behaviour = Behaviour(
        provider,
        answers,
        {role: frozenset(several) for role, several in data["limits"].items()},
        {role: float(seconds) for role, seconds in data["windows"].items()},
        {name: tuple(several) for name, several in data["spans"].items()},
    )
    return Measure(date.fromisoformat(data["taken_on"]), str(data["target"]), dict(data["verdicts"]), behaviour)


def _place(parents: int, present: int, kinds: Mapping[str, int], values: list[str] | None) -> Place:
    return Place(int(parents), int(present), Counter(kinds), None if values is None else frozenset(values))


def _rows(rows: list[Any]) -> str:
    return "[" + ",".join(f"\n  {json.dumps(row)}" for row in rows) + ("\n]" if rows else "]")


def _exactly(data: Mapping[str, Any], names: set[str], where: str) -> None:
    _only(data, names, where)
    missing = names - set(data)
    if missing:
        raise ValueError(f"{where} lacks {sorted(missing)}")


def _only(data: Mapping[str, Any], names: set[str], where: str) -> None:
    if not isinstance(data, dict):
        raise TypeError(f"{where} is {type(data).__name__}, expected an object")
    unknown = set(data) - names
    if unknown:
        raise ValueError(f"{where} has unknown {sorted(unknown)}; known are {sorted(names)}")
