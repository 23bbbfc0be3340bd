"""The summary a tired engineer reads in ten seconds."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

import click

from affidavit.catalog import Catalog
from affidavit.exchange import Exchange
from affidavit.finding import Verdict, VerdictKind
from affidavit.plan import Plan
from affidavit.redaction import PLACEHOLDER
from affidavit.score import BUDGET, MARKS, Score
from affidavit.verdict import Result

MOST_REASONS = 8
ABOUT = 80


def show_summary(catalog: Catalog, result: Result, folder: Path, seconds: float) -> None:
    """Counts, every broken claim with its proof, and why the rest is undecided."""
    counts = Counter(one.kind for one in result.verdicts)
    line = ", ".join(f"{counts[kind]} {kind.value}" for kind in VerdictKind)
    cost = f"{result.sent} requests, {seconds:.1f} s"
    click.echo(f"\n{catalog.profile.title}: {len(result.verdicts)} claims: {line}; {cost}")
    for verdict in result.verdicts:
        if verdict.kind is VerdictKind.BROKEN:
            _show_broken(catalog, result, verdict)
    reasons = Counter(one.reason for one in result.verdicts if one.kind is VerdictKind.UNDECIDED)
    _show_reasons(reasons)
    click.echo(f"  files: {folder}/run.ndjson verdicts.json junit.xml")


def show_plan(catalog: Catalog, planned: Plan, budget: int | None) -> None:
    """What a run would ask, in order, and what it would come to."""
    title, total = catalog.profile.title, len(catalog.claims)
    within = f" with a budget of {budget}" if budget else ""
    click.echo(f"\n{title}{within}: up to {planned.requests} requests decide {len(planned.decided)} of {total} claims")
    limit = catalog.profile.rate_limit
    if limit.requests:
        minutes = planned.seconds(limit.requests, limit.window_seconds) / 60
        click.echo(f"  about {minutes:.0f} min at {limit.requests} requests per {limit.window_seconds:.0f} s and key")
    asked = 0
    for probe in planned.probes:
        asked += planned.costs[probe.id]
        click.echo(f"  {planned.costs[probe.id]:>5} {asked:>5}  {probe.id:<22} {probe.about[:ABOUT]}")
    _show_reasons(Counter(planned.undecided.values()))


def show_score(result: Score, seconds: float) -> None:
    """The table of `make score`."""
    faults = result.of("fault")
    found = len(faults) - len(result.missed)
    click.echo(f"\nfaults found           {found} of {len(faults)}")
    for mark in MARKS:
        part = result.within(mark)
        click.echo(f"  within {mark:>3} requests  {part} ({part / max(1, len(faults)):.0%})")
    click.echo(f"APFD within {BUDGET}        {result.apfd():.2f}")
    tried = {kind: len(result.of(kind)) for kind in ("variant", "seed")}
    click.echo(
        f"false alarms           {len(result.alarms)} in {tried['variant']} variants, {tried['seed']} other seeds"
    )
    click.echo("family                 found")
    for family, hits, total in result.families():
        click.echo(f"  {family:<20} {hits} of {total}")
    for outcome in result.missed:
        click.echo(f"  missed {outcome.trial.provider} {outcome.trial.name}")
    for outcome in result.alarms:
        click.echo(f"  false alarm {outcome.trial.provider} {outcome.trial.name}: {', '.join(outcome.broken)}")
    click.echo(f"{len(result.outcomes)} trials, {seconds:.0f} s")


def _show_reasons(reasons: Counter[str]) -> None:
    for reason, count in reasons.most_common(MOST_REASONS):
        click.echo(f"  undecided {count:>3}: {_safe(reason)}")
    rest = sum(reasons.values()) - sum(count for _, count in reasons.most_common(MOST_REASONS))
    if rest:
        click.echo(f"  undecided {rest:>3}: for other reasons, each in verdicts.json")


def _show_broken(catalog: Catalog, result: Result, verdict: Verdict) -> None:
    claim = catalog.claims[verdict.claim]
    often = f" ({verdict.reason})" if verdict.reason else ""
    click.secho(f"  BROKEN {claim.id} {claim.says} [{claim.place}]{often}", fg="red")
    for finding in verdict.findings[:3]:
        click.echo(f"    expected {_safe(finding.expected)}")
        click.echo(f"    got      {_safe(finding.got)}")
        proof = next((one for one in result.evidence.exchanges if one.seq == finding.exchanges[-1]), None)
        if proof:
            click.echo(f"    {curl(catalog, proof)}")


def curl(catalog: Catalog, exchange: Exchange) -> str:
    """The request as a curl command, the key as a variable."""
    parts = ["curl", "-sS", "-X", exchange.request.method, shlex.quote(exchange.request.url)]
    for name, value in exchange.request.headers:
        if name.lower() != "user-agent":
            text = PLACEHOLDER.sub("$" + catalog.profile.key_env, value)
            parts += ["-H", f'"{name}: {text}"' if text != value else shlex.quote(f"{name}: {value}")]
    if exchange.request.body is not None:
        parts += ["--data-raw", shlex.quote(exchange.request.body)]
    return _safe(" ".join(parts), 600)


def _safe(text: str, most: int = 300) -> str:
    """Provider text without control characters, capped."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    return shown if len(shown) <= most else shown[:most] + "…"
