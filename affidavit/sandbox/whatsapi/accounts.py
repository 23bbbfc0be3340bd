"""Accounts: who they are, on which plan, with which key, and what belongs to each of them alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from affidavit.sandbox.whatsapi.history import History, Windows
from affidavit.sandbox.whatsapi.idempotency import Replays
from affidavit.sandbox.whatsapi.identity import Identity
from affidavit.sandbox.whatsapi.lifecycle import Credentials, Sender, Worker
from affidavit.sandbox.whatsapi.mailbox import Mailbox
from affidavit.sandbox.whatsapi.options import Options
from affidavit.sandbox.whatsapi.upstream import Circuit
from affidavit.sandbox.window import FixedWindow

MINUTE = 60.0


class Plan(NamedTuple):
    """What an account pays for."""

    name: str
    requests_per_minute: int
    messages_per_bulk: int
    above_server_cap: bool = False
    """Whether the plan's bulk cap holds although the server's is lower (G-20)."""


PLANS = {
    plan.name: plan
    for plan in (
        Plan("free", 20, 100),
        Plan("basic", 100, 100),
        Plan("pro", 500, 1000),
        Plan("enterprise", 2000, 5000, above_server_cap=True),
    )
}
"""The documented plans; the bulk cap of the free one is a guess (G-20)."""


@dataclass(slots=True, eq=False)
class Account:
    """One customer."""

    name: str
    email: str
    plan: Plan
    key: str
    sender: Sender
    mailbox: Mailbox
    replays: Replays
    limiter: FixedWindow
    active: bool = True
    webhook_url: str | None = None
    messages_sent: int = 0
    """Messages accepted, dry runs left out (G-19)."""

    def move_to(self, plan: Plan) -> None:
        """Change the plan; the requests of the running minute stay counted."""
        self.plan = plan
        self.limiter.limit = plan.requests_per_minute


class Accounts:
    """All accounts, found by what a request says about them."""

    def __init__(self, options: Options, identity: Identity, worker: Worker) -> None:
        self._options = options
        self._identity = identity
        self._worker = worker
        self._by_key: dict[str, Account] = {}
        self._by_phone_number_id: dict[str, list[Account]] = {}

    def create(self, name: str, email: str, plan: Plan, key: str | None = None) -> Account:
        """A new account; without a `key` it gets a fresh one."""
        sender = Sender(History(None), Windows(self._options.window), Circuit(self._options))
        account = Account(
            name=name,
            email=email,
            plan=plan,
            key=key or self._identity.key(),
            sender=sender,
            mailbox=Mailbox(sender, self._worker),
            replays=Replays(self._options.idempotency),
            limiter=FixedWindow(plan.requests_per_minute, MINUTE, aligned=self._options.aligned_windows),
        )
        self._by_key[account.key] = account
        return account

    def by_key(self, key: str | None) -> Account | None:
        """The account whose key this is now."""
        return None if key is None else self._by_key.get(key)

    def by_phone_number_id(self, phone_number_id: str) -> Iterator[Account]:
        """The accounts that send from this number of Meta's now."""
        return iter(self._by_phone_number_id.get(phone_number_id, ()))

    def rotate_key(self, account: Account) -> None:
        """Give the account a fresh key; the old one is dead at once."""
        del self._by_key[account.key]
        account.key = self._identity.key()
        self._by_key[account.key] = account

    def set_credentials(self, account: Account, credentials: Credentials | None, now: float) -> None:
        """Save the account's Meta credentials, or forget them."""
        before = account.sender.credentials.current
        if before is not None:
            self._by_phone_number_id[before.phone_number_id].remove(account)
        if credentials is not None:
            self._by_phone_number_id.setdefault(credentials.phone_number_id, []).append(account)
        account.sender.credentials.set(credentials, now)
