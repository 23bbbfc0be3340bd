"""Checks of rate limits: what the headers announce, and whether it is true.

Header names come from the profile. Answers are looked at per key, because limits are per key; windows are told apart
by the announced reset, and the present is the answer's own Date, so a target's clock may be off.
"""

from __future__ import annotations

import itertools
import math
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
    """Within a window Remaining falls by one per request of the key, and nothing is refused while some remain."""
    judged: dict[int, None] = {}
    findings: list[Finding] = []
    for role, answers in _by_key(case).items():
        lost = _unanswered(case, role)
        for one in answers:
            left = _header(case.profile.rate_limit.remaining_header, one)
            if left is not None and left < 0:
                findings.append(case.finding("Remaining of at least 0", f"{left}", one))
        start, counted = answers[0], 0
        for before, after in itertools.pairwise(answers):
            step = _step(case, before, after)
            if step is None or _any_between(lost, before, after):
                start, counted = after, 0
                continue
            judged[after.seq] = None
            counted += after.response.status != TOO_MANY
            problem = _misfall(case, answers, start, before, after, counted)
            if problem:
                findings.append(case.finding(*problem, [before, after]))
                start, counted = after, 0
    return judgement(judged, findings, "no two answers of one window announced Remaining")


def _unanswered(case: Case, role: str | None) -> list[int]:
    """The numbers of a key's requests that got no answer: nobody knows whether they were counted."""
    return [one.seq for one in case.evidence.exchanges if one.role == role and one.response is None]


def _any_between(seqs: list[int], before: Answered, after: Answered) -> bool:
    return any(before.seq < seq < after.seq for seq in seqs)


def _misfall(  # noqa: PLR0913, PLR0917 - two neighbours, and the run of requests they end
    case: Case, answers: list[Answered], start: Answered, before: Answered, after: Answered, counted: int
) -> tuple[str, str] | None:
    """What Remaining should have been, and was; None when it may be so under some kind of window."""
    name = case.profile.rate_limit.remaining_header
    first_left, old, new = (_header(name, one) or 0 for one in (start, before, after))
    if after.response.status == TOO_MANY:
        if old > 0:
            return f"admitted, with Remaining {old} before", "status 429"
        return ("Remaining 0", f"Remaining {new}, with status 429") if new > 0 else None
    if new < old - 1:
        return f"Remaining {old - 1}", f"Remaining {new}"
    if new - (first_left - counted) > _room_regained(case, answers, start, after):
        return f"Remaining {first_left - counted} after {counted} requests", f"Remaining {new}"
    return None


def _room_regained(case: Case, answers: list[Answered], start: Answered, after: Answered) -> float:
    """The most requests that time alone can have given back: a bucket refills, and a sliding window forgets."""
    limit = case.profile.rate_limit
    span = after.exchange.at + after.exchange.elapsed - start.exchange.at
    refilled = math.ceil(span * (_header(limit.limit_header, after) or 0) / limit.window_seconds)
    # The same reset says nothing: in whole seconds it stands still while requests of one second are forgotten.
    since = start.exchange.at - limit.window_seconds - ROUNDING_SECONDS
    until = after.exchange.at + after.exchange.elapsed - limit.window_seconds + ROUNDING_SECONDS
    return refilled + sum(
        since <= one.exchange.at + one.exchange.elapsed and one.exchange.at <= until for one in answers
    )


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
    why = ""
    for step in case.steps():
        answers = case.evidence.answered(step)
        if not answers:
            continue
        set_here = case.param("set_by_control") if case.evidence.embedded else None
        limit = case.param("requests") or set_here or _announced(case, answers)
        unmet = _unmet(case, answers, limit)
        if unmet:
            why = why or unmet
            continue
        judged += answers
        findings += _stopped_wrongly(case, step, answers, limit)
    return judgement(judged, findings, why or _why(case))


def _unmet(case: Case, answers: list[Answered], limit: int | None) -> str:
    """Why a burst without a 429 says nothing about the limit; '' when it does, or when there is a 429."""
    if any(one.response.status == TOO_MANY for one in answers):
        return ""
    if limit is None:
        return f"{len(answers)} requests in a row met no limit, and none is announced"
    if len(answers) <= limit:
        return f"{len(answers)} requests do not exceed the limit of {limit}"
    left = _header(case.profile.rate_limit.remaining_header, answers[-1])
    return "the window moved on during the burst" if left and _moved(case, answers) else ""


def _moved(case: Case, answers: list[Answered]) -> bool:
    """Whether the announced reset changed: then some of the burst may belong to another window."""
    return len({_header(case.profile.rate_limit.reset_header, one) for one in answers}) > 1


def _stopped_wrongly(case: Case, step: str, answers: list[Answered], limit: int | None) -> Iterator[Finding]:
    refused = next((one for one in answers if one.response.status == TOO_MANY), None)
    if refused is None:
        yield case.finding(f"429 after {limit} requests", f"{len(answers)} requests, no 429", answers[-1:])
    elif limit is not None:
        yield from _too_early(case, step, answers, refused, limit)


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
    # One that is refused as well may only have been as busy itself; one that is served never is a doubt.
    others = [
        one
        for step in case.steps("other")
        for one in case.evidence.answered(step)
        if one.response.status != TOO_MANY or _recent(case, one) < served
    ]
    findings = [
        case.finding("another key not limited", "status 429", [burst[-1], one])
        for one in others
        if one.response.status == TOO_MANY
    ]
    busy = not others and any(case.evidence.answered(step) for step in case.steps("other"))
    missing = "the other key had been as busy itself" if busy else case.evidence.why_missing(case.steps("other")[0])
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
    # Where requests come back one by one, the next is admitted long before everything is back.
    fine = wait <= reset - now + ROUNDING_SECONDS + LATENCY_SECONDS
    return "" if fine else f"at most {reset - now:g} s, as Reset says"


def _sufficient(case: Case) -> Judgement:
    """Whenever the announced wait has passed, the next request of the key is admitted."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    why = "no 429 was met"
    for (role, _), answers in _by_caller(case).items():
        lost = _unanswered(case, role)
        for refusal, one in itertools.pairwise(answers):
            if _any_between(lost, refusal, one):
                continue
            wait = wait_of(case, refusal) if refusal.response.status == TOO_MANY else None
            if refusal.response.status == TOO_MANY:
                why = "no request came after the announced wait" if wait is not None else "the 429 did not say how long"
            waited = one.exchange.at - refusal.exchange.at - refusal.exchange.elapsed
            if wait is None or (waited < wait and not _served_far_too_soon(case, one, waited, wait)):
                continue
            judged += [refusal, one]
            if waited < wait:
                findings.append(case.finding(f"seconds: it was served after {waited:.0f}", f"{wait:g}", [refusal, one]))
            if one.response.status == TOO_MANY:
                expected = f"admitted after {wait:g} s"
                findings.append(case.finding(expected, f"429 after {waited:.1f} s", [refusal, one]))
    return judgement(judged, findings, why)


def _served_far_too_soon(case: Case, one: Answered, waited: float, wait: float) -> bool:
    """Whether the announced wait cannot have been meant as seconds."""
    whole_window = waited >= case.profile.rate_limit.window_seconds
    return whole_window and one.response.status != TOO_MANY and wait > FAR_TOO_LONG * waited


def _by_caller(case: Case) -> dict[tuple[str | None, str | None], list[Answered]]:
    """Answers by key, and those without a key by operation: an open route has its own limit."""
    grouped: dict[tuple[str | None, str | None], list[Answered]] = defaultdict(list)
    for one in sorted(case.evidence.of("*"), key=lambda one: one.seq):
        role = one.exchange.role
        grouped[role, None if role else one.exchange.operation].append(one)
    return grouped


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
    lost = [seq for seq in _unanswered(case, refusal.exchange.role) if seq < refusal.seq]
    if len(admitted) + len(lost) < limit:
        expected = f"{limit} requests in {case.profile.rate_limit.window_seconds:g} s before a 429"
        yield case.finding(expected, f"429 after {len(admitted)} requests", [answers[0], refusal])
    over = [one for one in answers if one.seq < refusal.seq]
    if len(over) > limit and not _moved(case, over):
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


def _step(case: Case, before: Answered, after: Answered) -> int | None:
    """How far Remaining fell between two neighbours of one window; None when they cannot be compared."""
    limit = case.profile.rate_limit
    resets = [_header(limit.reset_header, one) for one in (before, after)]
    left = [_header(limit.remaining_header, one) for one in (before, after)]
    # Another limit, of another plan say, leaves another number, in the same window too.
    changed = _header(limit.limit_header, before) != _header(limit.limit_header, after)
    sources = {before.exchange.source, after.exchange.source}
    overlap = after.exchange.at < before.exchange.at + before.exchange.elapsed
    # In which order the server took requests that were sent at once is not known.
    unordered = overlap or bool(sources & case.script.together)
    unknown_key = UNAUTHORIZED in {before.response.status, after.response.status}
    if (
        unordered
        or unknown_key
        or changed
        or None in left
        or abs((resets[0] or 0) - (resets[1] or 0)) >= limit.window_seconds - ROUNDING_SECONDS
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
        if _unmet(case, answers, requests):
            continue
        judged += answers
        findings += _stopped_wrongly(case, step, answers, requests)
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


def one_limit(case: Case) -> Judgement:
    """A key is told the same limit in every answer, whatever it asked."""
    told: dict[str, tuple[Answered, int]] = {}
    judged: list[Answered] = []
    findings: list[Finding] = []
    for one in case.evidence.of("*"):
        role, announced = one.exchange.role, _header(case.profile.rate_limit.limit_header, one)
        if role is None or announced is None or role in case.param("except", ()):
            continue
        judged.append(one)
        before, limit = told.setdefault(role, (one, announced))
        if announced != limit:
            findings.append(case.finding(f"a limit of {limit}, as before", f"{announced}", [before, one]))
    return judgement(judged, findings, "no answer told a limit")


def _on_plan(case: Case, answers: list[Answered]) -> bool:
    if "at" not in case.params:
        return True
    # What any answer of the operation said of the key counts, since the burst itself may be refused at once.
    role, operation = answers[0].exchange.role, answers[0].exchange.operation
    known = [one for one in case.evidence.of(operation or "*", "2xx") if one.exchange.role == role]
    return any(first(one.response.json, case.param("at")) == case.param("equals") for one in known)
