"""Faults of the rate limit: where it is, whom it holds back, and what it says."""

from __future__ import annotations

from dataclasses import replace

from affidavit.sandbox.chatmaid.deviations.parts import (
    ACCOUNT,
    CONNECTION,
    EVERYWHERE,
    INBOX,
    LETTER,
    LIST,
    MESSAGE,
    PHONE,
    PHONES,
    SEND,
    USAGE,
    Build,
    answer,
    body,
    role_of,
    row,
    sometimes,
    to,
)
from affidavit.sandbox.chatmaid.envelope import ProblemError, failure
from affidavit.sandbox.deviation import Answering, Around, Place, edited, with_json
from affidavit.sandbox.http import json_response
from affidavit.sandbox.model import Json, Machine, Request, Response

LIMITED = Place(status="429")
NO_LIMIT = 1_000_000
WINDOW = 60.0
OTHER_READS = (LIST, MESSAGE, INBOX, LETTER, PHONES, PHONE, CONNECTION, USAGE)


def without_limit(machine: Machine, request: Request, now: float) -> Response:
    """The answer that the machine would give if it had no limit."""
    return under(NO_LIMIT, machine, request, now)


def under(limit: int, machine: Machine, request: Request, now: float) -> Response:
    """The answer that the machine would give if this were the limit of the key."""
    role, described = role_of(machine, request), machine.control("describe", {}, now)
    if not role or not isinstance(described, dict):
        return machine.step(request, now)
    own = described["own_limits"].get(role, described["requests_per_minute"])
    machine.control("set-rate-limit", {"requests_per_minute": limit, "role": role}, now)
    try:
        return machine.step(request, now)
    finally:
        machine.control("set-rate-limit", {"requests_per_minute": own, "role": role}, now)


class _NoLimit(Around):
    """At some places there is no limit."""

    def __init__(self, inner: Machine, *places: Place) -> None:
        super().__init__(inner)
        self._places = places

    def step(self, request: Request, now: float) -> Response:
        if not any(place.asks(request) for place in self._places):
            return self.inner.step(request, now)
        return without_limit(self.inner, request, now)


class _Done(Around):
    """A refused send makes its message."""

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        if response.status == 429 and SEND.asks(request):
            without_limit(self.inner, request, now)
        return response


class _Other(Around):
    """A limit of so many more or fewer requests."""

    def __init__(self, inner: Machine, by: int) -> None:
        super().__init__(inner)
        self._by = by

    def control(self, action: str, arguments: object, now: float) -> Json:
        given = dict(arguments)  # type: ignore[call-overload]  # the mapping of a control
        if action == "set-rate-limit":
            given["requests_per_minute"] += self._by
        return self.inner.control(action, given, now)


class _Shared(Around):
    """While one key is refused, every key is."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._until = 0.0

    def step(self, request: Request, now: float) -> Response:
        if now < self._until and role_of(self, request):
            return failure(ProblemError(429, "Rate limit exceeded", fields={"retryAfter": 60}), request.path, now)
        response = self.inner.step(request, now)
        if response.status == 429:
            self._until = now + WINDOW
        return response


class _NeverAgain(Around):
    """Once refused, the second key stays refused."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._refused: set[str] = set()

    def step(self, request: Request, now: float) -> Response:
        role = role_of(self, request)
        if role in self._refused:
            return failure(ProblemError(429, "Rate limit exceeded", fields={"retryAfter": 60}), request.path, now)
        response = self.inner.step(request, now)
        if response.status == 429 and role == "second":
            self._refused.add(role)
        return response


def second(number: int) -> Build:
    """The second key's refusal has another status; the first is needed to see anything at all."""

    def build(inner: Machine) -> Machine:
        def change(request: Request, response: Response, _now: float) -> Response:
            if role_of(inner, request) != "second":
                return response
            return with_json(replace(response, status=number), lambda whole: edited(whole, "/statusCode", to(number)))

        return Answering(inner, LIMITED, change)

    return build


def says(change: object) -> Build:
    """A refusal names another wait."""
    return body(LIMITED, "/retryAfter", change if callable(change) else to(change))


class _Moment(Around):
    def step(self, request: Request, now: float) -> Response:
        return body(LIMITED, "/retryAfter", lambda wait: int(now) + wait)(self.inner).step(request, now)


FAULTS = (
    row("limit-not-kept", "rate-limit", "There is no rate limit.", lambda inner: _NoLimit(inner, EVERYWHERE)),
    row(
        "limit-one-too-many", "rate-limit", "One request more than the limit is served.", lambda inner: _Other(inner, 1)
    ),
    row(
        "limit-one-too-few",
        "rate-limit",
        "One request fewer than the limit is served.",
        lambda inner: _Other(inner, -1),
    ),
    row(
        "limit-not-on-sends",
        "rate-limit",
        "A key that has used up its requests goes on sending.",
        lambda inner: _NoLimit(inner, SEND),
    ),
    row(
        "limit-not-on-reads",
        "rate-limit",
        "A key that has used up its requests goes on reading, but for the account.",
        lambda inner: _NoLimit(inner, *OTHER_READS),
    ),
    row(
        "limit-leaks-on-account",
        "rate-limit",
        "Every second request for the account is served, limit or no limit.",
        sometimes(ACCOUNT, 2, lambda inner: _NoLimit(inner, ACCOUNT)),
    ),
    row("limit-shared-by-keys", "rate-limit", "One key's requests use up another's.", _Shared),
    row(
        "limited-but-sent",
        "rate-limit",
        "A send that is refused for too many requests is done all the same.",
        _Done,
    ),
    row("limit-for-ever", "rate-limit", "A key that was refused once stays refused.", _NeverAgain),
    row(
        "limit-answers-503",
        "rate-limit",
        "The second key, having used up its requests, is answered with 503.",
        second(503),
    ),
    row(
        "limit-answers-403",
        "rate-limit",
        "The second key, having used up its requests, is answered with 403.",
        second(403),
    ),
    row(
        "limit-without-envelope",
        "rate-limit",
        "A key that has used up its requests gets nothing but a message and the wait.",
        answer(LIMITED, lambda _: json_response(429, {"message": "Too many requests", "retryAfter": 60})),
    ),
    row(
        "limit-is-a-web-page",
        "rate-limit",
        "A key that has used up its requests gets a web page.",
        answer(LIMITED, lambda _: Response(429, (("Content-Type", "text/html"),), b"<h1>Too many requests</h1>")),
    ),
    row(
        "limit-envelope-says-success",
        "rate-limit",
        "The refusal of a key that has used up its requests says success.",
        body(LIMITED, "/success", to(value=True)),
    ),
    row("wait-is-text", "rate-limit", "The wait is a text.", says(str)),
    row("wait-is-text-with-unit", "rate-limit", "The wait is a text with its unit.", says(lambda wait: f"{wait}s")),
    row("wait-is-fraction", "rate-limit", "The wait is not a whole number.", says(lambda wait: wait - 0.5)),
    row("wait-is-zero", "rate-limit", "The wait is zero.", says(0)),
    row("wait-is-negative", "rate-limit", "The wait is negative.", says(lambda wait: -wait)),
    row("wait-is-null", "rate-limit", "The wait is null.", says(lambda _: None)),
    row("wait-too-short", "rate-limit", "The wait is a second, whatever is left of the window.", says(1)),
    row("wait-in-milliseconds", "rate-limit", "The wait is in milliseconds.", says(lambda wait: wait * 1000)),
    row(
        "wait-is-moment",
        "rate-limit",
        "The wait is the moment of the reset, in seconds since 1970.",
        _Moment,
    ),
)
