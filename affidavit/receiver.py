"""Where a provider's webhooks arrive during a run: a small HTTP server on the loopback address.

It takes down every POST to its one path, in the order of arrival, and answers as it was told to: with a status, or
with silence. It judges nothing and keeps no secret out of what it recorded; that is the recorder's work.

The path contains a token that nobody can guess, because a provider may deliver through a public tunnel: whatever else
finds the port gets a 404 and leaves no trace.

One connection, one request, one thread. That costs a little for each delivery, and makes silence simple: a thread
that says nothing.
"""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import parse_qsl

from affidavit.clock import Clock
from affidavit.errors import UsageError

Answer: TypeAlias = int | Literal["silent"]
"""A status from 200 to 599, or no answer at all."""

LOOPBACK = "127.0.0.1"
SILENCE = 12.0
"""Real seconds a silent connection is kept open; a provider gives up after 10."""
LARGEST_BODY = 1024 * 1024
MOST_READ = 16 * LARGEST_BODY
"""Bytes of a body that are read at all: up to here a sender of too large a body still gets to see the answer."""
PIECE = 65_536
LONGEST_LINE = 8192
PATIENCE = 10.0
"""Real seconds a sender may pause before its connection is closed."""
POLL = 0.02
"""Real seconds between two looks at whether to stop."""
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}")
STATUSES = range(200, 600)
DECIMAL = re.compile(r"[0-9]{1,18}")
HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{1,15}")
BODYLESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Arrival:
    """One POST as it came, with what it got for an answer."""

    at: float
    """Epoch seconds on the run's clock."""
    method: str
    path: str
    """Raw path, still percent-encoded, without the query."""
    query: tuple[tuple[str, str], ...]
    """Decoded pairs."""
    headers: tuple[tuple[str, str], ...]
    """In the order sent."""
    body: str
    """Text of the body; bytes that are not UTF-8 are escaped."""
    answered: int | None
    """Status; None when the receiver stayed silent."""
    truncated: bool = False
    """Whether the body was too large and its end is missing; it was answered with 413 then."""


class Receiver:
    """Takes webhooks between `start` and `stop`."""

    def __init__(self, clock: Clock, token: str, *, silence: float = SILENCE, port: int = 0) -> None:
        """Prepare it; nothing is bound yet.

        Args:
            clock: dates the arrivals.
            token: nobody can guess it; it comes from whoever owns the randomness of the run.
            silence: real seconds for which a silent connection is kept open; 0 hangs up at once.
            port: where to listen; 0 takes a free one.
        """
        if not TOKEN.fullmatch(token):
            raise UsageError(f"token is {token!r}: use 16 or more letters, digits, - or _ that nobody can guess.")
        self.path = f"/webhooks/{token}"
        self._clock = clock
        self._silence = silence
        self._port = port
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._taken = 0
        self._program: deque[Answer] = deque()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Listen on a free port."""
        if self._server is not None:
            raise UsageError(f"the receiver already listens at {self.base}.")
        try:
            self._server = _Server(self, self._silence, self._port)
        except OSError as problem:
            raise UsageError(f"the receiver cannot listen on port {self._port}: {problem.strerror}") from problem
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL,), name="webhook receiver", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and drop all connections, silent ones too; does nothing when it does not run."""
        server, self._server = self._server, None
        thread, self._thread = self._thread, None
        if server is not None and thread is not None:
            server.shutdown()
            server.hang_up()
            server.server_close()
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def base(self) -> str:
        """Scheme, host and port: what a sandbox must accept as the prefix of webhook addresses."""
        if self._server is None:
            raise UsageError("the receiver does not run: start it first.")
        return f"http://{LOOPBACK}:{self._server.port}"

    @property
    def url(self) -> str:
        """The whole address to give to the provider."""
        return self.base + self.path

    def program(self, answers: Iterable[Answer]) -> None:
        """Answer the next deliveries so, one each, and 200 after them; what was left of earlier answers is dropped."""
        answers = tuple(answers)
        for answer in answers:
            if answer != "silent" and answer not in STATUSES:
                raise UsageError(f"answer is {answer!r}: use a status from 200 to 599, or 'silent'.")
        with self._lock:
            self._program = deque(answers)

    def take(self) -> tuple[Arrival, ...]:
        """What has arrived since the last `take`, in order."""
        with self._lock:
            taken = tuple(self._arrivals[self._taken :])
            self._taken = len(self._arrivals)
        return taken

    def all(self) -> tuple[Arrival, ...]:
        """Everything that has arrived, taken or not, in order."""
        with self._lock:
            return tuple(self._arrivals)

    def arrived(self, method: str, target: str, headers: tuple[tuple[str, str], ...], body: bytes) -> Answer:
        """Take a delivery down; returns how to answer it."""
        path, _, query = target.partition("?")
        truncated = len(body) > LARGEST_BODY
        with self._lock:
            answer = 413 if truncated else self._program.popleft() if self._program else 200
            arrival = Arrival(
                at=self._clock.now(),
                method=method,
                path=path,
                query=tuple(parse_qsl(query, keep_blank_values=True)),
                headers=headers,
                body=body[:LARGEST_BODY].decode("utf-8", "backslashreplace"),
                answered=None if answer == "silent" else answer,
                truncated=truncated,
            )
            self._arrivals.append(arrival)
        return answer


class _Server(socketserver.ThreadingTCPServer):
    """Remembers its connections, to be able to hang up on them.

    Not `http.server.HTTPServer`, which asks the name service for this machine's name before it listens.
    """

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, receiver: Receiver, silence: float, port: int) -> None:
        self.receiver = receiver
        self.silence = silence
        self._connections_lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        super().__init__((LOOPBACK, port), _Handler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def hang_up(self) -> None:
        """End every open connection, whatever its thread waits for."""
        with self._connections_lock:
            connections = tuple(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Remember the connection, and let a thread handle it."""
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as in the base class
        """Forget the connection and close it."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Keep quiet about senders who left; print anything else, which is a mistake of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Reads one request and closes the connection; methods other than POST get a 501 from the base class."""

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE
    server: _Server

    def do_POST(self) -> None:
        """Take a delivery, if it is one."""
        try:
            body = self._body()
        except ValueError:
            self._answer(400)
            return
        receiver = self.server.receiver
        if self.path.partition("?")[0] != receiver.path:
            self._answer(404)
            return
        answer = receiver.arrived(self.command, self.path, tuple(self.headers.items()), body)
        if answer == "silent":
            self._stay_silent()
        else:
            self._answer(answer)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - as in the base class
        """Answer with the bare status instead of a page."""
        self._answer(code)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as in the base class
        """Say nothing: what matters is recorded."""

    def _body(self) -> bytes:
        """The body, or more than `LARGEST_BODY` of it; raises ValueError when its framing cannot be read."""
        coding, length = self.headers.get("Transfer-Encoding"), self.headers.get("Content-Length", "0")
        if coding is not None and coding.lower() != "chunked":
            raise ValueError(coding)
        if coding is None and not DECIMAL.fullmatch(length):
            raise ValueError(length)
        body = bytearray()
        for piece in _chunks(self.rfile) if coding else _pieces(self.rfile, int(length)):
            body += piece
            if len(body) > MOST_READ:
                break
        return bytes(body)

    def _answer(self, status: int) -> None:
        self.send_response_only(status)
        if status not in BODYLESS:
            self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def _stay_silent(self) -> None:
        """Return when the sender hangs up, the receiver stops, or the time is over."""
        self.close_connection = True
        until = time.monotonic() + self.server.silence
        while (left := until - time.monotonic()) > 0:
            self.connection.settimeout(left)
            if not self.connection.recv(PIECE):
                return


def _pieces(file: BufferedIOBase, length: int) -> Iterator[bytes]:
    """So many bytes, in pieces that fit into memory."""
    while length:
        piece = file.read(min(length, PIECE))
        if not piece:
            raise ConnectionError("the sender left before the end of the body")
        length -= len(piece)
        yield piece


def _chunks(file: BufferedIOBase) -> Iterator[bytes]:
    """A body in the chunked coding of RFC 9112; extensions and trailers are dropped."""
    while size := _chunk_size(file.readline(LONGEST_LINE)):
        yield from _pieces(file, size)
        file.readline(LONGEST_LINE)
    while file.readline(LONGEST_LINE).strip():
        pass


def _chunk_size(line: bytes) -> int:
    size = line.partition(b";")[0].strip()
    if not HEXADECIMAL.fullmatch(size):
        raise ValueError(line)
    return int(size, 16)
