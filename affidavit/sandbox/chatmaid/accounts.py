"""Who owns what: accounts with their phones, keys, and one space of messages per environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from affidavit.sandbox.chatmaid.inbox import Inbox
from affidavit.sandbox.chatmaid.outbox import Outbox
from affidavit.sandbox.chatmaid.phones import Phone
from affidavit.sandbox.chatmaid.usage import RequestLog
from affidavit.sandbox.model import Json

Environment: TypeAlias = Literal["test", "live"]
ENVIRONMENTS: tuple[Environment, ...] = get_args(Environment)


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """What one account has in one environment; nothing in it is visible in the other."""

    live: bool
    outbox: Outbox
    inbox: Inbox
    """Always empty in the test environment: inbound messages exist for live connections only."""
    requests: RequestLog


@dataclass(slots=True, eq=False)
class Account:
    """One customer of the provider."""

    id: str
    name: str
    email: str
    subscription_status: str
    spaces: dict[Environment, Space]
    phones: list[Phone] = field(default_factory=list)
    """Shared by both environments."""
    api_keys: int = 0
    """Keys ever made for the account, expired ones too."""
    _by_reference: dict[str, Phone] = field(default_factory=dict)

    def add(self, phone: Phone) -> None:
        """Give the account another phone."""
        self.phones.append(phone)
        self._by_reference[phone.id] = self._by_reference[phone.number] = phone

    def phone(self, reference: str) -> Phone | None:
        """The phone with that id or E.164 number, if it is the account's."""
        return self._by_reference.get(reference)

    def view(self, space: Space) -> Json:
        """The profile as a key of that environment sees it (G-33)."""
        return {
            "accountId": self.id,
            "name": self.name,
            "email": self.email,
            "subscriptionStatus": self.subscription_status,
            "stats": {"apiKeys": self.api_keys, "phoneNumbers": len(self.phones), "messages": len(space.outbox)},
        }


@dataclass(slots=True, eq=False)
class ApiKey:
    """One credential."""

    value: str
    role: str
    account: Account
    space: Space
    """Of the environment its prefix names."""
    scopes: frozenset[str]
    expires_at: float | None
    """None: never."""

    def expired(self, now: float) -> bool:
        """Whether it is of no use any more."""
        return self.expires_at is not None and now >= self.expires_at
