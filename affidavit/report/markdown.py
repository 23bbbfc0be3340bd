"""A report as Markdown, for the summary of a CI job: what is broken with its proof, what would decide the rest.

Text of the provider is escaped or stands in code blocks, and phone numbers are hidden: such pages are often public.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from affidavit.finding import VerdictKind
from affidavit.report.changes import fenced, plain
from affidavit.report.limit_lines import limit_said
from affidavit.report.load_lines import load_said
from affidavit.report.rows import ClaimRow, Report, RunRow
from affidavit.words import counted

MOST_CLAIMS = 30
"""Broken claims of one run with their proof; the others have a line each."""
MOST_LINES = 300
MARKS = {"broken": "BROKEN", "incomplete": "INCOMPLETE", "kept": "KEPT"}


def markdown(report: Report) -> str:
    """The whole page."""
    lines = [f"## {MARKS[report.verdict]}: {plain(report.headline)}", ""]
    lines += ["| run | kept | broken | observed | undecided | requests |", "|---|--:|--:|--:|--:|--:|"]
    lines += [_run_line(run) for run in report.runs]
    for run in report.runs:
        lines += ["", *_run(run)]
    return "\n".join(lines).rstrip() + "\n"


def _run_line(run: RunRow) -> str:
    name = f"{plain(run.title)} {run.what}, {plain(run.where)}{'' if run.complete else ' (not complete)'}"
    counts = run.counts
    cells = (name, counts.kept, counts.broken, counts.observed, counts.undecided, run.requests)
    return f"| {' | '.join(map(str, cells))} |"


def _run(run: RunRow) -> Iterator[str]:
    broken = [one for one in run.claims if one.verdict == VerdictKind.BROKEN]
    if broken or run.undecided or run.load or run.limits or not run.complete:
        yield f"### {plain(run.title)}, {run.what}"
    if not run.complete:
        yield from ("", f"The run is not complete: {plain(run.reason)}")
    for claim in broken[:MOST_CLAIMS]:
        yield from ("", *_claim(claim, hide=not run.sandbox))
    rest = [f"- **{one.id}** {plain(one.says)} ({plain(_place(one))})" for one in broken[MOST_CLAIMS:][:MOST_LINES]]
    yield from ("", *rest)
    if run.undecided:
        yield from ("", "<details><summary>What would decide the rest</summary>", "")
        yield from (
            f"- {counted(one.count, 'claim')} {plain(one.text)}{f' → {plain(one.do)}' if one.do else ''}"
            for one in run.undecided
        )
        yield from ("", "</details>")
    yield from (f"- {plain(limit_said(one))}" for one in run.limits)
    yield from (f"- {text}" for one in run.load for text in _load(one))


def _claim(claim: ClaimRow, *, hide: bool) -> Iterator[str]:
    often = f", {claim.reason}" if claim.reason else ""
    yield f"**{claim.id}** {plain(claim.says)} ({plain(_place(claim))}{plain(often)})"
    yield ""
    for finding in claim.findings[:1]:
        at = [f"at        {finding.pointer}"] * bool(finding.pointer)
        curl = ["", finding.curl] * bool(finding.curl)
        yield from fenced([f"expected  {finding.expected}", f"got       {finding.got}", *at, *curl], hide=hide)
    if len(claim.findings) > 1:
        yield f"And {len(claim.findings) - 1} more ways."


def _place(claim: ClaimRow) -> str:
    return f"{claim.document}:{claim.line}"


def _load(one: Mapping[str, Any]) -> Iterator[str]:
    yield plain(load_said(one))
    for threshold in one.get("thresholds", ()):
        word = {True: "kept", False: "**not kept**"}.get(threshold.get("kept"), "no verdict")
        named = plain(f"{one.get('scenario', '')}: {threshold.get('name')} at most {threshold.get('limit')}")
        yield f"{named}, got {plain(str(threshold.get('got')))}: {word}"
    if one.get("bottleneck"):
        yield f"{plain(str(one.get('scenario', '')))}: no verdict, {plain(str(one['bottleneck']))}"
