from __future__ import annotations

import json
from typing import Any

import pytest

from affidavit.sandbox.model import Outgoing
from affidavit.sandbox.whatsapi import RECIPIENTS, Options
from tests.sandbox.whatsapi_caller import CLOSED, NORMAL, START, URL, Caller


def listener(url: str = URL, role: str = "main", options: Options | None = None) -> Caller:
    """A caller whose account has a webhook."""
    caller = Caller(options)
    assert caller.put("/auth/me/webhook", {"url": url}, role=role).status == 200
    return caller


def read(outgoing: Outgoing) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(outgoing.body)


def told(posted: list[Outgoing]) -> list[tuple[str, float]]:
    """Status and seconds since START of every delivery."""
    return [(read(one)["data"]["status"], round(one.due - START, 3)) for one in posted]


def test_a_webhook_tells_what_the_documents_show_and_nothing_else() -> None:
    caller = listener()
    sent = caller.send(metadata={"orderId": "1234"})
    delivery = caller.post_all()[1]
    assert (delivery.url, delivery.attempt) == (URL, 1)
    assert delivery.headers == (("Content-Type", "application/json"),)
    assert read(delivery) == {
        "event": "message.status_updated",
        "timestamp": "2030-03-17T17:46:42.050Z",
        "data": {
            "messageId": sent,
            "status": "delivered",
            "to": NORMAL,
            "deliveredAt": "2030-03-17T17:46:42.050Z",
            "readAt": None,
            "failedAt": None,
            "errorMessage": None,
            "metadata": {"orderId": "1234"},
        },
    }


def test_the_webhook_of_a_failure_tells_when_and_why() -> None:
    caller = listener()
    sent = caller.send(CLOSED)
    (delivery,) = caller.post_all()
    message = caller.message(sent)
    data = read(delivery)["data"]
    assert (data["failedAt"], data["errorMessage"]) == (message["failedAt"], message["errorMessage"])
    assert data["failedAt"] == read(delivery)["timestamp"]
    assert "131047" in data["errorMessage"]


@pytest.mark.parametrize(
    ("recipient", "events"),
    [
        ("normal", [("sent", 1.0), ("delivered", 1.8), ("read", 5.0)]),
        ("receipts-off", [("sent", 1.0), ("delivered", 1.8)]),
        ("fails-permanently", [("failed", 1.0)]),
        ("recovers-from-transient-error", [("sent", 2.8), ("delivered", 3.6), ("read", 6.8)]),
        ("never-recovers-from-transient-error", [("failed", 4.6)]),
    ],
)
def test_there_is_one_webhook_for_each_of_the_four_changes_and_none_for_others(
    recipient: str, events: list[tuple[str, float]]
) -> None:
    caller = listener()
    caller.send(RECIPIENTS[recipient])
    assert told(caller.post_all()) == events
    assert caller.machine.next_due() is None


def test_a_dry_run_is_told_of_like_any_message() -> None:
    caller = listener()
    caller.send(CLOSED, dry_run=True)
    assert [status for status, _ in told(caller.post_all())] == ["sent", "delivered", "read"]


def test_a_scheduled_message_is_told_of_at_its_time() -> None:
    caller = listener()
    caller.send(sendAt="2030-03-17T17:56:40.250Z")
    assert caller.post_due() == []
    assert told(caller.post_all()) == [("sent", 601.0), ("delivered", 601.8), ("read", 605.0)]


def test_a_retried_message_is_told_of_again() -> None:
    caller = listener()
    sent = caller.send(CLOSED)
    caller.post_all()
    caller.control("open-window", role="main", number=CLOSED)
    caller.post(f"/messages/{sent}/retry")
    deliveries = [read(one)["data"] for one in caller.post_all()]
    assert [(one["status"], one["failedAt"], one["errorMessage"]) for one in deliveries] == [
        ("sent", None, None),
        ("delivered", None, None),
        ("read", None, None),
    ]


def test_deliveries_leave_in_order_of_time_however_late_the_tick() -> None:
    caller = listener()
    for _ in range(3):
        caller.send()
        caller.wait(0.5)
    caller.get("/analytics/summary")
    caller.wait(60)
    caller.get("/analytics/summary")
    posted = caller.post_due()
    assert [one.due for one in posted] == sorted(one.due for one in posted)
    assert len({one.id for one in posted}) == len(posted) == 9
    assert {one.body for one in posted} == {one.body for one in _posted_on_time(3)}


def _posted_on_time(messages: int) -> list[Outgoing]:
    caller = listener()
    for _ in range(messages):
        caller.send()
        caller.wait(0.5)
    return caller.post_all()


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_delivery_that_is_taken_is_not_repeated(status: int) -> None:
    caller = listener()
    caller.send()
    assert len(caller.post_all(status)) == 3


@pytest.mark.parametrize("status", [None, 199, 301, 302, 400, 404, 410, 429, 500, 503])
def test_a_delivery_that_is_not_taken_is_repeated_once_and_never_again(status: int | None) -> None:
    caller = listener()
    caller.send(RECIPIENTS["receipts-off"])
    posted = caller.post_all(status)
    # Each is repeated 5 s after it failed, which here is the moment it left.
    assert told(posted) == [("sent", 1.0), ("delivered", 1.8), ("sent", 6.0), ("delivered", 6.8)]
    assert [(one.attempt, one.id) for one in posted] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [one.body for one in posted[:2]] == [one.body for one in posted[2:]]
    assert caller.machine.next_due() is None


def test_the_repetition_waits_from_the_moment_the_failure_is_known() -> None:
    caller = listener(options=Options(webhook_retry_after=7))
    caller.send(RECIPIENTS["fails-permanently"])
    caller.wait(1)
    (delivery,) = caller.machine.tick(caller.now)
    caller.wait(10)
    caller.machine.delivered(delivery, None, caller.now)
    assert caller.machine.next_due() == START + 18
    caller.machine.delivered(delivery, None, caller.now)
    caller.wait(7)
    assert [one.attempt for one in caller.post_due(500)] == [2]
    assert caller.machine.next_due() is None


def test_a_repetition_that_is_taken_ends_it() -> None:
    caller = listener()
    caller.send(RECIPIENTS["fails-permanently"])
    caller.wait(1)
    assert len(caller.post_due(500)) == 1
    caller.wait(5)
    assert len(caller.post_due(200)) == 1
    assert caller.machine.next_due() is None


def test_nothing_leaves_after_the_webhook_is_removed() -> None:
    caller = listener()
    caller.send()
    caller.wait(1)
    assert len(caller.post_due(500)) == 1
    caller.wait(0.8)
    caller.delete("/auth/me/webhook")
    caller.wait(60)
    assert caller.post_due() == []
    assert caller.machine.next_due() is None


def test_a_webhook_set_on_the_way_tells_what_happens_from_then_on() -> None:
    caller = Caller()
    caller.send()
    caller.wait(1.5)
    assert caller.machine.next_due() is None
    caller.put("/auth/me/webhook", {"url": URL})
    assert told(caller.post_all()) == [("delivered", 1.8), ("read", 5.0)]


def test_another_address_gets_what_happens_from_then_on_and_the_old_one_nothing_more() -> None:
    caller = listener()
    caller.send()
    caller.wait(1)
    caller.post_due(500)
    caller.put("/auth/me/webhook", {"url": URL + "/v2"})
    posted = caller.post_all()
    assert told(posted) == [("delivered", 1.8), ("read", 5.0)]
    assert {one.url for one in posted} == {URL + "/v2"}


def test_accounts_hear_of_their_own_messages_only() -> None:
    caller = listener()
    caller.put("/auth/me/webhook", {"url": URL + "/other"}, role="other_account")
    caller.send(role="other_account")
    caller.send(role="free")
    assert {one.url for one in caller.post_all()} == {URL + "/other"}


def test_without_a_webhook_nothing_is_ever_due() -> None:
    caller = Caller()
    caller.send()
    caller.wait(60)
    assert caller.machine.next_due() is None
    assert caller.machine.tick(caller.now) == ()


def test_a_tick_leaves_nothing_due_behind() -> None:
    caller = listener()
    for _ in range(5):
        caller.send(RECIPIENTS["recovers-from-transient-error"])
    while (due := caller.machine.next_due()) is not None:
        caller.now = due
        caller.post_due()
        following = caller.machine.next_due()
        assert following is None or following > due


def test_the_log_tells_what_became_of_every_attempt() -> None:
    caller = listener()
    sent = caller.send(RECIPIENTS["fails-permanently"])
    caller.wait(1)
    caller.post_due(500)
    caller.wait(5)
    caller.machine.tick(caller.now)
    common = {"id": 1, "url": URL, "messageId": sent, "status": "failed"}
    assert caller.control("webhook-log") == [
        {**common, "attempt": 1, "due": START + 1, "answered": True, "answer": 500},
        {**common, "attempt": 2, "due": START + 6, "answered": False, "answer": None},
    ]
