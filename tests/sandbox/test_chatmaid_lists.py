"""Lists of messages: order, pages, filters; and a slow opponent that must see the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.sandbox.chatmaid import RECIPIENTS
from tests.sandbox.chatmaid_caller import FOREIGN, PRIMARY, SUPPORT, Caller

STATUSES = ("pending", "sent", "delivered", "read", "failed")
SEEDED = 4
"""Test messages the main account starts with."""


def ids(caller: Caller, *query: tuple[str, str], role: str = "main") -> list[str]:
    return [message["id"] for message in caller.get("/v1/messages", *query, role=role).items]


def walk(caller: Caller, limit: int, *query: tuple[str, str], role: str = "main") -> list[Any]:
    """All items of all pages, after checking that every page tells the same totals."""
    first = caller.get("/v1/messages", *query, ("limit", str(limit)), role=role).data["pagination"]
    items = []
    for page in range(1, first["totalPages"] + 1):
        data = caller.get("/v1/messages", *query, ("limit", str(limit)), ("page", str(page)), role=role).data
        assert data["pagination"] == {**first, "page": page}
        items += data["data"]
    assert len(items) == first["total"]
    assert first["totalPages"] == (first["total"] + limit - 1) // limit
    return items


def test_the_newest_message_comes_first() -> None:
    caller = Caller()
    sent = []
    for _ in range(3):
        sent.append(caller.send().data["id"])
        caller.wait(0.001)
    assert ids(caller)[:3] == sent[::-1]


def test_messages_of_one_moment_keep_the_order_they_came_in() -> None:
    caller = Caller()
    sent = [caller.send(to=to).data["id"] for to in (*RECIPIENTS.values(), *RECIPIENTS.values())]
    assert ids(caller)[:8] == sent[::-1]


def test_a_list_shows_what_get_shows() -> None:
    caller = Caller()
    message_id = caller.send().data["id"]
    caller.wait(3)
    assert caller.get("/v1/messages", ("limit", "1")).items == [caller.message(message_id)]


def test_a_list_says_page_1_and_20_by_default() -> None:
    caller = Caller()
    for _ in range(21 - SEEDED):
        caller.send()
    data = caller.get("/v1/messages").data
    assert data["pagination"] == {"page": 1, "limit": 20, "total": 21, "totalPages": 2}
    assert len(data["data"]) == 20


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_have_no_gaps_and_no_repetitions(limit: int) -> None:
    caller = Caller()
    sent = [caller.send().data["id"] for _ in range(30)]
    walked = [message["id"] for message in walk(caller, limit)]
    assert walked[:30] == sent[::-1]
    assert len(set(walked)) == 30 + SEEDED


@pytest.mark.parametrize("page", ["3", "1000000000000000000000", "9" * 4000])
def test_past_the_end_there_is_nothing(page: str) -> None:
    data = Caller().get("/v1/messages", ("page", page), ("status", "read")).data
    assert data["data"] == []
    assert data["pagination"]["total"] == 2


def test_of_nothing_there_are_no_pages() -> None:
    data = Caller().get("/v1/messages", ("status", "pending")).data
    assert data == {"data": [], "pagination": {"page": 1, "limit": 20, "total": 0, "totalPages": 0}}


@pytest.mark.parametrize("page", ["0", "-1", "1.5", "abc", "", " 1", "+1", "1e2", "\u0661", "0x1", "9" * 5000])
def test_a_page_that_is_no_positive_integer_is_refused(page: str) -> None:
    answer = Caller().get("/v1/messages", ("page", page))
    assert (answer.status, answer.wrong) == (400, ["page must be an integer >= 1"])


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "abc", "", "101", "9" * 5000, "NaN"])
def test_a_limit_outside_1_to_100_is_refused(limit: str) -> None:
    answer = Caller().get("/v1/messages", ("limit", limit))
    assert (answer.status, answer.wrong) == (400, ["limit must be an integer from 1 to 100"])


@pytest.mark.parametrize("status", ["", "SENT", "queued", "sent,read", " sent", "\ud800"])
def test_an_unknown_status_is_refused(status: str) -> None:
    answer = Caller().get("/v1/messages", ("status", status))
    assert (answer.status, answer.wrong) == (400, ["status must be one of pending, sent, delivered, read, failed"])


def test_everything_wrong_with_a_query_is_told_at_once() -> None:
    answer = Caller().get("/v1/messages", ("page", "0"), ("limit", "0"), ("status", "x"), ("status", "sent"))
    assert answer.wrong == [
        "page must be an integer >= 1",
        "limit must be an integer from 1 to 100",
        "status must be given once",
        "status must be one of pending, sent, delivered, read, failed",
    ]


def test_unknown_parameters_are_ignored() -> None:
    assert len(Caller().get("/v1/messages", ("sort", "asc"), ("sort", "x"), ("", "")).items) == SEEDED


def test_a_list_may_be_of_one_phone_by_id_or_number() -> None:
    caller = Caller()
    phone_id = caller.get("/v1/phone-numbers/%2B12025550111").data["id"]
    sent = caller.send(fromPhoneId=SUPPORT).data["id"]
    caller.send(fromPhoneId=PRIMARY)
    by_id = caller.get("/v1/messages", ("phoneNumberId", phone_id)).data
    assert by_id == caller.get("/v1/messages", ("phoneNumberId", SUPPORT)).data
    assert (by_id["data"][0]["id"], by_id["pagination"]["total"]) == (sent, 2)
    assert {message["from"] for message in by_id["data"]} == {SUPPORT}


@pytest.mark.parametrize("reference", ["", "x", "+12025550119", FOREIGN])
def test_of_a_phone_the_account_does_not_have_there_is_nothing(reference: str) -> None:
    assert Caller().get("/v1/messages", ("phoneNumberId", reference)).data["pagination"]["total"] == 0


def test_environments_and_accounts_do_not_see_each_other() -> None:
    caller = Caller()
    for role, phone in {"main": PRIMARY, "live": PRIMARY, "other_account": FOREIGN, "other_live": FOREIGN}.items():
        caller.send(role, fromPhoneId=phone, content=role)
    seen = {
        role: {message["content"] for message in caller.get("/v1/messages", role=role).items}
        & {"main", "live", "other_account", "other_live"}
        for role in ("main", "second", "live", "other_account", "other_live")
    }
    assert seen == {
        "main": {"main"},
        "second": {"main"},
        "live": {"live"},
        "other_account": {"other_account"},
        "other_live": {"other_live"},
    }


SENDS = st.tuples(st.sampled_from([PRIMARY, SUPPORT]), st.sampled_from([*RECIPIENTS.values(), "+12025550188"]))
WAITS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SENDS, WAITS), max_size=25), st.sampled_from(["main", "live"]), st.sampled_from([1, 3, 100]))
def test_every_filter_finds_what_a_look_at_each_message_finds(
    events: list[tuple[tuple[str, str], float]], role: str, limit: int
) -> None:
    caller = Caller()
    for (phone, to), wait in events:
        caller.send(role, fromPhoneId=phone, to=to)
        caller.wait(wait)
    everything = [caller.message(message["id"], role) for message in walk(caller, 100, role=role)]
    assert everything == sorted(everything, key=lambda message: message["createdAt"], reverse=True)
    for status in STATUSES:
        expected = [message for message in everything if message["status"] == status]
        assert walk(caller, limit, ("status", status), role=role) == expected
        expected = [message for message in expected if message["from"] == SUPPORT]
        assert walk(caller, limit, ("status", status), ("phoneNumberId", SUPPORT), role=role) == expected
    expected = [message for message in everything if message["from"] == PRIMARY]
    assert walk(caller, limit, ("phoneNumberId", PRIMARY), role=role) == expected
    counts = {status: sum(message["status"] == status for message in everything) for status in STATUSES}
    usage = caller.get("/v1/account/usage", role=role).data["messages"]
    older = sum(message["createdAt"] < "2029-12-03T03:04:05.678Z" for message in everything)
    assert usage["total"] == len(everything) - older
    assert (usage["pending"], usage["failed"]) == (counts["pending"], counts["failed"])
    assert usage["sent"] == counts["sent"] + counts["delivered"] + counts["read"] - older
