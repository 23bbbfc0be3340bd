"""Machines that let a message go elsewhere than it was meant to, and so meet another fate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from affidavit.sandbox.deviation import Around, edited, with_body, with_json
from affidavit.sandbox.http import bearer
from affidavit.sandbox.model import Json, Machine, Outgoing, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    SEND,
    Act,
    object_of,
    with_outgoing_json,
)
from affidavit.sandbox.whatsapi.deviations.messages import (
    DAY,
)
from affidavit.sandbox.whatsapi.validation import PHONE_NUMBER

OPENED_LATE = "12025550155"
"""A number whose window nobody opens."""


class Redirected(Around):
    """Messages go to another number than the one they were meant for, and nobody is told."""

    def __init__(self, inner: Machine, to: Callable[[Mapping[str, Any], str, float], str | None]) -> None:
        """`to` says where a body goes, asked with key, body and moment; None: where it was meant to go."""
        super().__init__(inner)
        self._to = to
        self._meant: dict[str, str] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer, in which the number is the one that was asked for."""
        meant = ""
        if SEND.asks(request):
            given = object_of(request)
            other = self._to(given, bearer(request.headers) or "", now)
            if other is not None:
                meant = str(given["to"])
                request = with_body(request, lambda whole: {**whole, "to": other})
        response = self.inner.step(request, now)
        if meant and response.status == 202:
            self._meant[json.loads(response.body)["data"]["id"]] = meant
        return with_json(response, self._restored) if self._meant and response.body[:1] == b"{" else response

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """The deliveries, restored as well."""
        return tuple(with_outgoing_json(one, self._restored) for one in self.inner.tick(now))

    def _restored(self, whole: Any) -> Any:  # noqa: ANN401 - any JSON value
        data = whole.get("data") if isinstance(whole, dict) else None
        if not isinstance(data, dict):
            return whole
        known = data.get("id", data.get("messageId"))
        return edited(whole, "/data/to", lambda to: self._meant.get(str(known), to))


def redirected(old: str, new: str) -> Act:
    """Whoever writes to the one number reaches the other."""
    return lambda inner: Redirected(inner, lambda body, _key, _now: new if body.get("to") == old else None)


class Windows(Around):
    """Another idea of how long free text may follow what a recipient wrote."""

    def __init__(self, inner: Machine, length: float) -> None:
        super().__init__(inner)
        self._length = length
        self._opened: dict[tuple[str, str], float] = {}
        self._redirected = Redirected(inner, self._nowhere)

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """A control; which windows open, and when, is remembered."""
        if action == "open-window":
            self._opened[str(arguments["role"]), str(arguments["number"])] = now
        return self.inner.control(action, arguments, now)

    def step(self, request: Request, now: float) -> Response:
        """The answer; a window that this idea holds open is opened first."""
        if SEND.asks(request) and "message" in (body := object_of(request)):
            role, number = self._role(request), str(body.get("to"))
            opened = self._opened.get((role, number))
            if self._length > DAY and role and PHONE_NUMBER.fullmatch(number) and self._holds(opened, now):
                self.inner.control("open-window", {"role": role, "number": number}, now)
        return self._redirected.step(request, now)

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """The deliveries."""
        return self._redirected.tick(now)

    def _holds(self, opened: float | None, now: float) -> bool:
        return self._length == inf or (opened is not None and now - opened < self._length)

    def _role(self, request: Request) -> str:
        token = bearer(request.headers)
        return next((role for role, key in self.keys().items() if key == token), "")

    def _nowhere(self, body: Mapping[str, Any], key: str, now: float) -> str | None:
        """The number nobody wrote from, when the window is closed by this idea."""
        role = next((role for role, one in self.keys().items() if one == key), "")
        opened = self._opened.get((role, str(body.get("to"))))
        closed = self._length < DAY and opened is not None and not self._holds(opened, now)
        return OPENED_LATE if closed and "message" in body and body.get("dry_run") is not True else None
