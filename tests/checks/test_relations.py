"""One thing against another: what is equal, what grows, what adds up."""

from __future__ import annotations

import pytest

from tests.checks.hand_made import Talk

SEND, POLL = "getting-started/send", "getting-started/poll"


def twice(sent: object, read: object, **asked: object) -> Talk:
    """A message as it was answered to the send, and as it was read."""
    talk = Talk().answered("sendMessage", {"data": sent}, 201, source=SEND, sent=asked or None)
    return talk.answered("getMessage", {"data": read}, source=POLL)


@pytest.mark.parametrize(
    ("left", "right", "normal", "verdict"),
    [
        ("a", "a", None, "kept"),
        ("a", "A", None, "broken"),
        (1, 1.0, None, "kept"),
        (1, True, None, "broken"),
        ("1", 1, None, "broken"),
        ("1", 1, "text", "kept"),
        ("+1 202", "1202", "digits", "kept"),
        ("+1 202", "1203", "digits", "broken"),
        ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00.000+01:00", "instant", "kept"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "instant", "broken"),
        ("soon", "later", "instant", "broken"),  # what is no instant is compared as it is
        (None, None, "instant", "kept"),
        ({"a": [1, 2]}, {"a": [1, 2]}, None, "kept"),
        ({"a": [1, 2]}, {"a": [2, 1]}, None, "broken"),
    ],
)
def test_two_places_hold_equal_values(left: object, right: object, normal: str | None, verdict: str) -> None:
    more = {"normal": normal} if normal else {}
    places = {"left": f"{SEND} response /data/x", "right": f"{POLL} response /data/x"}
    talk = twice({"x": left}, {"x": right})
    assert talk.says("same", **places, **more) == verdict
    assert talk.says("differ", **places, **more) == {"kept": "broken", "broken": "kept"}[verdict]


def test_a_value_that_one_side_lacks_is_another_than_the_same() -> None:
    places = {"left": f"{SEND} response /data/x", "right": f"{POLL} response /data/x"}
    assert twice({"x": 1}, {}).says("same", **places) == "broken"
    assert twice({"x": 1}, {}).says("differ", **places) != "broken"


def test_refused_answers_are_compared_with_nothing() -> None:
    talk = Talk().answered("sendMessage", {"data": {"x": 1}}, 400, source=SEND)
    talk.answered("getMessage", {"data": {"x": 2}}, source=POLL)
    places = {"left": f"{SEND} response /data/x", "right": f"{POLL} response /data/x"}
    assert talk.says("same", **places) == f"`{SEND}` answered 400"


@pytest.mark.parametrize(
    ("before", "after", "rule", "verdict"),
    [
        (1, 2, {}, "kept"),
        (1, 1, {}, "broken"),
        (2, 1, {}, "broken"),
        (1, 2, {"by": 1}, "kept"),
        (1, 3, {"by": 1}, "broken"),
        (1, 3, {"at_least": 2}, "kept"),
        (1, 2, {"at_least": 2}, "broken"),
        ("1", "2", {}, "no two numbers: 1 and 2"),  # of which type they are is another claim's
        (True, 2, {}, "no two numbers: true and 2"),
        (1, 1, {"at_most": 0}, "kept"),
        (2, 1, {"at_most": 0}, "kept"),
        (1, 2, {"at_most": 0}, "broken"),
    ],
)
def test_a_counter_grows(before: object, after: object, rule: dict[str, int], verdict: str) -> None:
    places = {"before": f"{SEND} response /data/n", "after": f"{POLL} response /data/n"}
    assert twice({"n": before}, {"n": after}).says("grows", **places, **rule) == verdict


@pytest.mark.parametrize(
    ("usage", "verdict"),
    [
        ({"total": 5, "sent": 3, "failed": 2}, "kept"),
        ({"total": 0, "sent": 0, "failed": 0}, "kept"),
        ({"total": 6, "sent": 3, "failed": 2}, "broken"),
        ({"total": 4, "sent": 3, "failed": 2}, "broken"),
        ({"total": 3, "sent": 3}, "no answer held both the total and its parts"),
        ({"sent": 3, "failed": 2}, "no answer held both the total and its parts"),
    ],
)
def test_a_total_is_the_sum_of_its_parts(usage: dict[str, int], verdict: str) -> None:
    talk = Talk().answered("getUsage", {"data": usage})
    parts = {"total": "/data/total", "parts": ["/data/sent", "/data/failed"]}
    assert talk.says("sums", operation="getUsage", status=200, **parts) == verdict


@pytest.mark.parametrize(
    ("rate", "verdict"),
    [(0.94, "kept"), (0.9405, "kept"), (0.95, "kept"), (0.96, "broken"), (94, "broken"), (0, "broken")],
)
def test_a_rate_is_its_part_of_the_whole_to_its_decimals(rate: float, verdict: str) -> None:
    talk = Talk("whatsapi").answered("getAnalyticsSummary", {"rate": rate, "all": 1042, "good": 980})
    parts = {"value": "/rate", "of": ["/good"], "over": "/all", "decimals": 2}
    assert talk.says("ratio", operation="getAnalyticsSummary", status=200, **parts) == verdict
    empty = Talk("whatsapi").answered("getAnalyticsSummary", {"rate": 0, "all": 0, "good": 0})
    assert empty.says("ratio", operation="getAnalyticsSummary", status=200, **parts).startswith("no answer held")


@pytest.mark.parametrize(("told", "verdict"), [("now", "broken"), (None, "nothing is told at"), ("absent", "nothing")])
def test_a_counter_may_have_to_grow_only_if_something_came_of_it(told: str | None, verdict: str) -> None:
    after: dict[str, object] = {"n": 1} if told == "absent" else {"n": 1, "sentAt": told}
    places = {"before": f"{SEND} response /data/n", "after": f"{POLL} response /data/n"}
    said = twice({"n": 1}, after).says("grows", given=f"{POLL} response /data/sentAt", **places)
    assert said.startswith(verdict)


def reading(*bodies: object) -> Talk:
    """A batch of three texts, and the body that each of its messages is read with."""
    texts = [{"message": text} for text in ("a", "b", "b")]
    talk = Talk("whatsapi").answered("sendBulk", {}, 202, source="simulated-bulk/send", sent={"messages": texts})
    for step, body in zip(("one", "other"), bodies, strict=False):
        talk.answered("getMessage", {"data": {"body": body}}, source=f"bulk-items/{step}")
    return talk


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (reading(), "the step `bulk-items/one` was not asked"),
        (reading("a"), "kept"),
        (reading("b", "a"), "kept"),
        (reading("b", "b"), "kept"),
        (reading("a", "a"), "broken"),
        (reading("c"), "broken"),
    ],
)
def test_each_of_several_is_one_of_those_sent(talk: Talk, verdict: str) -> None:
    places = ["bulk-items/one response /data/body", "bulk-items/other response /data/body"]
    assert talk.says("among", place="simulated-bulk/send request /messages/*/message", places=places) == verdict


@pytest.mark.parametrize(
    ("told", "optional", "verdict"),
    [
        (None, False, "broken"),
        (None, True, "the answers hold nothing to judge"),
        ("2026-03-28T10:00:00Z", True, "kept"),
        ("2025-01-01T00:00:00Z", True, "broken"),
    ],
)
def test_a_moment_that_is_not_told_may_be_nothing_to_judge(told: str | None, verdict: str, *, optional: bool) -> None:
    talk = Talk().answered("sendMessage", {}, 201, source=SEND, headers={"Date": "Sat, 28 Mar 2026 10:00:00 GMT"})
    talk.answered("getMessage", {"data": {"at": told}}, source=POLL)
    row = {"left": f"{POLL} response /data/at", "right": f"{SEND} header Date", "within": 60, "optional": optional}
    assert talk.says("same-moment", **row) == verdict


RATE = {"value": "/data/rate", "of": ["/data/by/delivered", "/data/by/read"], "over": "/data/total"}


@pytest.mark.parametrize(
    ("rate", "split", "verdict"),
    [
        (0, {"failed": 4}, "kept"),
        (0.5, {"failed": 4}, "broken"),
        (1, {"delivered": 4}, "kept"),
        (0, {"delivered": 4}, "broken"),
        (0, {"read": 4}, "no answer held all of the parts or none"),  # whether read counts is open
        (0.3, {"delivered": 2, "failed": 2}, "no answer held all of the parts or none"),
    ],
)
def test_a_rate_is_clear_where_all_or_nothing_counts(rate: float, split: dict[str, int], verdict: str) -> None:
    figures = {"rate": rate, "by": split, "total": 4}
    talk = Talk("whatsapi").answered("getAnalyticsSummary", {"data": figures})
    assert talk.says("extremes", operation="getAnalyticsSummary", status=200, **RATE) == verdict
