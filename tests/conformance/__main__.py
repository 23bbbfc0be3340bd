"""Holds the embedded sandbox to the OpenAPI documents with tools that others wrote, and prints what they found.

    python -m tests.conformance [--examples N] [--seed S ...] [--provider P ...]

Each provider and seed gets a run of schemathesis, and each provider one contract run through Prism, with the first
seed. The exit code is 0 when nothing was found, else 1. A machine without Prism skips it and says so; CI never does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import click

from tests.conformance import by_prism, by_schemathesis
from tests.conformance.outcome import Outcome, table
from tests.conformance.stage import PROVIDERS

AT_ONCE = 2
"""Runs side by side: those through Prism mostly wait."""


@click.command()
@click.option("--examples", type=click.IntRange(min=1), default=40, show_default=True, help="Per operation.")
@click.option("--seed", "seeds", type=int, multiple=True, default=(1, 2, 3), show_default=True)
@click.option("--provider", "providers", type=click.Choice(PROVIDERS), multiple=True, default=PROVIDERS)
def main(examples: int, seeds: tuple[int, ...], providers: tuple[str, ...]) -> None:
    """Run every tool on every provider."""
    found = []
    for outcome in outcomes(examples, seeds, providers):
        found.append(outcome)
        click.echo(f"{outcome.tool}, {outcome.provider}, seed {outcome.seed}: {outcome.verdict}", err=True)
        if outcome.failures:
            click.echo(outcome.log)
    click.echo(table(found))
    skipped = [f"{one.tool}, {one.provider} is skipped: {one.skipped}" for one in found if one.skipped]
    failures = [f"{one.tool}, {one.provider}, seed {one.seed}: {failure}" for one in found for failure in one.failures]
    click.echo("\n".join(["", *skipped, *(failures or ["Nothing was found."])]))
    sys.exit(bool(failures))


def outcomes(examples: int, seeds: tuple[int, ...], providers: tuple[str, ...]) -> Iterator[Outcome]:
    """What each tool finds, the longest runs first."""
    jobs: list[Callable[[], Outcome]] = [partial(through_prism, provider, seeds[0]) for provider in providers]
    jobs += [partial(by_schemathesis.hold, provider, seed, examples) for provider in providers for seed in seeds]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda job: job(), jobs)


def through_prism(provider: str, seed: int) -> Outcome:
    """A contract run through Prism, or why there is none."""
    lacking = by_prism.lacking()
    if lacking is None:
        return by_prism.hold(provider, seed)
    if os.environ.get("CI") == "true":
        return Outcome("prism", provider, seed, 0, (f"{lacking}; CI must not go without it",))
    return Outcome("prism", provider, seed, 0, (), skipped=lacking)


if __name__ == "__main__":
    main()
