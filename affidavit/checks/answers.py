"""Checks of what an answer is: its status, media type and headers."""

from __future__ import annotations

from affidavit.checks.case import Answered, Case, fits, judgement, shown, undecided
from affidavit.checks.limits import wait_of
from affidavit.evidence import TOO_MANY, spoken
from affidavit.finding import Finding, Judgement
from affidavit.openapi_document import is_json

UNAUTHORIZED = 401
SERVICE_UNAVAILABLE = 503


def answers(case: Case) -> Judgement:
    """Every exchange of the steps is answered with the promised status.

    With `any`, at least one of them is; with `once`, it is judged only if another step ended as that says.
    """
    wanted = case.param("status")
    if missed := case.missed_condition():
        return undecided(missed)
    judged: list[Answered] = []
    for step in case.steps():
        found = case.evidence.answered(step)
        judged += [one for one in found if one.response.status != TOO_MANY or fits(wanted, TOO_MANY)]
    if wanted == TOO_MANY:
        judged = [one for one in judged if not _may_be_served_again(case, one)]
    wrong = [one for one in judged if not fits(wanted, one.response.status)]
    if case.param("any") and len(wrong) < len(judged):
        wrong = []
    findings = [case.finding(f"status {spoken(wanted)}", f"status {one.response.status}", one) for one in wrong]
    return judgement(judged, findings, _why(case))


def _may_be_served_again(case: Case, one: Answered) -> bool:
    """Whether the refusals that params `once` speak of may be over by then: their wait, or their window, has passed."""
    if case.param("once") is None:
        return False
    refused = [burst for burst in case.conditions() if burst[-1].response.status == TOO_MANY]
    answered_at = one.exchange.at + one.exchange.elapsed
    return bool(refused) and not any(answered_at < _until(case, burst) for burst in refused)


def _until(case: Case, burst: list[Answered]) -> float:
    """The moment up to which the key of a burst is surely refused, on the run's clock."""
    wait = wait_of(case, burst[-1])
    if wait is None:
        return burst[0].exchange.at + case.profile.rate_limit.window_seconds
    return burst[-1].exchange.at + wait


def documented_status(case: Case) -> Judgement:
    """Only status codes occur that the document lists for the operation."""
    judged = case.evidence.of(case.param("operation"))
    findings = []
    for one in judged:
        operation = one.exchange.operation or ""
        if case.openapi.response(operation, one.response.status) is None:
            listed = ", ".join(case.openapi.documented_statuses(operation))
            findings.append(case.finding(f"one of {listed}", f"status {one.response.status}", one))
    return judgement(judged, findings, "the operation was not called")


def no_server_error(case: Case) -> Judgement:
    """No input makes the server fail; a documented 503 is an answer, not a failure."""
    judged = case.evidence.of(case.param("operation"))
    findings = [
        case.finding("no 5xx, whatever is sent", f"status {one.response.status}", one)
        for one in judged
        if fits("5xx", one.response.status) and not _documented_503(case, one)
    ]
    return judgement(judged, findings, "the operation was not called")


def content_type(case: Case) -> Judgement:
    """The media type of the answers."""
    wanted = case.param("is", "application/json")
    judged = [one for one in _chosen(case) if one.response.body]
    findings = []
    for one in judged:
        got = one.response.header("Content-Type")
        essence = (got or "").split(";")[0].strip().lower()
        fine = is_json(got) if wanted == "application/json" else essence == wanted
        if not fine:
            findings.append(case.finding(f"Content-Type {wanted}", f"Content-Type {got or 'absent'}", one))
    return judgement(judged, findings, "no such answer was seen")


def header(case: Case) -> Judgement:
    """A header is there, is not there, or has the promised form."""
    name, schema = case.param("name"), case.param("schema")
    judged = _chosen(case)
    if case.param("roles") == "known":
        judged = [one for one in judged if one.exchange.role and one.response.status != UNAUTHORIZED]
    findings: list[Finding] = []
    for one in judged:
        value = one.response.header(name)
        if case.param("present", True) != (value is not None) and not case.param("optional"):
            wanted = "present" if case.param("present", True) else "absent"
            findings.append(case.finding(f"{name} {wanted}", f"{name}: {shown(value)}" if value else f"no {name}", one))
        elif value is not None and schema is not None:
            findings += [
                case.finding(f"{name} {error.expected}", f"{name}: {shown(value)}", one)
                for error in case.errors(schema, _typed(value, schema))
            ]
    return judgement(judged, findings, _why(case) if case.steps() else "no such answer was seen")


def _chosen(case: Case) -> list[Answered]:
    if case.steps():
        status = case.param("status", "any")
        return [
            one
            for step in case.steps()
            for one in (case.good(step) if status == "any" else case.evidence.answered(step))
            if fits(status, one.response.status)
        ]
    return case.anywhere()


def _typed(value: str, schema: object) -> object:
    """A header's text as an integer where the schema speaks of numbers and the text is one."""
    numeric = isinstance(schema, dict) and schema.get("type") in {"integer", "number"}
    return int(value) if numeric and value.strip().lstrip("-").isdecimal() else value


def _documented_503(case: Case, one: Answered) -> bool:
    return one.response.status == SERVICE_UNAVAILABLE and str(SERVICE_UNAVAILABLE) in case.openapi.documented_statuses(
        one.exchange.operation or ""
    )


def _why(case: Case) -> str:
    return next((case.evidence.why_missing(step) for step in case.steps()), "no such answer was seen")
