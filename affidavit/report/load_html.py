"""The picture of a load run: requests against the limit over time, what is left, refusals and waits, for each key.

The same page stands in the web UI while the run goes on, and in `load.html` at its end: one file that opens offline and
asks for nothing. Numbers lie in it as JSON and are shown as text only; the content policy allows just its own scripts.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent
PAGE = HERE / "load_page"
SCRIPTS = (HERE / "vendor" / "uPlot.iife.min.js", PAGE / "page.js")
STYLES = (HERE / "vendor" / "uPlot.min.css", PAGE / "page.css")
UNSEEN = ("histograms", "problems", "statuses", "polls", "polls_unsettled", "delivery")
"""Fields of a line that the page does not draw."""


def picture(lines: Sequence[Mapping[str, Any]], broken_off: str = "") -> dict[str, Any]:
    """What the page draws, as plain JSON values."""
    shown = [{name: value for name, value in line.items() if name not in UNSEEN} for line in lines]
    return {"broken_off": broken_off, "scenarios": shown}


def load_html(data: Mapping[str, Any], live: str = "") -> str:
    """The page of a picture. `live` is the address that it asks for a newer one, every other second."""
    scripts = [path.read_text(encoding="utf-8") for path in SCRIPTS]
    environment = Environment(loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html").render(
        live=live,
        lines=Markup(_json(data)),  # noqa: S704 - escaped for a script element
        style=Markup("".join(path.read_text(encoding="utf-8") for path in STYLES)),  # noqa: S704 - our own files
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own files
        digests=Markup(" ".join(map(_digest, scripts))),  # noqa: S704 - base64
    )


def rows(shown: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The table in the web UI: one row per scenario and key, with what its latest answers said."""
    for line in shown["scenarios"]:
        for role, key in line["keys"].items():
            said = [one for one in key["series"] if one[5] is not None] or [(None,) * 7]
            yield {
                "scenario": line["scenario"],
                "key": role,
                "sent": key["sent"],
                "ok": key["ok"],
                "limited": key["limited"],
                "early": key["early_retries"],
                "remaining": said[-1][4],
                "limit": said[-1][5],
                "waiting": key["series"][-1][6] if key["series"] else 0,
            }


def _json(data: Mapping[str, Any]) -> str:
    """JSON that no text in it can end, whatever it holds."""
    return json.dumps(data).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
