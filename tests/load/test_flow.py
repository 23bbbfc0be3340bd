from __future__ import annotations

import json
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.documents import load_catalog, load_recipe
from affidavit.load.flow import POLL, SEND, Arrival, By, Flow, Shot, arrivals
from affidavit.load.outcome import Kind
from affidavit.load.recipe import Recipe

RECIPE = load_recipe(load_catalog("chatmaid"))
BOTH: tuple[By, ...] = ("polling", "webhook")


@pytest.fixture
def recipe() -> Recipe:
    return RECIPE


def flow(recipe: Recipe, *ways: By, follow: bool = False) -> Flow:
    return Flow(recipe, think=1.0, patience=30.0, follow=follow, ways=ways)


def sent(identity: str = "m1", state: str = "pending") -> bytes:
    return json.dumps({"success": True, "data": {"id": identity, "status": state}}).encode()


def state_of(one: Flow) -> dict[tuple[str, str], float | None]:
    return {(row.by, row.state): row.seen for row in one.journeys}


SEND_NOW = Shot(SEND, "main", 0.0)


def test_nothing_is_read_when_nobody_asks_what_becomes_of_messages(recipe: Recipe) -> None:
    one = flow(recipe)
    assert not one.wants_body(SEND_NOW)
    assert one.answered(SEND_NOW, Kind.OK, sent(), 1.0) is None
    assert one.watched == {}


def test_a_followed_message_is_polled_until_it_is_delivered(recipe: Recipe) -> None:
    one = flow(recipe, "polling", follow=True)
    looks = []
    shot = one.answered(SEND_NOW, Kind.OK, sent(), 0.5)
    for now, state in ((1.6, "pending"), (2.7, "sent"), (3.8, "delivered")):
        assert shot is not None
        looks.append((shot.request, shot.message, shot.intended))
        shot = one.answered(shot, Kind.OK, sent(state=state), now)
    assert shot is None
    assert looks == [(POLL, "m1", 1.5), (POLL, "m1", 2.6), (POLL, "m1", 3.7)]
    assert state_of(one) == {("polling", "sent"): 2.7, ("polling", "delivered"): 3.8}
    assert (one.polls, one.watched) == ([(3, True)], {})


def test_polls_are_counted_of_what_was_settled_and_of_what_was_not(recipe: Recipe) -> None:
    one = flow(recipe, "polling", follow=True)
    assert one.answered(SEND_NOW, Kind.OK, sent("at once", "delivered"), 0.0) is None
    shot = one.answered(SEND_NOW, Kind.OK, sent("never"), 0.0)
    assert shot is not None
    one.answered(shot, Kind.OK, sent("never"), 1.0)
    one.give_up(31.0)
    assert one.polls == [(0, True), (1, False)]


def test_an_id_that_nobody_can_write_is_no_message_to_watch(recipe: Recipe) -> None:
    one = flow(recipe, "polling", follow=True)
    for odd in ('"\\ud800a"', '""', "7", "[]", "null", json.dumps("m" * 201)):
        body = b'{"data": {"status": "pending", "id": %s}}' % odd.encode()
        assert one.answered(SEND_NOW, Kind.OK, body, 0.0) is None
    assert (one.watched, one.nameless) == ({}, 6)


def test_a_state_that_is_no_word_tells_nothing(recipe: Recipe) -> None:
    one = flow(recipe, "polling", follow=True)
    for odd in (b"[]", b"{}", b"7", b"null"):
        shot = one.answered(SEND_NOW, Kind.OK, b'{"data": {"id": "m", "status": %s}}' % odd, 0.0)
        assert shot is not None
    assert one.journeys == []


def test_a_look_that_fails_or_is_limited_is_tried_again(recipe: Recipe) -> None:
    one = flow(recipe, "polling", follow=True)
    shot = one.answered(SEND_NOW, Kind.OK, sent(), 0.0)
    for kind in (Kind.FAILED, Kind.LIMITED, Kind.TIMEOUT):
        assert shot is not None
        shot = one.answered(shot, kind, b"", shot.intended)
    assert shot is not None


def test_a_failed_message_can_never_arrive(recipe: Recipe) -> None:
    one = flow(recipe, "polling", follow=True)
    assert one.answered(SEND_NOW, Kind.OK, sent(state="failed"), 1.0) is None
    assert [(row.state, row.seen, row.failed) for row in one.journeys] == [
        ("sent", None, True),
        ("delivered", None, True),
    ]


def test_what_has_not_arrived_in_time_is_censored_and_not_left_out(recipe: Recipe) -> None:
    one = flow(recipe, "polling", follow=True)
    one.answered(SEND_NOW, Kind.OK, sent("old"), 1.0)
    one.answered(SEND_NOW, Kind.OK, sent("young", "sent"), 20.0)
    one.give_up(31.0)
    assert [(row.accepted, row.state, row.seen, row.until, row.failed) for row in one.journeys] == [
        (20.0, "sent", 20.0, 20.0, False),
        (1.0, "sent", None, 31.0, False),
        (1.0, "delivered", None, 31.0, False),
    ]
    one.give_up(32.0, everything=True)
    assert one.watched == {}
    assert len(one.journeys) == 4


def test_an_arrival_that_polls_takes_the_message_that_has_waited_longest(recipe: Recipe) -> None:
    one = flow(recipe, "polling")
    assert one.shot(Arrival(0.0, POLL, "main")).request == SEND
    for number, now in enumerate((0.0, 0.2)):
        assert one.answered(SEND_NOW, Kind.OK, sent(f"m{number}"), now) is None
    assert one.shot(Arrival(0.9, POLL, "other")).request == SEND
    first = one.shot(Arrival(1.3, POLL, "other"))
    assert (first.request, first.message, first.role) == (POLL, "m0", "main")
    one.answered(first, Kind.OK, sent("m0", "sent"), 1.4)
    assert one.shot(Arrival(1.5, POLL, "main")).message == "m1"
    assert one.shot(Arrival(2.5, POLL, "main")).message == "m0"


def test_a_webhook_may_come_before_the_answer_to_the_send(recipe: Recipe) -> None:
    one = flow(recipe, "webhook")
    one.told("m1", "sent", 0.9)
    assert one.answered(SEND_NOW, Kind.OK, sent(), 1.0) is None
    one.told("m1", "delivered", 1.5)
    assert state_of(one) == {("webhook", "sent"): 1.0, ("webhook", "delivered"): 1.5}
    assert one.watched == {}


def test_polling_and_webhooks_are_timed_apart(recipe: Recipe) -> None:
    one = flow(recipe, *BOTH, follow=True)
    shot = one.answered(SEND_NOW, Kind.OK, sent(), 0.0)
    one.told("m1", "delivered", 0.4)
    assert shot is not None
    one.answered(shot, Kind.OK, sent(state="delivered"), 1.0)
    assert state_of(one) == {(way, name): at for way, at in (("webhook", 0.4), ("polling", 1.0))
                             for name in ("sent", "delivered")}  # fmt: skip


@given(st.binary(max_size=60))
def test_whatever_an_answer_holds_is_survived(body: bytes) -> None:
    one = flow(RECIPE, *BOTH, follow=True)
    one.answered(SEND_NOW, Kind.OK, body, 1.0)
    one.answered(Shot(POLL, "main", 0.0, "nobody"), Kind.OK, body, 1.0)
    one.give_up(99.0, everything=True)
    assert one.watched == {}


def test_requests_come_as_often_as_their_weights_say_and_keys_in_turn() -> None:
    draws = iter([0.0, 0.49, 0.5, 0.59, 0.6, 0.999])
    rows = arrivals(range(6), {"send": 5, "never": 0, "list": 1, "poll": 4}, ["a", "b"], lambda: next(draws))
    assert [(row.request, row.role) for row in rows] == [
        ("send", "a"), ("send", "b"), ("list", "a"), ("list", "b"), ("poll", "a"), ("poll", "b"),
    ]  # fmt: skip


def test_nothing_is_drawn_when_there_is_nothing_to_choose() -> None:
    rows = arrivals(iter(float, 1.0), {"send": 1}, ["a"], lambda: pytest.fail("drawn"))
    assert [row.request for row in islice(rows, 3)] == ["send"] * 3
