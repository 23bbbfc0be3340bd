"""The record, indexed: who answered what, with which status, and why something is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.evidence import Evidence, fits, spoken, strange
from affidavit.exchange import Exchange, Request, Response
from tests.checks.hand_made import Talk

STATUSES = st.integers(100, 599)


@pytest.mark.parametrize(
    ("spec", "fitting", "other"),
    [
        (200, [200], [201, 404]),
        ("200", [200], [201]),
        ("2xx", [200, 204, 299], [199, 300, 429]),
        ("5XX", [500, 599], [429]),
        ("any", [100, 599], []),
        ("not-429", [200, 428, 500], [429]),
        ("not-5xx", [200, 499], [500, 503]),
        (["4xx", 503], [400, 499, 503], [500, 200]),
        ([], [], [200, 404]),
    ],
)
def test_a_status_fits(spec: int | str | list[int | str], fitting: list[int], other: list[int]) -> None:
    assert [status for status in fitting + other if fits(spec, status)] == fitting


@given(STATUSES, STATUSES)
def test_not_is_the_opposite(status: int, other: int) -> None:
    for spec in (str(other), f"{other // 100}xx"):
        assert fits(f"not-{spec}", status) is not fits(spec, status)


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        (200, []), ("2xx", []), ("not-5XX", []), ("any", []), ([200, "4xx"], []),
        ("2x", ["2x"]), (True, [True]), (600, [600]), ("not-any", ["not-any"]), ([200, "ok"], ["ok"]), ([], [[]]),
        ("2xx ", ["2xx "]), ("2Xx", ["2Xx"]), (None, [None]),
    ],
)  # fmt: skip
def test_what_names_no_status_is_found(spec: object, wrong: list[object]) -> None:
    assert strange(spec) == wrong


@pytest.mark.parametrize(
    ("spec", "words"), [(200, "200"), ("2xx", "2xx"), ("not-5xx", "any status but 5xx"), ([400, "2xx"], "400 or 2xx")]
)
def test_a_status_is_spoken(spec: int | str | list[int | str], words: str) -> None:
    assert spoken(spec) == words


def said(seq: int, source: str, status: int | None, operation: str | None = "list") -> Exchange:
    answer = None if status is None else Response(status, (), "")
    request = Request("GET", "http://x/", "/", (), (), None)
    error = None if answer else "ConnectError: refused"
    return Exchange(seq, "any", operation, source, "main", request, answer, error, 0.0, 0.0)


SAID = (
    said(1, "p/a", 200),
    said(2, "p/b", None),
    said(3, "p/a", 429),
    said(4, "q/c", 404, "get"),
    said(5, "x/y", 200, None),
)
EVIDENCE = Evidence(SAID, skipped={"p/d": "needs a key", "r": "more than the budget has left"})


def test_answers_are_found_by_step_and_by_operation_in_their_order() -> None:
    assert [one.seq for one in EVIDENCE.asked("p/b")] == [2]
    assert EVIDENCE.answered("p/b") == []
    assert [one.seq for one in EVIDENCE.answered("p/a")] == [1, 3]
    assert [one.seq for one in EVIDENCE.of("list")] == [1, 3]
    assert [one.seq for one in EVIDENCE.of(["get", "list"])] == [1, 3, 4]
    assert [one.seq for one in EVIDENCE.of("*")] == [1, 3, 4]  # not what no document has
    assert [one.seq for one in EVIDENCE.of("*", "4xx")] == [3, 4]
    assert [one.seq for one in EVIDENCE.at([3, 99, 1])] == [3, 1]


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("p/d", "needs a key"),
        ("r/s", "more than the budget has left"),
        ("z/z", "the step `z/z` was not asked"),
        ("p/b", "`p/b` got no answer: ConnectError: refused"),
        ("p/a", "`p/a` was rate limited"),
        ("q/c", "`q/c` answered 404"),
    ],
)
def test_what_is_missing_has_its_reason(step: str, why: str) -> None:
    assert EVIDENCE.why_missing(step) == why


def test_a_delivery_counts_the_requests_that_were_sent_before_it_came() -> None:
    talk = Talk("whatsapi")
    for at in (0.0, 1.0, 5.0):
        talk.answered("getAccount", {}, at=at)
    talk.heard({}, at=3.0)
    evidence = Evidence(tuple(talk.exchanges), tuple(talk.deliveries))
    assert [evidence.sent_by(seq) for seq in (1, 3, talk.deliveries[0].seq)] == [1, 3, 2]
