"""The embedded sandbox, made ready for tools that send thousands of requests and know nothing of the provider.

Its limits are raised, since a tool that is told to wait learns nothing more. There are messages in every state. And it
is the first day of the year that the documents allow for `sendAt`: their schemas cannot know today, and so take and
refuse what the sandbox takes and refuses on that day.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from affidavit.clock import VirtualClock
from affidavit.sandbox import whatsapi
from affidavit.sandbox.deviation import SWITCH
from affidavit.sandbox.server import SandboxServer

ROOT = Path(__file__).parent.parent.parent
PROVIDERS = ("chatmaid", "whatsapi")
UNLIMITED = 1_000_000_000
"""Requests a minute."""
BEGIN = (datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=14)).timestamp()
"""The first moment at which it is 2026 somewhere."""
LONG_ENOUGH = 60.0
"""Seconds after which a message has come as far as it will."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A sandbox that runs."""

    server: SandboxServer
    ids: Mapping[str, Sequence[str]]
    """Ids of what there is, by kind: `messages` that the account of `main` sent, and `inbound` that it received."""
    prepared: int
    """Requests that were sent to make it ready."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Each key, under the name of its role."""
        return {f"{role.upper()}_KEY": key for role, key in self.server.keys.items()}

    def requests(self) -> int:
        """How many requests it has answered since it is ready."""
        return _answered(self.server) - self.prepared


def document(provider: str) -> Path:
    """The provider's OpenAPI document."""
    return ROOT / "openapi" / provider / "openapi.yaml"


@contextlib.contextmanager
def stage(provider: str, deviations: Sequence[str] = ()) -> Iterator[Stage]:
    """A sandbox of the provider as long as the block lasts; deviations are put on once it is ready."""
    with SandboxServer(provider, clock=VirtualClock(BEGIN)) as server, httpx.Client(base_url=server.url) as client:
        ids = _PREPARED[provider](server, client)
        if deviations:
            server.control(SWITCH, {"on": list(deviations)})
        yield Stage(server, ids, _answered(server))


def _chatmaid(server: SandboxServer, client: httpx.Client) -> Mapping[str, Sequence[str]]:
    server.control("set-rate-limit", {"requests_per_minute": UNLIMITED})
    return {
        "messages": _ids(client.get("/v1/messages", headers=_as(server, "main"))),
        "inbound": _ids(client.get("/v1/messages/inbound", headers=_as(server, "live"))),
    }


def _whatsapi(server: SandboxServer, client: httpx.Client) -> Mapping[str, Sequence[str]]:
    server.control("set-registration-limit", {"requests_per_minute": UNLIMITED})
    for role in server.keys:
        server.control("set-rate-limit", {"role": role, "requests_per_minute": UNLIMITED})
    for number in whatsapi.RECIPIENTS.values():
        client.post("/send-message", json={"to": number, "message": "Hello"}, headers=_as(server, "main"))
    server.advance(LONG_ENOUGH)
    return {"messages": _ids(client.get("/messages", headers=_as(server, "main")))}


def _answered(server: SandboxServer) -> int:
    entries = httpx.get(f"{server.control_url}requests", params={"limit": 1}).json()["requests"]
    return int(entries[0]["number"]) if entries else 0


def _as(server: SandboxServer, role: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {server.keys[role]}"}


def _ids(answer: httpx.Response) -> Sequence[str]:
    data = answer.raise_for_status().json()["data"]
    return tuple(item["id"] for item in (data if isinstance(data, list) else data["data"]))


_PREPARED = {"chatmaid": _chatmaid, "whatsapi": _whatsapi}
