"""Who is let in: routes, keys, scopes, the rate limit, and which refusal comes first."""

from __future__ import annotations

import re

import pytest

from affidavit.sandbox.chatmaid import ChatmaidMachine, Options
from affidavit.sandbox.model import Request
from tests.sandbox.chatmaid_caller import START, Answer, Caller

OPERATIONS = {
    "send": ("POST", "/v1/messages/send"),
    "list": ("GET", "/v1/messages"),
    "get": ("GET", "/v1/messages/msg_0"),
    "inbound list": ("GET", "/v1/messages/inbound"),
    "inbound get": ("GET", "/v1/messages/inbound/inmsg_0"),
    "phones": ("GET", "/v1/phone-numbers"),
    "phone": ("GET", "/v1/phone-numbers/%2B12025550110"),
    "phone status": ("GET", "/v1/phone-numbers/%2B12025550110/status"),
    "account": ("GET", "/v1/account"),
    "usage": ("GET", "/v1/account/usage"),
}
PHONES = {"phones", "phone", "phone status"}
READS = {"list", "get", "inbound list", "inbound get"}
ACCOUNT = {"account", "usage"}
ALLOWED = {
    "main": set(OPERATIONS),
    "second": set(OPERATIONS),
    "live": set(OPERATIONS),
    "other_account": set(OPERATIONS),
    "other_live": set(OPERATIONS),
    "only_messages_send": {"send"} | PHONES | ACCOUNT,
    "only_messages_write": {"send"} | PHONES | ACCOUNT,
    "only_messages_read": READS | PHONES | ACCOUNT,
    "only_phone_numbers_read": PHONES,
    "only_phone_numbers_read_legacy": PHONES,
    "only_account_read": ACCOUNT,
    "expired": set(),
}
"""Role -> operations it may use."""


def ask(caller: Caller, operation: str, **headers: str) -> Answer:
    method, path = OPERATIONS[operation]
    return caller.step(Request(method, path, (), headers))


def test_the_roles_are_the_documented_kinds_of_keys() -> None:
    keys = ChatmaidMachine(1, START).keys()
    assert set(keys) == set(ALLOWED)
    live = {role for role, key in keys.items() if re.fullmatch("sk_live_[0-9a-f]{32}", key)}
    test = {role for role, key in keys.items() if re.fullmatch("sk_test_[0-9a-f]{32}", key)}
    assert (live, test) == ({"live", "other_live"}, set(ALLOWED) - {"live", "other_live"})


def test_keys_and_ids_follow_from_the_seed() -> None:
    one, same, another = Caller(seed=1), Caller(seed=1), Caller(seed=2)
    assert one.machine.keys() == same.machine.keys()
    assert one.send().data == same.send().data
    assert one.get("/v1/phone-numbers").data == same.get("/v1/phone-numbers").data
    assert not set(one.machine.keys().values()) & set(another.machine.keys().values())
    assert one.send().data["id"] != another.send().data["id"]
    assert one.get("/v1/account").data["accountId"] != another.get("/v1/account").data["accountId"]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("role", ALLOWED)
def test_a_key_is_allowed_exactly_what_its_scopes_say(role: str, operation: str) -> None:
    caller = Caller()
    status = ask(caller, operation, **caller.headers(role)).status
    if role == "expired":
        assert status == 401
    elif operation in ALLOWED[role]:
        assert status in {200, 400, 404}
    else:
        assert status == 403


def test_a_missing_scope_is_told_in_the_documented_envelope() -> None:
    answer = Caller().get("/v1/messages", role="only_messages_send")
    assert answer.body == {
        "success": False,
        "error": "Forbidden",
        "message": ["API key does not include required scope"],
        "statusCode": 403,
        "timestamp": "2030-01-02T03:04:05.678Z",
        "path": "/v1/messages",
    }


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_operation_works_without_a_key(operation: str) -> None:
    answer = ask(Caller(), operation)
    assert answer.headers == {"Content-Type": "application/json; charset=utf-8"}
    assert answer.body == {
        "success": False,
        "error": "Unauthorized",
        "message": ["Missing API key: use the header Authorization: Bearer <key>"],
        "statusCode": 401,
        "timestamp": "2030-01-02T03:04:05.678Z",
        "path": OPERATIONS[operation][1],
    }


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("Basic {key}", "Missing API key: use the header Authorization: Bearer <key>"),
        ("Token {key}", "Missing API key: use the header Authorization: Bearer <key>"),
        ("{key}", "Missing API key: use the header Authorization: Bearer <key>"),
        ("Bearer", "Missing API key: use the header Authorization: Bearer <key>"),
        ("Bearer sk_test_00000000000000000000000000000000", "Invalid API key"),
        ("Bearer {key}0", "Invalid API key"),
        ("Bearer {key} {key}", "Invalid API key"),
        ("Bearer \ud800é", "Invalid API key"),
    ],
)
def test_another_credential_is_refused(authorization: str, message: str) -> None:
    caller = Caller()
    key = caller.machine.keys()["main"]
    answer = ask(caller, "account", authorization=authorization.format(key=key))
    assert (answer.status, answer.wrong) == (401, [message])


def test_an_expired_key_is_refused() -> None:
    assert Caller().get("/v1/account", role="expired").wrong == ["API key has expired"]


def test_a_key_elsewhere_than_in_the_header_is_not_seen() -> None:
    caller = Caller()
    key = caller.machine.keys()["main"]
    assert caller.step(Request("GET", "/v1/account", (("api_key", key),))).status == 401
    assert caller.step(Request("GET", "/v1/account", (), {"x-api-key": key})).status == 401


def test_the_case_of_the_scheme_does_not_matter() -> None:
    caller = Caller()
    assert ask(caller, "account", authorization=f"bearer {caller.machine.keys()['main']}").status == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v2/messages", "/v1/message", "/v1/messages/", "/v1//messages", "/v1/phone-numbers/x/y", "", "*"],
)
def test_an_unknown_path_is_not_found_whoever_asks(path: str) -> None:
    answer = Caller().step(Request("GET", path))
    assert answer.status == 404
    assert (answer.body["error"], answer.wrong, answer.body["path"]) == ("Not Found", [f"Cannot GET {path}"], path)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "get", ""])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_another_method_is_not_allowed_and_the_right_one_is_named(operation: str, method: str) -> None:
    right, path = OPERATIONS[operation]
    answer = Caller().step(Request(method, path))
    assert (answer.status, answer.headers["Allow"]) == (405, right)
    assert (answer.body["error"], answer.body["statusCode"]) == ("Method Not Allowed", 405)


def test_send_is_never_the_id_of_a_message() -> None:
    answer = Caller().get("/v1/messages/send")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_a_path_may_be_percent_encoded_anywhere() -> None:
    assert Caller().get("/%76%31/account").status == 200


def test_one_request_more_than_the_limit_is_refused_until_the_window_ends() -> None:
    caller = Caller(Options())
    assert {caller.get("/v1/account").status for _ in range(99)} == {200}
    caller.wait(17.5)
    assert caller.send().status == 201
    answer = caller.send()
    assert answer.headers == {"Content-Type": "application/json; charset=utf-8"}
    assert answer.body == {
        "success": False,
        "error": "Rate limit exceeded",
        "message": ["Rate limit exceeded"],
        "statusCode": 429,
        "timestamp": "2030-01-02T03:04:23.178Z",
        "path": "/v1/messages/send",
        "retryAfter": 43,
    }
    caller.wait(42)
    assert caller.get("/v1/account").body["retryAfter"] == 1
    caller.wait(1)
    assert caller.get("/v1/account").status == 200


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_counts_against_the_limit(operation: str) -> None:
    caller = Caller(Options(requests_per_minute=1))
    assert ask(caller, operation, **caller.headers("main")).status != 429
    assert caller.get("/v1/account").status == 429


def test_another_key_of_the_account_has_a_limit_of_its_own() -> None:
    caller = Caller(Options(requests_per_minute=1))
    assert [caller.get("/v1/account", role=role).status for role in ("main", "main", "second")] == [200, 429, 200]


def test_what_no_key_asked_for_counts_against_no_limit() -> None:
    caller = Caller(Options(requests_per_minute=1))
    assert [ask(caller, "account").status, caller.get("/v1/x").status] == [401, 404]
    assert caller.get("/v1/account", role="main").status == 200


def test_the_first_thing_wrong_decides_the_status() -> None:
    caller = Caller(Options(requests_per_minute=4))
    assert caller.send(role="only_messages_read", to="x", fromPhoneId="x").status == 403
    assert caller.send(to="x", fromPhoneId="x").status == 400
    assert caller.send(fromPhoneId="x").status == 404
    caller.control("set-rate-limit", requests_per_minute=1)
    assert caller.send(role="only_messages_read", to="x").status == 429
    caller.control("expire-key", role="only_messages_read")
    assert caller.send(role="only_messages_read", to="x").status == 401
