"""The command line: wiring and exit codes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from affidavit.capacity_command import capacity_command
from affidavit.client import checked_url
from affidavit.documents import providers
from affidavit.errors import (
    AffidavitError,
    ExitCode,
    IncompleteError,
    KeysError,
    SandboxError,
    TargetError,
    UsageError,
    unusable,
)
from affidavit.finding import VerdictKind
from affidavit.gate_command import accept_command, gate_command
from affidavit.keys import checked_recipient, chosen
from affidavit.plan import Planner
from affidavit.prober import Order, examine_provider, examine_url
from affidavit.profile import MAIN
from affidavit.ratelimit.records import Caps, Mode
from affidavit.recorder import RECORD, read_run
from affidavit.redaction import masked
from affidavit.report.checks import checks_list
from affidavit.report.files import mark_latest, write_results
from affidavit.report.limits import show_limits
from affidavit.report.progress import show_progress
from affidavit.report.replay import EMBEDDED
from affidavit.report.runs import Run
from affidavit.report.terminal import show_deviations, show_plan, show_score, show_summary
from affidavit.report_command import HTML, report_command, write_format
from affidavit.safety import RISKS
from affidavit.sandbox.server import imitation, run_sandbox, wearers
from affidavit.session import (
    DEFAULT_SEED,
    EMBEDDED_EXAMPLES,
    TARGET_EXAMPLES,
    Settings,
    default_examples,
    means,
    replay_of,
    run,
)
from affidavit.trials import score, trials


@click.group()
@click.version_option(package_name="affidavit")
@click.pass_context
def cli(context: click.Context) -> None:
    """Hold a messaging API to its documentation."""
    if os.environ.get("NO_COLOR"):
        context.color = False


_fault_option = click.option(
    "--fault",
    "deviations",
    multiple=True,
    metavar="NAME",
    help="Fault or variant of the embedded sandbox to put on; `affidavit sandbox --list` names all. Repeatable.",
)


def _run_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say whom to ask and with what; `run` and `plan` share them."""
    options = (
        click.option("--provider", "names", multiple=True, help="Provider; all of them when left out. Repeatable."),
        click.option(
            "--target",
            metavar="URL",
            help="Base URL. When left out: the documented host if there is a key, else the embedded sandbox.",
        ),
        click.option("--keys", "keys_file", type=click.Path(path_type=Path), help="TOML file with keys by role."),
        click.option("--budget", type=click.IntRange(min=1), help="Most requests to send to each provider."),
        click.option(
            "--allow",
            multiple=True,
            type=click.Choice(RISKS[2:]),
            help="Allow requests of this risk on a real target. Repeatable.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@cli.command("run")
@_run_options
@click.option("--recipient", help="Your own phone number for messages, instead of a reserved one.")
@click.option("--receiver", metavar="URL", help="Public https address that forwards to --receiver-port, for webhooks.")
@click.option(
    "--receiver-port",
    type=click.IntRange(1, 65535),
    default=8700,
    show_default=True,
    help="Local port on which webhooks arrive.",
)
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Seed of everything that varies.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Folder for the results, one folder per provider in it.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=0),
    help=f"Invented requests per operation, so many valid and so many invalid. "
    f"[default: {EMBEDDED_EXAMPLES} on the embedded sandbox, {TARGET_EXAMPLES} elsewhere]",
)
@_fault_option
def run_command(  # noqa: PLR0913, PLR0917 - the options of a command line
    names: tuple[str, ...],
    target: str | None,
    keys_file: Path | None,
    budget: int | None,
    allow: tuple[str, ...],
    recipient: str | None,
    receiver: str | None,
    receiver_port: int,
    seed: int,
    out: Path,
    examples: int | None,
    deviations: tuple[str, ...],
) -> None:
    """Hold providers to their documents and say how each claim stands."""
    broken = stopped = False
    worn = wearers(names or providers(), deviations) if deviations else {}
    for catalog, access in chosen(names or tuple(worn), target, keys_file):
        digits = access.recipient if recipient is None else checked_recipient(recipient, "--recipient")
        if deviations and access.target:
            raise UsageError(f"--fault {deviations[0]} needs the embedded sandbox; leave --target and keys out")
        settings = Settings(
            seed=seed,
            target=access.target,
            keys=access.keys,
            budget=budget,
            allowed=access.allowed | frozenset(allow),
            examples=default_examples(access.target) if examples is None else examples,
            deviations=worn.get(catalog.provider, ()),
            recipient=digits,
            receiver=(checked_url(receiver, "--receiver"), receiver_port) if receiver else None,
            command=tuple(sys.argv[1:]),
        )
        folder = out / catalog.provider
        if access.target and access.keys:
            click.echo(f"{catalog.provider}: asks {access.target} with the keys {', '.join(access.keys)}", err=True)
        started = time.monotonic()
        try:
            with show_progress(catalog.provider) as progress:
                result = run(catalog, settings, folder, progress)
        except (TargetError, KeysError, IncompleteError, SandboxError):
            click.echo(f"What was recorded so far: {folder / 'run.ndjson'}", err=True)
            raise
        replay = replay_of(catalog, settings, result.sandbox_keys, folder)
        write_results(folder, catalog, result, replay)
        record = folder / RECORD
        write_format(HTML, [Run(record, catalog, read_run(record), result, replay)], folder)
        mark_latest(out, folder)
        show_summary(catalog, result, replay, folder, time.monotonic() - started)
        stopped |= bool(result.stopped)
        broken |= any(one.kind is VerdictKind.BROKEN for one in result.verdicts)
    sys.exit(ExitCode.BROKEN if broken else ExitCode.UNREACHABLE if stopped else ExitCode.KEPT)


@cli.command("plan")
@_run_options
def plan_command(
    names: tuple[str, ...], target: str | None, keys_file: Path | None, budget: int | None, allow: tuple[str, ...]
) -> None:
    """Show what a run would ask, what that decides, and how long it takes. Nothing is sent."""
    for catalog, access in chosen(names, target, keys_file):
        keys = access.keys or {MAIN: f"{catalog.profile.main_prefix}assumed"}
        settings = Settings(target=access.target, keys=keys, allowed=access.allowed | frozenset(allow))
        planned = Planner(catalog, means(catalog, settings)).plan(budget)
        show_plan(catalog, planned, budget, access.target, known_keys=bool(access.keys))


@cli.command("limits")
@click.option("--provider", "names", multiple=True, help="Provider; all of them when left out. Repeatable.")
@click.option(
    "--target",
    metavar="URL",
    help="Base URL. When left out: the documented host if there is a key, else the embedded sandbox.",
)
@click.option("--keys", "keys_file", type=click.Path(path_type=Path), help="TOML file with keys by role.")
@click.option("--url", help="Examine whatever answers GET at this address, instead of a provider.")
@click.option("--allow-host", multiple=True, metavar="HOST", help="Host of --url that is not this machine. Repeatable.")
@click.option(
    "--active/--watching",
    "active",
    default=None,
    help="Go over the limit on purpose, or only watch what answers announce. "
    "[default: active on the embedded sandbox, watching elsewhere]",
)
@click.option("--operation", "operations", multiple=True, help="Read to ask; the first is examined. Repeatable.")
@click.option("--max-requests", type=click.IntRange(min=1), default=3000, show_default=True, help="Most requests.")
@click.option(
    "--max-seconds", type=click.FloatRange(min=0, min_open=True), default=900, show_default=True, help="Most time."
)
@click.option(
    "--max-refused", type=click.IntRange(min=1), default=1000, show_default=True, help="Most refused requests."
)
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Seed of everything that varies.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/limits"),
    show_default=True,
    help="Folder for the records, one folder per provider in it.",
)
@_fault_option
def limits_command(  # noqa: PLR0913, PLR0917 - the options of a command line
    names: tuple[str, ...],
    target: str | None,
    keys_file: Path | None,
    url: str | None,
    allow_host: tuple[str, ...],
    active: bool | None,  # noqa: FBT001 - as above
    operations: tuple[str, ...],
    max_requests: int,
    max_seconds: float,
    max_refused: int,
    seed: int,
    out: Path,
    deviations: tuple[str, ...],
) -> None:
    """Find out which rate limiter answers, with reads alone."""
    mode: Mode | None = None if active is None else "active" if active else "watching"
    order = Order(mode, Caps(max_requests, max_seconds, max_refused), operations, seed)
    if url:
        if names or target or keys_file or operations or deviations:
            raise UsageError("--url stands alone: leave --provider, --target, --keys, --operation and --fault out")
        found = examine_url(url, order, out / "url", allow_host)
        mark_latest(out, out / "url")
        show_limits(url, found.verdict, found.findings, found.slack, out / "url")
        sys.exit(ExitCode.UNREACHABLE if found.verdict.stopped else ExitCode.KEPT)
    stopped = False
    worn = wearers(names or providers(), deviations) if deviations else {}
    for catalog, access in chosen(names or tuple(worn), target, keys_file):
        if deviations and access.target:
            raise UsageError(f"--fault {deviations[0]} needs the embedded sandbox; leave --target and keys out")
        settings = Settings(
            seed=seed,
            target=access.target,
            keys=access.keys,
            deviations=worn.get(catalog.provider, ()),
            command=tuple(sys.argv[1:]),
        )
        if access.target and access.keys:
            click.echo(f"{catalog.provider}: asks {access.target} with the keys {', '.join(access.keys)}", err=True)
        found = examine_provider(catalog, settings, order, out / catalog.provider)
        title = f"{catalog.profile.title}, {access.target or EMBEDDED}"
        mark_latest(out, out / catalog.provider)
        folder, own_clock = out / catalog.provider, not access.target
        show_limits(title, found.verdict, found.findings, found.slack, folder, own_clock=own_clock)
        stopped |= bool(found.verdict.stopped)
    sys.exit(ExitCode.UNREACHABLE if stopped else ExitCode.KEPT)


@cli.command("score")
@click.option("--provider", "names", multiple=True, help="Provider; all of them when left out.")
@click.option("--only", default="", help="Only faults and variants whose name contains this.")
def score_command(names: tuple[str, ...], only: str) -> None:
    """Put every fault and variant on the embedded sandbox, and count what the run finds."""
    started = time.monotonic()
    wanted = [one for one in trials(names or providers()) if only in one.name]
    with show_progress("score") as progress:
        result = score(wanted, progress)
    show_score(result, time.monotonic() - started)
    sys.exit(ExitCode.BROKEN if result.missed or result.alarms else ExitCode.KEPT)


@cli.command("sandbox")
@click.option("--provider", "names", multiple=True, help="Provider to imitate; all of them when left out. Repeatable.")
@click.option(
    "--port", type=int, default=None, help="Port of the first provider; the next take those after it. 0: any."
)
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Seed of keys and ids.")
@click.option("--keys-out", type=click.Path(path_type=Path), help="Write the sandbox's keys as a keys file.")
@click.option("--virtual-clock", is_flag=True, help="Time stands still unless the control plane moves it.")
@click.option("--webhook-prefix", metavar="URL", help="Accept webhook addresses that begin so, public or not.")
@click.option("--stop-with-input", is_flag=True, help="Stop when standard input ends: for programs that start it.")
@_fault_option
@click.option("--list", "listing", is_flag=True, help="Say which faults and variants there are, and start nothing.")
def sandbox_command(  # noqa: PLR0913, PLR0917 - the options of a command line
    names: tuple[str, ...],
    port: int | None,
    seed: int,
    keys_out: Path | None,
    virtual_clock: bool,  # noqa: FBT001 - as above
    webhook_prefix: str | None,
    stop_with_input: bool,  # noqa: FBT001 - as above
    deviations: tuple[str, ...],
    listing: bool,  # noqa: FBT001 - as above
) -> None:
    """Start the embedded sandbox alone, on loopback."""
    wanted = list(dict.fromkeys(names)) or providers()
    if listing:
        for name in wanted:
            row = imitation(name)
            show_deviations(name, row.faults, row.variants)
        return
    ports = {name: port and port + index for index, name in enumerate(wanted)} if port is not None else {}
    until = sys.stdin.read if stop_with_input else None
    sys.exit(run_sandbox(wanted, ports, seed, keys_out, virtual_clock, webhook_prefix, deviations, until))


cli.add_command(gate_command)
cli.add_command(accept_command)
cli.add_command(report_command)


@cli.command("checks")
def checks_command() -> None:
    """Print every check a claim can name, as Markdown."""
    click.echo(checks_list(), nl=False)


cli.add_command(capacity_command)


def main() -> None:
    """Entry point: every deliberate error is one clear message and its exit code, and no message shows a key."""
    try:
        cli(standalone_mode=False)
    except AffidavitError as problem:
        click.echo(masked(f"affidavit: {problem}"), err=True)
        sys.exit(problem.exit_code)
    except click.ClickException as problem:
        click.echo(masked(f"affidavit: {problem.format_message()}"), err=True)
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(ExitCode.INTERRUPTED)
    except OSError as problem:
        with suppress(OSError):
            click.echo(masked(f"affidavit: {unusable(problem)}"), err=True)
        sys.exit(ExitCode.USAGE)
