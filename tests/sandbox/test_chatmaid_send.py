"""What is accepted for sending, what is refused, and what the answer says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.sandbox.chatmaid_caller import CONNECTING, DISCONNECTED, FOREIGN, PRIMARY, SUPPORT, Caller

PICTURE = "https://media.example.com/a.png"


def test_a_message_of_a_test_key_is_sent_at_once() -> None:
    answer = Caller().send()
    assert answer.status == 201
    assert answer.headers == {"Content-Type": "application/json; charset=utf-8"}
    assert re.fullmatch("msg_[A-Za-z0-9]+", answer.data["id"])
    assert answer.body == {
        "success": True,
        "data": {
            "id": answer.data["id"],
            "from": PRIMARY,
            "to": "+12025550101",
            "content": "Hello",
            "mediaUrls": [],
            "status": "sent",
            "errorCode": None,
            "errorMessage": None,
            "createdAt": "2030-01-02T03:04:05.678Z",
            "sentAt": "2030-01-02T03:04:05.678Z",
            "deliveredAt": None,
            "readAt": None,
            "failedAt": None,
        },
    }


def test_a_message_of_a_live_key_is_pending_at_first() -> None:
    data = Caller().send(role="live").data
    assert (data["status"], data["createdAt"], data["sentAt"]) == ("pending", "2030-01-02T03:04:05.678Z", None)


def test_a_phone_may_be_named_by_id_or_number() -> None:
    caller = Caller()
    phones = caller.get("/v1/phone-numbers").data
    by_id = {phone["phoneNumber"]: caller.send(fromPhoneId=phone["id"]).data["from"] for phone in phones}
    by_number = {number: caller.send(fromPhoneId=number).data["from"] for number in by_id}
    assert by_id == by_number == {number: number for number in (PRIMARY, SUPPORT, DISCONNECTED, CONNECTING)}


@pytest.mark.parametrize("reference", [FOREIGN, "+12025550119", "507f1f77bcf86cd799439011", PRIMARY[1:], "x" * 9999])
def test_a_phone_that_is_not_the_accounts_is_not_found(reference: str) -> None:
    answer = Caller().send(fromPhoneId=reference)
    assert (answer.status, answer.wrong) == (404, ["fromPhoneId not found in this account"])


def test_the_id_of_another_accounts_phone_is_not_found() -> None:
    caller = Caller()
    [foreign] = caller.get("/v1/phone-numbers", role="other_account").data
    assert caller.send(fromPhoneId=foreign["id"]).status == 404
    assert caller.send(fromPhoneId=foreign["id"], role="other_account").status == 201


@pytest.mark.parametrize(("phone", "state"), [(DISCONNECTED, "disconnected"), (CONNECTING, "connecting")])
def test_only_a_live_key_needs_a_connected_phone(phone: str, state: str) -> None:
    caller = Caller()
    answer = caller.send(role="live", fromPhoneId=phone)
    assert (answer.status, answer.body["error"]) == (400, "Bad Request")
    assert answer.wrong == [f"Phone {phone} is not connected: it is {state}"]
    assert caller.send(role="main", fromPhoneId=phone).data["status"] == "sent"


@pytest.mark.parametrize("name", ["fromPhoneId", "to"])
def test_a_required_field_may_not_be_left_out(name: str) -> None:
    answer = Caller().send(without=name)
    assert (answer.status, answer.wrong) == (400, [f"{name} is required"])


@pytest.mark.parametrize("name", ["fromPhoneId", "to", "content", "mediaUrls", "idempotencyKey"])
@pytest.mark.parametrize("value", [1, 1.5, True, None, {}, {"a": 1}, 10**400])
def test_a_field_of_another_type_is_refused(name: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
    answer = Caller().send(**{name: value})
    assert answer.status == 400
    [message] = answer.wrong
    assert message.startswith(f"{name} must be ")


@pytest.mark.parametrize("name", ["fromPhoneId", "to", "content", "idempotencyKey"])
def test_an_array_is_not_a_string(name: str) -> None:
    order: dict[str, Any] = {name: ["a"]}
    assert Caller().send(**order).status == 400


@pytest.mark.parametrize(("name", "status"), [("fromPhoneId", 404), ("to", 400), ("content", 201)])
def test_a_nul_is_a_character_like_any_other(name: str, status: int) -> None:
    assert Caller().send(**{name: "+1202\0"}).status == status


@pytest.mark.parametrize(
    "to",
    [
        "", "+", "12025550101", "0012025550101", "+02025550101", "+1 202 555 0101", "+1-202-555-0101", "+1(202)5550101",
        "+1202555CALL", "+1234567890123456", "+12025550101\n", " +12025550101", "+120255501\uff10\uff11",
        "+\u0661\u0662\u0663\u0664\u0665\u0666\u0667", "++12025550101",
    ],
)  # fmt: skip
def test_a_recipient_that_is_not_e164_is_refused(to: str) -> None:
    answer = Caller().send(to=to)
    assert (answer.status, answer.wrong) == (400, ["to must be a phone number in E.164 format"])


@pytest.mark.parametrize("to", ["+12025550199", "+442079460000", "+123456789012345"])
def test_a_recipient_in_e164_comes_back_as_it_was(to: str) -> None:
    assert Caller().send(to=to).data["to"] == to


@pytest.mark.parametrize("text", ["a", "é", "👍", "e\u0301", "\r\n", "مرحبا"[0]])
def test_content_may_have_4096_code_points_and_not_one_more(text: str) -> None:
    caller = Caller()
    longest = (text * 4096)[:4096]
    assert caller.send(content=longest).data["content"] == longest
    answer = caller.send(content=longest + "a")
    assert (answer.status, answer.wrong) == (400, ["content must not be longer than 4096 characters"])


@pytest.mark.parametrize(
    "content", ["👩‍👩‍👧‍👦", "שלום עולם", "a\nb\tc", " ", '"\\/', "\u2028\ufeff\U0010ffff", "<b>&amp;"]
)
def test_content_comes_back_as_it_was(content: str) -> None:
    caller = Caller()
    sent = caller.send(content=content).data
    assert sent["content"] == content
    assert caller.message(sent["id"])["content"] == content


@pytest.mark.parametrize("fields", [{}, {"content": ""}, {"mediaUrls": []}, {"content": "", "mediaUrls": []}])
def test_a_message_needs_content_or_media(fields: dict[str, Any]) -> None:
    body = {"fromPhoneId": PRIMARY, "to": "+12025550101", **fields}
    answer = Caller().post(json.dumps(body).encode())
    assert (answer.status, answer.wrong) == (400, ["content or mediaUrls must be given"])


def test_media_alone_are_enough_and_come_back_in_order() -> None:
    urls = [PICTURE, "https://203.0.114.9/b.pdf", "HTTPS://Example.org:8443/c?d=e#f"]
    caller = Caller()
    assert caller.send(without="content", mediaUrls=urls).data["mediaUrls"] == urls
    data = caller.send(content="", mediaUrls=urls).data
    assert (data["content"], data["mediaUrls"]) == ("", urls)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png", "ftp://example.com/a", "file:///etc/passwd", "data:text/plain,a", "javascript:1",
        "//example.com/a", "example.com/a", "https:", "https://", "https:///a", "https:example.com", "not a url", "",
        "https://exa mple.com", "https://example.com/\n", "\thttps://example.com", "https://example.com\\@localhost",
        "https://example.com:99999/", "https://example.com:0/", "https://example.com:x/", "https://-/",
        "https://a..b/", "https://[::1", "https://[::1]/", "https://[v1.a]/", "https://%6cocalhost/",
        "https://localhost/a", "https://LOCALHOST:8443", "https://localhost./a", "https://a.localhost/",
        "https://printer.local/", "https://db.internal/", "https://127.0.0.1/", "https://127.1/", "https://127.0.0.1./",
        "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://0/",
        "https://user@127.0.0.1/", "https://example.com@10.0.0.1/", "https://10.1.2.3/", "https://172.16.0.1/",
        "https://192.168.0.1/", "https://169.254.169.254/latest", "https://100.64.0.1/", "https://0.0.0.0/",
        "https://224.0.0.1/", "https://255.255.255.255/", "https://256.1.1.1/", "https://1.2.3.4.5/",
        "https://1.2.3.08/", "https://[fe80::1]/", "https://[fd00::1]/", "https://[::]/", "https://[ff02::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[2002:7f00:1::]/", "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/", "https://local\u00adhost/", "https://\U0001d40bocalhost/", "https://-a.example/",
        "https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/",
    ],
)  # fmt: skip
def test_media_that_are_not_public_https_are_refused(url: str) -> None:
    answer = Caller().send(mediaUrls=[PICTURE, url])
    assert (answer.status, answer.wrong) == (400, ["mediaUrls must contain public HTTPS URLs only"])


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com", "https://example.com./a", "https://user:pw@example.com/", "https://[2606:4700::1111]/",
        "https://1.1.1.1/", "https://0x01010101/", "https://bücher.example/", "https://हिन्दी.example/",
        "https://my_bucket.example.com/",
        "https://localhost.example.com/", "https://example.com/?next=http://127.0.0.1/",
    ],
)  # fmt: skip
def test_media_that_are_public_https_are_accepted(url: str) -> None:
    assert Caller().send(mediaUrls=[url]).data["mediaUrls"] == [url]


@pytest.mark.parametrize("urls", [PICTURE, [1], [None], [[PICTURE]], [PICTURE, {}], {"0": PICTURE}])
def test_media_are_an_array_of_strings(urls: Any) -> None:  # noqa: ANN401 - any JSON value
    assert Caller().send(mediaUrls=urls).status == 400


def test_everything_wrong_is_told_at_once() -> None:
    answer = Caller().post(b'{"to":"x","content":1,"mediaUrls":["http://a.example"]}')
    assert answer.wrong == [
        "fromPhoneId is required",
        "to must be a phone number in E.164 format",
        "content must be a string",
        "mediaUrls must contain public HTTPS URLs only",
    ]


def test_unknown_fields_are_ignored() -> None:
    assert Caller().send(priority="high", status="read").data["status"] == "sent"


def test_without_an_idempotency_key_every_send_is_another_message() -> None:
    caller = Caller()
    before = caller.get("/v1/messages").data["pagination"]["total"]
    assert len({caller.send().data["id"] for _ in range(1000)}) == 1000
    assert caller.get("/v1/messages").data["pagination"]["total"] == before + 1000


@pytest.mark.parametrize("key", ["a" * 64, "👍" * 64, "order 7784/1", "é"])
def test_an_idempotency_key_used_again_returns_the_original_as_it_is_now(key: str) -> None:
    caller = Caller()
    original = caller.send(idempotencyKey=key).data
    caller.wait(3)
    again = caller.send(idempotencyKey=key, content="Other", to="+12025550103", fromPhoneId=SUPPORT)
    assert again.status == 201
    assert again.data == {**original, "status": "delivered", "deliveredAt": "2030-01-02T03:04:07.678Z"}
    assert "Other" not in [message["content"] for message in caller.get("/v1/messages").items]


def test_an_idempotency_key_is_remembered_for_ever() -> None:
    caller = Caller()
    original = caller.send(idempotencyKey="a").data["id"]
    caller.wait(10 * 365 * 86_400)
    assert caller.send(idempotencyKey="a").data["id"] == original


def test_an_idempotency_key_returns_the_original_even_when_the_phone_has_gone() -> None:
    caller = Caller()
    original = caller.send(role="live", idempotencyKey="a").data["id"]
    caller.control("set-phone", phone=PRIMARY, connectionStatus="disconnected")
    assert caller.send(role="live").status == 400
    assert caller.send(role="live", idempotencyKey="a").data["id"] == original


def test_an_idempotency_key_belongs_to_one_account_and_environment() -> None:
    caller = Caller()
    ids = [
        caller.send(role="main", idempotencyKey="a").data["id"],
        caller.send(role="live", idempotencyKey="a").data["id"],
        caller.send(role="other_account", fromPhoneId=FOREIGN, idempotencyKey="a").data["id"],
        caller.send(role="other_live", fromPhoneId=FOREIGN, idempotencyKey="a").data["id"],
    ]
    assert len(set(ids)) == 4
    assert caller.send(role="second", idempotencyKey="a").data["id"] == ids[0]


def test_an_idempotency_key_of_65_characters_is_refused() -> None:
    answer = Caller().send(idempotencyKey="a" * 65)
    assert (answer.status, answer.wrong) == (400, ["idempotencyKey must not be longer than 64 characters"])


def test_a_refused_send_does_not_use_up_its_idempotency_key() -> None:
    caller = Caller()
    assert caller.send(idempotencyKey="a", to="x").status == 400
    assert caller.send(idempotencyKey="a", fromPhoneId="x").status == 404
    assert caller.send(idempotencyKey="a", content="Now right").data["content"] == "Now right"


def test_an_empty_idempotency_key_counts_as_none() -> None:
    caller = Caller()
    assert caller.send(idempotencyKey="").data["id"] != caller.send(idempotencyKey="").data["id"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"text"', b"1", b"NaN", b"\xff\xfe{}", b"{" * 100_000, b"[" * 100_000,
        rb'{"content":"\ud800"}', b'{"a":1e999}', b'{"a":' + b"9" * 5000 + b"}", b"{'a':1}", b"a=b&c=d",
    ],
)  # fmt: skip
def test_a_body_that_is_not_a_json_object_is_refused(body: bytes) -> None:
    answer = Caller().post(body)
    assert (answer.status, answer.body["error"], len(answer.wrong)) == (400, "Bad Request", 1)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_media_type_is_refused(content_type: str) -> None:
    order = json.dumps({"fromPhoneId": PRIMARY, "to": "+12025550101", "content": "Hello"}).encode()
    caller = Caller()
    answer = caller.post(order, content_type=content_type)
    assert (answer.status, answer.wrong) == (400, ["Content-Type must be application/json"])
    assert caller.post(order, content_type="application/json; charset=utf-8").status == 201


def test_of_two_fields_with_one_name_the_last_counts() -> None:
    body = json.dumps({"fromPhoneId": PRIMARY, "to": "+12025550101", "content": "first"})[:-1] + ',"content":"last"}'
    assert Caller().post(body.encode()).data["content"] == "last"
