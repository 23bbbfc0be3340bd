from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from affidavit.clock import VirtualClock
from affidavit.errors import UsageError
from affidavit.sandbox.deviation import (
    GONE,
    SWITCH,
    Answering,
    Around,
    Asking,
    Deviation,
    Place,
    Sometimes,
    Switchboard,
    edited,
    table,
    with_body,
    with_header,
    with_json,
)
from affidavit.sandbox.model import Json, Machine, Outgoing, Request, Response, UnknownControlError
from affidavit.sandbox.server import PROVIDERS, SandboxServer

NOW = 1_893_553_445.0
OUTGOING = Outgoing(1, NOW, "https://example.com", (), b"")


class Echo(Machine):
    """Answers with what it was asked, and keeps all that reaches it."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def step(self, request: Request, now: float) -> Response:
        """The request's path, or 404 for `/lost`."""
        self.seen.append((request.method, request.path, now))
        status = 404 if request.path == "/lost" else 200
        return Response(status, (("X-Echo", request.path),), json.dumps({"path": request.path}).encode())

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """Always one."""
        self.seen.append(("tick", now))
        return (OUTGOING,)

    def next_due(self) -> float | None:
        """In a minute."""
        return NOW + 60

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """Remembered."""
        self.seen.append((outgoing, status, now))

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """Named back."""
        self.seen.append((action, dict(arguments), now))
        return action

    def keys(self) -> Mapping[str, str]:
        """One."""
        return {"main": "sk_test_x"}


def marked(mark: str) -> Callable[[Machine], Machine]:
    """A deviation that writes a mark behind the path of every answer."""

    def mark_it(_request: Request, response: Response, _now: float) -> Response:
        return with_json(response, lambda body: {"path": body["path"] + mark})

    return lambda inner: Answering(inner, Place(), mark_it)


ROWS = table(
    [Deviation("a", "Marks with a.", "schema", marked("a")), Deviation("b", "Marks with b.", "schema", marked("b"))]
)


def path_in(response: Response) -> str:
    return str(json.loads(response.body)["path"])


def ask(machine: Machine, path: str = "/", method: str = "GET") -> Response:
    return machine.step(Request(method, path), NOW)


def test_a_machine_around_a_machine_passes_everything_through() -> None:
    inner = Echo()
    outer = Around(inner)
    assert path_in(ask(outer, "/v1")) == "/v1"
    assert outer.tick(NOW) == (OUTGOING,)
    assert outer.next_due() == NOW + 60
    outer.delivered(OUTGOING, None, NOW)
    assert outer.control("describe", {"a": 1}, NOW) == "describe"
    assert outer.keys() == {"main": "sk_test_x"}
    assert inner.seen == [
        ("GET", "/v1", NOW),
        ("tick", NOW),
        (OUTGOING, None, NOW),
        ("describe", {"a": 1}, NOW),
    ]


@pytest.mark.parametrize(
    ("place", "method", "path", "fits"),
    [
        (Place(), "DELETE", "/anything/at/all", True),
        (Place("GET", "/v1/messages"), "GET", "/v1/messages", True),
        (Place("GET", "/v1/messages"), "POST", "/v1/messages", False),
        (Place("GET", "/v1/messages"), "GET", "/v1/messages/send", False),
        (Place("GET", "/v1/messages"), "GET", "/v1xmessages", False),
        (Place("GET", "/v1/phones/{}"), "GET", "/v1/phones/%2B1", True),
        (Place("GET", "/v1/phones/{}"), "GET", "/v1/phones/", False),
        (Place("GET", "/v1/phones/{}"), "GET", "/v1/phones/a/status", False),
        (Place("GET|POST", "/v1/phones/{}/status"), "POST", "/v1/phones/a/status", True),
    ],
)
def test_a_place_fits_by_method_and_path(place: Place, method: str, path: str, fits: bool) -> None:  # noqa: FBT001 - a column
    assert place.asks(Request(method, path)) is fits


def test_a_place_may_also_ask_for_the_status_of_the_answer() -> None:
    refused = Place(status="4..")
    assert refused.answers(Request("GET", "/"), Response(404))
    assert not refused.answers(Request("GET", "/"), Response(200))
    assert not Place("POST", status="404").answers(Request("GET", "/"), Response(404))


def test_answering_changes_the_answers_of_its_place_and_no_others() -> None:
    machine = Answering(Echo(), Place(status="404"), lambda _request, response, _now: replace(response, status=410))
    assert ask(machine, "/lost").status == 410
    assert ask(machine, "/found").status == 200


def test_asking_changes_the_requests_of_its_place_and_no_others() -> None:
    machine = Asking(Echo(), Place("POST"), lambda request, now: replace(request, path=f"/{now:.0f}"))
    assert path_in(ask(machine, "/here", "POST")) == f"/{NOW:.0f}"
    assert path_in(ask(machine, "/here")) == "/here"


def test_sometimes_is_every_so_many_th_request_of_the_place() -> None:
    machine = Sometimes(Echo(), Place("GET"), 3, marked("!"))
    asked = ["GET", "POST", "GET", "POST", "GET", "GET", "GET", "GET"]
    assert [path_in(ask(machine, "/", method)) for method in asked] == ["/", "/", "/", "/", "/!", "/", "/", "/!"]


@pytest.mark.parametrize(
    ("value", "at", "change", "wanted"),
    [
        ({"a": 1}, "", lambda _: [], []),
        ({"a": 1, "b": 2}, "/a", lambda old: old + 1, {"a": 2, "b": 2}),
        ({"a": 1, "b": 2}, "/a", lambda _: GONE, {"b": 2}),
        ({"a": 1}, "/b", lambda _: 2, {"a": 1}),
        ({"a": {"b": 1}}, "/a/b", lambda _: None, {"a": {"b": None}}),
        ({"a": "text"}, "/a/b", lambda _: None, {"a": "text"}),
        ([{"a": 1}, {"b": 2}, {"a": 3}], "/*/a", lambda old: -old, [{"a": -1}, {"b": 2}, {"a": -3}]),
        ([1, 2, 3], "/1", lambda _: GONE, [1, 3]),
        ([1, 2, 3], "/*", lambda old: GONE if old == 2 else old, [1, 3]),
        ({"a": []}, "/a/*/b", lambda _: 1, {"a": []}),
    ],
)
def test_what_stands_at_a_pointer_is_changed(value: Any, at: str, change: Callable[[Any], Any], wanted: Any) -> None:  # noqa: ANN401 - any JSON value
    before = json.dumps(value)
    assert edited(value, at, change) == wanted
    assert json.dumps(value) == before


def test_json_of_a_response_is_changed_and_anything_else_left_alone() -> None:
    assert with_json(Response(200, (("A", "b"),), b'{"a":1}'), lambda _: ["ü"]) == Response(
        200, (("A", "b"),), '["ü"]'.encode()
    )
    for body in (b"", b"<html>", b"\xff"):
        assert with_json(Response(502, (), body), lambda _: []) == Response(502, (), body)


def test_json_of_a_request_is_changed_and_anything_else_left_alone() -> None:
    assert with_body(Request("POST", "/", body=b'{"a":1}'), lambda body: {**body, "b": 2}).body == b'{"a":1,"b":2}'
    assert with_body(Request("POST", "/", body=b'{"a":'), lambda _: []).body == b'{"a":'


def test_a_header_is_set_in_its_place_added_or_taken_away_whatever_its_case() -> None:
    response = Response(200, (("Content-Type", "text/html"), ("Date", "today")))
    assert with_header(response, "content-type", "a/b").headers == (("Content-Type", "a/b"), ("Date", "today"))
    assert with_header(response, "Age", "1").headers == (*response.headers, ("Age", "1"))
    assert with_header(response, "DATE", None).headers == (("Content-Type", "text/html"),)
    assert with_header(response, "Age", None) == response


def test_a_switchboard_begins_with_what_is_on_and_the_last_named_is_outermost() -> None:
    assert path_in(ask(Switchboard(Echo(), ROWS))) == "/"
    assert path_in(ask(Switchboard(Echo(), ROWS, ["a", "b"]))) == "/ab"
    assert path_in(ask(Switchboard(Echo(), ROWS, ["b", "a"]))) == "/ba"


def test_the_switch_puts_on_exactly_what_it_names_at_run_time() -> None:
    board = Switchboard(Echo(), ROWS, ["a"])
    assert board.control(SWITCH, {"on": ["b"]}, NOW) == {"on": ["b"]}
    assert (path_in(ask(board)), board.on) == ("/b", ("b",))
    assert board.control(SWITCH, {"on": []}, NOW) == {"on": []}
    assert (path_in(ask(board)), board.on) == ("/", ())


@pytest.mark.parametrize("arguments", [{}, {"on": "a"}, {"on": 1}, {"on": ["a"], "off": ["b"]}, {"on": ["a", "c"]}])
def test_a_switch_that_is_not_understood_changes_nothing(arguments: Mapping[str, Json]) -> None:
    board = Switchboard(Echo(), ROWS, ["b"])
    with pytest.raises(UnknownControlError, match=r"takes \{\"on\": \[names\]\}|no deviation c; there are: a, b"):
        board.control(SWITCH, arguments, NOW)
    assert (path_in(ask(board)), board.on) == ("/b", ("b",))


def test_other_controls_reach_the_machine_through_the_deviations() -> None:
    inner = Echo()
    assert Switchboard(inner, ROWS, ["a", "b"]).control("set-phone", {"phone": "x"}, NOW) == "set-phone"
    assert inner.seen == [("set-phone", {"phone": "x"}, NOW)]


def test_a_table_has_each_name_once() -> None:
    with pytest.raises(ValueError, match="'a' is there twice"):
        table([ROWS["a"], ROWS["b"], ROWS["a"]])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_deviation_is_described_in_a_sentence_and_is_a_fault_or_a_variant(provider: str) -> None:
    row = PROVIDERS[provider]
    assert row.faults.keys().isdisjoint(row.variants)
    odd = [name for name, one in row.deviations.items() if not (one.says[:1].isupper() and one.says.endswith("."))]
    assert odd == []


def test_a_server_refuses_a_deviation_it_does_not_have() -> None:
    with pytest.raises(UsageError, match="no deviation no-such-fault"):
        SandboxServer("chatmaid", clock=VirtualClock(NOW), deviations=["no-such-fault"])


def test_the_running_server_takes_the_switch_and_lets_go_of_it_again() -> None:
    with SandboxServer("chatmaid", clock=VirtualClock(NOW)) as server:
        url, headers = f"{server.url}/v1/account", {"Authorization": f"Bearer {server.keys['main']}"}

        def status() -> int:
            return httpx.get(url, headers=headers).status_code

        assert status() == 200
        assert server.control(SWITCH, {"on": ["account-answers-203"]}) == {"on": ["account-answers-203"]}
        assert status() == 203
        with pytest.raises(UnknownControlError, match="no deviation no-such-fault"):
            server.control(SWITCH, {"on": ["no-such-fault"]})
        assert status() == 203
        assert server.control(SWITCH, {"on": []}) == {"on": []}
        assert status() == 200


def test_a_switched_server_keeps_what_it_has() -> None:
    with SandboxServer("chatmaid", clock=VirtualClock(NOW), deviations=["slow-messages"]) as server:
        before = server.control("describe", {})
        server.control(SWITCH, {"on": ["quick-messages", "more-members"]})
        server.control(SWITCH, {"on": []})
        assert server.control("describe", {}) == before
