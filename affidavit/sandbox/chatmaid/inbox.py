"""The messages an account's phones received; they exist in the live environment only."""

from __future__ import annotations

from dataclasses import dataclass

from affidavit.sandbox.chatmaid.identity import Identity
from affidavit.sandbox.chatmaid.paging import Page, newest_first, whole
from affidavit.sandbox.chatmaid.phones import Phone
from affidavit.sandbox.http import rfc3339
from affidavit.sandbox.model import Json


@dataclass(frozen=True, slots=True)
class Letter:
    """What somebody wrote."""

    sender: str
    """E.164; in a group, the member who wrote."""
    content: str
    group_id: str | None = None
    """None: not written in a group."""


@dataclass(frozen=True, slots=True, eq=False)
class Inbound:
    """One message received."""

    id: str
    number: int
    """Its place in the inbox, from 0."""
    receiver: Phone
    letter: Letter
    received: float

    def view(self) -> dict[str, Json]:
        """The message as shown; it is stored the moment it is received."""
        at = rfc3339(self.received)
        return {
            "id": self.id,
            "from": self.letter.sender,
            "to": self.receiver.number,
            "content": self.letter.content,
            "type": "text",
            "isGroup": self.letter.group_id is not None,
            "groupId": self.letter.group_id,
            "receivedAt": at,
            "createdAt": at,
        }


class Inbox:
    """All messages received by one account."""

    def __init__(self, ids: Identity) -> None:
        self._ids = ids
        self._messages: list[Inbound] = []
        self._by_id: dict[str, Inbound] = {}
        self._by_phone: dict[Phone, list[Inbound]] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def get(self, message_id: str) -> Inbound | None:
        """The message with that id, if it is here."""
        return self._by_id.get(message_id)

    def receive(self, letter: Letter, receiver: Phone, now: float) -> Inbound:
        """Take a new message."""
        message = Inbound(self._ids.inbound(), len(self._messages), receiver, letter, now)
        self._messages.append(message)
        self._by_id[message.id] = message
        self._by_phone.setdefault(receiver, []).append(message)
        return message

    def page(self, page: Page, phone: Phone | None) -> tuple[list[Inbound], int]:
        """A page of those that match, newest first, and how many match in all; None: any phone."""
        messages = self._messages if phone is None else self._by_phone.get(phone, [])
        return newest_first([whole(messages)], page)
