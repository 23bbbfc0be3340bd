"""What is refused with 400, and in which words.

Both readers gather everything that is wrong before they refuse, since `message` is an array. A body's fields are a
table: name, whether it is required, and a rule that returns what is wrong with a value, or None. A field sent as null
is not the same as one left out: null is not of the documented type. Unknown fields and parameters are ignored (G-36).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from affidavit.sandbox.chatmaid.envelope import ProblemError
from affidavit.sandbox.chatmaid.media_urls import is_public_https
from affidavit.sandbox.chatmaid.outbox import Order
from affidavit.sandbox.chatmaid.paging import Page
from affidavit.sandbox.http import UnreadableBodyError, from_json, is_json
from affidavit.sandbox.model import Json, Request

LONGEST_CONTENT = 4096
"""In Unicode code points: an emoji outside the basic plane counts once, a combining mark counts for itself."""
LONGEST_IDEMPOTENCY_KEY = 64
"""In Unicode code points."""
LARGEST_LIMIT = 100
DEFAULT_LIMIT = 20

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_DIGITS = re.compile(r"[0-9]{1,4000}")
"""As many digits as Python reads as one number."""

Rule = Callable[[Json], str | None]
C = TypeVar("C", bound=str)


def is_e164(text: str) -> bool:
    """Whether the text is a plus and at most 15 digits, the first not 0."""
    return _E164.fullmatch(text) is not None


def _text(value: Json) -> str | None:
    return None if isinstance(value, str) else "must be a string"


def _reference(value: Json) -> str | None:
    return _text(value) or (None if value else "must not be empty")


def _recipient(value: Json) -> str | None:
    return None if isinstance(value, str) and is_e164(value) else "must be a phone number in E.164 format"


def _at_most(longest: int) -> Rule:
    def rule(value: Json) -> str | None:
        wrong = _text(value)
        if wrong or not isinstance(value, str):
            return wrong
        return f"must not be longer than {longest} characters" if len(value) > longest else None

    return rule


def _media(value: Json) -> str | None:
    if not isinstance(value, list):
        return "must be an array of URLs"
    public = all(isinstance(url, str) and is_public_https(url) for url in value)
    return None if public else "must contain public HTTPS URLs only"


FIELDS: tuple[tuple[str, bool, Rule], ...] = (
    ("fromPhoneId", True, _reference),
    ("to", True, _recipient),
    ("content", False, _at_most(LONGEST_CONTENT)),
    ("mediaUrls", False, _media),
    ("idempotencyKey", False, _at_most(LONGEST_IDEMPOTENCY_KEY)),
)
"""Name, required, rule."""


def read_order(request: Request) -> Order:
    """The message a request asks for; raises ProblemError (400) with all that is wrong."""
    body = _read_object(request)
    wrong = [
        complaint for name, required, rule in FIELDS if (complaint := _complaint(body, name, rule, required=required))
    ]
    if not wrong and not body.get("content") and not body.get("mediaUrls"):
        wrong.append("content or mediaUrls must be given")
    if wrong:
        raise ProblemError(400, *wrong)
    return _order(body)


def _read_object(request: Request) -> Mapping[str, Json]:
    if not is_json(request.headers):
        raise ProblemError(400, "Content-Type must be application/json")
    try:
        body = from_json(request.body)
    except UnreadableBodyError as error:
        raise ProblemError(400, str(error)) from None
    if not isinstance(body, dict):
        raise ProblemError(400, "body must be a JSON object")
    return body


def _complaint(body: Mapping[str, Json], name: str, rule: Rule, *, required: bool) -> str | None:
    if name not in body:
        return f"{name} is required" if required else None
    wrong = rule(body[name])
    return f"{name} {wrong}" if wrong else None


def _order(body: Mapping[str, Json]) -> Order:
    """The checked body as an order; an empty idempotency key names no operation and counts as none."""
    media = body.get("mediaUrls", ())
    return Order(
        sender=str(body["fromPhoneId"]),
        to=str(body["to"]),
        content=str(body.get("content", "")),
        media_urls=tuple(map(str, media)) if isinstance(media, list) else (),
        idempotency_key=str(body.get("idempotencyKey", "")) or None,
    )


class QueryReader:
    """Takes parameters out of a query and gathers what is wrong with them; `check` then refuses it all at once."""

    def __init__(self, query: tuple[tuple[str, str], ...]) -> None:
        self._query = query
        self._wrong: list[str] = []

    def text(self, name: str) -> str | None:
        """The value as it came; None: not given. A known name that repeats is wrong."""
        values = [value for key, value in self._query if key == name]
        if len(values) > 1:
            self._wrong.append(f"{name} must be given once")
        return values[0] if values else None

    def choice(self, name: str, choices: tuple[C, ...]) -> C | None:
        """One of the choices; None: not given."""
        value = self.text(name)
        chosen = next((choice for choice in choices if choice == value), None)
        if value is not None and chosen is None:
            self._wrong.append(f"{name} must be one of {', '.join(choices)}")
        return chosen

    def number(self, name: str, default: int, largest: int | None = None) -> int:
        """A whole number from 1 on, in digits only."""
        value = self.text(name)
        if value is None:
            return default
        number = int(value) if _DIGITS.fullmatch(value) else 0
        if number < 1 or (largest is not None and number > largest):
            self._wrong.append(f"{name} must be an integer {'>= 1' if largest is None else f'from 1 to {largest}'}")
        return number

    def page(self) -> Page:
        """The page asked for."""
        return Page(self.number("page", 1), self.number("limit", DEFAULT_LIMIT, LARGEST_LIMIT))

    def check(self) -> None:
        """Raise ProblemError (400) if anything taken so far was wrong."""
        if self._wrong:
            raise ProblemError(400, *self._wrong)
