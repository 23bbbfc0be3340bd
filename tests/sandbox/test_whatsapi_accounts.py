from __future__ import annotations

import re

import pytest

from affidavit.sandbox.model import Request
from affidavit.sandbox.whatsapi import Options, WhatsapiMachine
from affidavit.sandbox.whatsapi.webhook_url import why_not_public
from tests.sandbox.whatsapi_caller import CLOSED, START, URL, Answer, Caller

KEY = re.compile(r"sk_live_[0-9a-f]{48}")
ROLES = (
    "main", "free", "basic", "pro", "enterprise", "other_account", "deactivated", "no_credentials", "sacrificial",
)  # fmt: skip
PERSON = {"name": "Your Name", "email": "you@example.com"}


def register(caller: Caller, body: object = None) -> Answer:
    return caller.post("/auth/register", PERSON if body is None else body, role=None)


def with_key(caller: Caller, key: str, method: str = "GET", path: str = "/auth/me") -> Answer:
    return caller.step(Request(method, path, headers={"authorization": f"Bearer {key}"}))


# --- keys -------------------------------------------------------------------------------------------------------------


def test_every_role_has_a_key_that_only_the_seed_decides() -> None:
    keys = WhatsapiMachine(7, START).keys()
    assert tuple(keys) == ROLES
    assert all(KEY.fullmatch(key) for key in keys.values())
    assert len(set(keys.values())) == len(ROLES)
    assert keys == WhatsapiMachine(7, START + 1000, options=Options(sent_after=1.5)).keys()
    assert set(keys.values()).isdisjoint(WhatsapiMachine(8, START).keys().values())


@pytest.mark.parametrize(
    ("role", "plan", "configured"),
    [
        ("main", "pro", True),
        ("free", "free", True),
        ("basic", "basic", True),
        ("pro", "pro", True),
        ("enterprise", "enterprise", True),
        ("other_account", "pro", True),
        ("no_credentials", "free", False),
        ("sacrificial", "basic", True),
    ],
)
def test_every_role_is_an_account_on_its_plan(role: str, plan: str, *, configured: bool) -> None:
    account = Caller().get("/auth/me", role=role).data
    assert (account["plan"], account["byocConfigured"]) == (plan, configured)


def test_an_account_shows_its_details_and_never_its_key() -> None:
    caller = Caller()
    answer = caller.get("/auth/me")
    assert answer.body == {
        "success": True,
        "data": {
            "name": "Main",
            "email": "main@customers.example",
            "plan": "pro",
            "messagesSent": 0,
            "byocConfigured": True,
            "webhookUrl": None,
        },
    }
    assert b"sk_live_" not in answer.raw


KEYED = [
    ("GET", "/auth/me"),
    ("PUT", "/auth/me/credentials"),
    ("DELETE", "/auth/me/credentials"),
    ("POST", "/auth/me/credentials/verify"),
    ("PUT", "/auth/me/webhook"),
    ("DELETE", "/auth/me/webhook"),
    ("POST", "/auth/me/rotate-key"),
    ("POST", "/send-message"),
    ("POST", "/messages/bulk"),
    ("GET", "/messages"),
    ("GET", "/messages/9dd15ee1-3d3c-44e1-9dd2-8ec6547e7e20"),
    ("POST", "/messages/9dd15ee1-3d3c-44e1-9dd2-8ec6547e7e20/retry"),
    ("GET", "/analytics/summary"),
    ("POST", "/billing/checkout"),
    ("GET", "/billing/portal"),
]


@pytest.mark.parametrize(("method", "path"), KEYED)
def test_without_a_key_there_is_no_answer_but_401(method: str, path: str) -> None:
    answer = Caller().ask(method, path, role=None)
    assert answer.error == (401, "Missing or malformed Authorization header. It must be: Bearer sk_live_...")
    assert set(answer.headers) == {"Content-Type"}


@pytest.mark.parametrize(("method", "path"), KEYED)
def test_a_deactivated_account_is_refused_everywhere(method: str, path: str) -> None:
    answer = Caller().ask(method, path, role="deactivated")
    assert answer.error == (403, "This account has been deactivated.")
    assert answer.limits[0] == 1_000_000


MALFORMED = "Missing or malformed Authorization header. It must be: Bearer sk_live_..."


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("Bearer sk_live_" + "0" * 48, "Invalid API key."),
        ("Bearer nothing", "Invalid API key."),
        ("Bearer ", MALFORMED),
        ("Basic {key}", MALFORMED),
        ("Token {key}", MALFORMED),
        ("{key}", MALFORMED),
        ("", MALFORMED),
    ],
)
def test_a_wrong_key_and_a_malformed_header_are_told_apart(header: str, error: str) -> None:
    caller = Caller()
    headers = {"authorization": header.format(key=caller.machine.keys()["main"])}
    answer = caller.ask("GET", "/auth/me", role=None, headers=headers)
    assert answer.error == (401, error)
    assert set(answer.headers) == {"Content-Type"}


def test_a_key_does_not_expire() -> None:
    caller = Caller()
    caller.wait(10 * 365 * 86_400)
    assert caller.get("/auth/me").status == 200


def test_a_rotated_key_is_dead_at_once_and_its_successor_has_the_same_account() -> None:
    caller = Caller()
    old = caller.machine.keys()["sacrificial"]
    sent = caller.send(role="sacrificial")
    answer = caller.post("/auth/me/rotate-key", role="sacrificial")
    new = answer.data["apiKey"]
    assert (answer.status, answer.body) == (200, {"success": True, "data": {"apiKey": new}})
    assert KEY.fullmatch(new)
    assert new != old
    assert with_key(caller, old).error == (401, "Invalid API key.")
    assert with_key(caller, new, path=f"/messages/{sent}").status == 200
    assert caller.machine.keys()["sacrificial"] == new


# --- registration -----------------------------------------------------------------------------------------------------


def test_a_new_account_is_on_the_free_plan_and_has_nothing_yet() -> None:
    caller = Caller()
    answer = register(caller)
    key = answer.data["apiKey"]
    assert (answer.status, answer.body) == (201, {"success": True, "data": {"apiKey": key, "plan": "free"}})
    assert KEY.fullmatch(key)
    account = with_key(caller, key)
    assert account.data == {
        **PERSON,
        "plan": "free",
        "messagesSent": 0,
        "byocConfigured": False,
        "webhookUrl": None,
    }
    assert account.limits == (20, 19, 1_900_000_061)


def test_the_same_email_may_register_again_and_gets_another_account() -> None:
    caller = Caller()
    keys = {register(caller).data["apiKey"] for _ in range(3)}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, [("name", "is required"), ("email", "is required")]),
        ({**PERSON, "name": ""}, [("name", "must not be empty")]),
        ({**PERSON, "name": 5}, [("name", "must be a string")]),
        ({**PERSON, "name": None}, [("name", "must be a string")]),
        *(
            ({**PERSON, "email": email}, [("email", "must be an email address")])
            for email in ("", "you", "you@", "@example.com", "you@example", "a b@example.com", "a@b@example.com",
                          "you@.com", "you@example..com", "you@example.com\n", 5, None, ["you@example.com"])
        ),
        ([], [("body", "must be an object")]),
    ],
)  # fmt: skip
def test_an_invalid_registration_is_refused(body: object, faults: list[tuple[str, str]]) -> None:
    assert register(Caller(), body).faults == faults


@pytest.mark.parametrize(
    "email", ["a@b.co", "first.last+tag@sub.example.com", "!#$%&'*+/=?^_`{|}~-@xn--bcher-kva.example"]
)
def test_an_email_address_may_be_unusual(email: str) -> None:
    assert register(Caller(), {**PERSON, "email": email}).status == 201


def test_an_address_registers_five_times_a_minute_whatever_came_of_it() -> None:
    caller = Caller()
    bodies: tuple[object, ...] = (None, {}, None, [], None)
    remaining = [register(caller, body).limits for body in bodies]
    assert remaining == [(5, left, 1_900_000_061) for left in (4, 3, 2, 1, 0)]
    refused = register(caller)
    assert refused.error == (429, "Too many requests. Try again in 60 seconds.")
    assert (refused.limits, refused.headers["Retry-After"]) == ((5, 0, 1_900_000_061), "60")
    elsewhere = Request("POST", "/auth/register", client="192.0.2.2")
    assert caller.step(elsewhere).status == 400
    caller.wait(60)
    assert register(caller).status == 201


def test_registration_does_not_look_at_keys() -> None:
    caller = Caller()
    assert caller.post("/auth/register", PERSON, role="deactivated").limits[0] == 5
    assert caller.post("/auth/register", PERSON, role="main").status == 201


# --- credentials ------------------------------------------------------------------------------------------------------

GOOD = {"whatsappAccessToken": "EAAc123", "whatsappPhoneNumberId": "1234567890"}


def test_credentials_are_saved_verified_and_removed() -> None:
    caller = Caller()
    role = "no_credentials"
    saved = caller.put("/auth/me/credentials", GOOD, role=role)
    assert (saved.status, saved.data) == (200, {"byocConfigured": True})
    assert caller.get("/auth/me", role=role).data["byocConfigured"] is True
    verified = caller.post("/auth/me/credentials/verify", role=role)
    assert (verified.status, verified.data) == (200, {"verified": True})
    for _ in range(2):
        removed = caller.delete("/auth/me/credentials", role=role)
        assert (removed.status, removed.data) == (200, {"byocConfigured": False})
    assert caller.get("/auth/me", role=role).data["byocConfigured"] is False


def test_credentials_that_meta_does_not_know_are_saved_but_neither_verify_nor_send() -> None:
    caller = Caller()
    bad = {**GOOD, "whatsappAccessToken": "nonsense"}
    assert caller.put("/auth/me/credentials", bad, role="sacrificial").status == 200
    verified = caller.post("/auth/me/credentials/verify", role="sacrificial")
    assert verified.error == (409, "Meta does not accept the saved access token.")
    sent = caller.send(role="sacrificial")
    caller.wait(10)
    message = caller.message(sent, "sacrificial")
    assert message["status"] == "failed"
    assert message["errorMessage"] == "WhatsApp refused the credentials: (#190) Invalid OAuth access token."


def test_nothing_can_be_verified_where_nothing_is_saved() -> None:
    answer = Caller().post("/auth/me/credentials/verify", role="no_credentials")
    assert answer.error == (409, "No credentials are saved: PUT /auth/me/credentials first.")


@pytest.mark.parametrize("field", list(GOOD))
@pytest.mark.parametrize(
    ("value", "message"), [("", "must not be empty"), (5, "must be a string"), (None, "must be a string")]
)
def test_both_credentials_are_needed(field: str, value: object, message: str) -> None:
    caller = Caller()
    assert caller.put("/auth/me/credentials", {**GOOD, field: value}).faults == [(field, message)]
    without = {name: text for name, text in GOOD.items() if name != field}
    assert caller.put("/auth/me/credentials", without).faults == [(field, "is required")]


def test_a_message_fails_without_credentials_and_passes_on_retry_with_them() -> None:
    caller = Caller()
    role = "no_credentials"
    sent = caller.send(role=role)
    caller.wait(10)
    assert caller.message(sent, role)["status"] == "failed"
    caller.put("/auth/me/credentials", GOOD, role=role)
    assert caller.post(f"/messages/{sent}/retry", role=role).status == 202
    caller.wait(10)
    assert caller.message(sent, role)["status"] == "read"


# --- webhook address --------------------------------------------------------------------------------------------------


def test_a_webhook_is_saved_replaced_and_removed() -> None:
    caller = Caller()
    for url in (URL, URL + "/v2"):
        saved = caller.put("/auth/me/webhook", {"url": url})
        assert (saved.status, saved.data) == (200, {"webhookUrl": url})
        assert caller.get("/auth/me").data["webhookUrl"] == url
    for _ in range(2):
        removed = caller.delete("/auth/me/webhook")
        assert (removed.status, removed.data) == (200, {"webhookUrl": None})
    assert caller.get("/auth/me").data["webhookUrl"] is None


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, ("url", "is required")),
        ({"url": None}, ("url", "must be a string")),
        ({"url": "http://receiver.example/"}, ("url", "must use HTTPS")),
        ({"url": "https://127.0.0.1/"}, ("url", "must be the HTTPS URL of a public host")),
        ({"url": "nonsense here"}, ("url", "must be a public HTTPS URL")),
    ],
)
def test_a_webhook_that_is_not_public_is_refused_and_changes_nothing(body: object, fault: tuple[str, str]) -> None:
    caller = Caller()
    caller.put("/auth/me/webhook", {"url": URL})
    assert caller.put("/auth/me/webhook", body).faults == [fault]
    assert caller.get("/auth/me").data["webhookUrl"] == URL


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example",
        "https://receiver.example/a/b?c=d&e=f",
        "HTTPS://Receiver.Example:8443/",
        "https://sub.xn--bcher-kva.example./",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
    ],
)
def test_a_public_https_address_is_right(url: str) -> None:
    assert why_not_public(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "", "receiver.example", "//receiver.example", "http://receiver.example", "ftp://receiver.example", "https://",
        "https:///path", "https://localhost/", "https://a.localhost/", "https://printer.local/", "https://intranet/",
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
        "https://127.0.0.1./", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/",
        "https://169.254.169.254/", "https://100.64.0.1/", "https://0.0.0.0/", "https://224.0.0.1/", "https://[::1]/",
        "https://[fe80::1]/", "https://[fc00::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:10.0.0.1]/",
        "https://[::]/", "https://[::1", "https://receiver.example:0/", "https://receiver.example:99999/",
        "https://receiver.example:x/", "https://user:secret@receiver.example/", "https://receiver.example@127.0.0.1/",
        "https://receiver.example\\@127.0.0.1/", "https://receiver.example/ ", "https://receiver.example/\n",
        "https://receiver.example/#part", "https://-receiver.example/", "https://receiver_.example/",
        "https://rece\u0131ver.example/", "https://receiver..example/", "https://receiver.example/" + "a" * 2048,
    ],
)  # fmt: skip
def test_any_other_address_is_not(url: str) -> None:
    assert why_not_public(url) is not None


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://127.0.0.1:8080/hook", True),
        ("http://127.0.0.1:8080?a=b", True),
        ("http://127.0.0.1:80800/hook", False),
        ("http://127.0.0.1:8080@evil.example/", False),
        ("http://127.0.0.2:8080/hook", False),
        ("https://receiver.example/", True),
    ],
)
def test_a_local_receiver_needs_the_option_that_names_it(url: str, *, right: bool) -> None:
    prefix = "http://127.0.0.1:8080"
    assert (why_not_public(url, prefix) is None) is right
    answer = Caller(Options(local_webhook_prefix=prefix)).put("/auth/me/webhook", {"url": url})
    assert answer.status == (200 if right else 400)
    if not url.startswith("https"):
        assert Caller().put("/auth/me/webhook", {"url": url}).status == 400


# --- billing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", ["basic", "pro"])
def test_a_checkout_leads_to_a_page_and_changes_no_plan(plan: str) -> None:
    caller = Caller()
    answer = caller.post("/billing/checkout", {"plan": plan}, role="free")
    assert answer.status == 200
    assert set(answer.data) == {"url"}
    assert answer.data["url"].startswith("https://checkout.stripe.com/")
    assert caller.get("/auth/me", role="free").data["plan"] == "free"


@pytest.mark.parametrize("plan", ["free", "enterprise", "Pro", "", None, 5, ["pro"]])
def test_only_the_self_service_plans_can_be_bought(plan: object) -> None:
    assert Caller().post("/billing/checkout", {"plan": plan}).faults == [("plan", "must be one of: basic, pro")]
    assert Caller().post("/billing/checkout", {}).faults == [("plan", "is required")]


def test_the_portal_is_a_page_of_stripes() -> None:
    answer = Caller().get("/billing/portal")
    assert answer.status == 200
    assert answer.data["url"].startswith("https://billing.stripe.com/")


# --- the side that faces Meta -----------------------------------------------------------------------------------------


def inbound(phone_number_id: object, number: object) -> dict[str, object]:
    value = {"metadata": {"phone_number_id": phone_number_id}, "messages": [{"from": number, "type": "text"}]}
    return {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}


HANDSHAKE = {"hub.mode": "subscribe", "hub.verify_token": "sandbox-verify-token", "hub.challenge": "1158201444"}


def test_the_handshake_gives_the_challenge_back_as_text() -> None:
    answer = Caller().get("/webhooks/whatsapp", *HANDSHAKE.items(), role=None)
    assert (answer.status, answer.raw) == (200, b"1158201444")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("lacking", list(HANDSHAKE))
def test_an_incomplete_handshake_is_refused(lacking: str) -> None:
    query = [(name, value) for name, value in HANDSHAKE.items() if name != lacking]
    assert [field for field, _ in Caller().get("/webhooks/whatsapp", *query, role=None).faults] == [lacking]


def test_a_handshake_with_another_word_is_forbidden() -> None:
    query = HANDSHAKE | {"hub.verify_token": "guess"}
    answer = Caller().get("/webhooks/whatsapp", *query.items(), role=None)
    assert answer.error == (403, "The verify token is not the right one.")


def test_an_inbound_message_opens_the_window_of_the_account_it_was_for() -> None:
    caller = Caller()
    event = inbound("100000000000001", CLOSED)
    answer = caller.post("/webhooks/whatsapp", event, role=None)
    assert (answer.status, answer.body) == (200, {"success": True})
    roles = ("main", "other_account")
    sent = [(caller.send(CLOSED, role=role), role) for role in roles]
    caller.wait(60)
    assert [caller.message(one, role)["status"] for one, role in sent] == ["read", "failed"]


def test_an_inbound_message_reaches_every_account_that_sends_from_its_number_now() -> None:
    caller = Caller()
    taken_over = {**GOOD, "whatsappPhoneNumberId": "100000000000001"}
    caller.put("/auth/me/credentials", taken_over, role="sacrificial")
    caller.delete("/auth/me/credentials")
    caller.post("/webhooks/whatsapp", inbound("100000000000001", CLOSED), role=None)
    sent = caller.send(CLOSED, role="sacrificial")
    caller.put("/auth/me/credentials", GOOD)
    own = caller.send(CLOSED)
    caller.wait(60)
    assert caller.message(sent, "sacrificial")["status"] == "read"
    assert caller.message(own)["status"] == "failed"


@pytest.mark.parametrize(
    "event",
    [
        {"object": "whatsapp_business_account", "entry": [{"changes": [{"value": {"statuses": [{"id": "wamid.1"}]}}]}]},
        inbound("unknown", CLOSED), inbound("100000000000001", "+1"), inbound(5, CLOSED), inbound("1", None),
        {"entry": [{"changes": [{"value": {"metadata": [], "messages": {}}}, {"value": 1}, 2]}, 3]},
        {"entry": {}}, {"entry": [{"changes": "x"}]}, {}, [], None, 5, "x", [[]],
    ],
)  # fmt: skip
def test_whatever_else_meta_posts_is_taken_and_ignored(event: object) -> None:
    caller = Caller()
    assert caller.post("/webhooks/whatsapp", event, role=None).status == 200
    sent = caller.send(CLOSED)
    caller.wait(60)
    assert caller.message(sent)["status"] == "failed"


def test_what_is_not_json_is_refused_even_from_meta() -> None:
    headers = {"content-type": "application/json"}
    answer = Caller().ask("POST", "/webhooks/whatsapp", role=None, headers=headers, raw=b"entry=1")
    assert [field for field, _ in answer.faults] == ["body"]
