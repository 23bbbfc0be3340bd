"""One contract run of one provider: play the probes through the one way out, then judge what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from affidavit.probes.flow import Answerer, Pause, Routes, Send, Skip, Steer, play
from affidavit.probes.script import Call, Probe
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


def run(catalog: Catalog, settings: Settings, out: Path, progress: Callable[[str, int, int], None]) -> Result:
    """Run one provider's contract. The record lands in `out`/run.ndjson."""
    if settings.target is None:
        return _embedded(catalog, settings, out, progress)
    if not (settings.keys or {}).get("main"):
        raise UsageError(
            f"no key for {catalog.provider}: set {catalog.profile.key_env} or name a keys file with --keys"
        )
    session = _Session(catalog, settings, out, SystemClock(), settings.target, dict(settings.keys or {}), None, None)
    return session.play(progress)


def _embedded(catalog: Catalog, settings: Settings, out: Path, progress: Callable[[str, int, int], None]) -> Result:
    clock = VirtualClock(START)
    token = sha256(f"receiver-{settings.seed}".encode()).hexdigest()
    with Receiver(clock, token) as receiver:
        server = SandboxServer(catalog.provider, seed=settings.seed, clock=clock, webhook_prefix=receiver.base)
        with server:
            session = _Session(catalog, settings, out, clock, server.url, dict(server.keys), server, receiver)
            return session.play(progress)


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


class _Session:
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

    def play(self, progress: Callable[[str, int, int], None]) -> Result:
        complete, explored, probes = True, False, ordered(self.catalog)
        try:
            for index, probe in enumerate(probes):
                if probe.last and not explored:
                    explored = True
                    self._explore(progress)
                progress(probe.id, index, len(probes))
                self._probe(probe)
        except BudgetSpentError as spent:
            complete = False
            for probe in probes:
                self.skipped.setdefault(probe.id, str(spent))
        finally:
            self.client.close()
        deliveries = self._deliveries()
        self.recorder.end(complete=complete)
        evidence = Evidence(tuple(self.client.exchanges), deliveries, self.skipped, embedded=self.server is not None)
        return Result(judge(self.catalog, evidence), self.client.sent, evidence, complete, self.target)

    def _explore(self, progress: Callable[[str, int, int], None]) -> None:
        """Property tests: invented requests, valid and invalid, for every operation that bears repetition."""
        properties = Properties(
            OPENAPI / self.catalog.provider / "openapi.yaml",
            self.catalog.openapi,
            dict(self.scope.keys),
            self.settings.seed,
            self.settings.examples,
        )
        operations = list(properties.operations()) if self.settings.examples else []
        for index, (operation, role) in enumerate(operations):
            progress(f"properties of {operation.id}", index, len(operations))
            properties.explore(operation, role, self.client.send)

    def _probe(self, probe: Probe) -> None:
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
