"""Every check bites, no check barks.

A fault breaks exactly the claims its row in `<provider>.yaml` names; a variant, and the faithful sandbox under any
seed, breaks none. Claims nobody could have decided (they need what the embedded sandbox lacks) are not asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml

from affidavit.catalog import Catalog
from affidavit.documents import load_catalog, providers
from affidavit.finding import VerdictKind
from affidavit.sandbox.server import PROVIDERS
from affidavit.session import Settings, run
from affidavit.verdict import Result

HERE = Path(__file__).parent
SEEDS = range(2, 12)


def expected(provider: str) -> Mapping[str, list[str]]:
    """Fault -> claims it breaks, as written down."""
    path = HERE / f"{provider}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


@cache
def catalog(provider: str) -> Catalog:
    """Read once: it takes as long as a run."""
    return load_catalog(provider)


def contract(provider: str, folder: Path, *deviations: str, seed: int = 1) -> Result:
    """The verdicts with the deviations on."""
    settings = Settings(seed=seed, examples=0, deviations=deviations)
    return run(catalog(provider), settings, folder, lambda *_: None)


def broken(result: Result) -> dict[str, str]:
    """Broken claims with their first finding."""
    return {
        one.claim: f"{one.findings[0].expected} / {one.findings[0].got}"
        for one in result.verdicts
        if one.kind is VerdictKind.BROKEN
    }


@pytest.mark.parametrize(("provider", "name"), [(p, name) for p in providers() for name in PROVIDERS[p].faults])
def test_a_fault_breaks_exactly_the_claims_it_names(provider: str, name: str, tmp_path: Path) -> None:
    assert sorted(broken(contract(provider, tmp_path, name))) == sorted(expected(provider)[name])


@pytest.mark.parametrize(("provider", "name"), [(p, name) for p in providers() for name in PROVIDERS[p].variants])
def test_a_variant_breaks_nothing(provider: str, name: str, tmp_path: Path) -> None:
    assert broken(contract(provider, tmp_path, name)) == {}


@pytest.mark.parametrize(("provider", "seed"), [(p, seed) for p in providers() for seed in SEEDS])
def test_the_faithful_sandbox_breaks_nothing(provider: str, seed: int, tmp_path: Path) -> None:
    assert broken(contract(provider, tmp_path, seed=seed)) == {}


@pytest.mark.parametrize("provider", providers())
def test_every_row_has_its_fault_and_every_fault_its_row(provider: str) -> None:
    assert sorted(expected(provider)) == sorted(PROVIDERS[provider].faults)
    assert all(expected(provider).values())
