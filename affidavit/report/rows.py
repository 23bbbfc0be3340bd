"""What a report says, as typed rows made from judged runs by pure functions; every renderer shows these.

The JSON format is these rows as they are, so a change here is a change of docs/report.schema.json.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from affidavit.catalog import Claim
from affidavit.exchange import Exchange
from affidavit.finding import Finding, Verdict, VerdictKind
from affidavit.report.reasons import Group, grouped, remedy_for
from affidavit.report.runs import Run

VERSION = 1
"""Of the JSON format."""
DIFFERS = "differs"
"""How the reason begins when a doubtful point is not as the chosen reading has it."""


@dataclass(frozen=True)
class Counts:
    """How many claims have which verdict."""

    kept: int = 0
    broken: int = 0
    observed: int = 0
    undecided: int = 0

    @property
    def total(self) -> int:
        """All claims."""
        return self.kept + self.broken + self.observed + self.undecided


@dataclass(frozen=True)
class FindingRow:
    """One way in which a claim is broken."""

    check: str
    expected: str
    got: str
    pointer: str
    """JSON Pointer into the body of the last exchange's answer, or ''."""
    exchanges: tuple[int, ...]
    curl: str
    """Repeats the last exchange; '' when it has none."""


@dataclass(frozen=True)
class ClaimRow:
    """One claim and how it stands."""

    id: str
    says: str
    document: str
    line: int
    operation: str
    family: str
    priority: int
    """1 matters most."""
    verdict: str
    reason: str
    remedy: str
    """What would decide it; '' when it is decided or nobody knows."""
    reading: str
    """The doubtful point it rests on, or ''."""
    judged: int
    """How many exchanges decided it."""
    evidence: tuple[int, ...]
    """Numbers of the exchanges that decided it, the last few."""
    findings: tuple[FindingRow, ...]
    defined_at: str
    """File and line of the claim in the ledger."""


@dataclass(frozen=True)
class CoverageRow:
    """The claims of one document or operation, and the evidence for them."""

    name: str
    claims: int
    lines: int
    """Different lines of documents that they come from."""
    with_evidence: int
    """Claims that at least one exchange decided."""
    counts: Counts
    exchanges: int
    """Exchanges with this operation; 0 for a document."""


@dataclass(frozen=True)
class RunRow:
    """One run."""

    provider: str
    title: str
    what: str
    """contract, limits or load."""
    where: str
    """What was asked, in words."""
    started: str
    """ISO 8601, on the run's clock."""
    complete: bool
    reason: str
    """Why it is not complete; '' when it is."""
    requests: int
    deliveries: int
    counts: Counts
    claims: tuple[ClaimRow, ...]
    undecided: tuple[Group, ...]
    documents: tuple[CoverageRow, ...]
    operations: tuple[CoverageRow, ...]
    facts: tuple[tuple[str, str], ...]
    """What else the manifest says, by name."""
    documents_changed: tuple[str, ...]
    """Files by which it was judged here, and that are not those of the run."""
    sandbox: str
    """The command that serves what the curl commands ask; '' for a real target."""
    record: str
    limits: tuple[Mapping[str, Any], ...]
    """Result lines of a search for limits."""
    load: tuple[Mapping[str, Any], ...]
    """Result lines of a load run."""


@dataclass(frozen=True)
class Report:
    """Some runs together."""

    version: int
    verdict: str
    """broken, incomplete or kept: the worst of all runs."""
    headline: str
    counts: Counts
    runs: tuple[RunRow, ...]


def report_of(runs: Iterable[Run]) -> Report:
    """The rows of some runs."""
    rows = tuple(map(run_row, runs))
    counts = _added(one.counts for one in rows)
    failed = [one for row in rows for line in row.load for one in line.get("thresholds", ()) if one["kept"] is False]
    verdict = "broken" if counts.broken or failed else "kept" if all(one.complete for one in rows) else "incomplete"
    return Report(VERSION, verdict, _headline(rows, counts, len(failed)), counts, rows)


def run_row(run: Run) -> RunRow:
    """One run."""
    manifest, recorded = run.recorded.manifest, run.recorded
    claims = tuple(_claim_row(run, verdict) for verdict in _most_telling_first(run))
    waiting = {one.id: one.reason for one in claims if one.verdict == VerdictKind.UNDECIDED}
    asked = Counter(one.operation for one in recorded.exchanges)
    return RunRow(
        provider=recorded.provider,
        title=run.catalog.profile.title,
        what=recorded.what,
        where=run.replay.where,
        started=iso(manifest.get("started")),
        complete=recorded.complete,
        reason="" if recorded.complete else recorded.reason,
        requests=run.requests,
        deliveries=len(recorded.deliveries),
        counts=_counts(claims),
        claims=claims,
        undecided=tuple(grouped(run.catalog, waiting)),
        documents=_coverage(claims, "document", {}),
        operations=_coverage(claims, "operation", asked),
        facts=_facts(manifest),
        documents_changed=run.documents_changed,
        sandbox=run.replay.sandbox,
        record=str(run.path),
        limits=tuple(run.lines("limits")),
        load=tuple(run.lines("load")),
    )


def iso(seconds: object) -> str:
    """Epoch seconds as ISO 8601 to the millisecond, in UTC; '' for anything else."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC).isoformat(timespec="milliseconds")  # type: ignore[arg-type]  # a TypeError is an answer here
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


def _headline(rows: tuple[RunRow, ...], counts: Counts, failed: int) -> str:
    broken = f"{counts.broken} of {counts.total} claims {'is' if counts.broken == 1 else 'are'} broken"
    missed = f"{failed} load {'threshold' if failed == 1 else 'thresholds'} not kept"
    stopped = sum(not one.complete for one in rows)
    parts = [broken] * bool(counts.broken) + [missed] * bool(failed)
    if stopped:
        parts.append(f"{stopped} of {len(rows)} runs not complete")
    decided = f"Every claim that could be decided is kept: {counts.kept} of {counts.total}"
    calm = decided if counts.total else "The runs are complete"
    return "; ".join(parts) if parts else calm


def _most_telling_first(run: Run) -> list[Verdict]:
    """Broken claims by priority, then doubtful points that differ, then the rest as the ledger has them."""

    def rank(verdict: Verdict) -> tuple[int, int]:
        if verdict.kind is VerdictKind.BROKEN:
            return 0, run.catalog.claims[verdict.claim].priority
        return (1 if verdict.reason.startswith(DIFFERS) else 2), 0

    return sorted(run.result.verdicts, key=rank)


def _claim_row(run: Run, verdict: Verdict) -> ClaimRow:
    claim: Claim = run.catalog.claims[verdict.claim]
    undecided = verdict.kind is VerdictKind.UNDECIDED
    return ClaimRow(
        id=claim.id,
        says=claim.says,
        document=claim.document,
        line=claim.line,
        operation=claim.operation,
        family=claim.family,
        priority=claim.priority,
        verdict=verdict.kind.value,
        reason=verdict.reason,
        remedy=remedy_for(run.catalog.provider, verdict.reason) if undecided else "",
        reading=claim.reading,
        judged=verdict.judged,
        evidence=verdict.evidence,
        findings=tuple(_finding_row(run, one) for one in verdict.findings),
        defined_at=f"{run.catalog.claims_file}:{run.catalog.claim_lines.get(claim.id, 1)}",
    )


def _finding_row(run: Run, finding: Finding) -> FindingRow:
    proof: Exchange | None = run.proof(finding)
    curl = run.replay.curl(proof) if proof else ""
    return FindingRow(finding.check, finding.expected, finding.got, finding.pointer, finding.exchanges, curl)


def _counts(claims: Iterable[ClaimRow]) -> Counts:
    return Counts(**Counter(one.verdict for one in claims))


def _added(some: Iterable[Counts]) -> Counts:
    total: Counter[str] = Counter()
    for one in some:
        total.update(vars(one))
    return Counts(**total)


def _coverage(claims: tuple[ClaimRow, ...], by: str, asked: Mapping[str | None, int]) -> tuple[CoverageRow, ...]:
    groups: dict[str, list[ClaimRow]] = {}
    for claim in claims:
        groups.setdefault(getattr(claim, by), []).append(claim)
    return tuple(
        CoverageRow(
            name=name,
            claims=len(some),
            lines=len({(one.document, one.line) for one in some}),
            with_evidence=sum(one.judged > 0 for one in some),
            counts=_counts(some),
            exchanges=asked.get(name, 0),
        )
        for name, some in sorted(groups.items())
    )


def _facts(manifest: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    names = ("affidavit", "python", "seed", "budget", "roles", "key_kind", "allowed", "deviations", "command")
    found = ((name, manifest.get(name)) for name in names)
    return tuple((name, _said(value)) for name, value in found if value not in (None, [], ""))


def _said(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
