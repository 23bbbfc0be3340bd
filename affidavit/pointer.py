"""JSON Pointer (RFC 6901) with two additions used throughout the provider files.

`*` stands for every item of an array or member of an object, and `[key=value]` for the first of them whose member `key`
equals `value` (`[key=a|b]` for any of several); text is compared as it is, any other value as JSON writes it. A member
whose own name is spelled like one of the two cannot be named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from affidavit.exchange import ABSENT

Located = tuple[str, Any]
"""A concrete pointer and the value there, ABSENT when its parent exists and the value does not."""

_INDEX = re.compile("0|[1-9][0-9]{0,8}")


def tokens(pointer: str) -> list[str]:
    """Split a pointer into its unescaped reference tokens; '' is the whole document."""
    if not pointer:
        return []
    if not pointer.startswith("/"):
        message = f"{pointer!r} is not a JSON Pointer: it must be empty or start with '/'"
        raise ValueError(message)
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]


def join(base: str, token: str | int) -> str:
    """Append one token, escaped, to a pointer."""
    return base + "/" + str(token).replace("~", "~0").replace("/", "~1")


def locate(document: Any, pointer: str) -> Iterator[Located]:  # noqa: ANN401 - any JSON value
    """Every place the pointer names, with its value.

    A last member that is missing is given as ABSENT; where a container on the way is missing, or an array under `*`
    is empty, nothing is given: there the question does not arise.
    """
    return _walk(document, tokens(pointer), "")


def first(document: Any, pointer: str) -> Any:  # noqa: ANN401 - any JSON value
    """The first value the pointer names, or ABSENT."""
    return next((value for _, value in locate(document, pointer)), ABSENT)


def values(document: Any, pointer: str) -> list[Any]:  # noqa: ANN401 - any JSON value
    """All present values the pointer names."""
    return [value for _, value in locate(document, pointer) if value is not ABSENT]


def put(document: Any, pointer: str, value: Any, *, over: type | None = None) -> Any:  # noqa: ANN401 - any JSON value
    """A copy of the document with `value` at every place the pointer names.

    With `over`, only where a value of that type stands now; without, also where an object lacks the member.
    """
    for at, old in locate(document, pointer):
        if over is None or isinstance(old, over):
            document = _changed(document, tokens(at), value)
    return document


def _changed(node: Any, rest: list[str], value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if not rest:
        return value
    if isinstance(node, list):
        place = int(rest[0])
        return [*node[:place], _changed(node[place], rest[1:], value), *node[place + 1 :]]
    return {**node, rest[0]: _changed(node.get(rest[0], {}), rest[1:], value)}


def _walk(node: Any, rest: list[str], at: str) -> Iterator[Located]:  # noqa: ANN401 - any JSON value
    if not rest:
        yield at, node
        return
    token, tail = rest[0], rest[1:]
    if token == "*":  # noqa: S105 - a reference token, no secret
        for key, child in _children(node):
            yield from _walk(child, tail, join(at, key))
    elif token.startswith("[") and token.endswith("]"):
        for key, child in _selected(node, token[1:-1]):
            yield from _walk(child, tail, join(at, key))
            return
    else:
        yield from _member(node, token, tail, at)


def _member(node: Any, token: str, tail: list[str], at: str) -> Iterator[Located]:  # noqa: ANN401 - any JSON value
    child = _step(node, token)
    if child is not ABSENT:
        yield from _walk(child, tail, join(at, token))
    elif not tail and isinstance(node, dict):
        yield join(at, token), ABSENT


def _step(node: Any, token: str) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(node, dict):
        return node.get(token, ABSENT)
    if isinstance(node, list) and _INDEX.fullmatch(token) and int(token) < len(node):
        return node[int(token)]
    return ABSENT


def _children(node: Any) -> list[tuple[str | int, Any]]:  # noqa: ANN401 - any JSON value
    if isinstance(node, dict):
        return list(node.items())
    if isinstance(node, list):
        return list(enumerate(node))
    return []


def _selected(node: Any, condition: str) -> Iterator[tuple[str | int, Any]]:  # noqa: ANN401 - any JSON value
    name, _, wanted = condition.partition("=")
    accepted = wanted.split("|")
    for key, child in _children(node):
        if isinstance(child, dict) and name in child and _spelled(child[name]) in accepted:
            yield key, child


def _spelled(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, str) else json.dumps(value)
