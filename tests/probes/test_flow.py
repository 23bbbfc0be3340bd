"""A probe's conversation, played with answers made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from affidavit.exchange import Response
from affidavit.probes.flow import Answerer, Ask, Pause, Refused, Routes, Send, Skip, Steer, play
from affidavit.probes.script import read_script
from affidavit.template import Scope

ROUTES = Routes(
    {"send": ("POST", "/messages"), "get": ("GET", "/messages/{id}"), "register": ("POST", "/register")},
    frozenset({"register"}),
)
Answer = Callable[[Ask], Any]


def scope(**variables: Any) -> Scope:  # noqa: ANN401 - any JSON value
    return Scope(lambda: 0.0, "1", {"main": "sk_main"}, str, "1202", variables=variables)


def answered(status: int, body: str = "{}", **headers: str) -> list[Response]:
    return [Response(status, tuple(headers.items()), body)]


def played(answer: Answer, *steps: dict[str, Any], within: Scope | None = None) -> list[Ask]:
    """Everything a probe of these steps asks for."""
    probe = {"id": "p", "steps": list(steps)}
    named = [{"id": "before", "steps": [{"id": "s", "call": "get", "expect": 200, "save": {"id": "/id"}}]}]
    script = read_script({"probes": [*named, {**probe, "after": ["before"]}]}, list(ROUTES.places), ["main", "live"])
    talk = play(script.probes["p"], within or scope(id="m1"), ROUTES)
    asked = []
    try:
        ask = next(talk)
        while True:
            asked.append(ask)
            ask = talk.send(answer(ask))
    except StopIteration:
        return asked


def ok(_: Ask) -> list[Response]:
    return answered(200)


def sent(asked: list[Ask]) -> list[Send]:
    return [one for one in asked if isinstance(one, Send)]


def step(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any YAML value
    return {"id": "s", "call": "get", "path": {"id": "{id}"}, "expect": 200, **more}


def test_a_step_becomes_the_request_it_describes() -> None:
    body = {"to": "{recipient}", "text": "Grüße", "on": True}
    (one,) = played(ok, {"id": "s", "call": "send", "body": body, "query": {"a": [1, True]}, "expect": 200})
    assert one == Send(
        source="p/s",
        operation="send",
        method="POST",
        path="/messages",
        query=(("a", "1"), ("a", "true")),
        headers=(("Authorization", "Bearer sk_main"), ("Content-Type", "application/json")),
        body='{"to": "1202", "text": "Grüße", "on": true}',
        role="main",
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [("a/b?c#d", "/messages/a%2Fb%3Fc%23d"), ("+1 2", "/messages/%2B1%202"), ("../x", "/messages/..%2Fx")],
)
def test_a_value_stays_one_segment_of_the_path(value: str, path: str) -> None:
    (one,) = sent(played(ok, step(), within=scope(id=value)))
    assert one.path == path


def test_a_raw_path_and_body_go_as_they_are() -> None:
    (one,) = sent(played(ok, step(raw_path="/messages/+{id}", raw_body='{{"a": {id}', headers={"content-type": "x/y"})))
    assert (one.path, one.body, one.headers[1:]) == ("/messages/+m1", '{"a": m1', (("content-type", "x/y"),))


@pytest.mark.parametrize(
    ("more", "authorization", "role"),
    [
        ({}, "Bearer sk_main", "main"),
        ({"key": "none"}, None, None),
        ({"authorization": "Basic {key}"}, "Basic sk_main", None),
        ({"call": "register"}, None, None),
    ],
)
def test_the_key_goes_where_the_step_says(more: dict[str, Any], authorization: str | None, role: str | None) -> None:
    (one,) = sent(played(ok, step(**more)))
    assert dict(one.headers).get("Authorization") == authorization
    assert one.role == role


def test_a_poll_waits_between_and_stops_when_it_has_seen_enough() -> None:
    bodies = iter(['{"status": "sent"}', '{"status": "sent"}', '{"status": "read"}', "{}"])
    poll = step(repeat={"times": 9, "every": 1.5, "until": {"at": "/status", "in": ["read"]}})
    asked = played(lambda ask: answered(200, next(bodies)) if isinstance(ask, Send) else None, poll)
    assert [type(one) for one in asked] == [Send, Pause, Send, Pause, Send]
    assert asked[1] == Pause(1.5)


def test_a_burst_is_unpaced_and_ends_with_the_status_it_is_after() -> None:
    statuses = iter([200, 503, 429, 200])
    burst = step(repeat={"times": 9, "unpaced": True, "until": {"status": 429}})
    asked = sent(played(lambda _: answered(next(statuses)), burst))
    assert [one.paced for one in asked] == [False, False, False]


def test_a_walk_ends_with_the_first_page_without_items_or_a_refusal() -> None:
    pages = iter(['{"data": {"data": [{"id": 1}]}}', '{"data": {"data": []}}', "{}"])
    asked = sent(played(lambda _: answered(200, next(pages)), step(walk={"parameter": "page", "pages": 5})))
    assert [one.query for one in asked] == [(("page", "1"),), (("page", "2"),)]
    refused = played(lambda _: answered(500, '[{"id": 1}]'), step(walk={"parameter": "page", "pages": 5}))
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("answer", "saved"),
    [
        (answered(200, '{"id": "m2"}'), "m2"),
        (answered(200, '{"id": null}'), None),
        (answered(200, "no json"), None),
        (answered(404, '{"id": "m2"}'), None),
        ([Refused("no")], None),
        ([None], None),
    ],
)
def test_a_value_is_saved_from_an_expected_answer_only_and_no_old_one_stays(answer: object, saved: object) -> None:
    here = scope(id="m1", x="old")
    played(lambda _: answer, step(save={"x": "/id"}), within=here)
    assert here.variables.get("x") == saved


@pytest.mark.parametrize("body", ['{"data": {"messages": [{"id": 1}, {"id": 2}]}}', '[{"id": 1}, {"id": 2}]'])
def test_an_item_can_be_saved_wherever_the_list_has_it(body: str) -> None:
    here = scope(id="m1")
    played(lambda _: answered(200, body), step(save={"x": "items /1/id"}), within=here)
    assert here.variables["x"] == 2


def test_a_header_can_be_saved() -> None:
    here = scope(id="m1")
    played(lambda _: answered(200, Location="/there"), step(save={"x": "header location"}), within=here)
    assert here.variables["x"] == "/there"


def test_a_refused_request_ends_its_repetitions() -> None:
    assert len(played(lambda _: [Refused("no")], step(repeat={"times": 5}))) == 1


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"key": "live"}, "needs the key role `live`"),
        ({"headers": {"X-Key": {"$key": "live"}}}, "needs the key role `live`"),
        ({}, "needs `id`, which no earlier answer gave"),
        ({"each": {"value": ["{id}"]}}, "needs `id`, which no earlier answer gave"),
        ({"walk": {"parameter": "page", "pages": 2}}, "needs `id`, which no earlier answer gave"),
    ],
)
def test_a_step_that_lacks_something_is_skipped_with_the_reason(more: dict[str, Any], reason: str) -> None:
    assert played(ok, step(**more), within=scope()) == [Skip("p/s", reason)]


def test_what_follows_a_control_that_could_not_be_done_is_skipped() -> None:
    control = {"control": {"action": "turn", "with": {"id": "{id}"}}}
    turns = iter([None, "unknown"])
    asked = played(
        lambda ask: next(turns) if isinstance(ask, Steer) else answered(200),
        control, step(), control, {"wait": 1}, step(id="t"),
    )  # fmt: skip
    turn = Steer("turn", {"id": "m1"})
    reason = "needs turn, but unknown"
    assert [asked[0], *asked[2:]] == [turn, turn, Skip("p/turn", "unknown"), Skip("p/t", reason)]


def test_a_control_that_lacks_a_value_is_not_asked_for() -> None:
    control = {"control": {"action": "turn", "with": {"id": "{id}"}}}
    asked = played(ok, control, step(id="t"), within=scope())
    assert [type(one) for one in asked] == [Skip, Skip]


def test_waits_and_the_receivers_answers_are_passed_on() -> None:
    assert played(ok, {"wait": 2}, {"receiver": [500, "silent"]}) == [Pause(2.0), Answerer((500, "silent"))]
