"""The accounts, keys, phones and messages a new machine starts with, as data.

The numbers are reserved for fiction (+1 202-555-01xx) and reach nobody. Ages are seconds before the machine's start,
so the past is always past; ids and key values come from the machine's seed (see `identity`). To add a key, add a row:
its role is its name everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from affidavit.sandbox.chatmaid.accounts import Environment
from affidavit.sandbox.chatmaid.inbox import Letter
from affidavit.sandbox.chatmaid.phones import ConnectionStatus
from affidavit.sandbox.chatmaid.recipients import RECIPIENTS

MINUTE = 60.0
HOUR = 3600.0
DAY = 86_400.0

EVERYTHING = ("messages:send", "messages:write", "messages:read", "phone_numbers:read", "account:read")


@dataclass(frozen=True, slots=True)
class SeedPhone:
    """A phone; ages in seconds."""

    number: str
    display_name: str
    connection_status: ConnectionStatus
    age: float
    connected: float | None
    """How long ago it last became connected; None: never was."""
    disconnected: float | None
    """How long ago it last lost its connection; None: never did."""


@dataclass(frozen=True, slots=True)
class SeedKey:
    """An API key."""

    role: str
    environment: Environment
    scopes: tuple[str, ...]
    expired: float | None = None
    """How many seconds ago it expired; None: never does."""


@dataclass(frozen=True, slots=True)
class SeedMessage:
    """A message sent in the past."""

    environment: Environment
    sender: str
    to: str
    content: str
    age: float


@dataclass(frozen=True, slots=True)
class SeedInbound:
    """A message received in the past, in the live environment."""

    receiver: str
    letter: Letter
    age: float


@dataclass(frozen=True, slots=True)
class SeedAccount:
    """An account with all it has; messages of either kind, oldest first."""

    name: str
    email: str
    subscription_status: str
    phones: tuple[SeedPhone, ...]
    keys: tuple[SeedKey, ...]
    sent: tuple[SeedMessage, ...] = ()
    received: tuple[SeedInbound, ...] = ()


PRIMARY, SUPPORT, DISCONNECTED, CONNECTING, FOREIGN = (
    "+12025550110",
    "+12025550111",
    "+12025550112",
    "+12025550113",
    "+12025550120",
)
"""The phones; all but the last belong to the main account."""
CUSTOMER = "+12025550151"
GROUP = "120363025550199001@g.us"

MAIN = SeedAccount(
    name="Acme Inc",
    email="developer@acme.example",
    subscription_status="active",
    phones=(
        SeedPhone(PRIMARY, "Primary Sender", "connected", age=90 * DAY, connected=6 * HOUR, disconnected=None),
        SeedPhone(SUPPORT, "Support", "connected", age=60 * DAY, connected=2 * DAY, disconnected=2.1 * DAY),
        SeedPhone(DISCONNECTED, "Old Sender", "disconnected", age=80 * DAY, connected=9 * DAY, disconnected=3 * DAY),
        SeedPhone(CONNECTING, "New Sender", "connecting", age=5 * MINUTE, connected=None, disconnected=None),
    ),
    keys=(
        SeedKey("main", "test", EVERYTHING),
        SeedKey("second", "test", EVERYTHING),
        SeedKey("live", "live", EVERYTHING),
        SeedKey("expired", "test", EVERYTHING, expired=DAY),
        SeedKey("only_messages_send", "test", ("messages:send",)),
        SeedKey("only_messages_write", "test", ("messages:write",)),
        SeedKey("only_messages_read", "test", ("messages:read",)),
        SeedKey("only_phone_numbers_read", "test", ("phone_numbers:read",)),
        SeedKey("only_phone_numbers_read_legacy", "test", ("phone-numbers:read",)),
        SeedKey("only_account_read", "test", ("account:read",)),
    ),
    sent=(
        SeedMessage("test", PRIMARY, RECIPIENTS["normal"], "Welcome to Acme", age=40 * DAY),
        SeedMessage("live", PRIMARY, RECIPIENTS["normal"], "Your order 7784 is confirmed", age=12 * DAY),
        SeedMessage("test", SUPPORT, RECIPIENTS["receipts-off"], "How did we do?", age=10 * DAY),
        SeedMessage("live", SUPPORT, RECIPIENTS["fails"], "Your order 7791 is on its way", age=4 * DAY),
        SeedMessage("test", PRIMARY, RECIPIENTS["fails"], "Your order 7790 is confirmed", age=3 * DAY),
        SeedMessage("test", PRIMARY, RECIPIENTS["normal"], "Your order 7791 is confirmed", age=2 * HOUR),
    ),
    received=(
        SeedInbound(PRIMARY, Letter(CUSTOMER, "Thanks, got it!"), age=11 * DAY),
        SeedInbound(SUPPORT, Letter(CUSTOMER, "Where is my order?"), age=2 * DAY),
        SeedInbound(SUPPORT, Letter(CUSTOMER, "Is anybody else still waiting?", GROUP), age=DAY),
        SeedInbound(PRIMARY, Letter(CUSTOMER, "It has arrived \U0001f44d"), age=3 * HOUR),
    ),
)

OTHER = SeedAccount(
    name="Other Ltd",
    email="developer@other.example",
    subscription_status="active",
    phones=(SeedPhone(FOREIGN, "Other Sender", "connected", age=30 * DAY, connected=DAY, disconnected=None),),
    keys=(
        SeedKey("other_account", "test", EVERYTHING),
        SeedKey("other_live", "live", EVERYTHING),
    ),
    received=(SeedInbound(FOREIGN, Letter(CUSTOMER, "Hello, other company"), age=DAY),),
)

WORLD = (MAIN, OTHER)
"""Every account."""
