"""Chatmaid's OpenAPI document holds what the provider's documents show, and refuses what comes close to it.

Bodies marked with a document and a line are copied from there. They are never sent: the numbers in them are not ours.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT = yaml.safe_load(
    (Path(__file__).parent.parent / "openapi" / "chatmaid" / "openapi.yaml").read_text(encoding="utf-8")
)
URI = "urn:chatmaid"
REGISTRY: Registry[Any] = Registry().with_resource(URI, Resource.from_contents(DOCUMENT, DRAFT202012))

Body = dict[str, Any]
JsonPath = tuple[str | int, ...]
Broken = set[tuple[JsonPath, str]]
"""What a body breaks: the place, and the keyword. A missing member is placed where it should be."""

GONE = object()


def changed(body: Body, path: JsonPath, value: object) -> Body:
    """A copy of `body` with another value at `path`, or without it."""
    result = copy.deepcopy(body)
    holder: Any = result
    for step in path[:-1]:
        holder = holder[step]
    if value is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return result


# ---- The documents' own bodies --------------------------------------------------------------------------------------

SENT: Body = {  # chatmaid_api_reference.txt:40
    "success": True,
    "data": {
        "id": "msg_abc123def456",
        "from": "+15551234567",
        "to": "+15557654321",
        "content": "Hello",
        "mediaUrls": [],
        "status": "sent",
        "createdAt": "2026-02-06T14:18:33.000Z",
        "sentAt": "2026-02-06T14:18:33.120Z",
        "failedAt": None,
        "errorCode": None,
        "errorMessage": None,
    },
}
QUICKSTART_SENT = changed(SENT, ("data", "content"), "Hello from Chatmaid")  # chatmaid_getting_started.txt:55
COOKBOOK_SENT: Body = {  # chatmaid_cookbook.txt:111, abridged
    "success": True,
    "data": {"id": "msg_abc123def456", "status": "sent", "createdAt": "2026-02-06T14:18:33.000Z"},
}
LISTED: Body = {  # chatmaid_api_reference.txt:82
    "success": True,
    "data": {
        "data": [
            {
                "id": "msg_abc123def456",
                "from": "+15551234567",
                "to": "+15557654321",
                "content": "Hello",
                "status": "sent",
                "createdAt": "2026-02-06T14:18:33.000Z",
            }
        ],
        "pagination": {"page": 1, "limit": 20, "total": 1, "totalPages": 1},
    },
}
GOT: Body = {  # chatmaid_api_reference.txt:120
    "success": True,
    "data": {
        "id": "msg_abc123def456",
        "from": "+15551234567",
        "to": "+15557654321",
        "content": "Hello",
        "mediaUrls": [],
        "status": "delivered",
        "errorCode": None,
        "errorMessage": None,
        "createdAt": "2026-02-06T14:18:33.000Z",
        "sentAt": "2026-02-06T14:18:33.120Z",
        "deliveredAt": "2026-02-06T14:18:35.000Z",
        "readAt": None,
        "failedAt": None,
    },
}
QUICKSTART_GOT: Body = {  # chatmaid_getting_started.txt:81, abridged
    "success": True,
    "data": {
        "id": "msg_abc123def456",
        "status": "sent",
        "sentAt": "2026-02-06T14:18:34.000Z",
        "failedAt": None,
        "errorCode": None,
        "errorMessage": None,
    },
}
INBOUND_LISTED: Body = {  # chatmaid_api_reference.txt:144
    "success": True,
    "data": {
        "data": [
            {
                "id": "inmsg_abc123def456",
                "from": "+15557654321",
                "to": "+15551234567",
                "content": "Thanks, got it!",
                "type": "text",
                "isGroup": False,
                "groupId": None,
                "receivedAt": "2026-02-06T14:21:08.000Z",
                "createdAt": "2026-02-06T14:21:09.000Z",
            }
        ],
        "pagination": {"page": 1, "limit": 20, "total": 1, "totalPages": 1},
    },
}
PHONE: Body = {
    "id": "507f1f77bcf86cd799439011",
    "phoneNumber": "+15551234567",
    "displayName": "Primary Sender",
    "connectionStatus": "connected",
    "lastConnectedAt": "2026-02-06T14:10:00.000Z",
    "lastDisconnectedAt": None,
    "createdAt": "2026-02-01T10:20:00.000Z",
    "updatedAt": "2026-02-06T14:10:00.000Z",
}
PHONES_LISTED: Body = {
    "success": True,
    "data": [PHONE],
}  # chatmaid_api_reference.txt:188, chatmaid_phone_numbers.txt:41
PHONE_GOT: Body = {"success": True, "data": PHONE}  # chatmaid_api_reference.txt:221, chatmaid_phone_numbers.txt:73
PHONE_STATUS_GOT: Body = {  # chatmaid_api_reference.txt:252, chatmaid_phone_numbers.txt:103
    "success": True,
    "data": {
        "id": "507f1f77bcf86cd799439011",
        "phoneNumber": "+15551234567",
        "connectionStatus": "connected",
        "lastConnectedAt": "2026-02-06T14:10:00.000Z",
        "lastDisconnectedAt": None,
        "updatedAt": "2026-02-06T14:10:00.000Z",
    },
}
ACCOUNT_GOT: Body = {  # chatmaid_api_reference.txt:278
    "success": True,
    "data": {
        "accountId": "acc_abc123def456",
        "name": "Acme Inc",
        "email": "developer@acme.com",
        "subscriptionStatus": "active",
        "stats": {"apiKeys": 2, "phoneNumbers": 1, "messages": 328},
    },
}
USAGE_GOT: Body = {  # chatmaid_api_reference.txt:308
    "success": True,
    "data": {
        "period": "month",
        "startDate": "2026-01-07T14:20:00.000Z",
        "endDate": "2026-02-06T14:20:00.000Z",
        "messages": {"total": 328, "pending": 0, "sent": 314, "failed": 14},
        "apiRequests": {"total": 1242, "successful": 1221, "failed": 21},
    },
}
REFUSED_401: Body = {  # chatmaid_api_reference.txt:331
    "success": False,
    "error": "Unauthorized",
    "message": ["Invalid API key"],
    "statusCode": 401,
    "timestamp": "2026-02-06T14:22:30.000Z",
    "path": "/v1/messages",
}
REFUSED_429: Body = {  # chatmaid_api_reference.txt:339
    "success": False,
    "error": "Rate limit exceeded",
    "message": ["Rate limit exceeded"],
    "statusCode": 429,
    "timestamp": "2026-02-06T14:22:30.000Z",
    "path": "/v1/messages/send",
    "retryAfter": 60,
}
SEND: Body = {  # chatmaid_api_reference.txt:13
    "fromPhoneId": "+15551234567",
    "to": "+15557654321",
    "content": "Hello",
}
PICTURE = "https://media.example.com/a.png"


class Operation(NamedTuple):
    """One operation as the tests below expect it."""

    method: str
    path: str
    risk: str
    statuses: str
    """With a question mark: the documents do not list it."""
    scopes: str
    """By a document, or, behind the bar, by a reading."""


PHONE_SCOPES = "phone_numbers:read phone-numbers:read | messages:read messages:send messages:write"
OPERATIONS = {
    "sendMessage": Operation(
        "post", "/v1/messages/send", "real-message", "201 400 401 403 404 429", "messages:send messages:write |"
    ),
    "listMessages": Operation("get", "/v1/messages", "read", "200 400? 401 403 429", "messages:read |"),
    "getMessage": Operation("get", "/v1/messages/{messageId}", "read", "200 400? 401 403 404 429", "messages:read |"),
    "listInboundMessages": Operation("get", "/v1/messages/inbound", "read", "200 400? 401 403 429", "messages:read |"),
    "getInboundMessage": Operation(
        "get", "/v1/messages/inbound/{messageId}", "read", "200 400? 401 403 404 429", "| messages:read"
    ),
    "listPhoneNumbers": Operation("get", "/v1/phone-numbers", "read", "200 400? 401 403 429", PHONE_SCOPES),
    "getPhoneNumber": Operation("get", "/v1/phone-numbers/{id}", "read", "200 400? 401 403 404 429", PHONE_SCOPES),
    "getPhoneNumberStatus": Operation(
        "get", "/v1/phone-numbers/{id}/status", "read", "200 400? 401 403 404 429", PHONE_SCOPES
    ),
    "getAccount": Operation(
        "get",
        "/v1/account",
        "read",
        "200 400? 401 403 429",
        "account:read messages:read messages:send messages:write |",
    ),
    "getUsage": Operation(
        "get",
        "/v1/account/usage",
        "read",
        "200 400? 401 403 429",
        "| account:read messages:read messages:send messages:write",
    ),
}


# ---- Reading the document -------------------------------------------------------------------------------------------


def resolved(pointer: str) -> tuple[str, Any]:
    """Pointer and value, references followed."""
    node: Any = DOCUMENT
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        node = node[int(name)] if isinstance(node, list) else node[name]
    if isinstance(node, Mapping) and "$ref" in node:
        return resolved(node["$ref"].removeprefix("#"))
    return pointer, node


def operation_pointer(operation: str) -> str:
    known = OPERATIONS[operation]
    return f"/paths/{known.path.replace('/', '~1')}/{known.method}"


def operation_object(operation: str) -> Body:
    found: Body = resolved(operation_pointer(operation))[1]
    return found


def response_schema(operation: str, status: int) -> str:
    pointer, _ = resolved(f"{operation_pointer(operation)}/responses/{status}")
    return f"{pointer}/content/application~1json/schema"


def request_schema() -> str:
    return f"{operation_pointer('sendMessage')}/requestBody/content/application~1json/schema"


def broken(schema: str, body: object) -> Broken:
    """Everything `body` breaks in the schema at the pointer."""
    validator = Draft202012Validator(
        {"$ref": f"{URI}#{schema}"}, registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    found: Broken = set()
    for error in validator.iter_errors(body):
        place = tuple(error.absolute_path)
        if error.validator == "required":
            found |= {((*place, name), "required") for name in set(error.validator_value) - set(error.instance)}
        else:
            found.add((place, str(error.validator)))
    return found


def mappings(node: object, path: JsonPath = ()) -> Iterator[tuple[JsonPath, Mapping[str, Any]]]:
    """Every mapping of the document with its place, outermost first."""
    if isinstance(node, Mapping):
        yield path, node
    members = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, member in members:
        yield from mappings(member, (*path, key))


def strings(node: object) -> Iterator[str]:
    """Every string of the document, keys left out."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        yield from (text for member in node.values() for text in strings(member))
    elif isinstance(node, list):
        yield from (text for member in node for text in strings(member))


# ---- What the documents show is right -------------------------------------------------------------------------------

SHOWN: dict[tuple[str, int], Body] = {
    ("sendMessage", 201): SENT,
    ("listMessages", 200): LISTED,
    ("getMessage", 200): GOT,
    ("listInboundMessages", 200): INBOUND_LISTED,
    ("getInboundMessage", 200): {"success": True, "data": INBOUND_LISTED["data"]["data"][0]},
    ("listPhoneNumbers", 200): PHONES_LISTED,
    ("getPhoneNumber", 200): PHONE_GOT,
    ("getPhoneNumberStatus", 200): PHONE_STATUS_GOT,
    ("getAccount", 200): ACCOUNT_GOT,
    ("getUsage", 200): USAGE_GOT,
    ("listMessages", 401): REFUSED_401,
    ("sendMessage", 429): REFUSED_429,
}
"""The full example of each answer. The documents have none of an inbound message on its own: that one is ours."""


@pytest.mark.parametrize(("operation", "status"), SHOWN)
def test_a_full_example_of_the_documents_breaks_nothing(operation: str, status: int) -> None:
    assert broken(response_schema(operation, status), SHOWN[operation, status]) == set()


def test_the_example_of_the_quickstart_breaks_nothing() -> None:
    assert broken(response_schema("sendMessage", 201), QUICKSTART_SENT) == set()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_refuses_in_the_two_documented_ways(operation: str) -> None:
    assert broken(response_schema(operation, 401), REFUSED_401) == set()
    assert broken(response_schema(operation, 429), REFUSED_429) == set()


def test_an_abridged_example_breaks_only_what_it_leaves_out() -> None:
    """Reading G-04: the guides shorten these two bodies, and a shortened answer is not the documented one."""
    left_out = {"from", "to", "content", "mediaUrls", "sentAt", "failedAt", "errorCode", "errorMessage"}
    assert broken(response_schema("sendMessage", 201), COOKBOOK_SENT) == {(("data", n), "required") for n in left_out}
    left_out = {"from", "to", "content", "mediaUrls", "createdAt", "deliveredAt", "readAt"}
    assert broken(response_schema("getMessage", 200), QUICKSTART_GOT) == {(("data", n), "required") for n in left_out}


@pytest.mark.parametrize(("operation", "status"), SHOWN)
def test_a_property_that_nobody_documented_breaks_nothing(operation: str, status: int) -> None:
    body = SHOWN[operation, status]
    wider = {**body, "extra": 1}
    if isinstance(body.get("data"), dict):
        wider["data"] = {**body["data"], "extra": 1}
    assert broken(response_schema(operation, status), wider) == set()


LEGAL = {
    "a send that names the receipts as null (G-01)": (
        "sendMessage", 201, changed(changed(SENT, ("data", "deliveredAt"), None), ("data", "readAt"), None)),
    "a live send that is still pending": (
        "sendMessage", 201, changed(changed(SENT, ("data", "status"), "pending"), ("data", "sentAt"), None)),
    "a list of full messages (G-03)": ("listMessages", 200, changed(LISTED, ("data", "data", 0), GOT["data"])),
    "an empty page that counts no pages (G-35)": (
        "listMessages", 200,
        {"success": True, "data": {"data": [], "pagination": {"page": 9, "limit": 1, "total": 0, "totalPages": 0}}}),
    "an empty page that counts one page (G-35)": (
        "listMessages", 200,
        {"success": True, "data": {"data": [], "pagination": {"page": 9, "limit": 1, "total": 0, "totalPages": 1}}}),
    "a phone that was never connected": ("getPhoneNumber", 200, changed(PHONE_GOT, ("data", "lastConnectedAt"), None)),
    "no phone at all": ("listPhoneNumbers", 200, {"success": True, "data": []}),
    "usage with more outcomes (G-32)": ("getUsage", 200, changed(USAGE_GOT, ("data", "messages", "delivered"), 300)),
}  # fmt: skip


@pytest.mark.parametrize(("operation", "status", "body"), LEGAL.values(), ids=LEGAL)
def test_a_legal_reading_breaks_nothing(operation: str, status: int, body: object) -> None:
    assert broken(response_schema(operation, status), body) == set()


# ---- What comes close is not ----------------------------------------------------------------------------------------

WRONG_ANSWERS: dict[str, tuple[str, int, JsonPath, object, set[str]]] = {
    "a success that is false": ("sendMessage", 201, ("success",), False, {"const"}),
    "a success that is a word": ("sendMessage", 201, ("success",), "true", {"const", "type"}),
    "no data": ("getAccount", 200, ("data",), GONE, {"required"}),
    "a message id without its prefix": ("sendMessage", 201, ("data", "id"), "abc123def456", {"pattern"}),
    "an inbound id on an outbound message": ("getMessage", 200, ("data", "id"), "inmsg_abc", {"pattern"}),
    "an outbound id on an inbound message": (
        "listInboundMessages", 200, ("data", "data", 0, "id"), "msg_abc", {"pattern"}),
    "a sender without its plus": ("getMessage", 200, ("data", "from"), "15551234567", {"pattern"}),
    "a recipient of sixteen digits": ("getMessage", 200, ("data", "to"), "+1555765432100000", {"pattern"}),
    "a state nobody documented": ("getMessage", 200, ("data", "status"), "queued", {"enum"}),
    "a state in capitals": ("getMessage", 200, ("data", "status"), "Sent", {"enum"}),
    "a moment without milliseconds": ("getMessage", 200, ("data", "createdAt"), "2026-02-06T14:18:33Z", {"pattern"}),
    "a moment with an offset": ("getMessage", 200, ("data", "sentAt"), "2026-02-06T14:18:33.120+00:00", {"pattern"}),
    "a moment in the thirteenth month": ("getMessage", 200, ("data", "sentAt"), "2026-13-06T14:18:33.120Z", {"format"}),
    "a moment in epoch seconds": ("getMessage", 200, ("data", "deliveredAt"), 1770387515, {"type"}),
    "a creation that has not come": ("getMessage", 200, ("data", "createdAt"), None, {"type"}),
    "a message read by id that keeps its receipt secret": ("getMessage", 200, ("data", "readAt"), GONE, {"required"}),
    "a send without its failure field": ("sendMessage", 201, ("data", "failedAt"), GONE, {"required"}),
    "media that is null": ("sendMessage", 201, ("data", "mediaUrls"), None, {"type"}),
    "an error code that is a number": ("getMessage", 200, ("data", "errorCode"), 131026, {"type"}),
    "a flat list": ("listMessages", 200, ("data",), LISTED["data"]["data"], {"type"}),
    "a list without its pagination": ("listMessages", 200, ("data", "pagination"), GONE, {"required"}),
    "a listed message without its state": ("listMessages", 200, ("data", "data", 0, "status"), GONE, {"required"}),
    "a hundred and one items": ("listMessages", 200, ("data", "data"), LISTED["data"]["data"] * 101, {"maxItems"}),
    "a page zero": ("listMessages", 200, ("data", "pagination", "page"), 0, {"minimum"}),
    "a total in words": ("listMessages", 200, ("data", "pagination", "total"), "1", {"type"}),
    "an inbound message without its group": (
        "listInboundMessages", 200, ("data", "data", 0, "groupId"), GONE, {"required"}),
    "a group flag that is a number": ("listInboundMessages", 200, ("data", "data", 0, "isGroup"), 0, {"type"}),
    "phones with pages": ("listPhoneNumbers", 200, ("data",), {"data": [PHONE]}, {"type"}),
    "a phone without a name": ("getPhoneNumber", 200, ("data", "displayName"), GONE, {"required"}),
    "a phone with an empty id": ("getPhoneNumber", 200, ("data", "id"), "", {"minLength"}),
    "a connection nobody documented (G-38)": (
        "getPhoneNumberStatus", 200, ("data", "connectionStatus"), "qr_pending", {"enum"}),
    "a status that hides the disconnection": (
        "getPhoneNumberStatus", 200, ("data", "lastDisconnectedAt"), GONE, {"required"}),
    "an account id without its prefix": ("getAccount", 200, ("data", "accountId"), "abc", {"pattern"}),
    "an address without a host": ("getAccount", 200, ("data", "email"), "developer", {"format"}),
    "fewer than no messages": ("getAccount", 200, ("data", "stats", "messages"), -1, {"minimum"}),
    "half a message": ("getUsage", 200, ("data", "messages", "sent"), 0.5, {"type"}),
    "a usage period nobody documented": ("getUsage", 200, ("data", "period"), "year", {"enum"}),
    "usage without requests": ("getUsage", 200, ("data", "apiRequests"), GONE, {"required"}),
    "a refusal that claims success": ("listMessages", 401, ("success",), True, {"const"}),
    "a refusal whose message is a bare string": ("listMessages", 401, ("message",), "Invalid API key", {"type"}),
    "a refusal without a message": ("listMessages", 401, ("message",), [], {"minItems"}),
    "a refusal with another status than its own": ("listMessages", 401, ("statusCode",), 403, {"const"}),
    "a refusal without its path": ("listMessages", 401, ("path",), GONE, {"required"}),
    "a limit that names no wait": ("sendMessage", 429, ("retryAfter",), GONE, {"required"}),
    "a wait in words": ("sendMessage", 429, ("retryAfter",), "60", {"type"}),
    "a wait of half a second": ("sendMessage", 429, ("retryAfter",), 0.5, {"type", "minimum"}),
    "no wait at all": ("sendMessage", 429, ("retryAfter",), 0, {"minimum"}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "status", "path", "value", "keywords"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS
)
def test_an_answer_with_one_thing_changed_breaks_exactly_there(
    operation: str, status: int, path: JsonPath, value: object, keywords: set[str]
) -> None:
    body = changed(SHOWN[operation, status], path, value)
    assert broken(response_schema(operation, status), body) == {(path, keyword) for keyword in keywords}


# ---- Requests -------------------------------------------------------------------------------------------------------

MEDIA_ONLY: Body = {"fromPhoneId": "507f1f77bcf86cd799439011", "to": "+15557654321", "mediaUrls": [PICTURE]}
RIGHT_REQUESTS = {
    "the documents' own": SEND,
    "media without text, sender by id": MEDIA_ONLY,
    "empty text beside media": {**MEDIA_ONLY, "content": ""},
    "empty media beside text": {**SEND, "mediaUrls": []},
    "4096 characters": {**SEND, "content": "x" * 4096},
    "4096 characters of four bytes each": {**SEND, "content": "\N{GRINNING FACE}" * 4096},
    "an idempotency key of 64 characters": {**SEND, "idempotencyKey": "k" * 64},
    "a number of fifteen digits": {**SEND, "to": "+123456789012345"},
    "a property nobody documented": {**SEND, "priority": "high"},
    "media with a port and a query": {**SEND, "mediaUrls": ["https://cdn.example.com:8443/a%20b?size=2&v=/x"]},
}
WRONG_REQUESTS: dict[str, tuple[dict[str, Any], Broken]] = {
    "no sender": (changed(SEND, ("fromPhoneId",), GONE), {(("fromPhoneId",), "required")}),
    "an empty sender": ({**SEND, "fromPhoneId": ""}, {(("fromPhoneId",), "minLength")}),
    "a sender that is a number": ({**SEND, "fromPhoneId": 15551234567}, {(("fromPhoneId",), "type")}),
    "no recipient": (changed(SEND, ("to",), GONE), {(("to",), "required")}),
    "a recipient that is null": ({**SEND, "to": None}, {(("to",), "type")}),
    "a recipient without its plus (G-16)": ({**SEND, "to": "15557654321"}, {(("to",), "pattern")}),
    "a recipient behind 00": ({**SEND, "to": "0015557654321"}, {(("to",), "pattern")}),
    "a recipient with a leading zero": ({**SEND, "to": "+05557654321"}, {(("to",), "pattern")}),
    "a recipient of sixteen digits": ({**SEND, "to": "+1234567890123456"}, {(("to",), "pattern")}),
    "a recipient with spaces": ({**SEND, "to": "+1 555 765 4321"}, {(("to",), "pattern")}),
    "a recipient with letters": ({**SEND, "to": "+1555CHATMAID"}, {(("to",), "pattern")}),
    "a recipient in full-width digits": (
        {**SEND, "to": "+\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}\N{FULLWIDTH DIGIT FIVE}"},
        {(("to",), "pattern")}),
    "neither text nor media": (changed(SEND, ("content",), GONE), {((), "anyOf")}),
    "empty text": ({**SEND, "content": ""}, {((), "anyOf")}),
    "empty text and empty media": ({**SEND, "content": "", "mediaUrls": []}, {((), "anyOf")}),
    "empty media": ({**MEDIA_ONLY, "mediaUrls": []}, {((), "anyOf")}),
    "4097 characters": ({**SEND, "content": "x" * 4097}, {(("content",), "maxLength")}),
    "text that is a number": ({**SEND, "content": 42}, {(("content",), "type")}),
    "text that is null beside media": ({**MEDIA_ONLY, "content": None}, {(("content",), "type")}),
    "media that is one string": ({**SEND, "mediaUrls": PICTURE}, {(("mediaUrls",), "type")}),
    "media that is a number": ({**SEND, "mediaUrls": [1]}, {(("mediaUrls", 0), "type")}),
    "media over plain http": (
        {**SEND, "mediaUrls": [PICTURE, "http://media.example.com/a.png"]}, {(("mediaUrls", 1), "pattern")}),
    "media over ftp": ({**SEND, "mediaUrls": ["ftp://media.example.com/a.png"]}, {(("mediaUrls", 0), "pattern")}),
    "media inside the address": ({**SEND, "mediaUrls": ["data:text/plain,a"]}, {(("mediaUrls", 0), "pattern")}),
    "media on the server itself (G-12)": (
        {**SEND, "mediaUrls": ["https://localhost/a"]}, {(("mediaUrls", 0), "pattern")}),
    "media on a private address (G-12)": (
        {**SEND, "mediaUrls": ["https://10.0.0.1/a"]}, {(("mediaUrls", 0), "pattern")}),
    "media that is no address": (
        {**SEND, "mediaUrls": ["a.png"]}, {(("mediaUrls", 0), "pattern"), (("mediaUrls", 0), "format")}),
    "an idempotency key of 65 characters": ({**SEND, "idempotencyKey": "k" * 65}, {(("idempotencyKey",), "maxLength")}),
    "an idempotency key that is a number": ({**SEND, "idempotencyKey": 7784}, {(("idempotencyKey",), "type")}),
}  # fmt: skip


@pytest.mark.parametrize("body", RIGHT_REQUESTS.values(), ids=RIGHT_REQUESTS)
def test_a_request_within_the_rules_breaks_nothing(body: object) -> None:
    assert broken(request_schema(), body) == set()


@pytest.mark.parametrize(("body", "expected"), WRONG_REQUESTS.values(), ids=WRONG_REQUESTS)
def test_a_request_that_comes_close_breaks_exactly_the_rule_it_breaks(body: object, expected: Broken) -> None:
    assert broken(request_schema(), body) == expected


def test_parameters_have_the_documented_bounds_and_defaults_and_no_others() -> None:
    found = {}
    for operation in OPERATIONS:
        at = operation_pointer(operation)
        for index in range(len(operation_object(operation).get("parameters", []))):
            pointer, parameter = resolved(f"{at}/parameters/{index}")
            local = parameter["schema"]
            schema = {**resolved(f"{pointer}/schema")[1], **{k: v for k, v in local.items() if k != "$ref"}}
            schema.pop("description", None)
            found[operation, parameter["name"]] = (parameter["in"], parameter.get("required", False), schema)
    page = ("query", False, {"type": "integer", "minimum": 1, "default": 1})
    limit = ("query", False, {"type": "integer", "minimum": 1, "maximum": 100, "default": 20})
    phone_filter = ("query", False, {"type": "string"})
    phone = ("path", True, {"type": "string", "minLength": 1})
    status = {"type": "string", "enum": ["pending", "sent", "delivered", "read", "failed"]}
    period = {"type": "string", "enum": ["day", "week", "month"], "default": "month"}
    assert found == {
        ("listMessages", "phoneNumberId"): phone_filter,
        ("listMessages", "status"): ("query", False, status),
        ("listMessages", "page"): page,
        ("listMessages", "limit"): limit,
        ("getMessage", "messageId"): ("path", True, {"type": "string", "pattern": "^msg_[A-Za-z0-9._~-]+$"}),
        ("listInboundMessages", "phoneNumberId"): phone_filter,
        ("listInboundMessages", "page"): page,
        ("listInboundMessages", "limit"): limit,
        ("getInboundMessage", "messageId"): ("path", True, {"type": "string", "pattern": "^inmsg_[A-Za-z0-9._~-]+$"}),
        ("getPhoneNumber", "id"): phone,
        ("getPhoneNumberStatus", "id"): phone,
        ("getUsage", "period"): ("query", False, period),
    }


# ---- The document as a whole ----------------------------------------------------------------------------------------


def test_a_foreign_validator_finds_nothing_wrong() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_the_operations_are_the_documented_ten() -> None:
    found = {item[m]["operationId"]: (m, path) for path, item in DOCUMENT["paths"].items() for m in item}
    assert found == {name: (known.method, known.path) for name, known in OPERATIONS.items()}
    assert [server["url"] for server in DOCUMENT["servers"]] == ["https://developers-api.chatmaid.net"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_lists_its_statuses_and_marks_those_the_documents_do_not_list(operation: str) -> None:
    at = f"{operation_pointer(operation)}/responses"
    listed = []
    for status in resolved(at)[1]:
        response = resolved(f"{at}/{status}")[1]
        listed.append(status if response.get("x-documented", True) else f"{status}?")
        assert ("x-reading" in response) == (response.get("x-documented") is False)
    assert " ".join(listed) == OPERATIONS[operation].statuses


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_lists_its_scopes_and_who_grants_them(operation: str) -> None:
    alternatives = operation_object(operation)["x-scopes"]
    assert {frozenset(entry) for entry in alternatives} <= {
        frozenset({"scope", "document"}), frozenset({"scope", "reading"})
    }  # fmt: skip
    documented = " ".join(entry["scope"] for entry in alternatives if "document" in entry)
    by_reading = " ".join(entry["scope"] for entry in alternatives if "reading" in entry)
    assert f"{documented} | {by_reading}".strip() == OPERATIONS[operation].scopes


def test_only_a_send_risks_anything_and_it_says_whom_it_reaches() -> None:
    assert {name: operation_object(name)["x-risk"] for name in OPERATIONS} == {
        name: known.risk for name, known in OPERATIONS.items()
    }
    send = operation_object("sendMessage")
    assert (send["x-simulated-when"], send["x-recipients"]) == ({"key-prefix": "sk_test_"}, ["/to"])


def test_every_link_leads_to_an_operation_and_its_parameters() -> None:
    found = set()
    for operation in OPERATIONS:
        for status, response in operation_object(operation)["responses"].items():
            for link in response.get("links", {}).values():
                target = link["operationId"]
                at = operation_pointer(target)
                count = len(operation_object(target).get("parameters", []))
                known = {resolved(f"{at}/parameters/{index}")[1]["name"] for index in range(count)}
                known |= set(DOCUMENT["components"]["schemas"]["SendMessageRequest"]["properties"])
                asked = {**link.get("parameters", {}), **link.get("requestBody", {})}
                assert set(asked) <= known
                found |= {(f"{operation} {status}", target, name, source) for name, source in asked.items()}
    assert found == {
        ("sendMessage 201", "getMessage", "messageId", "$response.body#/data/id"),
        ("sendMessage 201", "listMessages", "status", "$response.body#/data/status"),
        ("listMessages 200", "getMessage", "messageId", "$response.body#/data/data/0/id"),
        ("getMessage 200", "getMessage", "messageId", "$response.body#/data/id"),
        ("getMessage 200", "listMessages", "status", "$response.body#/data/status"),
        ("listInboundMessages 200", "getInboundMessage", "messageId", "$response.body#/data/data/0/id"),
        ("listPhoneNumbers 200", "getPhoneNumber", "id", "$response.body#/data/0/id"),
        ("listPhoneNumbers 200", "getPhoneNumber", "id", "$response.body#/data/0/phoneNumber"),
        ("listPhoneNumbers 200", "getPhoneNumberStatus", "id", "$response.body#/data/0/id"),
        ("listPhoneNumbers 200", "listMessages", "phoneNumberId", "$response.body#/data/0/id"),
        ("listPhoneNumbers 200", "listInboundMessages", "phoneNumberId", "$response.body#/data/0/id"),
        ("listPhoneNumbers 200", "sendMessage", "fromPhoneId", "$response.body#/data/0/phoneNumber"),
        ("getPhoneNumber 200", "getPhoneNumberStatus", "id", "$response.body#/data/id"),
        ("getPhoneNumber 200", "getPhoneNumberStatus", "id", "$response.body#/data/phoneNumber"),
        ("getPhoneNumberStatus 200", "getPhoneNumber", "id", "$response.body#/data/id"),
    }


def test_every_example_keeps_to_its_own_schema() -> None:
    wrong = {}
    for path, node in mappings(DOCUMENT):
        pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
        examples = {name: entry["value"] for name, entry in node.get("examples", {}).items()}
        examples |= {"example": node["example"]} if "example" in node else {}
        for name, value in examples.items():
            if found := broken(f"{pointer}/schema", value):
                wrong[pointer, name] = found
    assert wrong == {}


def test_every_number_is_one_that_reaches_nobody() -> None:
    numbers = {number for text in strings(DOCUMENT) for number in re.findall(r"\+[0-9][0-9 -]{6,}", text)}
    assert {number for number in numbers if not re.fullmatch(r"\+120255501(0[1-9]|[1-9][0-9])", number)} == set()
    assert len(numbers) > 1


def test_no_object_is_closed_to_properties_nobody_documented() -> None:
    closing = {"additionalProperties", "unevaluatedProperties", "maxProperties", "propertyNames"}
    assert [path for path, node in mappings(DOCUMENT) if closing & set(node)] == []


def test_every_schema_and_every_property_of_one_is_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    named = {(name,): schema for name, schema in schemas.items()}
    for path, node in mappings(schemas):
        named |= {(*path, name): schema for name, schema in node.get("properties", {}).items()}
    silent = [
        path
        for path, schema in named.items()
        if "description" not in {**schema, **resolved(schema.get("$ref", "#")[1:])[1]}
    ]
    assert silent == []
    assert len(named) > len(schemas)
