"""Faults of how a message moves: states that are skipped, left or never reached, and moments that disagree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from affidavit.sandbox.chatmaid.deviations.parts import (
    LIST,
    MESSAGE,
    SEND,
    SHOWN,
    Build,
    answer_to,
    body,
    message,
    role_of,
    row,
    sometimes,
    status,
)
from affidavit.sandbox.deviation import Answering, edited, with_json
from affidavit.sandbox.http import rfc3339
from affidavit.sandbox.model import Machine, Request, Response

Message = dict[str, Any]
MOMENTS = ("sentAt", "deliveredAt", "readAt", "failedAt")
ERRORS = ("errorCode", "errorMessage")


def epoch(time: str) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(time).timestamp()


def moving(change: Callable[[Message, float], Message], *, live: bool | None = None) -> Build:
    """Messages are shown otherwise, which may depend on their age in seconds; `live` is for one kind of key only."""

    def build(inner: Machine) -> Machine:
        machine = inner
        for place, at in SHOWN:
            machine = _aged(machine, status(place, "2.."), at)
        return machine

    def _aged(inner: Machine, place: Any, at: str) -> Machine:  # noqa: ANN401 - a place
        def shown(request: Request, response: Response, now: float) -> Response:
            if live is not None and role_of(inner, request).startswith("live") is not live:
                return response
            return with_json(
                response, lambda whole: edited(whole, at, lambda one: change(one, now - epoch(one["createdAt"])))
            )

        return Answering(inner, place, shown)

    return build


def still(state: str, one: Message) -> Message:
    """The message as it was when it had got as far as that state."""
    reached = {"pending": 0, "sent": 1, "delivered": 2}[state]
    none = MOMENTS[reached:]
    return {**one, "status": state, **dict.fromkeys((*none, *ERRORS))}


def _pending_first(one: Message, age: float) -> Message:
    return still("pending", one) if age < 1 else one


def _never_confirmed(one: Message, age: float) -> Message:
    return still("pending", one) if age < 86_400 else one


def _never_fails(one: Message, age: float) -> Message:
    return still("pending", one) if one["status"] == "failed" and age < 86_400 else one


def _back_to_pending(one: Message, age: float) -> Message:
    return still("pending", one) if one["status"] == "delivered" and age < 3600 else one


def _back_to_sent(one: Message, _age: float) -> Message:
    return still("sent", one) if one["status"] == "read" else one


def _read_then_delivered(one: Message, age: float) -> Message:
    return {**one, "status": "delivered"} if one["status"] == "read" and age > 6.5 else one


def _failed_then_sent(one: Message, age: float) -> Message:
    if one["status"] != "failed" or not 0.0005 < age < 3600:
        return one
    return {**one, "status": "sent", "sentAt": one["createdAt"], "failedAt": None, **dict.fromkeys(ERRORS)}


def _delivered_then_failed(one: Message, age: float) -> Message:
    if one["status"] != "read" or age > 3600:
        return one
    later = {
        "status": "failed",
        "failedAt": one["readAt"],
        "readAt": None,
        "errorCode": "expired",
        "errorMessage": "Expired",
    }
    return {**one, **later}


def _only(states: set[str], name: str, value: Any) -> Build:  # noqa: ANN401 - any JSON value
    """A member has another value in those states."""
    return message(
        "", lambda one: {**one, name: value(one) if callable(value) else value} if one["status"] in states else one
    )


def _sent_now(request: Request, response: Response, now: float) -> Response:
    del request
    return with_json(response, lambda whole: edited(whole, "/data/sentAt", lambda time: time and rfc3339(now)))


def _earlier(time: str) -> str:
    return rfc3339(epoch(time) - 60)


def _later(time: str) -> str:
    return rfc3339(epoch(time) + 60)


BEFORE_FAILURE = {"pending", "sent", "delivered", "read"}
FAULTS = (
    # states
    row("test-send-pending", "lifecycle", "A test key's send comes back pending.", moving(_pending_first, live=False)),
    row(
        "test-send-queued-for-ever",
        "lifecycle",
        "A test key's messages stay pending.",
        moving(_never_confirmed, live=False),
    ),
    row(
        "live-send-sent",
        "lifecycle",
        "A live key's send comes back sent.",
        body(
            SEND,
            "/data",
            lambda one: {**one, "status": "sent", "sentAt": one["createdAt"]} if one["status"] == "pending" else one,
        ),
    ),
    row(
        "live-send-pending-with-moment",
        "lifecycle",
        "A pending message shows a moment of sending.",
        _only({"pending"}, "sentAt", lambda one: one["createdAt"]),
    ),
    row(
        "live-never-confirmed", "lifecycle", "A live key's messages stay pending.", moving(_never_confirmed, live=True)
    ),
    row(
        "delivered-shown-as-pending",
        "lifecycle",
        "A message goes back to pending when it is delivered.",
        moving(_back_to_pending),
    ),
    row("read-shown-as-sent", "lifecycle", "A message goes back to sent when it is read.", moving(_back_to_sent)),
    row(
        "read-becomes-delivered",
        "lifecycle",
        "A message that was read goes back to delivered.",
        moving(_read_then_delivered),
    ),
    row("failed-becomes-sent", "lifecycle", "A message that failed becomes sent.", moving(_failed_then_sent)),
    row("delivered-becomes-failed", "lifecycle", "A message that was delivered fails.", moving(_delivered_then_failed)),
    row(
        "list-shows-first-state",
        "lifecycle",
        "A list shows messages as they were when they were created.",
        body(
            status(LIST, "200"),
            "/data/data/*",
            lambda one: still("sent", one) if one["status"] in {"delivered", "read"} else one,
        ),
    ),
    # moments
    row(
        "sent-without-moment", "lifecycle", "A sent message has no moment of sending.", _only({"sent"}, "sentAt", None)
    ),
    row(
        "sent-at-lost-when-delivered",
        "lifecycle",
        "A delivered message has lost its moment of sending.",
        _only({"delivered", "read"}, "sentAt", None),
    ),
    row(
        "delivered-at-while-sent",
        "lifecycle",
        "A message that was only sent shows a moment of delivery.",
        _only({"sent"}, "deliveredAt", lambda one: one["sentAt"]),
    ),
    row(
        "delivered-without-moment",
        "lifecycle",
        "A delivered message has no moment of delivery.",
        _only({"delivered"}, "deliveredAt", None),
    ),
    row(
        "read-at-when-delivered",
        "lifecycle",
        "A delivered message shows a moment of reading.",
        _only({"delivered"}, "readAt", lambda one: one["deliveredAt"]),
    ),
    row(
        "read-without-moment",
        "lifecycle",
        "A message that was read has no moment of reading.",
        _only({"read"}, "readAt", None),
    ),
    row(
        "failed-without-moment",
        "lifecycle",
        "A failed message has no moment of failure.",
        _only({"failed"}, "failedAt", None),
    ),
    row(
        "failed-at-always-set",
        "lifecycle",
        "Every message shows a moment of failure.",
        _only(BEFORE_FAILURE, "failedAt", lambda one: one["createdAt"]),
    ),
    row(
        "failed-without-code", "lifecycle", "A failed message has no error code.", _only({"failed"}, "errorCode", None)
    ),
    row(
        "error-code-none-when-fine",
        "lifecycle",
        "A message that did not fail has the code none.",
        _only(BEFORE_FAILURE, "errorCode", "none"),
    ),
    row(
        "error-message-ok-when-fine",
        "lifecycle",
        "A message that did not fail has the error message OK.",
        _only(BEFORE_FAILURE, "errorMessage", "OK"),
    ),
    row(
        "sent-before-created",
        "lifecycle",
        "A message is sent a minute before it is created.",
        message("/sentAt", lambda time: time and _earlier(time)),
    ),
    row(
        "delivered-before-sent",
        "lifecycle",
        "A message is delivered a minute before it is sent.",
        message("/deliveredAt", lambda time: time and _earlier(_earlier(time))),
    ),
    row(
        "read-before-sent",
        "lifecycle",
        "A message is read a minute before it is sent.",
        message("/readAt", lambda time: time and _earlier(_earlier(time))),
    ),
    row(
        "sent-at-is-now",
        "lifecycle",
        "A message read alone was always sent just now.",
        answer_to(status(MESSAGE, "200"), _sent_now),
    ),
    row(
        "created-at-differs-when-read",
        "lifecycle",
        "A message read alone was created a minute later than the send said.",
        body(status(MESSAGE, "200"), "/data/createdAt", _later),
    ),
    row(
        "sometimes-status-lags",
        "lifecycle",
        "Every third poll shows a delivered message as sent.",
        sometimes(
            MESSAGE, 3, moving(lambda one, _age: still("sent", one) if one["status"] in {"delivered", "read"} else one)
        ),
    ),
)
