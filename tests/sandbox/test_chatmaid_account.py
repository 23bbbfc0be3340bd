"""Phones, the account's profile, its usage, and the controls."""

from __future__ import annotations

import re
from typing import Any

import pytest

from affidavit.sandbox.chatmaid import CONTROLS, RECIPIENTS
from affidavit.sandbox.model import Request, UnknownControlError
from tests.sandbox.chatmaid_caller import CONNECTING, DISCONNECTED, FOREIGN, PRIMARY, SUPPORT, Caller

DAY = 86_400


def test_the_account_has_phones_in_every_state() -> None:
    phones = Caller().get("/v1/phone-numbers").data
    assert {phone["phoneNumber"]: phone["connectionStatus"] for phone in phones} == {
        PRIMARY: "connected",
        SUPPORT: "connected",
        DISCONNECTED: "disconnected",
        CONNECTING: "connecting",
    }
    assert all(re.fullmatch("[0-9a-f]{24}", phone["id"]) for phone in phones)


def test_a_phone_has_the_documented_fields() -> None:
    phone = Caller().get("/v1/phone-numbers").data[0]
    assert phone == {
        "id": phone["id"],
        "phoneNumber": PRIMARY,
        "displayName": "Primary Sender",
        "connectionStatus": "connected",
        "lastConnectedAt": "2030-01-01T21:04:05.678Z",
        "lastDisconnectedAt": None,
        "createdAt": "2029-10-04T03:04:05.678Z",
        "updatedAt": "2030-01-01T21:04:05.678Z",
    }


def test_both_environments_see_the_same_phones_and_another_account_its_own() -> None:
    caller = Caller()
    assert caller.get("/v1/phone-numbers").body == caller.get("/v1/phone-numbers", role="live").body
    [other] = caller.get("/v1/phone-numbers", role="other_account").data
    assert other["phoneNumber"] == FOREIGN


@pytest.mark.parametrize("number", [PRIMARY, SUPPORT, DISCONNECTED, CONNECTING])
def test_a_phone_is_found_by_id_by_encoded_number_and_by_a_literal_plus(number: str) -> None:
    caller = Caller()
    phone = next(each for each in caller.get("/v1/phone-numbers").data if each["phoneNumber"] == number)
    fields = ("id", "phoneNumber", "connectionStatus", "lastConnectedAt", "lastDisconnectedAt", "updatedAt")
    for reference in (phone["id"], number, number.replace("+", "%2B"), number.replace("+", "%2b")):
        assert caller.get(f"/v1/phone-numbers/{reference}").data == phone
        assert caller.get(f"/v1/phone-numbers/{reference}/status").data == {name: phone[name] for name in fields}


@pytest.mark.parametrize(
    "reference", ["x", "12025550110", "%2B12025550119", FOREIGN, "%252B12025550110", "%00", "\u0661"]
)
def test_a_phone_the_account_does_not_have_is_not_found(reference: str) -> None:
    caller = Caller()
    for path in (f"/v1/phone-numbers/{reference}", f"/v1/phone-numbers/{reference}/status"):
        answer = caller.get(path)
        assert (answer.status, answer.wrong, answer.body["path"]) == (404, ["Phone number not found"], path)


@pytest.mark.parametrize(
    ("status", "connected", "disconnected"),
    [
        ("connected", "2030-01-02T03:05:05.678Z", "2029-12-30T03:04:05.678Z"),
        ("disconnected", "2029-12-24T03:04:05.678Z", "2030-01-02T03:05:05.678Z"),
        ("connecting", "2029-12-24T03:04:05.678Z", "2029-12-30T03:04:05.678Z"),
    ],
)
def test_a_change_of_connection_shows_at_once(status: str, connected: str, disconnected: str) -> None:
    caller = Caller()
    phone = caller.get("/v1/phone-numbers/%2B12025550112").data
    caller.wait(60)
    changed = caller.control("set-phone", phone=phone["id"], connectionStatus=status)
    assert changed == {
        **phone,
        "connectionStatus": status,
        "lastConnectedAt": connected,
        "lastDisconnectedAt": disconnected,
        "updatedAt": "2030-01-02T03:05:05.678Z",
    }
    assert caller.get("/v1/phone-numbers/%2B12025550112", role="live").data == changed


def test_the_profile_counts_what_the_environment_has() -> None:
    caller = Caller()
    profile = caller.get("/v1/account").data
    assert re.fullmatch("acc_[A-Za-z0-9]+", profile["accountId"])
    assert profile == {
        "accountId": profile["accountId"],
        "name": "Acme Inc",
        "email": "developer@acme.example",
        "subscriptionStatus": "active",
        "stats": {"apiKeys": 10, "phoneNumbers": 4, "messages": 4},
    }
    caller.send()
    assert caller.get("/v1/account").data["stats"]["messages"] == 5
    assert caller.get("/v1/account", role="live").data["stats"]["messages"] == 2
    assert caller.get("/v1/account", role="other_account").data["stats"] == {
        "apiKeys": 2,
        "phoneNumbers": 1,
        "messages": 0,
    }


@pytest.mark.parametrize(
    ("query", "period", "start", "messages"),
    [
        ([("period", "day")], "day", "2030-01-01T03:04:05.678Z", {"total": 1, "pending": 0, "sent": 1, "failed": 0}),
        ([("period", "week")], "week", "2029-12-26T03:04:05.678Z", {"total": 2, "pending": 0, "sent": 1, "failed": 1}),
        (
            [("period", "month")],
            "month",
            "2029-12-03T03:04:05.678Z",
            {"total": 3, "pending": 0, "sent": 2, "failed": 1},
        ),
        ([], "month", "2029-12-03T03:04:05.678Z", {"total": 3, "pending": 0, "sent": 2, "failed": 1}),
    ],
)
def test_usage_looks_back_a_day_a_week_or_thirty_days(
    query: list[tuple[str, str]], period: str, start: str, messages: dict[str, int]
) -> None:
    assert Caller().get("/v1/account/usage", *query).data == {
        "period": period,
        "startDate": start,
        "endDate": "2030-01-02T03:04:05.678Z",
        "messages": messages,
        "apiRequests": {"total": 0, "successful": 0, "failed": 0},
    }


def test_usage_rolls_with_the_clock() -> None:
    caller = Caller()
    caller.wait(10 * DAY)
    assert caller.get("/v1/account/usage", ("period", "day")).data["messages"]["total"] == 0
    caller.send(role="live")
    pending = caller.get("/v1/account/usage", ("period", "day"), role="live").data["messages"]
    caller.wait(1)
    sent = caller.get("/v1/account/usage", ("period", "day"), role="live").data["messages"]
    assert pending == {"total": 1, "pending": 1, "sent": 0, "failed": 0}
    assert sent == {"total": 1, "pending": 0, "sent": 1, "failed": 0}


def test_usage_counts_the_requests_of_the_accounts_keys_in_that_environment() -> None:
    caller = Caller()
    caller.send()
    caller.get("/v1/messages/msg_0")
    caller.get("/v1/account", role="second")
    caller.get("/v1/account", role="only_phone_numbers_read")
    caller.get("/v1/account", role="expired")
    caller.get("/v1/account", role="live")
    caller.get("/v1/nowhere")
    caller.control("set-rate-limit", requests_per_minute=1)
    caller.get("/v1/account", role="second")
    caller.control("set-rate-limit", requests_per_minute=100)
    assert caller.get("/v1/account/usage").data["apiRequests"] == {"total": 5, "successful": 2, "failed": 3}
    caller.wait(DAY + 1)
    assert caller.get("/v1/account/usage", ("period", "day")).data["apiRequests"]["total"] == 0


@pytest.mark.parametrize("period", ["", "year", "Month", "30"])
def test_an_unknown_period_is_refused(period: str) -> None:
    answer = Caller().get("/v1/account/usage", ("period", period))
    assert (answer.status, answer.wrong) == (400, ["period must be one of day, week, month"])


def test_reading_changes_nothing() -> None:
    caller = Caller()
    paths = ("/v1/phone-numbers", "/v1/messages", "/v1/account", "/v1/messages/inbound")
    assert [caller.get(path).body for path in paths] == [caller.get(path).body for path in paths]


def test_a_get_may_carry_a_content_type() -> None:
    caller = Caller()
    headers = {**caller.headers("main"), "content-type": "application/json"}
    assert caller.step(Request("GET", "/v1/phone-numbers", (), headers)).status == 200


def test_describe_tells_what_there_is() -> None:
    caller = Caller()
    caller.send()
    assert caller.control("describe") == {
        "accounts": 2,
        "keys": 12,
        "phones": 5,
        "messages": {"test": 5, "live": 2},
        "inbound": 5,
        "requests_per_minute": 1_000_000,
        "own_limits": {},
        "recipients": RECIPIENTS,
    }


def test_an_expired_key_is_of_no_use_from_then_on() -> None:
    caller = Caller()
    assert caller.get("/v1/account", role="second").status == 200
    assert caller.control("expire-key", role="second") == {"role": "second", "expired": True}
    assert caller.get("/v1/account", role="second").status == 401
    assert caller.get("/v1/account", role="main").status == 200


def test_one_key_may_get_a_limit_of_its_own_until_all_get_another() -> None:
    caller = Caller()
    caller.control("set-rate-limit", requests_per_minute=1, role="second")
    assert [caller.get("/v1/account", role="second").status for _ in range(2)] == [200, 429]
    assert [caller.get("/v1/account").status for _ in range(2)] == [200, 200]
    assert caller.control("describe")["own_limits"] == {"second": 1}
    caller.control("set-rate-limit", requests_per_minute=3)
    assert caller.get("/v1/account", role="second").status == 200


def test_an_outbox_can_be_filled_without_sending() -> None:
    caller = Caller()
    there = caller.control("describe")["messages"]["test"]
    assert caller.control("fill-outbox", role="main", messages=30) == {"messages": there + 30}
    assert caller.get("/v1/messages", ("limit", "100")).data["pagination"]["total"] == there + 30


def test_a_new_rate_limit_holds_for_every_key_at_once() -> None:
    caller = Caller()
    assert caller.get("/v1/account").status == 200
    assert caller.control("set-rate-limit", requests_per_minute=2) == {"requests_per_minute": 2}
    assert [caller.get("/v1/account").status for _ in range(2)] == [200, 429]
    assert caller.get("/v1/account", role="live").status == 200


@pytest.mark.parametrize(
    ("action", "arguments", "message"),
    [
        (
            "fly",
            {},
            "no action 'fly': use one of simulate-inbound, set-phone, expire-key, set-rate-limit, fill-outbox",
        ),
        ("describe", {"a": 1}, "no argument of describe 'a'"),
        ("set-phone", {"phone": PRIMARY, "status": "x"}, "'status': use one of phone, connectionStatus"),
        ("set-phone", {"phone": PRIMARY}, "set-phone needs the argument 'connectionStatus': phone, connectionStatus"),
        ("set-phone", {"phone": "x", "connectionStatus": "connected"}, f"no phone 'x': use one of \\{PRIMARY}, "),
        (
            "set-phone",
            {"phone": PRIMARY, "connectionStatus": "x"},
            "'x': use one of connected, disconnected, connecting",
        ),
        ("set-phone", {"phone": 1, "connectionStatus": "x"}, "'phone' is 1: use a string"),
        ("expire-key", {"role": "x"}, "no role 'x': use one of main, second, live, expired, "),
        ("fill-outbox", {"role": "main", "messages": 0}, "'messages' is 0: use a whole number from 1 to 10000"),
        ("set-rate-limit", {"requests_per_minute": -1}, "'requests_per_minute' is -1: use a whole number from 0 on"),
        ("set-rate-limit", {"requests_per_minute": True}, "is True: use a whole number"),
        ("set-rate-limit", {"requests_per_minute": 1.5}, "is 1.5: use a whole number"),
        ("simulate-inbound", {"from": "x", "to": PRIMARY, "content": ""}, "'from' is 'x': use an E.164 number"),
    ],
)
def test_a_control_that_is_not_known_names_those_that_are(action: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownControlError, match=message):
        Caller().control(action, **arguments)


def test_every_control_is_listed() -> None:
    assert set(CONTROLS) == {"simulate-inbound", "set-phone", "expire-key", "set-rate-limit", "fill-outbox", "describe"}
