"""Which requests may leave: a pure decision over operation, key, body and target.

A request that could reach a real person, cost money, change an account or destroy a credential is refused unless it
was asked for. On the embedded sandbox nobody can be reached, so there everything is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.exchange import ABSENT
from affidavit.openapi_document import Operation
from affidavit.pointer import first, locate, values

RISKS = ("read", "simulated", "real-message", "account-change", "destroys-credential", "billing")
FREE_RISKS = frozenset({"read", "simulated"})
SACRIFICIAL = "sacrificial"
OPEN_TO_SACRIFICIAL = frozenset({"account-change", "destroys-credential"})

NOBODY = (
    re.compile(r"1?[2-9]\d\d55501\d\d"),  # North American fiction range, any area code
    re.compile(r"447700900\d{3}"),  # Ofcom, drama
    re.compile(r"44(?:2079460|1214960)\d{3}"),
    re.compile(r"61491570(?:006|156|157|158|159|110)"),  # ACMA
)
"""Numbers that are reserved and reach nobody, as digits."""
SHORTEST_NUMBER, LONGEST_NUMBER = 7, 15


@dataclass(frozen=True)
class Policy:
    """What this run may do."""

    embedded: bool = False
    allowed: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()
    """Digits of further recipients that were named explicitly."""


def refusal(policy: Policy, operation: Operation | None, method: str, key: str, role: str | None, body: Any) -> str:  # noqa: ANN401, PLR0913, PLR0917 - the whole request is what is judged
    """Why the request must not leave, or ''."""
    if policy.embedded:
        return ""
    if operation is None:
        return "" if method in {"GET", "HEAD", "OPTIONS"} else f"{method} of an undocumented path could do anything"
    why = unwanted(policy, operation, key, role, body)
    if why:
        return why
    stranger = next((number for number in _recipients(operation, body) if not _harmless(policy, number)), None)
    if stranger is not None:
        return "refused for safety: the recipient is not a reserved number; name your own with --recipient"
    return ""


def unwanted(policy: Policy, operation: Operation, key: str, role: str | None, body: Any) -> str:  # noqa: ANN401 - any JSON value
    """Why a request of this risk must not leave, whoever it is sent to, or ''."""
    risk = risk_of(operation, key, body)
    welcome = policy.embedded or risk in FREE_RISKS | policy.allowed
    if welcome or (role == SACRIFICIAL and risk in OPEN_TO_SACRIFICIAL):
        return ""
    return f"refused for safety: {operation.id} is {risk}; allow it with --allow {risk}"


def risk_of(operation: Operation, key: str, body: Any) -> str:  # noqa: ANN401 - any JSON value
    """The operation's risk with this key and body; `simulated` when the documents say that nothing leaves."""
    when: Mapping[str, Any] = operation.data.get("x-simulated-when", {})
    if "key-prefix" in when and key.startswith(when["key-prefix"]):
        return "simulated"
    conditions = when.get("body", {})
    if conditions and all(_holds(body, pointer, wanted) for pointer, wanted in conditions.items()):
        return "simulated"
    if operation.risk == "real-message" and not key:
        return "simulated"  # without a key nothing can be sent
    return operation.risk


def _holds(body: Any, pointer: str, wanted: Any) -> bool:  # noqa: ANN401 - any JSON value
    if body is ABSENT:
        return False
    items = first(body, pointer.partition("/*")[0]) if "/*" in pointer else []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return False  # what a server makes of items that are none, nobody knows
    found = [value for _, value in locate(body, pointer)]
    return bool(found) and all(value is wanted for value in found)


def _recipients(operation: Operation, body: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    if body is ABSENT:
        return []
    pointers = operation.data.get("x-recipients", [])
    return [text for pointer in pointers for value in values(body, pointer) for text in _texts(value)]


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Every text and number in a value: a lenient server may dial what is not written as documented."""
    if isinstance(value, list | dict):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member)
    elif isinstance(value, str | int | float):
        yield f"{value:.0f}" if isinstance(value, float) else str(value)


def _harmless(policy: Policy, number: str) -> bool:
    """Reserved, named, or no dialable number at all, whatever a lenient server leaves out of it."""
    digits = "".join(re.findall(r"\d", number)).lstrip("0")  # a leading 00 may be dialled as +
    if digits in policy.recipients or any(pattern.fullmatch(digits) for pattern in NOBODY):
        return True
    return len(digits) < SHORTEST_NUMBER or _is_too_long(number)


def _is_too_long(number: str) -> bool:
    """Whether it is one number longer than any, and not several in one text."""
    return bool(re.fullmatch(r"\s*\+?\d+\s*", number)) and len(number.strip(" +0")) > LONGEST_NUMBER
