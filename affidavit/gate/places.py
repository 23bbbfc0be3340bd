"""Where a value stands and what kind of value it is, told so that it is the same in every run.

Array indices become `*`, and so do keys that are data (a day, an id, a phone number): otherwise two runs would never
speak of the same place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from affidavit.exchange import ABSENT
from affidavit.openapi_document import instant
from affidavit.pointer import join, tokens
from affidavit.redaction import PLACEHOLDER

ANY = "*"
_NAME = re.compile(r"[A-Za-z_$@][\w$@.-]{0,59}")
_DATA = re.compile(r"\d{4,}|[0-9a-f]{8}-[0-9a-f]{4}|(?=[a-f]*\d)[0-9a-f]{12,}")
WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")
"""What a closed set of values is made of."""
_FORMATS = (
    ("date", re.compile(r"\d{4}-\d{2}-\d{2}")),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("number with +", re.compile(r"\+\d{5,}")),
    ("digits", re.compile(r"\d+")),
    ("address", re.compile(r"[a-z][a-z0-9+.-]*://\S+")),
    ("email", re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
)


def general(pointer: str) -> str:
    """The pointer with `*` for every index and every key that is data."""
    found = ""
    for token in tokens(pointer):
        found = join(found, token if is_name(token) else ANY)
    return found


def general_path(path: str) -> str:
    """The path of a URL with `*` for every segment that is data."""
    return "/".join(ANY if segment and not is_name(segment) else segment for segment in path.split("/"))


@lru_cache(maxsize=10_000)
def is_name(token: str) -> bool:
    """Whether a member's key is a name somebody chose, and no index, id, day or number."""
    return bool(_NAME.fullmatch(token)) and not _DATA.search(token)


def kind(value: Any) -> str:  # noqa: ANN401 - any JSON value, or ABSENT
    """The JSON type of a value, or `absent`. 5 and 5.0 are both numbers."""
    if value is ABSENT:
        return "absent"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def text_format(text: str) -> str:
    """What a text looks like; `text` when like nothing in particular."""
    if PLACEHOLDER.search(text):
        return "key"
    if instant(text):
        return "instant" if text[-1] in "Zz" else "instant with offset"
    return next((name for name, pattern in _FORMATS if pattern.fullmatch(text)), "text")


def members(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    """Every value inside a JSON value and the value itself, each with its general pointer."""
    pending = [(at, value)]
    while pending:
        here, node = pending.pop()
        yield here, node
        if isinstance(node, dict):
            pending += [(join(here, key if is_name(key) else ANY), child) for key, child in node.items()]
        elif isinstance(node, list):
            pending += [(join(here, ANY), child) for child in node]
