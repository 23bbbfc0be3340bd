from __future__ import annotations

import re

import pytest

from tests.bench_load.__main__ import FULL, MEASUREMENTS, _growth, k6, main, theory
from tests.bench_load.generators import Sample, _ranked
from tests.bench_load.server import Target

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def test_the_theory_of_a_stall_is_its_last_moments() -> None:
    # Of 10 s the stall takes 2: a tenth of the arrivals comes in its first second and waits 1 s or longer.
    assert theory(FULL, 0.9) == pytest.approx(1.0)
    assert theory(FULL, 0.99) == pytest.approx(1.9)
    assert theory(FULL, 0.5) == 0


def test_a_target_counts_by_second_and_holds_answers_until_the_stall_is_over() -> None:
    moments = iter([100.0, 100.9, 102.0, 103.5, 104.0])
    target = Target(lambda: next(moments), stall_at=2.0, stall=2.0)
    assert [target.arrive() for _ in range(5)] == [0, 0, 2.0, 0.5, 0]
    assert target.shown() == [2, 0, 1, 1, 1]


def test_a_quantile_of_rounded_times_is_the_time_of_that_rank() -> None:
    assert _ranked([(1.0, 89), (1000.0, 11)], 0.9) == 1.0
    assert _ranked([(1.0, 90), (1000.0, 10)], 0.9) == 0.001
    assert _ranked([], 0.9) == 0


def test_growth_is_from_the_settled_moment_to_the_end() -> None:
    sample = Sample(memory=[(float(second), 100_000_000 + 1_000_000 * second) for second in range(100)])
    assert _growth(sample, 60.0, 90.0) == ("161.0", "189.0", "+17.4")


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_the_table_has_a_number_in_every_place(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--short", "--only", name])
    _, _, *rows = capsys.readouterr().out.splitlines()
    names = [line[:30].strip() for line in rows]
    others = {"stall": ["Locust, HttpUser"], "steady": ["Locust, FastHttpUser"], "soak": []}[name]
    assert [one for one in names if not one.startswith(("Affidavit", "theory"))] == others + (
        [one.name for one in k6()] if name != "soak" else []
    )
    for line in rows:
        cells = line[30:].split()
        assert len(cells) == 3
        assert all(NUMBER.fullmatch(cell) or cell == "-" for cell in cells), line
