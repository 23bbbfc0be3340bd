"""What the headers announce of a rate limit, and whether it is true.

Each talk is written as the moments of its requests, in seconds, and what the answers said; a window is 60 s.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest

from tests.checks.hand_made import Talk

START = 1_700_000_000
RESET = START + 60
FLOOD, OTHER = "burst-free/flood", "burst-free/neighbour"


def headers(left: object = None, *, limit: object = 20, reset: object = RESET, at: float = 0.0) -> dict[str, str]:
    """What one answer announces."""
    told = {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": left, "X-RateLimit-Reset": reset}
    found = {name: str(value) for name, value in told.items() if value is not None}
    return {"Date": formatdate(START + at, usegmt=True), **found}


def announced(*rows: tuple[float, object], status: int = 200, **more: Any) -> Talk:  # noqa: ANN401 - parts of an answer
    """Answers at these moments, with so much left."""
    talk = Talk("whatsapi")
    for at, left in rows:
        talk.answered("getAccount", {}, status, headers=headers(left, at=at, **more), at=START + at)
    return talk


def burst(answers: str, *, each: float = 0.1, role: str = "free", limit: object = 3, step: str = FLOOD) -> Talk:
    """A burst, a letter for each answer: `o` was admitted and `x` got a 429."""
    return flooded(Talk("whatsapi"), answers, each=each, role=role, limit=limit, step=step)


def flooded(  # noqa: PLR0913 - the parts of a burst
    talk: Talk, answers: str, *, start: float = 0.0, each: float = 0.1, role: str = "free", limit: object = 3,
    step: str = FLOOD,
) -> Talk:  # fmt: skip
    for number, one in enumerate(answers):
        at = start + number * each
        told = headers(max(0, 2 - number), limit=limit, at=at) if limit else {}
        status = 429 if one == "x" else 200
        talk.answered("getAccount", {}, status, source=step, headers=told, role=role, at=START + at)
    return talk


# --- what remains -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([(0, 5), (1, 4), (2, 3)], "kept"),
        ([(0, 5), (1, 5), (2, 5), (3, 5), (4, 5)], "broken"),  # 20 in 60 s give back two in four seconds, not four
        ([(0, 5), (1, 3)], "broken"),
        ([(0, 1), (1, 0), (2, -1)], "broken"),
        ([(0, 0), (10, 19)], "broken"),  # a sixth of the window gives back four at most
        ([(0, 0), (61, 19)], "kept"),
        ([(0, 5)], "no two answers of one window announced Remaining"),
        ([(0, None), (1, None)], "no two answers of one window announced Remaining"),
        ([(0, "many"), (1, "more")], "no two answers of one window announced Remaining"),
    ],
)
def test_remaining_falls_by_one_with_each_request(rows: list[tuple[float, object]], verdict: str) -> None:
    assert announced(*rows).says("remaining-falls") == verdict


def test_a_bucket_that_refills_meanwhile_is_no_mistake() -> None:
    # 20 in 60 s: in three seconds one is given back.
    assert announced((0, 5), (3, 5), (6, 5)).says("remaining-falls") == "kept"


@pytest.mark.parametrize(("earlier", "verdict"), [(6, "kept"), (0, "broken")])
def test_a_sliding_window_forgets_within_one_second_of_its_reset(earlier: int, verdict: str) -> None:
    # All were asked within one second, so the reset stays the same while they are forgotten one by one.
    talk = announced(*((number / 10, 19 - number) for number in range(earlier)))
    for at, left in ((59, None), (60.0, 13), (60.1, 13), (60.2, 13), (60.3, 13)):
        talk.answered("getAccount", {}, headers=headers(left, reset=RESET + 1, at=at), at=START + at)
    assert talk.says("remaining-falls") == verdict


def test_a_new_window_begins_anew() -> None:
    talk = announced((0, 1), (1, 0))
    talk.answered("getAccount", {}, headers=headers(19, reset=RESET + 60, at=61), at=START + 61)
    talk.answered("getAccount", {}, headers=headers(18, reset=RESET + 60, at=62), at=START + 62)
    assert talk.says("remaining-falls") == "kept"


@pytest.mark.parametrize(("left", "after", "verdict"), [(3, 0, "broken"), (0, 0, "kept"), (0, 2, "broken")])
def test_nothing_is_refused_while_some_remain(left: int, after: int, verdict: str) -> None:
    talk = announced((0, left))
    talk.answered("getAccount", {}, 429, headers=headers(after, at=1), at=START + 1)
    assert talk.says("remaining-falls") == verdict


def test_requests_under_way_together_have_no_order() -> None:
    talk = Talk("whatsapi")
    for left in (3, 4):
        talk.answered("getAccount", {}, headers=headers(left), at=START, elapsed=1.0)
    assert talk.says("remaining-falls") == "no two answers of one window announced Remaining"


@pytest.mark.parametrize(
    ("lost", "verdict"), [(True, "no two answers of one window announced Remaining"), (False, "broken")]
)
def test_a_request_without_an_answer_may_have_been_counted(lost: bool, verdict: str) -> None:  # noqa: FBT001 - a case
    talk = announced((0, 5))
    if lost:
        talk.unanswered("getAccount", at=START + 1)
    talk.answered("getAccount", {}, headers=headers(3, at=2), at=START + 2)
    assert talk.says("remaining-falls") == verdict


def test_a_request_without_an_answer_may_have_taken_the_last_room() -> None:
    talk = burst("oo")
    talk.unanswered("getAccount", role="free", at=START + 0.2)
    flooded(talk, "x", start=0.3)
    assert talk.says("limited", step=FLOOD, requests=3) == "kept"


def test_each_key_has_its_own_remaining() -> None:
    talk = announced((0, 5))
    talk.answered("getAccount", {}, headers=headers(19, at=1), at=START + 1, role="second")
    talk.answered("getAccount", {}, headers=headers(4, at=2), at=START + 2)
    assert talk.says("remaining-falls") == "kept"


# --- when it resets, and how much there is ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reset", "verdict"),
    [
        (START + 60, "kept"),
        (START + 61, "kept"),  # both are whole seconds
        (START, "kept"),
        (START + 63, "broken"),
        (START - 5, "broken"),
        (60, "broken"),  # seconds from now, and not an instant
        ((START + 60) * 1000, "broken"),
        ("soon", "broken"),
        (START + 60.5, "broken"),
        (None, "no answer announced a reset"),
    ],
)
def test_reset_is_a_second_within_the_window_ahead(reset: object, verdict: str) -> None:
    assert announced((0, 5), reset=reset).says("reset-ahead") == verdict


def test_without_a_date_nobody_knows_what_is_ahead() -> None:
    talk = Talk("whatsapi").answered("getAccount", {}, headers={"X-RateLimit-Reset": "5"})
    assert talk.says("reset-ahead") == "no answer announced a reset"


@pytest.mark.parametrize(("limit", "verdict"), [(20, "kept"), (21, "broken"), ("20/min", "broken")])
def test_the_limit_of_a_role_is_the_documented_one(limit: object, verdict: str) -> None:
    assert announced((0, 5), limit=limit).says("limit-is", role="main", requests=20) == verdict


def test_the_limit_of_a_role_shows_with_its_own_key_alone() -> None:
    needed = "needs the key role `free`, or answers with X-RateLimit-Limit"
    assert announced((0, 5), limit=7).says("limit-is", role="free", requests=20) == needed
    assert announced((0, 5), limit=None).says("limit-is", role="main", requests=20).startswith("needs the key role")
    assert announced((0, 5), limit=7, status=401).says("limit-is", role="main", requests=20).startswith("needs the")


# --- bursts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ("ooox", "kept"),
        ("oox", "broken"),
        ("oooox", "broken"),
        ("oooo", "broken"),
        ("ooo", "3 requests do not exceed the limit of 3"),
    ],
)
def test_a_burst_ends_at_the_announced_limit(answers: str, verdict: str) -> None:
    assert burst(answers).says("limited", step=FLOOD) == verdict


def test_a_limit_that_is_not_announced_may_be_any() -> None:
    assert burst("ox", limit=None).says("limited", step=FLOOD) == "kept"
    assert burst("oooo", limit=None).says("limited", step=FLOOD) == (
        "4 requests in a row met no limit, and none is announced"
    )
    assert burst("oooo", limit=None).says("limited", step=FLOOD, requests=3) == "broken"


def test_what_the_key_asked_before_the_burst_used_up_room() -> None:
    before = flooded(Talk("whatsapi"), "oo", step="any/step")
    assert flooded(before, "ox", start=1).says("limited", step=FLOOD) == "kept"
    long_before = flooded(Talk("whatsapi"), "oo", start=-70, step="any/step")
    assert flooded(long_before, "ox").says("limited", step=FLOOD) == "broken"


def test_a_burst_over_two_windows_says_nothing_without_a_refusal() -> None:
    talk = Talk("whatsapi")
    for number in range(4):
        told = headers(1, limit=3, reset=RESET + 60 * (number // 2), at=number)
        talk.answered("getAccount", {}, source=FLOOD, headers=told, at=START + number)
    assert talk.says("limited", step=FLOOD) == "the window moved on during the burst"


def test_a_control_may_have_set_the_limit_of_the_sandbox_alone() -> None:
    for embedded, verdict in ((True, "broken"), (False, "4 requests in a row met no limit, and none is announced")):
        talk = flooded(Talk("whatsapi", embedded=embedded), "oooo", limit=None)
        assert talk.says("limited", step=FLOOD, set_by_control=3) == verdict


@pytest.mark.parametrize(
    ("other", "verdict"),
    [("o", "kept"), ("x", "broken"), ("oooox", "broken"), ("", "not"), (None, "the first key was never refused")],
)
def test_another_key_has_a_budget_of_its_own(other: str | None, verdict: str) -> None:
    talk = burst("ooo" if other is None else "ooox")
    flooded(talk, (other or "")[-1:], start=1, role="other_account", step=OTHER)
    says = talk.says("own-budget", step=FLOOD, other=OTHER)
    assert says not in {"kept", "broken"} if verdict == "not" else says == verdict


def test_another_key_that_was_as_busy_itself_proves_nothing() -> None:
    talk = flooded(burst("ooox"), "ooo", start=1, role="other_account", step="any/step")
    flooded(talk, "x", start=2, role="other_account", step=OTHER)
    assert talk.says("own-budget", step=FLOOD, other=OTHER) == "the other key had been as busy itself"


PLAN = {"at": "/data/plan", "equals": "free", "requests": 3}


@pytest.mark.parametrize(("answers", "verdict"), [("ooox", "kept"), ("oox", "broken"), ("oooo", "broken")])
def test_a_burst_on_a_known_plan_ends_where_the_plan_says(answers: str, verdict: str) -> None:
    for plan, says in (("free", verdict), ("pro", None)):
        told = Talk("whatsapi").answered("getAccount", {"data": {"plan": plan}}, role="free", at=START - 100)
        got = flooded(told, answers, limit=None).says("limit-met", step=FLOOD, **PLAN)
        assert got == says if says else got not in {"kept", "broken"}


@pytest.mark.parametrize(
    ("plan", "limit", "verdict"),
    [
        ("free", 20, "kept"),
        ("free", 100, "broken"),
        ("platinum", 7, "no answer told both the plan and the limit"),
        ("free", None, "no answer told both the plan and the limit"),
    ],
)
def test_the_announced_limit_is_that_of_the_plan(plan: str, limit: int | None, verdict: str) -> None:
    talk = Talk("whatsapi").answered("getAccount", {"data": {"plan": plan}}, headers=headers(5, limit=limit))
    known = {"free": 20, "pro": 500}
    assert talk.says("limit-by-plan", operation="getAccount", at="/data/plan", limits=known) == verdict


# --- what a refusal says ----------------------------------------------------------------------------------------------


def refusal(wait: object, body: object = None, **more: Any) -> Talk:  # noqa: ANN401 - parts of an answer
    """One 429 that names a wait in its header."""
    told = headers(0, **more) | ({} if wait is None else {"Retry-After": str(wait)})
    return Talk("whatsapi").answered("getAccount", body or {}, 429, headers=told, at=START)


@pytest.mark.parametrize(
    ("wait", "present", "whole", "agrees"),
    [
        (60, "kept", "kept", "kept"),
        (58, "kept", "kept", "kept"),  # Date, Reset and the wait are each rounded
        (3, "kept", "kept", "kept"),  # in a bucket the next one is back long before all are
        (63, "kept", "kept", "broken"),
        (0, "kept", "broken", "kept"),
        ("1.5", "kept", "broken", "none"),
        ("-60", "kept", "broken", "none"),
        ("soon", "kept", "broken", "none"),
        (None, "broken", "none", "none"),
    ],
)
def test_a_refusal_names_a_wait_that_is_whole_and_within_the_window(
    wait: object, present: str, whole: str, agrees: str
) -> None:
    for rule, verdict in (("present", present), ("integer", whole), ("agrees-with-reset", agrees)):
        assert refusal(wait).says("retry-after", rule=rule) == verdict.replace("none", "no 429 was met"), rule


@pytest.mark.parametrize(
    ("body", "verdict"),
    [({"retryAfter": 30}, "kept"), ({"retryAfter": 30.5}, "broken"), ({"retryAfter": "x"}, "broken"), ({}, "none")],
)
def test_the_wait_may_stand_in_the_body_where_that_is_documented(body: object, verdict: str) -> None:
    says = Talk().answered("getAccount", body, 429).says("retry-after", rule="integer")
    assert says == verdict.replace("none", "no 429 was met")


@pytest.mark.parametrize(
    ("after", "status", "verdict"),
    [
        (31, 200, "kept"),
        (31, 429, "broken"),
        (29, 429, "no request came after the announced wait"),
        (29, 200, "no request came after the announced wait"),
    ],
)
def test_after_the_announced_wait_the_key_is_admitted(after: float, status: int, verdict: str) -> None:
    talk = refusal(30).answered("getAccount", {}, status, at=START + after)
    assert talk.says("retry-after", rule="sufficient") == verdict


def test_a_request_without_an_answer_may_have_used_what_came_back() -> None:
    talk = refusal(30).unanswered("getAccount", at=START + 30)
    talk.answered("getAccount", {}, 429, at=START + 31)
    assert talk.says("retry-after", rule="sufficient") == "no 429 was met"


def test_a_wait_in_milliseconds_shows_by_who_is_served_long_before() -> None:
    talk = refusal(60_000).answered("getAccount", {}, at=START + 61)
    assert talk.says("retry-after", rule="sufficient") == "broken"


def test_a_refusal_of_one_key_says_nothing_of_another() -> None:
    talk = refusal(30).answered("getAccount", {}, 429, at=START + 31, role="second")
    assert talk.says("retry-after", rule="sufficient") == "no 429 was met"


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ([("main", 20), ("main", 20)], "kept"),
        ([("main", 20), ("other_account", 100)], "kept"),
        ([("main", 20), ("main", 100)], "broken"),
        ([("basic", 100), ("basic", 3)], "no answer told a limit"),
        ([(None, 20), (None, 5)], "no answer told a limit"),
    ],
)
def test_a_key_is_told_one_limit(told: list[tuple[str | None, int]], verdict: str) -> None:
    talk = Talk("whatsapi")
    for role, limit in told:
        talk.answered("getAccount", {}, role=role, headers={"X-RateLimit-Limit": str(limit)})
    assert talk.says("one-limit", **{"except": ["basic"]}) == verdict
