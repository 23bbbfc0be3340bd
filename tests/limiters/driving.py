"""One loop for every search in virtual time: it sends, somebody answers, and waits cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from affidavit.ratelimit.flow import Reply, Send, Wait
from tests.limiters.simulated import Simulated

Found = TypeVar("Found")
Steps = Generator[Send | Wait, tuple[Reply, ...] | None, Found]
Answer = Callable[[Send, float], tuple[Reply, ...]]
"""What a moment's requests are answered with."""


def driven(steps: Steps[Found], answer: Answer, now: float, between: float = 0.0) -> Found:
    """What the steps come to, from the moment `now` on; `between` seconds pass from each answer to the next request."""
    replies: tuple[Reply, ...] | None = None
    while True:
        try:
            step = steps.send(replies)
        except StopIteration as end:
            found: Found = end.value
            return found
        if isinstance(step, Wait):
            now, replies = max(now, step.until), None
            continue
        replies = answer(step, now)
        now = max(one.answered_at for one in replies) + between


def of(server: Simulated) -> Answer:
    """The answers of a simulated server."""

    def answer(send: Send, now: float) -> tuple[Reply, ...]:
        answers = server.ask_together(now, send.times)
        return tuple(Reply(one.status, one.headers, one.body, one.sent, one.answered) for one in answers)

    return answer
