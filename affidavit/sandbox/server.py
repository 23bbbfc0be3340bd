"""Serves the sandbox over HTTP: from a thread for tests and runs, or until Ctrl-C for people.

`PROVIDERS` is the one place that knows which machines there are; to add one, add a row.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import FrameType, MappingProxyType, TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import click
import uvicorn

from affidavit.clock import Clock, SystemClock, VirtualClock
from affidavit.errors import ExitCode, UsageError
from affidavit.sandbox import chatmaid, whatsapi
from affidavit.sandbox.app import CONTROL_PREFIX, Failure, MachineFactory, SandboxApp
from affidavit.sandbox.chatmaid import deviations as chatmaid_deviations
from affidavit.sandbox.deliver import Poster, is_loopback
from affidavit.sandbox.deviation import Deviation, Switchboard
from affidavit.sandbox.model import Json, Machine
from affidavit.sandbox.whatsapi import deviations as whatsapi_deviations

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
KEEP_ALIVE = 75
"""Seconds an idle connection stays open: longer than clients keep one, so that none is closed under a request."""
BACKLOG = 2048
"""Connections that may wait to be accepted."""
GRACE = 1
"""Seconds that requests under way get when the server stops."""


class Example(NamedTuple):
    """A request that works on a fresh sandbox, for people to copy."""

    method: str
    path: str
    role: str
    """Whose key is sent."""
    body: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """One row of the table: how to imitate a provider, and how to show it."""

    build: Callable[[int, float, str | None], Machine]
    """From a seed, the first moment, and the prefix of webhook addresses that are accepted although not public."""
    port: int
    """Where it listens when nothing else is asked for."""
    examples: tuple[Example, ...]
    faults: Mapping[str, Deviation]
    variants: Mapping[str, Deviation]

    @property
    def deviations(self) -> Mapping[str, Deviation]:
        """Everything that can be switched on, by name."""
        return {**self.faults, **self.variants}


def _chatmaid(seed: int, now: float, _webhook_prefix: str | None) -> Machine:
    return chatmaid.ChatmaidMachine(seed, now)


def _whatsapi(seed: int, now: float, webhook_prefix: str | None) -> Machine:
    return whatsapi.WhatsapiMachine(seed, now, options=whatsapi.Options(local_webhook_prefix=webhook_prefix))


PROVIDERS: Mapping[str, Provider] = {
    "chatmaid": Provider(
        _chatmaid,
        8601,
        (
            Example("GET", "/v1/phone-numbers", "main"),
            Example(
                "POST",
                "/v1/messages/send",
                "main",
                {"fromPhoneId": "+12025550110", "to": chatmaid.RECIPIENTS["normal"], "content": "Hello"},
            ),
        ),
        chatmaid_deviations.FAULTS,
        chatmaid_deviations.VARIANTS,
    ),
    "whatsapi": Provider(
        _whatsapi,
        8602,
        (
            Example("GET", "/auth/me", "main"),
            Example("POST", "/send-message", "main", {"to": whatsapi.RECIPIENTS["normal"], "message": "Hello"}),
        ),
        whatsapi_deviations.FAULTS,
        whatsapi_deviations.VARIANTS,
    ),
}
"""Name -> provider."""


class SandboxServer:
    """One provider's sandbox on a port of its own, served from a thread between `start` and `stop`."""

    def __init__(  # noqa: PLR0913 - every one has its default
        self,
        provider: str,
        *,
        seed: int = 1,
        clock: Clock | None = None,
        host: str = LOOPBACK,
        port: int = 0,
        webhook_prefix: str | None = None,
        factory: MachineFactory | None = None,
        deviations: Sequence[str] = (),
        allow_remote: bool = False,
    ) -> None:
        """Prepare it; nothing is bound yet.

        Args:
            provider: a row of PROVIDERS; with `factory`, any name.
            seed: decides all keys and ids.
            clock: the system's when left out.
            host: where to listen.
            port: 0 takes a free one.
            webhook_prefix: webhook addresses that start with it are accepted and posted to, public or not.
            factory: builds the machine instead of the provider's row.
            deviations: faults and variants that are on from the start.
            allow_remote: whether `host` may be one that other machines can reach.
        """
        if not (allow_remote or is_loopback(host)):
            raise UsageError(
                f"host is {host}, which other machines can reach: use {LOOPBACK}, or allow remote callers."
            )
        self.provider = provider
        self.deviations = tuple(deviations)
        self._factory = factory or _factory(provider, webhook_prefix, self.deviations)
        self._seed = seed
        self._clock = clock or SystemClock()
        self._webhook_prefix = webhook_prefix
        self._address = (host, port)
        self._serving: _Serving | None = None

    def start(self) -> Self:
        """Listen; returns when requests are answered."""
        if self._serving is not None:
            raise UsageError(f"the {self.provider} sandbox already runs at {self.url}.")
        poster = Poster(self._clock, prefix=self._webhook_prefix)
        app = SandboxApp(self._factory, self._seed, self._clock, name=self.provider, poster=poster)
        self._serving = _Serving(app, _listen(*self._address))
        return self

    def stop(self) -> None:
        """Stop listening, drop all connections, end the thread; does nothing when it does not run."""
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the provider's API is: scheme, host and port."""
        return self._running.url

    @property
    def control_url(self) -> str:
        """Where the control plane is; ends with a slash."""
        return self.url + CONTROL_PREFIX

    @property
    def keys(self) -> Mapping[str, str]:
        """The API keys by role, as they are now."""
        return self._running.app.machine.keys()

    @property
    def clock(self) -> Clock:
        """What the sandbox takes for the time."""
        return self._clock

    @property
    def errors(self) -> tuple[Failure, ...]:
        """Exceptions that escaped the machine, oldest first: bugs of the sandbox, not findings."""
        return tuple(self._running.app.errors)

    def advance(self, seconds: float) -> float:
        """Move the virtual clock, and deliver each webhook at its moment; return the moment the clock then shows.

        Somebody who moves the clock itself gets the webhooks too, but all at once, with the next request.
        """
        return self._running.run(self._running.app.advance(seconds))

    def ask(
        self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Answer a request without a socket between: status, headers and body."""
        return self._running.run(self._running.app.ask(method, target, headers, body))

    def control(self, action: str, arguments: Mapping[str, Json]) -> Json:
        """Do something only a sandbox can; raises UnknownControlError when this one cannot."""
        return self._running.run(self._running.app.control(action, arguments))

    @property
    def _running(self) -> _Serving:
        if self._serving is None:
            raise UsageError(f"the {self.provider} sandbox does not run: start it first.")
        return self._serving


class _Serving:
    """An app being served by uvicorn in a daemon thread, from construction to `stop`."""

    def __init__(self, app: SandboxApp, listener: socket.socket) -> None:
        self.app = app
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._listener = listener
        self._server = uvicorn.Server(_configuration(app, self._tell_ready))
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=f"sandbox {app.name}", daemon=True)
        self._thread.start()
        self._ready.wait()
        self._raise_error()

    def stop(self) -> None:
        """Return when the thread has ended."""
        self._server.should_exit = True
        self._thread.join()
        self._raise_error()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """From another thread: let the server's thread, which owns the app, do it."""
        assert self._loop is not None  # noqa: S101 - set before `ready`
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - `start` or `stop` raises it where somebody sees it
            self._error = error
        finally:
            self._listener.close()
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            await self.app.aclose()

    async def _tell_ready(self) -> None:
        self._ready.set()


def _configuration(app: SandboxApp, started: Callable[[], Any]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",
        ws="none",
        workers=1,
        proxy_headers=False,
        date_header=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="error",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        callback_notify=started,
    )


def default_url(provider: str) -> str:
    """Where `affidavit sandbox` serves the provider when nothing else is asked for."""
    return f"http://{LOOPBACK}:{imitation(provider).port}"


def imitation(provider: str) -> Provider:
    """The provider's row of the table. Raises UsageError."""
    if provider not in PROVIDERS:
        raise UsageError(f"there is no sandbox of {provider!r}: use one of {', '.join(PROVIDERS)}.")
    return PROVIDERS[provider]


def _factory(provider: str, webhook_prefix: str | None, deviations: tuple[str, ...]) -> MachineFactory:
    row = imitation(provider)
    known = row.deviations
    if unknown := sorted(set(deviations) - known.keys()):
        raise UsageError(f"the {provider} sandbox has no deviation {', '.join(unknown)}: `affidavit sandbox --list`.")
    return lambda seed, now: Switchboard(row.build(seed, now, webhook_prefix), known, deviations)


def wearers(providers: Sequence[str], deviations: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Provider -> those of the deviations that its sandbox has. Raises UsageError for one that none of them has."""
    known = {name: imitation(name).deviations for name in providers}
    for wanted in deviations:
        if not any(wanted in rows for rows in known.values()):
            near = get_close_matches(wanted, [name for rows in known.values() for name in rows], n=3)
            meant = f"did you mean {' or '.join(near)}? " if near else ""
            raise UsageError(
                f"there is no fault or variant {wanted!r} of {', '.join(providers)}: {meant}"
                "`affidavit sandbox --list` names them all"
            )
    worn = {name: tuple(one for one in deviations if one in rows) for name, rows in known.items()}
    return {name: names for name, names in worn.items() if names}


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    The protocol is named although it is the usual one: asyncio turns Nagle's algorithm off only where it reads TCP, and
    with it on, every answer on a kept connection waits 40 ms for the caller's acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(f"cannot listen on port {port} of {host}: {error}. Use another port, or 0 for any.") from error
    return listener


def run_sandbox(  # noqa: PLR0913, PLR0917 - the options of a command line
    providers: Sequence[str],
    ports: Mapping[str, int],
    seed: int,
    keys_out: Path | None,
    virtual: bool,  # noqa: FBT001 - as above
    webhook_prefix: str | None = None,
    deviations: Sequence[str] = (),
    until: Callable[[], object] | None = None,
) -> int:
    """Serve until Ctrl-C, or until `until` returns, having said where and how; the exit code."""
    worn = wearers(providers, deviations)

    def show(servers: Sequence[SandboxServer]) -> None:
        if keys_out is not None:
            _write(keys_out, keys_toml(servers))
        click.echo(sandbox_banner(servers))
        if keys_out is not None:
            click.echo(f"Targets and keys are in {keys_out}.")

    serve_forever(
        providers, ports, seed, virtual=virtual, webhook_prefix=webhook_prefix, worn=worn, started=show, until=until
    )
    click.echo("\nThe sandbox has stopped.")
    return int(ExitCode.KEPT)


def serve_forever(  # noqa: PLR0913 - as run_sandbox
    providers: Sequence[str],
    ports: Mapping[str, int],
    seed: int,
    *,
    virtual: bool = False,
    webhook_prefix: str | None = None,
    worn: Mapping[str, Sequence[str]] = MappingProxyType({}),
    started: Callable[[Sequence[SandboxServer]], None] = lambda _: None,
    until: Callable[[], object] | None = None,
) -> None:
    """Serve each provider on its port until Ctrl-C or SIGTERM, or until `until` returns.

    `started` is called once all of them listen.

    A provider without a row in `ports` gets its own of PROVIDERS. Each has a clock of its own, when it is virtual.
    """
    if unknown := ports.keys() - set(providers):
        raise UsageError(f"a port is given for {', '.join(sorted(unknown))}, but served is {', '.join(providers)}.")
    with _until_interrupted(), contextlib.ExitStack() as stack:
        servers = []
        for name in dict.fromkeys(providers):
            clock = VirtualClock(SystemClock().now()) if virtual else SystemClock()
            port = ports.get(name, imitation(name).port)
            server = SandboxServer(
                name, seed=seed, clock=clock, port=port, webhook_prefix=webhook_prefix, deviations=worn.get(name, ())
            )
            servers.append(stack.enter_context(server))
        started(servers)
        (until or threading.Event().wait)()


@contextlib.contextmanager
def _until_interrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block, and nothing else."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sandbox_banner(servers: Sequence[SandboxServer]) -> str:
    """Where the servers are, and requests to copy."""
    parts = [_shown(server) for server in servers]
    return "\n\n".join([*parts, "Ctrl-C stops it. Nothing sent here reaches the provider or a phone."])


def _shown(server: SandboxServer) -> str:
    virtual = isinstance(server.clock, VirtualClock)
    worn = f"  with {', '.join(server.deviations)}" if server.deviations else ""
    lines = [
        f"{server.provider}  {server.url}{worn}",
        f"  requests, keys, state  {server.control_url}",
        *(f"  {_curl(server, example)}" for example in PROVIDERS[server.provider].examples),
    ]
    if virtual:
        lines.append(f"  curl {server.control_url}clock -d '{{\"advance\": 60}}'")
    return "\n".join(lines)


def _curl(server: SandboxServer, example: Example) -> str:
    words = ["curl", server.url + example.path, "-H", f"Authorization: Bearer {server.keys[example.role]}"]
    if example.body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(example.body)]
    return shlex.join(words)


def keys_toml(servers: Sequence[SandboxServer]) -> str:
    """Target and keys by role of each server, as a keys file for runs against it."""
    return "\n".join(_keys_table(server) for server in servers)


def _keys_table(server: SandboxServer) -> str:
    # A JSON string of plain ASCII is a TOML string too.
    keys = (f"{role} = {json.dumps(key)}\n" for role, key in server.keys.items())
    return f'[{server.provider}]\ntarget = "{server.url}"\n\n[{server.provider}.keys]\n{"".join(keys)}'


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"the keys cannot be written to {path}: {error.strerror}.") from error
