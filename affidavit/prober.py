"""Find the real rate limits: drive the flow of `ratelimit` over the one way out, and record what it came to.

    a provider   its embedded sandbox, or a target with keys; the safest reads that need a key are asked
    a plain URL  GET only, on this machine or on a host that was named as allowed

Only reads are sent, unpaced. The record is a `run.ndjson` whose manifest says `"what": "limits"`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from affidavit.catalog import Catalog
from affidavit.client import Client
from affidavit.clock import Clock, SystemClock
from affidavit.errors import RefusedError, TargetError, UsageError
from affidavit.exchange import Exchange
from affidavit.finding import Finding
from affidavit.openapi_document import OpenApiDocument, Operation
from affidavit.probes.flow import Refused
from affidavit.probes.flow import Send as Request
from affidavit.profile import MAIN, RateLimit
from affidavit.ratelimit.audit import Evidence, audit, hear, rows
from affidavit.ratelimit.flow import Caps, Mode, Place, Reply, Verdict, Wait, examine
from affidavit.ratelimit.truth import Slack, slack
from affidavit.recorded import LIMITS
from affidavit.recorder import RECORD, Recorder
from affidavit.redaction import Redactor
from affidavit.safety import Policy
from affidavit.session import Settings, open_session

SECOND = "second"
"""Role of another key of the same account."""
URL_OPERATION = "get"


@dataclass(frozen=True)
class Order:
    """What an examination is asked to do."""

    mode: Mode | None = None
    """None: active on the embedded sandbox, watching elsewhere."""
    caps: Caps = field(default_factory=Caps)
    operations: tuple[str, ...] = ()
    """Operations to ask; the first is examined. None given: chosen from the document."""
    seed: int = 1


@dataclass(frozen=True)
class Outcome:
    """What an examination came to."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    """What is wrong with what the answers say of their limit."""
    slack: Slack
    """How true the waits were that refusals named."""


def examine_provider(catalog: Catalog, settings: Settings, order: Order, out: Path) -> Outcome:
    """Examine one provider. The record lands in `out`/run.ndjson. Raises UsageError, TargetError, RefusedError."""
    operations = chosen_operations(catalog.openapi, order.operations)
    with open_session(catalog, replace(settings, what=LIMITS), out) as session:
        keys = session.scope.keys
        places = [Place(MAIN, one.id) for one in operations]
        places += [Place(SECOND, operations[0].id)] if SECOND in keys else []
        mode: Mode = order.mode or ("active" if session.server else "watching")
        by_id = {one.id: one for one in operations}

        def request(place: Place, times: int) -> Request:
            return _request(by_id[place.operation], keys.get(place.key), place.key, times)

        outcome = drive(session.client, session.clock, request, mode, places, order)
        session.recorder.result(LIMITS, as_row(outcome, catalog.provider, places[0]))
        session.close(outcome.verdict.stopped, complete=not outcome.verdict.stopped)
    return outcome


def examine_url(url: str, order: Order, out: Path, allowed: Iterable[str] = ()) -> Outcome:
    """Examine whatever answers GET at `url`. Raises UsageError, TargetError, RefusedError."""
    base, path, query = _taken_apart(url, frozenset(allowed))
    document = OpenApiDocument(
        {"paths": {path: {"get": {"operationId": URL_OPERATION, "x-risk": "read", "security": []}}}}
    )
    clock = SystemClock()
    with _plain_client(base, document, clock, out) as client:

        def request(_place: Place, times: int) -> Request:
            return Request(f"{LIMITS}/get", URL_OPERATION, "GET", path, query, (), None, None, paced=False, times=times)

        places = [Place("", URL_OPERATION)]
        outcome = drive(client, clock, request, order.mode or "watching", places, order)
        client.recorder.result(LIMITS, as_row(outcome, base, places[0]))
        client.recorder.end(complete=not outcome.verdict.stopped, reason=outcome.verdict.stopped)
    return outcome


def drive(  # noqa: PLR0913, PLR0917 - what a flow needs to be driven
    client: Client,
    clock: Clock,
    request: Callable[[Place, int], Request],
    mode: Mode,
    places: Sequence[Place],
    order: Order,
) -> Outcome:
    """Let the flow ask through the client until it ends. Raises TargetError, RefusedError."""
    flow = examine(order.caps, mode, places, order.seed)
    replies: tuple[Reply, ...] | None = None
    heard: list[tuple[int, Place, Reply]] = []
    while True:
        try:
            ask = flow.send(replies)
        except StopIteration as end:
            return _outcome(end.value, heard)
        if isinstance(ask, Wait):
            clock.sleep(max(0.0, ask.until - clock.now()))
            replies = None
        else:
            made = _ask(client, request(ask.place, ask.times))
            replies = tuple(map(_reply, made))
            heard += [(one.seq, ask.place, reply) for one, reply in zip(made, replies, strict=True)]


def _outcome(verdict: Verdict, heard: list[tuple[int, Place, Reply]]) -> Outcome:
    evidence = Evidence(hear(heard), verdict.window, releases=verdict.family == "concurrency")
    return Outcome(verdict, audit(evidence), slack(evidence.promises))


def _ask(client: Client, request: Request) -> list[Exchange]:
    before = len(client.exchanges)
    answers = client.send(request)
    why = next((one.reason for one in answers if isinstance(one, Refused)), "")
    if why:
        raise RefusedError(f"{why}; name a read with --operation")
    made = client.exchanges[before:]
    if before == 0 and all(one.response is None for one in made):
        raise TargetError(f"the target {client.base} does not answer HTTP ({made[0].error}): check the address")
    return made


def _reply(one: Exchange) -> Reply:
    answer = one.response
    if answer is None:
        return Reply(0, (), "", one.at, one.at + one.elapsed)
    return Reply(answer.status, answer.headers, answer.body, one.at, one.at + one.elapsed)


def chosen_operations(document: OpenApiDocument, wanted: Sequence[str]) -> list[Operation]:
    """The operations to ask: those named, or two reads that need a key and nothing else. Raises UsageError."""
    reads = [one for one in document.operations.values() if _plain_read(one)]
    known = {one.id: one for one in reads}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UsageError(f"--operation {unknown[0]} is no read without parameters; use one of {', '.join(known)}")
    if wanted:
        return [known[name] for name in dict.fromkeys(wanted)]
    keyed = [one for one in reads if one.needs_key] or reads
    if not keyed:
        raise UsageError("the document has no read without parameters, so there is nothing harmless to ask")
    return keyed[:2]


def _plain_read(operation: Operation) -> bool:
    needed = any(one.get("required") for one in operation.data.get("parameters", ()) if one.get("in") != "path")
    return operation.method == "GET" and operation.risk == "read" and "{" not in operation.template and not needed


def _request(operation: Operation, key: str | None, role: str, times: int) -> Request:
    headers = (("Authorization", f"Bearer {key}"),) if key and operation.needs_key else ()
    source = f"{LIMITS}/{operation.id}"
    known_role = role if headers else None
    return Request(
        source, operation.id, "GET", operation.template, (), headers, None, known_role, paced=False, times=times
    )


def _taken_apart(url: str, allowed: frozenset[str]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Base, path and query. Raises UsageError, RefusedError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise UsageError(f"--url is {url!r}: {problem}; use a URL such as http://127.0.0.1:8601/path") from problem
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError(f"--url is {url!r}, expected a URL such as http://127.0.0.1:8601/path")
    if parts.username is not None or parts.fragment:
        raise UsageError("--url has a user or a fragment, expected only scheme, host, port, path and query")
    if not _loopback(host) and host not in allowed:
        raise RefusedError(f"refused for safety: {host} is not this machine; allow it with --allow-host {host}")
    authority = f"[{host}]" if ":" in host else host
    query = tuple((name, value) for name, _, value in (one.partition("=") for one in parts.query.split("&") if one))
    return f"{parts.scheme}://{authority}" + (f":{port}" if port else ""), parts.path or "/", query


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _plain_client(base: str, document: OpenApiDocument, clock: Clock, out: Path) -> Iterator[Client]:
    manifest = {"what": LIMITS, "provider": base, "target": base, "affidavit": version("affidavit"), "roles": []}
    recorder = Recorder(out / RECORD, {**manifest, "started": clock.now()})
    client = Client(base, base, document, RateLimit(), {}, Policy(), clock, recorder, Redactor({}))
    try:
        with closing(client):
            yield client
    except BaseException as problem:
        recorder.end(complete=False, reason=str(problem) or type(problem).__name__)
        raise


def as_row(outcome: Outcome, provider: str, place: Place) -> Mapping[str, Any]:
    """The outcome as a line of the record; docs/limits.md has its fields."""
    verdict = outcome.verdict
    row = asdict(verdict)
    row["trace"] = [
        [round(one.sent_at, 6), round(one.answered_at, 6), one.status, one.remaining] for one in verdict.trace
    ]
    row["posterior"] = {name: round(chance, 4) for name, chance in verdict.posterior.items()}
    found = {"slack": asdict(outcome.slack), "audit": rows(outcome.findings)}
    return {"provider": provider, "role": place.key, "operation": place.operation, **row, **found}
