"""What the gate finds, whatever it compared: one difference, with an identity that lasts from run to run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256


class Axis(StrEnum):
    """What was compared."""

    CLAIM = "claim"
    BEHAVIOUR = "behaviour"
    DOCUMENT = "document"
    SPEED = "speed"


class Severity(StrEnum):
    """What a difference means for somebody whose program talks to the provider."""

    BREAKING = "breaking"
    UNKNOWN = "unknown"
    """Somebody has to look: whether it breaks a caller cannot be told from here."""
    COMPATIBLE = "compatible"
    WEAK = "weak"
    """Seen too seldom to be called a change."""

    @property
    def fails(self) -> bool:
        """Whether it closes the gate until somebody accepts it."""
        return self in {Severity.BREAKING, Severity.UNKNOWN}


@dataclass(frozen=True, order=True)
class Identity:
    """What makes two differences the same, in any order, at any time and whatever else the documents say."""

    axis: str
    provider: str
    operation: str
    subject: str
    """The claim that is broken, or the rule that saw the difference."""
    check: str = ""
    step: str = ""
    """`probe/step` where the check speaks of that step alone, and which of its requests; else ''."""
    at: str = ""
    """JSON Pointer with `*`, or a header, a status, a part of a document."""
    expected: str = ""
    """Without the values that differ from run to run."""
    got: str = ""
    """The kind of what came, not the value."""

    def is_of_claim(self, claim: str) -> bool:
        """Whether it is a way in which that claim is broken."""
        return self.axis == Axis.CLAIM and self.subject == claim

    @property
    def id(self) -> str:
        """Short name of it, for people and command lines."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was, or not as promised."""

    identity: Identity
    severity: Severity
    says: str
    """One sentence for a person; provider text in it is capped, not escaped."""
    where: str = ""
    """`document:line` of the promise, or ''."""
    before: str = ""
    after: str = ""
    exchange: int = 0
    """Sequence number, in the candidate, of the exchange that shows it best; 0 without one."""
    sources: tuple[str, ...] = ()
    """Scripted steps that showed it, in order of their names; none when only invented requests did."""

    @property
    def id(self) -> str:
        """Short name."""
        return self.identity.id
