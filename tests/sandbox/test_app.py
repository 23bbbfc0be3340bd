from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import pytest

from affidavit.clock import Clock, SystemClock, VirtualClock
from affidavit.sandbox.app import LARGEST_BODY, SandboxApp
from affidavit.sandbox.deliver import Poster, may_receive
from affidavit.sandbox.model import Json, Machine, Outgoing, Request, Response, UnknownControlError

pytestmark = pytest.mark.anyio

START = 1_900_000_000.25
"""2030-03-17T17:46:40.250Z."""
KEY = "sk_test_of_the_fake"
CONTROL = "http://sandbox/__sandbox__/"
HOOK = "http://127.0.0.1:9/hook"
HELLO = Response(200, (("Content-Type", "text/plain"),), b"hello")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class FakeMachine(Machine):
    """Answers what it is told to, and remembers everything."""

    def __init__(self, seed: int, now: float) -> None:
        self.seed, self.began = seed, now
        self.answer: Response | Exception = HELLO
        self.steps: list[tuple[Request, float]] = []
        self.ticks: list[float] = []
        self.waiting: list[Outgoing] = []
        self.stuck = False
        self.outcomes: list[tuple[int, int | None, float]] = []
        self.failure: Exception | None = None

    def step(self, request: Request, now: float) -> Response:
        """Answer as told, or fail."""
        self.steps.append((request, now))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """Hand out what is due, or fail."""
        self.ticks.append(now)
        if self.failure is not None:
            self.waiting = []
            raise self.failure
        due = () if self.stuck else tuple(one for one in self.waiting if one.due <= now)
        self.waiting = [one for one in self.waiting if one not in due]
        return due

    def next_due(self) -> float | None:
        """When the first webhook is due."""
        return min((one.due for one in self.waiting), default=None)

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """Remember the outcome."""
        self.outcomes.append((outgoing.id, status, now))

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """Echo, add a webhook, or describe."""
        if action == "describe":
            return {"holds": "<b>nothing</b>"}
        if action == "wait":
            self.wait(now, url=HOOK)
        elif action != "echo":
            raise UnknownControlError(f"no action {action!r}: use one of echo")
        return {"arguments": arguments, "now": now}

    def keys(self) -> Mapping[str, str]:
        """One key."""
        return {"main": KEY}

    def wait(self, *moments: float, url: str = HOOK) -> None:
        """Have a webhook due at each moment; they are numbered from 1."""
        self.waiting += [
            Outgoing(number, due, url, (("X-Number", str(number)),), b"{}") for number, due in enumerate(moments, 1)
        ]


class Receiving:
    """The other end of the webhooks: answers each with the same, or never."""

    def __init__(self, answer: httpx.Response | Exception | None) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []
        self.arrived = asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Take a webhook."""
        self.requests.append(request)
        self.arrived.set()
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return httpx.Response(self.answer.status_code, headers=self.answer.headers, stream=httpx.ByteStream(b"body"))


class Bench:
    """An app over a fake machine, with a client and a receiver."""

    def __init__(self, clock: Clock, client: httpx.AsyncClient, app: SandboxApp, receiving: Receiving) -> None:
        self.clock, self.client, self.app, self.receiving = clock, client, app, receiving

    @property
    def machine(self) -> FakeMachine:
        """The machine as it is now: a reset makes another."""
        assert isinstance(self.app.machine, FakeMachine)
        return self.app.machine

    async def control(self, path: str, body: object = None, method: str = "POST") -> tuple[int, Any]:
        """Status and JSON of an answer of the control plane."""
        content = None if body is None else json.dumps(body)
        answer = await self.client.request(method, CONTROL + path, content=content)
        return answer.status_code, answer.json()

    async def look(self, path: str) -> Any:  # noqa: ANN401 - any JSON value
        """JSON of a GET."""
        status, value = await self.control(path, method="GET")
        assert status == 200, value
        return value


@contextlib.asynccontextmanager
async def bench(
    clock: Clock | None = None,
    *,
    receiver: httpx.Response | Exception | None = httpx.Response(204),  # noqa: B008 - never changed
    prefix: str | None = None,
    client: tuple[str, int] = ("192.0.2.7", 4711),
) -> AsyncIterator[Bench]:
    clock = clock or VirtualClock(START)
    receiving = Receiving(receiver)
    patience = 0.02 if receiver is None and isinstance(clock, VirtualClock) else None
    poster = Poster(clock, prefix=prefix, patience=patience, transport=httpx.MockTransport(receiving))
    app = SandboxApp(FakeMachine, 7, clock, name="fake", poster=poster)
    transport = httpx.ASGITransport(app, client=client)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as http:
        yield Bench(clock, http, app, receiving)
    await app.aclose()


# --- the way of a request ---------------------------------------------------------------------------------------------


async def test_the_machine_sees_the_request_as_it_came_off_the_wire() -> None:
    async with bench() as here:
        url = "/v1/a%2Fb/+1202?to=%2B1&to=+2&empty=&bare&caf%C3%A9=%ff"
        await here.client.post(url, headers={"X-Name": "Value"}, content=b"\x00raw\xff")
        ((request, now),) = here.machine.steps
        assert (request.method, request.path, request.body) == ("POST", "/v1/a%2Fb/+1202", b"\x00raw\xff")
        assert request.query == (
            ("to", "+1"), ("to", " 2"), ("empty", ""), ("bare", ""), ("café", "\ufffd"),
        )  # fmt: skip
        assert request.headers["x-name"] == "Value"
        assert all(name == name.lower() for name in request.headers)
        assert request.client == "192.0.2.7"
        assert now == START + 0.001


async def test_values_of_a_repeated_header_are_joined_in_order() -> None:
    async with bench() as here:
        await here.client.get("/", headers=[(b"X-Twice", b"1"), (b"x-twice", b"2"), (b"Once", b"\xe9")])
        headers = here.machine.steps[0][0].headers
        assert (headers["x-twice"], headers["once"]) == ("1, 2", "é")


async def test_a_forwarded_address_is_not_believed() -> None:
    async with bench() as here:
        await here.client.get("/", headers={"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1"})
        assert here.machine.steps[0][0].client == "192.0.2.7"


async def test_a_body_in_pieces_is_put_together() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"one ", b"two ", b"three"):
            yield piece

    async with bench() as here:
        await here.client.post("/", content=pieces())
        assert here.machine.steps[0][0].body == b"one two three"


async def test_a_body_of_exactly_the_cap_passes_and_one_byte_more_is_413_without_asking_the_machine() -> None:
    async with bench() as here:
        assert LARGEST_BODY == 10 * 1024 * 1024
        assert (await here.client.post("/", content=b"x" * LARGEST_BODY)).status_code == 200
        answer = await here.client.post("/", content=b"x" * (LARGEST_BODY + 1))
        assert (answer.status_code, answer.json()) == (
            413, {"error": "The sandbox takes bodies of up to 10485760 bytes."},
        )  # fmt: skip
        assert (await here.client.post(CONTROL + "reset", content=b"x" * (LARGEST_BODY + 1))).status_code == 413
        assert [len(request.body) for request, _ in here.machine.steps] == [LARGEST_BODY]


@pytest.mark.parametrize("before", [0, 1])
async def test_a_caller_who_leaves_before_the_end_of_the_body_is_not_answered(before: int) -> None:
    messages = [{"type": "http.request", "body": b"half", "more_body": True}] * before + [{"type": "http.disconnect"}]
    left = iter(messages)

    async def receive() -> Any:  # noqa: ANN401 - an ASGI message
        return next(left)

    async def send(message: Any) -> None:  # noqa: ANN401 - an ASGI message
        raise AssertionError(message)

    async with bench() as here:
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "raw_path": b"/",
            "query_string": b"",
            "headers": [],
            "client": None,
        }
        await here.app(scope, receive, send)
        assert here.machine.steps == []


async def test_only_http_is_spoken() -> None:
    async with bench() as here:
        with pytest.raises(NotImplementedError, match="not websocket"):
            await here.app({"type": "websocket"}, None, None)  # type: ignore[arg-type]  # not used


async def test_no_two_requests_share_a_moment() -> None:
    async with bench(VirtualClock(0)) as here:
        for _ in range(3):
            await here.client.get("/")
        assert [now for _, now in here.machine.steps] == [0.001, 0.002, 0.003]


# --- the way of an answer ---------------------------------------------------------------------------------------------


async def test_an_answer_gets_the_date_of_the_sandbox_s_clock_and_its_length() -> None:
    async with bench() as here:
        answer = await here.client.get("/")
        assert answer.headers.multi_items() == [
            ("content-type", "text/plain"),
            ("date", "Sun, 17 Mar 2030 17:46:40 GMT"),
            ("content-length", "5"),
        ]
        assert answer.content == b"hello"


async def test_headers_that_the_machine_gives_are_left_alone() -> None:
    async with bench() as here:
        given = (("Date", "then"), ("X-A", "é"), ("Content-Length", "2"), ("X-A", "2"))
        here.machine.answer = Response(201, given, b"{}")
        answer = await here.client.get("/")
        assert answer.status_code == 201
        assert answer.headers.raw == [
            (b"date", b"then"), (b"x-a", b"\xe9"), (b"content-length", b"2"), (b"x-a", b"2"),
        ]  # fmt: skip


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_says_nothing_of_its_length(status: int) -> None:
    async with bench() as here:
        here.machine.answer = Response(status)
        assert "content-length" not in (await here.client.get("/")).headers


async def test_head_gets_the_length_and_no_body() -> None:
    async with bench() as here:
        answer = await here.client.head("/")
        assert (answer.headers["content-length"], answer.content) == ("5", b"")
        assert here.machine.steps[0][0].method == "HEAD"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (KeyError("lost"), "KeyError: 'lost'"),
        (Response(200, (("X-Name", "\u20ac"),)), "UnicodeEncodeError: "),
    ],
)
async def test_a_failure_of_the_machine_is_told_kept_and_shown(answer: Response | Exception, error: str) -> None:
    async with bench() as here:
        here.machine.answer = answer
        response = await here.client.get("/v1/x?y=1")
        assert response.status_code == 500
        assert response.json() == {"error": "The sandbox itself failed; see /__sandbox__/errors."}
        (failure,) = (await here.look("errors"))["errors"]
        assert (failure["at"], failure["occasion"]) == ("2030-03-17T17:46:40.251Z", "GET /v1/x")
        assert failure["error"].startswith(error)
        assert failure["traceback"].startswith("Traceback")
        assert error in failure["traceback"]
        assert [entry["status"] for entry in (await here.look("requests"))["requests"]] == [500]
        page = (await here.client.get(CONTROL)).text
        assert "The sandbox itself failed" in page


# --- control plane ----------------------------------------------------------------------------------------------------


async def test_keys_are_shown_by_role() -> None:
    async with bench() as here:
        assert await here.look("keys") == {"main": KEY}


async def test_requests_are_shown_newest_first_with_both_bodies() -> None:
    async with bench() as here:
        await here.client.post("/a?b=1", content=b"in\xff", headers={"Idempotency-Key": "k"})
        here.machine.answer = Response(404, (), b"out")
        await here.client.get("/c")
        latest, first = (await here.look("requests"))["requests"]
        assert (first["number"], first["method"], first["path"], first["query"]) == (1, "POST", "/a", [["b", "1"]])
        assert (first["body"], first["status"], first["answer"]) == ("in\ufffd", 200, "hello")
        assert first["headers"]["idempotency-key"] == "k"
        assert first["answer_headers"] == [["Content-Type", "text/plain"]]
        assert (latest["number"], latest["path"], latest["status"], latest["answer"]) == (2, "/c", 404, "out")
        assert (first["at"], latest["at"]) == ("2030-03-17T17:46:40.251Z", "2030-03-17T17:46:40.252Z")


async def test_a_limit_cuts_the_older_requests_off_and_the_control_plane_is_not_among_them() -> None:
    async with bench() as here:
        for number in range(205):
            await here.client.get(f"/{number}")
        paths = [entry["path"] for entry in (await here.look("requests"))["requests"]]
        assert paths == [f"/{number}" for number in range(204, 4, -1)]
        assert [entry["path"] for entry in (await here.look("requests?limit=2"))["requests"]] == ["/204", "/203"]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "", "ten", "٣", "9" * 5000])
async def test_a_limit_that_makes_no_sense_is_refused(limit: str) -> None:
    async with bench() as here:
        status, value = await here.control(f"requests?limit={limit}", method="GET")
        assert (status, value) == (400, {"error": f"limit is {limit!r}: use a whole number from 1 to 200."})


async def test_an_unknown_query_is_refused() -> None:
    async with bench() as here:
        assert await here.control("requests?last=1", method="GET") == (
            400, {"error": "Not known: last. Known: limit."},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "role"), [(f"Bearer {KEY}", "main"), ("Bearer sk_live_real", "unknown key"), ("Basic abc", None)]
)
async def test_a_request_is_shown_with_the_role_of_its_key_and_never_with_the_key(sent: str, role: str | None) -> None:
    async with bench() as here:
        await here.client.get("/", headers={"Authorization": sent, "Cookie": "secret=1"})
        shown = (await here.client.get(CONTROL + "requests")).text
        (entry,) = json.loads(shown)["requests"]
        assert entry["role"] == role
        assert sent.split()[1] not in shown
        assert "secret=1" not in shown


async def test_long_bodies_are_cut_before_they_are_kept() -> None:
    async with bench() as here:
        here.machine.answer = Response(200, (), b"y" * 100_000)
        assert len((await here.client.post("/", content=b"x" * 100_000)).content) == 100_000
        (entry,) = (await here.look("requests"))["requests"]
        assert (len(entry["body"]), len(entry["answer"])) == (65_536, 65_536)


async def test_the_page_shows_everything_and_hostile_text_as_text() -> None:
    hostile = "<script>alert(1)</script>"
    async with bench() as here:
        here.machine.answer = Response(400, (("X-H", hostile),), f"out{hostile}".encode())
        await here.client.post("/'%3Cimg", params={"q": hostile}, content=f"in{hostile}", headers={"X-In": hostile})
        here.machine.wait(START, url=f"http://elsewhere.example/{hostile}")
        await here.client.get("/")
        answer = await here.client.get(CONTROL)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
        page = answer.text
        assert "<script" not in page
        assert "<b>nothing" not in page
        escaped = "&lt;script&gt;alert(1)&lt;/script&gt;"
        assert page.count(escaped) == 8
        for shown in ("fake sandbox", KEY, "2030-03-17T17:46:40.252Z", "virtual clock", "/&#39;%3Cimg", "q=&lt;scr"):
            assert shown in page
        assert f"in{escaped}" in page
        assert f"out{escaped}" in page


async def test_an_unknown_page_is_404_and_says_what_there_is() -> None:
    async with bench() as here:
        for path in ("nothing", "keys/main", "control", "control/", "%6Beys"):
            status, value = await here.control(path, method="GET")
            assert status == 404
            assert value["error"].startswith(f"There is no /__sandbox__/{path}. There are: GET /__sandbox__/, GET ")
            assert "POST /__sandbox__/control/{action}" in value["error"]
        assert here.machine.steps == []


@pytest.mark.parametrize(("method", "path", "allow"), [("POST", "keys", "GET"), ("GET", "control/echo", "POST")])
async def test_another_method_is_405(method: str, path: str, allow: str) -> None:
    async with bench() as here:
        answer = await here.client.request(method, CONTROL + path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allow)
        assert answer.json() == {"error": f"/__sandbox__/{path} takes {allow} only."}


async def test_head_of_the_control_plane_is_get_without_a_body() -> None:
    async with bench() as here:
        answer = await here.client.head(CONTROL + "keys")
        assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/__sandbox__", "/__sandbox", "/v1/__sandbox__/keys", "//__sandbox__/keys"])
async def test_everything_outside_the_prefix_belongs_to_the_machine(path: str) -> None:
    async with bench() as here:
        assert (await here.client.get(f"http://sandbox{path}")).content == b"hello"


async def test_a_control_gets_its_arguments_and_a_moment() -> None:
    async with bench(VirtualClock(0)) as here:
        assert await here.control("control/echo", {"a": [1]}) == (200, {"arguments": {"a": [1]}, "now": 0.001})
        assert await here.control("control/%65cho") == (200, {"arguments": {}, "now": 0.002})


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("control/shout", "{}", "no action 'shout': use one of echo"),
        ("control/echo", "[]", "The body must be a JSON object, such as {}."),
        ("control/echo", "null", "The body must be a JSON object, such as {}."),
        ("control/echo", "{", "body is not valid JSON: "),
        ("clock", '{"advance": 1, "by": 2}', "Not known: by. Known: advance."),
        ("clock", "{}", "advance is None: use seconds from 0 to 31622400."),
        ("clock", '{"advance": -1}', "advance is -1: use seconds from 0 to 31622400."),
        ("clock", '{"advance": true}', "advance is True: use seconds from 0 to 31622400."),
        ("clock", '{"advance": "1"}', "advance is '1': use seconds from 0 to 31622400."),
        ("clock", '{"advance": 31622401}', "advance is 31622401: use seconds from 0 to 31622400."),
        ("clock", '{"advance": NaN}', "body is not valid JSON: "),
        ("reset", '{"seed": "a"}', "seed is 'a': use a whole number."),
        ("reset", '{"sed": 1}', "Not known: sed. Known: seed."),
    ],
)
async def test_an_unknown_control_or_argument_is_400_with_what_would_do(path: str, body: str, error: str) -> None:
    async with bench() as here:
        answer = await here.client.post(CONTROL + path, content=body)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(error)


async def test_a_reset_begins_with_a_new_machine_and_forgets_everything_else() -> None:
    async with bench(VirtualClock(0)) as here:
        before = here.machine
        before.wait(0)
        before.answer = KeyError()
        await here.client.get("/")
        assert await here.control("reset", {"seed": 8}) == (200, {"seed": 8, "now": 0.002, "keys": {"main": KEY}})
        assert (here.machine.seed, here.machine.began) == (8, 0.002)
        assert here.machine is not before
        for name in ("requests", "errors", "deliveries"):
            assert await here.look(name) == {name: []}
        await here.client.get("/")
        assert [entry["number"] for entry in (await here.look("requests"))["requests"]] == [1]
        assert await here.control("reset") == (200, {"seed": 8, "now": 0.004, "keys": {"main": KEY}})


# --- webhooks under a virtual clock -----------------------------------------------------------------------------------


async def test_moving_the_clock_delivers_everything_at_its_moment_and_in_order() -> None:
    async with bench(VirtualClock(0)) as here:
        here.machine.wait(2.5, 1, 2.5, 10.5, url=HOOK)
        assert await here.control("clock", {"advance": 10}) == (200, {"now": 10})
        assert here.machine.ticks == [1, 2.5]
        assert here.machine.outcomes == [(2, 204, 1), (1, 204, 2.5), (3, 204, 2.5)]
        assert await here.control("clock", {"advance": 0.5}) == (200, {"now": 10.5})
        assert here.machine.outcomes[3:] == [(4, 204, 10.5)]


async def test_a_webhook_is_posted_with_its_headers_and_body() -> None:
    async with bench() as here:
        here.machine.wait(START)
        await here.app.advance(0)
        (request,) = here.receiving.requests
        assert (request.method, str(request.url), request.content) == ("POST", HOOK, b"{}")
        assert (request.headers["x-number"], request.headers["user-agent"]) == ("1", "affidavit-sandbox")
        assert await here.look("deliveries") == {
            "deliveries": [
                {
                    "at": "2030-03-17T17:46:40.250Z",
                    "url": HOOK,
                    "attempt": 1,
                    "body": "{}",
                    "status": 204,
                    "note": "",
                }
            ]
        }


async def test_what_a_delivery_brings_about_before_the_target_is_delivered_too() -> None:
    async with bench(VirtualClock(0)) as here:

        def retry(outgoing: Outgoing, status: int | None, now: float) -> None:
            here.machine.outcomes.append((outgoing.id, status, now))
            if len(here.machine.outcomes) < 3:
                here.machine.wait(now + 4)

        here.machine.delivered = retry  # type: ignore[method-assign]  # a machine that tries again
        here.machine.wait(1)
        await here.app.advance(8)
        assert here.machine.outcomes == [(1, 204, 1), (1, 204, 5)]
        await here.app.advance(2)
        assert here.machine.outcomes[2:] == [(1, 204, 9)]


async def test_what_became_due_while_somebody_else_moved_the_clock_is_delivered_before_the_next_request() -> None:
    clock = VirtualClock(0)
    async with bench(clock) as here:
        here.machine.wait(1, 2, 7)
        clock.sleep(5)
        await here.client.get("/")
        assert here.machine.outcomes == [(1, 204, 5), (2, 204, 5)]
        assert [now for _, now in here.machine.steps] == [5.001]


async def test_a_receiver_that_does_not_answer_costs_ten_seconds_of_the_sandbox_s_time() -> None:
    async with bench(VirtualClock(0), receiver=None) as here:
        here.machine.wait(1, 3)
        assert await here.app.advance(4) == 21
        assert here.machine.outcomes == [(1, None, 11), (2, None, 21)]
        notes = [row["note"] for row in (await here.look("deliveries"))["deliveries"]]
        assert notes == ["no answer within 10 s", "no answer within 10 s"]


async def test_a_receiver_that_is_not_there_is_no_answer_at_once() -> None:
    async with bench(VirtualClock(0), receiver=httpx.ConnectError("refused")) as here:
        here.machine.wait(1)
        assert await here.app.advance(2) == 2
        assert here.machine.outcomes == [(1, None, 1)]
        assert [row["note"] for row in (await here.look("deliveries"))["deliveries"]] == ["ConnectError: refused"]


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async with bench(receiver=httpx.Response(302, headers={"Location": "http://127.0.0.1:9/other"})) as here:
        here.machine.wait(START)
        await here.app.advance(0)
        assert [str(request.url) for request in here.receiving.requests] == [HOOK]
        assert here.machine.outcomes == [(1, 302, START)]


async def test_nothing_is_ever_posted_to_strangers() -> None:
    async with bench(prefix="http://receiver.test:8000/hooks") as here:
        strangers = ["https://example.com/", "http://192.0.2.1/", "http://receiver.test/", "http://[::1", "ftp:x"]
        for url in [*strangers, "http://receiver.test:8000/hooks/1"]:
            here.machine.wait(START, url=url)
        await here.app.advance(0)
        assert [str(request.url) for request in here.receiving.requests] == ["http://receiver.test:8000/hooks/1"]
        assert [status for _, status, _ in here.machine.outcomes] == [None] * 5 + [204]
        notes = {row["note"] for row in (await here.look("deliveries"))["deliveries"]}
        assert notes == {"", "not sent: the address is neither on this machine nor under the webhook prefix"}


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("http://127.0.0.1:8000/x", True),
        ("http://127.9.9.9/x", True),
        ("http://[::1]:80/", True),
        ("https://LOCALHOST/", True),
        ("http://localhost.example.com/", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://127.0.0.1@example.com/", False),
        ("http://example.com/127.0.0.1", False),
        ("http://0.0.0.0/", False),
        ("http://10.0.0.1/", False),
        ("http://", False),
        ("", False),
    ],
)
async def test_only_this_machine_may_receive(url: str, *, may: bool) -> None:
    assert may_receive(url, None) is may


async def test_a_machine_that_never_gets_done_with_something_due_is_an_error_and_no_endless_loop() -> None:
    async with bench() as here:
        here.machine.wait(START)
        here.machine.stuck = True
        status, _ = await here.control("clock", {"advance": 1})
        (failure,) = (await here.look("errors"))["errors"]
        assert (status, failure["occasion"]) == (500, "POST /__sandbox__/clock")
        assert failure["error"] == (
            "RuntimeError: the machine has something due at 1900000000.25, but its tick does nothing about it"
        )


# --- webhooks under the system's clock --------------------------------------------------------------------------------


async def test_the_system_s_clock_cannot_be_moved() -> None:
    async with bench(SystemClock()) as here:
        assert await here.control("clock", {"advance": 1}) == (
            409, {"error": "This sandbox runs on the system's clock, which cannot be advanced."},
        )  # fmt: skip


def _after_a_request(here: Bench) -> Callable[[], Any]:
    return lambda: here.client.get("/")


def _after_a_control(here: Bench) -> Callable[[], Any]:
    return lambda: here.control("control/echo")


@pytest.mark.parametrize("stir", [_after_a_request, _after_a_control])
async def test_under_the_system_s_clock_a_webhook_leaves_when_it_is_due(
    stir: Callable[[Bench], Callable[[], Any]],
) -> None:
    clock = SystemClock()
    async with bench(clock) as here, asyncio.timeout(10):
        due = clock.now() + 0.02
        here.machine.wait(due)
        await stir(here)()
        await here.receiving.arrived.wait()
        while not here.machine.outcomes:  # noqa: ASYNC110 - the answer is a few turns of the loop away
            await asyncio.sleep(0)
        ((number, status, now),) = here.machine.outcomes
        assert (number, status) == (1, 204)
        assert now >= due


async def test_a_nearer_webhook_brings_the_timer_forward() -> None:
    clock = SystemClock()
    async with bench(clock) as here, asyncio.timeout(10):
        here.machine.wait(clock.now() + 3600)
        await here.client.get("/")
        await here.control("control/wait")
        await here.receiving.arrived.wait()
        assert [request.headers["x-number"] for request in here.receiving.requests] == ["1"]
        assert len(here.machine.waiting) == 1


async def test_a_failure_of_the_machine_at_a_delivery_is_kept() -> None:
    clock = SystemClock()
    async with bench(clock) as here, asyncio.timeout(10):
        here.machine.wait(clock.now())
        here.machine.failure = KeyError("lost")
        await here.client.get("/")
        while not here.app.errors:  # noqa: ASYNC110 - a timer of a millisecond
            await asyncio.sleep(0)
        assert [(failure.occasion, failure.error) for failure in here.app.errors] == [
            ("webhook delivery", "KeyError: 'lost'")
        ]


async def test_closing_gives_up_what_is_under_way() -> None:
    clock = SystemClock()
    async with bench(clock, receiver=None) as here, asyncio.timeout(10):
        before = asyncio.all_tasks()
        here.machine.wait(clock.now(), clock.now() + 3600)
        await here.client.get("/")
        await here.receiving.arrived.wait()
        await here.app.aclose()
        assert here.machine.outcomes == []
        assert asyncio.all_tasks() == before
