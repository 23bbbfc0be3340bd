from __future__ import annotations

from random import Random
from typing import Any

import pytest

from affidavit.load.capacity import LONGEST_WATCH, Answer, Quota, Way, bound, exactly, measured, planned
from affidavit.load.outcome import Journey, Kind, Outcome
from affidavit.load.results import Results, line_of

FREE = Quota(20, 60.0, "a plan")


def results(per_second: int = 1, kind: Kind = Kind.OK, status: int = 201, keys: int = 1) -> Results:
    """Ten seconds of sends, answered at once."""
    made = Results("chatmaid", "send")
    for number in range(10 * per_second):
        at = number / per_second
        made.add(Outcome(at, at, at, "send", f"key {number % keys}", kind, status))
    return made


def line(made: Results, troubles: tuple[str, ...] = ()) -> dict[str, Any]:
    return line_of(made, {}, 10.0, troubles)


def said(made: Results, quota: Quota = FREE, troubles: tuple[str, ...] = ()) -> str:
    return bound(quota, line(made, troubles), Random(1))  # noqa: S311 - no secret


def answer(made: Results, *every: float) -> Answer:
    return measured(FREE, line(made), every, Random(1))  # noqa: S311 - no secret


def way(one: Answer, name: str) -> Way:
    return next(way for way in one.ways if way.name == name)


def test_every_poll_costs_what_a_send_costs() -> None:
    one = planned(FREE, [0.0, 1.0, 4.0])
    assert [(each.name, each.sends) for each in one.ways] == [
        ("webhooks, no polling", exactly(20)),
        ("0 polls per message", exactly(20)),
        ("1 poll per message", exactly(10)),
        ("4 polls per message", exactly(4)),
    ]


def test_a_window_of_another_length_counts_per_minute() -> None:
    assert Quota(5, 1.0, "").sends(exactly(2)) == exactly(100)


def test_beyond_the_cheapest_polling_only_webhooks_fit() -> None:
    crossing = planned(FREE, [4.0, 1.0, 9.0]).crossing
    assert crossing is not None
    assert (crossing.name, crossing.sends.best) == ("1 poll per message", 10)
    assert planned(FREE, []).crossing is None


def test_the_polls_of_the_run_give_an_estimate_with_its_interval() -> None:
    made = results()
    for polls in [2, 4] * 50:
        made.add_polls(polls)
    polling = way(answer(made), "polling as in the run")
    assert polling.polls.best == 3
    assert polling.sends.best == 5
    # 100 messages of 2 or 4 polls: the mean is known to 1 / sqrt(100), so 90 % lie within 0.16.
    assert polling.polls.low == pytest.approx(3 - 0.16, abs=0.05)
    assert polling.polls.high == pytest.approx(3 + 0.16, abs=0.05)
    assert polling.sends.low < 5 < polling.sends.high


def test_a_message_that_was_not_settled_needed_at_least_as_many_polls() -> None:
    # One settled with its 2nd poll, one with its 4th, and one was asked once when the run ended: it shares the fate of
    # the other two. To leave it out or to count one poll for it would make polling look cheaper than it is.
    made = results()
    for polls, settled in ((2, True), (4, True), (1, False)):
        made.add_polls(polls, settled=settled)
    one = answer(made)
    assert way(one, "polling as in the run").polls.best == pytest.approx(3)
    assert "polls of 3 messages (1 not settled by the end)" in one.evidence
    # Settled with the 2nd poll, and not settled with the 6th: at least (2 + 6) / 2.
    made = results()
    made.add_polls(2)
    made.add_polls(6, settled=False)
    assert way(answer(made), "polling as in the run").polls.best == pytest.approx(4)


def test_when_nothing_was_settled_nobody_knows_how_many_polls_are_needed() -> None:
    made = results()
    made.add_polls(3, settled=False)
    assert [each.name for each in answer(made).ways] == ["webhooks, no polling"]


def delivered(made: Results, *seconds: float | None, watched: float = 30.0, by: str = "polling") -> Results:
    for seen in seconds:
        until = watched if seen is None else seen
        made.add_journey(Journey(0.0, "delivered", "webhook" if by == "webhook" else "polling", seen, until))
    return made


def test_another_interval_is_reckoned_from_the_times_of_delivery() -> None:
    # Delivered after 1, 4 and 6 seconds. A poll every 5 s sees them with the 1st, 1st and 2nd; every 2 s: 1, 2, 3.
    one = answer(delivered(results(), 1.0, 3.9, 5.9), 5.0, 2.0)
    assert way(one, "polling every 5 s").polls.best == pytest.approx(4 / 3)
    assert way(one, "polling every 2 s").polls.best == pytest.approx(2)


def test_a_message_not_delivered_is_asked_for_to_the_end() -> None:
    one = answer(delivered(results(), 1.0, None, watched=30.0), 60.0)
    # One needs 1 poll, the other as many as there are in the longest watch.
    assert way(one, "polling every 60 s").polls.best == pytest.approx((1 + LONGEST_WATCH / 60) / 2)
    assert "1 not there by the end" in one.evidence


def test_webhooks_tell_the_time_of_delivery_better() -> None:
    made = delivered(delivered(results(), 9.0), 1.0, by="webhook")
    assert way(answer(made, 5.0), "polling every 5 s").polls.best == pytest.approx(1)


def test_a_run_that_followed_no_message_says_so() -> None:
    one = answer(results(), 5.0)
    assert [each.name for each in one.ways] == ["webhooks, no polling"]
    assert "no message was followed" in one.evidence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (said(results(kind=Kind.LIMITED, status=429)), "quota-bound: the run met the limit (10 answers with 429)"),
        (said(results()), "quota-bound: the server answered up to 60 requests a minute, and the quota is 20"),
        (said(results(), Quota(100, 60, "")), "neither was met: the run asked for 60 requests a minute of 100"),
        (said(results(keys=10)), "neither was met: the run asked for 60 requests a minute of 200"),
        (said(results(kind=Kind.FAILED, status=500), Quota(100, 60, "")), "server-bound: it lost 10 of 10 at 60"),
        (said(results(kind=Kind.FAILED, status=500)), "quota-bound: the server lost 10 of 10 at 60"),
        (said(results(kind=Kind.FAILED, status=400), Quota(100, 60, "")), "neither was met"),
        (said(results(), troubles=("busy",)), "not known: the generator was the limit (busy)"),
        (said(Results("chatmaid", "send")), "not known: the run was too short"),
    ],
)  # fmt: skip
def test_what_ends_first_is_said(text: str, words: str) -> None:
    assert words in text


def test_a_server_that_wavers_around_the_quota_is_not_called_either() -> None:
    made = results(kind=Kind.FAILED, status=500)
    for number in range(9):
        for _ in range(number % 2 * 2):
            made.add(Outcome(number, number, number, "send", "key 0", Kind.OK, 201))
    # 1 or 3 a second: 60 or 180 a minute, 113 on average.
    assert "both about the same" in said(made, Quota(113, 60, ""))
