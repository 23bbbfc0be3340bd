"""What a run may set about the imitation; every value left alone fits the documents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Times are seconds."""

    requests_per_minute: int = 100
    """Of each key, over all operations (G-08)."""
    window: float = 60.0
    """Length of the rate limit's window, which begins with a key's first request."""
    live_confirm_after: float = 1.0
    """From the 201 of a live key to sent or failed; a test key needs no confirmation."""
    deliver_after: float = 2.0
    """From sent to delivered (G-48)."""
    read_after: float = 5.0
    """From sent to read (G-48)."""

    def __post_init__(self) -> None:
        if self.requests_per_minute < 1:
            raise ValueError(f"requests_per_minute is {self.requests_per_minute}: use 1 or more")
        if self.window <= 0:
            raise ValueError(f"window is {self.window}: use more than 0 seconds")
        if self.live_confirm_after < 0 or not 0 <= self.deliver_after <= self.read_after:
            raise ValueError(f"{self}: a message is confirmed, then delivered, then read; no time may be negative")
