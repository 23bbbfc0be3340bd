"""The ASGI adapter: turns what comes over HTTP into a machine's `Request`, and its `Response` into HTTP.

It adds what a machine has no business with: the clock, the `Date` header, a cap on bodies, a memory of the latest
requests, the webhooks that are due, and the control plane under `/__sandbox__/` (`ControlPlane`). Everything else
belongs to the machine, whatever the path.

No framework: under load the sandbox must be the cheap side of the conversation. No lock either: one event loop runs
everything, and nothing is awaited between reading the clock and the machine's answer.

An exception out of a machine is a bug of the sandbox. The caller gets a 500 that says so, and the traceback is kept
for `/__sandbox__/errors`, so that a run can tell the provider's failures from our own.
"""

from __future__ import annotations

import itertools
import json
import re
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from email.utils import formatdate
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, unquote

import jinja2

from affidavit.clock import Clock, VirtualClock
from affidavit.sandbox.deliver import Attempt, Deliveries, Poster, TimedDeliveries, VirtualDeliveries
from affidavit.sandbox.http import UnreadableBodyError, bearer, from_json, json_response, rfc3339
from affidavit.sandbox.model import Json, Machine, Request, Response, UnknownControlError

MachineFactory: TypeAlias = Callable[[int, float], Machine]
"""Builds a machine from a seed and the moment it starts at."""

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

CONTROL_PREFIX = "/__sandbox__/"
LARGEST_BODY = 10 * 1024 * 1024
KEPT_REQUESTS = 200
KEPT_ERRORS = 50
KEPT_OF_A_BODY = 65_536
"""Bytes of a body that are kept to be looked at."""
LONGEST_ADVANCE = 366 * 86_400
"""Seconds; a clock moved further at once is more likely a mistake in the unit."""
WITHOUT_LENGTH = frozenset({204, 304})
"""Statuses that have no body, and say nothing of its length."""
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
"""Not shown: somebody may send a real key here by mistake."""


class Entry(NamedTuple):
    """One request to the machine, kept to be looked at; long bodies are cut."""

    number: int
    """Counted from 1 since the start or the last reset."""
    at: float
    """Epoch seconds on the sandbox's clock."""
    request: Request
    response: Response


class Failure(NamedTuple):
    """One exception that escaped the machine."""

    at: float
    """Epoch seconds on the sandbox's clock."""
    occasion: str
    """What was going on: method and path of the request, or `webhook delivery`."""
    error: str
    traceback: str


class NotVirtualError(Exception):
    """The clock was to be moved, but it is the system's."""


class SandboxApp:
    """One machine behind ASGI, from the moment the clock shows."""

    def __init__(
        self, factory: MachineFactory, seed: int, clock: Clock, *, name: str = "sandbox", poster: Poster | None = None
    ) -> None:
        self.name = name
        self.clock = clock
        self.seed = seed
        self.machine = factory(seed, clock.now())
        self.requests: deque[Entry] = deque(maxlen=KEPT_REQUESTS)
        self.errors: deque[Failure] = deque(maxlen=KEPT_ERRORS)
        self.poster = poster or Poster(clock)
        self.moment = clock.tick if isinstance(clock, VirtualClock) else clock.now
        """The moment of the next event; under a virtual clock no two events share one."""
        self._factory = factory
        self._numbers = itertools.count(1)
        self._deliveries = self._new_deliveries()
        self._control = ControlPlane(self)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise NotImplementedError(f"the sandbox speaks http, not {scope['type']}")
        body = await _read(receive)
        if body is None:
            return
        request = _request(scope, body)
        controls = request.path.startswith(CONTROL_PREFIX)
        try:
            if len(body) > LARGEST_BODY:
                response = json_response(413, {"error": f"The sandbox takes bodies of up to {LARGEST_BODY} bytes."})
            else:
                response = await (self._control.answer(request) if controls else self._answer(request))
            headers = self._headers(response)
        except Exception as error:  # noqa: BLE001 - whatever escapes is kept and shown, and the caller is told
            response = self._failed(error, f"{request.method} {request.path}")
            headers = self._headers(response)
        if not controls:
            self._remember(request, response)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        content = b"" if request.method == "HEAD" else response.body
        await send({"type": "http.response.body", "body": content})

    async def ask(
        self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Answer one request of somebody in this process: status, headers and body."""
        path, _, query = target.partition(b"?")
        scope = {"type": "http", "method": method, "raw_path": path, "query_string": query, "headers": headers}
        said: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            said.append(message)

        await self(scope, receive, send)
        start, content = said
        return start["status"], start["headers"], content["body"]

    async def advance(self, seconds: float) -> float:
        """Move the virtual clock, with everything that is due on the way; return the moment it then shows.

        Raises NotVirtualError when the clock is the system's.
        """
        if not isinstance(self._deliveries, VirtualDeliveries):
            raise NotVirtualError("This sandbox runs on the system's clock, which cannot be advanced.")
        return await self._deliveries.advance(seconds)

    async def control(self, action: str, arguments: Mapping[str, Json]) -> Json:
        """Do something only a sandbox can; raises UnknownControlError when the machine cannot."""
        result = self.machine.control(action, arguments, self.moment())
        self._deliveries.wake()
        return result

    async def reset(self, seed: int) -> None:
        """Begin again with a new machine and nothing remembered; the clock goes on."""
        await self._deliveries.aclose()
        self.seed = seed
        self.machine = self._factory(seed, self.moment())
        self._numbers = itertools.count(1)
        for kept in (self.requests, self.errors, self.poster.attempts):
            kept.clear()
        self._deliveries = self._new_deliveries()

    async def aclose(self) -> None:
        """Give up what is under way and drop all connections."""
        await self._deliveries.aclose()
        await self.poster.aclose()

    def _new_deliveries(self) -> Deliveries:
        if isinstance(self.clock, VirtualClock):
            return VirtualDeliveries(self.machine, self.clock, self.poster)
        return TimedDeliveries(self.machine, self.clock, self.poster, self._delivery_failed)

    async def _answer(self, request: Request) -> Response:
        await self._deliveries.catch_up()
        response = self.machine.step(request, self.moment())
        self._deliveries.wake()
        return response

    def _headers(self, response: Response) -> list[tuple[bytes, bytes]]:
        """The machine's headers, with what it left to us; lower-case, as ASGI has it."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        names = {name for name, _ in headers}
        if b"date" not in names:
            headers.append((b"date", _date(int(self.clock.now()))))
        if b"content-length" not in names and response.status not in WITHOUT_LENGTH:
            headers.append((b"content-length", b"%d" % len(response.body)))
        return headers

    def _remember(self, request: Request, response: Response) -> None:
        if len(request.body) > KEPT_OF_A_BODY:
            request = replace(request, body=request.body[:KEPT_OF_A_BODY])
        if len(response.body) > KEPT_OF_A_BODY:
            response = replace(response, body=response.body[:KEPT_OF_A_BODY])
        self.requests.append(Entry(next(self._numbers), self.clock.now(), request, response))

    def _failed(self, error: Exception, occasion: str) -> Response:
        text = "".join(traceback.format_exception(error))
        self.errors.append(Failure(self.clock.now(), occasion, f"{type(error).__name__}: {error}", text))
        return json_response(500, {"error": f"The sandbox itself failed; see {CONTROL_PREFIX}errors."})

    def _delivery_failed(self, error: Exception) -> None:
        self._failed(error, "webhook delivery")


async def _read(receive: Receive) -> bytes | None:
    """The whole body, or None when the caller left; of one that is too large, just enough to see that."""
    message = await receive()
    if message["type"] != "http.request":
        return None
    body: bytes = message.get("body", b"")
    return await _read_on(body, receive) if message.get("more_body", False) else body


async def _read_on(begin: bytes, receive: Receive) -> bytes | None:
    """The rest of a large body is read and dropped: a caller who is still sending would not see an answer."""
    body = bytearray(begin)
    message: Message = {"more_body": True}
    while message.get("more_body", False):
        message = await receive()
        if message["type"] != "http.request":
            return None
        if len(body) <= LARGEST_BODY:
            body += message.get("body", b"")
    return bytes(body[: LARGEST_BODY + 1])


def _request(scope: Message, body: bytes) -> Request:
    query: bytes = scope["query_string"]
    client = scope.get("client")
    return Request(
        scope["method"],
        scope["raw_path"].decode("latin-1"),
        tuple(parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True)) if query else (),
        _read_headers(scope["headers"]),
        body,
        client[0] if client else "127.0.0.1",
    )


def _read_headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; values of a repeated one are joined, as RFC 9110 has it."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}
    if len(headers) < len(pairs):
        repeated: dict[str, list[str]] = {}
        for name, value in pairs:
            repeated.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        headers = {name: ", ".join(values) for name, values in repeated.items()}
    return headers


@lru_cache(maxsize=16)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode("ascii")


class ControlError(Exception):
    """A request to the control plane that cannot be done."""

    def __init__(self, status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.response = json_response(status, {"error": message}, headers)


class ControlPlane:
    """What answers under `/__sandbox__/`: looks into the sandbox, moves its clock, pulls its levers."""

    def __init__(self, app: SandboxApp) -> None:
        self._app = app

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return await _find(request).answer(self, request)
        except ControlError as error:
            return error.response
        except (UnknownControlError, UnreadableBodyError) as error:
            return json_response(400, {"error": str(error)})
        except NotVirtualError as error:
            return json_response(409, {"error": str(error)})

    async def page(self, _request: Request) -> Response:
        """GET: everything at a glance, for people."""
        app = self._app
        text = _template().render(
            name=app.name,
            seed=app.seed,
            now=rfc3339(app.clock.now()),
            virtual=isinstance(app.clock, VirtualClock),
            keys=app.machine.keys(),
            description=self._description(),
            requests=self._entries(KEPT_REQUESTS),
            attempts=[_shown_attempt(attempt) for attempt in reversed(app.poster.attempts)],
            errors=[_shown_failure(failure) for failure in reversed(app.errors)],
        )
        return Response(200, PAGE_HEADERS, text.encode("utf-8", "replace"))

    async def keys(self, _request: Request) -> Response:
        """GET: the API keys by role."""
        return json_response(200, self._app.machine.keys())

    async def requests(self, request: Request) -> Response:
        """GET: the latest requests, newest first; `?limit=` says how many."""
        _only({name for name, _ in request.query}, {"limit"})
        text = dict(request.query).get("limit", str(KEPT_REQUESTS))
        if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= KEPT_REQUESTS:
            raise ControlError(400, f"limit is {text!r}: use a whole number from 1 to {KEPT_REQUESTS}.")
        return json_response(200, {"requests": self._entries(int(text))})

    async def deliveries(self, _request: Request) -> Response:
        """GET: the latest webhook deliveries, newest first."""
        attempts = [_shown_attempt(attempt) for attempt in reversed(self._app.poster.attempts)]
        return json_response(200, {"deliveries": attempts})

    async def errors(self, _request: Request) -> Response:
        """GET: exceptions that escaped the machine, newest first."""
        failures = [_shown_failure(failure) for failure in reversed(self._app.errors)]
        return json_response(200, {"errors": failures})

    async def clock(self, request: Request) -> Response:
        """POST: move the virtual clock on by `advance` seconds."""
        arguments = _arguments(request, {"advance"})
        seconds = arguments.get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_ADVANCE:
            raise ControlError(400, f"advance is {seconds!r}: use seconds from 0 to {LONGEST_ADVANCE}.")
        return json_response(200, {"now": await self._app.advance(seconds)})

    async def control(self, request: Request) -> Response:
        """POST: one of the machine's own controls, with its arguments."""
        action = unquote(request.path.removeprefix(CONTROL_PREFIX).partition("/")[2])
        return json_response(200, await self._app.control(action, _arguments(request)))

    async def reset(self, request: Request) -> Response:
        """POST: a new machine from `seed`, or from the same seed as before."""
        seed = _arguments(request, {"seed"}).get("seed", self._app.seed)
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise ControlError(400, f"seed is {seed!r}: use a whole number.")
        await self._app.reset(seed)
        return json_response(200, {"seed": seed, "now": self._app.clock.now(), "keys": self._app.machine.keys()})

    def _entries(self, limit: int) -> list[Mapping[str, Json]]:
        roles = {key: role for role, key in self._app.machine.keys().items()}
        newest = itertools.islice(reversed(self._app.requests), limit)
        return [_shown_entry(entry, roles) for entry in newest]

    def _description(self) -> str:
        try:
            described = self._app.machine.control("describe", {}, self._app.clock.now())
        except UnknownControlError:
            return ""
        return json.dumps(described, indent=2, ensure_ascii=False)


class Page(NamedTuple):
    """One path of the control plane."""

    method: str
    answer: Callable[[ControlPlane, Request], Awaitable[Response]]
    takes_name: bool = False
    """Whether one more part of the path names something."""


PAGES: Mapping[str, Page] = {
    "": Page("GET", ControlPlane.page),
    "keys": Page("GET", ControlPlane.keys),
    "requests": Page("GET", ControlPlane.requests),
    "deliveries": Page("GET", ControlPlane.deliveries),
    "errors": Page("GET", ControlPlane.errors),
    "clock": Page("POST", ControlPlane.clock),
    "control": Page("POST", ControlPlane.control, takes_name=True),
    "reset": Page("POST", ControlPlane.reset),
}
"""What stands right behind `/__sandbox__/`."""

PAGE_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("Cache-Control", "no-store"),
)


@cache
def _template() -> jinja2.Template:
    here = jinja2.FileSystemLoader(Path(__file__).parent)
    return jinja2.Environment(loader=here, autoescape=True, undefined=jinja2.StrictUndefined).get_template("page.html")


def _find(request: Request) -> Page:
    name, _, rest = request.path.removeprefix(CONTROL_PREFIX).partition("/")
    page = PAGES.get(name)
    if page is None or bool(rest) != page.takes_name:
        raise ControlError(404, f"There is no {request.path}. There are: {_listed_pages()}.")
    if request.method != page.method and (request.method, page.method) != ("HEAD", "GET"):
        raise ControlError(405, f"{request.path} takes {page.method} only.", (("Allow", page.method),))
    return page


def _listed_pages() -> str:
    rows = (f"{page.method} {CONTROL_PREFIX}{name}{'/{action}' * page.takes_name}" for name, page in PAGES.items())
    return ", ".join(rows)


def _arguments(request: Request, known: AbstractSet[str] | None = None) -> Mapping[str, Json]:
    """The JSON object in the body, an empty body being an empty one; `known` are all the names it may have."""
    arguments = from_json(request.body) if request.body else {}
    if not isinstance(arguments, Mapping):
        raise ControlError(400, "The body must be a JSON object, such as {}.")
    if known is not None:
        _only(arguments.keys(), known)
    return arguments


def _only(given: AbstractSet[str], known: AbstractSet[str]) -> None:
    if unknown := sorted(given - known):
        raise ControlError(400, f"Not known: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")


def _shown_entry(entry: Entry, roles: Mapping[str, str]) -> Mapping[str, Json]:
    request, response = entry.request, entry.response
    token = bearer(request.headers)
    return {
        "number": entry.number,
        "at": rfc3339(entry.at),
        "role": None if token is None else roles.get(token, "unknown key"),
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": {name: value for name, value in request.headers.items() if name not in SECRET_HEADERS},
        "body": request.body.decode("utf-8", "replace"),
        "status": response.status,
        "answer_headers": response.headers,
        "answer": response.body.decode("utf-8", "replace"),
    }


def _shown_attempt(attempt: Attempt) -> Mapping[str, Json]:
    return {
        "at": rfc3339(attempt.at),
        "url": attempt.outgoing.url,
        "attempt": attempt.outgoing.attempt,
        "body": attempt.outgoing.body.decode("utf-8", "replace"),
        "status": attempt.status,
        "note": attempt.note,
    }


def _shown_failure(failure: Failure) -> Mapping[str, Json]:
    return {**failure._asdict(), "at": rfc3339(failure.at)}
