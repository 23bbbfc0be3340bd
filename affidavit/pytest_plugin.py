"""A contract run as pytest items: one per probe, per operation's properties, per walk over the links, and per claim.

A test that takes `contract_probe`, `contract_operation`, `contract_walk` or `contract_claim` runs once for each. All
items of a provider share one session, so that they build on each other like the steps of `affidavit run`; they come in
its order, whatever the order of the files.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from affidavit.catalog import Catalog, Claim
from affidavit.client import BudgetSpentError
from affidavit.documents import providers
from affidavit.errors import AffidavitError, UsageError, unusable
from affidavit.finding import Verdict
from affidavit.keys import chosen
from affidavit.openapi_document import Operation
from affidavit.plan import Plan, Planner
from affidavit.probes.script import Probe
from affidavit.report.files import write_body, write_results
from affidavit.report.replay import Replay, proof_of
from affidavit.safety import RISKS
from affidavit.sandbox.server import wearers
from affidavit.session import Session, Settings, default_examples, means, open_session, replay_of
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
    group.addoption(
        "--allow", action="append", default=[], choices=RISKS[2:], help="Allow requests of this risk on a real target."
    )
    group.addoption("--run-seed", type=int, default=1, help="Seed of everything that varies.")
    group.addoption("--fault", action="append", default=[], help="Deviation of the embedded sandbox to put on.")
    group.addoption("--out", type=Path, help="Folder for the record; a temporary one when left out.")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse wrong options before anything is collected."""
    if any(config.getoption(name) for name in ("--provider", "--target", "--keys-file", "--fault")):
        try:
            contracts_of(config)
        except AffidavitError as problem:
            raise pytest.UsageError(f"affidavit: {problem}") from problem


@dataclass
class Contract:
    """One provider's session, opened with the first item that needs it and judged with the first claim."""

    catalog: Catalog
    settings: Settings
    folder: Path
    stack: ExitStack

    @cached_property
    def session(self) -> Session:
        """The session."""
        try:
            return self.stack.enter_context(open_session(self.catalog, self.settings, self.folder))
        except OSError as problem:
            raise unusable(problem) from problem

    @cached_property
    def planned(self) -> Plan:
        """What the budget allows, each probe as one item."""
        return self.session.plan(whole=True)

    @cached_property
    def replay(self) -> Replay:
        """How a request of this run can be sent again."""
        return replay_of(self.catalog, self.settings, self.session.sandbox_keys, self.folder)

    @cached_property
    def result(self) -> Result:
        """The verdicts of a whole run: what no item has asked is asked now, and nothing after."""
        result = self.session.play()
        try:
            write_results(self.folder, self.catalog, result, self.replay)
        except OSError as problem:
            raise unusable(problem) from problem
        return result

    def broken_by(self, source: str) -> str:
        """The broken claims that one item's own exchanges prove, in words; the item is skipped when it has none."""
        if not any(f"{one.source}/".startswith(f"{source}/") for one in self.session.client.exchanges):
            why = [reason for step, reason in self.session.skipped.items() if f"{step}/".startswith(f"{source}/")]
            pytest.skip(why[0] if why else "the budget has nothing left for it")
        return "\n".join(map(self.told, self.session.broken_by(source)))

    def told(self, verdict: Verdict) -> str:
        """A broken claim in words, with its proof."""
        claim, finding = self.catalog.claims[verdict.claim], verdict.findings[0]
        proof = proof_of(self.session.client.exchanges, finding)
        lines = [f"{claim.id} {claim.says} [{claim.place}]", f"expected {finding.expected}", f"got      {finding.got}"]
        if proof:
            write_body(proof, self.replay)
            lines.append(self.replay.curl(proof))
        return "\n  ".join(lines)


def contracts_of(config: pytest.Config) -> list[tuple[Catalog, Settings]]:
    """The chosen providers, each with what its run was asked to do; read once."""
    if _CHOSEN in config.stash:
        return config.stash[_CHOSEN]
    option = config.getoption
    names, faults = tuple(option("--provider")), option("--fault")
    worn = wearers(names or providers(), faults) if faults else {}
    reached = list(chosen(names or tuple(worn), option("--target"), option("--keys-file")))
    if faults and any(access.target for _, access in reached):
        raise UsageError(f"--fault {faults[0]} needs the embedded sandbox; leave --target and keys out")
    config.stash[_CHOSEN] = [
        (
            catalog,
            Settings(
                seed=option("--run-seed"),
                target=access.target,
                keys=access.keys,
                budget=option("--budget"),
                examples=default_examples(access.target),
                allowed=access.allowed | frozenset(option("--allow")),
                deviations=worn.get(catalog.provider, ()),
                recipient=access.recipient,
            ),
        )
        for catalog, access in reached
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
    with _told_plainly():
        contracts = contracts_of(metafunc.config)
    rows = [(catalog.provider, row) for catalog, settings in contracts for row in _rows(phase, catalog, settings)]
    names = [f"{provider}-{row if isinstance(row, str) else row.id}" for provider, row in rows]
    metafunc.parametrize(("contract_provider", phase), rows, ids=names)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """An item that the budget has nothing left for is skipped; what makes a run impossible ends it."""
    if not _phase(item):
        return (yield)
    with _told_plainly():
        return (yield)


@contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except BudgetSpentError as spent:
        pytest.skip(str(spent))
    except AffidavitError as problem:
        pytest.exit(f"affidavit: {problem}", returncode=problem.exit_code)


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
    phase = _phase(item)
    return (item.callspec.params["contract_provider"], PHASES.index(phase)) if phase else ("", 0)  # type: ignore[attr-defined]  # an item with a phase has parameters


def _phase(item: pytest.Item) -> str | None:
    spec = getattr(item, "callspec", None)
    return next((name for name in PHASES if spec and name in spec.params), None)


def _rows(phase: str, catalog: Catalog, settings: Settings) -> Sequence[Probe | Operation | Claim | str]:
    if phase == "contract_claim":
        return list(catalog.claims.values())
    if phase == "contract_operation":
        return list(catalog.openapi.operations.values())
    if phase == "contract_walk":
        return ["links"]
    ordered = [turn.probe for turn in Planner(catalog, means(catalog, settings)).plan(whole=True).turns]
    rest = [probe for probe in catalog.script.probes.values() if probe not in ordered]
    return [probe for probe in (*ordered, *rest) if probe.last == (phase == "contract_burst")]
