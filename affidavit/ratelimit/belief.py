"""What the answers so far leave possible: many suppositions of every family, each weighed by how well it foretold them.

    belief.see(seen)      every supposition foretells the batch, is weighed by what came, and follows it
    belief.chances()      family -> probability
    belief.ready(now)     when each supposition would be admitted again, with its weight

Suppositions that did not foretell what came die; those that did are copied and varied a little, and all are held
against all that was seen so far. So the numbers grow as exact as the answers allow.

A likelihood has four parts: the batch was admitted as foretold, at a moment that is known only up to the round trip;
fewer were, because others used the key too; rounding; and anything else, which is next to impossible.

Inelegant: the weight of a family is that of its best supposition and not of all, as copies are no fair sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from affidavit.ratelimit.clues import Clues, Hints, Seen
from affidavit.ratelimit.families import (
    FAMILIES,
    NEARLY_ONE,
    Family,
    FirstRequestWindow,
    Flags,
    Floats,
    Machine,
    SlidingLog,
    Supposed,
)
from affidavit.ratelimit.odds import LONGEST, ROUND, SHORTEST, oddity, snapped, usual_near

SIZE = 300
PHASED_SIZE = 700
OFFSETS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])[:, None]
SHARES = np.array([0.1, 0.25, 0.3, 0.25, 0.1])
EARLIER = 0.15
"""Chance that another's request began a window where it may have."""
LAST, LAST_OFF = 2.0, 0.6
"""When the last of a batch arrives, in spreads after the first, and how far off that may be."""
LIKELY_FIRST = (2, 1, 3, 0, 4)
OTHERS = np.array([[0.01], [0.35]])
"""Chance that others took something just now: when they are quiet, and when they are busy."""
BUSY = np.log([[0.85], [0.15]])
"""Log of how likely the one and the other is."""
CLEARLY_BUSY = 1.0
"""Difference of log-likelihoods at which others use the key."""
AMONG_OTHERS = 0.4
"""What an answer proves when others use the key, as part of what it would prove otherwise: no two are independent."""
NEXT_TO_IMPOSSIBLE = np.array([[1e-4], [5e-3]])
"""What others may do unseen is begin a window: so less is impossible when they are busy."""
BATCHES = 12
"""So many batches before a refusal may belong to its window; the ramp has no more."""
FOLLOWED_HINTS = 3
MOST_TAKEN = 1000.0
"""Requests of others beyond which one more changes nothing, and powers of a chance leave the range of a number."""
SURPRISE = 1.5
TRIES = 3
LADDER, RUNGS = 0.25, (3e-4, 0.3)
"""Share of the windows that are varied however close together the fit ones are, and by how much, relatively."""


NOTHING = Supposed(*(np.zeros(0),) * 4, *(np.zeros(0, dtype=bool),) * 2)


class Population:
    """The suppositions of one family."""

    def __init__(self, name: str, family: Family, size: int, chance: np.random.Generator) -> None:
        """Without any until `renew`."""
        self.name, self.family, self.size = name, family, size
        self._chance = chance
        self.supposed = NOTHING
        self.fit: Floats = np.zeros(0)
        self._fits: Floats = np.zeros((2, 0))
        self._prior: Floats = np.zeros(0)
        self._machine: Machine = family.machine(NOTHING)
        self._hints_followed = self._resets_followed = 0
        self._until, self._shortest = 0.0, SHORTEST
        self._each: list[Floats] = []
        self.surprised = False

    def foretold(self) -> Floats:
        """Log of the chance that the best supposition gave to each batch, in the order of the history."""
        best = int(self.fit.argmax())
        others = int(self._fits[:, best].argmax())
        return np.array([more[others, best] for more in self._each])

    def see(self, seen: Seen) -> None:
        """Weigh by one batch, and follow it."""
        machine = self._machine
        moments = np.broadcast_to(seen.at + seen.spread * OFFSETS, (len(OFFSETS), len(self.fit)))
        room = self._refilled(machine.room(moments), seen)
        chance, moment, others = self._foretold(seen, moments, room)
        if isinstance(machine, FirstRequestWindow):
            chance, others = self._begun_by_others(machine, seen, chance, others)
        chance = chance * self._delay(seen, room[2])
        self._follow(seen, moments, moment, others)
        chance = chance * self._hinted(seen, moment)
        self._weigh(np.log(chance + NEXT_TO_IMPOSSIBLE))

    def _foretold(self, seen: Seen, moments: Floats, room: Floats) -> tuple[Floats, Floats, Floats]:
        """Chance of what came, the moment that explains it best, and how many others took by then."""
        chance, best = self._admission(seen, np.minimum(room, seen.admitted + seen.refused))
        moment = np.take_along_axis(moments, best[None], 0)[0]
        if seen.remaining is None or seen.refused:  # a refusal has said already that nothing remains
            return chance, moment, np.zeros(len(self.fit))
        expected = np.maximum(0.0, np.take_along_axis(room, best[None], 0)[0] - seen.admitted)
        others = np.clip(expected - seen.remaining, 0.0, None)
        chance = chance * self._announcement(expected - seen.remaining, self._blur(seen), self._unsure(seen))
        return chance, moment, np.where(others > self._blur(seen), others, 0.0)

    def _begun_by_others(
        self, machine: FirstRequestWindow, seen: Seen, chance: Floats, others: Floats
    ) -> tuple[Floats, Floats]:
        """The same where another's request may have begun the next window; where that explains more, it is taken so."""
        moments = np.broadcast_to(seen.at + seen.spread * OFFSETS, (len(OFFSETS), len(self.fit)))
        maybe = machine.may_be_new(moments[-1])
        if not maybe.any():
            return chance, others
        full = np.broadcast_to(self.supposed.limit, moments.shape)
        new, _, taken = self._foretold(seen, moments, full)
        new, old = EARLIER * new[1], (1 - EARLIER) * chance[1]
        machine.begin(moments[2], maybe & (new > old))
        busy = np.where(maybe, new + old, chance[1])
        return np.stack([chance[0], busy]), np.where(maybe & (new > old), taken, others)

    def _weigh(self, more: Floats) -> None:
        """Add to both fits; how a supposition fits is either with quiet others or with busy ones."""
        self._fits = self._fits + more
        self._each.append(more)
        self.fit = np.logaddexp(self._fits[0], self._fits[1])

    def _follow(self, seen: Seen, moments: Floats, moment: Floats, others: Floats) -> None:
        machine, none = self._machine, np.zeros(len(self.fit))
        refused, admitted = none + seen.refused, none + seen.admitted
        if self.family.refills and seen.admitted > 1:  # half of it at each end, since it refills in between
            half = none + seen.admitted // 2
            machine.take(moments[0], half, none)
            machine.take(moments[-1], admitted - half + others, refused)
            return
        if seen.refused and seen.admitted:  # the refused ones came first, where a window began within the batch
            across = (machine.room(moments[0]) < 1) & (machine.room(moments[-1]) > seen.admitted)
            if across.any():
                machine.take(moments[0], none, np.where(across, refused, 0.0))
                moment, refused = np.where(across, moments[-1], moment), np.where(across, 0.0, refused)
        if seen.admitted > 1:  # the first of them is early, and may begin a window
            first = np.where(machine.room(moments[0]) >= 1, moments[0], moment)
            machine.take(first, np.ones(len(self.fit)), none)
            admitted = admitted - 1
        machine.take(moment, admitted + others, refused)

    def _hinted(self, seen: Seen, moment: Floats) -> Floats:
        """How well the supposition agrees with what the first few answers say of the future."""
        chance, machine = np.ones(len(self.fit)), self._machine
        if seen.wait is not None and seen.refused and self._hints_followed < FOLLOWED_HINTS:
            self._hints_followed += 1
            early = machine.ready(moment) - seen.at - seen.wait
            chance = chance * np.where(np.abs(early + 1) <= 1 + 2 * seen.spread, 1.0, 0.4)
        if seen.reset is not None and self._resets_followed < FOLLOWED_HINTS:
            self._resets_followed += 1
            end = machine.change(moment)
            agrees = (seen.reset.low <= end) & (end <= seen.reset.high)
            vague = self.family.gradual or self.family.timeless
            chance = chance * (0.6 if vague else np.where(agrees, 1.0, 0.35))
        return chance

    def _refilled(self, room: Floats, seen: Seen) -> Floats:
        """With what comes back until the last of a batch arrives: even a full bucket admits more than it holds then."""
        if not self.family.refills or seen.admitted + seen.refused == 1:
            return room
        back = (LAST + LAST_OFF * OFFSETS) * seen.spread * self.supposed.limit / self.supposed.window
        return np.asarray(np.floor(room[0] + back + 0.3))

    def _admission(self, seen: Seen, foretold: Floats) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.intp]]]:
        """Chance that so many were admitted, and which of the possible moments explains it best."""
        same = foretold == seen.admitted
        low, high = foretold.min(0), foretold.max(0)
        within = ((low <= seen.admitted) & (seen.admitted <= high)) / (high - low + 1)
        missing = foretold[2] - seen.admitted
        sharp = 0.3 if self.family.refills and seen.admitted + seen.refused > 1 else 0.8
        chance = (1 - OTHERS) * (sharp * (SHARES @ same) + (1 - sharp) * within)
        if seen.refused:
            chance = chance + OTHERS * _taken(missing)
        unsure = self._unsure(seen)
        chance = chance + OTHERS * np.where((missing < 0) & (-missing <= unsure), 0.5 / (unsure + 1), 0.0)
        if self.family.gradual and seen.admitted + seen.refused > 2:
            blur = self._blur(seen)
            chance = chance + np.where(np.abs(missing) <= blur, 0.15 / blur, 0.0)
        order = np.array(LIKELY_FIRST)
        first = order[np.argmax(same[order], axis=0)]
        return chance, first

    def _blur(self, seen: Seen) -> Floats:
        """Requests by which rounding and the unknown moment of arrival may change what is foretold."""
        if not self.family.gradual:
            return np.zeros(len(self.fit))
        return 1 + np.floor(2 * seen.spread * self.supposed.limit / self.supposed.window)

    def _unsure(self, seen: Seen) -> Floats:
        """Requests of others that may have been earlier than supposed, so that their room is back already."""
        if not isinstance(self._machine, SlidingLog):
            return np.zeros(len(self.fit))
        return self._machine.unsure(np.full(len(self.fit), seen.at))

    def _announcement(self, off: Floats, blur: Floats, unsure: Floats) -> Floats:
        """Chance of what was announced as remaining; `off` is what was expected less what was announced."""
        exact = np.where(off == 0, 0.6, 0.0) + np.where(np.abs(off) <= blur, 0.4 / (blur + 1), 0.0)
        back = np.where((off < 0) & (-off <= unsure), 0.5 / (unsure + 1), 0.0)
        return np.asarray((1 - OTHERS) * exact + OTHERS * (_taken(off) + back) + 1e-3)

    def _delay(self, seen: Seen, room: Floats) -> Floats | float:
        """Chance of how long the last answer took."""
        noticeable = 0.05 + 4 * seen.spread
        if seen.admitted < 2:
            return 1.0
        if not self.family.delays:
            return 1.0 if seen.late <= noticeable else 0.01
        each, waiting = self.supposed.window / self.supposed.limit, np.maximum(0.0, self.supposed.limit - room)
        foretold = (waiting + seen.admitted - 1) * each
        off = np.abs(seen.late - foretold) - np.where(waiting > 0, each, 0.0)
        beyond = off / (2 * seen.spread + 0.01 + 0.002 * foretold) - 1
        late = np.exp(-2 * np.maximum(0.0, beyond))  # no cliff, so that there is a way up to the truth
        if seen.pace:
            blur = (2 * seen.spread + 0.003) / max(1, seen.admitted // 2 - 1)
            late = late * np.exp(-0.5 * ((each - seen.pace) / blur) ** 2)
        return np.asarray(np.maximum(1e-3, late))

    def room(self, t: Floats) -> Floats:
        """Requests that each supposition would admit at `t`."""
        return self._machine.room(t)

    def ready(self, t: float) -> Floats:
        """When each would admit one, from `t` on."""
        return self._machine.ready(np.full(len(self.fit), t))

    def change(self, t: float) -> Floats:
        """When each would have more room, from `t` on."""
        return self._machine.change(np.full(len(self.fit), t))

    def weights(self) -> Floats:
        """Of the suppositions, together 1."""
        found: Floats = np.exp(self.fit - self.fit.max())
        return np.asarray(found / found.sum())

    @property
    def score(self) -> float:
        """Log of how likely the family is, beside the others."""
        return self.family.odds + float(self.fit.max(initial=-np.inf))

    @property
    def quiet(self) -> bool:
        """Whether nothing speaks for others who use the key as well."""
        return bool(self._fits[1].max() < self._fits[0].max() + CLEARLY_BUSY)

    @property
    def evidence(self) -> Floats:
        """Log of how well each foretold what came, however odd its numbers are."""
        return self.fit - self._prior

    def likely(self, less: float = 1.5) -> Flags:
        """Those that explain the answers nearly as well as the best."""
        return np.asarray(self.fit > self.fit.max() - less)

    def worn(self) -> bool:
        """Whether too few suppositions carry the weight."""
        weights = self.weights()
        return float(1 / (weights**2).sum()) < self.size / 3

    def renew(self, history: Sequence[Seen], hints: Hints) -> None:
        """Let the unfit die and the fit be varied; hold all against the whole history."""
        some = self.size // (2 if self.surprised else 5)
        fresh = self._fresh(self.size if not len(self.fit) else some, history, hints)
        self.supposed = fresh if not len(self.fit) else _joined(fresh, *self._heirs(len(fresh.limit)))
        self._machine = self.family.machine(self.supposed)
        self._prior = oddity(self.supposed, self.family, hints.policies, hints.shortest)
        self._fits = self._prior + BUSY
        self.fit = np.logaddexp(self._fits[0], self._fits[1])
        self._resets_followed, self._each = 0, []
        self._hints_followed, self._until, self._shortest = 0, history[-1].at, hints.shortest
        for seen in history:
            self.see(seen)

    def _heirs(self, less: int) -> Iterator[Supposed]:
        weights, half = self.weights(), self.size // 4
        steps = (self._chance.random() + np.arange(half)) / half
        chosen = np.minimum(np.searchsorted(np.cumsum(weights), steps), len(weights) - 1)
        yield self.supposed[np.unique(chosen)]
        rest = self.size - less - len(np.unique(chosen))
        parents = self.supposed[self._chance.choice(len(weights), rest, p=weights)]
        yield self._varied(parents, self._width(weights))

    def _width(self, weights: Floats) -> float:
        """How far apart, relatively, the windows of the fit are."""
        logs = np.log(self.supposed.window)
        mean = float(weights @ logs)
        return float(np.clip(np.sqrt(weights @ (logs - mean) ** 2), 3e-4, 0.7))

    def _varied(self, parents: Supposed, width: float) -> Supposed:
        count, chance = len(parents.limit), self._chance
        scale = np.where(chance.random(count) < LADDER, RUNGS[0] * (RUNGS[1] / RUNGS[0]) ** chance.random(count), width)
        window = parents.window * np.exp(scale * chance.normal(size=count) * chance.choice([0.3, 1.0, 2.0], count))
        whole = snapped(window)
        window = np.where((chance.random(count) < 0.25) & (np.abs(whole / window - 1) < 3 * width), whole, window)
        window = np.where(chance.random(count) < 0.3, parents.window, np.clip(window, self._shortest, 2 * LONGEST))
        boundary = parents.phase + np.floor((self._until - parents.phase) / parents.window) * parents.window
        # Turning about a boundary among what was seen keeps that one, whatever the window becomes.
        phase = parents.phase + np.floor(chance.random(count) * self._until / parents.window) * parents.window
        shift = np.clip(boundary.std(), 1e-3, 0.3 * window) * chance.normal(size=count)
        shift = shift * chance.choice([0.0, 0.1, 0.4, 1.0], count)
        limit = parents.limit + np.where(chance.random(count) < 0.25, chance.integers(-2, 4, count), 0)
        limit = np.maximum(1.0, limit)
        if self.family.refills:  # what shows clearly is the pace
            window = np.where(chance.random(count) < 0.5, parents.window * limit / parents.limit, window)
        block = parents.block * np.exp(np.where(chance.random(count) < 0.7, width, 0.0) * chance.normal(size=count))
        counts = np.where(chance.random(count) < 0.1, ~parents.counts, parents.counts) & self.family.counting
        generous = np.where(chance.random(count) < 0.1, ~parents.generous, parents.generous) & self.family.rounding
        # A generous one admits each request that much earlier; so the same steps need a later window.
        later = (generous.astype(float) - parents.generous) * window * NEARLY_ONE / limit
        return Supposed(limit, window, phase + shift + later, block, counts, generous)

    def _fresh(self, count: int, history: Sequence[Seen], hints: Hints) -> Supposed:
        chance = self._chance
        shortest, longest = hints.shortest, hints.longest
        limit = self._limits(count, history, hints)
        window = np.exp(chance.uniform(np.log(shortest), np.log(longest), count))
        window = _either(window, ROUND, 0.3, chance)
        window = _either(window, hints.windows, 0.3, chance)
        clues = Clues(history, chance)
        window, end = clues.windows(self.family, window, limit)
        window = np.where((window < shortest) | (window > longest), shortest * np.exp(3 * chance.random(count)), window)
        if self.family.gradual and not self.family.phased:  # some of what was admitted had come back meanwhile
            limit = np.where(chance.random(count) < 0.5, np.round(limit / (1 + clues.ramp / window)), limit)
        limit = np.maximum(1.0, limit)
        if len(self.fit):
            parents = self.supposed[chance.choice(len(self.fit), count, p=self.weights())]
            inherited = np.where(chance.random(count) < 0.5, parents.limit, limit)
            window = window * inherited / limit if self.family.refills else window  # what a clue tells is the pace
            limit = inherited
            if not self.family.refills:
                window = np.where(chance.random(count) < 0.2, parents.window, window)
            best = int(self.fit.argmax())
            usual = usual_near(float(self.supposed.window[best]))
            if len(usual):
                window[: count // 3], limit[: count // 3] = chance.choice(usual, count // 3), self.supposed.limit[best]
        phase = _either(chance.random(count) * window, hints.boundaries, 0.3, chance)
        phase = np.where(chance.random(count) < 0.8, end, phase) if self.family.boundaries else phase
        block = window * chance.choice([1.0, 1.0, 2.0, 3.0, 5.0, 10.0], count)
        block = _either(block, tuple(seen.wait for seen in history if seen.wait), 0.3, chance)
        block = np.where(chance.random(count) < 0.5, clues.locks(block), block)
        counts = (chance.random(count) < 0.3) & self.family.counting
        generous = (chance.random(count) < 0.3) & self.family.rounding
        return Supposed(limit, window, phase, block, counts, generous)

    def _limits(self, count: int, history: Sequence[Seen], hints: Hints) -> Floats:
        """What the batches up to a refusal say of the limit, whichever of them the window began with."""
        chance = self._chance
        sums: list[float] = [float(limit) for limit in hints.limits] * 2
        admitted = np.array([seen.admitted for seen in history], dtype=float)
        for index, seen in enumerate(history):
            if seen.refused and seen.admitted:
                sums += np.cumsum(admitted[index::-1])[:BATCHES].tolist()
        if not sums:
            low = max(1.0, float(admitted.sum()))
            return np.floor(np.exp(chance.uniform(np.log(low), np.log(4 * low + 1000), count)))
        limit = chance.choice(np.array(sums), count)
        limit = limit + np.where(chance.random(count) < 0.2, chance.geometric(0.4, count), 0)
        return np.asarray(np.maximum(1.0, limit))


class Belief:
    """All families together."""

    def __init__(self, seed: int = 0, families: Mapping[str, Family] = FAMILIES) -> None:
        """Nothing seen."""
        self.history: list[Seen] = []
        self.hints = Hints()
        chance = np.random.default_rng(seed)
        self.populations = [
            Population(name, family, PHASED_SIZE if family.phased else SIZE, chance)
            for name, family in families.items()
        ]

    def start(self) -> None:
        """Suppose, from the history and the hints given."""
        for one in self.populations:
            one.renew(self.history, self.hints)
        self.settle(2)

    def see(self, seen: Seen) -> None:
        """Learn from one batch."""
        self.history.append(seen)
        best = max(one.score for one in self.populations)
        for one in self.populations:
            before = one.score
            one.see(seen)
            if before < best - 14 and len(self.history) % 6:
                continue
            for _ in range(TRIES):
                one.surprised = one.score < before - SURPRISE
                if not one.surprised and not one.worn():
                    break
                one.renew(self.history, self.hints)

    @property
    def begun(self) -> bool:
        """Whether there are suppositions."""
        return any(len(one.fit) for one in self.populations)

    def settle(self, rounds: int = 3) -> None:
        """Vary once more what is still likely."""
        for _ in range(rounds):
            best = max(one.score for one in self.populations)
            for one in self.populations:
                if one.score > best - 20:
                    one.surprised = True
                    one.renew(self.history, self.hints)

    def chances(self) -> Mapping[str, float]:
        """Family -> probability, the most likely first."""
        best = self.best()
        proves = 1.0 if best.quiet else AMONG_OTHERS
        raw = {one.name: float(np.exp(proves * (one.score - best.score))) for one in self.populations}
        total = sum(raw.values())
        return {name: raw[name] / total for name in sorted(raw, key=raw.__getitem__, reverse=True)}

    def best(self) -> Population:
        """The most likely family."""
        return max(self.populations, key=lambda one: one.score)


def _taken(count: Floats) -> Floats:
    """Chance that others, if they took any, took so many."""
    more = np.clip(count - 1, 0.0, MOST_TAKEN)
    few, many = 0.3 * 0.7**more, 0.05 * 0.95**more
    return np.where(count > 0, (few + many) / 2, 0.0)


def _either(values: Floats, hints: Sequence[float], share: float, chance: np.random.Generator) -> Floats:
    if not len(hints):
        return values
    return np.where(
        chance.random(len(values)) < share, chance.choice(np.array(hints, dtype=float), len(values)), values
    )


def _joined(*parts: Supposed) -> Supposed:
    return Supposed(
        np.concatenate([one.limit for one in parts]),
        np.concatenate([one.window for one in parts]),
        np.concatenate([one.phase for one in parts]),
        np.concatenate([one.block for one in parts]),
        np.concatenate([one.counts for one in parts]),
        np.concatenate([one.generous for one in parts]),
    )
