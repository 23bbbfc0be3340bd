"""Faults of phones, account, usage and the inbox: what they show, and who is taken for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from affidavit.sandbox.chatmaid.deviations.lists import number
from affidavit.sandbox.chatmaid.deviations.parts import (
    CONNECTION,
    INBOX,
    LETTER,
    LIST,
    PHONE,
    PHONES,
    SEND,
    USAGE,
    Build,
    answer_to,
    asked,
    asked_query,
    body,
    json_of,
    refuse,
    row,
    status,
    to,
)
from affidavit.sandbox.chatmaid.envelope import ProblemError, failure, success
from affidavit.sandbox.chatmaid.world import PRIMARY, SUPPORT
from affidavit.sandbox.deviation import Answering, Around, Place, edited, with_body, with_json
from affidavit.sandbox.model import Machine, Request, Response

BY_NUMBER = "/v1/phone-numbers/%2B{}"


def _not_by_id(request: Request, response: Response, now: float) -> Response:
    reference = unquote(request.path.split("/")[3])
    return response if reference.startswith("+") else failure(ProblemError(404, "Phone not found"), request.path, now)


def _to_path(request: Request, path: str) -> Request:
    return replace(request, path=path)


class _Frozen(Around):
    """Connections stay for ever what they were when somebody looked first."""

    def __init__(self, inner: Machine, place: Place) -> None:
        super().__init__(inner)
        self._place = place
        self._seen: dict[str, Response] = {}

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        if response.status != 200 or not self._place.asks(request):
            return response
        return self._seen.setdefault(request.path, response)


class _Live(Around):
    """A live send from a phone that is not connected is accepted, from a phone that is."""

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        refused = SEND.asks(request) and response.status == 400 and "not connected" in response.body.decode()
        if not refused:
            return response
        return self.inner.step(_from(SUPPORT, request), now)


def _from(phone: str, request: Request) -> Request:
    return with_body(request, lambda order: edited(order, "/fromPhoneId", to(phone)))


class _IdleRefused(Around):
    """A test key is refused where a live one is."""

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        if response.status != 201 or not SEND.asks(request):
            return response
        sender = json_of(response.body)["data"]["from"]
        shown = self.inner.step(replace(request, method="GET", path="/v1/phone-numbers", body=b""), now)
        idle = {
            one["phoneNumber"] for one in json_of(shown.body).get("data", ()) if one["connectionStatus"] != "connected"
        }
        return failure(ProblemError(400, "Phone is not connected"), request.path, now) if sender in idle else response


class _Counted(Around):
    """A phone's row changes when somebody reads it."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._reads = 0

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        if response.status != 200 or not PHONE.asks(request):
            return response
        self._reads += 1
        return with_json(
            response, lambda whole: edited(whole, "/data/displayName", lambda name: f"{name} ({self._reads})")
        )


def _with_outbound(inner: Machine) -> Machine:
    """The inbound list shows messages that were sent, in the shape of received ones."""

    def change(request: Request, response: Response, now: float) -> Response:
        sent: Any = json_of(inner.step(replace(request, path="/v1/messages"), now).body)
        found = [_as_inbound(one) for one in sent["data"]["data"]]
        limit = number(request, "limit", 20)
        return with_json(
            response,
            lambda whole: edited(
                whole,
                "/data/data",
                lambda items: sorted(items + found, key=lambda one: str(one["createdAt"]), reverse=True)[:limit],
            ),
        )

    return Answering(inner, status(INBOX, "200"), change)


def _as_inbound(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"in{one['id']}",
        "from": one["from"],
        "to": one["from"],
        "content": one["content"],
        "type": "text",
        "isGroup": False,
        "groupId": None,
        "receivedAt": one["createdAt"],
        "createdAt": one["createdAt"],
    }


def _with_inbound(inner: Machine) -> Machine:
    """The list of messages shows received ones, in the shape of those that were sent."""

    def change(request: Request, response: Response, now: float) -> Response:
        received: Any = json_of(inner.step(replace(request, path="/v1/messages/inbound"), now).body)
        found = [_as_outbound(one) for one in received["data"]["data"]] if received.get("success") else []
        limit = number(request, "limit", 20)
        return with_json(
            response,
            lambda whole: edited(
                whole,
                "/data/data",
                lambda items: sorted(items + found, key=lambda one: str(one["createdAt"]), reverse=True)[:limit],
            ),
        )

    return Answering(inner, status(LIST, "200"), change)


def _as_outbound(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": one["id"].removeprefix("in"),
        "from": one["from"],
        "to": one["to"],
        "content": one["content"],
        "status": "delivered",
        "createdAt": one["createdAt"],
    }


def _letter_for_message(inner: Machine) -> Machine:
    def change(request: Request, response: Response, now: float) -> Response:
        outbound = inner.step(replace(request, path=request.path.replace("/inbound", "")), now)
        if outbound.status != 200:
            return response
        return success(200, _as_inbound(json_of(outbound.body)["data"]))

    return Answering(inner, status(LETTER, "404"), change)


def _hides_idle(response_body: Any) -> Any:  # noqa: ANN401 - any JSON value
    return [one for one in response_body if one["connectionStatus"] == "connected"]


def _shows(place: Place, at: str, old: str, new: str) -> Build:
    return body(status(place, "200"), at + "/connectionStatus", lambda state: new if state == old else state)


def _everywhere(old: str, new: str) -> tuple[Build, ...]:
    return tuple(
        _shows(place, at, old, new) for place, at in ((PHONES, "/data/*"), (PHONE, "/data"), (CONNECTION, "/data"))
    )


FAULTS = (
    # phones
    row(
        "phone-by-number-not-found",
        "workflow",
        "A phone cannot be read by its number.",
        refuse(status(replace(PHONE, path=BY_NUMBER), "200"), 404, "Phone not found"),
    ),
    row(
        "phone-by-id-not-found",
        "workflow",
        "A phone cannot be read by its id.",
        answer_to(status(PHONE, "200"), _not_by_id),
    ),
    row(
        "phone-by-number-is-another",
        "workflow",
        "A phone read by its number is another one.",
        asked(
            replace(PHONE, path=BY_NUMBER),
            lambda request: _to_path(request, request.path.replace(PRIMARY[1:], SUPPORT[1:])),
        ),
    ),
    row(
        "phone-by-id-is-another",
        "workflow",
        "A phone read by its id is always the second one.",
        asked(
            PHONE,
            lambda request: (
                request
                if "%2B" in request.path or "+" in request.path or "0000" in request.path
                else _to_path(request, f"/v1/phone-numbers/%2B{SUPPORT[1:]}")
            ),
        ),
    ),
    row(
        "connection-by-number-not-found",
        "workflow",
        "A connection cannot be asked for by number.",
        refuse(status(replace(CONNECTION, path=BY_NUMBER + "/status"), "200"), 404, "Phone not found"),
    ),
    row(
        "connection-by-number-is-another",
        "workflow",
        "A connection asked for by number is another phone's.",
        asked(
            replace(CONNECTION, path=BY_NUMBER + "/status"),
            lambda request: _to_path(request, request.path.replace(PRIMARY[1:], SUPPORT[1:])),
        ),
    ),
    row(
        "connection-frozen",
        "lifecycle",
        "A connection stays what it was when it was first asked for.",
        lambda inner: _Frozen(inner, CONNECTION),
    ),
    row(
        "connection-loss-without-moment",
        "lifecycle",
        "A lost connection does not say when it was lost.",
        body(status(CONNECTION, "200"), "/data/lastDisconnectedAt", to(None)),
    ),
    row(
        "connecting-shown-as-disconnected",
        "lifecycle",
        "A phone that is connecting is shown as disconnected.",
        *_everywhere("connecting", "disconnected"),
    ),
    row(
        "connected-is-called-online",
        "schema",
        "A connected phone is called online when its connection is asked for.",
        _shows(CONNECTION, "/data", "connected", "online"),
    ),
    row(
        "phones-hide-idle",
        "workflow",
        "Phones that are not connected are in no list.",
        body(status(PHONES, "200"), "/data", _hides_idle),
    ),
    row("phone-changes-when-read", "workflow", "A phone's name counts how often it was read.", _Counted),
    row(
        "live-sends-from-idle",
        "status",
        "A live send from a phone that is not connected goes out from another one.",
        _Live,
    ),
    row("test-refused-from-idle", "status", "A test key cannot send from a phone that is not connected.", _IdleRefused),
    # inbox
    row("inbound-holds-sent", "workflow", "The inbound list holds messages that were sent.", _with_outbound),
    row("list-holds-received", "workflow", "The list of messages holds some that were received.", _with_inbound),
    row("inbound-reads-sent", "status", "A sent message can be read as an inbound one.", _letter_for_message),
    row(
        "inbound-list-forgets",
        "workflow",
        "The inbound list lacks the newest message.",
        body(status(INBOX, "200"), "/data/data", lambda items: items[1:]),
    ),
    row(
        "inbound-not-readable",
        "status",
        "No inbound message can be read alone.",
        refuse(status(LETTER, "200"), 404, "Inbound message not found"),
    ),
    # sending
    row(
        "markup-refused",
        "encoding",
        "A text with a tag is refused.",
        answer_to(
            status(SEND, "201"),
            lambda request, response, now: (
                failure(ProblemError(400, "content must be plain text"), request.path, now)
                if "<b>" in str(json_of(request.body).get("content"))
                else response
            ),
        ),
    ),
    # usage
    row(
        "usage-period-ignored",
        "echo",
        "Usage is for a month, whatever was asked for.",
        asked_query(USAGE, "period", lambda text: None if text in {"day", "week"} else text),
    ),
    row(
        "usage-week-refused",
        "validation",
        "Usage of a week is refused.",
        answer_to(
            status(USAGE, "200"),
            lambda request, response, now: (
                failure(ProblemError(400, "period must be day or month"), request.path, now)
                if ("period", "week") in request.query
                else response
            ),
        ),
    ),
    row(
        "usage-counts-too-few",
        "totals",
        "The messages in all are one fewer than those pending, sent and failed.",
        body(status(USAGE, "200"), "/data/messages/total", lambda total: total - 1),
    ),
    row(
        "usage-default-day",
        "default",
        "Without a period, usage shows a day.",
        asked(USAGE, lambda request: request if request.query else replace(request, query=(("period", "day"),))),
    ),
    row(
        "usage-default-required",
        "default",
        "Without a period, usage is refused.",
        answer_to(
            status(USAGE, "200"),
            lambda request, response, now: (
                response if request.query else failure(ProblemError(400, "period is required"), request.path, now)
            ),
        ),
    ),
)
