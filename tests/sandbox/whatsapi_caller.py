"""A customer of the WhatsAPI machine with a clock of its own, for the tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from affidavit.sandbox.model import Json, Outgoing, Request
from affidavit.sandbox.whatsapi import RECIPIENTS, Options, WhatsapiMachine

START = 1_900_000_000.25
"""2030-03-17T17:46:40.250Z."""
NORMAL, CLOSED = RECIPIENTS["normal"], RECIPIENTS["window-closed"]
URL = "https://receiver.example/whatsapi"


@dataclass(frozen=True)
class Answer:
    """One response, read."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:  # noqa: ANN401 - any JSON value
        """The body as JSON."""
        return json.loads(self.raw)

    @property
    def data(self) -> Any:  # noqa: ANN401 - any JSON value
        """What a success carries."""
        assert self.body["success"] is True, self.body
        return self.body["data"]

    @property
    def error(self) -> tuple[int, str]:
        """Status and sentence of a failure that is no 400."""
        assert set(self.body) == {"success", "error"}, self.body
        assert self.body["success"] is False
        return self.status, self.body["error"]

    @property
    def faults(self) -> list[tuple[str, str]]:
        """Field and message of each detail of a 400."""
        assert (self.status, self.body["success"]) == (400, False), self.body
        assert set(self.body) == {"success", "error", "details"}
        return [(detail["field"], detail["message"]) for detail in self.body["details"]]

    @property
    def limits(self) -> tuple[int, int, int]:
        """Limit, remaining, reset."""
        limit, remaining, reset = (int(self.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))
        return limit, remaining, reset


class Caller:
    """Sends requests with the key of a role, at a moment that only `wait` moves."""

    def __init__(self, options: Options | None = None, *, seed: int = 7, unlimited: bool = True) -> None:
        self.machine = WhatsapiMachine(seed, START, options=options or Options())
        self.now = START
        if unlimited:
            for role in self.control("describe")["accounts"]:
                self.control("set-rate-limit", role=role, requests_per_minute=1_000_000)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def control(self, action: str, **arguments: Json) -> Any:  # noqa: ANN401 - any JSON value
        """Pull a lever."""
        return self.machine.control(action, arguments, self.now)

    def step(self, request: Request) -> Answer:
        """Ask exactly this."""
        response = self.machine.step(request, self.now)
        assert len({name.lower() for name, _ in response.headers}) == len(response.headers)
        return Answer(response.status, dict(response.headers), response.body)

    def ask(  # noqa: PLR0913 - every part of a request, each with its default
        self,
        method: str,
        path: str,
        *,
        query: tuple[tuple[str, str], ...] = (),
        headers: dict[str, str] | None = None,
        raw: bytes = b"",
        role: str | None = "main",
        client: str = "192.0.2.1",
    ) -> Answer:
        """Send bytes with the key of a role."""
        key = {} if role is None else {"authorization": f"Bearer {self.machine.keys()[role]}"}
        return self.step(Request(method, path, query, key | (headers or {}), raw, client))

    def get(self, path: str, *query: tuple[str, str], role: str | None = "main") -> Answer:
        """GET it."""
        return self.ask("GET", path, query=query, role=role)

    def post(self, path: str, body: object = None, *, role: str | None = "main", **headers: str) -> Answer:
        """POST it as JSON; `idempotency_key="k"` is a header."""
        return self.put(path, body, role=role, method="POST", **headers)

    def put(
        self, path: str, body: object = None, *, role: str | None = "main", method: str = "PUT", **headers: str
    ) -> Answer:
        """PUT it as JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(
            method, path, role=role, headers={"content-type": "application/json"} | named, raw=json.dumps(body).encode()
        )

    def delete(self, path: str, *, role: str | None = "main") -> Answer:
        """DELETE it."""
        return self.ask("DELETE", path, role=role)

    def send(self, to: str = NORMAL, *, role: str = "main", **more: object) -> str:
        """Send a text, or what `more` says, and return the message's id."""
        text = {} if "template" in more else {"message": "Hello"}
        answer = self.post("/send-message", {"to": to, **text, **more}, role=role)
        assert answer.status == 202, answer.body
        message_id: str = answer.data["id"]
        return message_id

    def message(self, message_id: str, role: str = "main") -> Any:  # noqa: ANN401 - any JSON value
        """The message as it is now."""
        answer = self.get(f"/messages/{message_id}", role=role)
        assert answer.status == 200, answer.body
        return answer.data

    def course(self, message_id: str, role: str = "main") -> list[tuple[str, float]]:
        """Each step of the message so far, with the seconds from the first one."""
        timeline = self.message(message_id, role)["timeline"]
        return [(step["status"], seconds_between(timeline[0]["at"], step["at"])) for step in timeline]

    def ids(self, *query: tuple[str, str], role: str = "main") -> list[str]:
        """Ids of one page of the list."""
        return [item["id"] for item in self.get("/messages", *query, role=role).body["data"]]

    def post_due(self, status: int | None = 200) -> list[Outgoing]:
        """Let the webhooks leave that are due, all answered alike."""
        due = list(self.machine.tick(self.now))
        for outgoing in due:
            self.machine.delivered(outgoing, status, self.now)
        return due

    def post_all(self, status: int | None = 200) -> list[Outgoing]:
        """Let webhooks leave as they fall due, until nothing is left to do."""
        posted = []
        while (due := self.machine.next_due()) is not None:
            self.now = max(self.now, due)
            posted += self.post_due(status)
        return posted


def seconds_between(one: str, other: str) -> float:
    """How much later the other moment is; both as the machine writes them."""
    return round(_seconds(other) - _seconds(one), 3)


def _seconds(moment: str) -> float:
    hours, minutes, seconds = moment.removesuffix("Z").partition("T")[2].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
