"""Faults of every answer: its status, its media type, the envelope of a result and the one of a refusal."""

from __future__ import annotations

from typing import Any

from affidavit.sandbox.chatmaid.deviations.parts import (
    ACCOUNT,
    CONNECTION,
    EVERYWHERE,
    INBOX,
    LETTER,
    LIST,
    MESSAGE,
    PHONE,
    PHONES,
    REFUSED,
    SEND,
    SERVED,
    USAGE,
    added,
    answer,
    answer_to,
    body,
    code,
    gone,
    header,
    refuse,
    row,
    status,
    to,
)
from affidavit.sandbox.chatmaid.envelope import ProblemError, failure
from affidavit.sandbox.deviation import Place
from affidavit.sandbox.http import UnreadableBodyError, from_json, json_response
from affidavit.sandbox.model import Request, Response

FAILURE = json_response(500, {"statusCode": 500, "message": "Internal server error"})
NOTHING = json_response(200, {"success": True, "data": None})


def _web_page(response: Response) -> Response:
    content = b"<!doctype html><title>Error</title><h1>Something went wrong</h1>"
    return Response(response.status, (("Content-Type", "text/html; charset=utf-8"),), content)


def _not_found_when_empty(request: Request, response: Response, now: float) -> Response:
    page: Any = from_json(response.body)
    return response if page["data"]["data"] else failure(ProblemError(404, "No messages"), request.path, now)


def _fails_unless_json(request: Request, response: Response, _now: float) -> Response:
    try:
        from_json(request.body)
    except UnreadableBodyError:
        return FAILURE
    return response


def _fails_on_a_number(request: Request, response: Response, _now: float) -> Response:
    try:
        order: Any = from_json(request.body)
    except UnreadableBodyError:
        return response
    return FAILURE if isinstance(order.get("content"), int) else response


def _local_time(timestamp: str) -> str:
    """Twelve hours off, as a server does that writes its own time and calls it UTC."""
    return f"{timestamp[:11]}{(int(timestamp[11:13]) + 12) % 24:02d}{timestamp[13:]}"


def _refuses_declared(request: Request, response: Response, now: float) -> Response:
    declared = "content-type" in request.headers and not request.body
    return failure(ProblemError(400, "Body cannot be empty"), request.path, now) if declared else response


FAULTS = (
    # status
    row("send-answers-200", "status", "An accepted send is answered with 200.", code(status(SEND, "201"), 200)),
    row("send-answers-202", "status", "An accepted send is answered with 202.", code(status(SEND, "201"), 202)),
    row("broken-order-answers-422", "status", "A broken order is answered with 422.", code(status(SEND, "400"), 422)),
    row(
        "unknown-sender-answers-400",
        "status",
        "A sender nobody has is taken for a validation error.",
        code(status(SEND, "404"), 400),
    ),
    row("list-answers-206", "status", "A page of messages is answered with 206.", code(status(LIST, "200"), 206)),
    row("message-answers-203", "status", "A message is answered with 203.", code(status(MESSAGE, "200"), 203)),
    row(
        "unknown-message-answers-200",
        "status",
        "A message that is not there is answered with 200 and no data.",
        answer(status(MESSAGE, "404"), lambda _: NOTHING),
    ),
    row(
        "unknown-message-answers-410",
        "status",
        "A message that is not there is answered with 410.",
        code(status(MESSAGE, "404"), 410),
    ),
    row(
        "inbound-message-answers-203",
        "status",
        "An inbound message is answered with 203.",
        code(status(LETTER, "200"), 203),
    ),
    row(
        "unknown-inbound-answers-410",
        "status",
        "An inbound message that is not there is answered with 410.",
        code(status(LETTER, "404"), 410),
    ),
    row(
        "empty-inbox-answers-404",
        "status",
        "An empty inbound list is answered with 404.",
        answer_to(status(INBOX, "200"), _not_found_when_empty),
    ),
    row("phones-answer-206", "status", "The list of phones is answered with 206.", code(status(PHONES, "200"), 206)),
    row("phone-answers-203", "status", "A phone is answered with 203.", code(status(PHONE, "200"), 203)),
    row(
        "unknown-phone-answers-400",
        "status",
        "A phone that is not there is answered with 400.",
        code(status(PHONE, "404"), 400),
    ),
    row("connection-answers-203", "status", "A connection is answered with 203.", code(status(CONNECTION, "200"), 203)),
    row(
        "unknown-connection-answers-200",
        "status",
        "The connection of no phone is answered with 200 and no data.",
        answer(status(CONNECTION, "404"), lambda _: NOTHING),
    ),
    row("account-answers-203", "status", "The account is answered with 203.", code(status(ACCOUNT, "200"), 203)),
    row(
        "usage-answers-204",
        "status",
        "Usage is answered with 204 and no body.",
        answer(status(USAGE, "200"), lambda _: Response(204)),
    ),
    row(
        "sent-message-not-found",
        "workflow",
        "No message can be read alone.",
        refuse(status(MESSAGE, "200"), 404, "Not found"),
    ),
    row(
        "phones-not-served",
        "workflow",
        "The list of phones is never found.",
        refuse(status(PHONES, "200"), 404, "Cannot GET /v1/phone-numbers"),
    ),
    row(
        "connection-not-served",
        "workflow",
        "No connection is ever found.",
        refuse(status(CONNECTION, "200"), 404, "Cannot GET the status"),
    ),
    row(
        "json-not-understood",
        "validation",
        "A send in JSON is refused: only forms are understood.",
        refuse(status(SEND, "201"), 400, "Content-Type must be application/x-www-form-urlencoded"),
    ),
    row(
        "declared-json-without-body-refused",
        "encoding",
        "A read that declares JSON and has no body is refused.",
        answer_to(Place("GET"), _refuses_declared),
    ),
    row(
        "usage-needs-another-header",
        "auth",
        "Usage asks for a header beside the key.",
        refuse(status(USAGE, "200"), 401, "Missing X-Account-Id"),
    ),
    # failures
    row(
        "unreadable-order-fails",
        "errors",
        "A body that is no JSON makes the server fail.",
        answer_to(SEND, _fails_unless_json),
    ),
    row(
        "number-as-content-fails",
        "errors",
        "A number in place of the text makes the server fail.",
        answer_to(status(SEND, "400"), _fails_on_a_number),
    ),
    row(
        "odd-list-query-fails",
        "errors",
        "Whatever is wrong with a list's query makes the server fail.",
        answer(status(LIST, "400"), lambda _: FAILURE),
    ),
    row(
        "odd-inbound-query-fails",
        "errors",
        "Whatever is wrong with an inbound list's query makes the server fail.",
        answer(status(INBOX, "400"), lambda _: FAILURE),
    ),
    row(
        "odd-period-fails",
        "errors",
        "A period that does not exist makes the server fail.",
        answer(status(USAGE, "400"), lambda _: FAILURE),
    ),
    # envelope of a result
    row(
        "answers-are-plain-text",
        "encoding",
        "JSON is declared to be plain text.",
        header(EVERYWHERE, "Content-Type", "text/plain; charset=utf-8"),
    ),
    row("success-flag-missing", "schema", "A result does not say success.", body(SERVED, "/success", gone)),
    row("success-flag-is-text", "schema", "A result says success in a text.", body(SERVED, "/success", to("true"))),
    row(
        "result-without-envelope",
        "schema",
        "A result stands alone, without success and data.",
        body(SERVED, "", lambda whole: whole["data"]),
    ),
    # envelope of a refusal
    row("refusals-are-web-pages", "errors", "A refusal is a web page.", answer(REFUSED, _web_page)),
    row(
        "refusals-are-empty",
        "errors",
        "A refusal has no body.",
        answer(REFUSED, lambda response: Response(response.status)),
    ),
    row(
        "refusals-in-result-envelope",
        "errors",
        "A refusal wears the envelope of a result.",
        body(REFUSED, "", lambda _: {"success": True, "data": {}}),
    ),
    row("refusals-say-success", "errors", "A refusal says success.", body(REFUSED, "/success", to(value=True))),
    row("refusal-error-missing", "errors", "A refusal does not name the error.", body(REFUSED, "/error", gone)),
    row(
        "refusal-error-is-object",
        "errors",
        "A refusal describes the error in an object.",
        body(REFUSED, "/error", lambda text: {"type": text}),
    ),
    row(
        "refusal-message-is-text",
        "errors",
        "A refusal explains itself in one text.",
        body(REFUSED, "/message", ". ".join),
    ),
    row("refusal-message-empty", "errors", "A refusal explains nothing.", body(REFUSED, "/message", to([]))),
    row(
        "refusal-message-of-objects",
        "errors",
        "A broken order is explained in objects.",
        body(Place(status="400"), "/message/*", lambda text: {"detail": text}),
    ),
    row("refusal-status-missing", "errors", "A refusal lacks the status inside.", body(REFUSED, "/statusCode", gone)),
    row(
        "refusal-status-is-text", "errors", "The status inside a refusal is a text.", body(REFUSED, "/statusCode", str)
    ),
    row(
        "refusal-status-always-400",
        "errors",
        "The status inside a refusal is always 400.",
        body(REFUSED, "/statusCode", to(400)),
    ),
    row(
        "refusal-time-without-milliseconds",
        "errors",
        "A refusal's moment is cut to the second.",
        body(REFUSED, "/timestamp", lambda time: time[:19] + "Z"),
    ),
    row(
        "refusal-time-is-local",
        "errors",
        "A refusal's moment is local time that calls itself UTC.",
        body(REFUSED, "/timestamp", _local_time),
    ),
    row("refusal-time-missing", "errors", "A refusal has no moment.", body(REFUSED, "/timestamp", gone)),
    row("refusal-path-missing", "errors", "A refusal does not repeat the path.", body(REFUSED, "/path", gone)),
    row(
        "refusal-path-of-inner-route",
        "errors",
        "A refusal shows the path without its version.",
        body(REFUSED, "/path", lambda path: path.removeprefix("/v1")),
    ),
    row(
        "unauthorized-without-envelope",
        "errors",
        "A refused key gets nothing but a message.",
        body(Place(status="401"), "", to({"message": "Unauthorized"})),
    ),
    row(
        "forbidden-without-envelope",
        "errors",
        "A missing scope gets nothing but a message.",
        body(Place(status="403"), "", to({"message": "Forbidden"})),
    ),
    row(
        "not-found-adds-nothing",
        "errors",
        "What is not there is refused in an envelope without an explanation.",
        body(Place(status="404"), "", added(message=None)),
    ),
)
