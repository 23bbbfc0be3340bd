"""A caller who goes over the limit, knocks, waits as told and comes back: enough to see whether a server tells lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from affidavit.ratelimit.flow import Place, Reply
from affidavit.ratelimit.headers import said

Ask = Callable[[float, int], list[Reply]]
"""Sends so many requests at once at a moment."""
MOST = 300
"""Requests before a round is given up."""
KNOCKS = 4


def converse(ask: Ask, start: float, *, rounds: int = 6, together: int = 1, patience: float = 120) -> list[Reply]:
    """Some rounds of: ask until refused, knock some times, wait as told, ask until admitted.

    A wait that is missing, or longer than `patience` seconds, is replaced by that. Only every second round has knocks,
    so that there are promises that nobody touched.
    """
    caller = _Caller(ask, start, patience)
    for number in range(rounds):
        caller.until_refused(together)
        if number % 2:
            caller.knock()
        caller.wait()
        caller.until_admitted()
    return caller.replies


class _Caller:
    def __init__(self, ask: Ask, start: float, patience: float) -> None:
        self._ask, self._now, self._patience = ask, start, patience
        self.replies: list[Reply] = []
        self._refusal: Reply | None = None
        """Of what was asked last, the one that came last."""

    def until_refused(self, together: int) -> None:
        for _ in range(MOST // together):
            if self._send(together):
                return

    def knock(self) -> None:
        wait = self._told()
        for _ in range(KNOCKS):
            self._now += wait / KNOCKS
            if not self._send(1):
                return

    def wait(self) -> None:
        self._now += self._told()

    def until_admitted(self) -> None:
        for _ in range(MOST):
            if not self._send(1):
                return
            self._now += 0.3

    def _send(self, number: int) -> bool:
        """Ask so many at once; whether one was refused."""
        replies = self._ask(self._now, number)
        self._now = max(one.answered_at for one in replies) + 0.001
        self.replies += replies
        refused = [one for one in replies if one.status == 429]
        self._refusal = max(refused, key=lambda one: one.answered_at, default=None)
        return bool(refused)

    def _told(self) -> float:
        """Seconds to wait after the last refusal; 0 when there was none."""
        if self._refusal is None:
            return 0.0
        wait = said(self._refusal).retry_after
        return self._patience if wait is None or wait > self._patience else wait


def numbered(replies: list[Reply]) -> Iterator[tuple[int, Place, Reply]]:
    """With the numbers they would have in a record."""
    for number, reply in enumerate(replies, 1):
        yield number, Place(), reply
