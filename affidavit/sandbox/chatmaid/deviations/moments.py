"""Other ways to write a moment, as careless servers do."""

from __future__ import annotations

from datetime import datetime

from affidavit.sandbox.http import rfc3339


def seconds(time: str | None) -> str | None:
    """Cut to the second."""
    return time and time[:19] + "Z"


def epoch(time: str | None) -> int | None:
    """Milliseconds since 1970."""
    return time and round(datetime.fromisoformat(time).timestamp() * 1000)  # type: ignore[return-value]  # None or a number


def offset(time: str | None) -> str | None:
    """With an offset in place of Z."""
    return time and time.removesuffix("Z") + "+00:00"


def trimmed(time: str | None) -> str | None:
    """Without the zeros at the end, as some libraries write it."""
    return time and time.removesuffix("Z").rstrip("0").removesuffix(".") + "Z"


def half_a_day_later(time: str | None) -> str | None:
    """Local time that calls itself UTC."""
    return time and rfc3339(datetime.fromisoformat(time).timestamp() + 12 * 3600)
