"""Runs made for the tests of reports: hostile text everywhere, and the result lines of limits and load."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from affidavit.exchange import Exchange, Request, Response
from affidavit.finding import Finding, Verdict, VerdictKind
from affidavit.load.outcome import Journey, Kind, Outcome
from affidavit.load.results import Results, line_of
from affidavit.report.replay import Replay
from affidavit.report.runs import Run

ATTACK = "</script><img src=x onerror=\"document.title='attacked'\"><script>document.title='attacked'</script>"
HOSTILE = f"{ATTACK} \u202e `` ``` | <b> ]]> \x00 \ud800 %0a::error::x +12025550101 \" ' &amp; {{{{ 7 * 7 }}}}"
LONG_LINE = "x" * 1_000_000


def hostile_run(run: Run) -> Run:
    """The run with text in every place where a provider can put some."""
    asked = Request("POST", f"http://h/{HOSTILE}", f"/{HOSTILE}", (("q", HOSTILE),), (("X-A", HOSTILE),), HOSTILE)
    body = json.dumps({"data": {"id": HOSTILE, HOSTILE: 1}, "n": 2}, ensure_ascii=False)
    answer = Response(299, (("X-B", HOSTILE),), body)
    exchange = Exchange(1, "chatmaid", None, "a/b", None, asked, answer, None, 0.5, 0.1)
    silent = replace(exchange, seq=2, response=None, error=HOSTILE)
    endless = replace(exchange, seq=3, response=replace(answer, body=LONG_LINE))
    findings = (
        Finding("answers", HOSTILE, HOSTILE, (1,), "/data/id"),
        Finding("answers", "an answer", HOSTILE, (2,)),
        Finding("answers", "a short line", "a long one", (3,), f"/{HOSTILE}"),
    )
    verdict = Verdict("chatmaid", "CM-001", VerdictKind.BROKEN, HOSTILE, findings, (1, 2, 3), 3)
    exchanges = (exchange, silent, endless)
    recorded = replace(run.recorded, exchanges=exchanges, deliveries=(), complete=False, reason=HOSTILE)
    evidence = replace(run.result.evidence, exchanges=exchanges)
    result = replace(run.result, verdicts=[verdict], evidence=evidence)
    return replace(run, recorded=recorded, result=result, replay=Replay("KEY", Path("bodies"), HOSTILE))


def measured_run(run: Run) -> Run:
    """The run as if it had searched for limits and put on load, with no claims."""
    lines = ({"kind": "limits", **limits_line()}, {"kind": "load", **load_line()})
    recorded = replace(run.recorded, manifest={**run.recorded.manifest, "what": "load"}, results=lines)
    return replace(run, recorded=recorded, result=replace(run.result, verdicts=[]))


def limits_line() -> dict[str, Any]:
    """A window of 5 requests in 10 s: 5 admitted and 2 refused at once, then again after 10 s."""
    trace = [[at + 0.01 * number, at + 0.01 * number + 0.005, 200 if number < 5 else 429, max(0, 4 - number)]
             for at in (0.0, 10.0) for number in range(7)]  # fmt: skip
    return {
        "provider": "chatmaid", "role": "main", "operation": "getAccount", "mode": "active",
        "family": "fixed-window-first", "limit": {"low": 5, "best": 5, "high": 5},
        "window": {"low": 9.9, "best": 10, "high": 10.1}, "counts_refused": False, "trace": trace, "stopped": "",
        "posterior": {"fixed-window-first": 0.98}, "slack": {"tested": 4, "kept": 4},
        "audit": [{"id": "missing", "found": "missing", "expected": "a wait", "got": ATTACK, "exchanges": []}],
    }  # fmt: skip


def load_line() -> dict[str, Any]:
    """100 requests a second apart by 0.1 s, every tenth refused, and a message on its way."""
    results = Results("chatmaid", "steady")
    for number in range(100):
        kind = Kind.LIMITED if number % 10 == 9 else Kind.OK
        start = number / 10
        status = 429 if kind is Kind.LIMITED else 200
        results.add(Outcome(start, start + 0.01, start + 0.06, "sendMessage", "main", kind, status, 100 - number, 100))
    results.add_journey(Journey(1.0, "delivered", "webhook", 3.0, 3.0))
    line = line_of(results, {"rate": 10, "arrivals": "poisson", "duration": 10}, 10.0)
    return {**line, "thresholds": [{"name": "p95", "limit": 0.01, "got": 0.06, "kept": False}]}
