"""What a message is: what was asked for, and the steps it took or is going to take.

A message is not moved along by a clock. Its steps are written down with their moments as soon as they are certain
(after each call of the worker, see `lifecycle`), and the status at a moment is the last step that is not later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from affidavit.sandbox.model import Json

Status: TypeAlias = Literal["queued", "scheduled", "processing", "retrying", "sent", "delivered", "read", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)
Step: TypeAlias = tuple[Status, float]
"""A status and the moment it began."""


@dataclass(frozen=True, slots=True)
class Template:
    """A Meta-approved text, asked for by name."""

    name: str
    language: str
    parameters: int
    """How many values for the body's placeholders came with it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as asked for, after validation; it has text or a template, never both."""

    to: str
    text: str | None
    template: Template | None
    send_at: float | None
    metadata: Mapping[str, Json] | None
    dry_run: bool


@dataclass(slots=True, eq=False)
class Message:
    """One accepted message."""

    id: str
    number: int
    """Its place among the account's messages, from 0."""
    draft: Draft
    batch: str | None
    steps: list[Step] = field(default_factory=list)
    """In order of time; the last ones may lie in the future."""
    call_at: float | None = None
    """When the worker will call WhatsApp next; what follows is not certain before. None: nothing is left to do."""
    calls: int = 0
    """Calls made since the message was queued."""
    error: str | None = None
    """Why it fails; shown once it has."""
    indexed: int = 0
    """How many of its steps the account's mailbox has taken note of."""

    def queue(self, now: float, process_after: float) -> None:
        """Put it (again) in front of the worker, at once or at its time."""
        at = now
        if self.draft.send_at is not None and self.draft.send_at > now:
            self.steps.append(("scheduled", now))
            at = self.draft.send_at
        self.steps.append(("queued", at))
        self.call_at = at + process_after
        self.calls = 0
        self.error = None

    def seen_at(self, now: float) -> int:
        """How many steps are not later than `now`."""
        steps = self.steps
        seen = len(steps)
        while seen and steps[seen - 1][1] > now:
            seen -= 1
        return seen

    def status_at(self, now: float) -> Status:
        """Its status at a moment, as far as the steps are written down."""
        return self.steps[self.seen_at(now) - 1][0]

    def next_change(self) -> float | None:
        """When the next step not taken note of begins, or the worker calls; None when it is final."""
        return self.steps[self.indexed][1] if self.indexed < len(self.steps) else self.call_at
