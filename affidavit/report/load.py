"""What a load run came to: `load.html`, `load.json`, `load.csv`, `junit.xml`, and what a tired engineer reads."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click

from affidavit.load.results import ALL, COUNTS, QUANTILES
from affidavit.load.thresholds import MEASURES, shown
from affidavit.report.files import xml_text
from affidavit.report.load_html import load_html, picture
from affidavit.words import counted

Line = Mapping[str, Any]
"""A `load` line of the record."""
FILES = ("load.html", "load.json", "load.csv", "junit.xml")
TIMES = ("from_intended", "service")
SHOWN_QUANTILES = ("p50", "p95", "p99", "max")
MOST_KEYS_SHOWN = 5
MOST_PROBLEMS_SHOWN = 5


def write_load(folder: Path, lines: Sequence[Line], broken_off: str = "") -> None:
    """Everything that lies beside the record. `broken_off` says why the run ended early; '' when it did not."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"broken_off": broken_off, "scenarios": [dict(line) for line in lines]}
    (folder / "load.html").write_text(load_html(picture(lines, broken_off)), encoding="utf-8")
    (folder / "load.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
    with (folder / "load.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(table(lines))
    junit(lines, broken_off).write(folder / "junit.xml", encoding="utf-8", xml_declaration=True)


def table(lines: Sequence[Line]) -> Iterator[list[Any]]:
    """Head and rows of `load.csv`: one row per provider, scenario and operation, times in seconds."""
    yield ["provider", "scenario", "operation", *COUNTS, *(f"{name}_{part}" for name in TIMES for part in QUANTILES)]
    for line in lines:
        for operation, counts in line["operations"].items():
            times = line["quantiles"].get(operation, {})
            values = [times.get(name, {}).get(part) for name in TIMES for part in QUANTILES]
            yield [line["provider"], line["scenario"], operation, *(counts[name] for name in COUNTS), *values]


def junit(lines: Sequence[Line], broken_off: str = "") -> ET.ElementTree[ET.Element]:
    """A case per threshold, and one per scenario that says whether the run can be judged at all."""
    suites = ET.Element("testsuites", name="affidavit.load")
    for line in lines:
        cases = [_sound_case(line, broken_off), *(_case(line, one) for one in line["thresholds"])]
        suite = ET.SubElement(
            suites,
            "testsuite",
            name=xml_text(f"affidavit.load.{line['provider']}.{line['scenario']}"),
            tests=str(len(cases)),
            failures=str(sum(case.find("failure") is not None for case in cases)),
            errors=str(sum(case.find("error") is not None for case in cases)),
            skipped=str(sum(case.find("skipped") is not None for case in cases)),
        )
        suite.extend(cases)
    return ET.ElementTree(suites)


def _sound_case(line: Line, broken_off: str) -> ET.Element:
    case = _named_case(line, "the run can be judged")
    problem = _unsound(line, broken_off)
    if problem:
        ET.SubElement(case, "error", message=xml_text(problem))
    return case


def _case(line: Line, threshold: Mapping[str, Any]) -> ET.Element:
    case = _named_case(line, f"{threshold['name']} at most {shown(threshold['name'], threshold['limit'])}")
    text = xml_text(f"{_exact(threshold)}; {MEASURES[threshold['name']].about}")
    if threshold["kept"] is None:
        ET.SubElement(case, "skipped", message=f"no verdict: {text}")
    elif not threshold["kept"]:
        ET.SubElement(case, "failure", message=text)
    return case


def _named_case(line: Line, name: str) -> ET.Element:
    return ET.Element("testcase", classname=xml_text(f"{line['provider']}.{line['scenario']}"), name=xml_text(name))


def _unsound(line: Line, broken_off: str) -> str:
    nothing = "" if line["offered"] else "nothing was planned in its time"
    return "; ".join(filter(None, [broken_off, line["bottleneck"], nothing]))


def _exact(threshold: Mapping[str, Any]) -> str:
    """What came, with as many digits as tell it from the limit."""
    name, limit, got = threshold["name"], threshold["limit"], threshold["got"]
    text = shown(name, got)
    return f"{got} against {limit}" if threshold["kept"] is False and text == shown(name, limit) else text


def show_load(lines: Sequence[Line], folder: Path, broken_off: str = "", *, written: bool = True) -> None:
    """Every scenario: what was asked and answered, how fast, what arrived, and the thresholds last."""
    for line in lines:
        click.secho(f"\n{line['provider']}, {line['scenario']}{_planned(line['plan'])}", bold=True)
        for text in (*_traffic(line), *_latencies(line), *_deliveries(line), *_keys(line)):
            click.echo(f"  {text}")
        _show_verdict(line, broken_off)
    if broken_off:
        click.secho(f"  broken off: {broken_off}", fg="yellow")
    if written:
        click.echo(f"  files: {folder}/run.ndjson, {', '.join(FILES)}")


def _planned(plan: Mapping[str, Any]) -> str:
    parts = [
        f"{plan['rate']:g}/s" if plan.get("rate") else "",
        f"{plan['arrivals']} arrivals" if plan.get("arrivals") else "",
        f"for {plan['duration']:g} s" if plan.get("duration") else "",
    ]
    text = " ".join(filter(None, parts))
    return f": {text}" if text else ""


def _traffic(line: Line) -> Iterator[str]:
    outcomes, recovery = line["outcomes"], line["recovery"]
    lost = f", {line['dropped']} dropped" if line["dropped"] else ""
    lost += f", {line['unsent']} still waiting for their key at the end" if line["unsent"] else ""
    lost += f", {line['late']} late" if line["late"] else ""
    yield f"{line['offered']} wanted, {counted(line['sent'], 'request')} sent{lost}; {line['goodput']:.3g} successes/s"
    failed = outcomes["failed"] + outcomes["timeout"]
    share = shown("limited", line["limited_share"])
    yield f"{outcomes['ok']} ok, {outcomes['limited']} with 429 ({share}), {failed} failed"
    for problem, times in list(line["problems"].items())[:MOST_PROBLEMS_SHOWN]:
        yield f"  {times} x {problem}"
    if outcomes["limited"]:
        waits = recovery["waits"]
        asked = f"asked to wait {shown('p50', waits['p50'])} (median)" if waits["count"] else "asked for no wait"
        back = f"{recovery['recovered']} of {recovery['retried']} got through after the wait"
        early = f"{line['early_retries']} sent before it was over"
        yield f"429: {asked}; {back}, {early}"


def _latencies(line: Line) -> Iterator[str]:
    names = [name for name in line["quantiles"] if name != ALL and line["quantiles"][name]["service"]["count"]]
    if not names:
        yield "nothing was answered in a way that can be timed"
        return
    wide = max(map(len, [*names, "milliseconds"]))
    columns = "".join(f"{name:>8}" for name in SHOWN_QUANTILES)
    yield f"{'':{wide}}  {'from the plan':>{8 * len(SHOWN_QUANTILES)}}  {'from sending':>{8 * len(SHOWN_QUANTILES)}}"
    yield f"{'milliseconds':{wide}}  {columns}  {columns}"
    for name in names if len(names) == 1 else [*names, ALL]:
        halves = (
            "".join(f"{_milliseconds(line['quantiles'][name][times][part]):>8}" for part in SHOWN_QUANTILES)
            for times in TIMES
        )
        yield f"{name:{wide}}  {'  '.join(halves)}"


def _milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.1f}" if seconds < 0.1 else f"{seconds * 1000:.0f}"


def _deliveries(line: Line) -> Iterator[str]:
    for by, states in line["delivery"].items():
        for state, one in states.items():
            missing = f", {one['censored']} not by the end" if one["censored"] else ""
            missing += f", {one['failed']} failed" if one["failed"] else ""
            times = ", ".join(f"{part} {_or_never(one[part])}" for part in ("p50", "p95"))
            yield f"{state} by {by}: {one['seen']} of {one['watched']}{missing}; {times}"


def _or_never(seconds: float | None) -> str:
    return "not reached" if seconds is None else shown("p50", seconds)


def _keys(line: Line) -> Iterator[str]:
    if len(line["keys"]) < 2:
        return
    for role, one in list(line["keys"].items())[:MOST_KEYS_SHOWN]:
        yield f"key {role}: {one['sent']} sent, {one['limited']} with 429, {one['early_retries']} sent too early"
    rest = len(line["keys"]) - MOST_KEYS_SHOWN
    if rest > 0:
        yield f"{rest} more keys, in load.json"


def _show_verdict(line: Line, broken_off: str) -> None:
    for one in line["thresholds"]:
        word, colour = {True: ("kept", "green"), False: ("BROKEN", "red"), None: ("no verdict", "yellow")}[one["kept"]]
        limit = shown(one["name"], one["limit"])
        click.echo("  " + click.style(f"{word:<10}", fg=colour) + f"  {one['name']} at most {limit}: {_exact(one)}")
    problem = _unsound(line, broken_off)
    if problem:
        click.secho(f"  no verdict: {problem}", fg="yellow")
