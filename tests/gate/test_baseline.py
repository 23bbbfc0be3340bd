"""The file of what is known: read strictly, written whole, and nothing in it hides more than it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from affidavit.errors import UsageError
from affidavit.gate.assessment import assess
from affidavit.gate.baseline import Baseline, accept, drop, dumps, loads, measured
from affidavit.gate.difference import Axis, Difference, Identity, Severity
from tests.gate.conftest import RunOf

TODAY = date(2030, 1, 1)
LATER = TODAY + timedelta(days=90)


def difference(at: str = "/data/secret", axis: Axis = Axis.CLAIM) -> Difference:
    identity = Identity(axis, "chatmaid", "getMessage", "CM-001", at=at, got="string")
    return Difference(identity, Severity.BREAKING, "A promise.", "page.txt:3", "absent", "there", 7, ("probe/step",))


def accepted(*differences: Difference) -> Baseline:
    return accept(Baseline("chatmaid"), differences, reason="told them", who="Ann", on=TODAY, expires=LATER)


def test_a_file_reads_back_as_it_was(run_of: RunOf) -> None:
    judged = run_of()
    baseline = replace(accepted(difference()), measure=judged.measure(TODAY))
    again = loads(dumps(baseline), "x.json")
    assert again.accepted == baseline.accepted
    assert dumps(again) == dumps(baseline)
    decision = assess(judged, (), again.measure, [], TODAY).decision
    assert decision.new == ()


def changed(change: Callable[[dict[str, Any]], Any]) -> str:
    data = json.loads(dumps(accepted(difference())))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting property name"),
        ("[]", 'a JSON object with "format": "affidavit baseline"'),
        ('{"name": "package"}', 'a JSON object with "format": "affidavit baseline"'),
        (changed(lambda data: data.update(version=2)), "its version is 2, and this Affidavit reads 1"),
        (changed(lambda data: data.update(notes="x")), "the file has unknown ['notes']"),
        (changed(lambda data: data.pop("measure")), "the file lacks ['measure']"),
        (changed(lambda data: data["accepted"][0].update(ignore=True)), "has unknown ['ignore']"),
        (changed(lambda data: data["accepted"][0].pop("reason")), "lacks ['reason']"),
        (changed(lambda data: data["accepted"][0].update(reason=" ")), "has no reason"),
        (changed(lambda data: data["accepted"][0].update(expires="soon")), "soon"),
        (changed(lambda data: data["accepted"][0]["identity"].update(at="/data/*")), "one was edited"),
        (changed(lambda data: data["accepted"][0]["identity"].update(any="*")), "has unknown ['any']"),
        (changed(lambda data: data.update(accepted={"a": 1})), "expected an object"),
        (changed(lambda data: data.update(measure={})), "the measure lacks"),
        ("[" * 100_000, "cannot be used"),
    ],
)
def test_what_is_not_exactly_a_baseline_is_refused_with_its_fault(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        loads(text, "reports/baseline/chatmaid.json")
    assert said in str(refused.value)
    assert str(refused.value).startswith("reports/baseline/chatmaid.json cannot be used: ")


def test_accepting_one_difference_hides_no_other() -> None:
    ours, theirs = difference("/data/secret"), difference("/data/password")
    entries = accepted(ours).accepted
    assert [one.identity.at for one in entries] == ["/data/secret"]
    assert ours.id != theirs.id


@pytest.mark.parametrize(
    ("reason", "who", "expires", "said"),
    [("", "Ann", LATER, "--reason"), ("why", " ", LATER, "--who"), ("why", "Ann", TODAY, "is not after 2030-01-01")],
)
def test_accepting_needs_a_reason_a_name_and_an_end(reason: str, who: str, expires: date, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        accept(Baseline("chatmaid"), [difference()], reason=reason, who=who, on=TODAY, expires=expires)


def test_accepting_again_renews() -> None:
    first = accepted(difference())
    again = accept(first, [difference()], reason="still", who="Ben", on=LATER, expires=LATER + timedelta(days=1))
    assert [(one.reason, one.who) for one in again.accepted] == [("still", "Ben")]


def test_entries_go_by_id_or_claim_and_an_unknown_one_is_named() -> None:
    baseline = accepted(difference(), difference("/x"))
    assert len(drop(baseline, [difference().id]).accepted) == 1
    assert drop(baseline, ["CM-001"]).accepted == ()
    with pytest.raises(UsageError, match="has no 'CM-002'"):
        drop(baseline, ["CM-002"])


def test_a_new_measure_takes_over_what_was_accepted_of_the_old_one(run_of: RunOf) -> None:
    baseline = accepted(difference(), difference(axis=Axis.BEHAVIOUR))
    now = measured(baseline, run_of().measure(TODAY))
    assert [one.identity.axis for one in now.accepted] == [Axis.CLAIM]
