"""Holds the embedded sandbox to the OpenAPI documents with tools that others wrote, and prints what they found.

    python -m tests.conformance [--examples N] [--seed S ...] [--provider P ...]

The exit code is 0 when nothing was found, else 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from tests.conformance import by_schemathesis
from tests.conformance.outcome import Outcome, table
from tests.conformance.stage import PROVIDERS


@click.command()
@click.option("--examples", type=click.IntRange(min=1), default=40, show_default=True, help="Per operation.")
@click.option("--seed", "seeds", type=int, multiple=True, default=(1, 2, 3), show_default=True)
@click.option("--provider", "providers", type=click.Choice(PROVIDERS), multiple=True, default=PROVIDERS)
def main(examples: int, seeds: tuple[int, ...], providers: tuple[str, ...]) -> None:
    """Run every tool on every provider with every seed."""
    found = []
    for outcome in outcomes(examples, seeds, providers):
        found.append(outcome)
        click.echo(f"{outcome.provider}, seed {outcome.seed}: {outcome.tool} is done", err=True)
        if outcome.failures:
            click.echo(outcome.log)
    click.echo(table(found))
    failures = [f"{one.tool}, {one.provider}, seed {one.seed}: {failure}" for one in found for failure in one.failures]
    click.echo("\n".join(["", *failures]) if failures else "\nNothing was found.")
    sys.exit(bool(failures))


def outcomes(examples: int, seeds: tuple[int, ...], providers: tuple[str, ...]) -> Iterator[Outcome]:
    """What each tool finds, one after the other."""
    for provider in providers:
        for seed in seeds:
            yield by_schemathesis.hold(provider, seed, examples)


if __name__ == "__main__":
    main()
