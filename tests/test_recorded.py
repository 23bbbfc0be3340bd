"""A record read back: the same verdicts as live, whatever the run met, and a clear word on what is no record."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from affidavit.documents import load_catalog, providers
from affidavit.errors import RecordError
from affidavit.exchange import Exchange, Request, Response
from affidavit.finding import VerdictKind
from affidavit.recorded import INTERRUPTED, fold, rejudged
from affidavit.recorder import VERSION, Recorder, read_record, read_run
from affidavit.session import Settings, open_session, run

CATALOGS = {name: load_catalog(name) for name in providers()}
MANIFEST: dict[str, Any] = {"provider": "chatmaid", "target": "embedded"}
FIRST = json.dumps({"kind": "manifest", "version": VERSION, **MANIFEST})


def exchange(seq: int, body: str = "{}") -> Exchange:
    headers = tuple((f"X-{name}", name * 20) for name in "abcdefghij")
    request = Request("GET", "http://h/v1/x?q=1", "/v1/x", (("q", "1"),), headers, None)
    return Exchange(seq, "chatmaid", None, "a/b", None, request, Response(200, headers, body), None, 0.1, 0.2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.ndjson"


@pytest.mark.parametrize(
    ("provider", "settings"),
    [
        *((provider, Settings(examples=2)) for provider in providers()),
        ("chatmaid", Settings(examples=2, deviations=("limit-one-refused",))),
        ("chatmaid", Settings(examples=2, budget=60)),
        ("whatsapi", Settings(examples=2, budget=45, leave_out=frozenset({"unknown-message"}))),
    ],
    ids=lambda one: one if isinstance(one, str) else " ".join((*one.deviations, f"budget={one.budget}")),
)
def test_a_record_judged_again_gives_the_verdicts_of_the_live_run(
    provider: str, settings: Settings, path: Path
) -> None:
    live = run(CATALOGS[provider], settings, path.parent, lambda *_: None)
    recorded = read_run(path)
    again = rejudged(CATALOGS[provider], recorded, live.sandbox_keys)
    assert again.verdicts == live.verdicts
    assert again.evidence.skipped == live.evidence.skipped
    assert (again.sent, again.stopped, again.sandbox_keys) == (live.sent, live.stopped, live.sandbox_keys)
    assert (recorded.complete, recorded.what, recorded.provider) == (True, "contract", provider)


def test_a_run_that_was_interrupted_can_be_judged_and_is_incomplete(path: Path) -> None:
    with open_session(CATALOGS["chatmaid"], Settings(examples=0), path.parent) as session:
        session.probe(session.catalog.script.probes["discover"])
        session.probe(session.catalog.script.probes["no-key"])
        session.recorder._file.flush()
        before = path.read_bytes()
    path.write_bytes(before)
    recorded = read_run(path)
    result = rejudged(CATALOGS["chatmaid"], recorded)
    assert (recorded.complete, result.stopped) == (False, INTERRUPTED)
    assert len(recorded.exchanges) == result.sent > 0
    assert {one.kind.value for one in result.verdicts} == {"kept", "undecided", "observed"}


@pytest.mark.parametrize("provider", providers())
def test_wherever_a_run_is_broken_off_nothing_is_held_against_the_target(provider: str, path: Path) -> None:
    run(CATALOGS[provider], Settings(examples=0), path.parent, lambda *_: None)
    lines = list(read_record(path))
    for length in range(1, len(lines), len(lines) // 12):
        result = rejudged(CATALOGS[provider], fold(lines[:length]))
        assert [one.claim for one in result.verdicts if one.kind is VerdictKind.BROKEN] == [], length


def test_webhooks_that_came_before_a_run_was_broken_off_are_in_its_record(path: Path) -> None:
    with open_session(CATALOGS["whatsapi"], Settings(examples=0), path.parent) as session:

        def interrupt(*_: object) -> None:
            if session.receiver and session.receiver.all():
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            session.play(interrupt)
    assert read_run(path).deliveries


def test_a_run_that_could_not_ask_everything_but_came_to_its_end_is_judged_whole(path: Path) -> None:
    recorder = Recorder(path, MANIFEST)
    recorder.end(complete=False, reason="the key has to wait", judged=True)
    assert (read_run(path).complete, read_run(path).judged) == (False, True)


def test_what_is_written_is_read_back_whatever_the_text(path: Path) -> None:
    recorder = Recorder(path, MANIFEST)
    hostile = exchange(1, "\ud800 \u2028 \x00 </script> \U0010ffff \r\n")
    recorder.exchange(hostile)
    recorder.skip("a/b", "first reason")
    recorder.skip("a/b", "second reason")
    recorder.result("limits", {"provider": "chatmaid", "role": "main"})
    recorder.end(complete=False, reason="the key was refused")
    recorded = read_run(path)
    assert recorded.exchanges == (hostile,)
    assert recorded.skipped == recorder.skipped == {"a/b": "second reason"}
    assert recorded.results == ({"kind": "limits", "provider": "chatmaid", "role": "main"},)
    assert (recorded.complete, recorded.reason) == (False, "the key was refused")


def test_equal_headers_are_held_once(path: Path) -> None:
    recorder = Recorder(path, MANIFEST)
    for seq in (1, 2):
        recorder.exchange(exchange(seq))
    recorder.end(complete=True)
    one, two = read_run(path).exchanges
    assert one.response
    assert two.response
    assert all(left is right for left, right in zip(one.response.headers, two.response.headers, strict=True))
    assert one.request.headers[0] is one.response.headers[0]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", ":1 is no line of a run record: the file is empty"),
        (f'{FIRST}\n{{"kind":"end","comp', ":2 is no line of a run record: it is cut off"),
        ("\x89PNG\r\n", ":1 is no line of a run record"),
        ("[1, 2]\n", ":1 is no line of a run record"),
        ("7\n", ":1 is no line of a run record: it is int, and no object; expected a manifest"),
        ('{"log": {}}\n', ":1 is no line of a run record: 'kind' is missing; expected a manifest"),
        (
            '{"kind": "end"}\n',
            ":1 is no line of a run record: it is 'end'; expected a manifest, with which each run.ndjson",
        ),
        ('{"kind": "manifest"}\n', ":1 is no line of a run record: 'version' is missing"),
        ('{"kind": "manifest", "version": "x"}\n', ":1 is no line of a run record"),
        (
            f'{{"kind": "manifest", "version": {VERSION + 1}}}\n',
            f":1 is no line of a run record: it is of version {VERSION + 1}, and this Affidavit reads {VERSION}",
        ),
        ('{"kind": "manifest", "version": 1, "provider": 7}\n', ":1 is no line of a run record: provider is 7"),
        (f"{FIRST}\n{FIRST}\n", ":2 is no line of a run record: there is 'manifest' where another record begins"),
        (f'{FIRST}\n{{"kind":"end","complete":true,"reason":""}}\n{{"kind":"end"}}\n', ":3 is no line"),
        (f'{FIRST}\n{{"kind":"skip"}}\n', ":2 is no line of a run record: 'source'"),
        (f'{FIRST}\n{{"kind":"exchange","seq":1}}\n', ":2 is no line of a run record: 'request'"),
        (f'{FIRST}\n{{"kind":"exchange","request":[]}}\n', ":2 is no line of a run record"),
        (f"{FIRST}\n{'[' * 100_000}\n", ":2 is no line of a run record"),
        (f'{FIRST}\n{{"kind":"delivery","request":{{"method":"GET"}}}}\n', ":2 is no line of a run record"),
        (f"{FIRST}\n{json.dumps({'kind': 'exchange', **asdict(exchange(1)), 'seq': '1'})}\n", ":2 is no line"),
        (f'{FIRST}\n{{"kind":"end","complete":true}}\n', ":2 is no line of a run record: 'reason'"),
    ],
)
def test_what_is_no_record_is_named_with_its_line(path: Path, text: str, named: str) -> None:
    path.write_text(text, encoding="latin-1")
    with pytest.raises(RecordError) as caught:
        read_run(path)
    assert str(caught.value).startswith(f"{path}{named}")


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(RecordError, match=r"run\.ndjson cannot be read: .*; name a run\.ndjson"):
        read_run(path)


def test_a_record_is_read_one_line_at_a_time(path: Path) -> None:
    recorder = Recorder(path, MANIFEST)
    for seq in range(1, 401):
        recorder.exchange(exchange(seq, "x" * 10_000))
    recorder.end(complete=True)
    tracemalloc.start()
    seen = sum(1 for _ in read_record(path))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == 402
    assert most < path.stat().st_size / 4
