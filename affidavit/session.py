"""One contract run of one provider: play the probes through the one way out, then judge what was recorded.

    open_session ─► probe, probe, … ─► explore each operation ─► the bursts ─► finish ─► Result

`run` does all of it in order; the pytest plugin calls the same parts, one test item each.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from affidavit.bridge import Properties
from affidavit.catalog import Catalog
from affidavit.client import BudgetSpentError, Client
from affidavit.clock import Clock, SystemClock, VirtualClock
from affidavit.documents import OPENAPI, digests
from affidavit.errors import AffidavitError, IncompleteError, KeysError, SandboxError, TargetError, UsageError
from affidavit.evidence import Evidence
from affidavit.exchange import ABSENT, Delivery, Request
from affidavit.finding import Verdict, VerdictKind
from affidavit.known import Known
from affidavit.openapi_document import Operation
from affidavit.plan import Means, Plan, Planner, lacking_powers
from affidavit.pointer import put
from affidavit.probes.flow import Answerer, Pause, Reply, Routes, Send, Skip, Steer, play
from affidavit.probes.parts import references
from affidavit.probes.script import Probe
from affidavit.profile import MAIN
from affidavit.receiver import Receiver
from affidavit.recorded import EMBEDDED_TARGET
from affidavit.recorder import RECORD, Recorder
from affidavit.redaction import Redactor
from affidavit.report.replay import EMBEDDED, Replay
from affidavit.safety import Policy
from affidavit.sandbox.model import UnknownControlError
from affidavit.sandbox.server import SandboxServer, default_url
from affidavit.template import Scope
from affidavit.verdict import Result, judge
from affidavit.words import counted

START = 1_800_000_000.0
"""Where the embedded sandbox's clock begins; its own time, so that a run is the same every day."""

DEFAULT_SEED = 1
EMBEDDED_EXAMPLES, TARGET_EXAMPLES = 15, 2
"""Invented requests per operation and mode: the embedded sandbox costs nothing, a target's limit is dear."""
WALKED_PER_EXAMPLE = 6
"""Requests of all walks over the links together, for each example that an operation gets."""
SANDBOX_POWERS = frozenset({"control", "receiver", "virtual-time"})
ANYBODY = ("normal", "stranger")
"""Names of magic recipients that on a real target anybody will do for."""
UNAUTHORIZED = 401
PATIENCE = 3
"""Answers, or failures to get one, after which a target or key that gave nothing usable is given up."""


@dataclass(frozen=True)
class Settings:
    """What one run was asked to do."""

    seed: int = DEFAULT_SEED
    target: str | None = None
    keys: Mapping[str, str] | None = None
    budget: int | None = None
    allowed: frozenset[str] = frozenset()
    examples: int = EMBEDDED_EXAMPLES
    """Property tests: requests per operation and mode at most; 0 for none, and for no walk either."""
    deviations: tuple[str, ...] = ()
    """Faults and variants of the embedded sandbox that are on."""
    leave_out: frozenset[str] = frozenset()
    """Probes not to ask."""
    recipient: str | None = None
    """Digits of who gets messages instead of the reserved number."""
    receiver: tuple[str, int] | None = None
    """Public base address for webhooks, and the local port it forwards to."""
    command: tuple[str, ...] = ()
    """How the run was called, for the record."""
    direct: bool = False
    """Whether the embedded sandbox is asked in memory, which is faster than over a socket."""
    what: str = "contract"
    """What kind of run it is, for the record."""


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
        with (
            _public_receiver(settings) as taker,
            closing(Session(catalog, settings, out, SystemClock(), settings.target, keys, None, taker)) as session,
        ):
            yield session
        return
    clock = VirtualClock(START)
    token = sha256(f"receiver-{settings.seed}".encode()).hexdigest()
    with (
        Receiver(clock, token, silence=0) as receiver,
        SandboxServer(
            catalog.provider,
            seed=settings.seed,
            clock=clock,
            webhook_prefix=receiver.base,
            deviations=settings.deviations,
        ) as server,
        closing(Session(catalog, settings, out, clock, server.url, dict(server.keys), server, receiver)) as session,
    ):
        yield session


@contextmanager
def _public_receiver(settings: Settings) -> Iterator[Receiver | None]:
    if settings.receiver is None:
        yield None
        return
    with Receiver(SystemClock(), token_urlsafe(24), port=settings.receiver[1]) as receiver:
        yield receiver


def default_examples(target: str | None) -> int:
    """How many requests to invent when nobody said."""
    return EMBEDDED_EXAMPLES if target is None else TARGET_EXAMPLES


def means(catalog: Catalog, settings: Settings) -> Means:
    """What a run with these settings has to ask with."""
    policy = Policy(settings.target is None, settings.allowed, frozenset({settings.recipient} - {None}))  # type: ignore[arg-type]  # None is taken out
    if settings.target is None:
        return Means(dict.fromkeys(catalog.profile.roles, ""), policy, SANDBOX_POWERS)
    return Means(settings.keys or {}, policy, frozenset({"receiver"}) if settings.receiver else frozenset())


def replay_of(catalog: Catalog, settings: Settings, sandbox_keys: Mapping[str, str], folder: Path) -> Replay:
    """How the requests of a run can be sent again; those to the embedded sandbox go to one that has to be started."""
    variable, bodies = catalog.profile.key_env, folder / "bodies"
    if settings.target:
        return Replay(variable, bodies, settings.target)
    command = f"affidavit sandbox --provider {catalog.provider}"
    command += f" --seed {settings.seed}" if settings.seed != DEFAULT_SEED else ""
    command += "".join(f" --fault {name}" for name in settings.deviations)
    where = EMBEDDED + (f" with {', '.join(settings.deviations)}" if settings.deviations else "")
    return Replay(variable, bodies, where, default_url(catalog.provider), sandbox_keys, command)


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
        self._played = {step for name in settings.leave_out for step in references(catalog.script.probes[name])}
        self._explored: set[str] = set()
        self._walked = False
        self._result: Result | None = None
        self.means = replace(means(catalog, settings), keys=keys)
        self.planner = Planner(catalog, self.means)
        self.recorder = Recorder(out / RECORD, self._manifest(keys))
        self.redactor = Redactor(keys)
        self.known = Known(catalog.openapi)
        self.client = Client(
            provider=catalog.provider,
            base=target,
            openapi=catalog.openapi,
            limit=catalog.profile.rate_limit,
            keys=keys,
            policy=self.means.policy,
            polite=target == catalog.profile.url,
            clock=self.clock,
            recorder=self.recorder,
            redactor=self.redactor,
            budget=settings.budget,
            direct=server.ask if server and settings.direct else None,
        )
        profile = catalog.profile
        self.scope = Scope(
            now=self.clock.now,
            salt=f"{settings.seed}/{self.clock.now()}",
            keys=keys,
            number=profile.number,
            recipient=settings.recipient or profile.recipient,
            recipients=profile.sandbox_recipients
            if server
            else dict.fromkeys(ANYBODY, settings.recipient or profile.recipient),
            bodies=catalog.script.bodies,
            variables={"receiver_url": self._receiver_url(receiver)} if receiver else {},
        )
        operations = catalog.openapi.operations.values()
        self.routes = Routes(
            {one.id: (one.method, one.template) for one in operations},
            frozenset(one.id for one in operations if not one.needs_key),
        )

    def _receiver_url(self, receiver: Receiver) -> str:
        return self.settings.receiver[0] + receiver.path if self.settings.receiver else receiver.url

    def _manifest(self, keys: Mapping[str, str]) -> dict[str, Any]:
        profile, settings = self.catalog.profile, self.settings
        main = keys.get(MAIN, "")
        return {
            "what": settings.what,
            "provider": self.catalog.provider,
            "target": EMBEDDED_TARGET if self.server else self.target,
            "affidavit": version("affidavit"),
            "python": platform.python_version(),
            "documents": digests(self.catalog.provider),
            "seed": settings.seed,
            "budget": settings.budget,
            "roles": sorted(keys),
            "key_kind": profile.main_prefix if profile.main_prefix and main.startswith(profile.main_prefix) else "any",
            "allowed": sorted(settings.allowed),
            "deviations": list(settings.deviations),
            "command": [Redactor(keys).redact(word) for word in settings.command],
            "started": self.clock.now(),
        }

    @property
    def skipped(self) -> Mapping[str, str]:
        """`probe/step` -> why it was not asked."""
        return self.recorder.skipped

    @property
    def _limits(self) -> Mapping[str, int]:
        """Role -> the limit its answers last announced, of those that the plan depends on."""
        return {role: limit for role, limit in self.client.limits.items() if role in self.planner.flooded}

    def plan(self, *, whole: bool = False) -> Plan:
        """What is left to ask, with what the budget has left; `whole` keeps each probe together."""
        if self._limits != self.means.limits:
            self.means = replace(self.means, limits=self._limits)
            self.planner = Planner(self.catalog, self.means)
        budget = self.settings.budget
        left = None if budget is None else budget - self.client.sent
        return self.planner.plan(left, self._played, self.client.recent(), whole=whole)

    def play(self, progress: Progress = lambda *_: None) -> Result:
        """Everything not asked yet that the budget allows: probes, then invented requests, then the bursts."""
        if self._result is not None:
            return self._result
        try:
            self._play(progress)
        except BudgetSpentError as spent:
            for probe in self.catalog.script.probes:
                if probe not in self.skipped:
                    self._skip(probe, str(spent))
        except BaseException as problem:
            self._deliveries()
            self.close(
                str(problem) if isinstance(problem, AffidavitError) else f"interrupted: {type(problem).__name__}"
            )
            raise
        return self.finish()

    def _play(self, progress: Progress) -> None:
        properties = [row for row in self.properties() if row[0].id not in self._explored]
        tell = _Steps(progress, len(self.plan().turns) + len(properties) + bool(self.settings.examples))
        # What polls did not need, and what an answer says of the key's limit, change the plan: it is made again.
        while now := [turn.probe for turn in self.plan().turns if not turn.probe.last]:
            for probe in now:
                tell(probe.id)
                self.probe(probe)
                if self._limits != self.means.limits:
                    break
        for operation, role in properties:
            tell(f"properties of {operation.id}")
            self.explore(operation, role)
        if self.settings.examples and not self._walked:
            tell("links")
            self.walk()
        for turn in self.plan().turns:
            tell(turn.probe.id)
            self.probe(turn.probe)
        for name, why in self.plan().left_out.items():
            self._skip(name, why)
        for name in self.settings.leave_out:
            self._skip(name, "left out on demand")

    @cached_property
    def _reserved(self) -> int:
        """Requests kept for the bursts, from when the probes before them were asked."""
        return self.plan().reserved

    def _affordable(self, wanted: int) -> int:
        """So many requests, or what the budget has left of them beside the bursts."""
        budget = self.settings.budget
        return wanted if budget is None else max(0, min(wanted, budget - self.client.sent - self._reserved))

    def finish(self) -> Result:
        """Judge what was recorded, once; nothing can be asked any more."""
        if self._result is None:
            deliveries = self._deliveries()
            stopped = "; ".join(self.client.stuck.values())
            self.close(stopped, complete=not stopped, judged=True)
            evidence = Evidence(
                tuple(self.client.exchanges), deliveries, self.skipped, embedded=self.server is not None
            )
            verdicts = judge(self.catalog, evidence)
            self._result = Result(verdicts, self.client.sent, evidence, self.target, self.sandbox_keys, stopped)
        return self._result

    def close(self, reason: str = "not finished", *, complete: bool = False, judged: bool = False) -> None:
        """End the record, unless it has ended, and the connections."""
        self.client.close()
        self.recorder.end(complete=complete, reason=reason, judged=judged)

    @property
    def sandbox_keys(self) -> Mapping[str, str]:
        """Keys that may be shown, since they are worth nothing elsewhere."""
        return self.scope.keys if self.server else {}

    @cached_property
    def invented(self) -> Properties:
        """What schemathesis invents from the document, sent like everything else."""
        path = OPENAPI / self.catalog.provider / "openapi.yaml"
        keys = dict(self.scope.keys)
        return Properties(path, self.catalog.openapi, keys, self.settings.seed, self._invent, self.known, self._fitted)

    def _invent(self, send: Send) -> Reply:
        answers = self.client.send(send)
        self._give_up_silent()
        return answers

    def broken_by(self, source: str) -> list[Verdict]:
        """Broken claims that the exchanges of one source prove alone: a probe, or `property` and an operation."""
        made = tuple(one for one in self.client.exchanges if f"{one.source}/".startswith(f"{source}/"))
        own = {one.source for one in made}
        decided = {
            claim.id: claim
            for claim in self.catalog.claims.values()
            if claim.decided_by and all(own.issuperset(row.steps) and not row.hears for row in claim.decided_by)
        }
        evidence = Evidence(made, embedded=self.server is not None)
        verdicts = judge(replace(self.catalog, claims=decided), evidence)
        return [one for one in verdicts if one.kind is VerdictKind.BROKEN]

    def properties(self) -> list[tuple[Operation, str]]:
        """The operations whose properties are tested, each with the key role to use."""
        return list(self.invented.operations()) if self.settings.examples else []

    def explore(self, operation: Operation, role: str, examples: int | None = None) -> None:
        """Property tests of one operation: invented requests, valid and invalid, `examples` of each at most."""
        ahead = sum(one.id not in {*self._explored, operation.id} for one, _ in self.properties())
        self._explored.add(operation.id)
        share = self._affordable(self.settings.examples * 2 * (ahead + 2)) // (2 * (ahead + 2))
        wanted = share if examples is None else examples
        if wanted > 0:
            self.known.learn(self.client.exchanges)
            self.invented.explore(operation, role, wanted)
        self._own_up()

    def walk(self) -> None:
        """Invented requests that build on each other over the document's links."""
        self._walked = True
        wanted = self._affordable(self.settings.examples * WALKED_PER_EXAMPLE)
        if wanted > 0:
            self.known.learn(self.client.exchanges)
            self.invented.walk(wanted)
        self._own_up()

    def _own_up(self) -> None:
        """Raise SandboxError when the embedded sandbox has failed: its 500 is no finding about anybody."""
        failures = self.server.errors if self.server else ()
        if failures:
            first = failures[0]
            raise SandboxError(
                f"the embedded sandbox failed {counted(len(failures), 'time')}, "
                f"which is a fault of this tool and not of the API: at first on {first.occasion}\n{first.traceback}"
            )

    def _fitted(self, operation: Operation, body: Any) -> Any:  # noqa: ANN401 - any JSON value
        """An invented body as it may leave: simulated where the body can say so, and to nobody."""
        if self.server is None:
            for pointer in operation.data.get("x-recipients", []):
                body = put(body, pointer, self.scope.number(self.scope.recipient), over=str)
            for pointer, value in operation.data.get("x-simulated-when", {}).get("body", {}).items():
                body = put(body, pointer, value)
        return body

    def probe(self, probe: Probe) -> None:
        """Play one probe, or some of its steps; those that cannot be asked are noted with the reason."""
        self._played.update(references(probe))
        lacking = lacking_powers(probe, self.means.powers)
        if lacking:
            self._skip(probe.id, lacking)
            return
        self._play_steps(probe)
        self._own_up()
        self._give_up_early()

    def _give_up_early(self) -> None:
        """Stop when what came so far, or came last, shows that there is no API or no access to judge.

        Raises TargetError, KeysError or IncompleteError.
        """
        self._give_up_silent()
        made = self.client.exchanges
        answers = [one.response for one in made if one.response]
        if len(answers) >= PATIENCE and all(one.json is ABSENT for one in answers):
            kind = answers[0].header("Content-Type") or "no content type"
            raise TargetError(
                f"the target {self.target} answers {answers[0].status} with {kind} and never JSON, so it is not this "
                "API: check the address with --target"
            )
        own = [one.response.status for one in made if one.role == MAIN and one.response]
        if len(own) >= PATIENCE and all(status == UNAUTHORIZED for status in own):
            raise KeysError(
                f"the key of the role {MAIN!r} was refused with 401 by {counted(len(own), 'request')}: check "
                f"{self.catalog.profile.key_env} or the keys file, and that the key belongs to {self.target}"
            )

    def _give_up_silent(self) -> None:
        made = self.client.exchanges
        latest = made[-PATIENCE:]
        if len(latest) < PATIENCE or any(one.response for one in latest):
            return
        if all(one.response is None for one in made):
            raise TargetError(
                f"the target {self.target} does not answer HTTP ({made[-1].error}): check the address with "
                "--target, or leave it out to use the embedded sandbox"
            )
        raise IncompleteError(f"the target {self.target} stopped answering ({made[-1].error}); start the run again")

    def _play_steps(self, probe: Probe) -> None:
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
            if self.server or not ask.virtual:
                self.clock.sleep(ask.seconds)
        elif isinstance(ask, Steer) and self.server:
            try:
                self.server.control(ask.action, dict(ask.arguments))
            except UnknownControlError as refused:
                return str(refused)
        elif isinstance(ask, Answerer) and self.receiver:
            self.receiver.program(ask.answers)  # type: ignore[arg-type]  # the script knows only statuses and silent
        elif isinstance(ask, Skip):
            self._skip(ask.source, ask.reason)
        return None

    def _skip(self, source: str, reason: str) -> None:
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
