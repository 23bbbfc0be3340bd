"""Write a run as `run.ndjson`, one line per event, flushed; and read it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from affidavit.errors import RecordError
from affidavit.exchange import Delivery, Exchange, Request, Response

VERSION = 1


class Recorder:
    """Appends events to a record; every line is complete the moment it is written."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        """Create the file and write the manifest."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("w", encoding="utf-8")
        self._write({"kind": "manifest", "version": VERSION, **manifest})

    def exchange(self, exchange: Exchange) -> None:
        """One request with its answer."""
        self._write({"kind": "exchange", **asdict(exchange)})

    def delivery(self, delivery: Delivery) -> None:
        """One webhook delivery."""
        self._write({"kind": "delivery", **asdict(delivery)})

    def skip(self, source: str, reason: str) -> None:
        """A step that was not asked."""
        self._write({"kind": "skip", "source": source, "reason": reason})

    def result(self, kind: str, data: dict[str, Any]) -> None:
        """What a run came to that is not a fold over exchanges: a line of this kind."""
        self._write({"kind": kind, **data})

    def end(self, *, complete: bool, reason: str = "") -> None:
        """The end marker; only the first one counts."""
        if self._file.closed:
            return
        self._write({"kind": "end", "complete": complete, "reason": reason})
        self._file.close()

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")
        self._file.flush()


def read_record(path: Path) -> Iterator[dict[str, Any] | Exchange | Delivery]:
    """Every line of a record, exchanges and deliveries typed. Raises RecordError naming the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        raise RecordError(f"{path} cannot be read: {problem.strerror}; name a run.ndjson") from problem
    for number, line in enumerate(lines, 1):
        try:
            yield _row(json.loads(line))
        except (ValueError, TypeError, KeyError) as problem:
            raise RecordError(f"{path}:{number} is no line of a run record: {problem}") from problem


def _row(row: dict[str, Any]) -> dict[str, Any] | Exchange | Delivery:
    kind = row.pop("kind")
    if kind not in {"exchange", "delivery"}:
        return {"kind": kind, **row}
    row["request"] = Request(**_tuples(row["request"]))
    if kind == "delivery":
        return Delivery(**row)
    row["response"] = Response(**_tuples(row["response"])) if row["response"] else None
    return Exchange(**row)


def _tuples(part: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(tuple(pair) for pair in value) if name in {"headers", "query"} else value
        for name, value in part.items()
    }
