"""Go over the limit on purpose, with few requests, and see how room comes back.

First a ramp of growing batches up to the first refusal. From then on each step is the one that tells the most for what
it costs: the suppositions of `belief` foretell what would come of it, and a step on which they disagree tells much.
When they agree on all that could be asked now, the limit is used up, since room coming back is what they differ in.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from affidavit.ratelimit.belief import Belief
from affidavit.ratelimit.clues import Hints, Seen
from affidavit.ratelimit.families import Floats
from affidavit.ratelimit.headers import Said
from affidavit.ratelimit.records import Reply, Send, Wait
from affidavit.ratelimit.talk import NONE_ADMITTED, NothingToSayError, StopError, Talk
from affidavit.words import counted

Steps = Generator[Send | Wait, tuple[Reply, ...] | None, None]

FIRST_BATCH = 4
LARGE = 1000
"""An announced limit above this may be a quota of another, longer window."""
MOST_AT_ONCE = 100
"""Requests sent at once because so many of a large limit remain; four times as many each time that proves true."""
KNOCKS = (5.0, 20.0, 60.0)
"""Seconds to wait where the very first request is refused and names no wait."""
SURE = 0.985
CLOSE = 0.009
"""Half the width of the window's interval that is close enough, relative."""
LOOKS = 3
HASTY = 4.0
"""Requests that come back while a moment is uncertain, so that a few batches prove little."""
TELLS = 0.04
"""Bits that a step must tell at least."""
QUANTILES = (0.03, 0.08, 0.15, 0.3, 0.5, 0.75)
LATER = (0.0, 0.26, 0.52, 0.77, 1.03, 1.3, 1.55, 2.1)
"""Moments to ask at, in windows from now."""


@dataclass(frozen=True)
class Choice:
    """A step: wait until `at`, then send `times`."""

    at: float
    times: int
    bits: float
    cost: float


def active(talk: Talk, belief: Belief) -> Steps:
    """The whole examination of one place. Raises StopError."""
    yield from _ramp(talk, belief)
    budget = Budget(talk, belief)
    while not (budget.enough() and budget.settled()):
        choice = _best(talk, belief) or budget.look()
        if choice is None:
            return
        yield from talk.wait(choice.at)
        belief.see((yield from talk.send(choice.times)))


def _ramp(talk: Talk, belief: Belief) -> Steps:
    seen = yield from _first_admitted(talk)
    early: list[Seen] = [seen]
    while not seen.refused:
        told = talk.said[-1]
        times = _next_batch(told, len(early))
        if not talk.affords(talk.now, times):
            raise StopError(_no_limit_met(talk, told))
        seen = yield from talk.send(times)
        early.append(seen)
    belief.hints = hints_of(talk)
    for one in early:
        belief.history.append(one.unannounced() if talk.of_another else one)
    belief.start()


def _next_batch(told: Said, batches: int) -> int:
    """Twice as many as before, or what is said to remain and a little more, as some comes back meanwhile."""
    doubled = FIRST_BATCH << (batches - 1)
    if told.limit is None or told.remaining is None:
        return doubled
    left = told.remaining + (1 << batches)
    return left if told.limit <= LARGE else min(left, max(doubled, MOST_AT_ONCE << (2 * (batches - 1))))


def _first_admitted(talk: Talk) -> Generator[Send | Wait, tuple[Reply, ...] | None, Seen]:
    """The first request, asked again some times where the key was used up before. Raises NothingToSayError."""
    seen = yield from talk.send()
    for wait in KNOCKS:
        if seen.admitted:
            return seen
        at = talk.now + (wait if seen.wait is None else seen.wait + 1)
        if not talk.affords(at, 1):
            break
        yield from talk.wait(at)
        seen = yield from talk.send()
    if not seen.admitted:
        raise NothingToSayError(NONE_ADMITTED)
    return seen


def _no_limit_met(talk: Talk, told: Said) -> str:
    met = f"{counted(talk.requests, 'request')} met no limit, and the next step would"
    if talk.now > talk.caps.seconds:
        return f"{met} end after the {talk.caps.seconds:g} s allowed: raise --max-seconds"
    met = f"{met} pass the cap of {talk.caps.requests}"
    if told.limit is None:
        return f"{met}: raise --max-requests"
    if told.remaining is None:
        return f"{met}; {told.limit} are announced: raise --max-requests to three times that"
    return f"{met}; {told.limit} are announced: --watching reads the limit without reaching it"


def hints_of(talk: Talk) -> Hints:
    """What the answers announced so far."""
    limits = {one.limit for one in talk.said if one.limit}
    policies = {one.window for one in talk.said if one.window}
    windows = set(policies)
    boundaries = set()
    for one, row in zip(talk.said, talk.trace, strict=True):
        if one.retry_after is not None:
            boundaries |= {row.answered_at + one.retry_after - less for less in (0.0, 0.5, 1.0)}
    ends = talk.resets()
    windows |= {round(end, 2) for end in [*boundaries, *ends] if end > 0.2}
    windows |= {float(round(end)) for end in ends if end > 0.5}
    apart = {round(after - before, 2) for before, after in pairwise(sorted(ends))}
    windows |= {float(round(seconds)) for seconds in apart if seconds > 0.5} | {one for one in apart if one > 0.2}
    shortest = max(0.2, 1.2 * talk.trip)
    few = slice(None, None, max(1, len(windows) // 40))
    return Hints(
        limits=tuple(sorted(limits)),
        windows=tuple(sorted(windows))[few],
        policies=tuple(sorted(policies)),
        boundaries=tuple(sorted({*boundaries, *ends}))[:60],
        shortest=shortest,
    )


def talk_blur(talk: Talk, pace: float) -> float:
    """Requests that come back, at this pace, while it is unknown whether they did."""
    return 1 + 2 * talk.spread * pace


class Budget:
    """When to stop: sure enough, or all that is worth it is spent."""

    def __init__(self, talk: Talk, belief: Belief) -> None:
        self.talk, self.belief = talk, belief
        self.looks = LOOKS
        self.ramp = talk.requests

    def look(self) -> Choice | None:
        """Once more half a window later, where what comes back fast made the moments before uncertain."""
        best = self.belief.best()
        if not self.looks or best.family.timeless:
            return None
        self.looks -= 1
        view = View(self.belief)
        at = self.talk.now + 0.6 * view.window
        return Choice(at, int(view.most_room(at)) + 1, 0.0, 0.0)

    def settled(self) -> bool:
        """Whether it is still enough once all that is likely was varied."""
        self.belief.settle(1)
        return self.enough()

    def enough(self) -> bool:
        """Whether the best family and its numbers are sure enough."""
        best = self.belief.best()
        first, *_ = self.belief.chances().values()
        weights = best.weights()
        limit, window = float(weights @ best.supposed.limit), float(weights @ best.supposed.window)
        if best.family.gradual and self.looks and talk_blur(self.talk, limit / window) > HASTY:
            return False
        fit = best.evidence > best.evidence.max() - 2  # that a number is round must not end the search for it
        spread = np.ptp(best.supposed.window[fit]) / 2 / window
        back = talk_blur(self.talk, limit / window) if best.family.refills else 0.0
        exact = np.ptp(best.supposed.limit[fit]) <= back
        if first > SURE and exact and (best.family.timeless or spread < CLOSE):
            return True
        wasted = self.ramp if self.talk.of_another else 0  # a false announcement is no reason to look less closely
        return self.talk.requests - wasted > 60 + 8 * limit or (
            self.talk.now > 12 * window + 5 and not best.family.timeless and first > 0.5
        )


def _best(talk: Talk, belief: Belief) -> Choice | None:
    """The step that tells the most for its cost; the one that uses the limit up when none tells anything."""
    view = View(belief)
    now = talk.now + talk.trip / 2
    possible = {*_soon(view, now), *_probes(view, now)}
    choices = [view.choice(at, times, talk) for at, times in possible if talk.affords(at, times)]
    best = max(choices, key=lambda one: one.bits / one.cost, default=None)
    if best is not None and best.bits >= TELLS:
        return Choice(best.at - talk.trip / 2, best.times, best.bits, best.cost)
    room = view.median(view.room(now))
    if room >= 1:
        later = 0.0 if view.sure or view.timeless else 0.35 * view.window
        choice = Choice(talk.now + later, int(room) + (not view.fills), 0.0, room)
        if talk.affords(choice.at, choice.times) or talk.said[-1].remaining is None:
            return choice
        return Choice(talk.now + max(later, view.window / 5), 1, 0.0, 1.0)  # what remains shows it too, if slower
    return None


def _soon(view: View, now: float) -> list[tuple[float, int]]:
    """Batches that suppositions disagree on, now and some part of a window later.

    As long as families are tied nothing is used up at once: what begins at the first request and what begins at the
    last shows only when time lies between them.
    """
    found = []
    for later in LATER:
        at = now + later * view.window
        sizes = {int(room) + 1 for room in view.quantiles(view.room(at), (0.1, 0.5, 0.9))}
        sizes |= {size for size in (1, 2, 4, 16, 64) if size < view.limit}
        found += [(at, size) for size in sizes if later or view.sure or view.timeless or size <= 1 + view.limit / 2]
    return found


def _probes(view: View, now: float) -> list[tuple[float, int]]:
    """Single requests where admission may begin again."""
    ready = view.ready(now)
    return [(at, 1) for at in view.quantiles(ready, QUANTILES) if at > now]


class View:
    """The suppositions that matter, of all families, as one list with weights."""

    def __init__(self, belief: Belief) -> None:
        chances = belief.chances()
        self._parts = [one for one in belief.populations if chances[one.name] > 1e-3]
        self.at_once = sum(chances[one.name] for one in self._parts if not one.family.gradual)
        """Chance that what comes back comes back at once, and is dear to use up again."""
        self.weights = np.concatenate([one.weights() * chances[one.name] for one in self._parts])
        self.sure = next(iter(chances.values())) > SURE
        best = belief.best()
        self.timeless = best.family.timeless
        """Whether nothing is used up, so that full batches one after the other are the quickest way to be sure."""
        fit = best.fit > best.fit.max() - 2
        self.fills = best.family.blocks and np.ptp(best.supposed.window[fit]) > CLOSE * best.supposed.window[fit].max()
        """Whether the limit is to be used up without a refusal, which would hide the window behind a block."""
        self.limit = self.median(np.concatenate([one.supposed.limit for one in self._parts]))
        self.windows = np.concatenate([one.supposed.window for one in self._parts])
        self.window = self.median(self.windows)

    def room(self, t: float) -> Floats:
        """What each would admit at `t`."""
        return np.concatenate([one.room(np.full(len(one.fit), t)) for one in self._parts])

    def most_room(self, t: float) -> float:
        """What nearly all would admit at most at `t`."""
        return self.quantiles(self.room(t), (0.95,))[0]

    def ready(self, t: float) -> Floats:
        """When each would admit one."""
        return np.concatenate([one.ready(t) for one in self._parts])

    def median(self, values: Floats) -> float:
        """The value in the middle of the weight."""
        return self.quantiles(values, (0.5,))[0]

    def quantiles(self, values: Floats, shares: tuple[float, ...]) -> list[float]:
        """The values below which these shares of the weight lie."""
        order = np.argsort(values)
        steps = np.cumsum(self.weights[order])
        places = np.minimum(np.searchsorted(steps, np.array(shares) * steps[-1]), len(order) - 1)
        return [float(values[order[place]]) for place in places]

    def change(self, t: float) -> Floats:
        """When each would have more room than at `t`."""
        return np.concatenate([one.change(t) for one in self._parts])

    def grain(self, talk: Talk) -> float:
        """Requests by which outcomes must differ to be told apart."""
        gradual = 1 - self.at_once > TELLS
        return 2 + 4 * talk.spread * self.limit / self.window if gradual else 1.0

    def bits(self, outcome: Floats, grain: float) -> float:
        """How much the outcome would tell."""
        places = np.floor(outcome / max(1.0, grain)).astype(int)
        shares = np.bincount(places - places.min(), weights=self.weights)
        shares = shares[shares > 0] / shares.sum()
        return float(-(shares * np.log2(shares)).sum())

    def choice(self, at: float, times: int, talk: Talk) -> Choice:
        """What the step would tell and cost."""
        room = self.room(at)
        outcome = np.minimum(room, times)
        bits = self.bits(outcome, max(times / 20, self.grain(talk) if times > 1 else 1.0))
        if times == 1 and talk.said[-1].remaining is not None:  # what it leaves tells as much as taking it all would
            bits = max(bits, self.bits(room, self.grain(talk)))
        admitted = float(self.weights @ outcome) / float(self.weights.sum())
        span = max(0.0, at - talk.now) / max(self.window, 1e-3)
        price = (times + 0.5 * admitted) / (3 * self.limit) + max(0.0, times - admitted - 1) / 50
        if times == 1 and bits > TELLS:
            price += admitted * self.at_once / 4
        return Choice(at, times, bits, price + span / 4 + 0.01)
