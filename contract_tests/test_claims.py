"""One item per claim: kept passes, broken fails with its proof, the rest is skipped with its reason."""

from __future__ import annotations

import pytest

from affidavit.catalog import Claim
from affidavit.finding import VerdictKind
from affidavit.pytest_plugin import Contract


def test_claim(contract: Contract, contract_claim: Claim) -> None:
    verdict = next(one for one in contract.result.verdicts if one.claim == contract_claim.id)
    if verdict.kind in {VerdictKind.UNDECIDED, VerdictKind.OBSERVED}:
        pytest.skip(f"{verdict.kind}: {verdict.reason}")
    if verdict.kind is VerdictKind.BROKEN:
        pytest.fail(contract.told(verdict), pytrace=False)
