"""How good the judge is, from trials with every fault and variant of the embedded sandbox.

A fault is found when a run with it breaks a claim, since the faithful sandbox breaks none. It is found within N
requests when the first proof of a broken claim was complete after N. A false alarm is a broken claim under a variant,
or on the faithful sandbox under another seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

BUDGET = 100
MARKS = (50, 100, 200, 500)


@dataclass(frozen=True)
class Trial:
    """One run with at most one deviation on."""

    provider: str
    kind: str
    """`fault`, `variant` or `seed`."""
    name: str
    family: str
    budget: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What it came to."""

    trial: Trial
    broken: tuple[str, ...]
    proven_at: int | None
    """Requests until the first proof was complete; None when no claim was broken."""


@dataclass(frozen=True)
class Score:
    """The outcomes, and what they add up to."""

    outcomes: tuple[Outcome, ...]

    def of(self, kind: str) -> tuple[Outcome, ...]:
        """The outcomes of one kind."""
        return tuple(one for one in self.outcomes if one.trial.kind == kind)

    @property
    def alarms(self) -> tuple[Outcome, ...]:
        """Those that broke a claim although nothing was wrong."""
        return tuple(one for one in self.outcomes if one.trial.kind != "fault" and one.broken)

    @property
    def missed(self) -> tuple[Outcome, ...]:
        """Faults that no run found."""
        return tuple(one for one in self.of("fault") if not one.broken)

    def within(self, requests: int) -> int:
        """Faults found with so many requests."""
        return sum(one.proven_at is not None and one.proven_at <= requests for one in self.of("fault"))

    def families(self) -> Iterator[tuple[str, int, int]]:
        """Family, faults found, faults there are."""
        faults = sorted(self.of("fault"), key=lambda one: one.trial.family)
        for family, group in groupby(faults, key=lambda one: one.trial.family):
            members = list(group)
            yield family, sum(bool(one.broken) for one in members), len(members)

    def apfd(self, requests: int = BUDGET) -> float:
        """Average percentage of faults detected over the first `requests`, each request counted as one test.

        Elbaum, Malishevsky, Rothermel 2002; a fault not found by then counts as found one request after.
        """
        faults = self.of("fault")
        if not faults:
            return 0.0
        places = [min(one.proven_at or requests + 1, requests + 1) for one in faults]
        return 1 - sum(places) / (requests * len(faults)) + 1 / (2 * requests)
