"""What runs at the moment: a bar in a terminal, a plain line now and then elsewhere. Goes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

LINES = 5
"""Plain lines per run, about."""


@contextmanager
def show_progress(name: str) -> Iterator[Callable[[str, int, int], None]]:
    """A callable to tell what is asked next, its number from 0, and how many there are."""
    if not sys.stderr.isatty():
        yield _lines(name)
        return
    columns = (
        TextColumn("{task.fields[name]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", name=name)

        def tell(step: str, index: int, total: int) -> None:
            bar.update(task, description=step, completed=index, total=total)

        yield tell


def _lines(name: str) -> Callable[[str, int, int], None]:
    shown = -1

    def tell(step: str, index: int, total: int) -> None:
        nonlocal shown
        part = index * LINES // total
        if part > shown:
            shown = part
            click.echo(f"{name}: step {index + 1} of {total} ({step})", err=True)

    return tell
