"""The CI files for users: what GitHub and GitLab take, with commands that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from affidavit import cli
from affidavit.documents import providers

ROOT = Path(__file__).parent.parent
FILES = {"github-actions.yml": "vendor.github-workflows", "gitlab-ci.yml": "vendor.gitlab-ci"}
TEXTS = {name: (ROOT / "docs/ci" / name).read_text("utf-8") for name in FILES}


def accepted(path: Path, schema: str) -> bool:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_what_its_service_takes(name: str) -> None:
    assert accepted(ROOT / "docs/ci" / name, FILES[name])


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("github-actions.yml", "runs-on: ubuntu-latest", "run-on: ubuntu-latest"),
        ("github-actions.yml", "      - uses: actions/checkout@v4", "      - use: actions/checkout@v4"),
        ("gitlab-ci.yml", "when: always", "when: sometimes"),
        ("gitlab-ci.yml", "  artifacts:", "  artefacts:"),
    ],
)
def test_a_file_with_a_mistake_is_not_taken(name: str, old: str, new: str, tmp_path: Path) -> None:
    assert old in TEXTS[name]
    path = tmp_path / name
    path.write_text(TEXTS[name].replace(old, new), "utf-8")
    assert not accepted(path, FILES[name])


def scripts(name: str) -> Iterator[str]:
    """The shell scripts of a file."""
    data: dict[str, Any] = yaml.safe_load(TEXTS[name])
    if name == "gitlab-ci.yml":
        for part in ("script", "after_script"):
            yield "\n".join(data["affidavit"][part])
        return
    yield from (step["run"] for step in data["jobs"]["contract"]["steps"] if "run" in step)


@pytest.mark.parametrize("name", FILES)
def test_the_scripts_are_shell_and_their_commands_exist(name: str) -> None:
    called = []
    for script in scripts(name):
        assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False).returncode == 0
        for found in re.findall(r"\.venv/bin/affidavit ([^|>;\n]*)", script):
            command, *arguments = shlex.split(found.replace("$PROVIDER", providers()[0]))
            cli.cli.commands[command].make_context(command, arguments)
            called.append(command)
    assert called == ["run", "gate", "report"]


@pytest.mark.parametrize("name", FILES)
def test_every_provider_is_asked_with_its_own_key_and_no_secret_is_put_into_a_script(name: str) -> None:
    assert f"[{', '.join(providers())}]" in TEXTS[name]
    assert not any("${{" in script or "KEY" in script for script in scripts(name))


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 0), (2, 2), (3, 3)])
@pytest.mark.parametrize("name", FILES)
def test_a_broken_claim_is_left_to_the_gate_and_anything_else_ends_the_job(name: str, code: int, ends: int) -> None:
    script = next(one for one in scripts(name) if "affidavit run" in one)
    lines = [line for line in script.splitlines() if "gate" not in line and "make" not in line]
    played = re.sub(r"\.venv/bin/affidavit run [^|]*", f"(exit {code}) ", "\n".join(lines))
    assert subprocess.run(["bash", "-e", "-c", played], check=False).returncode == ends
