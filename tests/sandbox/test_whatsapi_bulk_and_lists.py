from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.sandbox.whatsapi import RECIPIENTS, Options
from tests.sandbox.whatsapi_caller import CLOSED, NORMAL, Caller

GOOD = {"to": NORMAL, "message": "Hello"}
BAD = {"to": "+1", "message": "Hello"}
STATUSES = "queued, scheduled, processing, retrying, sent, delivered, read, failed"
LIMIT = ("limit", "must be a whole number from 1 to 200")
PAGE = ("page", "must be a whole number from 1")


def bulk(caller: Caller, *items: object, role: str = "main") -> str:
    answer = caller.post("/messages/bulk", {"messages": items}, role=role)
    assert answer.status == 202, answer.body
    batch: str = answer.data["batchId"]
    return batch


# --- bulk -------------------------------------------------------------------------------------------------------------


def test_a_batch_takes_every_kind_of_message_and_its_id_finds_exactly_them() -> None:
    caller = Caller()
    caller.send()
    items = [
        GOOD,
        {"to": CLOSED, "template": {"name": "hello_world", "language": "en_US"}},
        {**GOOD, "sendAt": "2031-01-01T00:00:00Z"},
        {**GOOD, "metadata": {"n": 1}, "dry_run": True},
    ]
    answer = caller.post("/messages/bulk", {"messages": items})
    batch = answer.data["batchId"]
    assert answer.status == 202
    assert answer.body == {
        "success": True,
        "data": {"batchId": batch, "totalMessages": 4, "queued": 4, "failedCount": 0},
    }
    caller.wait(60)
    listed = caller.get("/messages", ("batchId", batch)).body["data"]
    assert [(item["to"], item["status"], item["metadata"]) for item in listed] == [
        (NORMAL, "read", {"n": 1}),
        (NORMAL, "scheduled", None),
        (CLOSED, "read", None),
        (NORMAL, "read", None),
    ]
    assert len(caller.ids()) == 5


def test_the_bad_items_of_a_batch_are_counted_and_the_others_sent() -> None:
    caller = Caller()
    answer = caller.post("/messages/bulk", {"messages": [BAD, GOOD, 5, None, {}, GOOD]})
    assert answer.data == {
        "batchId": answer.data["batchId"],
        "totalMessages": 6,
        "queued": 2,
        "failedCount": 4,
    }
    assert len(caller.ids(("batchId", answer.data["batchId"]))) == 2


def test_a_batch_without_a_good_item_is_refused_item_by_item() -> None:
    caller = Caller()
    assert caller.post("/messages/bulk", {"messages": [BAD, 5]}).faults == [
        ("messages[0].to", "must be a phone number in E.164 format: digits only, without +"),
        ("messages[1]", "must be an object"),
    ]
    assert caller.ids() == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, ("messages", "is required")),
        ({"messages": []}, ("messages", "must be a list of at least one message")),
        ({"messages": GOOD}, ("messages", "must be a list of at least one message")),
        ({"messages": None}, ("messages", "must be a list of at least one message")),
        ([GOOD], ("body", "must be an object")),
    ],
)
def test_a_batch_is_a_list_with_something_in_it(body: object, fault: tuple[str, str]) -> None:
    assert Caller().post("/messages/bulk", body).faults == [fault]


@pytest.mark.parametrize(("role", "cap"), [("free", 100), ("basic", 100), ("pro", 1000), ("enterprise", 5000)])
def test_the_plan_caps_a_batch(role: str, cap: int) -> None:
    caller = Caller()
    accepted = caller.post("/messages/bulk", {"messages": [GOOD] * cap}, role=role)
    assert (accepted.status, accepted.data["queued"]) == (202, cap)
    refused = caller.post("/messages/bulk", {"messages": [GOOD] * (cap + 1)}, role=role)
    assert refused.faults == [("messages", f"must have at most {cap} messages on this plan, has {cap + 1}")]


@pytest.mark.parametrize(("role", "cap"), [("basic", 100), ("pro", 500), ("enterprise", 5000)])
def test_the_servers_cap_holds_below_enterprise(role: str, cap: int) -> None:
    caller = Caller(Options(max_bulk=500))
    assert caller.post("/messages/bulk", {"messages": [GOOD] * (cap + 1)}, role=role).status == 400
    assert caller.post("/messages/bulk", {"messages": [GOOD] * cap}, role=role).status == 202


# --- lists ------------------------------------------------------------------------------------------------------------


def test_an_empty_list_has_no_pages() -> None:
    answer = Caller().get("/messages")
    assert answer.status == 200
    assert answer.body == {
        "success": True,
        "data": [],
        "pagination": {"page": 1, "limit": 20, "total": 0, "totalPages": 0},
    }


def test_an_item_of_a_list_is_the_message_without_its_history() -> None:
    caller = Caller()
    message = caller.message(caller.send(metadata={"a": 1}))
    del message["timeline"]
    assert caller.get("/messages").body["data"] == [message]


def test_pages_run_from_the_newest_to_the_oldest_without_gap_or_overlap() -> None:
    caller = Caller()
    sent = [caller.send() for _ in range(45)][::-1]
    assert caller.ids() == sent[:20]
    assert caller.ids(("page", "2")) == sent[20:40]
    assert caller.ids(("page", "3")) == sent[40:]
    assert caller.ids(("page", "4")) == []
    assert caller.ids(("page", "1" + "0" * 200)) == []
    assert caller.ids(("limit", "200")) == sent
    assert caller.ids(("limit", "1"), ("page", "45")) == sent[44:]
    assert caller.get("/messages", ("limit", "7")).body["pagination"] == {
        "page": 1, "limit": 7, "total": 45, "totalPages": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ([("limit", "0")], [LIMIT]),
        ([("limit", "201")], [LIMIT]),
        ([("limit", "-1")], [LIMIT]),
        ([("limit", "1.0")], [LIMIT]),
        ([("limit", "")], [LIMIT]),
        ([("limit", "1" * 400)], [LIMIT]),
        ([("limit", "\u0661")], [LIMIT]),
        ([("page", "0")], [PAGE]),
        ([("page", "-1")], [PAGE]),
        ([("page", "abc")], [PAGE]),
        ([("page", "9" * 5000)], [PAGE]),
        ([("status", "gone")], [("status", f"must be one of: {STATUSES}")]),
        ([("status", "")], [("status", f"must be one of: {STATUSES}")]),
        ([("status", "Failed")], [("status", f"must be one of: {STATUSES}")]),
        ([("limit", "5"), ("limit", "6")], [("limit", "must be given once")]),
        ([("page", "x"), ("limit", "x"), ("status", "x")], [("status", f"must be one of: {STATUSES}"), LIMIT, PAGE]),
    ],
)
def test_an_invalid_query_is_refused(query: list[tuple[str, str]], faults: list[tuple[str, str]]) -> None:
    assert Caller().get("/messages", *query).faults == faults


def test_unknown_parameters_are_ignored_and_an_unknown_batch_is_empty() -> None:
    caller = Caller()
    sent = caller.send()
    assert caller.ids(("colour", "red"), ("colour", "blue")) == [sent]
    assert caller.ids(("batchId", "nothing")) == []
    assert caller.ids(("batchId", "")) == []


def test_an_account_sees_its_own_messages_only() -> None:
    caller = Caller()
    batch = bulk(caller, GOOD)
    assert caller.ids(role="other_account") == []
    assert caller.ids(("batchId", batch), role="other_account") == []


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, float]]:
    """Who is sent to and how long after the message before, in seconds."""
    return draw(
        st.lists(
            st.tuples(st.sampled_from(sorted(RECIPIENTS.values())), st.sampled_from([0.0, 0.1, 0.7, 1.0, 4.0])),
            max_size=30,
        )
    )


@given(history=histories(), scheduled=st.booleans(), wait=st.sampled_from([0.0, 0.2, 1.0, 2.0, 3.6, 100.0]))
@settings(max_examples=60, deadline=None)
def test_lists_and_counts_agree_with_looking_at_every_message(
    history: list[tuple[str, float]], wait: float, *, scheduled: bool
) -> None:
    caller = Caller()
    sent = []
    for number, (recipient, pause) in enumerate(history):
        caller.wait(pause)
        later = (
            {"sendAt": "2030-03-17T17:46:50Z"} if scheduled and caller.now < 1_900_000_010 and number % 3 == 0 else {}
        )
        sent.append(caller.send(recipient, **later))
        if number % 7 == 0:
            caller.get("/analytics/summary")
    caller.wait(wait)
    status_of = {one: caller.message(one)["status"] for one in reversed(sent)}
    for status in STATUSES.split(", "):
        expected = [one for one, found in status_of.items() if found == status]
        assert caller.ids(("status", status), ("limit", "200")) == expected
    summary = caller.get("/analytics/summary").data
    assert summary["byStatus"] == {status: list(status_of.values()).count(status) for status in status_of.values()}
    assert summary["total"] == len(sent)


def test_status_and_batch_narrow_the_list_together() -> None:
    caller = Caller()
    caller.send()
    caller.send(CLOSED)
    batch = bulk(caller, GOOD, {"to": CLOSED, "message": "Hello"}, GOOD)
    caller.wait(60)
    both = caller.get("/messages", ("batchId", batch), ("status", "failed"))
    assert [item["to"] for item in both.body["data"]] == [CLOSED]
    assert both.body["pagination"]["total"] == 1


# --- analytics --------------------------------------------------------------------------------------------------------


def test_an_account_without_messages_has_rates_of_nought() -> None:
    answer = Caller().get("/analytics/summary")
    assert answer.data == {"total": 0, "byStatus": {}, "deliveryRate": 0, "failureRate": 0}


def test_the_rates_are_shares_of_all_messages_in_two_decimals() -> None:
    caller = Caller()
    for recipient, times in [("normal", 5), ("receipts-off", 3), ("fails-permanently", 3)]:
        for _ in range(times):
            caller.send(RECIPIENTS[recipient])
    caller.wait(60)
    caller.send()
    # (5 read + 3 delivered) / 12 = 0.666..., 3 failed / 12 = 0.25
    assert caller.get("/analytics/summary").data == {
        "total": 12,
        "byStatus": {"read": 5, "delivered": 3, "failed": 3, "queued": 1},
        "deliveryRate": 0.67,
        "failureRate": 0.25,
    }


def test_dry_runs_are_messages_like_others_but_not_counted_as_sent() -> None:
    caller = Caller()
    caller.send(dry_run=True)
    caller.send()
    bulk(caller, GOOD, {**GOOD, "dry_run": True}, BAD)
    assert caller.get("/auth/me").data["messagesSent"] == 2
    assert caller.get("/analytics/summary").data["total"] == 4
    assert len(caller.ids()) == 4


def test_two_machines_with_one_seed_answer_the_same_bytes_and_with_another_seed_others() -> None:
    def told(seed: int) -> str:
        caller = Caller(seed=seed)
        batch = bulk(caller, GOOD, BAD, GOOD)
        caller.wait(3)
        answers = [caller.get("/messages", ("batchId", batch)), caller.post("/auth/me/rotate-key")]
        return json.dumps([answer.body for answer in answers])

    assert told(1) == told(1)
    assert told(1) != told(2)
