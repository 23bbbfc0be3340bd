"""What only a sandbox can do: levers on the world around the provider, and a look inside.

To add one, add a row to `CONTROLS` and a function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from affidavit.sandbox.model import Json, UnknownControlError
from affidavit.sandbox.whatsapi.accounts import PLANS, Account
from affidavit.sandbox.whatsapi.recipients import OPEN_WINDOWS, RECIPIENTS
from affidavit.sandbox.whatsapi.service import Service
from affidavit.sandbox.whatsapi.upstream import MODES
from affidavit.sandbox.whatsapi.validation import PHONE_NUMBER
from affidavit.sandbox.whatsapi.views import Object

Arguments = Mapping[str, Json]
Lever = Callable[[Service, Arguments, float], Json]


class Control(NamedTuple):
    """One lever."""

    arguments: tuple[str, ...]
    """All are needed."""
    pull: Lever


def control(service: Service, action: str, arguments: Arguments, now: float) -> Json:
    """Pull a lever.

    Raises UnknownControlError when there is no such lever, or it does not take these arguments.
    """
    if action not in CONTROLS:
        raise UnknownControlError(f"control {action!r} is not known. Known: {', '.join(CONTROLS)}.")
    wanted = CONTROLS[action].arguments
    if set(arguments) != set(wanted):
        given = ", ".join(arguments) or "none"
        raise UnknownControlError(f"control {action!r} takes {', '.join(wanted) or 'no arguments'}; given: {given}.")
    return CONTROLS[action].pull(service, arguments, now)


def _open_window(service: Service, arguments: Arguments, now: float) -> Json:
    number = arguments["number"]
    if not isinstance(number, str) or not PHONE_NUMBER.fullmatch(number):
        raise UnknownControlError(f"number is {number!r}, must be a phone number: digits only, without +.")
    _account(service, arguments).sender.windows.inbound(number, now)
    return {"openUntil": now + service.options.window}


def _set_upstream(service: Service, arguments: Arguments, now: float) -> Json:
    mode = next((mode for mode in MODES if mode == arguments["mode"]), None)
    if mode is None:
        raise _unknown("mode", arguments["mode"], MODES)
    service.upstream.set_mode(mode, now)
    return {"mode": mode}


def _deactivate(service: Service, arguments: Arguments, _now: float) -> Json:
    _account(service, arguments).active = False
    return {"active": False}


def _set_plan(service: Service, arguments: Arguments, _now: float) -> Json:
    plan = PLANS.get(str(arguments["plan"]))
    if plan is None:
        raise _unknown("plan", arguments["plan"], PLANS)
    _account(service, arguments).move_to(plan)
    return {"plan": plan.name}


def _set_rate_limit(service: Service, arguments: Arguments, _now: float) -> Json:
    limit = _whole_number(arguments, "requests_per_minute")
    _account(service, arguments).limiter.limit = limit
    return {"requestsPerMinute": limit}


def _set_registration_limit(service: Service, arguments: Arguments, _now: float) -> Json:
    limit = _whole_number(arguments, "requests_per_minute")
    service.registrations.limit = limit
    return {"requestsPerMinute": limit}


def _webhook_log(service: Service, _arguments: Arguments, _now: float) -> Json:
    return service.outbox.log()


def _describe(service: Service, _arguments: Arguments, now: float) -> Json:
    return {
        "controls": {name: list(row.arguments) for name, row in CONTROLS.items()},
        "recipients": dict(RECIPIENTS),
        "openWindows": [str(number) for number in OPEN_WINDOWS],
        "templates": {name: template.parameters for name, template in service.templates.items()},
        "verifyToken": service.verify_token,
        "upstream": service.upstream.mode,
        "sendingPaused": service.upstream.is_down(now),
        "accounts": {role: _described(account, now) for role, account in service.roles.items()},
    }


def _described(account: Account, now: float) -> Object:
    credentials = account.sender.credentials.current
    return {
        "plan": account.plan.name,
        "requestsPerMinute": account.limiter.limit,
        "active": account.active,
        "phoneNumberId": None if credentials is None else credentials.phone_number_id,
        "webhookUrl": account.webhook_url,
        "messages": len(account.mailbox),
        "circuitOpen": account.sender.circuit.is_open(now),
    }


def _account(service: Service, arguments: Arguments) -> Account:
    account = service.roles.get(str(arguments["role"]))
    if account is None:
        raise _unknown("role", arguments["role"], service.roles)
    return account


def _whole_number(arguments: Arguments, name: str) -> int:
    value = arguments[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UnknownControlError(f"{name} is {value!r}, must be a whole number from 1.")
    return value


def _unknown(name: str, value: Json, known: Mapping[str, object] | tuple[str, ...]) -> UnknownControlError:
    return UnknownControlError(f"{name} {value!r} is not known. Known: {', '.join(known)}.")


CONTROLS: Mapping[str, Control] = {
    "open-window": Control(("role", "number"), _open_window),
    "upstream": Control(("mode",), _set_upstream),
    "deactivate": Control(("role",), _deactivate),
    "set-plan": Control(("role", "plan"), _set_plan),
    "set-rate-limit": Control(("role", "requests_per_minute"), _set_rate_limit),
    "set-registration-limit": Control(("requests_per_minute",), _set_registration_limit),
    "webhook-log": Control((), _webhook_log),
    "describe": Control((), _describe),
}
"""Every lever by name."""
