"""Variants of behaviour: other legal readings of the documents, and freedoms they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from affidavit.sandbox.chatmaid.deviations.access import closes
from affidavit.sandbox.chatmaid.deviations.lists import number, with_query
from affidavit.sandbox.chatmaid.deviations.moving import moving
from affidavit.sandbox.chatmaid.deviations.parts import (
    ACCOUNT,
    CONNECTION,
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
    answer_to,
    asked,
    asked_body,
    asked_query,
    body,
    json_of,
    role_of,
    row,
    status,
    to,
    with_key,
)
from affidavit.sandbox.chatmaid.deviations.repeating import key_of
from affidavit.sandbox.chatmaid.deviations.sending import forbids, takes
from affidavit.sandbox.chatmaid.envelope import ProblemError, failure
from affidavit.sandbox.chatmaid.machine import ChatmaidMachine
from affidavit.sandbox.chatmaid.options import Options
from affidavit.sandbox.deviation import Answering, Around, Place, edited, with_header, with_json
from affidavit.sandbox.model import Json, Machine, Request, Response

MINUTES_AHEAD = 240.0
NEVER = 1e9


# --- times ------------------------------------------------------------------------------------------------------------


class _Retimed(Around):
    """Messages accepted here move at another pace."""

    def __init__(self, inner: Machine, options: Options) -> None:
        super().__init__(inner)
        self._options = options

    def step(self, request: Request, now: float) -> Response:
        machine: Any = self.inner
        while not isinstance(machine, ChatmaidMachine):
            machine = machine.inner
        machine.retime(self._options)
        try:
            return self.inner.step(request, now)
        finally:
            machine.retime(machine.options)


def retimed(confirmed: float, delivered: float, read: float) -> Build:
    """Seconds to the confirmation of a live message, and from sent to delivered and read."""
    options = Options(live_confirm_after=confirmed, deliver_after=delivered, read_after=read)
    return lambda inner: _Retimed(inner, options)


class _Skewed(Around):
    """The server's clock is ahead."""

    def step(self, request: Request, now: float) -> Response:
        there = now + MINUTES_AHEAD
        date = format_datetime(datetime.fromtimestamp(int(there), UTC), usegmt=True)
        return with_header(self.inner.step(request, there), "Date", date)

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        return self.inner.control(action, arguments, now + MINUTES_AHEAD)


def _deliveries_not_dated(one: Any, _age: float) -> Any:  # noqa: ANN401 - a message
    return {**one, "deliveredAt": None} if one["status"] == "read" else one


# --- what is accepted or refused --------------------------------------------------------------------------------------


def _digits(recipient: Any) -> str:  # noqa: ANN401 - any JSON value
    digits = "".join(one for one in str(recipient) if one.isdecimal())
    return "+" + digits.removeprefix("00")


def _no_plus(recipient: Any) -> bool:  # noqa: ANN401 - any JSON value
    if not isinstance(recipient, str) or any(one.isalpha() for one in recipient) or not recipient:
        return False
    return _digits(recipient) != recipient and len(_digits(recipient)) <= 13 and not recipient.startswith("+0")


def _private(urls: Any) -> bool:  # noqa: ANN401 - any JSON value
    hosts = ("https://127.", "https://10.", "https://localhost")
    return isinstance(urls, list) and any(str(url).startswith(hosts) for url in urls)


def _clamped(shown: bool) -> Build:  # noqa: FBT001 - which of two readings
    """A limit or page out of bounds is moved into them; a page may still show the limit that was asked for."""

    def build(inner: Machine) -> Machine:
        def clamp(request: Request) -> Request:
            inside = {}
            for name, most in (("limit", 100), ("page", 10**6)):
                text = dict(request.query).get(name)
                if text is not None:
                    inside[name] = str(min(max(int(text) if text.lstrip("-").isdecimal() else 1, 1), most))
            return with_query(request, **inside)

        def show(request: Request, response: Response, _now: float) -> Response:
            limit = number(request, "limit", 0)
            if not shown or limit <= 100:
                return response
            return with_json(
                response,
                lambda whole: edited(
                    whole,
                    "/data/pagination",
                    lambda one: {**one, "limit": limit, "totalPages": -(-one["total"] // limit)},
                ),
            )

        machine = inner
        for place in (LIST, INBOX):
            machine = Answering(asked(place, clamp)(machine), status(place, "200"), show)
        return machine

    return build


def _known_status(text: str) -> str | None:
    return text if text in {"pending", "sent", "delivered", "read", "failed"} else None


def _month_of_calendar(usage: Any) -> Any:  # noqa: ANN401 - any JSON value
    if usage["period"] != "month":
        return usage
    return {**usage, "startDate": usage["endDate"][:8] + "01T00:00:00.000Z"}


def _sent_excludes_read(usage: Any) -> Any:  # noqa: ANN401 - any JSON value
    sent = usage["messages"]["sent"]
    return {**usage, "messages": {**usage["messages"], "sent": sent // 2, "delivered": sent - sent // 2}}


class _Snapshots(Around):
    """A used key shows its message as it was first answered."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._first: dict[tuple[str, str], Response] = {}

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        key = key_of(request) if SEND.asks(request) and response.status == 201 else ""
        return self._first.setdefault((role_of(self, request), key), response) if key else response


class _ReplaysSay200(Around):
    """A used key is answered with 200."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._seen: set[str] = set()

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        if response.status != 201 or not SEND.asks(request):
            return response
        shown = str(json_of(response.body)["data"]["id"])
        known = shown in self._seen
        self._seen.add(shown)
        return replace(response, status=200) if known else response


def _idle_live_not_found(request: Request, response: Response, now: float) -> Response:
    idle = b"not connected" in response.body
    return failure(ProblemError(404, "fromPhoneId not found"), request.path, now) if idle else response


def _plus_is_space(request: Request, response: Response, now: float) -> Response:
    return failure(ProblemError(404, "Phone number not found"), request.path, now) if "+" in request.path else response


def _test_inbox_forbidden(inner: Machine) -> Machine:
    def change(request: Request, response: Response, now: float) -> Response:
        live = "live" in role_of(inner, request)
        return response if live else failure(ProblemError(403, "Live keys only"), request.path, now)

    return Answering(inner, status(LETTER, "404"), change)


def _bare_key(inner: Machine) -> Machine:
    def change(request: Request, response: Response, now: float) -> Response:
        offered = request.headers.get("authorization") or request.headers.get("X-API-Key".lower()) or ""
        return inner.step(with_key(request, offered), now) if offered in inner.keys().values() else response

    return Answering(inner, Place(status="401"), change)


ALL_MESSAGES = ("only_messages_send", "only_messages_write", "only_messages_read")

VARIANTS = (
    # sending
    row(
        "recipient-spelling-lenient",
        "validation",
        "A recipient without plus, with spaces or with 00 is understood (G-16).",
        takes("to", _no_plus, _digits),
    ),
    row(
        "media-from-anywhere",
        "validation",
        "Media on private hosts are accepted (G-12).",
        takes("mediaUrls", _private, to(["https://example.com/a.png"])),
    ),
    row(
        "empty-text-with-media-refused",
        "validation",
        "An empty text is refused even beside media.",
        forbids(lambda order: order.get("content") == "", "content must not be empty"),
    ),
    row(
        "content-counted-in-utf16",
        "boundary",
        "The length of a text is counted in UTF-16 units.",
        forbids(
            lambda order: len(order.get("content", "").encode("utf-16-le")) > 2 * 4096,
            "content must not be longer than 4096 characters",
        ),
    ),
    row(
        "null-members-left-out-of-order",
        "validation",
        "A member that is null counts as one that is left out, where it may be.",
        asked_body(
            SEND,
            "",
            lambda order: (
                {name: value for name, value in order.items() if value is not None or name in {"fromPhoneId", "to"}}
                if isinstance(order, dict)
                else order
            ),
        ),
    ),
    row(
        "idle-live-phone-not-found",
        "status",
        "A live send from a phone that is not connected is answered with 404 (G-13).",
        answer_to(status(SEND, "400"), _idle_live_not_found),
    ),
    # idempotency
    row("replay-answers-200", "idempotency", "A used idempotency key is answered with 200 (G-09).", _ReplaysSay200),
    row(
        "replay-as-first-answered",
        "idempotency",
        "A used idempotency key shows the message as it was first answered (G-09).",
        _Snapshots,
    ),
    # lists
    row(
        "query-moved-into-bounds",
        "boundary",
        "A page or limit out of bounds is moved into them (G-14).",
        _clamped(shown=False),
    ),
    row(
        "query-moved-and-shown",
        "boundary",
        "A limit out of bounds is moved into them, but shown as it was asked for (G-14).",
        _clamped(shown=True),
    ),
    row(
        "unknown-status-ignored",
        "filter",
        "A status that does not exist is ignored (G-14).",
        asked_query(LIST, "status", _known_status),
    ),
    row(
        "unknown-period-is-month",
        "validation",
        "A period that does not exist is taken for a month (G-14).",
        asked_query(USAGE, "period", lambda text: text if text in {"day", "week", "month"} else "month"),
    ),
    row(
        "empty-list-has-one-page",
        "totals",
        "An empty list has one page (G-35).",
        *(
            body(status(place, "200"), "/data/pagination", lambda one: {**one, "totalPages": max(1, one["totalPages"])})
            for place in (LIST, INBOX)
        ),
    ),
    # access
    row(
        "phones-for-phone-scopes-only",
        "scope",
        "Message scopes do not open phones (G-06).",
        *(closes(place, *ALL_MESSAGES) for place in (PHONES, PHONE, CONNECTION)),
    ),
    row("usage-for-account-scope-only", "scope", "Only account:read opens usage (G-05).", closes(USAGE, *ALL_MESSAGES)),
    row("usage-for-every-key", "scope", "Every key opens usage (G-05).", also(status(USAGE, "403"), "main")),
    row(
        "test-inbox-forbidden",
        "isolation",
        "An inbound message asked for with a test key is answered with 403 (G-37).",
        _test_inbox_forbidden,
    ),
    row("bare-key-accepted", "auth", "A key without a scheme, or in a header of its own, is accepted.", _bare_key),
    row(
        "literal-plus-not-found",
        "encoding",
        "A number whose plus was not encoded is not found.",
        answer_to(status(PHONE, "200"), _plus_is_space),
    ),
    row(
        "single-messages-of-both-environments",
        "isolation",
        "A message can be read by its id with the account's keys of both environments.",
        also(status(MESSAGE, "404"), "main", {"live"}),
        also(status(MESSAGE, "404"), "live", {"main"}),
    ),
    # lifecycle
    row(
        "slow-messages",
        "lifecycle",
        "Live messages are confirmed after ten seconds; receipts take a minute.",
        retimed(10, 60, 90),
    ),
    row(
        "quick-messages",
        "lifecycle",
        "Everything that happens to a message happens within a tenth of a second (G-02).",
        retimed(0.02, 0.05, 0.1),
    ),
    row(
        "delivered-at-first-poll",
        "lifecycle",
        "A message is delivered when it is first looked at (G-02).",
        retimed(0.1, 0.0005, 30),
    ),
    row("no-receipts-come", "lifecycle", "New messages get no further than sent (G-48).", retimed(1, NEVER, NEVER)),
    row(
        "read-without-delivery-moment",
        "lifecycle",
        "A message that was read shows no moment of delivery.",
        moving(_deliveries_not_dated),
    ),
    row("clock-ahead", "lifecycle", "The server's clock is four minutes ahead.", _Skewed),
    # account
    row(
        "usage-of-calendar-month",
        "totals",
        "The month of usage is that of the calendar (G-47).",
        body(status(USAGE, "200"), "/data", _month_of_calendar),
    ),
    row(
        "usage-sent-without-delivered",
        "totals",
        "What was delivered does not count as sent (G-32).",
        body(status(USAGE, "200"), "/data", _sent_excludes_read),
    ),
    row(
        "counters-at-night",
        "totals",
        "Counters are brought up to date once a day (G-33).",
        *(body(status(ACCOUNT, "200"), f"/data/stats/{name}", to(7)) for name in ("messages", "apiKeys")),
        body(status(USAGE, "200"), "/data/apiRequests", to({"total": 9, "successful": 8, "failed": 1})),
    ),
)
