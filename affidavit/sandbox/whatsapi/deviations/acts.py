"""What this provider's deviations are made of: the places of its API, and short names for common changes.

Each function here returns what a `Deviation` needs: a machine around a machine. An act that must remember something
is a class of its own, in the module of its family.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from affidavit.sandbox.deviation import (
    GONE,
    Answering,
    Around,
    Asking,
    Deviation,
    Place,
    Sometimes,
    edited,
    with_body,
    with_header,
    with_json,
)
from affidavit.sandbox.http import bearer, json_response
from affidavit.sandbox.model import Machine, Outgoing, Request, Response

Act: TypeAlias = Callable[[Machine], Machine]

ANYWHERE = Place()
REGISTER = Place("POST", "/auth/register")
ACCOUNT = Place("GET", "/auth/me")
SAVE_CREDENTIALS = Place("PUT", "/auth/me/credentials")
DROP_CREDENTIALS = Place("DELETE", "/auth/me/credentials")
VERIFY = Place("POST", "/auth/me/credentials/verify")
SAVE_WEBHOOK = Place("PUT", "/auth/me/webhook")
DROP_WEBHOOK = Place("DELETE", "/auth/me/webhook")
ROTATE = Place("POST", "/auth/me/rotate-key")
SEND = Place("POST", "/send-message")
BULK = Place("POST", "/messages/bulk")
LIST = Place("GET", "/messages")
MESSAGE = Place("GET", "/messages/{}")
RETRY = Place("POST", "/messages/{}/retry")
SUMMARY = Place("GET", "/analytics/summary")
CHECKOUT = Place("POST", "/billing/checkout")
PORTAL = Place("GET", "/billing/portal")
HANDSHAKE = Place("GET", "/webhooks/whatsapp")
EVENT = Place("POST", "/webhooks/whatsapp")
OPENAPI = Place("GET", "/openapi.json")
LLMS = Place("GET", "/llms.txt")
DOCS = Place("GET", "/docs")

GOOD = "2.."
REFUSED = "[45].."
ADMITTED = "2..|400|404"
BAD_REQUEST = 400
REMAINING = "X-RateLimit-Remaining"
RESET = "X-RateLimit-Reset"
OF_LIMIT = frozenset({"X-RateLimit-Limit", REMAINING, RESET})


def answered(place: Place, status: str) -> Place:
    """The place, with answers of this status alone."""
    return replace(place, status=status)


def member(place: Place, at: str, value: Any) -> Act:  # noqa: ANN401 - any JSON value, a change of one, or GONE
    """Another value in a good answer: the one given, what the function makes of it, or none for GONE."""
    change = value if callable(value) else lambda _old: value
    return body(answered(place, GOOD) if place.status == ".*" else place, lambda whole: edited(whole, at, change))


def without(place: Place, at: str) -> Act:
    """A good answer without this member."""
    return member(place, at, GONE)


def renamed(place: Place, owner: str, old: str, new: str) -> Act:
    """A good answer in which a member has another name."""
    return member(
        place, owner, lambda it: {new if name == old else name: held for name, held in it.items()} if it else it
    )


def body(place: Place, change: Callable[[Any], Any]) -> Act:
    """The whole JSON body changed."""
    return answer(place, lambda _request, response: with_json(response, change))


def answer(place: Place, change: Callable[[Request, Response], Response]) -> Act:
    """Another answer."""
    return lambda inner: Answering(inner, place, lambda request, response, _now: change(request, response))


def status(place: Place, code: int) -> Act:
    """The same answer under another status."""
    return answer(place, lambda _request, response: replace(response, status=code))


def header(place: Place, name: str, value: str | Callable[[str], str | None] | None) -> Act:
    """A header set, changed where it is, or taken away."""

    def change(_request: Request, response: Response) -> Response:
        if not callable(value):
            return with_header(response, name, value)
        old = header_of(response, name)
        return response if old is None else with_header(response, name, value(old))

    return answer(place, change)


def refuse(place: Place, code: int, error: str = "No.", when: Callable[[Request], bool] | None = None) -> Act:
    """A refusal in the documented envelope where the answer would be good, or has the status the place names."""
    place = answered(place, GOOD) if place.status == ".*" else place

    def change(request: Request, response: Response) -> Response:
        if when is not None and not when(request):
            return response
        kept = tuple(pair for pair in response.headers if pair[0] in OF_LIMIT)
        details = {"details": [{"field": "body", "message": error}]} if code == BAD_REQUEST else {}
        return json_response(code, {"success": False, "error": error, **details}, kept)

    return answer(place, change)


def ask(place: Place, change: Callable[[Request], Request]) -> Act:
    """Another request than the caller's."""
    return lambda inner: Asking(inner, place, lambda request, _now: change(request))


def sent(place: Place, at: str, value: Any) -> Act:  # noqa: ANN401 - as in `member`
    """Another value in the request, where the member is there."""
    change = value if callable(value) else lambda _old: value
    return ask(
        place,
        lambda request: with_body(
            request, lambda whole: edited(whole, at, change) if isinstance(whole, dict) else whole
        ),
    )


def every(count: int, place: Place, act: Act) -> Act:
    """The act on every so-many-th request of the place."""
    return lambda inner: Sometimes(inner, place, count, act)


def chain(*acts: Act) -> Act:
    """Several acts, the first one next to the machine."""

    def around(inner: Machine) -> Machine:
        for act in acts:
            inner = act(inner)
        return inner

    return around


class Peeking(Around):
    """May ask the inner machine more than the caller did, without using up what the asked key has left."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._extra: dict[tuple[str, str | None], int] = {}

    def peek(self, request: Request, role: str, now: float) -> Response:
        """The answer to a request that nobody made, with the key of the role and without the headers of its limit."""
        key = self.keys()[role]
        response = self.inner.step(with_request_header(request, "authorization", f"Bearer {key}"), now)
        place = key, header_of(response, RESET)
        self._extra[place] = self._extra.get(place, 0) + 1
        return replace(response, headers=tuple(pair for pair in response.headers if not _of_limit(pair)))

    def asked(self, request: Request, now: float) -> Response:
        """The answer to the caller's own request."""
        response = self.inner.step(request, now)
        extra = self._extra.get((bearer(request.headers) or "", header_of(response, RESET)), 0)
        left = header_of(response, REMAINING)
        return response if left is None else with_header(response, REMAINING, str(int(left) + extra))


def _of_limit(pair: tuple[str, str]) -> bool:
    return pair[0] in OF_LIMIT


def fault(name: str, family: str, says: str, act: Act) -> Deviation:
    """One row."""
    return Deviation(name, says, family, act)


def variant(name: str, reading: str, says: str, act: Act) -> Deviation:
    """One row; `reading` is the row of the readings, or the family of what is left free."""
    return Deviation(name, says, reading, act)


def header_of(response: Response, name: str) -> str | None:
    """A header's value, whatever the case of its name."""
    return next((value for one, value in response.headers if one.lower() == name.lower()), None)


def object_of(request: Request) -> Mapping[str, Any]:
    """The JSON object of the body; an empty one for anything else."""
    try:
        whole = json.loads(request.body)
    except ValueError:
        return {}
    return whole if isinstance(whole, dict) else {}


def with_request_header(request: Request, name: str, value: str | None) -> Request:
    """The request with the header set, or without it for None; `name` in lower case."""
    headers = {key: old for key, old in request.headers.items() if key != name}
    return replace(request, headers=headers if value is None else {**headers, name: value})


def with_outgoing_json(outgoing: Outgoing, change: Callable[[Any], Any]) -> Outgoing:
    """The delivery with its JSON body changed."""
    return replace(outgoing, body=with_json(Response(200, (), outgoing.body), change).body)
