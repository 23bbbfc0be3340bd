"""How often the gate is wrong: `make bench-gate`.

Runs of the embedded sandbox, faithful and with every fault, go through the gate as users' runs do, without what only
meets a large limit; then comparisons of made-up speeds. Prints one line per count, and what was wrong below it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import click

from affidavit import session
from affidavit.documents import load_catalog, providers
from affidavit.finding import VerdictKind
from affidavit.gate.assessment import Judged, assess
from affidavit.gate.difference import Axis
from affidavit.gate.performance import Speed
from affidavit.sandbox.server import PROVIDERS
from affidavit.session import Settings, run
from tests.gate.simulation import World, outcomes

TODAY = date(2030, 1, 1)
RERUNS = 10
SIMULATIONS = 200
DEAR = 200
_catalog = cache(load_catalog)


@dataclass(frozen=True)
class Trial:
    """One run against the faithful one of the same provider."""

    provider: str
    fault: str = ""
    seed: int = 1
    start: float = 0.0
    against_fault: bool = False
    """Held against a run with the same fault instead: the findings must be the same ones."""


@dataclass(frozen=True)
class Outcome:
    """What the gate said."""

    trial: Trial
    broken: frozenset[str]
    """Claims that the run broke."""
    named: frozenset[str]
    """Claims that the gate named as new."""
    opens: bool
    differences: tuple[str, ...]


@cache
def faithful(provider: str) -> Judged:
    """The run all others are held against; made once in each process."""
    return judged(Trial(provider))


def judged(trial: Trial) -> Judged:
    """A run of the embedded sandbox."""
    catalog = _catalog(trial.provider)
    dear = {name for name, one in catalog.script.probes.items() if one.last and one.requests > DEAR}
    about_limits = trial.fault and PROVIDERS[trial.provider].faults[trial.fault].family == "rate-limit"
    settings = Settings(
        seed=trial.seed,
        examples=0,
        deviations=(trial.fault,) if trial.fault else (),
        leave_out=frozenset() if about_limits else frozenset(dear),
    )
    usual = session.START
    session.START = usual + trial.start
    try:
        with TemporaryDirectory() as folder:
            result = run(catalog, settings, Path(folder), lambda *_: None)
    finally:
        session.START = usual
    return Judged(catalog, result.evidence, result.verdicts, "embedded")


def attempt(trial: Trial) -> Outcome:
    """One trial at the gate."""
    after = judged(trial)
    before = judged(Trial(trial.provider, trial.fault)) if trial.against_fault else faithful(trial.provider)
    decision = assess(after, (), before.measure(TODAY), before.broken, TODAY).decision
    claims = {one.identity.subject for one in decision.failing if one.identity.axis == Axis.CLAIM}
    return Outcome(
        trial,
        frozenset(one.claim for one in after.verdicts if one.kind is VerdictKind.BROKEN),
        frozenset(claims),
        decision.passes,
        tuple(one.says for one in (*decision.new, *decision.fixed)),
    )


def tried(trials: Iterable[Trial]) -> list[Outcome]:
    """All of them, on every core."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(attempt, trials))


def reruns(provider: str) -> list[Trial]:
    """The same run again, then with other seeds and clocks."""
    again = [Trial(provider, seed=seed, start=86_400 * 3.7 * seed) for seed in range(2, RERUNS + 2)]
    return [Trial(provider), *again]


def count(title: str, rows: list[Outcome], wrong: Callable[[Outcome], str]) -> int:
    """Print how many are right, and the others; the number of those."""
    problems = [(one, said) for one in rows if (said := wrong(one))]
    click.echo(f"{title:<58} {len(rows) - len(problems)} of {len(rows)}")
    for one, said in problems:
        click.echo(f"  {one.trial.provider} {one.trial.fault or one.trial.seed}: {said}")
    return len(problems)


def unlike(one: Outcome) -> str:
    """What differs that should not."""
    return "; ".join(one.differences[:3])


def unnamed(one: Outcome) -> str:
    """What a gate that should close did not say."""
    if one.opens:
        return "the gate opens"
    return f"not named: {', '.join(sorted(one.broken - one.named))}" if one.broken - one.named else ""


def speed(slower: float, wanted: Speed, most_wrong: float) -> int:
    """Comparisons of made-up speeds: 0 when few enough are wrong."""
    told = outcomes(World(), slower, SIMULATIONS, seed=1)
    wrong = told[Speed.FAIL] if wanted is Speed.PASS else SIMULATIONS - told[Speed.FAIL]
    title = "false alarms of speed when nothing changed" if wanted is Speed.PASS else "missed slow-downs of 20 %"
    click.echo(f"{title:<58} {wrong} of {SIMULATIONS} ({', '.join(f'{n} {kind}' for kind, n in sorted(told.items()))})")
    return int(wrong > most_wrong * SIMULATIONS)


@click.command()
@click.option("--provider", "names", multiple=True, help="Provider; all of them when left out.")
@click.option("--sample", type=int, default=0, help="Only so many faults of each provider; 0 for all.")
@click.option("--seeds", is_flag=True, help="Each fault with two seeds as well: their findings must be the same ones.")
def main(names: tuple[str, ...], sample: int, seeds: bool) -> None:  # noqa: FBT001 - a flag of a command line
    """Count, and fail when a bar is missed."""
    started, wrong = time.monotonic(), 0
    for provider in names or providers():
        wrong += count(f"{provider}: reruns without a difference", tried(reruns(provider)), unlike)
        faults = sorted(PROVIDERS[provider].faults)
        faults = Random(1).sample(faults, min(sample, len(faults))) if sample else faults  # noqa: S311 - a choice
        rows = tried(Trial(provider, fault, seed=2) for fault in faults)
        found = [one for one in rows if one.broken]
        wrong += count(f"{provider}: faults the run finds that close the gate, named", found, unnamed)
        unseen = [one for one in rows if not one.broken]
        changed = [one for one in unseen if not one.opens]
        click.echo(f"{provider}: faults the run does not find{'':<26} {len(unseen)}, {len(changed)} seen as behaviour")
        if seeds:
            pairs = tried(Trial(provider, one.trial.fault, 3, 86_400.5, against_fault=True) for one in found)
            wrong += count(f"{provider}: faults without a difference to another seed", pairs, unlike)
    wrong += speed(1.0, Speed.PASS, 0.02) + speed(1.2, Speed.FAIL, 0.05)
    click.echo(f"{time.monotonic() - started:.0f} s")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
