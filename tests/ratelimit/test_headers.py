"""What an answer says of its limit is read from every dialect, and text that says nothing is nothing."""

from __future__ import annotations

import pytest

from affidavit.ratelimit.flow import Reply
from affidavit.ratelimit.headers import Said, said

DATE = "Tue, 15 Nov 1994 08:12:31 GMT"
DATED = 784887151.0


def reply(*headers: tuple[str, str], body: str = "", status: int = 200) -> Reply:
    return Reply(status, headers, body, 0.0, 0.1)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), Said()),
        (
            (("X-RateLimit-Limit", "20"), ("X-RateLimit-Remaining", "17"), ("X-RateLimit-Reset", "1711619220")),
            Said("x", 20, 17, None, 1711619220.0, "epoch-s"),
        ),
        (
            (("x-ratelimit-remaining", "0"), ("X-RateLimit-Reset", "1711619220123")),
            Said("x", None, 0, None, 1711619220123.0, "epoch-ms"),
        ),
        (
            (("X-Rate-Limit-Limit", "5"), ("X-Rate-Limit-Remaining", "4"), ("X-Rate-Limit-Reset", "1.5")),
            Said("x", 5, 4, None, 1.5, "delta-s"),
        ),
        (
            (
                ("RateLimit-Limit", "100"),
                ("RateLimit-Remaining", "50"),
                ("RateLimit-Reset", "30"),
                ("RateLimit-Policy", "100;w=60, 1000;w=3600"),
            ),
            Said("ietf-6", 100, 50, 60.0, 30.0, "delta-s"),
        ),
        (
            (("RateLimit", "limit=100, remaining=50, reset=30"),),
            Said("ietf-7", 100, 50, None, 30.0, "delta-s"),
        ),
        (
            (("RateLimit-Policy", '"hour";q=1000;w=3600, "burst";q=100;w=60'), ("RateLimit", '"burst";r=50;t=30')),
            Said("ietf", 100, 50, 60.0, 30.0, "delta-s"),
        ),
        (
            (
                ("RateLimit-Policy", '"hour";q=1000;w=3600'),
                ("RateLimit-Policy", '"burst";q=100;w=60'),
                ("RateLimit", '"hour";r=900;t=3000, "burst";r=7;t=30'),
            ),
            Said("ietf", 100, 7, 60.0, 30.0, "delta-s"),
        ),
        ((("X-RateLimit-Limit", "many"), ("X-RateLimit-Remaining", "٣")), Said()),
        ((("RateLimit", '"broken'), ("RateLimit-Policy", ";;")), Said()),
        ((("X-RateLimit-Remaining", "-1"),), Said("x", None, -1)),
    ],
)
def test_a_dialect_is_read(headers: tuple[tuple[str, str], ...], expected: Said) -> None:
    assert said(reply(*headers)) == expected


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ((("Retry-After", "45"),), "", Said(retry_after=45.0)),
        ((("Retry-After", "0.5"),), "", Said(retry_after=0.5)),
        ((("Retry-After", "-3"),), "", Said()),
        (
            (("Date", DATE), ("Retry-After", "Tue, 15 Nov 1994 08:12:41 GMT")),
            "",
            Said(retry_after=10.0, date=DATED),
        ),
        ((("Retry-After", "Tue, 15 Nov 1994 08:12:41 GMT"),), "", Said()),
        ((), '{"statusCode": 429, "retryAfter": 60}', Said(retry_after=60.0)),
        ((("Retry-After", "5"),), '{"retryAfter": 60}', Said(retry_after=5.0)),
        ((), '{"retryAfter": "soon"}', Said()),
        ((), '{"retryAfter": 60', Said()),
        ((), '["retryAfter"]', Said()),
    ],
)
def test_a_wait_is_read(headers: tuple[tuple[str, str], ...], body: str, expected: Said) -> None:
    assert said(reply(*headers, body=body)) == expected


@pytest.mark.parametrize(
    ("one", "left"),
    [
        (Said(reset=30.0, reset_dialect="delta-s"), 30.0),
        (Said(reset=1711619220.0, reset_dialect="epoch-s"), 20.0),
        (Said(reset=1711619220500.0, reset_dialect="epoch-ms"), 20.5),
        (Said(), None),
    ],
)
def test_a_reset_is_seconds_from_now(one: Said, left: float | None) -> None:
    assert one.reset_in(1711619200.0) == left
