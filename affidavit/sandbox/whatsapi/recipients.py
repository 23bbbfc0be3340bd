"""The numbers that make the imitation do something particular; all are reserved and reach nobody.

Any other number behaves like `normal`, except that its customer service window is closed until somebody writes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

RECIPIENTS = {
    "normal": "12025550101",
    "receipts-off": "12025550102",
    "fails-permanently": "12025550103",
    "recovers-from-transient-error": "12025550104",
    "never-recovers-from-transient-error": "12025550105",
    "window-closed": "12025550150",
}
"""What the recipient does -> its number."""

OPEN_WINDOWS = (12025550101, 12025550149)
"""First and last number whose window the seeded accounts find open; those above start closed."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How WhatsApp and the device treat messages to one number."""

    reads: bool = True
    transient_errors: int = 0
    """Calls that end in a transient error before one succeeds."""
    refusal: str | None = None
    """WhatsApp's final answer, when it is not to accept."""


NORMAL = Behaviour()
EVERY_CALL = 1_000_000

BEHAVIOURS = {
    RECIPIENTS["receipts-off"]: Behaviour(reads=False),
    RECIPIENTS["fails-permanently"]: Behaviour(
        refusal="WhatsApp refused the message: (#131026) Message undeliverable, the recipient cannot receive it."
    ),
    RECIPIENTS["recovers-from-transient-error"]: Behaviour(transient_errors=1),
    RECIPIENTS["never-recovers-from-transient-error"]: Behaviour(transient_errors=EVERY_CALL),
}
"""Number -> behaviour, where it is not the normal one."""


def open_windows() -> Iterator[str]:
    """Every number whose window the seeded accounts find open."""
    first, last = OPEN_WINDOWS
    return (str(number) for number in range(first, last + 1))
