from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from affidavit.sandbox.model import Machine, Request
from affidavit.sandbox.whatsapi import WhatsapiMachine
from affidavit.sandbox.whatsapi.routes import ROUTES, KeyedRoute
from tests.sandbox.whatsapi_caller import START, Caller

OPERATIONS = [(route.method, route.path.replace("{id}", "9dd15ee1-3d3c-44e1-9dd2-8ec6547e7e20")) for route in ROUTES]
KEY = WhatsapiMachine(7, START).keys()["main"]
ERRORS = {400, 401, 403, 404, 405, 409, 429, 503}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
fields = st.sampled_from([
    "to", "message", "template", "sendAt", "metadata", "dry_run", "messages", "name", "email", "url", "plan", "entry",
    "changes", "value", "language", "components", "parameters", "from", "whatsappAccessToken", "whatsappPhoneNumberId",
])  # fmt: skip
likely = st.sampled_from(
    ["12025550101", "12025550150", "2031-01-01T00:00:00Z", "a@b.example", "pro", "https://a.example"]
)
bodies = st.recursive(
    scalars | likely,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=6),
    max_leaves=20,
)
header_names = st.sampled_from(["authorization", "content-type", "idempotency-key", "x-other"])
header_values = st.text() | st.sampled_from([f"Bearer {KEY}", "application/json", "Bearer", "key"])


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Anything that could come off a wire, mostly near what is documented."""
    method, path = draw(st.sampled_from(OPERATIONS) | st.tuples(st.text(max_size=8), st.text().map(lambda p: "/" + p)))
    pair = st.tuples(st.sampled_from(["status", "batchId", "limit", "page", "hub.mode", "hub.challenge"]), st.text())
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"} if draw(st.booleans()) else {}
    headers |= draw(st.dictionaries(header_names, header_values, max_size=2))
    body = draw(st.binary() | bodies.map(lambda body: json.dumps(body).encode()))
    return Request(method, path, tuple(draw(st.lists(pair, max_size=3))), headers, body, draw(st.sampled_from("ab")))


@given(history=st.lists(st.tuples(requests(), st.sampled_from([0.0, 0.5, 30.0])), max_size=8))
@settings(max_examples=150, deadline=None)
def test_whatever_is_asked_the_answer_is_documented_and_two_machines_give_the_same(
    history: list[tuple[Request, float]],
) -> None:
    one, other = WhatsapiMachine(7, START), WhatsapiMachine(7, START)
    now = START
    for request, pause in history:
        now += pause
        answer = one.step(request, now)
        assert answer == other.step(request, now)
        if answer.status >= 300:
            assert answer.status in ERRORS
            body = json.loads(answer.body)
            assert set(body) == ({"success", "error", "details"} if answer.status == 400 else {"success", "error"})
            assert body["success"] is False
            assert body["error"].endswith(".")
        one.tick(now)


def test_a_machine_is_what_the_sandbox_expects() -> None:
    machine: Machine = WhatsapiMachine(7, START)
    assert machine.next_due() is None


def test_a_key_that_was_shown_is_in_no_later_answer() -> None:
    caller = Caller()
    shown = [
        caller.post("/auth/register", {"name": "A", "email": "a@b.example"}, role=None).data["apiKey"],
        caller.post("/auth/me/rotate-key", role="sacrificial").data["apiKey"],
        *caller.machine.keys().values(),
    ]
    for route in ROUTES:
        if not route.path.endswith(("register", "rotate-key")):
            path = route.path.replace("{id}", "x")
            answers = [caller.ask(route.method, path, role=role) for role in ("main", "sacrificial", None)]
            assert not any(key.encode() in answer.raw for key in shown for answer in answers)


# --- what the provider publishes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/openapi.json", "application/json; charset=utf-8"),
        ("/llms.txt", "text/plain; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/developers", "text/html; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("role", [None, "main", "deactivated"])
def test_what_is_published_is_there_for_everybody(path: str, content_type: str, role: str | None) -> None:
    answer = Caller().get(path, role=role)
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
    assert b"imitation" in answer.raw


def test_the_published_document_is_valid_openapi() -> None:
    document = Caller().get("/openapi.json", role=None).body
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_published_document_has_every_operation_with_its_codes() -> None:
    paths = Caller().get("/openapi.json", role=None).body["paths"]
    described = {
        (method.upper(), path): operation for path, item in paths.items() for method, operation in item.items()
    }
    assert set(described) == {(route.method, route.path) for route in ROUTES}
    for route in ROUTES:
        common = {401, 403, 429} if isinstance(route, KeyedRoute) else set()
        codes = {str(code) for code in {route.success, *route.errors, *common}}
        assert set(described[route.method, route.path]["responses"]) == codes
        assert ("security" in described[route.method, route.path]) is not isinstance(route, KeyedRoute)


@pytest.mark.parametrize("path", ["/llms.txt", "/docs", "/developers"])
def test_the_notes_and_the_page_name_every_operation(path: str) -> None:
    text = Caller().get(path, role=None).raw.decode()
    assert [route.operation for route in ROUTES if route.operation not in text] == []
