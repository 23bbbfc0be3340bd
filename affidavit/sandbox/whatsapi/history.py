"""What held at which moment.

The worker calls WhatsApp some time after a message was accepted, and this is worked out later still, when somebody
looks. So whatever decides about a call (credentials, windows, the state of the upstream) is kept with the moments of
its changes, and asked for as of the call.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Generic, TypeVar

Value = TypeVar("Value")


class History(Generic[Value]):
    """One value with the moments at which it changed."""

    __slots__ = ("_moments", "_values")

    def __init__(self, first: Value) -> None:
        self._moments: list[float] = []
        self._values = [first]

    def set(self, value: Value, now: float) -> None:
        """From `now` on it is `value`."""
        self._moments.append(now)
        self._values.append(value)

    def at(self, moment: float) -> Value:
        """What it was at that moment."""
        return self._values[bisect_right(self._moments, moment)]

    @property
    def current(self) -> Value:
        """What it is."""
        return self._values[-1]


class Windows:
    """The customer service windows of one account: free text may be sent for a while after each inbound message."""

    __slots__ = ("_inbound", "_length")

    def __init__(self, length: float) -> None:
        self._length = length
        self._inbound: dict[str, list[float]] = {}

    def inbound(self, number: str, now: float) -> None:
        """A message came in from this number."""
        self._inbound.setdefault(number, []).append(now)

    def is_open(self, number: str, moment: float) -> bool:
        """Whether free text to this number was allowed at that moment."""
        moments = self._inbound.get(number)
        if moments is None:
            return False
        before = bisect_right(moments, moment)
        return before > 0 and moment - moments[before - 1] < self._length
