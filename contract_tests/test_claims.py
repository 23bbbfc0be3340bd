"""One item per claim: kept passes, broken fails, the rest is skipped with its reason."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from affidavit.documents import load_catalog, providers
from affidavit.finding import Verdict, VerdictKind
from affidavit.session import Settings, run


@cache
def verdicts(provider: str) -> dict[str, Verdict]:
    """The verdicts of one run on the embedded sandbox, made once."""
    result = run(load_catalog(provider), Settings(), Path(mkdtemp()), lambda *_: None)
    return {one.claim: one for one in result.verdicts}


@pytest.mark.parametrize(
    ("provider", "claim"), [(name, claim) for name in providers() for claim in load_catalog(name).claims]
)
def test_claim(provider: str, claim: str) -> None:
    verdict = verdicts(provider)[claim]
    if verdict.kind in {VerdictKind.UNDECIDED, VerdictKind.OBSERVED}:
        pytest.skip(f"{verdict.kind}: {verdict.reason}")
    assert verdict.findings == ()
