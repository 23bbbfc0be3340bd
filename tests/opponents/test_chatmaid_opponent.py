"""The imitation keeps what Chatmaid's documents promise."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.opponents.chatmaid import ChatmaidOpponent

FRONT_DESK = "+442079460012"
OLD_HANDSET = "+442079460011"
RECIPIENT = "+12025550100"


@dataclass
class Conversation:
    """The opponent, a clock that stands still until it is moved, and a connection that is kept."""

    time: float = 1_900_000_000.25
    opponent: ChatmaidOpponent = field(init=False)
    client: httpx.Client = field(init=False)

    def ask(self, method: str, path: str, role: str = "main", **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
        """Ask with the key of a role, or with none."""
        headers = {"Authorization": f"Bearer {self.opponent.keys[role]}"} if role else {}
        return self.client.request(method, self.opponent.url + path, headers=headers, **options)

    def get(self, path: str, role: str = "main") -> Any:  # noqa: ANN401 - JSON
        """Give the data of an answer that has to be good."""
        answer = self.ask("GET", path, role)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is True
        return answer.json()["data"]

    def send(self, role: str = "main", **changes: Any) -> httpx.Response:  # noqa: ANN401 - JSON
        """Send a good message, changed."""
        body = {"fromPhoneId": FRONT_DESK, "to": RECIPIENT, "content": "Hello"} | changes
        return self.ask("POST", "/v1/messages/send", role, json={k: v for k, v in body.items() if v is not None})


@pytest.fixture
def talk() -> Iterator[Conversation]:
    conversation = Conversation()
    with ChatmaidOpponent(lambda: conversation.time) as conversation.opponent, httpx.Client() as conversation.client:
        yield conversation


def refused(answer: httpx.Response, status: int) -> None:
    error = answer.json()
    assert answer.status_code == error["statusCode"] == status, answer.text
    assert error["success"] is False
    assert error["path"] == answer.request.url.raw_path.decode().partition("?")[0]
    assert error["timestamp"].endswith("Z")
    assert isinstance(error["error"], str)
    assert error["message"]
    assert all(isinstance(reason, str) for reason in error["message"])


def test_a_test_message_is_sent_at_once_then_delivered_then_read(talk: Conversation) -> None:
    answer = talk.send()
    message = answer.json()["data"]
    assert (answer.status_code, message["status"]) == (201, "sent")
    assert message["sentAt"] == message["createdAt"] == "2030-03-17T17:46:40.250Z"
    seen = []
    for _ in range(3):
        seen.append(talk.get(f"/v1/messages/{message['id']}"))
        talk.time += 10
    assert [now["status"] for now in seen] == ["sent", "delivered", "read"]
    assert [now["deliveredAt"] is None for now in seen] == [True, False, False]
    assert [now["readAt"] is None for now in seen] == [True, True, False]
    assert message["createdAt"] <= seen[2]["sentAt"] <= seen[2]["deliveredAt"] <= seen[2]["readAt"]


def test_a_message_is_never_read_without_read_receipts(talk: Conversation) -> None:
    message = talk.send(to="+12025550101").json()["data"]
    talk.time += 9_999
    assert talk.get(f"/v1/messages/{message['id']}")["status"] == "delivered"


def test_a_live_message_is_pending_first(talk: Conversation) -> None:
    message = talk.send("live").json()["data"]
    assert (message["status"], message["sentAt"]) == ("pending", None)
    assert talk.get("/v1/messages?status=pending", "live")["data"][0]["id"] == message["id"]
    talk.time += 2
    assert talk.get(f"/v1/messages/{message['id']}", "live")["status"] == "sent"
    assert talk.get("/v1/messages?status=pending", "live")["pagination"]["total"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"to": None},
        {"to": "12025550100"},
        {"to": "+12025550100\n"},
        {"to": "+1202555010\uff10"},
        {"to": "+1202555010000000"},
        {"fromPhoneId": None},
        {"fromPhoneId": 7},
        {"content": None},
        {"content": "", "mediaUrls": []},
        {"content": "x" * 4097},
        {"content": 7},
        {"mediaUrls": "https://cdn.example.com/a.jpg"},
        {"mediaUrls": ["http://cdn.example.com/a.jpg"]},
        {"mediaUrls": ["https://localhost/a.jpg"]},
        {"mediaUrls": ["https://10.0.0.1/a.jpg"]},
        {"mediaUrls": ["https://[::1]/a.jpg"]},
        {"mediaUrls": ["https://0x7f000001/a.jpg"]},
        {"idempotencyKey": "k" * 65},
    ],
)
def test_a_bad_message_is_refused(talk: Conversation, changes: dict[str, Any]) -> None:
    refused(talk.send(**changes), 400)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_a_bad_body_is_refused(talk: Conversation, body: bytes) -> None:
    refused(talk.ask("POST", "/v1/messages/send", content=body), 400)


@pytest.mark.parametrize(
    "changes",
    [
        {"content": "x" * 4096},
        {"content": None, "mediaUrls": ["https://cdn.example.com/a.jpg"]},
        {"idempotencyKey": "k" * 64},
    ],
)
def test_a_good_message_comes_back_as_it_was_sent(talk: Conversation, changes: dict[str, Any]) -> None:
    message = talk.send(**changes).json()["data"]
    stored = talk.get(f"/v1/messages/{message['id']}")
    assert (stored["from"], stored["to"]) == (FRONT_DESK, RECIPIENT)
    assert stored["content"] == (changes.get("content", "Hello") or "")
    assert stored["mediaUrls"] == changes.get("mediaUrls", [])


def test_a_key_used_again_returns_the_original_message(talk: Conversation) -> None:
    first = talk.send(idempotencyKey="order-1").json()["data"]
    again = talk.send("second", idempotencyKey="order-1", content="Other").json()["data"]
    assert (again["id"], again["content"]) == (first["id"], "Hello")
    assert talk.send("other_account", idempotencyKey="order-1", fromPhoneId="+442079460777").json()["data"] != first
    assert talk.send("live", idempotencyKey="order-1").json()["data"]["id"] != first["id"]


def test_senders_are_found_by_number_and_by_id_within_the_account(talk: Conversation) -> None:
    phones = {phone["phoneNumber"]: phone for phone in talk.get("/v1/phone-numbers")}
    assert talk.send(fromPhoneId=phones[FRONT_DESK]["id"]).json()["data"]["from"] == FRONT_DESK
    refused(talk.send(fromPhoneId="+442079460777"), 404)
    assert talk.send(fromPhoneId=OLD_HANDSET).status_code == 201
    refused(talk.send("live", fromPhoneId=OLD_HANDSET), 400)
    for reference in (phones[FRONT_DESK]["id"], FRONT_DESK.replace("+", "%2B")):
        assert talk.get(f"/v1/phone-numbers/{reference}") == phones[FRONT_DESK]
        status = talk.get(f"/v1/phone-numbers/{reference}/status")
        assert status.items() <= phones[FRONT_DESK].items()
    refused(talk.ask("GET", "/v1/phone-numbers/%2B442079460777"), 404)
    refused(talk.ask("GET", "/v1/phone-numbers/%2B442079460777/status"), 404)


def test_the_list_is_newest_first_filtered_and_cut_into_pages(talk: Conversation) -> None:
    ids: list[str] = []
    for number in range(5):
        talk.time += 60
        ids.insert(0, talk.send(to=f"+1202555010{number}").json()["data"]["id"])
    everything = talk.get("/v1/messages")
    created = [message["createdAt"] for message in everything["data"]]
    assert [message["id"] for message in everything["data"]][:5] == ids
    assert created == sorted(created, reverse=True)
    assert everything["pagination"] == {"page": 1, "limit": 20, "total": 9, "totalPages": 1}
    pages = [talk.get(f"/v1/messages?page={page}&limit=4") for page in (1, 2, 3, 4)]
    assert [len(page["data"]) for page in pages] == [4, 4, 1, 0]
    assert [message for page in pages for message in page["data"]] == everything["data"]
    assert pages[3]["pagination"] == {"page": 4, "limit": 4, "total": 9, "totalPages": 3}
    failed = talk.get("/v1/messages?status=failed")["data"]
    assert [message["status"] for message in failed] == ["failed"]
    old_handset = talk.get("/v1/phone-numbers")[0]["id"]
    assert {message["from"] for message in talk.get(f"/v1/messages?phoneNumberId={old_handset}")["data"]} == {
        OLD_HANDSET
    }


def test_inbound_messages_exist_for_live_keys_only(talk: Conversation) -> None:
    inbound = talk.get("/v1/messages/inbound", "live")
    assert inbound["pagination"]["total"] == len(inbound["data"]) == 5
    assert [message["groupId"] is not None for message in inbound["data"]] == [m["isGroup"] for m in inbound["data"]]
    assert {message["isGroup"] for message in inbound["data"]} == {True, False}
    one = inbound["data"][0]
    assert talk.get(f"/v1/messages/inbound/{one['id']}", "live") == one
    refused(talk.ask("GET", f"/v1/messages/inbound/{one['id']}", "other_live"), 404)
    assert talk.get("/v1/messages/inbound")["data"] == []
    phone = talk.get("/v1/phone-numbers/%2B442079460012")["id"]
    assert talk.get(f"/v1/messages/inbound?phoneNumberId={phone}", "live")["pagination"]["total"] == 4


def test_another_account_sees_nothing(talk: Conversation) -> None:
    message = talk.send().json()["data"]
    refused(talk.ask("GET", f"/v1/messages/{message['id']}", "other_account"), 404)
    assert message["id"] not in {other["id"] for other in talk.get("/v1/messages", "other_account")["data"]}
    assert talk.get("/v1/account")["accountId"] != talk.get("/v1/account", "other_account")["accountId"]


def test_usage_adds_up_and_moves_with_what_was_sent(talk: Conversation) -> None:
    for period, days in (("day", 1), ("week", 7), ("month", 30)):
        before = talk.get(f"/v1/account/usage?period={period}")
        talk.send()
        talk.send("live")
        after = talk.get(f"/v1/account/usage?period={period}")
        assert after["messages"]["total"] - before["messages"]["total"] == 2
        for usage in (before, after):
            messages, requests = usage["messages"], usage["apiRequests"]
            assert messages["total"] == messages["pending"] + messages["sent"] + messages["failed"]
            assert requests["total"] == requests["successful"] + requests["failed"]
            assert usage["period"] == period
        assert after["apiRequests"]["total"] - before["apiRequests"]["total"] == 3
        start, end = (datetime.fromisoformat(after[name]) for name in ("startDate", "endDate"))
        assert end - start == timedelta(days=days)
    assert talk.get("/v1/account/usage")["period"] == "month"


# Per role: may it send, read messages, read phones, read the account?
SCOPES = {
    "second": (201, 200, 200, 200),
    "live": (201, 200, 200, 200),
    "expired": (401, 401, 401, 401),
    "": (401, 401, 401, 401),
    "only_messages_send": (201, 403, 403, 200),
    "only_messages_write": (201, 403, 403, 200),
    "only_messages_read": (403, 200, 403, 200),
    "only_phone_numbers_read": (403, 403, 200, 403),
    "only_account_read": (403, 403, 403, 200),
}


@pytest.mark.parametrize("role", SCOPES)
def test_a_key_may_do_what_its_scopes_say(talk: Conversation, role: str) -> None:
    answers = [talk.send(role)]
    answers += [talk.ask("GET", f"/v1/{path}", role) for path in ("messages", "phone-numbers", "account")]
    assert tuple(answer.status_code for answer in answers) == SCOPES[role]
    for answer in answers:
        if answer.is_error:
            refused(answer, answer.status_code)


def test_a_key_that_uses_up_its_limit_waits_as_long_as_it_is_told(talk: Conversation) -> None:
    for _ in range(100):
        talk.get("/v1/account")
    talk.time += 12.5
    answer = talk.ask("GET", "/v1/account")
    refused(answer, 429)
    assert set(answer.json()) == {"success", "error", "message", "statusCode", "timestamp", "path", "retryAfter"}
    assert (answer.json()["error"], answer.json()["message"]) == ("Rate limit exceeded", ["Rate limit exceeded"])
    assert answer.json()["retryAfter"] == 48
    talk.get("/v1/account", "second")
    talk.time += 48
    talk.get("/v1/account")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"])
@pytest.mark.parametrize(
    "path", ["/", "/v1/messages/send", "/v1/messages/", "/v1/account/usage/x", "/v1/messages/msg_0"]
)
def test_what_is_not_there_is_refused_on_a_connection_that_lives_on(talk: Conversation, method: str, path: str) -> None:
    answer = talk.ask(method, path, json={"some": "body"})
    assert answer.status_code in {404, 405}
    if method != "HEAD":
        refused(answer, answer.status_code)
    talk.get("/v1/account")


def test_pages_out_of_range_are_moved_into_it(talk: Conversation) -> None:
    assert talk.get("/v1/messages?limit=101&page=0")["pagination"] == {
        "page": 1,
        "limit": 100,
        "total": 4,
        "totalPages": 1,
    }
    assert talk.get("/v1/messages?limit=x&page=-1")["pagination"] == {
        "page": 1,
        "limit": 20,
        "total": 4,
        "totalPages": 1,
    }
    assert talk.get(f"/v1/messages?page={'9' * 4000}")["data"] == []


def test_it_closes_while_a_caller_keeps_a_connection() -> None:
    with httpx.Client() as client:
        with ChatmaidOpponent(lambda: 0.0) as opponent:
            assert client.get(opponent.url + "/v1/account").status_code == 401
        with pytest.raises(httpx.TransportError):
            client.get(opponent.url + "/v1/account")
