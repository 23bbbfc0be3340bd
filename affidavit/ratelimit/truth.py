"""Whether the wait that a refusal names is true: how much later, or earlier, than promised somebody was admitted.

    refusal ── "wait n" ──────────── promised ──────── next request
                                        └─ refused: the promise is broken, unless others took the place meanwhile
                                        └─ admitted: it is kept

What a server did while several requests were under way has no known order, so requests that overlap are one *volley*,
and a volley promises what the latest of its refusals promises. Only what is certain counts: a refusal was decided at
the latest when it arrived, the next request at the earliest when it left.

Others who use the same key can take the place that was promised. So one broken promise proves nothing; how many do is
worked out in `more_than_others_explain`.

Inelegant: when a window ends within a volley, and the rest of the volley fills the next one to the brim, a promise
looks broken that was not. That needs a volley in the very moment, and twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from affidavit.ratelimit.flow import Interval, Place, Reply
from affidavit.ratelimit.headers import Said

FOREIGN = 0.1
"""Share of a limit that others may use up at most, for all that is decided here."""
CHANCE = 0.02
"""What chance alone brings about more rarely than this is taken for a fact."""
SURE = 0.95
"""How sure the bounds of a share are."""


@dataclass(frozen=True)
class Heard:
    """One answer, and where it belongs."""

    number: int
    """Of the exchange in the record."""
    place: Place
    reply: Reply
    refused: bool
    """Whether the limiter refused the request."""
    said: Said
    """What the answer says of the limit."""

    @property
    def wait(self) -> float | None:
        """Seconds that it asks to wait; None when it names none that can be read."""
        return self.said.retry_after


@dataclass(frozen=True)
class Promise:
    """What a volley promised, and what came of it."""

    refusal: Heard
    """The one whose wait ends last."""
    answer: Heard
    """To the first request after the promised moment that was refused, or the first that was admitted."""
    at_least: float
    """Seconds after the promised moment before which nobody was admitted for certain; negative: before it."""
    at_most: float
    """As `at_least`: after which somebody was admitted for certain; infinity when nobody was."""
    tested: bool
    """Whether anybody asked after the promised moment."""

    @property
    def kept(self) -> bool:
        """Whether the first who asked after the promised moment, or somebody before it, was admitted."""
        return not self.answer.refused


@dataclass(frozen=True)
class Slack:
    """How true the promises were, all in all: the moment of admission minus the promised one."""

    promises: int
    tested: int
    """Those after which somebody asked when their moment had come."""
    kept: int
    """Those of the tested whose first request was admitted."""
    kept_share: Interval
    """Of the tested; 95 % sure."""
    seconds: Interval | None
    """Medians of the least, of the middle and of the most slack that each promise had; None without a promise."""


def slack(found: Sequence[Promise]) -> Slack:
    """The distribution of what the promises left open."""
    tested = [one for one in found if one.tested]
    kept = sum(one.kept for one in tested)
    ended = [one for one in found if math.isfinite(one.at_most)]
    seconds = None
    if ended:
        least, most = median(one.at_least for one in ended), median(one.at_most for one in ended)
        seconds = Interval(least, median((one.at_least + one.at_most) / 2 for one in ended), most)
    return Slack(len(found), len(tested), kept, share(kept, len(tested)), seconds)


def promises(heard: Sequence[Heard]) -> tuple[Promise, ...]:
    """Every promise that something came of."""
    return tuple(promise for groups in _volleys_by_place(heard) for promise in _of_place(groups))


def share(successes: int, trials: int) -> Interval:
    """The share of successes, with bounds after Clopper and Pearson."""
    if not trials:
        return Interval(0.0, 0.0, 1.0)
    rare = (1 - SURE) / 2
    low = 0.0 if not successes else _where(lambda p: at_least(successes, trials, p) >= rare)
    high = 1.0 if successes == trials else _where(lambda p: at_least(successes + 1, trials, p) >= 1 - rare)
    return Interval(low, successes / trials, high)


def more_than_others_explain(broken: int, tested: int) -> bool:
    """Whether so many broken promises cannot be the work of others who use the key."""
    return broken > 0 and at_least(broken, tested, FOREIGN) <= CHANCE


def at_least(successes: int, trials: int, chance: float) -> float:
    """How probable so many or more successes are, each with this chance."""
    return sum(
        math.comb(trials, hits) * chance**hits * (1 - chance) ** (trials - hits)
        for hits in range(successes, trials + 1)
    )


def _where(holds: Callable[[float], bool]) -> float:
    """The share from which on it holds."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def volleys(heard: Iterable[Heard]) -> list[list[Heard]]:
    """Answers to requests that overlapped stand together; between the groups the order is certain."""
    groups: list[list[Heard]] = []
    until = -math.inf
    for one in sorted(heard, key=lambda one: (one.reply.sent_at, one.number)):
        if one.reply.sent_at >= until:
            groups.append([])
        groups[-1].append(one)
        until = max(until, one.reply.answered_at)
    return groups


def _volleys_by_place(heard: Sequence[Heard]) -> Iterator[list[list[Heard]]]:
    """The volleys of each place; another place may share the limit, so a promise ends where that was used."""
    groups = volleys(heard)
    for place in dict.fromkeys(one.place for one in heard):
        mine: list[list[Heard]] = []
        for group in groups:
            if any(one.place != place and not one.refused for one in group):
                yield mine
                mine = []
            elif own := [one for one in group if one.place == place]:
                mine.append(own)
        yield mine


def _of_place(groups: list[list[Heard]]) -> Iterator[Promise]:
    for index, group in enumerate(groups):
        refused = [one for one in group if one.refused]
        if not refused or any(one.wait is None for one in refused):
            continue
        found = _outcome(max(refused, key=_moment), groups[index + 1 :])
        if found is not None:
            yield found


def _moment(refusal: Heard) -> float:
    """The latest at which its wait is over."""
    return refusal.reply.answered_at + (refusal.wait or 0.0)


def _outcome(refusal: Heard, later: list[list[Heard]]) -> Promise | None:
    """What came of one promise; a refusal before its moment may have prolonged it, and then it says nothing."""
    moment, closed = _moment(refusal), refusal.reply.sent_at
    broken: Heard | None = None
    for group in later:
        start = group[0].reply.sent_at
        admitted = [one for one in group if not one.refused]
        if admitted:
            end = min(one.reply.answered_at for one in admitted)
            earliest = refusal.reply.sent_at + (refusal.wait or 0.0)
            tested = broken is not None or start >= moment
            return Promise(refusal, broken or admitted[0], closed - moment, end - earliest, tested)
        if start < moment:
            return None
        broken, closed = broken or group[0], start
    return None if broken is None else Promise(refusal, broken, closed - moment, math.inf, tested=True)
