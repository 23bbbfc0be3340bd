"""Checks of how a message moves: order of states, timestamps that agree with the state, the timeline.

The graph of states, and which timestamp belongs to which, are data of the profile. A step along a path of the graph
may be missed between two looks; going back may not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from affidavit.checks.case import ABSENT, Answered, Case, equal, judgement, moment, shown
from affidavit.finding import Finding, Judgement
from affidavit.pointer import first, locate, values

TIMELINE_RULES = frozenset({"last-is-status", "starts-with", "chronological", "agrees"})


def ordered_times(case: Case) -> Judgement:
    """Instants of one answer that happen in a known order do not contradict it."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    pointers = case.param("at")
    for one in case.anywhere():
        for owner in _owners(one, case.param("in", "")):
            if not _meant(case, owner):
                continue
            found = [(pointer, first(owner, pointer)) for pointer in pointers]
            known = [(pointer, at) for pointer, text in found if (at := moment(text)) is not None]
            if len(known) < 2:
                continue
            judged.append(one)
            for (before, earlier), (after, later) in itertools.pairwise(known):
                if later < earlier - case.param("tolerance", 0):
                    expected = f"{after} not before {before}"
                    got = f"{shown(first(owner, after))} before {shown(first(owner, before))}"
                    findings.append(case.finding(expected, got, one, after))
    return judgement(judged, findings, "no answer held two of these instants")


def spans(case: Case) -> Judgement:
    """Two instants of one answer are at most so many seconds apart."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    start, end = case.param("at")
    for one in case.anywhere():
        begins, ends = moment(first(one.response.json, start)), moment(first(one.response.json, end))
        if begins is None or ends is None or not _meant(case, one.response.json):
            continue
        judged.append(one)
        if ends - begins > case.param("within"):
            expected = f"{end} at most {case.param('within')} s after {start}"
            findings.append(case.finding(expected, f"{ends - begins:.0f} s", one, end))
    return judgement(judged, findings, "no answer held both instants")


def _meant(case: Case, owner: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether what the params `when` ask for holds there."""
    return all(equal(first(owner, at), wanted) for at, wanted in case.param("when", {}).items())


def times_agree(case: Case) -> Judgement:
    """A timestamp is set exactly when the status says that it happened."""
    name = case.param("field")
    times = case.profile.messages.times[name]
    judged: list[Answered] = []
    findings: list[Finding] = []
    for one, message in _messages(case):
        status, value = _status(case, message), first(message, name)
        if value is ABSENT or (status not in times.set_in and status not in times.unset_in):
            continue
        judged.append(one)
        if status in times.set_in and value is None:
            findings.append(case.finding(f"{name} set when the status is {status}", "null", one))
        if status in times.unset_in and value is not None:
            findings.append(case.finding(f"{name} null when the status is {status}", shown(value), one))
    return judgement(judged, findings, "no message in such a state was seen")


def transitions(case: Case) -> Judgement:
    """Every message seen more than once moved only as documented, never back."""
    only = case.param("only_from")
    starts = {only} if isinstance(only, str) else None if only is None else set(only)
    last: dict[tuple[str | None, str], tuple[Answered, str]] = {}
    judged: dict[int, None] = {}
    findings: list[Finding] = []
    for one, message in _messages(case):
        status, identity = _status(case, message), first(message, case.profile.messages.id)
        if status not in case.profile.messages.statuses or not isinstance(identity, str) or _replayed(one):
            continue
        key = (one.exchange.role, identity)
        if key in last and one.exchange.request.method == "POST":
            continue  # a repeated send may be answered as it was at first (G-09)
        if key in last and not _at_once(case, last[key][0], one):
            before_seen, before = last[key]
            if starts is None or before in starts:
                if status != before:
                    judged[one.seq] = None
                if not _may_follow(case, identity, last[key], (one, status)):
                    findings.append(case.finding(f"a state that may follow {before}", status, [before_seen, one]))
        last[key] = (one, status)
    return judgement(judged, findings, "no message was seen to move" if last else "no message was seen")


def _may_follow(case: Case, identity: str, before: tuple[Answered, str], after: tuple[Answered, str]) -> bool:
    """Whether the second state may come after the first, given what was asked for in between."""
    messages = case.profile.messages
    between, read = range(before[0].seq, after[0].seq), after[0].exchange.request.path
    revived = {
        operation
        for operation in messages.revived_by.values()
        for other in case.evidence.of(operation, "2xx")
        if other.seq in between and (identity in (path := other.exchange.request.path) or path.startswith(read))
    }
    return after[1] in messages.reachable(before[1], frozenset(revived))


def avoids(case: Case) -> Judgement:
    """The message seen in a step never got to one of these states."""
    unwanted = case.param("status")
    judged: list[Answered] = []
    findings: list[Finding] = []
    for step in case.steps():
        for one in case.good(step):
            states = [str(value) for value in values(one.response.json, _status_pointer(case, one))]
            judged += [one] if states else []
            wrong = [state for state in states if state in unwanted]
            findings += [case.finding(f"not {' or '.join(unwanted)}", state, one) for state in wrong]
    return judgement(judged, findings, case.why(*case.steps()))


def reaches(case: Case) -> Judgement:
    """The message polled in a step got to the state."""
    wanted = case.param("status")
    accepted = [wanted] if isinstance(wanted, str) else list(wanted)
    judged: list[Answered] = []
    reached = False
    states: list[str] = []
    for step in case.steps():
        for one in case.good(step):
            judged.append(one)
            states += [str(value) for value in values(one.response.json, _status_pointer(case, one))]
    if not states:
        return Judgement(missing=case.why(*case.steps()))
    reached = any(state in accepted for state in states)
    if not reached and not case.evidence.embedded and not case.param("firm"):
        # Where it goes to nobody, how far it gets is not the target's doing.
        return Judgement(missing=f"the message got no further than {states[-1]} while it was watched")
    seen = " -> ".join(dict.fromkeys(states))
    findings = [] if reached else [case.finding(" or ".join(accepted), seen, judged)]
    return judgement(judged, findings, case.why(*case.steps()))


def timeline(case: Case) -> Judgement:
    """One rule about the list of states a message went through."""
    rule = case.param("rule")
    judged: list[Answered] = []
    findings: list[Finding] = []
    seen = False
    for one in case.evidence.of(case.param("operation"), "2xx"):
        for owner in _owners(one, case.param("at").rpartition("/")[0]):
            entries = first(owner, "/" + case.param("at").rpartition("/")[2])
            if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
                continue
            seen = True
            answer = _timeline_break(case, rule, owner, entries)
            if answer is None:
                continue
            judged.append(one)
            if answer:
                findings.append(case.finding(answer[0], answer[1], one, case.param("at")))
    return judgement(judged, findings, _nothing_told(case) if seen else "no answer held a timeline")


def _nothing_told(case: Case) -> str:
    """Why the timelines that were seen could not show this."""
    if case.param("rule") == "agrees":
        return f"no answer told both in its timeline and at {case.param('field')} when it was {case.param('status')}"
    if case.param("rule") == "chronological":
        return "no timeline held two moments"
    return f"every message with a timeline was {' or '.join(case.param('except', ()))}"


def _timeline_break(case: Case, rule: str, owner: Any, entries: list[Any]) -> tuple[str, str] | tuple[()] | None:  # noqa: ANN401 - JSON
    """None: nothing to judge; (): fine; (expected, got): broken."""
    states = [entry.get("status") for entry in entries]
    if rule == "last-is-status":
        status = first(owner, case.profile.messages.status)
        if status in case.param("except", ()):
            return None
        return () if equal(states[-1], status) else (f"the last entry to be {shown(status)}", shown(states[-1]))
    if rule == "starts-with":
        accepted = case.param("in")
        return () if states[0] in accepted else (f"the first entry to be {' or '.join(accepted)}", shown(states[0]))
    if rule == "chronological":
        moments = [at for at in (moment(entry.get("at")) for entry in entries) if at is not None]
        if len(moments) < 2:
            return None
        return () if moments == sorted(moments) else ("entries in order of time", shown([e.get("at") for e in entries]))
    return _agreement(case, owner, entries)


def _agreement(case: Case, owner: Any, entries: list[Any]) -> tuple[str, str] | tuple[()] | None:  # noqa: ANN401 - JSON
    """Whether the entry of a status carries the same instant as the message's own field."""
    status, pointer = case.param("status"), case.param("field")
    told = moment(first(owner, pointer))
    entry = next((entry for entry in reversed(entries) if entry.get("status") == status), None)
    at = moment(entry.get("at")) if entry else None
    if told is None or entry is None or at is None:
        return None
    return () if at == told else (f"{status} at {shown(first(owner, pointer))}, as {pointer} says", shown(entry["at"]))


def _messages(case: Case) -> Iterator[tuple[Answered, Any]]:
    """Every message object in every answer, in the order of the record."""
    return case.things(case.profile.messages.found_in)


def _status(case: Case, message: Any) -> str:  # noqa: ANN401 - any JSON value
    return str(first(message, case.profile.messages.status))


def _status_pointer(case: Case, one: Answered) -> str:
    place = f"{one.exchange.operation}/{one.response.status}"
    return case.profile.messages.found_in.get(place, "/data") + case.profile.messages.status


def _at_once(case: Case, one: Answered, other: Answered) -> bool:
    """Whether both were asked for at once, so that it is not known which was answered first."""
    source = one.exchange.source
    probe, _, step = source.partition("/")
    calls = case.script.probes[probe].calls if probe in case.script.probes else ()
    return source == other.exchange.source and any(call.id == step and call.together > 1 for call in calls)


def _replayed(one: Answered) -> bool:
    """A replayed answer is a picture of the past, so it says nothing of the present state."""
    return any(name.lower() == "idempotency-replayed" for name, _ in one.response.headers)


def _owners(one: Answered, pointer: str) -> list[Any]:
    return [owner for _, owner in locate(one.response.json, pointer) if isinstance(owner, dict)]


__all__ = ["avoids", "ordered_times", "reaches", "spans", "timeline", "times_agree", "transitions"]
