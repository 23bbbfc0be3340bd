"""Broken claims as differences whose identity lasts.

A finding says what was expected and what came, with the ids, numbers and times of one run in it. Its identity keeps
only what another run would have too: the claim, the check, the general pointer, the expectation without its numbers,
and the kind of what came. Where a check speaks of one scripted step, the identity names it, and which of the step's
requests it was: told by the values that the script itself spells. So one accepted finding never covers another.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from typing import Any

from affidavit.catalog import Catalog, Claim, Row
from affidavit.evidence import Evidence
from affidavit.exchange import ABSENT, Exchange, Request
from affidavit.finding import Finding, Verdict, VerdictKind
from affidavit.gate.difference import Axis, Difference, Identity, Severity
from affidavit.gate.places import general, kind
from affidavit.pointer import first
from affidavit.probes.script import Call
from affidavit.redaction import PLACEHOLDER
from affidavit.verdict import ways

_STATUS = re.compile(r"(\bstatus (?:\d{3}|\dxx)\b)")
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT")
_LISTED = re.compile(r"\b(one of|additionalProperties|oneOf|not|anyOf) .*", re.DOTALL)
_NUMBERED = re.compile(r"[^\s,:;]*\d[^\s,;]*")
INVENTED = re.compile(r"property/|stateful")
"""How the sources of invented requests begin."""
MOST_SAID = 160


def broken_claims(catalog: Catalog, evidence: Evidence, verdicts: Iterable[Verdict]) -> list[Difference]:
    """Every way in which a claim is broken, each once, in the order of their identities."""
    found: dict[Identity, Difference] = {}
    shown_by: dict[Identity, set[str]] = defaultdict(set)
    for verdict in verdicts:
        if verdict.kind is VerdictKind.BROKEN:
            claim = catalog.claims[verdict.claim]
            for row, finding in ways(catalog, claim, evidence):
                exchange = _last(evidence, finding)
                identity = identify(catalog, claim, row, finding, exchange)
                found.setdefault(identity, _difference(claim, finding, identity))
                shown_by[identity] |= set(_scripted(evidence, finding))
    return [_with_sources(found[one], shown_by[one]) for one in sorted(found)]


def identify(catalog: Catalog, claim: Claim, row: Row, finding: Finding, exchange: Exchange | None) -> Identity:
    """The lasting identity of one finding."""
    step = exchange.source if exchange and exchange.source in row.steps else ""
    return Identity(
        axis=Axis.CLAIM,
        provider=catalog.provider,
        operation=(exchange.operation if exchange else None) or claim.operation,
        subject=claim.id,
        check=finding.check,
        step=step + _which(catalog, exchange) if exchange and step else step,
        at=general(finding.pointer),
        expected=without_values(finding.expected),
        got=_got(finding, exchange),
    )


def without_values(text: str) -> str:
    """An expectation without the numbers, ids, times and lists that differ from run to run or document to document."""
    text = _HTTP_DATE.sub("#", _LISTED.sub(r"\1", PLACEHOLDER.sub("key", text)))
    parts = _STATUS.split(text)  # a status stays as it is, at every odd place
    return "".join(part if index % 2 else _NUMBERED.sub("#", part) for index, part in enumerate(parts))


def _got(finding: Finding, exchange: Exchange | None) -> str:
    if finding.pointer and exchange and exchange.response and exchange.response.json is not ABSENT:
        return kind(first(exchange.response.json, finding.pointer))
    return without_values(finding.got)


def _last(evidence: Evidence, finding: Finding) -> Exchange | None:
    return next(iter(evidence.at(finding.exchanges[-1:])), None)


def _scripted(evidence: Evidence, finding: Finding) -> Iterator[str]:
    return (one.source for one in evidence.at(finding.exchanges) if not INVENTED.match(one.source))


def _difference(claim: Claim, finding: Finding, identity: Identity) -> Difference:
    return Difference(
        identity,
        Severity.BREAKING,
        claim.says,
        claim.place,
        before=capped(finding.expected),
        after=capped(finding.got),
        exchange=finding.exchanges[-1] if finding.exchanges else 0,
    )


def _with_sources(one: Difference, sources: set[str]) -> Difference:
    return Difference(
        one.identity, one.severity, one.says, one.where, one.before, one.after, one.exchange, tuple(sorted(sources))
    )


def capped(text: str) -> str:
    """A text short enough for one line."""
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}…"


def _which(catalog: Catalog, exchange: Exchange) -> str:
    """Which of a step's requests it was, where the step asks with several values; else ''."""
    probe, _, name = exchange.source.partition("/")
    call = next((one for one in catalog.script.probes[probe].calls if one.id == name), None)
    if call is None or len(call.each) < 2:
        return ""
    shape = json.dumps(_spelt(exchange.request, call), sort_keys=True)
    return f" {sha256(shape.encode()).hexdigest()[:6]}"


def _spelt(request: Request, call: Call) -> Any:  # noqa: ANN401 - any JSON value
    """The request with only the values that its script spells; they are the same in every run."""
    spelt = _spelt_by(json.dumps([*call.each, call.path, call.query, call.headers, call.body, call.raw_body]))
    body = request.body if request.json is ABSENT else request.json
    headers = {name: request.header(name) for name in call.headers}
    segments = request.path.split("/")
    return [_only(part, spelt) for part in (segments, [list(pair) for pair in request.query], headers, body)]


@cache
def _spelt_by(script: str) -> frozenset[str]:
    return frozenset(_scalars(json.loads(script)))


def _scalars(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        for member in value.values():
            yield from _scalars(member)
    elif isinstance(value, list):
        for item in value:
            yield from _scalars(item)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


def _only(value: Any, spelt: frozenset[str]) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return {key: _only(member, spelt) for key, member in value.items()}
    if isinstance(value, list):
        return [_only(item, spelt) for item in value]
    if isinstance(value, str):
        one_letter = f"{value[0]} x {len(value)}" if value and len(set(value)) == 1 else "text"
        return value if value in spelt else one_letter
    return value if json.dumps(value) in spelt or not isinstance(value, int | float) else "number"
