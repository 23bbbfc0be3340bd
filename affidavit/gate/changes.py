"""What changed between two runs' behaviour: one rule per kind of change, in one table.

A rule is a function of what both runs got when they asked in the same way. It says nothing where the evidence is thin,
and nothing where the documents allow both: a text that may be null was null this time, that is chance and no change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from typing import Any

from affidavit.evidence import TOO_MANY
from affidavit.gate.behaviour import WEBHOOK, Answers, Asked, Behaviour, Place
from affidavit.gate.difference import Axis, Difference, Identity, Severity
from affidavit.gate.limits import compare_searches, not_searched
from affidavit.openapi_document import OpenApiDocument
from affidavit.pointer import tokens
from affidavit.profile import Profile

ENOUGH = 3
"""So many answers on both sides make evidence; fewer are weak."""
MANY = 10
"""So many make a chance unlikely."""
MUCH = 2.0
"""A time so many times as long, or as short, is another time."""
NOTICEABLE_SECONDS = 2.0
SERVER_ERRORS = range(500, 600)


@dataclass(frozen=True)
class Pair:
    """What both runs got for the same requests of one operation, with one status."""

    provider: str
    operation: str
    status: int
    before: Answers
    after: Answers
    steps: tuple[str, ...]
    document: OpenApiDocument
    profile: Profile

    def difference(  # noqa: PLR0913, PLR0917 - the parts of a difference
        self, rule: str, at: str, severity: Severity, before: str, after: str, says: str, got: str = ""
    ) -> Difference:
        """A difference of this pair; `got` is what of it tells it from others. Thin evidence makes it weak."""
        where = f"the answer {self.status} of {self.operation}" if self.operation != WEBHOOK else "a webhook"
        at = f"{self.status} {at}" if self.operation != WEBHOOK else at
        identity = Identity(Axis.BEHAVIOUR, self.provider, self.operation, rule, at=at, got=got)
        return Difference(
            identity,
            severity if min(self.before.count, self.after.count) >= ENOUGH or not severity.fails else Severity.WEAK,
            f"In {where}: {says}",
            before=before,
            after=after,
            exchange=self.after.latest,
            sources=self.steps,
        )

    def documented(self, at: str, keyword: str) -> list[Any]:
        """What the document's schemas for this place say under a keyword; [] when it says nothing."""
        return [value for one in self._schemas() for value in self.document.keywords_at(one, at, keyword)]

    def has(self, at: str) -> bool:
        """Whether the document knows this place."""
        return any(self.document.schemas_at(one, at) for one in self._schemas())

    def _schemas(self) -> list[str]:
        if self.operation == WEBHOOK:
            found = [self.document.webhook_schema(name) for name in self.document.data.get("webhooks", {})]
        elif self.operation in self.document.operations:
            found = [self.document.response_schema(self.operation, self.status)]
        else:
            found = []
        return [one for one in found if one]


Rule = Callable[[Pair], Iterator[Difference]]


def fields_vanished(pair: Pair) -> Iterator[Difference]:
    """A field that was always there is never, or not always, there any more."""
    for at, place in _outermost(pair.before.places, pair.after.places):
        now = pair.after.places.get(at, Place())
        parents = _parents(pair.after, at)
        if place.present < place.parents or not parents or now.present == parents:
            continue
        share = "gone" if not now.present else f"there in {now.present} of {parents}"
        severity = Severity.BREAKING if not now.present else Severity.UNKNOWN
        if min(place.parents, parents) < ENOUGH:
            severity = Severity.WEAK
        yield pair.difference("field-vanished", at, severity, "always there", share, f"the field {at} is {share}.")


def fields_appeared(pair: Pair) -> Iterator[Difference]:
    """A field is there that was never there before."""
    for at, place in _outermost(pair.after.places, pair.before.places):
        if at in pair.before.places or not _parents(pair.before, at):
            continue
        known = pair.has(at)
        severity = Severity.COMPATIBLE if known else Severity.UNKNOWN
        says = f"the field {at} is new{'' if known else ', and the documents do not have it'}."
        yield pair.difference("field-appeared", at, severity, "never there", f"there {place.present} times", says)


def types_changed(pair: Pair) -> Iterator[Difference]:
    """A value of a type that never stood there, and that the documents do not allow there."""
    for at, before, after in _both(pair):
        was, now = _types(before), _types(after)
        allowed = {
            name for types in pair.documented(at, "type") for name in ([types] if isinstance(types, str) else types)
        }
        allowed = {"number" if name == "integer" else name for name in allowed}
        new = now - was
        if not new or new <= allowed:
            continue
        severity = Severity.UNKNOWN if was & now and new != {"null"} else Severity.BREAKING
        says = f"{at or 'the body'} may be {_listed(new)} now, and was {_listed(was)}."
        yield pair.difference("type-changed", at, severity, _listed(was), _listed(now), says, _listed(new))


def forms_changed(pair: Pair) -> Iterator[Difference]:
    """Texts that all looked alike, say instants, look otherwise."""
    for at, before, after in _both(pair):
        was, now = _forms(before), _forms(after)
        if len(was) == 1 and now and not was & now and was != {"text"} and min(before.present, after.present) >= ENOUGH:
            says = f"{at} looked like {_listed(was)}, and looks like {_listed(now)} now."
            yield pair.difference("form-changed", at, Severity.UNKNOWN, _listed(was), _listed(now), says, _listed(now))


def values_added(pair: Pair) -> Iterator[Difference]:
    """A word that the documents do not list at a place where only a few words were seen."""
    for at, before, after in _both(pair):
        if (
            not before.values
            or after.values is None
            or before.present < MANY
            or len(before.values) > before.present / 2
        ):
            continue
        listed = {str(one) for enum in pair.documented(at, "enum") for one in enum}
        for value in sorted(after.values - before.values - listed):
            says = f"{at} is {value!r}, which was never seen there."
            yield pair.difference("value-added", at, Severity.UNKNOWN, _listed(before.values), value, says, value)


def headers_changed(pair: Pair) -> Iterator[Difference]:
    """A header that every answer had is in none, or the other way round."""
    rule = pair.profile.rate_limit
    named = {rule.limit_header, rule.remaining_header, rule.reset_header, rule.retry_after_header}
    promised = {name.lower() for name in named if name} | pair.document.response_headers(pair.operation, pair.status)
    for name in sorted({*pair.before.headers, *pair.after.headers}):
        was, now = pair.before.headers[name], pair.after.headers[name]
        if was == pair.before.count and now == 0:
            severity = Severity.BREAKING if name in promised else Severity.COMPATIBLE
            yield pair.difference("header-vanished", name, severity, "always there", "gone", f"no {name} any more.")
        elif was == 0 and now:
            severity = Severity.COMPATIBLE
            yield pair.difference("header-appeared", name, severity, "never there", "there", f"{name} is new.")


def media_changed(pair: Pair) -> Iterator[Difference]:
    """Another media type."""
    was, now = set(pair.before.types), set(pair.after.types)
    if was & now or pair.operation == WEBHOOK:
        return
    says = f"the Content-Type was {_listed(was)}, and is {_listed(now)} now."
    yield pair.difference("media-type-changed", "", Severity.BREAKING, _listed(was), _listed(now), says, _listed(now))


RULES: tuple[Rule, ...] = (
    fields_vanished,
    fields_appeared,
    types_changed,
    forms_changed,
    values_added,
    headers_changed,
    media_changed,
)


@dataclass(frozen=True)
class Compared:
    """What two runs differ in, and what could not be compared."""

    differences: list[Difference]
    not_asked: list[str]
    """Steps of the earlier run that the later one did not ask in the same way."""
    shared: int
    """Ways of asking that both runs have."""
    limits: bool
    """Whether anything in both runs told how many requests a key may make."""


def compare(document: OpenApiDocument, profile: Profile, before: Behaviour, after: Behaviour) -> Compared:
    """Lay two runs of one provider side by side."""
    was, now = _by_way(before), _by_way(after)
    shared = sorted(was.keys() & now.keys())
    differences = [one for way in shared for one in _statuses(profile, way, was[way], now[way])]
    for pair in _pairs(document, profile, {way: (was[way], now[way]) for way in shared}):
        differences += [one for rule in RULES for one in rule(pair)]
    floods = _floods(was, now)
    differences += [_flooded(profile, *one) for one in floods if one[1] > MUCH * one[2]]
    differences += [
        *_limits(profile, before, after),
        *_windows(profile, before, after),
        *_spans(profile, before, after),
        *compare_searches(profile.provider, before.searched, after.searched),
    ]
    missing = sorted({way.step for way in was.keys() - now.keys()} - {way.step for way in shared})
    missing += not_searched(before.searched, after.searched)
    told = bool(before.searched or before.limits.keys() & after.limits.keys() or floods)
    return Compared(_merged(differences), missing, len(shared), told)


def _by_way(run: Behaviour) -> dict[Asked, dict[int, Answers]]:
    """Way of asking, with status 0, -> status -> answers."""
    ways: dict[Asked, dict[int, Answers]] = defaultdict(dict)
    for asked, answers in run.answers.items():
        ways[replace(asked, status=0)][asked.status] = answers
    return ways


def _pairs(
    document: OpenApiDocument,
    profile: Profile,
    shared: Mapping[Asked, tuple[Mapping[int, Answers], Mapping[int, Answers]]],
) -> Iterator[Pair]:
    """What both runs got with the same status, put together by operation."""
    sides: dict[tuple[str, int], tuple[Answers, Answers]] = defaultdict(lambda: (Answers(), Answers()))
    steps: dict[tuple[str, int], set[str]] = defaultdict(set)
    for way, (before, after) in shared.items():
        for status in before.keys() & after.keys():
            group = (way.operation, status)
            sides[group][0].add(before[status])
            sides[group][1].add(after[status])
            steps[group].add(way.step)
    for (operation, status), (before_all, after_all) in sorted(sides.items(), key=lambda one: one[0]):
        names = tuple(sorted(steps[operation, status]))
        yield Pair(profile.provider, operation, status, before_all, after_all, names, document, profile)


def _statuses(
    profile: Profile, way: Asked, before: Mapping[int, Answers], after: Mapping[int, Answers]
) -> Iterator[Difference]:
    was, now = _without_waits(before), _without_waits(after)
    if not was or not now or set(now) <= set(was):
        return
    new = sorted(set(now) - set(was))
    instead = not set(was) & set(now)
    severity = Severity.BREAKING if instead else Severity.UNKNOWN
    if all(status in SERVER_ERRORS for status in new):
        severity = Severity.WEAK  # one failure may pass; that the server must not fail is a claim
    elif not instead and sum(one.count for one in was.values()) < ENOUGH:
        severity = Severity.WEAK
    came, comes = _listed(map(str, was)), _listed(map(str, now))
    yield Difference(
        Identity(
            Axis.BEHAVIOUR, profile.provider, way.operation, "status-changed", step=way.step, at=way.role, got=comes
        ),
        severity,
        f"{way.operation or 'An undocumented path'}, asked as in {way.step}, answered {came}, and answers {comes} now.",
        before=came,
        after=comes,
        exchange=now[new[0]].latest,
        sources=(way.step,),
    )


def _without_waits(answers: Mapping[int, Answers]) -> dict[int, Answers]:
    """Without the 429s that were waited out."""
    return {status: one for status, one in answers.items() if status != TOO_MANY or len(answers) == 1}


def _limits(profile: Profile, before: Behaviour, after: Behaviour) -> Iterator[Difference]:
    for role in sorted(before.limits.keys() & after.limits.keys()):
        was, now = before.limits[role], after.limits[role]
        if was & now:
            continue
        severity = Severity.BREAKING if max(now) < max(was) else Severity.COMPATIBLE
        says = (
            f"The announced limit of the key {role} was {_listed(map(str, was))}, and is {_listed(map(str, now))} now."
        )
        yield _overall(profile, "limit-changed", role, severity, _listed(map(str, was)), _listed(map(str, now)), says)


def _floods(
    before: Mapping[Asked, Mapping[int, Answers]], after: Mapping[Asked, Mapping[int, Answers]]
) -> list[tuple[Asked, int, int]]:
    """Steps that went on until one 429 in both runs, and how many requests were admitted before it.

    Few tell nothing: the embedded sandbox lowers its limit so that a run need not send hundreds.
    """
    counted = [(way, _admitted(before[way]), _admitted(after[way])) for way in sorted(before.keys() & after.keys())]
    return [one for one in counted if max(one[1:]) >= MANY and min(one[1:]) >= 1]


def _admitted(answers: Mapping[int, Answers]) -> int:
    """Requests before the first 429; 0 when there was not exactly one 429."""
    refused = answers.get(TOO_MANY)
    return sum(one.count for one in answers.values()) - 1 if refused and refused.count == 1 else 0


def _flooded(profile: Profile, way: Asked, was: int, now: int) -> Difference:
    """What other requests of the key had used of the window differs too, so only much fewer are told."""
    says = f"In {way.step} the key {way.role} was refused after {was} requests, and is after {now} now."
    identity = Identity(Axis.BEHAVIOUR, profile.provider, way.operation, "flood-shorter", step=way.step, at=way.role)
    return Difference(identity, Severity.UNKNOWN, says, before=str(was), after=str(now), sources=(way.step,))


def _windows(profile: Profile, before: Behaviour, after: Behaviour) -> Iterator[Difference]:
    """The longest wait that was announced for a new window; runs that begin late in one see less of it."""
    for role in sorted(before.windows.keys() & after.windows.keys()):
        was, now = before.windows[role], after.windows[role]
        if now > MUCH * max(was, profile.rate_limit.window_seconds):
            says = f"A window of the key {role} lasted up to {was:.0f} s, and lasts up to {now:.0f} s now."
            yield _overall(profile, "window-changed", role, Severity.BREAKING, f"{was:.0f} s", f"{now:.0f} s", says)


def _spans(profile: Profile, before: Behaviour, after: Behaviour) -> Iterator[Difference]:
    for name in sorted(before.spans.keys() & after.spans.keys()):
        was, now = before.spans[name], after.spans[name]
        if min(len(was), len(now)) < MANY:
            continue
        old, new = median(was), median(now)
        if abs(new - old) > NOTICEABLE_SECONDS and max(old, new) > MUCH * min(old, new):
            slower = new > old
            severity = Severity.UNKNOWN if slower else Severity.COMPATIBLE
            says = f"From {name.replace(' > ', ' to ')} a message took {old:.1f} s, and takes {new:.1f} s now (median)."
            yield _overall(
                profile, "pace-changed", name, severity, f"{old:.1f} s", "slower" if slower else "faster", says
            )


def _overall(  # noqa: PLR0913, PLR0917 - the parts of a difference
    profile: Profile, rule: str, at: str, severity: Severity, before: str, after: str, says: str
) -> Difference:
    identity = Identity(Axis.BEHAVIOUR, profile.provider, "*", rule, at=at, got=after)
    return Difference(identity, severity, says, before=before, after=after)


def _merged(differences: list[Difference]) -> list[Difference]:
    """Each identity once, with the steps of all."""
    found: dict[Identity, Difference] = {}
    for one in differences:
        known = found.get(one.identity)
        steps = tuple(sorted({*one.sources, *(known.sources if known else ())}))
        found[one.identity] = replace(known or one, sources=steps)
    return [found[identity] for identity in sorted(found)]


def _outermost(these: Mapping[str, Place], others: Mapping[str, Place]) -> Iterator[tuple[str, Place]]:
    """Named members, in order; of those that only one side has, not what is inside another such."""
    for at in sorted(these):
        parent = at.rpartition("/")[0]
        if at and tokens(at)[-1] != "*" and (parent in others or not parent):
            yield at, these[at]


def _parents(answers: Answers, at: str) -> int:
    """Objects that could have the member at `at`."""
    place = answers.places.get(at)
    if place is not None:
        return place.parents
    parent = answers.places.get(at.rpartition("/")[0])
    return parent.kinds["object"] if parent else 0


def _both(pair: Pair) -> Iterator[tuple[str, Place, Place]]:
    for at in sorted(pair.before.places.keys() & pair.after.places.keys()):
        yield at, pair.before.places[at], pair.after.places[at]


@cache
def _type(kind: str) -> str:
    return "string" if kind.startswith("text: ") else kind


def _types(place: Place) -> set[str]:
    return {_type(kind) for kind, count in place.kinds.items() if count}


def _forms(place: Place) -> set[str]:
    return {kind.removeprefix("text: ") for kind, count in place.kinds.items() if count and kind.startswith("text: ")}


def _listed(words: Any) -> str:  # noqa: ANN401 - any iterable of text
    return ", ".join(sorted(words))
