"""Write a run as `run.ndjson`, one line per event, flushed; and read it back, one line at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from affidavit.errors import RecordError
from affidavit.exchange import Delivery, Exchange, Request, Response
from affidavit.recorded import LOAD, Line, Recorded, fold

try:
    import fcntl
except ImportError:  # where there is no such lock, two runs can write the same file
    fcntl = None  # type: ignore[assignment]  # as above

VERSION = 1
RECORD = "run.ndjson"
_FIELDS: Mapping[str, Mapping[str, type]] = {
    "skip": {"source": str, "reason": str},
    "end": {"complete": bool, "reason": str},
}
_EXCHANGE: Mapping[str, type | tuple[type, ...]] = {
    "seq": int,
    "provider": str,
    "source": str,
    "at": (int, float),
    "elapsed": (int, float),
}


class Recorder:
    """Appends events to a record; every line is complete the moment it is written."""

    def __init__(self, path: Path, manifest: dict[str, Any], *, alone: bool = False) -> None:
        """Create the file and write the manifest. `alone`: raises BlockingIOError while another run writes there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.skipped: dict[str, str] = {}
        """Step -> why it was not asked, as whoever reads the record will have it."""
        self._file: IO[str] = path.open("a" if alone else "w", encoding="utf-8")
        if alone:
            self._lock()
            self._file.truncate(0)
        self._write({"kind": "manifest", "version": VERSION, **manifest})

    def _lock(self) -> None:
        """Until the file is closed. Raises BlockingIOError."""
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise

    def exchange(self, exchange: Exchange) -> None:
        """One request with its answer."""
        self._write({"kind": "exchange", **asdict(exchange)})

    def delivery(self, delivery: Delivery) -> None:
        """One webhook delivery."""
        self._write({"kind": "delivery", **asdict(delivery)})

    def skip(self, source: str, reason: str) -> None:
        """A step that was not asked; a later reason replaces an earlier one."""
        self.skipped[source] = reason
        self._write({"kind": "skip", "source": source, "reason": reason})

    def result(self, kind: str, data: Mapping[str, Any]) -> None:
        """What a run came to that is not a fold over exchanges: a line of this kind."""
        self._write({"kind": kind, **data})

    def end(self, *, complete: bool, reason: str = "", judged: bool = False) -> None:
        """The end marker; only the first one counts. `judged`: what was asked came to its end, complete or not."""
        if self._file.closed:
            return
        more = {"judged": True} if judged and not complete else {}
        self._write({"kind": "end", "complete": complete, "reason": reason, **more})
        self._file.close()

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")
        self._file.flush()


def record_at(path: Path) -> Path:
    """The record that a path names: the one in a folder, or the file itself."""
    return path / RECORD if path.is_dir() else path


def read_run(path: Path) -> Recorded:
    """A whole record, put together. Raises RecordError naming the line."""
    return fold(read_record(path))


def read_record(path: Path) -> Iterator[Line]:
    """Every line of a record. Raises RecordError naming the line.

    A record that has no end marker is that of an interrupted run, and no error.
    """
    read = _Reader()
    number = 1
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):  # noqa: B007 - the number is for the message
                yield read(line)
    except OSError as problem:
        raise RecordError(f"{path} cannot be read: {problem.strerror}; name a {RECORD}") from problem
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        why = f"{problem} is missing" if isinstance(problem, KeyError) else str(problem)
        way = "" if read.is_record else f"; expected a manifest, with which each {RECORD} of a run begins: name one"
        raise RecordError(f"{path}:{number} is no line of a run record: {why}{way}") from problem
    if not read.begun:
        raise RecordError(f"{path}:1 is no line of a run record: the file is empty")


class _Reader:
    """Types the lines, holds them to their order, and keeps equal headers and names once: they are most of a record."""

    def __init__(self) -> None:
        self.begun = self._ended = False
        self.is_record = False
        """Whether the first line was a manifest, right or wrong in the rest."""
        self._known: dict[Any, Any] = {}

    def __call__(self, line: bytes) -> Line:
        """One line. Raises ValueError, TypeError, KeyError, AttributeError or RecursionError."""
        if self.begun and not line.endswith(b"\n"):
            raise ValueError("it is cut off; without this line, the rest can be read")
        row = json.loads(line)
        if not isinstance(row, dict):
            raise TypeError(f"it is {type(row).__name__}, and no object")
        kind = row.pop("kind")
        if not self.begun:
            self.is_record = kind == "manifest"
            _check_manifest(kind, row)
        elif kind == "manifest" or self._ended:
            raise ValueError(f"there is {kind!r} where another record begins; give each its own file")
        self.begun, self._ended = True, kind == "end"
        return self._typed(kind, row)

    def _typed(self, kind: str, row: dict[str, Any]) -> Line:
        if kind not in {"exchange", "delivery"}:
            _check(row, _FIELDS.get(kind, {}))
            return {"kind": kind, **row}
        for name in ("provider", "operation", "source", "role"):
            row |= {name: self._once(row[name])} if name in row else {}
        row["request"] = Request(**self._tuples(row["request"]))
        if kind == "delivery":
            return Delivery(**row)
        row["response"] = Response(**self._tuples(row["response"])) if row["response"] else None
        _check(row, _EXCHANGE)
        return Exchange(**row)

    def _tuples(self, part: dict[str, Any]) -> dict[str, Any]:
        for name in ("headers", "query"):
            if name in part:
                part[name] = self._once(tuple(self._once((str(one), str(two))) for one, two in part[name]))
        part |= {name: self._once(part[name]) for name in ("method", "body") if name in part}
        return part

    def _once(self, value: Any) -> Any:  # noqa: ANN401 - text, or tuples of text
        """The first of all equal values."""
        return self._known.setdefault(value, value)


def _check_manifest(kind: str, row: dict[str, Any]) -> None:
    if kind != "manifest":
        raise ValueError(f"it is {kind!r:.80}")
    if row["version"] > VERSION:
        raise ValueError(f"it is of version {row['version']}, and this Affidavit reads {VERSION}; use a newer one")
    if row.get("what") != LOAD:  # which may ask several providers
        _check(row, {"targets": dict} if "targets" in row else {"provider": str, "target": str})


def _check(row: Mapping[str, Any], fields: Mapping[str, type | tuple[type, ...]]) -> None:
    for name, kind in fields.items():
        if not isinstance(row[name], kind):
            raise TypeError(f"{name} is {row[name]!r:.80}, which is of another type")
