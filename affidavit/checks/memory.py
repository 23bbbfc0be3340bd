"""Checks that remember: every answer about a thing is held to what was said of the same thing elsewhere.

They ask for nothing of their own. Whatever a run has asked, with which filter or page ever, is one more look at things
that it has met before, so what is wrong on one way only shows beside what the others say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from affidavit.checks.case import ABSENT, Answered, Case, equal, judgement, moment, shown
from affidavit.checks.lists import DOCUMENTED_OK, items_of, reference, room
from affidavit.checks.relations import normal
from affidavit.finding import Finding, Judgement
from affidavit.pointer import first
from affidavit.profile import Listing

REFUSALS = frozenset({400, 401, 403, 404, 422})
"""Statuses after which nothing may have been done."""
MOST_SHARED = 3
"""So many things that both sides see are proof enough."""
ROLE = "role"
"""In place of a pointer to an id: the thing is known by the key that asks for it."""


def as_sent(case: Case) -> Judgement:
    """Wherever a message is shown, it has what was sent with it."""
    sent = _sent(case)
    judged: list[Answered] = []
    findings: list[Finding] = []
    for one, message in case.things(case.profile.messages.found_in):
        origin = sent.get(first(message, case.profile.messages.id))
        got = first(message, case.param("shows"))
        if origin is None or got is ABSENT:
            continue
        send, value = origin
        judged.append(one)
        if not equal(normal(case, got), normal(case, value)):
            proof = [one] if one.seq == send.seq else [send, one]
            findings.append(case.finding(f"{case.param('shows')} {shown(value)}", shown(got), proof))
    return judgement(judged, findings, "no message that was sent in this run was shown")


def _sent(case: Case) -> dict[Any, tuple[Answered, Any]]:
    """Message id -> the first send that was answered with it, and the value that was sent."""
    found: dict[Any, tuple[Answered, Any]] = {}
    known = set()
    pattern = case.param("matches")
    for one in case.evidence.of(case.param("operation"), "2xx"):
        identity, value = (
            first(one.response.json, case.param("id", "/data/id")),
            first(one.exchange.request.json, case.param("at")),
        )
        if not isinstance(identity, str) or identity in known:
            continue
        known.add(identity)
        fits = pattern is None or (isinstance(value, str) and re.fullmatch(pattern, value))
        if value is not ABSENT and fits and one.exchange.source not in case.steps("except"):
            found[identity] = (one, value)
    return found


def steady(case: Case) -> Judgement:
    """A field that never changes is the same in every answer about a thing; with `set`, from when it is not null."""
    earliest: dict[Any, tuple[Answered, Any]] = {}
    judged: dict[int, Answered] = {}
    changed: set[Any] = set()
    findings: list[Finding] = []
    revived = _revived(case)
    for one, thing in case.things(case.param("in", case.profile.messages.found_in)):
        key = _known_by(case, one, thing)
        got = first(thing, case.param("at"))
        if key is None or got is ABSENT or (got is None and case.param("set")) or key in changed:
            continue
        if any(key in path for path in revived):
            continue
        if key not in earliest:
            earliest[key] = (one, got)
            continue
        before, value = earliest[key]
        judged[one.seq] = one
        if not _still(case, value, got):
            changed.add(key)
            findings.append(case.finding(f"{case.param('at')} {shown(value)} as before", shown(got), [before, one]))
    return judgement(judged.values(), findings, "nothing was shown twice")


def _known_by(case: Case, one: Answered, thing: Any) -> Any:  # noqa: ANN401 - any JSON value
    pointer = case.param("id", case.profile.messages.id)
    if pointer == ROLE:
        return one.exchange.role
    identity = first(thing, pointer)
    return identity if isinstance(identity, str) else None


def _still(case: Case, before: Any, after: Any) -> bool:  # noqa: ANN401 - any JSON value
    start, end = moment(before), moment(after)
    if case.param("tolerance") is not None and start is not None and end is not None:
        return abs(end - start) <= float(case.param("tolerance"))
    return equal(normal(case, before), normal(case, after))


def apart(case: Case) -> Judgement:
    """No list shows the keys of some roles what another list shows to the others."""
    roles = set(case.param("roles"))
    seen: dict[tuple[str, bool], Answered] = {}
    judged: dict[int, Answered] = {}
    findings: list[Finding] = []
    operations = case.param("operation")
    for name in [operations] if isinstance(operations, str) else operations:
        listing = case.profile.listings[name]
        for one in case.evidence.of(name, DOCUMENTED_OK):
            inside = one.exchange.role in roles
            judged |= {one.seq: one} if inside else {}
            for identity in _ids(listing, one) if one.exchange.role else ():
                seen.setdefault((identity, inside), one)
    shared = sorted(identity for identity, inside in seen if inside and (identity, False) in seen)
    for identity in shared[:MOST_SHARED]:
        proof = [seen[identity, False], seen[identity, True]]
        findings.append(
            case.finding(f"nothing that others see to a key of {' or '.join(sorted(roles))}", identity, proof)
        )
    return judgement(judged.values(), findings, f"needs a list with a key of {' or '.join(sorted(roles))}")


def _ids(listing: Listing, one: Answered) -> list[str]:
    found = (first(item, listing.id) for item in items_of(listing, one))
    return [identity for identity in found if isinstance(identity, str)]


def nowhere(case: Case) -> Judgement:
    """What was refused is shown nowhere, unless the same was accepted too."""
    refused: dict[Any, Answered] = {}
    accepted = set()
    for one in case.evidence.of(case.param("operation")):
        value = first(one.exchange.request.json, case.param("at"))
        if not isinstance(value, str) or not re.fullmatch(case.param("matches", "(?s).+"), value):
            continue
        if one.response.status in REFUSALS:
            refused.setdefault(value, one)
        else:
            accepted.add(value)
    judged: list[Answered] = []
    findings: list[Finding] = []
    for one, message in case.things(case.profile.messages.found_in):
        got = first(message, case.param("shows"))
        if not isinstance(got, str) or not any(sent.seq < one.seq for sent in refused.values()):
            continue
        judged.append(one)
        if got in refused and got not in accepted:
            findings.append(case.finding("no message of a refused send", shown(got), [refused.pop(got), one]))
    return judgement(judged, findings, "no message was shown after a send was refused")


def history(case: Case) -> Judgement:
    """What a message's list of states has told stays in it, unless the message was retried."""
    told: dict[str, tuple[Answered, list[Any]]] = {}
    judged: list[Answered] = []
    findings: list[Finding] = []
    revived = _revived(case)
    for one, message in case.things(case.profile.messages.found_in):
        identity, entries = first(message, case.profile.messages.id), first(message, case.param("at"))
        if not isinstance(identity, str) or not isinstance(entries, list) or any(identity in path for path in revived):
            continue
        now = [(entry.get("status"), moment(entry.get("at"))) for entry in entries if isinstance(entry, dict)]
        if identity in told:
            before, earlier = told[identity]
            judged.append(one)
            lost = next((entry for entry in earlier if entry not in now), None)
            if lost is not None:
                findings.append(case.finding(f"{lost[0]} in {case.param('at')} as before", "it is gone", [before, one]))
        told[identity] = (one, now)
    return judgement(judged, findings, "no history was shown twice")


@dataclass(frozen=True)
class _Sight:
    """What one answer says of one thing."""

    seq: int
    id: str
    value: Any


def complete(case: Case) -> Judgement:
    """A filtered list shows every item that other answers show to match, before it and, if it may change, after it."""
    operation, parameter = case.param("operation"), case.param("parameter")
    listing = case.profile.listings[operation]
    sights = _sights(case)
    judged: list[Answered] = []
    findings: list[Finding] = []
    steps = case.steps()
    for one in case.evidence.of(operation, DOCUMENTED_OK):
        if steps and one.exchange.source not in steps:
            continue
        asked = [value for name, value in one.exchange.request.query if name == parameter]
        names = {name for name, _ in one.exchange.request.query}
        wanted = reference(case, asked[0]) if len(asked) == 1 else ABSENT
        alone = names <= {parameter, listing.page_parameter, listing.limit_parameter}
        if wanted is ABSENT or not alone or not room(listing, one):
            continue
        matching = set(_matching(case, sights[one.exchange.role], one.seq, wanted))
        if not matching:
            continue
        judged.append(one)
        missing = sorted(matching - {first(item, listing.id) for item in items_of(listing, one)})
        if missing:
            findings.append(
                case.finding(f"{missing[0]}, whose {case.param('at')} is {shown(wanted)}", "not there", one)
            )
    return judgement(judged, findings, "no whole filtered list, or nothing that was known to match")


def _sights(case: Case) -> dict[str | None, list[_Sight]]:
    """Role -> what its answers said of each thing, in the order of the record."""
    listing = case.profile.listings[case.param("operation")]
    found: dict[str | None, list[_Sight]] = defaultdict(list)
    seen = list(case.things(case.profile.messages.found_in))
    listed = set()  # what can be read alone need not be in the caller's list
    for one in case.evidence.of(case.param("operation"), DOCUMENTED_OK):
        seen += [(one, item) for item in items_of(listing, one)]
        listed |= {(one.exchange.role, identity) for identity in _ids(listing, one)}
    for one, thing in sorted(seen, key=lambda entry: entry[0].seq):
        identity, value = first(thing, listing.id), first(thing, case.param("at"))
        known = (one.exchange.role, identity) in listed and one.exchange.source not in case.script.together
        if known and value is not ABSENT:
            found[one.exchange.role].append(_Sight(one.seq, str(identity), normal(case, value)))
    return found


def _matching(case: Case, sights: list[_Sight], seq: int, wanted: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Ids of the things that match just before an answer and, unless that lasts, just after it."""
    before = {sight.id: sight.value for sight in sights if sight.seq < seq}
    after = {sight.id: sight.value for sight in reversed(sights) if sight.seq > seq}
    revived = _revived(case)
    for identity, value in before.items():
        still = case.param("lasting") or _final(case, value) or equal(after.get(identity, ABSENT), value)
        if equal(value, normal(case, wanted)) and still and not any(identity in path for path in revived):
            yield identity


def _final(case: Case, value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether it is a state that no message leaves by itself."""
    messages = case.profile.messages
    is_state = case.param("at") == messages.status and value in messages.statuses
    return is_state and messages.reachable(value, frozenset()) == {value}


def _revived(case: Case) -> list[str]:
    """Where a message was asked to leave a state that it would have stayed in."""
    operations = case.profile.messages.revived_by.values()
    return [one.exchange.request.path for name in operations for one in case.evidence.of(name, "2xx")]


__all__ = ["apart", "as_sent", "complete", "history", "nowhere", "steady"]
