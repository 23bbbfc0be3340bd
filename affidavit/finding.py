"""What a check returns and what a claim ends as. Frozen, no behaviour beyond construction."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class VerdictKind(StrEnum):
    """How a claim stands after a run."""

    KEPT = "kept"
    BROKEN = "broken"
    OBSERVED = "observed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which the evidence contradicts a claim."""

    check: str
    """Id of the check that found it."""
    expected: str
    """What the documents promise, as a short phrase."""
    got: str
    """What came instead, as a short phrase; provider text is capped."""
    exchanges: tuple[int, ...]
    """Sequence numbers of the exchanges that prove it, most telling last."""
    pointer: str = ""
    """JSON Pointer of the offending part of the last exchange's response body, or ''."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One check's answer for one claim: what it looked at and what it found."""

    judged: tuple[int, ...] = ()
    """Sequence numbers of every exchange that could have shown a break."""
    findings: tuple[Finding, ...] = ()
    missing: str = ""
    """Why nothing (or not enough) could be judged; '' when the check could decide."""
    noted: str = ""
    """What was seen, in words: shown for observed claims."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one claim stands, with its proof."""

    provider: str
    claim: str
    kind: VerdictKind
    reason: str
    """Undecided: why. Observed: what was seen. Broken: how often, when only sometimes. Otherwise ''."""
    findings: tuple[Finding, ...] = ()
    evidence: tuple[int, ...] = ()
    """Sequence numbers of the exchanges judged, capped at a few for kept claims."""
    judged: int = 0
    """How many exchanges were judged in all."""
    proven_at: int = 0
    """How many requests had been sent when the first proof of a broken claim was complete; 0 when it is not broken."""
