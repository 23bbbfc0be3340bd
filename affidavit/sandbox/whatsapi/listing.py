"""GET /messages: which of the messages, and which page of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from affidavit.sandbox.http import json_response
from affidavit.sandbox.model import Json, Response
from affidavit.sandbox.whatsapi.mailbox import Mailbox
from affidavit.sandbox.whatsapi.messages import STATUSES, Status
from affidavit.sandbox.whatsapi.refusal import Problem, invalid
from affidavit.sandbox.whatsapi.validation import NUMBER
from affidavit.sandbox.whatsapi.views import listed

LARGEST_PAGE = 200
USUAL_PAGE = 20
PARAMETERS = ("status", "batchId", "limit", "page")


class Query(NamedTuple):
    """What the caller wants to see."""

    status: Status | None
    batch: str | None
    limit: int
    page: int


def read(pairs: Sequence[tuple[str, str]]) -> Query:
    """The query in a request; raises a refusal that names every parameter at fault."""
    given = dict(pairs)
    problems = [Problem(name, "must be given once") for name, times in Counter(name for name, _ in pairs).items()
                if times > 1 and name in PARAMETERS]  # fmt: skip
    status = next((status for status in STATUSES if status == given.get("status")), None)
    if "status" in given and status is None:
        problems.append(Problem("status", f"must be one of: {', '.join(STATUSES)}"))
    limit = _number(given.get("limit"), USUAL_PAGE)
    if not 1 <= limit <= LARGEST_PAGE:
        problems.append(Problem("limit", f"must be a whole number from 1 to {LARGEST_PAGE}"))
    page = _number(given.get("page"), 1)
    if page < 1:
        problems.append(Problem("page", "must be a whole number from 1"))
    if problems:
        raise invalid(*problems)
    return Query(status, given.get("batchId"), limit, page)


def answer(query: Query, mailbox: Mailbox, now: float) -> Response:
    """The page; one past the end is empty (G-35)."""
    numbers = mailbox.select(query.status, query.batch, now)
    page: list[Json] = [listed(message, now) for message in mailbox.page(numbers, query.page, query.limit, now)]
    pagination: dict[str, Json] = {
        "page": query.page,
        "limit": query.limit,
        "total": len(numbers),
        "totalPages": -(-len(numbers) // query.limit),
    }
    return json_response(200, {"success": True, "data": page, "pagination": pagination})


def _number(text: str | None, default: int) -> int:
    """The whole number in the text, 0 when it is none."""
    if text is None:
        return default
    return int(text) if NUMBER.fullmatch(text) else 0
