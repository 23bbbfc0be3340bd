"""`affidavit capacity`: from a recorded load run, or from a plan."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from affidavit.documents import load_catalog
from affidavit.errors import IncompleteError, RecordError, UsageError
from affidavit.load.capacity import INTERVALS, Quota, limits_by_key, measured, planned
from affidavit.profile import Profile
from affidavit.recorded import LOAD
from affidavit.recorder import read_run, record_at
from affidavit.report.capacity import show_capacity

T = TypeVar("T")
GUESSED_POLLS = (1.0, 2.0, 4.0, 8.0)
"""Polls per message that are shown when nobody names a number."""
GUESS = "examples; give --polls-per-message"
NOTHING_SENT = "nothing, since the run sent no message"


def _finite(_context: click.Context, _parameter: click.Parameter, value: T) -> T:
    """A number, or several, that ends. Raises BadParameter."""
    for one in value if isinstance(value, tuple) else (value,):
        if isinstance(one, float) and not math.isfinite(one):
            raise click.BadParameter(f"{one} is no number to reckon with: give one like 60")
    return value


@click.command("capacity")
@click.argument("record", required=False, type=click.Path(path_type=Path))
@click.option("--provider", help="Provider whose documented limits apply, without a record.")
@click.option("--plan", help="Plan of the provider, such as free.")
@click.option("--limit", type=click.IntRange(min=1), help="Requests per window and key, instead of a plan's.")
@click.option(
    "--window",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    help="Seconds of the window; the provider's, or 60.",
)
@click.option(
    "--polls-per-message",
    "polls",
    multiple=True,
    type=click.FloatRange(min=0),
    callback=_finite,
    help="How often a message's state is asked for, without a record. Repeatable.",
)
@click.option(
    "--poll-every",
    "every",
    multiple=True,
    type=click.FloatRange(min=0.1),
    callback=_finite,
    help="Seconds between two polls, with a record of a run that followed messages. Repeatable.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the intervals.")
def capacity_command(  # noqa: PLR0913, PLR0917 - the options of a command line
    record: Path | None,
    provider: str | None,
    plan: str | None,
    limit: int | None,
    window: float | None,
    polls: tuple[float, ...],
    every: tuple[float, ...],
    seed: int,
) -> None:
    """Say how many messages a minute fit a limit, and when webhooks beat polling.

    RECORD is the run.ndjson of a load run, or its folder. Without it, name --provider and --plan, or --limit.
    """
    if record is None:
        if every:
            raise UsageError("--poll-every needs the record of a load run, which says how long deliveries take")
        profile = load_catalog(provider).profile if provider else None
        quota = _quota(profile, plan, limit, window)
        show_capacity(
            _title(profile, plan, ": "), planned(quota, polls) if polls else planned(quota, GUESSED_POLLS, GUESS)
        )
        return
    if polls:
        raise UsageError("--polls-per-message is read from the record; leave one of the two out")
    record = record_at(record)
    lines = [line for line in _lines(record) if provider in {None, line.get("provider")}]
    if not lines:
        raise UsageError(f"{record} has no result of the provider {provider!r}")
    for line in lines:
        try:
            _show_measured(line, plan, limit, window, every or INTERVALS, seed)
        except (KeyError, TypeError, ValueError, IndexError) as problem:
            raise RecordError(f"{record} has a load result that cannot be read: {problem!r}") from problem


def _show_measured(  # noqa: PLR0913, PLR0917 - the options of a command line
    line: Mapping[str, Any],
    plan: str | None,
    limit: int | None,
    window: float | None,
    every: Sequence[float],
    seed: int,
) -> None:
    catalog = load_catalog(line["provider"])
    profile, operations = catalog.profile, catalog.openapi.operations
    only_read = all(name in operations and operations[name].method == "GET" for name in line["operations"])
    for quota, roles in _by_key(_quota(profile, plan, limit, window, line), line):
        chance = random.Random(seed)  # noqa: S311 - weights of a bootstrap, no secret
        answer = measured(quota, line, every, chance)
        if only_read:
            answer = replace(answer, ways=(), evidence=NOTHING_SENT)
        keys = f" ({', '.join(roles)})" if roles else ""
        show_capacity(f"{_title(profile, plan)}, {line['scenario']}{keys}: ", answer)


def _by_key(quota: Quota, line: Mapping[str, Any]) -> list[tuple[Quota, list[str]]]:
    """The quotas of the run with the keys that have each; no keys where all have the same."""
    limits = limits_by_key(line) if quota.announced else {}
    if len(set(limits.values())) < 2:
        return [(quota, [])]
    each = sorted(set(limits.values()))
    return [(replace(quota, requests=one), [role for role in limits if limits[role] == one]) for one in each]


def _lines(record: Path) -> list[dict[str, Any]]:
    """The results of a load run. Raises RecordError for another record, IncompleteError for a run broken off."""
    run = read_run(record)
    lines = [dict(one) for one in run.results if one["kind"] == LOAD]
    if not lines:
        raise RecordError(f"{record} is no record of a load run; name reports/load/run.ndjson, or a --plan")
    if not run.complete:
        raise IncompleteError(f"{record} was broken off ({run.reason}), so it says nothing of capacity; run it again")
    return lines


def _quota(
    profile: Profile | None,
    plan: str | None,
    limit: int | None,
    window: float | None,
    line: Mapping[str, Any] | None = None,
) -> Quota:
    """The limit that was given, else the plan's, else what the run's answers named, else the provider's."""
    known = profile.rate_limit if profile else None
    seconds = window or (known.window_seconds if known else 60.0)
    if limit:
        return Quota(limit, seconds, "--limit")
    if plan:
        plans = known.plans if known else {}
        if plan not in plans:
            told = ", ".join(plans) or "none: the documents name no plan"
            raise UsageError(f"there is no plan {plan!r} to look up; known are {told}. Or give --limit")
        return Quota(plans[plan], seconds, f"the documented plan {plan}")
    seen = [row[5] for row in line["series"] if row[5]] if line else []
    if seen:
        return Quota(max(seen), seconds, "the answers of the run", announced=True)
    if known is None or known.requests is None:
        raise UsageError("capacity needs a limit: name --provider and --plan, or --limit and --window")
    if known.plans and not line:
        raise UsageError(f"name a --plan of this provider: {', '.join(known.plans)}; or give --limit")
    origin = "the documents" if known.documented else "a guess, since the documents name no number; give --limit"
    return Quota(known.requests, seconds, origin, guessed=not known.documented)


def _title(profile: Profile | None, plan: str | None, end: str = "") -> str:
    """Who and which plan, and the end when there is any of them."""
    text = ", ".join(filter(None, [profile.title if profile else "", f"plan {plan}" if plan else ""]))
    return text and text + end
