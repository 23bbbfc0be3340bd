"""Reading probes.yaml is strict: what cannot be played is refused, with the probe, the value and what was expected."""

from __future__ import annotations

import re
from typing import Any

import pytest

from affidavit.probes.script import Call, Control, Program, Script, Wait, read_script

BODIES = {"text": {"to": "{recipient}", "from": "{sender}"}}


def read(*probes: dict[str, Any]) -> Script:
    """The script of these probes."""
    data = {"provider": "any", "bodies": BODIES, "probes": list(probes)}
    return read_script(data, ["send", "list"], ["main", "live"])


def probe(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any YAML value
    """A probe of these steps."""
    return {"id": "one", "steps": list(steps), **more}


def call(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any YAML value
    """A step that lists, with more to say."""
    return {"id": "ask", "call": "list", "expect": 200, **more}


def test_a_step_is_read_with_what_it_says_and_defaults_for_the_rest() -> None:
    script = read(
        probe(
            {"wait": 2},
            {"control": {"action": "advance", "with": {"seconds": 5}}},
            {"receiver": [500, "silent"]},
            call(expect=["2xx", 404], each={"value": [1, 2]}, query={"page": "{value}"}, save={"x": "/id"}),
            needs=["control"],
        )
    )
    wait, control, program, step = script.probes["one"].steps
    assert wait == Wait(2.0)
    assert control == Control("advance", {"seconds": 5})
    assert program == Program((500, "silent"))
    assert isinstance(step, Call)
    assert (step.role, step.has_body, step.together, step.repeat, step.walk) == ("main", False, 1, None, None)
    assert {200, 201, 202, 204, 404} <= set(step.expect)
    assert {300, 400, 199} & set(step.expect) == set()
    assert step.each == ({"value": 1}, {"value": 2})


@pytest.mark.parametrize(
    ("step", "most", "least"),
    [
        (call(), 1, 1),
        (call(each={"value": [1, 2, 3]}), 3, 3),
        (call(repeat={"times": 5}), 5, 5),
        (call(repeat={"times": 5, "until": {"status": 429}}), 5, 1),
        (call(walk={"parameter": "page", "pages": 4}), 4, 1),
        (call(together=20), 20, 20),
        (call(together=2, repeat={"times": 3}, each={"value": [1, 2]}), 12, 12),
        (call(together=2, repeat={"times": 3, "until": {"at": "/a", "in": [1]}}), 6, 2),
        (call(each={"value": [1, 2]}, walk={"parameter": "page", "pages": 4}), 8, 2),
    ],
)
def test_a_step_costs_as_many_requests_as_it_can_send(step: dict[str, Any], most: int, least: int) -> None:
    (found,) = read(probe(step)).probes["one"].calls
    assert (found.requests, found.least) == (most, least)


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (call(expected=200), "unknown ['expected']"),
        ({"id": "ask", "call": "list"}, "says no `expect`"),
        (call(expect="4x"), "expects '4x'"),
        (call(expect=True), "expects True"),
        (call(expect=42), "expects 42"),
        (call(call="delete"), "calls 'delete', which openapi.yaml does not have"),
        (call(key="admin"), "key 'admin' is no role"),
        (call(query={"a": "{b}"}), "uses ['b'], which nothing before it saves"),
        (call(body={"$like": "text"}), "uses ['sender']"),
        (call(body={"$like": "other"}), "no body 'other'"),
        (call(body={"$lik": "text"}), "unknown form '$lik'"),
        (call(body={"$list": {"of": {"$joy": []}, "times": 2}}), "unknown form '$joy'"),
        (call(headers={"X": {"$key": "admin"}}), "$key 'admin' is no role"),
        (call(each={"value": ["{later}"]}), "uses ['later']"),
        (call(each={"a": [1], "b": [1, 2]}), "different lengths [1, 2]"),
        (call(each={"value": []}), "are empty"),
        (call(each={"recipient": ["1"]}, query={"a": "{recipient}"}), "binds ['recipient']"),
        (call(save={"recipient": "/to"}), "binds ['recipient']"),
        (call(repeat={"time": 2}), "unknown ['time']"),
        (call(repeat={"times": 0}), "times: is 0, expected a whole number from 1"),
        (call(repeat={"times": 2, "every": -1}), "every: is -1, expected 0 or more seconds"),
        (call(repeat={"times": 2, "until": {"status": "429"}}), "expects '429'"),
        (call(repeat={"times": 2, "until": {"at": "/a"}}), "until: has ['at']"),
        (call(repeat={"times": 2, "until": {"at": "/a", "in": [1], "status": 200}}), "has ['at', 'in', 'status']"),
        (call(walk={"parameter": "page", "pages": 2, "size": 3}), "unknown ['size']"),
        (call(walk={"parameter": "page", "pages": 2}, together=2), "a walk goes alone"),
        (call(walk={"parameter": "page", "pages": 2}, repeat={"times": 2}), "a walk goes alone"),
        (call(together=0), "together: is 0"),
        ({"wait": -1}, "wait: is -1"),
        ({"receiver": ["slient"]}, "answers 'slient'"),
        ({"receiver": [99]}, "answers 99"),
        ({"control": {"action": "a", "arguments": {}}}, "unknown ['arguments']"),
        ({"control": {"action": "a", "with": {"id": "{later}"}}}, "uses ['later']"),
        ({"pause": 1}, "none of call, wait, control, receiver"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_be_played_is_refused(step: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)) as raised:
        read(probe(step))
    assert "probe 'one'" in str(raised.value) or "bodies" in str(raised.value)


@pytest.mark.parametrize(
    ("probes", "problem"),
    [
        ([probe(), probe()], "probe 'one' is there twice"),
        ([probe(call(), call())], "step ids ['ask'] are there twice"),
        ([probe(needs=["magic"])], "needs ['magic']"),
        ([probe(after=["none"])], "comes after 'none', which is no probe"),
        ([probe(after=["one"])], "probe 'one' comes after itself"),
        ([probe(after=["two"]), probe(after=["one"]) | {"id": "two"}], "comes after itself: one after two after one"),
        ([probe(final=True)], "unknown ['final']"),
    ],
)
def test_a_probe_that_cannot_be_played_is_refused(probes: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        read(*probes)


def test_a_probe_may_use_what_those_before_it_saved_and_what_it_saved_itself() -> None:
    first = probe(call(save={"sender": "/id"})) | {"id": "first"}
    second = probe(call(), after=["first"]) | {"id": "second"}
    third = probe(
        call(body={"$like": "text"}, save={"x": "/x"}),
        {"control": {"action": "a", "with": {"id": "{x}"}}},
        after=["second"],
    )
    assert list(read(first, second, third).probes) == ["first", "second", "one"]
