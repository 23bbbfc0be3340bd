"""One contract run of one provider: play the probes through the one way out, then judge what was recorded.

    open_session ─► probe, probe, … ─► explore each operation ─► the bursts ─► finish ─► Result

`run` does all of it in order; the pytest plugin calls the same parts, one test item each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from affidavit.bridge import Properties
from affidavit.catalog import Catalog
from affidavit.client import BudgetSpentError, Client
from affidavit.clock import Clock, SystemClock, VirtualClock
from affidavit.documents import OPENAPI
from affidavit.errors import UsageError
from affidavit.evidence import Evidence
from affidavit.exchange import Delivery, Request
from affidavit.openapi_document import Operation
from affidavit.probes.flow import Answerer, Pause, Routes, Send, Skip, Steer, play
from affidavit.probes.script import Call, Probe
from affidavit.profile import MAIN
from affidavit.receiver import Receiver
from affidavit.recorder import Recorder
from affidavit.redaction import Redactor
from affidavit.safety import Policy
from affidavit.sandbox.server import SandboxServer
from affidavit.template import Scope
from affidavit.verdict import Result, judge

START = 1_800_000_000.0
"""Where the embedded sandbox's clock begins; its own time, so that a run is the same every day."""


@dataclass(frozen=True)
class Settings:
    """What one run was asked to do."""

    seed: int = 1
    target: str | None = None
    keys: Mapping[str, str] | None = None
    budget: int | None = None
    allowed: frozenset[str] = frozenset()
    examples: int = 15
    """Property tests: requests per operation and mode at most; 0 for none."""
    deviations: tuple[str, ...] = ()
    """Faults and variants of the embedded sandbox that are on."""


def ordered(catalog: Catalog) -> list[Probe]:
    """Probes in the order to play them: what others build on first, claims per request next, bursts last."""
    worth: dict[str, float] = {}
    for claim in catalog.claims.values():
        for name in {step.partition("/")[0] for row in claim.decided_by for step in row.steps}:
            worth[name] = worth.get(name, 0.0) + 4.0 - claim.priority
    probes = catalog.script.probes
    ranked = sorted(probes.values(), key=lambda one: (one.last, -worth.get(one.id, 0.0) / max(1, one.requests)))
    placed: dict[str, Probe] = {}

    def place(probe: Probe) -> None:
        for name in probe.after:
            place(probes[name])
        placed.setdefault(probe.id, probe)

    for probe in ranked:
        place(probe)
    return list(placed.values())


Progress = Callable[[str, int, int], None]
"""Told what is asked next, its number from 0, and how many there are."""


def run(catalog: Catalog, settings: Settings, out: Path, progress: Progress) -> Result:
    """Run one provider's contract. The record lands in `out`/run.ndjson."""
    with open_session(catalog, settings, out) as session:
        return session.play(progress)


@contextmanager
def open_session(catalog: Catalog, settings: Settings, out: Path) -> Iterator[Session]:
    """A session with its target: the one named, or an embedded sandbox started for it and stopped after it."""
    if settings.target is not None:
        keys = dict(settings.keys or {})
        if not keys.get(MAIN):
            raise UsageError(
                f"no key for {catalog.provider}: set {catalog.profile.key_env} or name a keys file with --keys"
            )
        yield Session(catalog, settings, out, SystemClock(), settings.target, keys, None, None)
        return
    clock = VirtualClock(START)
    token = sha256(f"receiver-{settings.seed}".encode()).hexdigest()
    with (
        Receiver(clock, token) as receiver,
        SandboxServer(
            catalog.provider,
            seed=settings.seed,
            clock=clock,
            webhook_prefix=receiver.base,
            deviations=settings.deviations,
        ) as server,
    ):
        yield Session(catalog, settings, out, clock, server.url, dict(server.keys), server, receiver)


class _SandboxClock:
    """The sandbox's clock; waiting on it lets due webhooks out at their moment."""

    def __init__(self, server: SandboxServer, clock: Clock) -> None:
        self._server, self._clock = server, clock

    def now(self) -> float:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._server.advance(seconds)


class Session:
    """One provider, one target, one record."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a run, put together in one place
        self,
        catalog: Catalog,
        settings: Settings,
        out: Path,
        clock: Clock,
        target: str,
        keys: dict[str, str],
        server: SandboxServer | None,
        receiver: Receiver | None,
    ) -> None:
        """Open the record; nothing is sent yet."""
        self.settings = settings
        self.catalog, self.server, self.receiver, self.target = catalog, server, receiver, target
        self.clock: Clock = _SandboxClock(server, clock) if server else clock
        self.skipped: dict[str, str] = {}
        manifest = {
            "provider": catalog.provider,
            "target": "embedded" if server else target,
            "seed": settings.seed,
            "roles": sorted(keys),
        }
        self.recorder = Recorder(out / "run.ndjson", manifest)
        self.redactor = Redactor(keys)
        self.client = Client(
            provider=catalog.provider,
            base=target,
            openapi=catalog.openapi,
            limit=catalog.profile.rate_limit,
            keys=keys,
            policy=Policy(embedded=server is not None, allowed=settings.allowed),
            clock=self.clock,
            recorder=self.recorder,
            redactor=self.redactor,
            budget=settings.budget,
        )
        profile = catalog.profile
        self.scope = Scope(
            now=self.clock.now,
            salt=f"{settings.seed}/{self.clock.now()}",
            keys=keys,
            number=profile.number,
            recipient=profile.recipient,
            recipients=profile.sandbox_recipients if server else {},
            bodies=catalog.script.bodies,
            variables={"receiver_url": receiver.url} if receiver else {},
        )
        operations = catalog.openapi.operations.values()
        self.routes = Routes(
            {one.id: (one.method, one.template) for one in operations},
            frozenset(one.id for one in operations if not one.needs_key),
        )

    def play(self, progress: Progress) -> Result:
        """Everything, in order."""
        probes = ordered(self.catalog)
        first = [one for one in probes if not one.last]
        properties = self.properties()
        total = len(probes) + len(properties)
        try:
            for index, probe in enumerate(first):
                progress(probe.id, index, total)
                self.probe(probe)
            for index, (operation, role) in enumerate(properties, len(first)):
                progress(f"properties of {operation.id}", index, total)
                self.explore(operation, role)
            for index, probe in enumerate(probes[len(first) :], len(first) + len(properties)):
                progress(probe.id, index, total)
                self.probe(probe)
        except BudgetSpentError as spent:
            return self.finish(str(spent))
        except BaseException:
            self.client.close()
            self.recorder.end(complete=False, reason="interrupted")
            raise
        return self.finish()

    def finish(self, stopped: str = "") -> Result:
        """Judge what was recorded; `stopped` says why not everything was asked."""
        self.client.close()
        for probe in self.catalog.script.probes if stopped else ():
            self.skipped.setdefault(probe, stopped)
        deliveries = self._deliveries()
        self.recorder.end(complete=not stopped, reason=stopped)
        evidence = Evidence(tuple(self.client.exchanges), deliveries, self.skipped, embedded=self.server is not None)
        return Result(judge(self.catalog, evidence), self.client.sent, evidence, not stopped, self.target)

    def properties(self) -> list[tuple[Operation, str]]:
        """The operations whose properties are tested, each with the key role to use."""
        return list(self._properties().operations()) if self.settings.examples else []

    def explore(self, operation: Operation, role: str) -> None:
        """Property tests of one operation: invented requests, valid and invalid."""
        self._properties().explore(operation, role, self.client.send)

    def _properties(self) -> Properties:
        return Properties(
            OPENAPI / self.catalog.provider / "openapi.yaml",
            self.catalog.openapi,
            dict(self.scope.keys),
            self.settings.seed,
            self.settings.examples,
        )

    def probe(self, probe: Probe) -> None:
        """Play one probe; steps that cannot be asked are noted with the reason."""
        have = {"control", "receiver", "virtual-time"} if self.server else set()
        lacking = sorted(probe.needs - have)
        if lacking:
            for step in probe.steps:
                if isinstance(step, Call):
                    self._skip(f"{probe.id}/{step.id}", f"needs {' and '.join(lacking)}, which only the sandbox has")
            return
        talk = play(probe, self.scope, self.routes)
        answer: Any = None
        try:
            while True:
                ask = talk.send(answer)
                answer = self._do(ask)
        except StopIteration:
            return

    def _do(self, ask: Any) -> Any:  # noqa: ANN401 - an Ask and its reply
        if isinstance(ask, Send):
            return self.client.send(ask)
        if isinstance(ask, Pause):
            self.clock.sleep(ask.seconds)
        elif isinstance(ask, Steer) and self.server:
            self.server.control(ask.action, dict(ask.arguments))
        elif isinstance(ask, Answerer) and self.receiver:
            self.receiver.program(ask.answers)  # type: ignore[arg-type]  # the script knows only statuses and silent
        elif isinstance(ask, Skip):
            self._skip(ask.source, ask.reason)
        return None

    def _skip(self, source: str, reason: str) -> None:
        self.skipped[source] = reason
        self.recorder.skip(source, reason)

    def _deliveries(self) -> tuple[Delivery, ...]:
        found = []
        hide = self.redactor.redact
        for number, arrival in enumerate(self.receiver.all() if self.receiver else (), 1):
            headers = tuple((name, hide(value)) for name, value in arrival.headers)
            request = Request("POST", arrival.path, arrival.path, (), headers, hide(arrival.body))
            answered = arrival.answered if isinstance(arrival.answered, int) else None
            one = Delivery(len(self.client.exchanges) + number, self.catalog.provider, arrival.at, request, answered)
            self.recorder.delivery(one)
            found.append(one)
        return tuple(found)
