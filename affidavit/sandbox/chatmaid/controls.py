"""What only a sandbox can do: the actions behind `Machine.control`, each with its arguments.

`simulate-inbound`  somebody writes to a connected phone; `groupId` makes it a message in a group
`set-phone`         a phone, named by id or E.164 number, gets another connection
`expire-key`        the key of a role is of no use from now on
`set-rate-limit`    every key, or the one of a role, may make so many requests a minute, from now on
`fill-outbox`       as many messages as are named are there, as if the key of a role had sent them
`describe`          what the machine holds
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from affidavit.sandbox.chatmaid.accounts import ENVIRONMENTS, Account, ApiKey
from affidavit.sandbox.chatmaid.inbox import Letter
from affidavit.sandbox.chatmaid.outbox import Order
from affidavit.sandbox.chatmaid.phones import CONNECTION_STATUSES, Phone
from affidavit.sandbox.chatmaid.recipients import RECIPIENTS
from affidavit.sandbox.chatmaid.seeding import Population
from affidavit.sandbox.chatmaid.validation import is_e164
from affidavit.sandbox.model import Json, UnknownControlError
from affidavit.sandbox.window import FixedWindow

Arguments = Mapping[str, Json]
T = TypeVar("T")
MOST_MESSAGES = 10_000


class Controls:
    """Acts on one machine's population and limiter."""

    def __init__(self, population: Population, limiter: FixedWindow) -> None:
        self._population = population
        self._limiter = limiter

    def run(self, action: str, arguments: Arguments, now: float) -> Json:
        """Do it; raises UnknownControlError when the action, an argument or a value is not known."""
        control = CONTROLS.get(action)
        if control is None:
            raise _unknown("action", action, CONTROLS)
        for name in arguments:
            if name not in control.required + control.optional:
                raise _unknown(f"argument of {action}", name, control.required + control.optional)
        for name in control.required:
            if name not in arguments:
                raise UnknownControlError(f"{action} needs the argument {name!r}: {_listed(control.required)}")
        return control.do(self, arguments, now)

    def simulate_inbound(self, arguments: Arguments, now: float) -> Json:
        """Somebody writes to a phone."""
        account, phone = self._phone(_text(arguments, "to"))
        sender, content = _text(arguments, "from"), _text(arguments, "content")
        group = _text(arguments, "groupId") if "groupId" in arguments else None
        if not is_e164(sender):
            raise UnknownControlError(f"'from' is {sender!r}: use an E.164 number, such as {RECIPIENTS['normal']}")
        if phone.connection_status != "connected":
            raise UnknownControlError(f"{phone.number} is {phone.connection_status}: connect it with set-phone first")
        return account.spaces["live"].inbox.receive(Letter(sender, content, group), phone, now).view()

    def set_phone(self, arguments: Arguments, now: float) -> Json:
        """A phone gets another connection."""
        _, phone = self._phone(_text(arguments, "phone"))
        wanted = _text(arguments, "connectionStatus")
        status = next((status for status in CONNECTION_STATUSES if status == wanted), None)
        if status is None:
            raise _unknown("connectionStatus", wanted, CONNECTION_STATUSES)
        phone.connection(status, now)
        return phone.view()

    def expire_key(self, arguments: Arguments, now: float) -> Json:
        """A key expires."""
        role = _text(arguments, "role")
        self._key(role).expires_at = now
        return {"role": role, "expired": True}

    def set_rate_limit(self, arguments: Arguments, _now: float) -> Json:
        """All keys get another limit, or the one of a role; 0 refuses every request."""
        limit = arguments["requests_per_minute"]
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise UnknownControlError(f"'requests_per_minute' is {limit!r}: use a whole number from 0 on")
        if "role" in arguments:
            self._limiter.own[self._key(_text(arguments, "role")).value] = limit
        else:
            self._limiter.limit = limit
            self._limiter.own.clear()
        return {"requests_per_minute": limit}

    def fill_outbox(self, arguments: Arguments, now: float) -> Json:
        """A key has sent so many messages."""
        key, wanted = self._key(_text(arguments, "role")), arguments["messages"]
        if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= MOST_MESSAGES:
            raise UnknownControlError(f"'messages' is {wanted!r}: use a whole number from 1 to {MOST_MESSAGES}")
        sender = next((phone for phone in key.account.phones if phone.connection_status == "connected"), None)
        if sender is None:
            raise UnknownControlError("no phone of the account is connected: connect one with set-phone first")
        order = Order(sender.number, RECIPIENTS["normal"], "One of many", (), None)
        for _ in range(wanted):
            key.space.outbox.accept(order, sender, now)
        return {"messages": len(key.space.outbox)}

    def describe(self, _arguments: Arguments, _now: float) -> Json:
        """What the machine holds."""
        accounts = self._population.accounts
        return {
            "accounts": len(accounts),
            "keys": len(self._population.keys),
            "phones": sum(len(account.phones) for account in accounts),
            "messages": {name: sum(len(each.spaces[name].outbox) for each in accounts) for name in ENVIRONMENTS},
            "inbound": sum(len(account.spaces["live"].inbox) for account in accounts),
            "requests_per_minute": self._limiter.limit,
            "own_limits": {self._population.keys[value].role: own for value, own in self._limiter.own.items()},
            "recipients": RECIPIENTS,
        }

    def _key(self, role: str) -> ApiKey:
        keys = {key.role: key for key in self._population.keys.values()}
        if role not in keys:
            raise _unknown("role", role, keys)
        return keys[role]

    def _phone(self, reference: str) -> tuple[Account, Phone]:
        for account in self._population.accounts:
            phone = account.phone(reference)
            if phone is not None:
                return account, phone
        numbers = [phone.number for account in self._population.accounts for phone in account.phones]
        raise _unknown("phone", reference, numbers)


class Control(NamedTuple):
    """One action."""

    do: Callable[[Controls, Arguments, float], Json]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


CONTROLS = {
    "simulate-inbound": Control(Controls.simulate_inbound, ("from", "to", "content"), ("groupId",)),
    "set-phone": Control(Controls.set_phone, ("phone", "connectionStatus")),
    "expire-key": Control(Controls.expire_key, ("role",)),
    "set-rate-limit": Control(Controls.set_rate_limit, ("requests_per_minute",), ("role",)),
    "fill-outbox": Control(Controls.fill_outbox, ("role", "messages")),
    "describe": Control(Controls.describe),
}
"""Name -> action."""


def _text(arguments: Arguments, name: str) -> str:
    value = arguments[name]
    if not isinstance(value, str):
        raise UnknownControlError(f"{name!r} is {value!r}: use a string")
    return value


def _unknown(what: str, name: str, known: Mapping[str, T] | tuple[str, ...] | list[str]) -> UnknownControlError:
    return UnknownControlError(f"no {what} {name!r}: use one of {_listed(known)}" if known else f"no {what} {name!r}")


def _listed(names: Mapping[str, T] | tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)
