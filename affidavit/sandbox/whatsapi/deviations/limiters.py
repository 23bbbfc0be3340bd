"""Limiters of every kind around the faithful machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from affidavit.sandbox.deviation import Around, with_header
from affidavit.sandbox.http import bearer, json_response
from affidavit.sandbox.model import Json, Machine, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    ANYWHERE,
    Act,
    answered,
)
from affidavit.sandbox.window import ROUNDING, Admission, FixedWindow, whole_seconds

MINUTE = 60.0
OUT_OF_THE_WAY = 1_000_000
LIMIT, REMAINING, RESET = "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"
AGAIN = "Retry-After"
LIMITED = answered(ANYWHERE, "429")


class Limiter(Protocol):
    """Decides about one request of one key."""

    def admit(self, key: str, limit: int, now: float) -> Admission:
        """Take the request into account, or refuse it."""
        ...


class Fixed:
    """So many in a window, which belongs to the clock or begins with a key's first request."""

    def __init__(self, *, aligned: bool = False, seconds: float = MINUTE) -> None:
        self._aligned, self._seconds = aligned, seconds
        self._windows: dict[int, FixedWindow] = {}

    def admit(self, key: str, limit: int, now: float) -> Admission:
        """As the faithful machine has it."""
        windows = self._windows.setdefault(limit, FixedWindow(limit, self._seconds, aligned=self._aligned))
        return windows.admit(key, now)


class SlidingLog:
    """So many in any minute; the reset is when the oldest of them is forgotten."""

    def __init__(self) -> None:
        self._admitted: dict[str, list[float]] = {}

    def admit(self, key: str, limit: int, now: float) -> Admission:
        """Look at the last minute."""
        latest = [at for at in self._admitted.get(key, []) if at > now - MINUTE]
        allowed = len(latest) < limit
        latest += [now] if allowed else []
        self._admitted[key] = latest
        reset = latest[0] + MINUTE
        return Admission(allowed, limit, limit - len(latest), reset, whole_seconds(now, reset))


class Bucket:
    """A bucket as large as the limit that is full again after a minute without requests."""

    def __init__(self) -> None:
        self._full_at: dict[str, float] = {}

    def admit(self, key: str, limit: int, now: float) -> Admission:
        """Take a token."""
        each = MINUTE / limit
        full_at = max(now, self._full_at.get(key, now))
        left = (MINUTE - (full_at - now)) / each
        # Digits of the clock that are missing must not turn away whoever has waited as told.
        if left < 1 - ROUNDING:
            reset = now + (1 - left) * each
            return Admission(
                allowed=False, limit=limit, remaining=0, reset_at=reset, retry_after=whole_seconds(now, reset)
            )
        self._full_at[key] = full_at + each
        end = full_at + each
        return Admission(
            allowed=True, limit=limit, remaining=math.floor(left - 1), reset_at=end, retry_after=whole_seconds(now, end)
        )


@dataclass(frozen=True)
class Odd:
    """A limiter that decides otherwise than another one."""

    inner: Limiter
    change: Callable[[Admission, float], Admission]
    """What becomes of a decision."""
    limit: Callable[[int], int] = int
    """The limit that is really applied."""

    def admit(self, key: str, limit: int, now: float) -> Admission:
        """The other decision, with the documented limit on its face."""
        found = self.inner.admit(key, self.limit(limit), now)
        shown = found._replace(limit=limit, remaining=max(0, limit - self.limit(limit) + found.remaining))
        return self.change(shown, now)


class Limiting(Around):
    """Limits the seeded keys in its own way; the machine's own limits are put out of the way."""

    def __init__(self, inner: Machine, limiter: Limiter, whose: Callable[[str, Request], str]) -> None:
        """`whose` names the budget that a request of a role uses."""
        super().__init__(inner)
        self._limiter, self._whose = limiter, whose
        self._limits = _limits(inner)
        for role in self._limits:
            inner.control("set-rate-limit", {"role": role, "requests_per_minute": OUT_OF_THE_WAY}, 0.0)

    def step(self, request: Request, now: float) -> Response:
        """The answer, or a refusal; both say where the caller stands."""
        token = bearer(request.headers)
        role = next((role for role, key in self.keys().items() if key == token), None)
        if role is None:
            return self.inner.step(request, now)
        admission = self._limiter.admit(self._whose(role, request), self._limits[role], now)
        response = self.inner.step(request, now) if admission.allowed else refused(admission)
        for name, value in headers_of(admission).items():
            response = with_header(response, name, value)
        return response

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """As ever, but another limit is told to this limiter."""
        done = self.inner.control(action, arguments, now)
        told, role = arguments.get("requests_per_minute"), arguments.get("role")
        if action == "set-rate-limit" and isinstance(told, int) and role in self._limits:
            self._limits[str(role)] = told
            self.inner.control(action, {"role": role, "requests_per_minute": OUT_OF_THE_WAY}, now)
        return done


def _limits(inner: Machine) -> dict[str, int]:
    described: Any = inner.control("describe", {}, 0.0)
    return {role: account["requestsPerMinute"] for role, account in described["accounts"].items()}


def headers_of(admission: Admission) -> dict[str, str]:
    """Where the caller stands, as headers."""
    return {
        LIMIT: str(admission.limit),
        REMAINING: str(admission.remaining),
        RESET: str(math.ceil(admission.reset_at)),
    }


def refused(admission: Admission) -> Response:
    """The refusal."""
    wait = str(admission.retry_after)
    body: dict[str, Json] = {"success": False, "error": f"Too many requests. Try again in {wait} seconds."}
    return json_response(429, body, ((AGAIN, wait),))


def limiting(limiter: Callable[[], Limiter], whose: Callable[[str, Request], str] = lambda role, _request: role) -> Act:
    """Another limiter."""
    return lambda inner: Limiting(inner, limiter(), whose)


def odd(change: Callable[[Admission, float], Admission], limit: Callable[[int], int] = int) -> Act:
    """A fixed window with other decisions."""
    return limiting(lambda: Odd(Fixed(), change, limit))


def as_it_is(found: Admission, _now: float) -> Admission:
    """The decision unchanged."""
    return found
