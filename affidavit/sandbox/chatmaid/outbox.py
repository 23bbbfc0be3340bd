"""The messages one account sent in one environment, and the lists that can be asked of them.

Messages are kept three ways: by id, in order of creation, and in *lanes*. A lane holds, in order, the messages from
one phone on one course; what a lane looks like by status at a moment is found by bisection (see `lifecycle`), so any
filter is a choice of lanes and of a block in each. Nothing is scanned, however many messages there are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from affidavit.sandbox.chatmaid.identity import Identity
from affidavit.sandbox.chatmaid.lifecycle import Course, Courses, Status
from affidavit.sandbox.chatmaid.paging import Page, Run, newest_first, whole
from affidavit.sandbox.chatmaid.phones import Phone, moment
from affidavit.sandbox.http import rfc3339
from affidavit.sandbox.model import Json

ERROR_CODE = "recipient_unreachable"
ERROR_MESSAGE = "The recipient cannot be reached on WhatsApp."


@dataclass(frozen=True, slots=True)
class Order:
    """A message as asked for, after validation."""

    sender: str
    """Id or E.164 number of the phone, not looked up yet."""
    to: str
    content: str
    """Empty when there are only media."""
    media_urls: tuple[str, ...]
    idempotency_key: str | None


@dataclass(slots=True, eq=False)
class Message:
    """One accepted message."""

    id: str
    number: int
    """Its place in the outbox, from 0."""
    sender: Phone
    order: Order
    created: float
    course: Course

    def view(self, now: float) -> dict[str, Json]:
        """The message as it is now; all thirteen fields, wherever it is shown (G-01, G-03)."""
        reached = self.course.reached(self.created, now)
        at = dict(reached)
        failed = at.get("failed")
        read = at.get("read")
        return {
            "id": self.id,
            "from": self.sender.number,
            "to": self.order.to,
            "content": self.order.content,
            "mediaUrls": self.order.media_urls,
            "status": reached[-1][0],
            "errorCode": None if failed is None else ERROR_CODE,
            "errorMessage": None if failed is None else ERROR_MESSAGE,
            "createdAt": rfc3339(self.created),
            "sentAt": moment(at.get("sent")),
            "deliveredAt": moment(at.get("delivered", read)),
            "readAt": moment(read),
            "failedAt": moment(failed),
        }


class Outbox:
    """All messages of one account in one environment."""

    def __init__(self, ids: Identity, courses: Courses) -> None:
        self._ids = ids
        self._courses = courses
        self._messages: list[Message] = []
        self._by_id: dict[str, Message] = {}
        self._by_idempotency_key: dict[str, Message] = {}
        self._lanes: dict[tuple[Phone, Course], list[Message]] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def get(self, message_id: str) -> Message | None:
        """The message with that id, if it is here."""
        return self._by_id.get(message_id)

    def original(self, idempotency_key: str | None) -> Message | None:
        """The message first sent with that idempotency key; it is remembered for ever (G-09)."""
        return None if idempotency_key is None else self._by_idempotency_key.get(idempotency_key)

    def accept(self, order: Order, sender: Phone, now: float) -> Message:
        """Take a new message."""
        course = self._courses.towards(order.to)
        message = Message(self._ids.message(), len(self._messages), sender, order, now, course)
        self._messages.append(message)
        self._by_id[message.id] = message
        self._lanes.setdefault((sender, course), []).append(message)
        if order.idempotency_key is not None:
            self._by_idempotency_key[order.idempotency_key] = message
        return message

    def page(self, page: Page, phone: Phone | None, status: Status | None, now: float) -> tuple[list[Message], int]:
        """A page of those that match, newest first, and how many match in all; None: any."""
        return newest_first(list(self._matching(phone, status, now)), page)

    def tally(self, since: float, now: float) -> tuple[int, int, int]:
        """Of the messages created from `since` on: how many there are, how many are pending, how many failed."""
        total = len(self._messages) - _first(self._messages, since)
        return total, self._count("pending", since, now), self._count("failed", since, now)

    def _matching(self, phone: Phone | None, status: Status | None, now: float) -> Iterator[Run[Message]]:
        if phone is None and status is None:
            yield whole(self._messages)
            return
        for (sender, course), lane in self._lanes.items():
            if phone is None or sender is phone:
                yield Run(lane, *course.block(lane, status, now)) if status else whole(lane)

    def _count(self, status: Status, since: float, now: float) -> int:
        count = 0
        for (_, course), lane in self._lanes.items():
            begin, end = course.block(lane, status, now)
            count += max(0, end - max(begin, _first(lane, since))) if end else 0
        return count


def _first(messages: list[Message], since: float) -> int:
    """Place of the first message created at that moment or later."""
    return bisect_left(messages, since, key=attrgetter("created"))
