"""Faults in what an Idempotency-Key is good for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from affidavit.sandbox.deviation import Around, Deviation, with_header, with_json
from affidavit.sandbox.http import bearer, json_response
from affidavit.sandbox.model import Machine, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    SEND,
    Peeking,
    answer,
    answered,
    ask,
    every,
    fault,
    header,
    header_of,
    refuse,
    status,
    with_request_header,
)

KEY = "idempotency-key"
REPLAYED = "Idempotency-Replayed"
HOUR = 3600.0
AT_ONCE = 0.1


class Forgetting(Around):
    """A key is forgotten after some time, sooner or later than the day that is documented."""

    def __init__(self, inner: Machine, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds
        self._first: dict[str, float] = {}
        self._rounds: dict[str, int] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer to a request whose key has another name in each round."""
        key = request.headers.get(KEY)
        if key is None:
            return self.inner.step(request, now)
        if now - self._first.setdefault(key, now) > self._seconds:
            self._first[key] = now
            self._rounds[key] = self._rounds.get(key, 0) + 1
        return self.inner.step(with_request_header(request, KEY, f"{key}-{self._rounds.get(key, 0)}"), now)


class Stored(Peeking):
    """Answers a key it knows by itself, instead of the machine."""

    def __init__(self, inner: Machine, *, of_all: bool = False, any_body: bool = False, for_ever: bool = False) -> None:
        """`of_all`: whoever else asks, too; `any_body`: whatever is asked; `for_ever`: whenever."""
        super().__init__(inner)
        self._of_all, self._any_body, self._for_ever = of_all, any_body, for_ever
        self._kept: dict[str, tuple[str, bytes, Response, float]] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer, or the first one to this key with the headers of the moment."""
        key, asking = request.headers.get(KEY), bearer(request.headers) or ""
        if key is None or not SEND.asks(request):
            return self.inner.step(request, now)
        owner, sent, first, at = self._kept.get(key, ("", b"", Response(0), now))
        own = owner == asking and (self._any_body or sent == request.body)
        fresh = owner != "" and (self._for_ever or now - at < 24 * HOUR)
        if fresh and (own or (self._of_all and owner != asking)):
            looked = self.inner.step(replace(request, method="GET", path="/auth/me", body=b""), now)
            limits = tuple(pair for pair in looked.headers if pair[0].startswith("X-"))
            return replace(first, headers=(*_content(first), (REPLAYED, "true"), *limits))
        response = self.inner.step(request, now)
        if response.status == 202 and owner in {"", asking}:
            self._kept[key] = (asking, request.body, response, now)
        return response


class Racing(Around):
    """Real sends that come at once do not see each other's key."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._latest: dict[str, float] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer, as without a key when the same came a moment ago."""
        key = request.headers.get(KEY)
        if key is None or b'"dry_run"' in request.body:
            return self.inner.step(request, now)
        before = self._latest.get(key, -AT_ONCE)
        self._latest[key] = now
        return self.inner.step(with_request_header(request, KEY, None) if now - before < AT_ONCE else request, now)


class RacingUnseen(Racing):
    """They all get the first one's answer, but each makes a message."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._first: dict[str, Response] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer, whose headers alone are those of the message it made."""
        key = request.headers.get(KEY)
        at_once = key is not None and now - self._latest.get(key, -AT_ONCE) < AT_ONCE
        response = super().step(request, now)
        if key is None or b'"dry_run"' in request.body:
            return response
        if at_once and key in self._first:
            return with_header(replace(response, body=self._first[key].body), REPLAYED, "true")
        self._first[key] = response
        return response


class Taken(Around):
    """A key that one account used is taken for all."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._owners: dict[str, str] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer, a 409 to everybody but the first."""
        response = self.inner.step(request, now)
        key, owner = request.headers.get(KEY), bearer(request.headers) or ""
        if key is None or not answered(SEND, "202").answers(request, response):
            return response
        if self._owners.setdefault(key, owner) == owner:
            return response
        kept = tuple(pair for pair in response.headers if pair[0].startswith("X-"))
        return json_response(409, {"success": False, "error": "This Idempotency-Key is in use."}, kept)


class Current(Peeking):
    """A replay shows the message as it is now."""

    def step(self, request: Request, now: float) -> Response:
        """The answer; a replay has the present status."""
        response = self.asked(request, now)
        if header_of(response, REPLAYED) is None or not SEND.asks(request):
            return response
        known = json.loads(response.body)["data"]["id"]
        role = next(role for role, key in self.keys().items() if key == bearer(request.headers))
        looked = self.peek(replace(request, method="GET", path=f"/messages/{known}", body=b""), role, now)
        state = json.loads(looked.body)["data"]["status"]
        return with_json(response, lambda body: {**body, "data": {**body["data"], "status": state}})


def _content(response: Response) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in response.headers if pair[0] == "Content-Type")


def _replay(change: Callable[[Request, Response], Response]) -> Callable[[Machine], Machine]:
    def changed(request: Request, response: Response) -> Response:
        return change(request, response) if header_of(response, REPLAYED) is not None else response

    return answer(SEND, changed)


def _keyed(request: Request) -> bool:
    return KEY in request.headers


CONFLICT = answered(SEND, "409")

FAULTS: tuple[Deviation, ...] = (
    fault(
        "key-ignored",
        "idempotency",
        "A key is not looked at.",
        ask(SEND, lambda request: with_request_header(request, KEY, None)),
    ),
    fault("key-refused", "idempotency", "A send with a key is refused.", refuse(SEND, 400, "Unknown header.", _keyed)),
    fault(
        "key-must-be-quoted",
        "idempotency",
        "A key must stand in quotes.",
        refuse(SEND, 400, "Not a string.", lambda request: request.headers.get(KEY, '"')[:1] != '"'),
    ),
    fault(
        "key-must-be-a-uuid",
        "idempotency",
        "A key must be a UUID.",
        refuse(SEND, 400, "Not a UUID.", lambda request: _keyed(request) and len(request.headers[KEY]) != 36),
    ),
    fault(
        "key-of-32",
        "boundary",
        "Only the first 32 characters of a key count.",
        ask(
            SEND,
            lambda request: (
                with_request_header(request, KEY, request.headers[KEY][:32]) if _keyed(request) else request
            ),
        ),
    ),
    fault("replay-unmarked", "idempotency", "A replay does not say that it is one.", header(SEND, REPLAYED, None)),
    fault(
        "replay-marked-otherwise",
        "idempotency",
        "A replay is marked with another header.",
        _replay(
            lambda _request, response: with_header(with_header(response, REPLAYED, None), "Idempotent-Replayed", "true")
        ),
    ),
    fault(
        "replay-marked-with-one",
        "idempotency",
        "A replay is marked with a 1.",
        header(SEND, REPLAYED, lambda _old: "1"),
    ),
    fault(
        "first-answer-marked",
        "idempotency",
        "The first answer is marked, too.",
        answer(
            answered(SEND, "202"),
            lambda request, response: (
                with_header(response, REPLAYED, header_of(response, REPLAYED) or "false")
                if _keyed(request)
                else response
            ),
        ),
    ),
    fault(
        "replay-is-200",
        "idempotency",
        "A replay is answered 200.",
        _replay(lambda _request, response: replace(response, status=200)),
    ),
    fault(
        "replay-is-409",
        "idempotency",
        "A repeated request is a conflict.",
        _replay(
            lambda _request, response: json_response(
                409,
                {"success": False, "error": "Seen."},
                tuple(pair for pair in response.headers if pair[0].startswith("X-")),
            )
        ),
    ),
    fault(
        "replay-is-empty",
        "idempotency",
        "A replay has no data.",
        _replay(lambda _request, response: with_json(response, lambda _body: {"success": True})),
    ),
    fault("replay-is-current", "idempotency", "A replay shows the message as it is now.", Current),
    fault(
        "sometimes-key-ignored",
        "idempotency",
        "Every second send's key is not looked at.",
        every(2, SEND, ask(SEND, lambda request: with_request_header(request, KEY, None))),
    ),
    fault(
        "conflict-is-400",
        "idempotency",
        "A key used again for something else is a bad request.",
        refuse(CONFLICT, 400, "Key in use."),
    ),
    fault(
        "conflict-is-422", "idempotency", "A key used again for something else is answered 422.", status(CONFLICT, 422)
    ),
    fault(
        "conflict-replays",
        "idempotency",
        "A key used again for something else gets the first answer.",
        lambda inner: Stored(inner, any_body=True),
    ),
    fault("key-for-an-hour", "idempotency", "A key is remembered for an hour.", lambda inner: Forgetting(inner, HOUR)),
    fault("key-for-ever", "idempotency", "A key is remembered for ever.", lambda inner: Stored(inner, for_ever=True)),
    fault(
        "key-of-all",
        "isolation",
        "A key belongs to whoever uses it first, and everybody gets the same answer.",
        lambda inner: Stored(inner, of_all=True),
    ),
    fault("key-taken-for-all", "isolation", "A key that one account used is taken for all.", Taken),
    fault("keys-race", "idempotency", "Simultaneous requests with one key make one message each.", Racing),
    fault(
        "keys-race-unseen",
        "idempotency",
        "Simultaneous requests with one key make one message each, and all get the answer of the first.",
        RacingUnseen,
    ),
)
