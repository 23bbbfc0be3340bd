from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import yaml
from click.testing import CliRunner

from affidavit.sandbox.chatmaid import ChatmaidMachine
from affidavit.sandbox.model import Request, Response
from affidavit.sandbox.server import SandboxServer
from tests.conformance import __main__ as program
from tests.conformance import by_prism, by_schemathesis
from tests.conformance.outcome import Outcome
from tests.conformance.stage import PROVIDERS, document

METHODS = {"get", "put", "post", "delete"}
STATUS = "x-status"
"""Header of a request: what `AnythingWrong` answers with."""
FEW = 3
"""Examples per operation; `make conformance` asks for more."""

FAITHFUL = Outcome("tool 1.0", "chatmaid", 1, 120, ())
BROKEN = Outcome("tool 1.0", "whatsapi", 2, 9, ("Response violates schema: GET /auth/me",), log="what the tool said")
SKIPPED = Outcome("prism", "chatmaid", 1, 0, (), skipped="it is not there")


class Answer(NamedTuple):
    """An answer that a document describes, and a request that may get it."""

    method: str
    path: str
    status: int


class AnythingWrong(ChatmaidMachine):
    """Answers everything with a list and without a header of the provider's: no described answer is so."""

    def step(self, request: Request, now: float) -> Response:  # noqa: ARG002 - the interface has it
        """Answer it as it asks to be answered."""
        status = int(request.headers[STATUS])
        return Response(status, (("Content-Type", "application/json"),), b"" if status == 204 else b"[]")


def described_answers(provider: str) -> Iterator[Answer]:
    """Those of which the document says how the body is, or which headers there are."""
    whole = yaml.safe_load(document(provider).read_text("utf-8"))
    for path, item in whole["paths"].items():
        for method in METHODS & item.keys():
            for code, written in item[method]["responses"].items():
                name = written.get("$ref", "").rpartition("/")[2]
                answer = whole["components"]["responses"].get(name, written)
                if answer.keys() & {"content", "headers"}:
                    yield Answer(method, re.sub(r"\{[^}]*\}", "1", path), int(code.replace("XX", "00")))


def is_judged(client: httpx.Client, answer: Answer) -> bool:
    """Whether Prism says anything about the answer."""
    reply = client.request(answer.method, answer.path, headers={STATUS: str(answer.status)})
    return any(each["location"][0] == "response" for each in json.loads(reply.headers.get("sl-violations", "[]")))


def altered(provider: str, folder: Path, part: str, other: str) -> Path:
    """The provider's document with another promise in it."""
    text = document(provider).read_text("utf-8")
    assert text.count(part) == 1
    path = folder / "openapi.yaml"
    path.write_text(text.replace(part, other), "utf-8")
    return path


@pytest.mark.parametrize("provider", PROVIDERS)
def test_schemathesis_finds_nothing_where_the_sandbox_meets_its_document(provider: str) -> None:
    outcome = by_schemathesis.hold(provider, seed=1, examples=FEW)
    assert outcome.failures == (), outcome.log
    assert outcome.requests > 300


@pytest.mark.parametrize(
    ("provider", "part", "other", "failure"),
    [
        (
            "chatmaid",
            "pattern: ^acc_[A-Za-z0-9_-]+$",
            "pattern: ^account_[A-Za-z0-9_-]+$",
            "Response violates schema: GET /v1/account",
        ),
        (
            "whatsapi",
            "enum: [basic, pro]",
            "enum: [basic, pro, enterprise]",
            "Schema-valid request rejected: POST /billing/checkout",
        ),
    ],
)
def test_schemathesis_finds_exactly_the_promise_that_is_not_kept(
    tmp_path: Path, provider: str, part: str, other: str, failure: str
) -> None:
    changed = altered(provider, tmp_path, part, other)
    assert by_schemathesis.hold(provider, seed=1, examples=FEW, path=changed).failures == (failure,)


def test_a_run_that_could_not_begin_is_a_failure(tmp_path: Path) -> None:
    outcome = by_schemathesis.hold("chatmaid", seed=1, examples=FEW, path=tmp_path / "nowhere.yaml")
    assert outcome.failures == ("schemathesis ended with exit code 2 and wrote no report",)


@pytest.fixture
def _prism() -> None:
    lacking = by_prism.lacking()
    if lacking and os.environ.get("CI") == "true":
        pytest.fail(f"Prism cannot run: {lacking}")
    if lacking:
        pytest.skip(f"Prism cannot run: {lacking}")


@pytest.mark.usefixtures("_prism")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_prism_finds_nothing_in_the_answers_to_a_contract_run(provider: str) -> None:
    outcome = by_prism.hold(provider, seed=1, budget=20)
    assert outcome.failures == (), outcome.log
    assert outcome.requests >= 15


@pytest.mark.usefixtures("_prism")
def test_prism_finds_exactly_the_promise_that_is_not_kept(tmp_path: Path) -> None:
    changed = altered("chatmaid", tmp_path, "enum: [connected, disconnected, connecting]", "enum: [open, shut]")
    failures = by_prism.hold("chatmaid", seed=1, budget=20, path=changed).failures
    assert {failure.rpartition(".")[2] for failure in failures} == {
        "connectionStatus must be equal to one of the allowed values: open, shut"
    }


@pytest.mark.usefixtures("_prism")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_prism_judges_every_answer_that_a_document_describes(provider: str) -> None:
    """It is silent about a schema it cannot compile: so each one refuses something here."""
    described = set(described_answers(provider))
    with (
        SandboxServer(provider, factory=AnythingWrong) as server,
        by_prism.proxy(document(provider), server.url) as (url, _),
        httpx.Client(base_url=url) as client,
    ):
        judged = {each for each in described if is_judged(client, each)}
    assert described - judged == set()
    assert len(described) > 50


@pytest.mark.parametrize(
    ("outcomes", "exit_code", "printed"),
    [
        (
            [FAITHFUL],
            0,
            [
                "tool      provider  seed  requests  failures",
                "tool 1.0  chatmaid  1     120       0",
                "",
                "Nothing was found.",
            ],
        ),
        (
            [FAITHFUL, BROKEN],
            1,
            [
                "what the tool said",
                "tool      provider  seed  requests  failures",
                "tool 1.0  chatmaid  1     120       0",
                "tool 1.0  whatsapi  2     9         1",
                "",
                "tool 1.0, whatsapi, seed 2: Response violates schema: GET /auth/me",
            ],
        ),
        (
            [SKIPPED],
            0,
            [
                "tool   provider  seed  requests  failures",
                "prism  chatmaid  1     0         skipped",
                "",
                "prism, chatmaid is skipped: it is not there",
                "Nothing was found.",
            ],
        ),
    ],
)
def test_the_program_prints_a_table_and_every_failure(
    monkeypatch: pytest.MonkeyPatch, outcomes: Sequence[Outcome], exit_code: int, printed: list[str]
) -> None:
    monkeypatch.setattr(program, "outcomes", lambda *_: iter(outcomes))
    result = CliRunner().invoke(program.main)
    assert (result.exit_code, result.stdout.splitlines()) == (exit_code, printed)


@pytest.mark.parametrize(
    ("ci", "failures", "skipped"),
    [("", (), "it is not there"), ("true", ("it is not there; CI must not go without it",), "")],
)
def test_only_ci_cannot_go_without_prism(
    monkeypatch: pytest.MonkeyPatch, ci: str, failures: tuple[str, ...], skipped: str
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(by_prism, "lacking", lambda: "it is not there")
    outcome = program.through_prism("chatmaid", 1)
    assert (outcome.failures, outcome.skipped) == (failures, skipped)
