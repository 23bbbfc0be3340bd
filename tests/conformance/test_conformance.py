from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conformance import __main__ as program
from tests.conformance import by_schemathesis
from tests.conformance.outcome import Outcome
from tests.conformance.stage import PROVIDERS

FEW = 3
"""Examples per operation; `make conformance` asks for more."""

FAITHFUL = Outcome("tool 1.0", "chatmaid", 1, 120, ())
BROKEN = Outcome("tool 1.0", "whatsapi", 2, 9, ("Response violates schema: GET /auth/me",), log="what the tool said")


def altered(provider: str, folder: Path, part: str, other: str) -> Path:
    """The provider's document with another promise in it."""
    text = by_schemathesis.document(provider).read_text("utf-8")
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
    ],
)
def test_the_program_prints_a_table_and_every_failure(
    monkeypatch: pytest.MonkeyPatch, outcomes: Sequence[Outcome], exit_code: int, printed: list[str]
) -> None:
    monkeypatch.setattr(program, "outcomes", lambda *_: iter(outcomes))
    result = CliRunner().invoke(program.main)
    assert (result.exit_code, result.stdout.splitlines()) == (exit_code, printed)
