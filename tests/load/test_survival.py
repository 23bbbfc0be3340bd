from __future__ import annotations

import json

import pytest

from affidavit.load.survival import Survival


def survival(*, seen: tuple[float, ...] = (), censored: tuple[float, ...] = (), failed: int = 0) -> Survival:
    made = Survival()
    for seconds in seen:
        made.add(seconds, seen=True)
    for seconds in censored:
        made.add(seconds, seen=False)
    for _ in range(failed):
        made.add(1.0, seen=False, failed=True)
    return made


def rounded(made: Survival) -> list[tuple[float, float]]:
    return [(round(seconds, 2), round(part, 4)) for seconds, part in made.curve()]


def test_without_missing_ones_the_parts_are_plain_shares() -> None:
    made = survival(seen=(1.0, 2.0, 2.0, 4.0))
    assert rounded(made) == [(1.0, 0.25), (2.0, 0.75), (4.0, 1.0)]
    assert made.quantile(0.5) == pytest.approx(2.0, rel=0.001)


def test_one_still_on_its_way_counts_until_it_was_last_watched() -> None:
    # Of 4, one arrives at 1 (1/4). One is lost from view at 2. Of the 2 left one arrives at 3: 1 - 3/4 * 1/2.
    made = survival(seen=(1.0, 3.0, 5.0), censored=(2.0,))
    assert rounded(made) == [(1.0, 0.25), (3.0, 0.625), (5.0, 1.0)]


def test_half_of_them_never_seen_leave_the_high_quantiles_open() -> None:
    made = survival(seen=(1.0, 1.0), censored=(10.0, 10.0))
    assert made.quantile(0.5) == pytest.approx(1.0, rel=0.001)
    assert made.quantile(0.51) is None
    assert made.watched == 4


def test_a_failed_one_never_arrives_however_early_it_failed() -> None:
    made = survival(seen=(2.0, 3.0), failed=2)
    assert rounded(made) == [(2.0, 0.25), (3.0, 0.5)]
    assert made.quantile(0.75) is None


def test_nothing_watched_has_no_quantile() -> None:
    assert Survival().quantile(0.5) is None


def test_merged_parts_are_the_whole() -> None:
    one, other = survival(seen=(1.0,), censored=(2.0,)), survival(seen=(3.0,), failed=1)
    one.merge(Survival.load(json.loads(json.dumps(other.dump()))))
    assert list(one.curve()) == list(survival(seen=(1.0, 3.0), censored=(2.0,), failed=1).curve())
    assert one.failed == 1
