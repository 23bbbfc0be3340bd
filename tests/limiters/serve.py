"""One of the limiters on the loopback address, in real time: `python -m tests.limiters.serve --limit 5 --window 2`.

So `affidavit limits --url` can be tried on any family, any dialect, and on servers with quirks. It prints its address
and serves until it is interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any, TypeAlias

import uvicorn

from tests.limiters.dialects import FIELDS, WAITS, Dialect, Told
from tests.limiters.families import (
    BlockingWindow,
    ClockWindow,
    Concurrency,
    Decision,
    FirstRequestWindow,
    Gcra,
    LeakyQueue,
    Limiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)

Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

FAMILIES: Mapping[str, Callable[[int, float], Limiter]] = {
    "clock-window": ClockWindow,
    "first-request-window": FirstRequestWindow,
    "sliding-log": SlidingLog,
    "sliding-log-counting-refused": lambda limit, window: SlidingLog(limit, window, counts_refused=True),
    "sliding-counter": SlidingCounter,
    "token-bucket": TokenBucket,
    "gcra": Gcra,
    "leaky-queue": LeakyQueue,
    "concurrency": Concurrency,
    "block": BlockingWindow,
}
LIES: Mapping[str, Callable[[float], float]] = {
    "none": lambda wait: wait,
    "zero": lambda _: 0.0,
    "short": lambda wait: wait / 2,
    "long": lambda wait: 3 * wait,
    "hour": lambda _: 3600.0,
}
"""What becomes of the wait that is told."""


@dataclass(frozen=True)
class Quirks:
    """What a server does besides limiting."""

    lie: str = "none"
    skew: float = 0.0
    """Seconds by which its clock is ahead."""
    slow: float = 0.0
    """Seconds before each answer, half of them before the limiter is asked."""
    jitter: float = 0.0
    """Seconds more, at most."""
    by_route: bool = False
    """Whether each path has its own limit."""
    closes: bool = False
    """Whether each answer ends its connection."""


@dataclass
class LimitedApp:
    """An ASGI application that does nothing but limit."""

    make: tuple[Callable[[], Limiter], ...]
    """Limiters of a route; a request passes one after the other until one refuses it, and the first is told."""
    window: float
    dialect: Dialect = field(default_factory=Dialect)
    quirks: Quirks = field(default_factory=Quirks)

    def __post_init__(self) -> None:
        self._routes = defaultdict[str, tuple[Limiter, ...]](lambda: tuple(make() for make in self.make))

    async def __call__(self, scope: Message, _receive: object, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http"
        trip = (self.quirks.slow + random.uniform(0, self.quirks.jitter)) / 2  # noqa: S311 - no secret
        await asyncio.sleep(trip)
        status, headers, body, delay = self._answer(scope["path"] if self.quirks.by_route else "")
        await asyncio.sleep(delay + trip)
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, route: str) -> tuple[int, list[tuple[str, str]], bytes, float]:
        now = time.time() + self.quirks.skew
        decisions: list[Decision] = []
        for limiter in self._routes[route]:
            decisions.append(limiter.admit(now))
            if not decisions[-1].admitted:
                break
        decision = decisions[-1] if not decisions[-1].admitted else decisions[0]
        told = replace_wait(Told(self._routes[route][0].limit, self.window, now, decision), self.quirks.lie)
        body = self.dialect.body(told).encode()
        headers = [*self.dialect.headers(told), ("Date", formatdate(int(now), usegmt=True))]
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        headers += [("Connection", "close")] if self.quirks.closes else []
        return 200 if decision.admitted else 429, headers, body, decision.delay


def replace_wait(told: Told, lie: str) -> Told:
    """The same with another wait."""
    return replace(told, decision=told.decision._replace(retry_after=LIES[lie](told.decision.retry_after)))


@contextlib.contextmanager
def serving(app: LimitedApp) -> Iterator[str]:
    """Serve it from a thread within the block; its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        config = uvicorn.Config(app, lifespan="off", log_level="error", access_log=False, date_header=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield "http://{}:{}/".format(*listener.getsockname())
        finally:
            server.should_exit = True
            thread.join()


def application(arguments: list[str] | None = None) -> LimitedApp:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.limiters.serve")
    parser.add_argument("--family", choices=FAMILIES, default="first-request-window")
    parser.add_argument("--limit", type=int, default=5)
    parser.add_argument("--window", type=float, default=2.0)
    parser.add_argument("--also", type=float, nargs=2, metavar=("LIMIT", "WINDOW"), help="a second, of the same family")
    parser.add_argument("--fields", choices=FIELDS, default="x-epoch")
    parser.add_argument("--wait", choices=WAITS, default="seconds")
    parser.add_argument("--lie", choices=LIES, default="none")
    parser.add_argument("--skew", type=float, default=0.0)
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--jitter", type=float, default=0.0)
    parser.add_argument("--by-route", action="store_true")
    parser.add_argument("--closes", action="store_true")
    given = parser.parse_args(arguments)
    family = FAMILIES[given.family]
    make: list[Callable[[], Limiter]] = [lambda: family(given.limit, given.window)]
    if given.also:
        make.append(lambda: family(int(given.also[0]), given.also[1]))
    quirks = Quirks(given.lie, given.skew, given.slow, given.jitter, given.by_route, given.closes)
    return LimitedApp(tuple(make), given.window, Dialect(given.fields, given.wait), quirks)


if __name__ == "__main__":
    with serving(application()) as url, contextlib.suppress(KeyboardInterrupt):
        print(url, flush=True)  # noqa: T201 - its output
        threading.Event().wait()
