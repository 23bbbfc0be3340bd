"""Checks of outgoing webhooks, from the deliveries that the harness's receiver took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from affidavit.checks.case import ABSENT, Case, equal, moment, place, shown, undecided
from affidavit.evidence import Answered
from affidavit.exchange import Delivery
from affidavit.finding import Finding, Judgement
from affidavit.pointer import first, locate

WEBHOOK = "messageStatusUpdated"
MESSAGE_ID = "/data/messageId"
STATUS = "/data/status"
GOOD_FROM, GOOD_UNTIL = 200, 300
HERE = frozenset({"127.0.0.1", "localhost", "::1"})


def deliveries(case: Case) -> Judgement:
    """One delivery for each of these states of a message, and none for those."""
    message = _message(case)
    if message is ABSENT:
        return undecided(case.why(place(case.param("message")).step))
    mine = _of(case, message)
    if not case.evidence.deliveries and not _surely_heard(case):
        return undecided("the receiver took no delivery at all: is its public address the one that was registered?")
    unreadable = _unreadable(case, mine)
    if unreadable:
        return undecided(unreadable)
    wanted = _come_to(case, case.param("statuses", []))
    if case.param("statuses") and not wanted:
        return undecided(f"the message came to none of {', '.join(case.param('statuses'))}")
    findings: list[Finding] = []
    proof = mine or case.good(place(case.param("message")).step)
    states = [str(first(one.request.json, STATUS)) for one in mine]
    each, least = case.param("each", 1), case.param("at_least")
    expected = f"{each} delivery" if least is None else f"at least {least} delivery"
    findings += [
        _finding(case, f"{expected} for {status}", f"{states.count(status)}", proof)
        for status in wanted
        if (states.count(status) != each if least is None else states.count(status) < least)
    ]
    findings += [
        _finding(case, f"no delivery for {status}", f"{states.count(status)}", mine)
        for status in case.param("none", [])
        if status in states
    ]
    some = case.param("some_of", [])
    if some and not set(some) & set(states):
        findings.append(_finding(case, f"a delivery for {' or '.join(some)}", ", ".join(states) or "none", proof))
    return Judgement(tuple(one.seq for one in proof), tuple(findings))


def _surely_heard(case: Case) -> bool:
    """Whether the target can reach the receiver: it is the embedded sandbox, or both are on this machine."""
    if case.evidence.embedded or "address" not in case.params:
        return case.evidence.embedded
    where = place(case.param("address"))
    registered = case.good(where.step)[-1:]
    urls = [url for one in registered for url in (where.read(one), one.exchange.request.url)]
    return bool(urls) and all(isinstance(url, str) and urlsplit(url).hostname in HERE for url in urls)


def _come_to(case: Case, statuses: list[str]) -> list[str]:
    """Those of the states that the message is known to have come to; on the embedded sandbox it comes to all."""
    if "seen" not in case.params or case.evidence.embedded:
        return statuses
    last = case.good(case.param("seen"))[-1:]
    moments = {status: first(one.response.json, f"/data/{status}At") for one in last for status in statuses}
    return [status for status, at in moments.items() if moment(at) is not None]


def delivery_field(case: Case) -> Judgement:
    """One field of every delivery matches the documented webhook, or with `alone` just the schema given."""
    schema = None if case.param("alone") else case.openapi.webhook_schema(case.param("webhook", WEBHOOK))
    at = case.param("at")
    judged: list[Delivery] = []
    findings: list[Finding] = []
    for one in case.evidence.deliveries:
        body = one.request.json
        if body is ABSENT:
            continue
        judged.append(one)
        found = list(locate(body, at)) or [(at, ABSENT)]
        for pointer, value in found:
            findings += _field_findings(case, one, schema, pointer, value)
    return _judged(judged, findings)


def delivery_request(case: Case) -> Judgement:
    """Method and media type of every delivery, and whether what is called JSON is JSON."""
    judged = list(case.evidence.deliveries)
    findings = []
    for one in judged:
        told = {"method": one.request.method, "content-type": (one.request.header("Content-Type") or "").split(";")[0]}
        findings += [
            _finding(case, f"{name} {case.param(name)}", shown(got), [one])
            for name, got in told.items()
            if name in case.params and got.strip().lower() != str(case.param(name)).lower()
        ]
        if "json" in str(case.param("content-type")) and one.request.json is ABSENT:
            findings.append(_finding(case, "a JSON body", shown(one.request.body or ""), [one]))
    return _judged(judged, findings)


def delivery_same(case: Case) -> Judgement:
    """Deliveries for a message repeat a value that was sent or answered elsewhere."""
    message, where = _message(case), place(case.param("place"))
    readings = [where.read(one) for one in case.good(where.step)]
    if message is ABSENT or not readings:
        return undecided(case.why(where.step))
    judged = [one for one in _of(case, message) if case.param("status") in {None, first(one.request.json, STATUS)}]
    findings = []
    for one in judged:
        got = first(one.request.json, case.param("at"))
        if not equal(got, readings[-1]):
            findings.append(_finding(case, f"{case.param('at')} {shown(readings[-1])}", shown(got), [one]))
    return _judged(judged, findings)


def delivery_attempts(case: Case) -> Judgement:
    """How often one event is posted, given how the receiver answered."""
    message = _message(case)
    if message is ABSENT:
        return undecided(case.why(place(case.param("message")).step))
    mine = [one for one in _of(case, message) if first(one.request.json, STATUS) == case.param("status")]
    if not mine:
        return undecided("the receiver took no such delivery")
    wanted = case.param("attempts")
    taken = [one.answered is not None and GOOD_FROM <= one.answered < GOOD_UNTIL for one in mine[:wanted]]
    if taken[0] != (wanted == 1):
        return undecided("the receiver gave this event another answer than planned, because of others in between")
    findings = [] if len(mine) == wanted else [_finding(case, f"{wanted} attempt(s)", f"{len(mine)}", mine)]
    return _judged(mine, findings)


def delivery_retries(case: Case) -> Judgement:
    """An event that was taken came once, and any other once more; a retry has so many seconds to come."""
    attempts: dict[tuple[str, str], list[Delivery]] = defaultdict(list)
    for one in case.evidence.deliveries:
        named = [first(one.request.json, at) for at in (MESSAGE_ID, STATUS)]
        if all(isinstance(name, str) for name in named):
            attempts[named[0], named[1]].append(one)
    end = max((one.at for one in case.evidence.exchanges), default=0.0)
    judged: list[Delivery] = []
    findings: list[Finding] = []
    for event in attempts.values():
        if event[0].answered is None:
            continue
        taken = GOOD_FROM <= event[0].answered < GOOD_UNTIL
        wanted = 1 if taken else 2
        if len(event) < wanted and end - event[0].at < case.param("within"):
            continue
        judged += event
        if len(event) != wanted:
            answered = f"{event[0].answered} was answered"
            findings.append(_finding(case, f"{wanted} attempt(s), since {answered}", f"{len(event)}", event))
    return _judged(judged, findings)


def delivery_time(case: Case) -> Judgement:
    """The moment a delivery tells of is the present, give or take a clock that is a little off and one retry."""
    told_of = [(one, first(one.request.json, case.param("at"))) for one in case.evidence.deliveries]
    optional = bool(case.param("optional"))
    judged = [
        one
        for one, told in told_of
        if one.request.json is not ABSENT and not (optional and (told is ABSENT or told is None))
    ]
    findings = []
    for one in judged:
        told = first(one.request.json, case.param("at"))
        at = moment(told)
        if at is None or abs(at - one.at) > case.param("within"):
            findings.append(
                _finding(case, f"a moment within {case.param('within')} s of its arrival", shown(told), [one])
            )
    return _judged(judged, findings)


def _unreadable(case: Case, mine: list[Delivery]) -> str:
    """Why deliveries cannot be counted: they do not say what they are about."""
    if not mine and any(first(one.request.json, MESSAGE_ID) is ABSENT for one in case.evidence.deliveries):
        return "deliveries do not name their message"
    if any(first(one.request.json, STATUS) is ABSENT for one in mine):
        return "deliveries do not tell a status"
    if not case.evidence.deliveries and case.param("if_any"):
        return "no webhook delivery was received"
    return ""


def _message(case: Case) -> Any:  # noqa: ANN401 - text or ABSENT
    where = place(case.param("message"))
    readings = [where.read(one) for one in case.good(where.step)]
    return readings[-1] if readings else ABSENT


def _of(case: Case, message: Any) -> list[Delivery]:  # noqa: ANN401 - text or ABSENT
    return [one for one in case.evidence.deliveries if equal(first(one.request.json, MESSAGE_ID), message)]


def _field_findings(case: Case, one: Delivery, schema: str | None, pointer: str, value: Any) -> list[Finding]:  # noqa: ANN401 - any JSON value
    if value is ABSENT:
        required = case.param("required", bool(schema and case.openapi.requires(schema, case.param("at"))))
        return [_finding(case, f"{pointer} present", "absent", [one])] if required else []
    errors = []
    for sub in case.openapi.schemas_at(schema, case.param("at")) if schema else []:
        errors += case.errors(sub, value)
    if case.param("schema") is not None:
        errors += case.errors(case.param("schema"), value)
    return [_finding(case, f"{pointer}: {error.expected}", shown(value), [one]) for error in dict.fromkeys(errors)]


def _finding(case: Case, expected: str, got: str, proof: Sequence[Delivery | Answered]) -> Finding:
    return Finding(case.check, expected, got, tuple(one.seq for one in proof))


def _judged(judged: list[Delivery], findings: list[Finding]) -> Judgement:
    seqs = tuple(one.seq for one in judged)
    return Judgement(seqs, tuple(findings), "" if seqs else "no webhook delivery was received")
