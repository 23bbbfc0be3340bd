"""The WhatsAPI machine: one request in, one answer out.

Every request passes the same gates, in the order of the readings (G-39):

    401 who is asking   429 how often   403 is the account active   404/405 is there such an operation
    400 can the body be read   and then the operation itself: 400, 404, 409, 503

A known key is counted, whatever is asked with it, and every answer to it shows where it stands (G-23). Registration has
no key and is counted by address. The other open operations are counted only when a known key comes along.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from affidavit.sandbox.http import bearer
from affidavit.sandbox.model import Json, Machine, Outgoing, Request, Response
from affidavit.sandbox.whatsapi import body, controls
from affidavit.sandbox.whatsapi.accounts import MINUTE, Account, Accounts
from affidavit.sandbox.whatsapi.identity import Identity
from affidavit.sandbox.whatsapi.lifecycle import Worker
from affidavit.sandbox.whatsapi.options import Options
from affidavit.sandbox.whatsapi.published import pages
from affidavit.sandbox.whatsapi.refusal import Refusal
from affidavit.sandbox.whatsapi.routes import REGISTER, Found, KeyedRoute, Route, find
from affidavit.sandbox.whatsapi.service import Call, Service, refused
from affidavit.sandbox.whatsapi.upstream import Upstream
from affidavit.sandbox.whatsapi.webhooks import Outbox
from affidavit.sandbox.whatsapi.world import WORLD, World, populate
from affidavit.sandbox.window import Admission, FixedWindow

CONTROLS = controls.CONTROLS
DEFAULTS = Options()
MALFORMED = "Missing or malformed Authorization header. It must be: Bearer sk_live_..."


class WhatsapiMachine(Machine):
    """An imitation of WhatsAPI, written from its documents; see `Machine`."""

    def __init__(self, seed: int, now: float, *, options: Options = DEFAULTS, world: World = WORLD) -> None:
        identity = Identity(seed)
        upstream = Upstream(options)
        accounts = Accounts(options, identity, Worker(options, upstream, world.templates))
        self._service = Service(
            options=options,
            identity=identity,
            accounts=accounts,
            roles=populate(world, accounts, identity, now),
            upstream=upstream,
            outbox=Outbox(options),
            templates=world.templates,
            verify_token=world.verify_token,
            registrations=FixedWindow(options.registrations_per_minute, MINUTE, aligned=options.aligned_windows),
            pages=pages(),
        )

    def step(self, request: Request, now: float) -> Response:
        """Answer `request` at `now`."""
        found = find(request.method, request.path)
        account = self._service.accounts.by_key(bearer(request.headers))
        admission = self._admit(found.route, account, request.client, now)
        try:
            response = self._answer(request, found, account, admission, now)
        except Refusal as refusal:
            response = refused(refusal)
        if admission is None:
            return response
        return Response(response.status, response.headers + _limit_headers(admission), response.body)

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """Let the messages of accounts with a webhook move on; return the deliveries due by `now`.

        The other messages need no tick: what they have become is worked out when somebody looks.
        """
        for account in self._service.outbox.listening:
            account.mailbox.settle(now)
        return self._service.outbox.due(now)

    def next_due(self) -> float | None:
        """The next moment at which `tick` would do something, or None."""
        outbox = self._service.outbox
        moments = [outbox.next_due(), *(account.mailbox.next_change() for account in outbox.listening)]
        return min((moment for moment in moments if moment is not None), default=None)

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """Take the outcome of a delivery."""
        self._service.outbox.outcome(outgoing, status, now)

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """Pull one of the levers in `CONTROLS`."""
        return controls.control(self._service, action, arguments, now)

    def keys(self) -> Mapping[str, str]:
        """The API keys of the seeded accounts by role, as they are now: a rotated key is shown by its successor."""
        return {role: account.key for role, account in self._service.roles.items()}

    def _admit(self, route: Route | None, account: Account | None, client: str, now: float) -> Admission | None:
        """Count the request, if there is somebody to count it for."""
        if route is not None and route.path == REGISTER:
            return self._service.registrations.admit(client, now)
        return None if account is None else account.limiter.admit(account.key, now)

    def _answer(
        self, request: Request, found: Found, account: Account | None, admission: Admission | None, now: float
    ) -> Response:
        if isinstance(found.route, KeyedRoute):
            if account is None:
                raise Refusal(401, "Invalid API key." if bearer(request.headers) else MALFORMED)
            _check_limit(admission)
            _check_active(account)
            if self._service.upstream.troubled:
                account.mailbox.settle(now)
            return found.route.answer(self._service, _call(request, found.route, found.message_id, now), account)
        _check_limit(admission)
        if found.route is None:
            _check_active(account)
            raise _no_route(found)
        return found.route.answer(self._service, _call(request, found.route, found.message_id, now))


def _call(request: Request, route: Route, message_id: str, now: float) -> Call:
    value = None if route.body is None else body.read(request)
    return Call(request, now, route.operation, message_id, value)


def _check_limit(admission: Admission | None) -> None:
    if admission is not None and not admission.allowed:
        wait = str(admission.retry_after)
        raise Refusal(429, f"Too many requests. Try again in {wait} seconds.", headers=(("Retry-After", wait),))


def _check_active(account: Account | None) -> None:
    if account is not None and not account.active:
        raise Refusal(403, "This account has been deactivated.")


def _limit_headers(admission: Admission) -> tuple[tuple[str, str], ...]:
    """Where the caller stands; the reset is a moment in whole seconds at which the window is certainly over."""
    return (
        ("X-RateLimit-Limit", str(admission.limit)),
        ("X-RateLimit-Remaining", str(admission.remaining)),
        ("X-RateLimit-Reset", str(math.ceil(admission.reset_at))),
    )


def _no_route(found: Found) -> Refusal:
    if not found.allowed:
        return Refusal(404, "There is no such endpoint.")
    allow = ", ".join(found.allowed)
    return Refusal(405, f"This endpoint only takes {allow}.", headers=(("Allow", allow),))
