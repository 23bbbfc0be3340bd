"""Recorded exchanges as HAR 1.2, for the network panels of browsers and for proxies. Nothing is cut."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from affidavit.exchange import Exchange, Request, Response
from affidavit.report.rows import iso
from affidavit.report.runs import Run

UNKNOWN = -1
"""How HAR writes a size that is not known."""


def har(runs: Iterable[Run]) -> dict[str, Any]:
    """Every exchange of the runs, oldest first within each."""
    entries = [_entry(one) for run in runs for one in run.recorded.exchanges]
    creator = {"name": "Affidavit", "version": version("affidavit")}
    return {"log": {"version": "1.2", "creator": creator, "entries": entries}}


def _entry(exchange: Exchange) -> dict[str, Any]:
    milliseconds = exchange.elapsed * 1000
    return {
        "startedDateTime": iso(exchange.at),
        "time": milliseconds,
        "request": _request(exchange.request),
        "response": _response(exchange.response),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "comment": exchange.error or "",
        "_seq": exchange.seq,
        "_operation": exchange.operation,
        "_source": exchange.source,
        "_role": exchange.role,
    }


def _request(request: Request) -> dict[str, Any]:
    written: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(request.headers),
        "queryString": _pairs(request.query),
        "headersSize": UNKNOWN,
        "bodySize": _size(request.body or ""),
    }
    if request.body is not None:
        written["postData"] = {"mimeType": request.header("Content-Type") or "", "text": request.body}
    return written


def _response(response: Response | None) -> dict[str, Any]:
    body = response.body if response else ""
    content = {"size": _size(body), "mimeType": (response and response.header("Content-Type")) or "", "text": body}
    if response and response.truncated:
        content["comment"] = "the record holds only the beginning"
    return {
        "status": response.status if response else 0,
        "statusText": _phrase(response.status) if response else "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(response.headers) if response else [],
        "content": content,
        "redirectURL": (response and response.header("Location")) or "",
        "headersSize": UNKNOWN,
        "bodySize": UNKNOWN if response and response.truncated else _size(body),
    }


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
