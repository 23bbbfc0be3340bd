"""Our tab in Locust's web UI: requests against the limit over time, what is left, refusals and waits, for each key.

Locust's way to extend its UI has tables and links; the table stands in the tab, and below it a frame with the charts.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, request
from locust.web import WebUI

from affidavit.errors import UsageError
from affidavit.report.load_html import load_html, rows

TAB = "limits"
STATS = "/stats/requests"
COLUMNS = {
    "scenario": "Scenario",
    "key": "Key",
    "sent": "Requests",
    "ok": "OK",
    "limited": "429",
    "early": "Sent too early",
    "remaining": "Remaining",
    "limit": "Limit",
    "waiting": "Waiting",
}
FRAME = f"""<iframe id="{TAB}" hidden title="Requests against the limit"
  style="border:0;position:absolute;left:0;width:100%;height:85vh"></iframe>
<script>
setInterval(() => {{
  const frame = document.getElementById("{TAB}");
  const shown = new URLSearchParams(location.search).get("tab") === "{TAB}";
  if (shown && !frame.src) frame.src = "./{TAB}";
  const table = [...document.querySelectorAll("table")].pop();
  if (table) frame.style.top = `${{table.getBoundingClientRect().bottom + scrollY + 16}}px`;
  frame.hidden = !shown;
}}, 300);
</script>
"""


def add_tab(web_ui: WebUI, base: str | None, picture: Callable[[], Mapping[str, Any]]) -> None:
    """Extend the UI, whose paths begin with `base`, by what the picture of the present run shows.

    To be called before the UI has answered anything: Flask takes no routes after its first request.
    """
    structure = [{"key": key, "title": title} for key, title in COLUMNS.items()]
    web_ui.template_args |= {
        "extended_tabs": [{"title": "Limits", "key": TAB}],
        "extended_tables": [{"key": TAB, "structure": structure}],
        "extended_csv_files": [{"href": f"./{TAB}", "title": "Charts of requests against the limit"}],
    }
    pages = Blueprint(TAB, __name__, url_prefix=base or None)
    guarded: Any = web_ui.auth_required_if_enabled  # which has no types

    def page() -> str:
        return load_html(picture(), live=f"./{TAB}.json")

    def data() -> Response:
        return Response(json.dumps(picture()), mimetype="application/json")

    pages.add_url_rule(f"/{TAB}", view_func=guarded(page))
    pages.add_url_rule(f"/{TAB}.json", view_func=guarded(data))
    app: Any = web_ui.app
    app.register_blueprint(pages)
    app.after_request(lambda response: extended(response, base or "", picture))


def look_for_port(web_ui: WebUI) -> None:
    """Raises UsageError when something else listens where the UI is to be; Locust would show its own stack."""
    family = socket.AF_INET6 if ":" in web_ui.host else socket.AF_INET
    try:
        socket.create_server((web_ui.host, web_ui.port), family=family).close()
    except OSError as problem:
        why = str(problem.strerror or problem).partition(" (while")[0]  # it names the address again
        raise UsageError(
            f"the web UI cannot listen on {web_ui.host}:{web_ui.port} ({why}): "
            "choose another port with --web-port, or leave the UI out with --headless"
        ) from problem


def extended(response: Response, base: str, picture: Callable[[], Mapping[str, Any]]) -> Response:
    """Locust's own answer, with the frame in its page, and the table in its numbers."""
    path = request.path.removeprefix(base)
    if response.status_code != 200 or path not in {"/", STATS}:
        return response
    if path == "/":
        response.set_data(response.get_data(as_text=True).replace("</body>", f"{FRAME}</body>"))
    else:
        stats = {**response.get_json(), "extended_stats": [{"key": TAB, "data": [*rows(picture())]}]}
        response.set_data(json.dumps(stats))
    return response
