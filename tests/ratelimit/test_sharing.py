"""Who shares a limit, when a window ends in the midst of the batch that is to use it up."""

from __future__ import annotations

from affidavit.ratelimit.belief import Belief
from affidavit.ratelimit.clues import Seen
from affidavit.ratelimit.flow import Caps, Place, Reply, Send
from affidavit.ratelimit.sharing import Shared, sharing
from affidavit.ratelimit.talk import Talk
from tests.limiters.driving import driven

MAIN, OTHER = Place(operation="one"), Place(operation="two")


def twenty_in_ten_seconds() -> Belief:
    """What is supposed after a window of 10 s with 20 requests was met."""
    belief = Belief()
    belief.history += [
        Seen(0.0, 0.002, 20, 5),
        Seen(9.9, 0.002, 0, 1),
        Seen(10.1, 0.002, 1, 0),
    ]
    belief.start()
    return belief


def shared_with(left: int) -> Shared:
    """What is found where the first of the batch is refused by the window before, and so many are left after it."""
    remaining = left

    def answer(ask: Send, now: float) -> tuple[Reply, ...]:
        nonlocal remaining
        statuses = [429] + [200] * (ask.times - 1) if ask.times > 1 else [200 if remaining > 0 else 429]
        remaining -= ask.times == 1
        return tuple(Reply(status, (), "", now, now + 0.02) for status in statuses)

    talk = Talk(Caps(), MAIN)
    return driven(sharing(talk, twenty_in_ten_seconds(), "active", (OTHER,)), answer, 20.0, 0.03)


def test_one_who_takes_the_last_that_is_left_shares_the_limit_all_the_same() -> None:
    assert shared_with(left=1) == ((OTHER, True),)


def test_nothing_is_said_of_others_while_requests_are_left() -> None:
    assert shared_with(left=50) == ()
