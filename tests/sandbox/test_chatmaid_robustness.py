"""Whatever comes in, a documented answer comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.sandbox.chatmaid.routes import ROUTES
from affidavit.sandbox.model import Request
from tests.sandbox.chatmaid_caller import CONNECTING, DISCONNECTED, PRIMARY, Caller

ANY_TEXT = st.text(st.characters(codec=None), max_size=20)
"""Lone surrogates and control characters included."""
METHODS = st.sampled_from(["GET", "POST", "PUT", "HEAD"]) | ANY_TEXT
PATHS = (
    st.sampled_from([route.template for route in ROUTES]) | ANY_TEXT | ANY_TEXT.map(lambda tail: f"/v1/messages/{tail}")
)
NAMES = st.sampled_from(["page", "limit", "status", "period", "phoneNumberId"]) | ANY_TEXT
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
VALUES = JSON | st.sampled_from([PRIMARY, DISCONNECTED, CONNECTING, "+12025550103", [], ["https://example.com/"], ""])
ORDERS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("fromPhoneId", "to", "content", "mediaUrls", "idempotencyKey"), VALUES)
)
BODIES = st.binary(max_size=50) | ORDERS.map(lambda order: json.dumps(order).encode())
REQUESTS = st.builds(
    Request,
    method=METHODS,
    path=PATHS,
    query=st.lists(st.tuples(NAMES, ANY_TEXT), max_size=3).map(tuple),
    headers=st.dictionaries(st.sampled_from(["authorization", "content-type", "x"]), ANY_TEXT),
    body=st.binary(max_size=50),
)
ERRORS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}


def check(caller: Caller, request: Request) -> int:
    answer = caller.step(request)
    if answer.status in {200, 201}:
        assert set(answer.body) == {"success", "data"}
        return answer.status
    assert set(answer.body) == {"success", "error", "message", "statusCode", "timestamp", "path"}
    assert (answer.body["error"], answer.body["statusCode"]) == (ERRORS[answer.status], answer.status)
    assert answer.body["message"]
    assert all(isinstance(message, str) and message for message in answer.body["message"])
    return answer.status


@settings(max_examples=400, deadline=None)
@given(REQUESTS, st.sampled_from(["main", "live", None]))
def test_any_request_gets_a_documented_answer(request: Request, role: str | None) -> None:
    caller = Caller()
    known = caller.headers(role) if role else {}
    check(caller, replace(request, headers={**request.headers, **known}))


@settings(max_examples=400, deadline=None)
@given(BODIES, st.sampled_from(["main", "live"]))
def test_any_body_is_accepted_or_refused(body: bytes, role: str) -> None:
    caller = Caller()
    headers = {**caller.headers(role), "content-type": "application/json"}
    assert check(caller, Request("POST", "/v1/messages/send", (), headers, body)) in {201, 400, 404}


def nested(depth: int) -> Any:  # noqa: ANN401 - any JSON value
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def test_a_deep_value_in_an_unknown_field_is_ignored_or_refused() -> None:
    caller = Caller()
    assert caller.send(extra=nested(100)).status == 201
    order = json.dumps({"fromPhoneId": PRIMARY, "to": "+12025550101", "content": "\u00e9"})
    for depth in (200, 400, 600, 800, 900, 950, 1000, 10_000, 100_000):
        body = f'{order[:-1]},"extra":{"[" * depth}{"]" * depth}}}'
        assert caller.post(body.encode()).status in {201, 400}
