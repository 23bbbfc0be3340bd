"""The Chatmaid machine: one request goes in at one moment, one answer comes out.

A request is answered by the first of these that has something to say (G-39):

    route      404 unknown path, 405 another method; no key is needed to hear that
    key        401 missing, malformed, unknown, expired
    limit      429, counted per key over all operations
    scope      403
    operation  400, then 404, then 200 or 201

Everything else lives next door: `routes` is the table of operations, `operations` what they do, `validation` what they
refuse, `lifecycle` what becomes of messages, `world` what there is at the start, `controls` what only a sandbox can do.

Left out, because the documents give no format for them: webhooks (G-07). So nothing is ever due, and `tick` has nothing
to return: a message's status is computed when somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from affidavit.sandbox.chatmaid.accounts import ApiKey
from affidavit.sandbox.chatmaid.controls import Controls
from affidavit.sandbox.chatmaid.envelope import ProblemError, failure, success
from affidavit.sandbox.chatmaid.operations import Call
from affidavit.sandbox.chatmaid.options import Options
from affidavit.sandbox.chatmaid.routes import Route, find
from affidavit.sandbox.chatmaid.seeding import Population
from affidavit.sandbox.chatmaid.world import WORLD, SeedAccount
from affidavit.sandbox.http import bearer
from affidavit.sandbox.model import Json, Machine, Outgoing, Request, Response
from affidavit.sandbox.window import FixedWindow

DEFAULTS = Options()


class ChatmaidMachine(Machine):
    """One imitation of Chatmaid, from the moment `now` on."""

    def __init__(
        self, seed: int, now: float, *, options: Options = DEFAULTS, world: Iterable[SeedAccount] = WORLD
    ) -> None:
        self.options = options
        self._population = Population(world, seed, now, options)
        self._limiter = FixedWindow(options.requests_per_minute, options.window, aligned=False)
        self._controls = Controls(self._population, self._limiter)

    def step(self, request: Request, now: float) -> Response:
        """Answer the request."""
        try:
            route, parameter = find(request.method, request.path)
            key = self._authenticate(request, now)
        except ProblemError as problem:
            return failure(problem, request.path, now)
        response = self._serve(route, Call(request, parameter, key, now))
        key.space.requests.note(now, successful=response.status < 400)
        return response

    def retime(self, options: Options) -> None:
        """Messages accepted from now on take the times of other options; the limit stays as it is."""
        self._population.retime(options)

    def tick(self, now: float) -> tuple[Outgoing, ...]:  # noqa: ARG002 - the interface has it
        """Nothing: statuses follow from the moment somebody asks."""
        return ()

    def next_due(self) -> float | None:
        """Never."""
        return None

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """Nothing is ever sent out."""

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """One of `controls.CONTROLS`; raises UnknownControlError otherwise."""
        return self._controls.run(action, arguments, now)

    def keys(self) -> Mapping[str, str]:
        """The seeded keys by role."""
        return {key.role: value for value, key in self._population.keys.items()}

    def _authenticate(self, request: Request, now: float) -> ApiKey:
        token = bearer(request.headers)
        if token is None:
            raise ProblemError(401, "Missing API key: use the header Authorization: Bearer <key>")
        key = self._population.keys.get(token)
        if key is None:
            raise ProblemError(401, "Invalid API key")
        if key.expired(now):
            raise ProblemError(401, "API key has expired")
        return key

    def _serve(self, route: Route, call: Call) -> Response:
        try:
            self._admit(call.key, call.now)
            _authorise(call.key, route)
            return success(route.success, route.operation(call))
        except ProblemError as problem:
            return failure(problem, call.request.path, call.now)

    def _admit(self, key: ApiKey, now: float) -> None:
        admission = self._limiter.admit(key.value, now)
        if not admission.allowed:
            raise ProblemError(429, "Rate limit exceeded", fields={"retryAfter": admission.retry_after})


def _authorise(key: ApiKey, route: Route) -> None:
    if route.scopes.isdisjoint(key.scopes):
        raise ProblemError(403, "API key does not include required scope")
