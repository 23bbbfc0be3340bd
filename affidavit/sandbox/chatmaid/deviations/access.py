"""Faults of who may do what: keys, scopes, accounts and environments apart from each other."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from typing import Any

from affidavit.sandbox.chatmaid.deviations.lists import number
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
    also,
    code,
    json_of,
    role_of,
    row,
    status,
    taken_for,
    turned_away,
    with_key,
)
from affidavit.sandbox.chatmaid.envelope import success
from affidavit.sandbox.deviation import Answering, Around, Asking, Place
from affidavit.sandbox.http import bearer
from affidavit.sandbox.model import Machine, Request, Response

READS = Place("GET")


def _without_key(_machine: Machine, request: Request) -> bool:
    return not request.headers.get("authorization")


def _unknown(machine: Machine, request: Request) -> bool:
    return bearer(request.headers) is not None and not role_of(machine, request)


def _known_with_more(machine: Machine, request: Request) -> bool:
    given = bearer(request.headers)
    return given is not None and any(given != key and given.startswith(key) for key in machine.keys().values())


Who = Callable[[Machine, Request], bool]


def let_in(place: Place, who: Who) -> Build:
    """Requests that are refused for their key are served as the main key's."""

    def build(inner: Machine) -> Machine:
        def change(request: Request, response: Response, now: float) -> Response:
            return inner.step(with_key(request, inner.keys()["main"]), now) if who(inner, request) else response

        return Answering(inner, status(place, "401"), change)

    return build


def refused_with(place: Place, who: Who, number_of_status: int) -> Build:
    """Requests that are refused for their key get another status."""

    def build(inner: Machine) -> Machine:
        other = code(EVERYWHERE, number_of_status)(inner)
        return Answering(
            inner,
            status(place, "401"),
            lambda request, response, now: other.step(request, now) if who(inner, request) else response,
        )

    return build


def _any_scheme(inner: Machine) -> Machine:
    def change(request: Request, _now: float) -> Request:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return with_key(request, token) if scheme and token else request

    return Asking(inner, EVERYWHERE, change)


class _ByOther(Around):
    """Expired keys are taken for the main one."""

    def step(self, request: Request, now: float) -> Response:
        expired = role_of(self, request) == "expired"
        return self.inner.step(with_key(request, self.keys()["main"]) if expired else request, now)


class _Together(Around):
    """A list shows what another role's list has as well, newest first."""

    def __init__(self, inner: Machine, place: Place, by: Container[str], role: str) -> None:
        super().__init__(inner)
        self._place, self._by, self._role = place, by, role

    def step(self, request: Request, now: float) -> Response:
        mine = self.inner.step(request, now)
        if mine.status != 200 or not self._place.asks(request) or role_of(self, request) not in self._by:
            return mine
        theirs = self.inner.step(with_key(request, self.keys()[self._role]), now)
        return success(200, _joined(json_of(mine.body)["data"], json_of(theirs.body)["data"], request))


def _joined(mine: Any, theirs: Any, request: Request) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(mine, list):
        return mine + theirs
    items = sorted(mine["data"] + theirs["data"], key=lambda one: str(one["createdAt"]), reverse=True)
    limit = number(request, "limit", 20)
    total = mine["pagination"]["total"] + theirs["pagination"]["total"]
    numbers = {**mine["pagination"], "total": total, "totalPages": -(-total // limit)}
    return {"data": items[:limit], "pagination": numbers}


def together(place: Place, by: Container[str], role: str) -> Build:
    """Those roles see the other one's things in a list, beside their own."""
    return lambda inner: _Together(inner, place, by, role)


def opens(place: Place, *roles: str) -> Build:
    """A scope that does not open the operation does."""
    return also(status(place, "403"), "main", roles)


def closes(place: Place, *roles: str) -> Build:
    """A scope that opens the operation does not."""
    return turned_away(place, roles, 403, "API key does not include required scope")


FAULTS = (
    # keys
    row("no-key-sends", "auth", "A send without a key is accepted.", let_in(SEND, _without_key)),
    row(
        "no-key-lists",
        "auth",
        "Both lists of messages are open to everybody.",
        let_in(LIST, _without_key),
        let_in(INBOX, _without_key),
    ),
    row("no-key-reads-one", "auth", "Single messages are open to everybody.", let_in(MESSAGE, _without_key)),
    row(
        "no-key-reads-phones",
        "auth",
        "Phones are open to everybody.",
        *(let_in(place, _without_key) for place in (PHONES, PHONE, CONNECTION)),
    ),
    row(
        "no-key-reads-account",
        "auth",
        "Account and usage are open to everybody.",
        let_in(ACCOUNT, _without_key),
        let_in(USAGE, _without_key),
    ),
    row(
        "no-key-answers-403", "auth", "A missing key is answered with 403.", refused_with(EVERYWHERE, _without_key, 403)
    ),
    row(
        "no-key-answers-400",
        "auth",
        "A read without a key is answered with 400.",
        refused_with(READS, _without_key, 400),
    ),
    row("unknown-key-sends", "auth", "A send with a key nobody issued is accepted.", let_in(SEND, _unknown)),
    row("unknown-key-lists", "auth", "A list asked for with a key nobody issued is shown.", let_in(LIST, _unknown)),
    row(
        "unknown-key-answers-403",
        "auth",
        "A key nobody issued is answered with 403.",
        refused_with(EVERYWHERE, _unknown, 403),
    ),
    row(
        "longer-key-accepted",
        "auth",
        "A key with more behind it is accepted.",
        let_in(EVERYWHERE, _known_with_more),
    ),
    row("any-scheme-accepted", "auth", "A good key is accepted under any scheme.", _any_scheme),
    row("expired-key-accepted", "auth", "A key past its date is accepted.", _ByOther),
    row(
        "live-key-refused",
        "auth",
        "A live key is refused on this host.",
        turned_away(EVERYWHERE, {"live"}, 401, "Use the live host"),
    ),
    row(
        "test-key-may-not-send",
        "auth",
        "A test key may read, and may not send.",
        turned_away(status(SEND, "201"), {"main"}, 403, "Use a live key"),
    ),
    row(
        "live-message-not-found",
        "workflow",
        "A live key's message cannot be read alone.",
        turned_away(status(MESSAGE, "200"), {"live"}, 404, "Message not found"),
    ),
    row(
        "live-key-may-not-ask-for-connection",
        "workflow",
        "A connection cannot be asked for with a live key.",
        turned_away(CONNECTION, {"live"}, 403, "Use a test key"),
    ),
    # scopes
    row(
        "scope-ignored-on-send",
        "scope",
        "A key with any scope may send.",
        opens(SEND, "only_messages_read", "only_phone_numbers_read", "only_account_read"),
    ),
    row(
        "scope-reading-sends", "scope", "A key that may read messages may send some.", opens(SEND, "only_messages_read")
    ),
    row(
        "scope-ignored-on-list",
        "scope",
        "A key that may send may list.",
        opens(LIST, "only_messages_send", "only_messages_write"),
    ),
    row(
        "scope-sending-reads-one",
        "scope",
        "A key that may send may read a message.",
        opens(MESSAGE, "only_messages_send"),
    ),
    row(
        "scope-account-reads-one",
        "scope",
        "A key for the account may read a message.",
        opens(MESSAGE, "only_account_read"),
    ),
    row(
        "scope-ignored-on-inbound-list",
        "scope",
        "A key with any scope may list inbound messages.",
        opens(INBOX, "only_messages_send", "only_account_read"),
    ),
    row(
        "scope-ignored-on-phones", "scope", "A key for the account may list phones.", opens(PHONES, "only_account_read")
    ),
    row(
        "scope-ignored-on-phone", "scope", "A key for the account may read a phone.", opens(PHONE, "only_account_read")
    ),
    row(
        "scope-ignored-on-connection",
        "scope",
        "A key for the account may ask for a connection.",
        opens(CONNECTION, "only_account_read"),
    ),
    row(
        "scope-ignored-on-account",
        "scope",
        "A key for phones may read the account.",
        opens(ACCOUNT, "only_phone_numbers_read"),
    ),
    row(
        "scope-send-does-not-send",
        "scope",
        "The scope messages:send does not open sending.",
        closes(SEND, "only_messages_send"),
    ),
    row(
        "scope-write-does-not-send",
        "scope",
        "The scope messages:write does not open sending.",
        closes(SEND, "only_messages_write"),
    ),
    row(
        "scope-read-does-not-list",
        "scope",
        "The scope messages:read does not open the list.",
        closes(LIST, "only_messages_read"),
    ),
    row(
        "scope-read-does-not-read",
        "scope",
        "The scope messages:read does not open a message.",
        closes(MESSAGE, "only_messages_read"),
    ),
    row(
        "scope-read-does-not-list-inbound",
        "scope",
        "The scope messages:read does not open the inbound list.",
        closes(INBOX, "only_messages_read"),
    ),
    row(
        "scope-phones-does-not-list",
        "scope",
        "The scope phone_numbers:read does not open the list of phones.",
        closes(PHONES, "only_phone_numbers_read"),
    ),
    row(
        "scope-legacy-does-not-list",
        "scope",
        "The older spelling of the phone scope does not open the list.",
        closes(PHONES, "only_phone_numbers_read_legacy"),
    ),
    row(
        "scope-legacy-does-not-read-phone",
        "scope",
        "The older spelling of the phone scope does not open a phone.",
        closes(PHONE, "only_phone_numbers_read_legacy"),
        closes(CONNECTION, "only_phone_numbers_read_legacy"),
    ),
    row(
        "scope-account-does-not-read-account",
        "scope",
        "The scope account:read does not open the account.",
        closes(ACCOUNT, "only_account_read"),
    ),
    row(
        "scope-messages-do-not-read-account",
        "scope",
        "The message scopes do not open the account.",
        closes(ACCOUNT, "only_messages_send", "only_messages_write"),
    ),
    row("scope-missing-answers-401", "scope", "A missing scope is answered with 401.", code(Place(status="403"), 401)),
    row("scope-missing-answers-404", "scope", "A missing scope is answered with 404.", code(Place(status="403"), 404)),
    # accounts
    row(
        "other-account-reads-message",
        "isolation",
        "A message can be read with another account's key.",
        also(status(MESSAGE, "404"), "main", {"other_account"}),
    ),
    row(
        "other-account-lists-messages",
        "isolation",
        "Another account's messages are listed.",
        together(LIST, {"other_account"}, "main"),
    ),
    row(
        "other-account-lists-phones",
        "isolation",
        "Another account's phones are listed.",
        together(PHONES, {"other_account"}, "main"),
    ),
    row(
        "other-account-reads-phone",
        "isolation",
        "Another account's phone can be read.",
        also(status(PHONE, "404"), "other_account", {"main"}),
        also(status(PHONE, "404"), "main", {"other_account"}),
    ),
    row(
        "other-account-reads-phone-by-number",
        "isolation",
        "Another account's phone can be read by its number.",
        also(status(replace(PHONE, path="/v1/phone-numbers/%2B{}"), "404"), "other_account", {"main"}),
    ),
    row(
        "other-account-reads-connection",
        "isolation",
        "The connection of another account's phone can be read.",
        also(status(CONNECTION, "404"), "other_account", {"main"}),
    ),
    row(
        "other-account-sends",
        "isolation",
        "Another account's phone can be sent from.",
        also(status(SEND, "404"), "other_account", {"main"}),
        also(status(SEND, "404"), "main", {"other_account"}),
    ),
    row(
        "other-account-reads-inbound",
        "isolation",
        "What one account received can be read with another's key.",
        also(status(LETTER, "404"), "live", {"other_live"}),
    ),
    row(
        "other-account-lists-inbound",
        "isolation",
        "What one account received is in another's list.",
        together(INBOX, {"other_live"}, "live"),
    ),
    # environments
    row(
        "live-key-lists-test-messages",
        "isolation",
        "A live key's list has a test key's messages.",
        together(LIST, {"live"}, "main"),
    ),
    row(
        "test-key-lists-live-messages",
        "isolation",
        "A test key's list has a live key's messages.",
        together(LIST, {"main"}, "live"),
    ),
    row(
        "test-key-lists-inbound",
        "isolation",
        "A test key's inbound list shows what live phones received.",
        taken_for(INBOX, {"main"}, "live"),
    ),
    row(
        "test-key-sends-live",
        "isolation",
        "What a test key sends is queued as if it was live.",
        *(taken_for(place, {"main"}, "live") for place in (SEND, LIST, MESSAGE)),
    ),
    row(
        "live-key-sends-in-test",
        "isolation",
        "A live key works in the test environment.",
        taken_for(EVERYWHERE, {"live"}, "second"),
    ),
)
