"""The list of checks as Markdown, read from the table of checks itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby

from affidavit.checks.table import CHECKS, Check


def checks_list() -> str:
    """Every check with what it decides and the parameters it takes, by the module it stands in."""
    parts = []
    for module, rows in groupby(CHECKS.items(), key=lambda row: row[1].function.__module__):
        about = (sys.modules[module].__doc__ or "").strip().splitlines()[0]
        table = [
            "| check | decides | must have | one or more of | may have |",
            "|---|---|---|---|---|",
            *(_row(name, check) for name, check in rows),
        ]
        parts.append("\n".join([about, "", *table, ""]))
    return "\n".join(parts)


def _row(name: str, check: Check) -> str:
    cells = (_named(check.required), _named(check.any_of), _named(check.optional))
    return f"| `{name}` | {check.about} | {' | '.join(cells)} |"


def _named(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in sorted(names))
