"""Hold the search for limits to limiters that others wrote, in real time: python -m tests.bench_foreign_limits.

Each runs several times on the loopback address. It prints what was found beside what was configured. `--only TEXT`
takes those whose name has it, `--watching` watches those that announce what remains. The exit code is 1 when one is
not found right, or cannot run here.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from affidavit.prober import Order, examine_url
from affidavit.ratelimit.flow import Mode, Verdict
from tests.foreign_limiters.table import FOREIGN, Foreign, Setting

BAR = 0.02
"""Relative error of a window that is right."""


@dataclass(frozen=True)
class Found:
    """What one search came to."""

    foreign: Foreign
    setting: Setting
    verdict: Verdict

    @property
    def family(self) -> bool:
        """Whether the family is right, or one of an honest tie."""
        return self.foreign.family in {self.verdict.family, *self.verdict.ties}

    @property
    def limit(self) -> bool:
        """Whether the limit is exact."""
        return self.verdict.limit is not None and self.verdict.limit.best == self.setting.limit

    @property
    def error(self) -> float:
        """Relative error of the window; 0 where time plays no part, infinity when none was found."""
        if self.foreign.family == "concurrency":
            return 0.0
        window = self.verdict.window
        return float("inf") if window is None else abs(window.best / self.setting.window - 1)

    @property
    def right(self) -> bool:
        """All of it."""
        return self.family and self.limit and self.error <= BAR

    def row(self) -> str:
        """For the table that is printed."""
        verdict = self.verdict
        family = " or ".join((verdict.family, *verdict.ties))
        limit = "-" if verdict.limit is None else f"{verdict.limit.best:g}"
        return (
            f"{'ok' if self.right else 'WRONG':5}  {self.foreign.name:34} {verdict.mode:8} {family:42} "
            f"{limit:>4} of {self.setting.limit:<4} {self.error:6.1%}  "
            f"{verdict.requests:4} requests {verdict.seconds:5.1f} s"
        )


def search(foreign: Foreign, setting: Setting, mode: Mode = "active", seed: int = 1) -> Found:
    """One search, in a server of its own."""
    with foreign.start(setting) as url, tempfile.TemporaryDirectory() as folder:
        outcome = examine_url(f"{url}limited", Order(mode, seed=seed), Path(folder))
    return Found(foreign, setting, outcome.verdict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, print a line for each; 1 when one is wrong or missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_foreign_limits", description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--short", action="store_true", help="windows of a second")
    parser.add_argument("--watching", action="store_true")
    given = parser.parse_args(arguments)
    mode: Mode = "watching" if given.watching else "active"
    wrong = 0
    for foreign in FOREIGN:
        if given.only.lower() not in foreign.name.lower() or (given.watching and not foreign.announces):
            continue
        if foreign.lacking:
            print(f"{'-':5}  {foreign.name:34} {foreign.lacking}")  # noqa: T201 - its output
            wrong += 1
            continue
        for seed in range(given.times):
            found = search(foreign, foreign.short if given.short else foreign.usual, mode, seed)
            wrong += not found.right
            print(found.row(), flush=True)  # noqa: T201 - as above
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
