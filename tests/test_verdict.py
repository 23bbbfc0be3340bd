"""A claim is broken by any finding, kept only when every check that decides it could judge, and else undecided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from affidavit.catalog import Claim, Row
from affidavit.evidence import Evidence
from affidavit.finding import Verdict, VerdictKind
from affidavit.verdict import MOST_PROOFS, judge
from tests.checks.hand_made import Talk, catalog

ACCOUNT_200 = Row("documented-status", {"operation": "getAccount"})
USAGE_200 = Row("documented-status", {"operation": "getUsage"})
NO_5XX = Row("no-server-error", {"operation": "getAccount"})


def verdict(talk: Talk, *rows: Row, observe: bool = False, **more: object) -> Verdict:
    """How a claim that these rows decide stands after a talk."""
    known = catalog("chatmaid")
    like = next(claim for claim in known.claims.values() if claim.decided_by)
    claim: Claim = replace(like, id="X-1", decided_by=rows, observe=observe, by_hand="", undecided="")
    claim = replace(claim, **more)  # type: ignore[arg-type]  # names are those of Claim
    (found,) = judge(replace(known, claims={"X-1": claim}), Evidence(tuple(talk.exchanges)))
    return found


def account(*statuses: int) -> Talk:
    talk = Talk()
    for status in statuses:
        talk.answered("getAccount", {}, status)
    return talk


def test_a_claim_is_kept_when_every_row_could_judge() -> None:
    talk = account(200).answered("getUsage", {})
    found = verdict(talk, ACCOUNT_200, USAGE_200)
    assert (found.kind, found.reason, found.evidence, found.judged) == (VerdictKind.KEPT, "", (1, 2), 2)


def test_one_row_without_evidence_leaves_the_claim_undecided_with_its_reason() -> None:
    found = verdict(account(200), ACCOUNT_200, USAGE_200)
    assert (found.kind, found.reason) == (VerdictKind.UNDECIDED, "the operation was not called")


def test_any_finding_breaks_it_even_where_another_row_saw_nothing() -> None:
    found = verdict(account(418), ACCOUNT_200, USAGE_200)
    assert (found.kind, found.reason, found.proven_at) == (VerdictKind.BROKEN, "", 1)
    assert [(one.got, one.exchanges) for one in found.findings] == [("status 418", (1,))]


def test_what_is_broken_now_and_then_has_its_rate_and_its_first_proof() -> None:
    found = verdict(account(200, 418, 200, 418), ACCOUNT_200)
    assert (found.kind, found.reason, found.proven_at) == (VerdictKind.BROKEN, "in 2 of 4 exchanges", 2)


def test_equal_findings_are_one_with_several_proofs_and_others_stay_apart() -> None:
    found = verdict(account(*[418] * 9, 419), ACCOUNT_200)
    assert [one.got for one in found.findings] == ["status 418", "status 419"]
    assert [len(one.exchanges) for one in found.findings] == [MOST_PROOFS, 1]


def test_a_doubtful_point_is_observed_whatever_came() -> None:
    assert verdict(account(200), ACCOUNT_200, observe=True).reason == "as the chosen reading has it"
    found = verdict(account(418), ACCOUNT_200, observe=True)
    assert found.kind is VerdictKind.OBSERVED
    assert found.reason.startswith("differs: status 418 (expected one of 200")
    assert found.proven_at == 0
    assert verdict(account(), ACCOUNT_200, observe=True).kind is VerdictKind.UNDECIDED


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [((429, 429), VerdictKind.UNDECIDED), ((429, 200), VerdictKind.KEPT), ((429, 500), VerdictKind.BROKEN)],
)
def test_answers_that_only_say_later_are_no_evidence(statuses: tuple[int, ...], kind: VerdictKind) -> None:
    found = verdict(account(*statuses), NO_5XX)
    assert found.kind is kind
    if kind is VerdictKind.UNDECIDED:
        assert found.reason == "every answer only said to come back later (429)"


def test_a_row_about_429_takes_them_for_evidence() -> None:
    row = Row("content-type", {"operation": "getAccount", "status": 429})
    talk = Talk().answered("getAccount", {}, 429, headers={"Content-Type": "application/json"})
    assert verdict(talk, row).kind is VerdictKind.KEPT


def test_what_no_check_decides_says_who_does_or_why_nobody_can() -> None:
    assert verdict(account(), by_hand="ask them").reason == "only by hand: ask them"
    assert verdict(account(), undecided="nobody says").reason == "nobody says"
    assert verdict(account(), undecided="nobody says").kind is VerdictKind.UNDECIDED
