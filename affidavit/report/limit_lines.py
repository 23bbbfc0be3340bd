"""Result lines of a search for limits, in words. A field that a line lacks is passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Line = Mapping[str, Any]
"""A `limits` line of the record."""


def limit_said(line: Line) -> str:
    """What limits one key at one operation."""
    who = " ".join(str(line[name]) for name in ("role", "operation") if line.get(name))
    size, window = _interval(line.get("limit"), "requests"), _interval(line.get("window"), "s")
    numbers = " in ".join(filter(None, (size, window)))
    ties = f", or {', '.join(map(str, line['ties']))}" if line.get("ties") else ""
    why = f" ({line['stopped']})" if line.get("stopped") else ""
    return f"limit of {who or 'the key'}: {line.get('family', 'unknown')}{ties}{': ' if numbers else ''}{numbers}{why}"


def facts_of_limit(line: Line) -> Iterator[tuple[str, str]]:
    """What else was found out, by name."""
    posterior = line.get("posterior") or {}
    if posterior:
        yield "how sure", ", ".join(f"{name} {float(share):.0%}" for name, share in posterior.items())
    for name, unit in (("rate", "requests a second"), ("block", "s")):
        if text := _interval(line.get(name), unit):
            yield name, text
    if line.get("counts_refused") is not None:
        yield "refused requests", "count too" if line["counts_refused"] else "do not count"
    slack = line.get("slack") or {}
    if slack.get("tested"):
        yield "Retry-After", f"true {slack.get('kept', '?')} of {slack['tested']} times"
    named = (("scope", "counted per"), ("reset_dialect", "Reset"), ("reason", "because"), ("stopped", "stopped early"))
    yield from ((said, str(line[name])) for name, said in named if line.get(name))


def _interval(value: Any, unit: str) -> str:  # noqa: ANN401 - any JSON value
    if not isinstance(value, Mapping) or not isinstance(value.get("best"), int | float):
        return ""
    low, best, high = (value.get(name, value["best"]) for name in ("low", "best", "high"))
    bounds = f" ({low:g} to {high:g})" if low != high else ""
    return f"{best:g} {unit}{bounds}"
