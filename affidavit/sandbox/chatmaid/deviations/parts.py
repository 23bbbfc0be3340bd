"""What the rows are made of: the places of the API, and small changes that build a machine around a machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import replace
from functools import reduce
from typing import Any, TypeAlias

from affidavit.sandbox.chatmaid.envelope import ProblemError, failure
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
from affidavit.sandbox.http import UnreadableBodyError, bearer, from_json
from affidavit.sandbox.model import Machine, Request, Response

Build: TypeAlias = Callable[[Machine], Machine]
Change: TypeAlias = Callable[[Any], Any]
"""What a JSON value becomes."""

EVERYWHERE = Place()
SEND = Place("POST", "/v1/messages/send")
LIST = Place("GET", "/v1/messages")
MESSAGE = Place("GET", "/v1/messages/msg_{}")
INBOX = Place("GET", "/v1/messages/inbound")
LETTER = Place("GET", "/v1/messages/inbound/{}")
PHONES = Place("GET", "/v1/phone-numbers")
PHONE = Place("GET", "/v1/phone-numbers/{}")
CONNECTION = Place("GET", "/v1/phone-numbers/{}/status")
ACCOUNT = Place("GET", "/v1/account")
USAGE = Place("GET", "/v1/account/usage")
OPERATIONS = (SEND, LIST, MESSAGE, INBOX, LETTER, PHONES, PHONE, CONNECTION, ACCOUNT, USAGE)
REFUSED = Place(status="4..")
SERVED = Place(status="2..")

SHOWN = ((SEND, "/data"), (MESSAGE, "/data"), (LIST, "/data/data/*"))
"""Where a message stands in an answer."""


def row(name: str, family: str, says: str, *builds: Build) -> Deviation:
    """One deviation; of several builds each goes around those before it."""
    return Deviation(name, says, family, lambda inner: reduce(lambda machine, build: build(machine), builds, inner))


def status(place: Place, code: str) -> Place:
    """The place, but only where the answer has that status; digits or a pattern."""
    return replace(place, status=code)


def answer(place: Place, change: Callable[[Response], Response]) -> Build:
    """Another answer, whatever was asked."""
    return lambda inner: Answering(inner, place, lambda _request, response, _now: change(response))


def answer_to(place: Place, change: Callable[[Request, Response, float], Response]) -> Build:
    """Another answer, which may depend on the request and the moment."""
    return lambda inner: Answering(inner, place, change)


def refuse(place: Place, number: int, text: str) -> Build:
    """A refusal in its whole envelope."""
    return answer_to(place, lambda request, _response, now: failure(ProblemError(number, text), request.path, now))


def code(place: Place, number: int) -> Build:
    """Another status, in the answer and in the body of a refusal."""

    def change(response: Response) -> Response:
        return with_json(replace(response, status=number), lambda body: edited(body, "/statusCode", lambda _: number))

    return answer(place, change)


def header(place: Place, name: str, value: str | None) -> Build:
    """Another header, or none."""
    return answer(place, lambda response: with_header(response, name, value))


def body(place: Place, at: str, change: Change) -> Build:
    """Another value at a place in the answer's JSON."""
    return answer(place, lambda response: with_json(response, lambda value: edited(value, at, change)))


def message(at: str, change: Change) -> Build:
    """Another value of a message's member, wherever a message is shown; an empty pointer is the whole message."""
    builds = [body(status(place, "2.."), owner + at, change) for place, owner in SHOWN]
    return lambda inner: reduce(lambda machine, build: build(machine), builds, inner)


def asked(place: Place, change: Callable[[Request], Request]) -> Build:
    """The machine is asked something else; a refusal still shows the path that was asked for."""
    return lambda inner: _Asked(inner, place, change)


class _Asked(Around):
    def __init__(self, inner: Machine, place: Place, change: Callable[[Request], Request]) -> None:
        super().__init__(inner)
        self._place, self._change = place, change

    def step(self, request: Request, now: float) -> Response:
        if not self._place.asks(request):
            return self.inner.step(request, now)
        return _with_path(self.inner.step(self._change(request), now), request.path)


def _with_path(response: Response, path: str) -> Response:
    return with_json(response, lambda whole: edited(whole, "/path", lambda _: path))


def asked_body(place: Place, at: str, change: Change) -> Build:
    """The machine is asked with another value in the body."""
    return asked(place, lambda request: with_body(request, lambda value: edited(value, at, change)))


def asked_query(place: Place, name: str, change: Callable[[str], str | None]) -> Build:
    """The machine is asked with another value of a query parameter; None takes it away."""

    def other(request: Request) -> Request:
        pairs = ((key, change(value) if key == name else value) for key, value in request.query)
        return replace(request, query=tuple((key, value) for key, value in pairs if value is not None))

    return asked(place, other)


def also(place: Place, role: str, by: Container[str] | None = None) -> Build:
    """Where the machine answers as the place says, the key of another role is tried, and its success handed out.

    `by` are the roles of those who get it; None is everybody, without a key too.
    """
    return lambda inner: _Also(inner, place, role, by)


class _Also(Around):
    def __init__(self, inner: Machine, place: Place, role: str, by: Container[str] | None) -> None:
        super().__init__(inner)
        self._place, self._role, self._by = place, role, by

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        meant = self._by is None or role_of(self, request) in self._by
        if not meant or not self._place.answers(request, response):
            return response
        other = self.inner.step(with_key(request, self.keys()[self._role]), now)
        return other if other.status < 300 else response


def taken_for(place: Place, by: Container[str], role: str) -> Build:
    """Those roles are served as if they had the key of another one."""

    def build(inner: Machine) -> Machine:
        def other(request: Request, _now: float) -> Request:
            return with_key(request, inner.keys()[role]) if role_of(inner, request) in by else request

        return Asking(inner, place, other)

    return build


def turned_away(place: Place, by: Container[str], number: int, text: str) -> Build:
    """Those roles are refused."""

    def build(inner: Machine) -> Machine:
        def change(request: Request, response: Response, now: float) -> Response:
            meant = role_of(inner, request) in by
            return failure(ProblemError(number, text), request.path, now) if meant else response

        return Answering(inner, place, change)

    return build


def relabelled(pattern: str, name: Callable[[str], str]) -> Build:
    """Ids of that form get another name in every answer, and are understood by it."""
    return lambda inner: _Relabelled(inner, pattern, name)


class _Relabelled(Around):
    def __init__(self, inner: Machine, pattern: str, name: Callable[[str], str]) -> None:
        super().__init__(inner)
        self._pattern, self._name = re.compile(pattern.encode()), name
        self._known: dict[str, str] = {}

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(self._back(request), now)
        return _with_path(replace(response, body=self._pattern.sub(self._rename, response.body)), request.path)

    def _rename(self, found: re.Match[bytes]) -> bytes:
        old = found.group().decode()
        self._known[self._name(old)] = old.strip('"')
        return self._name(old).encode()

    def _back(self, request: Request) -> Request:
        parts = (self._known.get(part, part) for part in request.path.split("/"))
        query = tuple((name, self._known.get(value, value)) for name, value in request.query)
        other = replace(request, path="/".join(parts), query=query)
        return with_body(other, lambda order: edited(order, "/fromPhoneId", self._known_id))

    def _known_id(self, reference: Any) -> Any:  # noqa: ANN401 - any JSON value
        return self._known.get(reference, reference) if isinstance(reference, str) else reference


def with_key(request: Request, key: str) -> Request:
    """The request with a key in its documented place."""
    return replace(request, headers={**request.headers, "authorization": f"Bearer {key}"})


def role_of(machine: Machine, request: Request) -> str:
    """Whose key came with the request; an empty text when nobody's."""
    token = bearer(request.headers)
    return next((role for role, key in machine.keys().items() if key == token), "")


def json_of(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The object in a body; an empty one when there is none."""
    try:
        value = from_json(body)
    except UnreadableBodyError:
        return {}
    return value if isinstance(value, dict) else {}


def sometimes(place: Place, every: int, build: Build) -> Build:
    """Only on every so-many-th request."""
    return lambda inner: Sometimes(inner, place, every, build)


def to(value: Any) -> Change:  # noqa: ANN401 - any JSON value
    """Whatever it was, it becomes this."""
    return lambda _: value


def gone(_: Any) -> Any:  # noqa: ANN401 - any JSON value
    """It is taken away."""
    return GONE


def renamed(old: str, new: str) -> Change:
    """A member of an object gets another name, in its place."""

    def change(owner: Any) -> Any:  # noqa: ANN401 - any JSON value
        return (
            {new if name == old else name: value for name, value in owner.items()} if isinstance(owner, dict) else owner
        )

    return change


def added(**members: Any) -> Change:  # noqa: ANN401 - any JSON values
    """An object gets members, or other values for those it has."""
    return lambda owner: {**owner, **members} if isinstance(owner, dict) else owner


def without_nulls(owner: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Members that are null are left out."""
    return {name: value for name, value in owner.items() if value is not None}
