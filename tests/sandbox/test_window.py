from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.sandbox.window import Admission, FixedWindow, whole_seconds


def test_a_window_that_begins_with_the_first_request_ends_that_long_after_it() -> None:
    window = FixedWindow(limit=2, seconds=60, aligned=False)
    assert window.admit("key", 1000.25) == Admission(
        allowed=True, limit=2, remaining=1, reset_at=1060.25, retry_after=60
    )
    assert window.admit("key", 1030.25) == Admission(
        allowed=True, limit=2, remaining=0, reset_at=1060.25, retry_after=30
    )
    assert window.admit("key", 1060.00) == Admission(
        allowed=False, limit=2, remaining=0, reset_at=1060.25, retry_after=1
    )
    assert window.admit("key", 1060.25) == Admission(
        allowed=True, limit=2, remaining=1, reset_at=1120.25, retry_after=60
    )


def test_an_aligned_window_ends_at_the_full_minute_for_every_key() -> None:
    window = FixedWindow(limit=1, seconds=60, aligned=True)
    assert [window.admit(key, 119.5).reset_at for key in ("a", "b")] == [120, 120]
    assert window.admit("a", 119.9).allowed is False
    assert window.admit("a", 120.0) == Admission(allowed=True, limit=1, remaining=0, reset_at=180, retry_after=60)


def test_keys_do_not_share_a_window() -> None:
    window = FixedWindow(limit=1, seconds=60, aligned=False)
    assert [window.admit(key, 0).allowed for key in ("a", "a", "b")] == [True, False, True]


def test_refused_requests_do_not_count() -> None:
    window = FixedWindow(limit=1, seconds=60, aligned=False)
    assert [window.admit("a", now).allowed for now in (0, 59, 59.9, 60)] == [True, False, False, True]


@pytest.mark.parametrize(("limit", "allowed", "remaining"), [(3, True, 0), (2, False, 0), (1, False, 0)])
def test_a_changed_limit_holds_at_once(limit: int, *, allowed: bool, remaining: int) -> None:
    window = FixedWindow(limit=2, seconds=60, aligned=False)
    window.admit("a", 0)
    window.admit("a", 0)
    window.limit = limit
    assert window.admit("a", 0)[:3] == (allowed, limit, remaining)


@pytest.mark.parametrize(("limit", "seconds"), [(-1, 60), (1, 0), (1, -60)])
def test_a_window_that_cannot_be_is_refused(limit: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        FixedWindow(limit, seconds, aligned=True)


@pytest.mark.parametrize(
    ("now", "until", "seconds"),
    [(0, 60, 60), (0.5, 60, 60), (59.2, 60, 1), (0, 59.001, 60), (60, 60, 1), (61, 60, 1), (0.1, 60.1, 60)],
)
def test_a_wait_is_told_in_whole_seconds_rounded_up_and_at_least_one(now: float, until: float, seconds: int) -> None:
    assert whole_seconds(now, until) == seconds


@settings(deadline=None)
@given(st.floats(0, 4e9), st.floats(0.5, 3600), st.booleans(), st.floats(0, 1))
def test_a_refusal_tells_the_truth(start: float, seconds: float, aligned: bool, part: float) -> None:  # noqa: FBT001 - a parametrized case
    window = FixedWindow(limit=1, seconds=seconds, aligned=aligned)
    first = window.admit("a", start)
    now = start + part * (first.reset_at - start) * 0.999
    refused = window.admit("a", now)
    if not refused.allowed:
        assert refused.retry_after == 1 or not window.admit("a", now + refused.retry_after - 1).allowed
        assert window.admit("a", now + refused.retry_after).allowed
