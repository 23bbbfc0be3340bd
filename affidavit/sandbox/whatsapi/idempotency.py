"""What an account's Idempotency-Keys stand for.

A key belongs to the first request that was accepted with it, for a day; a refused request leaves it free. "The same
request" is the same method, path and JSON value: neither white space nor the order of an object's keys counts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from dataclasses import dataclass

from affidavit.sandbox.model import Json

KEY = re.compile(r"[!-~]{1,255}")
"""Visible ASCII, to be matched in full."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A request that was accepted, and its answer."""

    fingerprint: bytes
    status: int
    body: bytes
    at: float


class Replays:
    """The keys of one account."""

    def __init__(self, lifetime: float) -> None:
        self._lifetime = lifetime
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def find(self, key: str, now: float) -> Kept | None:
        """What the key stands for, if anything."""
        self._forget(now)
        return self._kept.get(key)

    def keep(self, key: str, kept: Kept) -> None:
        """From now on the key stands for this."""
        self._kept[key] = kept

    def _forget(self, now: float) -> None:
        while self._kept:
            key, oldest = next(iter(self._kept.items()))
            if now - oldest.at < self._lifetime:
                return
            del self._kept[key]


def fingerprint(operation: str, value: Json) -> bytes:
    """What two requests for an operation (method and path) have in common when they are the same request."""
    canonical = json.dumps([operation, value], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=16).digest()
