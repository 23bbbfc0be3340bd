"""Ids and keys from a seed and a counter: nothing here is random, everything looks it.

Two machines with one seed that are asked the same things hand out the same ids. The keys of the seeded accounts come
from the seed and the role alone, so that they stay when the seed file grows.
"""

from __future__ import annotations

import hashlib
from itertools import count

KEY_PREFIX = "sk_live_"
_VARIANTS = "89ab"


class Identity:
    """The source of every id and key of one machine."""

    def __init__(self, seed: int) -> None:
        self._secret = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()
        self._numbers = count()

    def uuid(self) -> str:
        """The next id, in the shape of a version 4 UUID."""
        h = self._digest(b"uuid %d" % next(self._numbers), 16)
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{_VARIANTS[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}"

    def token(self) -> str:
        """The next opaque token of 32 hex digits."""
        return self._digest(b"token %d" % next(self._numbers), 16)

    def key(self) -> str:
        """The next API key."""
        return KEY_PREFIX + self._digest(b"key %d" % next(self._numbers), 24)

    def seeded_key(self, role: str) -> str:
        """The API key a seeded role starts with."""
        return KEY_PREFIX + self._digest(f"role {role}".encode(), 24)

    def _digest(self, what: bytes, size: int) -> str:
        return hashlib.blake2b(what, digest_size=size, key=self._secret).hexdigest()
