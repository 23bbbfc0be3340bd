from __future__ import annotations

import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

import affidavit.sandbox.server as module
from affidavit.clock import SystemClock, VirtualClock
from affidavit.errors import UsageError
from affidavit.receiver import Receiver
from affidavit.sandbox import chatmaid, whatsapi
from affidavit.sandbox.app import PAGES
from affidavit.sandbox.chatmaid import ChatmaidMachine
from affidavit.sandbox.deviation import Answering, Deviation, Place
from affidavit.sandbox.model import Json, Machine, Outgoing, Request, Response, UnknownControlError
from affidavit.sandbox.server import PROVIDERS, SandboxServer, keys_toml, run_sandbox, sandbox_banner, wearers
from affidavit.sandbox.whatsapi.machine import CONTROLS as WHATSAPI_CONTROLS

START = 1_900_000_000.25
README = Path(module.__file__).with_name("README.md").read_text("utf-8")
HELLO = {"to": whatsapi.RECIPIENTS["normal"], "message": "Hello"}


class Mirror(ChatmaidMachine):
    """Answers with the caller's address; fails where it is asked to."""

    def step(self, request: Request, now: float) -> Response:
        """Answer or fail."""
        if request.path == "/fail":
            raise KeyError(now)
        return Response(200, (), request.client.encode())


def mirror(seed: int, now: float) -> Machine:
    return Mirror(seed, now)


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer("mirror", clock=VirtualClock(START), factory=mirror) as running:
        yield running


@pytest.fixture(scope="module")
def both() -> Iterator[Mapping[str, SandboxServer]]:
    """Both providers as `make sandbox` serves them, on free ports."""
    with SandboxServer("chatmaid") as one, SandboxServer("whatsapi") as other:
        yield {"chatmaid": one, "whatsapi": other}


def bearer(server: SandboxServer, role: str = "main") -> dict[str, str]:
    return {"Authorization": f"Bearer {server.keys[role]}"}


# --- one server -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_provider_is_served_with_its_own_keys(name: str, both: Mapping[str, SandboxServer]) -> None:
    server = both[name]
    for example in PROVIDERS[name].examples:
        headers = bearer(server, example.role)
        answer = httpx.request(example.method, server.url + example.path, headers=headers, json=example.body)
        assert 200 <= answer.status_code < 300, answer.text
    assert httpx.get(server.control_url + "keys").json() == server.keys
    assert server.errors == ()


def test_a_server_runs_from_start_to_stop_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    server = SandboxServer("chatmaid")
    assert server.start() is server
    url = server.url
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
    assert server.control_url == f"{url}/__sandbox__/"
    with httpx.Client() as client:
        assert client.get(f"{url}/v1/account", headers=bearer(server)).status_code == 200
        server.stop()
        with pytest.raises(httpx.TransportError):
            client.get(f"{url}/v1/account")
    assert set(threading.enumerate()) == before
    server.stop()


def test_a_stopped_server_can_be_started_again_and_begins_anew() -> None:
    server = SandboxServer("chatmaid", seed=3)
    with server:
        keys = server.keys
    with pytest.raises(UsageError, match="the chatmaid sandbox does not run: start it first"):
        _ = server.url
    with server:
        assert server.keys == keys


def test_a_running_server_is_not_started_again(server: SandboxServer) -> None:
    with pytest.raises(UsageError, match="already runs"):
        server.start()


def test_the_seed_decides_the_keys() -> None:
    keys = []
    for seed in (5, 5, 6):
        with SandboxServer("whatsapi", seed=seed) as server:
            keys.append(server.keys["main"])
    assert keys[0] == keys[1] != keys[2]


def test_an_answer_carries_one_date_from_the_sandbox_s_clock_and_does_not_name_the_server(
    server: SandboxServer,
) -> None:
    names = httpx.get(server.url).headers.multi_items()
    assert names == [("date", "Sun, 17 Mar 2030 17:46:40 GMT"), ("content-length", "9")]


def test_a_forwarded_address_is_not_believed(server: SandboxServer) -> None:
    assert httpx.get(server.url, headers={"X-Forwarded-For": "198.51.100.1"}).text == "127.0.0.1"


def test_the_raw_path_and_the_method_reach_the_machine_over_the_wire(server: SandboxServer) -> None:
    httpx.request("PURGE", f"{server.url}/a%2Fb/+1?x=%2B")
    (entry,) = httpx.get(server.control_url + "requests").json()["requests"]
    assert (entry["method"], entry["path"], entry["query"]) == ("PURGE", "/a%2Fb/+1", [["x", "+"]])


def test_answers_on_a_kept_connection_are_not_held_back(server: SandboxServer) -> None:
    # asyncio turns Nagle's algorithm off only for sockets that say they are TCP; otherwise each answer takes 40 ms.
    assert server._running._listener.proto == socket.IPPROTO_TCP


def test_a_failure_of_the_machine_is_found_on_the_server(server: SandboxServer) -> None:
    assert httpx.get(f"{server.url}/fail").status_code == 500
    assert [(error.occasion, error.error) for error in server.errors] == [("GET /fail", f"KeyError: {START + 0.001}")]


def test_a_port_that_is_taken_is_said_to_be(server: SandboxServer) -> None:
    taken = httpx.URL(server.url).port
    assert taken is not None
    with pytest.raises(UsageError, match=f"cannot listen on port {taken} of 127.0.0.1: .*Use another port, or 0"):
        SandboxServer("chatmaid", port=taken).start()


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(UsageError, match=f"cannot listen on port {port}"):
        SandboxServer("chatmaid", port=port).start()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])  # noqa: S104 - refused
def test_a_host_that_others_can_reach_is_refused_unless_allowed(host: str) -> None:
    with pytest.raises(UsageError, match="which other machines can reach"):
        SandboxServer("chatmaid", host=host)
    SandboxServer("chatmaid", host=host, allow_remote=True)


def test_an_unknown_provider_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="there is no sandbox of 'chatmade': use one of chatmaid, whatsapi"):
        SandboxServer("chatmade")


# --- clock, controls, webhooks ----------------------------------------------------------------------------------------


def test_webhooks_reach_the_receiver_at_their_moments_on_the_shared_clock() -> None:
    clock = VirtualClock(START)
    with (
        Receiver(clock, "nobody-guesses-this") as receiver,
        SandboxServer("whatsapi", clock=clock, webhook_prefix=receiver.base) as server,
        httpx.Client(base_url=server.url, headers=bearer(server)) as client,
    ):
        assert client.put("/auth/me/webhook", json={"url": receiver.url}).status_code == 200
        receiver.program([500])
        sent = clock.now() + 0.001
        assert client.post("/send-message", json=HELLO).status_code == 202
        now = clock.now()
        assert server.advance(60) == now + 60 == clock.now()
        told = [(round(each.at - sent, 3), each.answered) for each in receiver.take()]
        # Sent after 1 s, delivered after 1.8 s, read after 5 s; the refused one again after 5 s more, at 6 s.
        assert told == [(1, 500), (1.8, 200), (5, 200), (6, 200)]
        rows = client.get("/__sandbox__/deliveries").json()["deliveries"]
        assert [(row["attempt"], row["status"]) for row in rows] == [(2, 200), (1, 200), (1, 200), (1, 500)]


def test_a_webhook_at_a_public_address_never_leaves_the_sandbox() -> None:
    with (
        SandboxServer("whatsapi", clock=VirtualClock(START)) as server,
        httpx.Client(base_url=server.url, headers=bearer(server)) as client,
    ):
        client.put("/auth/me/webhook", json={"url": "https://example.com/hook"})
        client.post("/send-message", json=HELLO)
        server.advance(1.5)
        (row,) = client.get("/__sandbox__/deliveries").json()["deliveries"]
        assert row["note"] == "not sent: the address is neither on this machine nor under the webhook prefix"


def test_a_control_is_pulled_from_outside_the_thread_of_the_server(both: Mapping[str, SandboxServer]) -> None:
    arguments: Mapping[str, Json] = {"role": "free", "requests_per_minute": 7}
    assert both["whatsapi"].control("set-rate-limit", arguments) == {"requestsPerMinute": 7}
    with pytest.raises(UnknownControlError):
        both["whatsapi"].control("explode", {})


def test_stopping_does_not_wait_for_a_receiver_that_is_silent() -> None:
    class Waiting(Mirror):
        """Has a webhook due at once, and nothing after it."""

        due: float | None = None

        def step(self, request: Request, now: float) -> Response:
            """Have it due from the first request on."""
            self.due = now
            return super().step(request, now)

        def next_due(self) -> float | None:
            """Return that moment."""
            return self.due

        def tick(self, now: float) -> tuple[Outgoing, ...]:
            """Hand it out."""
            self.due = None
            return (Outgoing(1, now, receiver.url, (), b"{}"),)

    clock = SystemClock()
    with Receiver(clock, "nobody-guesses-this") as receiver:
        receiver.program(["silent"])
        with SandboxServer("waiting", clock=clock, factory=Waiting) as server:
            httpx.get(server.url)
            while not receiver.all():
                httpx.get(server.control_url + "deliveries")
        assert [each.answered for each in receiver.all()] == [None]


# --- the command line -------------------------------------------------------------------------------------------------


def curl(line: str) -> httpx.Response:
    """What a curl command with the options used here would do."""
    words = iter(shlex.split(line))
    assert next(words) == "curl"
    url, headers, body = "", {"Content-Type": "application/x-www-form-urlencoded"}, None
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(words)
        elif word != "-s":
            assert not word.startswith("-"), word
            url = word
    return httpx.request("GET" if body is None else "POST", url, headers=headers, content=body)


def commands(text: str) -> list[str]:
    return re.findall(r"^ *(curl .+)$", text, re.MULTILINE)


def test_every_command_of_the_banner_works(both: Mapping[str, SandboxServer]) -> None:
    banner = sandbox_banner(list(both.values()))
    answers = [curl(command) for command in commands(banner)]
    assert [answer.status_code for answer in answers] == [200, 201, 200, 202]
    assert all(server.control_url in banner for server in both.values())


def test_the_banner_of_a_virtual_clock_shows_how_to_move_it() -> None:
    with SandboxServer("chatmaid", clock=VirtualClock(0)) as server:
        answer = curl(commands(sandbox_banner([server]))[-1])
        assert answer.json() == {"now": 60}


def test_the_keys_file_has_a_target_and_the_keys_by_role(both: Mapping[str, SandboxServer]) -> None:
    read = tomllib.loads(keys_toml(list(both.values())))
    assert read == {name: {"target": server.url, "keys": dict(server.keys)} for name, server in both.items()}


def start(*arguments: object) -> subprocess.Popen[str]:
    source = (
        f"import pathlib, sys; from affidavit.sandbox.server import run_sandbox; sys.exit(run_sandbox{arguments!r})"
    )
    source = source.replace("PosixPath", "pathlib.Path").replace("WindowsPath", "pathlib.Path")
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_serves_until_it_is_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    keys = tmp_path / "keys.toml"
    with start(("chatmaid", "whatsapi"), {"chatmaid": 0, "whatsapi": 0}, 4, keys, True) as process:  # noqa: FBT003 - its place
        assert process.stdout is not None
        shown = "".join(iter(process.stdout.readline, f"Targets and keys are in {keys}.\n"))
        answers = [curl(command) for command in commands(shown)]
        process.send_signal(number)
        rest, errors = process.communicate(timeout=30)
    assert [answer.status_code for answer in answers] == [200, 201, 200, 200, 202, 200]
    assert "Ctrl-C stops it." in shown
    assert (process.returncode, rest, errors) == (0, "\nThe sandbox has stopped.\n", "")
    read = tomllib.loads(keys.read_text("utf-8"))
    assert [f"{name}  {table['target']}\n" in shown for name, table in read.items()] == [True, True]


def test_a_keys_file_that_cannot_be_written_stops_everything(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with pytest.raises(UsageError, match=r"the keys cannot be written to .*: No such file or directory\."):
        run_sandbox(["chatmaid"], {"chatmaid": 0}, 1, tmp_path / "missing" / "keys.toml", False)  # noqa: FBT003 - its place
    assert set(threading.enumerate()) == before


def test_a_port_for_something_that_is_not_served_is_refused() -> None:
    with pytest.raises(UsageError, match="a port is given for whatsapi, but served is chatmaid"):
        run_sandbox(["chatmaid"], {"whatsapi": 1}, 1, None, False)  # noqa: FBT003 - its place


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a fault that only WhatsAPI's sandbox has: it answers nothing but 204."""
    row = Deviation("silent", "Every answer is empty.", "status", lambda inner: Answering(inner, Place(), empty))
    monkeypatch.setitem(PROVIDERS, "whatsapi", replace(PROVIDERS["whatsapi"], faults={"silent": row}))
    return "silent"


def empty(_request: object, _response: object, _now: float) -> Response:
    return Response(204)


def test_faults_are_put_on_the_providers_that_have_them(silent: str) -> None:
    assert wearers(["chatmaid", "whatsapi"], [silent]) == {"whatsapi": (silent,)}
    assert wearers(["chatmaid", "whatsapi"], []) == {}
    with SandboxServer("whatsapi", deviations=(silent,)) as server:
        assert httpx.get(server.url + "/auth/me").status_code == 204


def test_a_fault_nobody_has_is_refused_before_anything_listens(silent: str) -> None:
    before = set(threading.enumerate())
    with pytest.raises(UsageError, match=r"no fault or variant 'silence' of chatmaid, whatsapi: did you mean silent\?"):
        run_sandbox(["chatmaid", "whatsapi"], {}, 1, None, False, None, ["silence"])  # noqa: FBT003 - its place
    with pytest.raises(UsageError, match=f"no fault or variant '{silent}' of chatmaid: `affidavit sandbox --list`"):
        run_sandbox(["chatmaid"], {}, 1, None, False, None, [silent])  # noqa: FBT003 - its place
    assert set(threading.enumerate()) == before


def test_a_sandbox_that_is_not_faithful_says_so(silent: str) -> None:
    with SandboxServer("whatsapi", deviations=(silent,)) as server:
        assert sandbox_banner([server]).startswith(f"whatsapi  {server.url}  with silent\n")


# --- the documentation ------------------------------------------------------------------------------------------------


def shell_session() -> Iterator[str]:
    """The curl commands of the README, in order, with continued lines joined."""
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        yield from commands(block.replace("\\\n", " "))


def test_every_command_of_the_readme_works() -> None:
    clock = VirtualClock(START)
    with SandboxServer("chatmaid", clock=clock) as one, SandboxServer("whatsapi", clock=clock) as other:
        servers = {"chatmaid": one, "whatsapi": other}
        statuses: dict[str, int] = {}
        for command in shell_session():
            real = command
            for name, server in servers.items():
                real = real.replace(f"http://127.0.0.1:{PROVIDERS[name].port}", server.url)
                real = real.replace(f"${name.upper()}_KEY", server.keys["main"])
            statuses[command] = curl(real).status_code
    assert len(statuses) > 8
    assert {command: status for command, status in statuses.items() if not 200 <= status < 300} == {}


def described() -> Iterator[str]:
    """Everything the README has to explain."""
    for recipients in (chatmaid.RECIPIENTS, whatsapi.RECIPIENTS):
        yield from recipients
        yield from recipients.values()
    yield from chatmaid.CONTROLS
    yield from WHATSAPI_CONTROLS
    for name, page in PAGES.items():
        yield f"{page.method} /__sandbox__/{name}"
    for provider in PROVIDERS.values():
        yield from provider.build(1, START, None).keys()
        yield f"http://127.0.0.1:{provider.port}"


@pytest.mark.parametrize("word", sorted(set(described())))
def test_the_readme_names_every_role_recipient_control_and_address(word: str) -> None:
    assert f"`{word}" in README or f"{word}/" in README
