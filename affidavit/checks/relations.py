"""Checks that compare: what was asked with what came, one answer with another, parts with their sum."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from affidavit.checks.answers import answers
from affidavit.checks.case import (
    ABSENT,
    Answered,
    Case,
    Place,
    equal,
    http_date,
    judgement,
    moment,
    number,
    place,
    shown,
    undecided,
)
from affidavit.checks.fields import value
from affidavit.checks.lists import item_count
from affidavit.finding import Finding, Judgement
from affidavit.pointer import first, values

MINIMUM_TO_COMPARE = 2
NORMAL = frozenset({"digits", "instant", "text"})
"""Forms in which two values may be compared."""


def same(case: Case) -> Judgement:
    """Two places hold equal values."""
    return _compare(case, wanted_equal=True)


def differ(case: Case) -> Judgement:
    """Two places, or all exchanges of one step, hold different values."""
    if "step" in case.params:
        return _all_distinct(case)
    return _compare(case, wanted_equal=False)


def all_same(case: Case) -> Judgement:
    """Several places, or one place over all exchanges of the steps, hold one value."""
    if "places" in case.params:
        readings = [reading for text in case.param("places") for reading in _readings(case, place(text))[-1:]]
        missing = case.why(*[place(text).step for text in case.param("places")])
        if len(readings) < len(case.param("places")):
            return undecided(missing)
    else:
        readings = [
            reading for step in case.steps() for reading in _readings(case, Place(step, "response", case.param("at")))
        ]
        missing = case.why(*case.steps())
        if len(readings) < MINIMUM_TO_COMPARE:
            return undecided(missing)
    findings = [
        case.finding(f"the same value throughout: {shown(before)}", shown(after), [one, other])
        for (one, before), (other, after) in pairwise(readings)
        if not equal(normal(case, before), normal(case, after))
    ]
    return judgement([one for one, _ in readings], findings, missing)


def grows(case: Case) -> Judgement:
    """A counter is higher afterwards, by exactly, at least or at most so much."""
    before_place, after_place = place(case.param("before")), place(case.param("after"))
    before, after = _readings(case, before_place)[-1:], _readings(case, after_place)[-1:]
    if not before or not after:
        return undecided(case.why(before_place.step, after_place.step))
    (one, low), (other, high) = before[0], after[0]
    if not _given(case):
        return undecided(f"nothing is told at {case.param('given')}")
    start, end = number(low), number(high)
    if start is None or end is None:
        return undecided(f"no two numbers: {shown(low)} and {shown(high)}")
    wanted, fine = _growth(case, start, end)
    findings = [] if fine else [case.finding(wanted, shown(high), [one, other], after_place.argument)]
    return judgement([one, other], findings, "")


def _given(case: Case) -> bool:
    """Whether the place of the params `given` holds anything, if there is one."""
    if "given" not in case.params:
        return True
    return any(told not in (ABSENT, None) for _, told in _readings(case, place(case.param("given")))[-1:])


def among(case: Case) -> Judgement:
    """Several places hold values of a list, each of them as often as it is there."""
    whole = place(case.param("place"))
    lists = _readings(case, whole)[-1:]
    readings = [reading for text in case.param("places") for reading in _readings(case, place(text))[-1:]]
    if not lists or not readings:
        return undecided(case.why(whole.step, *[place(text).step for text in case.param("places")]))
    (origin, listed), findings = lists[0], []
    left = list(listed)
    for one, got in readings:
        twin = next((index for index, value in enumerate(left) if equal(value, got)), None)
        if twin is None:
            findings.append(case.finding(f"one of {shown(left)}", shown(got), [origin, one]))
        else:
            left.pop(twin)
    return judgement([one for one, _ in readings], findings, "")


def _growth(case: Case, start: float, end: float) -> tuple[str, bool]:
    """What the row wants, in words, and whether it is so."""
    exact, most, least = case.param("by"), case.param("at_most"), case.param("at_least", 1)
    if exact is not None:
        return f"{_plain(start)} + {exact}", end - start == exact
    if most is not None:
        return f"at most {_plain(start)} + {most}", end - start <= most
    return f"at least {_plain(start)} + {least}", end - start >= least


def sums(case: Case) -> Judgement:
    """A total equals the sum of its parts."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    for one in case.anywhere():
        total = number(first(one.response.json, case.param("total")))
        parts = _numbers(one, case.param("parts"))
        if total is None or parts is None:
            continue
        judged.append(one)
        if not _adds_up(total, sum(parts), [number(first(one.response.json, at)) for at in case.param("perhaps", [])]):
            expected = f"{case.param('total')} = {' + '.join(map(_plain, parts)) or '0'} = {_plain(sum(parts))}"
            findings.append(case.finding(expected, _plain(total), one, case.param("total")))
    return judgement(judged, findings, "no answer held both the total and its parts")


def _adds_up(total: float, parts: float, perhaps: list[float | None]) -> bool:
    """Whether the total is the sum, with or without what may count beside it; that may be more when it is not told."""
    told = [one for one in perhaps if one is not None]
    sums = {parts + sum(some) for count in range(len(told) + 1) for some in itertools.combinations(told, count)}
    return total in sums or (len(told) < len(perhaps) and total >= parts)


def ratio(case: Case) -> Judgement:
    """A rate equals its parts over the whole, to the documented precision."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    tolerance = 10.0 ** -int(case.param("decimals", 2))
    for one in case.anywhere():
        rate, whole = (number(first(one.response.json, case.param(name))) for name in ("value", "over"))
        parts = [number(first(one.response.json, pointer)) or 0.0 for pointer in case.param("of")]
        if rate is None or not whole:
            continue
        judged.append(one)
        wanted = sum(parts) / whole
        if abs(rate - wanted) > tolerance:
            findings.append(case.finding(f"{wanted:.4f}", _plain(rate), one, case.param("value")))
    return judgement(judged, findings, "no answer held both the rate and its parts")


def extremes(case: Case) -> Judgement:
    """A rate is nothing where none of its parts is there, and one where the first of them is the whole."""
    judged: list[Answered] = []
    findings: list[Finding] = []
    for one in case.anywhere():
        rate, whole = (number(first(one.response.json, case.param(name))) for name in ("value", "over"))
        parts = [number(first(one.response.json, pointer)) or 0.0 for pointer in case.param("of")]
        wanted = 0.0 if not sum(parts) else 1.0 if parts[0] == whole else None
        if rate is None or not whole or wanted is None:
            continue
        judged.append(one)
        if rate != wanted:
            findings.append(case.finding(_plain(wanted), _plain(rate), one, case.param("value")))
    return judgement(judged, findings, "no answer held all of the parts or none")


def replayed(case: Case) -> Judgement:
    """A repeated request gets the first answer again, marked as a replay."""
    original, again = case.param("first"), case.param("again")
    if not case.good(original) or not case.evidence.answered(again):
        return undecided(case.why(original, again))
    one, other = case.good(original)[-1], case.judgeable(again)
    if not other:
        return undecided(case.evidence.why_missing(again))
    findings = []
    for repeat in other:
        if repeat.response.status != one.response.status:
            expected, got = f"status {one.response.status} again", f"status {repeat.response.status}"
            findings.append(case.finding(expected, got, [one, repeat]))
        elif not equal(repeat.response.json, one.response.json):
            findings.append(
                case.finding(
                    f"the first body again: {one.response.body[:80]}", repeat.response.body[:80], [one, repeat]
                )
            )
    return judgement([one, *other], findings, "")


def _compare(case: Case, *, wanted_equal: bool) -> Judgement:
    left, right = place(case.param("left")), place(case.param("right"))
    pairs = _pairs(case, left, right)
    judged: list[int] = []
    findings = []
    for (one, first_value), (other, second_value) in pairs:
        if not wanted_equal and ABSENT in (first_value, second_value):
            continue
        are_equal = equal(normal(case, first_value), normal(case, second_value))
        if are_equal != wanted_equal:
            expected = shown(first_value) if wanted_equal else f"anything but {shown(first_value)}"
            proof = [one] if one.seq == other.seq else [one, other]
            findings.append(case.finding(expected, shown(second_value), proof, _pointer(right)))
        judged += [one.seq, other.seq]
    return judgement(dict.fromkeys(judged), findings, case.why(left.step, right.step))


def _pairs(case: Case, left: Place, right: Place) -> list[tuple[tuple[Answered, Any], tuple[Answered, Any]]]:
    if left.step == right.step:
        return [
            ((one, left.read(one)), (one, right.read(one)))
            for one in case.good(left.step)
            if left.read(one) is not ABSENT or right.read(one) is not ABSENT
        ]
    lefts, rights = _readings(case, left, keep_absent=True)[-1:], _readings(case, right, keep_absent=True)[-1:]
    return list(zip(lefts, rights, strict=False))


def _readings(case: Case, where: Place, *, keep_absent: bool = False) -> list[tuple[Answered, Any]]:
    chosen = case.judgeable(where.step) if where.part == "status" else case.good(where.step)
    readings = [(one, where.read(one)) for one in chosen]
    return [reading for reading in readings if keep_absent or reading[1] is not ABSENT]


def _all_distinct(case: Case) -> Judgement:
    readings = [
        reading for step in case.steps() for reading in _readings(case, Place(step, "response", case.param("at")))
    ]
    if len(readings) < MINIMUM_TO_COMPARE:
        return undecided(case.why(*case.steps()))
    findings = []
    for index, (one, got) in enumerate(readings):
        twin = next((other for other, earlier in readings[:index] if equal(earlier, got)), None)
        if twin is not None:
            findings.append(case.finding("a value of its own in each answer", f"{shown(got)} twice", [twin, one]))
    return judgement([one for one, _ in readings], findings, "")


def normal(case: Case, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value in the form in which the two sides are comparable."""
    how = case.param("normal")
    if how == "digits" and isinstance(value, str):
        return re.sub(r"\D", "", value)
    if how == "instant":
        at = moment(value)
        return value if at is None else at
    if how == "text":
        return value if value is ABSENT else str(value)
    return value


def _numbers(one: Answered, pointers: Sequence[str]) -> list[float] | None:
    """All numbers at the pointers, an object standing for its members; None when one is missing."""
    found: list[float] = []
    for pointer in pointers:
        got = first(one.response.json, pointer)
        if isinstance(got, dict):
            found += [part for part in map(number, got.values()) if part is not None]
        elif number(got) is None:
            return None
        else:
            found += [part for part in map(number, values(one.response.json, pointer)) if part is not None]
    return found


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def _pointer(where: Place) -> str:
    return where.argument if where.part == "response" and "*" not in where.argument else ""


def same_moment(case: Case) -> Judgement:
    """Two instants are at most so many seconds apart."""
    left, right = place(case.param("left")), place(case.param("right"))
    judged: list[Answered] = []
    findings: list[Finding] = []
    for (one, told), (other, wanted) in _pairs(case, left, right):
        at, expected = _instant(told), _instant(wanted)
        if at is None and (expected is None or case.param("optional")):
            continue
        judged.append(one)
        if at is None or expected is None or abs(at - expected) > case.param("within"):
            findings.append(
                case.finding(f"within {case.param('within')} s of {shown(wanted)}", shown(told), [other, one])
            )
    return judgement(judged, findings, case.why(left.step, right.step))


def _instant(value: Any) -> float | None:  # noqa: ANN401 - any JSON value, or a header's text
    return moment(value) if moment(value) is not None else http_date(value)


def unless_simulated(case: Case) -> Judgement:
    """A rule for real sends: a simulated one may show that it is kept, but never that it is broken."""
    function = SIMULATED[case.param("of")]
    outer = {"of", "step", "simulated"}
    inner = {name: given for name, given in case.params.items() if name not in outer}
    strict = function(replace(case, params={**inner, "step": case.param("step")}))
    simulated = function(replace(case, params={**inner, "step": case.param("simulated")}))
    failed = {seq for finding in simulated.findings for seq in finding.exchanges}
    judged = strict.judged + tuple(seq for seq in simulated.judged if seq not in failed)
    missing = "only a simulated send was made, and what it shows is not documented (G-19)"
    return judgement(judged, strict.findings, missing if simulated.judged else strict.missing)


SIMULATED = {"answers": answers, "value": value, "item-count": item_count}
"""Rules that `unless-simulated` can hold a real send to."""
