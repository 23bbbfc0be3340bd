"""A contract run as pytest items: one per probe, per operation's properties, per walk over the links, and per claim.

A test that takes `contract_probe`, `contract_operation`, `contract_walk` or `contract_claim` runs once for each. All
items of a provider share one session, so that they build on each other like the steps of `affidavit run`; they come in
its order, whatever the order of the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from affidavit.catalog import Catalog, Claim
from affidavit.documents import providers
from affidavit.finding import Verdict
from affidavit.keys import chosen
from affidavit.openapi_document import Operation
from affidavit.plan import Plan, Planner
from affidavit.probes.script import Probe
from affidavit.report.files import write_body
from affidavit.report.replay import proof_of
from affidavit.sandbox.server import wearers
from affidavit.session import Session, Settings, means, open_session, replay_of
from affidavit.verdict import Result

PHASES = ("contract_probe", "contract_operation", "contract_walk", "contract_burst", "contract_claim")
"""What an item can be about, in the order of a run."""
_CHOSEN = pytest.StashKey[list[tuple[Catalog, Settings]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `affidavit run`."""
    group = parser.getgroup("affidavit", "contract runs")
    group.addoption("--provider", action="append", default=[], help="Provider; all of them when left out.")
    group.addoption("--target", help="Base URL; the embedded sandbox when left out and no key is given.")
    group.addoption("--keys-file", type=Path, help="TOML file with keys by role.")
    group.addoption("--budget", type=int, help="Most requests to send per provider.")
    group.addoption("--allow", action="append", default=[], help="Allow requests of this risk.")
    group.addoption("--run-seed", type=int, default=1, help="Seed of everything that varies.")
    group.addoption("--fault", action="append", default=[], help="Deviation of the embedded sandbox to put on.")
    group.addoption("--out", type=Path, help="Folder for the record; a temporary one when left out.")


@dataclass
class Contract:
    """One provider's session, opened with the first item that needs it and judged with the first claim."""

    catalog: Catalog
    settings: Settings
    folder: Path
    stack: ExitStack
    _session: Session | None = None
    _plan: Plan | None = None
    _result: Result | None = None

    @property
    def session(self) -> Session:
        """The session."""
        if self._session is None:
            self._session = self.stack.enter_context(open_session(self.catalog, self.settings, self.folder))
        return self._session

    @property
    def planned(self) -> Plan:
        """What the budget allows."""
        if self._plan is None:
            self._plan = self.session.plan()
        return self._plan

    @property
    def result(self) -> Result:
        """The verdicts; nothing can be asked any more."""
        if self._result is None:
            self._result = self.session.finish()
        return self._result

    def told(self, verdict: Verdict) -> str:
        """A broken claim in words, with its proof."""
        claim, finding = self.catalog.claims[verdict.claim], verdict.findings[0]
        proof = proof_of(self.session.client.exchanges, finding)
        lines = [f"{claim.id} {claim.says} [{claim.place}]", f"expected {finding.expected}", f"got      {finding.got}"]
        if proof:
            replay = replay_of(self.catalog, self.settings, self.session.sandbox_keys, self.folder)
            write_body(proof, replay)
            lines.append(replay.curl(proof))
        return "\n  ".join(lines)


def contracts_of(config: pytest.Config) -> list[tuple[Catalog, Settings]]:
    """The chosen providers, each with what its run was asked to do; read once."""
    if _CHOSEN in config.stash:
        return config.stash[_CHOSEN]
    option = config.getoption
    names, faults = tuple(option("--provider")), option("--fault")
    worn = wearers(names or providers(), faults) if faults else {}
    config.stash[_CHOSEN] = [
        (
            catalog,
            Settings(
                seed=option("--run-seed"),
                target=access.target,
                keys=access.keys,
                budget=option("--budget"),
                allowed=access.allowed | frozenset(option("--allow")),
                deviations=worn.get(catalog.provider, ()),
                recipient=access.recipient,
            ),
        )
        for catalog, access in chosen(names or tuple(worn), option("--target"), option("--keys-file"))
    ]
    return config.stash[_CHOSEN]


@pytest.fixture(scope="session")
def contracts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Contract]]:
    """Provider -> its contract."""
    folder = request.config.getoption("--out") or tmp_path_factory.mktemp("contract")
    with ExitStack() as stack:
        yield {
            catalog.provider: Contract(catalog, settings, folder / catalog.provider, stack)
            for catalog, settings in contracts_of(request.config)
        }


@pytest.fixture
def contract(contracts: dict[str, Contract], contract_provider: str) -> Contract:
    """The contract an item belongs to."""
    return contracts[contract_provider]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item for each probe, operation, walk and claim of the chosen providers."""
    phase = next((name for name in PHASES if name in metafunc.fixturenames), None)
    if phase is None:
        return
    rows = [
        (catalog.provider, row)
        for catalog, settings in contracts_of(metafunc.config)
        for row in _rows(phase, catalog, settings)
    ]
    names = [f"{provider}-{row if isinstance(row, str) else row.id}" for provider, row in rows]
    metafunc.parametrize(("contract_provider", phase), rows, ids=names)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the items of a run in its order, provider by provider; other items come before them.

    When pytest-xdist shares the work out by groups, all items of a provider go to one worker.
    """
    items.sort(key=_place)
    for item in items:
        provider, _ = _place(item)
        if provider:
            item.add_marker(pytest.mark.xdist_group(f"contract of {provider}"))


def _place(item: pytest.Item) -> tuple[str, int]:
    spec = getattr(item, "callspec", None)
    phase = next((name for name in PHASES if spec and name in spec.params), None)
    return (spec.params["contract_provider"], PHASES.index(phase)) if spec and phase else ("", 0)


def _rows(phase: str, catalog: Catalog, settings: Settings) -> Sequence[Probe | Operation | Claim | str]:
    if phase == "contract_claim":
        return list(catalog.claims.values())
    if phase == "contract_operation":
        return list(catalog.openapi.operations.values())
    if phase == "contract_walk":
        return ["links"]
    ordered = Planner(catalog, means(catalog, settings)).plan().probes
    rest = [probe for probe in catalog.script.probes.values() if probe not in ordered]
    return [probe for probe in (*ordered, *rest) if probe.last == (phase == "contract_burst")]
