"""Which parts of the probes a plan takes, and in which order: greedily, by what each adds for what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from affidavit.probes.parts import Part
from affidavit.worth import Worth


@dataclass(frozen=True)
class Unit:
    """A part with what the plan needs to know of it."""

    part: Part
    bits: int
    """Its steps, as the worth counts them."""
    most: int
    """Requests at most."""
    likely: float
    """Requests as a rule."""
    usage: Counter[str]
    """Role -> requests that are certain to be made with it."""
    floods: tuple[tuple[str, int], ...]
    """Role and requests of each step that goes on until the limit is met."""
    line: tuple[int, ...]
    """Places of the units to ask for this one, in order, itself last."""
    rows: frozenset[int]
    """Rows that the whole line is evidence for."""
    pauses: float
    """Seconds it lets pass at most."""

    @property
    def last(self) -> bool:
        """Whether it comes after all others."""
        return self.part.probe.last


class Search:
    """Goes for what is worth most per request, step by step."""

    def __init__(
        self, units: Sequence[Unit], worth: Worth, budget: int | None, done: int, used: Mapping[str, int]
    ) -> None:
        self.units, self.worth, self.budget, self.done, self.used = units, worth, budget, done, used

    def run(self, first: Sequence[int]) -> list[int]:
        """Places of the units in the order chosen; none when what must come `first` is too dear."""
        chosen: dict[int, None] = {}
        asked = self.done
        for place in first:
            asked = self._take(place, chosen, asked)
        if first and self._too_dear(chosen):
            return []
        gains: dict[int, float] = {}
        while (best := self._best(chosen, asked, gains)) is not None:
            before = asked
            asked = self._take(best, chosen, asked)
            changed = self.worth.unsettled(self.worth.rows(asked & ~before), before)
            gains = {place: gain for place, gain in gains.items() if not self.units[place].rows & changed}
        return list(chosen)

    def _take(self, place: int, chosen: dict[int, None], asked: int) -> int:
        for one in self._missing(place, chosen):
            chosen[one] = None
            asked |= self.units[one].bits
        return asked

    def _missing(self, place: int, chosen: Mapping[int, None]) -> list[int]:
        """What is not asked yet of the line up to the unit."""
        return [one for one in self.units[place].line if one not in chosen and not self.units[one].bits & self.done]

    def _best(self, chosen: Mapping[int, None], asked: int, gains: dict[int, float]) -> int | None:
        """The most telling unit that can still be paid for, after those it builds on."""
        best, place_of_best = 0.0, None
        for place, unit in enumerate(self.units):
            if place in chosen or unit.bits & self.done:
                continue
            missing = self._missing(place, chosen)
            if place not in gains:
                new = 0
                for one in missing:
                    new |= self.units[one].bits
                gains[place] = 0.001 + self.worth.gain(asked, new, unit.rows)
            likely = sum(self.units[one].likely for one in missing)
            if gains[place] / likely > best and not self._too_dear((*chosen, *missing)):
                best, place_of_best = gains[place] / likely, place
        return place_of_best

    def _too_dear(self, places: Iterable[int]) -> bool:
        if self.budget is None:
            return False
        return sum(costs_together([self.units[place] for place in places], self.used)) > self.budget


def costs_together(units: Sequence[Unit], used: Mapping[str, int]) -> list[int]:
    """What each of the units costs at most when they are asked together.

    A burst that goes on until it is refused needs only what those before it left of the key's limit.
    """
    costs = [unit.most for unit in units]
    if any(unit.floods for unit in units):
        spent = Counter(used)
        for unit in units:
            spent.update(unit.usage)
        for place, unit in enumerate(units):
            for role, most in unit.floods:
                costs[place] -= spent[role] if spent[role] < most else 0
    return costs


def in_order(units: Sequence[Unit], order: Sequence[int]) -> list[Unit]:
    """The units as they are asked; the last ones as written, since what one leaves behind, the next takes up."""
    last = sorted(place for place in order if units[place].last)
    return [units[place] for place in (*(place for place in order if not units[place].last), *last)]
