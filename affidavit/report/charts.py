"""What the charts of a report draw, as plain series; the page's own script hands them to the charting library.

A field that a line lacks leaves its chart out: lines of other versions are read too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affidavit.load.histogram import Histogram
from affidavit.ratelimit.families import FAMILIES, Floats, Supposed

Line = Mapping[str, Any]
PARTS = tuple(1 - 10 ** (-step / 20) for step in range(61))
"""Parts of all requests from none to 99.9 %, closer together towards the end."""
MOST_POINTS = 3000
PHASES = 360
"""Beginnings of a window of the clock that are tried."""
LENGTHS = 12


@dataclass(frozen=True)
class Series:
    """One line of a chart; None where there is nothing to draw."""

    label: str
    values: tuple[float | None, ...]
    kind: str = "line"
    """line, steps or points."""
    tone: str = "main"
    """main, second, good or bad: a colour of the page."""


@dataclass(frozen=True)
class Chart:
    """One chart: every series has a value for each x."""

    title: str
    about: str
    """What to see in it, in a sentence."""
    x: tuple[float, ...]
    series: tuple[Series, ...]
    x_label: str
    y_label: str
    x_scale: str = "linear"
    """linear, or quantile: x is -log10 of what is left of all."""
    y_scale: str = "linear"
    """linear, or log."""


def load_charts(line: Line) -> Iterator[Chart]:
    """Latency from both ends, rate and refusals over time, and how messages arrived."""
    histograms = line.get("histograms")
    if isinstance(histograms, Mapping):
        yield from _latency(histograms)
    if rows := line.get("series"):
        yield from _over_time(rows)
    if isinstance(line.get("delivery"), Mapping):
        yield from _delivery(line["delivery"])


def _latency(histograms: Mapping[str, Any]) -> Iterator[Chart]:
    whole = histograms.get("all") or next(iter(histograms.values()), None)
    felt, service = (_histogram((whole or {}).get(name)) for name in ("from_intended", "service"))
    if not (felt and service and felt.total):
        return
    yield Chart(
        "Latency",
        "Up to which time so many of all requests were answered. The gap between the lines is time spent waiting.",
        tuple(-math.log10(1 - part) for part in PARTS),
        (
            Series("from the intended start, ms", _quantiles(felt)),
            Series("from sending (service), ms", _quantiles(service), tone="second"),
        ),
        "part of all requests",
        "milliseconds",
        "quantile",
        "log",
    )


def _quantiles(histogram: Histogram) -> tuple[float | None, ...]:
    found = (histogram.quantile(part) for part in PARTS)
    return tuple(round(one * 1000, 3) if one else None for one in found)


def _over_time(rows: Sequence[Sequence[Any]]) -> Iterator[Chart]:
    thin = rows[:: max(1, len(rows) // MOST_POINTS)]
    times = tuple(float(row[0]) for row in thin)

    def column(index: int) -> tuple[float | None, ...]:
        return tuple(row[index] if len(row) > index else None for row in thin)

    yield Chart(
        "Rate and 429 over time",
        "What the plan wanted, what was answered, and how much of that was refused with 429.",
        times,
        (
            Series("offered", column(1), "steps"),
            Series("answered", column(2), "steps", "good"),
            Series("429", column(3), "steps", "bad"),
        ),
        "seconds since the start",
        "requests",
    )
    if any(one is not None for one in column(4)):
        yield Chart(
            "What was left of the limit",
            "The least that answers said is left, and the limit they named.",
            times,
            (Series("remaining", column(4), "steps"), Series("limit", column(5), "steps", "second")),
            "seconds since the start",
            "requests",
        )


def _delivery(delivery: Mapping[str, Any]) -> Iterator[Chart]:
    """End to end: how many messages had got there after so many seconds; those that never did stay below the top."""
    for by, states in delivery.items():
        for state, one in states.items() if isinstance(states, Mapping) else ():
            seen = _histogram(one.get("histogram")) if isinstance(one, Mapping) else None
            if not (seen and seen.total):
                continue
            steps, reached = list(seen.steps()), 0
            shares = [(0.0, 0.0)]
            for seconds, count in steps:
                reached += count
                shares.append((seconds, 100 * reached / max(one.get("watched", seen.total), 1)))
            thin = shares[:: max(1, len(shares) // MOST_POINTS)]
            yield Chart(
                f"End to end: {state}, seen by {by}",
                "How many of all accepted messages had got there after so many seconds.",
                tuple(at for at, _ in thin),
                (Series("messages, %", tuple(share for _, share in thin), "steps", "good"),),
                "seconds since the send was accepted",
                "percent",
            )


def limit_charts(line: Line) -> Iterator[Chart]:
    """The recovery curve: what was sent, admitted and foretold by the limiter that was found."""
    trace = [row for row in line.get("trace", ()) if isinstance(row, Sequence) and len(row) >= 3]
    if not trace:
        return
    times = tuple(float(row[0]) for row in trace)
    admitted = [row[2] not in {0, 429} for row in trace]
    room = _foretold(line, trace, admitted)
    sums = tuple(float(one) for one in np.cumsum(admitted))
    series = [
        Series("admitted", tuple(at if ok else None for at, ok in zip(sums, admitted, strict=True)), "points", "good"),
        Series("refused", tuple(None if ok else at for at, ok in zip(sums, admitted, strict=True)), "points", "bad"),
    ]
    said = ""
    if room:
        foretold = tuple(float(one) for one in np.cumsum([one >= 1 for one in room]))
        series.insert(0, Series("admitted, as foretold", foretold, "steps", "second"))
        agree = sum((one >= 1) == ok for one, ok in zip(room, admitted, strict=True))
        said = f" {agree} of {len(trace)} answers are as the limiter that was found foretells them."
    yield Chart(
        "Recovery: requests admitted over time",
        "How many had been admitted when each answer came; where it is flat, requests were refused or none was sent."
        + said,
        times,
        tuple(series),
        "seconds since the first request",
        "requests admitted",
    )
    left = tuple(row[3] if len(row) > 3 else None for row in trace)
    if any(one is not None for one in left):
        both = [Series("announced as remaining", left, "points")]
        if room:
            both.append(Series("foretold room after it", tuple(max(0.0, one - 1) for one in room), "steps", "second"))
        yield Chart(
            "What was left: announced and foretold",
            "What answers said remains, beside the room that the limiter that was found would have had.",
            times,
            tuple(both),
            "seconds since the first request",
            "requests",
        )


def _foretold(line: Line, trace: Sequence[Sequence[Any]], admitted: Sequence[bool]) -> tuple[float, ...]:
    """Room before each request, by the limiter that was found; () when none was, or it needs what is not recorded.

    The record does not say when the windows of the clock begin, and bounds how long they are: of many such windows the
    one that agrees best is taken.
    """
    family = FAMILIES.get(str(line.get("family")))
    limit, window = _best(line.get("limit")), _best(line.get("window"))
    if family is None or family.timeless or not limit or not window:
        return ()
    windows, phases = _placed(line, window) if family.phased else (np.array([window]), np.zeros(1))
    ones = np.ones(len(windows))
    counts = np.full(len(windows), bool(line.get("counts_refused")))
    block = ones * (_best(line.get("block")) or 0)
    generous = np.zeros(len(windows), dtype=bool)
    machine = family.machine(Supposed(ones * limit, windows, phases, block, counts, generous))
    rooms = []
    for row, ok in zip(trace, admitted, strict=True):
        at = ones * float(row[0])
        rooms.append(machine.room(at))
        machine.take(at, ones * ok, ones * (not ok))
    agreeing = sum((room >= 1) == ok for room, ok in zip(rooms, admitted, strict=True))
    chosen = int(np.argmax(agreeing))
    return tuple(float(room[chosen]) for room in rooms)


def _placed(line: Line, window: float) -> tuple[Floats, Floats]:
    """Lengths and beginnings of windows of the clock, every pair of them."""
    low, high = (line["window"].get(name, window) for name in ("low", "high"))
    lengths = np.unique([*np.linspace(low, high, LENGTHS), window])
    pairs = np.meshgrid(lengths, np.linspace(0, 1, PHASES, endpoint=False))
    windows, parts = (one.ravel() for one in pairs)
    return windows, windows * parts


def _best(value: Any) -> float | None:  # noqa: ANN401 - any JSON value
    best = value.get("best") if isinstance(value, Mapping) else None
    return float(best) if isinstance(best, int | float) else None


def _histogram(text: Any) -> Histogram | None:  # noqa: ANN401 - any JSON value
    try:
        return Histogram.decode(text)
    except (ValueError, TypeError, AttributeError):
        return None
