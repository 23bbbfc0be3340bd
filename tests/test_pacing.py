from __future__ import annotations

import pytest

from affidavit.exchange import Response
from affidavit.pacing import LONGEST_WAIT_SECONDS, announced, promised_wait, wait_after_refusal, wait_for_reset
from affidavit.profile import RateLimit

HEADERS = RateLimit(remaining_header="X-Remaining", reset_header="X-Reset", retry_after_header="Retry-After")
IN_BODY = RateLimit(retry_after_body="/retryAfter")
DATE = ("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
EPOCH = 1_767_225_600


def answer(*headers: tuple[str, str], status: int = 429, body: str = "") -> Response:
    return Response(status, headers, body)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("999999", LONGEST_WAIT_SECONDS),
        ("Thu, 01 Jan 2026 00:00:12 GMT", 12.0),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_the_header_is_read_as_seconds_or_as_a_date(text: str, seconds: float | None) -> None:
    assert promised_wait(answer(("retry-after", text), DATE), HEADERS) == seconds


def test_a_date_without_the_server_s_own_time_promises_nothing() -> None:
    assert promised_wait(answer(("Retry-After", "Thu, 01 Jan 2026 00:00:12 GMT")), HEADERS) is None


@pytest.mark.parametrize(("body", "seconds"), [("8", 8.0), ("2.5", 2.5), ("true", None), ('"8"', None), ("-1", None)])
def test_the_body_is_read_where_no_header_is(body: str, seconds: float | None) -> None:
    assert promised_wait(answer(body=f'{{"retryAfter": {body}}}'), IN_BODY) == seconds


def test_the_header_goes_before_the_body() -> None:
    assert promised_wait(answer(("Retry-After", "3"), body='{"retryAfter": 9}'), IN_BODY) == 3


def test_a_refusal_that_names_no_wait_costs_a_whole_window() -> None:
    assert wait_after_refusal(answer(), RateLimit(window_seconds=30)) == 30


@pytest.mark.parametrize(
    ("remaining", "reset", "seconds"),
    [("0", EPOCH + 20, 20.0), ("0", EPOCH + 500, 60.0), ("0", EPOCH - 5, 0.0), ("1", EPOCH + 20, None), ("", 1, None)],
)
def test_a_spent_limit_is_waited_out_up_to_a_window(remaining: str, reset: int, seconds: float | None) -> None:
    told = answer(("X-Remaining", remaining), ("X-Reset", str(reset)), DATE, status=200)
    assert wait_for_reset(told, HEADERS) == seconds


@pytest.mark.parametrize(("text", "count"), [("12", 12), ("-1", None), ("1e3", None), ("9999999999", None)])
def test_a_count_is_read_strictly(text: str, count: int | None) -> None:
    assert announced(answer(("X-Remaining", text)), "x-remaining") == count
    assert announced(answer(("X-Remaining", text)), None) is None
