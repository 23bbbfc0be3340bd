"""Checks of rate limits: what the headers announce, and whether it is true.

Header names come from the profile. Answers are looked at per key, because limits are per key; windows are told apart
by the announced reset, and the present is the answer's own Date, so a target's clock may be off.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from affidavit.checks.case import ABSENT, Answered, Case, judgement, number, server_time, shown, undecided
from affidavit.evidence import TOO_MANY
from affidavit.finding import Finding, Judgement
from affidavit.pointer import first
from affidavit.redaction import PLACEHOLDER

UNAUTHORIZED = 401
ROUNDING_SECONDS = 1.0
"""Date, Reset and Retry-After are whole seconds: two of them may differ by one and both be right."""
LATENCY_SECONDS = 1.0
FAR_TOO_LONG = 10
"""A wait so many times as long as the one that was enough is no number of seconds."""
WAIT_RULES = frozenset({"present", "integer", "agrees-with-reset", "sufficient"})


def remaining_falls(case: Case) -> Judgement:
    """Within a window Remaining falls by one per request of the key and never below zero."""
    judged: dict[int, None] = {}
    findings: list[Finding] = []
    for answers in _by_key(case).values():
        for one in answers:
            left = _header(case.profile.rate_limit.remaining_header, one)
            if left is not None and left < 0:
                findings.append(case.finding("Remaining of at least 0", f"{left}", one))
        for before, after in itertools.pairwise(answers):
            step = _step(case, before, after)
            if step is None:
                continue
            judged[after.seq] = None
            if step != 1 and not (after.response.status == TOO_MANY and step == 0):
                left = _header(case.profile.rate_limit.remaining_header, before)
                findings.append(
                    case.finding(f"Remaining {(left or 0) - 1}", f"Remaining {(left or 0) - step}", [before, after])
                )
    return judgement(judged, findings, "no two answers of one window announced Remaining")


def reset_ahead(case: Case) -> Judgement:
    """Reset is a Unix second inside the window ahead."""
    name = case.profile.rate_limit.reset_header
    window = case.profile.rate_limit.window_seconds
    judged: list[Answered] = []
    findings: list[Finding] = []
    for answers in _by_key(case).values():
        for one in answers:
            text, now = one.response.header(name or ""), server_time(one)
            if text is None or now is None:
                continue
            judged.append(one)
            if not text.strip().isdecimal():
                findings.append(case.finding(f"{name}: a Unix timestamp in seconds", shown(text), one))
                continue
            ahead = int(text) - now
            if not -ROUNDING_SECONDS <= ahead <= window + ROUNDING_SECONDS:
                findings.append(case.finding(f"{name} within {window:g} s from now", f"{ahead:g} s from now", one))
    return judgement(judged, findings, "no answer announced a reset")


def limit_is(case: Case) -> Judgement:
    """The announced limit of a role's key is the documented one."""
    name = case.profile.rate_limit.limit_header or ""
    wanted = case.param("requests")
    judged = []
    findings = []
    for one in case.evidence.of("*"):
        if one.exchange.role != case.param("role") or one.response.status == UNAUTHORIZED:
            continue
        text = one.response.header(name)
        if text is None:
            continue
        judged.append(one)
        if text.strip() != str(wanted):
            findings.append(case.finding(f"{name}: {wanted}", f"{name}: {shown(text)}", one))
    return judgement(judged, findings, f"needs the key role `{case.param('role')}`, or answers with {name}")


def limited(case: Case) -> Judgement:
    """A burst is stopped by 429, not before the announced limit and not after it.

    On the embedded sandbox the limit may also be the one that a control has set.
    """
    judged: list[Answered] = []
    findings: list[Finding] = []
    for step in case.steps():
        answers = case.evidence.answered(step)
        if not answers:
            continue
        judged += answers
        refused = [one for one in answers if one.response.status == TOO_MANY]
        set_here = case.param("set_by_control") if case.evidence.embedded else None
        limit = case.param("requests") or set_here or _announced(case, answers)
        if not refused:
            if limit is None:
                return undecided(f"{len(answers)} requests in a row met no limit, and none is announced")
            if len(answers) <= limit:
                return undecided(f"{len(answers)} requests do not exceed the limit of {limit}")
            findings.append(
                case.finding(f"429 after {limit} requests", f"{len(answers)} requests, no 429", answers[-1:])
            )
        elif limit is not None:
            findings += _too_early(case, step, answers, refused[0], limit)
    return judgement(judged, findings, _why(case))


def retry_after(case: Case) -> Judgement:
    """What a 429 says about waiting: it is there, whole, in line with Reset, and long enough."""
    rule = case.param("rule")
    if rule == "sufficient":
        return _sufficient(case)
    refused = list(case.evidence.of("*", TOO_MANY))
    judged = []
    findings = []
    for one in refused:
        text = _wait_as_sent(case, one)
        problem = _wait_problem(case, rule, one, text)
        if problem is None:
            continue
        judged.append(one)
        if problem:
            findings.append(case.finding(problem, shown(text), one))
    return judgement(judged, findings, "no 429 was met")


def own_budget(case: Case) -> Judgement:
    """While one key is refused, another is not."""
    burst = [one for step in case.steps() for one in case.evidence.answered(step)]
    if not any(one.response.status == TOO_MANY for one in burst):
        return undecided("the first key was never refused")
    served = sum(one.response.status != TOO_MANY for one in burst)
    others = [one for one in case.evidence.answered(case.param("other")) if _recent(case, one) < served]
    findings = [
        case.finding("another key not limited", "status 429", [burst[-1], one])
        for one in others
        if one.response.status == TOO_MANY
    ]
    busy = not others and case.evidence.answered(case.param("other"))
    missing = "the other key had been as busy itself" if busy else case.evidence.why_missing(case.param("other"))
    return judgement(others, findings, missing)


def _recent(case: Case, one: Answered) -> int:
    """How many requests of the same key were served within a window before this one."""
    start = one.exchange.at - case.profile.rate_limit.window_seconds
    return sum(
        other.exchange.role == one.exchange.role
        and other.seq < one.seq
        and other.exchange.at >= start
        and other.response.status != TOO_MANY
        for other in case.evidence.of("*")
    )


def wait_of(case: Case, one: Answered) -> float | None:
    """Seconds a 429 asks to wait, from header or body; None when it does not say."""
    sent = _wait_as_sent(case, one)
    if isinstance(sent, str):
        return float(sent) if sent.strip().isdecimal() else None
    return number(sent)


def _wait_as_sent(case: Case, one: Answered) -> Any:  # noqa: ANN401 - header text or JSON value
    limit = case.profile.rate_limit
    text = one.response.header(limit.retry_after_header or "")
    if text is not None or not limit.retry_after_body:
        return ABSENT if text is None else text
    return first(one.response.json, limit.retry_after_body or "/retryAfter")


def _wait_problem(case: Case, rule: str, one: Answered, sent: Any) -> str | None:  # noqa: ANN401 - as above
    """None: not judged; '': fine; otherwise what was expected."""
    if rule == "present":
        return "" if sent is not ABSENT and sent is not None else "a 429 that says how long to wait"
    if sent is ABSENT:
        return None
    if rule == "integer":
        wait = wait_of(case, one)
        whole = wait is not None and wait == int(wait) and not (isinstance(sent, float) and not sent.is_integer())
        return "" if whole and wait is not None and wait > 0 else "a whole number of seconds above 0"
    reset, now, wait = _header(case.profile.rate_limit.reset_header, one), server_time(one), wait_of(case, one)
    if reset is None or now is None or wait is None:
        return None
    fine = abs(reset - now - wait) <= ROUNDING_SECONDS + LATENCY_SECONDS
    return "" if fine else f"{reset - now:g} s, as Reset says"


def _sufficient(case: Case) -> Judgement:
    """After the announced wait the next request of the key is admitted."""
    *_, last = case.steps()
    after = case.evidence.answered(last)
    if not after:
        return undecided(case.evidence.why_missing(last))
    one = after[0]
    earlier = [
        other
        for other in case.evidence.of("*", TOO_MANY)
        if other.exchange.role == one.exchange.role and other.seq < one.seq
    ]
    if not earlier:
        return undecided("no 429 was met before")
    refusal = earlier[-1]
    wait = wait_of(case, refusal)
    if wait is None:
        return undecided("the 429 did not say how long to wait")
    waited = one.exchange.at - refusal.exchange.at - refusal.exchange.elapsed
    if waited < wait:
        if waited > 0 and one.response.status != TOO_MANY and wait > FAR_TOO_LONG * waited:
            return judgement(
                [refusal, one],
                [case.finding(f"seconds: it was served after {waited:.0f}", f"{wait:g}", [refusal, one])],
                "",
            )
        return undecided(f"the next request came after {waited:.1f} s, before the announced {wait:g} s were over")
    refused = one.response.status == TOO_MANY
    findings = (
        [case.finding(f"admitted after {wait:g} s", f"429 after {waited:.1f} s", [refusal, one])] if refused else []
    )
    return judgement([refusal, one], findings, "")


def _too_early(case: Case, step: str, answers: list[Answered], refusal: Answered, limit: int) -> Iterator[Finding]:
    """A 429 although the window of this key had room. Requests of the key before the burst use up room, too."""
    start = refusal.exchange.at - case.profile.rate_limit.window_seconds
    operation = case.call(step).operation
    keyless = refusal.exchange.role is None
    admitted = [
        one
        for one in case.evidence.of(operation if keyless else "*")
        if one.exchange.role == refusal.exchange.role
        and start - LATENCY_SECONDS <= one.exchange.at
        and one.seq < refusal.seq
        and one.response.status != TOO_MANY
    ]
    if len(admitted) < limit:
        expected = f"{limit} requests in {case.profile.rate_limit.window_seconds:g} s before a 429"
        yield case.finding(expected, f"429 after {len(admitted)} requests", [answers[0], refusal])
    over = [one for one in answers if one.seq < refusal.seq]
    if len(over) > limit:
        yield case.finding(f"429 after {limit} requests", f"{len(over)} requests before the first 429", [refusal])


def _announced(case: Case, answers: list[Answered]) -> int | None:
    found = [_header(case.profile.rate_limit.limit_header, one) for one in answers]
    return next((limit for limit in found if limit is not None), None)


def _by_key(case: Case) -> dict[str, list[Answered]]:
    """Answers of each known key, in order, however the key was sent: a lenient server may have counted it."""
    grouped: dict[str, list[Answered]] = defaultdict(list)
    for one in sorted(case.evidence.of("*"), key=lambda one: one.seq):
        request = one.exchange.request
        sent = " ".join(value for _, value in (*request.headers, *request.query))
        for role in {one.exchange.role, *(found["name"] for found in PLACEHOLDER.finditer(sent))} - {None}:
            grouped[str(role)].append(one)
    return grouped


def _concurrent(case: Case) -> set[str]:
    """Steps whose requests were sent at once: the order in which the server took them is not known."""
    probes = case.script.probes.values()
    return {f"{probe.id}/{call.id}" for probe in probes for call in probe.calls if call.together > 1}


def _step(case: Case, before: Answered, after: Answered) -> int | None:
    """How far Remaining fell between two neighbours of one window; None when they cannot be compared."""
    limit = case.profile.rate_limit
    resets = [_header(limit.reset_header, one) for one in (before, after)]
    left = [_header(limit.remaining_header, one) for one in (before, after)]
    sources = {before.exchange.source, after.exchange.source}
    overlap = after.exchange.at < before.exchange.at + before.exchange.elapsed
    unordered = overlap or bool(sources & _concurrent(case))
    unknown_key = UNAUTHORIZED in {before.response.status, after.response.status}
    if (
        unordered
        or unknown_key
        or None in left
        or resets[0] != resets[1]
        or not before.exchange.operation
        or not after.exchange.operation
    ):
        return None
    return (left[0] or 0) - (left[1] or 0)


def _header(name: str | None, one: Answered) -> int | None:
    text = one.response.header(name) if name else None
    return int(text) if text is not None and text.strip().lstrip("-").isdecimal() else None


def _why(case: Case) -> str:
    return next((case.evidence.why_missing(step) for step in case.steps()), "no burst was sent")


def limit_met(case: Case) -> Judgement:
    """A burst under a known plan is stopped where the plan says."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    requests = case.param("requests")
    for step in case.steps():
        answers = case.evidence.answered(step)
        if not answers or not _on_plan(case, answers):
            continue
        refused = [one for one in answers if one.response.status == TOO_MANY]
        if not refused and len(answers) <= requests:
            continue
        judged += answers
        announced = _announced(case, answers)
        if announced is not None and announced != requests:
            findings.append(case.finding(f"a limit of {requests}", f"{announced} announced", answers[-1:]))
        if not refused:
            findings.append(
                case.finding(f"429 after {requests} requests", f"{len(answers)} requests, no 429", answers[-1:])
            )
        else:
            findings += _too_early(case, step, answers, refused[0], requests)
    return judgement(judged, findings, _why(case))


def limit_by_plan(case: Case) -> Judgement:
    """The announced limit is that of the plan the account says it is on."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    for one in case.evidence.of(case.param("operation"), "2xx"):
        wanted = case.param("limits").get(first(one.response.json, case.param("at")))
        announced = _header(case.profile.rate_limit.limit_header, one)
        if wanted is None or announced is None:
            continue
        judged.append(one)
        if announced != wanted:
            findings.append(case.finding(f"a limit of {wanted}", f"{announced}", one))
    return judgement(judged, findings, "no answer told both the plan and the limit")


def _on_plan(case: Case, answers: list[Answered]) -> bool:
    if "at" not in case.params:
        return True
    # What any answer of the operation said of the key counts, since the burst itself may be refused at once.
    role, operation = answers[0].exchange.role, answers[0].exchange.operation
    known = [one for one in case.evidence.of(operation or "*", "2xx") if one.exchange.role == role]
    return any(first(one.response.json, case.param("at")) == case.param("equals") for one in known)
