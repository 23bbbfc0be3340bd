"""The command line: wiring and exit codes."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import click

from affidavit.documents import load_catalog, providers
from affidavit.errors import AffidavitError, ExitCode, KeysError, UsageError
from affidavit.finding import VerdictKind
from affidavit.report.files import write_junit, write_verdicts
from affidavit.report.terminal import show_summary
from affidavit.safety import RISKS
from affidavit.sandbox.server import run_sandbox
from affidavit.session import Settings, run


@click.group()
@click.version_option(package_name="affidavit")
def cli() -> None:
    """Hold a messaging API to its documentation."""


@cli.command("run")
@click.option("--provider", "names", multiple=True, help="Provider to run; all of them when left out.")
@click.option("--target", help="Base URL; the embedded sandbox when left out and no key is given.")
@click.option("--keys", "keys_file", type=click.Path(path_type=Path), help="TOML file with keys by role.")
@click.option("--budget", type=click.IntRange(min=1), help="Most requests to send per provider.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of everything that varies.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option("--examples", type=click.IntRange(min=0), default=15, show_default=True, help="Property tests per mode.")
@click.option("--allow", multiple=True, type=click.Choice(RISKS[2:]), help="Allow requests of this risk.")
def run_command(  # noqa: PLR0913, PLR0917 - the options of a command line
    names: tuple[str, ...],
    target: str | None,
    keys_file: Path | None,
    budget: int | None,
    seed: int,
    out: Path,
    examples: int,
    allow: tuple[str, ...],
) -> None:
    """Hold providers to their documents and say how each claim stands."""
    chosen = list(names) or providers()
    if target and len(chosen) != 1:
        raise UsageError(f"--target {target} needs exactly one --provider, got {', '.join(chosen)}")
    broken = incomplete = False
    for name in chosen:
        catalog = load_catalog(name)
        keys = _keys(name, catalog.profile.key_env, keys_file)
        address = target or (catalog.profile.url if keys else None)
        settings = Settings(seed, address, keys, budget, frozenset(allow), examples)
        folder = out / name
        result = run(catalog, settings, folder, _progress(name))
        write_verdicts(folder / "verdicts.json", catalog, result.verdicts)
        write_junit(folder / "junit.xml", catalog, result.verdicts)
        show_summary(catalog, result, folder)
        broken |= any(one.kind is VerdictKind.BROKEN for one in result.verdicts)
        incomplete |= not result.complete
    sys.exit(ExitCode.BROKEN if broken else ExitCode.UNREACHABLE if incomplete else ExitCode.KEPT)


@cli.command("sandbox")
@click.option("--provider", "names", multiple=True, help="Provider to imitate; all of them when left out.")
@click.option("--port", type=int, default=None, help="Port of the first provider; the next take the ports after it.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--keys-out", type=click.Path(path_type=Path), help="Write the sandbox's keys as a keys file.")
def sandbox_command(names: tuple[str, ...], port: int | None, seed: int, keys_out: Path | None) -> None:
    """Start the embedded sandbox alone, on loopback."""
    chosen = list(names) or providers()
    ports = {name: port + index for index, name in enumerate(chosen)} if port is not None else {}
    sys.exit(run_sandbox(chosen, ports, seed, keys_out, virtual=False))


def _progress(provider: str) -> Callable[[str, int, int], None]:
    def tell(probe: str, index: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{provider}: {index + 1}/{total} {probe}", nl=False, err=True)
            if index + 1 == total:
                click.echo("\r\033[K", nl=False, err=True)
        elif index % 10 == 0:
            click.echo(f"{provider}: probe {index + 1} of {total} ({probe})", err=True)

    return tell


def _keys(provider: str, variable: str, path: Path | None) -> dict[str, str]:
    keys = dict(_keys_file(provider, path)) if path else {}
    if os.environ.get(variable):
        keys.setdefault("main", os.environ[variable])
    return keys


def _keys_file(provider: str, path: Path) -> dict[str, str]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise KeysError(f"the keys file {path} cannot be read: {problem.strerror}; name an existing file") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise KeysError(f"the keys file {path} is not TOML: {problem}") from problem
    keys = data.get(provider, {}).get("keys")
    if not isinstance(keys, dict) or not all(isinstance(key, str) and key for key in keys.values()):
        raise KeysError(f'the keys file {path} has no table [{provider}.keys] of role = "key"; add one')
    return keys


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
