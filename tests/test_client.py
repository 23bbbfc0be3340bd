"""Every request passes one way out: safety, budget, pace, and a record that shows no key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from affidavit.client import BODY_CAP, BudgetSpentError, Client, checked_url
from affidavit.clock import VirtualClock
from affidavit.documents import load_catalog
from affidavit.errors import UsageError
from affidavit.exchange import Response
from affidavit.probes.flow import Refused, Send
from affidavit.profile import RateLimit
from affidavit.recorder import Recorder, read_run
from affidavit.redaction import Redactor
from affidavit.safety import Policy

KEY = "sk_test_0123456789abcdef0123456789abcdef"
CATALOG = load_catalog("chatmaid")
LIMIT = RateLimit(window_seconds=60, requests=3, remaining_header="X-Left", retry_after_body="/retryAfter")
LIST = Send("p/s", "listMessages", "GET", "/v1/messages", (), (("Authorization", f"Bearer {KEY}"),), None, "main")
Handler = Callable[[httpx.Request], httpx.Response]
Open = Callable[..., Client]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens a client whose requests are answered by a function; its record is run.ndjson."""
    clients = []
    real = httpx.Client

    def make(handler: Handler, policy: Policy = Policy(), **more: object) -> Client:  # noqa: B008 - frozen
        monkeypatch.setattr("affidavit.client.httpx.Client", partial(real, transport=httpx.MockTransport(handler)))
        recorder = Recorder(tmp_path / "run.ndjson", {"provider": "chatmaid", "target": "http://x"})
        parts = {"limit": LIMIT, "clock": VirtualClock(1000.0), **more}
        client = Client(
            provider="chatmaid", base="http://x/", openapi=CATALOG.openapi, keys={"main": KEY}, policy=policy,
            recorder=recorder, redactor=Redactor({"main": KEY}), **parts,  # type: ignore[arg-type]  # names and values are those of Client
        )  # fmt: skip
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()
        client.recorder.end(complete=True)


def ok(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={})


def times_of(client: Client) -> list[float]:
    return [one.at - 1000 for one in client.exchanges]


def test_who_asks_gets_the_answer_as_it_came_and_the_record_hides_the_key(opened: Open, tmp_path: Path) -> None:
    client = opened(lambda _: httpx.Response(200, headers={"X-Echo": KEY}, json={"key": KEY.upper()}))
    send = replace(LIST, query=(("key", KEY),), path=f"/v1/messages/{KEY}", body=f'{{"key": "{KEY}"}}')
    (answer,) = client.send(send)
    assert isinstance(answer, Response)
    assert (answer.header("X-Echo"), answer.json) == (KEY, {"key": KEY.upper()})
    client.recorder.end(complete=True)
    text = (tmp_path / "run.ndjson").read_text("utf-8")
    assert KEY[8:] not in text.lower()
    (exchange,) = read_run(tmp_path / "run.ndjson").exchanges
    assert exchange == client.exchanges[0]
    assert f"{exchange}".count("⟨key main: sk_test_ + 32 hex⟩") == 8
    assert (exchange.operation, exchange.source, exchange.role, exchange.seq) == ("getMessage", "p/s", "main", 1)


def test_a_refused_request_costs_nothing_and_is_a_skip_in_the_record(opened: Open, tmp_path: Path) -> None:
    client = opened(ok, budget=1)
    (answer,) = client.send(replace(LIST, operation="", method="DELETE", path="/v1/everything"))
    assert answer == Refused("DELETE of an undocumented path could do anything")
    assert (client.sent, client.exchanges) == (0, [])
    client.recorder.end(complete=True)
    assert read_run(tmp_path / "run.ndjson").skipped == {"p/s": answer.reason}


def test_an_operation_named_for_another_method_does_not_open_a_path(opened: Open) -> None:
    client = opened(ok)
    (answer,) = client.send(replace(LIST, method="POST", path="/v1/everything"))
    assert isinstance(answer, Refused)


@pytest.mark.parametrize("together", [1, 20])
def test_never_more_requests_leave_than_the_budget_has(opened: Open, together: int) -> None:
    asked = []

    def count(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    client = opened(count, budget=7)
    for _ in range(7 // together):
        client.send(replace(LIST, times=together))
    with pytest.raises(BudgetSpentError, match="the budget of 7 requests is spent"):
        client.send(replace(LIST, times=together))
    assert len(asked) == client.sent == len(client.exchanges) == 7
    assert [one.seq for one in client.exchanges] == list(range(1, 8))


def limited(after: int, *, served: int = 1) -> Handler:
    """Refuses with a wait of so many seconds until `served` requests were refused."""
    refused = iter(range(served))
    return lambda _: (
        httpx.Response(429, json={"retryAfter": after}) if next(refused, None) is not None else httpx.Response(200)
    )


def test_a_429_is_waited_out_as_long_as_it_says_and_both_are_recorded(opened: Open) -> None:
    client = opened(limited(7))
    (answer,) = client.send(LIST)
    assert isinstance(answer, Response)
    assert (answer.status, times_of(client)) == (200, [0, 7])


def test_who_wants_the_limit_gets_the_429_at_once(opened: Open) -> None:
    client = opened(limited(7))
    (answer,) = client.send(replace(LIST, paced=False))
    assert isinstance(answer, Response)
    assert (answer.status, times_of(client)) == (429, [0])
    client.send(LIST)
    assert times_of(client) == [0, 7]  # what the 429 said holds for the next who is patient


def test_a_wait_is_for_its_key_alone(opened: Open) -> None:
    client = opened(limited(7))
    client.send(replace(LIST, paced=False))
    client.send(replace(LIST, role="second"))
    assert times_of(client) == [0, 0]


def test_a_key_that_is_refused_however_long_it_waits_is_given_up(opened: Open) -> None:
    client = opened(limited(1, served=99))
    client.send(LIST)
    assert times_of(client) == [0, 1, 2, 62]  # at last the documented window
    (answer,) = client.send(LIST)
    assert answer == Refused("the key of the role 'main' is refused with 429, however long it waits")
    assert client.sent == 4
    client.send(replace(LIST, paced=False))
    assert client.sent == 5


def test_without_a_word_of_the_target_the_documented_pace_is_kept_on_its_own_host_only(opened: Open) -> None:
    polite, other = opened(ok, polite=True), opened(ok)
    for _ in range(7):
        polite.send(LIST)
        other.send(LIST)
    assert times_of(polite) == [0, 0, 0, 60, 60, 60, 120]
    assert times_of(other) == [0] * 7
    assert polite.recent() == {"main": 1}


def test_a_target_that_tells_what_is_left_is_believed(opened: Open) -> None:
    client = opened(lambda _: httpx.Response(200, headers={"X-Left": "9"}), polite=True)
    for _ in range(7):
        client.send(LIST)
    assert times_of(client) == [0] * 7


def test_a_redirect_is_an_answer_and_not_followed(opened: Open) -> None:
    client = opened(lambda _: httpx.Response(302, headers={"Location": "http://elsewhere/"}))
    client.send(LIST)
    assert [one.response and one.response.status for one in client.exchanges] == [302]


def test_a_cookie_of_one_caller_is_not_sent_for_another(opened: Open) -> None:
    sent = []

    def greet(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("Cookie"))
        return httpx.Response(200, headers={"Set-Cookie": "session=1; Path=/"})

    client = opened(greet)
    client.send(LIST)
    client.send(replace(LIST, headers=(), role=None))
    assert sent == [None, None]


def test_a_transport_error_is_recorded_without_the_key(opened: Open) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no route for {KEY}")

    client = opened(fail)
    assert client.send(LIST) == [None]
    assert client.exchanges[0].error == "ConnectError: no route for ⟨key main: sk_test_ + 32 hex⟩"


@pytest.mark.parametrize(
    "change",
    [{"path": "/v1/messages/\n"}, {"path": "/v1/messages/" + "a" * 70_000}, {"headers": (("X-Saved", "Grüße"),)}],
    ids=["control character", "too long", "header"],
)
def test_what_cannot_be_sent_is_an_error_in_the_record_and_not_ours(opened: Open, change: dict[str, object]) -> None:
    client = opened(ok)
    assert client.send(replace(LIST, **change)) == [None]  # type: ignore[arg-type]  # names are those of Send
    assert client.exchanges[0].error
    assert client.exchanges[0].response is None


@pytest.mark.parametrize(("size", "truncated"), [(BODY_CAP, False), (BODY_CAP + 1, True)])
def test_a_body_is_kept_up_to_a_cap(opened: Open, size: int, *, truncated: bool) -> None:
    client = opened(lambda _: httpx.Response(200, content=b"a" * size))
    (answer,) = client.send(LIST)
    assert isinstance(answer, Response)
    assert (len(answer.body), answer.truncated) == (BODY_CAP, truncated)


@pytest.mark.parametrize(
    ("body", "raw", "recorded"),
    [
        (None, b"", None),
        ("", b"", ""),
        ("Grüße 👋", "Grüße 👋".encode(), "Grüße 👋"),
        ("a\udcff", b"a\xff", "a\\xff"),
        ("a\ud83d", b"a\xed\xa0\xbd", "a\\xed\\xa0\\xbd"),
    ],
)
def test_any_body_leaves_as_its_bytes_and_can_be_recorded(
    opened: Open, body: str | None, raw: bytes, recorded: str | None
) -> None:
    seen = []

    def look(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return httpx.Response(200)

    client = opened(look, Policy(embedded=True))
    client.send(replace(LIST, operation="sendMessage", method="POST", path="/v1/messages/send", body=body))
    assert seen == [raw]
    assert client.exchanges[0].request.body == recorded


@pytest.mark.parametrize("text", ["http://x", "https://x.example/base", "http://127.0.0.1:8601", "http://[::1]:1"])
def test_a_base_address_loses_only_its_last_slash(text: str) -> None:
    assert checked_url(text, "--target") == checked_url(f"{text}/", "--target") == text


@pytest.mark.parametrize(
    "text", ["", "x", "ftp://x", "http://", "http://u:p@x", "http://x?a=1", "http://x#a", "http://x:port", "//x"]
)
def test_what_is_no_base_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="--target"):
        checked_url(text, "--target")
