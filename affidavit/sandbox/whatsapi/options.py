"""What a run may set about the imitation; everything has the value that fits the documents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Times are seconds."""

    process_after: float = 0.2
    """From the queue to the worker ("usually milliseconds")."""
    sent_after: float = 1.0
    """From the queue to WhatsApp's answer; the answer may also be an error."""
    delivered_after: float = 1.8
    """From the queue to the device ("a second or two")."""
    read_after: float = 5.0
    """From the queue to the reader."""
    retry_after: float = 1.0
    """From a transient error to the worker's next call."""
    max_calls: int = 3
    """Calls to WhatsApp before the worker gives a message up."""
    window: float = 86_400.0
    """How long free text may follow an inbound message."""
    idempotency: float = 86_400.0
    """How long an Idempotency-Key is remembered."""
    max_bulk: int = 1000
    """MAX_BULK_MESSAGES of the server; Enterprise has its own cap above it (G-20)."""
    aligned_windows: bool = False
    """Whether the rate limit's minutes are those of the clock, or begin with a key's first request."""
    registrations_per_minute: int = 5
    """Per client address."""
    circuit_threshold: int = 5
    """Upstream errors in a row, of one account, that pause its sending."""
    circuit_cooldown: float = 30.0
    """How long sending stays paused before the upstream is tried again."""
    webhook_retry_after: float = 5.0
    """From the failure of a delivery to its only retry (G-28)."""
    webhook_log: int = 1000
    """Deliveries that the control `webhook-log` looks back on."""
    local_webhook_prefix: str | None = None
    """Webhook addresses that start with this are accepted although they are not public HTTPS; None: no exception."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 <= self.process_after <= self.sent_after <= self.delivered_after <= self.read_after:
            raise ValueError(f"{self}: a message is processed, sent, delivered and read in this order")
        least_one = (self.max_calls, self.max_bulk, self.registrations_per_minute, self.circuit_threshold)
        if min(least_one) < 1:
            raise ValueError(f"{self}: calls, items of a bulk, registrations and the circuit's threshold are 1 or more")
        spans = (self.retry_after, self.window, self.idempotency, self.circuit_cooldown, self.webhook_retry_after)
        if min(spans) <= 0:
            raise ValueError(f"{self}: a span of time is more than 0 seconds")
