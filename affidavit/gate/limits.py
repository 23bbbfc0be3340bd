"""What two searches for limits found, laid side by side.

A search says what explains the answers it got: families that explain them equally, and numbers with bounds. So only
what no reading of both has in common is a change: no family in both ties, no number within both bounds. What one of
the two could not see (it only watched, nothing was refused, a field is missing) is no change either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from affidavit.gate.difference import Axis, Difference, Identity, Severity
from affidavit.ratelimit.families import FAMILIES
from affidavit.ratelimit.records import UNKNOWN, Interval
from affidavit.ratelimit.sharing import OPPOSITES
from affidavit.recorded import LIMITS

FAMILY, SIZE, WINDOW, REFUSED, SCOPE, TOLD = (
    f"searched-{name}" for name in ("family", "limit", "window", "refused", "scope", "answers")
)
RULES = frozenset({FAMILY, SIZE, WINDOW, REFUSED, SCOPE, TOLD})
MEASURED_TO = 0.02
"""Relative; a search in real time is not closer to a window than that, whatever its bounds."""
POSSIBLE = 0.01
"""A family that is so probable may be the right one: a search that says 98 % is wrong now and then."""

Place = tuple[str, str]
"""Role of the key, and operation."""


@dataclass(frozen=True)
class Found:
    """What one line says that another search would find too."""

    mode: str
    families: frozenset[str]
    """Those that may explain the answers; empty when it is not known."""
    limit: Interval | None
    window: Interval | None
    counts_refused: bool | None
    scope: frozenset[str]
    """What it is counted per, in words; only what the search saw."""
    refused: bool
    """Whether any request was refused, so that refusals could be looked at."""
    audit: Mapping[str, tuple[str, str]]
    """What is wrong with the answers: rule of the audit -> what was expected and what came."""


Searched = Mapping[Place, Found]


@dataclass(frozen=True)
class Pair:
    """Two searches at one place."""

    provider: str
    role: str
    operation: str
    before: Found
    after: Found

    def difference(  # noqa: PLR0913, PLR0917 - the parts of a difference
        self, rule: str, severity: Severity, before: str, after: str, says: str, at: str = "", got: str = ""
    ) -> Difference:
        """One of this pair; `at` and `got` (else `after`) tell it from others of its rule."""
        where = f"{self.role} {at}".strip()
        identity = Identity(Axis.BEHAVIOUR, self.provider, self.operation, rule, at=where, got=got or after)
        key = f"the key {self.role}" if self.role else "the address"
        says = f"The limit of {key} at {self.operation}: {says}"
        step = step_of((self.role, self.operation), self.after.mode)
        return Difference(identity, severity, says, before=before, after=after, sources=(step,))

    @property
    def one_kind(self) -> bool:
        """Whether numbers of both mean the same: requests at once are no requests in a window."""
        return _timeless(self.before) == _timeless(self.after)


def searched(lines: Iterable[Mapping[str, Any]]) -> dict[Place, Found]:
    """The `limits` lines of a record; a field that is missing or of another type was not found out."""
    return {
        (_text(one.get("role")), _text(one.get("operation"))): _found(one) for one in lines if one["kind"] == LIMITS
    }


def is_of_search(identity: Identity) -> bool:
    """Whether a search for limits showed it, which no contract run can."""
    return identity.subject in RULES


def step_of(place: Place, mode: str) -> str:
    """What was asked, as the source of a difference: another mode could not have seen it."""
    return " ".join(filter(None, (f"{LIMITS}/{place[1]}", place[0], mode)))


def compare_searches(provider: str, before: Searched, after: Searched) -> list[Difference]:
    """What changed where both searched."""
    return [
        one
        for role, operation in sorted(before.keys() & after.keys())
        for rule in _COMPARED
        for one in rule(Pair(provider, role, operation, before[role, operation], after[role, operation]))
    ]


def not_searched(before: Searched, after: Searched) -> list[str]:
    """Where the earlier search looked and the later one did not."""
    return [step_of(place, before[place].mode) for place in sorted(before.keys() - after.keys())]


def rows(found: Searched) -> list[dict[str, Any]]:
    """To keep in a file; `searched` reads them back."""
    return [_row(place, one) for place, one in sorted(found.items())]


def family(pair: Pair) -> Iterator[Difference]:
    """No family explains the answers of both."""
    was, now = pair.before.families, pair.after.families
    if was and now and not was & now:
        says = f"it was {_titles(was)}, and is {_titles(now)} now."
        yield pair.difference(FAMILY, Severity.UNKNOWN, _names(was), _names(now), says)


def size(pair: Pair) -> Iterator[Difference]:
    """Fewer or more requests are admitted."""
    was, now = pair.before.limit, pair.after.limit
    if was and now and pair.one_kind and _apart(was, now, 0.0):
        severity = Severity.BREAKING if now.best < was.best else Severity.COMPATIBLE
        says = f"it admitted {_said(was)} requests, and admits {_said(now)} now."
        yield pair.difference(SIZE, severity, _said(was), _said(now), says)


def window(pair: Pair) -> Iterator[Difference]:
    """The window, or the time in which a bucket fills, is longer or shorter."""
    was, now = pair.before.window, pair.after.window
    if was and now and _apart(was, now, MEASURED_TO):
        severity = Severity.BREAKING if now.best > was.best else Severity.COMPATIBLE
        says = f"its window was {_said(was)} s, and is {_said(now)} s now."
        yield pair.difference(WINDOW, severity, f"{_said(was)} s", f"{_said(now)} s", says, got=f"{now.best:.2g} s")


def refused_count(pair: Pair) -> Iterator[Difference]:
    """Refused requests use the limit up, and did not before, or the other way round."""
    was, now = pair.before.counts_refused, pair.after.counts_refused
    if was is not None and now is not None and was != now:
        words = {True: "counted", False: "not counted"}
        says = f"refused requests were {words[was]}, and are {words[now]} now."
        yield pair.difference(REFUSED, Severity.UNKNOWN if now else Severity.COMPATIBLE, words[was], words[now], says)


def scope(pair: Pair) -> Iterator[Difference]:
    """It is counted per something else."""
    for was in sorted(pair.before.scope):
        now = OPPOSITES.get(was, "")
        if now in pair.after.scope:
            says = f"it was counted per {was}, and is per {now} now."
            yield pair.difference(SCOPE, Severity.UNKNOWN, was, now, says)


def told(pair: Pair) -> Iterator[Difference]:
    """Something is wrong with what the answers say of the limit that was not before, or the other way round."""
    was, now = pair.before, pair.after
    if (was.mode, was.refused) != (now.mode, now.refused):
        return
    for rule in sorted(now.audit.keys() - was.audit.keys()):
        want, got = now.audit[rule]
        says = f"its answers have a mistake that they had not: {rule} (expected {want}, got {got})."
        yield pair.difference(TOLD, Severity.UNKNOWN, "right", "wrong", says, rule)
    for rule in sorted(was.audit.keys() - now.audit.keys()):
        says = f"its answers do not have the mistake {rule} any more."
        yield pair.difference(TOLD, Severity.COMPATIBLE, "wrong", "right", says, rule)


_COMPARED: tuple[Callable[[Pair], Iterator[Difference]], ...] = (family, size, window, refused_count, scope, told)


def _found(line: Mapping[str, Any]) -> Found:
    named = [line.get("family"), *_list(line.get("ties")), *_plausible(line.get("posterior"))]
    names = {*map(_text, named)} - {"", UNKNOWN}
    counts, refused = line.get("counts_refused"), line.get("refused")
    return Found(
        mode=_text(line.get("mode")),
        families=frozenset(names),
        limit=_interval(line.get("limit")),
        window=_interval(line.get("window")),
        counts_refused=counts if isinstance(counts, bool) else None,
        scope=frozenset(_text(line.get("scope")).split(", ")) - {"", UNKNOWN},
        refused=isinstance(refused, int) and refused > 0,
        audit={
            _text(one.get("id")): (_text(one.get("expected")), _text(one.get("got")))
            for one in _list(line.get("audit"))
            if isinstance(one, Mapping)
        },
    )


def _row(place: Place, one: Found) -> dict[str, Any]:
    first, *ties = sorted(one.families) or [UNKNOWN]
    return {
        "kind": LIMITS,
        "role": place[0],
        "operation": place[1],
        "mode": one.mode,
        "family": first,
        "ties": ties,
        "limit": one.limit and asdict(one.limit),
        "window": one.window and asdict(one.window),
        "counts_refused": one.counts_refused,
        "scope": ", ".join(sorted(one.scope)),
        "refused": int(one.refused),
        "audit": [{"id": name, "expected": want, "got": got} for name, (want, got) in sorted(one.audit.items())],
    }


def _plausible(posterior: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    """Families that the search held for less probable than those it named, and yet for possible."""
    rows = posterior.items() if isinstance(posterior, Mapping) else ()
    return [name for name, share in rows if isinstance(share, int | float) and share >= POSSIBLE]


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, list) else []


def _interval(value: Any) -> Interval | None:  # noqa: ANN401 - any JSON value
    if not isinstance(value, Mapping) or not isinstance(value.get("best"), int | float):
        return None
    told = (value.get(name, value["best"]) for name in ("low", "best", "high"))
    low, best, high = (float(one if isinstance(one, int | float) else value["best"]) for one in told)
    return Interval(low, best, high)


def _apart(one: Interval, other: Interval, tolerance: float) -> bool:
    return max(one.low, other.low) > min(one.high, other.high) * (1 + tolerance)


def _timeless(found: Found) -> bool:
    return bool(found.families) and all(name in FAMILIES and FAMILIES[name].timeless for name in found.families)


def _titles(names: Iterable[str]) -> str:
    return " or ".join(FAMILIES[name].title if name in FAMILIES else name for name in sorted(names))


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _said(value: Interval) -> str:
    return f"{value.best:g}"
