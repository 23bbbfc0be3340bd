"""Give every claim its verdict, from the evidence alone.

A claim is broken when a check found something, kept when every check that decides it could judge, undecided with the
reason otherwise. A doubtful point is observed, whatever came. Findings that differ only in the exchange are one
finding with several proofs, so that "sometimes" shows as a rate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from affidavit.catalog import Catalog, Claim, Row
from affidavit.checks.case import Case
from affidavit.checks.table import CHECKS
from affidavit.evidence import TOO_MANY, Evidence
from affidavit.finding import Finding, Judgement, Verdict, VerdictKind

MOST_PROOFS = 5


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    verdicts: list[Verdict]
    sent: int
    evidence: Evidence
    target: str
    sandbox_keys: Mapping[str, str] = field(default_factory=dict)
    """Keys of the embedded sandbox by role, which are worth nothing elsewhere; none when the target was real."""
    stopped: str = ""
    """Why not everything that was planned could be asked; '' when it was."""


def judge(catalog: Catalog, evidence: Evidence) -> list[Verdict]:
    """One verdict per claim, in the order of the ledger."""
    return [_verdict(catalog, claim, evidence) for claim in catalog.claims.values()]


def ways(catalog: Catalog, claim: Claim, evidence: Evidence) -> Iterator[tuple[Row, Finding]]:
    """Every single finding about a claim, none put together with others, each with the row that found it."""
    for row in claim.decided_by:
        for finding in _judged(catalog, row, evidence).findings:
            yield row, finding


def _verdict(catalog: Catalog, claim: Claim, evidence: Evidence) -> Verdict:
    if not claim.decided_by:
        reason = f"only by hand: {claim.by_hand}" if claim.by_hand else claim.undecided
        return Verdict(catalog.provider, claim.id, VerdictKind.UNDECIDED, reason)
    judgements = [_judged(catalog, row, evidence) for row in claim.decided_by]
    seqs = tuple(dict.fromkeys(seq for one in judgements for seq in one.judged))
    findings = _grouped([finding for one in judgements for finding in one.findings])
    kind, reason = _kind(claim, judgements, findings)
    proven_at = min(_proven(judgements, evidence), default=0) if kind is VerdictKind.BROKEN else 0
    return Verdict(catalog.provider, claim.id, kind, reason, findings, seqs[-MOST_PROOFS:], len(seqs), proven_at)


def _proven(judgements: list[Judgement], evidence: Evidence) -> Iterator[int]:
    """After how many requests each finding was proven."""
    for judged in judgements:
        for finding in judged.findings:
            yield max((evidence.sent_by(seq) for seq in finding.exchanges), default=len(evidence.exchanges))


def _judged(catalog: Catalog, row: Row, evidence: Evidence) -> Judgement:
    """The row's judgement; answers that only said 'later' are no evidence that a promise was kept."""
    check = CHECKS[row.check]
    case = Case(row.check, row.params, catalog.openapi, catalog.profile, catalog.script, evidence)
    judgement = check.function(case)
    if judgement.findings or not judgement.judged or check.limits or _wants_429(case):
        return judgement
    recorded = evidence.at(judgement.judged)
    if recorded and all(one.response and one.response.status == TOO_MANY for one in recorded):
        return Judgement(missing="every answer only said to come back later (429)")
    return judgement


def _wants_429(case: Case) -> bool:
    status = case.param("status")
    named = status if isinstance(status, list) else [status]
    return TOO_MANY in named or str(TOO_MANY) in named


def _kind(claim: Claim, judgements: list[Judgement], findings: tuple[Finding, ...]) -> tuple[VerdictKind, str]:
    if claim.observe:
        if not any(one.judged for one in judgements):
            return VerdictKind.UNDECIDED, _missing(judgements)
        seen = "; ".join(f"{one.got} (expected {one.expected})" for one in findings[:3])
        return VerdictKind.OBSERVED, f"differs: {seen}" if findings else "as the chosen reading has it"
    if findings:
        failed = {finding.exchanges[-1] for one in judgements for finding in one.findings if finding.exchanges}
        judged = len({seq for one in judgements for seq in one.judged})
        return VerdictKind.BROKEN, f"in {len(failed)} of {judged} exchanges" if len(failed) < judged else ""
    if all(one.judged for one in judgements):
        return VerdictKind.KEPT, ""
    return VerdictKind.UNDECIDED, _missing(judgements)


def _missing(judgements: list[Judgement]) -> str:
    return next((one.missing for one in judgements if one.missing), "nothing could be judged")


def _grouped(findings: list[Finding]) -> tuple[Finding, ...]:
    """One finding per way of breaking, with the proofs of all its occurrences."""
    groups: dict[tuple[str, str, str, str], Finding] = {}
    for finding in findings:
        key = (finding.check, finding.expected, finding.got, re.sub(r"/\d+(?=/|$)", "/*", finding.pointer))
        known = groups.get(key)
        if known is None:
            groups[key] = finding
        elif len(known.exchanges) < MOST_PROOFS:
            proof = tuple(dict.fromkeys(known.exchanges + finding.exchanges))
            groups[key] = Finding(finding.check, finding.expected, finding.got, proof, known.pointer)
    return tuple(groups.values())
