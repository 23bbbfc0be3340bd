"""The generators under comparison: how each is started, and what it says of itself."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.bench_load.server import COUNTS

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
PATH = "/v1/messages?limit=20&page=1"
KEYS = '[chatmaid.keys]\nmain = "sk_test_benchmark"\n'
PATIENCE = 60.0
"""Seconds until a generator must have begun, and after its plan until it must have ended."""


@dataclass(frozen=True)
class Work:
    """What is asked of a generator."""

    rate: int
    """Requests per second."""
    seconds: int
    users: int
    """For generators that need users; the others may have so many requests under way."""


@dataclass
class Sample:
    """What was seen of a generator from outside."""

    counts: list[int] = field(default_factory=list)
    """Requests that arrived at the target in each second."""
    cpu: float | None = None
    """Seconds of processor time per request, without start and end; None when the run was too short to tell."""
    memory: list[tuple[float, int]] = field(default_factory=list)
    """Seconds since the first request, and bytes of resident memory."""
    own: dict[str, float] = field(default_factory=dict)
    """What it says of itself: quantiles in seconds."""


class Generator:
    """One of them; a subclass says how it is called."""

    name: str
    sound: frozenset[int] = frozenset({0})
    """Exit codes of a run that can be counted."""

    ends_itself = True
    """Whether it knows how long to work; otherwise it is sent SIGTERM."""

    def command(self, work: Work, base: str, folder: Path) -> list[str]:
        """The command line."""
        raise NotImplementedError

    def environment(self, work: Work, base: str) -> dict[str, str]:
        """Variables beside those of this process."""
        del work, base
        return {}

    def own(self, folder: Path) -> dict[str, float]:
        """What it has written of its quantiles, in seconds."""
        raise NotImplementedError

    def run(self, work: Work, base: str, folder: Path) -> Sample:
        """Let it work on a target that counts, and watch it. Raises RuntimeError when it fails."""
        folder.mkdir(parents=True)
        with (folder / "said").open("w") as said, self._started(work, base, folder, said.fileno()) as process:
            sample = watch(process, base, work.seconds, ends_itself=self.ends_itself)
        if not sample.counts or process.returncode not in self.sound:
            raise RuntimeError(f"{self.name} ended with {process.returncode}:\n{(folder / 'said').read_text()[-2000:]}")
        sample.own = self.own(folder)
        return sample

    @contextmanager
    def _started(self, work: Work, base: str, folder: Path, said: int) -> Iterator[subprocess.Popen[bytes]]:
        variables = {**os.environ, **self.environment(work, base)}
        process = subprocess.Popen(
            self.command(work, base, folder), cwd=ROOT, env=variables, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


class Ours(Generator):
    """`locust -f load/` with its plan."""

    name = "Affidavit"
    sound = frozenset({0, 3})  # 3 without a verdict on the target: this machine was slow, which the numbers show

    def command(self, work: Work, base: str, folder: Path) -> list[str]:
        """On a target with a made-up key, or on the embedded sandbox when there is no base."""
        plan = ["--rate", f"{work.rate}/s", "--duration", f"{work.seconds}s", "--out", str(folder)]
        (folder / "keys.toml").write_text(KEYS)
        target = ["--host", base, "--keys", str(folder / "keys.toml")] if base else ["--sandbox-limit", "10000000"]
        return [str(BIN / "locust"), "-f", "load/", "--headless", *plan, *target, "ChatmaidList"]

    def own(self, folder: Path) -> dict[str, float]:
        """From both beginnings."""
        line = self.line(folder)
        times = line["quantiles"]["all"]
        return {f"{name} {part}": times[name][part] for name in ("from_intended", "service") for part in ("p90", "p99")}

    def on_the_sandbox(self, work: Work, folder: Path) -> tuple[float, float]:
        """Answers per second, and their deviation from second to second, with the embedded sandbox beside it."""
        folder.mkdir(parents=True)
        done = subprocess.run(self.command(work, "", folder), cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode not in self.sound:
            raise RuntimeError(f"{self.name} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
        rows = self.line(folder)["series"][1 : work.seconds - 1]
        return statistics.mean(one[2] for one in rows), statistics.pstdev(one[2] for one in rows)

    def line(self, folder: Path) -> dict[str, Any]:
        """Its whole result."""
        [line] = json.loads((folder / "load.json").read_text())["scenarios"]
        assert isinstance(line, dict)
        return line


class Stock(Generator):
    """Locust as it comes. Its own time limit counts from before it has started, so it is told when to stop."""

    ends_itself = False

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.name = {"Plain": "Locust, HttpUser", "Fast": "Locust, FastHttpUser"}[kind]

    def command(self, work: Work, base: str, folder: Path) -> list[str]:
        """All users at once."""
        users = ["-u", str(work.users), "-r", str(work.users)]
        where = ["-f", "tests/bench_load/stock.py", "--host", base, "--json-file", str(folder / "stock")]
        return [str(BIN / "locust"), *where, "--headless", "--only-summary", *users, self.kind]

    def environment(self, work: Work, base: str) -> dict[str, str]:
        """What its file reads."""
        del base
        return {"BENCH_PATH": PATH, "BENCH_EACH": str(work.rate / work.users)}

    def own(self, folder: Path) -> dict[str, float]:
        """Of its one kind of request, in the milliseconds that it rounds to."""
        [told] = json.loads((folder / "stock.json").read_text())
        times = sorted((float(time_), count) for time_, count in told["response_times"].items())
        return {name: _ranked(times, part) for name, part in (("p90", 0.9), ("p99", 0.99))}


def _ranked(times: list[tuple[float, int]], part: float) -> float:
    """The quantile in seconds of milliseconds that were seen so often; 0 when none were."""
    left = part * sum(count for _, count in times)
    for milliseconds, count in times:
        left -= count
        if left <= 1e-9:
            return milliseconds / 1000
    return 0.0


class K6(Generator):
    """k6 with its open model."""

    name = "k6"

    def command(self, work: Work, base: str, folder: Path) -> list[str]:
        """Its script does the rest."""
        del work, base
        told = ["--quiet", "--no-usage-report", "--summary-export", str(folder / "k6.json")]
        return [str(BIN / "k6"), "run", *told, "tests/bench_load/k6.js"]

    def environment(self, work: Work, base: str) -> dict[str, str]:
        """What its script reads."""
        plan = {"BENCH_RATE": str(work.rate), "BENCH_SECONDS": str(work.seconds), "BENCH_USERS": str(work.users)}
        return {**plan, "BENCH_URL": base + PATH}

    def own(self, folder: Path) -> dict[str, float]:
        """Of the time of a request."""
        times: Mapping[str, float] = json.loads((folder / "k6.json").read_text())["metrics"]["http_req_duration"]
        return {"p90": times["p(90)"] / 1000, "p99": times["p(99)"] / 1000}


def watch(process: subprocess.Popen[bytes], base: str, seconds: int, *, ends_itself: bool) -> Sample:
    """Look at a generator from its first request until it ends. Raises RuntimeError when it does not come to it."""
    seen = psutil.Process(process.pid)
    sample = Sample()
    began = _await_first(process, base)
    if began is None:
        return sample
    marks: list[tuple[float, int]] = []
    steady = (seconds * 0.25, seconds * 0.9)
    while process.poll() is None:
        age = time.monotonic() - began
        if age >= seconds and not ends_itself:
            ends_itself = True
            process.terminate()
        if age > seconds + PATIENCE:
            raise RuntimeError(f"it does not end: {process.args!r}")
        # A generator that ends between two looks has no more to show.
        try:
            spent, memory = seen.cpu_times(), seen.memory_info().rss
        except psutil.Error:
            break
        counts = asked(base)
        if len(marks) < 2 and age >= steady[len(marks)]:
            marks.append((spent.user + spent.system, sum(counts)))
        sample.memory.append((age, memory))
        time.sleep(min(1.0, seconds / 20))
    sample.counts = asked(base)
    if len(marks) == 2 and marks[1][1] > marks[0][1]:
        sample.cpu = (marks[1][0] - marks[0][0]) / (marks[1][1] - marks[0][1])
    return sample


def _await_first(process: subprocess.Popen[bytes], base: str) -> float | None:
    start = time.monotonic()
    while time.monotonic() < start + PATIENCE and process.poll() is None:
        if asked(base):
            return time.monotonic()
        time.sleep(0.05)
    return None


def asked(base: str) -> list[int]:
    """Requests that have arrived at the target in each second."""
    with urllib.request.urlopen(base + COUNTS, timeout=PATIENCE) as answer:  # noqa: S310 - our own server on loopback
        counts: list[int] = json.load(answer)
    return counts


@contextmanager
def target(*, stall_at: float = 0.0, stall: float = 0.0) -> Iterator[str]:
    """A fresh target in a process of its own; its base address."""
    command = [sys.executable, "-m", "tests.bench_load.server", "--stall-at", f"{stall_at}", "--stall", f"{stall}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
