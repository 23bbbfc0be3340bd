"""Which other keys and operations share the limit that was found.

    active     use the limit up, then ask the others once each: who is refused, too, shares it
    watching   ask before and after: a Remaining that fell by one more than it should shows who shares it

An answer that proves neither is left out.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from affidavit.ratelimit.active import View
from affidavit.ratelimit.belief import Belief
from affidavit.ratelimit.records import UNKNOWN, Mode, Place, Reply, Send, Wait
from affidavit.ratelimit.talk import Talk

Shared = tuple[tuple[Place, bool], ...]
Steps = Generator[Send | Wait, tuple[Reply, ...] | None, Shared]

CONFIRM = 3
"""Times to ask for a refusal that comes alone."""
ENOUGH_LEFT = 4
"""Requests that must remain, so that none is refused."""
EACH_KEY, ALL_KEYS = "key", "account or address"
EACH_OPERATION, ALL_OPERATIONS = "each operation apart", "all operations together"
OPPOSITES = {
    EACH_KEY: ALL_KEYS,
    ALL_KEYS: EACH_KEY,
    EACH_OPERATION: ALL_OPERATIONS,
    ALL_OPERATIONS: EACH_OPERATION,
}
"""What a limit is counted per, in words, and what it is counted per when not so."""


def sharing(talk: Talk, belief: Belief, mode: Mode, others: Sequence[Place]) -> Steps:
    """Who else shares the limit, as far as it shows. Raises StopError."""
    if not others or not belief.begun or belief.best().family.timeless:
        return ()
    if mode == "watching":
        return (yield from _by_remaining(talk, others))
    return (yield from _by_refusal(talk, belief, others))


def _by_refusal(talk: Talk, belief: Belief, others: Sequence[Place]) -> Steps:
    room = View(belief).most_room(talk.now + talk.trip / 2)
    if (yield from talk.send(int(room) + 1)).refused == 0:
        return ()
    # A refusal within the batch may be of the window before; only one that comes alone shows that nothing is left.
    for _ in range(CONFIRM):
        if (yield from talk.send()).refused:
            break
    else:
        return ()
    found: list[tuple[Place, bool]] = []
    for place in others:
        refused = bool((yield from talk.send(1, place)).refused)
        still = bool((yield from talk.send()).refused)
        if still:
            found.append((place, refused))
    return tuple(found)


def _by_remaining(talk: Talk, others: Sequence[Place]) -> Steps:
    found: list[tuple[Place, bool]] = []
    for place in others:
        before = (yield from talk.send()).remaining
        if before is None or before < ENOUGH_LEFT:
            break
        yield from talk.send(1, place)
        after = (yield from talk.send()).remaining
        if after is not None and before - after in {1, 2}:
            found.append((place, before - after == 2))
    return tuple(found)


def scope(examined: Place, shared: Shared) -> str:
    """In words, what the limit is counted per."""
    keys = {one for place, one in shared if place.key != examined.key}
    operations = {one for place, one in shared if place.operation != examined.operation}
    words = []
    if len(keys) == 1:
        words.append(ALL_KEYS if keys == {True} else EACH_KEY)
    if len(operations) == 1:
        words.append(ALL_OPERATIONS if operations == {True} else EACH_OPERATION)
    return ", ".join(words) or UNKNOWN
