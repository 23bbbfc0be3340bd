"""A body as a person reads it: JSON one member to a line, every token exactly as it came, and where a pointer lies.

Nothing is decoded and written anew, so what is shown is what was sent: a number keeps its digits, an escape stays one,
a member that is there twice is shown twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from affidavit.pointer import join
from affidavit.report.text import visible

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,"\s]+', re.DOTALL)
INDENT = "  "
MOST_LAID_OUT = 300_000
"""Characters beyond which a body is shown as it came."""


@dataclass(frozen=True)
class Body:
    """Text to show, and which of its lines a pointer names."""

    text: str
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Pointer -> first and last line, from 0; a member that is missing has the lines of what should hold it."""


def laid_out(body: str, pointers: Iterable[str] = ()) -> Body:
    """The body, with the lines of the pointers; as it came when it is no JSON."""
    wanted = [one for one in pointers if one.startswith("/")]
    try:
        if len(body) > MOST_LAID_OUT:
            return Body(visible(body))
        json.loads(body)
        layout = _Layout(body, {part for one in wanted for part in _upwards(one)})
        layout.value("", 0)
    except (ValueError, RecursionError):
        return Body(visible(body))
    text = visible("\n".join([*layout.lines, layout.row]))
    found = ((one, next(part for part in _upwards(one) if part in layout.spans)) for one in wanted)
    return Body(text, {one: layout.spans[part] for one, part in found})


def _upwards(pointer: str) -> list[str]:
    """The pointer and those of all that hold it, the whole body last."""
    parts = pointer.split("/")
    return ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]


class _Layout:
    """Walks the tokens of a body that is known to be JSON."""

    def __init__(self, body: str, wanted: set[str]) -> None:
        self._tokens = _TOKEN.findall(body)
        self._at = 0
        self._wanted = wanted
        self.lines: list[str] = []
        self.row = ""
        self.spans: dict[str, tuple[int, int]] = {}

    def value(self, pointer: str, depth: int) -> None:
        """One value, its pointer noted when it is wanted."""
        first, token = len(self.lines), self._take()
        if token in {"{", "["} and self._tokens[self._at] not in {"}", "]"}:
            self._members(token, pointer, depth + 1)
            self._new_line(depth)
            self._take()
        elif token in {"{", "["}:
            self._take()
        if pointer in self._wanted:
            self.spans[pointer] = (first, len(self.lines))

    def _members(self, opening: str, pointer: str, depth: int) -> None:
        number = 0
        while True:
            self._new_line(depth)
            name: str | int = number
            if opening == "{":
                key = self._take()
                self._take()
                self.row += " "
                name = json.loads(key) if self._wanted else ""
            self.value(join(pointer, name) if self._wanted else "", depth)
            if self._tokens[self._at] != ",":
                return
            self._take()
            number += 1

    def _take(self) -> str:
        token: str = self._tokens[self._at]
        self._at += 1
        self.row += token
        return token

    def _new_line(self, depth: int) -> None:
        self.lines.append(self.row)
        self.row = INDENT * depth
