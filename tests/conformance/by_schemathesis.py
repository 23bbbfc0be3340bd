"""Holds the embedded sandbox to the OpenAPI documents with schemathesis, as its own program, with all its checks.

Affidavit itself uses schemathesis only to invent requests; here it is the judge.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.conformance.outcome import Outcome
from tests.conformance.stage import document, stage

TOOL = f"schemathesis {version('schemathesis')}"


def hold(
    provider: str, seed: int, examples: int, *, path: Path | None = None, deviations: Sequence[str] = ()
) -> Outcome:
    """One run of all phases; `path` is that of another document, when it is not to be the provider's."""
    with stage(provider, deviations) as here, tempfile.TemporaryDirectory() as folder:
        workshop = Path(folder)
        configuration = shutil.copy(Path(__file__).with_name(f"{provider}.toml"), workshop)
        for name, ids in here.ids.items():
            (workshop / f"{name}.txt").write_text(_dictionary(ids), "utf-8")
        report = workshop / "report.json"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", configuration),
                *(
                    "run",
                    str(path or document(provider)),
                    "--url",
                    here.server.url,
                    "--seed",
                    str(seed),
                    "--max-examples",
                    str(examples),
                ),
                *("--continue-on-failure", "--generation-database", "none", "--no-color"),
                *("--report", "json", "--report-json-path", str(report)),
            ],
            cwd=workshop,
            env=os.environ | here.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        found = json.loads(report.read_text("utf-8")) if report.exists() else None
        failures = (*_failures(found, done.returncode), *(failure.error for failure in here.server.errors))
        return Outcome(TOOL, provider, seed, here.requests(), failures, done.stdout + done.stderr)


def _dictionary(ids: Sequence[str]) -> str:
    """One quoted string a line, as libFuzzer writes its dictionaries."""
    return "".join(f"{json.dumps(each)}\n" for each in ids)


def _failures(report: Mapping[str, Any] | None, exit_code: int) -> Iterator[str]:
    """All that keeps the run from being a success; one that ended badly has at least one."""
    if report is None:
        yield f"schemathesis ended with exit code {exit_code} and wrote no report"
        return
    listed = [*_listed(report)]
    yield from listed
    if exit_code and not listed:
        yield f"schemathesis ended with exit code {exit_code}"


def _listed(report: Mapping[str, Any]) -> Iterator[str]:
    for failure in report["failures"]:
        yield f"{failure['title']}: {', '.join(failure['operations'])}"
    for error in report["errors"]:
        yield f"{error['title']}, {error['count']} times"
    for kind, operations in report["warnings"].items():
        if operations:
            yield f"warning {kind}: {', '.join(operations)}"
    if report["operations"] is None or report["operations"]["tested"] != report["operations"]["total"]:
        yield f"not every operation was tested: {report['operations']}"
    for phase, state in (report["phases"] or {}).items():
        if state["status"] == "skip":
            yield f"the phase {phase} was skipped: {state['skip_reason']}"
