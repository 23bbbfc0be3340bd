"""A recorded run with all that a renderer may ask of it: its documents, its verdicts, and how to repeat a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affidavit.catalog import Catalog
from affidavit.documents import catalog_without_claims, digests, load_catalog
from affidavit.errors import UsageError
from affidavit.exchange import Exchange
from affidavit.finding import Finding
from affidavit.recorded import CONTRACT, Recorded, rejudged
from affidavit.recorder import RECORD, read_run, record_at
from affidavit.report.replay import Replay
from affidavit.verdict import Result

ReplayOf = Callable[[Catalog, Recorded, Path], Replay]
"""How the requests of a recorded run can be sent again; wired where the embedded sandbox is known."""


@dataclass(frozen=True)
class Run:
    """One record, judged."""

    path: Path
    catalog: Catalog
    recorded: Recorded
    result: Result
    """Without verdicts unless it is a contract run."""
    replay: Replay
    documents_changed: tuple[str, ...] = ()
    """Files of the provider that are not those the run was judged by."""

    def proof(self, finding: Finding) -> Exchange | None:
        """The exchange that shows a finding best; None for one without."""
        return next(iter(self.result.evidence.at(finding.exchanges[-1:])), None)

    def lines(self, kind: str) -> list[Mapping[str, Any]]:
        """The result lines of one kind."""
        return [one for one in self.recorded.results if one["kind"] == kind]

    @property
    def requests(self) -> int:
        """How many requests were sent; a load run counts them, and records none."""
        return len(self.recorded.exchanges) or sum(int(one.get("sent", 0)) for one in self.lines("load"))


def read_runs(paths: Iterable[Path], replay_of: ReplayOf) -> list[Run]:
    """Every record the paths name, once, judged by today's documents.

    A path is a record, the folder of a run, or a folder of such folders. Raises UsageError, RecordError.
    """
    found = {one.resolve(): one for path in paths for one in records(path)}
    return [_run(path, replay_of) for path in found.values()]


def records(path: Path) -> list[Path]:
    """The records a path names; `latest` beside its runs is none of its own. Raises UsageError."""
    if not path.is_dir():
        return [path]
    if record_at(path).exists():
        return [record_at(path)]
    below = [one for depth in ("*", "*/*") for one in path.glob(f"{depth}/{RECORD}")]
    found = sorted(one for one in below if not any(folder.is_symlink() for folder in (one.parent, one.parent.parent)))
    if not found:
        raise UsageError(f"there is no {RECORD} in {path}, nor in the folders in it; `affidavit run` makes one")
    return found


def _run(path: Path, replay_of: ReplayOf) -> Run:
    recorded = read_run(path)
    if recorded.what != CONTRACT:
        catalog = catalog_without_claims(recorded.provider)
        return Run(path, catalog, recorded, rejudged(catalog, recorded), replay_of(catalog, recorded, path.parent))
    catalog = load_catalog(recorded.provider)
    replay = replay_of(catalog, recorded, path.parent)
    then, now = recorded.manifest.get("documents"), digests(catalog.provider)
    changed = sorted(name for name in now if then.get(name) != now[name]) if isinstance(then, Mapping) else ()
    return Run(path, catalog, recorded, rejudged(catalog, recorded, replay.shown), replay, tuple(changed))
