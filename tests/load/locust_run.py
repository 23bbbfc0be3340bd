"""Runs Locust with the load scenarios in a process of its own, as users do, and reads what it left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS = 100
"""No run here takes longer, unless it hangs."""
OWN_VARIABLES = ("CHATMAID_API_KEY", "WHATSAPI_KEY")


@dataclass(frozen=True)
class Ran:
    """A run that has ended."""

    code: int
    said: str
    """Both streams together."""
    folder: Path

    @property
    def record(self) -> list[dict[str, Any]]:
        """The lines of the record; none when there is no record."""
        path = self.folder / "run.ndjson"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []

    @property
    def lines(self) -> dict[str, dict[str, Any]]:
        """The `load` lines by scenario."""
        return {row["scenario"]: row for row in self.record if row["kind"] == "load"}

    @property
    def end(self) -> dict[str, Any]:
        """The end marker."""
        return self.record[-1]


def command(folder: Path, *arguments: str) -> list[str]:
    """Locust without the web UI, with results in the folder."""
    locust = [sys.executable, "-m", "locust", "-f", str(ROOT / "load"), "--headless"]
    return [*locust, "--out", str(folder), *arguments]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without keys."""
    mine = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
    return {**mine, "NO_COLOR": "1", **(more or {})}


def run_locust(
    folder: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    where: Path | None = None,
    headless: bool = True,
) -> Ran:
    """Run it to its end, in its folder or elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        [word for word in command(folder, *arguments) if headless or word != "--headless"],
        cwd=where or folder,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    return Ran(ended.returncode, ended.stdout, folder)
