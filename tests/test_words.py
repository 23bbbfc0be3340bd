"""How numbers of things are said."""

from __future__ import annotations

from affidavit.words import counted


def test_one_is_singular_and_all_else_plural() -> None:
    assert [counted(number, "request") for number in (0, 1, 2)] == ["0 requests", "1 request", "2 requests"]
