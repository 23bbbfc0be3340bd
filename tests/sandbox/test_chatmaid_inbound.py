"""Messages received, which only the live environment has."""

from __future__ import annotations

import re

import pytest

from affidavit.sandbox.model import UnknownControlError
from tests.sandbox.chatmaid_caller import DISCONNECTED, FOREIGN, PRIMARY, SUPPORT, Caller

CUSTOMER = "+12025550151"


def test_a_simulated_message_appears_at_once_for_the_live_key() -> None:
    caller = Caller()
    simulated = caller.control("simulate-inbound", **{"from": CUSTOMER, "to": PRIMARY, "content": "Hi 👍"})
    assert re.fullmatch("inmsg_[A-Za-z0-9]+", simulated["id"])
    assert simulated == {
        "id": simulated["id"],
        "from": CUSTOMER,
        "to": PRIMARY,
        "content": "Hi 👍",
        "type": "text",
        "isGroup": False,
        "groupId": None,
        "receivedAt": "2030-01-02T03:04:05.678Z",
        "createdAt": "2030-01-02T03:04:05.678Z",
    }
    assert caller.get("/v1/messages/inbound", role="live").items[0] == simulated
    assert caller.get(f"/v1/messages/inbound/{simulated['id']}", role="live").data == simulated


def test_test_keys_and_other_accounts_never_see_it() -> None:
    caller = Caller()
    message = caller.control("simulate-inbound", **{"from": CUSTOMER, "to": PRIMARY, "content": "Hi"})
    for role in ("main", "other_account"):
        data = caller.get("/v1/messages/inbound", role=role).data
        assert data == {"data": [], "pagination": {"page": 1, "limit": 20, "total": 0, "totalPages": 0}}
    for role in ("main", "other_account", "other_live"):
        answer = caller.get(f"/v1/messages/inbound/{message['id']}", role=role)
        assert (answer.status, answer.wrong) == (404, ["Inbound message not found"])
    assert message not in caller.get("/v1/messages/inbound", role="other_live").items


def test_a_group_message_names_its_group() -> None:
    caller = Caller()
    arguments = {"from": CUSTOMER, "to": SUPPORT, "content": "Hi", "groupId": "120363025550199002@g.us"}
    message = caller.control("simulate-inbound", **arguments)
    assert (message["isGroup"], message["groupId"]) == (True, "120363025550199002@g.us")


def test_the_seeded_messages_are_on_two_phones_and_one_is_of_a_group() -> None:
    items = Caller().get("/v1/messages/inbound", role="live").items
    assert [(item["to"], item["isGroup"]) for item in items] == [
        (PRIMARY, False),
        (SUPPORT, True),
        (SUPPORT, False),
        (PRIMARY, False),
    ]
    assert items == sorted(items, key=lambda item: item["createdAt"], reverse=True)


def test_a_list_may_be_of_one_phone_by_id_or_number() -> None:
    caller = Caller()
    phone_id = caller.get("/v1/phone-numbers/%2B12025550111").data["id"]
    by_id = caller.get("/v1/messages/inbound", ("phoneNumberId", phone_id), role="live").data
    assert by_id == caller.get("/v1/messages/inbound", ("phoneNumberId", SUPPORT), role="live").data
    assert by_id["pagination"]["total"] == 2
    assert {item["to"] for item in by_id["data"]} == {SUPPORT}


@pytest.mark.parametrize(("reference", "total"), [(DISCONNECTED, 0), (FOREIGN, 0), ("x", 0)])
def test_a_phone_that_received_nothing_has_an_empty_list(reference: str, total: int) -> None:
    data = Caller().get("/v1/messages/inbound", ("phoneNumberId", reference), role="live").data
    assert data["pagination"]["total"] == total


def test_pages_have_no_gaps_and_no_repetitions() -> None:
    caller = Caller()
    pages = [caller.get("/v1/messages/inbound", ("limit", "3"), ("page", page), role="live").data for page in "123"]
    assert [page["pagination"] for page in pages] == [
        {"page": page, "limit": 3, "total": 4, "totalPages": 2} for page in (1, 2, 3)
    ]
    assert [len(page["data"]) for page in pages] == [3, 1, 0]
    assert len({item["id"] for page in pages for item in page["data"]}) == 4


@pytest.mark.parametrize(("name", "value"), [("page", "0"), ("page", "x"), ("limit", "0"), ("limit", "101")])
@pytest.mark.parametrize("role", ["live", "main"])
def test_a_wrong_page_is_refused_in_both_environments(name: str, value: str, role: str) -> None:
    assert Caller().get("/v1/messages/inbound", (name, value), role=role).status == 400


def test_messages_sent_and_received_have_separate_ids() -> None:
    caller = Caller()
    sent = caller.send(role="live").data["id"]
    received = caller.get("/v1/messages/inbound", role="live").items[0]["id"]
    assert caller.get(f"/v1/messages/inbound/{sent}", role="live").status == 404
    assert caller.get(f"/v1/messages/{received}", role="live").status == 404


def test_nobody_reaches_a_phone_that_is_not_connected() -> None:
    caller = Caller()
    with pytest.raises(UnknownControlError, match="is disconnected: connect it with set-phone first"):
        caller.control("simulate-inbound", **{"from": CUSTOMER, "to": DISCONNECTED, "content": "Hi"})
    caller.control("set-phone", phone=DISCONNECTED, connectionStatus="connected")
    caller.control("simulate-inbound", **{"from": CUSTOMER, "to": DISCONNECTED, "content": "Hi"})
    assert caller.get("/v1/messages/inbound", role="live").items[0]["to"] == DISCONNECTED
