"""Faults in the states of a message and their moments."""

from __future__ import annotations

import json

from affidavit.sandbox.deviation import Around, Deviation, edited, with_json
from affidavit.sandbox.http import rfc3339
from affidavit.sandbox.model import Machine, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    MESSAGE,
    every,
    fault,
    member,
)
from affidavit.sandbox.whatsapi.deviations.messages import (
    ACCEPTED,
    ARRIVED,
    OUTCOME,
    READ,
    back_to,
    later,
    message,
    when,
)
from affidavit.sandbox.whatsapi.deviations.redirecting import redirected


class Revived(Around):
    """A failed message is tried again by itself, and shown as sent some time later."""

    def __init__(self, inner: Machine, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds
        self._failed: dict[str, float] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer, with a failure that is long ago turned into a success."""
        response = self.inner.step(request, now)
        if not READ.answers(request, response):
            return response
        it = json.loads(response.body)["data"]
        if it["status"] != "failed":
            return response
        since = self._failed.setdefault(it["id"], now)
        if now - since < self._seconds:
            return response
        changed = {"status": "sent", "sentAt": rfc3339(now), "failedAt": None, "errorMessage": None}
        timeline = [*it["timeline"], {"status": "sent", "at": rfc3339(now)}]
        return with_json(
            response, lambda whole: edited(whole, "/data", lambda it: {**it, **changed, "timeline": timeline})
        )


STATES: tuple[Deviation, ...] = (
    fault(
        "send-says-sent",
        "lifecycle",
        "The answer to a send says sent.",
        member(ACCEPTED, "/data/status", lambda it: "sent" if it == "queued" else it),
    ),
    fault(
        "send-says-processing",
        "lifecycle",
        "The answer to a send says processing.",
        member(ACCEPTED, "/data/status", lambda it: "processing" if it == "queued" else it),
    ),
    fault(
        "scheduled-says-queued",
        "lifecycle",
        "The answer to a scheduled send says queued.",
        member(ACCEPTED, "/data/status", "queued"),
    ),
    fault(
        "scheduled-is-shown-as-queued",
        "lifecycle",
        "A message that waits for its time reads as queued.",
        when("scheduled", status="queued"),
    ),
    fault(
        "stuck-in-the-queue",
        "lifecycle",
        "A message never leaves the queue.",
        message(lambda it: {**it, **OUTCOME, "status": it["timeline"][0]["status"], "timeline": it["timeline"][:1]}),
    ),
    fault("never-delivered", "lifecycle", "A message is sent and no more.", back_to("sent", "delivered", "read")),
    fault("never-read", "lifecycle", "A message is delivered and never read.", back_to("delivered", "read")),
    fault(
        "read-falls-back",
        "lifecycle",
        "A message that was read is delivered again at every second look.",
        every(2, MESSAGE, back_to("delivered", "read")),
    ),
    fault(
        "delivered-falls-back",
        "lifecycle",
        "A delivered message is sent again at every second look.",
        every(2, MESSAGE, back_to("sent", "delivered", "read")),
    ),
    fault(
        "sent-falls-back",
        "lifecycle",
        "A sent message is in the queue again at every third look.",
        every(3, MESSAGE, back_to("queued", "processing", "sent")),
    ),
    fault("status-of-its-own", "schema", "A sent message is accepted.", when("sent", status="accepted")),
    fault(
        "failed-revives",
        "lifecycle",
        "A failed message turns out sent after a while.",
        lambda inner: Revived(inner, 20),
    ),
    fault(
        "failure-hides-its-reason", "lifecycle", "A failed message does not say why.", when("failed", errorMessage=None)
    ),
    fault(
        "failure-has-empty-reason",
        "lifecycle",
        "A failed message has an empty reason.",
        when("failed", errorMessage=""),
    ),
    fault(
        "failure-reason-is-an-object",
        "schema",
        "The reason of a failure is an object.",
        when("failed", errorMessage={"code": 131026}),
    ),
    fault("failure-hides-its-time", "lifecycle", "A failed message does not say when.", when("failed", failedAt=None)),
    fault(
        "healthy-has-error",
        "schema",
        "A message that is well has an error.",
        when("sent", *ARRIVED, "queued", "scheduled", errorMessage="OK"),
    ),
    fault(
        "healthy-has-failure-time",
        "schema",
        "A message that is well has a time of failure.",
        when("queued", "scheduled", "sent", *ARRIVED, failedAt="2027-01-15T08:00:00Z"),
    ),
    fault("sent-has-no-time", "lifecycle", "No message says when it was sent.", when(sentAt=None)),
    fault(
        "queued-has-sent-time",
        "lifecycle",
        "A message has its time of sending from the start.",
        message(lambda it: {**it, "sentAt": it["sentAt"] or it["timeline"][0]["at"]}),
    ),
    fault(
        "delivered-has-no-time", "lifecycle", "A delivered message does not say when.", when(*ARRIVED, deliveredAt=None)
    ),
    fault(
        "sent-has-delivery-time",
        "lifecycle",
        "A sent message has its time of delivery.",
        message(lambda it: {**it, "deliveredAt": it["sentAt"]} if it["status"] == "sent" else it),
    ),
    fault(
        "delivered-before-sent",
        "lifecycle",
        "Delivery comes an hour before sending.",
        when(*ARRIVED, deliveredAt=later(-3600)),
    ),
    fault(
        "read-before-delivered",
        "lifecycle",
        "Reading comes an hour before delivery.",
        when("read", readAt=later(-3600)),
    ),
    fault("read-has-no-time", "lifecycle", "A read message does not say when.", when("read", readAt=None)),
    fault(
        "times-are-numbers",
        "schema",
        "Moments are epoch seconds.",
        when(sentAt=lambda text: text and 1_800_000_000, deliveredAt=lambda text: text and 1_800_000_001),
    ),
    fault(
        "times-lack-offset",
        "schema",
        "Moments do not say where.",
        when(deliveredAt=lambda text: text and text.removesuffix("Z")),
    ),
    fault(
        "times-missing-until-they-come",
        "schema",
        "A moment that has not come is not there.",
        message(
            lambda it: {name: value for name, value in it.items() if value is not None or name in {"body", "metadata"}}
        ),
    ),
    fault(
        "transient-is-final",
        "lifecycle",
        "A passing error fails the message.",
        redirected("12025550104", "12025550103"),
    ),
    fault(
        "retries-for-ever",
        "lifecycle",
        "A message that never succeeds is retried for ever.",
        message(
            lambda it: (
                {
                    **it,
                    **OUTCOME,
                    "status": "retrying",
                    "timeline": [step for step in it["timeline"] if step["status"] != "failed"],
                }
                if it["status"] == "failed" and it["to"] == "12025550105"
                else it
            )
        ),
    ),
)

FAULTS = STATES
