"""What changed between two runs' behaviour: each change is found, where it is, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from affidavit.exchange import Exchange, Response
from affidavit.gate.assessment import Judged, assess
from affidavit.gate.baseline import Baseline, accept
from affidavit.gate.changes import compare
from affidavit.gate.difference import Axis, Difference, Severity
from tests.gate.conftest import RunOf

TODAY = date(2030, 1, 1)
BREAKING, UNKNOWN, COMPATIBLE, WEAK = Severity.BREAKING, Severity.UNKNOWN, Severity.COMPATIBLE, Severity.WEAK
Edit = Callable[[Exchange, Response], Response]


def edited(run: Judged, edit: Edit, operation: str = "listPhoneNumbers", status: int = 200) -> Judged:
    """The run with some of its answers changed."""
    exchanges = tuple(
        replace(one, response=edit(one, one.response))
        if one.response and (one.operation, one.response.status) == (operation, status)
        else one
        for one in run.evidence.exchanges
    )
    return Judged(run.catalog, replace(run.evidence, exchanges=exchanges), run.verdicts, run.target)


def in_body(change: Callable[[Any], Any]) -> Edit:
    """An edit of each item of the list that an answer holds."""

    def edit(_: Exchange, response: Response) -> Response:
        body = json.loads(response.body)
        for item in body["data"]:
            change(item)
        return replace(response, body=json.dumps(body))

    return edit


def header(name: str, value: str | None) -> Edit:
    def edit(_: Exchange, response: Response) -> Response:
        kept = tuple(pair for pair in response.headers if pair[0].lower() != name)
        return replace(response, headers=kept if value is None else (*kept, (name, value)))

    return edit


def answered(status: int) -> Edit:
    return lambda _, response: replace(response, status=status)


def differences(before: Judged, after: Judged) -> list[Difference]:
    return compare(before.catalog.openapi, before.catalog.profile, before.behaviour, after.behaviour).differences


def told(before: Judged, after: Judged) -> set[tuple[str, str, Severity]]:
    return {(one.identity.subject, one.identity.at, one.severity) for one in differences(before, after)}


@pytest.mark.parametrize(
    ("edit", "rule", "at", "severity"),
    [
        (in_body(lambda one: one.pop("displayName")), "field-vanished", "200 /data/*/displayName", BREAKING),
        (in_body(lambda one: one.update(secret="x")), "field-appeared", "200 /data/*/secret", UNKNOWN),
        (in_body(lambda one: one.update(id=None)), "type-changed", "200 /data/*/id", BREAKING),
        (in_body(lambda one: one.update(phoneNumber=5)), "type-changed", "200 /data/*/phoneNumber", BREAKING),
        (in_body(lambda one: one.update(createdAt="2027-01-15")), "form-changed", "200 /data/*/createdAt", UNKNOWN),
        (in_body(lambda one: one.update(connectionStatus="gone")), "value-added", "200 /data/*/connectionStatus",
         UNKNOWN),
        (header("content-type", "text/html"), "media-type-changed", "200 ", BREAKING),
        (header("x-trace", "1"), "header-appeared", "200 x-trace", COMPATIBLE),
    ],
)  # fmt: skip
def test_a_change_is_found_at_its_place_and_nowhere_else(
    edit: Edit, rule: str, at: str, severity: Severity, run_of: RunOf
) -> None:
    before = run_of()
    assert told(before, edited(before, edit)) == {(rule, at, severity)}


def test_what_the_documents_allow_is_chance_and_no_change(run_of: RunOf) -> None:
    before = run_of()
    null = edited(before, in_body(lambda one: one.update(lastConnectedAt=None)))
    assert told(before, null) == set()
    other_status = edited(before, in_body(lambda one: one.update(connectionStatus="connecting")))
    assert told(before, other_status) == set()


def test_a_field_that_is_only_sometimes_missing_is_to_be_looked_at(run_of: RunOf) -> None:
    before = run_of()

    def drop(item: dict[str, Any]) -> None:
        if item["connectionStatus"] != "connected":
            del item["displayName"]

    assert told(before, edited(before, in_body(drop))) == {("field-vanished", "200 /data/*/displayName", UNKNOWN)}


def test_another_status_for_the_same_request_is_breaking_and_a_server_error_alone_is_weak(run_of: RunOf) -> None:
    before = run_of()
    for status, severity in ((404, BREAKING), (503, WEAK)):
        after = edited(before, answered(status))
        found = differences(before, after)
        assert {one.identity.subject for one in found} == {"status-changed"}
        assert {one.severity for one in found} == {severity}
        assert {one.identity.operation for one in found} == {"listPhoneNumbers"}


def test_what_was_not_asked_has_not_vanished(run_of: RunOf) -> None:
    before = run_of()
    kept = tuple(one for one in before.evidence.exchanges if one.operation != "listPhoneNumbers")
    after = Judged(before.catalog, replace(before.evidence, exchanges=kept), before.verdicts, before.target)
    compared = compare(before.catalog.openapi, before.catalog.profile, before.behaviour, after.behaviour)
    assert compared.differences == []
    assert {"discover/senders", "cookbook/phones"} <= set(compared.not_asked)


def test_what_is_asked_in_another_form_is_not_compared(run_of: RunOf) -> None:
    before = run_of()

    def otherwise(one: Exchange) -> Exchange:
        asked = replace(one.request, query=(*one.request.query, ("also", "1")))
        return replace(one, request=asked, response=replace(one.response, status=404) if one.response else None)

    changed = tuple(map(otherwise, before.evidence.exchanges))
    after = Judged(before.catalog, replace(before.evidence, exchanges=changed), before.verdicts, before.target)
    compared = compare(before.catalog.openapi, before.catalog.profile, before.behaviour, after.behaviour)
    assert (compared.differences, compared.shared) == ([], 0)


def test_accepting_one_leaked_field_does_not_hide_the_next(run_of: RunOf) -> None:
    before = run_of()
    first = edited(before, in_body(lambda one: one.update(token="x")))
    both = edited(before, in_body(lambda one: one.update(token="x", password="y")))
    measure = before.measure(TODAY)
    leaked = assess(first, (), measure, [], TODAY).decision.failing
    entries = accept(
        Baseline("chatmaid"), leaked, reason="known", who="Ann", on=TODAY, expires=TODAY + timedelta(days=9)
    ).accepted
    assert assess(first, entries, measure, [], TODAY).decision.passes
    decision = assess(both, entries, measure, [], TODAY).decision
    assert [one.identity.at for one in decision.failing] == ["200 /data/*/password"]
    assert not decision.stale


def test_what_the_headers_announce_for_a_key_is_compared(run_of: RunOf) -> None:
    before = run_of("whatsapi")

    def halve(_: Exchange, response: Response) -> Response:
        headers = tuple(
            (name, str(int(value) // 2) if name == "x-ratelimit-limit" else value) for name, value in response.headers
        )
        return replace(response, headers=headers)

    after = before
    for operation in before.catalog.openapi.operations:
        for status in (200, 201, 202, 400, 403, 404, 409, 429):
            after = edited(after, halve, operation, status)
    found = {one.identity.subject for one in differences(before, after)}
    assert found == {"limit-changed"}
    assert {one.severity for one in differences(before, after)} == {BREAKING}
    gone = before
    for operation in before.catalog.openapi.operations:
        gone = edited(gone, header("x-ratelimit-remaining", None), operation, 200)
    vanished = [one for one in differences(before, gone) if one.severity is BREAKING]
    assert {one.identity.subject for one in vanished} == {"header-vanished"}


def test_a_message_that_takes_much_longer_is_to_be_looked_at(run_of: RunOf) -> None:
    before = run_of()
    slow = {name: tuple(seconds * 5 for seconds in several) for name, several in before.behaviour.spans.items()}
    after = replace(before.behaviour, spans=slow)
    compared = compare(before.catalog.openapi, before.catalog.profile, before.behaviour, after)
    assert {(one.identity.subject, one.severity) for one in compared.differences} == {("pace-changed", UNKNOWN)}
    back = compare(before.catalog.openapi, before.catalog.profile, after, before.behaviour)
    assert {one.severity for one in back.differences} == {COMPATIBLE}


def test_webhooks_are_compared_too(run_of: RunOf) -> None:
    before = run_of("whatsapi")
    told_before = before.evidence.deliveries
    assert told_before
    changed = tuple(
        replace(one, request=replace(one.request, body=json.dumps({**json.loads(one.request.body or "{}"), "leak": 1})))
        for one in told_before
    )
    after = Judged(before.catalog, replace(before.evidence, deliveries=changed), before.verdicts, before.target)
    assert told(before, after) == {("field-appeared", "/leak", UNKNOWN)}


def test_all_are_of_the_axis_of_behaviour(run_of: RunOf) -> None:
    before = run_of()
    after = edited(before, in_body(lambda one: one.pop("displayName")))
    assert {one.identity.axis for one in differences(before, after)} == {Axis.BEHAVIOUR}
    assert all(one.exchange and one.sources for one in differences(before, after))


def flooded(run: Judged, admitted: int) -> Judged:
    """The run with a key that was used up by so many requests."""
    one = next(one for one in run.evidence.exchanges if one.operation == "getAccount" and one.response)
    assert one.response
    answers = [*[replace(one.response, status=200)] * admitted, replace(one.response, status=429)]
    flood = tuple(replace(one, source="limit/flood", role="second", response=answer) for answer in answers)
    rest = tuple(one for one in run.evidence.exchanges if one.source != "limit/flood")
    return Judged(run.catalog, replace(run.evidence, exchanges=rest + flood), run.verdicts, run.target)


@pytest.mark.parametrize(
    ("was", "now", "told", "rules"),
    [
        (100, 40, True, {"flood-shorter"}),
        (100, 60, True, set()),
        (40, 100, True, set()),
        (3, 3, False, set()),
        (100, 0, False, set()),
    ],
    ids=["much less", "what others used differs", "more", "a lowered limit", "used up before"],
)
def test_a_key_that_is_used_up_much_sooner_is_to_be_looked_at(
    was: int,
    now: int,
    told: bool,  # noqa: FBT001 - a case of the table
    rules: set[str],
    run_of: RunOf,
) -> None:
    before, after = flooded(run_of(), was), flooded(run_of(), now)
    compared = compare(before.catalog.openapi, before.catalog.profile, before.behaviour, after.behaviour)
    assert compared.limits is told
    assert {one.identity.subject for one in compared.differences} - {"status-changed"} == rules
