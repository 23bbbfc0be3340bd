"""`affidavit report`: read old runs, judge them again, write them in the formats asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from affidavit.catalog import Catalog
from affidavit.errors import UsageError
from affidavit.recorded import CONTRACT, Recorded
from affidavit.report.files import REPORTS
from affidavit.report.formats import FORMATS
from affidavit.report.limit_lines import limit_said
from affidavit.report.load import show_load
from affidavit.report.replay import EMBEDDED, Replay
from affidavit.report.runs import Run, read_runs
from affidavit.report.terminal import show_verdicts
from affidavit.report.text import as_line
from affidavit.sandbox.server import PROVIDERS, imitation
from affidavit.session import DEFAULT_SEED, START, Settings, replay_of
from affidavit.words import counted

TERMINAL, HTML = "terminal", "html"
STANDARD_OUTPUT = Path("-")


@click.command("report")
@click.argument("runs", nargs=-1, metavar="[RUN]...", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "names",
    multiple=True,
    type=click.Choice([TERMINAL, *FORMATS]),
    help="What to write; terminal and html when left out. Repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the files, or - to print the one format. [default: the run's folder, or the one of all runs]",
)
def report_command(runs: tuple[Path, ...], names: tuple[str, ...], out: Path | None) -> None:
    """Show recorded runs: RUN is a run.ndjson, the folder of a run, or a folder of such; reports/ when left out."""
    wanted = tuple(dict.fromkeys(names)) or (TERMINAL, HTML)
    files = [name for name in wanted if name != TERMINAL]
    if out == STANDARD_OUTPUT and wanted != tuple(files[:1]):
        raise UsageError("--out - prints one format: name it with --format, and no other")
    named = runs or (REPORTS,)
    read = read_runs(named, replay_of_record)
    if out == STANDARD_OUTPUT:
        click.echo(FORMATS[files[0]].render(read), nl=False)
        return
    if TERMINAL in wanted:
        show_runs(read)
    folder = out or _home(named)
    written = [write_format(name, read, folder) for name in files]
    if written:
        click.echo(f"  written: {', '.join(map(str, written))}")


def write_format(name: str, runs: Sequence[Run], folder: Path) -> Path:
    """One format, in its file in the folder."""
    row = FORMATS[name]
    text = row.render(runs)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / row.file
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def show_runs(runs: Sequence[Run]) -> None:
    """Every run as its own summary showed it."""
    for run in runs:
        if run.result.verdicts:
            show_verdicts(run.catalog, run.result, run.replay)
        if load := run.lines("load"):
            show_load(load, run.path.parent, "" if run.recorded.complete else run.recorded.reason)
        limits = run.lines("limits")
        if limits:
            click.secho(f"\n{run.catalog.profile.title}, search for limits, {run.replay.where}", bold=True)
        for line in limits:
            click.echo(f"  {as_line(limit_said(line))}")
        changed = ", ".join(run.documents_changed)
        if changed:
            click.secho(f"  judged by other files than the run itself: {changed}", fg="yellow")
        click.echo(f"  {counted(run.requests, 'request')}; record: {run.path}")


def replay_of_record(catalog: Catalog, recorded: Recorded, folder: Path) -> Replay:
    """How the requests of a recorded run can be sent again. Raises UsageError for an embedded sandbox nobody has."""
    manifest = recorded.manifest
    if recorded.what != CONTRACT:
        where = EMBEDDED if recorded.embedded else recorded.target
        return Replay(catalog.profile.key_env, folder / "bodies", where)
    seed = manifest.get("seed", DEFAULT_SEED)
    worn = manifest.get("deviations", [])
    if not isinstance(seed, int) or not isinstance(worn, list):
        raise UsageError(f"{folder}: the manifest has no usable seed or deviations; was it changed by hand?")
    known = PROVIDERS[catalog.provider].deviations if catalog.provider in PROVIDERS else {}
    settings = Settings(
        seed=seed,
        target=None if recorded.embedded else recorded.target,
        deviations=tuple(one for one in worn if one in known),
    )
    keys = imitation(catalog.provider).build(seed, START, None).keys() if recorded.embedded else {}
    return replay_of(catalog, settings, keys, folder)


def _home(named: Sequence[Path]) -> Path:
    """Where the files go when nobody said: to the one run or folder of runs that was named."""
    if len(named) != 1:
        return REPORTS
    return named[0] if named[0].is_dir() else named[0].parent
