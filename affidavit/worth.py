"""What answers to more steps are worth: claims they decide first, weighed by priority.

Sets of steps are bits of one number, since a plan compares very many of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property

AGAIN = 0.02
"""What evidence for a row that is decided already counts, against the first."""
CHANCE = 0.3
"""How likely it is that one answer which no row names does not hold what a row about any answer looks for."""
PLENTY = 3
"""So many of those answers are enough."""


@dataclass(frozen=True)
class Wanted:
    """What one row of the ledger needs to be judged."""

    weight: float
    groups: tuple[AbstractSet[str], ...]
    """Of each group one step."""
    named: bool
    """Whether it names its steps; otherwise any answer of its one group may hold what it looks for, or not."""


class Worth:
    """Compares sets of steps by what they decide."""

    def __init__(self, wanted: Iterable[Wanted], steps: Sequence[str]) -> None:
        """Rows that need the same are one, as heavy as all of them."""
        self._bit = {name: 1 << place for place, name in enumerate(steps)}
        weights: dict[tuple[tuple[int, ...], bool], float] = defaultdict(float)
        for row in wanted:
            weights[tuple(self.bits(group) for group in row.groups), row.named] += row.weight
        self._rows = [(weight, groups, named) for (groups, named), weight in weights.items()]

    def bits(self, steps: Iterable[str]) -> int:
        """The steps as one number; those that are unknown, since nobody can ask them, are left out."""
        found = 0
        for name in steps:
            found |= self._bit.get(name, 0)
        return found

    @cached_property
    def _touched(self) -> Mapping[int, frozenset[int]]:
        """Bit -> the rows it is evidence for."""
        found: dict[int, set[int]] = {bit: set() for bit in self._bit.values()}
        for place, (_, groups, _) in enumerate(self._rows):
            for bit in (bit for group in groups for bit in _single(group)):
                found[bit].add(place)
        return {bit: frozenset(places) for bit, places in found.items()}

    def rows(self, bits: int) -> frozenset[int]:
        """The rows that these steps are evidence for."""
        return frozenset(place for bit in _single(bits) for place in self._touched[bit])

    def whole(self, asked: int) -> float:
        """What these steps are worth together."""
        return self.gain(0, asked, range(len(self._rows)))

    def unsettled(self, rows: Iterable[int], asked: int) -> set[int]:
        """Those of the rows for which more evidence still counts otherwise than it did before."""
        found = set()
        for place in rows:
            _, groups, named = self._rows[place]
            if not all(group & asked for group in groups) if named else (groups[0] & asked).bit_count() < PLENTY:
                found.add(place)
        return found

    def gain(self, asked: int, new: int, rows: Iterable[int]) -> float:
        """What `new` steps add to those `asked`; `rows` are those that they are evidence for."""
        total = 0.0
        both = asked | new
        for place in rows:
            weight, groups, named = self._rows[place]
            if not named:
                before = (groups[0] & asked).bit_count()
                if before < PLENTY:
                    total += weight * (CHANCE**before - CHANCE ** (groups[0] & both).bit_count())
                continue
            had = sum(bool(group & asked) for group in groups)
            if had == len(groups):
                total += AGAIN * weight
                continue
            # Half of what a row needs decides nothing yet, but makes the other half worth asking.
            has = sum(bool(group & both) for group in groups)
            total += weight * (has * has - had * had) / len(groups) ** 2
        return total


def _single(bits: int) -> Iterator[int]:
    """Each of the bits as a number of its own."""
    while bits:
        lowest = bits & -bits
        yield lowest
        bits ^= lowest
