"""New, known, expired or fixed: what each difference is, held against a baseline on a given day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from affidavit.gate.baseline import Accepted
from affidavit.gate.difference import Axis, Difference, Identity, Severity

KEPT, BROKEN, UNDECIDED = "kept", "broken", "undecided"
AS_READ, OTHERWISE = "observed as the chosen reading has it", "observed otherwise"
LOST, UNANSWERED = "verdict-lost", "verdict-unanswered"


@dataclass(frozen=True)
class Asked:
    """What a run could have shown."""

    verdicts: Mapping[str, str]
    """Claim -> how it stands."""
    steps: Collection[str]
    """Scripted steps that were answered."""


@dataclass(frozen=True)
class Decision:
    """Every difference in its place."""

    new: tuple[Difference, ...] = ()
    known: tuple[Difference, ...] = ()
    """Accepted, or there already in the run that is the baseline."""
    expired: tuple[tuple[Difference, Accepted], ...] = ()
    stale: tuple[tuple[Accepted, str], ...] = ()
    """Accepted, but gone, with the reason in words: the entry must be taken out."""
    unseen: tuple[Accepted, ...] = ()
    """Accepted, and not asked in this run."""
    fixed: tuple[Difference, ...] = ()
    """There in the run that is the baseline, and gone."""

    @property
    def failing(self) -> tuple[Difference, ...]:
        """New ones that close the gate."""
        return tuple(one for one in self.new if one.severity.fails)

    @property
    def lost(self) -> tuple[Difference, ...]:
        """Claims that were decided before and are not now, whatever the reason."""
        return tuple(one for one in self.new if one.identity.subject in {LOST, UNANSWERED})

    @property
    def unanswered(self) -> tuple[Difference, ...]:
        """Of these, the ones whose requests this run did not make, or got no answer to: it is half a run."""
        return tuple(one for one in self.lost if one.identity.subject == UNANSWERED)

    @property
    def closed(self) -> bool:
        """Whether something was found that closes the gate."""
        return bool(self.failing or self.expired or self.stale)

    @property
    def passes(self) -> bool:
        """Whether the gate opens: nothing closes it, and what was decided before was asked again."""
        return not (self.closed or self.unanswered)


def decide(
    found: Sequence[Difference], accepted: Sequence[Accepted], earlier: Iterable[Difference], asked: Asked, today: date
) -> Decision:
    """Put every difference in its place. `earlier` are the broken claims of the run that is the baseline, if one is."""
    entries = {one.identity: one for one in accepted}
    before = {one.identity: one for one in earlier}
    seen = {one.identity for one in found}
    absent = [one for one in accepted if one.identity not in seen]
    reasons = {one.id: why_stale(one, asked) for one in absent}
    return Decision(
        new=tuple(one for one in found if one.identity not in entries and one.identity not in before),
        known=tuple(
            one
            for one in found
            if (one.identity in entries and entries[one.identity].expires >= today)
            or (one.identity in before and one.identity not in entries)
        ),
        expired=tuple(
            (one, entries[one.identity])
            for one in found
            if one.identity in entries and entries[one.identity].expires < today
        ),
        stale=tuple((one, reasons[one.id]) for one in absent if reasons[one.id]),
        unseen=tuple(one for one in absent if not reasons[one.id]),
        fixed=tuple(
            one
            for one in before.values()
            if one.identity not in seen and _asked_again(one.identity, one.sources, asked)
        ),
    )


def why_stale(entry: Accepted, asked: Asked) -> str:
    """Why an accepted difference that was not seen has no place any more; '' when it was only not asked."""
    claim = entry.identity.subject
    if entry.identity.axis == Axis.CLAIM and claim not in asked.verdicts:
        return f"the ledger has no claim {claim} any more"
    if not entry.comes_and_goes and _asked_again(entry.identity, entry.sources, asked):
        return "asked again, and not seen any more"
    return ""


def _asked_again(identity: Identity, sources: Collection[str], asked: Asked) -> bool:
    if identity.axis == Axis.CLAIM and asked.verdicts.get(identity.subject, UNDECIDED) == UNDECIDED:
        return False
    return any(step in asked.steps for step in sources)


def verdict_changes(
    provider: str,
    before: Mapping[str, str],
    after: Mapping[str, str],
    operations: Mapping[str, tuple[str, str, str]],
    evidence: Mapping[str, bool | None],
) -> list[Difference]:
    """Claims that stand otherwise than before without being broken: doubtful points, and evidence that is lost.

    `operations` gives each claim's operation, sentence and place. `evidence` says of a claim whether all steps that it
    rests on were answered in the later run; None where it rests on whatever answers come, and so on chance.
    """
    found = []
    for claim in sorted(before.keys() & after.keys() & operations.keys()):
        was, now = before[claim], after[claim]
        operation, says, place = operations[claim]
        if (was, now) == (AS_READ, OTHERWISE):
            severity, rule = Severity.UNKNOWN, "reading-changed"
        elif (was, now) == (OTHERWISE, AS_READ):
            severity, rule = Severity.COMPATIBLE, "reading-changed"
        elif was in {KEPT, BROKEN, AS_READ, OTHERWISE} and now == UNDECIDED:
            severity, rule = _LOST[evidence.get(claim)]
        else:
            continue
        identity = Identity(Axis.BEHAVIOUR, provider, operation, rule, at=claim, got=now)
        found.append(Difference(identity, severity, says, place, before=was, after=now))
    return found


_LOST: Mapping[bool | None, tuple[Severity, str]] = {
    True: (Severity.UNKNOWN, LOST),
    False: (Severity.WEAK, UNANSWERED),
    None: (Severity.WEAK, LOST),
}
