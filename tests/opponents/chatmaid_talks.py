"""What a caller asks of a Chatmaid to see a defect: each talk is a few requests, and what came back is kept."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.opponents.chatmaid import ChatmaidOpponent, Json

FRONT_DESK = "+442079460012"
OLD_HANDSET = "+442079460011"
NOBODY = "+12025550100"
NO_ANSWER = 0
TEXT = "  Gru\u0308\u00dfe & <b>Zoe\u0308</b>\t\U0001f44d\U0001f3fd \u4f60\u597d\r\nline two  " + "x" * 1200 + " "
MEDIA = ["https://cdn.example.com/b%20c.png?x=1&y=%2B", "https://cdn.example.com/a.pdf"]

Talk = Callable[["Talker"], object]


@dataclass
class Heard:
    """One answer; the status is 0 when there was none."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def data(self) -> Any:  # noqa: ANN401 - any JSON
        """Get what is under `data`, None if nothing is."""
        try:
            payload = json.loads(self.body)
        except ValueError:
            return None
        return payload.get("data") if isinstance(payload, dict) else None

    @property
    def identity(self) -> str:
        """Get the id of what was answered."""
        return str(self.data.get("id", "msg_none")) if isinstance(self.data, dict) else "msg_none"


@dataclass
class Talker:
    """Asks an opponent and writes down all it hears."""

    opponent: ChatmaidOpponent
    pass_time: Callable[[float], None]
    client: httpx.Client
    heard: list[tuple[str, Heard]] = field(default_factory=list)

    def ask(
        self,
        request: str,
        role: str = "main",
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Heard:
        """Send a request like "GET /v1/messages"; bytes go as they are, all else as JSON; {0} is the oldest message."""
        method, _, path = request.partition(" ")
        sent = {"Authorization": f"Bearer {self.opponent.keys[role]}"} if role else {}
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        try:
            response = self.client.request(
                method, self.fill(path), content=content, headers={**sent, **(headers or {})}
            )
        except httpx.TransportError:
            heard = Heard(NO_ANSWER)
        else:
            names = [(name.decode(), value.decode()) for name, value in response.headers.raw]
            heard = Heard(response.status_code, names, response.content)
        self.heard.append((request, heard))
        return heard

    def fill(self, path: str) -> str:
        """Write ids in a path: {m0} for messages, {i0} for inbound ones, {p0} for phones, as they were made."""
        messages, phones = list(self.opponent._messages), [phone["id"] for phone in self.opponent._phones]
        received = [message["shown"]["id"] for message in self.opponent._received]
        for letter, identities in (("m", messages), ("i", received), ("p", phones)):
            for place, identity in enumerate(identities[:9]):
                path = path.replace(f"{{{letter}{place}}}", identity)
        return path

    def send(self, role: str = "main", **fields: Any) -> Heard:  # noqa: ANN401 - any JSON
        """Send a text, with these fields instead or besides; None leaves one out."""
        body: Json = {"fromPhoneId": FRONT_DESK, "to": NOBODY, "content": "Hello"} | fields
        if isinstance(body["fromPhoneId"], str):
            body["fromPhoneId"] = self.fill(body["fromPhoneId"])
        left = {name: value for name, value in body.items() if value is not None}
        return self.ask("POST /v1/messages/send", role, body=left)

    def read(self, sent: Heard, role: str = "main") -> Heard:
        """Read the message that a send was answered with."""
        return self.ask(f"GET /v1/messages/{sent.identity}", role)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.pass_time(seconds)


def quickstart(talker: Talker) -> None:
    phones = talker.ask("GET /v1/phone-numbers").data
    found = [phone for phone in phones if isinstance(phone, dict)] if isinstance(phones, list) else []
    connected = [phone.get("phoneNumber") for phone in found if phone.get("connectionStatus") == "connected"]
    sent = talker.send(fromPhoneId=connected[0] if connected else FRONT_DESK, content="Hello from Chatmaid")
    if sent.identity != "msg_none":
        talker.read(sent)


@functools.cache
def getting(*requests: str, role: str = "main") -> Talk:
    """Read some addresses with the key of a role."""

    def run(talker: Talker) -> None:
        for request in requests:
            talker.ask(f"GET /v1/{request}", role)

    return run


@functools.cache
def getting_as(*roles: str, request: str) -> Talk:
    """Read one address with several keys; "" is none."""

    def run(talker: Talker) -> None:
        for role in roles:
            talker.ask(f"GET /v1/{request}", role)

    return run


def sending(**fields: Any) -> Talk:  # noqa: ANN401 - any JSON
    """Send and read one message with these fields."""

    def run(talker: Talker) -> None:
        talker.read(talker.send(**fields))

    return run


@functools.cache
def sending_as(*roles: str) -> Talk:
    """Send one message with each of several keys."""

    def run(talker: Talker) -> None:
        for role in roles:
            talker.send(role)

    return run


@functools.cache
def bodies(*texts: bytes) -> Talk:
    """Send bodies as they are."""

    def run(talker: Talker) -> None:
        for text in texts:
            talker.ask("POST /v1/messages/send", body=text)

    return run


@functools.cache
def with_authorization(*values: str) -> Talk:
    """Show odd keys."""

    def run(talker: Talker) -> None:
        for value in values:
            talker.ask("GET /v1/account", "", headers={"Authorization": value})

    return run


@functools.cache
def following(role: str = "main", *waits: float) -> Talk:
    """Send a message, and read and list it as it goes on."""

    def run(talker: Talker) -> None:
        sent = talker.send(role)
        for seconds in (0, *(waits or (1, 4, 10, 20, 60))):
            talker.wait(seconds)
            talker.read(sent, role)
            talker.ask("GET /v1/messages", role)

    return run


def text(talker: Talker) -> None:
    talker.read(talker.send(content=TEXT, mediaUrls=MEDIA))
    talker.ask("GET /v1/messages?limit=1")


def replays(talker: Talker) -> None:
    talker.read(talker.send(idempotencyKey="order-7784"))
    for fields in ({}, {"content": "Other"}, {"to": "+12025550101"}, {"content": "Hello"}):
        talker.wait(2)
        talker.read(talker.send(idempotencyKey="order-7784", **fields))
    talker.ask("GET /v1/messages")


def replays_of_others(talker: Talker) -> None:
    for role, sender in (("main", FRONT_DESK), ("live", FRONT_DESK), ("second", FRONT_DESK)):
        talker.send(role, fromPhoneId=sender, idempotencyKey="order-7784", content=role)
    talker.send("other_account", fromPhoneId="{p4}", idempotencyKey="order-7784", content="other")


def replays_late(talker: Talker) -> None:
    for hours in (0, 1, 25):
        talker.wait(hours * 3600)
        talker.send(idempotencyKey="order-7784")


def near_replays(talker: Talker) -> None:
    for key in ("order-7784", "ORDER-7784", " order-7784 ", "o" * 40 + "1", "o" * 40 + "2", "", ""):
        talker.send(idempotencyKey=key, content=f"With {key}")


def corrected_replay(talker: Talker) -> None:
    talker.send(idempotencyKey="order-7784", to="12025550100")
    talker.send(idempotencyKey="order-7784")


def same_text_twice(talker: Talker) -> None:
    talker.send()
    talker.wait(5)
    talker.send()


def six_more(talker: Talker) -> None:
    """Send six, two of them in one moment, and read the list in pages of two and of three."""
    for count in range(6):
        talker.send(content=f"Number {count}", to=f"+1202555012{count}")
        talker.wait(count % 2)
    for query in ("page=1&limit=2", "page=2&limit=2", "page=5&limit=2", "page=2&limit=3", "limit=4", ""):
        talker.ask(f"GET /v1/messages?{query}")


def pages_of_inbound(talker: Talker) -> None:
    for query in ("", "?limit=2", "?page=2&limit=2", "?page=3&limit=2"):
        talker.ask(f"GET /v1/messages/inbound{query}", "live")


def hundred_and_two(talker: Talker) -> None:
    for count in range(102):
        talker.send("second" if count % 2 else "main", content=f"Number {count}")
    for limit in (100, 101, 1000):
        talker.ask(f"GET /v1/messages?limit={limit}")


def filters(talker: Talker) -> None:
    talker.send()
    talker.wait(5)
    for query in ("status=sent", "status=delivered", "status=read", "status=failed", "status=pending"):
        talker.ask(f"GET /v1/messages?{query}")
    for query in ("phoneNumberId={p0}", "phoneNumberId={p0}&status=failed", "phoneNumberId={p0}&limit=1"):
        talker.ask(f"GET /v1/messages?{query}")


def sender_of_others(talker: Talker) -> None:
    talker.ask("GET /v1/messages?phoneNumberId={p4}")
    talker.ask("GET /v1/messages/inbound?phoneNumberId={p4}", "live")
    talker.send(fromPhoneId="{p4}")


def phones(talker: Talker) -> None:
    for path in ("", "/{p1}", "/{p1}/status", "/%2B442079460012", "/%2B442079460012/status", "/{p0}", "/{p0}/status"):
        talker.ask(f"GET /v1/phone-numbers{path}")


def usage_grows(talker: Talker) -> None:
    for path in ("account", "account/usage?period=day"):
        talker.ask(f"GET /v1/{path}", "second")
    talker.send("other_account", fromPhoneId="{p4}")
    talker.send()
    for path in ("account", "account/usage?period=day"):
        talker.ask(f"GET /v1/{path}", "second")


def until_limited(talker: Talker, role: str = "only_account_read", path: str = "account") -> Heard:
    heard = talker.ask(f"GET /v1/{path}", role)
    for _ in range(130):
        if heard.status not in (200, 500):
            break
        heard = talker.ask(f"GET /v1/{path}", role)
    return heard


def limit(talker: Talker) -> None:
    """Use up one key, look at others, then come back after waiting."""
    until_limited(talker)
    talker.ask("GET /v1/account", "second")
    talker.ask("GET /v1/account", "other_account")
    for seconds in (10, 20, 29.9, 0.2, 60):
        talker.wait(seconds)
        talker.ask("GET /v1/account", "only_account_read")


def limit_of_sending(talker: Talker) -> None:
    until_limited(talker, "only_messages_send")
    talker.send("only_messages_send")
    talker.ask("GET /v1/messages?limit=1")


def limits_in_the_middle_of_minutes(talker: Talker) -> None:
    """Ask a few times, then twice as much as is allowed, so that the kind of window shows."""
    talker.wait(20)
    for _ in range(20):
        talker.ask("GET /v1/account", "only_account_read")
    for seconds in (45, 20):
        talker.wait(seconds)
        until_limited(talker)


def in_the_afternoon(talker: Talker) -> None:
    talker.wait(6 * 3600)
    talker.read(talker.send())


def limit_of_reading(talker: Talker) -> None:
    until_limited(talker)
    talker.ask("GET /v1/messages", "only_account_read")


def two_keys_in_turn(talker: Talker) -> None:
    for key in ("order-1", "order-2", "order-1"):
        talker.send(idempotencyKey=key)
