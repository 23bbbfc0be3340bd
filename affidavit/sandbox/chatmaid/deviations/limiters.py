"""Variants of the rate limit: other limiters, other numbers, other ways to name the wait."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping

from affidavit.sandbox.chatmaid.deviations.limits import LIMITED, NO_LIMIT, under
from affidavit.sandbox.chatmaid.deviations.parts import (
    Build,
    answer,
    body,
    gone,
    json_of,
    role_of,
    row,
    to,
)
from affidavit.sandbox.chatmaid.envelope import ProblemError, failure
from affidavit.sandbox.deviation import Around, with_header
from affidavit.sandbox.model import Json, Machine, Request, Response
from affidavit.sandbox.window import ROUNDING, FixedWindow, whole_seconds

WINDOW = 60.0
PER_MINUTE = 100


class _Limited(Around):
    """Another kind of limiter in place of the machine's; told by the same control."""

    def __init__(self, inner: Machine, waits: Callable[[str, int, float], int]) -> None:
        super().__init__(inner)
        self._waits, self._limit, self._own = waits, PER_MINUTE, dict[str, int]()

    def step(self, request: Request, now: float) -> Response:
        role = role_of(self, request)
        wait = self._waits(role, self._own.get(role, self._limit), now) if role else 0
        answered = under(0 if wait else NO_LIMIT, self.inner, request, now)
        if answered.status != 429:
            return answered
        return failure(ProblemError(429, "Rate limit exceeded", fields={"retryAfter": wait}), request.path, now)

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        told, role = arguments.get("requests_per_minute"), arguments.get("role")
        if action == "set-rate-limit" and isinstance(told, int):
            if isinstance(role, str):
                self._own[role] = told
            else:
                self._limit = told
                self._own.clear()
        return self.inner.control(action, arguments, now)


def _aligned() -> Callable[[str, int, float], int]:
    """A window that begins with each minute of the clock."""
    window = FixedWindow(PER_MINUTE, WINDOW, aligned=True)

    def wait(role: str, limit: int, now: float) -> int:
        window.limit = limit
        admission = window.admit(role, now)
        return 0 if admission.allowed else admission.retry_after

    return wait


def _sliding_log() -> Callable[[str, int, float], int]:
    """So many requests in any sixty seconds."""
    logs: dict[str, deque[float]] = defaultdict(deque)

    def wait(role: str, limit: int, now: float) -> int:
        log = logs[role]
        while log and log[0] <= now - WINDOW:
            log.popleft()
        if len(log) >= limit:
            return whole_seconds(now, log[0] + WINDOW)
        log.append(now)
        return 0

    return wait


def _token_bucket() -> Callable[[str, int, float], int]:
    """A bucket that holds so many tokens and is filled evenly over a minute."""
    buckets: dict[str, tuple[float, float]] = {}

    def wait(role: str, limit: int, now: float) -> int:
        held, at = buckets.get(role, (float(limit), now))
        held = min(float(limit), held + (now - at) * limit / WINDOW)
        # Moments since 1970 are known to a tenth of a microsecond, and whoever has waited as told must be let in.
        admitted = held >= 1 - ROUNDING
        buckets[role] = (held - 1, now) if admitted else (held, now)
        return 0 if admitted else whole_seconds(now, now + (1 - held) * WINDOW / limit)

    return wait


def limited(make: Callable[[], Callable[[str, int, float], int]]) -> Build:
    """Another kind of limiter, each machine its own."""
    return lambda inner: _Limited(inner, make())


class _Starts(Around):
    """Another limit from the first request on, until the control says otherwise."""

    def __init__(self, inner: Machine, limit: int) -> None:
        super().__init__(inner)
        self.inner.control("set-rate-limit", {"requests_per_minute": limit}, 0)


def _with_header(response: Response) -> Response:
    wait = json_of(response.body).get("retryAfter")
    return with_header(response, "Retry-After", str(wait))


VARIANTS = (
    # limits
    row(
        "wait-in-header-too",
        "rate-limit",
        "The wait of a 429 is in the header Retry-After as well (G-10).",
        answer(LIMITED, _with_header),
    ),
    row(
        "wait-in-header-only",
        "rate-limit",
        "The wait of a 429 is in the header Retry-After alone (G-10).",
        answer(LIMITED, _with_header),
        body(LIMITED, "/retryAfter", gone),
    ),
    row("wait-not-named", "rate-limit", "A 429 does not name the wait (G-10).", body(LIMITED, "/retryAfter", gone)),
    row("wait-always-sixty", "rate-limit", "A 429 always names a whole minute.", body(LIMITED, "/retryAfter", to(60))),
    row(
        "limit-by-clock-minute",
        "rate-limit",
        "The limit's window begins with each minute of the clock (G-08).",
        limited(_aligned),
    ),
    row("limit-by-sliding-log", "rate-limit", "The limit holds in any sixty seconds (G-08).", limited(_sliding_log)),
    row(
        "limit-by-token-bucket", "rate-limit", "The limit is a bucket that fills evenly (G-08).", limited(_token_bucket)
    ),
    row(
        "limit-of-forty", "rate-limit", "A key may make 40 requests a minute (G-08).", lambda inner: _Starts(inner, 40)
    ),
    row(
        "limit-of-thousand",
        "rate-limit",
        "A key may make 1,000 requests a minute (G-08).",
        lambda inner: _Starts(inner, 1000),
    ),
)
