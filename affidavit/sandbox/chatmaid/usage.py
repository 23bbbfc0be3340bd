"""How much was used in a rolling period: a day is 24 hours, a week 7 of them, a month 30.

Counted are a space's own messages and the requests made with its keys, refused ones too (429 included), as soon as the
key was known (G-33). A request is counted once it is answered, so a usage report does not contain itself.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

from affidavit.sandbox.chatmaid.outbox import Outbox
from affidavit.sandbox.http import rfc3339
from affidavit.sandbox.model import Json

DAY = 86_400.0
PERIODS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
"""Length of each in seconds."""


class RequestLog:
    """When requests were answered, by outcome."""

    def __init__(self) -> None:
        self._successful = array("d")
        self._failed = array("d")

    def note(self, now: float, *, successful: bool) -> None:
        """A request was answered now."""
        (self._successful if successful else self._failed).append(now)

    def since(self, moment: float) -> tuple[int, int]:
        """How many were successful and how many failed, from that moment on."""
        return _since(self._successful, moment), _since(self._failed, moment)


def _since(log: array[float], moment: float) -> int:
    return len(log) - bisect_left(log, moment)


def report(outbox: Outbox, requests: RequestLog, period: str, now: float) -> Json:
    """The usage of the period that ends now; what was delivered or read counts as sent (G-32)."""
    start = now - PERIODS[period]
    total, pending, failed = outbox.tally(start, now)
    successful, refused = requests.since(start)
    return {
        "period": period,
        "startDate": rfc3339(start),
        "endDate": rfc3339(now),
        "messages": {"total": total, "pending": pending, "sent": total - pending - failed, "failed": failed},
        "apiRequests": {"total": successful + refused, "successful": successful, "failed": refused},
    }
