"""Faults that no answer shows alone: two answers, or two parts of one, contradict each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from affidavit.sandbox.chatmaid.deviations.parts import (
    CONNECTION,
    LIST,
    PHONE,
    PHONES,
    SEND,
    USAGE,
    answer_to,
    asked,
    body,
    row,
    status,
)
from affidavit.sandbox.chatmaid.world import PRIMARY
from affidavit.sandbox.deviation import Around, edited, with_json
from affidavit.sandbox.http import rfc3339
from affidavit.sandbox.model import Machine, Request, Response


class _CountsEverybody(Around):
    """Usage counts the sends of every account."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._sends = 0

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        self._sends += status(SEND, "201").answers(request, response)
        if not status(USAGE, "200").answers(request, response):
            return response
        messages = with_json(response, lambda whole: edited(whole, "/data/messages/total", self._more))
        return with_json(messages, lambda whole: edited(whole, "/data/messages/sent", self._more))

    def _more(self, count: int) -> int:
        return count + self._sends


def _later(text: str, **span: float) -> str:
    return rfc3339(datetime.fromisoformat(text).timestamp() + timedelta(**span).total_seconds())


def _lost_again(phone: Any) -> Any:  # noqa: ANN401 - a phone
    if phone["connectionStatus"] != "connected":
        return phone
    return {**phone, "lastDisconnectedAt": _later(phone["lastConnectedAt"], hours=1)}


def _misnamed(phone: Any) -> Any:  # noqa: ANN401 - a phone
    return phone if phone["connectionStatus"] == "connected" else {**phone, "phoneNumber": PRIMARY}


def _first_of_them(request: Request) -> Request:
    whole = request.path.rpartition("/")[2]
    return replace(request, path=f"/v1/phone-numbers/%2B{PRIMARY[1:]}") if whole in {"+", "%2B"} else request


def _a_week(request: Request, response: Response, _now: float) -> Response:
    if ("period", "day") not in request.query:
        return response
    return with_json(response, lambda whole: edited(whole, "/data/startDate", lambda text: _later(text, days=-6)))


def _with_words(request: Request, response: Response, _now: float) -> Response:
    """The text of a listed message, when the list was filtered, says so."""
    if "status" not in dict(request.query):
        return response
    return with_json(response, lambda whole: edited(whole, "/data/data/*/content", lambda text: f"{text or ''}…"))


def _days_ago(_request: Request, response: Response, _now: float) -> Response:
    ended = with_json(response, lambda whole: edited(whole, "/data/endDate", lambda text: _later(text, days=-3)))
    return with_json(ended, lambda whole: edited(whole, "/data/startDate", lambda text: _later(text, days=-3)))


FAULTS = (
    row(
        "usage-ended-days-ago",
        "totals",
        "Every period of usage ended three days ago.",
        answer_to(status(USAGE, "200"), _days_ago),
    ),
    row("usage-counts-everybody", "isolation", "Usage counts what every account sends.", _CountsEverybody),
    row(
        "part-of-number-finds", "validation", "The first sign of a number finds a phone.", asked(PHONE, _first_of_them)
    ),
    row(
        "idle-phone-misnamed",
        "echo",
        "A phone that is not connected is described under another number.",
        body(status(PHONE, "200"), "/data", _misnamed),
        body(status(CONNECTION, "200"), "/data", _misnamed),
    ),
    row("usage-day-of-week", "totals", "A day of usage lasts a week.", answer_to(status(USAGE, "200"), _a_week)),
    row(
        "connected-since-lost",
        "lifecycle",
        "A connected phone was lost after it was connected.",
        body(status(PHONES, "200"), "/data/*", _lost_again),
        body(status(PHONE, "200"), "/data", _lost_again),
        body(status(CONNECTION, "200"), "/data", _lost_again),
    ),
    row(
        "filtered-list-shows-other-text",
        "echo",
        "A list that is filtered by status shows other texts.",
        answer_to(status(LIST, "200"), _with_words),
    ),
)
