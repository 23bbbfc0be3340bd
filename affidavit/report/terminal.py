"""What a tired engineer reads in ten seconds: what is broken, what is open and what would decide it, the counts."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from affidavit.catalog import Catalog
from affidavit.finding import Finding, Verdict, VerdictKind
from affidavit.plan import Plan
from affidavit.probes.script import Probe
from affidavit.report.reasons import Group, grouped
from affidavit.report.replay import EMBEDDED, Replay, proof_of
from affidavit.report.text import as_line
from affidavit.sandbox.deviation import Deviation
from affidavit.score import BUDGET, MARKS, Score
from affidavit.verdict import Result
from affidavit.words import counted

MOST_IN_FULL = 10
"""Ways of being broken that are shown with their proof; claims broken in another way have a line each."""
MOST_DIFFERENT = 5
NARROWEST, WIDEST = 40, 120
FEW_BLANKS = 4


SANDBOX_PLAN = (
    "No key was given, so this plans a run on the embedded sandbox, which has a key for every role. "
    "For a real target name it with --target, or your keys with --keys."
)
ASSUMED = "No key was given, so this assumes a key of the role main. Name your keys with --keys."


def show_summary(catalog: Catalog, result: Result, replay: Replay, folder: Path, seconds: float) -> None:
    """The verdicts, what the run cost, and where its files are."""
    show_verdicts(catalog, result, replay)
    click.echo(
        f"  {counted(result.sent, 'request')}, {seconds:.1f} s; "
        f"files: {folder}/report.html, run.ndjson, verdicts.json, junit.xml"
    )


def show_verdicts(catalog: Catalog, result: Result, replay: Replay) -> None:
    """Every broken claim with its proof, why others are undecided, and last the counts."""
    _show_title(f"{catalog.profile.title}, {replay.where}")
    by_kind = {kind: [one for one in result.verdicts if one.kind is kind] for kind in VerdictKind}
    broken = sorted(by_kind[VerdictKind.BROKEN], key=lambda one: catalog.claims[one.claim].priority)
    _show_all_broken(catalog, result, broken, replay)
    _show_different(catalog, by_kind[VerdictKind.OBSERVED])
    _show_groups(grouped(catalog, {one.claim: one.reason for one in by_kind[VerdictKind.UNDECIDED]}))
    if result.stopped:
        click.secho(_wrapped(f"incomplete: {_safe(result.stopped)}", "  "), fg="yellow")
    counts = ", ".join(f"{len(some)} {kind.value}" for kind, some in by_kind.items())
    summary = _wrapped(f"{counted(len(result.verdicts), 'claim')}: {counts}", "  ")
    click.secho(summary, fg="red" if broken else "green", bold=True)


def show_plan(catalog: Catalog, planned: Plan, budget: int | None, target: str | None, *, known_keys: bool) -> None:
    """What a run would ask, in order, and what it would come to."""
    within = f", budget {budget}" if budget else ""
    _show_title(f"{catalog.profile.title}, {target or EMBEDDED}{within}")
    if not known_keys:
        click.echo(_wrapped(ASSUMED if target else SANDBOX_PLAN, "  "))
    click.echo("  requests   sum  probe")
    asked = 0
    for turn in planned.turns:
        asked += turn.most
        _show_cut(f"  {turn.most:>8} {asked:>5}  {turn.probe.id:<22} {_asked(turn.probe, catalog)}")
    _show_groups(grouped(catalog, planned.undecided))
    total = len(catalog.claims)
    summary = f"up to {counted(planned.requests, 'request')} decide {len(planned.decided)} of {total} claims"
    click.secho(_wrapped(summary, "  "), bold=True)
    limit = catalog.profile.rate_limit
    if target and limit.requests:
        seconds = planned.seconds(limit.requests, limit.window_seconds)
        pace = f"{limit.requests} requests per {limit.window_seconds:.0f} s and key"
        click.echo(_wrapped(f"about {_lasting(seconds)} of waiting at {pace}", "  "))


def _asked(probe: Probe, catalog: Catalog) -> str:
    """What a turn is about: the probe, or which of its steps are asked now."""
    if probe.calls == catalog.script.probes[probe.id].calls:
        return probe.about
    return f"only {', '.join(call.id for call in probe.calls)}"


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


def show_deviations(provider: str, faults: Mapping[str, Deviation], variants: Mapping[str, Deviation]) -> None:
    """Every fault and variant of a provider's sandbox, by family."""
    _show_deviations(f"{provider}: {len(faults)} faults, each breaks a promise of the documents", faults.values())
    _show_deviations(f"{provider}: {len(variants)} variants, each is a legal reading of them", variants.values())


def _show_deviations(title: str, rows: Iterable[Deviation]) -> None:
    click.secho(title, bold=True)
    for family in sorted({row.family for row in rows}):
        click.echo(f"  {family}")
        for row in rows:
            if row.family == family:
                click.echo(f"    {row.name:<40} {row.says}")


def _show_all_broken(catalog: Catalog, result: Result, broken: list[Verdict], replay: Replay) -> None:
    ways: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in broken:
        shown = _clearest(result, verdict)
        ways.setdefault((shown.expected, shown.got), []).append(verdict)
    for number, (first, *others) in enumerate(ways.values()):
        _show_claim(catalog, first)
        if number < MOST_IN_FULL:
            _show_proof(result, first, replay)
        if others:
            click.echo(f"    broken in the same way, {len(others)} more:")
        for other in others:
            _show_claim(catalog, other)
    if len(ways) > MOST_IN_FULL:
        click.echo("  verdicts.json has the findings that are not shown here")
    if broken and replay.sandbox:
        click.echo(f"  The curl commands are for the same sandbox, served by: {replay.sandbox}")


def _show_proof(result: Result, verdict: Verdict, replay: Replay) -> None:
    shown = _clearest(result, verdict)
    click.echo(_wrapped(_safe(shown.expected), "    expected  "))
    click.echo(_wrapped(_safe(shown.got), "    got       "))
    proof = proof_of(result.evidence.exchanges, shown)
    if proof:
        click.echo(f"    {as_line(replay.curl(proof))}")
    if more := len(verdict.findings) - 1:
        click.echo(f"    and {more} more in verdicts.json")


def _clearest(result: Result, verdict: Verdict) -> Finding:
    """The first finding whose request anybody can repeat, unless each has none or was sent with a key that is gone."""

    def hidden(finding: Finding) -> int:
        proof = proof_of(result.evidence.exchanges, finding)
        return 2 if proof is None else int("⟨secret" in f"{proof.request}")

    return min(verdict.findings, key=hidden)


def _show_claim(catalog: Catalog, verdict: Verdict) -> None:
    claim = catalog.claims[verdict.claim]
    often = f", {verdict.reason}" if verdict.reason else ""
    head = f"  BROKEN {claim.id}  "
    text = _wrapped(f"{claim.says} ({claim.place}{often})", head)
    click.echo(click.style(text[: len(head)], fg="red", bold=True) + text[len(head) :])


def _show_different(catalog: Catalog, observed: list[Verdict]) -> None:
    """The doubtful points on which the target does not do what the chosen reading expects."""
    different = [one for one in observed if one.reason.startswith("differs")]
    for one in different[:MOST_DIFFERENT]:
        claim = catalog.claims[one.claim]
        seen = one.reason.removeprefix("differs: ")
        reading = f" [{claim.reading}]" if claim.reading else ""
        click.echo(_wrapped(f"{claim.says}{reading} Seen: {_safe(seen)}", f"  observed {claim.id}  "))
    rest = len(different) - MOST_DIFFERENT
    if rest > 0:
        click.echo(f"  observed: {rest} more differ, each in verdicts.json")


def _show_groups(groups: list[Group]) -> None:
    for group in groups:
        click.echo(_wrapped(_safe(group.text), f"  undecided {group.count:>3}  "))
        if group.do:
            click.echo(_wrapped(group.do, " " * min(17, _indent(17)) + "-> "))


def _show_title(text: str) -> None:
    click.echo()
    click.secho(_wrapped(text, ""), bold=True)


def _wrapped(text: str, head: str) -> str:
    """The text behind its head, in lines as wide as the terminal, all after the first indented like the first.

    Only what a reader copies, a command or a path, stays whole.
    """
    return textwrap.fill(
        text,
        terminal_width(),
        initial_indent=head,
        subsequent_indent=" " * _indent(len(head)),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _indent(wanted: int) -> int:
    """So many blanks, or few where they would take too much of the terminal."""
    return wanted if wanted <= terminal_width() // 3 else FEW_BLANKS


def _show_cut(line: str) -> None:
    width = terminal_width()
    click.echo(line if len(line) <= width else line[: width - 1].rstrip() + "…")


def terminal_width() -> int:
    """Columns to fill."""
    return min(max(shutil.get_terminal_size((WIDEST, 24)).columns, NARROWEST), WIDEST)


def _lasting(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _safe(text: str, most: int = 300) -> str:
    """Provider text without control characters, capped."""
    shown = as_line(text)
    return shown if len(shown) <= most else shown[:most] + "…"
