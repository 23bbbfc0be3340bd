"""One HTML file that holds a whole report: opens offline, asks for nothing, shows text of others as text.

The claims are in the page itself, escaped by the template. Exchanges and charts lie in it as JSON, which the page's own
script shows as text nodes only. The content policy allows exactly that script and style, by their digests, and no
network at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from affidavit.finding import VerdictKind
from affidavit.report.charts import Chart, limit_charts, load_charts
from affidavit.report.embedded import Embedded, embed
from affidavit.report.inline import HERE, VENDOR, digest, json_in_page, own_files
from affidavit.report.limit_lines import facts_of_limit, limit_said
from affidavit.report.load_lines import facts_of_load, quantile_rows
from affidavit.report.rows import ClaimRow, Counts, RunRow, report_of
from affidavit.report.runs import Run
from affidavit.report.text import one_line, visible

SCRIPTS = (VENDOR / "uPlot.iife.min.js", HERE / "page" / "page.js")
STYLES = (VENDOR / "uPlot.min.css", HERE / "page" / "page.css")
KINDS = tuple(
    kind.value for kind in (VerdictKind.BROKEN, VerdictKind.KEPT, VerdictKind.OBSERVED, VerdictKind.UNDECIDED)
)
MOST_TEXT = 2000


def html(runs: Sequence[Run]) -> str:
    """The page."""
    report = report_of(runs)
    charts: list[Chart] = []
    style, script = own_files(STYLES), own_files(SCRIPTS)
    embedded = [embed(run, len(runs)) for run in runs]
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            kinds=KINDS,
            choices=_choices(report.runs),
            limits=[[_limit(line, charts) for line in run.limits] for run in report.runs],
            loads=[[_load(line, charts) for line in run.load] for run in report.runs],
            kept_back=[_kept_back(one) for one in embedded],
            style=style,
            script=script,
            digest={"style": digest(style), "script": digest(script)},
            exchanges=[json_in_page({"rows": one.rows, "whole": one.whole}) for one in embedded],
            charts=json_in_page([asdict(one) for one in charts]),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals["bar"] = _bar
    environment.globals["searched"] = _searched
    environment.filters["number"] = "{:,}".format
    return environment


def _shown(value: Any) -> Any:  # noqa: ANN401 - whatever a template prints
    """Text of others without anything unseen, and never endless; markup of our own as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value if len(value) <= MOST_TEXT else f"{value[:MOST_TEXT]}… ({len(value):,} characters)")
    return value


def _searched(claim: ClaimRow) -> str:
    """What the search looks at."""
    parts = (claim.id, claim.says, claim.document, claim.operation, claim.family, claim.reason)
    found = " ".join([*parts, *(f"{one.check} {one.got}" for one in claim.findings[:5])])
    return one_line(found, 1000).casefold()


def _bar(counts: Counts) -> list[tuple[str, float, float]]:
    """Verdict, start and width of each part of a bar that is 100 wide."""
    at, parts = 0.0, []
    for kind in KINDS:
        width = 100 * getattr(counts, kind) / max(counts.total, 1)
        if width:
            parts.append((kind, round(at, 3), round(width, 3)))
        at += width
    return parts


def _choices(runs: Sequence[RunRow]) -> dict[str, list[str]]:
    """Values of each filter."""
    claims = [(run, claim) for run in runs for claim in run.claims]
    return {
        "provider": sorted({run.provider for run, _ in claims}),
        "operation": sorted({claim.operation for _, claim in claims}),
        "family": sorted({claim.family for _, claim in claims}),
        "priority": sorted({str(claim.priority) for _, claim in claims}),
    }


def _limit(line: Any, charts: list[Chart]) -> dict[str, Any]:  # noqa: ANN401 - a line of a record
    return {
        "said": limit_said(line),
        "facts": list(facts_of_limit(line)),
        "audit": line.get("audit", []),
        "charts": _numbered(charts, limit_charts(line)),
    }


def _load(line: Any, charts: list[Chart]) -> dict[str, Any]:  # noqa: ANN401 - a line of a record
    return {
        "provider": str(line.get("provider", "")),
        "title": str(line.get("scenario", "load")),
        "facts": list(facts_of_load(line)),
        "quantiles": list(quantile_rows(line)),
        "thresholds": line.get("thresholds", []),
        "bottleneck": line.get("bottleneck", ""),
        "charts": _numbered(charts, load_charts(line)),
    }


def _numbered(charts: list[Chart], more: Any) -> list[tuple[int, Chart]]:  # noqa: ANN401 - an iterator of charts
    """The charts with their numbers in the page."""
    found = []
    for chart in more:
        found.append((len(charts), chart))
        charts.append(chart)
    return found


def _kept_back(one: Embedded) -> str:
    """What of a run's exchanges is not in the page, in words."""
    if not one.total:
        return "The record holds no exchanges."
    if not one.left_out:
        return f"All {one.total:,} exchanges are in this file, with headers and bodies."
    parts = [f"Of {one.total:,} exchanges, {len(one.whole):,} are in this file with headers and bodies"]
    parts.append(
        f"{one.unproven:,} that prove a finding are not" if one.unproven else "among them all that prove a finding"
    )
    listed = f" {one.unlisted:,} are not listed." if one.unlisted else " The others are listed."
    return f"{', '.join(parts)}.{listed} The record has them all."
