"""A run read back: the fold of a record's lines into what is judged again, shown and compared.

`fold` takes the lines in order, `rejudged` gives their verdicts. They are those of the live run, which judges the same
exchanges, deliveries and skips. Newer documents may judge otherwise: `manifest["documents"]` has the digests to tell.
A run that was broken off was never judged live. What had no time to come is then held against nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from affidavit.catalog import Catalog
from affidavit.evidence import Evidence
from affidavit.exchange import Delivery, Exchange
from affidavit.finding import Verdict, VerdictKind
from affidavit.verdict import Result, judge

EMBEDDED_TARGET = "embedded"
"""What the manifest of a run against the embedded sandbox has for its target."""
CONTRACT, LIMITS, LOAD = "contract", "limits", "load"
"""Kinds of runs; the result lines of the last two have the same names."""
INTERRUPTED = "it was interrupted"
BROKEN_OFF = "the run was broken off before all webhooks could arrive"

Line = dict[str, Any] | Exchange | Delivery
"""One line of a record: exchanges and deliveries are typed, all others are objects with a `kind`."""


@dataclass(frozen=True)
class Recorded:
    """All that one record holds."""

    manifest: Mapping[str, Any]
    exchanges: tuple[Exchange, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    """`probe/step` -> why it was not asked."""
    results: tuple[Mapping[str, Any], ...] = ()
    """Result lines, each with its `kind`: what the search for limits or a load run came to."""
    complete: bool = False
    reason: str = INTERRUPTED
    """Why the run is not complete; '' when it is."""
    judged: bool = False
    """Whether the run came to its end, so that all it had asked was waited for."""

    @property
    def provider(self) -> str:
        """Whose API was asked; a load run may ask several."""
        return str(self.manifest.get("provider") or ", ".join(self._targets))

    @property
    def what(self) -> str:
        """The kind of run: contract, limits or load."""
        return str(self.manifest.get("what", CONTRACT))

    @property
    def target(self) -> str:
        """The base URL that was asked, or `embedded`."""
        return str(self.manifest.get("target") or ", ".join(dict.fromkeys(self._targets.values())))

    @property
    def embedded(self) -> bool:
        """Whether the embedded sandbox was asked."""
        return self.target == EMBEDDED_TARGET

    @property
    def _targets(self) -> Mapping[str, str]:
        targets: Mapping[str, str] = self.manifest.get("targets", {})
        return targets


def fold(lines: Iterable[Line]) -> Recorded:
    """The lines of one record, manifest first, put together."""
    manifest: dict[str, Any] = {}
    exchanges: list[Exchange] = []
    deliveries: list[Delivery] = []
    skipped: dict[str, str] = {}
    results: list[dict[str, Any]] = []
    ends: list[dict[str, Any]] = []
    for line in lines:
        if isinstance(line, Exchange):
            exchanges.append(line)
        elif isinstance(line, Delivery):
            deliveries.append(line)
        elif line["kind"] == "manifest":
            manifest = line
        elif line["kind"] == "skip":
            skipped[line["source"]] = line["reason"]
        else:
            (ends if line["kind"] == "end" else results).append(line)
    complete, reason = (bool(ends[0]["complete"]), str(ends[0]["reason"])) if ends else (False, INTERRUPTED)
    judged = complete or bool(ends and ends[0].get("judged"))
    return Recorded(manifest, tuple(exchanges), tuple(deliveries), skipped, tuple(results), complete, reason, judged)


def rejudged(catalog: Catalog, recorded: Recorded, sandbox_keys: Mapping[str, str] | None = None) -> Result:
    """What the run came to, judged again by the catalog; `sandbox_keys` are shown in its curl commands."""
    evidence = Evidence(recorded.exchanges, recorded.deliveries, recorded.skipped, embedded=recorded.embedded)
    verdicts = judge(catalog, evidence) if recorded.judged else _broken_off(catalog, recorded)
    for exchange in recorded.exchanges:
        exchange.forget()
    stopped = "" if recorded.complete else recorded.reason or INTERRUPTED
    return Result(verdicts, len(recorded.exchanges), evidence, recorded.target, sandbox_keys or {}, stopped)


def _broken_off(catalog: Catalog, recorded: Recorded) -> list[Verdict]:
    """Verdicts without the probe that was under way, and none that a webhook is missing."""
    probe = recorded.exchanges[-1].source.partition("/")[0] if recorded.exchanges else ""
    cut = probe if probe in catalog.script.probes else None
    settled = tuple(one for one in recorded.exchanges if one.source.partition("/")[0] != cut)
    evidence = Evidence(settled, recorded.deliveries, recorded.skipped, embedded=recorded.embedded)
    hearing = {claim.id for claim in catalog.claims.values() if any(row.hears for row in claim.decided_by)}
    return [
        replace(one, kind=VerdictKind.UNDECIDED, reason=BROKEN_OFF, findings=(), proven_at=0)
        if one.claim in hearing and one.kind is VerdictKind.BROKEN
        else one
        for one in judge(catalog, evidence)
    ]
