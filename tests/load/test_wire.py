"""The pool against a server that says exactly what a test wants, byte for byte."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import gevent
import pytest
import trustme
from gevent.event import Event

from affidavit.errors import TargetError
from affidavit.load.wire import BODY_CAP, Answer, Pool, resolve

REQUEST = b"GET /x HTTP/1.1\r\nHost: here\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSE = b""
"""Instead of an answer: hang up."""
SILENCE = None


class Server:
    """Answers each request of each connection with the next script entry: pieces sent one after another."""

    def __init__(self, script: Sequence[Sequence[bytes] | None], tls: ssl.SSLContext | None = None) -> None:
        self.script = list(script)
        self.tls = tls
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.open: list[socket.socket] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Take one connection after another."""
        while self.script:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                try:
                    connection = self.tls.wrap_socket(connection, server_side=True)
                except OSError:  # refused by the client
                    continue
                self.open.append(connection)
            self.talk(connection)

    def talk(self, connection: socket.socket) -> None:
        """Answer what comes on one connection."""
        while self.script:
            try:
                if not connection.recv(65_536):
                    return
            except OSError:
                return
            pieces = self.script.pop(0)
            if pieces is None:
                return
            for piece in pieces:
                if piece == CLOSE:
                    connection.close()
                    return
                connection.sendall(piece)

    def stop(self) -> None:
        """Hang up."""
        self.listener.close()
        for connection in self.open:
            connection.close()


@contextmanager
def serving(*script: Sequence[bytes] | None, timeout: float = 10) -> Iterator[tuple[Server, Pool]]:
    server = Server(script)
    pool = Pool(resolve(server.url), time.perf_counter, timeout=timeout)
    try:
        yield server, pool
    finally:
        pool.close()
        server.stop()


@contextmanager
def serving_tls(
    authority: trustme.CA, *script: Sequence[bytes] | None, name: str = "localhost", trusted: bool = True
) -> Iterator[tuple[Server, Pool]]:
    """The same over TLS, with a certificate for this name."""
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(theirs)
    if trusted:
        authority.configure_trust(ours)
    server = Server(script, theirs)
    address = replace(resolve(server.url.replace("http", "https")), name="localhost")
    pool = Pool(address, time.perf_counter, timeout=10, tls=ours)
    try:
        yield server, pool
    finally:
        pool.close()
        server.stop()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Issues certificates that nobody else trusts."""
    return trustme.CA()


def ask(pool: Pool, request: bytes = REQUEST) -> Answer:
    answers: list[Answer] = []
    done = Event()

    def take(answer: Answer) -> None:
        answers.append(answer)
        done.set()

    gevent.get_hub().loop.run_callback(pool.send, request, take)
    assert done.wait(10)
    [answer] = answers
    return answer


def test_a_connection_is_kept_for_the_next_request() -> None:
    with serving([OK], [OK], [OK]) as (server, pool):
        answers = [ask(pool) for _ in range(3)]
        assert [(one.status, one.body, one.problem) for one in answers] == [(200, b"ok", "")] * 3
        assert server.connections == 1
        assert all(one.started <= one.finished for one in answers)
        assert all(before.finished <= after.started for before, after in pairwise(answers))
        assert pool.in_flight == 0


def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    with serving([closing], [OK]) as (server, pool):
        assert [ask(pool).status for _ in range(2)] == [200, 200]
        assert server.connections == 2


@pytest.mark.parametrize(
    "pieces",
    [
        [OK[:9], OK[9:30], OK[30:]],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n", b"1\r\nk\r\n0\r\n\r\n"],
        [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK],
    ],
)
def test_an_answer_may_come_in_pieces(pieces: list[bytes]) -> None:
    with serving(pieces, [OK]) as (_, pool):
        answer = ask(pool)
        assert (answer.status, answer.body) == (200, b"ok")
        assert answer.header(b"link") is None
        assert ask(pool).status == 200


@pytest.mark.parametrize(
    "head", [b"HTTP/1.0 201 Created\r\n\r\n", b"HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n"]
)
@pytest.mark.parametrize("body", [[b"ok"], [b"o", b"k"], []])
def test_an_answer_without_a_length_ends_with_its_connection(head: bytes, body: list[bytes]) -> None:
    with serving([head, *body, CLOSE], [OK]) as (server, pool):
        answer = ask(pool)
        assert (answer.status, answer.body, answer.problem) == (201, b"".join(body), "")
        assert ask(pool).body == b"ok"
        assert server.connections == 2
        assert pool.in_flight == 0


@pytest.mark.parametrize("surplus", [OK.replace(b"200", b"500"), b"rubbish\r\n\r\n"])
def test_what_follows_an_answer_is_not_taken_for_the_next(surplus: bytes) -> None:
    with serving([OK + surplus], [OK]) as (server, pool):
        first = ask(pool)
        assert (first.status, first.body, len(first.headers)) == (200, b"ok", 1)
        assert ask(pool).status == 200
        assert server.connections == 2


def test_a_body_is_unpacked_whatever_its_form() -> None:
    text, bomb = b'{"data": 1}' * 9, b"a" * (3 * BODY_CAP)
    for coding, packed in ((b"gzip", gzip.compress(text)), (b"deflate", zlib.compress(text)), (b"gzip", text)):
        assert Answer(200, [(b"Content-Encoding", coding)], packed, 0.0, 0.0).content == text
    assert Answer(200, [(b"Content-Encoding", b"br")], b"?", 0.0, 0.0).content == b"?"
    assert len(Answer(200, [(b"Content-Encoding", b"gzip")], gzip.compress(bomb), 0.0, 0.0).content) == BODY_CAP


def test_of_several_addresses_the_one_is_taken_at_which_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as closed:
        places = [closed.getsockname(), listener.getsockname()]
        closed.close()
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
        monkeypatch.setattr("affidavit.load.wire.getaddrinfo", lambda *_: found)
        assert resolve("http://two.example").sockaddr == places[1]
        listener.close()
        assert resolve("http://two.example").sockaddr == places[0]  # nobody: the first is the one to complain of


def test_a_header_is_found_in_any_case() -> None:
    with serving([b"HTTP/1.1 429 No\r\nRETRY-after: 7\r\nContent-Length: 0\r\n\r\n"]) as (_, pool):
        assert ask(pool).header(b"retry-after") == b"7"


def test_a_redirect_is_an_answer_like_any_other() -> None:
    with serving([b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"]) as (_, pool):
        assert ask(pool).status == 302


@pytest.mark.parametrize(
    ("pieces", "problem"),
    [
        ([CLOSE], "the connection was closed before an answer"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", CLOSE], "the connection was closed within an answer"),
        ([b"HTTP/1.1 200 OK\r\nServer: x\r\n", CLOSE], "the connection was closed before an answer"),
        (
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", CLOSE],
            "the connection was closed within an answer",
        ),
        ([b"SSH-2.0-whatever\r\n"], "the answer is no HTTP/1.1"),
    ],
)
def test_what_is_no_answer_is_said_in_words_and_the_next_request_gets_a_new_connection(
    pieces: list[bytes], problem: str
) -> None:
    with serving(pieces, [OK]) as (_, pool):
        answer = ask(pool)
        assert (answer.status, answer.problem, answer.timeout) == (0, problem, False)
        server_may_go_on = ask(pool) if pieces[-1] == CLOSE else None
        assert server_may_go_on is None or server_may_go_on.status == 200
        assert pool.in_flight == 0


def test_silence_ends_with_the_timeout() -> None:
    with serving(SILENCE, timeout=0.3) as (_, pool):
        answer = ask(pool)
        assert (answer.status, answer.problem, answer.timeout) == (0, "no whole answer within 0.3 s", True)


def test_over_tls_a_connection_is_kept_and_answers_come_whole(authority: trustme.CA) -> None:
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"a" * 100_000
    with serving_tls(authority, [OK], [OK[:9], OK[9:]], [big]) as (server, pool):
        assert [ask(pool).body for _ in range(3)] == [b"ok", b"ok", b"a" * 100_000]
        assert server.connections == 1


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("elsewhere.example", True)])
def test_a_certificate_that_proves_nothing_is_refused(authority: trustme.CA, name: str, trusted: bool) -> None:  # noqa: FBT001 - a case
    with serving_tls(authority, [OK], name=name, trusted=trusted) as (server, pool):
        answer = ask(pool)
        assert answer.status == 0
        assert answer.problem.startswith("the certificate was refused: ")
        assert server.script  # the request, with its key, was never read


def test_what_speaks_no_tls_is_said() -> None:
    with serving([OK]) as (server, _):
        pool = Pool(resolve(server.url.replace("http", "https")), time.perf_counter, timeout=10)
        try:
            assert "SSLError" in ask(pool).problem
        finally:
            pool.close()


def test_nobody_there_is_said() -> None:
    with serving() as (server, pool):
        server.stop()
        assert "ConnectionRefusedError" in ask(pool).problem


def test_a_name_that_nobody_has_is_an_error_at_once() -> None:
    with pytest.raises(TargetError, match="cannot be found"):
        resolve("http://nobody.invalid")


def test_a_body_is_cut_and_the_connection_stays_in_step() -> None:
    length = 3 * BODY_CAP
    big = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + b"a" * length
    with serving([big], [OK]) as (_, pool):
        assert BODY_CAP <= len(ask(pool).body) < length
        assert ask(pool).body == b"ok"


def test_a_request_larger_than_the_socket_takes_at_once_goes_out_whole() -> None:
    # The server answers after the first piece it reads; what matters is that the rest is not lost in between.
    big = b"POST /x HTTP/1.1\r\nHost: here\r\nContent-Length: 8000000\r\n\r\n" + b"a" * 8_000_000
    received = bytearray()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            while len(received) < len(big):
                received.extend(connection.recv(1_000_000))
            connection.sendall(OK)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    pool = Pool(resolve(f"http://127.0.0.1:{listener.getsockname()[1]}"), time.perf_counter, timeout=10)
    try:
        assert ask(pool, big).status == 200
        assert bytes(received) == big
    finally:
        pool.close()
        listener.close()
