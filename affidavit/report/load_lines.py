"""Result lines of a load run, in words and numbers. A field that a line lacks is passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Line = Mapping[str, Any]
"""A `load` line of the record."""
PARTS = ("p50", "p90", "p95", "p99", "max")
COUNTED = {
    "offered": "requests wanted",
    "sent": "requests sent",
    "done": "answered",
    "late": "left late",
    "dropped": "dropped",
    "unsent": "still waiting at the end",
    "early_retries": "sent before the wait was over",
}


def load_said(line: Line) -> str:
    """What one scenario came to, in a sentence."""
    outcomes = line.get("outcomes") or {}
    counted = ", ".join(f"{count:,} {name}" for name, count in outcomes.items())
    times = (line.get("quantiles") or {}).get("all") or {}
    felt, service = _row(times.get("from_intended"))[2], _row(times.get("service"))[2]
    slow = f"; 95 % within {felt} ms from the intended start, {service} ms from sending" if times else ""
    return (
        f"{line.get('provider', '')} {line.get('scenario', '')}: {line.get('sent', 0):,} sent, {counted}{slow}".strip()
    )


def facts_of_load(line: Line) -> Iterator[tuple[str, str]]:
    """What was asked and what came, by name."""
    plan = line.get("plan") or {}
    asked = [f"{name} {value}" for name, value in plan.items() if isinstance(value, int | float | str) and value != ""]
    if asked:
        yield "plan", ", ".join(asked)
    if line.get("seconds"):
        yield "lasted", f"{line['seconds']:g} s"
    yield from ((said, f"{line[name]:,}") for name, said in COUNTED.items() if isinstance(line.get(name), int))
    if isinstance(line.get("goodput"), int | float):
        yield "goodput", f"{line['goodput']:.3g} successes a second"
    outcomes = line.get("outcomes") or {}
    if outcomes:
        yield "outcomes", ", ".join(f"{count:,} {name}" for name, count in outcomes.items())


def quantile_rows(line: Line) -> Iterator[tuple[str, list[str], list[str]]]:
    """Operation, milliseconds from the intended start, milliseconds from sending; by the parts of PARTS."""
    for operation, both in (line.get("quantiles") or {}).items():
        yield operation, _row(both.get("from_intended")), _row(both.get("service"))


def _row(quantiles: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    found = quantiles if isinstance(quantiles, Mapping) else {}
    return [_milliseconds(found.get(part)) for part in PARTS]


def _milliseconds(seconds: Any) -> str:  # noqa: ANN401 - any JSON value
    if not isinstance(seconds, int | float):
        return "-"
    return f"{seconds * 1000:,.1f}" if seconds < 0.1 else f"{seconds * 1000:,.0f}"
