"""What is the same stays the same: for the gate, another seed or another clock makes no difference."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from affidavit.documents import providers
from affidavit.gate.assessment import Judged, assess
from affidavit.gate.changes import compare
from tests.gate.conftest import RunOf

TODAY = date(2030, 1, 1)


def differences(before: Judged, after: Judged) -> list[str]:
    decision = assess(after, (), before.measure(TODAY), before.broken, TODAY).decision
    return [one.says for one in (*decision.new, *decision.fixed)]


@pytest.mark.parametrize("provider", providers())
@pytest.mark.parametrize(("seed", "start"), [(1, 0.0), (2, 86_400 * 40.3)])
def test_a_faithful_target_never_differs_from_itself(provider: str, seed: int, start: float, run_of: RunOf) -> None:
    assert differences(run_of(provider), run_of(provider, seed=seed, start=start)) == []


def test_invented_requests_of_other_seeds_make_no_difference(run_of: RunOf) -> None:
    assert differences(run_of(examples=2, seed=4), run_of(examples=2, seed=5)) == []
    assert differences(run_of(), run_of(examples=2, seed=4)) == []


@pytest.mark.parametrize("fault", ["refusal-path-missing", "key-not-honoured", "content-of-any-type-accepted"])
def test_a_faulty_target_has_the_same_findings_with_another_seed(fault: str, run_of: RunOf) -> None:
    one, other = run_of(fault=fault), run_of(fault=fault, seed=2, start=1234.5)
    assert one.broken
    assert {found.identity for found in one.broken} == {found.identity for found in other.broken}
    assert differences(one, other) == []


def test_the_order_of_the_exchanges_makes_no_difference(run_of: RunOf) -> None:
    one = run_of()
    shuffled = replace(one.evidence, exchanges=one.evidence.exchanges[::-1])
    turned = Judged(one.catalog, shuffled, one.verdicts, one.target)
    compared = compare(one.catalog.openapi, one.catalog.profile, one.behaviour, turned.behaviour)
    assert compared.differences == []
    assert compared.not_asked == []
