"""Find out which rate limiter answers: a generator that asks, is told what came, and ends in a verdict.

flow = examine(Caps(), "active")
flow yields Send(times, place)  ─►  the shell sends so many requests at once   ─►  flow.send(tuple of Reply)
flow yields Wait(until)         ─►  the shell lets time pass until that moment ─►  flow.send(None)
flow returns a Verdict (the value of StopIteration)
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from affidavit.ratelimit.active import active
from affidavit.ratelimit.belief import Belief, Population
from affidavit.ratelimit.families import FAMILIES, Floats
from affidavit.ratelimit.records import NONE_FITS, UNKNOWN, Caps, Interval, Mode, Place, Reply, Send, Verdict, Wait
from affidavit.ratelimit.sharing import Shared, scope, sharing
from affidavit.ratelimit.talk import NothingToSayError, SpentError, StopError, Talk
from affidavit.ratelimit.watching import watching

__all__ = ["Caps", "Flow", "Interval", "Mode", "Place", "Reply", "Send", "Verdict", "Wait", "examine"]

Flow = Generator[Send | Wait, tuple[Reply, ...] | None, Verdict]
TIE = 0.03
"""Probability that makes a family worth naming beside the best."""
LEAST = 1e-3
ALIKE_AT_ONE = ("fixed-window-first", "sliding-log", "token-bucket", "leaky-queue")
"""With a limit of 1 each of them admits one request a window after the one before, and nothing tells them apart."""
BACK_AT_ONCE = ("token-bucket", "leaky-queue")
"""Where they are faster than a round trip, they leave as much as if only requests at once were counted."""
ALIKE_AMONG_OTHERS = ("fixed-window-clock", "fixed-window-first")
"""Where others begin the next window as soon as one is over, windows follow each other as those of the clock do."""
CLOSE_BOUNDS = 0.05
"""How far apart the bounds of a number may lie that one can plan with, relative."""
CLEARLY = 3.0
"""Difference of log-likelihoods at which one supposition is clearly better than another."""
OTHERS_TAKE = 0.12
"""Share of the limit that others who use the key may take at most, so that it passes for less."""
VISIBLE = {name: replace(family, counting=False) for name, family in FAMILIES.items() if not family.blocks}
"""The families that can be told apart without a refusal: what one does is not seen."""
MISSED = float(np.log(0.01))
"""Log of the chance below which a step came otherwise than foretold."""
NONE_EXPLAINS = (
    "no known kind of limiter explains the answers; try again when nobody else uses the key, or another --operation"
)
FITS = -4.5
"""Log of the chance that a batch has at least, on the average, when the family is the right one."""


def examine(
    caps: Caps | None = None, mode: Mode = "watching", places: Sequence[Place] = (Place(),), seed: int = 0
) -> Flow:
    """Examine the first place; the others only show which of them share its limit.

    `watching` needs answers that say what remains. It ends at once, with a reason, when they do not.
    """
    talk = Talk(caps or Caps(), places[0])
    belief = Belief(seed, FAMILIES if mode == "active" else VISIBLE)
    stopped, spent, tells = "", False, True
    shared: Shared = ()
    try:
        yield from (active if mode == "active" else watching)(talk, belief)
        shared = yield from sharing(talk, belief, mode, places[1:])
    except StopError as why:
        stopped, spent, tells = str(why), isinstance(why, SpentError), not isinstance(why, NothingToSayError)
    verdict = _verdict(talk, belief, mode, stopped, tells=tells)
    if spent and _tells(verdict):
        verdict = replace(verdict, stopped="", reason=f"{verdict.reason}; {stopped}")
    return replace(verdict, shared=shared, scope=scope(places[0], shared))


def _verdict(talk: Talk, belief: Belief, mode: Mode, stopped: str, *, tells: bool) -> Verdict:
    common = Verdict(
        mode,
        UNKNOWN,
        reset_dialect=next((one.reset_dialect for one in talk.said if one.reset_dialect), None),
        clock_skew=talk.skew(),
        trace=tuple(talk.trace),
        requests=talk.requests,
        refused=talk.refused,
        seconds=talk.now,
        stopped=stopped,
    )
    if not tells or not belief.begun:
        return common
    belief.settle()
    best, chances = belief.best(), belief.chances()
    misses = _misses(best) if mode == "active" else 0
    common = replace(common, misses=misses)
    if best.fit.max() < FITS * len(belief.history) - 8:
        return replace(
            common,
            family=NONE_FITS,
            posterior=_likely(chances),
            reason=_reason(talk, best),
            stopped=stopped or NONE_EXPLAINS,
        )
    ties = tuple(name for name, chance in chances.items() if chance > TIE and name != best.name)
    if mode == "watching" and "fixed-window-first" in {best.name, *ties}:
        ties += ("window-with-block",)
    if mode == "watching" and best.family.timeless:
        ties += tuple(name for name in BACK_AT_ONCE if name not in ties)
    if not best.quiet and best.name in ALIKE_AMONG_OTHERS:
        ties += tuple(name for name in ALIKE_AMONG_OTHERS if name not in {best.name, *ties})
    window = _window(belief, best)
    limit = _limit(talk, belief, best)
    counts = _counts(best)
    return replace(
        common,
        family=best.name,
        ties=ties if counts else _alike(best.name, ties, limit),
        limit=limit,
        window=window,
        rate=_rate(limit, window) if window and best.family.gradual else None,
        block=_interval(best, best.supposed.block, ()) if best.family.blocks else None,
        counts_refused=counts,
        posterior=_likely(chances),
        reason=_reason(talk, best),
    )


def _tells(verdict: Verdict) -> bool:
    """Whether it says enough to plan with, though it could have been surer: its numbers lie between close bounds."""
    numbers = [one for one in (verdict.limit, verdict.window) if one]
    return bool(numbers) and all(one.high - one.low <= CLOSE_BOUNDS * one.best for one in numbers)


def _alike(name: str, ties: tuple[str, ...], limit: Interval) -> tuple[str, ...]:
    """The ties, and with a limit of 1 those that do the very same then."""
    if limit.best != 1 or name not in ALIKE_AT_ONE:
        return ties
    return tuple(dict.fromkeys((*ties, *(one for one in ALIKE_AT_ONE if one != name))))


def _likely(chances: Mapping[str, float]) -> dict[str, float]:
    return {name: chance for name, chance in chances.items() if chance >= LEAST}


def _limit(talk: Talk, belief: Belief, best: Population) -> Interval:
    slack = 0
    if best.family.refills:  # what comes back while a batch arrives cannot be told from what was there
        slack = round(1 + 2 * talk.spread * float(np.median(best.supposed.limit / best.supposed.window)))
    hidden = _hidden(best.supposed.limit[best.likely()], belief.hints.limits, 0.0, 0.0 if best.quiet else OTHERS_TAKE)
    return _interval(best, best.supposed.limit, belief.hints.limits, slack, hidden)


def _window(belief: Belief, best: Population) -> Interval | None:
    if best.family.timeless:
        return None
    policies = belief.hints.policies
    hidden = _hidden(best.supposed.window[best.likely()], policies, 0.0 if best.quiet else OTHERS_TAKE, 0.0)
    return _interval(best, best.supposed.window, policies or belief.hints.windows, 0, hidden)


def _hidden(likely: Floats, told: Sequence[float], below: float, above: float) -> tuple[float, ...]:
    """Announced numbers that others who use the key may hide: limits seem smaller and windows longer."""
    low, high = float(likely.min()), float(likely.max())
    return tuple(one for one in told if low * (1 - below) <= one < low or high < one <= high * (1 + above))


def _rate(limit: Interval, window: Interval) -> Interval:
    return Interval(limit.low / window.high, limit.best / window.best, limit.high / window.low)


def _counts(best: Population) -> bool | None:
    """Whether refused requests count, when all likely suppositions agree on it and it makes a difference."""
    if not best.family.counting:
        return None
    likely = best.supposed.counts[best.fit > best.fit.max() - CLEARLY]
    return bool(likely[0]) if likely.all() or not likely.any() else None


def _misses(best: Population) -> int:
    """Steps that came otherwise than even the best supposition foretells; others who use the key may be why."""
    return int((best.foretold() < MISSED).sum()) if best.quiet else 0


def _reason(talk: Talk, best: Population) -> str:
    """How well the best family explains what came."""
    foretold = float(np.exp(best.fit.max() / max(1, len(talk.trace))))
    return f"it foretells each of the {talk.requests} answers with a chance of {foretold:.0%} on the average"


def _interval(
    population: Population, values: Floats, told: Sequence[float], slack: int = 0, hidden: Sequence[float] = ()
) -> Interval:
    """What the fit suppositions span; best is what was announced, or whole, if that is among them, else the mean."""
    fit, likely = values[population.likely(CLEARLY)], values[population.likely()]
    mean = float(population.weights() @ values)
    among = [one for one in told if likely.min() - slack <= one <= likely.max() + slack] or hidden
    round_ones = [float(one) for one in likely if one == round(one)] or [mean]
    best = float(min(among or round_ones, key=lambda one: abs(one - mean)))
    return Interval(min(best, float(fit.min()) - slack), best, max(best, float(fit.max()) + slack))
