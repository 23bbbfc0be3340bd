"""The command line: wiring and exit codes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from affidavit.client import checked_url
from affidavit.documents import providers
from affidavit.errors import AffidavitError, ExitCode, IncompleteError, KeysError, TargetError, UsageError
from affidavit.finding import VerdictKind
from affidavit.keys import checked_recipient, chosen
from affidavit.plan import Planner
from affidavit.report.files import write_junit, write_verdicts
from affidavit.report.progress import show_progress
from affidavit.report.terminal import show_plan, show_score, show_summary
from affidavit.safety import RISKS
from affidavit.sandbox.server import run_sandbox
from affidavit.session import EMBEDDED_EXAMPLES, TARGET_EXAMPLES, Settings, means, run
from affidavit.trials import score, trials


@click.group()
@click.version_option(package_name="affidavit")
def cli() -> None:
    """Hold a messaging API to its documentation."""


def _run_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say whom to ask and with what; `run` and `plan` share them."""
    options = (
        click.option("--provider", "names", multiple=True, help="Provider; all of them when left out."),
        click.option("--target", help="Base URL; the embedded sandbox when left out and no key is given."),
        click.option("--keys", "keys_file", type=click.Path(path_type=Path), help="TOML file with keys by role."),
        click.option("--budget", type=click.IntRange(min=1), help="Most requests to send per provider."),
        click.option("--allow", multiple=True, type=click.Choice(RISKS[2:]), help="Allow requests of this risk."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@cli.command("run")
@_run_options
@click.option("--recipient", help="Your own phone number for messages, instead of a reserved one.")
@click.option("--receiver", help="Public https address that forwards to --receiver-port, for webhooks.")
@click.option("--receiver-port", type=click.IntRange(1, 65535), default=8700, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of everything that varies.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option("--examples", type=click.IntRange(min=0), help="Invented requests per operation, valid and invalid each.")
@click.option("--fault", "deviations", multiple=True, help="Deviation of the embedded sandbox to put on.")
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
    broken = incomplete = False
    for catalog, access in chosen(names, target, keys_file):
        digits = access.recipient if recipient is None else checked_recipient(recipient, "--recipient")
        embedded = access.target is None
        if deviations and not embedded:
            raise UsageError(f"--fault {deviations[0]} needs the embedded sandbox; leave --target and keys out")
        settings = Settings(
            seed=seed,
            target=access.target,
            keys=access.keys,
            budget=budget,
            allowed=access.allowed | frozenset(allow),
            examples=examples if examples is not None else EMBEDDED_EXAMPLES if embedded else TARGET_EXAMPLES,
            deviations=deviations,
            recipient=digits,
            receiver=(checked_url(receiver, "--receiver"), receiver_port) if receiver else None,
            command=tuple(sys.argv[1:]),
        )
        folder = out / catalog.provider
        started = time.monotonic()
        try:
            with show_progress(catalog.provider) as progress:
                result = run(catalog, settings, folder, progress)
        except (TargetError, KeysError, IncompleteError):
            click.echo(f"What was recorded so far: {folder / 'run.ndjson'}", err=True)
            raise
        write_verdicts(folder / "verdicts.json", catalog, result.verdicts)
        write_junit(folder / "junit.xml", catalog, result.verdicts)
        show_summary(catalog, result, folder, time.monotonic() - started)
        broken |= any(one.kind is VerdictKind.BROKEN for one in result.verdicts)
        incomplete |= not result.complete
    sys.exit(ExitCode.BROKEN if broken else ExitCode.UNREACHABLE if incomplete else ExitCode.KEPT)


@cli.command("plan")
@_run_options
def plan_command(
    names: tuple[str, ...], target: str | None, keys_file: Path | None, budget: int | None, allow: tuple[str, ...]
) -> None:
    """Show what a run would ask, what that decides, and how long it takes. Nothing is sent."""
    for catalog, access in chosen(names, target, keys_file):
        settings = Settings(target=access.target, keys=access.keys, allowed=access.allowed | frozenset(allow))
        show_plan(catalog, Planner(catalog, means(catalog, settings)).plan(budget), budget)


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
@click.option("--provider", "names", multiple=True, help="Provider to imitate; all of them when left out.")
@click.option("--port", type=int, default=None, help="Port of the first provider; the next take the ports after it.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--keys-out", type=click.Path(path_type=Path), help="Write the sandbox's keys as a keys file.")
def sandbox_command(names: tuple[str, ...], port: int | None, seed: int, keys_out: Path | None) -> None:
    """Start the embedded sandbox alone, on loopback."""
    wanted = list(names) or providers()
    ports = {name: port + index for index, name in enumerate(wanted)} if port is not None else {}
    sys.exit(run_sandbox(wanted, ports, seed, keys_out, virtual=False))


def main() -> None:
    """Entry point: every deliberate error is one clear message and its exit code."""
    try:
        cli(standalone_mode=False)
    except AffidavitError as problem:
        click.echo(f"affidavit: {problem}", err=True)
        sys.exit(problem.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(ExitCode.USAGE)
    except click.Abort:
        sys.exit(130)
