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
from affidavit.known import Known
from affidavit.probes.flow import Refused, Send
from affidavit.safety import FREE_RISKS, SACRIFICIAL
from affidavit.session import WALKED_PER_EXAMPLE, Settings, open_session

CHATMAID = load_catalog("chatmaid")
NOTHING = Response(404, (("Content-Type", "application/json"),), "{}")


def properties(
    send: Callable[[Send], Any], keys: dict[str, str] | None = None, provider: str = "chatmaid"
) -> Properties:
    """Property tests that send to a function."""
    path = OPENAPI / provider / "openapi.yaml"
    document = load_catalog(provider).openapi
    return Properties(path, document, keys or {"main": "sk_test_1"}, 1, send, Known(document))


def into(sent: list[Send]) -> Callable[[Send], list[Response]]:
    """A way out that leads into a list."""

    def send(request: Send) -> list[Response]:
        sent.append(request)
        return [NOTHING]

    return send


EXAMPLES = 20


@pytest.fixture(scope="module", params=["chatmaid", "whatsapi"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def explored(provider: str, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Exchange, Response]]:
    """The invented exchanges of a session that first played its probes."""
    folder = tmp_path_factory.mktemp(provider)
    with open_session(load_catalog(provider), Settings(examples=EXAMPLES), folder) as session:
        for probe in (turn.probe for turn in session.plan().turns):
            if not probe.last:
                session.probe(probe)
        before = len(session.client.exchanges)
        for operation, role in session.properties():
            session.explore(operation, role)
        session.walk()
        session.finish()
        return [(one, one.response) for one in session.client.exchanges[before:] if one.response]


NEVER_GRANTED = {"retryMessage"}
"""Needs a message that has failed by then."""


def test_every_operation_grants_some_invented_requests_and_refuses_others(
    provider: str, explored: list[tuple[Exchange, Response]]
) -> None:
    statuses = Counter((one.source, answer.status) for one, answer in explored)
    invented = {one.operation or "": one for one, _ in explored if one.source.startswith("property/")}
    granted = {one.operation for one, answer in explored if answer.status // 100 == 2}
    assert {*invented} - granted <= NEVER_GRANTED
    assert {one.id for one in load_catalog(provider).openapi.operations.values() if one.risk == "read"} <= {*invented}
    for operation, status in (("sendMessage", 400), ("listMessages", 400), ("getMessage", 200), ("getMessage", 404)):
        assert statuses[f"property/{operation}", status], operation
    assert {one.source.partition("/")[0] for one, _ in explored} == {"property", "stateful"}


LINKED = {
    "chatmaid": {"getMessage", "listMessages", "getPhoneNumber", "getPhoneNumberStatus"},
    "whatsapi": {"getMessage", "listMessages", "retryMessage"},
}
"""Operations that a link leads to, when its answer has what the link names."""


def test_a_walk_reads_what_it_has_just_sent(provider: str, explored: list[tuple[Exchange, Response]]) -> None:
    walked = [(one, answer) for one, answer in explored if one.source.startswith("stateful/")]
    assert {one.operation for one, _ in walked} >= LINKED[provider]
    sent = {
        answer.json["data"]["id"]
        for one, answer in walked
        if one.operation == "sendMessage" and answer.status // 100 == 2
    }
    read = {
        one.request.path.rpartition("/")[2]
        for one, answer in walked
        if one.operation == "getMessage" and answer.status == 200
    }
    assert sent & read
    once = [answer for _, answer in walked if answer.status != 429]  # a request refused by the limit is sent again
    assert len(once) <= EXAMPLES * WALKED_PER_EXAMPLE + 1


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
        ours.walk(12)
    assert asked == 4


@pytest.mark.parametrize("answer", [None, Refused("not safe"), Response(429, (), "{}"), Response(200, (), "no JSON")])
def test_a_walk_goes_on_when_a_request_gets_no_usable_answer(answer: Response | Refused | None) -> None:
    asked: list[Send] = []

    def send(send: Send) -> list[Response | Refused | None]:
        asked.append(send)
        return [answer]

    properties(send).walk(12)
    assert len(asked) == 12


def test_a_walk_goes_only_where_an_answer_leads() -> None:
    sent: list[Send] = []
    properties(into(sent)).walk(30)
    assert {send.operation for send in sent} <= {
        "listMessages",
        "listInboundMessages",
        "listPhoneNumbers",
        "sendMessage",
    }


def test_a_walk_leaves_out_what_destroys_credentials_and_sends_nothing_invalid() -> None:
    sent: list[Send] = []

    def send(request: Send) -> list[Response]:
        sent.append(request)
        return [Response(202, (), '{"data": {"id": "4f0b6a52-7d1e-4c5a-9b3f-2e8d1c6a7b90", "status": "queued"}}')]

    ours = properties(send, {"main": "sk_live_1", SACRIFICIAL: "sk_live_2"}, "whatsapi")
    ours.walk(40)
    assert {ours.document.operations[one.operation].risk for one in sent} <= {"read", "real-message"}
    assert "4f0b6a52-7d1e-4c5a-9b3f-2e8d1c6a7b90" in {one.path.rpartition("/")[2] for one in sent}


def test_the_same_seed_walks_the_same_way() -> None:
    ways: list[list[Send]] = []
    for _ in range(2):
        sent: list[Send] = []
        properties(into(sent)).walk(20)
        ways.append(sent)
    assert ways[0] == ways[1]


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
