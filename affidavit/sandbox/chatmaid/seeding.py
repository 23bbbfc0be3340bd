"""Builds the live objects of a machine from the data of its world."""

from __future__ import annotations

from collections.abc import Iterable

from affidavit.sandbox.chatmaid.accounts import ENVIRONMENTS, Account, ApiKey, Space
from affidavit.sandbox.chatmaid.identity import Identity
from affidavit.sandbox.chatmaid.inbox import Inbox
from affidavit.sandbox.chatmaid.lifecycle import Courses
from affidavit.sandbox.chatmaid.options import Options
from affidavit.sandbox.chatmaid.outbox import Order, Outbox
from affidavit.sandbox.chatmaid.phones import Phone
from affidavit.sandbox.chatmaid.usage import RequestLog
from affidavit.sandbox.chatmaid.world import SeedAccount, SeedKey, SeedPhone


class Population:
    """All accounts and keys of one machine."""

    def __init__(self, world: Iterable[SeedAccount], seed: int, now: float, options: Options) -> None:
        self._ids = Identity(seed)
        self._courses = {name: Courses(options, live=name == "live") for name in ENVIRONMENTS}
        self._now = now
        self.accounts: list[Account] = []
        self.keys: dict[str, ApiKey] = {}
        """By value."""
        for row in world:
            self._settle(row)

    def retime(self, options: Options) -> None:
        """Messages accepted from now on take the times of other options."""
        for courses in self._courses.values():
            courses.retime(options)

    def _settle(self, row: SeedAccount) -> None:
        spaces = {
            name: Space(name == "live", Outbox(self._ids, courses), Inbox(self._ids), RequestLog())
            for name, courses in self._courses.items()
        }
        account = Account(self._ids.account(row.name), row.name, row.email, row.subscription_status, spaces)
        self.accounts.append(account)
        for phone in row.phones:
            account.add(self._phone(phone))
        for key in row.keys:
            self._cut(key, account)
        self._tell_the_past(row, account)

    def _phone(self, row: SeedPhone) -> Phone:
        created = self._now - row.age
        connected, disconnected = self._ago(row.connected), self._ago(row.disconnected)
        updated = max(created, connected or created, disconnected or created)
        return Phone(
            self._ids.phone(row.number),
            row.number,
            row.display_name,
            row.connection_status,
            created=created,
            last_connected=connected,
            last_disconnected=disconnected,
            updated=updated,
        )

    def _cut(self, row: SeedKey, account: Account) -> None:
        value = self._ids.key(row.environment, row.role)
        space = account.spaces[row.environment]
        self.keys[value] = ApiKey(value, row.role, account, space, frozenset(row.scopes), self._ago(row.expired))
        account.api_keys += 1

    def _tell_the_past(self, row: SeedAccount, account: Account) -> None:
        for sent in row.sent:
            order = Order(sent.sender, sent.to, sent.content, (), None)
            outbox = account.spaces[sent.environment].outbox
            outbox.accept(order, _phone_of(account, sent.sender), self._now - sent.age)
        for received in row.received:
            inbox = account.spaces["live"].inbox
            inbox.receive(received.letter, _phone_of(account, received.receiver), self._now - received.age)

    def _ago(self, age: float | None) -> float | None:
        return None if age is None else self._now - age


def _phone_of(account: Account, number: str) -> Phone:
    phone = account.phone(number)
    if phone is None:
        raise ValueError(f"{account.name} has no phone {number}: use one of {[row.number for row in account.phones]}")
    return phone
