"""What there is when a new machine starts, as data: accounts, templates, the word agreed with Meta.

Key values come from the machine's seed and the role (see `identity`). To add an account, add a row: its role is its
name everywhere. The tokens and ids are made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from affidavit.sandbox.whatsapi.accounts import PLANS, Account, Accounts
from affidavit.sandbox.whatsapi.identity import Identity
from affidavit.sandbox.whatsapi.lifecycle import ApprovedTemplate, Credentials
from affidavit.sandbox.whatsapi.recipients import open_windows

A_MOMENT = 1.0
"""How long ago the recipients with an open window wrote, in seconds."""


@dataclass(frozen=True, slots=True)
class SeedAccount:
    """One account."""

    role: str
    plan: str
    phone_number_id: str | None
    """Meta's id of the number it sends from; None: it has no credentials."""
    active: bool = True


@dataclass(frozen=True, slots=True)
class World:
    """Everything."""

    accounts: tuple[SeedAccount, ...]
    templates: Mapping[str, ApprovedTemplate] = field(default_factory=dict)
    """What Meta has approved, for all accounts."""
    verify_token: str = "sandbox-verify-token"  # noqa: S105 - agreed with nobody
    """What Meta says in the handshake."""


WORLD = World(
    accounts=(
        SeedAccount("main", "pro", "100000000000001"),
        SeedAccount("free", "free", "100000000000002"),
        SeedAccount("basic", "basic", "100000000000003"),
        SeedAccount("pro", "pro", "100000000000004"),
        SeedAccount("enterprise", "enterprise", "100000000000005"),
        SeedAccount("other_account", "pro", "100000000000006"),
        SeedAccount("deactivated", "pro", "100000000000007", active=False),
        SeedAccount("no_credentials", "free", None),
        SeedAccount("sacrificial", "basic", "100000000000008"),
    ),
    templates={
        "hello_world": ApprovedTemplate(parameters=0, languages=frozenset({"en_US"})),
        "order_ready": ApprovedTemplate(parameters=2, languages=frozenset({"en_US"})),
    },
)
"""The usual one."""


def populate(world: World, accounts: Accounts, identity: Identity, now: float) -> dict[str, Account]:
    """Open the accounts of the world; each by its role."""
    return {row.role: _settle(row, accounts, identity, now) for row in world.accounts}


def _settle(row: SeedAccount, accounts: Accounts, identity: Identity, now: float) -> Account:
    name = row.role.replace("_", " ").capitalize()
    email = f"{row.role.replace('_', '-')}@customers.example"
    account = accounts.create(name, email, PLANS[row.plan], identity.seeded_key(row.role))
    account.active = row.active
    if row.phone_number_id is not None:
        accounts.set_credentials(account, Credentials(f"EAAsandbox{row.role}", row.phone_number_id), now - A_MOMENT)
    for number in open_windows():
        account.sender.windows.inbound(number, now - A_MOMENT)
    return account
