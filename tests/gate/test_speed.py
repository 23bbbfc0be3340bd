"""The comparison of speed: rarely wrong, and silent about what it cannot know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affidavit.errors import ExitCode, IncompleteError, UsageError
from affidavit.gate.performance import Speed, _students, compare_speed, verdict
from affidavit.gate_speed import compared_speed
from affidavit.load.histogram import Histogram
from tests.gate.simulation import World, outcomes


def run(seconds: float, requests: int = 300) -> dict[str, Histogram]:
    histogram = Histogram()
    for number in range(requests):
        histogram.add(seconds * (1 + number % 7 / 10))
    return {"getMessage": histogram}


def test_nothing_changed_and_a_fifth_slower_are_told_apart() -> None:
    same = outcomes(World(), slower=1.0, times=12, seed=3)
    slower = outcomes(World(), slower=1.2, times=12, seed=4)
    assert same[Speed.FAIL] == 0
    assert slower[Speed.FAIL] >= 11


def test_noise_as_large_as_the_change_is_inconclusive() -> None:
    assert outcomes(World(run=0.3), slower=1.2, times=6, seed=5)[Speed.PASS] == 0


def test_a_verdict_names_ratio_and_reach() -> None:
    before, after = [run(0.1), run(0.101), run(0.099)], [run(0.15), run(0.151), run(0.149)]
    told = compare_speed(before, after, in_turn=True)
    assert {(one.operation, one.verdict) for one in told} == {("getMessage", Speed.FAIL)}
    assert [one.ratio for one in told] == pytest.approx([1.5, 1.5], rel=0.02)
    assert all(one.low < one.ratio < one.high for one in told)
    assert verdict(compare_speed(after, before, in_turn=True)) is Speed.PASS


def test_runs_that_were_not_made_in_turn_are_compared_as_two_groups() -> None:
    before, after = [run(0.1), run(0.1005), run(0.0995), run(0.1)], [run(0.2), run(0.201), run(0.199)]
    assert verdict(compare_speed(before, after, in_turn=False)) is Speed.FAIL


@pytest.mark.parametrize(
    ("runs", "requests", "lacking"),
    [(2, 300, "2 runs on one side, and 3 are needed"), (3, 20, "a run has 20 requests, and 30 are needed")],
)
def test_too_little_evidence_is_inconclusive_and_says_what_is_lacking(runs: int, requests: int, lacking: str) -> None:
    before, after = [run(0.1, requests)] * runs, [run(0.2, requests)] * runs
    told = compare_speed(before, after, in_turn=True)
    assert told[0].why == lacking
    assert verdict(told) is Speed.INCONCLUSIVE


def test_runs_with_nothing_in_common_are_inconclusive() -> None:
    assert compare_speed([], [], in_turn=True) == []
    assert verdict([]) is Speed.INCONCLUSIVE


@pytest.mark.parametrize(
    ("chance", "freedom", "quantile"),
    [(0.975, 1, 12.7062), (0.995, 4, 4.6041), (0.99, 6, 3.1427), (0.9995, 10, 4.5869)],
)
def test_students_quantiles_are_those_of_the_tables(chance: float, freedom: int, quantile: float) -> None:
    assert _students(chance, freedom) == pytest.approx(quantile, abs=1e-4)


def record(path: Path, seconds: float, started: float, **manifest: object) -> Path:
    encoded = run(seconds)["getMessage"].encode()
    both = {"from_intended": encoded, "service": encoded}
    head = {"provider": "chatmaid", "target": "https://api.example.com", "what": "load", "started": started, **manifest}
    lines = [
        {"kind": "manifest", "version": 1, **head},
        {"kind": "load", "provider": "chatmaid", "histograms": {"all": both, "getMessage": both}},
        {"kind": "end", "complete": True, "reason": ""},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def test_load_runs_are_read_from_their_records(tmp_path: Path) -> None:
    before = [record(tmp_path / f"old{turn}.ndjson", 0.1 + turn / 1000, 10.0 * turn) for turn in range(3)]
    after = [record(tmp_path / f"new{turn}.ndjson", 0.2 + turn / 1000, 10.0 * turn + 5) for turn in range(3)]
    in_turn, told = compared_speed(before, after)
    assert in_turn
    assert {one.operation for one in told} == {"getMessage"}
    assert verdict(told) is Speed.FAIL
    late = [record(tmp_path / f"late{turn}.ndjson", 0.1 + turn / 1000, 100.0 + turn) for turn in range(3)]
    in_turn, told = compared_speed(before, late)
    assert not in_turn
    assert verdict(told) is not Speed.FAIL


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"target": "https://other.example.com"}, "only be compared between runs of one kind at one target"),
        ({"what": "limits"}, "only be compared between runs of one kind"),
    ],
)
def test_runs_of_different_things_are_refused(tmp_path: Path, manifest: dict[str, object], said: str) -> None:
    one, other = record(tmp_path / "a.ndjson", 0.1, 1.0), record(tmp_path / "b.ndjson", 0.1, 2.0, **manifest)
    with pytest.raises(UsageError, match=said):
        compared_speed([one], [other])
    with pytest.raises(UsageError, match="needs runs on both sides"):
        compared_speed([], [other])


def test_the_embedded_sandbox_and_half_runs_tell_no_speed(tmp_path: Path) -> None:
    one = record(tmp_path / "a.ndjson", 0.1, 1.0, what="contract", target="embedded")
    with pytest.raises(UsageError, match="a clock of its own"):
        compared_speed([one], [one])
    text = one.read_text("utf-8").splitlines(keepends=True)
    one.write_text("".join(text[:-1]), "utf-8")
    with pytest.raises(IncompleteError, match="half a run tells no speed") as refused:
        compared_speed([one], [one])
    assert refused.value.exit_code == ExitCode.UNREACHABLE
