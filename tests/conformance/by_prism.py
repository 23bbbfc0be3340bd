"""Holds the embedded sandbox to the OpenAPI documents with Prism, which stands between it and a contract run.

Prism compares every answer with the document and passes it on. What it finds in requests is of no interest here, since
a contract run asks wrongly on purpose. The limits of version 5.16.0:

* It takes the schemas of an OpenAPI 3.1 document for JSON Schema draft 7, unless each of them names its dialect. What
  only later drafts know, such as `unevaluatedProperties`, it does not see. No answer here is described with that.
* A schema that it cannot compile judges nothing, without a word; a test makes sure that there is none.
* It judges an answer only where path and method are documented; and a body it cannot read never reaches the sandbox.
* It knows the `paths` of a document: not its webhooks, and not its links.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from affidavit.errors import ExitCode
from affidavit.sandbox.server import SandboxServer, keys_toml
from tests.conformance.outcome import Outcome
from tests.conformance.stage import ROOT, document

PACKAGE = ROOT / "node_modules" / "@stoplight" / "prism-cli"
PROGRAM = ROOT / "node_modules" / ".bin" / "prism"
BUDGET_SPENT = ExitCode.UNREACHABLE
"""How a run ends whose budget did not suffice for all that it had begun."""

LISTENING = re.compile(r"Prism is listening on (?P<url>\S+)")
REQUEST = re.compile(r"\[HTTP SERVER\] (?P<name>\S+ \S+) .*Request received")
VIOLATION = re.compile(r"\[VALIDATOR\] .*Violation: (?P<what>response.*)")


def tool() -> str:
    """Name and version."""
    return f"prism {json.loads((PACKAGE / 'package.json').read_text('utf-8'))['version']}"


def lacking() -> str | None:
    """Why Prism cannot run here; None if it can."""
    return None if PROGRAM.exists() else "it is not installed; `make conformance` does that where Node.js and npm are"


def hold(provider: str, seed: int, budget: int | None = None, *, path: Path | None = None) -> Outcome:
    """One contract run of at most `budget` requests; `path` is that of another document than the provider's."""
    limits = [] if budget is None else ["--budget", str(budget)]
    with SandboxServer(provider) as server, tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.toml"
        keys.write_text(keys_toml([server]), "utf-8")
        with proxy(path or document(provider), server.url) as (url, log):
            done = subprocess.run(
                [
                    *(str(Path(sys.executable).with_name("affidavit")), "run", "--provider", provider),
                    *("--target", url, "--keys", str(keys), "--seed", str(seed), "--out", folder, *limits),
                    *("--allow", "real-message", "--allow", "billing"),  # nobody is on the other side
                ],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
    failures = tuple(dict.fromkeys(_violations(log)))
    if done.returncode not in {ExitCode.KEPT, ExitCode.KEPT if budget is None else BUDGET_SPENT}:
        failures += (f"affidavit run ended with exit code {done.returncode}",)
    requests = sum(REQUEST.search(line) is not None for line in log)
    return Outcome(tool(), provider, seed, requests, failures, done.stdout + done.stderr)


@contextlib.contextmanager
def proxy(path: Path, upstream: str) -> Iterator[tuple[str, list[str]]]:
    """Prism before `upstream`: where it listens, and what it prints, which is complete when the block has ended."""
    command = [str(PROGRAM), "proxy", str(path), upstream, "--port", "0"]
    log: list[str] = []
    with subprocess.Popen(
        command, env=os.environ | {"FORCE_COLOR": "0"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as prism:
        assert prism.stdout is not None
        try:
            url = next((found["url"] for line in _kept(prism.stdout, log) if (found := LISTENING.search(line))), None)
            if url is None:
                raise RuntimeError(f"Prism did not start:\n{''.join(log)}")
            reader = threading.Thread(target=log.extend, args=(prism.stdout,))
            reader.start()
            yield url, log
        finally:
            prism.terminate()
        reader.join()


def _kept(lines: Iterator[str], log: list[str]) -> Iterator[str]:
    """The lines, each of which is then in the log too."""
    for line in lines:
        log.append(line)
        yield line


def _violations(log: Sequence[str]) -> Iterator[str]:
    """What is wrong with answers, each with the latest request: the one that was answered, if one was under way."""
    latest = ""
    for line in log:
        if request := REQUEST.search(line):
            latest = request["name"]
        if violation := VIOLATION.search(line):
            yield f"{latest}: {violation['what']}"
