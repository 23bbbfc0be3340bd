"""How messages move is judged only where one was seen to move."""

from __future__ import annotations

import pytest

from tests.checks.hand_made import Talk

MOVED = {"only_from": "pending"}


def moving(*states: str, provider: str = "chatmaid", headers: dict[str, str] | None = None) -> Talk:
    """One message, read in these states one after the other."""
    talk = Talk(provider)
    for state in states:
        talk.answered("getMessage", {"data": {"id": "msg_1", "status": state}}, headers=headers)
    return talk


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (Talk(), "no message was seen"),
        (moving("sent"), "no message was seen to move"),
        (moving("sent", "sent", "sent"), "no message was seen to move"),
        (moving("sent", "delivered"), "kept"),
        (moving("pending", "read"), "kept"),  # looks may miss a state
        (moving("delivered", "sent"), "broken"),
        (moving("failed", "sent"), "broken"),
        (moving("read", "delivered", "read"), "broken"),
        (moving("sent", "lost", "delivered"), "kept"),  # an unknown state is another claim's
    ],
)
def test_a_message_only_moves_forward(talk: Talk, verdict: str) -> None:
    assert talk.says("transitions") == verdict


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (moving("sent", "delivered"), "no message was seen to move"),
        (moving("pending", "pending"), "no message was seen to move"),
        (moving("pending", "sent"), "kept"),
        (moving("sent", "pending"), "no message was seen to move"),
    ],
)
def test_a_rule_about_one_state_is_judged_where_it_was_left(talk: Talk, verdict: str) -> None:
    assert talk.says("transitions", **MOVED) == verdict


def test_messages_of_two_keys_are_two_messages() -> None:
    talk = Talk()
    for role, state in (("main", "delivered"), ("live", "sent")):
        talk.answered("getMessage", {"data": {"id": "msg_1", "status": state}}, role=role)
    assert talk.says("transitions") == "no message was seen to move"


def test_a_replayed_answer_is_a_picture_of_the_past() -> None:
    talk = moving("sent", "delivered")
    talk.answered("getMessage", {"data": {"id": "msg_1", "status": "sent"}}, headers={"Idempotency-Replayed": "true"})
    assert talk.says("transitions") == "kept"


def told(*entries: tuple[str, str], **fields: object) -> Talk:
    """A message of WhatsAPI with its timeline."""
    timeline = [{"status": status, "at": at} for status, at in entries]
    return Talk("whatsapi").answered("getMessage", {"data": {"id": "m", "timeline": timeline, **fields}})


QUEUED, SENT = ("queued", "2026-03-28T10:00:00Z"), ("sent", "2026-03-28T10:00:01Z")
AGREES = {"rule": "agrees", "status": "sent", "field": "/sentAt"}
NOT_TOLD = "no answer told both in its timeline and at /sentAt when it was sent"


@pytest.mark.parametrize(
    ("talk", "rule", "verdict"),
    [
        (Talk("whatsapi"), AGREES, "no answer held a timeline"),
        (told(), AGREES, "no answer held a timeline"),
        (told(QUEUED, sentAt=None), AGREES, NOT_TOLD),
        (told(QUEUED, sentAt=SENT[1]), AGREES, NOT_TOLD),
        (told(QUEUED, SENT, sentAt=SENT[1]), AGREES, "kept"),
        (told(QUEUED, SENT, sentAt="2026-03-28T11:00:01.000+01:00"), AGREES, "kept"),  # the same instant
        (told(QUEUED, SENT, sentAt=QUEUED[1]), AGREES, "broken"),
        (told(QUEUED), {"rule": "chronological"}, "no timeline held two moments"),
        (told(QUEUED, SENT), {"rule": "chronological"}, "kept"),
        (told(SENT, QUEUED), {"rule": "chronological"}, "broken"),
        (told(QUEUED, status="queued"), {"rule": "last-is-status", "except": ["sending"]}, "kept"),
        (told(QUEUED, status="sent"), {"rule": "last-is-status", "except": ["sending"]}, "broken"),
        (told(QUEUED, status="sending"), {"rule": "last-is-status", "except": ["sending"]},
         "every message with a timeline was sending"),
        (told(QUEUED), {"rule": "starts-with", "in": ["queued"]}, "kept"),
        (told(SENT, QUEUED), {"rule": "starts-with", "in": ["queued"]}, "broken"),
    ],
)  # fmt: skip
def test_a_timeline_is_judged_where_it_tells_enough_and_else_says_what_it_lacks(
    talk: Talk, rule: dict[str, object], verdict: str
) -> None:
    assert talk.says("timeline", operation="getMessage", at="/data/timeline", **rule) == verdict


def test_a_repeated_send_may_show_the_message_as_it_was_at_first() -> None:
    talk = moving("sent", "delivered").answered("sendMessage", {"data": {"id": "msg_1", "status": "sent"}}, 201)
    assert talk.says("transitions") == "kept"


def connected(lost: str | None, found: str | None, status: str = "connected") -> Talk:
    """A phone with its two moments."""
    phone = {"connectionStatus": status, "lastDisconnectedAt": lost, "lastConnectedAt": found}
    return Talk().answered("getPhoneNumber", {"data": phone})


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (connected("2026-02-01T10:00:00Z", "2026-02-01T10:00:01Z"), "kept"),
        (connected("2026-02-01T10:00:01Z", "2026-02-01T10:00:00Z"), "broken"),
        (connected(None, "2026-02-01T10:00:00Z"), "no answer held two of these instants"),
        (connected("2026-02-01T10:00:01Z", "2026-02-01T10:00:00Z", "disconnected"),
         "no answer held two of these instants"),
    ],
)  # fmt: skip
def test_an_order_of_moments_may_hold_in_one_state_alone(talk: Talk, verdict: str) -> None:
    where = {
        "in": "/data",
        "at": ["/lastDisconnectedAt", "/lastConnectedAt"],
        "when": {"/connectionStatus": "connected"},
    }
    assert talk.says("ordered-times", operation="getPhoneNumber", status=200, **where) == verdict


@pytest.mark.parametrize(
    ("period", "end", "verdict"),
    [
        ("day", "2026-02-02T00:00:00Z", "kept"),
        ("day", "2026-02-03T00:00:00Z", "broken"),
        ("week", "2026-02-03T00:00:00Z", "no answer held both instants"),
        ("day", None, "no answer held both instants"),
    ],
)
def test_a_span_is_no_longer_than_it_may_be(period: str, end: str | None, verdict: str) -> None:
    usage = {"period": period, "startDate": "2026-02-01T00:00:00Z", "endDate": end}
    talk = Talk().answered("getUsage", {"data": usage})
    row = {"at": ["/data/startDate", "/data/endDate"], "within": 90_000, "when": {"/data/period": "day"}}
    assert talk.says("spans", operation="getUsage", status=200, **row) == verdict


def polled(*states: str, embedded: bool = False) -> Talk:
    talk = Talk(embedded=embedded)
    for state in states:
        talk.answered("getMessage", {"data": {"id": "msg_1", "status": state}}, source="getting-started/poll")
    return talk


@pytest.mark.parametrize(
    ("talk", "firm", "verdict"),
    [
        (polled("pending", "sent"), False, "kept"),
        (polled("pending", "failed"), False, "the message got no further than failed while it was watched"),
        (polled("pending"), False, "the message got no further than pending while it was watched"),
        (polled("pending"), True, "broken"),
        (polled("pending", embedded=True), False, "broken"),
    ],
)
def test_how_far_a_message_gets_is_only_on_the_sandbox_the_targets_doing(
    talk: Talk, verdict: str, *, firm: bool
) -> None:
    assert talk.says("reaches", step="getting-started/poll", status="sent", firm=firm) == verdict
