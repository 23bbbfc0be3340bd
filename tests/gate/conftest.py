"""Runs on the embedded sandbox, each made once, judged."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from affidavit import session
from affidavit.documents import load_catalog
from affidavit.gate.assessment import Judged
from affidavit.session import Settings, run

RunOf = Callable[..., Judged]
DEAR = 200


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> RunOf:
    """A judged run of the embedded sandbox: with a fault, another seed, another clock, invented requests."""

    @cache
    def made(
        provider: str = "chatmaid", fault: str = "", seed: int = 1, start: float = 0.0, examples: int = 0
    ) -> Judged:
        catalog = load_catalog(provider)
        dear = {name for name, one in catalog.script.probes.items() if one.last and one.requests > DEAR}
        folder: Path = tmp_path_factory.mktemp("run")
        deviations = (fault,) if fault else ()
        settings = Settings(seed=seed, examples=examples, deviations=deviations, leave_out=frozenset(dear))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session, "START", session.START + start)
            result = run(catalog, settings, folder, lambda *_: None)
        return Judged(catalog, result.evidence, result.verdicts, "embedded")

    return made
