"""A run read back: the fold of a record's lines into what is judged again, shown and compared.

`fold` takes the lines in order, `rejudged` gives their verdicts. They are those of the live run, which judges the same
exchanges, deliveries and skips. Newer documents may judge otherwise: `manifest["documents"]` has the digests to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.catalog import Catalog
from affidavit.evidence import Evidence
from affidavit.exchange import Delivery, Exchange
from affidavit.verdict import Result, judge

EMBEDDED_TARGET = "embedded"
"""What the manifest of a run against the embedded sandbox has for its target."""
CONTRACT = "contract"
INTERRUPTED = "it was interrupted"

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
    return Recorded(manifest, tuple(exchanges), tuple(deliveries), skipped, tuple(results), complete, reason)


def rejudged(catalog: Catalog, recorded: Recorded, sandbox_keys: Mapping[str, str] | None = None) -> Result:
    """What the run came to, judged again by the catalog; `sandbox_keys` are shown in its curl commands."""
    evidence = Evidence(recorded.exchanges, recorded.deliveries, recorded.skipped, embedded=recorded.embedded)
    verdicts = judge(catalog, evidence)
    for exchange in recorded.exchanges:
        exchange.forget()
    stopped = "" if recorded.complete else recorded.reason or INTERRUPTED
    return Result(verdicts, len(recorded.exchanges), evidence, recorded.target, sandbox_keys or {}, stopped)
