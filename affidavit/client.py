"""The one way out: every request to a target passes here.

    safety -> budget -> pacing -> send -> redact -> record

Whoever asks (a probe, a property test, the prober) gets the raw answer back; the record holds only the redacted one.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from threading import Lock

import httpx

from affidavit.clock import Clock
from affidavit.errors import IncompleteError, UsageError
from affidavit.evidence import TOO_MANY
from affidavit.exchange import Exchange, Request, Response
from affidavit.openapi_document import OpenApiDocument
from affidavit.pacing import LONGEST_WAIT_SECONDS, announced, wait_after_refusal, wait_for_reset
from affidavit.probes.flow import Refused, Send
from affidavit.profile import RateLimit
from affidavit.recorder import Recorder
from affidavit.redaction import Redactor
from affidavit.safety import Policy, refusal
from affidavit.words import counted

MOST_WAITS = 2
BODY_CAP = 1_000_000
TIMEOUT_SECONDS = 30.0
USER_AGENT = "affidavit"


Headers = list[tuple[bytes, bytes]]
Answerer = Callable[[str, bytes, Headers, bytes], tuple[int, Headers, bytes]]
"""Method, target with query, headers, body -> status, headers, body."""


class _InMemory(httpx.BaseTransport):
    """Hands requests to somebody in this process."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask and wrap up the answer."""
        status, headers, body = self._answerer(
            request.method, request.url.raw_path, list(request.headers.raw), request.read()
        )
        return httpx.Response(status, headers=headers, content=body)


class BudgetSpentError(IncompleteError):
    """The hard count of requests is used up."""


@dataclass
class Client:
    """Sends to one target."""

    provider: str
    base: str
    openapi: OpenApiDocument
    limit: RateLimit
    keys: Mapping[str, str]
    policy: Policy
    clock: Clock
    recorder: Recorder
    redactor: Redactor
    budget: int | None = None
    polite: bool = False
    """Whether to keep within the profile's own count per window, when no header tells what is left."""
    direct: Answerer | None = None
    """Who answers in place of the network."""
    sent: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)
    """Role -> the limit its answers last announced."""
    stuck: dict[str | None, str] = field(default_factory=dict)
    """Role -> why it is not used any more."""
    _resume: dict[str | None, float] = field(default_factory=dict)
    _spent: dict[str | None, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    """Role -> when it asked, as long as a window remembers it."""
    _told: set[str | None] = field(default_factory=set)
    """Roles whose answers say what is left of their limit."""
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        """Open the connection pool: no redirects with credentials, no settings from the environment, no cookies.

        A cookie that an answer sets would make the next request that of a caller who is known, whatever its key.
        """
        none = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        mounts = {"all://": _InMemory(self.direct)} if self.direct else None
        self._http = httpx.Client(
            timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False, cookies=none, mounts=mounts
        )
        self._roles = {key: role for role, key in self.keys.items()}

    def close(self) -> None:
        """Close the connection pool."""
        self._http.close()

    def send(self, send: Send) -> list[Response | Refused | None]:
        """Send a request `times` times at once; one answer each."""
        if send.times == 1:
            return [self.one(send)]
        with ThreadPoolExecutor(send.times) as pool:
            return list(pool.map(self.one, [send] * send.times))

    def one(self, send: Send) -> Response | Refused | None:
        """Send one request, waiting out 429s when paced. The raw answer, or why there is none."""
        why = self._refusal(send) or (self.stuck.get(send.role, "") if send.paced else "")
        if why:
            self.recorder.skip(send.source, why)
            return Refused(why)
        answer = None
        for turn in range(MOST_WAITS + 2):
            if send.paced:
                self._pace(send.role)
            answer = self._exchange(send)
            if answer is None or answer.status != TOO_MANY or not send.paced:
                return answer
            if turn == MOST_WAITS:  # what it says did not help; what is documented may
                self._resume[send.role] = self.clock.now() + self.limit.window_seconds
        self.stuck[send.role] = (
            f"{'the key of the role ' + repr(send.role) if send.role else 'asking without a key'} is refused with 429, "
            "however long it waits"
        )
        return answer

    def recent(self) -> Counter[str]:
        """Role -> its requests in the last window."""
        since = self.clock.now() - self.limit.window_seconds
        return Counter({role: sum(at > since for at in asked) for role, asked in self._spent.items() if role})

    def _refusal(self, send: Send) -> str:
        authorization = next((value for name, value in send.headers if name.lower() == "authorization"), "")
        try:
            body = json.loads(send.body) if send.body else None
        except ValueError:
            body = None
        named = self.openapi.operations.get(send.operation)
        fallback = named if named and named.method == send.method else None
        operation = self.openapi.match(send.method, send.path) or fallback
        return refusal(
            self.policy, operation, send.method, authorization.partition(" ")[2] or authorization, send.role, body
        )

    def _pace(self, role: str | None) -> None:
        now = self.clock.now()
        wait = max(self._resume.get(role, 0.0), self._free_at(role, now)) - now
        if wait > 0:
            self.clock.sleep(min(wait, LONGEST_WAIT_SECONDS))

    def _free_at(self, role: str | None, now: float) -> float:
        """When the documented count leaves room for one more, if nothing the target says is better to go by."""
        if not (self.polite and self.limit.requests) or role in self._told:
            return now
        asked = self._spent[role]
        while asked and asked[0] <= now - self.limit.window_seconds:
            asked.popleft()
        return asked[-self.limit.requests] + self.limit.window_seconds if len(asked) >= self.limit.requests else now

    def _exchange(self, send: Send) -> Response | None:
        with self._lock:
            if self.budget is not None and self.sent >= self.budget:
                raise BudgetSpentError(f"the budget of {counted(self.budget, 'request')} is spent")
            self.sent += 1
            self._spent[send.role].append(self.clock.now())
        at, started = self.clock.now(), self.clock.monotonic()
        url = self.base.rstrip("/") + send.path
        answer: Response | None = None
        try:
            request = self._http.build_request(
                send.method,
                url,
                params=list(send.query) or None,
                headers=[("User-Agent", USER_AGENT), *send.headers],
                content=_bytes(send.body),
            )
        except (httpx.InvalidURL, UnicodeError) as problem:  # a value that the target gave can be anything
            error: str | None = f"it cannot be sent: {problem}"
        else:
            url = str(request.url)
            answer, error = self._receive(request)
        elapsed = self.clock.monotonic() - started
        self._note(send, url, answer, error, at, elapsed)
        if answer is not None:
            self._learn(send, answer)
        return answer

    def _receive(self, request: httpx.Request) -> tuple[Response | None, str | None]:
        try:
            answer = self._http.send(request, stream=True)
            body = b""
            began = time.monotonic()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > BODY_CAP:
                    break
                if time.monotonic() - began > TIMEOUT_SECONDS:
                    answer.close()
                    return None, f"the answer did not end within {TIMEOUT_SECONDS:g} s"
            answer.close()
        except httpx.HTTPError as problem:
            return None, f"{type(problem).__name__}: {problem}"
        text = body[:BODY_CAP].decode("utf-8", "backslashreplace")
        return Response(answer.status_code, tuple(answer.headers.multi_items()), text, len(body) > BODY_CAP), None

    def _note(  # noqa: PLR0913, PLR0917 - the parts of one exchange
        self, send: Send, url: str, answer: Response | None, error: str | None, at: float, elapsed: float
    ) -> None:
        hide = self.redactor.redact
        asked = Request(
            send.method,
            hide(url),
            hide(send.path),
            tuple((name, hide(value)) for name, value in send.query),
            tuple((name, hide(value)) for name, value in send.headers),
            hide(_text(send.body) or "") if send.body is not None else None,
        )
        got = answer and Response(
            answer.status,
            tuple((name, hide(value)) for name, value in answer.headers),
            hide(answer.body),
            answer.truncated,
        )
        operation = self.openapi.match(send.method, send.path)
        with self._lock:
            exchange = Exchange(
                seq=len(self.exchanges) + 1,
                provider=self.provider,
                operation=operation.id if operation else None,
                source=send.source,
                role=send.role,
                request=asked,
                response=got,
                error=hide(error) if error else None,
                at=at,
                elapsed=elapsed,
            )
            self.exchanges.append(exchange)
            self.recorder.exchange(exchange)

    def _learn(self, send: Send, answer: Response) -> None:
        """Remember when the key may ask again, and what its limit is."""
        remaining = self.limit.remaining_header
        if remaining and answer.header(remaining) is not None:
            self._told.add(send.role)
        limit = announced(answer, self.limit.limit_header)
        if send.role and limit is not None:
            self.limits[send.role] = limit
        read = wait_after_refusal if answer.status == TOO_MANY else wait_for_reset
        wait = read(answer, self.limit)
        if wait is not None:
            self._resume[send.role] = self.clock.now() + wait


def _bytes(body: str | None) -> bytes | None:
    """The body's bytes; an escaped byte becomes itself again, a lone surrogate its three bytes."""
    if body is None:
        return None
    try:
        return body.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return body.encode("utf-8", "surrogatepass")


def _text(body: str | None) -> str | None:
    """The body as the record can hold it."""
    raw = _bytes(body)
    return None if raw is None else raw.decode("utf-8", "backslashreplace")


def checked_url(text: str, where: str) -> str:
    """A base URL without a slash at its end. Raises UsageError when it is none."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as problem:
        raise UsageError(f"{where} is {text!r}: {problem}; use a URL such as http://127.0.0.1:8601") from problem
    if url.scheme not in {"http", "https"} or not url.host:
        raise UsageError(f"{where} is {text!r}, expected a URL such as http://127.0.0.1:8601")
    if url.userinfo or url.query or url.fragment:
        raise UsageError(f"{where} has a user, a query or a fragment, expected only scheme, host, port and path")
    return text.rstrip("/")
