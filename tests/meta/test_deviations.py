"""Every check bites, no check barks.

A fault breaks exactly the claims its row in `<provider>.yaml` names; a variant, and the faithful sandbox under any
seed, breaks none. Claims nobody could have decided (they need what the embedded sandbox lacks) are not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml

from affidavit.catalog import Catalog
from affidavit.documents import load_catalog, providers
from affidavit.finding import VerdictKind
from affidavit.sandbox.server import PROVIDERS
from affidavit.score import Trial
from affidavit.session import Settings, run
from affidavit.trials import attempt
from affidavit.verdict import Result

HERE = Path(__file__).parent
SEEDS = range(2, 12)

FAULTS = [Trial(one, "fault", name, row.family) for one in providers() for name, row in PROVIDERS[one].faults.items()]
VARIANTS = [
    Trial(one, "variant", name, row.family) for one in providers() for name, row in PROVIDERS[one].variants.items()
]
FAITHFUL = [Trial(one, "seed", str(seed), "") for one in providers() for seed in SEEDS]

UNTOUCHED: Mapping[str, Mapping[str, str]] = {"chatmaid": {}, "whatsapi": {}}
"""Provider -> claim the faithful sandbox keeps and no fault breaks -> why not."""

NOW_AND_THEN = "sometimes-"
"""Of a fault that shows on every so-many-th answer alone, the row names what it can break: on which answers it falls
depends on the order of the requests, which the plan is free to choose."""

SOMETIMES = {
    "sometimes-no-recipient-shown": ("CM-056", 3),
    "sometimes-moments-cut": ("CM-090", 4),
}
"""Fault of Chatmaid that shows now and then -> a claim it breaks, and on every how-many-th answer."""


def named(trial: Trial) -> str:
    """How a trial is called on the command line."""
    return f"{trial.provider}-{trial.name}"


def expected(provider: str) -> Mapping[str, list[str]]:
    """Fault -> claims it breaks, as written down."""
    path = HERE / f"{provider}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


@cache
def catalog(provider: str) -> Catalog:
    """Read once: it takes as long as a run."""
    return load_catalog(provider)


def contract(provider: str, folder: Path, *deviations: str) -> Result:
    """The verdicts with the deviations on."""
    settings = Settings(examples=0, deviations=deviations)
    return run(catalog(provider), settings, folder, lambda *_: None)


@pytest.mark.parametrize("trial", FAULTS, ids=named)
def test_a_fault_breaks_exactly_the_claims_it_names(trial: Trial) -> None:
    broken, named = set(attempt(trial).broken), set(expected(trial.provider)[trial.name])
    if trial.name.startswith(NOW_AND_THEN):
        assert broken
        assert broken <= named
    else:
        assert sorted(broken) == sorted(named)


@pytest.mark.parametrize("trial", VARIANTS, ids=named)
def test_a_variant_breaks_nothing(trial: Trial) -> None:
    assert attempt(trial).broken == ()


@pytest.mark.parametrize("trial", FAITHFUL, ids=named)
def test_the_faithful_sandbox_breaks_nothing(trial: Trial) -> None:
    assert attempt(trial).broken == ()


@pytest.mark.parametrize(("fault", "claim", "every"), [(fault, *shown) for fault, shown in SOMETIMES.items()])
def test_what_is_broken_now_and_then_is_broken_with_its_rate(
    fault: str, claim: str, every: int, tmp_path: Path
) -> None:
    verdicts = {one.claim: one for one in contract("chatmaid", tmp_path, fault).verdicts}
    assert verdicts[claim].kind is VerdictKind.BROKEN
    told = re.fullmatch(r"in (\d+) of (\d+) exchanges", verdicts[claim].reason)
    assert told is not None, verdicts[claim].reason
    broken, judged = map(int, told.groups())
    # Refused and unreadable answers count for the turn, and are not judged.
    assert broken == pytest.approx(judged / every, rel=0.3)


@pytest.mark.parametrize("provider", UNTOUCHED)
def test_every_claim_that_is_kept_is_broken_by_a_fault_or_says_why_not(provider: str, tmp_path: Path) -> None:
    verdicts = contract(provider, tmp_path).verdicts
    kept = {one.claim for one in verdicts if one.kind is VerdictKind.KEPT}
    broken = {claim for claims in expected(provider).values() for claim in claims}
    assert sorted(kept - broken) == sorted(UNTOUCHED[provider])


@pytest.mark.parametrize("provider", providers())
def test_every_row_has_its_fault_and_every_fault_its_row(provider: str) -> None:
    assert sorted(expected(provider)) == sorted(PROVIDERS[provider].faults)
    assert all(expected(provider).values())
