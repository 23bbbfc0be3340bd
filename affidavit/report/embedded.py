"""The exchanges of a run as they lie in the page: a short row for each, and whole ones for all that matters.

A page stays small by having whole exchanges in this order, as long as there is room: those that prove a finding, those
that decided a claim, some of each operation and status, the rest. What is left out is counted, and the page says it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from affidavit.exchange import Delivery, Exchange, Request
from affidavit.report.body import laid_out
from affidavit.report.runs import Run
from affidavit.report.text import capped, visible

ROOM = 8_000_000
"""Characters of whole exchanges in one page."""
MOST_ROWS = 20_000
"""Exchanges listed in one page."""
MOST_BODY = 1_000_000
"""Characters of one body that proves a finding."""
MOST_OTHER_BODY = 20_000
SAMPLES = 5
"""Whole exchanges of each operation and status, at least, as long as there is room."""


@dataclass(frozen=True)
class Embedded:
    """The exchanges of one run, to be written as JSON."""

    rows: list[list[Any]]
    """seq, epoch seconds, operation, source, role, method, target, status or None, milliseconds, error."""
    whole: dict[int, dict[str, Any]]
    """By seq: headers and body of request (`q`, `b`) and answer (`h`, `r`), and the lines that pointers name (`at`)."""
    total: int
    left_out: int
    """Exchanges that are listed without headers and bodies."""
    unlisted: int
    """Exchanges that are not even listed."""
    unproven: int
    """Exchanges of findings that there was no room for."""


def embed(run: Run, share: int) -> Embedded:
    """The exchanges and webhooks of a run, in a page of so many runs."""
    everything: list[Exchange | Delivery] = [*run.recorded.exchanges, *run.recorded.deliveries]
    pointers = _pointers(run)
    by_seq = {one.seq: one for one in everything}
    ordered = [by_seq[seq] for seq in _by_weight(run, everything, pointers) if seq in by_seq]
    whole: dict[int, dict[str, Any]] = {}
    room = ROOM // share
    for one in ordered:
        if room <= 0:
            break
        whole[one.seq] = _whole(
            one, pointers.get(one.seq, set()), MOST_BODY if one.seq in pointers else MOST_OTHER_BODY
        )
        room -= _size(whole[one.seq])
    listed = {one.seq for one in ordered[: MOST_ROWS // share]}
    rows = [_row(one) for one in everything if one.seq in listed]
    missed = sum(seq not in whole for seq in pointers if seq in by_seq)
    return Embedded(rows, whole, len(everything), len(everything) - len(whole), len(everything) - len(rows), missed)


def _pointers(run: Run) -> dict[int, set[str]]:
    """Every exchange that proves something, with the pointers that findings name in it."""
    found: dict[int, set[str]] = defaultdict(set)
    for verdict in run.result.verdicts:
        for finding in verdict.findings:
            for seq in finding.exchanges:
                found[seq] |= set()
            for seq in finding.exchanges[-1:]:
                found[seq].add(finding.pointer)
    return dict(found)


def _by_weight(run: Run, everything: Iterable[Exchange | Delivery], proving: Iterable[int]) -> Iterator[int]:
    """Numbers of all exchanges, what matters most first, each once."""
    seen: Counter[tuple[str | None, int]] = Counter()
    samples: list[int] = []
    rest: list[int] = []
    for one in everything:
        kind = (_operation(one), _status(one) or 0)
        seen[kind] += 1
        (samples if seen[kind] <= SAMPLES else rest).append(one.seq)
    deciding = [seq for verdict in run.result.verdicts for seq in verdict.evidence]
    yield from dict.fromkeys([*proving, *deciding, *samples, *rest])


def _row(one: Exchange | Delivery) -> list[Any]:
    target = one.request.path
    if one.request.query:
        target += "?" + "&".join(f"{name}={value}" for name, value in one.request.query)
    exchange = one if isinstance(one, Exchange) else None
    return [
        one.seq,
        one.at,
        visible(_operation(one) or ""),
        visible(exchange.source if exchange else "webhook"),
        visible((exchange.role if exchange else None) or ""),
        visible(one.request.method),
        visible(capped(target, 300)),
        _status(one),
        round(exchange.elapsed * 1000, 1) if exchange else None,
        visible(capped((exchange.error if exchange else None) or "", 300)),
    ]


def _operation(one: Exchange | Delivery) -> str | None:
    return one.operation if isinstance(one, Exchange) else "webhook"


def _status(one: Exchange | Delivery) -> int | None:
    if isinstance(one, Delivery):
        return one.answered
    return one.response.status if one.response else None


def _whole(one: Exchange | Delivery, pointers: set[str], most: int) -> dict[str, Any]:
    asked = one.request
    found: dict[str, Any] = {"u": visible(asked.url), "q": _pairs(asked.headers), "b": _asked(asked, most)}
    answer = one.response if isinstance(one, Exchange) else None
    if answer:
        body = laid_out(answer.body, pointers) if len(answer.body) <= most else laid_out(capped(answer.body, most))
        found |= {"h": _pairs(answer.headers), "r": body.text, "at": body.spans}
        if answer.truncated:
            found["cut"] = True
    return found


def _asked(request: Request, most: int) -> str | None:
    return None if request.body is None else laid_out(capped(request.body, most)).text


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [[visible(name), visible(value)] for name, value in pairs]


def _size(whole: dict[str, Any]) -> int:
    """About how many characters it will take."""
    headers = sum(len(name) + len(value) + 6 for key in ("q", "h") for name, value in whole.get(key, ()))
    return headers + sum(len(whole.get(key) or "") for key in ("u", "b", "r")) * 11 // 10 + 60
