"""Targets that answer nonsense: a run ends, says so, and takes nothing for a kept promise that is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from affidavit.clock import VirtualClock
from affidavit.documents import load_catalog
from affidavit.errors import TargetError
from affidavit.finding import VerdictKind
from affidavit.session import START, Session, Settings
from affidavit.verdict import Result

KEYS = {
    "chatmaid": {"main": "sk_test_0123", "second": "sk_test_4567", "live": "sk_live_89ab"},
    "whatsapi": {"main": f"sk_live_{'0a' * 24}"},
}
LATER = {
    "no wait": (429, b"{}", ()),
    "a wait without end": (429, b"{}", (("Retry-After", "99999999"),)),
    "a negative wait": (429, b"{}", (("Retry-After", "-5"),)),
    "a date": (429, b"{}", (("Retry-After", "Wed, 21 Oct 2099 07:28:00 GMT"),)),
    "a huge wait in the body": (429, b'{"retryAfter": 1e308}', ()),
}
NONSENSE = {
    "only 403": (403, b"{}", ()),
    "only 500": (500, b'{"success": false}', ()),
    "redirects": (302, b"{}", (("Location", "/again"),)),
    "an empty object": (200, b"{}", ()),
    "a list": (200, b"[]", ()),
    "null": (200, b"null", ()),
    "the same name twice": (200, b'{"success": true, "success": false}', ()),
    "numbers nobody can hold": (200, b'{"data": [{"id": 1e308, "createdAt": "9999-99-99"}]}', ()),
}
NO_JSON = {
    "depth": b"[" * 50_000 + b"]" * 50_000,
    "three megabytes": b'"' + b"x" * 3_000_000 + b'"',
    "no number": b'{"data": NaN}',
    "nothing": b"",
}


@contextmanager
def answering(status: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """A server that says the same to everybody."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the handler of any method
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response_only(status)
            for field, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers):
                self.send_header(field, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
            """A client may hang up on an answer that is too long."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked(provider: str, url: str, folder: Path, clock: VirtualClock) -> Result:
    """A run against it, on virtual time."""
    settings = Settings(target=url, keys=KEYS[provider], examples=0)
    session = Session(load_catalog(provider), settings, folder, clock, url, KEYS[provider], None, None)
    return session.play(lambda *_: None)


@pytest.mark.parametrize("provider", KEYS)
@pytest.mark.parametrize("case", LATER)
def test_who_is_always_told_to_come_later_stops_and_takes_nothing_for_kept(
    provider: str, case: str, tmp_path: Path
) -> None:
    clock, catalog = VirtualClock(START), load_catalog(provider)
    with answering(*LATER[case]) as url:
        result = asked(provider, url, tmp_path, clock)
    assert "'main' is refused with 429" in result.stopped
    assert result.sent < 30
    assert clock.now() - START < 3 * 3600
    kept = [one.claim for one in result.verdicts if one.kind is VerdictKind.KEPT]
    for claim in kept:
        about = {(row.check, str(row.params.get("status"))) for row in catalog.claims[claim].decided_by}
        assert all("429" in status or check in {"retry-after", "own-budget", "field"} for check, status in about), claim


@pytest.mark.parametrize("provider", KEYS)
@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_is_judged_and_never_ends_in_a_crash(provider: str, case: str, tmp_path: Path) -> None:
    with answering(*NONSENSE[case]) as url:
        result = asked(provider, url, tmp_path, VirtualClock(START))
    broken = sum(one.kind is VerdictKind.BROKEN for one in result.verdicts)
    assert broken > 20
    assert broken > sum(one.kind is VerdictKind.KEPT for one in result.verdicts) / 2


@pytest.mark.parametrize("case", NO_JSON)
def test_what_is_never_json_is_not_this_api(case: str, tmp_path: Path) -> None:
    with answering(200, NO_JSON[case], ()) as url, pytest.raises(TargetError, match="never JSON"):
        asked("chatmaid", url, tmp_path, VirtualClock(START))
