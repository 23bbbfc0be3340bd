"""Text that others wrote, shown as text: what would not be seen, or would reorder what is seen, gets a name."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control, bidirectional, zero-width and unpaired characters; tab and line feed stay."""


def visible(text: str) -> str:
    """The text with every character that cannot be seen written as `[U+202E]`."""
    return _UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


def as_line(text: str) -> str:
    """The visible text as one line: tabs and line feeds are named too."""
    return visible(text).replace("\t", "[U+0009]").replace("\n", "[U+000A]")


def capped(text: str, most: int) -> str:
    """The text, cut to so many characters with a word on what was left out."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def one_line(text: str, most: int = 300) -> str:
    """The text as one visible, capped line."""
    return visible(capped(" ".join(text.split()), most))
