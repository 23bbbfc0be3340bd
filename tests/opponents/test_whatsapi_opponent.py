import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.opponents.whatsapi import WhatsapiOpponent

NOBODY = "12025550123"
HELLO: dict[str, Any] = {"to": NOBODY, "template": {"name": "hello_world", "language": "en_US"}}


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.at = 1_900_000_000.25

    def __call__(self) -> float:
        """Tell the time."""
        return self.at


class Receiver:
    """A webhook receiver that answers with the statuses it was given, then with 200."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.delays: list[Callable[[], None]] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                if receiver.delays:
                    receiver.delays.pop(0)()
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["Receiver"]:
        """Answer until the end of `with`."""
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield self
        self.server.shutdown()
        thread.join()
        self.server.server_close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
def opponent(clock: Clock, receiver: Receiver) -> Iterator[WhatsapiOpponent]:
    with WhatsapiOpponent(clock, webhook_prefix=receiver.url) as opponent:
        yield opponent


@contextmanager
def caller(opponent: WhatsapiOpponent, role: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {opponent.keys[role]}"}
    with httpx.Client(base_url=opponent.url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def main(opponent: WhatsapiOpponent) -> Iterator[httpx.Client]:
    with caller(opponent, "main") as client:
        yield client


def get(client: httpx.Client, message_id: str) -> dict[str, Any]:
    data: dict[str, Any] = client.get(f"/messages/{message_id}").json()["data"]
    return data


def open_window(client: httpx.Client, opponent: WhatsapiOpponent) -> None:
    account = opponent.accounts[opponent.keys["main"]]
    value = {"metadata": {"phone_number_id": account.phone_number_id}, "messages": [{"from": NOBODY}]}
    event = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    assert client.post("/webhooks/whatsapp", json=event).is_success


def test_keys_have_the_documented_form(opponent: WhatsapiOpponent) -> None:
    assert all(re.fullmatch("sk_live_[0-9a-f]{48}", key) for key in opponent.keys.values())


def test_a_template_is_queued_then_sent_delivered_and_read(main: httpx.Client, clock: Clock) -> None:
    sent = main.post("/send-message", json={**HELLO, "metadata": {"order": "7"}})
    assert sent.status_code == 202
    data = sent.json()["data"]
    assert (data["status"], data["scheduledFor"]) == ("queued", None)
    clock.at += 3
    assert get(main, data["id"])["status"] == "delivered"
    clock.at += 60
    message = get(main, data["id"])
    statuses = [step["status"] for step in message["timeline"]]
    assert statuses == ["queued", "processing", "sent", "delivered", "read"]
    assert message["sentAt"] < message["deliveredAt"] < message["readAt"]
    assert message["metadata"] == {"order": "7"}


def test_free_text_outside_the_window_fails_and_can_be_retried_inside_it(
    main: httpx.Client, opponent: WhatsapiOpponent, clock: Clock
) -> None:
    message_id = main.post("/send-message", json={"to": NOBODY, "message": "Hi"}).json()["data"]["id"]
    assert main.post(f"/messages/{message_id}/retry").status_code == 409
    clock.at += 3
    failed = get(main, message_id)
    assert failed["status"] == "failed"
    assert failed["errorMessage"]
    open_window(main, opponent)
    assert main.post(f"/messages/{message_id}/retry").status_code == 202
    clock.at += 3
    assert get(main, message_id)["status"] == "delivered"


def test_the_window_closes_after_24_hours(main: httpx.Client, opponent: WhatsapiOpponent, clock: Clock) -> None:
    open_window(main, opponent)
    clock.at += 24 * 60 * 60
    message_id = main.post("/send-message", json={"to": NOBODY, "message": "Hi"}).json()["data"]["id"]
    clock.at += 3
    assert get(main, message_id)["status"] == "failed"


def test_a_scheduled_message_waits_for_its_time(main: httpx.Client, clock: Clock) -> None:
    body = {**HELLO, "sendAt": "2030-03-18T00:00:00+02:00"}
    data = main.post("/send-message", json=body).json()["data"]
    assert (data["status"], data["scheduledFor"]) == ("scheduled", "2030-03-17T22:00:00.000Z")
    clock.at = 1_900_015_199  # one second before
    assert get(main, data["id"])["status"] == "scheduled"
    clock.at += 4
    assert get(main, data["id"])["status"] == "delivered"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", "+12025550123"),
        ("to", "\uff112025550123"),
        ("to", "12025550123\n"),
        ("message", "x" * 4097),
        ("template", {"language": "en_US"}),
        ("sendAt", "2030-03-17T17:46:40Z"),
        ("sendAt", "tomorrow"),
        ("metadata", "x"),
        ("dry_run", "true"),
    ],
)
def test_a_wrong_field_is_named(main: httpx.Client, field: str, value: object) -> None:
    response = main.post("/send-message", json={**HELLO, field: value})
    assert response.status_code == 400
    assert response.json()["success"] is False
    assert [detail["path"] for detail in response.json()["details"]] == [[field]]


def test_a_known_idempotency_key_sends_nothing_twice(main: httpx.Client, clock: Clock) -> None:
    def send(body: dict[str, Any]) -> httpx.Response:
        return main.post("/send-message", json=body, headers={"Idempotency-Key": "order-7"})

    first, again = send(HELLO), send(HELLO)
    assert (again.status_code, again.json()) == (202, first.json())
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert send({**HELLO, "to": "12025550124"}).status_code == 409
    clock.at += 24 * 60 * 60
    assert send(HELLO).json() != first.json()
    assert main.get("/analytics/summary").json()["data"]["total"] == 2


def test_the_limit_of_a_plan_is_told_kept_and_reset(opponent: WhatsapiOpponent, clock: Clock) -> None:
    with caller(opponent, "free") as client:
        left = [int(client.get("/auth/me").headers["X-RateLimit-Remaining"]) for _ in range(20)]
        assert left == list(range(19, -1, -1))
        refused = client.get("/auth/me")
        assert refused.status_code == 429
        assert refused.headers["X-RateLimit-Limit"] == "20"
        clock.at += int(refused.headers["Retry-After"])
        assert clock.at >= int(refused.headers["X-RateLimit-Reset"])
        assert client.get("/auth/me").status_code == 200


def test_five_registrations_a_minute(opponent: WhatsapiOpponent) -> None:
    person = {"name": "A", "email": "a@example.com"}
    with httpx.Client(base_url=opponent.url, trust_env=False) as client:
        answers = [client.post("/auth/register", json=person) for _ in range(6)]
        assert [answer.is_success for answer in answers] == [True] * 5 + [False]
        assert answers[5].status_code == 429
        key = answers[0].json()["data"]["apiKey"]
        account = client.get("/auth/me", headers={"Authorization": f"Bearer {key}"}).json()["data"]
        assert (account["plan"], account["byocConfigured"], account["messagesSent"]) == ("free", False, 0)


def test_a_rotated_key_replaces_the_old_one(opponent: WhatsapiOpponent) -> None:
    with caller(opponent, "sacrificial") as client:
        key = client.post("/auth/me/rotate-key").json()["data"]["apiKey"]
        assert client.get("/auth/me").status_code == 401
        assert client.get("/auth/me", headers={"Authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize(("role", "cap"), [("plan_basic", 100), ("plan_pro", 1000), ("plan_enterprise", 5000)])
def test_a_bulk_holds_as_many_as_the_plan_allows(opponent: WhatsapiOpponent, role: str, cap: int) -> None:
    with caller(opponent, role) as client:
        assert client.post("/messages/bulk", json={"messages": [HELLO] * (cap + 1)}).status_code == 400
        bulk = client.post("/messages/bulk", json={"messages": [HELLO] * cap})
        assert bulk.status_code == 202
        data = bulk.json()["data"]
        assert (data["totalMessages"], data["queued"], data["failedCount"]) == (cap, cap, 0)
        client.post("/send-message", json=HELLO)
        page = client.get("/messages", params={"batchId": data["batchId"], "limit": 60, "page": 2}).json()["data"]
        assert page["pagination"]["total"] == cap
        assert len(page["messages"]) == min(60, cap - 60)


def test_every_change_is_posted_and_posted_once_more_when_refused(
    main: httpx.Client, receiver: Receiver, clock: Clock
) -> None:
    assert main.put("/auth/me/webhook", json={"url": "http://example.com/"}).status_code == 400
    assert main.put("/auth/me/webhook", json={"url": f"{receiver.url}/hook"}).is_success
    message_id = main.post("/send-message", json=HELLO).json()["data"]["id"]
    receiver.answers = [500, 500, 404]
    clock.at += 100
    main.get("/auth/me")
    told = [body["data"]["status"] for body in receiver.bodies]
    assert told == ["sent", "sent", "delivered", "delivered", "read"]
    assert {body["data"]["messageId"] for body in receiver.bodies} == {message_id}
    assert {body["event"] for body in receiver.bodies} == {"message.status_updated"}


def test_analytics_add_up(main: httpx.Client, clock: Clock) -> None:
    for body in [HELLO, HELLO, HELLO, {"to": NOBODY, "message": "outside the window"}]:
        main.post("/send-message", json=body)
    clock.at += 3
    data = main.get("/analytics/summary").json()["data"]
    assert data["total"] == sum(data["byStatus"].values()) == 4
    assert (data["deliveryRate"], data["failureRate"]) == (0.75, 0.25)


def test_a_message_of_another_account_is_not_found(main: httpx.Client, opponent: WhatsapiOpponent) -> None:
    message_id = main.post("/send-message", json=HELLO).json()["data"]["id"]
    with caller(opponent, "other_account") as client:
        assert client.get(f"/messages/{message_id}").status_code == 404
        assert client.post(f"/messages/{message_id}/retry").status_code == 404


def test_while_whatsapp_fails_sending_is_paused_and_goes_on_by_itself(
    main: httpx.Client, opponent: WhatsapiOpponent, clock: Clock
) -> None:
    message_id = main.post("/send-message", json=HELLO).json()["data"]["id"]
    opponent.outage_until = clock.at + 30
    clock.at += 3
    assert main.post("/send-message", json=HELLO).status_code == 503
    assert get(main, message_id)["status"] == "retrying"
    clock.at += 30
    assert main.post("/send-message", json=HELLO).status_code == 202
    assert get(main, message_id)["status"] == "delivered"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer sk_live_", "Basic {key}", "{key}", "Bearer {key}0"])
def test_without_a_good_key_there_is_only_401(opponent: WhatsapiOpponent, authorization: str) -> None:
    headers = {"Authorization": authorization.format(key=opponent.keys["main"])}
    with httpx.Client(base_url=opponent.url, headers=headers, trust_env=False) as client:
        paths = ["/auth/me", "/messages", "/messages/x", "/analytics/summary", "/billing/portal", "/nothing"]
        answers = [client.get(path) for path in paths]
        assert {answer.status_code for answer in answers} == {401}
        assert {answer.json()["success"] for answer in answers} == {False}
        assert client.get("/openapi.json").status_code == 200


def test_a_body_in_chunks_is_read_like_any_other(main: httpx.Client) -> None:
    body = json.dumps(HELLO).encode()
    chunks = (body[:10], body[10:])
    headers = {"Content-Type": "application/json"}
    assert main.post("/send-message", content=iter(chunks), headers=headers).status_code == 202
    assert main.get("/auth/me").status_code == 200


def test_a_slow_receiver_is_asked_once_more(main: httpx.Client, receiver: Receiver, clock: Clock) -> None:
    main.put("/auth/me/webhook", json={"url": receiver.url})
    main.post("/send-message", json=HELLO)
    clock.at += 1
    receiver.delays = [lambda: setattr(clock, "at", clock.at + 10.5)]
    main.get("/auth/me")
    assert [body["data"]["status"] for body in receiver.bodies] == ["sent", "sent"]


def test_what_was_dry_run_arrives_and_is_told_like_the_rest(
    opponent: WhatsapiOpponent, receiver: Receiver, clock: Clock
) -> None:
    with caller(opponent, "no_credentials") as client:
        client.put("/auth/me/webhook", json={"url": receiver.url})
        assert client.post("/send-message", json=HELLO).status_code == 400
        assert client.post("/send-message", json={**HELLO, "dry_run": True}).status_code == 202
    clock.at += 3
    opponent.tick()
    assert [body["data"]["status"] for body in receiver.bodies] == ["sent", "delivered"]


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://10.0.0.1/", 1])
def test_a_webhook_must_be_public(main: httpx.Client, url: object) -> None:
    assert main.put("/auth/me/webhook", json={"url": url}).status_code == 400


@pytest.mark.parametrize("method", ["BREW", "TRACE", "OPTIONS", "PATCH"])
def test_an_unknown_method_is_no_crash(main: httpx.Client, method: str) -> None:
    assert main.request(method, "/auth/me").status_code == 405
