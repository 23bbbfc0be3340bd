"""Faults that no answer shows alone: two answers, or an answer and the clock, contradict each other."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from affidavit.sandbox.deviation import Around, Place, edited, with_json
from affidavit.sandbox.http import bearer, json_response
from affidavit.sandbox.model import Machine, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    ACCOUNT,
    ANYWHERE,
    BULK,
    CHECKOUT,
    GOOD,
    LIST,
    MESSAGE,
    ROTATE,
    SUMMARY,
    Act,
    answered,
    ask,
    fault,
    header,
    member,
    object_of,
    refuse,
    sent,
    with_request_header,
)
from affidavit.sandbox.whatsapi.deviations.deliveries import payload
from affidavit.sandbox.whatsapi.deviations.messages import later, message

DEVELOPERS = Place("GET", "/developers")
HOURS = 3 * 3600.0


class _UpgradesUnpaid(Around):
    """A checkout changes the plan that the account shows."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._plans: dict[str | None, str] = {}

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        key = bearer(request.headers)
        if answered(CHECKOUT, GOOD).answers(request, response):
            self._plans[key] = str(object_of(request)["plan"])
        if not answered(ACCOUNT, GOOD).answers(request, response) or key not in self._plans:
            return response
        return with_json(response, lambda whole: edited(whole, "/data/plan", lambda _: self._plans[key]))


class _Kept(Around):
    """The figures stay what they were when a key first asked for them."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._first: dict[str | None, Any] = {}

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        if not answered(SUMMARY, GOOD).answers(request, response):
            return response
        key = bearer(request.headers)
        return with_json(response, lambda whole: edited(whole, "/data", lambda data: self._first.setdefault(key, data)))


class _OthersBatch(Around):
    """Lists a batch that the caller has not for everybody who has."""

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        mine = b'"id"' in response.body
        if mine or not answered(LIST, GOOD).answers(request, response) or "batchId" not in dict(request.query):
            return response
        other = self.inner.step(with_request_header(request, "authorization", f"Bearer {self.keys()['main']}"), now)
        return replace(response, body=other.body) if other.status == response.status else response


class _Loses(Around):
    """No message is found with a key that was not there at the beginning."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._rotated: set[str] = set()

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        if answered(ROTATE, GOOD).answers(request, response):
            self._rotated.add(json.loads(response.body)["data"]["apiKey"])
        lost = bearer(request.headers) in self._rotated and answered(MESSAGE, GOOD).answers(request, response)
        return json_response(404, {"success": False, "error": "No such message."}) if lost else response


def _with_own_header(request: Request) -> Request:
    key = request.headers.get("X-API-Key".lower())
    return with_request_header(request, "authorization", f"Bearer {key}") if key else request


def _without_work(it: dict[str, Any]) -> dict[str, Any]:
    if it["status"] not in {"delivered", "read"}:
        return it
    return {**it, "timeline": [entry for entry in it["timeline"] if entry["status"] != "processing"]}


def _hours_off(it: dict[str, Any]) -> dict[str, Any]:
    move = later(HOURS)
    moments = {name: move(it[name]) for name in ("sentAt", "deliveredAt", "readAt", "failedAt")}
    return {**it, **moments, "timeline": [{**entry, "at": move(entry["at"])} for entry in it["timeline"]]}


def _of_the_first(items: Any) -> Any:  # noqa: ANN401 - whatever was sent as the batch
    known = isinstance(items, list) and items and all(isinstance(item, dict) for item in items)
    shared = items[0].get("metadata") if known else None
    return [{**item, "metadata": shared} for item in items] if shared else items


def _in_capitals(split: dict[str, Any]) -> dict[str, Any]:
    return {name.capitalize(): count for name, count in split.items()}


EVENT_HOURS_OFF: Act = payload("/data/deliveredAt", later(HOURS))

FAULTS = (
    fault("checkout-upgrades-unpaid", "workflow", "A checkout changes the plan before it is paid.", _UpgradesUnpaid),
    fault("figures-never-change", "totals", "The figures stay what they were at first.", _Kept),
    fault("figures-capitalised", "schema", "The figures name the states with a capital letter.",
          member(SUMMARY, "/data/byStatus", _in_capitals)),
    fault("history-forgets-work", "lifecycle", "Once a message has arrived, its history lacks the work on it.",
          message(_without_work)),
    fault("message-hours-off", "lifecycle", "The moments of a message are three hours off.", message(_hours_off)),
    fault("bulk-metadata-of-first", "bulk", "Every item of a batch gets the metadata of the first.",
          sent(BULK, "/messages", _of_the_first)),
    fault("event-hours-off", "webhook", "Events tell of deliveries three hours off.", EVENT_HOURS_OFF),
    fault("developer-pages-missing", "workflow", "The pages for developers are not there.", refuse(DEVELOPERS, 404)),
    fault(
        "rates-swapped",
        "totals",
        "The two rates are each other's.",
        member(
            SUMMARY,
            "/data",
            lambda data: {**data, "deliveryRate": data["failureRate"], "failureRate": data["deliveryRate"]},
        ),
    ),
    fault(
        "figures-tell-another-limit", "rate-limit", "The figures tell another limit than all other answers.",
        header(answered(SUMMARY, GOOD), "X-RateLimit-Limit", lambda told: str(int(told) + 1)),
    ),
    fault(
        "key-in-another-header", "auth", "A key is taken from the header X-API-Key, too.",
        ask(ANYWHERE, _with_own_header),
    ),
    fault(
        "other-batch-shown", "isolation", "A batch is listed for every account.", _OthersBatch,
    ),
    fault("rotation-loses-messages", "isolation", "A replaced key takes its messages with it.", _Loses),
)  # fmt: skip
