"""One contract run of one provider: play the probes through the one way out, then judge what was recorded.

    open_session ─► probe, probe, … ─► explore each operation ─► the bursts ─► finish ─► Result

`run` does all of it in order; the pytest plugin calls the same parts, one test item each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
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
from affidavit.plan import Means, Plan, plan
from affidavit.probes.flow import Answerer, Pause, Routes, Send, Skip, Steer, play
from affidavit.probes.script import Probe
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


class _Steps:
    """Counts what is told; a second round of planning never shows more than there are."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._told = progress, total, 0

    def __call__(self, name: str) -> None:
        self._total = max(self._total, self._told + 1)
        self._progress(name, self._told, self._total)
        self._told += 1


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
        policy = Policy(embedded=server is not None, allowed=settings.allowed)
        self.means = Means(keys, policy, frozenset({"control", "receiver", "virtual-time"}) if server else frozenset())
        self.client = Client(
            provider=catalog.provider,
            base=target,
            openapi=catalog.openapi,
            limit=catalog.profile.rate_limit,
            keys=keys,
            policy=policy,
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

    def plan(self, done: AbstractSet[str] = frozenset(), reserved: int = 0) -> Plan:
        """What to ask with what the budget has left beside `reserved`, when the probes in `done` were asked."""
        budget = self.settings.budget
        left = None if budget is None else budget - self.client.sent - reserved
        return plan(self.catalog, self.means, left, done)

    def play(self, progress: Progress) -> Result:
        """Everything the budget allows: probes, then invented requests, then the bursts that spend a key's limit."""
        try:
            self._play(progress)
        except BudgetSpentError as spent:
            return self.finish(str(spent))
        except BaseException:
            self.client.close()
            self.recorder.end(complete=False, reason="interrupted")
            raise
        return self.finish()

    def _play(self, progress: Progress) -> None:
        planned, properties = self.plan(), self.properties()
        bursts = [probe for probe in planned.probes if probe.last]
        now = [probe for probe in planned.probes if not probe.last]
        reserved = sum(planned.costs[probe.id] for probe in bursts)
        done = {probe.id for probe in bursts}
        tell = _Steps(progress, len(planned.probes) + len(properties))
        while now:
            for probe in now:
                tell(probe.id)
                self.probe(probe)
            done |= {probe.id for probe in now}
            # What polls did not need is planned again: it may pay for probes that were left out.
            now = [probe for probe in self.plan(done, reserved).probes if not probe.last]
        for index, (operation, role) in enumerate(properties):
            tell(f"properties of {operation.id}")
            self.explore(operation, role, self._examples(reserved, len(properties) - index))
        for probe in bursts:
            tell(probe.id)
            self.probe(probe)
        for name, why in self.plan(done).left_out.items():
            self._skip(name, why)

    def _examples(self, reserved: int, operations: int) -> int:
        """Invented requests per mode: what was asked for, or this operation's share of what the budget has left."""
        if self.settings.budget is None:
            return self.settings.examples
        left = self.settings.budget - self.client.sent - reserved
        return min(self.settings.examples, left // (2 * operations))

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
        return list(self._properties(self.settings.examples).operations()) if self.settings.examples else []

    def explore(self, operation: Operation, role: str, examples: int | None = None) -> None:
        """Property tests of one operation: invented requests, valid and invalid, `examples` of each at most."""
        wanted = self.settings.examples if examples is None else examples
        if wanted > 0:
            self._properties(wanted).explore(operation, role, self.client.send)

    def _properties(self, examples: int) -> Properties:
        return Properties(
            OPENAPI / self.catalog.provider / "openapi.yaml",
            self.catalog.openapi,
            dict(self.scope.keys),
            self.settings.seed,
            examples,
        )

    def probe(self, probe: Probe) -> None:
        """Play one probe; steps that cannot be asked are noted with the reason."""
        lacking = sorted(probe.needs - self.means.powers)
        if lacking:
            self._skip(probe.id, f"needs {' and '.join(lacking)}, which only the sandbox has")
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
