"""One run held against what is known: every difference on every axis that a record shows, and the decision.

What this module must not know: files, dates, and how anything is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from affidavit.catalog import Catalog
from affidavit.evidence import Evidence
from affidavit.finding import Verdict, VerdictKind
from affidavit.gate.baseline import Accepted, Measure
from affidavit.gate.behaviour import Behaviour, behaviour
from affidavit.gate.changes import Compared, compare
from affidavit.gate.decision import AS_READ, OTHERWISE, Asked, Decision, decide, verdict_changes
from affidavit.gate.difference import Difference
from affidavit.gate.findings import broken_claims


@dataclass(frozen=True)
class Judged:
    """A complete run of one provider with its verdicts."""

    catalog: Catalog
    evidence: Evidence
    verdicts: list[Verdict]
    target: str

    @cached_property
    def broken(self) -> list[Difference]:
        """Its broken claims, each way once."""
        return broken_claims(self.catalog, self.evidence, self.verdicts)

    @cached_property
    def behaviour(self) -> Behaviour:
        """What the target did."""
        return behaviour(self.catalog.profile, self.evidence.exchanges, self.evidence.deliveries)

    @cached_property
    def stands(self) -> Mapping[str, str]:
        """Claim -> how it stands, in words."""
        return {one.claim: _stands(one) for one in self.verdicts}

    def measure(self, on: date) -> Measure:
        """This run as the measure of later ones."""
        return Measure(on, self.target, self.stands, self.behaviour)


@dataclass(frozen=True)
class Assessment:
    """What a run came to at the gate."""

    decision: Decision
    compared: Compared | None
    """None when there was no earlier run to compare behaviour with."""
    measured_on: date | None
    """When that run was taken as the measure; None for a run that was named."""


def assess(
    candidate: Judged,
    accepted: tuple[Accepted, ...],
    measure: Measure | None,
    earlier: list[Difference],
    today: date,
) -> Assessment:
    """Hold a run against accepted differences, a measured behaviour, and the broken claims of an earlier run."""
    catalog = candidate.catalog
    found = list(candidate.broken)
    compared = None
    if measure is not None:
        compared = compare(catalog.openapi, catalog.profile, measure.behaviour, candidate.behaviour)
        about = {one.id: (one.operation, one.says, one.place) for one in catalog.claims.values()}
        found += compared.differences
        found += verdict_changes(catalog.provider, measure.verdicts, candidate.stands, about)
    steps = {one.source for one in candidate.evidence.exchanges if one.response}
    decision = decide(found, accepted, earlier, Asked(candidate.stands, steps), today)
    return Assessment(decision, compared, measure.taken_on if measure else None)


def _stands(verdict: Verdict) -> str:
    if verdict.kind is VerdictKind.OBSERVED:
        return OTHERWISE if verdict.findings else AS_READ
    return verdict.kind.value
