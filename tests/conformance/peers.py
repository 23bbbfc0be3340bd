"""The same faults for Affidavit and for plain schemathesis, side by side.

    python -m tests.conformance.peers [--sample N] [--examples N]

Schemathesis runs as its own program, all phases, every check, rate limits out of its way and the right keys given. A
fault is found when it reports anything: on the faithful sandbox it reports nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import click

from affidavit.score import Trial
from affidavit.trials import attempt, trials
from tests.conformance import by_schemathesis
from tests.conformance.stage import PROVIDERS


@dataclass(frozen=True)
class Pair:
    """One fault, and what became of it."""

    trial: Trial
    ours: int | None
    """Requests until Affidavit had its first proof; None when it found nothing."""
    theirs: bool
    requests: int
    """Requests of schemathesis."""


@click.command()
@click.option("--sample", type=click.IntRange(min=1), default=60, show_default=True, help="Faults, evenly spread.")
@click.option("--examples", type=click.IntRange(min=1), default=40, show_default=True, help="Per operation.")
def main(sample: int, examples: int) -> None:
    """Try them and print the table."""
    faults = [one for one in trials(PROVIDERS) if one.kind == "fault"]
    chosen = sorted(faults, key=lambda one: (one.family, one.provider, one.name))[:: max(1, len(faults) // sample)]
    pairs = list(compared(chosen, examples))
    click.echo(f"{len(pairs)} of {len(faults)} faults, evenly spread over families")
    click.echo(f"{'family':<20} {'faults':>6} {'Affidavit':>10} {'schemathesis':>13}")
    for family in sorted({one.trial.family for one in pairs}):
        _row(family, [one for one in pairs if one.trial.family == family])
    _row("all", pairs)
    mean = sum(one.requests for one in pairs) / len(pairs)
    within = sum(one.ours is not None and one.ours <= 100 for one in pairs)
    click.echo(
        f"requests: Affidavit found {within} of {len(pairs)} within 100; schemathesis sent {mean:.0f} on average"
    )


def compared(chosen: Sequence[Trial], examples: int) -> Iterator[Pair]:
    """Each fault tried with both."""

    def both(trial: Trial) -> Pair:
        theirs = by_schemathesis.hold(trial.provider, 1, examples, deviations=(trial.name,))
        return Pair(trial, attempt(trial).proven_at, bool(theirs.failures), theirs.requests)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, pair in enumerate(pool.map(both, chosen), 1):
            click.echo(f"{number} of {len(chosen)}: {pair.trial.provider} {pair.trial.name}", err=True)
            yield pair


def _row(family: str, pairs: Sequence[Pair]) -> None:
    ours, theirs = (sum(hits) for hits in ([one.ours is not None for one in pairs], [one.theirs for one in pairs]))
    click.echo(f"{family:<20} {len(pairs):>6} {ours:>10} {theirs:>13}")


if __name__ == "__main__":
    main()
