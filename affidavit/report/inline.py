"""What a page of one file holds within itself: our own scripts and styles, the digests that allow them, and data."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from markupsafe import Markup

HERE = Path(__file__).parent
VENDOR = HERE / "vendor"


def own_files(paths: Iterable[Path]) -> Markup:
    """Our own scripts or styles, one after another."""
    return Markup("".join(path.read_text(encoding="utf-8") for path in paths))  # noqa: S704 - our own files


def digest(text: str) -> str:
    """What a content policy calls this script or style."""
    return b64encode(sha256(text.encode()).digest()).decode("ascii")


def json_in_page(value: Any) -> Markup:  # noqa: ANN401 - any JSON value
    """JSON that no HTML parser can end early."""
    text = json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704 - nothing in it can begin a tag
