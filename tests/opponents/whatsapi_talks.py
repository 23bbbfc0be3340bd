"""What a caller asks of a WhatsAPI to see a defect: each talk is a few requests, and what came back is kept.

A careful talk sends nothing but `dry_run: true`, only reads otherwise, holds one key and waits two minutes at most.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol

import httpx

from tests.opponents.whatsapi import REQUESTS_PER_MINUTE, WhatsapiOpponent

NOBODY = "12025550123"
NOBODY_ELSE = "12025550124"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
HELLO: dict[str, Any] = {"to": NOBODY, "template": {"name": "hello_world", "language": "en_US"}}
PARAMETERS = [{"type": "text", "text": "Sarah"}, {"type": "text", "text": "#1042"}]
ORDER: dict[str, Any] = {
    "to": NOBODY,
    "template": {
        "name": "order_ready",
        "language": "en_US",
        "components": [{"type": "body", "parameters": PARAMETERS}],
    },
}
TEXT = "  Zoë & Søren <ok> 👍🏽\nline two " + "x" * 200
METADATA: dict[str, Any] = {"orderId": "1234", "Nested": {"a": [1, 2]}, "count": 7, "empty": "", "none": None}
CAREFUL_KEYS = {"main", "free", *(f"plan_{plan}" for plan in REQUESTS_PER_MINUTE)}


class Inbox(Protocol):
    """A webhook receiver: what came, and with which statuses it answers next (200 when there are none)."""

    url: str
    bodies: list[dict[str, Any]]
    answers: list[int]
    delays: list[Callable[[], None]]


@dataclass
class Heard:
    """One answer; parts that are not there are empty."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str:
        """Get a header, whatever the case of its name."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")

    @property
    def data(self) -> dict[str, Any]:
        """Get the object under `data`."""
        try:
            payload = json.loads(self.text)
        except ValueError:
            return {}
        data = payload.get("data") if isinstance(payload, dict) else None
        return data if isinstance(data, dict) else {}


@dataclass
class Talker:
    """Asks an opponent and writes down all it hears."""

    opponent: WhatsapiOpponent
    pass_time: Callable[[float], None]
    inbox: Inbox
    client: httpx.Client
    heard: list[tuple[str, str, Heard]] = field(default_factory=list)
    used_keys: set[str] = field(default_factory=set)
    waited: float = 0
    was_bold: bool = False

    def key(self, role: str) -> str:
        """Take the key of a role."""
        self.used_keys.add(role)
        return self.opponent.keys[role]

    def ask(
        self,
        request: str,
        body: object = None,
        *,
        key: str | None = "main",
        headers: Mapping[str, str] | None = None,
    ) -> Heard:
        """Send a request like "GET /messages"; bytes go as they are, all else as JSON."""
        method, _, path = request.partition(" ")
        sent = {} if key is None else {"Authorization": f"Bearer {self.key(key)}"}
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        self.was_bold = self.was_bold or not is_careful(method, path, body)
        response = self.client.request(method, path, content=content, headers={**sent, **(headers or {})})
        names = [(name.decode(), value.decode()) for name, value in response.headers.raw]
        heard = Heard(response.status_code, names, response.text)
        self.heard.append((method, path, heard))
        return heard

    def send(self, **fields: Any) -> Heard:  # noqa: ANN401 - any JSON
        """Send a text as a dry run, with these fields instead or besides."""
        return self.ask("POST /send-message", {"to": NOBODY, "message": "Hi", "dry_run": True, **fields})

    def bulk(self, *items: dict[str, Any], key: str = "main", **headers: str) -> Heard:
        """Send many dry runs at once."""
        messages = [{"to": NOBODY, "message": "Hi", "dry_run": True, **item} for item in items]
        return self.ask("POST /messages/bulk", {"messages": messages}, key=key, headers=headers)

    def read(self, sent: Heard, key: str | None = "main") -> Heard:
        """Read the message that a send was answered with."""
        return self.ask(f"GET /messages/{sent.data.get('id', UNKNOWN_ID)}", key=key)

    def read_all(self, sent: Heard) -> list[Heard]:
        """Read each message of a batch."""
        listed = self.ask(f"GET /messages?batchId={sent.data.get('batchId')}")
        items = listed.data.get("messages", [])
        return [self.ask(f"GET /messages/{item.get('id')}") for item in items if isinstance(item, dict)]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.waited += seconds
        self.pass_time(seconds)
        self.opponent.tick()

    def later(self, seconds: float, hours_east: int = 0) -> str:
        """Write a moment in the future as sendAt wants it."""
        zone = timezone(timedelta(hours=hours_east)) if hours_east else UTC
        moment = datetime.fromtimestamp(self.opponent.now() + seconds, zone)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def careful(self) -> bool:
        """Tell whether nothing was done that needs more than dry runs and one key."""
        return not self.was_bold and self.waited <= 120 and len(self.used_keys) <= 1 and self.used_keys <= CAREFUL_KEYS


def is_careful(method: str, path: str, body: object) -> bool:
    if method in ("GET", "HEAD"):
        return True
    if method != "POST" or path not in ("/send-message", "/messages/bulk"):
        return False
    if isinstance(body, bytes):
        try:
            body = json.loads(body)
        except ValueError:
            return True
    if not isinstance(body, dict):
        return True
    items = body.get("messages", []) if path == "/messages/bulk" else [body]
    return all(isinstance(item, dict) and item.get("dry_run") is True for item in items)


@dataclass(frozen=True)
class Talk:
    """Some requests that show a defect, and whether dry runs and one key are enough for them."""

    run: Callable[[Talker], object]
    careful: bool


def careful(run: Callable[[Talker], object]) -> Talk:
    return Talk(run, careful=True)


def bold(run: Callable[[Talker], object]) -> Talk:
    return Talk(run, careful=False)


# One message


@careful
def text(talker: Talker) -> None:
    sent = talker.send(message=TEXT, metadata=METADATA)
    talker.read(sent)
    talker.wait(3)
    talker.read(sent)
    talker.wait(5)
    talker.read(sent)
    talker.ask("GET /messages")


@careful
def templates(talker: Talker) -> None:
    for item in (HELLO, ORDER):
        talker.read(talker.ask("POST /send-message", {**item, "dry_run": True}))


@careful
def schedule(talker: Talker) -> None:
    sent = talker.send(sendAt=talker.later(60))
    talker.read(sent)
    for seconds in (1, 39, 25):
        talker.wait(seconds)
        talker.read(sent)


@careful
def schedule_abroad(talker: Talker) -> None:
    talker.read(talker.send(sendAt=talker.later(3 * 60 * 60, hours_east=2)))


@careful
def schedule_bulk(talker: Talker) -> None:
    sent = talker.bulk({}, {"sendAt": talker.later(60)})
    talker.wait(3)
    talker.read_all(sent)


def with_fields(**fields: Any) -> Talk:  # noqa: ANN401 - any JSON
    """Send and read one dry run with these fields."""
    return careful(lambda talker: talker.read(talker.send(**fields)))


def without(name: str) -> Talk:
    """Send a dry run that lacks a field."""
    body = {"to": NOBODY, "message": "Hi", "dry_run": True}
    del body[name]
    return careful(lambda talker: talker.ask("POST /send-message", body))


@careful
def in_the_past(talker: Talker) -> None:
    talker.read(talker.send(sendAt=talker.later(-3600)))


@bold
def dry_run_as_text(talker: Talker) -> None:
    talker.read(talker.send(dry_run="false"))


@bold
def dry_run_left_out(talker: Talker) -> None:
    sent = talker.ask("POST /send-message", {"to": NOBODY, "message": "Hi"})
    talker.wait(3)
    talker.read(sent)


@careful
def two_faults(talker: Talker) -> None:
    talker.send(to="abc", metadata="x")
    talker.bulk({}, {"to": "abc"})
    talker.send(to="abc")


@careful
def odd_bodies(talker: Talker) -> None:
    for body in (b"{", b"null", b"[]", b""):
        talker.ask("POST /send-message", body)
        talker.ask("POST /messages/bulk", body)
    talker.send(message="a\0b")
    talker.send(message=None)
    talker.send(unknown="x")
    talker.bulk({}, {"message": 7})


@careful
def unknown(talker: Talker) -> None:
    talker.ask(f"GET /messages/{UNKNOWN_ID}")
    talker.ask("GET /messages/not-an-id")


# Many


@careful
def bulk(talker: Talker) -> None:
    sent = talker.bulk(
        {"message": "one", "metadata": {"place": "1"}}, {"message": "two"}, {"to": NOBODY_ELSE, "message": "three"}
    )
    talker.read_all(sent)
    talker.read_all(talker.bulk({"message": "four"}))
    talker.wait(3)
    talker.ask("GET /analytics/summary")


@careful
def bulk_templates(talker: Talker) -> None:
    sent = talker.ask("POST /messages/bulk", {"messages": [{**HELLO, "dry_run": True}, {**ORDER, "dry_run": True}]})
    talker.read_all(sent)


@careful
def bulk_with_a_bad_item(talker: Talker) -> None:
    talker.read_all(talker.bulk({}, {"to": "+1 (202) 555-0123"}))


@careful
def bulk_of_none(talker: Talker) -> None:
    talker.bulk()


def bulk_caps(plan: str, cap: int) -> Talk:
    """Send as many at once as the plan allows, and one more."""

    def run(talker: Talker) -> None:
        for count in (cap, cap + 1):
            talker.bulk(*[{}] * count, key=f"plan_{plan}")

    return careful(run)


@careful
def pages(talker: Talker) -> None:
    talker.bulk(*[{"message": f"Number {number}"} for number in range(45)])
    for query in ("", "?page=1", "?page=2", "?page=3", "?limit=10&page=2", "?limit=10&page=5", "?limit=45", "?limit=1"):
        talker.ask(f"GET /messages{query}")


@careful
def big_pages(talker: Talker) -> None:
    talker.bulk(*[{"message": f"Number {number}"} for number in range(250)])
    for query in ("?limit=200", "?limit=200&page=2", "?limit=201", "?limit=500", "?limit=99999999999", "?limit=0"):
        talker.ask(f"GET /messages{query}")


@careful
def filters(talker: Talker) -> None:
    batch = talker.bulk({}, {"sendAt": talker.later(3600)}).data.get("batchId")
    other_batch = talker.bulk({}).data.get("batchId")
    talker.wait(3)
    talker.send()
    for query in ("status=delivered", "status=scheduled", "status=queued", "status=retrying", "status=failed"):
        talker.ask(f"GET /messages?{query}")
    for query in (f"batchId={batch}", f"batchId={other_batch}", f"batchId={UNKNOWN_ID}"):
        talker.ask(f"GET /messages?{query}")
    talker.ask(f"GET /messages?status=scheduled&batchId={batch}")
    talker.ask(f"GET /messages?status=delivered&batchId={other_batch}")
    talker.ask("GET /messages?status=delivered&limit=1")
    talker.ask("GET /messages?status=scheduled&limit=1")


@careful
def odd_filters(talker: Talker) -> None:
    talker.send()
    talker.wait(3)
    for query in ("status=DELIVERED", "status=nonsense", "page=abc", "page=99"):
        talker.ask(f"GET /messages?{query}")
    talker.ask("GET /messages/")


@careful
def analytics(talker: Talker) -> None:
    talker.ask("GET /analytics/summary")
    talker.bulk({}, {}, {"sendAt": talker.later(3600)})
    for _ in range(3):
        talker.send()
    talker.wait(3)
    talker.ask("GET /analytics/summary")


@careful
def many_analytics(talker: Talker) -> None:
    talker.bulk(*[{}] * 30)
    talker.ask("GET /analytics/summary")


# The account and its key


@careful
def me(talker: Talker) -> None:
    talker.ask("GET /auth/me")
    talker.send()
    talker.wait(3)
    talker.ask("GET /auth/me")


@careful
def keys(talker: Talker) -> None:
    key = talker.key("main")
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    values = ("Bearer", f"Bearer {wrong}", f"Bearer {key}0", f"Basic {key}", key, f"bearer {key}", f"Token {key}")
    for path in ("/messages", "/analytics/summary", "/auth/me", "/billing/portal", f"/messages/{UNKNOWN_ID}"):
        talker.ask(f"GET {path}", key=None)
    for value in values:
        talker.ask("GET /auth/me", key=None, headers={"Authorization": value})
    talker.ask(f"GET /auth/me?api_key={key}", key=None)
    talker.ask("GET /auth/me", key=None, headers={"X-API-Key": key})
    talker.ask("POST /send-message", {"to": NOBODY, "message": "Hi", "dry_run": True}, key=None)


@bold
def verify_without_a_key(talker: Talker) -> None:
    talker.ask("POST /auth/me/credentials/verify", key=None)


@bold
def deactivated(talker: Talker) -> None:
    talker.ask("GET /auth/me", key="deactivated")
    talker.ask("GET /messages", key="deactivated")


@bold
def rotation(talker: Talker) -> None:
    sent = talker.ask("POST /send-message", {**HELLO, "dry_run": True}, key="sacrificial")
    rotated = talker.ask("POST /auth/me/rotate-key", key="sacrificial")
    talker.ask("GET /auth/me", key="sacrificial")
    fresh = {"Authorization": f"Bearer {rotated.data.get('apiKey')}"}
    talker.ask("GET /auth/me", key=None, headers=fresh)
    talker.ask(f"GET /messages/{sent.data.get('id')}", key=None, headers=fresh)
    talker.wait(61)
    talker.ask("GET /auth/me", key="sacrificial")


@bold
def old_key(talker: Talker) -> None:
    talker.wait(400 * 24 * 60 * 60)
    talker.ask("GET /auth/me")


@bold
def registration(talker: Talker) -> None:
    registered = talker.ask("POST /auth/register", {"name": "Somebody", "email": "a@example.com"}, key=None)
    fresh = {"Authorization": f"Bearer {registered.data.get('apiKey')}"}
    talker.ask("GET /auth/me", key=None, headers=fresh)
    for body in ({"name": "Somebody"}, {"email": "b@example.com"}, {}):
        talker.ask("POST /auth/register", body, key=None)
    talker.wait(61)
    for number in range(6):
        talker.ask("POST /auth/register", {"name": "Somebody", "email": f"c{number}@example.com"}, key=None)
    talker.wait(61)
    for _ in range(2):
        talker.ask("POST /auth/register", {"name": "Somebody", "email": "a@example.com"}, key=None)


@bold
def credentials(talker: Talker) -> None:
    saved = {"whatsappAccessToken": "EAAabc", "whatsappPhoneNumberId": "1234567890"}
    for request, body in (
        ("GET /auth/me", None),
        ("PUT /auth/me/credentials", saved),
        ("GET /auth/me", None),
        ("POST /auth/me/credentials/verify", None),
        ("DELETE /auth/me/credentials", None),
        ("GET /auth/me", None),
        ("PUT /auth/me/credentials", {**saved, "whatsappAccessToken": "wrong"}),
        ("POST /auth/me/credentials/verify", None),
    ):
        talker.ask(request, body, key="no_credentials")


@bold
def billing(talker: Talker) -> None:
    for plan in ("basic", "pro", "enterprise", "nonsense"):
        talker.ask("POST /billing/checkout", {"plan": plan}, key="free")
        talker.ask("GET /auth/me", key="free")


@careful
def portal(talker: Talker) -> None:
    talker.ask("GET /billing/portal")


@careful
def published(talker: Talker) -> None:
    for path in ("/openapi.json", "/llms.txt", "/docs", "/developers"):
        talker.ask(f"GET {path}", key=None)


# Limits


@careful
def burst(talker: Talker) -> None:
    refused = [talker.ask("GET /auth/me", key="free") for _ in range(22)][-1]
    wait = refused.header("Retry-After")
    talker.wait(min(61, int(wait)) if wait.isdigit() else 61)
    talker.ask("GET /auth/me", key="free")
    talker.ask("GET /messages", key="free")


@careful
def burst_over_routes(talker: Talker) -> None:
    for _ in range(11):
        talker.ask("GET /auth/me", key="free")
        talker.ask("GET /messages", key="free")


@careful
def headers_everywhere(talker: Talker) -> None:
    for path in ("/auth/me", "/messages", "/analytics/summary", f"/messages/{UNKNOWN_ID}", "/nowhere"):
        talker.ask(f"GET {path}")
    talker.send()
    talker.send(to="abc")
    talker.bulk({})


@bold
def two_keys(talker: Talker) -> None:
    for key in ("main", "other_account", "main"):
        talker.ask("GET /auth/me", key=key)


@bold
def unknown_method(talker: Talker) -> None:
    talker.ask("PATCH /auth/me")


# Idempotency


def once(talker: Talker, value: str, key: str = "main", **fields: Any) -> Heard:  # noqa: ANN401 - any JSON
    """Send a dry run under an Idempotency-Key."""
    body = {"to": NOBODY, "message": "Hi", "dry_run": True, **fields}
    return talker.ask("POST /send-message", body, key=key, headers={"Idempotency-Key": value})


@careful
def repeats(talker: Talker) -> None:
    value = "user-99-order-1234-shipped"
    once(talker, value)
    once(talker, value)
    talker.wait(3)
    once(talker, value)
    once(talker, value, message="Something else")
    once(talker, "user-99-order-1234-paid")
    once(talker, value.upper())
    talker.ask("GET /messages")


@careful
def repeats_of_a_refusal(talker: Talker) -> None:
    for to in ("abc", "abc", NOBODY):
        once(talker, "k", to=to)


@careful
def repeats_in_other_words(talker: Talker) -> None:
    body = {"to": NOBODY, "message": "Hi", "dry_run": True}
    for content in (json.dumps(body), json.dumps(body, indent=1)):
        talker.ask("POST /send-message", content.encode(), headers={"Idempotency-Key": "k"})


@careful
def repeated_bulk(talker: Talker) -> None:
    for _ in range(2):
        talker.bulk({}, {}, **{"Idempotency-Key": "k"})
    talker.ask("GET /messages")


@bold
def repeats_of_two_accounts(talker: Talker) -> None:
    for key in ("main", "other_account"):
        talker.read(once(talker, "k", key=key), key=key)


@bold
def repeats_for_two_days(talker: Talker) -> None:
    once(talker, "k")
    for hours in (2, 20, 3):
        talker.wait(hours * 60 * 60)
        once(talker, "k")


# What needs real messages, other accounts or a webhook


@bold
def isolation(talker: Talker) -> None:
    sent = talker.ask("POST /send-message", {**HELLO, "dry_run": True}, key="other_account")
    batch = talker.bulk({}, key="other_account").data.get("batchId")
    failed = talker.ask("POST /send-message", {"to": NOBODY, "message": "Hi"}, key="other_account")
    talker.wait(3)
    talker.read(sent)
    talker.ask(f"POST /messages/{failed.data.get('id')}/retry")
    talker.ask("GET /messages")
    talker.ask(f"GET /messages?batchId={batch}")
    talker.ask("GET /analytics/summary")
    talker.ask("GET /auth/me")
    talker.read(failed, key="other_account")


@bold
def real(talker: Talker) -> None:
    hello = talker.ask("POST /send-message", HELLO)
    order = talker.ask("POST /send-message", ORDER)
    fails = talker.ask("POST /send-message", {"to": NOBODY, "message": "Hi"})
    talker.ask(f"POST /messages/{hello.data.get('id')}/retry")
    talker.wait(3)
    for sent in (hello, order, fails):
        talker.read(sent)
    talker.ask("GET /messages?status=failed")
    talker.ask(f"POST /messages/{hello.data.get('id')}/retry")
    talker.ask(f"POST /messages/{UNKNOWN_ID}/retry")
    talker.ask(f"POST /messages/{fails.data.get('id')}/retry")
    talker.read(fails)
    talker.wait(60)
    for sent in (hello, order, fails):
        talker.read(sent)
    talker.ask("GET /analytics/summary")
    talker.ask("GET /auth/me")


@bold
def outage(talker: Talker) -> None:
    talker.opponent.outage_until = talker.opponent.now() + 30
    talker.ask("POST /send-message", HELLO)
    talker.wait(31)
    talker.ask("POST /send-message", HELLO)


@bold
def webhook(talker: Talker) -> None:
    talker.ask("PUT /auth/me/webhook", {"url": talker.inbox.url})
    talker.ask("GET /auth/me")
    for item in (HELLO, ORDER, {"to": NOBODY, "message": "Hi"}):
        talker.ask("POST /send-message", {**item, "metadata": {"orderId": "1234"}})
    talker.wait(3)
    talker.wait(60)
    for status in (500, 302, 204):
        talker.inbox.answers.extend([status, status])
        talker.ask("POST /send-message", {**HELLO, "metadata": {"answer": status}})
        talker.wait(3)
        talker.inbox.answers.clear()
        talker.wait(60)
    talker.ask("DELETE /auth/me/webhook")
    talker.ask("GET /auth/me")
    talker.ask("POST /send-message", HELLO)
    talker.wait(3)


@bold
def slow_webhook(talker: Talker) -> None:
    talker.ask("PUT /auth/me/webhook", {"url": talker.inbox.url})
    talker.ask("POST /send-message", HELLO)
    talker.inbox.delays.append(lambda: talker.pass_time(5))
    talker.wait(0.7)
    talker.wait(10)


@bold
def webhook_of_a_dry_run(talker: Talker) -> None:
    talker.ask("PUT /auth/me/webhook", {"url": talker.inbox.url})
    talker.send()
    talker.wait(3)


@bold
def moved_webhook(talker: Talker) -> None:
    talker.ask("PUT /auth/me/webhook", {"url": f"{talker.inbox.url}/old"})
    talker.ask("PUT /auth/me/webhook", {"url": f"{talker.inbox.url}/new"})
    talker.ask("GET /auth/me")


@bold
def foreign_webhook(talker: Talker) -> None:
    talker.ask("PUT /auth/me/webhook", {"url": talker.inbox.url})
    talker.ask("POST /send-message", HELLO, key="other_account")
    talker.wait(3)


@bold
def webhook_addresses(talker: Talker) -> None:
    for url in (
        "https://example.com/hook",
        "http://example.com/hook",
        "https://localhost/hook",
        "https://10.0.0.1/hook",
    ):
        talker.ask("PUT /auth/me/webhook", {"url": url})
    talker.ask("PUT /auth/me/webhook", {"url": None})
    talker.ask("PUT /auth/me/webhook", {})
