"""The scenarios as users run them. Each test starts Locust, so there are few, and each looks at much."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from affidavit.load.histogram import Histogram
from affidavit.sandbox.server import SandboxServer
from tests.load.locust_run import Ran, command, environment, run_locust

LIFTED = ("--sandbox-limit", "1000000")
SHORT = ("--duration", "2s", "--drain", "3s")


@pytest.fixture
def chatmaid() -> Iterator[SandboxServer]:
    with SandboxServer("chatmaid") as server:
        yield server


@pytest.fixture
def whatsapi() -> Iterator[SandboxServer]:
    with SandboxServer("whatsapi") as server:
        yield server


def test_as_typed_it_asks_sandboxes_of_its_own_and_leaves_none_behind(tmp_path: Path) -> None:
    ran = run_locust(tmp_path / "reports" / "load", *SHORT, "--rate", "10", where=tmp_path)
    found = dict(re.findall(r"^(\w+): asks the embedded sandbox at (\S+)$", ran.said, re.MULTILINE))
    assert set(found) == {"chatmaid", "whatsapi"}
    assert set(ran.lines) == {"ChatmaidMix", "WhatsapiMix"}
    for came in ran.lines.values():
        assert came["offered"] == came["sent"] == came["outcomes"]["ok"] == 20
        assert set(came["operations"]) == {"sendMessage", "listMessages", "getMessage"}
        assert came["plan"]["duration"] == 2
    assert "No run time limit" not in ran.said
    assert ran.record[0]["what"] == "load"
    assert ran.end["complete"] is True
    assert (tmp_path / "reports" / "latest").resolve() == ran.folder
    for address in found.values():
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Nobody"], "there is no scenario 'Nobody'; there are ChatmaidBurst, "),
        (["--rate", "0"], "--rate is '0', expected a rate above 0"),
        (["--threshold", "p95=soon"], "threshold 'p95=soon' needs seconds"),
        (["--host", "http://127.0.0.1:1", "ChatmaidSend"], "no key for chatmaid: set CHATMAID_API_KEY"),
        (["--fault", "no-such-fault"], "there is no fault or variant 'no-such-fault'"),
        (
            ["--budget", "2", "ChatmaidSend", "ChatmaidList"],
            "--budget is 2, expected 3 or more: 1 request to prepare the run, and one for each of 2 scenarios",
        ),
        (["--sandbox-limit", "0"], "--sandbox-limit is '0', expected a whole number from 1"),
        (["--out", __file__, "ChatmaidSend"], "takes no results (File exists): name another folder with --out"),
        (["--no-such-option"], "unrecognized arguments: --no-such-option"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_wrong_use_is_one_line_and_asks_nobody(tmp_path: Path, arguments: list[str], said: str) -> None:
    ran = run_locust(tmp_path, *arguments)
    [line] = [one for one in ran.said.splitlines() if one.startswith("affidavit: ")]
    assert said in line
    assert (ran.code, ran.record) == (2, [])
    assert "Traceback" not in ran.said


def test_two_workers_come_to_what_one_process_comes_to(tmp_path: Path) -> None:
    asked = (*SHORT, "--rate", "60", "--arrivals", "poisson", "--seed", "5", *LIFTED, "ChatmaidMix")
    runs = [run_locust(tmp_path / name, *asked, *more) for name, more in (("one", []), ("two", ["--processes", "2"]))]
    # 3 is what a machine says that is too busy for the rate; what was sent has to agree all the same.
    assert {ran.code for ran in runs} <= {0, 3}, runs[1].said
    one, two = (ran.lines["ChatmaidMix"] for ran in runs)
    assert one["offered"] == two["offered"] > 90
    assert one["outcomes"] == two["outcomes"]
    assert [row[1] for row in one["series"]] == [row[1] for row in two["series"]]
    timed = [Histogram.decode(line["histograms"]["all"]["from_intended"]).total for line in (one, two)]
    assert timed == [one["offered"]] * 2
    assert runs[1].end["complete"] is True


def test_keys_of_another_account_send_from_a_sender_of_their_own(tmp_path: Path) -> None:
    ran = run_locust(tmp_path, *SHORT, "--rate", "12", *LIFTED, "ChatmaidManyKeys")
    line = ran.lines["ChatmaidManyKeys"]
    assert {role: (key["sent"], key["ok"]) for role, key in line["keys"].items()} == {
        "main": (8, 8), "second": (8, 8), "other_account": (8, 8),
    }  # fmt: skip


@pytest.mark.parametrize("more", [[], ["--processes", "2"]], ids=["alone", "together"])
def test_a_budget_holds_for_all_scenarios_and_what_prepares_them(tmp_path: Path, more: list[str]) -> None:
    with SandboxServer("chatmaid") as chatmaid:
        roles = "\n".join(f'{role} = "{chatmaid.keys[role]}"' for role in ("main", "second"))
        keys = tmp_path / "keys.toml"
        keys.write_text(f'[chatmaid]\ntarget = "{chatmaid.url}"\n[chatmaid.keys]\n{roles}\n', "utf-8")
        ran = run_locust(
            tmp_path, *SHORT, "--rate", "10", "--budget", "9", "--keys", str(keys), "--roles", "main,second", *more,
            "ChatmaidSend", "ChatmaidList",
        )  # fmt: skip
        asked = [one["path"] for one in asked_of(chatmaid)]
    assert len(asked) == 9, ran.said
    assert asked.count("/v1/phone-numbers") == 2
    assert [line["sent"] for line in ran.lines.values()] == [4, 3]


def test_a_host_where_nothing_listens_is_named_with_what_to_check(tmp_path: Path) -> None:
    host = f"http://127.0.0.1:{free_port()}"
    ran = run_locust(
        tmp_path, "--host", host, "ChatmaidSend", variables={"CHATMAID_API_KEY": "sk_test_0123456789abcdef"}
    )
    assert ran.code == 3
    [line] = [one for one in ran.said.splitlines() if one.startswith("affidavit: ")]
    assert line.startswith(f"affidavit: {host} does not answer: ConnectionRefusedError")
    assert line.endswith("check that it runs, and the address: --host, or `target` in the keys file")


def test_the_web_ui_starts_the_scenario_that_is_chosen_as_it_is_told_to(tmp_path: Path) -> None:
    port = free_port()
    locust = command(tmp_path, "--class-picker", "--web-port", str(port))
    locust.remove("--headless")
    process = subprocess.Popen(
        locust, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
    )
    try:
        assert process.stdout is not None
        for heard in process.stdout:
            if heard.startswith("whatsapi: asks"):  # the last it says before it serves
                break
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=9)) as web:
            told = {"user_classes": "ChatmaidList", "rate": "10", "duration": "2s", "drain": "1s"}
            began = web.post("/swarm", data={"user_count": "1", "spawn_rate": "1", **told}).json()
            assert (began["success"], began["user_classes"]) == (True, ["ChatmaidList"])
            while web.get("/stats/requests").json()["state"] != "stopped":
                pass
            [row] = web.get("/stats/requests").json()["extended_stats"][0]["data"]
            assert (row["scenario"], row["key"], row["ok"]) == ("ChatmaidList", "main", 20)
            assert "uPlot" in web.get("/limits").text
        second = run_locust(tmp_path / "second", "--web-port", str(port), headless=False)
    finally:
        process.terminate()
        process.communicate(timeout=30)
    ran = Ran(process.returncode, "", tmp_path)
    assert ran.lines.keys() == {"ChatmaidList"}
    assert ran.lines["ChatmaidList"]["plan"]["duration"] == 2
    assert second.code == 2
    assert f"the web UI cannot listen on 127.0.0.1:{port}" in second.said
    assert "Traceback" not in second.said


def free_port() -> int:
    """One where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def test_a_lost_worker_breaks_the_run_and_what_was_measured_is_kept(tmp_path: Path) -> None:
    port = str(free_port())
    master = subprocess.Popen(
        command(tmp_path, "--master", "--expect-workers", "2", "--master-bind-port", port, "--duration", "60s",
                "--rate", "40", *LIFTED, "--threshold", "failures=100%", "ChatmaidSend"),
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path,
    )  # fmt: skip
    workers = [
        subprocess.Popen(
            [*command(tmp_path, "--worker", "--master-host", "127.0.0.1", "--master-port", port)],
            env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path,
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        assert master.stdout is not None
        said = ""
        for heard in master.stdout:
            said += heard
            if "Sending spawn jobs" in heard:
                break
        _wait_for_reports(master, workers)
        said += master.communicate(timeout=60)[0]
    finally:
        for process in (master, *workers):
            process.kill()
            process.wait()
    ran = Ran(master.returncode, said, tmp_path)
    assert ran.code == 3
    assert "a worker was lost" in ran.end["reason"]
    assert ran.end["complete"] is False
    line = ran.lines["ChatmaidSend"]
    assert line["outcomes"]["ok"] > 40
    assert [one["kept"] for one in line["thresholds"]] == [None]


def _wait_for_reports(master: subprocess.Popen[str], workers: list[subprocess.Popen[str]]) -> None:
    """Let one report of each worker arrive, which comes every three seconds; then one of them dies."""
    with pytest.raises(subprocess.TimeoutExpired):
        master.wait(6)
    workers[0].send_signal(signal.SIGKILL)


def test_a_target_that_goes_away_ends_the_run_without_a_verdict(tmp_path: Path, chatmaid: SandboxServer) -> None:
    asked = chatmaid.keys["main"]
    Thread(target=lambda: _stop_after(chatmaid, requests=20), daemon=True).start()
    ran = run_locust(
        tmp_path, "--host", chatmaid.url, "--duration", "60s", "--rate", "20", "--threshold", "failures=100%",
        "ChatmaidSend", variables={"CHATMAID_API_KEY": asked},
    )  # fmt: skip
    assert ran.code == 3
    assert "the target does not answer any more" in ran.end["reason"]
    line = ran.lines["ChatmaidSend"]
    assert line["outcomes"]["ok"] >= 10
    assert line["outcomes"]["failed"] > 0
    assert [one["kept"] for one in line["thresholds"]] == [None]
    assert asked not in ran.said + (tmp_path / "run.ndjson").read_text("utf-8")


def _stop_after(server: SandboxServer, requests: int) -> None:
    while len(asked_of(server)) < requests:
        pass
    server.stop()


def asked_of(server: SandboxServer) -> list[dict[str, Any]]:
    """The latest requests that it got."""
    rows: list[dict[str, Any]] = httpx.get(f"{server.control_url}requests?limit=200").json()["requests"]
    return rows


def test_waits_are_kept_by_the_patient_alone_and_a_429_is_no_failure(tmp_path: Path) -> None:
    ran = run_locust(
        tmp_path, "--duration", "3s", "--drain", "1s", "--rate", "40", "--sandbox-limit", "60", "--json-file",
        str(tmp_path / "stock"), "ChatmaidPatient", "ChatmaidImpatient",
    )  # fmt: skip
    patient, rude = ran.lines["ChatmaidPatient"], ran.lines["ChatmaidImpatient"]
    assert patient["offered"] == rude["offered"] == 120
    # Of the 60 of each key, one went into its preparation.
    assert (patient["outcomes"]["ok"], rude["outcomes"]["ok"]) == (59, 59)
    assert 1 <= patient["outcomes"]["limited"] < 10
    assert patient["early_retries"] == 0
    assert patient["unsent"] == 120 - patient["outcomes"]["ok"]
    assert rude["outcomes"]["limited"] == 120 - rude["outcomes"]["ok"]
    assert rude["early_retries"] > 50
    assert '"num_failures": 0' in (tmp_path / "stock.json").read_text("utf-8")
    assert ran.code in {0, 3}
    assert patient["recovery"]["waits"]["p50"] > 50


def test_off_the_sandbox_every_send_of_whatsapi_is_simulated(tmp_path: Path, whatsapi: SandboxServer) -> None:
    ran = run_locust(
        tmp_path, "--host", whatsapi.url, "--duration", "2s", "--rate", "5", "--drain", "1s", "WhatsapiSend",
        "WhatsapiBulk", "WhatsapiScheduled", variables={"WHATSAPI_KEY": whatsapi.keys["main"]},
    )  # fmt: skip
    assert ran.code in {0, 3}
    asked = asked_of(whatsapi)
    assert len(asked) == 30
    assert all('"dry_run": true' in str(one) for one in asked)


def test_a_message_is_seen_to_arrive_by_polling_and_by_webhook(tmp_path: Path) -> None:
    ran = run_locust(tmp_path, "--duration", "2s", "--rate", "5", "--think", "500ms", *LIFTED, "WhatsapiWebhook")
    delivery = ran.lines["WhatsapiWebhook"]["delivery"]
    assert set(delivery) == {"polling", "webhook"}
    for states in delivery.values():
        assert {name: (one["watched"], one["seen"]) for name, one in states.items()} == {
            "sent": (10, 10),
            "delivered": (10, 10),
        }


def test_webhooks_are_for_one_process_alone(tmp_path: Path) -> None:
    ran = run_locust(tmp_path, "--processes", "2", "WhatsapiWebhook")
    assert ran.code == 2
    assert "leave --processes out" in ran.said
