"""A sample of the sandbox's faults at the gate; `make bench-gate` tries all of them."""

from __future__ import annotations

from datetime import date

import pytest

from affidavit.gate.assessment import assess
from affidavit.gate.difference import Axis
from tests.gate.conftest import RunOf

TODAY = date(2030, 1, 1)
SAMPLE = (
    ("delivered-at-missing-on-read", "CM-090"),
    ("live-key-sends-in-test", "CM-063"),
    ("result-without-envelope", "CM-084"),
    ("content-of-any-type-accepted", "CM-013"),
    ("created-at-with-offset", "CM-059"),
    ("live-key-refused", "CM-030"),
    ("key-with-other-order-refused", "CM-026"),
    ("no-key-sends", "CM-038"),
    ("usage-period-ignored", "CM-171"),
    ("inbound-page-skips-one", "CM-285"),
    ("phone-alone-lacks-name", "CM-150"),
    ("refusal-path-missing", "CM-189"),
    ("connection-answers-203", "CM-152"),
    ("wait-too-short", "CM-191"),
    ("media-alone-refused", "CM-012"),
)


@pytest.mark.parametrize(("fault", "claim"), SAMPLE)
def test_the_gate_closes_on_a_fault_and_names_the_claim(fault: str, claim: str, run_of: RunOf) -> None:
    before, after = run_of(), run_of(fault=fault)
    decision = assess(after, (), before.measure(TODAY), before.broken, TODAY).decision
    assert not decision.passes
    named = {one.identity.subject for one in decision.failing if one.identity.axis == Axis.CLAIM}
    assert claim in named
    assert named == {one.claim for one in after.verdicts if one.kind.value == "broken"}


def test_what_is_gone_again_is_fixed(run_of: RunOf) -> None:
    before, after = run_of(fault="phone-alone-lacks-name"), run_of()
    decision = assess(after, (), before.measure(TODAY), before.broken, TODAY).decision
    assert decision.passes
    assert {one.identity.subject for one in decision.fixed} == {"CM-150"}
