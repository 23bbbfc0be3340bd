"""Holds the layers by reading the imports of every module.

Imports go to the same or a lower layer only. Pure layers (0 and 1) get time, randomness, ids and files as arguments. A
third-party library that decides the shape of code has one home. To add a module, add a row to `LAYERS`; to break a
rule knowingly, add a row to `EXCEPTIONS` with the reason: a row that no longer excuses anything fails.

Inelegant: only what is written as an import or as one of `IMPURE_CALLS` is seen, so a module that reaches the clock
through an argument's attribute, or imports by a name made at run time, goes unnoticed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
THIS = "tests/test_architecture.py"

LAYERS = {
    # 3: wiring, exit codes
    "affidavit.__main__": 3,
    "affidavit.capacity_command": 3,
    "affidavit.cli": 3,
    "affidavit.gate_command": 3,
    "affidavit.gate_documents": 3,
    "affidavit.gate_speed": 3,
    "affidavit.prober": 3,
    "affidavit.pytest_plugin": 3,
    "affidavit.report_command": 3,
    "affidavit.session": 3,
    "affidavit.trials": 3,
    # 2: input and output, no decisions
    "affidavit.bridge": 2,
    "affidavit.client": 2,
    "affidavit.clock": 2,
    "affidavit.documents": 2,
    "affidavit.keys": 2,
    "affidavit.load.dispatch": 2,
    "affidavit.load.part": 2,
    "affidavit.load.target": 2,
    "affidavit.load.wire": 2,
    "affidavit.receiver": 2,
    "affidavit.recorder": 2,
    "affidavit.report": 2,
    "affidavit.sandbox.app": 2,
    "affidavit.sandbox.deliver": 2,
    "affidavit.sandbox.server": 2,
    # 1: pure decisions
    "affidavit.catalog": 1,
    "affidavit.checks": 1,
    "affidavit.evidence": 1,
    "affidavit.gate": 1,
    "affidavit.known": 1,
    "affidavit.limiters": 1,
    "affidavit.load": 1,
    "affidavit.openapi_document": 1,
    "affidavit.pacing": 1,
    "affidavit.plan": 1,
    "affidavit.plan_order": 1,
    "affidavit.probes.parts": 1,
    "affidavit.worth": 1,
    "affidavit.pointer": 1,
    "affidavit.probes": 1,
    "affidavit.profile": 1,
    "affidavit.ratelimit": 1,
    "affidavit.recorded": 1,
    "affidavit.redaction": 1,
    "affidavit.safety": 1,
    "affidavit.score": 1,
    "affidavit.sandbox": 1,
    "affidavit.template": 1,
    "affidavit.verdict": 1,
    # 0: frozen records
    "affidavit.errors": 0,
    "affidavit.exchange": 0,
    "affidavit.finding": 0,
    "affidavit.words": 0,
}
"""Layer of a module and of all that is under it; the longest row that fits decides. `affidavit` itself is layer 0."""

STRANGERS = (
    ("affidavit.sandbox", "affidavit.checks"),
    ("affidavit.checks", "affidavit.sandbox"),
)
"""Who never imports whom: otherwise the sandbox proves the oracle with the oracle's own mistake."""

HOMES = (
    ("httpx", "affidavit.client", "the one way out"),
    ("httpx", "affidavit.sandbox.deliver", "the sandbox posts webhooks, as the provider would"),
    ("httpx", "tests", "tests drive the sandbox through its ASGI transport"),
    ("locust", "load", "importing it patches the process"),
    ("locust", "tests.bench_load.stock", "Locust as it comes, in its own process, to compare with"),
    ("schemathesis", "affidavit.bridge", "turns its cases into exchanges"),
    ("schemathesis", "contract_tests", "its pytest items are made there"),
    ("schemathesis", "tests.test_bridge", "feeds the bridge with real cases"),
)
"""Library, the only modules that may import it (and all under them), and why there."""

IMPURE_MODULES = frozenset({
    "asyncio", "concurrent", "getpass", "glob", "http.client", "http.server", "importlib", "logging", "multiprocessing",
    "os", "pathlib", "pkgutil", "platform", "random", "secrets", "select", "shutil", "signal", "socket", "socketserver",
    "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid",
})  # fmt: skip
"""What layers 0 and 1 must not import: clocks, chance, files, processes, network, and logs of their own."""

PURE_PARTS = frozenset({"pathlib.PurePath", "pathlib.PurePosixPath", "uuid.UUID"})
"""Names inside impure modules that only compute."""

IMPURE_CALLS = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "open", "input", "print"})
"""What layers 0 and 1 must not call; a dotted name also matches with more in front of it."""


@dataclass(frozen=True)
class Excuse:
    """A rule knowingly broken: the violation as the test prints it, and the reason."""

    violation: str
    reason: str


EXCEPTIONS: tuple[Excuse, ...] = ()


def test_every_module_of_the_package_has_a_layer() -> None:
    homeless = [path_of(name) for name in package_modules() if layer_of(name) is None]
    assert not homeless, f"{', '.join(homeless)}: no layer. Add a row to LAYERS in {THIS}."


def test_every_broken_rule_is_excused_and_every_excuse_is_needed() -> None:
    modules = {**package_modules(), **folder_modules("contract_tests"), **folder_modules("load")}
    modules |= folder_modules("tests")
    excused = {excuse.violation for excuse in EXCEPTIONS}
    found = set(violations(modules))
    assert not found - excused, "\n".join(sorted(found - excused))
    assert not excused - found, f"stale rows in EXCEPTIONS of {THIS}: {sorted(excused - found)}"


def test_every_excuse_has_a_reason() -> None:
    assert all(excuse.reason for excuse in EXCEPTIONS)


@pytest.mark.parametrize(
    ("module", "source", "violation"),
    [
        ("affidavit.plan", "import affidavit.client", "affidavit.plan (1) imports affidavit.client (2)"),
        ("affidavit.plan", "from affidavit import client", "affidavit.plan (1) imports affidavit.client (2)"),
        ("affidavit.errors", "from .client import Client", "affidavit.errors (0) imports affidavit.client (2)"),
        ("affidavit.plan", "def f():\n    from affidavit import cli", "affidavit.plan (1) imports affidavit.cli (3)"),
        ("affidavit.errors", "from affidavit.plan import Plan", "affidavit.errors (0) imports affidavit.plan (1)"),
        (
            "affidavit.sandbox.chatmaid",
            "from affidavit.sandbox import app",
            "affidavit.sandbox.chatmaid (1) imports affidavit.sandbox.app (2)",
        ),
        (
            "affidavit.sandbox.app",
            "from affidavit.checks import TABLE",
            "affidavit.sandbox.app imports affidavit.checks: they must not know each other",
        ),
        (
            "affidavit.checks.envelope",
            "import affidavit.sandbox",
            "affidavit.checks.envelope imports affidavit.sandbox: they must not know each other",
        ),
        (
            "affidavit.cli",
            "import httpx",
            "affidavit.cli imports httpx, whose homes are affidavit.client, affidavit.sandbox.deliver, tests",
        ),
        (
            "affidavit.plan",
            "import locust.env",
            "affidavit.plan imports locust, whose homes are load, tests.bench_load.stock",
        ),
        (
            "tests.test_load",
            "from locust import User",
            "tests.test_load imports locust, whose homes are load, tests.bench_load.stock",
        ),
        ("affidavit.plan", "import time", "affidavit.plan (pure) imports time"),
        ("affidavit.plan", "from os import environ", "affidavit.plan (pure) imports os.environ"),
        ("affidavit.plan", "import os.path", "affidavit.plan (pure) imports os.path"),
        ("affidavit.plan", "from pathlib import Path", "affidavit.plan (pure) imports pathlib.Path"),
        ("affidavit.plan", "from urllib import request", "affidavit.plan (pure) imports urllib.request"),
        ("affidavit.plan", "datetime.datetime.now(UTC)", "affidavit.plan (pure) calls datetime.datetime.now"),
        ("affidavit.plan", "open('x')", "affidavit.plan (pure) calls open"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_seen(module: str, source: str, violation: str) -> None:
    assert list(violations({module: source})) == [violation]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("affidavit.cli", "import time, affidavit.client, affidavit.plan"),
        ("affidavit.plan", "from affidavit import __version__, errors"),
        ("affidavit.plan", "from affidavit.exchange import client"),
        ("affidavit.plan", "from pathlib import PurePosixPath"),
        ("affidavit.plan", "from urllib.parse import urlsplit"),
        ("affidavit.plan", "from datetime import datetime\ndatetime.fromisoformat('2030-01-01')"),
        ("affidavit.sandbox.chatmaid", "from .model import Reply"),
        ("affidavit.client", "import httpx"),
        ("affidavit.bridge.cases", "import schemathesis"),
        ("load.chatmaid.locustfile", "import locust"),
        ("tests.test_client", "import httpx, os, time"),
    ],
)
def test_a_kept_rule_is_not_flagged(module: str, source: str) -> None:
    assert list(violations({module: source})) == []


def violations(modules: Mapping[str, str]) -> Iterator[str]:
    """Every broken rule in the modules (name to source), each in words."""
    for name, source in modules.items():
        tree = ast.parse(source)
        imported = list(dict.fromkeys(imports_of(name, tree)))
        yield from layer_violations(name, imported)
        yield from home_violations(name, imported)
        if layer_of(name) in {0, 1}:
            yield from purity_violations(name, imported, tree)


def layer_violations(name: str, imported: list[str]) -> Iterator[str]:
    layer = layer_of(name)
    if layer is None:
        return
    for target in dict.fromkeys(module_in(dotted) for dotted in imported):
        if any(is_under(name, one) and is_under(target, other) for one, other in STRANGERS):
            yield f"{name} imports {target}: they must not know each other"
        elif (below := layer_of(target)) is not None and below > layer:
            yield f"{name} ({layer}) imports {target} ({below})"


def home_violations(name: str, imported: list[str]) -> Iterator[str]:
    for library in dict.fromkeys(dotted.partition(".")[0] for dotted in imported):
        homes = [home for lodger, home, _ in HOMES if lodger == library]
        if homes and not any(is_under(name, home) for home in homes):
            yield f"{name} imports {library}, whose homes are {', '.join(homes)}"


def purity_violations(name: str, imported: list[str], tree: ast.AST) -> Iterator[str]:
    for dotted in imported:
        if dotted not in PURE_PARTS and any(is_under(dotted, impure) for impure in IMPURE_MODULES):
            yield f"{name} (pure) imports {dotted}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_impure_call(called := ast.unparse(node.func)):
            yield f"{name} (pure) calls {called}"


def is_impure_call(called: str) -> bool:
    return called in IMPURE_CALLS or any("." in impure and called.endswith(f".{impure}") for impure in IMPURE_CALLS)


def imports_of(name: str, tree: ast.AST) -> Iterator[str]:
    """Dotted names of all that is imported, wherever in the file: `from a import b` is `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = ".".join(filter(None, [package_at(name, node.level), node.module]))
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def package_at(name: str, level: int) -> str:
    """The package that so many leading dots mean in this module; empty for none."""
    if not level:
        return ""
    parts = name.split(".")
    inside = parts if (ROOT / Path(*parts) / "__init__.py").exists() else parts[:-1]
    return ".".join(inside[: len(inside) - level + 1])


def module_in(dotted: str) -> str:
    """The module that an imported name is or comes from: the longest part that is a file or a row of the table."""
    parts = dotted.split(".")
    candidates = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in candidates if name in LAYERS or exists(name)), dotted)


def exists(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def layer_of(name: str) -> int | None:
    if name == "affidavit":
        return 0
    rows = [row for row in LAYERS if is_under(name, row)]
    return LAYERS[max(rows, key=len)] if rows else None


def is_under(name: str, home: str) -> bool:
    return name == home or name.startswith(f"{home}.")


def package_modules() -> dict[str, str]:
    modules = folder_modules("affidavit")
    assert "affidavit" in modules
    return modules


def folder_modules(folder: str) -> dict[str, str]:
    """Name to source of every module under a folder of the work tree; empty when there is no such folder yet."""
    return {name_of(path): path.read_text("utf-8") for path in sorted((ROOT / folder).rglob("*.py"))}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def path_of(name: str) -> str:
    return next(str(p.relative_to(ROOT)) for p in ROOT.joinpath("affidavit").rglob("*.py") if name_of(p) == name)
