"""A pool of kept HTTP/1.1 connections, driven by gevent's loop alone: no greenlet and no timer per request.

    Pool.send(request, done) ─► an idle Connection, or a new one ─► bytes out ─► parser (C) ─► done(answer)

Everything runs in callbacks of the loop, so nothing here may block, and `done` must not either. It never follows a
redirect and reads no settings from the environment. An answer, or the reason why there is none, comes exactly once.

Inelegant: addresses are resolved once, when the pool is made; and a deadline is looked at every quarter second only,
since a timer for each request would cost more than the request.
"""

from __future__ import annotations

import os
import socket
import ssl
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from errno import EADDRNOTAVAIL, EINPROGRESS, EMFILE, ENFILE, ENOBUFS, ENOMEM
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httptools
from gevent import get_hub, monkey
from gevent.socket import getaddrinfo
from gevent.socket import socket as gevent_socket

from affidavit.errors import TargetError
from affidavit.load.outcome import NO_ROOM

RawSocket = monkey.get_original("socket", "socket")
"""Never the one that gevent puts in its place: nothing here waits."""
READ, WRITE = 1, 2
PIECE = 65_536
BODY_CAP = 1_000_000
SWEEP_SECONDS = 0.25
LOOK_SECONDS = 5.0
PACKED = frozenset({b"gzip", b"deflate"})
EITHER_FORM = zlib.MAX_WBITS | 32
"""Tells zlib to find out whether it is gzip or deflate."""
LENGTHS = frozenset({b"content-length", b"transfer-encoding"})
"""Headers that tell where an answer ends; without them the end of the connection does."""

EXHAUSTED = frozenset({EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL})
"""Errors of a socket that say nothing of the target."""

Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """What came back for one request, or why nothing did."""

    status: int
    """0 without an answer."""
    headers: Headers
    body: bytes
    started: float
    """When the request left, on the clock of the pool."""
    finished: float
    problem: str = ""
    """Why there is no whole answer, in a few words of our own."""
    timeout: bool = False
    unreached: bool = False
    """Whether the target did not even take the connection."""

    def header(self, name: bytes) -> bytes | None:
        """First value of the header, named in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def content(self) -> bytes:
        """The body, unpacked though nobody asked for it packed, and cut at the cap; else as it came."""
        if self.header(b"content-encoding") not in PACKED:
            return self.body
        try:
            return zlib.decompressobj(EITHER_FORM).decompress(self.body, BODY_CAP)
        except zlib.error:
            return self.body


Done = Callable[[Answer], None]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a base URL leads, resolved."""

    scheme: str
    host: str
    """As in the Host header, port included when it is not the usual one."""
    prefix: str
    """Path of the base URL, without a slash at its end."""
    family: int
    sockaddr: Any
    name: str
    """The bare host name, for the certificate."""


def resolve(base: str) -> Address:
    """Look the address up; of several the first at which somebody listens. Raises TargetError."""
    url = urlsplit(base)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = [(family, sockaddr) for family, *_, sockaddr in getaddrinfo(url.hostname, port, 0, socket.SOCK_STREAM)]
    except OSError as problem:
        why = f"{url.hostname} cannot be found ({problem.strerror or problem}): check the address"
        raise TargetError(why) from problem
    family, sockaddr = found[0] if len(found) == 1 else next(filter(_listens, found), found[0])
    return Address(url.scheme, url.netloc, url.path.rstrip("/"), family, sockaddr, url.hostname or "")


def _listens(place: tuple[int, Any]) -> bool:
    """Whether somebody takes connections there: a name may have several addresses, and a server only one of them."""
    family, sockaddr = place
    with gevent_socket(family, socket.SOCK_STREAM) as trial:
        trial.settimeout(LOOK_SECONDS)
        try:
            trial.connect(sockaddr)
        except OSError:
            return False
    return True


class Pool:
    """Connections to one address, as many as there are requests in flight."""

    def __init__(
        self,
        address: Address,
        clock: Callable[[], float],
        *,
        timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            address: from `resolve`.
            clock: seconds, never going back.
            timeout: seconds for a whole exchange, connecting included.
            tls: verifies the server's certificate when left out, and the address is https.
        """
        self.address = address
        self.clock = clock
        self.loop = get_hub().loop
        self.tls = (tls or ssl.create_default_context()) if address.scheme == "https" else None
        self.in_flight = 0
        self._timeout = timeout
        self._idle: list[_Connection] = []
        self._busy: deque[tuple[float, _Connection]] = deque()
        """By when they became busy; one that is free again by now may stand here still."""
        self._sweeper = self.loop.timer(SWEEP_SECONDS, SWEEP_SECONDS)
        self._sweeper.start(self._sweep, update=True)

    def send(self, request: bytes, done: Done) -> None:
        """Send the bytes of one whole request; `done` is called once, from the loop."""
        self.in_flight += 1
        connection = self._idle.pop() if self._idle else _Connection(self)
        connection.send(request, done)
        if connection.is_busy:
            self._busy.append((connection.started, connection))

    def close(self) -> None:
        """Drop every connection; requests in flight get no answer any more."""
        self._sweeper.stop()
        self._sweeper.close()
        for connection in [*(one for _, one in self._busy), *self._idle]:
            connection.drop()
        self._busy.clear()
        self._idle.clear()

    def freed(self, connection: _Connection) -> None:
        """A connection has its answer and can take the next request."""
        self._idle.append(connection)

    def lost(self, connection: _Connection) -> None:
        """A connection is of no use any more."""
        if connection in self._idle:
            self._idle.remove(connection)

    def _sweep(self) -> None:
        """Give up what is too old."""
        oldest = self.clock() - self._timeout
        while self._busy:
            started, connection = self._busy[0]
            is_waiting = connection.is_busy and connection.started == started
            if is_waiting and started > oldest:
                return
            self._busy.popleft()
            if is_waiting:
                connection.fail(f"no whole answer within {self._timeout:g} s", timeout=True)


class _Connection:
    """One socket with its parser; answers one request at a time."""

    __slots__ = (
        "_answers", "_body", "_done", "_headers", "_is_headed", "_may_be_kept", "_parser", "_pool", "_reader", "_size",
        "_socket", "_status", "_tls", "_unsent", "_writer", "is_busy", "started",
    )  # fmt: skip

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parser: Any = None
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._size = 0
        self._is_headed = False
        """Whether all headers of an answer have come, and its end has not."""
        self._answers = 0
        """Whole answers that have come since the request left: one, unless the server is confused."""
        self._status = 0
        self._may_be_kept = False
        """Both of the first of them."""
        self._done: Done | None = None
        self._unsent = b""
        self._writer: Any = None
        self._reader: Any = None
        self._tls: _Tls | None = None
        self._socket: Any = None
        self.started = 0.0
        self.is_busy = False

    def send(self, request: bytes, done: Done) -> None:
        self.started = self._pool.clock()
        self.is_busy = True
        self._done = done
        try:
            if self._socket is None:
                self._unsent = request
                self._connect()
            else:
                self._write(self._tls.sealed(request) if self._tls else request)
        except OSError as problem:
            self.fail(_why(problem))

    def drop(self) -> None:
        """Close without a word."""
        self.is_busy = False
        self._done = None
        for watcher in (self._reader, self._writer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._reader = self._writer = None
        if self._socket is not None:
            self._socket.close()

    def fail(self, problem: str, *, timeout: bool = False) -> None:
        """Close, and say why there is no answer."""
        done, was_busy, pool = self._done, self.is_busy, self._pool
        unreached = self._reader is None and not timeout and not problem.startswith(NO_ROOM)
        self.drop()
        pool.lost(self)
        if was_busy and done is not None:
            pool.in_flight -= 1
            done(Answer(0, [], b"", self.started, pool.clock(), problem, timeout, unreached))

    # --- socket ---------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        pool = self._pool
        self._socket = RawSocket(pool.address.family, socket.SOCK_STREAM)
        self._socket.settimeout(0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._socket.connect_ex(pool.address.sockaddr)
        if code not in {0, EINPROGRESS}:
            raise OSError(code, os.strerror(code))
        self._parser = httptools.HttpResponseParser(self)
        self._writer = pool.loop.io(self._socket.fileno(), WRITE)
        self._writer.start(self._connected)

    def _connected(self) -> None:
        self._writer.stop()
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.fail(_why(OSError(code, os.strerror(code))))
            return
        self._reader = self._pool.loop.io(self._socket.fileno(), READ)
        request, self._unsent = self._unsent, b""
        if self._pool.tls is not None:
            self._tls = _Tls(self._pool.tls, self._pool.address.name)
            request = self._tls.sealed(request)
            self._reader.start(self._read_tls)
        else:
            self._reader.start(self._read)
        try:
            self._write(request)
        except OSError as problem:
            self.fail(_why(problem))

    def _write(self, data: bytes) -> None:
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._unsent = data[sent:]
            self._writer.start(self._write_rest)

    def _write_rest(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError as problem:
            self.fail(_why(problem))
            return
        if not self._unsent:
            self._writer.stop()

    def _read(self) -> None:
        try:
            data = self._socket.recv(PIECE)
        except BlockingIOError:
            return
        except OSError as problem:
            self.fail(_why(problem))
            return
        if not data:
            self._ended()
            return
        self._parse(data)

    def _read_tls(self) -> None:
        tls = self._tls
        assert tls is not None  # noqa: S101 - this is its callback
        try:
            data = self._socket.recv(PIECE)
            if not data:
                self._ended()
                return
            plain = tls.opened(data)
            if answer := tls.outgoing():
                self._write(answer)
        except BlockingIOError:
            return
        except OSError as problem:  # ssl.SSLError is one
            self.fail(_why(problem))
            return
        if plain:
            self._parse(plain)

    # --- parser ---------------------------------------------------------------------------------------------------

    def _parse(self, data: bytes) -> None:
        if self._done is None:
            self.fail("an answer came that nobody asked for")
            return
        problem = ""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            problem = "the answer changes the protocol"
        except httptools.HttpParserError:
            problem = "the answer is no HTTP/1.1"
        if self._answers:
            self._deliver(keep=not problem and self._answers == 1 and self._may_be_kept)
        elif problem:
            self.fail(problem)

    def _ended(self) -> None:
        """The server hung up: the end of an answer that names no length, and a broken one otherwise."""
        if self._is_headed and not any(name.lower() in LENGTHS for name, _ in self._headers):
            self._status = self._parser.get_status_code()
            self._deliver(keep=False)
        elif self._headers:
            self.fail("the connection was closed within an answer")
        else:
            self.fail("the connection was closed before an answer")

    def _deliver(self, *, keep: bool) -> None:
        """Hand the answer over. Outside of the parser, which would swallow what goes wrong there."""
        pool, done, body = self._pool, self._done, self._body
        assert done is not None  # noqa: S101 - an answer that nobody asked for does not get here
        content = body[0] if len(body) == 1 else b"".join(body)
        answer = Answer(self._status, self._headers, content, self.started, pool.clock())
        self._headers, self._body, self._size, self._done, self.is_busy = [], [], 0, None, False
        self._is_headed, self._answers = False, 0
        pool.in_flight -= 1
        if keep:
            pool.freed(self)
        else:
            self.drop()
        done(answer)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser; what follows a whole answer is let go."""
        if not self._answers:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self._is_headed = True

    def on_body(self, data: bytes) -> None:
        """Called by the parser; what is beyond the cap is let go."""
        if self._size <= BODY_CAP and not self._answers:
            self._size += len(data)
            self._body.append(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        if status < 200:
            self._headers, self._is_headed = [], False
            return
        if not self._answers:
            self._status, self._may_be_kept = status, self._parser.should_keep_alive()
        self._answers += 1


class _Tls:
    """TLS over memory: bytes in, bytes out."""

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._waiting = b""
        self._is_ready = False

    def sealed(self, data: bytes) -> bytes:
        """What to put on the wire for this; kept until the handshake is done."""
        self._waiting += data
        self._go_on()
        return self._out.read()

    def opened(self, data: bytes) -> bytes:
        """What the other side said in this."""
        self._in.write(data)
        self._go_on()
        parts = []
        while self._is_ready:
            try:
                part = self._object.read(PIECE)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                break
            if not part:
                break
            parts.append(part)
        return b"".join(parts)

    def outgoing(self) -> bytes:
        """What the handshake, or a change of keys, has to say."""
        return self._out.read()

    def _go_on(self) -> None:
        if not self._is_ready:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                return
            self._is_ready = True
        if self._waiting:
            self._object.write(self._waiting)
            self._waiting = b""


def _why(problem: OSError) -> str:
    if problem.errno in EXHAUSTED:
        return f"{NO_ROOM}: {problem.strerror}"
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"the certificate was refused: {problem.verify_message}"
    return f"{type(problem).__name__}: {problem.strerror or problem}"
