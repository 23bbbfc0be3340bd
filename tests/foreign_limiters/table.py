"""Which foreign limiters there are, what each is, and how it is started.

A row is expected to be found to be its family, with the limit and the window that it is started with. To add one, add a
row to `FOREIGN`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.foreign_limiters import proxies

ROOT = Path(__file__).parents[2]
NODE_SERVER = Path(__file__).with_name("node_server.mjs")
PATIENCE = 20.0
"""Seconds that a server gets to start, and to stop."""


@dataclass(frozen=True)
class Setting:
    """What a limiter is configured with."""

    limit: int
    window: float
    """Seconds; whole ones where the limiter knows no others."""
    block: float = 0.0
    """Seconds, where the family has a block."""


@dataclass(frozen=True)
class Foreign:
    """One row."""

    name: str
    family: str
    """As the search for limits calls it."""
    start: Callable[[Setting], contextlib.AbstractContextManager[str]]
    """Serves it within the block; yields its address."""
    needs: str = ""
    """The program or npm package without which it cannot run; '' for none."""
    short: Setting = Setting(7, 1)
    """For the tests, real seconds."""
    usual: Setting = Setting(20, 2)
    announces: bool = False
    """Whether its answers say what remains."""

    @property
    def lacking(self) -> str:
        """Why it cannot run here; '' when it can."""
        if not self.needs or _program(self.needs) or (ROOT / "node_modules" / self.needs).exists():
            return ""
        return f"{self.needs} is not installed; `make system-packages` or `make bench-limits` does that"


def _program(name: str) -> str | None:
    """Where it is; what Debian has in /usr/sbin is not on everybody's path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket that listens on a free port of the loopback address; its server inherits it."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        yield listener


@contextlib.contextmanager
def serving(command: Sequence[str], listener: socket.socket, env: dict[str, str] | None = None) -> Iterator[str]:
    """Run a server on the socket; the block begins when it answers, and the server is gone after it.

    Raises RuntimeError with what it printed when it does not start.
    """
    url = "http://{}:{}/".format(*listener.getsockname())
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            command, pass_fds=[listener.fileno()], env=os.environ | (env or {}), cwd=ROOT, stdout=log, stderr=log
        ) as process,
    ):
        try:
            listener.close()  # so that nobody listens any more when the server ends
            try:
                httpx.get(f"{url}ready", timeout=PATIENCE, trust_env=False).raise_for_status()
            except httpx.HTTPError as error:
                log.seek(0)
                raise RuntimeError(f"{command[0]}: {error}, exit {process.poll()}: {log.read()[-2000:]}") from error
            yield url
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def python(kind: str) -> Callable[[Setting], contextlib.AbstractContextManager[str]]:
    """A kind of `python_server`."""

    @contextlib.contextmanager
    def start(setting: Setting) -> Iterator[str]:
        with listening() as listener:
            arguments = [kind, str(setting.limit), f"{setting.window:g}", str(listener.fileno())]
            command = [sys.executable, "-W", "ignore", "-m", "tests.foreign_limiters.python_server", *arguments]
            with serving(command, listener) as url:
                yield url

    return start


def node(kind: str) -> Callable[[Setting], contextlib.AbstractContextManager[str]]:
    """A kind of `node_server`."""

    @contextlib.contextmanager
    def start(setting: Setting) -> Iterator[str]:
        with listening() as listener:
            numbers = [str(setting.limit), str(setting.window), str(setting.block), str(listener.fileno())]
            with serving(["node", str(NODE_SERVER), kind, *numbers], listener) as url:
                yield url

    return start


def nginx(
    zone_and_rule: Callable[[Setting], tuple[str, str]], slow: float = 0.0
) -> Callable[[Setting], contextlib.AbstractContextManager[str]]:
    """With a zone and a rule, before a server that takes `slow` seconds."""

    @contextlib.contextmanager
    def start(setting: Setting) -> Iterator[str]:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            folder.chmod(0o755)  # a worker of nginx is nobody
            listener = stack.enter_context(listening())
            upstream = stack.enter_context(listening())
            port = upstream.getsockname()[1]
            if slow:
                arguments = ["slow", "0", str(slow), str(upstream.fileno())]
                command = [sys.executable, "-m", "tests.foreign_limiters.python_server", *arguments]
                stack.enter_context(serving(command, upstream))
            config = proxies.nginx(
                *zone_and_rule(setting),
                port=listener.getsockname()[1],
                folder=folder,
                upstream=port if slow else None,
            )
            path = folder / "nginx.conf"
            path.write_text(config, encoding="utf-8")
            # So nginx takes over listening sockets from the process before it.
            inherited = {"NGINX": f"{listener.fileno()};"}
            command = [str(_program("nginx")), "-e", "stderr", "-p", str(folder), "-c", str(path)]
            yield stack.enter_context(serving(command, listener, inherited))

    return start


@contextlib.contextmanager
def haproxy(setting: Setting) -> Iterator[str]:
    """With a stick table."""
    with listening() as listener, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "haproxy.cfg"
        path.write_text(proxies.haproxy(setting.limit, setting.window, listener.fileno()), encoding="utf-8")
        with serving([str(_program("haproxy")), "-db", "-f", str(path)], listener) as url:
            yield url


FOREIGN: Sequence[Foreign] = (
    Foreign("limits fixed window", "fixed-window-first", python("fixed-window"), announces=True),
    Foreign("limits moving window", "sliding-log", python("moving-window"), announces=True),
    Foreign("limits sliding window counter", "sliding-counter", python("sliding-window-counter"), announces=True),
    Foreign("slowapi", "fixed-window-first", python("slowapi"), announces=True),
    Foreign("express-rate-limit", "fixed-window-first", node("express"), "express-rate-limit", announces=True),
    Foreign("express-rate-limit, silent", "fixed-window-first", node("express-silent"), "express-rate-limit"),
    Foreign("rate-limiter-flexible", "fixed-window-first", node("flexible"), "rate-limiter-flexible"),
    Foreign(
        "rate-limiter-flexible with block",
        "window-with-block",
        node("flexible-block"),
        "rate-limiter-flexible",
        short=Setting(7, 1, 2),
        usual=Setting(20, 2, 5),
    ),
    Foreign(
        "nginx limit_req",
        "leaky-queue",
        nginx(lambda one: proxies.limit_req(one.limit, one.window, delays=True)),
        "nginx",
    ),
    Foreign(
        "nginx limit_req nodelay",
        "token-bucket",
        nginx(lambda one: proxies.limit_req(one.limit, one.window, delays=False)),
        "nginx",
    ),
    Foreign(
        "nginx limit_conn",
        "concurrency",
        nginx(lambda one: proxies.limit_conn(one.limit), slow=0.5),
        "nginx",
        short=Setting(4, 0.5),
        usual=Setting(10, 0.5),
    ),
    Foreign("HAProxy stick table", "sliding-counter", haproxy, "haproxy"),
)
