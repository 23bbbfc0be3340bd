"""What a tool found out about one provider, and how outcomes are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = ("tool", "provider", "seed", "requests", "failures")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one tool."""

    tool: str
    """Name and version."""
    provider: str
    seed: int
    requests: int
    """How many it was seen to send; less than all, if it stopped early."""
    failures: tuple[str, ...]
    """One line each."""
    log: str = ""
    """What the tool itself printed, for who wants to know more."""
    skipped: str = ""
    """Why it did not run at all; empty when it did."""

    @property
    def verdict(self) -> str:
        """What the last column shows."""
        return "skipped" if self.skipped else str(len(self.failures))


def table(outcomes: Sequence[Outcome]) -> str:
    """One row for each outcome."""
    rows = [
        COLUMNS,
        *((one.tool, one.provider, str(one.seed), str(one.requests), one.verdict) for one in outcomes),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
