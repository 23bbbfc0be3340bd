"""What is wrong with what a server says about its limit: one small function and one row of `RULES` for each mistake.

It judges answers and sends nothing. Three things must not raise an alarm, and shape every rule:

* own requests that were under way together: what the server did first is not known (see `truth.volleys`);
* others who use the same key: what remains may fall faster, and a promised place may be taken;
* the kind of limiter: a bucket is refilled while one asks, a log forgets requests that were sent a window ago, a window
  may end at any time. `Evidence.readmitted` bounds what each of them can give back in a span.

So a rule about numbers over time is silent when it knows no window: from a policy, from Reset, or from the caller.

Inelegant: when the same cause breaks two rules, only the more telling one is reported; `Rule.silenced_by` lists that.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

from affidavit.exchange import ABSENT
from affidavit.finding import Finding
from affidavit.ratelimit.flow import Interval, Place, Reply
from affidavit.ratelimit.headers import EPOCH_SECONDS, moment, said
from affidavit.ratelimit.truth import CHANCE, FOREIGN, Heard, Promise, more_than_others_explain, promises, volleys

TOO_MANY = 429
UNAUTHORIZED = 401
SERVER_ERROR = 500
ROUNDING = 1.0
"""Seconds by which two whole numbers of seconds may differ, although they mean the same."""
SPAN = 2.0
"""Seconds that make a difference between two waits, whatever was rounded."""
SHOWN = 80
"""Characters of a provider's text that are shown."""
IN_BODY = "retryAfter"
NEVER_STORED = re.compile(r"no-store|no-cache")
STORED = re.compile(r"\bpublic\b|\b(?:s-maxage|max-age)\s*=\s*\"?0*[1-9]")


def hear(
    replies: Iterable[tuple[int, Place, Reply]], refused_with: frozenset[int] = frozenset({TOO_MANY})
) -> tuple[Heard, ...]:
    """The answers in the order in which they were asked for, each with its number, without those of no limiter."""
    found = [
        Heard(number, place, reply, reply.status in refused_with, said(reply))
        for number, place, reply in replies
        if reply.status in refused_with or (0 < reply.status < SERVER_ERROR and reply.status != UNAUTHORIZED)
    ]
    return tuple(sorted(found, key=lambda one: (one.reply.sent_at, one.number)))


@dataclass(frozen=True)
class Evidence:
    """All there is to judge."""

    heard: tuple[Heard, ...]
    window: Interval | None = None
    """Seconds, as measured; None when it was not."""
    releases: bool = False
    """Whether a request gives its place back when it is answered, as where only so many are served at once."""

    @cached_property
    def refusals(self) -> list[Heard]:
        """Answers of the limiter instead of the server."""
        return [one for one in self.heard if one.refused]

    @cached_property
    def promises(self) -> tuple[Promise, ...]:
        """What became of every wait that was named and can be meant."""
        return promises([one for one in self.heard if not one.refused or _plausible(one.wait)])

    @cached_property
    def by_place(self) -> Mapping[Place, list[Heard]]:
        """The answers of each place."""
        found = defaultdict[Place, list[Heard]](list)
        for one in self.heard:
            found[one.place].append(one)
        return found

    @cached_property
    def shortest_window(self) -> Mapping[Place, float]:
        """Seconds the window of a place has at least; 0 when nothing tells."""
        return {place: self._shortest_window(heard) for place, heard in self.by_place.items()}

    def _shortest_window(self, heard: Sequence[Heard]) -> float:
        if self.window is not None:
            return self.window.low
        told = [one.said.window for one in heard if one.said.window]
        ahead = [reset_in for one in heard if not one.refused and (reset_in := until_reset(one)) is not None]
        # A sliding counter may say when it has forgotten all: that is up to two windows ahead.
        return min(told) if told else max(max(ahead, default=0.0) - ROUNDING, 0.0) / 2

    @cached_property
    def _pace(self) -> Mapping[Place, float]:
        """Requests per second that any limiter of a place can give back at most."""
        limits = {
            place: max(one.said.limit or (one.said.remaining or 0) + 1 for one in heard)
            for place, heard in self.by_place.items()
        }
        return {
            place: limits[place] / window if window > 0 else math.inf for place, window in self.shortest_window.items()
        }

    def readmitted(self, place: Place, seconds: float) -> float:
        """How many requests any limiter can give back at most in such a span, but for a window that ends."""
        return self._pace[place] * seconds

    def forgets(self, place: Place, first: float, last: float) -> bool:
        """Whether a log may have forgotten own requests between these moments, because they were a window ago."""
        latest = last - 0.9 * self.shortest_window[place]
        earliest = first - 1.1 * self.window.high if self.window is not None else -math.inf
        return any(earliest <= one.reply.sent_at <= latest for one in self.heard)


Check = Callable[[Evidence], Iterator[tuple[str, str, Sequence[Heard]]]]
"""Yields what was expected, what came, and the answers that show it."""


@dataclass(frozen=True)
class Rule:
    """One row of the table."""

    says: str
    """What is wrong when it finds something."""
    check: Check
    permitted: bool = False
    """Whether the standards of HTTP allow it all the same, so that it is only unhelpful."""
    silenced_by: tuple[str, ...] = ()
    """Rules that tell more about the same cause."""


def audit(evidence: Evidence) -> tuple[Finding, ...]:
    """Everything that is wrong, in the order of the table; several findings of a rule stand together."""
    found = {name: list(_findings(name, rule, evidence)) for name, rule in RULES.items()}
    loud = [name for name, rule in RULES.items() if not any(found[other] for other in rule.silenced_by)]
    return tuple(finding for name in loud for finding in found[name])


def rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """For the record: a row for each rule that found something, with how often, and its first proof."""
    return [
        {
            "id": name,
            "found": len(group),
            "expected": group[0].expected,
            "got": group[0].got,
            "exchanges": list(group[0].exchanges),
        }
        for name, group in ((name, list(group)) for name, group in groupby(findings, key=lambda one: one.check))
    ]


def _findings(name: str, rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    for expected, got, proof in rule.check(evidence):
        yield Finding(name, expected, got[:SHOWN], tuple(one.number for one in proof))


# --- the wait, as it is written ---------------------------------------------------------------------------------------


def in_header(one: Heard) -> str | None:
    """Retry-After as sent; None without."""
    return next((value.strip() for name, value in one.reply.headers if name.lower() == "retry-after"), None)


def in_body(one: Heard) -> Any:  # noqa: ANN401 - any JSON value, or ABSENT
    """`retryAfter` of the body as sent, or ABSENT."""
    try:
        body = json.loads(one.reply.body)
    except (ValueError, RecursionError):
        return ABSENT
    return body.get(IN_BODY, ABSENT) if isinstance(body, dict) else ABSENT


def _as_sent(one: Heard) -> Any:  # noqa: ANN401 - as in_body
    """The wait in the header, and only without one that in the body."""
    text = in_header(one)
    return in_body(one) if text is None else text


def _number(sent: Any) -> float | None:  # noqa: ANN401 - as in_body
    """The wait as a number, whatever its sign; None for what is no number, a text in the body included."""
    if isinstance(sent, bool):
        return None
    if isinstance(sent, int | float):
        return float(sent)
    return None


def _sent_number(one: Heard) -> float | None:
    text = in_header(one)
    if text is None:
        return _number(in_body(one))
    return float(text) if re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?", text) else None


def _is_date(one: Heard) -> bool:
    text = in_header(one)
    return text is not None and _sent_number(one) is None and bool(re.search(r"[A-Za-z]{3}.*\d\d:\d\d:\d\d", text))


def _plausible(wait: float | None) -> bool:
    return wait is not None and 0 < wait < EPOCH_SECONDS


def _missing(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for one in evidence.refusals:
        if _as_sent(one) is ABSENT:
            yield "Retry-After, or a wait in the body", "neither", [one]


def _unreadable(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for one in evidence.refusals:
        if _as_sent(one) is not ABSENT and _sent_number(one) is None and not _is_date(one):
            yield "a number of seconds, or a date", repr(_as_sent(one)), [one]


def _numbers(wrong: Callable[[float], bool], expected: str) -> Check:
    def check(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
        for one in evidence.refusals:
            number = _sent_number(one)
            if number is not None and wrong(number):
                yield expected, f"{number:.15g}", [one]

    return check


def _date(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for one in evidence.refusals:
        if _is_date(one):
            yield "a number of seconds", str(in_header(one)), [one]


def _milliseconds(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    """It shrinks by a thousand a second; or it is far longer than the window, and a thousandth of it would fit."""
    for before, one in zip([None, *evidence.refusals], evidence.refusals, strict=False):
        wait, ahead = one.wait, until_reset(one)
        if wait is None or not 1000 * ROUNDING <= wait < EPOCH_SECONDS:
            continue
        window = evidence.shortest_window[one.place]
        fits = abs(wait / 1000 - ahead) <= SPAN if ahead is not None else 0 < wait / 1000 <= window + SPAN
        if (fits and wait > 10 * max(window, ROUNDING)) or (before and _shrinks_by_thousands(before, one)):
            yield f"about {wait / 1000:.0f} s", f"{wait:g}", [one]


def _shrinks_by_thousands(before: Heard, after: Heard) -> bool:
    seconds = after.reply.sent_at - before.reply.sent_at
    shrunk = (before.wait or 0.0) - (after.wait or 0.0)
    return before.place == after.place and seconds >= SPAN and abs(shrunk - 1000 * seconds) <= 1100 * ROUNDING


def _unlike_body(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for one in evidence.refusals:
        body = _number(in_body(one))
        if in_header(one) is None or body is None or one.wait is None:
            continue
        if abs(body - one.wait) > ROUNDING:
            yield f"{one.wait:g} s in the body, as in Retry-After", f"{body:g}", [one]


# --- the wait, and what became of it ----------------------------------------------------------------------------------


def until_reset(one: Heard) -> float | None:
    """Seconds until Reset by the server's own clock, at most a second too many; None when it cannot be told."""
    if one.said.reset_dialect == "delta-s":
        return one.said.reset
    return None if one.said.date is None else one.said.reset_in(one.said.date)


def _before_reset(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    """Not where the wait was enough for some of the limit: there, Reset is when all of it is back."""
    for place, heard in evidence.by_place.items():
        if any(_partly_back(promise) for promise in evidence.promises if promise.refusal.place == place):
            continue
        for one in heard:
            ahead = until_reset(one)
            if one.refused and ahead is not None and one.wait is not None and one.wait < ahead - SPAN:
                yield f"{ahead:g} s or more, as Reset says", f"{one.wait:g} s", [one]


def _partly_back(promise: Promise) -> bool:
    answer = promise.answer.said
    return promise.kept and (answer.limit is None or answer.remaining is None or answer.remaining < answer.limit - 1)


def _rounded_down(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    yield from _too_early(evidence, ROUNDING, math.inf)


def _too_short(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    yield from _too_early(evidence, math.inf, ROUNDING)


def _too_early(evidence: Evidence, below: float, above: float) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    """Broken promises, more than others explain, when the limit stayed closed for a time below, or above, so much."""
    tested = [one for one in evidence.promises if one.tested]
    broken = [one for one in tested if not one.kept]
    if not more_than_others_explain(len(broken), len(tested)):
        return
    closed = max(one.at_least for one in broken)
    if below > closed and (above == math.inf or closed >= above):
        for one in broken:
            got = f"429 {one.answer.reply.sent_at - one.refusal.reply.answered_at:.2f} s later"
            yield f"admitted after {one.refusal.wait:g} s", got, [one.refusal, one.answer]


def _whole_window(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    """The wait does not shrink while the window passes, and is longer than what is left of it."""
    for place, heard in evidence.by_place.items():
        refusals = [one for one in heard if one.refused and _plausible(one.wait)]
        ahead = [reset_in for one in heard if (reset_in := until_reset(one)) is not None]
        longest = 2 * max(ahead, default=math.inf) + SPAN
        if not _constant(refusals, evidence.shortest_window[place]) or (refusals[0].wait or 0.0) > longest:
            continue
        for one in refusals:
            left = until_reset(one)
            if left is not None and (one.wait or 0.0) > left + SPAN:
                yield f"{left:g} s, what is left until Reset", f"{one.wait:g} s", [one]
        yield from _sooner(evidence, place)


def _constant(refusals: Sequence[Heard], window: float) -> bool:
    waits = {one.wait for one in refusals}
    spread = refusals[-1].reply.sent_at - refusals[0].reply.sent_at if refusals else 0.0
    return len(waits) == 1 and (spread >= SPAN or any(abs((wait or 0) - window) <= ROUNDING for wait in waits))


def _sooner(evidence: Evidence, place: Place) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for one in evidence.promises:
        wait = one.refusal.wait or 0.0
        if one.refusal.place == place and one.at_most < -max(SPAN, wait / 10):
            yield f"refused for {wait:g} s", f"admitted after {wait + one.at_most:.2f} s", [one.refusal, one.answer]


def _too_long(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for place in evidence.by_place:
        yield from _sooner(evidence, place)


# --- what remains -----------------------------------------------------------------------------------------------------


def _negative(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for one in evidence.heard:
        if one.said.remaining is not None and one.said.remaining < 0:
            yield "Remaining of 0 or more", str(one.said.remaining), [one]


def _over_limit(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for one in evidence.heard:
        if one.said.remaining is not None and one.said.limit is not None and one.said.remaining > one.said.limit:
            yield f"Remaining of {one.said.limit} or less, the limit", str(one.said.remaining), [one]


def _not_falling(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for left, answers in _standing(evidence):
        at_once = max(len(group) for group in volleys(answers)) >= len(answers) / 2
        if left > 0 and (at_once or not _falls_together(answers[0].place, evidence)):
            yield f"Remaining below {left} after {len(answers)} requests", f"Remaining {left}", answers


def _falls_together(place: Place, evidence: Evidence) -> bool:
    """Whether several at once leave less than one does: then each gives its place back when it is answered."""
    groups = volleys(evidence.by_place[place])
    values = [{one.said.remaining for one in group if not one.refused} for group in groups if len(group) > 1]
    return any(len(found) > 1 for found in values)


def _zero_yet_admitted(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for left, answers in _standing(evidence):
        if left == 0:
            yield "429 after Remaining 0", f"{len(answers) - 1} more admitted at once", answers


def _standing(evidence: Evidence) -> Iterator[tuple[int, list[Heard]]]:
    """Values of Remaining that too many admitted answers say in too short a time.

    One may say it, one more when a window ends in between, one more for a fraction that was left; and as many as were
    given back.
    """
    if evidence.releases:
        return
    for place, heard in evidence.by_place.items():
        groups = defaultdict[int, list[Heard]](list)
        for one in heard:
            if not one.refused and one.said.remaining is not None:
                groups[one.said.remaining].append(one)
        for left, same in groups.items():
            found = next(filter(None, (_stretch(evidence, place, same[start:]) for start in range(len(same)))), None)
            if found:
                yield left, found


def _stretch(evidence: Evidence, place: Place, same: list[Heard]) -> list[Heard]:
    """The first answers that are more than can be, if they are; empty otherwise."""
    first = same[0].reply.sent_at
    for count, one in enumerate(same, 1):
        last = one.reply.answered_at
        if last - first > evidence.shortest_window[place] / 2:
            break
        if count > 3 + evidence.readmitted(place, last - first) and not evidence.forgets(place, first, last):
            return same[:count]
    return []


def _refused_with_remaining(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for one in evidence.refusals:
        if one.said.remaining is not None and one.said.remaining > 0:
            yield "Remaining 0 with a 429", f"Remaining {one.said.remaining}", [one]


# --- the limit --------------------------------------------------------------------------------------------------------


def _not_at_limit(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    """From an untouched limit on, as many are admitted as it says, plus what is given back, less what others take."""
    if evidence.releases:
        return
    for place in evidence.by_place:
        found = [_Stretch(stretch, evidence) for stretch in _fresh_stretches(evidence, place)]
        too_few = _too_few(sum(max(0, one.lacking) for one in found), sum(one.back for one in found))
        for one in found:
            if one.too_many or (too_few and one.lacking > 0):
                yield f"429 after {one.limit} requests", f"429 after {one.admitted}", [one.answers[0], one.answers[-1]]


@dataclass(frozen=True)
class _Stretch:
    """What was answered from an untouched limit to the first refusal, which stands last."""

    answers: Sequence[Heard]
    evidence: Evidence

    @property
    def limit(self) -> int:
        return self.answers[0].said.limit or 0

    @property
    def admitted(self) -> int:
        return sum(not one.refused for one in self.answers)

    @property
    def lacking(self) -> int:
        """How many fewer than the limit were admitted."""
        return self.limit - self.admitted

    @property
    def back(self) -> float:
        """How many may have been given back meanwhile."""
        seconds = max(one.reply.answered_at for one in self.answers) - self.answers[0].reply.sent_at
        return self.evidence.readmitted(self.answers[0].place, seconds)

    @property
    def too_many(self) -> bool:
        """Whether more were admitted than can be.

        A window that ended meanwhile is seen by what remains: then something that is left is said twice.
        """
        left = [one.said.remaining for one in self.answers if not one.refused and one.said.remaining]
        return -self.lacking > self.back and len(left) == len(set(left))


def _fresh_stretches(evidence: Evidence, place: Place) -> Iterator[list[Heard]]:
    """Answers from the first that only one request was counted before, up to the first volley with a refusal."""
    stretch: list[Heard] = []
    for group in volleys(evidence.heard):
        if any(one.place != place for one in group):
            stretch = []
            continue
        if any(one.said.remaining == (one.said.limit or 0) - 1 and not one.refused for one in group):
            stretch = list(group)
        elif stretch:
            stretch += group
        if any(one.refused for one in group):
            if stretch:
                yield sorted(stretch, key=lambda one: one.refused)
            stretch = []


def _too_few(lacking: int, given_back: float) -> bool:
    """Whether others who use the key can hardly have taken so many."""
    if lacking <= 0 or math.isinf(given_back):
        return False
    return _more_than(lacking - 1, FOREIGN * given_back) <= CHANCE


def _more_than(number: int, mean: float) -> float:
    """How probable more than so many are, where so many come on the average, none knowing of the other (Poisson)."""
    if mean <= 0:
        return 0.0
    # By logarithms: the factorial of a large number is no float.
    return 1 - sum(math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) for count in range(number + 1))


def _changing(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for heard in evidence.by_place.values():
        first: dict[str, Heard] = {}
        for one in heard:
            if one.said.limit is not None:
                first.setdefault(_announced(one), one)
        for (before, one), (after, other) in pairwise(first.items()):
            yield f"a limit of {before}", after, [one, other]


def _announced(one: Heard) -> str:
    """The limit; where there are several, all of them, since each answer tells of the one that is nearest."""
    policies = [value for name, value in one.reply.headers if name.lower() == "ratelimit-policy"]
    return ", ".join(policies) if one.said.dialect == "ietf" else str(one.said.limit)


def _cacheable(evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Heard]]]:
    for one in evidence.refusals:
        fields = {name.lower(): value for name, value in one.reply.headers}
        control = fields.get("cache-control")
        expires = moment(fields.get("expires", ""))
        if control is not None:
            if STORED.search(control.lower()) and not NEVER_STORED.search(control.lower()):
                yield "no Cache-Control that permits it", f"Cache-Control: {control}", [one]
        elif expires is not None and expires > (one.reply.answered_at if one.said.date is None else one.said.date):
            yield "no Expires that permits it", f"Expires: {fields['expires']}", [one]


RULES: Mapping[str, Rule] = {
    "wait-missing": Rule("A refusal does not say how long to wait.", _missing, permitted=True),
    "wait-unreadable": Rule("The wait is neither a number nor a date.", _unreadable),
    "wait-zero": Rule("A refusal says to wait 0 seconds.", _numbers(lambda wait: wait == 0, "1 second or more")),
    "wait-negative": Rule("The wait is negative.", _numbers(lambda wait: wait < 0, "1 second or more")),
    "wait-fractional": Rule(
        "The wait is not a whole number of seconds.", _numbers(lambda wait: wait % 1 != 0, "a whole number of seconds")
    ),
    "wait-http-date": Rule("The wait is a date, which depends on the clocks of both sides.", _date, permitted=True),
    "wait-is-moment": Rule(
        "The wait is a moment in seconds, or milliseconds, since 1970.",
        _numbers(lambda wait: wait >= EPOCH_SECONDS, "a number of seconds from now"),
    ),
    "wait-in-milliseconds": Rule("The wait is in milliseconds.", _milliseconds),
    "wait-unlike-body": Rule("Retry-After and the body name different waits.", _unlike_body),
    "wait-rounded-down": Rule(
        "After the named wait one is still refused, for less than a second.",
        _rounded_down,
        silenced_by=("wait-zero", "wait-fractional"),
    ),
    "wait-too-short": Rule(
        "After the named wait one is still refused.", _too_short, silenced_by=("wait-zero", "wait-fractional")
    ),
    "wait-before-reset": Rule(
        "The named wait ends before Reset.",
        _before_reset,
        silenced_by=("wait-zero", "wait-negative", "wait-too-short"),
    ),
    "wait-whole-window": Rule(
        "The wait is that of a whole window, whatever is left of it.",
        _whole_window,
        permitted=True,
        silenced_by=("wait-in-milliseconds",),
    ),
    "wait-too-long": Rule(
        "One is admitted long before the named wait is over.",
        _too_long,
        permitted=True,
        silenced_by=("wait-whole-window", "wait-in-milliseconds"),
    ),
    "remaining-negative": Rule("Remaining is below zero.", _negative),
    "remaining-over-limit": Rule("Remaining is more than the limit.", _over_limit),
    "remaining-not-falling": Rule(
        "Remaining does not fall while requests are admitted.", _not_falling, silenced_by=("wait-before-reset",)
    ),
    "remaining-zero-yet-admitted": Rule(
        "Nothing remains, and requests are admitted all the same.",
        _zero_yet_admitted,
        silenced_by=("first-refusal-not-at-limit", "wait-before-reset"),
    ),
    "refused-with-remaining": Rule(
        "A request is refused although some remain.",
        _refused_with_remaining,
        silenced_by=("remaining-not-falling", "first-refusal-not-at-limit"),
    ),
    "first-refusal-not-at-limit": Rule(
        "The first refusal comes earlier or later than after as many requests as the limit.",
        _not_at_limit,
        silenced_by=("remaining-not-falling", "remaining-over-limit"),
    ),
    "limit-changing": Rule("The limit changes from answer to answer.", _changing, permitted=True),
    "refusal-cacheable": Rule("A cache may store the refusal and serve it to others.", _cacheable),
}
"""Id -> rule."""
