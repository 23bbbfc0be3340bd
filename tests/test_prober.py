"""The search for limits over the wire: on the embedded sandbox and on a plain address, within its caps, reads only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from affidavit import cli
from affidavit.documents import load_catalog, providers
from affidavit.errors import RefusedError, UsageError
from affidavit.prober import Order, chosen_operations, examine_provider, examine_url
from affidavit.ratelimit.flow import Caps
from affidavit.recorder import read_record
from affidavit.session import Settings

FIELDS = {
    "provider", "role", "operation", "mode", "family", "ties", "limit", "window", "rate", "block", "counts_refused",
    "scope", "shared", "reset_dialect", "clock_skew", "posterior", "trace", "requests", "refused", "seconds", "stopped",
    "reason", "slack", "audit", "misses",
}  # fmt: skip


class Plain(BaseHTTPRequestHandler):
    """Admits three requests for good, and remembers what it was asked."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Count down."""
        self.asked.append(f"GET {self.path}")
        left = 3 - len(self.asked)
        self.send_response(200 if left >= 0 else 429)
        self.send_header("X-RateLimit-Limit", "3")
        self.send_header("X-RateLimit-Remaining", str(max(0, left)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Say nothing."""


@contextmanager
def plain_server() -> Iterator[str]:
    Plain.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def rows_of(path: Path, kind: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [row for row in rows if row["kind"] == kind]


def test_watching_whatsapi_finds_its_window_without_a_refusal_and_records_it(tmp_path: Path) -> None:
    outcome = examine_provider(load_catalog("whatsapi"), Settings(), Order("watching"), tmp_path)
    verdict = outcome.verdict
    assert verdict.limit is not None
    assert verdict.window is not None
    assert (verdict.limit.best, verdict.window.best, verdict.refused) == (500, 60, 0)
    assert "fixed-window-first" in {verdict.family, *verdict.ties}
    [manifest] = rows_of(tmp_path / "run.ndjson", "manifest")
    [row] = rows_of(tmp_path / "run.ndjson", "limits")
    assert manifest["what"] == "limits"
    assert set(row) - {"kind"} == FIELDS
    assert (row["provider"], row["role"], row["requests"]) == ("whatsapi", "main", verdict.requests)
    asked = rows_of(tmp_path / "run.ndjson", "exchange")
    assert {one["request"]["method"] for one in asked} == {"GET"}
    assert len(asked) == verdict.requests == len(row["trace"])
    assert list(read_record(tmp_path / "run.ndjson"))


def test_a_cap_ends_it_and_the_record_says_so(tmp_path: Path) -> None:
    order = Order("active", Caps(requests=30))
    outcome = examine_provider(load_catalog("chatmaid"), Settings(), order, tmp_path)
    assert outcome.verdict.requests <= 30
    [end] = rows_of(tmp_path / "run.ndjson", "end")
    assert end == {"kind": "end", "complete": False, "reason": outcome.verdict.stopped}
    assert outcome.verdict.stopped


def test_any_address_is_examined_with_get_alone(tmp_path: Path) -> None:
    with plain_server() as base:
        outcome = examine_url(f"{base}/a?b=c", Order("active", Caps(requests=12, seconds=2)), tmp_path)
    assert set(Plain.asked) == {"GET /a?b=c"}
    assert len(Plain.asked) == outcome.verdict.requests <= 12
    assert outcome.verdict.refused > 0


def test_another_machine_is_asked_only_when_it_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"--allow-host example\.com"):
        examine_url("http://example.com/", Order(), tmp_path)
    assert not (tmp_path / "run.ndjson").exists()


@pytest.mark.parametrize("url", ["127.0.0.1:80", "ftp://127.0.0.1/", "http://me@127.0.0.1/", "http://127.0.0.1:x/"])
def test_an_address_that_is_none_is_named(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--url"):
        examine_url(url, Order(), tmp_path)


@pytest.mark.parametrize("provider", providers())
def test_only_reads_without_parameters_are_chosen(provider: str) -> None:
    document = load_catalog(provider).openapi
    chosen = chosen_operations(document, ())
    assert len(chosen) == 2
    assert all(one.method == "GET" and one.risk == "read" and one.needs_key for one in chosen)
    with pytest.raises(UsageError, match="sendMessage is no read"):
        chosen_operations(document, ("sendMessage",))


def limits(
    *arguments: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["affidavit", "limits", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_the_command_shows_what_limits_and_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with plain_server() as base:
        options = ("--url", f"{base}/", "--active", "--max-requests", "8", "--max-seconds", "2", "--out", str(tmp_path))
        code, out, _ = limits(*options, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 3
    assert "limit         3 requests" in out
    assert "stopped early:" in out
    assert "wrong" in out
    assert (tmp_path / "latest").resolve() == tmp_path / "url"


def test_the_command_says_what_does_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--url", "http://127.0.0.1:1/", "--provider", "chatmaid", "--out", str(tmp_path))
    code, _, err = limits(*options, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert "--url stands alone" in err
    code, _, err = limits(
        "--url", "http://127.0.0.1:1/", "--out", str(tmp_path), capsys=capsys, monkeypatch=monkeypatch
    )
    assert code == 3
    assert "does not answer HTTP" in err
