"""How a request is refused: the documented error envelope, raised from wherever the reason is found.

    {"success": false, "error": "A sentence.", "details": [{"field": "to", "message": "..."}]}

`details` is there with every 400 and with nothing else.
"""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong with one field."""

    field: str
    """Path of the field as the caller wrote it, such as `template.name` or `messages[3].to`."""
    message: str


class Refusal(Exception):  # noqa: N818 - an answer, not an error of ours
    """The answer to a request that is not carried out."""

    def __init__(
        self,
        status: int,
        error: str,
        details: tuple[Problem, ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(status, error, details, headers)
        self.status = status
        self.error = error
        self.details = details
        self.headers = headers


def invalid(*problems: Problem) -> Refusal:
    """A refusal with 400 and one detail for each problem."""
    details = tuple(Problem(field or "body", message) for field, message in problems)
    return Refusal(400, "Validation failed. See details.", details)
