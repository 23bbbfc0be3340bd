"""Changes of what is shown of a message that is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from affidavit.sandbox.http import rfc3339
from affidavit.sandbox.whatsapi.deviations.acts import (
    MESSAGE,
    SEND,
    Act,
    answered,
    member,
)
from affidavit.sandbox.whatsapi.validation import parse_moment

READ = answered(MESSAGE, "200")
ACCEPTED = answered(SEND, "202")
DAY = 86_400.0
ARRIVED = ("delivered", "read")
OUTCOME = {"sentAt": None, "deliveredAt": None, "readAt": None, "failedAt": None, "errorMessage": None}


def message(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Act:
    """Another message where one is read."""
    return member(READ, "/data", change)


def when(*states: str, **members: Any) -> Act:  # noqa: ANN401 - any JSON value, or a change of one
    """Other members where a message in one of these states is read."""

    def change(it: dict[str, Any]) -> dict[str, Any]:
        if states and it["status"] not in states:
            return it
        return {**it, **{name: value(it[name]) if callable(value) else value for name, value in members.items()}}

    return message(change)


def back_to(state: str, *hidden: str) -> Act:
    """A message in one of the hidden states is shown as if it had only come so far."""

    def change(it: dict[str, Any]) -> dict[str, Any]:
        if it["status"] not in hidden:
            return it
        gone = {f"{name}At" for name in hidden}
        kept = {name: None if name in gone else value for name, value in it.items()}
        timeline = [step for step in it["timeline"] if step["status"] not in hidden]
        error = None if "failed" in hidden else it["errorMessage"]
        return {**kept, "status": state, "errorMessage": error, "timeline": timeline}

    return message(change)


def shifted(text: str | None, seconds: float) -> str | None:
    """A moment so many seconds later; null stays null."""
    moment = parse_moment(text) if text else None
    return text if moment is None else rfc3339(moment + seconds)


def later(seconds: float) -> Callable[[str | None], str | None]:
    """The change that moves a moment."""
    return lambda text: shifted(text, seconds)
