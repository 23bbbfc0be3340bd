"""What somebody may type about a load run, and what it means. Every message names the value and what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from affidavit.errors import UsageError
from affidavit.load.arrivals import ARRIVALS, CONSTANT, Plan, Stage, stair, steady
from affidavit.redaction import masked

T = TypeVar("T")
D = TypeVar("D")

UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
HIGHEST_RATE = 100_000.0
LONGEST_SECONDS = 7 * 24 * 3600.0
_NUMBER = r"\d{1,9}(?:\.\d{1,6})?"
_RATE = re.compile(rf"({_NUMBER})(?:/([smh]))?", re.ASCII)
_SPAN = re.compile(rf"({_NUMBER})(ms|[smh]?)", re.ASCII)
_WEIGHT = re.compile(rf"([a-z]+)=({_NUMBER})", re.ASCII)


@dataclass(frozen=True)
class Shape:
    """The plan of a scenario when nothing else is asked for."""

    rate: float = 1.0
    """Arrivals per second; of a stair, on its highest step."""
    seconds: float = 20.0
    steps: int = 1
    group: int = 1
    arrivals: str = CONSTANT


def rate(text: str, where: str) -> float:
    """Arrivals per second: `5`, `5/s`, `300/m`. Raises UsageError."""
    found = _RATE.fullmatch(text.strip())
    value = float(found[1]) / UNITS[found[2] or ""] if found else 0.0
    if not 0 < value <= HIGHEST_RATE:
        raise _bad(where, text, f"a rate above 0 and up to {HIGHEST_RATE:,.0f} per second, such as 5/s or 300/m")
    return value


def seconds(text: str, where: str, *, least: float = 0.001) -> float:
    """A span: `90`, `90s`, `500ms`, `5m`, `2h`. Raises UsageError."""
    found = _SPAN.fullmatch(text.strip())
    value = float(found[1]) * UNITS[found[2]] if found else -1.0
    if not least <= value <= LONGEST_SECONDS:
        raise _bad(where, text, f"a span of {least:g} s to 7 days, such as 30s, 5m or 2h")
    return value


def count(text: str, where: str, *, least: int = 1) -> int:
    """A whole number. Raises UsageError."""
    if not re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII) or int(text) < least:
        raise _bad(where, text, f"a whole number from {least}")
    return int(text)


def choice(text: str, where: str, known: Sequence[str]) -> str:
    """One of several words. Raises UsageError."""
    if text.strip() not in known:
        near = get_close_matches(text, known, 1)
        raise _bad(where, text, f"one of {', '.join(known)}" + (f" (did you mean {near[0]}?)" if near else ""))
    return text.strip()


def weights(text: str, where: str, known: Sequence[str]) -> dict[str, float]:
    """How often each request comes: `send=5,list=1,poll=4`. Raises UsageError."""
    found: dict[str, float] = {}
    for part in text.split(","):
        pair = _WEIGHT.fullmatch(part.strip())
        if not pair or pair[1] not in known or pair[1] in found:
            raise _bad(where, text, f"weights of some of {', '.join(known)}, such as send=5,list=1")
        found[pair[1]] = float(pair[2])
    if not sum(found.values()) > 0:
        raise _bad(where, text, "at least one weight above 0")
    return found


def stages(text: str, where: str) -> tuple[Stage, ...]:
    """Rates over time: `30s:5,1m:5-20` is 30 s at 5 per second, then 5 to 20 within a minute. Raises UsageError."""
    found = []
    for part in text.split(","):
        span, colon, rates = part.strip().partition(":")
        first, dash, last = rates.partition("-")
        if not colon:
            raise _bad(where, text, "stages such as 30s:5,1m:5-20, each a span, a colon and a rate or two")
        ends = [_rate_or_none(one, where) for one in ((first, last) if dash else (first, first))]
        found.append(Stage(seconds(span, where), *ends))
    if not any(stage.expected for stage in found):
        raise _bad(where, text, "at least one rate above 0")
    return tuple(found)


def plan(shape: Shape, options: Mapping[str, str]) -> Plan:
    """The plan of a scenario: what was asked for, else its own shape. Raises UsageError."""
    arrivals = given(options, "arrivals", lambda text, where: choice(text, where, ARRIVALS), shape.arrivals)
    asked = options.get("stages", "").strip()
    if asked:
        for other in ("rate", "duration"):
            if options.get(other, "").strip():
                raise UsageError(f"--stages and --{other} are both given: the stages say it all, leave --{other} out")
        return Plan(stages(asked, "--stages"), arrivals, shape.group)
    per_second = given(options, "rate", rate, shape.rate)
    length = given(options, "duration", seconds, shape.seconds)
    if shape.steps > 1:
        return stair(per_second, length, shape.steps, arrivals)
    return steady(per_second, length, arrivals, shape.group)


def given(options: Mapping[str, Any], name: str, read: Callable[[str, str], T], default: D) -> T | D:
    """What an option says, or the default where it is empty. Raises UsageError."""
    text = str(options.get(name) or "").strip()
    return read(text, f"--{name.replace('_', '-')}") if text else default


def told(one: Plan) -> dict[str, Any]:
    """The plan as the record has it."""
    steady_rate = one.peak if all(stage.first == stage.last == one.peak for stage in one.stages) else None
    return {
        "rate": steady_rate,
        "arrivals": one.arrivals,
        "duration": one.seconds,
        "group": one.group,
        "stages": [[stage.seconds, stage.first, stage.last] for stage in one.stages],
        "expected": math.ceil(one.expected),
    }


def _rate_or_none(text: str, where: str) -> float:
    return 0.0 if text.strip() in {"0", "0/s", "0/m"} else rate(text, where)


def _bad(where: str, text: str, expected: str) -> UsageError:
    return UsageError(f"{where} is {masked(text)!r}, expected {expected}")
