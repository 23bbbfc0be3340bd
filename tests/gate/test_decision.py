"""New, known, expired, stale, unseen, fixed: each difference is exactly one."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from affidavit.gate.baseline import Accepted
from affidavit.gate.decision import AS_READ, OTHERWISE, Asked, decide, verdict_changes
from affidavit.gate.difference import Axis, Difference, Identity, Severity

TODAY = date(2030, 1, 1)
ASKED = Asked({"CM-001": "kept", "CM-002": "undecided"}, {"probe/step"})


def difference(claim: str = "CM-001", at: str = "/a", severity: Severity = Severity.BREAKING) -> Difference:
    identity = Identity(Axis.CLAIM, "chatmaid", "getMessage", claim, at=at)
    return Difference(identity, severity, "A promise.", sources=("probe/step",))


def entry(one: Difference, days: int = 1, *, comes_and_goes: bool = False) -> Accepted:
    until = TODAY + timedelta(days=days)
    return Accepted(one.id, one.identity, one.says, "", "", one.sources, "why", "Ann", TODAY, until, comes_and_goes)


def test_what_nobody_knows_is_new_and_closes_the_gate() -> None:
    decision = decide([difference()], [], [], ASKED, TODAY)
    assert decision.failing == (difference(),)
    assert not decision.passes


@pytest.mark.parametrize("severity", [Severity.COMPATIBLE, Severity.WEAK])
def test_what_harms_nobody_is_told_and_lets_pass(severity: Severity) -> None:
    decision = decide([difference(severity=severity)], [], [], ASKED, TODAY)
    assert (len(decision.new), decision.failing, decision.passes) == (1, (), True)


def test_what_is_accepted_is_known_to_the_last_day_and_expired_after_it() -> None:
    known = decide([difference()], [entry(difference(), days=0)], [], ASKED, TODAY)
    assert (known.known, known.passes) == ((difference(),), True)
    expired = decide([difference()], [entry(difference(), days=-1)], [], ASKED, TODAY)
    assert ([one.id for one, _ in expired.expired], expired.known, expired.passes) == ([difference().id], (), False)


def test_one_accepted_place_does_not_cover_the_next() -> None:
    other = difference(at="/b")
    decision = decide([difference(), other], [entry(difference())], [], ASKED, TODAY)
    assert (decision.known, decision.failing) == ((difference(),), (other,))


def test_what_is_accepted_and_gone_is_stale_when_it_was_asked_again() -> None:
    decision = decide([], [entry(difference())], [], ASKED, TODAY)
    assert [(one.id, why) for one, why in decision.stale] == [(difference().id, "asked again, and not seen any more")]
    assert not decision.passes


@pytest.mark.parametrize(
    ("absent", "asked"),
    [
        (entry(difference()), Asked(ASKED.verdicts, {"other/step"})),
        (entry(difference("CM-002")), ASKED),
        (entry(difference(), comes_and_goes=True), ASKED),
    ],
    ids=["its step was not asked", "its claim was not decided", "it comes and goes"],
)
def test_what_could_not_be_seen_is_not_stale(absent: Accepted, asked: Asked) -> None:
    decision = decide([], [absent], [], asked, TODAY)
    assert (decision.stale, decision.unseen, decision.passes) == ((), (absent,), True)


def test_an_entry_about_a_claim_that_is_gone_is_stale() -> None:
    decision = decide([], [entry(difference("CM-999"))], [], ASKED, TODAY)
    assert [why for _, why in decision.stale] == ["the ledger has no claim CM-999 any more"]


def test_what_an_earlier_run_had_is_known_and_when_gone_fixed() -> None:
    still, gone = difference(), difference(at="/b")
    decision = decide([still], [], [still, gone], ASKED, TODAY)
    assert (decision.known, decision.fixed, decision.passes) == ((still,), (gone,), True)


def test_a_doubtful_point_that_is_answered_otherwise_is_to_be_looked_at_and_lost_evidence_is_told() -> None:
    before = {"A": AS_READ, "B": "kept", "C": OTHERWISE, "D": "kept", "E": "kept", "U": "undecided"}
    after = {"A": OTHERWISE, "B": "undecided", "C": AS_READ, "D": "kept", "F": "kept", "U": "undecided"}
    about = dict.fromkeys("ABCDEFU", ("op", "Says.", "page:1"))
    found = verdict_changes("chatmaid", before, after, about, {"B": None})
    assert [(one.identity.at, one.severity) for one in found] == [
        ("A", Severity.UNKNOWN),
        ("B", Severity.WEAK),
        ("C", Severity.COMPATIBLE),
    ]


@pytest.mark.parametrize(
    ("answered", "closed", "unanswered", "passes"),
    [(True, True, 0, False), (False, False, 1, False), (None, False, 0, True)],
    ids=["its steps were answered", "they were not", "it rests on chance"],
)
def test_a_claim_that_was_decided_before_is_looked_at_or_asked_again_unless_chance_decides_it(
    answered: bool | None,  # noqa: FBT001 - a case of the table
    closed: bool,  # noqa: FBT001 - as above
    unanswered: int,
    passes: bool,  # noqa: FBT001 - as above
) -> None:
    about = {"A": ("op", "Says.", "page:1")}
    found = verdict_changes("chatmaid", {"A": "kept"}, {"A": "undecided"}, about, {"A": answered})
    decision = decide(found, [], [], ASKED, TODAY)
    assert (decision.closed, len(decision.unanswered), decision.passes) == (closed, unanswered, passes)
    assert len(decision.lost) == 1
