"""The frame holds what it promises: targets that exist, pins with hashes, reasons beside every exception."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tokenize
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import affidavit

ROOT = Path(__file__).parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
REQUIREMENTS = (ROOT / "requirements.txt").read_text("utf-8")
PINNED = re.compile(r"[a-z0-9-]+==[^ ]+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What make does with the arguments, undisturbed by a make that runs these tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def documented_targets() -> set[str]:
    return set(re.findall(r"^  ([a-z-]+)  +\S", make().stdout, re.MULTILINE))


def phony_targets() -> set[str]:
    listed = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert listed
    return set(listed[1].replace("\\\n", " ").split())


def requirement_lines() -> list[str]:
    """One string per requirement, continuation lines joined, comments left out."""
    joined = REQUIREMENTS.replace("\\\n", " ")
    return [" ".join(line.split()) for line in joined.splitlines() if not line.lstrip().startswith("#")]


def pinned_versions() -> dict[str, str]:
    return dict(line.split(" ", 1)[0].split("==") for line in requirement_lines())


def comments_of(path: Path) -> list[tuple[int, str]]:
    """Line number and text from the first `#` on, for every line with a comment."""
    with path.open("rb") as file:
        comments = [token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]
    return [(token.start[0], token.string) for token in comments]


def test_make_help_lists_every_target_and_only_targets() -> None:
    assert documented_targets() == phony_targets()


@pytest.mark.parametrize("target", sorted(phony_targets()))
def test_every_target_has_a_recipe_that_make_can_plan(target: str) -> None:
    planned = make("--dry-run", target)
    assert (planned.returncode, planned.stderr) == (0, "")


def test_the_variables_of_contract_become_flags() -> None:
    planned = make(
        "--dry-run", "contract", "PROVIDER=chatmaid", "TARGET=embedded", "KEYS=my keys.toml", "BUDGET=20", "SEED=7",
        "OUT=reports/x", "RUN_ARGS=--verbose",
    )  # fmt: skip
    assert planned.stdout.splitlines()[-1].endswith(
        "/affidavit run --provider 'chatmaid' --target 'embedded' --keys 'my keys.toml' --budget '20' --seed '7'"
        " --out 'reports/x' --verbose"
    )


def test_a_variable_left_in_the_environment_never_steers_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TARGET", "KEYS", "PROVIDER", "RUN_ARGS"):
        monkeypatch.setenv(name, "https://api.example.com")
    assert make("--dry-run", "contract").stdout.splitlines()[-1].split() == [".venv/bin/affidavit", "run"]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ("echo 3.10.14", "is 3.10.14. Install a newer one"),
        ("echo 2.7.18", "is 2.7.18. Install a newer one"),
        ("exit 127", "does not run. Install one"),
    ],
)
def test_setup_refuses_an_old_python_and_says_what_to_do(tmp_path: Path, found: str, message: str) -> None:
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\n{found}\n", "utf-8")
    python.chmod(0o755)
    called = make("setup", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert called.returncode == 2
    assert message in called.stderr
    assert "make setup PYTHON=" in called.stderr
    assert not (tmp_path / "venv").exists()


def test_every_requirement_is_pinned_with_hashes() -> None:
    assert [line for line in requirement_lines() if not PINNED.fullmatch(line)] == []
    assert len(requirement_lines()) > 50


@pytest.mark.parametrize("name", ["requirements.txt", "package.json", ".npmrc", ".gitignore"])
def test_no_registry_address_is_committed(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert re.findall(r"\S*://\S*|.*index-url.*|.*find-links.*|.*registry=.*", text) == []


def test_requirements_satisfy_what_pyproject_asks_for() -> None:
    project = tomllib.loads(PYPROJECT)
    asked = (
        project["project"]["dependencies"] + project["dependency-groups"]["dev"] + project["build-system"]["requires"]
    )
    pinned = pinned_versions()
    wanted = [Requirement(one) for one in asked]
    assert [str(one) for one in wanted if not one.specifier.contains(pinned[canonicalize_name(one.name)])] == []


def test_node_packages_are_pinned_exactly_and_no_lock_file_is_written() -> None:
    versions = json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"].values()
    assert [version for version in versions if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    assert "package-lock=false" in (ROOT / ".npmrc").read_text("utf-8").splitlines()


@pytest.mark.parametrize("key", ["ignore", r'"tests/\*\*"', r'"contract_tests/\*\*"', r'"load/\*\*"', "filterwarnings"])
def test_every_exception_of_a_tool_has_its_reason(key: str) -> None:
    table = re.search(rf"^{key} = \[\n(.*?)^\]", PYPROJECT, re.MULTILINE | re.DOTALL)
    assert table
    rows = [line for line in table[1].splitlines() if line.strip() != '"error",']
    assert [row for row in rows if not re.fullmatch(r'    ["\'].+["\'], *# \S.+', row)] == []


def test_every_per_file_ignore_is_looked_at_by_the_test_of_reasons() -> None:
    tables = tomllib.loads(PYPROJECT)["tool"]["ruff"]["lint"]["per-file-ignores"]
    assert set(tables) == {"tests/**", "contract_tests/**", "load/**"}


def test_every_suppression_in_the_code_has_its_reason() -> None:
    suppression = re.compile(r"# (noqa|type: ignore)\b")
    explained = re.compile(r"# noqa: [A-Z0-9, ]+ - \S|# type: ignore\[[a-z, -]+\]  # \S")
    unexplained = [
        f"{path.relative_to(ROOT)}:{number}: {comment}"
        for folder in ("affidavit", "contract_tests", "load", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, comment in comments_of(path)
        if suppression.search(comment) and not explained.search(comment)
    ]
    advice = "write the reason: `# noqa: ANN401 - any JSON value`, `# type: ignore[misc]  # untyped decorator`"
    assert not unexplained, "\n".join([advice, *unexplained])


def test_the_package_and_its_metadata_name_one_version() -> None:
    assert tomllib.loads(PYPROJECT)["project"]["version"] == affidavit.__version__


def test_ci_runs_every_step_a_change_must_pass() -> None:
    script = ROOT / ".ci" / "run"
    steps = re.findall(r"^ *(make [a-z-]+)$", script.read_text("utf-8"), re.MULTILINE)
    assert steps == ["make system-packages", "make lint", "make test", "make contract"]
    assert os.access(script, os.X_OK)
