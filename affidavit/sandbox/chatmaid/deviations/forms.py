"""Variants of form: what an answer may look like, as far as the documents leave it open."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

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
    Build,
    answer,
    answer_to,
    body,
    gone,
    header,
    message,
    relabelled,
    row,
    status,
    to,
    with_key,
)
from affidavit.sandbox.deviation import Answering, Place, edited, with_header, with_json
from affidavit.sandbox.http import UnreadableBodyError, from_json
from affidavit.sandbox.model import Machine, Request, Response

LISTED = ("id", "from", "to", "content", "status", "createdAt")


def _rewritten(change: Callable[[Any], str]) -> Build:
    def other(response: Response) -> Response:
        try:
            value: Any = from_json(response.body)
        except UnreadableBodyError:
            return response
        return replace(response, body=change(value).encode())

    return answer(EVERYWHERE, other)


def _backwards(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {name: _backwards(value[name]) for name in reversed(value)}
    return [_backwards(one) for one in value] if isinstance(value, list) else value


def _with_more(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {"_version": 2, **{name: _with_more(one) for name, one in value.items()}, "extra": {"note": None}}
    return [_with_more(one) for one in value] if isinstance(value, list) else value


def _six(one: Any) -> Any:  # noqa: ANN401 - a message
    return {name: one[name] for name in LISTED}


def _as_uuid(phone_id: str) -> str:
    return str(UUID(phone_id + "0" * 8))


def _capitals(message_id: str) -> str:
    return "msg_" + message_id[4:].upper() + "_-9"


def _query_in_path(request: Request, response: Response, _now: float) -> Response:
    asked_for = "&".join(f"{name}={value}" for name, value in request.query)
    return with_json(
        response, lambda whole: edited(whole, "/path", lambda path: f"{path}?{asked_for}" if asked_for else path)
    )


def _announced(response: Response) -> Response:
    for name, value in (
        ("X-RateLimit-Limit", "100"),
        ("X-Request-Id", "req_1"),
        ("Vary", "Origin"),
        ("X-Powered-By", "Express"),
    ):
        response = with_header(response, name, value)
    return response


def _not_json(request: Request, response: Response, _now: float) -> Response:
    try:
        from_json(request.body)
    except UnreadableBodyError:
        return with_json(replace(response, status=422), lambda whole: {**whole, "statusCode": 422})
    return response


def _quoted_key(request: Request, response: Response, _now: float) -> Response:
    offered = request.headers.get("authorization", "nothing")
    return with_json(response, lambda whole: {**whole, "message": [f"Invalid API key: {offered}"]})


def _not_found_first(inner: Machine) -> Machine:
    """What is not there is said before a missing scope is."""

    def change(request: Request, response: Response, now: float) -> Response:
        there = inner.step(with_key(request, inner.keys()["main"]), now)
        return there if there.status == 404 else response

    machine = inner
    for place in (MESSAGE, LETTER, PHONE, CONNECTION):
        machine = Answering(machine, status(place, "403"), change)
    return machine


def _picture(page: Any) -> Any:  # noqa: ANN401 - the items of a page
    return [{**one, "type": "image", "content": None} if one["isGroup"] else one for one in page]


VARIANTS = (
    # fields
    row(
        "send-without-receipts",
        "schema",
        "The answer to a send lacks the moments of delivery and reading (G-01).",
        *(body(status(SEND, "2.."), f"/data/{name}", gone) for name in ("deliveredAt", "readAt")),
    ),
    row(
        "list-items-of-six",
        "schema",
        "A listed message has the six fields of the example (G-03).",
        body(status(LIST, "200"), "/data/data/*", _six),
    ),
    row(
        "more-members",
        "schema",
        "Every object has members that no document names (G-04).",
        _rewritten(lambda value: json.dumps(_with_more(value))),
    ),
    row(
        "members-backwards",
        "encoding",
        "The members of every object come in another order.",
        _rewritten(lambda value: json.dumps(_backwards(value))),
    ),
    row(
        "json-with-spaces",
        "encoding",
        "JSON is indented.",
        _rewritten(lambda value: json.dumps(value, indent=4, ensure_ascii=False)),
    ),
    row(
        "json-escaped",
        "encoding",
        "Everything beyond ASCII is escaped, slashes too.",
        _rewritten(lambda value: json.dumps(value).replace("/", "\\/")),
    ),
    row(
        "content-type-bare",
        "encoding",
        "The content type has no charset.",
        header(EVERYWHERE, "Content-Type", "application/json"),
    ),
    row(
        "content-type-in-capitals",
        "encoding",
        "The content type is written in another case, with another parameter.",
        header(EVERYWHERE, "Content-Type", 'Application/JSON;Charset="UTF-8"; profile=x'),
    ),
    row(
        "more-headers",
        "schema",
        "Every answer has headers that no document names (G-51).",
        answer(EVERYWHERE, _announced),
    ),
    row(
        "message-ids-of-other-letters",
        "schema",
        "Message ids have capitals, underscores and dashes behind the prefix.",
        relabelled(r"\bmsg_[0-9a-f]{16}", _capitals),
    ),
    row("phone-ids-are-uuids", "schema", "Phone ids are UUIDs.", relabelled(r"\b[0-9a-f]{24}\b", _as_uuid)),
    row(
        "account-id-without-prefix",
        "schema",
        "The account's id has another form than the example's.",
        body(status(ACCOUNT, "200"), "/data/accountId", lambda one: _as_uuid(one.removeprefix("acc_").ljust(24, "0"))),
    ),
    row(
        "subscription-trialing",
        "schema",
        "The subscription has a state that no example shows.",
        body(status(ACCOUNT, "200"), "/data/subscriptionStatus", to("trialing")),
    ),
    row(
        "content-null-with-media",
        "schema",
        "A message of media alone shows null as its text.",
        message("/content", lambda text: text or None),
    ),
    row(
        "inbound-picture",
        "schema",
        "Inbound messages of groups are pictures without a text.",
        body(status(INBOX, "200"), "/data/data", _picture),
    ),
    row(
        "failed-without-words",
        "lifecycle",
        "A failed message has a code and no error message.",
        message("/errorMessage", to(None)),
    ),
    row(
        "phone-in-other-state",
        "schema",
        "A phone that was never connected shows a state beyond the three (G-38).",
        body(
            status(PHONES, "200"),
            "/data/*",
            lambda one: {**one, "connectionStatus": "qr_pending"} if one["lastConnectedAt"] is None else one,
        ),
    ),
    row(
        "phone-never-disconnected-before",
        "schema",
        "A phone that was added long ago shows when it last lost its connection.",
        body(
            status(PHONES, "200"),
            "/data/*",
            lambda one: {**one, "lastDisconnectedAt": one["lastDisconnectedAt"] or one["createdAt"]},
        ),
    ),
    # refusals
    row(
        "refusals-in-other-words",
        "errors",
        "Refusals say more, in other words (G-31).",
        body(
            REFUSED,
            "",
            lambda whole: {
                **whole,
                "error": whole["error"].upper(),
                "message": [*whole["message"], "Siehe die Dokumentation."],
            },
        ),
    ),
    row(
        "refusal-path-with-query", "errors", "The path in a refusal has the query.", answer_to(REFUSED, _query_in_path)
    ),
    row(
        "refusal-quotes-key",
        "secret",
        "A refused key is quoted: bad manners, but no document forbids it.",
        answer_to(Place(status="401"), _quoted_key),
    ),
    row(
        "no-json-is-unprocessable",
        "errors",
        "A body that is no JSON is answered with 422 (G-36).",
        answer_to(status(SEND, "400"), _not_json),
    ),
    row(
        "not-found-before-scope",
        "errors",
        "What is not there is said before a missing scope is (G-39).",
        _not_found_first,
    ),
)
