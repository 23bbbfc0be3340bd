"""Read the limiter from what its answers announce as remaining, and never go over the limit.

A request is sent only when the last answer left more than it needs, or when next to every supposition would admit it.
Where room comes back shows what kind of limiter it is; so each step asks when the suppositions disagree most about
what will remain. Whether refused requests count, and whether a refusal locks out, cannot be seen this way.
"""

from __future__ import annotations

from collections.abc import Generator

from affidavit.ratelimit.active import Budget, Choice, View, hints_of
from affidavit.ratelimit.belief import Belief
from affidavit.ratelimit.records import Reply, Send, Wait
from affidavit.ratelimit.talk import NONE_ADMITTED, NothingToSayError, StopError, Talk

Steps = Generator[Send | Wait, tuple[Reply, ...] | None, None]

MOST_REQUESTS = 20
MOST_WINDOWS = 2.05
FIRST_BATCH = 6
ENOUGH_LOOKS = 15
DANGER = 1e-3
"""Chance of a refusal that is too high."""
TELLS = 0.03
LATER = (0.0, 0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9, 1.02, 1.1, 1.25, 1.4, 1.6, 1.8, 1.95)
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def watching(talk: Talk, belief: Belief) -> Steps:
    """The whole examination of one place. Raises StopError."""
    first = yield from talk.send()
    if first.refused:
        raise NothingToSayError(NONE_ADMITTED)
    left = talk.said[-1].remaining
    if left is None:
        raise StopError(
            "the answers do not say what remains, so watching can tell nothing; "
            "only going over the limit on purpose shows it: add --active"
        )
    belief.history.append(first)
    if left > 1:
        belief.history.append((yield from talk.send(min(FIRST_BATCH, left // 2 + 1))))
    _still_said(talk)
    belief.hints = hints_of(talk)
    belief.start()
    budget = Budget(talk, belief)
    while talk.requests < MOST_REQUESTS:
        choice = None if budget.enough() and budget.settled() else _best(talk, belief)
        choice = choice or _another_look(talk, belief)
        if choice is None:
            return
        yield from talk.wait(choice.at)
        seen = yield from talk.send(choice.times)
        _still_said(talk)
        belief.see(seen)
        belief.hints = hints_of(talk)


def _still_said(talk: Talk) -> None:
    if talk.of_another:
        raise StopError(
            "a request was refused while plenty was said to remain, so what the answers say is of another limit; "
            "only going over the limit on purpose shows this one: add --active"
        )


def _another_look(talk: Talk, belief: Belief) -> Choice | None:
    """A few more requests, evenly over a window: what nobody supposed shows only where nobody expects anything."""
    belief.settle(1)
    view = View(belief)
    at = talk.now + view.window / 5
    if talk.requests >= ENOUGH_LOOKS or at > MOST_WINDOWS * view.window:
        return None
    choice = _choice(view, at + talk.trip / 2, talk)
    return choice and Choice(at, 1, choice.bits, choice.cost)


def _best(talk: Talk, belief: Belief) -> Choice | None:
    """The step that tells most for what it costs, of those that are safe."""
    view = View(belief)
    now = talk.now + talk.trip / 2
    moments = [now + later * view.window for later in LATER]
    change = view.change(now)
    moments += [at for at in view.quantiles(change, QUANTILES) if at > now]
    safe: list[Choice] = []
    for share in (0.3, 0.6, 0.9):  # how long a window may be is not known at first
        end = MOST_WINDOWS * view.quantiles(view.windows, (share,))[0]
        choices = [_choice(view, at, talk) for at in moments if at < end]
        safe = safe or [one for one in choices if one is not None and one.bits >= TELLS]
    best = max(safe, key=lambda one: one.bits / one.cost, default=None)
    return best and Choice(best.at - talk.trip / 2, 1, best.bits, best.cost)


def _choice(view: View, at: float, talk: Talk) -> Choice | None:
    room = view.room(at)
    last = next((one.remaining for one in reversed(talk.said) if one.remaining is not None), 0)
    danger = float(view.weights[room < 1].sum() / view.weights.sum())
    if danger > DANGER and last < 2:
        return None
    bits = view.bits(room, view.grain(talk))
    return Choice(at, 1, bits, 0.05 + max(0.0, at - talk.now) / view.window / 2)
