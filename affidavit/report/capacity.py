"""How many messages a minute fit: one table per scenario, and what follows from it in words."""

from __future__ import annotations

import math

import click

from affidavit.load.capacity import Answer, Range


def show_capacity(title: str, answer: Answer) -> None:
    """Quota, what each way of learning the outcome leaves room for, and which bound comes first."""
    quota = answer.quota
    click.secho(f"\n{title}{quota.requests} requests in {quota.window:g} s for each key", bold=True)
    click.echo(f"  limit from: {quota.origin}")
    click.echo(f"  polls from: {answer.evidence}")
    if answer.ways:
        _show_ways(answer)
    if answer.bound:
        click.echo(f"  {answer.bound}")


def _show_ways(answer: Answer) -> None:
    wide = max(len(way.name) for way in answer.ways)
    click.echo(f"  {'':{wide}}  {'requests per message':>26}  {'messages per minute':>24}")
    for way in answer.ways:
        cost, sends = way.polls.through(lambda polls: 1 + polls), way.sends
        click.echo(f"  {way.name:{wide}}  {_ranged(cost, upwards=True):>26}  {_ranged(sends, upwards=False):>24}")
    most = answer.crossing
    if most:
        fits = f"  Polling fits up to {_down(most.sends.low)} messages a minute ({most.name})."
        click.echo(f"{fits} Beyond it only webhooks do, up to {_down(answer.quota.per_minute)}.")


def _ranged(value: Range, *, upwards: bool) -> str:
    """Best and interval; what a message costs is rounded up, what fits is rounded down."""
    show = _up if upwards else _down
    best = show(value.best)
    return best if value.low == value.high else f"{best} ({_down(value.low)} to {_up(value.high)})"


def _down(value: float) -> str:
    """At most the value."""
    return f"{math.floor(value + 1e-9)}" if value >= 100 else f"{math.floor(value * 10 + 1e-9) / 10:g}"


def _up(value: float) -> str:
    """At least the value."""
    return f"{math.ceil(value - 1e-9)}" if value >= 100 else f"{math.ceil(value * 10 - 1e-9) / 10:g}"
