"""The picture of a load run: requests against the limit over time, what is left, refusals and waits, for each key.

The same page stands in the web UI while the run goes on, and in `load.html` at its end: one file that opens offline and
asks for nothing. Numbers lie in it as JSON and are shown as text only; the content policy allows just its own scripts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from affidavit.report.inline import HERE, VENDOR, digest, json_in_page, own_files

PAGE = HERE / "load_page"
SCRIPTS = (VENDOR / "uPlot.iife.min.js", PAGE / "page.js")
STYLES = (VENDOR / "uPlot.min.css", PAGE / "page.css")
UNSEEN = ("histograms", "problems", "statuses", "polls", "polls_unsettled")
"""Fields of a line that the page does not draw."""


def picture(lines: Sequence[Mapping[str, Any]], broken_off: str = "") -> dict[str, Any]:
    """What the page draws, as plain JSON values."""
    shown = [
        {**{name: value for name, value in line.items() if name not in UNSEEN}, "delivery": _without_histograms(line)}
        for line in lines
    ]
    return {"broken_off": broken_off, "scenarios": shown}


def load_html(data: Mapping[str, Any], live: str = "") -> str:
    """The page of a picture. `live` is the address that it asks for a newer one, every other second."""
    style, script = own_files(STYLES), own_files(SCRIPTS)
    environment = Environment(loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html").render(
        live=live,
        lines=json_in_page(data),
        style=style,
        script=script,
        digest=digest(script),
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


def _without_histograms(line: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """How messages were delivered, in numbers alone."""
    return {
        way: {
            state: {name: value for name, value in one.items() if not name.endswith("histogram")}
            for state, one in states.items()
        }
        for way, states in line["delivery"].items()
    }
