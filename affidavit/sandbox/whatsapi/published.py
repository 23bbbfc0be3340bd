"""What the provider publishes about itself: an OpenAPI document, notes for coding agents, a page.

All three are made from the table of operations. They are the imitation's own words; the contract that Affidavit holds
a server to is another document, written by other hands.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TypeAlias

from affidavit.sandbox.http import json_response
from affidavit.sandbox.model import Json, Response
from affidavit.sandbox.whatsapi.accounts import PLANS
from affidavit.sandbox.whatsapi.listing import LARGEST_PAGE, USUAL_PAGE
from affidavit.sandbox.whatsapi.messages import STATUSES
from affidavit.sandbox.whatsapi.routes import PARAMETER, ROUTES, PublicRoute, Route
from affidavit.sandbox.whatsapi.validation import EMAIL, LONGEST_TEXT, PHONE_NUMBER, SELF_SERVICE_PLANS

Object: TypeAlias = dict[str, Json]

TITLES = {
    200: "Done",
    201: "Created",
    202: "Accepted",
    400: "Bad request: `details` lists each failing field",
    401: "Not authenticated",
    403: "The account has been deactivated",
    404: "Not found",
    409: "Conflict",
    429: "Too many requests: see Retry-After",
    503: "Sending is paused; resolves automatically",
}


def _object(required: tuple[str, ...], **properties: Json) -> Object:
    return {"type": "object", "required": list(required), "properties": properties}


def _text(**more: Json) -> Object:
    return {"type": "string", "minLength": 1, **more}


SCHEMAS: Object = {
    "Registration": _object(("name", "email"), name=_text(), email=_text(pattern=f"^{EMAIL.pattern}$")),
    "Credentials": _object(
        ("whatsappAccessToken", "whatsappPhoneNumberId"), whatsappAccessToken=_text(), whatsappPhoneNumberId=_text()
    ),
    "Webhook": _object(("url",), url=_text(format="uri", description="A public HTTPS URL.")),
    "Checkout": _object(("plan",), plan={"type": "string", "enum": list(SELF_SERVICE_PLANS)}),
    "Template": _object(
        ("name", "language"), name=_text(), language=_text(), components={"type": "array", "items": {"type": "object"}}
    ),
    "Message": {
        **_object(
            ("to",),
            to={"type": "string", "pattern": f"^{PHONE_NUMBER.pattern}$"},
            message=_text(maxLength=LONGEST_TEXT),
            template={"$ref": "#/components/schemas/Template"},
            sendAt={"type": "string", "format": "date-time", "description": "In the future."},
            metadata={"type": "object"},
            dry_run={"type": "boolean", "default": False},
        ),
        "oneOf": [{"required": ["message"]}, {"required": ["template"]}],
    },
    "Batch": _object(("messages",), messages={"type": "array", "minItems": 1, "items": {}}),
    "Event": {"description": "A webhook event of Meta's."},
    "Error": _object(
        ("success", "error"),
        success={"const": False},
        error=_text(),
        details={"type": "array", "items": _object(("field", "message"), field=_text(), message=_text())},
    ),
}

_WHOLE: Object = {"type": "integer"}
PARAMETERS: Mapping[str, list[Json]] = {
    "GET /messages": [
        {"name": "status", "in": "query", "schema": {"type": "string", "enum": list(STATUSES)}},
        {"name": "batchId", "in": "query", "schema": {"type": "string"}},
        {
            "name": "limit",
            "in": "query",
            "schema": {**_WHOLE, "minimum": 1, "maximum": LARGEST_PAGE, "default": USUAL_PAGE},
        },
        {"name": "page", "in": "query", "schema": {**_WHOLE, "minimum": 1, "default": 1}},
    ],
    "GET /webhooks/whatsapp": [
        {"name": f"hub.{name}", "in": "query", "required": True, "schema": {"type": "string"}}
        for name in ("mode", "verify_token", "challenge")
    ],
}
"""Query parameters by operation."""
_IDEMPOTENCY_KEY: Object = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
_MESSAGE_ID: Object = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def openapi_document() -> Object:
    """The OpenAPI document."""
    paths: dict[str, dict[str, Json]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "WhatsAPI", "version": "1.0.0", "description": "Embedded imitation; sends nothing."},
        "security": [{"key": []}],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: Route) -> Object:
    operation: Object = {"summary": route.summary, "responses": _responses(route)}
    parameters = list(PARAMETERS.get(route.operation, []))
    if PARAMETER in route.path:
        parameters.append(_MESSAGE_ID)
    if route.idempotent:
        parameters.append(_IDEMPOTENCY_KEY)
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        content: Json = {"application/json": {"schema": {"$ref": f"#/components/schemas/{route.body}"}}}
        operation["requestBody"] = {"required": True, "content": content}
    if isinstance(route, PublicRoute):
        operation["security"] = []
    return operation


def _responses(route: Route) -> Object:
    error: Json = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    errors = sorted({*route.errors, *(() if isinstance(route, PublicRoute) else (401, 403, 429))})
    answers: Object = {str(route.success): {"description": TITLES[route.success]}}
    return answers | {str(status): {"description": TITLES[status], "content": error} for status in errors}


def notes() -> str:
    """The notes for coding agents."""
    plans = ", ".join(f"{plan.name} {plan.requests_per_minute}" for plan in PLANS.values())
    lines = (
        "# WhatsAPI",
        "",
        "> Send WhatsApp messages over HTTP. This is an embedded imitation: nothing leaves it.",
        "",
        "- Authorization: Bearer sk_live_... on every request except POST /auth/register.",
        "- Sending is asynchronous: 202 and an id, then GET /messages/{id} or a webhook.",
        "- Phone numbers: E.164, digits only, without +.",
        f"- Requests per minute: {plans}.",
        "",
        "## Operations",
        "",
        *(f"- {route.operation}: {route.summary}" for route in ROUTES),
    )
    return "\n".join((*lines, ""))


def page() -> str:
    """The endpoint explorer, as plain as can be."""
    rows = "".join(
        f"<tr><td><code>{escape(route.operation)}</code></td><td>{escape(route.summary)}</td></tr>\n"
        for route in ROUTES
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>WhatsAPI</title></head>\n<body>\n'
        f"<h1>WhatsAPI</h1>\n<p>An embedded imitation: nothing leaves it.</p>\n<table>\n{rows}</table>\n"
        "</body>\n</html>\n"
    )


def pages() -> dict[str, Response]:
    """The answers of the four operations."""
    shown = Response(200, (("Content-Type", "text/html; charset=utf-8"),), page().encode())
    return {
        "GET /openapi.json": json_response(200, openapi_document()),
        "GET /llms.txt": Response(200, (("Content-Type", "text/plain; charset=utf-8"),), notes().encode()),
        "GET /docs": shown,
        "GET /developers": shown,
    }
