"""How numbers of things are said."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """A number of things: 1 request, 2 requests."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
