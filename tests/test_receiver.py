from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from affidavit.clock import VirtualClock
from affidavit.errors import UsageError
from affidavit.receiver import LARGEST_BODY, Answer, Arrival, Receiver

START = 1_900_000_000.25
TOKEN = "nobody-guesses-this"
MIB = 1024 * 1024


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def receiver(clock: VirtualClock) -> Iterator[Receiver]:
    with Receiver(clock, TOKEN) as running:
        yield running


def bodies(arrivals: tuple[Arrival, ...]) -> list[str]:
    return [arrival.body for arrival in arrivals]


def speak(receiver: Receiver, sent: bytes) -> bytes:
    """What comes back for these bytes, until the connection is closed."""
    address = httpx.URL(receiver.base)
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(4096), b""))


@contextlib.contextmanager
def silent_delivery(receiver: Receiver, body: str) -> Iterator[socket.socket]:
    """A connection whose delivery has arrived and gets no answer."""
    receiver.program(["silent"])
    address = httpx.URL(receiver.base)
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        connection.sendall(f"POST {receiver.path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        while body not in bodies(receiver.all()):
            time.sleep(0)
        yield connection


def test_a_delivery_is_taken_down_as_it_came(receiver: Receiver, clock: VirtualClock) -> None:
    clock.advance(5)
    headers = [("X-Signature", "t=1,v1=ab"), ("X-Twice", "1"), ("X-Twice", "2"), ("Host", "example.com")]
    answer = httpx.post(f"{receiver.url}?a=1&a=%2B&b", headers=headers, content='{"text": "Zürich"}')
    (arrival,) = receiver.all()
    assert (answer.status_code, answer.content) == (200, b"")
    assert (arrival.at, arrival.method, arrival.path) == (START + 5, "POST", f"/webhooks/{TOKEN}")
    assert arrival.query == (("a", "1"), ("a", "+"), ("b", ""))
    assert [pair for pair in arrival.headers if pair[0].startswith("X-")] == headers[:3]
    assert (arrival.body, arrival.answered, arrival.truncated) == ('{"text": "Zürich"}', 200, False)


def test_bytes_that_are_not_utf_8_are_escaped(receiver: Receiver) -> None:
    httpx.post(receiver.url, content=b"a\xff")
    assert bodies(receiver.all()) == ["a\\xff"]


def test_taking_gives_each_delivery_once_and_all_gives_them_always(receiver: Receiver) -> None:
    assert receiver.take() == ()
    for body in ("1", "2"):
        httpx.post(receiver.url, content=body)
    assert bodies(receiver.take()) == ["1", "2"]
    httpx.post(receiver.url, content="3")
    assert bodies(receiver.take()) == ["3"]
    assert receiver.take() == ()
    assert bodies(receiver.all()) == ["1", "2", "3"]


def test_answers_are_given_as_programmed_and_then_it_is_200_again(receiver: Receiver) -> None:
    receiver.program([500, 204])
    assert [httpx.post(receiver.url).status_code for _ in range(3)] == [500, 204, 200]
    assert [arrival.answered for arrival in receiver.all()] == [500, 204, 200]


def test_a_new_program_replaces_what_is_left_of_the_old_one(receiver: Receiver) -> None:
    receiver.program([500, 500, 500])
    assert httpx.post(receiver.url).status_code == 500
    receiver.program([302])
    assert [httpx.post(receiver.url).status_code for _ in range(2)] == [302, 200]


@pytest.mark.parametrize("answer", [199, 600, "loud", None, True])
def test_an_answer_that_cannot_be_given_is_refused(receiver: Receiver, answer: Answer) -> None:
    with pytest.raises(UsageError, match="use a status from 200 to 599, or 'silent'"):
        receiver.program([500, answer])
    assert httpx.post(receiver.url).status_code == 200


def test_silence_is_taken_down_and_holds_up_nobody_else(receiver: Receiver) -> None:
    with silent_delivery(receiver, "1"):
        assert httpx.post(receiver.url, content="2").status_code == 200
    assert [(arrival.body, arrival.answered) for arrival in receiver.all()] == [("1", None), ("2", 200)]


def test_silence_ends_with_its_time(clock: VirtualClock) -> None:
    with Receiver(clock, TOKEN, silence=0.01) as receiver:
        receiver.program(["silent"])
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(receiver.url)


def test_stopping_ends_a_silence_and_every_thread(clock: VirtualClock) -> None:
    before = set(threading.enumerate())
    receiver = Receiver(clock, TOKEN).start()
    address = httpx.URL(receiver.base)
    idle = socket.create_connection((address.host, address.port), timeout=10)
    with idle, silent_delivery(receiver, "1") as unanswered:
        receiver.stop()
        assert (idle.recv(1), unanswered.recv(1)) == (b"", b"")
    assert set(threading.enumerate()) == before
    receiver.stop()


def test_what_does_not_know_the_token_gets_404_and_leaves_no_trace(receiver: Receiver) -> None:
    receiver.program([500])
    for path in ("/", "/webhooks", f"/webhooks/{TOKEN}/", f"/webhooks/{TOKEN[:-1]}"):
        assert speak(receiver, f"POST {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).startswith(b"HTTP/1.1 404 ")
    assert receiver.all() == ()
    assert httpx.post(receiver.url).status_code == 500


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_delivers(receiver: Receiver, method: str) -> None:
    answer = httpx.request(method, receiver.url)
    assert (answer.status_code, answer.content, receiver.all()) == (501, b"", ())


def test_a_body_of_exactly_the_cap_is_whole(receiver: Receiver) -> None:
    assert LARGEST_BODY == MIB
    assert httpx.post(receiver.url, content=b"x" * MIB).status_code == 200
    (arrival,) = receiver.all()
    assert (len(arrival.body), arrival.truncated) == (MIB, False)


def test_a_larger_body_is_cut_refused_and_taken_down_without_using_up_an_answer(receiver: Receiver) -> None:
    receiver.program([503])
    assert httpx.post(receiver.url, content=b"x" * (MIB + 1)).status_code == 413
    (arrival,) = receiver.all()
    assert (len(arrival.body), arrival.truncated, arrival.answered) == (MIB, True, 413)
    assert httpx.post(receiver.url).status_code == 503


def test_a_chunked_body_is_put_together(receiver: Receiver) -> None:
    head = f"POST {receiver.path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = speak(receiver, head.encode() + b"4;x=y\r\nHell\r\nA\r\no, chunks!\r\n0\r\nTrailer: 1\r\n\r\n")
    assert answer == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert bodies(receiver.all()) == ["Hello, chunks!"]


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: -1\r\n\r\n",
        "Content-Length: 1_0\r\n\r\n",
        "Transfer-Encoding: gzip\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x1\r\n",
    ],
)
def test_a_body_that_cannot_be_told_from_the_rest_is_400_and_not_taken_down(receiver: Receiver, framing: str) -> None:
    answer = speak(receiver, f"POST {receiver.path} HTTP/1.1\r\nHost: x\r\n{framing}".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert receiver.all() == ()


def test_a_sender_who_leaves_in_the_middle_is_not_taken_down(receiver: Receiver) -> None:
    address = httpx.URL(receiver.base)
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        connection.sendall(f"POST {receiver.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert receiver.all() == ()


def test_deliveries_at_the_same_time_are_all_taken_down(receiver: Receiver) -> None:
    threads = [threading.Thread(target=httpx.post, args=(receiver.url,), kwargs={"content": f"{n}"}) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bodies(receiver.take()), key=int) == [f"{n}" for n in range(20)]


@pytest.mark.parametrize("token", ["", "short", "a/b-a/b-a/b-a/b-a/b", "0123456789abcdef\n"])
def test_a_token_that_can_be_guessed_or_is_no_part_of_a_path_is_refused(clock: VirtualClock, token: str) -> None:
    with pytest.raises(UsageError, match="16 or more letters"):
        Receiver(clock, token)


def test_a_receiver_that_does_not_run_has_no_address_and_one_that_runs_is_not_started_again(
    clock: VirtualClock,
) -> None:
    receiver = Receiver(clock, TOKEN)
    with pytest.raises(UsageError, match="start it first"):
        _ = receiver.url
    with receiver, pytest.raises(UsageError, match="already listens"):
        receiver.start()
