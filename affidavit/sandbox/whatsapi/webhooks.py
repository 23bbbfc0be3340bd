"""Status changes on their way to the customers' servers.

Every change to sent, delivered, read or failed is posted once to the address the account has at that moment. When it is
not taken (no 2xx in time) it is posted once more, and then never again. Nothing leaves for an address that the account
has given up meanwhile.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count

from affidavit.sandbox.http import to_json
from affidavit.sandbox.model import Json, Outgoing
from affidavit.sandbox.whatsapi.accounts import Account
from affidavit.sandbox.whatsapi.messages import Message, Status
from affidavit.sandbox.whatsapi.options import Options
from affidavit.sandbox.whatsapi.views import Object, status_event

FORWARDED = frozenset({"sent", "delivered", "read", "failed"})
HEADERS = (("Content-Type", "application/json"),)
ATTEMPTS = 2


@dataclass(slots=True, eq=False)
class _Delivery:
    """One attempt: waiting, under way, or in the log."""

    outgoing: Outgoing
    account: Account
    message_id: str
    event: Status
    answered: bool = False
    status: int | None = None


class Outbox:
    """Everything that waits to be posted, and what became of the rest."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._ids = count(1)
        self._waiting: list[tuple[float, int, _Delivery]] = []
        self._under_way: dict[int, _Delivery] = {}
        self._log: deque[_Delivery] = deque(maxlen=options.webhook_log)
        self._listening: dict[Account, None] = {}

    @property
    def listening(self) -> tuple[Account, ...]:
        """The accounts with a webhook."""
        return tuple(self._listening)

    def listen(self, account: Account, url: str | None, now: float) -> None:
        """From `now` on the account's changes go to `url`, or nowhere."""
        account.mailbox.settle(now)
        account.webhook_url = url
        if url is None:
            self._listening.pop(account, None)
            account.mailbox.listener = None
        else:
            self._listening[account] = None
            account.mailbox.listener = lambda message, step: self._post(account, message, step)

    def due(self, now: float) -> tuple[Outgoing, ...]:
        """Take out what is due by `now`, in the order in which it fell due."""
        taken = []
        while self._waiting and self._waiting[0][0] <= now:
            _, number, delivery = heappop(self._waiting)
            if delivery.account.webhook_url == delivery.outgoing.url:
                self._under_way[number] = delivery
                self._log.append(delivery)
                taken.append(delivery.outgoing)
        return tuple(taken)

    def next_due(self) -> float | None:
        """When the next of what waits falls due."""
        return self._waiting[0][0] if self._waiting else None

    def outcome(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """A delivery was answered with a status, or not at all."""
        delivery = self._under_way.pop(outgoing.id, None)
        if delivery is None:
            return
        delivery.answered, delivery.status = True, status
        taken = status is not None and 200 <= status < 300
        if not taken and outgoing.attempt < ATTEMPTS:
            again = replace(outgoing, attempt=outgoing.attempt + 1, due=now + self._options.webhook_retry_after)
            self._wait(_Delivery(again, delivery.account, delivery.message_id, delivery.event))

    def log(self) -> Json:
        """The latest attempts, oldest first."""
        return [_logged(delivery) for delivery in self._log]

    def _post(self, account: Account, message: Message, step: int) -> None:
        status, at = message.steps[step]
        if status in FORWARDED and account.webhook_url is not None:
            body = to_json(status_event(message, step))
            outgoing = Outgoing(next(self._ids), at, account.webhook_url, HEADERS, body)
            self._wait(_Delivery(outgoing, account, message.id, status))

    def _wait(self, delivery: _Delivery) -> None:
        heappush(self._waiting, (delivery.outgoing.due, delivery.outgoing.id, delivery))


def _logged(delivery: _Delivery) -> Object:
    outgoing = delivery.outgoing
    return {
        "id": outgoing.id,
        "attempt": outgoing.attempt,
        "due": outgoing.due,
        "url": outgoing.url,
        "messageId": delivery.message_id,
        "status": delivery.event,
        "answered": delivery.answered,
        "answer": delivery.status,
    }
