"""When a key may ask again, as an answer tells it. One reading for everything that sends: contract runs and load.

A 429 names its wait in a Retry-After header (seconds, or a moment as an HTTP date), or in its body where the provider
documents that. Any other answer may say that nothing is left until a reset. What an answer asks is capped, so that a
mistaken header never stops a run for a day.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from affidavit.exchange import Response
from affidavit.pointer import first
from affidavit.profile import RateLimit

LONGEST_WAIT_SECONDS = 900.0
RETRY_AFTER_BODY = "/retryAfter"
"""Where a body names the wait, when the profile does not say."""
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)


def promised_wait(answer: Response, limit: RateLimit) -> float | None:
    """Seconds that a 429 asks to wait, capped; None when it names no wait that can be read."""
    header = (answer.header(limit.retry_after_header or "Retry-After") or "").strip()
    if _SECONDS.fullmatch(header):
        return min(float(header), LONGEST_WAIT_SECONDS)
    moment, now = _moment(header), server_now(answer)
    if moment is not None and now is not None:
        return min(max(0.0, moment - now), LONGEST_WAIT_SECONDS)
    body = first(answer.json, limit.retry_after_body or RETRY_AFTER_BODY)
    if isinstance(body, int | float) and not isinstance(body, bool) and body >= 0:
        return min(float(body), LONGEST_WAIT_SECONDS)
    return None


def wait_after_refusal(answer: Response, limit: RateLimit) -> float:
    """Seconds to wait after a 429: what it promises, else a whole window."""
    promised = promised_wait(answer, limit)
    return limit.window_seconds if promised is None else promised


def wait_for_reset(answer: Response, limit: RateLimit) -> float | None:
    """Seconds until the reset of a limit that an answer calls spent; None when it says no such thing."""
    if announced(answer, limit.remaining_header) != 0:
        return None
    reset, now = (answer.header(limit.reset_header or "") or "").strip(), server_now(answer)
    if now is None or not _SECONDS.fullmatch(reset):
        return None
    return min(max(0.0, float(reset) - now), limit.window_seconds)


def announced(answer: Response, header: str | None) -> int | None:
    """The count in the named header; None when there is none."""
    text = (answer.header(header) or "").strip() if header else ""
    return int(text) if _COUNT.fullmatch(text) else None


def server_now(answer: Response) -> float | None:
    """The Date of an answer, epoch seconds."""
    return _moment(answer.header("Date") or "")


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
