"""A customer of the Chatmaid machine with a clock of its own, for the tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from affidavit.sandbox.chatmaid import RECIPIENTS, ChatmaidMachine, Options
from affidavit.sandbox.model import Json, Request, Response

START = 1_893_553_445.678
"""2030-01-02T03:04:05.678Z."""
PRIMARY, SUPPORT, DISCONNECTED, CONNECTING, FOREIGN = (f"+120255501{last}" for last in (10, 11, 12, 13, 20))
"""The seeded phones; the last is the other account's."""
UNLIMITED = Options(requests_per_minute=1_000_000)


@dataclass(frozen=True)
class Answer:
    """One response, read."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def data(self) -> Any:  # noqa: ANN401 - any JSON value
        """What a success carries."""
        assert self.body["success"] is True, self.body
        return self.body["data"]

    @property
    def items(self) -> Any:  # noqa: ANN401 - any JSON value
        """What a page carries."""
        return self.data["data"]

    @property
    def wrong(self) -> Any:  # noqa: ANN401 - any JSON value
        """What a failure says."""
        assert self.body["success"] is False, self.body
        return self.body["message"]


class Caller:
    """Sends requests with the key of a role, at a moment that only `wait` moves."""

    def __init__(self, options: Options = UNLIMITED, seed: int = 7) -> None:
        self.machine = ChatmaidMachine(seed, START, options=options)
        self.now = START

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def step(self, request: Request) -> Answer:
        """Ask exactly this."""
        return read(self.machine.step(request, self.now))

    def get(self, path: str, *query: tuple[str, str], role: str = "main", method: str = "GET") -> Answer:
        """Ask for a path."""
        return self.step(Request(method, path, query, self.headers(role)))

    def post(self, body: bytes, role: str = "main", content_type: str = "application/json") -> Answer:
        """Post a body, as it stands, to the send operation."""
        headers = {**self.headers(role), "content-type": content_type}
        return self.step(Request("POST", "/v1/messages/send", (), headers, body))

    def send(self, role: str = "main", without: str = "", **changes: Any) -> Answer:  # noqa: ANN401 - any JSON value
        """Send an ordinary message with some fields changed, and the field `without` left out."""
        order = {"fromPhoneId": PRIMARY, "to": RECIPIENTS["normal"], "content": "Hello", **changes}
        return self.post(json.dumps({name: value for name, value in order.items() if name != without}).encode(), role)

    def message(self, message_id: str, role: str = "main") -> Any:  # noqa: ANN401 - any JSON value
        """The message as it is now."""
        return self.get(f"/v1/messages/{message_id}", role=role).data

    def control(self, action: str, **arguments: Json) -> Any:  # noqa: ANN401 - any JSON value
        """Do something only a sandbox can, and see the answer as JSON carries it."""
        return json.loads(json.dumps(self.machine.control(action, arguments, self.now)))

    def headers(self, role: str) -> dict[str, str]:
        """What a request with that role's key carries."""
        return {"authorization": f"Bearer {self.machine.keys()[role]}"}


def read(response: Response) -> Answer:
    """The response with its body as JSON."""
    return Answer(response.status, dict(response.headers), json.loads(response.body))
