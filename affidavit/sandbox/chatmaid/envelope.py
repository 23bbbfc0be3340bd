"""The two shapes of every answer: `{success: true, data}`, and the error with its documented fields."""

from __future__ import annotations

from affidavit.sandbox.http import json_response, rfc3339
from affidavit.sandbox.model import Json, Response

ERRORS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Rate limit exceeded",
}
"""Status -> the text in `error`."""


class ProblemError(Exception):
    """A request that cannot be served, as the answer will say it."""

    def __init__(
        self,
        status: int,
        *messages: str,
        fields: dict[str, Json] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(status, *messages)
        self.status = status
        self.messages = messages
        self.fields = fields or {}
        """What the body has besides the usual."""
        self.headers = headers


def success(status: int, data: Json) -> Response:
    """The answer to a request that was served."""
    return json_response(status, {"success": True, "data": data})


def failure(problem: ProblemError, path: str, now: float) -> Response:
    """The answer to a request that was not; `path` is shown as it came."""
    body = {
        "success": False,
        "error": ERRORS[problem.status],
        "message": problem.messages,
        "statusCode": problem.status,
        "timestamp": rfc3339(now),
        "path": path,
        **problem.fields,
    }
    return json_response(problem.status, body, problem.headers)
