"""Ids and keys from a seed: nothing here is random, everything looks it.

What is seeded is named, so that its id stays when the seed data grow; what is created later is counted. Two machines
with one seed that are asked the same things hand out the same ids.
"""

from __future__ import annotations

import hashlib
from itertools import count


class Identity:
    """The source of every id and key of one machine."""

    def __init__(self, seed: int) -> None:
        self._secret = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()
        self._numbers = count()

    def message(self) -> str:
        """The next outbound message's id."""
        return "msg_" + self._digest(b"msg %d" % next(self._numbers), 8)

    def inbound(self) -> str:
        """The next inbound message's id."""
        return "inmsg_" + self._digest(b"inmsg %d" % next(self._numbers), 8)

    def account(self, name: str) -> str:
        """The id of a seeded account."""
        return "acc_" + self._digest(f"acc {name}".encode(), 6)

    def phone(self, number: str) -> str:
        """The id of a seeded phone: 24 hex digits, as in the documents."""
        return self._digest(f"phone {number}".encode(), 12)

    def key(self, environment: str, role: str) -> str:
        """The API key of a seeded role."""
        return f"sk_{environment}_" + self._digest(f"key {role}".encode(), 16)

    def _digest(self, what: bytes, size: int) -> str:
        return hashlib.blake2b(what, digest_size=size, key=self._secret).hexdigest()
