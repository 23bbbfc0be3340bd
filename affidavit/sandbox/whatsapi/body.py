"""Reads a request's JSON body, or refuses it in a way that no client's mistake can get past."""

from __future__ import annotations

from collections.abc import Iterator

from affidavit.sandbox.http import UnreadableBodyError, from_json, is_json
from affidavit.sandbox.model import Json, Request
from affidavit.sandbox.whatsapi.refusal import Problem, invalid

DEEPEST = 100
"""Objects and lists in one another; far less than what the JSON library could write back."""


def read(request: Request) -> Json:
    """The value in the body; raises a refusal when there is none that can be worked with."""
    if not is_json(request.headers):
        raise invalid(Problem("Content-Type", "must be application/json"))
    try:
        value = from_json(request.body)
    except UnreadableBodyError as error:
        raise invalid(Problem("body", str(error))) from None
    # The bytes tell cheaply whether there is anything to look for.
    if request.body.count(b"{") + request.body.count(b"[") > DEEPEST and _is_too_deep(value):
        raise invalid(Problem("body", f"is nested more than {DEEPEST} levels deep"))
    return value


def _is_too_deep(value: Json) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _inside(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        return iter(value.values())
    return iter(value) if isinstance(value, list) else iter(())
