"""The OpenAPI document of WhatsAPI says what the provider's document shows, and refuses what comes close.

The bodies below are the provider's own examples, with three changes: recipients are reserved numbers, moments of
sending lie in the future, and what the document abbreviates ("9dd15ee1-...") is written out.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "openapi" / "whatsapi" / "openapi.yaml").read_text(encoding="utf-8")
)
URI = "urn:affidavit:whatsapi"
REGISTRY: Registry[Any] = Registry().with_resource(URI, DRAFT202012.create_resource(DOCUMENT))
METHODS = ("get", "put", "post", "delete")

ALICE, BOB = "12025550101", "12025550102"
RESERVED = re.compile(r"120255501\d\d")
ID = "9dd15ee1-3d3c-44e1-9dd2-8ec6547e7e20"
FUTURE = "2099-01-01T09:00:00Z"
ZEROS = "sk_live_" + "0" * 48


# --- validation ------------------------------------------------------------------------------------------------------


def _pattern(
    _validator: Draft202012Validator, pattern: str, instance: object, _schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """OpenAPI's patterns are ECMAScript's, where `$` is the very end; Python's `$` lets one newline pass."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$\Z", r"\\Z", pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]  # as the stubs have it


def validator(*pointer: str) -> Any:  # noqa: ANN401 - `extend` returns a class that only exists at run time
    """A validator for the schema at this place of the document."""
    tokens = (token.replace("~", "~0").replace("/", "~1") for token in pointer)
    schema = {"$ref": f"{URI}#/{'/'.join(tokens)}"}
    return Validator(schema, registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER)


def errors(name: str, instance: object) -> set[tuple[str, str]]:
    """What is wrong with an instance of a named schema: where, and by which keyword."""
    found = validator("components", "schemas", name).iter_errors(instance)
    return {(error.json_path, str(error.validator)) for error in found}


def changed(body: dict[str, Any], *path: str | int, to: object) -> dict[str, Any]:
    """A copy of the body with another value at this place."""
    copied = copy.deepcopy(body)
    target: Any = copied
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = to
    return copied


def without(body: dict[str, Any], *path: str | int) -> dict[str, Any]:
    """A copy of the body that lacks this place."""
    copied = copy.deepcopy(body)
    target: Any = copied
    for step in path[:-1]:
        target = target[step]
    del target[path[-1]]
    return copied


# --- the provider's own examples -------------------------------------------------------------------------------------

REGISTER = {"name": "Your Name", "email": "name@company.example"}
REGISTERED = {"success": True, "data": {"apiKey": ZEROS, "plan": "free"}}
CREDENTIALS = {"whatsappAccessToken": "EAAc...", "whatsappPhoneNumberId": "1234567890"}
WEBHOOK = {"url": "https://yourapp.com/webhooks/whatsapi"}
HELLO = {"to": ALICE, "template": {"name": "hello_world", "language": "en_US"}}
TEXT = {"to": ALICE, "message": "Hi Sarah! Your order #1234 has shipped.", "metadata": {"orderId": "1234"}}
ORDER_READY = {
    "to": ALICE,
    "template": {
        "name": "order_ready",
        "language": "en_US",
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "Sarah"}, {"type": "text", "text": "#1042"}]}
        ],
    },
}
REMINDER = {
    "to": ALICE,
    "message": "Reminder: your appointment is tomorrow at 9am.",
    "sendAt": "2099-04-15T08:00:00.000Z",
}
QUEUED = {"success": True, "data": {"id": ID, "status": "queued", "scheduledFor": None}}
BULK = {
    "messages": [
        {"to": ALICE, "message": "Hi Alice, your code is 1234"},
        {"to": BOB, "message": "Hi Bob, your code is 5678"},
    ]
}
BATCH = {"data": {"batchId": "a3f9c2d1-...", "totalMessages": 2, "queued": 2, "failedCount": 0}}
MESSAGE = {
    "data": {
        "id": ID,
        "to": ALICE,
        "body": "Hi Sarah! Your order #1234 has shipped.",
        "status": "delivered",
        "sentAt": "2026-03-28T10:00:01Z",
        "deliveredAt": "2026-03-28T10:00:04Z",
        "readAt": None,
        "failedAt": None,
        "errorMessage": None,
        "metadata": {"orderId": "1234"},
        "timeline": [
            {"status": "queued", "at": "2026-03-28T10:00:00Z"},
            {"status": "sent", "at": "2026-03-28T10:00:01Z"},
            {"status": "delivered", "at": "2026-03-28T10:00:04Z"},
        ],
    }
}
SUMMARY = {
    "data": {
        "total": 1042,
        "byStatus": {"delivered": 980, "failed": 52, "sent": 10},
        "deliveryRate": 0.94,
        "failureRate": 0.05,
    }
}
EVENT = {
    "event": "message.status_updated",
    "timestamp": "2026-03-28T10:00:04Z",
    "data": {
        "messageId": ID,
        "status": "delivered",
        "to": ALICE,
        "deliveredAt": "2026-03-28T10:00:04Z",
        "readAt": None,
        "failedAt": None,
        "errorMessage": None,
        "metadata": {"orderId": "1234"},
    },
}
ACCOUNT = {
    "data": {
        "name": "Your Name",
        "email": "name@company.example",
        "plan": "free",
        "messagesSent": 42,
        "byocConfigured": False,
        "webhookUrl": None,
    }
}
REFUSED = {"success": False, "error": "Invalid API key."}
INVALID = {"success": False, "error": "The request is not valid.", "details": ["to"]}
ROTATED = {"success": True, "data": {"apiKey": ZEROS}}
CHECKOUT = {"plan": "pro"}
CHECKED_OUT = {"data": {"url": "https://checkout.stripe.example/session"}}

OWN_EXAMPLES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("RegisterRequest", REGISTER),
    ("RegisterResponse", REGISTERED),
    ("CredentialsRequest", CREDENTIALS),
    ("WebhookRequest", WEBHOOK),
    ("SendMessageRequest", HELLO),
    ("SendMessageRequest", TEXT),
    ("SendMessageRequest", ORDER_READY),
    ("SendMessageRequest", REMINDER),
    ("SendMessageResponse", QUEUED),
    ("SendBulkRequest", BULK),
    ("SendBulkResponse", BATCH),
    ("MessageResponse", MESSAGE),
    ("AnalyticsResponse", SUMMARY),
    ("StatusEvent", EVENT),
    ("AccountResponse", ACCOUNT),
    ("Error", REFUSED),
    ("ValidationError", INVALID),
    ("RotateKeyResponse", ROTATED),
    ("CheckoutRequest", CHECKOUT),
    ("CheckoutResponse", CHECKED_OUT),
)


@pytest.mark.parametrize(("schema", "body"), OWN_EXAMPLES)
def test_an_example_of_the_document_is_valid(schema: str, body: dict[str, Any]) -> None:
    assert errors(schema, body) == set()


@pytest.mark.parametrize(("schema", "body"), OWN_EXAMPLES)
def test_further_properties_are_welcome_everywhere(schema: str, body: dict[str, Any]) -> None:
    def widened(value: object) -> object:
        if isinstance(value, dict):
            return {**{key: widened(item) for key, item in value.items()}, "addedLater": 1}
        return [widened(item) for item in value] if isinstance(value, list) else value

    assert errors(schema, widened(body)) == set()


# --- legal forms that the examples do not show -----------------------------------------------------------------------

ALSO_VALID: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("7 digits are the shortest number", "SendMessageRequest", changed(TEXT, "to", to="1202555")),
    ("15 digits are the longest number", "SendMessageRequest", changed(TEXT, "to", to="1" * 15)),
    ("4096 characters are the longest text", "SendMessageRequest", changed(TEXT, "message", to="x" * 4096)),
    ("an offset instead of Z", "SendMessageRequest", changed(TEXT, "sendAt", to="2099-01-01T11:00:00+02:00")),
    ("the document's own year", "SendMessageRequest", changed(TEXT, "sendAt", to="2026-05-01T09:00:00Z")),
    ("a year of the next decade", "SendMessageRequest", changed(TEXT, "sendAt", to="2030-05-01T09:00:00Z")),
    ("a simulated send", "SendMessageRequest", changed(TEXT, "dry_run", to=True)),
    ("a component without parameters", "SendMessageRequest", changed(HELLO, "template", "components", to=[{}])),
    ("every kind of item in a batch", "SendBulkRequest", {"messages": [HELLO, TEXT, ORDER_READY, REMINDER]}),
    ("one bad item among good ones", "SendBulkRequest", changed(BULK, "messages", 1, "to", to="+1")),
    ("a port and a query", "WebhookRequest", {"url": "https://a.example:65535/in?x=%20"}),
    ("a query right after the host", "WebhookRequest", {"url": "https://a.example?x=1"}),
    ("success in a bulk answer", "SendBulkResponse", {"success": True, **BATCH}),
    ("a scheduled message", "SendMessageResponse", changed(QUEUED, "data", "scheduledFor", to=FUTURE)),
    ("upper-case hexadecimal", "RotateKeyResponse", changed(ROTATED, "data", "apiKey", to="sk_live_" + "AF" * 24)),
    ("a template has no text", "MessageResponse", changed(MESSAGE, "data", "body", to=None)),
    ("nothing attached", "MessageResponse", changed(MESSAGE, "data", "metadata", to=None)),
    ("milliseconds", "MessageResponse", changed(MESSAGE, "data", "sentAt", to="2026-03-28T10:00:01.250Z")),
    ("a history without steps", "MessageResponse", changed(MESSAGE, "data", "timeline", to=[])),
    ("nothing attached to the event", "StatusEvent", changed(EVENT, "data", "metadata", to=None)),
    ("sentAt in the event", "StatusEvent", changed(EVENT, "data", "sentAt", to="2026-03-28T10:00:01Z")),
    (
        "no messages yet",
        "AnalyticsResponse",
        {"data": {"total": 0, "byStatus": {}, "deliveryRate": 0, "failureRate": 0}},
    ),
    ("a webhook address", "AccountResponse", changed(ACCOUNT, "data", "webhookUrl", to="https://a.example/")),
    ("a 400 that blames no field", "ValidationError", changed(INVALID, "details", to=[])),
    ("any list", "MessageListResponse", {"items": [], "total": 0}),
    ("any undocumented answer", "OpenResponse", {}),
)


@pytest.mark.parametrize(("schema", "body"), [pytest.param(s, b, id=what) for what, s, b in ALSO_VALID])
def test_a_legal_form_is_valid(schema: str, body: dict[str, Any]) -> None:
    assert errors(schema, body) == set()


# --- near misses -----------------------------------------------------------------------------------------------------


class NearMiss(NamedTuple):
    """A body that is almost right, and everything that is wrong with it."""

    what: str
    schema: str
    body: object
    wrong: set[tuple[str, str]]


def wrong_numbers() -> Iterator[NearMiss]:
    """What people send instead of a bare number."""
    for what, number in (
        ("a plus sign", "+12025550101"),
        ("punctuation", "1 (202) 555-0101"),
        ("the international prefix", "0012025550101"),
        ("a leading zero", "02025550101"),
        ("letters", "1202555CALL"),
        ("6 digits", "120255"),
        ("16 digits", "1" * 16),
        ("nothing", ""),
        ("full-width digits", "\uff112025550101"),
        ("a trailing newline", "12025550101\n"),
    ):
        yield NearMiss(what, "SendMessageRequest", changed(TEXT, "to", to=number), {("$.to", "pattern")})


def wrong_urls() -> Iterator[NearMiss]:
    """What is not a public HTTPS address."""
    for what, url, keywords in (
        ("plain http", "http://yourapp.example/hook", ["pattern"]),
        ("no scheme", "yourapp.example/hook", ["pattern", "format"]),
        ("no host", "https://", ["pattern"]),
        ("a host without a domain", "https://localhost/hook", ["pattern"]),
        ("a loopback address", "https://127.0.0.1/hook", ["pattern"]),
        ("a port too high", "https://yourapp.example:65536/", ["pattern"]),
        ("a space in the address", "https://yourapp.example/my hook", ["pattern", "format"]),
        ("a trailing newline in the address", "https://yourapp.example/\n", ["pattern"]),
    ):
        yield NearMiss(what, "WebhookRequest", {"url": url}, {("$.url", keyword) for keyword in keywords})


NEAR_MISSES: tuple[NearMiss, ...] = (
    *wrong_numbers(),
    *wrong_urls(),
    NearMiss("no recipient", "SendMessageRequest", without(TEXT, "to"), {("$", "required")}),
    NearMiss("a number as a number", "SendMessageRequest", changed(TEXT, "to", to=int(ALICE)), {("$.to", "type")}),
    NearMiss("neither text nor template", "SendMessageRequest", {"to": ALICE}, {("$", "oneOf")}),
    NearMiss("text and template", "SendMessageRequest", {**TEXT, **HELLO}, {("$", "oneOf")}),
    NearMiss("an empty text", "SendMessageRequest", changed(TEXT, "message", to=""), {("$.message", "minLength")}),
    NearMiss(
        "4097 characters", "SendMessageRequest", changed(TEXT, "message", to="x" * 4097), {("$.message", "maxLength")}
    ),
    NearMiss("a null text", "SendMessageRequest", changed(TEXT, "message", to=None), {("$.message", "type")}),
    NearMiss("a template by name", "SendMessageRequest", {"to": ALICE, "template": "x"}, {("$.template", "type")}),
    NearMiss(
        "a template without language",
        "SendMessageRequest",
        without(HELLO, "template", "language"),
        {("$.template", "required")},
    ),
    NearMiss(
        "a template with empty words",
        "SendMessageRequest",
        {"to": ALICE, "template": {"name": "", "language": ""}},
        {("$.template.name", "minLength"), ("$.template.language", "minLength")},
    ),
    NearMiss(
        "parameters by name instead of in order",
        "SendMessageRequest",
        changed(ORDER_READY, "template", "components", 0, "parameters", to={"1": "Sarah"}),
        {("$.template.components[0].parameters", "type")},
    ),
    NearMiss(
        "bare parameters",
        "SendMessageRequest",
        changed(ORDER_READY, "template", "components", 0, "parameters", to=["Sarah"]),
        {("$.template.components[0].parameters[0]", "type")},
    ),
    NearMiss(
        "a parameter that is a number",
        "SendMessageRequest",
        changed(ORDER_READY, "template", "components", 0, "parameters", 1, "text", to=1042),
        {("$.template.components[0].parameters[1].text", "type")},
    ),
    NearMiss(
        "a local time",
        "SendMessageRequest",
        changed(TEXT, "sendAt", to="2099-01-01T09:00:00"),
        {("$.sendAt", "format")},
    ),
    NearMiss("a date", "SendMessageRequest", changed(TEXT, "sendAt", to="2099-01-01"), {("$.sendAt", "format")}),
    NearMiss(
        "a moment before the document",
        "SendMessageRequest",
        changed(TEXT, "sendAt", to="2025-12-31T23:59:59Z"),
        {("$.sendAt", "pattern")},
    ),
    NearMiss(
        "seconds since 1970", "SendMessageRequest", changed(TEXT, "sendAt", to=4070908800), {("$.sendAt", "type")}
    ),
    NearMiss("metadata as text", "SendMessageRequest", changed(TEXT, "metadata", to="1234"), {("$.metadata", "type")}),
    NearMiss("metadata as null", "SendMessageRequest", changed(TEXT, "metadata", to=None), {("$.metadata", "type")}),
    NearMiss("dry_run as text", "SendMessageRequest", changed(TEXT, "dry_run", to="true"), {("$.dry_run", "type")}),
    NearMiss("no batch", "SendBulkRequest", {}, {("$", "required")}),
    NearMiss(
        "an empty batch", "SendBulkRequest", {"messages": []}, {("$.messages", "minItems"), ("$.messages", "contains")}
    ),
    NearMiss("a batch of bad items", "SendBulkRequest", {"messages": [{"to": ALICE}]}, {("$.messages", "contains")}),
    NearMiss("a batch that is a message", "SendBulkRequest", {"messages": TEXT}, {("$.messages", "type")}),
    NearMiss("nobody registers", "RegisterRequest", {}, {("$", "required")}),
    NearMiss("an empty name", "RegisterRequest", changed(REGISTER, "name", to=""), {("$.name", "minLength")}),
    NearMiss(
        "no address", "RegisterRequest", changed(REGISTER, "email", to="company.example"), {("$.email", "format")}
    ),
    NearMiss(
        "empty credentials",
        "CredentialsRequest",
        {"whatsappAccessToken": "", "whatsappPhoneNumberId": ""},
        {("$.whatsappAccessToken", "minLength"), ("$.whatsappPhoneNumberId", "minLength")},
    ),
    NearMiss("half the credentials", "CredentialsRequest", {"whatsappAccessToken": "x"}, {("$", "required")}),
    NearMiss("a plan sold by people", "CheckoutRequest", {"plan": "enterprise"}, {("$.plan", "enum")}),
    NearMiss("a plan that costs nothing", "CheckoutRequest", {"plan": "free"}, {("$.plan", "enum")}),
    NearMiss("a send without success", "SendMessageResponse", without(QUEUED, "success"), {("$", "required")}),
    NearMiss(
        "a send that failed", "SendMessageResponse", changed(QUEUED, "success", to=False), {("$.success", "const")}
    ),
    NearMiss(
        "an id that is no UUID",
        "SendMessageResponse",
        changed(QUEUED, "data", "id", to="m1"),
        {("$.data.id", "format")},
    ),
    NearMiss(
        "a status nobody knows",
        "SendMessageResponse",
        changed(QUEUED, "data", "status", to="pending"),
        {("$.data.status", "enum")},
    ),
    NearMiss(
        "scheduledFor left out",
        "SendMessageResponse",
        without(QUEUED, "data", "scheduledFor"),
        {("$.data", "required")},
    ),
    NearMiss("a count left out", "SendBulkResponse", without(BATCH, "data", "failedCount"), {("$.data", "required")}),
    NearMiss(
        "a count as text", "SendBulkResponse", changed(BATCH, "data", "queued", to="2"), {("$.data.queued", "type")}
    ),
    NearMiss("readAt left out", "MessageResponse", without(MESSAGE, "data", "readAt"), {("$.data", "required")}),
    NearMiss(
        "a plus sign in an answer",
        "MessageResponse",
        changed(MESSAGE, "data", "to", to="+" + ALICE),
        {("$.data.to", "pattern")},
    ),
    NearMiss(
        "a moment without zone",
        "MessageResponse",
        changed(MESSAGE, "data", "sentAt", to="2026-03-28 10:00:01"),
        {("$.data.sentAt", "format")},
    ),
    NearMiss(
        "a step without moment",
        "MessageResponse",
        without(MESSAGE, "data", "timeline", 2, "at"),
        {("$.data.timeline[2]", "required")},
    ),
    NearMiss("a message without envelope", "MessageResponse", MESSAGE["data"], {("$", "required")}),
    NearMiss(
        "a rate in percent",
        "AnalyticsResponse",
        changed(SUMMARY, "data", "deliveryRate", to=94),
        {("$.data.deliveryRate", "maximum")},
    ),
    NearMiss(
        "half a message",
        "AnalyticsResponse",
        changed(SUMMARY, "data", "byStatus", "sent", to=0.5),
        {("$.data.byStatus.sent", "type")},
    ),
    NearMiss(
        "webhookUrl left out", "AccountResponse", without(ACCOUNT, "data", "webhookUrl"), {("$.data", "required")}
    ),
    NearMiss(
        "a plan nobody knows", "AccountResponse", changed(ACCOUNT, "data", "plan", to="gold"), {("$.data.plan", "enum")}
    ),
    NearMiss(
        "fewer than none",
        "AccountResponse",
        changed(ACCOUNT, "data", "messagesSent", to=-1),
        {("$.data.messagesSent", "minimum")},
    ),
    NearMiss(
        "a key cut short",
        "RegisterResponse",
        changed(REGISTERED, "data", "apiKey", to=ZEROS[:-1]),
        {("$.data.apiKey", "pattern")},
    ),
    NearMiss(
        "a key with a newline",
        "RotateKeyResponse",
        changed(ROTATED, "data", "apiKey", to=ZEROS + "\n"),
        {("$.data.apiKey", "pattern")},
    ),
    NearMiss("a rotation without success", "RotateKeyResponse", without(ROTATED, "success"), {("$", "required")}),
    NearMiss(
        "payment in the open", "CheckoutResponse", {"data": {"url": "http://pay.example/"}}, {("$.data.url", "pattern")}
    ),
    NearMiss("details outside a 400", "Error", INVALID, {("$.details", "not")}),
    NearMiss("an error that succeeds", "Error", changed(REFUSED, "success", to=True), {("$.success", "const")}),
    NearMiss("an error as an object", "Error", changed(REFUSED, "error", to={"message": "x"}), {("$.error", "type")}),
    NearMiss("an empty error", "Error", changed(REFUSED, "error", to=""), {("$.error", "minLength")}),
    NearMiss("a 400 without details", "ValidationError", REFUSED, {("$", "required")}),
    NearMiss(
        "details by name", "ValidationError", changed(INVALID, "details", to={"to": "x"}), {("$.details", "type")}
    ),
    NearMiss("another event", "StatusEvent", changed(EVENT, "event", to="message.sent"), {("$.event", "const")}),
    NearMiss(
        "news of a queue", "StatusEvent", changed(EVENT, "data", "status", to="queued"), {("$.data.status", "enum")}
    ),
    NearMiss("failedAt left out", "StatusEvent", without(EVENT, "data", "failedAt"), {("$.data", "required")}),
    NearMiss("an event without moment", "StatusEvent", without(EVENT, "timestamp"), {("$", "required")}),
    NearMiss("an idempotency key with a space", "IdempotencyKey", "order 1", {("$", "pattern")}),
    NearMiss("an empty idempotency key", "IdempotencyKey", "", {("$", "minLength"), ("$", "pattern")}),
    NearMiss("an idempotency key of 256", "IdempotencyKey", "x" * 256, {("$", "maxLength")}),
)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.what) for case in NEAR_MISSES])
def test_a_near_miss_is_refused_for_exactly_its_reasons(case: NearMiss) -> None:
    assert errors(case.schema, case.body) == case.wrong


# --- the whole document ----------------------------------------------------------------------------------------------


class Operation(NamedTuple):
    """What the provider's document says of one operation, in one row."""

    id: str
    route: str
    risk: str
    codes: str
    keyless: bool = False


OPERATIONS = (
    Operation("register", "POST /auth/register", "account-change", "2XX 400 429", keyless=True),
    Operation("getAccount", "GET /auth/me", "read", "200 401 403 429"),
    Operation("setCredentials", "PUT /auth/me/credentials", "destroys-credential", "2XX 400 401 403 429"),
    Operation("deleteCredentials", "DELETE /auth/me/credentials", "destroys-credential", "204 2XX 401 403 404 429"),
    Operation("verifyCredentials", "POST /auth/me/credentials/verify", "account-change", "2XX 400 401 403 404 409 429"),
    Operation("setWebhook", "PUT /auth/me/webhook", "account-change", "2XX 400 401 403 429"),
    Operation("deleteWebhook", "DELETE /auth/me/webhook", "account-change", "204 2XX 401 403 404 429"),
    Operation("rotateKey", "POST /auth/me/rotate-key", "destroys-credential", "200 401 403 429"),
    Operation("sendMessage", "POST /send-message", "real-message", "202 400 401 403 409 429 503"),
    Operation("sendBulk", "POST /messages/bulk", "real-message", "202 400 401 403 409 429 503"),
    Operation("listMessages", "GET /messages", "read", "200 400 401 403 429"),
    Operation("getMessage", "GET /messages/{id}", "read", "200 400 401 403 404 429"),
    Operation("retryMessage", "POST /messages/{id}/retry", "real-message", "202 400 401 403 404 409 429 503"),
    Operation("getAnalyticsSummary", "GET /analytics/summary", "read", "200 401 403 429"),
    Operation("startCheckout", "POST /billing/checkout", "billing", "2XX 400 401 403 429"),
    Operation("getBillingPortal", "GET /billing/portal", "billing", "2XX 400 401 403 404 429"),
    Operation("verifyMetaWebhook", "GET /webhooks/whatsapp", "read", "200 400 403", keyless=True),
    Operation("receiveMetaWebhook", "POST /webhooks/whatsapp", "account-change", "200 400", keyless=True),
    Operation("getOpenapiDocument", "GET /openapi.json", "read", "200 4XX", keyless=True),
    Operation("getLlmsText", "GET /llms.txt", "read", "200 4XX", keyless=True),
    Operation("getDocsPage", "GET /docs", "read", "200 4XX", keyless=True),
    Operation("getDevelopersPage", "GET /developers", "read", "200 4XX", keyless=True),
)
SENDS = ("sendMessage", "sendBulk")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and definition of every operation."""
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


BY_ID = {operation["operationId"]: operation for _, _, operation in operations()}


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """The node, or what it refers to."""
    target: dict[str, Any] = node
    while "$ref" in target:
        target = REGISTRY.resolver(URI).lookup(target["$ref"]).contents
    return target


def nodes(node: object, *pointer: str) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every mapping below a node of the document, with its place."""
    if isinstance(node, dict):
        yield pointer, node
        for key, value in node.items():
            yield from nodes(value, *pointer, str(key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from nodes(value, *pointer, str(index))


def example_bodies() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every example of a body, with the place of its schema."""
    for pointer, node in nodes(DOCUMENT):
        if "schema" in node:
            for example in node.get("examples", {}).values():
                yield (*pointer, "schema"), example["value"]


def at(body: Any, pointer: str) -> list[Any]:  # noqa: ANN401 - any JSON
    """What a JSON pointer with `*` for every item leads to."""
    found = [body]
    for token in pointer.split("/")[1:]:
        found = [item for one in found for item in (one if token == "*" else [one[token]] if token in one else [])]
    return found


def every(place: Callable[[dict[str, Any]], bool]) -> list[str]:
    """The places of the document for which this holds."""
    return ["/".join(pointer) for pointer, node in nodes(DOCUMENT) if place(node)]


def test_it_is_an_openapi_document() -> None:
    validate(DOCUMENT)


def test_every_operation_is_as_the_table_says() -> None:
    found = {
        Operation(
            operation["operationId"],
            f"{method.upper()} {path}",
            operation["x-risk"],
            " ".join(sorted(operation["responses"])),
            keyless=operation.get("security", DOCUMENT["security"]) == [],
        )
        for method, path, operation in operations()
    }

    assert found == {row._replace(codes=" ".join(sorted(row.codes.split()))) for row in OPERATIONS}


def test_the_one_webhook_is_the_status_event() -> None:
    body = DOCUMENT["webhooks"]["messageStatusUpdated"]["post"]["requestBody"]["content"]["application/json"]

    assert list(DOCUMENT["webhooks"]) == ["messageStatusUpdated"]
    assert body["schema"] == {"$ref": "#/components/schemas/StatusEvent"}


def test_only_the_two_sends_can_be_simulated_and_only_with_dry_run() -> None:
    marked = {
        name: (operation["x-simulated-when"], operation["x-recipients"])
        for name, operation in BY_ID.items()
        if "x-simulated-when" in operation or "x-recipients" in operation
    }

    assert marked == {
        "sendMessage": ({"body": {"/dry_run": True}}, ["/to"]),
        "sendBulk": ({"body": {"/messages/*/dry_run": True}}, ["/messages/*/to"]),
    }


def test_only_the_two_sends_take_an_idempotency_key_and_may_replay() -> None:
    def names(operation: dict[str, Any]) -> list[str]:
        return [resolved(parameter)["name"] for parameter in operation.get("parameters", [])]

    takes = {name for name, operation in BY_ID.items() if "Idempotency-Key" in names(operation)}
    replays = {
        (name, code)
        for name, operation in BY_ID.items()
        for code, response in operation["responses"].items()
        if "Idempotency-Replayed" in resolved(response).get("headers", {})
    }

    assert takes == set(SENDS)
    assert replays == {(name, "202") for name in SENDS}


def test_every_answer_to_a_known_key_shows_its_limit_and_only_a_429_says_how_long_to_wait() -> None:
    limits = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
    keyless = {row.id for row in OPERATIONS if row.keyless and row.id != "register"}
    for name, operation in BY_ID.items():
        for code, response in operation["responses"].items():
            headers = resolved(response).get("headers", {})
            required = {header for header, definition in headers.items() if resolved(definition).get("required")}
            expected = (
                set() if name in keyless or code == "401" else limits | ({"Retry-After"} if code == "429" else set())
            )
            assert required == expected, (name, code)


def test_details_belong_to_a_400_and_to_no_other_error() -> None:
    schemas = {
        code: {
            content["schema"]["$ref"].rpartition("/")[2] for content in resolved(response).get("content", {}).values()
        }
        for operation in BY_ID.values()
        for code, response in operation["responses"].items()
        if code.startswith(("4", "5")) and "$ref" in response
    }

    assert schemas == {"400": {"ValidationError"}} | {
        code: {"Error"} for code in ("401", "403", "404", "409", "429", "503")
    }


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("status", ["queued", "retrying", "read"], ["", "pending", "Queued"]),
        ("batchId", ["a3f9c2d1", ""], []),
        ("limit", [1, 20, 200], [0, 201, -1, 1.5, "20"]),
        ("page", [1, 10**12], [0, -1, 1.5, "1"]),
    ],
)
def test_a_list_parameter_has_its_documented_bounds(name: str, good: list[object], bad: list[object]) -> None:
    parameters = BY_ID["listMessages"]["parameters"]
    index = [parameter["name"] for parameter in parameters].index(name)
    schema = validator("paths", "/messages", "get", "parameters", str(index), "schema")

    assert [value for value in (*good, *bad) if schema.is_valid(value)] == good


def test_the_list_parameters_are_optional_and_have_the_documented_defaults() -> None:
    parameters = BY_ID["listMessages"]["parameters"]

    assert {one["name"]: one["schema"].get("default") for one in parameters} == {
        "status": None,
        "batchId": None,
        "limit": 20,
        "page": 1,
    }
    assert not any(one.get("required") for one in parameters)


@pytest.mark.parametrize("link", list(DOCUMENT["components"]["links"]))
def test_a_link_leads_to_a_parameter_of_its_target(link: str) -> None:
    definition = DOCUMENT["components"]["links"][link]
    target = definition["operationId"]
    _, path, operation = next(found for found in operations() if found[2]["operationId"] == target)
    declared = operation.get("parameters", []) + DOCUMENT["paths"][path].get("parameters", [])

    assert set(definition["parameters"]) <= {resolved(parameter)["name"] for parameter in declared}


def test_every_link_finds_its_value_in_every_example_of_its_response() -> None:
    followed = set()
    for name, operation in BY_ID.items():
        for response in map(resolved, operation["responses"].values()):
            for link in map(resolved, response.get("links", {}).values()):
                pointers = [expression.removeprefix("$response.body#") for expression in link["parameters"].values()]
                for example in response["content"]["application/json"]["examples"].values():
                    assert all(len(at(example["value"], pointer)) == 1 for pointer in pointers)
                followed.add((name, link["operationId"], *link["parameters"]))

    assert followed == {
        ("sendMessage", "getMessage", "id"),
        ("sendMessage", "retryMessage", "id"),
        ("getMessage", "listMessages", "status"),
        ("sendBulk", "listMessages", "batchId"),
    }


def test_every_example_is_valid() -> None:
    wrong = {
        "/".join(pointer): [error.message for error in validator(*pointer).iter_errors(body)]
        for pointer, body in example_bodies()
    }

    assert wrong
    assert {place: found for place, found in wrong.items() if found} == {}


@pytest.mark.parametrize("name", SENDS)
def test_every_example_recipient_is_reserved_and_every_time_of_sending_far_off(name: str) -> None:
    operation = BY_ID[name]
    bodies = [
        example["value"] for example in operation["requestBody"]["content"]["application/json"]["examples"].values()
    ]
    recipients = [number for body in bodies for pointer in operation["x-recipients"] for number in at(body, pointer)]
    times = [message["sendAt"] for body in bodies for message in body.get("messages", [body]) if "sendAt" in message]

    assert recipients
    assert [number for number in recipients if not RESERVED.fullmatch(number)] == []
    assert times == [FUTURE]


def test_no_other_number_is_written_anywhere() -> None:
    numbers = {
        value
        for _, node in nodes(DOCUMENT)
        for value in node.values()
        if isinstance(value, str) and re.fullmatch(r"\+?[0-9]{7,15}", value)
    }

    assert {number for number in numbers if not RESERVED.fullmatch(number)} == {"100000000000001"}


def test_no_schema_is_closed() -> None:
    assert every(lambda node: "additionalProperties" in node or "unevaluatedProperties" in node) == []


def test_every_schema_and_every_property_is_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    silent = [
        f"{name}.{key}"
        for name, schema in schemas.items()
        for key, property_schema in schema.get("properties", {}).items()
        if not property_schema.get("description") and not resolved(property_schema).get("description")
    ]

    assert [name for name, schema in schemas.items() if not schema.get("description")] == []
    assert silent == []
