"""What was found out about a limit, in words."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import click

from affidavit.finding import Finding
from affidavit.ratelimit.audit import RULES
from affidavit.ratelimit.families import FAMILIES
from affidavit.ratelimit.records import NONE_FITS, UNKNOWN, Interval, Verdict
from affidavit.ratelimit.truth import Slack
from affidavit.redaction import masked
from affidavit.words import counted

RESETS = {"epoch-s": "epoch seconds", "epoch-ms": "epoch milliseconds", "delta-s": "seconds from now"}
NARROWEST, WIDEST = 40, 120
EXACT = 0.0005
"""Half an interval's width, relative, that is not worth showing."""


def show_limits(  # noqa: PLR0913 - the parts of what is shown
    title: str, verdict: Verdict, findings: Sequence[Finding], slack: Slack, folder: Path, *, own_clock: bool = False
) -> None:
    """Family, limit, window and how sure they are; what is wrong with what the answers say; then what it cost.

    `own_clock` says that the seconds are those of the sandbox.
    """
    click.secho(title, bold=True)
    for name, text in (*_lines(verdict), *_truth(slack)):
        click.echo(_wrapped(f"{name:<14}{text}"))
    for name, found in groupby(findings, key=lambda one: one.check):
        first = next(found)
        text = f"{RULES[name].says} Expected {first.expected}, got {masked(ascii(first.got)[1:-1])}"
        click.secho(_wrapped(f"{'wrong':<14}{text}"), fg="red")
    if verdict.stopped:
        click.secho(_wrapped(f"stopped early: {verdict.stopped}"), fg="yellow")
    whose = " of the sandbox's own clock" if own_clock else ""
    click.echo(
        _wrapped(
            f"{counted(verdict.requests, 'request')}, {verdict.refused} of them refused, {verdict.seconds:.1f} s"
            f"{whose}; record: {folder / 'run.ndjson'}"
        )
    )
    click.echo()


def _lines(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield "limiter", _family(verdict)
    if verdict.ties:
        yield "or", ", ".join(_titled(name, verdict) for name in verdict.ties)
    numbers = (
        ("limit", verdict.limit, "requests"),
        ("window", verdict.window, "s"),
        ("refill", verdict.rate, "requests a second"),
        ("block", verdict.block, "s"),
    )
    yield from ((name, f"{_number(value)} {unit}") for name, value, unit in numbers if value)
    if verdict.counts_refused is not None:
        yield "refused ones", "count too" if verdict.counts_refused else "do not count"
    if verdict.scope != UNKNOWN:
        yield "counted per", verdict.scope
    yield from _clock(verdict)
    if verdict.reason:
        yield "because", verdict.reason


def _clock(verdict: Verdict) -> Iterator[tuple[str, str]]:
    if verdict.reset_dialect:
        yield "Reset", RESETS[verdict.reset_dialect]
    skew = verdict.clock_skew
    if skew and not skew.low <= 0 <= skew.high:
        yield "its clock", f"{_number(skew)} s ahead"


def _truth(slack: Slack) -> Iterator[tuple[str, str]]:
    if slack.tested:
        share = slack.kept_share
        yield "Retry-After", f"true {slack.kept} of {slack.tested} times ({share.low:.0%} to {share.high:.0%})"


def _family(verdict: Verdict) -> str:
    if verdict.family == NONE_FITS:
        return "none that is known fits"
    if verdict.family == UNKNOWN:
        return "not known"
    doubt = f", doubtful: {counted(verdict.misses, 'step')} came otherwise" if verdict.misses else ""
    return _titled(verdict.family, verdict) + doubt


def _titled(name: str, verdict: Verdict) -> str:
    chance = verdict.posterior.get(name)
    sure = f" ({min(chance, 0.999):.1%})" if chance is not None else ""
    return FAMILIES[name].title + sure


def _number(value: Interval) -> str:
    """The number, with its bounds where they matter; no more digits than the bounds justify."""
    width = value.high - value.low
    whole = value.best == round(value.best)
    if width <= 0 or (whole and width <= 2 * EXACT * abs(value.best)):
        return f"{value.best:.6g}"
    digits = -math.floor(math.log10(width / 2))
    grain = 10.0**-digits
    low, high = math.floor(value.low / grain) * grain, math.ceil(value.high / grain) * grain
    best = f"{value.best:.6g}" if whole else _rounded(value.best, digits)
    return f"{best} (between {_rounded(low, digits)} and {_rounded(high, digits)})"


def _rounded(number: float, digits: int) -> str:
    return f"{round(number, digits):.{max(0, digits)}f}"


def _wrapped(text: str) -> str:
    width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns))
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent=" " * 16)
