"""How true the named waits are, worked out by hand."""

from __future__ import annotations

import math

import pytest

from affidavit.ratelimit.headers import Said
from affidavit.ratelimit.records import Place, Reply
from affidavit.ratelimit.truth import Heard, Promise, Slack, more_than_others_explain, promises, share, slack, volleys


def heard(*answers: tuple[float, float, float | None]) -> list[Heard]:
    """Sent, answered, and the wait of a refusal; None for one that was admitted."""
    return [
        Heard(number, Place(), Reply(200, (), "", sent, answered), wait is not None, Said(retry_after=wait))
        for number, (sent, answered, wait) in enumerate(answers, 1)
    ]


def told(found: tuple[Promise, ...]) -> list[tuple[int, int, float, float, bool, bool]]:
    """Refusal, answer, slack at least and at most, tested, kept."""
    return [(one.refusal.number, one.answer.number, one.at_least, one.at_most, one.tested, one.kept) for one in found]


def test_a_promise_is_kept_when_the_first_who_asks_after_it_is_admitted() -> None:
    # Refused between 0 and 1 and told 5: the moment is between 5 and 6. Admitted by 8: at most 3 late.
    assert told(promises(heard((0, 1, 5.0), (7, 8, None)))) == [(1, 2, -6, 3, True, True)]


def test_a_promise_is_broken_when_somebody_is_refused_after_it() -> None:
    # Refused at 6 for certain not before its moment; admitted by 9. Closed until 6 at least, and open at 9.
    found = promises(heard((0, 1, 5.0), (6, 7, 1.0), (8, 9, None)))
    assert told(found) == [(1, 2, 0, 4, True, False), (2, 3, -2, 2, True, True)]


def test_a_promise_that_nobody_waited_for_is_not_tested() -> None:
    # Admitted by 4, between one and two seconds before the moment.
    assert told(promises(heard((0, 1, 5.0), (3, 4, None)))) == [(1, 2, -6, -1, False, True)]


def test_a_refusal_before_the_moment_ends_the_promise_and_makes_its_own() -> None:
    assert told(promises(heard((0, 1, 5.0), (3, 4, 2.0), (7, 8, None)))) == [(2, 3, -3, 3, True, True)]


def test_a_promise_that_is_never_kept_is_late_without_end() -> None:
    (found,) = promises(heard((0, 1, 5.0), (7, 8, None), (8, 9, 1.0), (11, 12, 1.0)))[1:]
    assert (found.kept, found.at_most) == (False, math.inf)


def test_of_refusals_that_overlap_the_longest_wait_counts() -> None:
    assert told(promises(heard((0, 1, 5.0), (0.5, 1.5, 6.0), (8, 9, None)))) == [(2, 3, -7, 2.5, True, True)]


def test_a_refusal_that_names_no_wait_promises_nothing() -> None:
    unnamed = Heard(1, Place(), Reply(429, (), "", 0, 1), refused=True, said=Said())
    assert promises([unnamed, *heard((7, 8, None))]) == ()


def test_answers_that_overlap_are_one_volley() -> None:
    answers = heard((0, 2, None), (1, 3, None), (2.5, 4, None), (4, 5, None))
    assert [[one.number for one in group] for group in volleys(answers)] == [[1, 2, 3], [4]]


def test_the_share_has_the_bounds_of_clopper_and_pearson() -> None:
    # Five of five: the low bound p has p^5 = 0.025. Eight of ten: 0.444 to 0.975, as any table has it.
    assert (share(5, 5).low, share(5, 5).high) == pytest.approx((0.025**0.2, 1.0))
    assert (share(0, 5).low, share(0, 5).high) == pytest.approx((0.0, 1 - 0.025**0.2))
    assert (share(8, 10).low, share(8, 10).high) == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("broken", "tested", "enough"),
    [(0, 9, False), (1, 1, False), (1, 2, False), (2, 2, True), (2, 3, False), (3, 4, True)],
)
def test_how_many_broken_promises_others_do_not_explain(broken: int, tested: int, *, enough: bool) -> None:
    # Others break one in ten. Two of two: 1 %; two of three: 2.8 %; three of four: 0.4 %.
    assert more_than_others_explain(broken, tested) is enough


def test_slack_sums_the_promises_up() -> None:
    found = slack(promises(heard((0, 1, 5.0), (7, 8, None), (10, 11, 5.0), (17, 18, None))))
    assert found == Slack(2, 2, 2, share(2, 2), found.seconds)
    assert found.seconds is not None
    assert (found.seconds.low, found.seconds.best, found.seconds.high) == (-6, -1.5, 3)


def test_without_a_promise_there_is_no_slack() -> None:
    assert slack(()) == Slack(0, 0, 0, share(0, 0), None)
