"""Checks of what stands in a body: fields against the document's schema, error envelopes, secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from affidavit.checks.case import (
    ABSENT,
    Answered,
    Case,
    equal,
    expand,
    fits,
    judgement,
    moment,
    place,
    server_time,
    shown,
    undecided,
)
from affidavit.finding import Finding, Judgement
from affidavit.openapi_document import SchemaError
from affidavit.pointer import first, locate
from affidavit.redaction import PLACEHOLDER

CLOCK_TOLERANCE_SECONDS = 300
PRESENCE = frozenset({"null", "not-null", "absent", "present", "none"})
LOCATORS = frozenset({"field", "path", "param", "parameter", "property", "instancePath", "loc", "pointer", "source"})
"""Members by which an entry of a details list says which field it is about; its other members are then no names."""


def field(case: Case) -> Judgement:
    """One field of every such answer matches the document, and is there when the document requires it."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    for one in case.anywhere():
        if one.response.truncated or (one.response.json is ABSENT and not case.param("required")):
            continue
        places = list(_places(case, one))
        if places:
            judged.append(one)
        for pointer, value in places:
            findings += _field_findings(case, one, pointer, value)
    return judgement(judged, findings, "no such answer was seen, or none had the part in question")


def shape(case: Case) -> Judgement:
    """The whole body matches the documented schema."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    for one in case.anywhere():
        schema = case.openapi.response_schema(one.exchange.operation or "", one.response.status)
        if schema is None or one.response.truncated:
            continue
        judged.append(one)
        if one.response.json is ABSENT:
            findings.append(case.finding("a JSON body", shown(one.response.body), one))
            continue
        errors = case.errors(schema, _expanded(one.response.json))
        findings += [_from_schema(case, one, error, "") for error in errors]
    return judgement(judged, findings, "no such answer was seen")


def value(case: Case) -> Judgement:
    """One field in the answers of a step; with `once`, only if another step ended as that says."""
    if missed := case.missed_condition():
        return undecided(missed)
    judged: list[Answered] = []
    findings: list[Finding] = []
    for step in case.steps():
        for one in case.good(step):
            found = list(locate(one.response.json, case.param("at")))
            no_list = _no_list(case, one, case.param("at").rpartition("/")[0])
            if no_list or (not found and "/*" in case.param("at")):
                continue  # no item, so none that lacks it
            judged.append(one)
            if not found:
                found = [(case.param("at"), ABSENT)]
            if case.param("optional") and all(got is ABSENT for _, got in found):
                continue
            for pointer, got in found:
                findings += _value_findings(case, one, pointer, got)
    return judgement(judged, findings, case.why(*case.steps()))


def secret_free(case: Case) -> Judgement:
    """No answer shows a key: neither one of ours nor one the provider issued."""
    allowed = set(case.param("except", ()))
    judged = [one for one in case.anywhere() if one.exchange.operation not in allowed]
    findings = []
    for one in judged:
        leaked = PLACEHOLDER.search(one.response.body) or next(
            (found for _, text in one.response.headers if (found := PLACEHOLDER.search(text))), None
        )
        if leaked:
            findings.append(case.finding("no API key in the answer", f"it shows {leaked.group(0)}", one))
    return judgement(judged, findings, "no such answer was seen")


def issued_key(case: Case) -> Judgement:
    """A key that the provider issued has the documented form."""
    judged = []
    findings = []
    pattern = re.compile(case.param("pattern"))
    for one in case.anywhere():
        got = first(one.response.json, case.param("at"))
        if got is ABSENT:
            continue
        judged.append(one)
        sample = expand(got)
        if not isinstance(sample, str) or not pattern.fullmatch(sample):
            findings.append(case.finding(f"a key matching {case.param('pattern')}", shown(got), one, case.param("at")))
    return judgement(judged, findings, "no key was issued in this run")


def error_status(case: Case) -> Judgement:
    """The status inside an error body equals the status of the answer."""
    pointer = case.profile.errors.status or ""
    judged = _errors_with(case, pointer)
    findings = [
        case.finding(f"{pointer} {one.response.status}", shown(first(one.response.json, pointer)), one, pointer)
        for one in judged
        if not equal(first(one.response.json, pointer), one.response.status)
    ]
    return judgement(judged, findings, "no error answer was seen")


def error_path(case: Case) -> Judgement:
    """The path inside an error body is the path that was asked for, encoded or decoded, with or without query."""
    pointer = case.profile.errors.path or ""
    judged = _errors_with(case, pointer)
    findings = []
    for one in judged:
        got = first(one.response.json, pointer)
        asked = one.exchange.request.path
        if not isinstance(got, str) or unquote(got.split("?")[0]) != unquote(asked):
            findings.append(case.finding(f"{pointer} {asked}", shown(got), one, pointer))
    return judgement(judged, findings, "no error answer was seen")


def error_time(case: Case) -> Judgement:
    """The timestamp inside an error body is the server's own present, by its Date header."""
    pointer = case.profile.errors.timestamp or ""
    judged = [one for one in _errors_with(case, pointer) if server_time(one) is not None]
    findings = []
    for one in judged:
        got, now = moment(first(one.response.json, pointer)), server_time(one)
        if got is None or now is None or abs(got - now) > CLOCK_TOLERANCE_SECONDS:
            expected = f"an instant within {CLOCK_TOLERANCE_SECONDS} s of {one.response.header('Date')}"
            findings.append(case.finding(expected, shown(first(one.response.json, pointer)), one, pointer))
    return judgement(judged, findings, "no error answer with a Date header was seen")


def details(case: Case) -> Judgement:
    """A validation error lists the field that failed."""
    name = str(case.param("names"))
    pointer = case.profile.errors.details or "/details"
    judged: list[Answered] = []
    findings: list[Finding] = []
    for step in case.steps():
        for one in case.good(step):
            judged.append(one)
            got = first(one.response.json, pointer)
            if not isinstance(got, list) or not got:
                findings.append(case.finding("details: a list of failing fields", shown(got), one, pointer))
            elif not _mentions(got, name):
                findings.append(case.finding(f"details that name {name}", shown(got), one, pointer))
    return judgement(judged, findings, case.why(*case.steps()))


def _places(case: Case, one: Answered) -> Iterator[tuple[str, Any]]:
    """Where the field should stand in this answer; only where its conditions hold."""
    at = case.param("at")
    if one.response.json is ABSENT:
        yield at, ABSENT
        return
    parent, slash, last = at.rpartition("/")
    if not slash:
        yield "", one.response.json
        return
    found = () if _no_list(case, one, parent) else locate(one.response.json, parent)
    owners = [owner for owner in found if isinstance(owner[1], dict | list)]
    if not owners and "/*" not in at and "/[" not in at and "when" not in case.params:
        yield at, ABSENT  # a promised member is missing with its whole parent
    for base, owner in owners:
        if _applies(case, owner, one.response.json):
            yield from ((base + pointer, found) for pointer, found in locate(owner, f"/{last}"))


def _no_list(case: Case, one: Answered, parent: str) -> bool:
    """Whether something else stands where the document has the list whose items are meant."""
    listed, star, _ = parent.rpartition("/*")
    schema = case.openapi.response_schema(one.exchange.operation or "", one.response.status) if star else None
    documented = schema is not None and bool(case.openapi.schemas_at(schema, f"{listed}/*"))
    return documented and any(not isinstance(found, list) for _, found in locate(one.response.json, listed))


def _applies(case: Case, owner: Any, body: Any) -> bool:  # noqa: ANN401 - any JSON value
    for pointer, wanted in case.param("when", {}).items():
        got = first(owner, pointer)
        if got is ABSENT:
            got = first(body, pointer)
        if not any(equal(got, one) for one in (wanted if isinstance(wanted, list) else [wanted])):
            return False
    return True


def _field_findings(case: Case, one: Answered, pointer: str, got: Any) -> Iterator[Finding]:  # noqa: ANN401 - JSON
    operation, status = one.exchange.operation or "", one.response.status
    schema = case.openapi.response_schema(operation, status)
    governing = case.openapi.schemas_at(schema, case.param("at")) if schema else []
    if got is ABSENT:
        required = case.param("required")
        if required if required is not None else bool(schema and case.openapi.requires(schema, case.param("at"))):
            yield case.finding(f"{pointer} present", "absent", one, pointer)
        return
    got = _expanded(got)
    errors: list[SchemaError] = []
    for sub in governing:
        errors += case.errors(sub, got)
    if case.param("schema") is not None:
        errors += case.errors(case.param("schema"), got)
    for error in _unique(errors):
        yield _from_schema(case, one, error, pointer)


def _value_findings(case: Case, one: Answered, pointer: str, got: Any) -> Iterator[Finding]:  # noqa: ANN401 - JSON
    params = case.params
    got = _expanded(got)
    wrong = ""
    if "is" in params:
        tests = {
            "null": got is None,
            "not-null": got is not None and got is not ABSENT,
            "absent": got is ABSENT,
            "none": got is None or got is ABSENT,
            "present": got is not ABSENT,
        }
        wrong = "" if tests[params["is"]] else str(params["is"])
    elif "equals" in params:
        wrong = "" if equal(got, params["equals"]) else shown(params["equals"])
    elif "in" in params:
        fine = any(equal(got, one) for one in params["in"])
        wrong = "" if fine else "one of " + ", ".join(map(shown, params["in"]))
    elif "matches" in params:
        fine = isinstance(got, str) and re.fullmatch(params["matches"], got) is not None
        wrong = "" if fine else f"text matching {params['matches']}"
    elif "schema" in params:
        if got is ABSENT:
            wrong = "present"
        else:
            for error in case.errors(params["schema"], got):
                yield _from_schema(case, one, error, pointer)
    if wrong:
        yield case.finding(f"{pointer or 'body'}: {wrong}", shown(got), one, pointer)


def _from_schema(case: Case, one: Answered, error: SchemaError, base: str) -> Finding:
    pointer = base + error.pointer
    got = first(one.response.json, pointer)
    return case.finding(f"{pointer or 'body'}: {error.expected}", shown(got), one, pointer)


def _unique(errors: Iterable[SchemaError]) -> list[SchemaError]:
    return list(dict.fromkeys(errors))


def _expanded(body: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(body, dict):
        return {key: _expanded(member) for key, member in body.items()}
    if isinstance(body, list):
        return [_expanded(item) for item in body]
    return expand(body)


def _errors_with(case: Case, pointer: str) -> list[Answered]:
    """Refusals; and failures, which nothing documents, where they wear the envelope of a refusal."""
    chosen = case.evidence.of(case.param("operation", "*"), ["4xx", "5xx"])
    return [
        one
        for one in chosen
        if pointer and (fits("4xx", one.response.status) or first(one.response.json, pointer) is not ABSENT)
    ]


def _mentions(entries: Any, name: str) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a details list names the field, in whatever form its items have."""
    pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", re.IGNORECASE)
    return any(pattern.search(text) for text in _texts(entries))


def _texts(node: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, dict):
        located = LOCATORS & set(node)
        for key, member in node.items():
            if not located:
                yield str(key)
            yield from _texts(member)


__all__ = [
    "details",
    "error_path",
    "error_status",
    "error_time",
    "field",
    "issued_key",
    "place",
    "secret_free",
    "shape",
]
