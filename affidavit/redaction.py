"""Keep secrets out of everything that is written, without losing what a check needs to know of them.

A secret becomes a placeholder that says whose it is (or a running number for one that the provider issued) and its
shape: `⟨key main: sk_test_ + 32 hex⟩`, `⟨secret 1: sk_live_ + 48 hex⟩`. Equal secrets give equal placeholders, so
"the new key differs from the old" and "the key appears in no later answer" can be judged from the record alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

PLACEHOLDER = re.compile(
    r"⟨(?P<kind>key|secret) (?P<name>[\w-]+): (?P<prefix>[\w]*) \+ (?P<length>\d+) (?P<letters>\w+)⟩"
)
KEY_LIKE = re.compile(r"\b(sk_(?:live|test)_)([A-Za-z0-9_-]{12,})")
_PREFIX = re.compile(r"(sk_(?:live|test)_|[A-Za-z]+_(?:[a-z]+_)?)?(.*)", re.DOTALL)


_TYPED_KEY = re.compile(r"(?i)\b[a-z]{2,4}_(?:test|live)_[A-Za-z0-9_+/=-]+")


class Redactor:
    """Replaces every known key, and everything that looks like a key, by its placeholder."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """Take the raw keys by role. Longer keys are replaced first, so that no key hides inside another."""
        self._keys: dict[str, str] = {}
        self._issued: dict[str, int] = {}
        for role, key in sorted(keys.items(), key=lambda pair: -len(pair[1])):
            if key:
                placeholder = f"⟨key {role}: {_shape(key)}⟩"
                self._keys.setdefault(key, placeholder)
                self._keys.setdefault(quote(key, safe=""), placeholder)

    def redact(self, text: str) -> str:
        """The text without secrets."""
        lower = text.lower()
        for key, placeholder in self._keys.items():
            if key.lower() in lower:  # an echo in capitals is the key all the same
                text = re.sub(re.escape(key), placeholder.replace("\\", r"\\"), text, flags=re.IGNORECASE)
                lower = text.lower()
        if "sk_" not in lower:
            return text
        return KEY_LIKE.sub(self._issue, text)

    def _issue(self, found: re.Match[str]) -> str:
        number = self._issued.setdefault(found.group(0), len(self._issued) + 1)
        return f"⟨secret {number}: {_shape(found.group(0))}⟩"


def masked(text: str) -> str:
    """The text with everything that looks like a key hidden, for messages about what somebody typed."""
    return _TYPED_KEY.sub("⟨a key⟩", text)


def expand(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A stand-in of the same shape for every placeholder in a string; other values as they are."""
    if isinstance(value, str) and "⟨" in value:
        return PLACEHOLDER.sub(_sample, value)
    return value


def _shape(secret: str) -> str:
    prefix, rest = (group or "" for group in _PREFIX.fullmatch(secret).groups())  # type: ignore[union-attr]  # matches any text
    return f"{prefix} + {len(rest)} {_letters(rest)}"


def _letters(text: str) -> str:
    if re.fullmatch(r"[0-9a-f]*", text):
        return "hex"
    if re.fullmatch(r"[A-Za-z0-9]*", text):
        return "alphanumeric"
    return "characters"


def _sample(found: re.Match[str]) -> str:
    filler = {"hex": "0", "alphanumeric": "Z", "characters": "-"}[found["letters"]]
    return found["prefix"] + filler * int(found["length"])
