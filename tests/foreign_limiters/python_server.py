"""Limiters of the Python index behind a server: `python -m tests.foreign_limiters.python_server KIND LIMIT WINDOW FD`.

It serves the listening socket that it inherits as FD, until it is terminated.
"""

from __future__ import annotations

import asyncio
import math
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

import uvicorn
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    RateLimiter,
    SlidingWindowCounterRateLimiter,
)
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.util import get_remote_address
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

Scope: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Scope], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Callable[[], Awaitable[Scope]], Send], Awaitable[None]]

STRATEGIES: Mapping[str, Callable[[MemoryStorage], RateLimiter]] = {
    "fixed-window": FixedWindowRateLimiter,
    "moving-window": MovingWindowRateLimiter,
    "sliding-window-counter": SlidingWindowCounterRateLimiter,
}


async def answer(send: Send, status: int, headers: dict[str, str]) -> None:
    """An answer without much of a body."""
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": [*pairs, (b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


def by_limits(strategy: RateLimiter, limit: int, window: int) -> App:
    """Asks the library, and tells what it says: limit, remaining and reset, and Retry-After when it refuses."""
    item = RateLimitItemPerSecond(limit, window)

    async def app(scope: Scope, _receive: object, send: Send) -> None:
        assert scope["type"] == "http"
        admitted = strategy.hit(item, "everybody")
        reset, remaining = strategy.get_window_stats(item, "everybody")
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(math.ceil(reset)),
        }
        if not admitted:
            headers["Retry-After"] = str(max(1, math.ceil(reset - time.time())))
        await answer(send, 200 if admitted else 429, headers)

    return app


def by_slowapi(limit: int, window: int) -> App:
    """As its documentation shows it, headers on."""
    limiter = Limiter(key_func=get_remote_address, headers_enabled=True)

    @limiter.limit(f"{limit} per {window} second")
    def hello(request: Request) -> Response:  # noqa: ARG001 - slowapi looks for this very name
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/{any:path}", hello)])
    app.state.limiter = limiter
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]  # its own
    return app


def slow(seconds: float) -> App:
    """Takes its time for each answer, and limits nothing."""

    async def app(scope: Scope, _receive: object, send: Send) -> None:
        assert scope["type"] == "http"
        await asyncio.sleep(seconds)
        await answer(send, 200, {})

    return app


def ready_or(app: App) -> App:
    """The app, but for `/ready`, which no limit holds back."""

    async def both(scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Send) -> None:
        await (answer(send, 200, {}) if scope["path"] == "/ready" else app(scope, receive, send))

    return both


def application(kind: str, limit: int, window: str) -> App:
    """The app of a kind."""
    if kind in STRATEGIES:
        return by_limits(STRATEGIES[kind](MemoryStorage()), limit, int(window))
    return by_slowapi(limit, int(window)) if kind == "slowapi" else slow(float(window))


if __name__ == "__main__":
    _, KIND, LIMIT, WINDOW, FD = sys.argv
    CONFIG = uvicorn.Config(ready_or(application(KIND, int(LIMIT), WINDOW)), lifespan="off", log_level="error")
    uvicorn.Server(CONFIG).run([socket.socket(fileno=int(FD))])
