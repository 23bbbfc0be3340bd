"""The plan: never dearer than its budget, never wrong about what a run with it can decide."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.clock import VirtualClock
from affidavit.documents import load_catalog, providers
from affidavit.finding import VerdictKind
from affidavit.plan import Means, Planner
from affidavit.probes.parts import references
from affidavit.profile import MAIN
from affidavit.safety import FREE_RISKS, Policy, risk_of
from affidavit.sandbox.server import SandboxServer
from affidavit.session import SANDBOX_POWERS, START, Session, Settings, run

CATALOGS = {name: load_catalog(name) for name in providers()}


def embedded(provider: str) -> Means:
    return Means(dict.fromkeys(CATALOGS[provider].profile.roles, ""), Policy(embedded=True), SANDBOX_POWERS)


@settings(deadline=None, max_examples=25)
@given(provider=st.sampled_from(providers()), budget=st.integers(0, 400), whole=st.booleans())
def test_a_plan_keeps_to_its_budget_and_to_the_order_of_steps(provider: str, budget: int, *, whole: bool) -> None:
    planner = Planner(CATALOGS[provider], embedded(provider))
    planned = planner.plan(budget, whole=whole)
    assert planned.requests <= budget
    steps = [name for turn in planned.turns for name in references(turn.probe)]
    assert len(set(steps)) == len(steps)
    every = CATALOGS[provider].whole_parts if whole else CATALOGS[provider].parts
    before = {step: part.after for part in every for step in part.steps}
    for place, name in enumerate(steps):
        assert {one for one in before[name] if not planner.obstacles[one]} <= set(steps[:place])
    assert [turn.probe.last for turn in planned.turns] == sorted(turn.probe.last for turn in planned.turns)
    named = {step for name in planned.left_out for step in steps_of(provider, name)}
    assert {*steps, *named} == {step for name in CATALOGS[provider].script.probes for step in steps_of(provider, name)}


def steps_of(provider: str, name: str) -> tuple[str, ...]:
    """The steps of a probe, or the one that is named."""
    return (name,) if "/" in name else references(CATALOGS[provider].script.probes[name])


@pytest.mark.parametrize("provider", providers())
def test_a_larger_budget_decides_no_less_in_the_end(provider: str) -> None:
    everything = Planner(CATALOGS[provider], embedded(provider)).plan()
    assert not [why for why in everything.left_out.values() if "budget" in why]
    assert len(Planner(CATALOGS[provider], embedded(provider)).plan(60).decided) < len(everything.decided)


@pytest.mark.parametrize("provider", providers())
def test_on_the_sandbox_a_probe_asks_for_every_claim_that_checks_decide(provider: str) -> None:
    undecided = Planner(CATALOGS[provider], embedded(provider)).plan().undecided
    assert not {name: why for name, why in undecided.items() if CATALOGS[provider].claims[name].decided_by}


@pytest.mark.parametrize("provider", providers())
def test_probes_kept_whole_are_asked_with_all_their_steps(provider: str) -> None:
    planned = Planner(CATALOGS[provider], embedded(provider)).plan(whole=True)
    assert [turn.probe for turn in planned.turns] == list(planned.of.values())
    assert {turn.probe.id: turn.probe for turn in planned.turns} == CATALOGS[provider].script.probes


@pytest.mark.parametrize("provider", providers())
@pytest.mark.parametrize("budget", [21, 100])
def test_a_run_mostly_decides_what_its_plan_expects(provider: str, budget: int, tmp_path: Path) -> None:
    catalog = CATALOGS[provider]
    result = run(catalog, Settings(budget=budget, examples=0), tmp_path, lambda *_: None)
    assert result.sent == len(result.evidence.exchanges) <= budget
    open_ones = {one.claim for one in result.verdicts if one.kind is VerdictKind.UNDECIDED}
    promised = set(Planner(catalog, embedded(provider)).plan(budget).decided)
    assert len(promised & open_ones) <= len(promised) * 0.15


@pytest.mark.parametrize("provider", providers())
def test_with_one_key_nothing_risky_is_planned(provider: str) -> None:
    catalog = CATALOGS[provider]
    key = f"{catalog.profile.main_prefix or 'sk_live_'}1"
    planned = Planner(catalog, Means({MAIN: key}, Policy())).plan()
    for turn in planned.turns:
        assert not turn.probe.needs
    for claim, why in planned.undecided.items():
        assert why, claim
    wide = Policy(allowed=frozenset({"real-message", "account-change"}))
    whole = Planner(catalog, Means({MAIN: key}, wide)).plan()
    assert len(whole.decided) >= len(planned.decided)


def test_the_risk_of_a_step_is_read_from_its_template() -> None:
    operation = CATALOGS["whatsapi"].openapi.operations["sendMessage"]
    assert risk_of(operation, "sk_live_1", {"to": "{recipient}", "dry_run": True}) in FREE_RISKS
    assert risk_of(operation, "sk_live_1", {"to": "{recipient}"}) == "real-message"


@pytest.mark.parametrize("item", [None, [], 1, [{"to": "1"}], {"to": "1"}, {"to": "1", "dry_run": 1}])
def test_a_bulk_is_simulated_only_when_every_item_says_so(item: object) -> None:
    operation = CATALOGS["whatsapi"].openapi.operations["sendBulk"]
    simulated = {"to": "1", "dry_run": True}
    assert risk_of(operation, "sk_live_1", {"messages": [simulated, simulated]}) == "simulated"
    assert risk_of(operation, "sk_live_1", {"messages": [simulated, item]}) == "real-message"
    assert risk_of(operation, "sk_live_1", {"messages": []}) == "real-message"


@pytest.mark.parametrize(("budget", "share"), [(22, 0.9), (25, 0.95)])
def test_a_free_key_proves_what_matters_most_within_one_window(budget: int, share: float, tmp_path: Path) -> None:
    """Of what that key can prove at all, of priority 1; the wait is one window of the clock."""
    everything, _ = free_key_run(None, tmp_path)
    decided, seconds = free_key_run(budget, tmp_path)
    assert len(decided & everything) >= share * len(everything)
    assert seconds <= 61


def free_key_run(budget: int | None, folder: Path) -> tuple[set[str], float]:
    """Priority-1 claims decided on a server with one free key, and the seconds it took."""
    catalog, clock = CATALOGS["whatsapi"], VirtualClock(START)
    with SandboxServer("whatsapi", clock=clock) as server:
        keys = {MAIN: server.keys["free"]}
        settings = Settings(target=server.url, keys=keys, examples=0, budget=budget)
        result = Session(catalog, settings, folder, clock, server.url, keys, None, None).play(lambda *_: None)
    decided = {one.claim for one in result.verdicts if one.judged and one.kind is not VerdictKind.UNDECIDED}
    return {name for name in decided if catalog.claims[name].priority == 1}, clock.now() - START
