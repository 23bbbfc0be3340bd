"""The command line: what it refuses, with which words and exit code, and what stays readable."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from affidavit import cli
from affidavit.checks.table import CHECKS
from affidavit.documents import ROOT, load_catalog
from affidavit.errors import ExitCode
from affidavit.recorder import read_record
from affidavit.sandbox.deviation import Answering, Deviation, Place
from affidavit.sandbox.model import Response
from affidavit.sandbox.server import PROVIDERS, SandboxServer, keys_toml

KEY = "sk_test_0123456789abcdef"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def affidavit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Calls the command line in an empty folder; the exit code and all it said."""
    monkeypatch.chdir(tmp_path)
    for name in ("CHATMAID_API_KEY", "WHATSAPI_KEY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["affidavit", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


def test_ctrl_c_while_it_loads_ends_it_without_a_stack(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n", "utf-8")  # in the place of what takes so long
    path = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    ended = subprocess.run(
        [sys.executable, "-m", "affidavit", "run"], env={**os.environ, **path}, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert scripts == {"affidavit": "affidavit.__main__:main"}


@contextmanager
def serving(status: int, content_type: str, body: bytes) -> Iterator[str]:
    """A server that says the same to everybody."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def keys_file(folder: Path, text: str) -> str:
    path = folder / "keys.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[chatmaid.keys]\nmain = "secret"', "sk_test_"),
        ('[chatmaid.keys]\nmian = "sk_test_1"', "'mian'"),
        ('[chatmaid.keys]\nmain = ""', "'main'"),
        ('[chatmaid.keys]\nmain = "sk_test_1\\u000a"', "'main'"),
        ("[chatmaid]\nkeys = 5", "[chatmaid.keys]"),
        ('[chatmaid]\ncolour = 5\n[chatmaid.keys]\nmain = "sk_test_1"', "colour"),
        ('[chatmaid]\nallow = ["anything"]\n[chatmaid.keys]\nmain = "sk_test_1"', "anything"),
        ('[chatmaid]\nrecipient = "abc"\n[chatmaid.keys]\nmain = "sk_test_1"', "abc"),
        ('[chatmaid]\ntarget = "ftp://x"\n[chatmaid.keys]\nmain = "sk_test_1"', "ftp://x"),
        ('[chatmiad.keys]\nmain = "sk_test_1"', "chatmiad"),
        ('[whatsapi.keys]\nmain = "sk_live_1"', "[chatmaid.keys]"),
        ("main = ", "not TOML"),
        ("\x00", "not TOML"),
    ],
)
def test_a_bad_keys_file_is_named_and_ends_with_2(affidavit: Run, tmp_path: Path, text: str, named: str) -> None:
    code, said = affidavit("run", "--provider", "chatmaid", "--keys", keys_file(tmp_path, text))
    assert code == ExitCode.USAGE
    assert named in said
    assert "Traceback" not in said
    assert not (tmp_path / "reports").exists()


def test_no_message_about_keys_shows_one(affidavit: Run, tmp_path: Path) -> None:
    secret = "sk_test_5ecret"
    for text in (f'[chatmaid.keys]\nmain = "{secret} "', f'[chatmaid.keys]\nmain = "{secret}', f'main = "{secret}"'):
        _, said = affidavit("run", "--provider", "chatmaid", "--keys", keys_file(tmp_path, text))
        assert secret not in said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--provider", "nobody"], "nobody"),
        (["--keys", "missing.toml"], "missing.toml"),
        (["--target", "http://127.0.0.1:1"], "exactly one --provider"),
        (["--provider", "chatmaid", "--target", "nowhere"], "nowhere"),
        (["--provider", "chatmaid", "--target", "http://127.0.0.1:1"], "CHATMAID_API_KEY"),
        (["--provider", "chatmaid", "--budget", "0"], "0"),
        (["--provider", "chatmaid", "--recipient", "me"], "me"),
        (["--provider", "chatmaid", "--fault", "no-such-fault"], "no-such-fault"),
        (["--provder", "chatmaid"], "--provder"),
    ],
)
def test_wrong_use_ends_with_2(affidavit: Run, arguments: list[str], named: str) -> None:
    code, said = affidavit("run", *arguments)
    assert code == ExitCode.USAGE
    assert named in said
    assert "Traceback" not in said


def test_a_target_that_is_not_there_ends_with_3(
    affidavit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATMAID_API_KEY", KEY)
    code, said = affidavit("run", "--provider", "chatmaid", "--target", "http://127.0.0.1:1")
    assert code == ExitCode.UNREACHABLE
    assert "http://127.0.0.1:1 does not answer HTTP" in said
    rows = list(read_record(tmp_path / "reports" / "chatmaid" / "run.ndjson"))
    assert rows[-1]["complete"] is False  # type: ignore[index]  # the end marker is a mapping
    assert KEY not in (tmp_path / "reports" / "chatmaid" / "run.ndjson").read_text(encoding="utf-8")


@pytest.mark.parametrize("status", [200, 404, 502])
def test_a_target_that_answers_html_ends_with_3(affidavit: Run, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("CHATMAID_API_KEY", KEY)
    with serving(status, "text/html", b"<h1>Hello</h1>") as url:
        code, said = affidavit("run", "--provider", "chatmaid", "--target", url)
    assert code == ExitCode.UNREACHABLE
    assert f"answers {status} with text/html" in said


@pytest.mark.parametrize("provider", ["chatmaid", "whatsapi"])
def test_a_refused_key_ends_with_2(affidavit: Run, monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    profile = load_catalog(provider).profile
    monkeypatch.setenv(profile.key_env, KEY)
    with serving(401, "application/json", b'{"success": false, "error": "no"}') as url:
        code, said = affidavit("run", "--provider", provider, "--target", url)
    assert code == ExitCode.USAGE
    assert profile.key_env in said
    assert KEY not in said


def test_a_run_against_a_server_with_a_keys_file(affidavit: Run, tmp_path: Path) -> None:
    with SandboxServer("chatmaid") as server:
        path = keys_file(tmp_path, keys_toml([server]))
        arguments = ("run", "--provider", "chatmaid", "--keys", path, "--budget", "40", "--out", "out")
        code, said = affidavit(*arguments)
        assert code == ExitCode.KEPT
        assert "0 broken" in said
        assert f"chatmaid: asks {server.url} with the keys main, second, live" in said
        assert not any(key in said for key in server.keys.values())
        rows = list(read_record(tmp_path / "out" / "chatmaid" / "run.ndjson"))
        assert len(httpx.get(f"{server.control_url}requests").json()["requests"]) <= 40
    manifest, end = rows[0], rows[-1]
    assert isinstance(manifest, dict)
    assert isinstance(end, dict)
    assert manifest["command"] == list(arguments)
    assert set(manifest["documents"]) == {"openapi.yaml", "claims.yaml", "probes.yaml", "profile.toml"}
    assert end["complete"] is True


def test_a_live_key_where_a_test_key_belongs_is_refused_for_safety(affidavit: Run, tmp_path: Path) -> None:
    path = keys_file(tmp_path, '[chatmaid.keys]\nmain = "sk_live_0123456789"')
    for command in ("run", "plan"):
        code, said = affidavit(command, "--provider", "chatmaid", "--keys", path)
        assert code == ExitCode.REFUSED
        assert "refused for safety" in said
        assert "would send real messages; use a test key here" in said
    assert not (tmp_path / "reports").exists()


def test_a_folder_that_cannot_be_made_ends_with_2(affidavit: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    code, said = affidavit("run", "--provider", "chatmaid", "--budget", "1", "--out", "file/out")
    assert code == ExitCode.USAGE
    assert said.count("\n") == 1
    assert "file/out" in said
    assert "--out names another folder" in said


def test_a_plan_without_a_key_says_whose_it_is(affidavit: Run) -> None:
    code, said = affidavit("plan", "--provider", "chatmaid", "--budget", "9")
    assert code == ExitCode.KEPT
    assert "No key was given, so this plans a run on the embedded sandbox" in said
    assert "key role" not in said


@pytest.mark.parametrize("provider", ["chatmaid", "whatsapi"])
def test_a_plan_for_a_target_without_a_key_assumes_a_main_key(affidavit: Run, provider: str) -> None:
    code, said = affidavit("plan", "--provider", provider, "--target", "http://127.0.0.1:1")
    assert code == ExitCode.KEPT
    assert "No key was given, so this assumes a key of the role main." in said
    assert "need another key: " in said
    assert "main (" not in said
    assert int(said.split(" requests decide ")[1].split()[0]) > 50


def test_a_plan_with_a_key_assumes_nothing(affidavit: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATMAID_API_KEY", KEY)
    _, said = affidavit("plan", "--provider", "chatmaid")
    assert said.startswith("\nChatmaid, https://developers-api.chatmaid.net\n")
    assert "No key was given" not in said


def test_a_plan_costs_nothing_and_stays_within_its_budget(affidavit: Run) -> None:
    code, said = affidavit("plan", "--provider", "whatsapi", "--budget", "21")
    assert code == ExitCode.KEPT
    assert "WhatsAPI, embedded sandbox, budget 21" in said
    assert int(said.split("up to ")[1].split()[0]) <= 21


FAULTY = "broken-order-answers-422"


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a fault that only Chatmaid's sandbox has."""

    def change(_request: object, response: Response, _now: float) -> Response:
        return replace(response, status=422)

    place = Place("POST", "/v1/messages/send", "400")
    row = Deviation(
        FAULTY, "A broken order is answered with 422.", "status", lambda inner: Answering(inner, place, change)
    )
    monkeypatch.setitem(PROVIDERS, "chatmaid", replace(PROVIDERS["chatmaid"], faults={FAULTY: row}))
    return FAULTY


def test_a_fault_is_put_on_the_provider_that_has_it_and_shown_with_a_request_to_repeat(
    affidavit: Run, faulty: str, tmp_path: Path
) -> None:
    code, said = affidavit("run", "--fault", faulty, "--examples", "0")
    assert code == ExitCode.BROKEN
    assert f"Chatmaid, embedded sandbox with {faulty}" in said
    assert "WhatsAPI" not in said
    assert "BROKEN CM-005  A send without a sender is refused" in said
    assert "    expected  status 400\n    got       status 422\n    curl -sS -i http://127.0.0.1:8601/v1/" in said
    assert f"affidavit sandbox --provider chatmaid --fault {faulty}\n" in said
    assert said.count("    got       status 422\n") == 1
    assert re.search(r"\n    broken in the same way, \d+ more:\n  BROKEN CM-009  A send without a recipient", said)
    bodies = tmp_path / "reports" / "chatmaid" / "bodies"
    assert [path.read_text("utf-8")[:14] for path in bodies.glob("*.txt")] == ['{"fromPhoneId"']
    affidavit("run", "--provider", "chatmaid", "--budget", "5", "--examples", "0")
    assert list(bodies.glob("*")) == []


def test_the_command_beside_a_broken_claim_shows_it_again(affidavit: Run, faulty: str) -> None:
    _, said = affidavit("run", "--fault", faulty, "--examples", "0")
    line = next(line for line in said.splitlines() if line.startswith("    curl ") and "--data-raw" in line)
    with SandboxServer("chatmaid", deviations=(faulty,)) as server:
        command = line.replace("http://127.0.0.1:8601", server.url)
        called = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True, check=True)
        words = called.stdout.split("\0")
        headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
        body = words[words.index("--data-raw") + 1]
        answer = httpx.post(next(word for word in words if "://" in word), headers=headers, content=body)
    assert answer.status_code == 422


def test_a_fault_nobody_has_is_refused_before_anything_runs_with_the_nearest_name(
    affidavit: Run, faulty: str, tmp_path: Path
) -> None:
    code, said = affidavit("run", "--fault", faulty[:-1])
    assert code == ExitCode.USAGE
    assert f"did you mean {faulty}" in said
    assert not (tmp_path / "reports").exists()


def test_the_faults_are_listed_with_what_they_do(affidavit: Run, faulty: str) -> None:
    code, said = affidavit("sandbox", "--list", "--provider", "chatmaid")
    assert code == ExitCode.KEPT
    assert "chatmaid: 1 faults" in said
    assert re.search(rf"  status\n    {faulty} +A broken order is answered with 422\.\n", said)


def test_every_check_is_listed_with_its_parameters(affidavit: Run) -> None:
    code, said = affidavit("checks")
    assert code == ExitCode.KEPT
    assert re.findall(r"^\| `([a-z-]+)`", said, re.MULTILINE) == list(CHECKS)


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_whose_owner_wants_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    arguments = ["plan", "--provider", "chatmaid", "--budget", "1"]
    assert ("\x1b[" in CliRunner().invoke(cli.cli, arguments, color=True).output) is coloured
    assert "\x1b[" not in CliRunner().invoke(cli.cli, arguments).output


def test_the_files_of_a_run_hold_every_claim(affidavit: Run, tmp_path: Path) -> None:
    affidavit("run", "--provider", "chatmaid", "--budget", "5", "--examples", "0")
    claims = load_catalog("chatmaid").claims
    folder = tmp_path / "reports" / "chatmaid"
    verdicts = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))["verdicts"]
    assert [one["claim"] for one in verdicts] == list(claims)
    assert (folder / "junit.xml").read_text(encoding="utf-8").count("<testcase ") == len(claims)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--keys", KEY],
        ["--provider", "chatmaid", "--target", KEY],
        ["--provider", KEY],
        ["--provider", "chatmaid", "--recipient", KEY],
        ["--fault", KEY],
        [f"--{KEY}"],
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated(affidavit: Run, arguments: list[str]) -> None:
    code, said = affidavit("run", *arguments)
    assert code == ExitCode.USAGE
    assert KEY not in said


@pytest.mark.parametrize(
    "text", [f'[chatmaid.keys]\n{KEY} = "main"', f'[chatmaid]\n{KEY} = 1\n[chatmaid.keys]\nmain = "sk_test_1"']
)
def test_a_key_in_the_wrong_place_of_the_file_is_not_repeated(affidavit: Run, tmp_path: Path, text: str) -> None:
    code, said = affidavit("run", "--provider", "chatmaid", "--keys", keys_file(tmp_path, text))
    assert code == ExitCode.USAGE
    assert KEY not in said


def test_a_folder_that_cannot_be_written_ends_with_2(affidavit: Run, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "chatmaid"
    (folder / "verdicts.json").mkdir(parents=True)
    code, said = affidavit("run", "--provider", "chatmaid", "--budget", "3", "--examples", "0", "--out", "out")
    assert code == ExitCode.USAGE
    assert "verdicts.json" in said
    assert "Traceback" not in said
