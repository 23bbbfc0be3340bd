"""Find out which rate limiter answers: a generator that asks, is told what came, and ends in a verdict.

flow = examine(Caps(), "active")
flow yields Send(times, place)  ─►  the shell sends so many requests at once   ─►  flow.send(tuple of Reply)
flow yields Wait(until)         ─►  the shell lets time pass until that moment ─►  flow.send(None)
flow returns a Verdict (the value of StopIteration)
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np

from affidavit.ratelimit.active import active
from affidavit.ratelimit.belief import Belief, Population
from affidavit.ratelimit.families import FAMILIES, Floats
from affidavit.ratelimit.records import NONE_FITS, UNKNOWN, Caps, Interval, Mode, Place, Reply, Send, Verdict, Wait
from affidavit.ratelimit.talk import StopError, Talk
from affidavit.ratelimit.watching import watching

__all__ = ["Caps", "Flow", "Interval", "Mode", "Place", "Reply", "Send", "Verdict", "Wait", "examine"]

Flow = Generator[Send | Wait, tuple[Reply, ...] | None, Verdict]
TIE = 0.03
VISIBLE = {
    name: replace(family, counting=False) for name, family in FAMILIES.items() if not family.blocks
}
"""The families that can be told apart without a refusal: what one does is not seen."""
FITS = -1.8
"""Log of the chance that a batch has at least, on the average, when the family is the right one."""


def examine(
    caps: Caps | None = None, mode: Mode = "watching", places: Sequence[Place] = (Place(),), seed: int = 0
) -> Flow:
    """Examine the first place; the others only show which of them share its limit.

    `watching` needs answers that say what remains. It ends at once, with a reason, when they do not.
    """
    talk = Talk(caps or Caps(), places[0])
    belief = Belief(seed, FAMILIES if mode == "active" else VISIBLE)
    stopped = ""
    try:
        yield from (active if mode == "active" else watching)(talk, belief)
    except StopError as why:
        stopped = str(why)
    return _verdict(talk, belief, mode, stopped)


def _verdict(talk: Talk, belief: Belief, mode: Mode, stopped: str) -> Verdict:
    best = belief.best()
    if not belief.history:
        return Verdict(mode, UNKNOWN, trace=tuple(talk.trace), requests=talk.requests, stopped=stopped)
    belief.settle()
    best = belief.best()
    chances = belief.chances()
    first, *others = chances
    ties = tuple(name for name in others if chances[name] > TIE)
    if mode == "watching" and "fixed-window-first" in {first, *ties}:
        ties += ("window-with-block",)
    slack = 1 + 2 * talk.spread * float(np.median(best.supposed.limit / best.supposed.window))
    limit = _interval(best, best.supposed.limit, belief.hints.limits, round(slack) if best.family.refills else 0)
    window = None
    if not best.family.timeless:
        told = tuple({one.window for one in talk.said if one.window})
        window = _interval(best, best.supposed.window, told or belief.hints.windows)
    return Verdict(
        mode,
        first if best.fit.max() > FITS * len(belief.history) - 6 else NONE_FITS,
        ties,
        limit,
        window,
        posterior={name: chance for name, chance in chances.items() if chance >= 1e-3},
        trace=tuple(talk.trace),
        requests=talk.requests,
        refused=talk.refused,
        seconds=talk.now,
        stopped=stopped,
    )


def _interval(population: Population, values: Floats, told: Sequence[float], slack: int = 0) -> Interval:
    """What the fit suppositions span; best is what was announced if it is among them, else the roundest."""
    fit, likely = (values[population.fit > population.fit.max() - less] for less in (3, 1.5))
    mean = float(population.weights() @ values)
    among = [one for one in told if likely.min() - slack <= one <= likely.max() + slack]
    best = min(among or likely.tolist(), key=lambda one: (_digits(one), abs(one - mean)))
    return Interval(float(fit.min()) - slack, float(best), float(fit.max()) + slack)


def _digits(value: float) -> int:
    return len(f"{value:.6g}".replace(".", "").strip("0"))
