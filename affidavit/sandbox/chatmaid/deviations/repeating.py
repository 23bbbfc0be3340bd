"""Faults of idempotency keys: not honoured, honoured too far, or at the wrong length."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from affidavit.sandbox.chatmaid.deviations.parts import (
    SEND,
    answer_to,
    asked,
    asked_body,
    code,
    gone,
    json_of,
    role_of,
    row,
    status,
)
from affidavit.sandbox.chatmaid.deviations.sending import forbids, takes
from affidavit.sandbox.deviation import Around, edited, with_body, with_json
from affidavit.sandbox.model import Machine, Request, Response

LONGEST = 64


def key_of(request: Request) -> str:
    """The idempotency key of an order, or an empty text."""
    return str(json_of(request.body).get("idempotencyKey") or "")


class _Remembers(Around):
    """Answers a used key with what it answered first; what makes two keys one is for the caller to say."""

    def __init__(self, inner: Machine, name: Callable[[Machine, Request], str]) -> None:
        super().__init__(inner)
        self._name = name
        self._first: dict[str, Response] = {}

    def step(self, request: Request, now: float) -> Response:
        name = self._name(self, request) if SEND.asks(request) else ""
        if name in self._first:
            return self._first[name]
        response = self.inner.step(request, now)
        if name and response.status == 201:
            self._first[name] = response
        return response


class _WearsOff(Around):
    """A key is honoured so many times."""

    def __init__(self, inner: Machine, times: int) -> None:
        super().__init__(inner)
        self._times = times
        self._used: dict[str, int] = {}

    def step(self, request: Request, now: float) -> Response:
        key = key_of(request) if SEND.asks(request) else ""
        self._used[key] = self._used.get(key, 0) + 1
        if key and self._used[key] > self._times:
            request = with_body(request, lambda order: edited(order, "/idempotencyKey", gone))
        return self.inner.step(request, now)


class _RefusesOthers(Around):
    """Another order under a used key is refused."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._orders: dict[str, bytes] = {}
        self._refusing = code(SEND, 409)(inner)

    def step(self, request: Request, now: float) -> Response:
        key = key_of(request) if SEND.asks(request) else ""
        if not key or self._orders.setdefault(key, request.body) == request.body:
            return self.inner.step(request, now)
        return self._refusing.step(with_body(request, lambda order: edited(order, "/to", gone)), now)


def _with_order(request: Request) -> Request:
    digest = sha256(request.body).hexdigest()[:32]
    fits = 0 < len(key_of(request)) <= LONGEST
    return with_body(request, lambda order: edited(order, "/idempotencyKey", lambda key: digest if fits else key))


def _shows_order(request: Request, response: Response, _now: float) -> Response:
    content = json_of(request.body).get("content")
    return with_json(response, lambda whole: edited(whole, "/data/content", lambda old: content or old))


def _in_any_account(_machine: Machine, request: Request) -> str:
    return key_of(request)


def _in_any_environment(machine: Machine, request: Request) -> str:
    role = role_of(machine, request)
    return key_of(request) and f"{role.startswith('other')} {key_of(request)}"


def _equal_order(request: Request) -> Request:
    order = json_of(request.body)
    if order.get("idempotencyKey"):
        return request
    digest = sha256(request.body).hexdigest()[:32]
    return with_body(request, lambda whole: {**whole, "idempotencyKey": digest} if isinstance(whole, dict) else whole)


def _mine(change: Callable[[str], str]) -> Any:  # noqa: ANN401 - a build
    return asked_body(
        SEND, "/idempotencyKey", lambda key: change(key) if isinstance(key, str) and len(key) <= LONGEST else key
    )


FAULTS = (
    row(
        "key-not-honoured",
        "idempotency",
        "Every order makes a message, whatever its key.",
        takes("idempotencyKey", lambda key: isinstance(key, str) and len(key) <= LONGEST, lambda _: ""),
    ),
    row(
        "key-honoured-for-equal-orders-only",
        "idempotency",
        "Another order under a used key makes another message.",
        asked(SEND, _with_order),
    ),
    row("key-with-other-order-refused", "idempotency", "Another order under a used key is refused.", _RefusesOthers),
    row(
        "key-with-other-order-shown",
        "idempotency",
        "A used key shows the text of the new order.",
        answer_to(status(SEND, "201"), _shows_order),
    ),
    row("key-wears-off", "idempotency", "A key is honoured three times.", lambda inner: _WearsOff(inner, 3)),
    row(
        "key-shared-by-accounts",
        "idempotency",
        "A key used in one account is used in all.",
        lambda inner: _Remembers(inner, _in_any_account),
    ),
    row(
        "key-shared-by-environments",
        "idempotency",
        "A key used with a test key is used with the live one.",
        lambda inner: _Remembers(inner, _in_any_environment),
    ),
    row(
        "key-left-out-counts-as-one",
        "idempotency",
        "Equal orders without a key are the same order.",
        asked(SEND, _equal_order),
    ),
    row("key-cut", "idempotency", "Only the first sixteen characters of a key count.", _mine(lambda key: key[:16])),
    row("key-in-any-case", "idempotency", "Capitals and small letters of a key are the same.", _mine(str.lower)),
    row(
        "key-required",
        "idempotency",
        "An order without a key is refused.",
        forbids(lambda order: not order.get("idempotencyKey"), "idempotencyKey is required"),
    ),
    row(
        "key-too-long-accepted",
        "boundary",
        "A key of any length is accepted.",
        asked_body(SEND, "/idempotencyKey", lambda key: key[:LONGEST] if isinstance(key, str) else key),
    ),
    row(
        "key-limit-sixty",
        "boundary",
        "A key of more than sixty characters is refused.",
        forbids(lambda order: len(str(order.get("idempotencyKey", ""))) > 60, "idempotencyKey is too long"),
    ),
)
