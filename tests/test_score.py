"""The figures of the score, from outcomes made by hand."""

from __future__ import annotations

import pytest

from affidavit.score import Outcome, Score, Trial


def fault(name: str, family: str, at: int | None) -> Outcome:
    return Outcome(Trial("p", "fault", name, family, 100), ("C-1",) if at else (), at)


def harmless(kind: str, *broken: str) -> Outcome:
    return Outcome(Trial("p", kind, "one", ""), broken, 1 if broken else None)


RESULT = Score(
    (
        fault("a", "echo", 1),
        fault("b", "auth", 100),
        fault("c", "auth", 101),
        fault("d", "auth", None),
        harmless("variant"),
        harmless("variant", "C-2"),
        harmless("seed"),
    )
)


def test_faults_are_counted_by_requests_and_family() -> None:
    assert [RESULT.within(mark) for mark in (1, 50, 100, 101)] == [1, 1, 2, 3]
    assert list(RESULT.families()) == [("auth", 2, 3), ("echo", 1, 1)]
    assert [one.trial.name for one in RESULT.missed] == ["d"]


def test_only_what_is_harmless_can_be_a_false_alarm() -> None:
    assert [one.broken for one in RESULT.alarms] == [("C-2",)]


def test_the_area_counts_a_fault_not_found_in_time_as_found_right_after() -> None:
    assert RESULT.apfd(100) == pytest.approx(1 - (1 + 100 + 101 + 101) / 400 + 1 / 200)
    assert Score((fault("a", "echo", 1),)).apfd(100) == pytest.approx(0.995)
    assert Score(()).apfd(100) == 0
