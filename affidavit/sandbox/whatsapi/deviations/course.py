"""Faults in what becomes of a message: scheduling, pauses, retries, templates, windows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Any

from affidavit.sandbox.deviation import Around, Deviation, edited, with_body, with_json
from affidavit.sandbox.http import bearer, json_response, rfc3339
from affidavit.sandbox.model import Json, Machine, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    BULK,
    RETRY,
    SEND,
    Peeking,
    answer,
    answered,
    ask,
    chain,
    fault,
    object_of,
    refuse,
    sent,
)
from affidavit.sandbox.whatsapi.deviations.messages import (
    ACCEPTED,
    DAY,
    READ,
)
from affidavit.sandbox.whatsapi.deviations.redirecting import Redirected, Windows
from affidavit.sandbox.whatsapi.validation import parse_moment


class LateReads(Around):
    """A message cannot be read until some time after it was accepted."""

    def __init__(self, inner: Machine, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds
        self._accepted: dict[str, float] = {}

    def step(self, request: Request, now: float) -> Response:
        """The answer, a 404 while the message is new."""
        response = self.inner.step(request, now)
        if ACCEPTED.answers(request, response):
            self._accepted[json.loads(response.body)["data"]["id"]] = now
        known = self._accepted.get(request.path.rpartition("/")[2])
        if READ.answers(request, response) and known is not None and now - known < self._seconds:
            kept = tuple(pair for pair in response.headers if pair[0].startswith("X-"))
            return json_response(404, {"success": False, "error": "Message not found."}, kept)
        return response


class Troubled(Around):
    """Sending is refused from the first error of WhatsApp on."""

    trouble = False

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """A control; how WhatsApp is doing is remembered."""
        if action == "upstream":
            self.trouble = arguments["mode"] != "ok"
        return self.inner.control(action, arguments, now)

    def step(self, request: Request, now: float) -> Response:
        """The answer, a 503 to a send in trouble."""
        response = self.inner.step(request, now)
        return _unavailable(response) if self.trouble and ACCEPTED.answers(request, response) else response


class NeverPauses(Peeking):
    """What WhatsApp is doing never stops a send: a pause is answered as if the message had been taken."""

    def __init__(self, inner: Machine, *, bulk_only: bool) -> None:
        super().__init__(inner)
        self._places = (BULK,) if bulk_only else (SEND, BULK)

    def step(self, request: Request, now: float) -> Response:
        """The answer, asked again as a simulated send when it is 503."""
        response = self.asked(request, now)
        if response.status != 503 or not any(place.asks(request) for place in self._places):
            return response
        role = next(role for role, key in self.keys().items() if key == bearer(request.headers))
        other = self.peek(with_body(request, _simulated), role, now)
        return replace(response, status=other.status, body=other.body)


class PausesLonger(Around):
    """A pause does not end by itself: the first send after it is refused, too."""

    paused = False

    def step(self, request: Request, now: float) -> Response:
        """The answer, a 503 to the first send that would be taken again."""
        response = self.inner.step(request, now)
        if self.paused and ACCEPTED.answers(request, response):
            self.paused = False
            return _unavailable(response)
        self.paused = self.paused or response.status == 503
        return response


class PausesReading(Around):
    """While WhatsApp is in trouble nothing answers."""

    trouble = False

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """A control; how WhatsApp is doing is remembered."""
        if action == "upstream":
            self.trouble = arguments["mode"] != "ok"
        return self.inner.control(action, arguments, now)

    def step(self, request: Request, now: float) -> Response:
        """The answer, a 503 to every reading in trouble."""
        response = self.inner.step(request, now)
        return _unavailable(response) if self.trouble and request.method == "GET" else response


class Scheduled(Around):
    """A message with a time is sent at another one; what is shown stays the time that was asked for."""

    def __init__(self, inner: Machine, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds

    def step(self, request: Request, now: float) -> Response:
        """The answer to a request for the other time."""
        wanted = object_of(request).get("sendAt") if SEND.asks(request) else None
        moment = parse_moment(wanted) if isinstance(wanted, str) else None
        if moment is None or moment <= now:
            return self.inner.step(request, now)
        moved = moment + self._seconds
        response = self.inner.step(with_body(request, lambda whole: _at(whole, moved if moved > now else None)), now)
        shown = {"status": "scheduled", "scheduledFor": wanted}
        return with_json(response, lambda whole: edited(whole, "/data", lambda data: {**data, **shown}))


def _at(whole: dict[str, Any], moment: float | None) -> dict[str, Any]:
    kept = {name: value for name, value in whole.items() if name != "sendAt"}
    return kept if moment is None else {**kept, "sendAt": rfc3339(moment)}


def _unavailable(response: Response) -> Response:
    kept = tuple(pair for pair in response.headers if pair[0].startswith("X-"))
    return json_response(503, {"success": False, "error": "Sending is paused."}, kept)


def _simulated(whole: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(whole, dict) and isinstance(whole.get("messages"), list):
        return {**whole, "messages": [{**item, "dry_run": True} for item in whole["messages"]]}
    return {**whole, "dry_run": True} if isinstance(whole, dict) else whole


def _retry_ignored(_request: Request, response: Response) -> Response:
    body = b'{"success":true,"data":{"id":"00000000-0000-4000-8000-000000000000","status":"queued"}}'
    return replace(response, status=202, body=body) if response.status == 409 else response


class DeadRetries(Around):
    """A retry is answered as if it were one, and does nothing."""

    def step(self, request: Request, now: float) -> Response:
        """The answer; a failed message is only looked at."""
        if not RETRY.asks(request):
            return self.inner.step(request, now)
        looked = replace(request, method="GET", path=request.path.removesuffix("/retry"))
        response = self.inner.step(looked, now)
        if response.status != 200 or json.loads(response.body)["data"]["status"] != "failed":
            return response if response.status != 200 else self._conflict(response)
        known = json.loads(response.body)["data"]["id"]
        kept = tuple(pair for pair in response.headers if pair[0].startswith("X-"))
        data: Json = {"id": known, "status": "queued", "scheduledFor": None}
        return json_response(202, {"success": True, "data": data}, kept)

    def _conflict(self, response: Response) -> Response:
        kept = tuple(pair for pair in response.headers if pair[0].startswith("X-"))
        return json_response(409, {"success": False, "error": "Only failed messages can be retried."}, kept)


def _of_new_accounts(inner: Machine) -> Machine:
    """The template that all may use is unknown to accounts that were registered here."""
    known = inner.keys
    unknown = {"name": "not_approved", "language": "en_US"}
    return ask(
        SEND,
        lambda request: (
            request
            if bearer(request.headers) in known().values()
            else with_body(request, lambda whole: edited(whole, "/template", lambda _old: unknown))
        ),
    )(inner)


class Connected(Peeking):
    """An account without credentials sends with those of another."""

    def step(self, request: Request, now: float) -> Response:
        """The answer to a send after somebody's credentials were lent for it."""
        if SEND.asks(request) and bearer(request.headers) == self.keys()["no_credentials"]:
            lent = b'{"whatsappAccessToken":"EAAlent","whatsappPhoneNumberId":"100000000000099"}'
            put = replace(request, method="PUT", path="/auth/me/credentials", body=lent)
            self.peek(put, "no_credentials", now)
        return self.asked(request, now)


def _batch_at_once(whole: Any) -> Any:  # noqa: ANN401 - any JSON value
    return (
        edited(
            whole,
            "/messages/*",
            lambda item: (
                {name: held for name, held in item.items() if name != "sendAt"} if isinstance(item, dict) else item
            ),
        )
        if isinstance(whole, dict)
        else whole
    )


COURSE: tuple[Deviation, ...] = (
    fault("reads-come-late", "workflow", "A message cannot be read for a while.", lambda inner: LateReads(inner, 12)),
    fault(
        "scheduled-is-sent-at-once",
        "lifecycle",
        "A message with a time is sent at once.",
        lambda inner: Scheduled(inner, -1e9),
    ),
    fault(
        "scheduled-is-early",
        "lifecycle",
        "A message with a time is sent a quarter of an hour early.",
        lambda inner: Scheduled(inner, -900),
    ),
    fault(
        "scheduled-is-late",
        "lifecycle",
        "A message with a time is sent an hour late.",
        lambda inner: Scheduled(inner, 3600),
    ),
    fault(
        "batches-are-sent-at-once",
        "bulk",
        "The time of an item of a batch is not kept.",
        ask(BULK, lambda request: with_body(request, _batch_at_once)),
    ),
    fault("trouble-refuses", "lifecycle", "A first error of WhatsApp refuses sends.", Troubled),
    fault(
        "never-pauses",
        "lifecycle",
        "WhatsApp's errors never pause sending.",
        lambda inner: NeverPauses(inner, bulk_only=False),
    ),
    fault(
        "bulk-ignores-pause",
        "lifecycle",
        "A pause lets batches through.",
        lambda inner: NeverPauses(inner, bulk_only=True),
    ),
    fault("pause-ends-by-hand", "lifecycle", "A pause ends with the next send only.", PausesLonger),
    fault("pauses-reading", "lifecycle", "A pause closes everything.", PausesReading),
    fault(
        "pause-is-500",
        "errors",
        "A pause is answered 500.",
        answer(answered(SEND, "503"), lambda _request, response: replace(response, status=500)),
    ),
    fault(
        "retry-takes-everything",
        "status",
        "Every message can be retried.",
        answer(answered(RETRY, "409"), _retry_ignored),
    ),
    fault(
        "retry-is-400",
        "status",
        "A retry in the wrong state is a bad request.",
        refuse(answered(RETRY, "409"), 400, "Only failed messages."),
    ),
    fault(
        "retry-fails",
        "lifecycle",
        "No message can be retried.",
        chain(DeadRetries, refuse(RETRY, 409, "Only failed messages.")),
    ),
    fault("retry-does-nothing", "lifecycle", "A retry changes nothing.", DeadRetries),
    fault("hello-world-not-approved", "template", "New accounts cannot use hello_world.", _of_new_accounts),
    fault("variables-lost", "template", "The values of a template are lost.", sent(SEND, "/template/components", [])),
    fault("window-ignored", "lifecycle", "Free text always arrives.", lambda inner: Windows(inner, inf)),
    fault("window-of-two-days", "lifecycle", "Free text arrives for two days.", lambda inner: Windows(inner, 2 * DAY)),
    fault(
        "window-of-half-a-day", "lifecycle", "Free text arrives for half a day.", lambda inner: Windows(inner, DAY / 2)
    ),
    fault(
        "templates-need-window",
        "template",
        "A template arrives only where free text would.",
        lambda inner: Redirected(
            inner,
            lambda body, _key, _now: "12025550103" if "template" in body and body.get("to") == "12025550150" else None,
        ),
    ),
    fault("no-credentials-needed", "workflow", "An account without credentials sends.", Connected),
)

FAULTS = COURSE
