"""The summary fits the terminal it is shown in."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from affidavit import cli

COPIED = re.compile(r" *curl |.* requests, .* files: |.*/|  The curl commands")
"""Lines with what a reader copies; they stay whole."""


def said(*arguments: str, columns: int) -> list[str]:
    result = CliRunner().invoke(cli.cli, arguments, env={"COLUMNS": str(columns), "CHATMAID_API_KEY": ""})
    return result.output.splitlines()


@pytest.mark.parametrize("columns", [40, 59, 80, 120])
def test_no_line_of_a_plan_is_wider_than_the_terminal(columns: int) -> None:
    for arguments in (("--budget", "60"), ("--target", "http://127.0.0.1:1")):
        lines = said("plan", "--provider", "chatmaid", *arguments, columns=columns)
        assert [line for line in lines if len(line) > columns and not COPIED.match(line)] == []
        assert max(map(len, lines)) > columns - 12


@pytest.mark.parametrize("columns", [40, 100])
def test_no_line_of_a_summary_is_wider_than_the_terminal(
    columns: int, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("run"))
    arguments = ("run", "--provider", "chatmaid", "--fault", "list-answers-206", "--budget", "40", "--examples", "0")
    lines = said(*arguments, columns=columns)
    assert any("BROKEN CM-266" in line for line in lines)
    assert [line for line in lines if len(line) > columns and not COPIED.match(line)] == []


def test_a_terminal_too_narrow_for_sentences_gets_lines_of_forty() -> None:
    assert max(map(len, said("plan", "--provider", "chatmaid", columns=5))) <= 40
