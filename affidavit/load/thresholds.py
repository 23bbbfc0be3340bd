"""What a scenario may come to at most, and whether it did: read from the `load` line, never from the run itself.

A run that was broken off, or whose generator was the bottleneck, is no evidence for or against the target. Then every
threshold is shown with what was measured, and none is kept or broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from affidavit.errors import ExitCode, UsageError
from affidavit.load.results import ALL


class Unit(Enum):
    """How a limit is written and shown."""

    SECONDS = "seconds, such as 0.5 or 500ms"
    PART = "a part, such as 0.05 or 5%"
    COUNT = "a whole number, such as 0"


@dataclass(frozen=True)
class Measure:
    """Something that can have a threshold."""

    unit: Unit
    about: str
    """In words."""
    of: Callable[[Mapping[str, Any]], float | None]
    """Its value in a `load` line; None when nothing was there to measure."""


def _time(name: str) -> Measure:
    def measured(line: Mapping[str, Any]) -> float | None:
        value: float | None = line["quantiles"][ALL]["from_intended"][name]
        return value

    part = name.removeprefix("p")
    return Measure(Unit.SECONDS, f"{part} % of the requests are answered within it, counted from the plan", measured)


def _failures(line: Mapping[str, Any]) -> float | None:
    return _share(line["outcomes"]["failed"] + line["outcomes"]["timeout"], line["sent"])


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


MEASURES: Mapping[str, Measure] = {
    "p50": _time("p50"),
    "p90": _time("p90"),
    "p95": _time("p95"),
    "p99": _time("p99"),
    "dropped": Measure(
        Unit.PART, "arrivals never sent, of those planned", lambda line: _share(line["dropped"], line["offered"])
    ),
    "limited": Measure(
        Unit.PART,
        "answers with 429, of the requests sent",
        lambda line: _share(line["outcomes"]["limited"], line["sent"]),
    ),
    "early-retries": Measure(
        Unit.COUNT, "requests sent before an asked wait was over", lambda line: float(line["early_retries"])
    ),
    "failures": Measure(Unit.PART, "errors and requests without an answer, of the requests sent", _failures),
}


@dataclass(frozen=True)
class Threshold:
    """The most that a measure may come to."""

    name: str
    limit: float
    scenario: str = ""
    """For this scenario alone; '' for all."""


@dataclass(frozen=True)
class Judged:
    """A threshold and what came, as the record keeps it."""

    name: str
    limit: float
    got: float | None
    """None when nothing was there to measure."""
    kept: bool | None
    """None without a verdict."""


def read_threshold(text: str, scenarios: Iterable[str]) -> Threshold:
    """A threshold as users write it: `p95=500ms`, or `SCENARIO:limited=5%`. Raises UsageError."""
    scenario, _, rest = text.rpartition(":")
    name, equals, value = rest.partition("=")
    known = sorted(scenarios)
    if scenario and scenario not in known:
        raise UsageError(f"threshold {text!r} is for no scenario here; known are {', '.join(known)}")
    if name not in MEASURES or not equals:
        raise UsageError(f"threshold {text!r} is not NAME=LIMIT with one of the names {', '.join(MEASURES)}")
    return Threshold(name, _limit(value, MEASURES[name].unit, text), scenario)


_FACTORS = {Unit.SECONDS: {"": 1.0, "s": 1.0, "ms": 0.001}, Unit.PART: {"": 1.0, "%": 0.01}, Unit.COUNT: {"": 1.0}}


def _limit(value: str, unit: Unit, text: str) -> float:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([a-z%]*)", value)
    factor = _FACTORS[unit].get(found[2]) if found else None
    if found is None or factor is None:
        raise UsageError(f"threshold {text!r} needs {unit.value}")
    limit = float(found[1]) * factor
    if (unit is Unit.PART and limit > 1) or (unit is Unit.COUNT and limit % 1):
        raise UsageError(f"threshold {text!r} needs {unit.value}")
    return limit


def judged(line: Mapping[str, Any], thresholds: Iterable[Threshold], *, complete: bool) -> list[dict[str, Any]]:
    """The `thresholds` of a `load` line. `complete` is False for a run that was broken off."""
    sound = complete and not line["bottleneck"] and line["offered"] > 0
    return [asdict(_judge(line, one, sound=sound)) for one in thresholds if one.scenario in {"", line["scenario"]}]


def _judge(line: Mapping[str, Any], threshold: Threshold, *, sound: bool) -> Judged:
    got = MEASURES[threshold.name].of(line)
    # No time at all, though requests were planned: nothing was answered, and that is no good time.
    kept = got is not None and got <= threshold.limit
    return Judged(threshold.name, threshold.limit, None if got is None else round(got, 6), kept if sound else None)


def exit_code(lines: Iterable[Mapping[str, Any]], *, complete: bool) -> ExitCode:
    """What the process tells its caller: a run without a verdict never looks like a kept one."""
    lines = list(lines)
    if not complete or not lines or any(line["bottleneck"] or not line["offered"] for line in lines):
        return ExitCode.UNREACHABLE
    broken = any(one["kept"] is False for line in lines for one in line["thresholds"])
    return ExitCode.BROKEN if broken else ExitCode.KEPT


def shown(name: str, value: float | None) -> str:
    """A measure's value for people; 'none' when nothing was there to measure."""
    if value is None:
        return "none"
    match MEASURES[name].unit:
        case Unit.SECONDS:
            return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
        case Unit.PART:
            return f"{value * 100:.3g} %"
        case Unit.COUNT:
            return f"{value:.0f}"
