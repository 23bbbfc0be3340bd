"""Variants in how things are written: moments, JSON, headers, words, and the clock they are told by."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from affidavit.sandbox.deviation import GONE, Around, Deviation, with_header
from affidavit.sandbox.model import Json, Machine, Outgoing, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    ACCOUNT,
    ANYWHERE,
    BULK,
    GOOD,
    LIST,
    MESSAGE,
    REFUSED,
    SUMMARY,
    Act,
    answer,
    answered,
    body,
    chain,
    header,
    header_of,
    member,
    variant,
)
from affidavit.sandbox.whatsapi.deviations.deliveries import sending

MOMENT = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})Z")
JSON = answered(ANYWHERE, "[2345]..")
ERRORS = answered(ANYWHERE, REFUSED)
INVALID = answered(ANYWHERE, "400")


def moments(change: Callable[[re.Match[bytes]], bytes]) -> Act:
    """Every moment in every body written otherwise, webhooks included."""

    def outgoing(one: Outgoing) -> Outgoing:
        return replace(one, body=MOMENT.sub(change, one.body))

    def answered_otherwise(_request: Request, response: Response) -> Response:
        return replace(response, body=MOMENT.sub(change, response.body))

    return chain(sending(outgoing), answer(JSON, answered_otherwise))


def rewritten(write: Callable[[Any], str]) -> Act:
    """Every JSON body written otherwise."""

    def change(_request: Request, response: Response) -> Response:
        if "json" not in (header_of(response, "Content-Type") or ""):
            return response
        return replace(response, body=write(json.loads(response.body)).encode())

    return answer(ANYWHERE, change)


def reversed_members(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value with the members of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: reversed_members(value[name]) for name in reversed(value)}
    return [reversed_members(item) for item in value] if isinstance(value, list) else value


def more_members(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value with undocumented members in every object that has a documented one."""
    if isinstance(value, dict):
        known = {"success", "id", "status", "plan", "batchId", "total", "apiKey", "url"} & set(value)
        inner = {name: held if name in {"metadata", "byStatus"} else more_members(held) for name, held in value.items()}
        return {**inner, "apiVersion": "2026-09", "region": None, "links": []} if known else inner
    return [more_members(item) for item in value] if isinstance(value, list) else value


def _more_headers(_request: Request, response: Response) -> Response:
    more = [
        ("X-Request-Id", "5f0c"),
        ("Server", "nginx"),
        ("Vary", "Origin"),
        ("Cache-Control", "no-store"),
        ("Via", "1.1 edge"),
    ]
    if response.status == 401:
        more.append(("WWW-Authenticate", "Bearer"))
    return replace(response, headers=(*response.headers, *more))


class Skewed(Around):
    """The server's clock is off by so many seconds."""

    def __init__(self, inner: Machine, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds

    def step(self, request: Request, now: float) -> Response:
        """The answer at the server's own time, which its Date header tells."""
        there = now + self._seconds
        return with_header(self.inner.step(request, there), "Date", formatdate(int(there), usegmt=True))

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """What is due there."""
        return tuple(replace(one, due=one.due - self._seconds) for one in self.inner.tick(now + self._seconds))

    def next_due(self) -> float | None:
        """When something is due there, told in our time."""
        due = self.inner.next_due()
        return None if due is None else due - self._seconds

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """The outcome."""
        self.inner.delivered(outgoing, status, now + self._seconds)

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """A control."""
        return self.inner.control(action, arguments, now + self._seconds)


WRITING: tuple[Deviation, ...] = (
    variant("moments-to-the-second", "G-34", "Moments have no fraction.", moments(lambda found: found[1] + b"Z")),
    variant(
        "moments-to-the-microsecond",
        "G-34",
        "Moments have six decimals.",
        moments(lambda found: found[1] + b"." + found[2] + b"000Z"),
    ),
    variant(
        "moments-with-offset",
        "G-34",
        "Moments end with +00:00.",
        moments(lambda found: found[1] + b"." + found[2] + b"+00:00"),
    ),
    variant(
        "json-with-space",
        "encoding",
        "JSON is written for people.",
        rewritten(lambda whole: json.dumps(whole, indent=2, ensure_ascii=False)),
    ),
    variant(
        "json-in-ascii",
        "encoding",
        "JSON is escaped to ASCII.",
        rewritten(lambda whole: json.dumps(whole, ensure_ascii=True)),
    ),
    variant(
        "members-in-other-order",
        "encoding",
        "Members come in another order.",
        rewritten(lambda whole: json.dumps(reversed_members(whole))),
    ),
    variant(
        "media-type-bare",
        "encoding",
        "The media type has no charset.",
        header(ANYWHERE, "Content-Type", lambda old: old.partition(";")[0]),
    ),
    variant(
        "media-type-in-capitals",
        "encoding",
        "The media type is written in capitals.",
        header(
            ANYWHERE,
            "Content-Type",
            lambda old: old.replace("application/json; charset=utf-8", "Application/JSON;charset=UTF-8"),
        ),
    ),
    variant("more-members", "G-04", "Objects have undocumented members.", body(answered(ANYWHERE, GOOD), more_members)),
    variant(
        "more-members-in-errors",
        "G-04",
        "Errors have undocumented members.",
        body(ERRORS, lambda whole: {**whole, "code": "E1", "requestId": "5f0c"}),
    ),
    variant("more-headers", "G-51", "Answers have undocumented headers.", answer(ANYWHERE, _more_headers)),
    variant(
        "success-where-shown",
        "G-15",
        "Success is flagged only where an example shows it.",
        chain(*[member(place, "/success", GONE) for place in (ACCOUNT, BULK, LIST, MESSAGE, SUMMARY)]),
    ),
    variant(
        "errors-in-other-words",
        "G-31",
        "Errors are worded otherwise.",
        member(ERRORS, "/error", "Nope, that did not work out!"),
    ),
    variant(
        "details-as-texts",
        "errors",
        "Details are texts.",
        member(INVALID, "/details", lambda rows: [f"{row['field']} {row['message']}" for row in rows]),
    ),
    variant(
        "details-with-paths",
        "errors",
        "Details give paths.",
        member(
            INVALID,
            "/details",
            lambda rows: [
                {"path": row["field"].split("."), "message": row["message"], "code": "custom"} for row in rows
            ],
        ),
    ),
    variant(
        "details-by-parameter",
        "errors",
        "Details say msg and param.",
        member(
            INVALID,
            "/details",
            lambda rows: [{"msg": row["message"], "param": row["field"], "location": "body"} for row in rows],
        ),
    ),
    variant(
        "clock-three-minutes-ahead",
        "clock",
        "The server's clock is three minutes ahead.",
        lambda inner: Skewed(inner, 180),
    ),
    variant(
        "clock-three-minutes-behind",
        "clock",
        "The server's clock is three minutes behind.",
        lambda inner: Skewed(inner, -180),
    ),
)


# --- how requests are limited -----------------------------------------------------------------------------------------


VARIANTS = WRITING
