"""Reasons are put together by what would decide the claims, so that a reader knows what to do."""

from __future__ import annotations

import pytest

from affidavit.catalog import Catalog
from affidavit.documents import load_catalog, providers
from affidavit.plan import Means, Planner
from affidavit.report.reasons import REMEDIES, grouped
from affidavit.safety import RISKS, Policy
from affidavit.session import Settings, means

WITHOUT_REMEDY = {"no probe asks for it; property tests may"}
CATALOGS = {name: load_catalog(name) for name in providers()}


def main_only(catalog: Catalog, **more: object) -> Means:
    key = f"{catalog.profile.main_prefix}0123456789abcdef"
    return means(catalog, Settings(target="http://127.0.0.1:1", keys={"main": key}, **more))  # type: ignore[arg-type]  # names and values are those of Settings


def remedy(reason: str) -> str | None:
    return next((one.needs for one in REMEDIES if one.pattern.fullmatch(reason)), None)


@pytest.mark.parametrize("budget", [None, 10])
@pytest.mark.parametrize("provider", providers())
def test_whatever_a_plan_leaves_open_has_a_remedy(provider: str, budget: int | None) -> None:
    catalog = CATALOGS[provider]
    found = Planner(catalog, main_only(catalog)).plan(budget).undecided
    reasons = {why for claim, why in found.items() if catalog.claims[claim].decided_by}
    assert len(reasons) > 3
    assert {why for why in reasons if remedy(why) is None} <= WITHOUT_REMEDY


@pytest.mark.parametrize("provider", providers())
def test_groups_leave_no_claim_out_and_name_every_missing_key(provider: str) -> None:
    catalog = CATALOGS[provider]
    found = Planner(catalog, main_only(catalog)).plan().undecided
    groups = grouped(catalog, found)
    assert sum(group.count for group in groups) == len(found)
    keys = next(group for group in groups if group.text.startswith("need another key"))
    assert keys.do == f"give it a line under [{provider}.keys] in the keys file"
    missing = {why.split("`")[1] for why in found.values() if why.startswith("needs the key role")}
    assert missing
    assert all(f"{role} (" in keys.text for role in missing)


def test_a_probe_that_lacks_only_the_receiver_says_how_to_give_one() -> None:
    catalog = CATALOGS["whatsapi"]
    everything = Means(dict.fromkeys(catalog.profile.roles, "key"), Policy(allowed=frozenset(RISKS)))
    found = [why for why in Planner(catalog, everything).plan().undecided.values() if "--receiver" in why]
    assert found
    assert {remedy(why) for why in found} == {"need a webhook receiver"}


def test_what_no_run_can_decide_is_told_apart_from_what_this_one_did_not_see() -> None:
    catalog = CATALOGS["chatmaid"]
    by_hand = next(claim for claim in catalog.claims.values() if claim.by_hand)
    silent = next(claim for claim in catalog.claims.values() if claim.undecided)
    open_now = [claim.id for claim in catalog.claims.values() if claim.decided_by][:3]
    reasons = {
        by_hand.id: "only by hand",
        silent.id: silent.undecided,
        **dict.fromkeys(open_now[:2], "a"),
        open_now[2]: "b",
    }
    assert [(group.count, group.text) for group in grouped(catalog, reasons)] == [
        (3, "got no evidence: a (2), b (1)"),
        (2, "no run can decide: 1 only a person can, 1 the documents leave open"),
    ]
