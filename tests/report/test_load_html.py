from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from affidavit.load.outcome import Journey, Kind, Outcome
from affidavit.load.results import Results, line_of
from affidavit.report.load_html import load_html, picture, rows


def line(scenario: str = "mix", problem: str = "") -> dict[str, Any]:
    """Two answers for `main`, which says what is left, and one for `second`, which does not."""
    results = Results("whatsapi", scenario)
    results.add(Outcome(0.0, 0.0, 0.1, "send", "main", Kind.OK, 202, 19, 20))
    results.add(Outcome(1.0, 1.0, 1.1, "send", "main", Kind.LIMITED, 429, 0, 20, wait=5.0, problem=problem))
    results.add(Outcome(1.0, 1.0, 1.1, "send", "second", Kind.OK, 202))
    return line_of(results, {}, 2.0)


def embedded(page: str) -> Any:  # noqa: ANN401 - any JSON value
    found = re.search(r'<script type="application/json" id="lines">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_holds_what_is_drawn() -> None:
    shown = picture([line()], "the target went away")
    assert embedded(load_html(shown)) == shown
    assert shown["broken_off"] == "the target went away"
    [scenario] = shown["scenarios"]
    assert {"series", "keys", "quantiles", "recovery", "thresholds"} <= set(scenario)


def test_what_was_delivered_is_shown_without_the_histograms() -> None:
    results = Results("whatsapi", "mix")
    results.add_journey(Journey(0.0, "delivered", "polling", seen=2.0, until=2.0))
    results.add_journey(Journey(0.0, "delivered", "polling", seen=None, until=9.0))
    [scenario] = picture([line_of(results, {}, 2.0)])["scenarios"]
    one = scenario["delivery"]["polling"]["delivered"]
    assert (one["watched"], one["seen"], one["censored"], one["p95"]) == (2, 1, 1, None)
    assert not [name for name in one if "histogram" in name]


def test_no_text_ends_the_script_it_lies_in() -> None:
    hostile = "</script><script>alert(1)</script><!--"
    page = load_html(picture([line(scenario=hostile)], broken_off=hostile))
    assert hostile not in page
    assert embedded(page)["broken_off"] == hostile


def test_the_page_asks_nobody_and_runs_only_its_own_scripts() -> None:
    page = load_html(picture([line()]))
    assert "connect-src 'none'" in page
    assert not re.search(r"""(src|href)=["']?https?:""", page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    allowed = set(re.findall(r"'sha256-([^']+)'", page))
    assert {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts} == allowed


def test_only_the_living_page_asks_for_more() -> None:
    page = load_html(picture([]), live="./limits.json")
    assert 'data-live="./limits.json"' in page
    assert "connect-src 'self'" in page


def test_the_table_has_a_row_per_key_with_what_was_said_last() -> None:
    main = {"scenario": "mix", "key": "main", "sent": 2, "ok": 1, "limited": 1, "early": 0, "remaining": 0, "limit": 20}
    second = main | {"key": "second", "sent": 1, "ok": 1, "limited": 0, "remaining": None, "limit": None}
    assert list(rows(picture([line()]))) == [main | {"waiting": 0}, second | {"waiting": 0}]
