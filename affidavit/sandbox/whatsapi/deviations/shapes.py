"""Variants in the shape of answers and in the course of things that no document fixes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from affidavit.sandbox.deviation import Around, Deviation, edited, with_json
from affidavit.sandbox.model import Machine, Outgoing, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    BULK,
    LIST,
    RETRY,
    SEND,
    SUMMARY,
    Act,
    answered,
    body,
    member,
    object_of,
    variant,
    with_outgoing_json,
)
from affidavit.sandbox.whatsapi.deviations.deliveries import Repeating, payload, sending
from affidavit.sandbox.whatsapi.deviations.messages import READ, message, shifted, when
from affidavit.sandbox.whatsapi.validation import parse_moment

LISTED = answered(LIST, "200")


class UpperIds(Around):
    """Ids of messages are written in capitals, and found either way."""

    def step(self, request: Request, now: float) -> Response:
        """The answer with capitals."""
        if request.path.startswith("/messages/"):
            request = replace(request, path=request.path.lower())
        response = self.inner.step(request, now)
        if request.path == "/messages/bulk" or LIST.asks(request):
            return (
                with_json(response, lambda whole: edited(whole, "/data/*/id", str.upper))
                if LIST.asks(request)
                else response
            )
        known = any(place.answers(request, response) for place in (answered(SEND, "202"), READ, answered(RETRY, "202")))
        return with_json(response, lambda whole: edited(whole, "/data/id", str.upper)) if known else response

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """The deliveries with capitals."""
        return tuple(
            with_outgoing_json(one, lambda whole: edited(whole, "/data/messageId", str.upper))
            for one in self.inner.tick(now)
        )


class BatchNames(Around):
    """Batches have short names."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._real: dict[str, str] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer, with names turned around on both ways."""
        query = tuple(
            (name, self._real.get(value, value) if name == "batchId" else value) for name, value in request.query
        )
        response = self.inner.step(replace(request, query=query), now)
        if not answered(BULK, "202").answers(request, response):
            return response
        return with_json(response, lambda whole: edited(whole, "/data/batchId", self._named))

    def _named(self, known: str) -> str:
        name = f"batch-{len(self._real) + 1}"
        self._real[name] = known
        return name


class BareSimulation(Around):
    """A simulated send is answered with an id and no more, and leaves nothing behind."""

    count = 0

    def step(self, request: Request, now: float) -> Response:
        """The answer, cut short when the send was simulated."""
        response = self.inner.step(request, now)
        if not answered(SEND, "202").answers(request, response) or object_of(request).get("dry_run") is not True:
            return response
        return with_json(replace(response, status=200), self._cut)

    def _cut(self, whole: Any) -> Any:  # noqa: ANN401 - any JSON value
        known = whole["data"]["id"][:-4] + "feed"
        return {"success": True, "data": {"id": known, "status": "simulated", "dryRun": True}}


class StillSimulation(Around):
    """A simulated message stays in the queue for good."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._simulated: set[str] = set()

    def step(self, request: Request, now: float) -> Response:
        """The answer, with simulated messages where they began."""
        response = self.inner.step(request, now)
        if answered(SEND, "202").answers(request, response) and object_of(request).get("dry_run") is True:
            self._simulated.add(json.loads(response.body)["data"]["id"])
        if READ.answers(request, response) and request.path.rpartition("/")[2] in self._simulated:
            return with_json(response, lambda whole: edited(whole, "/data", _unmoved))
        return response


def _unmoved(it: dict[str, Any]) -> dict[str, Any]:
    nothing = dict.fromkeys(("sentAt", "deliveredAt", "readAt", "failedAt", "errorMessage"))
    return {**it, **nothing, "status": it["timeline"][0]["status"], "timeline": it["timeline"][:1]}


class Slow(Around):
    """What becomes of a message shows some seconds later."""

    def __init__(self, inner: Machine, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds

    def step(self, request: Request, now: float) -> Response:
        """The answer as of a while ago, with the moments of its own pace."""
        response = self.inner.step(request, now)
        if not READ.answers(request, response):
            return response
        return with_json(response, lambda whole: edited(whole, "/data", lambda it: self._slowed(it, now)))

    def _slowed(self, it: dict[str, Any], now: float) -> dict[str, Any]:
        kept = ("queued", "scheduled")
        steps = [
            {**one, "at": one["at"] if one["status"] in kept else shifted(one["at"], self._seconds)}
            for one in it["timeline"]
        ]
        steps = [one for one in steps if (parse_moment(one["at"]) or 0) <= now]
        reached = {one["status"]: one["at"] for one in steps}
        state = steps[-1]["status"]
        failed = state == "failed"
        return {
            **it,
            "status": state,
            **{f"{name}At": reached.get(name) for name in ("sent", "delivered", "read")},
            "failedAt": steps[-1]["at"] if failed else None,
            "errorMessage": it["errorMessage"] if failed else None,
            "timeline": steps,
        }


class Remembering(Around):
    """A message that failed once keeps the reason and the moment."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._failures: dict[str, dict[str, Any]] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer with what is remembered."""
        response = self.inner.step(request, now)
        if not READ.answers(request, response):
            return response
        return with_json(response, lambda whole: edited(whole, "/data", self._reminded))

    def _reminded(self, it: dict[str, Any]) -> dict[str, Any]:
        if it["status"] == "failed":
            self._failures[it["id"]] = {name: it[name] for name in ("failedAt", "errorMessage")}
        return {**it, **self._failures.get(it["id"], {})}


class Shuffled(Repeating):
    """What a message was sent is told after it was delivered."""

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """What is due, without what is put off."""
        found = []
        for one in super().tick(now):
            if one.attempt == 1 and b'"status":"sent"' in one.body and one.id not in self._late:
                self._late[one.id] = replace(one, due=now + 3)
            else:
                found.append(one)
        due = [one for one in self._late.values() if one.due <= now and one.id not in self._told]
        self._told.update(one.id for one in due)
        return (*found, *due)

    def next_due(self) -> float | None:
        """The next moment of any."""
        moments_ = [one.due for one in self._late.values() if one.id not in self._told]
        known = super().next_due()
        return min(moments_ + ([] if known is None else [known]), default=None)

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._late: dict[int, Outgoing] = {}
        self._told: set[int] = set()


class LateRetries(Around):
    """A delivery that was not taken is tried again only after some minutes."""

    def __init__(self, inner: Machine, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds
        self._held: list[Outgoing] = []
        self._seen: set[int] = set()

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """What is due; a retry waits."""
        found = []
        for one in self.inner.tick(now):
            if one.attempt > 1:
                self._held.append(replace(one, due=now + self._seconds))
            else:
                found.append(one)
        due = [one for one in self._held if one.due <= now]
        self._held = [one for one in self._held if one.due > now]
        return (*found, *due)

    def next_due(self) -> float | None:
        """The next moment of either."""
        inner = self.inner.next_due()
        return min([one.due for one in self._held] + ([] if inner is None else [inner]), default=None)


class CapitalKeys(Around):
    """New keys are written in capitals."""

    def step(self, request: Request, now: float) -> Response:
        """The answer, with the key turned around on both ways."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if token.startswith("sk_live_"):
            known = f"{scheme} sk_live_{token[8:].lower()}"
            request = replace(request, headers={**request.headers, "authorization": known})
        response = self.inner.step(request, now)
        return with_json(response, _capitals) if response.body[:1] == b"{" and b"apiKey" in response.body else response


def _capitals(whole: Any) -> Any:  # noqa: ANN401 - any JSON value
    return edited(whole, "/data/apiKey", lambda key: f"sk_live_{key[8:].upper()}")


def _unprocessed(it: dict[str, Any]) -> dict[str, Any]:
    steps = [step for step in it["timeline"] if step["status"] != "processing"]
    return {**it, "timeline": steps, "status": "queued" if it["status"] == "processing" else it["status"]}


def listed(shape: Callable[[list[Any], dict[str, Any]], Any]) -> Act:
    """Another shape of the list."""
    return body(LISTED, lambda whole: shape(whole["data"], whole["pagination"]))


SHAPES: tuple[Deviation, ...] = (
    variant(
        "list-under-messages",
        "G-22",
        "The list stands in data.messages.",
        listed(lambda found, page: {"success": True, "data": {"messages": found, **page}}),
    ),
    variant(
        "list-under-items",
        "G-22",
        "The list stands in items.",
        listed(lambda found, page: {"items": found, "meta": page}),
    ),
    variant("list-bare", "G-22", "The list is the whole answer.", listed(lambda found, _page: found)),
    variant(
        "list-with-cursor",
        "G-22",
        "The list says only whether there is more.",
        listed(lambda found, _page: {"data": found, "hasMore": len(found) > 0}),
    ),
    variant(
        "list-of-few-members",
        "G-03",
        "Items of the list are short.",
        listed(
            lambda found, page: {
                "success": True,
                "data": [{name: item[name] for name in ("id", "to", "status")} for item in found],
                "pagination": page,
            }
        ),
    ),
    variant(
        "list-oldest-first",
        "G-22",
        "Pages show their oldest message first.",
        listed(lambda found, page: {"success": True, "data": found[::-1], "pagination": page}),
    ),
    variant("simulation-bare", "G-19", "A simulated send leaves nothing behind.", BareSimulation),
    variant("simulation-stands-still", "G-19", "A simulated message stays in the queue.", StillSimulation),
    variant("ids-in-capitals", "schema", "Ids are written in capitals.", UpperIds),
    variant("batches-have-names", "schema", "Batches have short names.", BatchNames),
    variant(
        "history-skips-processing",
        "lifecycle",
        "The history leaves out the worker's states.",
        when(timeline=lambda steps: [step for step in steps if step["status"] not in {"processing", "retrying"}]),
    ),
    variant("processing-never-shown", "lifecycle", "Nobody sees a message being processed.", message(_unprocessed)),
    variant("metadata-empty", "schema", "No metadata is an empty object.", when(metadata=lambda it: it or {})),
    variant(
        "template-in-body",
        "schema",
        "The body of a template is its name.",
        when(body=lambda text: text or "[template]"),
    ),
    variant("failure-remembered", "lifecycle", "A message keeps the reason of its first failure.", Remembering),
    variant("slow", "lifecycle", "Everything takes four seconds longer.", lambda inner: Slow(inner, 4)),
    variant(
        "figures-with-zeros",
        "schema",
        "The split names every state.",
        member(
            SUMMARY,
            "/data/byStatus",
            lambda split: {
                **dict.fromkeys(
                    ("queued", "scheduled", "processing", "retrying", "sent", "delivered", "read", "failed"), 0
                ),
                **split,
            },
        ),
    ),
    variant(
        "rates-precise",
        "G-50",
        "Rates have many decimals and leave out what was read.",
        member(
            SUMMARY,
            "/data",
            lambda data: {**data, "deliveryRate": data["byStatus"].get("delivered", 0) / max(1, data["total"])},
        ),
    ),
    variant(
        "retry-shows-message",
        "lifecycle",
        "A retry is answered with more of the message.",
        member(RETRY, "/data", lambda data: {**data, "retryCount": 1, "status": "retrying"}),
    ),
    variant("keys-in-capitals", "secret", "New keys are written in capitals.", CapitalKeys),
    variant(
        "webhook-with-sent-time",
        "G-49",
        "Events say when a message was sent.",
        payload("/data", lambda data: {**data, "sentAt": data["deliveredAt"]}),
    ),
    variant(
        "webhook-with-more",
        "G-28",
        "Events have an id, an attempt and a signature.",
        sending(
            lambda one: replace(
                with_outgoing_json(one, lambda whole: {**whole, "id": "evt_1", "data": {**whole["data"], "body": "x"}}),
                headers=(*one.headers, ("X-WhatsAPI-Signature", "sha256=00")),
            )
        ),
    ),
    variant(
        "webhook-media-type",
        "G-28",
        "Events name their charset.",
        sending(lambda one: replace(one, headers=(("Content-Type", "application/json; charset=utf-8"),))),
    ),
    variant("webhook-out-of-order", "G-28", "Events come in another order.", Shuffled),
    variant(
        "webhook-retried-late",
        "G-28",
        "A delivery is tried again after four minutes.",
        lambda inner: LateRetries(inner, 240),
    ),
)

VARIANTS = SHAPES
