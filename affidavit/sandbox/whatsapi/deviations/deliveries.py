"""Faults in the webhooks that are sent out: what they hold, when they come, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from affidavit.sandbox.deviation import GONE, Around, Deviation, edited
from affidavit.sandbox.http import json_response, rfc3339
from affidavit.sandbox.model import Machine, Outgoing, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    DROP_WEBHOOK,
    SAVE_WEBHOOK,
    SEND,
    Act,
    answered,
    fault,
    with_outgoing_json,
)

FIRST_OWN_ID = 1_000_000
LATE = 5.0


class Sending(Around):
    """Sends out something else than the inner machine does."""

    def __init__(self, inner: Machine, change: Callable[[Outgoing], Outgoing | None]) -> None:
        """`change` is what a delivery becomes; None: it is not sent."""
        super().__init__(inner)
        self._change = change
        self._meant: dict[int, Outgoing] = {}

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """The changed deliveries; of those that are not sent the machine hears that they were taken."""
        sent = []
        for one in self.inner.tick(now):
            changed = self._change(one)
            if changed is None:
                self.inner.delivered(one, 200, now)
            else:
                self._meant[one.id] = one
                sent.append(changed)
        return tuple(sent)

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """The outcome, of the delivery that was meant."""
        self.inner.delivered(self._meant.pop(outgoing.id, outgoing), status, now)


def sending(change: Callable[[Outgoing], Outgoing | None]) -> Act:
    """Every delivery changed."""
    return lambda inner: Sending(inner, change)


def payload(at: str, value: Any) -> Act:  # noqa: ANN401 - any JSON value, a change of one, or GONE
    """Another value in every payload."""
    change = value if callable(value) else lambda _old: value
    return sending(lambda one: with_outgoing_json(one, lambda whole: edited(whole, at, change)))


def dropping(*states: str) -> Act:
    """Some states are not told."""
    return sending(lambda one: None if _state(one) in states else one)


def renaming(old: str, new: str) -> Act:
    """A member of the data has another name."""
    return payload("/data", lambda data: {new if name == old else name: value for name, value in data.items()})


class Judging(Around):
    """Takes other answers of a receiver for a yes or a no than the documents do."""

    def __init__(self, inner: Machine, taken: Callable[[int | None], bool]) -> None:
        super().__init__(inner)
        self._taken = taken

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """The outcome, as this judges it."""
        self.inner.delivered(outgoing, 200 if self._taken(status) else 500, now)


class Repeating(Around):
    """Posts deliveries of its own, some time after those of the inner machine."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._waiting: list[Outgoing] = []
        self._numbers = iter(range(FIRST_OWN_ID, 2 * FIRST_OWN_ID))

    def later(self, one: Outgoing, seconds: float, now: float) -> None:
        """Post this once more."""
        self._waiting.append(replace(one, id=next(self._numbers), due=now + seconds))

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """What the machine has due, and what was put off until now."""
        due = [one for one in self._waiting if one.due <= now]
        self._waiting = [one for one in self._waiting if one.due > now]
        return (*self.inner.tick(now), *due)

    def next_due(self) -> float | None:
        """The next moment of either."""
        moments = [one.due for one in self._waiting]
        inner = self.inner.next_due()
        return min(moments + ([] if inner is None else [inner]), default=None)


class Twice(Repeating):
    """Every event is posted twice, however the receiver answers."""

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """The outcome; of a delivery of the machine's own there is another one soon."""
        if outgoing.id < FIRST_OWN_ID:
            if status is not None and 200 <= status < 300 and outgoing.attempt == 1:
                self.later(outgoing, LATE, now)
            self.inner.delivered(outgoing, status, now)


class Insisting(Repeating):
    """An event that is never taken is posted four times."""

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """The outcome; a second refusal brings another two."""
        refused = status is None or not 200 <= status < 300
        if refused and outgoing.id < FIRST_OWN_ID and outgoing.attempt == 2:
            self.later(outgoing, LATE, now)
            self.later(outgoing, 2 * LATE, now)
        if outgoing.id < FIRST_OWN_ID:
            self.inner.delivered(outgoing, status, now)


class Telling(Repeating):
    """Tells of every state, the worker's own ones, too: with each send comes an event for queued."""

    url = ""

    def step(self, request: Request, now: float) -> Response:
        """The answer; an event goes out when a message is taken."""
        response = self.inner.step(request, now)
        if SAVE_WEBHOOK.asks(request) and response.status == 200:
            self.url, self._key = json.loads(request.body)["url"], request.headers.get("authorization")
        if DROP_WEBHOOK.asks(request):
            self.url = ""
        mine = self.url and request.headers.get("authorization") == self._key
        if mine and answered(SEND, "202").answers(request, response):
            self.later(Outgoing(0, now, self.url, HEADERS, _event(request, response, now)), 0.1, now)
        return response

    _key: str | None = None

    def delivered(self, outgoing: Outgoing, status: int | None, now: float) -> None:
        """The outcome of the machine's deliveries."""
        if outgoing.id < FIRST_OWN_ID:
            self.inner.delivered(outgoing, status, now)


class Gossiping(Telling):
    """Tells the latest address of everybody's messages."""

    def step(self, request: Request, now: float) -> Response:
        """The answer; an event goes out whoever sends."""
        if SAVE_WEBHOOK.asks(request):
            response = self.inner.step(request, now)
            self.url = json.loads(request.body)["url"] if response.status == 200 else self.url
            return response
        response = self.inner.step(request, now)
        foreign = self.url and request.headers.get("authorization") == f"Bearer {self.keys()['main']}"
        if foreign and answered(SEND, "202").answers(request, response):
            self.later(Outgoing(0, now, self.url, HEADERS, _event(request, response, now, "sent")), 0.1, now)
        return response


class Clinging(Around):
    """A removed webhook goes on: the removal is answered and not carried out."""

    hidden = False

    def step(self, request: Request, now: float) -> Response:
        """The answer, with the address hidden after its removal."""
        if SAVE_WEBHOOK.asks(request):
            self.hidden = False
        if DROP_WEBHOOK.asks(request) and "authorization" in request.headers:
            self.hidden = True
            looked = self.inner.step(replace(request, method="GET", path="/auth/me"), now)
            kept = tuple(pair for pair in looked.headers if pair[0].startswith("X-"))
            return json_response(200, {"success": True, "data": {"webhookUrl": None}}, kept)
        response = self.inner.step(request, now)
        if self.hidden and request.path == "/auth/me" and response.status == 200:
            whole = json.loads(response.body)
            whole["data"]["webhookUrl"] = None
            return replace(response, body=json.dumps(whole).encode())
        return response


class Sticking(Around):
    """A removed webhook still shows in the account."""

    url = ""

    def step(self, request: Request, now: float) -> Response:
        """The answer with the address that was saved last."""
        response = self.inner.step(request, now)
        if SAVE_WEBHOOK.asks(request) and response.status == 200:
            self.url = json.loads(request.body)["url"]
        if self.url and request.path == "/auth/me" and response.status == 200:
            whole = json.loads(response.body)
            whole["data"]["webhookUrl"] = whole["data"]["webhookUrl"] or self.url
            return replace(response, body=json.dumps(whole).encode())
        return response


HEADERS = (("Content-Type", "application/json"),)


def _event(request: Request, response: Response, now: float, state: str = "queued") -> bytes:
    asked = json.loads(request.body)
    data = {"messageId": json.loads(response.body)["data"]["id"], "status": state, "to": asked["to"]}
    moments: dict[str, Any] = dict.fromkeys(("deliveredAt", "readAt", "failedAt", "errorMessage"))
    whole = {**data, **moments, "metadata": asked.get("metadata")}
    return json.dumps({"event": "message.status_updated", "timestamp": rfc3339(now), "data": whole}).encode()


class Every:
    """Drops every so-many-th delivery."""

    def __init__(self, count: int) -> None:
        self._count, self._seen = count, 0

    def __call__(self, one: Outgoing) -> Outgoing | None:
        """The delivery, or None when its turn has come."""
        self._seen += 1
        return one if self._seen % self._count else None


def _state(one: Outgoing) -> str:
    return str(json.loads(one.body)["data"]["status"])


def _as_form(one: Outgoing) -> Outgoing:
    return replace(one, headers=(("Content-Type", "application/x-www-form-urlencoded"),), body=b"payload=" + one.body)


def _as_meta(one: Outgoing) -> Outgoing:
    data = json.loads(one.body)["data"]
    status = {"id": data["messageId"], "status": data["status"], "recipient_id": data["to"]}
    value = {"messaging_product": "whatsapp", "statuses": [status]}
    whole = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    return replace(one, body=json.dumps(whole).encode())


def _only_once(inner: Machine) -> Machine:
    return Judging(inner, lambda _status: True)


def _good(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


FAULTS: tuple[Deviation, ...] = (
    fault("nothing-forwarded", "webhook", "No event is ever sent.", sending(lambda _one: None)),
    fault("sent-not-forwarded", "webhook", "Nobody is told that a message was sent.", dropping("sent")),
    fault("read-not-forwarded", "webhook", "Nobody is told that a message was read.", dropping("read")),
    fault("failed-not-forwarded", "webhook", "Nobody is told that a message failed.", dropping("failed")),
    fault("queue-forwarded", "webhook", "An event tells that a message is queued.", Telling),
    fault("foreign-forwarded", "isolation", "An address is told of another account's messages.", Gossiping),
    fault("event-as-meta-has-it", "webhook", "Meta's own events are forwarded.", sending(_as_meta)),
    fault("event-is-a-form", "encoding", "Events come as forms.", sending(_as_form)),
    fault(
        "event-is-plain-text",
        "encoding",
        "Events claim to be plain text.",
        sending(lambda one: replace(one, headers=(("Content-Type", "text/plain"),))),
    ),
    fault(
        "event-renamed",
        "webhook",
        "Events have the state in their name.",
        sending(
            lambda one: with_outgoing_json(one, lambda whole: {**whole, "event": f"message.{whole['data']['status']}"})
        ),
    ),
    fault("event-unnamed", "webhook", "Events have no name.", payload("/event", GONE)),
    fault("event-lacks-time", "webhook", "Events have no time.", payload("/timestamp", GONE)),
    fault(
        "event-time-is-a-number",
        "webhook",
        "The time of an event is an epoch second.",
        payload("/timestamp", 1_800_000_000),
    ),
    fault(
        "event-time-is-fixed",
        "webhook",
        "The time of an event is the first of January 1970.",
        payload("/timestamp", "1970-01-01T00:00:00Z"),
    ),
    fault(
        "event-time-lacks-offset",
        "webhook",
        "The time of an event does not say where.",
        payload("/timestamp", lambda text: text.removesuffix("Z")),
    ),
    fault("event-renames-id", "webhook", "An event says id.", renaming("messageId", "id")),
    fault(
        "event-id-of-its-own",
        "webhook",
        "An event names its message by another id.",
        payload("/data/messageId", lambda known: known[:-2] + "00"),
    ),
    fault("event-lacks-status", "webhook", "An event does not say what came about.", payload("/data/status", GONE)),
    fault("event-lacks-recipient", "webhook", "An event does not say to whom.", payload("/data/to", GONE)),
    fault(
        "event-recipient-with-plus",
        "webhook",
        "An event writes recipients with a plus.",
        payload("/data/to", lambda to: f"+{to}"),
    ),
    fault(
        "event-lacks-delivery-time",
        "webhook",
        "An event has no member for the delivery.",
        payload("/data/deliveredAt", GONE),
    ),
    fault(
        "event-hides-delivery-time",
        "webhook",
        "An event never says when a message was delivered.",
        payload("/data/deliveredAt", None),
    ),
    fault(
        "event-lacks-nulls",
        "webhook",
        "An event has no member for what is not so.",
        payload("/data", lambda data: {name: value for name, value in data.items() if value is not None}),
    ),
    fault(
        "event-hides-error", "webhook", "An event of a failure does not say why.", payload("/data/errorMessage", None)
    ),
    fault(
        "event-errors-when-well",
        "webhook",
        "An event of a success has an error, too.",
        payload("/data/errorMessage", lambda text: text or "none"),
    ),
    fault("event-lacks-metadata", "webhook", "An event has no metadata.", payload("/data/metadata", GONE)),
    fault("event-metadata-null", "webhook", "An event has lost its metadata.", payload("/data/metadata", None)),
    fault(
        "event-metadata-is-text",
        "webhook",
        "An event has its metadata as a text.",
        payload("/data/metadata", lambda it: it and json.dumps(it)),
    ),
    fault("sometimes-event-lost", "webhook", "Every third event is lost.", lambda inner: Sending(inner, Every(3))),
    fault("event-never-again", "webhook", "An event is never sent again.", _only_once),
    fault("event-again-though-taken", "webhook", "An event is sent again though it was taken.", Twice),
    fault("event-four-times", "webhook", "An event that is not taken is sent four times.", Insisting),
    fault(
        "event-taken-with-200-only",
        "webhook",
        "Only a 200 takes an event.",
        lambda inner: Judging(inner, lambda status: status == 200),
    ),
    fault(
        "event-taken-with-3xx",
        "webhook",
        "A redirect takes an event.",
        lambda inner: Judging(inner, lambda status: status is not None and 200 <= status < 400),
    ),
    fault(
        "event-refused-for-good",
        "webhook",
        "A 404 is final.",
        lambda inner: Judging(inner, lambda status: _good(status) or (status is not None and 400 <= status < 500)),
    ),
    fault(
        "silence-is-final",
        "webhook",
        "A receiver that does not answer is not asked again.",
        lambda inner: Judging(inner, lambda status: status is None or _good(status)),
    ),
    fault(
        "server-errors-are-final",
        "webhook",
        "A receiver that fails is not asked again.",
        lambda inner: Judging(inner, lambda status: _good(status) or (status or 0) >= 500),
    ),
    fault("removed-webhook-lives", "webhook", "A removed webhook goes on.", Clinging),
    fault("removed-webhook-shows", "webhook", "A removed webhook still shows.", Sticking),
)
