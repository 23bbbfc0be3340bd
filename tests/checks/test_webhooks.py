"""Outgoing webhooks, as the receiver took them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.checks.hand_made import Talk

SEND = "webhook/send"
MESSAGE = f"{SEND} response /data/id"
OURS = "the receiver took no delivery at all: is its public address the one that was registered?"
NONE_CAME = "no webhook delivery was received"


def event(status: object, message: object = "m1", **data: object) -> dict[str, Any]:
    return {"event": "message.status_updated", "data": {"messageId": message, "status": status, **data}}


def told(*states: object, embedded: bool = True, message: object = "m1") -> Talk:
    """A message was sent, and these states of it were told."""
    talk = Talk("whatsapi", embedded=embedded)
    talk.answered("sendMessage", {"data": {"id": "m1"}}, 202, source=SEND, sent={"to": "1202", "metadata": {"n": 1}})
    for state in states:
        talk.heard(event(state, message))
    return talk


@pytest.mark.parametrize(
    ("states", "params", "verdict"),
    [
        (["sent", "delivered"], {"statuses": ["sent", "delivered"]}, "kept"),
        (["sent"], {"statuses": ["sent", "delivered"]}, "broken"),
        (["sent", "sent"], {"statuses": ["sent"]}, "broken"),
        (["sent", "sent"], {"statuses": ["sent"], "at_least": 1}, "kept"),
        ([], {"statuses": ["sent"], "at_least": 1}, "broken"),
        (["sent", "queued"], {"statuses": ["sent"], "none": ["queued"]}, "broken"),
        (["sent"], {"none": ["queued"]}, "kept"),
        ([], {"none": ["queued"]}, "kept"),
        (["read"], {"some_of": ["sent", "read"]}, "kept"),
        (["failed"], {"some_of": ["sent", "read"]}, "broken"),
        ([], {"some_of": ["sent"], "if_any": True}, NONE_CAME),
    ],
)
def test_each_state_is_told_as_often_as_promised(states: list[str], params: dict[str, object], verdict: str) -> None:
    assert told(*states).says("deliveries", message=MESSAGE, **params) == verdict


def test_what_was_never_told_is_proven_by_the_send() -> None:
    (missing,) = told().judged("deliveries", message=MESSAGE, statuses=["sent"]).findings
    assert missing.exchanges == (1,)


def test_of_a_message_that_was_not_accepted_nothing_can_be_told() -> None:
    talk = Talk("whatsapi", embedded=True).answered("sendMessage", {"data": {"id": "m1"}}, 400, source=SEND)
    assert talk.heard(event("sent")).says("deliveries", message=MESSAGE, statuses=["failed"]) not in {"kept", "broken"}


def test_on_a_real_target_no_delivery_at_all_may_be_the_receivers_address() -> None:
    assert told(embedded=False).says("deliveries", message=MESSAGE, statuses=["sent"]) == OURS
    others = told("sent", embedded=False, message="m2")
    assert others.says("deliveries", message=MESSAGE, statuses=["sent"]) == "broken"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"event": "message.status_updated"}, "deliveries do not name their message"),
        ("no JSON", "deliveries do not name their message"),
        ({"data": {"messageId": "m1"}}, "deliveries do not tell a status"),
    ],
)
def test_deliveries_that_say_nothing_cannot_be_counted(body: object, why: str) -> None:
    assert told().heard(body).says("deliveries", message=MESSAGE, statuses=["sent"]) == why


@pytest.mark.parametrize(
    ("body", "params", "verdict"),
    [
        (event("sent"), {"at": "/event", "schema": {"const": "message.status_updated"}}, "kept"),
        (event("sent"), {"at": "/event", "schema": {"const": "another"}}, "broken"),
        (event("sent"), {"at": "/data/status"}, "kept"),
        (event(7), {"at": "/data/status"}, "broken"),  # the document has a text there
        (event(7), {"at": "/data/status", "alone": True, "schema": {}}, "kept"),
        (event("sent"), {"at": "/data/extra", "required": True}, "broken"),
        (event("sent"), {"at": "/data/extra", "required": False}, "kept"),
        ({"data": {}}, {"at": "/event"}, "broken"),  # the document requires it
        ("no JSON", {"at": "/event"}, NONE_CAME),
    ],
)
def test_a_field_of_every_delivery_is_as_documented(body: object, params: dict[str, object], verdict: str) -> None:
    assert Talk("whatsapi").heard(body).says("delivery-field", **params) == verdict


@pytest.mark.parametrize(
    ("method", "media", "body", "verdict"),
    [
        ("POST", "application/json", {}, "kept"),
        ("POST", "application/json; charset=utf-8", {}, "kept"),
        ("PUT", "application/json", {}, "broken"),
        ("POST", "text/plain", {}, "broken"),
        ("POST", "application/json", "status=sent", "broken"),
    ],
)
def test_deliveries_are_posted_as_json(method: str, media: str, body: object, verdict: str) -> None:
    talk = Talk("whatsapi").heard(body, method=method, media=media)
    assert talk.says("delivery-request", **{"method": "POST", "content-type": "application/json"}) == verdict


def test_without_a_delivery_none_was_posted_in_any_way() -> None:
    assert Talk("whatsapi").says("delivery-request", method="POST") == NONE_CAME


@pytest.mark.parametrize(
    ("told_of", "status", "verdict"),
    [({"n": 1}, None, "kept"), ({"n": 2}, None, "broken"), (None, None, "broken"), ({"n": 2}, "read", NONE_CAME)],
)
def test_what_was_sent_comes_back_in_each_delivery(told_of: object, status: str | None, verdict: str) -> None:
    talk = told().heard(event("sent", metadata=told_of)).heard(event("sent", "m2", metadata="another's"))
    chosen = {} if status is None else {"status": status}
    place = f"{SEND} request /metadata"
    assert talk.says("delivery-same", message=MESSAGE, at="/data/metadata", place=place, **chosen) == verdict


@pytest.mark.parametrize(
    ("answers", "attempts", "verdict"),
    [
        ([200], 1, "kept"),
        ([200, 200], 1, "broken"),
        ([500, 200], 2, "kept"),
        ([None, 200], 2, "kept"),
        ([500], 2, "broken"),
        ([500, 500, 200], 2, "broken"),
        ([200, 200], 2, "the receiver gave this event another answer than planned, because of others in between"),
        ([500], 1, "the receiver gave this event another answer than planned, because of others in between"),
        ([], 1, "the receiver took no such delivery"),
    ],
)
def test_an_event_is_posted_again_when_it_was_not_taken(answers: list[int | None], attempts: int, verdict: str) -> None:
    talk = told("delivered")
    for answered in answers:
        talk.heard(event("sent"), answered=answered)
    assert talk.says("delivery-attempts", message=MESSAGE, status="sent", attempts=attempts) == verdict


@pytest.mark.parametrize(
    ("moment", "verdict"),
    [
        ("2023-11-14T22:13:20Z", "kept"),
        ("2023-11-14T23:13:25+01:00", "kept"),
        ("2023-11-14T22:13:31Z", "broken"),
        ("2023-11-14T22:13:20", "broken"),
        (1_700_000_000, "broken"),
        (None, "broken"),
    ],
)
def test_the_moment_of_a_delivery_is_the_present(moment: object, verdict: str) -> None:
    talk = Talk("whatsapi").heard({"timestamp": moment}, at=1_700_000_000)
    assert talk.says("delivery-time", at="/timestamp", within=10) == verdict


@pytest.mark.parametrize(
    ("moments", "states", "verdict"),
    [
        ({"sentAt": "2026-01-01T00:00:00Z"}, ["sent"], "kept"),
        ({"sentAt": "2026-01-01T00:00:00Z"}, ["delivered"], "broken"),
        ({"sentAt": "2026-01-01T00:00:00Z", "deliveredAt": None}, ["sent"], "kept"),
        ({"sentAt": None}, ["failed"], "the message came to none of sent, delivered"),
    ],
)
def test_on_a_real_target_only_what_the_message_came_to_is_told(
    moments: dict[str, str | None], states: list[str], verdict: str
) -> None:
    talk = told(*states, embedded=False).answered("getMessage", {"data": moments}, source="webhook/read")
    row = {"message": MESSAGE, "statuses": ["sent", "delivered"], "seen": "webhook/read"}
    assert talk.says("deliveries", **row) == verdict


def answered(*answers: int | None, wait: float = 1000) -> Talk:
    """One event and what the receiver answered each time; the run goes on for a while."""
    talk = Talk("whatsapi")
    for answer in answers:
        talk.heard(event("sent"), answered=answer)
    return talk.answered("getAccount", {}, at=wait)


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (answered(200), "kept"),
        (answered(204, 200), "broken"),
        (answered(500, 200), "kept"),
        (answered(302, 500), "kept"),
        (answered(500), "broken"),
        (answered(500, wait=100), NONE_CAME),  # it may still come
        (answered(500, 500, 500), "broken"),
        (answered(None, 200), NONE_CAME),
    ],
)
def test_only_what_was_not_taken_comes_once_more(talk: Talk, verdict: str) -> None:
    assert talk.says("delivery-retries", within=300) == verdict


def test_a_moment_in_an_event_may_be_left_open() -> None:
    talk = Talk("whatsapi").heard(event("sent", deliveredAt=None))
    assert talk.says("delivery-time", at="/data/deliveredAt", within=900, optional=True) == NONE_CAME
    assert talk.says("delivery-time", at="/data/deliveredAt", within=900) == "broken"


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("http://127.0.0.1:9/hook", "broken"),
        ("http://localhost:9/hook", "broken"),
        ("https://hooks.example.com/", OURS),
    ],
)
def test_a_receiver_beside_the_target_would_have_heard(url: str, verdict: str) -> None:
    talk = Talk("whatsapi").answered("setWebhook", {}, source="webhook/set", sent={"url": url})
    talk.answered("sendMessage", {"data": {"id": "m1"}}, 202, source=SEND)
    talk.exchanges = [replace(one, request=replace(one.request, url="http://127.0.0.1:8/x")) for one in talk.exchanges]
    row = {"message": MESSAGE, "statuses": ["sent"], "address": "webhook/set request /url"}
    assert talk.says("deliveries", **row) == verdict
