"""Schemathesis through our one way out: what it invents is sent as any probe's, and its links are really followed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affidavit.bridge import Properties
from affidavit.client import BudgetSpentError
from affidavit.documents import OPENAPI, load_catalog
from affidavit.exchange import Exchange, Response
from affidavit.probes.flow import Refused, Send
from affidavit.safety import FREE_RISKS, SACRIFICIAL
from affidavit.session import Settings, open_session

CHATMAID = load_catalog("chatmaid")
NOTHING = Response(404, (("Content-Type", "application/json"),), "{}")


def properties(
    send: Callable[[Send], Any], keys: dict[str, str] | None = None, provider: str = "chatmaid"
) -> Properties:
    """Property tests that send to a function."""
    path = OPENAPI / provider / "openapi.yaml"
    return Properties(path, load_catalog(provider).openapi, keys or {"main": "sk_test_1"}, 1, send)


def into(sent: list[Send]) -> Callable[[Send], list[Response]]:
    """A way out that leads into a list."""

    def send(request: Send) -> list[Response]:
        sent.append(request)
        return [NOTHING]

    return send


def explored(folder: Path, provider: str) -> list[Exchange]:
    """The invented exchanges of a session that first played its probes."""
    with open_session(load_catalog(provider), Settings(examples=8), folder) as session:
        for probe in session.plan().probes:
            if not probe.last:
                session.probe(probe)
        before = len(session.client.exchanges)
        for operation, role in session.properties():
            session.explore(operation, role)
        session.walk()
        return session.client.exchanges[before:]


def test_invented_requests_reach_success_and_refusal_and_follow_links(tmp_path: Path) -> None:
    made = explored(tmp_path, "chatmaid")
    statuses = Counter((one.source, one.response.status) for one in made if one.response)
    assert statuses["property/sendMessage", 201]
    assert statuses["property/sendMessage", 400]
    assert statuses["property/listMessages", 200]
    assert statuses["property/listMessages", 400]
    assert statuses["stateful/getPhoneNumber", 200] + statuses["stateful/getMessage", 200]
    assert {one.source.partition("/")[0] for one in made} == {"property", "stateful"}
    assert {one.operation for one in made} >= {*CHATMAID.openapi.operations} - {None}


def test_no_request_of_an_operation_is_invented_twice() -> None:
    sent: list[Send] = []
    ours = properties(into(sent))
    for operation, role in ours.operations():
        ours.explore(operation, role, 6)
    assert len(sent) == len(set(sent))
    assert {send.operation for send in sent} == {*CHATMAID.openapi.operations}
    assert {dict(send.headers)["Authorization"] for send in sent} == {"Bearer sk_test_1"}


def test_the_same_seed_invents_the_same_requests() -> None:
    runs: list[list[Send]] = []
    for _ in range(2):
        sent: list[Send] = []
        ours = properties(into(sent))
        ours.explore(ours.document.operations["sendMessage"], "main", 6)
        runs.append(sent)
    assert runs[0] == runs[1]


def test_what_ends_the_run_ends_the_inventing_at_once() -> None:
    asked = 0

    def send(_: Send) -> list[Response]:
        nonlocal asked
        asked += 1
        if asked == 4:
            raise BudgetSpentError("spent")
        return [NOTHING]

    ours = properties(send)
    with pytest.raises(BudgetSpentError):
        ours.explore(ours.document.operations["listMessages"], "main", 20)
    with pytest.raises(BudgetSpentError):
        ours.walk(3, 4)
    assert asked == 4


@pytest.mark.parametrize("answer", [None, Refused("not safe")])
def test_a_walk_goes_on_when_a_request_gets_no_answer(answer: Refused | None) -> None:
    asked: list[Send] = []

    def send(send: Send) -> list[Refused | None]:
        asked.append(send)
        return [answer]

    properties(send).walk(3, 4)
    assert asked


def test_what_destroys_its_own_key_is_never_invented() -> None:
    keys = {"main": "sk_live_1", SACRIFICIAL: "sk_live_2"}
    ours = properties(lambda _: [NOTHING], keys, "whatsapi")
    chosen = {operation.id: (operation.risk, role) for operation, role in ours.operations()}
    assert "destroys-credential" not in {risk for risk, _ in chosen.values()}
    assert all(role in {SACRIFICIAL, "none"} for risk, role in chosen.values() if risk in {"account-change", "billing"})
    assert {role for risk, role in chosen.values() if risk in FREE_RISKS} <= {"main", "none"}


@pytest.mark.parametrize("provider", ["chatmaid", "whatsapi"])
def test_on_a_real_target_invented_messages_are_simulated_and_for_nobody(provider: str, tmp_path: Path) -> None:
    catalog = load_catalog(provider)
    with open_session(catalog, Settings(target="http://127.0.0.1:1", keys={"main": "sk_test_1"}), tmp_path) as session:
        sent: list[Send] = []
        session.invented.send = into(sent)
        session.explore(catalog.openapi.operations["sendMessage"], "main", 10)
        session.finish()
    parsed = []
    for body in (send.body or "" for send in sent):
        try:
            parsed.append(json.loads(body))
        except ValueError:
            continue
    objects = [body for body in parsed if isinstance(body, dict)]
    recipients = {body["to"] for body in objects if isinstance(body.get("to"), str)}
    assert recipients == {catalog.profile.number(catalog.profile.recipient)}
    if provider == "whatsapi":
        assert all(body["dry_run"] is True for body in objects)
