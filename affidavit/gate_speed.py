"""`affidavit gate --speed`: several runs before and after, as histograms of their requests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from affidavit.errors import IncompleteError, UsageError
from affidavit.gate.performance import Judgement, Run, compare_speed
from affidavit.load.histogram import Histogram
from affidavit.recorded import CONTRACT, LOAD, Recorded
from affidavit.recorder import read_run, record_at

ALL = "all"
"""Stands in a load run's histograms for all operations together."""


def compared_speed(before: Sequence[Path], after: Sequence[Path]) -> tuple[bool, list[Judgement]]:
    """Whether the runs were made in turn, and how each operation's speed compares.

    Raises UsageError for runs that cannot be compared, IncompleteError for half a run.
    """
    if not before or not after:
        raise UsageError("--speed needs runs on both sides: name those before with --baseline, those after as they are")
    sides = [[_read(path) for path in side] for side in (before, after)]
    kinds = {(run.provider, run.target, run.what) for side in sides for _, run in side}
    if len(kinds) > 1:
        told = " and ".join(sorted(f"{what} of {provider} at {target}" for provider, target, what in kinds))
        raise UsageError(f"speed can only be compared between runs of one kind at one target, and these are {told}")
    was, now = ([_histograms(path, run) for path, run in side] for side in sides)
    in_turn = _in_turn(*([float(run.manifest.get("started", 0)) for _, run in side] for side in sides))
    return in_turn, compare_speed(was, now, in_turn=in_turn)


def _read(path: Path) -> tuple[Path, Recorded]:
    record = record_at(path)
    run = read_run(record)
    if not run.complete:
        raise IncompleteError(f"{record} is incomplete ({run.reason}), and half a run tells no speed: run it again")
    return record, run


def _histograms(path: Path, run: Recorded) -> Run:
    if run.what == CONTRACT:
        if run.embedded:
            raise UsageError(f"{path} asked the embedded sandbox on a clock of its own, which tells no speed")
        found: dict[str, Histogram] = defaultdict(Histogram)
        for one in run.exchanges:
            if one.operation and one.response and one.response.status < 400:
                found[one.operation].add(one.elapsed)
        return dict(found)
    if run.what != LOAD:
        raise UsageError(f"{path} is a record of {run.what}, which tells no speed: name contract or load runs")
    return _of_load(path, run)


def _of_load(path: Path, run: Recorded) -> Run:
    """From when the plan wanted the request: what a user waits."""
    found: dict[str, Histogram] = defaultdict(Histogram)
    try:
        for result in run.results:
            for name, told in result.get("histograms", {}).items() if result["kind"] == LOAD else ():
                if name != ALL:
                    found[name].merge(Histogram.decode(told["from_intended"]))
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise UsageError(f"{path} has a histogram that cannot be read: {problem}") from problem
    return dict(found)


def _in_turn(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether the runs alternate: before, after, before, after, or the other way round."""
    order = sorted([(moment, 0) for moment in before] + [(moment, 1) for moment in after])
    pairs = [order[index : index + 2] for index in range(0, len(order), 2)]
    given = all(one < other for side in (before, after) for one, other in pairwise(side))
    return given and len(before) == len(after) and all({side for _, side in pair} == {0, 1} for pair in pairs)
