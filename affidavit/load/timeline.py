"""What happened second by second, in bounded memory: after an hour two seconds share a row, after two hours four.

A row holds counts, the least `remaining` and the greatest `limit` that answers named, and how many arrivals were
waiting for their key on average. Timelines of several processes are added row by row.

Inelegant: waiting is kept as steps up and down, so that a wait of an hour costs as much as one of a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from affidavit.load.outcome import Kind, Outcome

MOST_ROWS = 3600


class Row(NamedTuple):
    """What happened from `at` on, for as long as the timeline's rows are."""

    at: float
    """Seconds since the start of the run."""
    offered: int
    """Arrivals that the plan wanted."""
    done: int
    """Requests answered, whatever the answer."""
    limited: int
    """Of these, answered with 429."""
    remaining: int | None
    """The least that an answer said is left of the limit; None when none said so."""
    limit: int | None
    """The greatest limit that an answer named; None when none did."""
    waiting: float
    """Arrivals waiting for their key, on average."""


class _Cell:
    """A row being counted; `step` is the change of `waiting` from the row before."""

    __slots__ = ("done", "limit", "limited", "offered", "remaining", "step")

    def __init__(self) -> None:
        self.offered = self.done = self.limited = 0
        self.remaining: int | None = None
        self.limit: int | None = None
        self.step = 0.0

    def add(self, other: _Cell) -> None:
        self.offered += other.offered
        self.done += other.done
        self.limited += other.limited
        self.remaining = _of_both(min, self.remaining, other.remaining)
        self.limit = _of_both(max, self.limit, other.limit)
        self.step += other.step


class Timeline:
    """Counts by second; grows to `MOST_ROWS` rows, then halves them."""

    def __init__(self) -> None:
        self.width = 1
        """Seconds per row, a power of two."""
        self.cells: dict[int, _Cell] = {}
        """By number of the row."""

    def add(self, outcome: Outcome) -> None:
        """Count one attempt."""
        self._make_room(outcome.finished)
        if outcome.attempt == 1:
            self._at(outcome.intended).offered += 1
        if outcome.held > 0:
            end = outcome.intended + outcome.waited
            self._wait(end - outcome.held, end)
        if not outcome.status:
            return
        cell = self._at(outcome.finished)
        cell.done += 1
        cell.limited += outcome.kind is Kind.LIMITED
        cell.remaining = _of_both(min, cell.remaining, outcome.remaining)
        cell.limit = _of_both(max, cell.limit, outcome.limit)

    def merge(self, other: Timeline) -> None:
        """Add all that another has counted."""
        while self.width < other.width:
            self.halve()
        widened = Timeline.load(other.dump())
        while widened.width < self.width:
            widened.halve()
        for number, cell in widened.cells.items():
            self._cell(number).add(cell)
        if widened.cells:
            self._make_room(max(widened.cells) * self.width)

    def rows(self) -> list[Row]:
        """Every row from the first to the last, those in which nothing happened too."""
        rows, waiting = [], 0.0
        busy = [number for number, cell in self.cells.items() if cell.offered or cell.done or cell.step > 0]
        nothing = _Cell()
        for number in range(min(busy), max(busy) + 1) if busy else ():
            cell = self.cells.get(number, nothing)
            waiting += cell.step
            shown = round(max(waiting, 0.0), 3)
            at = number * self.width
            rows.append(Row(at, cell.offered, cell.done, cell.limited, cell.remaining, cell.limit, shown))
        return rows

    def dump(self) -> dict[str, Any]:
        """As plain JSON values, for another process."""
        cells = [
            [number, cell.offered, cell.done, cell.limited, cell.remaining, cell.limit, cell.step]
            for number, cell in self.cells.items()
        ]
        return {"width": self.width, "cells": cells}

    @classmethod
    def load(cls, data: dict[str, Any]) -> Timeline:
        """What `dump` gave."""
        timeline = cls()
        timeline.width = data["width"]
        for number, *values in data["cells"]:
            cell = timeline._cell(number)
            cell.offered, cell.done, cell.limited, cell.remaining, cell.limit, cell.step = values
        return timeline

    def _at(self, moment: float) -> _Cell:
        return self._cell(int(max(moment, 0.0) // self.width))

    def _cell(self, number: int) -> _Cell:
        cell = self.cells.get(number)
        if cell is None:
            cell = self.cells[number] = _Cell()
        return cell

    def _wait(self, begin: float, end: float) -> None:
        """One arrival waiting: as much of one as the part of a row that it fills."""
        for moment, sign in ((begin, 1), (end, -1)):
            place = max(moment, 0.0) / self.width
            number = math.floor(place)
            first = number + 1 - place
            self._cell(number).step += sign * first
            self._cell(number + 1).step += sign * (1 - first)

    def _make_room(self, moment: float) -> None:
        while moment // self.width >= MOST_ROWS:
            self.halve()

    def halve(self) -> None:
        """Let two rows be one. Waiting becomes the average of both, so its steps are computed anew."""
        levels = self._levels()
        old, self.cells, self.width = self.cells, {}, self.width * 2
        for number, cell in old.items():
            cell.step = 0.0
            self._cell(number // 2).add(cell)
        before = 0.0
        for number in range((len(levels) + 1) // 2 + 1):
            pair = levels[2 * number : 2 * number + 2]
            level = sum(pair) / 2
            if level != before:
                self._cell(number).step = level - before
            before = level

    def _levels(self) -> list[float]:
        levels, level = [], 0.0
        nothing = _Cell()
        for number in range(max(self.cells, default=-1) + 1):
            level += self.cells.get(number, nothing).step
            levels.append(level)
        return levels


def _of_both(choose: Callable[[int, int], int], one: int | None, other: int | None) -> int | None:
    """The chosen of two numbers either of which may be missing."""
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)
