"""Faults in who is let in and who sees what: keys, deactivated accounts, secrets, other accounts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from affidavit.sandbox.deviation import Around, Asking, Deviation, Place, edited, with_json
from affidavit.sandbox.http import bearer
from affidavit.sandbox.model import Machine, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    ACCOUNT,
    ANYWHERE,
    CHECKOUT,
    GOOD,
    LIST,
    MESSAGE,
    REGISTER,
    RETRY,
    ROTATE,
    SUMMARY,
    Act,
    Peeking,
    answer,
    answered,
    fault,
    refuse,
    status,
    with_request_header,
)

YEAR = 365 * 86_400
KEY_CHARACTERS = 56


class Lenient(Peeking):
    """Takes the key of `main` for a header that is not as documented."""

    def __init__(self, inner: Machine, place: Place, header: str | None) -> None:
        """`header` is how the header begins that is taken; None: when there is none at all."""
        super().__init__(inner)
        self._place, self._header = place, header

    def step(self, request: Request, now: float) -> Response:
        """The answer to the request with a good header."""
        given = request.headers.get("authorization")
        taken = given is None if self._header is None else given is not None and given.startswith(self._header)
        return self.peek(request, "main", now) if taken and self._place.asks(request) else self.asked(request, now)


def key_cut(request: Request, _now: float) -> Request:
    """What stands behind the last character that a key has is not looked at."""
    key = bearer(request.headers)
    return with_request_header(request, "authorization", f"Bearer {key[:KEY_CHARACTERS]}") if key else request


class Renamed(Around):
    """Issues keys of another form, and takes them back."""

    def __init__(self, inner: Machine, place: Place, form: Any) -> None:  # noqa: ANN401 - text to text
        super().__init__(inner)
        self._place, self._form = place, form
        self._real: dict[str, str] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer, with keys turned around on both ways."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if token in self._real:
            request = with_request_header(request, "authorization", f"{scheme} {self._real[token]}")
        response = self.inner.step(request, now)
        if not self._place.answers(request, response):
            return response
        return with_json(response, lambda whole: edited(whole, "/data/apiKey", self._issue))

    def _issue(self, key: str) -> str:
        shown = str(self._form(key))
        self._real[shown] = key
        return shown


class OldKeysLive(Around):
    """A replaced key goes on working."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._first = {key: role for role, key in inner.keys().items()}

    def step(self, request: Request, now: float) -> Response:
        """The answer to the role's present key."""
        role = self._first.get(bearer(request.headers) or "")
        if role is not None:
            request = with_request_header(request, "authorization", f"Bearer {self.keys()[role]}")
        return self.inner.step(request, now)


class NewKeysDead(Around):
    """A key that a rotation issued is unknown."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._first = frozenset(inner.keys().values())

    def step(self, request: Request, now: float) -> Response:
        """The answer, a 401 to a new key of an old account."""
        token = bearer(request.headers) or ""
        if token in self.keys().values() and token not in self._first:
            request = with_request_header(request, "authorization", "Bearer sk_live_none")
        return self.inner.step(request, now)


class KeysExpire(Around):
    """A key works for a year."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._start: float | None = None

    def step(self, request: Request, now: float) -> Response:
        """The answer, as to a key nobody has when the year is over."""
        self._start = now if self._start is None else self._start
        if now - self._start > YEAR and "authorization" in request.headers:
            request = with_request_header(request, "authorization", "Bearer sk_live_expired")
        return self.inner.step(request, now)


class Shared(Peeking):
    """One account's messages are open to every other: what is unknown to one key is looked for with another."""

    def __init__(self, inner: Machine, place: Place) -> None:
        super().__init__(inner)
        self._place = place

    def step(self, request: Request, now: float) -> Response:
        """The first answer that is not 404, or the 404."""
        response = self.asked(request, now)
        if not answered(self._place, "404").answers(request, response):
            return response
        other = self.peek(request, "main", now)
        return replace(response, status=other.status, body=other.body)


class ListsTogether(Peeking):
    """The list shows everybody the messages of `main`, too."""

    def step(self, request: Request, now: float) -> Response:
        """The answer with the other account's messages in front."""
        response = self.asked(request, now)
        own = bearer(request.headers) == self.keys()["main"]
        if own or not answered(LIST, "200").answers(request, response):
            return response
        more = json.loads(self.peek(request, "main", now).body)["data"]
        return with_json(response, lambda whole: edited(whole, "/data", lambda items: more + items))


class DeactivatedLives(Peeking):
    """The key of a deactivated account works as that of another one."""

    def __init__(self, inner: Machine, place: Place) -> None:
        super().__init__(inner)
        self._place = answered(place, "403")

    def step(self, request: Request, now: float) -> Response:
        """The answer the other account would get."""
        response = self.asked(request, now)
        if not self._place.answers(request, response):
            return response
        other = self.peek(request, "other_account", now)
        return replace(response, status=other.status, body=other.body)


def _echo_key(request: Request, response: Response) -> Response:
    key = bearer(request.headers) or ""
    return with_json(response, lambda whole: edited(whole, "/error", lambda text: f"{text} ({key})"))


def _show_key(request: Request, response: Response) -> Response:
    key = bearer(request.headers) or ""
    return with_json(response, lambda whole: edited(whole, "/data", lambda data: {**data, "apiKey": key}))


def _key_in_header(request: Request, response: Response) -> Response:
    key = bearer(request.headers) or ""
    return replace(response, headers=(*response.headers, ("X-Api-Key", key))) if key else response


def _only(place: Place, *roles: str, act: Act) -> Act:
    """The act for the keys of these roles alone."""

    def around(inner: Machine) -> Machine:
        return _ForRoles(inner, place, frozenset(roles), act(inner))

    return around


class _ForRoles(Around):
    def __init__(self, inner: Machine, place: Place, roles: frozenset[str], deviant: Machine) -> None:
        super().__init__(inner)
        self._place, self._roles, self._deviant = place, roles, deviant

    def step(self, request: Request, now: float) -> Response:
        token = bearer(request.headers) or ""
        meant = any(key == token and role in self._roles for role, key in self.keys().items())
        machine = self._deviant if meant and self._place.asks(request) else self.inner
        return machine.step(request, now)


def lenient(place: Place, header: str | None) -> Act:
    """A header that is taken although it is not as documented."""
    return lambda inner: Lenient(inner, place, header)


def _keyless(request: Request) -> bool:
    return "authorization" not in request.headers


UNAUTHORIZED = answered(ANYWHERE, "401")

FAULTS: tuple[Deviation, ...] = (
    fault("account-without-key", "auth", "The account opens without a key.", lenient(ACCOUNT, None)),
    fault("figures-without-key", "auth", "The figures are open to all.", lenient(SUMMARY, None)),
    fault("checkout-without-key", "auth", "A checkout needs no key.", lenient(CHECKOUT, None)),
    fault("no-key-is-403", "auth", "A missing key is answered 403.", status(UNAUTHORIZED, 403)),
    fault(
        "no-key-is-400",
        "auth",
        "A missing header is a bad request.",
        refuse(UNAUTHORIZED, 400, "Authorization is required.", _keyless),
    ),
    fault("basic-is-taken", "auth", "A key is taken in a Basic header.", lenient(ANYWHERE, "Basic ")),
    fault("bare-key-is-taken", "auth", "A key is taken without a scheme.", lenient(ANYWHERE, "sk_live_")),
    fault(
        "any-key-is-taken", "auth", "Any key of the right form is taken.", lenient(ANYWHERE, "Bearer sk_live_00000000")
    ),
    fault(
        "longer-key-is-taken",
        "auth",
        "A key with more behind it is taken.",
        lambda inner: Asking(inner, ANYWHERE, key_cut),
    ),
    fault("wrong-key-is-404", "auth", "A wrong key is answered 404.", status(answered(ACCOUNT, "401"), 404)),
    fault(
        "deactivated-works", "auth", "A deactivated account goes on.", lambda inner: DeactivatedLives(inner, ANYWHERE)
    ),
    fault(
        "deactivated-reads",
        "auth",
        "A deactivated account may read.",
        lambda inner: DeactivatedLives(inner, Place("GET")),
    ),
    fault(
        "deactivated-is-401",
        "auth",
        "A deactivated account is unknown.",
        _only(ANYWHERE, "deactivated", act=status(answered(ANYWHERE, "403"), 401)),
    ),
    fault("registration-needs-key", "auth", "Registration asks for a key.", refuse(answered(REGISTER, "2..|400"), 401)),
    fault("keys-expire", "auth", "A key expires after a year.", KeysExpire),
    fault("old-key-lives", "auth", "A replaced key goes on working.", OldKeysLive),
    fault("new-key-dead", "auth", "A key from a rotation does not work.", NewKeysDead),
    fault("key-in-account", "secret", "The account shows its key.", answer(answered(ACCOUNT, GOOD), _show_key)),
    fault("key-in-error", "secret", "A 401 repeats the key.", answer(UNAUTHORIZED, _echo_key)),
    fault("key-in-header", "secret", "Answers repeat the key in a header.", answer(ANYWHERE, _key_in_header)),
    fault(
        "new-key-in-other-form",
        "secret",
        "New accounts get keys of another kind.",
        lambda inner: Renamed(inner, REGISTER, lambda key: "wak_" + key[8:]),
    ),
    fault(
        "rotated-key-short",
        "secret",
        "A rotation issues a short key.",
        lambda inner: Renamed(inner, ROTATE, lambda key: key[:40]),
    ),
    fault("messages-shared", "isolation", "A message can be read with any key.", lambda inner: Shared(inner, MESSAGE)),
    fault("retry-shared", "isolation", "A message can be retried with any key.", lambda inner: Shared(inner, RETRY)),
    fault("lists-shared", "isolation", "The list mixes two accounts.", ListsTogether),
    fault(
        "foreign-message-is-403",
        "isolation",
        "Another account's message is forbidden, not unknown.",
        _only(MESSAGE, "other_account", act=status(answered(MESSAGE, "404"), 403)),
    ),
)
