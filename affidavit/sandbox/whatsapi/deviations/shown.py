"""Faults in what is shown of a message, where it is sent and where it is read."""

from __future__ import annotations

import json
from dataclasses import replace

from affidavit.sandbox.deviation import Around, Deviation, edited, with_json
from affidavit.sandbox.model import Machine, Outgoing, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    RETRY,
    answer,
    answered,
    fault,
    member,
    object_of,
    renamed,
    with_outgoing_json,
    without,
)
from affidavit.sandbox.whatsapi.deviations.messages import (
    ACCEPTED,
    ARRIVED,
    READ,
    later,
    shifted,
    when,
)


class ShortIds(Around):
    """Ids are short words: the first part of a UUID."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._real: dict[str, str] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer, with ids turned around on both ways."""
        for short, known in self._real.items():
            if short in request.path:
                request = replace(request, path=request.path.replace(short, known))
                break
        response = self.inner.step(request, now)
        if any(place.answers(request, response) for place in (ACCEPTED, READ, answered(RETRY, "202"))):
            response = with_json(response, lambda whole: edited(whole, "/data/id", self._shortened))
        return response

    def tick(self, now: float) -> tuple[Outgoing, ...]:
        """The deliveries with short ids."""
        return tuple(
            with_outgoing_json(one, lambda whole: edited(whole, "/data/messageId", self._shortened))
            for one in self.inner.tick(now)
        )

    def _shortened(self, known: str) -> str:
        short = known if known.startswith("msg_") else f"msg_{known[:8]}"
        self._real.setdefault(short, known)
        return short


class SameIds(Around):
    """Every simulated send is answered with the id of the first."""

    first = ""

    def step(self, request: Request, now: float) -> Response:
        """The answer with the first id."""
        response = self.inner.step(request, now)
        if not ACCEPTED.answers(request, response) or object_of(request).get("dry_run") is not True:
            return response
        self.first = self.first or json.loads(response.body)["data"]["id"]
        return with_json(response, lambda whole: edited(whole, "/data/id", lambda _old: self.first))


SHOWN: tuple[Deviation, ...] = (
    fault("timeline-missing", "lifecycle", "A message has no history.", without(READ, "/data/timeline")),
    fault("timeline-empty", "lifecycle", "The history is empty.", when(timeline=[])),
    fault(
        "timeline-is-an-object",
        "schema",
        "The history is an object.",
        when(timeline=lambda steps: {step["status"]: step["at"] for step in steps}),
    ),
    fault(
        "timeline-newest-first",
        "lifecycle",
        "The history begins with the latest.",
        when(timeline=lambda steps: steps[::-1]),
    ),
    fault(
        "timeline-lags",
        "lifecycle",
        "The history lacks the latest state.",
        when("sent", *ARRIVED, "failed", timeline=lambda steps: steps[:-1]),
    ),
    fault(
        "timeline-begins-with-sent",
        "lifecycle",
        "The history lacks the queue.",
        when(
            "sent",
            *ARRIVED,
            timeline=lambda steps: [step for step in steps if step["status"] not in {"queued", "processing"}],
        ),
    ),
    fault("timeline-lacks-times", "schema", "The history has no moments.", without(READ, "/data/timeline/*/at")),
    fault(
        "timeline-renames-times",
        "schema",
        "The history says `timestamp`.",
        member(READ, "/data/timeline/*", lambda step: {"status": step["status"], "timestamp": step["at"]}),
    ),
    fault(
        "timeline-runs-backwards",
        "lifecycle",
        "The moments of the history run backwards.",
        when(
            *ARRIVED,
            timeline=lambda steps: [
                {**step, "at": shifted(step["at"], -60 * place)} for place, step in enumerate(steps)
            ],
        ),
    ),
    fault(
        "timeline-has-own-states",
        "schema",
        "The history has a state of its own.",
        when(
            "sent",
            *ARRIVED,
            timeline=lambda steps: [steps[0], {"status": "accepted", "at": steps[0]["at"]}, *steps[1:]],
        ),
    ),
    fault(
        "text-is-cut-on-reading",
        "echo",
        "A read text ends after 40 characters.",
        when(body=lambda text: text and text[:40]),
    ),
    fault(
        "text-is-escaped",
        "encoding",
        "A read text is escaped for HTML.",
        when(body=lambda text: text and text.replace("&", "&amp;").replace("<", "&lt;")),
    ),
    fault(
        "text-is-mangled",
        "encoding",
        "A read text has lost what is not ASCII.",
        when(body=lambda text: text and text.encode("ascii", "replace").decode()),
    ),
    fault(
        "text-on-one-line",
        "echo",
        "A read text has lost its line breaks.",
        when(body=lambda text: text and " ".join(text.splitlines())),
    ),
    fault("text-elsewhere", "schema", "The text is read back as `message`.", renamed(READ, "/data", "body", "message")),
    fault("recipient-with-plus", "echo", "A recipient is read back with a plus.", when(to=lambda to: f"+{to}")),
    fault("recipient-is-a-number", "schema", "A recipient is read back as a JSON number.", when(to=int)),
    fault("recipient-masked", "echo", "A recipient is read back in part.", when(to=lambda to: to[:-4] + "0000")),
    fault("metadata-lost", "echo", "Metadata is not kept.", when(metadata=None)),
    fault("metadata-is-text", "echo", "Metadata comes back as text.", when(metadata=lambda it: it and json.dumps(it))),
    fault(
        "metadata-values-are-text",
        "echo",
        "The values of metadata come back as text.",
        when(metadata=lambda it: it and {name: str(value) for name, value in it.items()}),
    ),
    fault(
        "metadata-keys-fold",
        "echo",
        "The names in metadata come back in lower case.",
        when(metadata=lambda it: it and {name.lower(): value for name, value in it.items()}),
    ),
    fault(
        "another-message-is-read",
        "echo",
        "A message is read under another id.",
        when(id=lambda it: it[:-2] + "00"),
    ),
    fault(
        "message-unwrapped",
        "schema",
        "A message is not under data.",
        answer(READ, lambda _request, response: with_json(response, lambda whole: whole["data"])),
    ),
    fault("send-lacks-id", "schema", "The answer to a send has no id.", without(ACCEPTED, "/data/id")),
    fault(
        "send-renames-id",
        "schema",
        "The answer to a send says messageId.",
        renamed(ACCEPTED, "/data", "id", "messageId"),
    ),
    fault("send-lacks-flag", "schema", "The answer to a send flags nothing.", without(ACCEPTED, "/success")),
    fault(
        "send-flags-text",
        "schema",
        "The answer to a send flags success in a text.",
        member(ACCEPTED, "/success", "true"),
    ),
    fault(
        "send-lacks-schedule",
        "schema",
        "The answer to a send does not say what it is scheduled for.",
        without(ACCEPTED, "/data/scheduledFor"),
    ),
    fault(
        "schedule-is-local",
        "echo",
        "The answer to a scheduled send is an hour off.",
        member(ACCEPTED, "/data/scheduledFor", later(3600)),
    ),
    fault(
        "schedule-is-a-day",
        "schema",
        "The answer to a scheduled send gives the day.",
        member(ACCEPTED, "/data/scheduledFor", lambda text: text and text[:10]),
    ),
    fault(
        "unscheduled-has-a-time",
        "schema",
        "A message that is sent at once has a time.",
        member(ACCEPTED, "/data/scheduledFor", lambda text: text or "2027-01-15T08:00:00Z"),
    ),
    fault("ids-are-not-uuids", "schema", "Ids are short words.", ShortIds),
    fault("ids-come-twice", "schema", "Every simulated send gets the id of the first.", SameIds),
)

FAULTS = SHOWN
