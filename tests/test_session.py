"""One run: in which order it asks, when it stops, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from affidavit.documents import load_catalog
from affidavit.errors import IncompleteError, SandboxError, TargetError
from affidavit.exchange import Exchange
from affidavit.probes.parts import references
from affidavit.recorder import read_record
from affidavit.sandbox.deviation import Around, Deviation
from affidavit.sandbox.model import Request, Response
from affidavit.sandbox.server import PROVIDERS
from affidavit.session import PATIENCE, Session, Settings, open_session, run
from affidavit.verdict import Result

CATALOG = load_catalog("chatmaid")


def made(result: Result) -> list[str]:
    """Who asked, in order: `probe/step`, `property`, `stateful`, each once per row of exchanges."""
    found: list[str] = []
    for one in result.evidence.exchanges:
        name = one.source if one.source.partition("/")[0] in CATALOG.script.probes else one.source.partition("/")[0]
        if found[-1:] != [name]:
            found.append(name)
    return found


def end_of(folder: Path) -> dict[str, object]:
    """The last line of the record, which can be read whole."""
    *_, last = read_record(folder / "run.ndjson")
    assert isinstance(last, dict)
    return last


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A whole run."""
    with open_session(CATALOG, Settings(examples=3), tmp_path_factory.mktemp("run")) as session:
        return session.play()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Session]:
    with open_session(CATALOG, Settings(examples=3), tmp_path) as session:
        yield session


def test_steps_come_after_those_they_build_on_then_what_is_invented_then_the_bursts(ran: Result) -> None:
    asked = made(ran)
    assert len(set(asked)) == len(asked)
    before = {step: part.after for part in CATALOG.parts for step in part.steps}
    for place, name in enumerate(asked):
        assert {one for one in before.get(name, ()) if one in asked} <= set(asked[:place])
    bursts = [name for name in asked if name in before and CATALOG.script.probes[name.partition("/")[0]].last]
    assert bursts
    assert asked[asked.index("property") :] == ["property", "stateful", *bursts]


def test_what_was_asked_by_hand_is_not_asked_again(opened: Session, ran: Result) -> None:
    first = opened.plan().turns[0].probe
    opened.probe(first)
    operation, role = opened.properties()[0]
    opened.explore(operation, role)
    opened.walk()
    result = opened.play()
    assert made(result)[:3] == [*references(first), "property", "stateful"]
    assert "stateful" not in made(result)[3:]
    assert {one.claim for one in result.verdicts} == {one.claim for one in ran.verdicts}
    explored = [
        place for place, one in enumerate(result.evidence.exchanges) if one.source == f"property/{operation.id}"
    ]
    assert explored == list(range(explored[0], explored[0] + len(explored)))


@pytest.mark.parametrize("budget", [1, 7, 40, 150])
def test_a_budget_is_never_exceeded_on_the_wire(budget: int, tmp_path: Path) -> None:
    arrived = 0

    class Counting(Around):
        def step(self, request: Request, now: float) -> Response:
            nonlocal arrived
            arrived += 1
            return super().step(request, now)

    with wearing(Counting), open_session(CATALOG, Settings(budget=budget, deviations=(WORN,)), tmp_path) as session:
        result = session.play()
    assert arrived == result.sent == len(result.evidence.exchanges) <= budget
    assert end_of(tmp_path) == {"kind": "end", "complete": True, "reason": ""}


WORN = "worn-by-this-test"


@contextmanager
def wearing(around: type[Around]) -> Iterator[None]:
    """Lets Chatmaid's sandbox have one more deviation."""
    row = Deviation(WORN, "Does what this test needs.", "status", around)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROVIDERS, "chatmaid", replace(PROVIDERS["chatmaid"], variants={WORN: row}))
        yield


def test_an_interrupted_run_leaves_a_readable_record(tmp_path: Path) -> None:
    def interrupt(_name: str, index: int, _total: int) -> None:
        if index == 3:
            raise KeyboardInterrupt

    with open_session(CATALOG, Settings(), tmp_path) as session, pytest.raises(KeyboardInterrupt):
        session.play(interrupt)
    assert end_of(tmp_path) == {"kind": "end", "complete": False, "reason": "interrupted: KeyboardInterrupt"}
    kept = [one for one in read_record(tmp_path / "run.ndjson") if isinstance(one, Exchange)]
    assert kept == session.client.exchanges != []


def test_a_session_that_is_left_early_ends_its_record(tmp_path: Path) -> None:
    with open_session(CATALOG, Settings(), tmp_path) as session:
        session.probe(session.plan().turns[0].probe)
    assert end_of(tmp_path) == {"kind": "end", "complete": False, "reason": "not finished"}


def test_a_run_is_finished_once(opened: Session, tmp_path: Path) -> None:
    opened.probe(opened.plan().turns[0].probe)
    result = opened.finish()
    assert opened.finish() is result
    assert opened.play() is result
    ends = [row for row in read_record(tmp_path / "run.ndjson") if isinstance(row, dict) and row["kind"] == "end"]
    assert ends == [{"kind": "end", "complete": True, "reason": ""}]


class Broken(Around):
    """An imitation with a bug."""

    def step(self, request: Request, now: float) -> Response:
        """Fail at one place."""
        if request.path == "/v1/account":
            raise ZeroDivisionError("a bug of ours")
        return super().step(request, now)


def test_a_bug_of_the_sandbox_ends_the_run_as_ours(tmp_path: Path) -> None:
    with (
        wearing(Broken),
        open_session(CATALOG, Settings(deviations=(WORN,)), tmp_path) as session,
        pytest.raises(SandboxError, match=r"a fault of this tool.*GET /v1/account(?s:.*)a bug of ours"),
    ):
        session.play()
    end = end_of(tmp_path)
    assert not end["complete"]
    assert "GET /v1/account" in str(end["reason"])


@pytest.mark.parametrize("answered", [False, True])
def test_a_target_that_falls_silent_is_given_up_while_requests_are_invented(
    opened: Session, monkeypatch: pytest.MonkeyPatch, *, answered: bool
) -> None:
    if answered:
        opened.probe(opened.plan().turns[0].probe)
    before = len(opened.client.exchanges)
    monkeypatch.setattr(opened.client, "_receive", lambda _: (None, "ConnectError: refused"))
    with pytest.raises(IncompleteError if answered else TargetError, match="refused"):
        opened.explore(*opened.properties()[0])
    with pytest.raises(IncompleteError if answered else TargetError, match="refused"):
        opened.walk()
    assert len(opened.client.exchanges) - before == PATIENCE


def test_a_probe_that_is_left_out_is_not_asked_and_named(tmp_path: Path) -> None:
    settings = Settings(examples=0, leave_out=frozenset({"limit", "scopes"}))
    result = run(load_catalog("chatmaid"), settings, tmp_path, lambda *_: None)
    assert not {one.source.partition("/")[0] for one in result.evidence.exchanges} & settings.leave_out
    assert result.evidence.skipped["scopes"] == "left out on demand"
