"""The table of operations, and how a request finds its row.

To add an operation, add a row: the provider's own OpenAPI document (`published`) is made from this table too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from affidavit.sandbox.http import segments
from affidavit.sandbox.model import Response
from affidavit.sandbox.whatsapi import account_operations, message_operations, meta
from affidavit.sandbox.whatsapi.accounts import Account
from affidavit.sandbox.whatsapi.service import Call, Service

Public: TypeAlias = Callable[[Service, Call], Response]
Keyed: TypeAlias = Callable[[Service, Call, Account], Response]

REGISTER = "/auth/register"
PARAMETER = "{id}"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation."""

    method: str
    path: str
    summary: str
    body: str | None = None
    """Name of the schema of its JSON body; None when a body is ignored."""
    success: int = 200
    errors: tuple[int, ...] = ()
    """Documented errors beyond those that every operation of its kind has."""
    idempotent: bool = False
    """Whether it knows the header Idempotency-Key."""

    @cached_property
    def operation(self) -> str:
        """Method and path template."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, kw_only=True)
class PublicRoute(Route):
    """An operation that asks for no API key."""

    answer: Public


@dataclass(frozen=True, kw_only=True)
class KeyedRoute(Route):
    """An operation for the account whose key was sent."""

    answer: Keyed


def _page(service: Service, call: Call) -> Response:
    return service.pages[call.operation]


ROUTES: tuple[PublicRoute | KeyedRoute, ...] = (
    PublicRoute(
        method="POST", path=REGISTER, summary="Create an account and get its API key",
        answer=account_operations.register, body="Registration", success=201, errors=(400, 429),
    ),
    KeyedRoute(
        method="GET", path="/auth/me", summary="Your account",
        answer=account_operations.show,
    ),
    KeyedRoute(
        method="PUT", path="/auth/me/credentials", summary="Save your Meta credentials",
        answer=account_operations.save_credentials, body="Credentials", errors=(400,),
    ),
    KeyedRoute(
        method="DELETE", path="/auth/me/credentials", summary="Remove your Meta credentials",
        answer=account_operations.remove_credentials,
    ),
    KeyedRoute(
        method="POST", path="/auth/me/credentials/verify", summary="Verify your Meta credentials",
        answer=account_operations.verify_credentials, errors=(409,),
    ),
    KeyedRoute(
        method="PUT", path="/auth/me/webhook", summary="Set your webhook URL",
        answer=account_operations.save_webhook, body="Webhook", errors=(400,),
    ),
    KeyedRoute(
        method="DELETE", path="/auth/me/webhook", summary="Remove your webhook URL",
        answer=account_operations.remove_webhook,
    ),
    KeyedRoute(
        method="POST", path="/auth/me/rotate-key", summary="Replace your API key",
        answer=account_operations.rotate_key,
    ),
    KeyedRoute(
        method="POST", path="/send-message", summary="Queue one message",
        answer=message_operations.send, body="Message", success=202, errors=(400, 409, 503), idempotent=True,
    ),
    KeyedRoute(
        method="POST", path="/messages/bulk", summary="Queue many messages",
        answer=message_operations.send_bulk, body="Batch", success=202, errors=(400, 409, 503), idempotent=True,
    ),
    KeyedRoute(
        method="GET", path="/messages", summary="List messages",
        answer=message_operations.list_messages, errors=(400,),
    ),
    KeyedRoute(
        method="GET", path="/messages/{id}", summary="Status and history of a message",
        answer=message_operations.show, errors=(404,),
    ),
    KeyedRoute(
        method="POST", path="/messages/{id}/retry", summary="Queue a failed message again",
        answer=message_operations.retry, success=202, errors=(404, 409, 503),
    ),
    KeyedRoute(
        method="GET", path="/analytics/summary", summary="Delivery statistics",
        answer=message_operations.summarise,
    ),
    KeyedRoute(
        method="POST", path="/billing/checkout", summary="Start a checkout",
        answer=account_operations.start_checkout, body="Checkout", errors=(400,),
    ),
    KeyedRoute(
        method="GET", path="/billing/portal", summary="Open the billing portal",
        answer=account_operations.show_portal,
    ),
    PublicRoute(
        method="GET", path="/webhooks/whatsapp", summary="Handshake with Meta",
        answer=meta.shake_hands, errors=(400, 403),
    ),
    PublicRoute(
        method="POST", path="/webhooks/whatsapp", summary="Events from Meta",
        answer=meta.take_event, body="Event", errors=(400,),
    ),
    PublicRoute(
        method="GET", path="/openapi.json", summary="This document",
        answer=_page,
    ),
    PublicRoute(
        method="GET", path="/llms.txt", summary="Notes for coding agents",
        answer=_page,
    ),
    PublicRoute(
        method="GET", path="/docs", summary="Endpoint explorer",
        answer=_page,
    ),
    PublicRoute(
        method="GET", path="/developers", summary="Pages for developers",
        answer=_page,
    ),
)  # fmt: skip


class Found(NamedTuple):
    """What a request's method and path lead to."""

    route: PublicRoute | KeyedRoute | None
    message_id: str = ""
    allowed: tuple[str, ...] = ()
    """Methods of the path, when there is no route for this one; empty when there is no such path."""


def _tree() -> dict[tuple[str, ...], dict[str, PublicRoute | KeyedRoute]]:
    tree: dict[tuple[str, ...], dict[str, PublicRoute | KeyedRoute]] = {}
    for route in ROUTES:
        tree.setdefault(segments(route.path), {})[route.method] = route
    return tree


_BY_PARTS = _tree()
_BY_PATH = {(route.method, route.path): Found(route) for route in ROUTES if PARAMETER not in route.path}


def find(method: str, path: str) -> Found:
    """The route for a method and a raw path."""
    return _BY_PATH.get((method, path)) or _find_by_parts(method, segments(path))


def _find_by_parts(method: str, parts: tuple[str, ...]) -> Found:
    """A path that is spelled out is never one with the parameter, whatever the method: so OpenAPI tells paths apart."""
    message_id = parts[1] if len(parts) > 1 else ""
    templated = (parts[0], PARAMETER, *parts[2:]) if message_id else parts
    known = _BY_PARTS.get(parts) or _BY_PARTS.get(templated, {})
    route = known.get(method)
    if route is None:
        return Found(None, allowed=tuple(sorted(known)))
    return Found(route, message_id if PARAMETER in route.path else "")
