"""How a message moves through its states, without anything moving it.

What will become of a message is certain when it is accepted: its recipient and its environment decide. So each message
follows a `Course`, the states it passes with the seconds from its creation to each, and its status at a moment is read
off the course. No timer, no queue, no state to bring up to date.

    test, normal         sent 0    delivered +2   read +5
    test, receipts-off   sent 0    delivered +2
    test, fails          failed 0
    test, read-at-once   sent 0    read +5
    live                 pending 0, then the same courses, begun by the confirmation a second later

Messages of one course that were created in order also reach each state in order. A list of them is therefore always
cut in blocks of equal status, the oldest furthest along, and `Course.block` finds a block by bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, get_args

from affidavit.sandbox.chatmaid.options import Options
from affidavit.sandbox.chatmaid.recipients import BEHAVIOURS, NORMAL, Behaviour

Status: TypeAlias = Literal["pending", "sent", "delivered", "read", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)


class Dated(Protocol):
    """Anything with a moment of creation."""

    @property
    def created(self) -> float:
        """Epoch seconds."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The states a message passes, each with the seconds from its creation; the first at 0."""

    stages: tuple[tuple[Status, float], ...]

    def reached(self, created: float, now: float) -> list[tuple[Status, float]]:
        """The states reached by `now`, each with its moment; the last is the status."""
        return [(status, moment) for status, after in self.stages if (moment := created + after) <= now]

    def block(self, messages: Sequence[Dated], status: Status, now: float) -> tuple[int, int]:
        """Where in a list of this course's messages, oldest first, those of the status begin and end."""
        places = [place for place, (name, _) in enumerate(self.stages) if name == status]
        if not places:
            return 0, 0
        return self._arrived(messages, places[0] + 1, now), self._arrived(messages, places[0], now)

    def _arrived(self, messages: Sequence[Dated], place: int, now: float) -> int:
        """How many of the messages have reached the stage at that place."""
        if place == len(self.stages):
            return 0
        after = self.stages[place][1]
        return bisect_right(messages, now, key=lambda message: message.created + after)


class Courses:
    """The courses of one environment."""

    def __init__(self, options: Options, *, live: bool) -> None:
        self._live = live
        self._known: dict[Options, tuple[Course, dict[str, Course]]] = {}
        self.retime(options)

    def retime(self, options: Options) -> None:
        """Messages accepted from now on take the times of other options; those under way keep theirs."""
        if options not in self._known:
            particular = {to: _course(behaviour, options, live=self._live) for to, behaviour in BEHAVIOURS.items()}
            self._known[options] = _course(NORMAL, options, live=self._live), particular
        self._normal, self._particular = self._known[options]

    def towards(self, recipient: str) -> Course:
        """The course of messages to that number."""
        return self._particular.get(recipient, self._normal)


def _course(behaviour: Behaviour, options: Options, *, live: bool) -> Course:
    stages: list[tuple[Status, float]] = [("pending", 0.0)] if live else []
    confirmed = options.live_confirm_after if live else 0.0
    if behaviour.fails:
        stages.append(("failed", confirmed))
        return Course(tuple(stages))
    stages.append(("sent", confirmed))
    if behaviour.shows_delivery:
        stages.append(("delivered", confirmed + options.deliver_after))
    if behaviour.reads:
        stages.append(("read", confirmed + options.read_after))
    return Course(tuple(stages))
