"""Which operation a request is for: a table of templates, and how a path finds its row.

A template's `*` stands for one non-empty segment, decoded after the path was split, so `%2B1202…` and a literal
`+1202…` are one phone and `%2F` separates nothing. Where a path fits several templates, the first row wins: what is
spelled out comes before `*`, so `/v1/messages/send` is never a message called "send".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from affidavit.sandbox.chatmaid import operations
from affidavit.sandbox.chatmaid.envelope import ProblemError
from affidavit.sandbox.chatmaid.operations import Call
from affidavit.sandbox.http import segments
from affidavit.sandbox.model import Json

SENDING = frozenset({"messages:send", "messages:write"})
READING = frozenset({"messages:read"})
PHONES = frozenset({"phone_numbers:read", "phone-numbers:read"}) | SENDING | READING
"""A key with message scopes lists phones in the quickstart (G-06)."""
ACCOUNT = frozenset({"account:read"}) | SENDING | READING


class Route(NamedTuple):
    """One operation and what it takes to get there."""

    method: str
    template: str
    scopes: frozenset[str]
    """Any one of them suffices."""
    success: int
    """Status of the answer when it was served."""
    operation: Callable[[Call], Json]


ROUTES = (
    Route("POST", "/v1/messages/send", SENDING, 201, operations.send_message),
    Route("GET", "/v1/messages", READING, 200, operations.list_messages),
    Route("GET", "/v1/messages/inbound", READING, 200, operations.list_inbound),
    Route("GET", "/v1/messages/inbound/*", READING, 200, operations.get_inbound),
    Route("GET", "/v1/messages/*", READING, 200, operations.get_message),
    Route("GET", "/v1/phone-numbers", PHONES, 200, operations.list_phones),
    Route("GET", "/v1/phone-numbers/*", PHONES, 200, operations.get_phone),
    Route("GET", "/v1/phone-numbers/*/status", PHONES, 200, operations.get_phone_status),
    Route("GET", "/v1/account", ACCOUNT, 200, operations.get_account),
    Route("GET", "/v1/account/usage", ACCOUNT, 200, operations.get_usage),
)
"""The more specific of two templates first; each path has one method."""

_PATTERNS = tuple((segments(route.template), route) for route in ROUTES)


def find(method: str, path: str) -> tuple[Route, str]:
    """The route, and what stands for its `*`; raises ProblemError 404 for an unknown path, 405 for another method."""
    parts = segments(path)
    for pattern, route in _PATTERNS:
        parameter = _fit(pattern, parts)
        if parameter is not None:
            if method != route.method:
                raise ProblemError(405, f"Cannot {method} {path}", headers=(("Allow", route.method),))
            return route, parameter
    raise ProblemError(404, f"Cannot {method} {path}")


def _fit(pattern: tuple[str, ...], parts: tuple[str, ...]) -> str | None:
    """What stands for the pattern's `*`, or an empty string when it has none; None: the parts do not fit."""
    if len(pattern) != len(parts):
        return None
    parameter = ""
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted == "*" and part:
            parameter = part
        elif wanted != part:
            return None
    return parameter
