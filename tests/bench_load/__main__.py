"""`make bench-load`: one table of what our generator does beside Locust as it comes and k6, each measured here and now.

The stall shows whose times are honest, the steady rate whose schedule is even and what a request costs, the soak
whether memory grows. Targets run in processes of their own on the loopback address. With --short it only shows that
everything runs: its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench_load.generators import BIN, K6, Generator, Ours, Sample, Stock, Work, target

STALL_RATE, STEADY_RATE = 50, 500


@dataclass(frozen=True)
class Lengths:
    """Seconds of everything."""

    stall_run: int = 10
    stall: float = 2.0
    steady: int = 30
    soak: int = 600
    settled: float = 60.0
    """When memory has to have stopped growing."""


FULL, SHORT = Lengths(), Lengths(stall_run=3, stall=0.6, steady=3, soak=4, settled=2.0)


def theory(lengths: Lengths, part: float) -> float:
    """What a quantile is when arrivals go on during the stall: those of its last moments wait least."""
    return max(0.0, lengths.stall - (1 - part) * lengths.stall_run)


def stall(lengths: Lengths, folder: Path) -> Iterator[str]:
    """Who sees that the target stood still."""
    yield f"{lengths.stall:g} s stall in {lengths.stall_run} s at {STALL_RATE}/s"
    yield row("", "p90 s", "p99 s", "requests")
    planned = STALL_RATE * lengths.stall_run
    yield row("theory", f"{theory(lengths, 0.9):.3f}", f"{theory(lengths, 0.99):.3f}", f"{planned}")
    for generator in (Ours(), Stock("Plain"), *k6()):
        with target(stall_at=0.4 * lengths.stall_run, stall=lengths.stall) as base:
            sample = generator.run(Work(STALL_RATE, lengths.stall_run, STALL_RATE), base, folder / generator.name)
        ways = {"from_intended ": ", from the plan", "service ": ", from sending"} if len(sample.own) > 2 else {"": ""}
        for way, words in ways.items():
            times = (f"{sample.own[f'{way}{part}']:.3f}" for part in ("p90", "p99"))
            yield row(generator.name + words, *times, f"{sum(sample.counts)}")


def steady(lengths: Lengths, folder: Path) -> Iterator[str]:
    """Who keeps the rate, how evenly, and at what cost."""
    yield f"{STEADY_RATE}/s for {lengths.steady} s"
    yield row("", "requests/s", "sd per second", "CPU us/request")
    for generator in (Ours(), Stock("Fast"), *k6()):
        yield row(generator.name, *_steady_run(generator, lengths, folder / generator.name))
    rate, deviation = Ours().on_the_sandbox(Work(STEADY_RATE, lengths.steady, 100), folder / "sandbox")
    yield row("Affidavit, on the sandbox", f"{rate:.2f}", f"{deviation:.2f}", "-")


def _steady_run(generator: Generator, lengths: Lengths, folder: Path) -> tuple[str, str, str]:
    with target() as base:
        sample = generator.run(Work(STEADY_RATE, lengths.steady, 100), base, folder)
    whole = sample.counts[1 : lengths.steady - 1]
    cpu = "-" if sample.cpu is None else f"{sample.cpu * 1e6:.0f}"
    return f"{statistics.mean(whole or [0]):.2f}", f"{statistics.pstdev(whole or [0]):.2f}", cpu


def k6() -> list[Generator]:
    """k6, where there is one for this machine."""
    return [K6()] if (BIN / "k6").exists() else []


def soak(lengths: Lengths, folder: Path) -> Iterator[str]:
    """Whether memory grows once everything is warm."""
    yield f"soak of {lengths.soak} s at {STEADY_RATE}/s"
    yield row("", "settled MB", "end MB", "growth %")
    with target() as base:
        sample = Ours().run(Work(STEADY_RATE, lengths.soak, 100), base, folder / "soak")
    yield row("Affidavit", *_growth(sample, lengths.settled, lengths.soak))


def _growth(sample: Sample, settled: float, until: float) -> tuple[str, str, str]:
    """Memory when it has settled and at the end of the plan, each over a tenth of the time between."""
    later = [memory for age, memory in sample.memory if settled <= age <= until] or [sample.memory[-1][1]]
    tenth = max(1, len(later) // 10)
    begin, end = statistics.mean(later[:tenth]), statistics.mean(later[-tenth:])
    return f"{begin / 1e6:.1f}", f"{end / 1e6:.1f}", f"{100 * (end / begin - 1):+.1f}"


MEASUREMENTS: Mapping[str, Callable[[Lengths, Path], Iterator[str]]] = {"stall": stall, "steady": steady, "soak": soak}


def row(name: str, *cells: str) -> str:
    """One line of the table."""
    return f"  {name:<28}" + "".join(f"{cell:>16}" for cell in cells)


def main(arguments: list[str]) -> None:
    """Print the table as it comes."""
    parser = argparse.ArgumentParser(prog="make bench-load", description=__doc__)
    parser.add_argument("--short", action="store_true", help="only show that everything runs")
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="only this; repeatable")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in MEASUREMENTS.items():
            if name in (given.only or MEASUREMENTS):
                for line in measure(SHORT if given.short else FULL, Path(folder) / name):
                    print(line, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main(sys.argv[1:])
