"""Faults in what an answer is: its status, media type, envelope, and the members of the account and of the figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from affidavit.sandbox.deviation import Deviation, Place, edited
from affidavit.sandbox.model import Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    ACCOUNT,
    ADMITTED,
    ANYWHERE,
    BULK,
    CHECKOUT,
    DOCS,
    GOOD,
    LIST,
    LLMS,
    MESSAGE,
    OPENAPI,
    REFUSED,
    REGISTER,
    RETRY,
    ROTATE,
    SEND,
    SUMMARY,
    answer,
    answered,
    body,
    every,
    fault,
    header,
    member,
    refuse,
    renamed,
    status,
    without,
)

ERRORS = answered(ANYWHERE, REFUSED)
INVALID = answered(ANYWHERE, "400")
PAGE = b"<!doctype html><title>Sorry</title><p>Something is wrong."


def _as_page(_request: Request, response: Response) -> Response:
    headers = tuple(pair for pair in response.headers if pair[0] != "Content-Type")
    return replace(response, headers=(("Content-Type", "text/html; charset=utf-8"), *headers), body=PAGE)


def _failing(place: Place, code: int, when: Any) -> Any:  # noqa: ANN401 - shorthand for the rows below
    return refuse(answered(place, ADMITTED), code, "Internal server error", when)


def _percent(whole: Any) -> Any:  # noqa: ANN401 - any JSON value
    if "deliveryRate" not in str(whole):
        return whole
    return edited(edited(whole, "/data/deliveryRate", lambda n: n * 100), "/data/failureRate", lambda n: n * 100)


def _query(name: str, *values: str) -> Any:  # noqa: ANN401 - as above
    return lambda request: dict(request.query).get(name) in values


PUBLISHED: tuple[Deviation, ...] = (
    fault("docs-need-key", "status", "The endpoint explorer is closed.", refuse(DOCS, 401)),
    fault("llms-missing", "status", "There are no notes for agents.", refuse(LLMS, 404)),
    fault("openapi-is-a-page", "schema", "The openapi.json is HTML.", answer(OPENAPI, _as_page)),
    fault("openapi-empty", "schema", "The openapi.json describes no operation.", member(OPENAPI, "/paths", {})),
    fault(
        "openapi-without-sending",
        "schema",
        "The openapi.json forgets how to send.",
        member(OPENAPI, "/paths", lambda paths: {path: one for path, one in paths.items() if path != "/send-message"}),
    ),
    fault("openapi-needs-key", "status", "The openapi.json asks for a key.", refuse(OPENAPI, 401)),
)

STATUSES: tuple[Deviation, ...] = (
    fault("send-answers-200", "status", "A send is answered 200.", status(answered(SEND, "202"), 200)),
    fault("send-answers-201", "status", "A send is answered 201.", status(answered(SEND, "202"), 201)),
    fault(
        "sometimes-send-answers-200",
        "status",
        "Every third send is answered 200.",
        every(3, SEND, status(answered(SEND, "202"), 200)),
    ),
    fault("bulk-answers-200", "status", "A bulk send is answered 200.", status(answered(BULK, "202"), 200)),
    fault("retry-answers-200", "status", "A retry is answered 200.", status(answered(RETRY, "202"), 200)),
    fault("rotate-answers-201", "status", "A rotation is answered 201.", status(answered(ROTATE, "200"), 201)),
    fault("unknown-message-is-410", "status", "An unknown message is gone.", status(answered(MESSAGE, "404"), 410)),
    fault(
        "unknown-message-is-null",
        "status",
        "An unknown message is a null with 200.",
        answer(
            answered(MESSAGE, "404"),
            lambda _request, response: replace(response, status=200, body=b'{"success":true,"data":null}'),
        ),
    ),
    fault("invalid-is-422", "status", "Failed validation is answered 422.", status(INVALID, 422)),
    fault("validation-is-500", "errors", "Failed validation is answered 500.", status(answered(SEND, "400"), 500)),
    fault(
        "odd-id-crashes",
        "errors",
        "An id that is no UUID crashes the server.",
        _failing(MESSAGE, 500, lambda request: len(request.path) < len("/messages/") + 36),
    ),
    fault(
        "odd-page-crashes",
        "errors",
        "A page that is no number crashes the server.",
        _failing(LIST, 500, _query("page", "abc", "-1", "0")),
    ),
    fault(
        "unknown-status-crashes",
        "errors",
        "A status there is not crashes the list.",
        _failing(LIST, 500, _query("status", "misplaced")),
    ),
    fault(
        "broken-json-crashes",
        "errors",
        "A body that is cut off crashes the server.",
        _failing(SEND, 500, lambda request: request.body[:1] == b"{" and request.body[-1:] != b"}"),
    ),
    fault(
        "null-body-crashes",
        "errors",
        "A null for a body crashes the server.",
        _failing(SEND, 502, lambda request: request.body == b"null"),
    ),
    fault(
        "long-key-crashes",
        "errors",
        "An idempotency key that fits no column crashes the server.",
        _failing(SEND, 500, lambda request: len(request.headers.get("idempotency-key", "")) > 255),
    ),
)

ENVELOPES: tuple[Deviation, ...] = (
    fault(
        "answers-are-plain-text",
        "encoding",
        "Good answers claim to be plain text.",
        header(answered(ANYWHERE, GOOD), "Content-Type", lambda old: old.replace("application/json", "text/plain")),
    ),
    fault("errors-are-pages", "errors", "Errors are HTML.", answer(ERRORS, _as_page)),
    fault("errors-flag-success", "errors", "Errors flag success.", member(ERRORS, "/success", value=True)),
    fault("errors-lack-flag", "errors", "Errors flag nothing.", without(ERRORS, "/success")),
    fault("errors-lack-text", "errors", "Errors have no text.", without(ERRORS, "/error")),
    fault(
        "errors-rename-text",
        "errors",
        "The text of an error is its `message`.",
        renamed(ERRORS, "", "error", "message"),
    ),
    fault("errors-are-numbers", "errors", "The text of an error is a number.", member(ERRORS, "/error", 4001)),
    fault("errors-are-codes", "errors", "The text of an error is a numeric code.", member(ERRORS, "/error", "40-01")),
    fault(
        "conflicts-lack-flag",
        "errors",
        "Only conflicts lack the flag.",
        without(answered(ANYWHERE, "409"), "/success"),
    ),
    fault(
        "sometimes-errors-lack-text",
        "errors",
        "Every fifth answer, if it is an error, has no text.",
        every(5, ANYWHERE, without(ERRORS, "/error")),
    ),
    fault("details-missing", "errors", "A 400 has no details.", without(INVALID, "/details")),
    fault("details-empty", "errors", "The details of a 400 are empty.", member(INVALID, "/details", [])),
    fault(
        "details-are-an-object",
        "errors",
        "The details of a 400 are an object by field.",
        member(INVALID, "/details", lambda rows: {row["field"]: row["message"] for row in rows}),
    ),
    fault(
        "details-name-the-body",
        "errors",
        "The details of a 400 blame the body.",
        member(INVALID, "/details", [{"field": "body", "message": "is not as it should be"}]),
    ),
    fault(
        "details-stop-at-the-first",
        "errors",
        "The details of a 400 name one field only.",
        member(INVALID, "/details", lambda rows: rows[:1]),
    ),
    fault(
        "not-found-has-details",
        "errors",
        "A 404 has details, too.",
        body(answered(ANYWHERE, "404"), lambda whole: {**whole, "details": []}),
    ),
    fault(
        "unauthorized-has-details",
        "errors",
        "A 401 has details, too.",
        body(answered(ANYWHERE, "401"), lambda whole: {**whole, "details": [{"field": "Authorization"}]}),
    ),
)

ACCOUNTS: tuple[Deviation, ...] = (
    fault("account-lacks-name", "schema", "The account has no name.", without(ACCOUNT, "/data/name")),
    fault(
        "account-email-masked",
        "echo",
        "The account masks its address.",
        member(ACCOUNT, "/data/email", "x***@example.com"),
    ),
    fault("account-email-null", "schema", "The account has no address.", member(ACCOUNT, "/data/email", None)),
    fault(
        "account-plan-of-its-own",
        "schema",
        "The free plan is called hobby.",
        member(ACCOUNT, "/data/plan", lambda plan: "hobby" if plan == "free" else plan),
    ),
    fault(
        "account-unwrapped",
        "schema",
        "The account is not under data.",
        body(answered(ACCOUNT, "200"), lambda whole: whole["data"]),
    ),
    fault("count-is-text", "schema", "The account counts in text.", member(ACCOUNT, "/data/messagesSent", str)),
    fault("count-is-missing", "schema", "The account does not count.", without(ACCOUNT, "/data/messagesSent")),
    fault(
        "count-stands-still", "totals", "The account's count never moves.", member(ACCOUNT, "/data/messagesSent", 42)
    ),
    fault(
        "configured-is-a-number",
        "schema",
        "The byocConfigured is 0 or 1.",
        member(ACCOUNT, "/data/byocConfigured", int),
    ),
    fault(
        "configured-is-missing", "schema", "The byocConfigured is not there.", without(ACCOUNT, "/data/byocConfigured")
    ),
    fault(
        "never-configured",
        "workflow",
        "The byocConfigured stays false.",
        member(ACCOUNT, "/data/byocConfigured", value=False),
    ),
    fault(
        "always-configured",
        "workflow",
        "The byocConfigured stays true.",
        member(ACCOUNT, "/data/byocConfigured", value=True),
    ),
    fault(
        "no-webhook-is-empty-text",
        "schema",
        "No webhook is an empty text.",
        member(ACCOUNT, "/data/webhookUrl", lambda url: url or ""),
    ),
    fault(
        "webhook-url-missing", "schema", "The account does not show its webhook.", without(ACCOUNT, "/data/webhookUrl")
    ),
    fault("webhook-url-not-shown", "echo", "A saved webhook shows as null.", member(ACCOUNT, "/data/webhookUrl", None)),
    fault(
        "webhook-url-cut",
        "echo",
        "A saved webhook shows without its path.",
        member(ACCOUNT, "/data/webhookUrl", lambda url: url and "/".join(url.split("/")[:3])),
    ),
)

FIGURES: tuple[Deviation, ...] = (
    fault(
        "figures-total-off", "totals", "The total counts one too many.", member(SUMMARY, "/data/total", lambda n: n + 1)
    ),
    fault("figures-lack-total", "schema", "There is no total.", without(SUMMARY, "/data/total")),
    fault("figures-lack-split", "schema", "There is no split by status.", without(SUMMARY, "/data/byStatus")),
    fault("figures-split-is-a-list", "schema", "The split is a list.", member(SUMMARY, "/data/byStatus", list)),
    fault(
        "figures-forget-failures",
        "totals",
        "The split leaves out what failed.",
        without(SUMMARY, "/data/byStatus/failed"),
    ),
    fault("figures-lack-rate", "schema", "There is no rate of failure.", without(SUMMARY, "/data/failureRate")),
    fault("rates-are-percent", "schema", "Rates are percentages.", body(SUMMARY, _percent)),
    fault("rates-are-text", "schema", "Rates are text.", member(SUMMARY, "/data/deliveryRate", str)),
    fault(
        "figures-stand-still",
        "totals",
        "The figures are those of the example.",
        member(
            SUMMARY,
            "/data",
            {
                "total": 1042,
                "byStatus": {"delivered": 980, "failed": 52, "sent": 10},
                "deliveryRate": 0.94,
                "failureRate": 0.05,
            },
        ),
    ),
)

BILLING: tuple[Deviation, ...] = (
    fault("checkout-lacks-url", "schema", "A checkout has no address.", without(CHECKOUT, "/data/url")),
    fault(
        "checkout-url-is-a-path", "schema", "A checkout's address is a path.", member(CHECKOUT, "/data/url", "/c/pay")
    ),
    fault(
        "checkout-url-elsewhere",
        "schema",
        "A checkout's address is not under data.",
        body(answered(CHECKOUT, "200"), lambda whole: whole["data"]),
    ),
    fault(
        "checkout-refuses-basic",
        "validation",
        "Basic cannot be bought.",
        refuse(CHECKOUT, 400, "No.", lambda request: b"basic" in request.body),
    ),
)

REGISTRATION: tuple[Deviation, ...] = (
    fault("register-lacks-plan", "schema", "A registration names no plan.", without(REGISTER, "/data/plan")),
    fault("register-lacks-flag", "schema", "A registration flags nothing.", without(REGISTER, "/success")),
    fault(
        "register-names-another-plan", "default", "A registration says basic.", member(REGISTER, "/data/plan", "basic")
    ),
    fault(
        "register-renames-key", "schema", "The new key stands in data.key.", renamed(REGISTER, "/data", "apiKey", "key")
    ),
    fault("rotate-lacks-flag", "schema", "A rotation flags nothing.", without(ROTATE, "/success")),
)


FAULTS = PUBLISHED + STATUSES + ENVELOPES + ACCOUNTS + FIGURES + BILLING + REGISTRATION
