"""Trials: every fault and variant of the embedded sandbox through an ordinary run, on every core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from affidavit.documents import load_catalog
from affidavit.finding import VerdictKind
from affidavit.sandbox.server import PROVIDERS
from affidavit.score import BUDGET, Outcome, Score, Trial
from affidavit.session import Settings, run

SEEDS = range(1, 11)
DEAR = 200
"""Requests of a burst from which on only trials about rate limits pay for it, and those of the faithful sandbox."""
OF_LIMITS = frozenset({"rate-limit", "clock"})
"""Families of deviations that such a burst can tell something of."""
_catalog = cache(load_catalog)
"""Read once in each process: it takes as long as a run."""


def trials(providers: Sequence[str]) -> list[Trial]:
    """Everything that is tried: each fault with a budget first."""
    found = []
    for provider in providers:
        row = PROVIDERS[provider]
        found += [Trial(provider, "fault", one.name, one.family, BUDGET) for one in row.faults.values()]
        found += [Trial(provider, "variant", one.name, one.family) for one in row.variants.values()]
        found += [Trial(provider, "seed", str(seed), "") for seed in SEEDS]
    return found


def score(chosen: Iterable[Trial], progress: Callable[[str, int, int], None]) -> Score:
    """Try them all, on every core; a fault the budget did not find is tried again without one."""
    todo = list(chosen)
    outcomes = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for index, outcome in enumerate(pool.map(attempt, todo)):
            progress(f"{outcome.trial.provider} {outcome.trial.name}", index, len(todo))
            outcomes.append(outcome)
    return Score(tuple(outcomes))


def attempt(trial: Trial) -> Outcome:
    """One trial."""
    outcome = _once(trial)
    if trial.kind == "fault" and trial.budget and not outcome.broken:
        again = _once(Trial(trial.provider, trial.kind, trial.name, trial.family))
        # What a longer run finds, it did not find within the budget, whatever its order was.
        at = max(again.proven_at, trial.budget + 1) if again.proven_at else None
        return Outcome(trial, again.broken, at)
    return outcome


def _once(trial: Trial) -> Outcome:
    deviations = () if trial.kind == "seed" else (trial.name,)
    seed = int(trial.name) if trial.kind == "seed" else 1
    catalog = _catalog(trial.provider)
    # Hundreds of requests that only meet a large limit tell nothing of a deviation that is not about limits.
    dear = {name for name, probe in catalog.script.probes.items() if probe.last and probe.requests > DEAR}
    leave_out = frozenset(dear) if deviations and trial.family not in OF_LIMITS else frozenset()
    settings = Settings(
        seed=seed, budget=trial.budget, examples=0, deviations=deviations, leave_out=leave_out, direct=True
    )
    with TemporaryDirectory() as folder:
        result = run(catalog, settings, Path(folder), lambda *_: None)
    broken = [one for one in result.verdicts if one.kind is VerdictKind.BROKEN]
    at = min((one.proven_at for one in broken), default=None)
    return Outcome(trial, tuple(one.claim for one in broken), at)
