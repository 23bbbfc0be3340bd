"""What an answer says about its rate limit, in whichever dialect.

| dialect | fields |
|---|---|
| ietf | `RateLimit: "name";r=50;t=30` with `RateLimit-Policy: "name";q=100;w=60` |
| ietf-7 | `RateLimit: limit=100, remaining=50, reset=30` |
| ietf-6 | `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset`, with `RateLimit-Policy: 100;w=60` |
| x | `X-RateLimit-*`, also spelt `X-Rate-Limit-*` |

`Retry-After` is read as seconds or as a date, and Chatmaid's `retryAfter` from the body. Text that is not what it
should be is treated as absent here: saying so is the audit's part.

Inelegant: of several policies in one field only the one with the least remaining is kept, since that one limits next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import http_sf

from affidavit.ratelimit.records import Reply

EPOCH_SECONDS = 1e8
"""A reset above this is no wait but a moment, in seconds; a thousand times as much, in milliseconds."""
EPOCH_MILLISECONDS = 1e11
NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True)
class Said:
    """What one answer says; None for what it does not say."""

    dialect: str | None = None
    limit: int | None = None
    remaining: int | None = None
    window: float | None = None
    """Seconds, from a policy."""
    reset: float | None = None
    """As sent: a moment or a wait, see `reset_dialect`."""
    reset_dialect: str | None = None
    """epoch-s, epoch-ms or delta-s."""
    retry_after: float | None = None
    """Seconds to wait."""
    date: float | None = None
    """The answer's own Date, epoch seconds."""

    def without_limit(self) -> Said:
        """The same without what is said of the limit; the wait and the form of Reset stay."""
        return replace(self, limit=None, remaining=None, window=None, reset=None)

    def reset_in(self, now: float) -> float | None:
        """Seconds until the reset, seen from `now` on the server's clock."""
        if self.reset is None or self.reset_dialect == "delta-s":
            return self.reset
        return self.reset / (1000 if self.reset_dialect == "epoch-ms" else 1) - now


def said(reply: Reply) -> Said:
    """What the reply says about its limit."""
    fields: dict[str, str] = {}
    for name, value in reply.headers:
        fields[name.lower()] = f"{fields[name.lower()]}, {value}" if name.lower() in fields else value
    date = moment(fields.get("date", ""))
    found = next((one for one in _dialects(fields) if one.limit is not None or one.remaining is not None), Said())
    return replace(
        found,
        reset_dialect=_reset_dialect(found.reset),
        retry_after=_retry_after(fields.get("retry-after"), reply.body, date),
        date=date,
    )


def _dialects(fields: dict[str, str]) -> Iterator[Said]:
    yield _structured(fields)
    yield _dictionary(fields.get("ratelimit", ""))
    for dialect, name in (("ietf-6", "RateLimit"), ("x", "X-RateLimit"), ("x", "X-Rate-Limit")):
        prefix = f"{name.lower()}-"
        limit, *_ = fields.get(f"{prefix}limit", "").split(",")
        yield Said(
            dialect,
            _whole(limit.partition(";")[0]),
            _whole(fields.get(f"{prefix}remaining", "")),
            _window(fields.get(f"{prefix}policy", "") or fields.get(f"{prefix}limit", "")),
            _number(fields.get(f"{prefix}reset", "")),
        )


def _structured(fields: dict[str, str]) -> Said:
    policies = dict(_list(fields.get("ratelimit-policy", "")))
    rows = [(name, row) for name, row in _list(fields.get("ratelimit", "")) if isinstance(row.get("r"), int)]
    if not rows:
        return Said()
    name, row = min(rows, key=lambda one: int(one[1]["r"]))
    policy = policies.get(name, {})
    return Said("ietf", _int(policy.get("q")), _int(row["r"]), _float(policy.get("w")), _float(row.get("t")))


def _dictionary(text: str) -> Said:
    row = {name: value[0] for name, value in _parsed(text, "dictionary", {}).items()}
    return Said("ietf-7", _int(row.get("limit")), _int(row.get("remaining")), None, _float(row.get("reset")))


def _window(text: str) -> float | None:
    """The window of the first policy of a `limit;w=seconds` list."""
    return next((_float(parameters.get("w")) for _, parameters in _list(text) if "w" in parameters), None)


def _list(text: str) -> list[tuple[Any, dict[str, Any]]]:
    rows = _parsed(text, "list", [])
    return [(name, parameters) for name, parameters in rows if not isinstance(name, list)]


def _parsed(text: str, kind: Literal["list", "dictionary"], nothing: Any) -> Any:  # noqa: ANN401 - as http_sf types it
    try:
        return http_sf.parse(text.encode(), tltype=kind) if text else nothing
    except (ValueError, TypeError):
        return nothing


def _int(value: Any) -> int | None:  # noqa: ANN401 - any bare item
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _float(value: Any) -> float | None:  # noqa: ANN401 - any bare item
    return float(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


def _whole(text: str) -> int | None:
    text = text.strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,15}", text) else None


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text) if NUMBER.fullmatch(text) else moment(text)


def _reset_dialect(reset: float | None) -> str | None:
    if reset is None:
        return None
    return "delta-s" if reset < EPOCH_SECONDS else "epoch-s" if reset < EPOCH_MILLISECONDS else "epoch-ms"


def _retry_after(header: str | None, body: str, date: float | None) -> float | None:
    if header is not None:
        if NUMBER.fullmatch(header.strip()):
            return float(header)
        until = moment(header)
        return None if until is None or date is None else max(0.0, until - date)
    return _in_body(body)


def _in_body(body: str) -> float | None:
    try:
        data = json.loads(body) if "retryAfter" in body else None
    except ValueError:
        return None
    return _float(data.get("retryAfter")) if isinstance(data, dict) else None


def moment(text: str) -> float | None:
    """Epoch seconds of a date as HTTP writes it; None for what is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
