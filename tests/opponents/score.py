"""How many defects of the opponents are found, and whether a harmless difference is ever held against them.

The opponents and their defects were written from the documents alone, without a look at the checks. A run with every
key and everything allowed is the most that can be found; `--default` allows no more than a real target is sent.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from affidavit.finding import VerdictKind
from affidavit.report.terminal import show_score
from affidavit.score import Outcome, Score, Trial
from tests.opponents import chatmaid_defects, whatsapi_defects
from tests.opponents.stage import EVERYTHING, play

TABLES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "chatmaid": {"fault": chatmaid_defects.DEFECTS, "variant": chatmaid_defects.HARMLESS},
    "whatsapi": {"fault": whatsapi_defects.DEFECTS, "variant": whatsapi_defects.HARMLESS},
}


def trials(providers: list[str], every: int, only: str) -> list[Trial]:
    """Each so-many-th entry of the tables whose name has `only` in it."""
    found = [
        Trial(provider, kind, name, entry.family)
        for provider in providers
        for kind, table in TABLES[provider].items()
        for name, entry in table.items()
        if only in name
    ]
    return found[::every]


def attempt(trial: Trial, allowed: frozenset[str]) -> Outcome:
    """One entry put on its opponent."""
    entry = TABLES[trial.provider][trial.kind][trial.name]
    with TemporaryDirectory() as folder:
        thrifty = trial.family != "rate-limit"
        result = play(trial.provider, Path(folder), skew=7, allowed=allowed, change=entry.apply, thrifty=thrifty)
    broken = [one for one in result.verdicts if one.kind is VerdictKind.BROKEN]
    at = min((one.proven_at for one in broken), default=None)
    return Outcome(trial, tuple(one.claim for one in broken), at)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--provider", action="append", choices=sorted(TABLES))
    parser.add_argument("--every", type=int, default=1, help="try only each so-many-th entry")
    parser.add_argument("--only", default="", help="try only entries with this in their name")
    parser.add_argument("--default", action="store_true", help="allow no more than a run against a real target does")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    started = time.monotonic()
    todo = trials(given.provider or sorted(TABLES), given.every, given.only)
    with ProcessPoolExecutor(given.processes) as pool:
        outcomes = pool.map(partial(attempt, allowed=frozenset() if given.default else EVERYTHING), todo)
        show_score(Score(tuple(outcomes)), time.monotonic() - started)


if __name__ == "__main__":
    main()
