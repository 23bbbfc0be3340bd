"""What the operations work on, and how they see a request and answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from affidavit.sandbox.http import json_response
from affidavit.sandbox.model import Json, Request, Response
from affidavit.sandbox.whatsapi.accounts import Account, Accounts
from affidavit.sandbox.whatsapi.identity import Identity
from affidavit.sandbox.whatsapi.lifecycle import ApprovedTemplate
from affidavit.sandbox.whatsapi.options import Options
from affidavit.sandbox.whatsapi.refusal import Refusal
from affidavit.sandbox.whatsapi.upstream import Upstream
from affidavit.sandbox.whatsapi.webhooks import Outbox
from affidavit.sandbox.window import FixedWindow


@dataclass(frozen=True, slots=True)
class Service:
    """The whole state of the imitation."""

    options: Options
    identity: Identity
    accounts: Accounts
    roles: Mapping[str, Account]
    """The seeded accounts."""
    upstream: Upstream
    outbox: Outbox
    templates: Mapping[str, ApprovedTemplate]
    verify_token: str
    """The word agreed with Meta for the handshake."""
    registrations: FixedWindow
    """Counts registrations by client address."""
    pages: Mapping[str, Response]
    """What the provider publishes about itself, by operation."""


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted request."""

    request: Request
    now: float
    operation: str
    """Method and path template."""
    message_id: str
    """The path's parameter; '' where it has none."""
    body: Json
    """None where the operation takes no body."""


def succeeded(status: int, data: Json) -> Response:
    """The documented envelope of a success (G-15)."""
    return json_response(status, {"success": True, "data": data})


def refused(refusal: Refusal) -> Response:
    """The documented envelope of an error."""
    body: dict[str, Json] = {"success": False, "error": refusal.error}
    if refusal.details:
        body["details"] = [{"field": field, "message": message} for field, message in refusal.details]
    return json_response(refusal.status, body, refusal.headers)
