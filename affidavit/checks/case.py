"""What a check is given, and the small vocabulary all checks share.

A check takes one `Case` and returns one `Judgement`: which exchanges it judged, what it found, or why it could not
judge. It never sends, prints, reads a clock, or decides a verdict.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from affidavit.evidence import TOO_MANY, Answered, Evidence, fits, spoken
from affidavit.exchange import ABSENT, Exchange
from affidavit.finding import Finding, Judgement
from affidavit.openapi_document import OpenApiDocument, SchemaError
from affidavit.pointer import first, locate, values
from affidavit.probes.script import Call, Script
from affidavit.profile import Profile
from affidavit.redaction import expand

SHOWN_CHARACTERS = 120


@dataclass(frozen=True)
class Case:
    """One claim's question to one check."""

    check: str
    params: Mapping[str, Any]
    openapi: OpenApiDocument
    profile: Profile
    script: Script
    evidence: Evidence

    def param(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - params are any YAML value
        """One parameter of the check."""
        return self.params.get(name, default)

    def steps(self, name: str = "step") -> list[str]:
        """A parameter that is one step reference or a list of them."""
        return named_steps(self.params.get(name, []))

    def call(self, step: str) -> Call:
        """The scripted step behind a reference."""
        probe, _, name = step.partition("/")
        return next(call for call in self.script.probes[probe].calls if call.id == name)

    def judgeable(self, step: str) -> list[Answered]:
        """The step's answers, without those that only said 'later' (429) unless the step was after them."""
        wanted = TOO_MANY in self.call(step).expect
        return [one for one in self.evidence.answered(step) if wanted or one.response.status != TOO_MANY]

    def good(self, step: str) -> list[Answered]:
        """The step's answers with a status the script expects: those whose content means something."""
        return [one for one in self.evidence.answered(step) if one.response.status in self.call(step).expect]

    def anywhere(self) -> list[Answered]:
        """Answers of params `operation` with params `status`, whoever asked."""
        return self.evidence.of(self.param("operation", "*"), self.param("status", "any"))

    def things(self, found_in: Mapping[str, str]) -> Iterator[tuple[Answered, Any]]:
        """Every object at these pointers in the answers of `operation/status`, in the order of the record."""
        found: list[tuple[int, int, Answered, Any]] = []
        for where, pointer in found_in.items():
            operation, _, status = where.partition("/")
            for one in self.evidence.of(operation, int(status)):
                for index, (_, thing) in enumerate(locate(one.response.json, pointer)):
                    if isinstance(thing, dict):
                        found.append((one.seq, index, one, thing))
        found.sort(key=lambda entry: entry[:2])
        for _, _, one, thing in found:
            yield one, thing

    def finding(
        self, expected: str, got: str, where: Answered | Sequence[Answered | Exchange], pointer: str = ""
    ) -> Finding:
        """A finding of this check."""
        proof = [where] if isinstance(where, Answered) else where
        return Finding(self.check, expected, got, tuple(one.seq for one in proof), pointer)

    def errors(self, schema: str | Mapping[str, Any], value: Any) -> list[SchemaError]:  # noqa: ANN401 - JSON value
        """What a schema, by its pointer into the document or given in place, does not allow in a value.

        A form that only examples show is held against a target that uses it elsewhere, and not against one that has
        another form throughout.
        """
        if isinstance(schema, str):
            found = self.openapi.errors(schema, value)
        else:
            found = self.openapi.inline_errors(schema, value)
        return [error for error in found if not error.example or self.evidence.writes(error.example)]

    def conditions(self) -> list[list[Answered]]:
        """The answers of each step of the params `once` that ended with their status."""
        once = self.params["once"]
        asked = [self.evidence.answered(step) for step in named_steps(once["step"])]
        return [answers for answers in asked if answers and fits(once["status"], answers[-1].response.status)]

    def missed_condition(self) -> str:
        """Why the params `once` leave nothing to judge: none of their steps ended with their status."""
        once = self.param("once")
        if once is None or self.conditions():
            return ""
        steps = " or ".join(f"`{step}`" for step in named_steps(once["step"]))
        return f"{steps} did not end with status {spoken(once['status'])}"

    def why(self, *steps: str) -> str:
        """Why the steps cannot be judged: the first that has no good answer."""
        for step in steps:
            if not self.good(step):
                return self.evidence.why_missing(step)
        return "the answers hold nothing to judge"


def named_steps(named: str | Iterable[str]) -> list[str]:
    """One step reference or several, as a list."""
    return [named] if isinstance(named, str) else list(named)


def judgement(judged: Iterable[Answered | Exchange | int], findings: Iterable[Finding], missing: str) -> Judgement:
    """A judgement; `missing` only counts when nothing could be judged."""
    seqs = tuple(one if isinstance(one, int) else one.seq for one in judged)
    return Judgement(seqs, tuple(findings), "" if seqs else missing)


def undecided(reason: str) -> Judgement:
    """A judgement that says only why there is none."""
    return Judgement(missing=reason)


@dataclass(frozen=True)
class Place:
    """A spot in a step's exchanges, written `probe/step part [argument]`."""

    step: str
    part: str
    argument: str

    def read(self, one: Answered) -> Any:  # noqa: ANN401 - any JSON value, or ABSENT
        """The value there in one exchange; an array when the pointer has `*`."""
        exchange, response = one.exchange, one.response
        if self.part == "status":
            return response.status
        if self.part == "header":
            return _or_absent(response.header(self.argument))
        if self.part == "query":
            return _or_absent(dict(exchange.request.query).get(self.argument))
        if self.part == "path":
            return exchange.request.path
        body = exchange.request.json if self.part == "request" else response.json
        return values(body, self.argument) if "/*" in self.argument else first(body, self.argument)


PARTS = frozenset({"request", "response", "query", "header", "path", "status"})


def place(text: str) -> Place:
    """Parse a place. Raises ValueError."""
    step, _, rest = text.partition(" ")
    part, _, argument = rest.partition(" ")
    if part not in PARTS:
        raise ValueError(f"{text!r} is no place: expected 'probe/step part [argument]' with part in {sorted(PARTS)}")
    return Place(step, part, argument)


def shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A value as a short phrase for a person; long text is capped."""
    if value is ABSENT:
        return "absent"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    if len(text) > SHOWN_CHARACTERS:
        return f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"
    return text


def equal(left: Any, right: Any) -> bool:  # noqa: ANN401 - any JSON value
    """JSON equality: 1 equals 1.0, but true does not equal 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def moment(value: Any) -> float | None:  # noqa: ANN401 - any JSON value
    """An RFC 3339 text as epoch seconds, or None when it is none."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed.timestamp() if parsed.tzinfo else None


def server_time(one: Answered) -> float | None:
    """The answer's Date header as epoch seconds; None when missing or malformed."""
    return http_date(one.response.header("Date"))


def http_date(value: Any) -> float | None:  # noqa: ANN401 - a header's text, or ABSENT
    """The text of a Date header as epoch seconds, or None when it is none."""
    if not isinstance(value, str):
        return None
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError):
        return None


def number(value: Any) -> float | None:  # noqa: ANN401 - any JSON value
    """A JSON number (not a boolean) as float, or None."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _or_absent(value: str | None) -> Any:  # noqa: ANN401 - text or ABSENT
    return ABSENT if value is None else value


__all__ = [
    "ABSENT",
    "Answered",
    "Case",
    "Place",
    "equal",
    "expand",
    "fits",
    "http_date",
    "judgement",
    "moment",
    "number",
    "place",
    "server_time",
    "shown",
    "undecided",
]
