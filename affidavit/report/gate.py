"""What the gate says: to a person at a terminal, and as annotations of a pull request."""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import click

from affidavit.catalog import Catalog
from affidavit.gate.assessment import Assessment
from affidavit.gate.baseline import Accepted
from affidavit.gate.decision import LOST
from affidavit.gate.difference import Axis, Difference, Severity
from affidavit.gate.performance import Judgement, Speed, verdict
from affidavit.report.terminal import terminal_width
from affidavit.report.text import as_line

MOST_SHOWN = 12
"""Groups of differences that are shown in full."""
MOST_IDS = 3
_INDENT = "    "
_COLOURS = {Severity.BREAKING: "red", Severity.UNKNOWN: "yellow"}
_COMPARED = (Severity.BREAKING, Severity.UNKNOWN, Severity.COMPATIBLE)
_SPEEDS = {Speed.FAIL: "red", Speed.INCONCLUSIVE: "yellow"}
MOST_NAME = 24
_WORDS = {
    Severity.BREAKING: "BREAKING",
    Severity.UNKNOWN: "LOOK AT",
    Severity.COMPATIBLE: "harmless",
    Severity.WEAK: "seldom",
}


def show_assessment(catalog: Catalog, assessment: Assessment, candidate: str, against: str) -> None:
    """Everything the gate found, the worst first, and last whether it opens."""
    decision = assessment.decision
    click.secho(f"\n{catalog.profile.title}: {candidate} against {against}", bold=True)
    _show_new(decision.new)
    _show_entries("EXPIRED", [(entry, f"accepted until {entry.expires}") for _, entry in decision.expired])
    _show_entries("STALE", decision.stale)
    for difference in decision.fixed:
        _say("fixed", _title(difference), "green")
    _show_rest(assessment)
    _show_end(assessment)


def show_documents(title: str, differences: Sequence[Difference]) -> None:
    """In what two documents differ, the worst first, and the counts."""
    click.secho(f"\n{title}", bold=True)
    _show_new(differences, ids=False)
    counts = [f"{sum(one.severity is kind for one in differences)} {kind}" for kind in _COMPARED]
    fails = any(one.severity.fails for one in differences)
    click.secho(f"  {', '.join(counts)}", fg="red" if fails else "green", bold=True)


def show_speed(judgements: Sequence[Judgement], *, in_turn: bool) -> None:
    """A line per operation and quantile, and the verdict of all."""
    click.secho(f"\nSpeed, from runs {'made in turn' if in_turn else 'made one side after the other'}", bold=True)
    for one in judgements:
        name = f"{as_line(one.operation)[:MOST_NAME]:<{MOST_NAME}} p{one.quantile * 100:.0f}"
        if one.before:
            change = f"{one.before * 1000:8.1f} ms -> {one.after * 1000:8.1f} ms"
            name += f" {change}  x {one.ratio:.2f} (from {one.low:.2f} to {one.high:.2f})"
        _say(one.verdict, f"{name} {one.why}".rstrip(), _SPEEDS.get(one.verdict), 12)
    end = verdict(judgements)
    lacking = "" if judgements else ": the runs have no operation in common"
    click.secho(f"  {end}{lacking}", fg=_SPEEDS.get(end, "green"), bold=True)


def pull_request_lines(catalog: Catalog, assessment: Assessment) -> list[str]:
    """GitHub's workflow commands: an error per new difference at the claim's line, as annotations of a pull request."""
    decision = assessment.decision
    lines = [_annotation(catalog, "error", one, "new") for one in decision.failing]
    lines += [_annotation(catalog, "error", one, f"accepted until {entry.expires}") for one, entry in decision.expired]
    lines += [
        f"::error title={_property('Stale in the baseline')}::{_data(f'{one.says} ({why})')}"
        for one, why in decision.stale
    ]
    return lines


def code_quality(catalog: Catalog, assessment: Assessment) -> list[dict[str, Any]]:
    """GitLab's code quality report: what closes the gate, at the claims' lines, as notes of a merge request."""
    decision = assessment.decision
    rows = [(one, "new") for one in decision.failing]
    rows += [(one, f"accepted until {entry.expires}") for one, entry in decision.expired]
    return [
        {
            "description": as_line(f"{one.identity.subject} ({why}): {one.says}{_proof(one)}"),
            "check_name": one.identity.check or one.identity.subject,
            "fingerprint": one.id,
            "severity": "critical" if one.severity is Severity.BREAKING else "major",
            "location": {
                "path": catalog.claims_file,
                "lines": {"begin": catalog.claim_lines.get(one.identity.subject, 1)},
            },
        }
        for one, why in rows
    ]


def _annotation(catalog: Catalog, level: str, one: Difference, why: str) -> str:
    place = ""
    if one.identity.subject in catalog.claim_lines:
        place = f"file={_property(catalog.claims_file)},line={catalog.claim_lines[one.identity.subject]},"
    text = f"{one.says}{_proof(one)} [{one.id}]"
    return f"::{level} {place}title={_property(f'{one.identity.subject} ({why})')}::{_data(text)}"


def _data(text: str) -> str:
    """Text that stays text: what GitHub would obey, or a terminal, is escaped."""
    return as_line(" ".join(text.splitlines())).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _proof(one: Difference) -> str:
    if one.identity.axis != Axis.CLAIM:
        return ""
    return f" Expected {one.before}, got {one.after}. ({one.where})"


def _show_new(new: Sequence[Difference], *, ids: bool = True) -> None:
    groups = _grouped(one for one in new if one.severity != Severity.WEAK)
    for several in groups[:MOST_SHOWN]:
        first = several[0]
        _say(_WORDS[first.severity], _title(first) + _also(several), _COLOURS.get(first.severity))
        if first.identity.axis == Axis.CLAIM:
            click.echo(f"    expected  {as_line(first.before)}")
            click.echo(f"    got       {as_line(first.after)}")
        if ids:
            listed = " ".join(one.id for one in several)
            click.echo(textwrap.fill(listed, terminal_width(), initial_indent=_INDENT, subsequent_indent=_INDENT))
    for several in groups[MOST_SHOWN:]:
        _say(_WORDS[several[0].severity], _title(several[0]) + _also(several), _COLOURS.get(several[0].severity))
    if ids and len(groups) > MOST_SHOWN:
        _say("ids", f"those after the {MOST_SHOWN}th are in changes.md, with all others that close the gate")


def _show_entries(word: str, entries: Iterable[tuple[Accepted, str]]) -> None:
    """Accepted differences that count no longer, those of one claim and reason together."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for entry, why in entries:
        claim = entry.identity.subject if entry.identity.axis == Axis.CLAIM else ""
        text = f"{claim}  {entry.says}" if claim else entry.says
        groups[text, f"{why}; {entry.who} accepted it: {entry.reason}", claim].append(entry.id)
    for (text, why, claim), ids in groups.items():
        _say(word, f"{text} ({why})", "red")
        name = claim if claim and len(ids) > 1 else ids[0]
        again = (
            f"accept RUN {name} --reason ... --who ... --expires DAY"
            if word == "EXPIRED"
            else f"accept RUN --drop {name}"
        )
        click.echo(f"    {', '.join(ids[:MOST_IDS])}{' and more' if len(ids) > MOST_IDS else ''}; affidavit {again}")


def _grouped(differences: Iterable[Difference]) -> list[list[Difference]]:
    """Those that are one for a reader: the ways a claim is broken; the same change of the same field everywhere."""
    groups: dict[tuple[str, ...], list[Difference]] = defaultdict(list)
    for one in differences:
        own = one.identity
        place = re.sub(r"^(\d{3}|the answer \w+|the request|its body)( |$)", "", own.at)
        same: tuple[str, ...] = (own.subject, place, own.got, one.severity)
        if own.axis == Axis.CLAIM:
            same = (own.subject,)
        elif own.subject == "status-changed":
            same = (own.subject, own.operation, one.before, one.after)
        groups[own.axis, *same].append(one)
    order = list(Severity)
    return sorted(
        groups.values(), key=lambda some: (some[0].identity.axis != Axis.CLAIM, order.index(some[0].severity))
    )


def _title(one: Difference) -> str:
    if one.identity.axis == Axis.CLAIM or one.identity.subject in {"reading-changed", LOST}:
        claim = one.identity.subject if one.identity.axis == Axis.CLAIM else one.identity.at
        moved = "" if one.identity.axis == Axis.CLAIM else f" Was {one.before}, is {one.after}."
        return f"{claim}  {one.says} ({one.where}){moved}"
    return one.says


def _also(several: Sequence[Difference]) -> str:
    more = len(several) - 1
    if not more:
        return ""
    word = "way" if several[0].identity.axis == Axis.CLAIM else "place"
    return f" And {more} more {word}{'' if more == 1 else 's'}."


def _show_rest(assessment: Assessment) -> None:
    decision, compared = assessment.decision, assessment.compared
    weak = [one for one in decision.new if one.severity == Severity.WEAK]
    if unanswered := decision.unanswered:
        listed = _some(one.identity.at for one in unanswered)
        next_step = "run it again with the keys and the budget of the earlier run, or without --budget"
        text = f"{len(unanswered)} claims decided before were not asked or not answered now: {listed}; {next_step}"
        _say("incomplete", text, "red", 10)
    chance = [one for one in weak if one in decision.lost and one not in unanswered]
    if chance:
        _say("undecided", f"{len(chance)} decided before: {_some(one.identity.at for one in chance)}")
    if others := len(weak) - len(unanswered) - len(chance):
        _say("seldom", f"{others} more differences were seen too seldom to be called changes")
    if decision.unseen:
        _say("not asked", f"{len(decision.unseen)} accepted differences could not be seen in this run")
    if compared and compared.not_asked:
        _say("not asked", f"{len(compared.not_asked)} steps of the earlier run: {_some(compared.not_asked)}")
    if compared and not compared.limits:
        _say("limits", "not compared, no header announces them: `affidavit limits` measures them")
    if compared is None:
        _say("no measure", "behaviour was not compared: `affidavit accept RUN --measure` takes a run as the measure")


def _show_end(assessment: Assessment) -> None:
    decision = assessment.decision
    counts = [
        f"{len(decision.failing)} new",
        f"{len(decision.known)} known",
        f"{len(decision.expired)} expired",
        f"{len(decision.stale)} stale",
        f"{len(decision.fixed)} fixed",
    ]
    if harmless := sum(one.severity == Severity.COMPATIBLE for one in decision.new):
        counts.append(f"{harmless} harmless")
    if decision.unanswered:
        counts.append(f"{len(decision.unanswered)} not asked again")
    word = "open" if decision.passes else "closed" if decision.closed else "incomplete"
    click.secho(f"  gate {word}: {', '.join(counts)}", fg="green" if decision.passes else "red", bold=True)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    rest = f" and {len(listed) - MOST_IDS} more" if len(listed) > MOST_IDS else ""
    return ", ".join(listed[:MOST_IDS]) + rest


def _say(word: str, text: str, colour: str | None = None, width: int = 9) -> None:
    head = f"  {word:<{width}} "
    filled = textwrap.fill(
        as_line(text),
        terminal_width(),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo(click.style(filled[: len(head)], fg=colour, bold=colour is not None) + filled[len(head) :])
