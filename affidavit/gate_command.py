"""`affidavit gate` and `affidavit accept`: wiring, files, today's date."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from affidavit.documents import catalog_without_claims, load_catalog
from affidavit.errors import ExitCode, IncompleteError, RecordError, UsageError
from affidavit.evidence import Evidence
from affidavit.gate.assessment import Assessment, Judged, assess
from affidavit.gate.baseline import FORMAT, Baseline, accept, drop, dumps, loads, measured
from affidavit.gate.decision import Decision
from affidavit.gate.difference import Difference
from affidavit.gate.limits import searched
from affidavit.gate.performance import Speed, verdict
from affidavit.gate_documents import compared
from affidavit.gate_speed import compared_speed
from affidavit.recorded import CONTRACT, LIMITS, Recorded, rejudged
from affidavit.recorder import RECORD, read_record, read_run, record_at
from affidavit.report.changes import changes, tells
from affidavit.report.files import REPORTS
from affidavit.report.gate import code_quality, pull_request_lines, show_assessment, show_documents, show_speed
from affidavit.report.runs import records
from affidavit.report.text import as_line

COMPARED = frozenset({CONTRACT, LIMITS})
BASELINES = REPORTS / "baseline"
READABLE = 0o644
_NO_NAME = re.compile(r"[^\w.-]+")

_SPEED = {Speed.PASS: ExitCode.KEPT, Speed.FAIL: ExitCode.BROKEN, Speed.INCONCLUSIVE: ExitCode.UNREACHABLE}


def _day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    """A calendar day. Raises BadParameter with what was expected."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as problem:
        raise click.BadParameter(f"{value!r} is no day: write it like 2030-01-31") from problem


_today_option = click.option(
    "--today",
    metavar="DAY",
    callback=_day,
    default=lambda: datetime.now(UTC).date().isoformat(),
    show_default="the system's date",
    help="The day that expiry is judged by.",
)


@dataclass(frozen=True)
class Against:
    """What a run is held against."""

    name: str
    baseline: Baseline
    earlier: Judged | None = None
    """The run that was named as the baseline."""

    def serves(self, provider: str, what: str) -> bool:
        """Whether a run of this provider and kind can be held against it."""
        return self.baseline.provider == provider and (self.earlier is None or self.earlier.what == what)

    def assess(self, candidate: Judged, today: date) -> Assessment:
        """Hold a run against it. Raises UsageError when it is of another provider."""
        provider = candidate.catalog.provider
        if self.baseline.provider != provider:
            raise UsageError(
                f"{self.name} is of {self.baseline.provider}, and the run of {provider}: name its own baseline"
            )
        if self.earlier:
            return assess(candidate, (), self.earlier.measure(today), self.earlier.broken, today)
        accepted, measure = self.baseline.accepted_of(candidate.what), self.baseline.measure_of(candidate.what)
        return assess(candidate, accepted, measure, [], today)


@click.command("gate")
@click.argument("runs", nargs=-1, metavar="[RUN]...", type=click.Path(path_type=Path))
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A baseline, or an earlier run, to compare with; reports/baseline/<provider>.json when left out. Repeatable.",
)
@click.option(
    "--changes", "page", type=click.Path(path_type=Path), help="Where to write changes.md. [default: beside the run]"
)
@click.option(
    "--annotate", is_flag=True, help="Print annotations of a pull request on GitHub as well, at the claims' lines."
)
@click.option(
    "--code-quality", "report", type=click.Path(path_type=Path), help="Write GitLab's code quality report to this file."
)
@click.option("--documents", is_flag=True, help="Compare two OpenAPI documents, not runs: OLD and NEW in their place.")
@click.option("--provider", default="", help="With --documents: the provider whose own document is one of the two.")
@click.option("--target", metavar="URL", help="With --documents and --provider: compare with what this host publishes.")
@click.option("--keys", "keys_file", type=click.Path(path_type=Path), help="TOML file with keys by role, for --target.")
@click.option("--speed", is_flag=True, help="Compare how fast several runs were with several that --baseline names.")
@_today_option
def gate_command(  # noqa: PLR0913, PLR0917 - the options of a command line
    runs: tuple[Path, ...],
    baselines: tuple[Path, ...],
    page: Path | None,
    annotate: bool,  # noqa: FBT001 - a flag of a command line
    report: Path | None,
    documents: bool,  # noqa: FBT001 - as above
    provider: str,
    target: str | None,
    keys_file: Path | None,
    speed: bool,  # noqa: FBT001 - as above
    today: date,
) -> None:
    """Say what changed since the baseline, and whether an upgrade may go on."""
    if documents:
        title, differences = compared(runs, provider, target, keys_file)
        show_documents(title, differences)
        sys.exit(ExitCode.BROKEN if any(one.severity.fails for one in differences) else ExitCode.KEPT)
    if speed:
        in_turn, judgements = compared_speed(baselines, runs)
        show_speed(judgements, in_turn=in_turn)
        sys.exit(_SPEED[verdict(judgements)])
    against = [_against(path) for named in baselines for path in _each(named)]
    codes, pages = {ExitCode.KEPT}, dict[Path, str]()
    issues: list[dict[str, Any]] = []
    for path in [path for named in runs for path in _each(named)] or _latest():
        judged = read_judged(path)
        chosen = _chosen(against, judged, baselines)
        assessment = chosen.assess(judged, today)
        show_assessment(judged.catalog, assessment, str(path), chosen.name)
        written = page or _one_run(path).parent / "changes.md"
        pages[written] = "\n".join(filter(None, (pages.get(written), changes(judged, assessment, chosen.name))))
        write_whole(written, pages[written])
        says = "to send to the provider" if tells(assessment) else "nothing changed, and so says"
        click.echo(f"  {says}: {written}")
        for line in pull_request_lines(judged.catalog, assessment) if annotate else ():
            click.echo(line)
        issues += code_quality(judged.catalog, assessment)
        codes.add(_code(assessment.decision))
    if report:
        write_whole(report, json.dumps(issues, indent=1) + "\n")
    sys.exit(next(code for code in (ExitCode.BROKEN, ExitCode.UNREACHABLE, ExitCode.KEPT) if code in codes))


def _code(decision: Decision) -> ExitCode:
    """What was found weighs more than what could not be found."""
    if decision.passes:
        return ExitCode.KEPT
    return ExitCode.BROKEN if decision.closed else ExitCode.UNREACHABLE


@click.command("accept")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("findings", nargs=-1, metavar="[FINDING]...")
@click.option("--reason", default="", help="Why it is accepted.")
@click.option("--who", default="", help="Who answers for it.")
@click.option("--expires", metavar="DAY", callback=_day, help="The day until which it is accepted, like 2030-01-31.")
@click.option(
    "--comes-and-goes", is_flag=True, help="It is not seen in every run: do not call it stale when it is absent."
)
@click.option(
    "--drop", "dropped", multiple=True, metavar="FINDING", help="Take an entry out of the baseline. Repeatable."
)
@click.option("--measure", is_flag=True, help="Take this run's behaviour as the measure of later ones.")
@click.option(
    "--baseline", "path", type=click.Path(path_type=Path), help="The file. [default: reports/baseline/<provider>.json]"
)
@_today_option
def accept_command(  # noqa: PLR0913, PLR0917 - the options of a command line
    run: Path,
    findings: tuple[str, ...],
    reason: str,
    who: str,
    expires: date | None,
    comes_and_goes: bool,  # noqa: FBT001 - a flag of a command line
    dropped: tuple[str, ...],
    measure: bool,  # noqa: FBT001 - as above
    path: Path | None,
    today: date,
) -> None:
    """Move findings of a run into the baseline, each by its id, or all of a claim by the claim's id."""
    judged = read_judged(run)
    file = path or _own_baseline(judged.catalog.provider)
    baseline = read_baseline(file) if file.exists() else Baseline(judged.catalog.provider)
    assessment = Against(str(file), baseline).assess(judged, today)
    if not (findings or dropped or measure):
        raise UsageError("nothing to accept: name findings by the ids that `affidavit gate` shows, or give --measure")
    if findings:
        if expires is None:
            raise UsageError("an accepted finding needs an end: give --expires with a day like 2030-01-31")
        chosen = _named(assessment, findings)
        baseline = accept(
            baseline, chosen, reason=reason, who=who, on=today, expires=expires, comes_and_goes=comes_and_goes
        )
        for one in chosen:
            click.echo(as_line(f"accepted {one.id}  {one.identity.subject}  {one.identity.at or one.after}"))
    baseline = drop(baseline, dropped)
    if measure:
        baseline = measured(baseline, judged.measure(today))
    write_whole(file, dumps(baseline))
    click.echo(f"{file}: {len(baseline.accepted)} accepted{', behaviour of this run' if measure else ''}")


def _named(assessment: Assessment, names: Iterable[str]) -> list[Difference]:
    """The differences of a run by id or claim. Raises UsageError for a name that fits none."""
    decision = assessment.decision
    found = [*decision.new, *decision.known, *(one for one, _ in decision.expired)]
    chosen: dict[str, Difference] = {}
    for name in names:
        fitting = [one for one in found if name == one.id or one.identity.is_of_claim(name)]
        if not fitting:
            raise UsageError(f"this run has no finding {name!r}: `affidavit gate` shows the ids of what it found")
        chosen |= {one.id: one for one in fitting}
    return list(chosen.values())


def _latest() -> list[Path]:
    """The latest contract run of each provider, each once: `reports/latest` leads to one of them."""
    found = {path.resolve(): path for path in sorted(REPORTS.glob(f"*/{RECORD}"), reverse=True)}
    runs = [path for path in found.values() if _is_contract(path)]
    if not runs:
        raise UsageError(f"there is no run in reports/: make one with `affidavit run`, or name a {RECORD}")
    return sorted(runs)


def _is_contract(path: Path) -> bool:
    return _is_of(path, {CONTRACT})


def _is_of(path: Path, kinds: AbstractSet[str]) -> bool:
    """Whether the record's first line names one of the kinds; one that cannot be read is kept, so that it is named."""
    try:
        first = next(read_record(path), None)
    except RecordError:
        return True
    return not isinstance(first, dict) or first.get("what", CONTRACT) in kinds


def _each(path: Path) -> list[Path]:
    """What a path names: a file or a run, or every contract run and search for limits in a folder."""
    if not path.is_dir() or record_at(path).exists():
        return [path]
    found = records(path)
    return [one for one in found if _is_of(one, COMPARED)] or found


def _one_run(path: Path) -> Path:
    """The record that a path names: a file, the one in a folder, or the only one in its folders. Raises UsageError."""
    if not path.is_dir() or record_at(path).exists():
        return record_at(path)
    first, *more = records(path)
    if more:
        raise UsageError(f"{path} holds {len(more) + 1} runs: name one of them, such as {first.parent}")
    return first


def _against(path: Path) -> Against:
    record = _one_run(path)
    if record.suffix == ".json":
        return Against(str(path), read_baseline(record))
    judged = read_judged(path)
    return Against(str(path), Baseline(judged.catalog.provider), judged)


def _chosen(against: list[Against], judged: Judged, named: tuple[Path, ...]) -> Against:
    provider = judged.catalog.provider
    own = [one for one in against if one.serves(provider, judged.what)]
    if len(own) > 1:
        raise UsageError(f"{own[0].name} and {own[1].name} are both of {provider}: name one baseline of a provider")
    if own:
        return own[0]
    if named:
        kind = f"a search for limits of {provider}" if judged.what == LIMITS else provider
        raise UsageError(f"no baseline named is of {kind}: name one with --baseline, or leave --baseline out")
    default = _own_baseline(provider)
    if default.exists():
        return Against(str(default), read_baseline(default))
    return Against("no baseline", Baseline(provider))


def _own_baseline(provider: str) -> Path:
    """Where its baseline lies; an address that was searched stands for a provider."""
    return BASELINES / f"{_NO_NAME.sub('-', provider)}.json"


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises UsageError naming file and fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{path} cannot be read: name a baseline ({FORMAT}) or a {RECORD}") from problem
    return loads(text, str(path))


def read_judged(path: Path) -> Judged:
    """A complete run, judged by today's ledger.

    Raises RecordError for what is no run, IncompleteError for half of one.
    """
    record = _one_run(path)
    run = read_run(record)
    if run.what not in COMPARED:
        others = "the gate compares contract runs and searches for limits; load runs with --speed"
        raise RecordError(f"{record} is a record of {run.what}, and {others}")
    if not run.complete:
        raise IncompleteError(f"{record} is incomplete ({run.reason}), and half a run never passes: run it again")
    if run.what == LIMITS:
        return _read_search(record, run)
    catalog = load_catalog(run.provider)
    result = rejudged(catalog, run)
    return Judged(catalog, result.evidence, result.verdicts, run.target)


def _read_search(record: Path, run: Recorded) -> Judged:
    found = searched(run.results)
    if not found:
        raise RecordError(f"{record} has no line that says what limits: search again with `affidavit limits`")
    catalog = catalog_without_claims(run.provider)
    return Judged(catalog, Evidence(run.exchanges), [], run.target, found)


def write_whole(path: Path, text: str) -> None:
    """Write the file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(READABLE)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
