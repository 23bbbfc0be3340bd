"""A server behind a limiter, in virtual time: round trips, a clock that is off, and others who use the same key."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.limiters.dialects import Dialect, Headers, Told
from tests.limiters.families import Decision, Limiter


@dataclass(frozen=True)
class Answer:
    """What came back."""

    sent: float
    """Epoch seconds on the caller's clock."""
    answered: float
    """As `sent`."""
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass
class Simulated:
    """Answers requests; those that are asked together reach the limiter in the order in which they arrive."""

    limiters: tuple[Limiter, ...]
    """A request passes one after the other until one refuses it; the fields are those of the first."""
    window: float
    dialect: Dialect = field(default_factory=Dialect)
    seed: int = 0
    round_trip: tuple[float, float] = (0.02, 0.08)
    """Shortest and longest, in seconds, half of it each way."""
    skew: float = 0.0
    """Seconds by which the server's clock is ahead of the caller's."""
    foreign: float = 0.0
    """Share of the limit that others use up, at moments of their own."""
    sends_date: bool = True
    change: Callable[[Decision], Decision] | None = None
    """What the server makes of a decision before it tells it."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - no secret
        self._next_foreign: float | None = None
        self.log: list[tuple[float, bool]] = []
        """Moments (server's clock) and outcomes of the caller's own requests."""

    def ask(self, at: float) -> Answer:
        """One request, sent at this moment."""
        return self.ask_together(at, 1)[0]

    def ask_together(self, at: float, number: int) -> list[Answer]:
        """So many at once; in the order in which they were sent."""
        trips = [(self._half(), self._half()) for _ in range(number)]
        answers: dict[int, Answer] = {}
        for index in sorted(range(number), key=lambda index: trips[index][0]):
            there, back = trips[index]
            arrival = at + there + self.skew
            self._let_others_ask(arrival)
            decision = self._decide(arrival)
            self.log.append((arrival, decision.admitted))
            answers[index] = self._tell(
                at, at + there + decision.delay + back, arrival, self.change(decision) if self.change else decision
            )
        return [answers[index] for index in range(number)]

    def _half(self) -> float:
        return self._random.uniform(*self.round_trip) / 2

    def _decide(self, now: float) -> Decision:
        told = None
        for limiter in self.limiters:
            decision = limiter.admit(now)
            told = told or decision
            if not decision.admitted:
                return decision
        assert told is not None
        return told

    def _let_others_ask(self, now: float) -> None:
        if not self.foreign:
            return
        pace = self.window / self.limiters[0].limit / self.foreign
        if self._next_foreign is None:
            self._next_foreign = now + self._random.expovariate(1 / pace)
        while self._next_foreign <= now:
            self._decide(self._next_foreign)
            self._next_foreign += self._random.expovariate(1 / pace)

    def _tell(self, sent: float, answered: float, now: float, decision: Decision) -> Answer:
        told = Told(self.limiters[0].limit, self.window, now, decision)
        headers: Headers = self.dialect.headers(told)
        if self.sends_date:
            headers = [("Date", formatdate(int(now), usegmt=True)), *headers]
        return Answer(sent, answered, 200 if decision.admitted else 429, tuple(headers), self.dialect.body(told))
