"""One run held against what is known: every difference on every axis that a record shows, and the decision.

What this module must not know: files, dates, and how anything is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from affidavit.catalog import Catalog, Claim, Row
from affidavit.evidence import TOO_MANY, Evidence
from affidavit.finding import Verdict, VerdictKind
from affidavit.gate.baseline import Accepted, Measure
from affidavit.gate.behaviour import Behaviour, behaviour
from affidavit.gate.changes import Compared, compare
from affidavit.gate.decision import AS_READ, OTHERWISE, Asked, Decision, decide, verdict_changes
from affidavit.gate.difference import Difference
from affidavit.gate.findings import broken_claims
from affidavit.gate.limits import Searched, step_of
from affidavit.recorded import CONTRACT, LIMITS


@dataclass(frozen=True)
class Judged:
    """A complete run of one provider with its verdicts, or a complete search for its limits."""

    catalog: Catalog
    evidence: Evidence
    verdicts: list[Verdict]
    target: str
    searched: Searched | None = None
    """What a search for limits found; None for a contract run."""

    @property
    def what(self) -> str:
        """The kind of run."""
        return CONTRACT if self.searched is None else LIMITS

    @cached_property
    def broken(self) -> list[Difference]:
        """Its broken claims, each way once."""
        return broken_claims(self.catalog, self.evidence, self.verdicts)

    @cached_property
    def behaviour(self) -> Behaviour:
        """What the target did."""
        if self.searched is not None:
            return Behaviour(self.catalog.provider, {}, {}, {}, {}, self.searched)
        return behaviour(self.catalog.profile, self.evidence.exchanges, self.evidence.deliveries)

    @cached_property
    def stands(self) -> Mapping[str, str]:
        """Claim -> how it stands, in words."""
        return {one.claim: _stands(one) for one in self.verdicts}

    @cached_property
    def steps(self) -> frozenset[str]:
        """What was asked and answered, by its name as a source."""
        if self.searched is not None:
            return frozenset(step_of(place, found.mode) for place, found in self.searched.items())
        return frozenset(one.source for one in self.evidence.exchanges if one.response)

    @cached_property
    def answered(self) -> Mapping[str, bool | None]:
        """Claim -> whether all steps that it rests on were answered; None where it rests on whatever comes."""
        return {one.id: _answered(self.catalog, one, self.evidence) for one in self.catalog.claims.values()}

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
        found += verdict_changes(catalog.provider, measure.verdicts, candidate.stands, about, candidate.answered)
    decision = decide(found, accepted, earlier, Asked(candidate.stands, candidate.steps), today)
    return Assessment(decision, compared, measure.taken_on if measure else None)


def _answered(catalog: Catalog, claim: Claim, evidence: Evidence) -> bool | None:
    known = claim.operation in catalog.openapi.operations
    rows = [_row_answered(row, claim.operation, evidence, known=known) for row in claim.decided_by]
    return False if False in rows else (True if rows and None not in rows else None)


def _row_answered(row: Row, operation: str, evidence: Evidence, *, known: bool) -> bool | None:
    """`known`: whether the operation is a documented one, and no name for several.

    An answer that only said to come back later (429) is none.
    """
    if row.alternatives:
        return all(any(_usable(step, evidence) for step in group) for group in row.alternatives)
    return None if evidence.of(operation if known else "*", f"not-{TOO_MANY}") else False


def _usable(step: str, evidence: Evidence) -> bool:
    return any(one.response.status != TOO_MANY for one in evidence.answered(step))


def _stands(verdict: Verdict) -> str:
    if verdict.kind is VerdictKind.OBSERVED:
        return OTHERWISE if verdict.findings else AS_READ
    return verdict.kind.value
