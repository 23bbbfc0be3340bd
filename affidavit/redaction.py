"""Keep secrets out of everything that is written, without losing what a check needs to know of them.

A secret becomes a placeholder that says whose it is (or a running number for one that the provider issued) and its
shape: `⟨key main: sk_test_ + 32 hex⟩`, `⟨secret 1: sk_live_ + 48 hex⟩`. Equal secrets give equal placeholders, so
"the new key differs from the old" and "the key appears in no later answer" can be judged from the record alone.

A secret counts as shown in any spelling that gives it away: in other case, with characters percent-encoded (also
twice) or escaped as JSON does, and in Base64, whatever stands around it there.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

PLACEHOLDER = re.compile(
    r"⟨(?P<kind>key|secret) (?P<name>[\w-]+): (?P<prefix>[\w]*) \+ (?P<length>\d{1,4}) "
    r"(?P<letters>hex|HEX|Hex|alphanumeric|characters)⟩"
)
_FILLERS = {"hex": "0", "HEX": "A", "Hex": "Aa", "alphanumeric": "Z", "characters": "-"}
_LETTERS = (
    ("hex", re.compile("[0-9a-f]*")),
    ("HEX", re.compile("[0-9A-F]*")),
    ("Hex", re.compile("[0-9A-Fa-f]*")),
    ("alphanumeric", re.compile("[A-Za-z0-9]*")),
    ("characters", re.compile(".*", re.DOTALL)),
)
_ISSUED_PREFIXES = ("sk_live_", "sk_test_")
_PREFIX = re.compile(r"(sk_(?:live|test)_|[A-Za-z]{1,8}_(?:[a-z]{1,8}_)?(?=.{16}))?(.*)", re.DOTALL)
_CODE = re.compile(r"%([0-9A-Fa-f]{2})|\\u00([0-9A-Fa-f]{2})|\\(.)", re.DOTALL)
_TYPED_KEY = re.compile(r"(?i)\b[a-z]{2,4}_(?:test|live)_[A-Za-z0-9_+/=-]+")
_BEARER = re.compile(r"(?i)\b((?:bearer|basic)[\s:=]+)(?!⟨)[A-Za-z0-9._~+/=-]{16,}")
_E_MAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
MOST_CODINGS = 3
_SHORTEST_ENCODED = 8
"""Characters of Base64 that may be there by chance."""
_BASE64 = "[A-Za-z0-9+/_-]"

_LONG_NUMBER = re.compile(
    r"(?P<time>\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?)?(?!\d))"
    r"|\+?\(?\d(?:[\s()./_\u2010-\u2015\u2212-]{0,3}\d){6,}"
)
"""Seven digits or more, with what people put between them; or a day or an instant."""


class Redactor:
    """Replaces every known key, and everything that looks like a key, by its placeholder."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """Take the raw keys by role. Longer keys are replaced first, so that no key hides inside another."""
        known: dict[str, str] = {}
        for role, key in sorted(keys.items(), key=lambda pair: -len(pair[1])):
            if key:
                known.setdefault(key, f"⟨key {role}: {_shape(key)}⟩")
        self._placeholders = list(known.values())
        self._issued: dict[str, int] = {}
        self._plain = _one_of([*map(re.escape, known), _ISSUED])
        self._spelled = _one_of([*map(_spelling, known), _ISSUED_SPELLED])
        self._encoded = {core: placeholder for key, placeholder in known.items() for _, core in _cores(key)}
        self._marks = (*(key.lower() for key in known), "sk_")

    def redact(self, text: str) -> str:
        """The text without secrets."""
        if self._marked(text):
            text = self._plain.sub(self._hide, text)
        if any(map(self._marked, _decodings(text))):
            text = self._spelled.sub(self._hide, text)
        for core, placeholder in self._encoded.items():
            if core in text:
                text = text.replace(core, placeholder)
        if any(core in text for core in _ISSUED_CORES):
            text = _ISSUED_ENCODED.sub(self._hide_encoded, text)
        return text

    def _marked(self, text: str) -> bool:
        folded = text.lower()
        return any(mark in folded for mark in self._marks)

    def _hide(self, found: re.Match[str]) -> str:
        which = (found.lastindex or 0) - 1
        if which < len(self._placeholders):
            return self._placeholders[which]
        *_, secret = found[0], *_decodings(found[0])
        return self._issue(secret)

    def _hide_encoded(self, found: re.Match[str]) -> str:
        # What is left over at the end is no whole byte.
        code = (_ISSUED_CORES[found[1]] + found[0]).replace("-", "+").replace("_", "/")
        raw = b64decode(code[: len(code) // 4 * 4]).decode("latin-1")
        secret = _KEY_LIKE.search(raw)
        return self._issue(secret[0] if secret else found[0])

    def _issue(self, secret: str) -> str:
        number = self._issued.setdefault(secret, len(self._issued) + 1)
        return f"⟨secret {number}: {_shape(secret)}⟩"


def masked(text: str) -> str:
    """The text with everything that looks like a key hidden, for messages about what somebody typed."""
    return _TYPED_KEY.sub("⟨a key⟩", text)


def for_others(text: str) -> str:
    """The text for a page that leaves the house: no phone number, e-mail address, or anything that may be a key.

    A record has no keys in it when the tool wrote it; one that was put together by hand may.
    """
    text = _TYPED_KEY.sub("⟨a key⟩", Redactor({}).redact(text))
    text = _BEARER.sub(r"\1⟨a key⟩", text)
    return without_numbers(_E_MAIL.sub("⟨an address⟩", text))


def without_numbers(text: str) -> str:
    """The text with the digits of everything that may be a phone number hidden; days and instants stay."""
    return _LONG_NUMBER.sub(lambda found: found["time"] or re.sub(r"\d", "#", found[0]), text)


def expand(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A stand-in of the same shape for every placeholder in a string; other values as they are."""
    if isinstance(value, str) and "⟨" in value:
        return PLACEHOLDER.sub(_sample, value)
    return value


def _shape(secret: str) -> str:
    prefix, rest = (group or "" for group in _PREFIX.fullmatch(secret).groups())  # type: ignore[union-attr]  # matches any text
    letters = next(name for name, pattern in _LETTERS if pattern.fullmatch(rest))
    return f"{prefix} + {len(rest)} {letters}"


def _sample(found: re.Match[str]) -> str:
    length = int(found["length"])
    return found["prefix"] + (_FILLERS[found["letters"]] * length)[:length]


def _one_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Any of the patterns, each a group."""
    return re.compile("|".join(f"({one})" for one in patterns), re.IGNORECASE | re.ASCII)


def _decodings(text: str) -> Iterator[str]:
    """The text with percent-encoding and JSON's escapes undone once, then once more, as often as it can have sense."""
    for _ in range(MOST_CODINGS):
        if "%" not in text and "\\" not in text:
            return
        text = _CODE.sub(lambda found: found[3] or chr(int(found[1] or found[2], 16)), text)
        yield text


def _spelling(key: str) -> str:
    """A pattern of every spelling of the key."""
    return "".join(
        rf"(?:\\{{0,7}}{re.escape(letter)}|%(?:25)*{ord(letter):02x}|\\+u{ord(letter):04x})" for letter in key
    )


def _cores(key: str) -> list[tuple[str, str]]:
    """What stands in any Base64 of a text that holds the key, and what would stand before it after zeros.

    Three bytes make four characters, so it depends on how many bytes come before. The characters at both ends also
    depend on what is around, and are left out.
    """
    found = []
    for before in range(3):
        raw = bytes(before) + key.encode()
        code = b64encode(raw).decode()
        start, end = -(-before * 8 // 6), len(raw) * 8 // 6
        core = code[start:end]
        if len(core) >= _SHORTEST_ENCODED:
            found += [(code[:start], one) for one in dict.fromkeys((core, core.replace("+", "-").replace("/", "_")))]
    return found


_ISSUED = "(?:" + "|".join(_ISSUED_PREFIXES) + ")[A-Za-z0-9_-]{12,}"
_KEY_LIKE = _one_of([_ISSUED])
_ISSUED_SPELLED = (
    "(?:"
    + "|".join(map(_spelling, _ISSUED_PREFIXES))
    + r")(?:[A-Za-z0-9_-]|%(?:25)*[0-9a-f]{2}|\\+u00[0-9a-f]{2}){12,}"
)
_ISSUED_CORES = {core: before for prefix in _ISSUED_PREFIXES for before, core in _cores(prefix)}
_ISSUED_ENCODED = re.compile(f"({'|'.join(_ISSUED_CORES)}){_BASE64}{{16,}}")
