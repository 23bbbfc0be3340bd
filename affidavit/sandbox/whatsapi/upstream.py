"""How WhatsApp is doing, and the circuit that pauses an account's sending when it keeps erring.

Errors in a row open the account's circuit for a while. When that time has passed the next message goes through again:
if its call errs, the circuit opens again at once, and a call that succeeds closes it for good. While WhatsApp is
*down*, every circuit is open, and it stays so until the next try after the end of the outage.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from affidavit.sandbox.whatsapi.history import History
from affidavit.sandbox.whatsapi.options import Options

Mode: TypeAlias = Literal["ok", "transient", "down"]
MODES: tuple[Mode, ...] = ("ok", "transient", "down")


class Upstream:
    """The state of WhatsApp itself, for all accounts."""

    def __init__(self, options: Options) -> None:
        self._cooldown = options.circuit_cooldown
        self._modes: History[Mode] = History("ok")
        self._down_since: float | None = None
        self._down_until = -math.inf
        self.troubled = False
        """Whether it was ever anything but ok. Until then no call can open a circuit."""

    @property
    def mode(self) -> Mode:
        """How it is doing now."""
        return self._modes.current

    def set_mode(self, mode: Mode, now: float) -> None:
        """From `now` on it does like this."""
        self.troubled = self.troubled or mode != "ok"
        self._modes.set(mode, now)
        if mode == "down":
            self._down_since = now if self._down_since is None else self._down_since
        elif self._down_since is not None:
            tries = max(1, math.ceil((now - self._down_since) / self._cooldown))
            self._down_until = self._down_since + tries * self._cooldown
            self._down_since = None

    def healthy_at(self, moment: float) -> bool:
        """Whether a call at that moment succeeds."""
        return not self.troubled or self._modes.at(moment) == "ok"

    def is_down(self, now: float) -> bool:
        """Whether every circuit is open, because of an outage that lasts or has not been seen to end."""
        return self._down_since is not None or now < self._down_until


class Circuit:
    """Pauses one account's sending after errors in a row."""

    __slots__ = ("_cooldown", "_errors", "_open_from", "_open_until", "_threshold")

    def __init__(self, options: Options) -> None:
        self._threshold = options.circuit_threshold
        self._cooldown = options.circuit_cooldown
        self._errors = 0
        self._open_from = -math.inf
        self._open_until = -math.inf

    def note(self, *, healthy: bool, at: float) -> None:
        """A call was answered, or ended in an error."""
        self._errors = 0 if healthy else self._errors + 1
        if self._errors >= self._threshold:
            self._open_from = self._open_from if self.is_open(at) else at
            self._open_until = at + self._cooldown

    def is_open(self, now: float) -> bool:
        """Whether sending is paused."""
        return self._open_from <= now < self._open_until
