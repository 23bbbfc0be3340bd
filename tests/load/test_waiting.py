from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from affidavit.load.waiting import Line


def line() -> Line[int]:
    return Line()


def test_an_open_line_holds_nothing() -> None:
    one = line()
    assert all(one.offer(number, 0) for number in range(50))
    assert len(one) == 0


def test_nothing_leaves_before_the_wait_is_over_and_then_one_goes_first() -> None:
    one = line()
    one.offer(1, 0)
    one.refused(0, 7, promised=True)
    one.again(1)
    assert not one.offer(2, 1)
    assert one.release(6.999) == []
    assert one.release(7) == [1]
    assert one.release(7) == []


def test_each_round_of_answers_lets_one_more_out_at_once() -> None:
    one = line()
    one.hold(1, promised=False)
    for number in range(10):
        one.offer(number, 0)
    rounds = []
    while released := one.release(2):
        rounds.append(len(released))
        for _ in released:
            one.answered(2)
    assert rounds == [1, 2, 3, 4]


def test_a_drained_line_is_open_again() -> None:
    one = line()
    one.hold(1, promised=False)
    one.offer(1, 0)
    assert one.release(1) == [1]
    one.answered(1)
    assert all(one.offer(number, 1) for number in range(20))


def test_no_more_leave_than_the_answers_say_are_left() -> None:
    one = line()
    assert one.offer(0, 0)
    one.answered(0, left=3)
    assert [one.offer(number, 0) for number in range(1, 6)] == [True, True, True, False, False]


def test_a_spent_limit_is_waited_out_without_a_refusal() -> None:
    one = line()
    one.offer(1, 0)
    one.answered(0, left=0, reset=30)
    assert not one.offer(2, 29)
    assert one.release(30) == [2]


def test_only_a_wait_that_a_refusal_asked_for_makes_a_request_early() -> None:
    one = line()
    one.sent()
    one.refused(0, 5, promised=True)
    one.hold(9, promised=False)
    assert one.is_early(4.9)
    assert not one.is_early(5)


def test_the_longest_wait_counts() -> None:
    one = line()
    for wait in (9.0, 2.0):
        one.sent()
        one.refused(0, wait, promised=True)
    assert one.resume == 9


@given(st.lists(st.sampled_from(["offer", "refused", "answered", "wait"]), max_size=60))
def test_nothing_is_lost_and_the_order_is_kept(events: list[str]) -> None:
    one, now, offered, left, out = line(), 0.0, 0, list[int](), 0
    for event in events:
        if event == "offer":
            offered += 1
            if one.offer(offered, now):
                left.append(offered)
                out += 1
        elif event == "wait":
            now += 1.0
        elif out:
            out -= 1
            one.refused(now, 0.5, promised=True) if event == "refused" else one.answered(now)
        released = one.release(now)
        left += released
        out += len(released)
    assert left + one.clear() == list(range(1, offered + 1))
