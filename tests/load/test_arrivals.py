from __future__ import annotations

from collections.abc import Callable
from itertools import islice, pairwise
from random import Random as Seeded
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.load.arrivals import CONSTANT, POISSON, Plan, Stage, schedule, share, shares, stair, steady

RATES = st.floats(0.5, 200)
STAGES = st.lists(st.builds(Stage, st.floats(0.5, 5), RATES, RATES), min_size=1, max_size=4)
PLANS = st.builds(Plan, STAGES.map(tuple), st.sampled_from([CONSTANT, POISSON]), st.integers(min_value=1, max_value=7))


def uniform(seed: int) -> Callable[[], float]:
    return Seeded(seed).random  # noqa: S311 - a schedule, no secret


def moments(plan: Plan, seed: int = 1) -> list[float]:
    return list(schedule(plan, uniform(seed)))


def test_a_constant_rate_is_an_even_row_that_begins_at_once() -> None:
    assert moments(steady(4, 1)) == [0, 0.25, 0.5, 0.75]


def test_a_rate_below_one_per_second_works_too() -> None:
    assert moments(steady(0.5, 5)) == [0, 2, 4]


def test_a_ramp_comes_ever_faster() -> None:
    # From 0 to 10 per second in 2 s: t seconds expect 2.5 t² arrivals, so the n-th comes at √(n / 2.5).
    found = moments(Plan((Stage(2, 0, 10),)))
    assert found == pytest.approx([(number / 2.5) ** 0.5 for number in range(10)])


def test_a_stair_doubles_and_triples() -> None:
    found = moments(stair(30, 3, 3))
    assert [sum(second <= one < second + 1 for one in found) for second in range(3)] == [10, 20, 30]


def test_a_group_arrives_at_once_and_rarely() -> None:
    assert moments(steady(10, 1, group=5)) == [0] * 5 + [0.5] * 5


def test_poisson_gaps_are_as_long_and_as_uneven_as_they_must_be() -> None:
    found = moments(steady(100, 200, POISSON))
    gaps = [after - before for before, after in pairwise(found)]
    mean = fmean(gaps)
    # The standard deviation of an exponential gap is its mean.
    assert mean == pytest.approx(0.01, rel=0.03)
    assert fmean((gap - mean) ** 2 for gap in gaps) ** 0.5 == pytest.approx(mean, rel=0.05)


@given(PLANS, st.integers(0, 9))
def test_a_schedule_is_ordered_bounded_and_the_same_for_the_same_seed(plan: Plan, seed: int) -> None:
    found = moments(plan, seed)
    assert found == sorted(found) == moments(plan, seed)
    assert all(0 <= one <= plan.seconds for one in found)
    if plan.arrivals == CONSTANT:
        assert plan.expected <= len(found) + 1e-6
        assert len(found) < plan.expected + plan.group + 1e-6


@given(PLANS, st.integers(1, 5))
def test_the_shares_of_several_processes_are_the_whole_schedule(plan: Plan, of: int) -> None:
    parts = [list(share(schedule(plan, uniform(3)), index, of)) for index in range(of)]
    assert sorted(one for part in parts for one in part) == moments(plan, 3)


@given(st.integers(0, 1000), st.integers(1, 9))
def test_a_count_is_dealt_out_evenly_and_wholly(whole: int, of: int) -> None:
    dealt = shares(whole, of)
    assert sum(dealt) == whole
    assert max(dealt) - min(dealt) <= 1


def test_an_endless_schedule_is_not_needed_to_begin() -> None:
    assert list(islice(schedule(steady(1000, 1e9), uniform(1)), 2)) == [0, 0.001]
