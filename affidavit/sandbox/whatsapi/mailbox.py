"""All messages of one account, with what is needed to find, count and page through them by status.

The status of a message changes without anybody touching it, so the lists by status are brought up to a moment by
`settle`: a heap holds, for each message that is not final, the moment of its next change. Looking at one message
needs no settling; lists and counts do. Adding settles a few messages on the way, so that a long run of sends leaves
no mountain of work to the first reader.

Numbers of messages (their place in `messages`) stand for the messages in every list, in rising order: the newest is at
the end, and a page is a slice.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush

from affidavit.sandbox.whatsapi.lifecycle import Sender, Worker
from affidavit.sandbox.whatsapi.messages import STATUSES, Message, Status

Listener = Callable[[Message, int], None]
"""Told of every step taken note of: the message and the index of the step."""

ON_THE_WAY = 4
"""Messages settled with each one added: more than one, so that the heap does not grow, and few."""


class Mailbox:
    """The messages of one account."""

    def __init__(self, sender: Sender, worker: Worker) -> None:
        self._sender = sender
        self._worker = worker
        self._messages: list[Message] = []
        self._by_id: dict[str, Message] = {}
        self._by_batch: dict[str, list[int]] = {}
        self._by_status: dict[Status, list[int]] = {status: [] for status in STATUSES}
        self._changes: list[tuple[float, int]] = []
        self.listener: Listener | None = None

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message, now: float) -> None:
        """Take a message that has just been queued; its number is the length before."""
        self._messages.append(message)
        self._by_id[message.id] = message
        if message.batch is not None:
            self._by_batch.setdefault(message.batch, []).append(message.number)
        self._by_status[message.steps[0][0]].append(message.number)
        message.indexed = 1
        self._await_change(message)
        self.settle(now, ON_THE_WAY)

    def queue_again(self, message: Message, now: float, process_after: float) -> None:
        """Put a failed message in front of the worker again."""
        self.settle(now)
        message.queue(now, process_after)
        self._await_change(message)
        self.settle(now)

    def find(self, message_id: str, now: float) -> Message | None:
        """The message with this id, its steps written down as far as they are certain."""
        message = self._by_id.get(message_id)
        return None if message is None else self._brought_to(message, now)

    def select(self, status: Status | None, batch: str | None, now: float) -> Sequence[int]:
        """Numbers of the messages with this status now and of this batch, oldest first; None selects all."""
        if batch is not None:
            numbers = self._by_batch.get(batch, [])
            return numbers if status is None else [one for one in numbers if self._status(one, now) == status]
        if status is None:
            return range(len(self._messages))
        self.settle(now)
        return self._by_status[status]

    def page(self, numbers: Sequence[int], page: int, limit: int, now: float) -> Iterator[Message]:
        """One page of the selected messages, newest first; pages count from 1."""
        end = len(numbers) - (page - 1) * limit
        shown = reversed(numbers[max(0, end - limit) : max(0, end)])
        return (self._brought_to(self._messages[number], now) for number in shown)

    def counts(self, now: float) -> dict[Status, int]:
        """How many messages have each status now; a status that none has is left out."""
        self.settle(now)
        return {status: len(numbers) for status, numbers in self._by_status.items() if numbers}

    def settle(self, now: float, at_most: int | None = None) -> None:
        """Take note of every change until `now`, or of so many of them."""
        left = math.inf if at_most is None else at_most
        while left > 0 and self._changes and self._changes[0][0] <= now:
            left -= 1
            due, number = heappop(self._changes)
            message = self._messages[number]
            # Only until `due`: the calls of all messages must reach the circuit in the order in which they were made.
            self._worker.advance(self._sender, message, due)
            self._take_note(message, now)
            self._await_change(message)

    def next_change(self) -> float | None:
        """The next moment at which a message changes, or one not taken note of yet."""
        return self._changes[0][0] if self._changes else None

    def _brought_to(self, message: Message, now: float) -> Message:
        self._worker.advance(self._sender, message, now)
        return message

    def _status(self, number: int, now: float) -> Status:
        return self._brought_to(self._messages[number], now).status_at(now)

    def _await_change(self, message: Message) -> None:
        due = message.next_change()
        if due is not None:
            heappush(self._changes, (due, message.number))

    def _take_note(self, message: Message, now: float) -> None:
        seen = message.seen_at(now)
        if seen == message.indexed:
            return
        before = self._by_status[message.steps[message.indexed - 1][0]]
        del before[bisect_left(before, message.number)]
        insort(self._by_status[message.steps[seen - 1][0]], message.number)
        if self.listener is not None:
            for step in range(message.indexed, seen):
                self.listener(message, step)
        message.indexed = seen
