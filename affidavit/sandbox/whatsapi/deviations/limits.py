"""Faults in how requests are limited, and in what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from affidavit.sandbox.deviation import Around, Deviation, with_header
from affidavit.sandbox.http import bearer
from affidavit.sandbox.model import Machine, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    ANYWHERE,
    REFUSED,
    REGISTER,
    Act,
    answer,
    answered,
    every,
    fault,
    header,
    header_of,
    variant,
)
from affidavit.sandbox.whatsapi.deviations.limiters import (
    AGAIN,
    LIMIT,
    LIMITED,
    MINUTE,
    REMAINING,
    RESET,
    Fixed,
    Limiter,
    Odd,
    as_it_is,
    headers_of,
    limiting,
    odd,
    refused,
)
from affidavit.sandbox.window import Admission, whole_seconds


def refusal(name: str, value: str | Callable[[str], str | None] | None) -> Act:
    """Another header in a refusal for want of budget."""
    return header(LIMITED, name, value)


class NeverAgain(Around):
    """A free key that has met its limit is refused from then on."""

    over = False

    def step(self, request: Request, now: float) -> Response:
        """The answer, always as at the first refusal."""
        response = self.inner.step(request, now)
        if bearer(request.headers) != self.keys()["free"]:
            return response
        self.over = self.over or response.status == 429
        if not self.over or response.status == 429:
            return response
        admission = Admission(allowed=False, limit=20, remaining=0, reset_at=now + MINUTE, retry_after=60)
        told = refused(admission)
        return replace(told, headers=(*told.headers, *headers_of(admission).items()))


class Registrations(Around):
    """Counts registrations by something else than the address, or to another number."""

    def __init__(self, inner: Machine, caller: Callable[[Request, int], str], most: int = 5) -> None:
        """`caller` is who is counted, asked with the request and its number."""
        super().__init__(inner)
        self._caller, self._most = caller, most
        self._count = 0
        self._since = 0.0
        self._within = 0

    def step(self, request: Request, now: float) -> Response:
        """The answer to a request from somebody else."""
        if not REGISTER.asks(request):
            return self.inner.step(request, now)
        self._count += 1
        response = self.inner.step(replace(request, client=self._caller(request, self._count)), now)
        if now - self._since >= MINUTE:
            self._since, self._within = now, 0
        self._within += 1
        if self._within <= self._most or response.status == 429:
            return response
        left = self._since + MINUTE
        told = refused(
            Admission(allowed=False, limit=5, remaining=0, reset_at=left, retry_after=whole_seconds(now, left))
        )
        kept = tuple(
            (name, "0" if name == REMAINING else text) for name, text in response.headers if name.startswith("X-")
        )
        return replace(told, headers=(*told.headers, *kept))


class Below:
    """Refuses nobody, and goes on counting."""

    def __init__(self) -> None:
        self._inner = Fixed()
        self._over: dict[tuple[str, float], int] = {}

    def admit(self, key: str, limit: int, now: float) -> Admission:
        """The decision of a fixed window, turned into an admission."""
        found = self._inner.admit(key, limit, now)
        if found.allowed:
            return found
        over = self._over[key, found.reset_at] = self._over.get((key, found.reset_at), 0) + 1
        return found._replace(allowed=True, remaining=-over)


class ByAddress:
    """Counts the requests of all keys together, and holds each against the limit of its own plan."""

    def __init__(self) -> None:
        self._reset, self._count = 0.0, 0

    def admit(self, key: str, limit: int, now: float) -> Admission:  # noqa: ARG002 - one budget for all keys
        """The decision for whoever asks from here; `key` does not matter."""
        if now >= self._reset:
            self._reset, self._count = now + MINUTE, 0
        allowed = self._count < limit
        self._count += allowed
        left = max(0, limit - self._count)
        return Admission(allowed, limit, left, self._reset, whole_seconds(now, self._reset))


class Neighbours:
    """The free account and its neighbour use one budget."""

    def __init__(self, inner: Limiter) -> None:
        self._inner = inner

    def admit(self, key: str, limit: int, now: float) -> Admission:
        """The decision about whichever of them came."""
        shared = key in {"free", "other_account"}
        found = self._inner.admit("both" if shared else key, 20 if shared else limit, now)
        return found._replace(limit=limit)


def _half_way(found: Admission, now: float) -> Admission:
    """As if the window ended a minute earlier than it does, or in a minute when that has passed."""
    end = found.reset_at - MINUTE if found.reset_at - MINUTE > now else found.reset_at
    return found._replace(reset_at=end, retry_after=whole_seconds(now, end))


class Delta(Around):
    """The window's end is told in seconds from now."""

    def step(self, request: Request, now: float) -> Response:
        """The answer with the seconds."""
        response = self.inner.step(request, now)
        until = header_of(response, RESET)
        return response if until is None else with_header(response, RESET, str(max(0, int(until) - int(now))))


class Dated(Around):
    """A refusal says until when to wait."""

    def step(self, request: Request, now: float) -> Response:
        """The answer with the date."""
        response = self.inner.step(request, now)
        wait = header_of(response, AGAIN)
        return response if wait is None else with_header(response, AGAIN, formatdate(now + int(wait), usegmt=True))


def _twice(response: Response) -> Response:
    """What remains, as if every request counted for two."""
    limit, left = header_of(response, LIMIT), header_of(response, REMAINING)
    if limit is None or left is None:
        return response
    return with_header(response, REMAINING, str(max(0, int(limit) - 2 * (int(limit) - int(left)))))


def _used(response: Response) -> Response:
    limit, left = header_of(response, LIMIT), header_of(response, REMAINING)
    return response if limit is None or left is None else with_header(response, REMAINING, str(int(limit) - int(left)))


def _in_body(response: Response) -> Response:
    wait = int(header_of(response, AGAIN) or 0)
    whole = {**json.loads(response.body), "retryAfter": wait}
    return replace(with_header(response, AGAIN, None), body=json.dumps(whole).encode())


def _email(request: Request, _number: int) -> str:
    try:
        return str(json.loads(request.body).get("email"))
    except (ValueError, AttributeError):
        return request.client


def _without_limits(response: Response) -> Response:
    return replace(response, headers=tuple(pair for pair in response.headers if not pair[0].startswith("X-RateLimit")))


def _on(change: Callable[[Response], Response]) -> Callable[[Request, Response], Response]:
    return lambda _request, response: change(response)


def _body(change: Callable[[dict[str, Any]], Any]) -> Act:
    return answer(
        LIMITED,
        lambda _request, response: replace(response, body=json.dumps(change(json.loads(response.body))).encode()),
    )


def _plain(_request: Request, response: Response) -> Response:
    headers = tuple(pair for pair in response.headers if pair[0] != "Content-Type")
    return replace(response, headers=(("Content-Type", "text/plain"), *headers), body=b"Slow down.")


ENFORCED: tuple[Deviation, ...] = (
    fault(
        "limit-not-enforced",
        "rate-limit",
        "Nobody is ever refused.",
        odd(lambda found, _now: found._replace(allowed=True)),
    ),
    fault(
        "limit-below-zero", "rate-limit", "Nobody is ever refused, and what remains goes below zero.", limiting(Below)
    ),
    fault(
        "limit-one-more-request",
        "rate-limit",
        "One request more than the limit is admitted.",
        odd(as_it_is, lambda limit: limit + 1),
    ),
    fault(
        "limit-one-request-less",
        "rate-limit",
        "One request less than the limit is admitted.",
        odd(as_it_is, lambda limit: limit - 1),
    ),
    fault("limit-halved", "rate-limit", "Half the limit is admitted.", odd(as_it_is, lambda limit: limit // 2)),
    fault(
        "limit-of-pro-doubled",
        "rate-limit",
        "A pro account has twice its limit.",
        odd(as_it_is, lambda limit: 2 * limit if limit == 500 else limit),
    ),
    fault(
        "limit-of-enterprise-halved",
        "rate-limit",
        "An enterprise account has half its limit.",
        odd(as_it_is, lambda limit: 1000 if limit == 2000 else limit),
    ),
    fault(
        "limit-of-basic-is-free",
        "rate-limit",
        "A basic account has the limit of a free one.",
        odd(as_it_is, lambda limit: 20 if limit == 100 else limit),
    ),
    fault("limit-by-address", "rate-limit", "All keys of one address use one budget.", limiting(ByAddress)),
    fault("limit-shared-by-keys", "rate-limit", "Two keys share a budget.", limiting(lambda: Neighbours(Fixed()))),
    fault("window-never-ends", "rate-limit", "A key that has met its limit is refused for ever.", NeverAgain),
    fault(
        "window-longer-than-said",
        "rate-limit",
        "A window is twice as long as it says.",
        limiting(lambda: Odd(Fixed(seconds=2 * MINUTE), _half_way)),
    ),
    fault(
        "limit-is-503",
        "rate-limit",
        "Too many requests are answered 503.",
        answer(LIMITED, lambda _request, response: replace(response, status=503)),
    ),
    fault(
        "limit-is-403",
        "rate-limit",
        "Too many requests are answered 403.",
        answer(LIMITED, lambda _request, response: replace(response, status=403)),
    ),
    fault(
        "registrations-unlimited",
        "rate-limit",
        "Registrations are not limited.",
        lambda inner: Registrations(inner, lambda _request, number: f"client {number}", 1_000),
    ),
    fault(
        "registrations-by-email",
        "rate-limit",
        "Registrations are limited by email.",
        lambda inner: Registrations(inner, _email, 1_000),
    ),
    fault(
        "registrations-up-to-four",
        "rate-limit",
        "Four registrations a minute are admitted.",
        lambda inner: Registrations(inner, lambda request, _number: request.client, 4),
    ),
    fault(
        "registrations-up-to-six",
        "rate-limit",
        "Six registrations a minute are admitted.",
        lambda inner: Registrations(inner, lambda _request, number: f"client {number}", 6),
    ),
)

TOLD: tuple[Deviation, ...] = (
    fault("limit-header-missing", "rate-limit", "Answers do not say the limit.", header(ANYWHERE, LIMIT, None)),
    fault("limit-header-of-pro", "rate-limit", "Everybody is told the limit of pro.", header(ANYWHERE, LIMIT, "500")),
    fault(
        "limit-header-with-policy",
        "rate-limit",
        "The limit comes with its window.",
        header(ANYWHERE, LIMIT, lambda old: f"{old};w=60"),
    ),
    fault("remaining-missing", "rate-limit", "Answers do not say what remains.", header(ANYWHERE, REMAINING, None)),
    fault("remaining-stands-still", "rate-limit", "What remains never falls.", header(ANYWHERE, REMAINING, "19")),
    fault("remaining-falls-by-two", "rate-limit", "What remains falls by two.", answer(ANYWHERE, _on(_twice))),
    fault("remaining-is-used", "rate-limit", "What remains is what was used.", answer(ANYWHERE, _on(_used))),
    fault("remaining-negative", "rate-limit", "A refusal tells that minus one remains.", refusal(REMAINING, "-1")),
    fault(
        "remaining-is-a-fraction",
        "rate-limit",
        "What remains has a decimal.",
        header(ANYWHERE, REMAINING, lambda old: f"{old}.0"),
    ),
    fault("reset-missing", "rate-limit", "Answers do not say when the window ends.", header(ANYWHERE, RESET, None)),
    fault(
        "reset-in-the-past",
        "rate-limit",
        "The window ended a minute ago.",
        header(ANYWHERE, RESET, lambda old: str(int(old) - 120)),
    ),
    fault(
        "reset-in-milliseconds",
        "rate-limit",
        "The window's end is in milliseconds.",
        header(ANYWHERE, RESET, lambda old: f"{old}000"),
    ),
    fault("reset-in-seconds-from-now", "rate-limit", "The window's end is told in seconds from now.", Delta),
    fault(
        "reset-as-date",
        "rate-limit",
        "The window's end is a date.",
        header(ANYWHERE, RESET, lambda old: formatdate(int(old), usegmt=True)),
    ),
    fault(
        "reset-far-ahead",
        "rate-limit",
        "The window ends in an hour.",
        header(ANYWHERE, RESET, lambda old: str(int(old) + 3600)),
    ),
    fault(
        "errors-lack-limits",
        "rate-limit",
        "Errors do not say where the caller stands.",
        answer(answered(ANYWHERE, REFUSED), _on(_without_limits)),
    ),
    fault(
        "sends-lack-limits",
        "rate-limit",
        "Sends do not say where the caller stands.",
        answer(answered(ANYWHERE, "202"), _on(_without_limits)),
    ),
    fault(
        "sometimes-limits-missing",
        "rate-limit",
        "Every seventh answer does not say where the caller stands.",
        every(7, ANYWHERE, answer(ANYWHERE, _on(_without_limits))),
    ),
    fault("wait-missing", "rate-limit", "A refusal does not say how long to wait.", refusal(AGAIN, None)),
    fault(
        "wait-in-body-only",
        "rate-limit",
        "A refusal says only in its body how long to wait.",
        answer(LIMITED, _on(_in_body)),
    ),
    fault("wait-zero", "rate-limit", "A refusal says to wait no time.", refusal(AGAIN, "0")),
    fault("wait-negative", "rate-limit", "A refusal says to wait a negative time.", refusal(AGAIN, "-5")),
    fault(
        "wait-fractional",
        "rate-limit",
        "A refusal says to wait a fraction of a second.",
        refusal(AGAIN, lambda old: f"{old}.5"),
    ),
    fault("wait-too-short", "rate-limit", "A refusal says to wait a second.", refusal(AGAIN, "1")),
    fault("wait-too-long", "rate-limit", "A refusal says to wait an hour.", refusal(AGAIN, "3600")),
    fault(
        "wait-in-milliseconds",
        "rate-limit",
        "A refusal says in milliseconds how long to wait.",
        refusal(AGAIN, lambda old: f"{old}000"),
    ),
    fault("wait-as-date", "rate-limit", "A refusal says until when to wait.", Dated),
    fault(
        "wait-with-unit",
        "rate-limit",
        "A refusal says how long to wait with the unit.",
        refusal(AGAIN, lambda old: f"{old}s"),
    ),
    fault("wait-always", "rate-limit", "Every answer says how long to wait.", header(ANYWHERE, AGAIN, "60")),
    fault(
        "wait-rounded-down",
        "rate-limit",
        "A refusal rounds the wait down to whole seconds.",
        refusal(AGAIN, lambda old: str(max(1, int(old) - 1))),
    ),
    fault(
        "remaining-over-limit",
        "rate-limit",
        "At first, more remains than the limit.",
        header(ANYWHERE, REMAINING, lambda old: str(int(old) + 10) if int(old) > 15 else old),
    ),
    fault("refused-with-remaining", "rate-limit", "A refusal tells that three remain.", refusal(REMAINING, "3")),
    fault(
        "limit-changes",
        "rate-limit",
        "Every fifth answer tells the limit of another plan.",
        every(5, ANYWHERE, header(ANYWHERE, LIMIT, "100")),
    ),
    fault(
        "wait-on-conflicts",
        "rate-limit",
        "A conflict says how long to wait.",
        header(answered(ANYWHERE, "409"), AGAIN, "5"),
    ),
    fault(
        "refusal-lacks-flag",
        "errors",
        "A refusal for want of budget flags nothing.",
        _body(lambda whole: {"error": whole["error"]}),
    ),
    fault("refusal-is-plain-text", "errors", "A refusal for want of budget is plain text.", answer(LIMITED, _plain)),
    fault(
        "refusal-has-details",
        "errors",
        "A refusal for want of budget has details.",
        _body(lambda whole: {**whole, "details": []}),
    ),
)

FAULTS = ENFORCED + TOLD

VARIANTS: tuple[Deviation, ...] = (
    variant(
        "wait-unlike-body",
        "rate-limit",
        "A refusal names another wait in its body, of which the documents say nothing.",
        _body(lambda whole: {**whole, "retryAfter": 90}),
    ),
    variant(
        "refusal-may-be-stored",
        "rate-limit",
        "A cache may store a refusal: only the standards of HTTP forbid that.",
        refusal("Cache-Control", "public, max-age=60"),
    ),
)
