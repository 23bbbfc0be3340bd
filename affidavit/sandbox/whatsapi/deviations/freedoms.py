"""Variants in what is accepted and how it is limited: the other legal reading of a doubtful point."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from affidavit.sandbox.deviation import GONE, Around, Deviation, edited, with_body, with_json
from affidavit.sandbox.http import bearer, json_response
from affidavit.sandbox.model import Json, Machine, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    ANYWHERE,
    BULK,
    DROP_CREDENTIALS,
    DROP_WEBHOOK,
    LIST,
    MESSAGE,
    REGISTER,
    SAVE_CREDENTIALS,
    SAVE_WEBHOOK,
    SEND,
    VERIFY,
    answer,
    answered,
    ask,
    chain,
    header,
    header_of,
    object_of,
    refuse,
    sent,
    status,
    variant,
)
from affidavit.sandbox.whatsapi.deviations.limiters import Bucket, Fixed, SlidingLog, limiting

INVALID = answered(ANYWHERE, "400")


class CountsRefusals(Around):
    """A 401 shows the limit that an unknown caller has."""

    def step(self, request: Request, now: float) -> Response:
        """The answer; a 401 has the headers, too."""
        response = self.inner.step(request, now)
        if response.status != 401:
            return response
        limits = (
            ("X-RateLimit-Limit", "20"),
            ("X-RateLimit-Remaining", "19"),
            ("X-RateLimit-Reset", str(int(now) + 60)),
        )
        return replace(response, headers=(*response.headers, *limits))


def _wait_in_both(_request: Request, response: Response) -> Response:
    wait = int(header_of(response, "Retry-After") or 0)
    return with_json(response, lambda whole: {**whole, "retryAfter": wait})


LIMITS: tuple[Deviation, ...] = (
    variant(
        "windows-of-the-clock", "rate-limit", "Windows begin with the minute.", limiting(lambda: Fixed(aligned=True))
    ),
    variant("windows-from-first-request", "rate-limit", "Windows begin with a key's first request.", limiting(Fixed)),
    variant("sliding-window", "rate-limit", "The last minute counts.", limiting(SlidingLog)),
    variant("token-bucket", "rate-limit", "What was used comes back little by little.", limiting(Bucket)),
    variant(
        "wait-in-header-and-body",
        "G-10",
        "A refusal says twice how long to wait.",
        answer(answered(ANYWHERE, "429"), _wait_in_both),
    ),
    variant("unauthorized-shows-limits", "G-23", "A 401 says where the caller stands, too.", CountsRefusals),
    variant(
        "pause-says-how-long",
        "G-29",
        "A pause says how long to wait.",
        header(answered(ANYWHERE, "503"), "Retry-After", "30"),
    ),
)


# --- what is accepted -------------------------------------------------------------------------------------------------


def _digits(to: Any) -> Any:  # noqa: ANN401 - any JSON value
    return re.sub(r"[+ ()-]", "", to) if isinstance(to, str) and re.fullmatch(r"\+?[0-9 ()-]+", to) else to


def _clamped(request: Request) -> Request:
    given = dict(request.query)
    for name, most in (("limit", 200), ("page", 10**9)):
        if name in given:
            number = int(given[name]) if given[name].lstrip("-").isdecimal() else 1
            given[name] = str(min(max(1, number), most))
    if given.get("status") == "misplaced":
        given["batchId"] = "none"
        del given["status"]
    return replace(request, query=tuple(given.items()))


def _template_wins(whole: Any) -> Any:  # noqa: ANN401 - any JSON value
    both = isinstance(whole, dict) and {"message", "template"} <= set(whole)
    return {name: held for name, held in whole.items() if name != "message"} if both else whole


def _items(request: Request) -> list[Any]:
    given = object_of(request).get("messages")
    return given if isinstance(given, list) else []


def _one_is_wrong(request: Request) -> bool:
    return any(isinstance(item, dict) and item.get("to") == "not-a-number" for item in _items(request))


class ClosedWindows(Around):
    """Free text to a closed window is refused at once."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner)
        self._opened: dict[tuple[str, str], float] = {}

    def control(self, action: str, arguments: Mapping[str, Json], now: float) -> Json:
        """A control; opened windows are remembered."""
        if action == "open-window":
            self._opened[str(arguments["role"]), str(arguments["number"])] = now
        return self.inner.control(action, arguments, now)

    def step(self, request: Request, now: float) -> Response:
        """The answer, a 400 to a text that Meta would reject."""
        response = self.inner.step(request, now)
        given = object_of(request)
        if (
            not answered(SEND, "202").answers(request, response)
            or given.get("dry_run") is True
            or "message" not in given
        ):
            return response
        role = next((role for role, key in self.keys().items() if key == bearer(request.headers)), "")
        opened = self._opened.get((role, str(given.get("to"))))
        if opened is not None and now - opened < 86_400:
            return response
        kept = tuple(pair for pair in response.headers if pair[0].startswith("X-"))
        details: Json = [{"field": "message", "message": "needs an open customer service window"}]
        return json_response(400, {"success": False, "error": "The window is closed.", "details": details}, kept)


class Unconnected(Around):
    """A send without credentials is refused at once."""

    def step(self, request: Request, now: float) -> Response:
        """The answer, a 403 to the account that has saved none."""
        response = self.inner.step(request, now)
        mine = bearer(request.headers) == self.keys()["no_credentials"]
        if (
            not mine
            or object_of(request).get("dry_run") is True
            or not answered(SEND, "202").answers(request, response)
        ):
            return response
        kept = tuple(pair for pair in response.headers if pair[0].startswith("X-"))
        return json_response(403, {"success": False, "error": "Save your Meta credentials first."}, kept)


def _empty(_request: Request, response: Response) -> Response:
    headers = tuple(pair for pair in response.headers if pair[0] != "Content-Type")
    return replace(response, status=204, headers=headers, body=b"")


ACCEPTING: tuple[Deviation, ...] = (
    variant("plus-taken", "G-16", "A recipient may have a plus and punctuation.", sent(SEND, "/to", _digits)),
    variant(
        "template-wins",
        "G-17",
        "Of a text and a template the template is sent.",
        ask(SEND, lambda request: with_body(request, _template_wins)),
    ),
    variant("closed-window-refused", "G-18", "Free text to a closed window is refused at once.", ClosedWindows),
    variant(
        "half-template-refused",
        "G-18",
        "A template with too few values is refused at once.",
        refuse(
            SEND,
            400,
            "Values are missing.",
            lambda request: len(str(object_of(request).get("template", {}))) in range(120, 150),
        ),
    ),
    variant(
        "enterprise-capped",
        "G-20",
        "The server's cap of a thousand holds for everybody.",
        refuse(BULK, 400, "Too many messages.", lambda request: len(_items(request)) > 1000),
    ),
    variant(
        "bulk-all-or-nothing",
        "G-21",
        "A batch with a bad item is refused.",
        refuse(BULK, 400, "messages[1].to is wrong.", _one_is_wrong),
    ),
    variant("unconnected-refused", "G-26", "A send without credentials is refused at once.", Unconnected),
    variant(
        "webhook-anywhere",
        "G-12",
        "A webhook may be inside a private network.",
        sent(
            SAVE_WEBHOOK,
            "/url",
            lambda url: (
                url.replace("localhost", "example.com").replace("192.168.0.10", "example.com")
                if isinstance(url, str)
                else url
            ),
        ),
    ),
    variant("query-put-right", "G-14", "Odd pages and sizes are put right.", ask(LIST, _clamped)),
    variant(
        "unknown-batch-is-404",
        "G-22",
        "An unknown batch is not found.",
        refuse(
            LIST, 404, "No such batch.", lambda request: dict(request.query).get("batchId", "").startswith("00000000")
        ),
    ),
    variant(
        "beyond-the-end-is-404",
        "G-35",
        "A page beyond the end is not found.",
        refuse(LIST, 404, "No such page.", lambda request: len(dict(request.query).get("page", "")) > 2),
    ),
    variant(
        "media-type-is-415",
        "G-36",
        "Other media types are answered 415.",
        answer(
            INVALID,
            lambda request, response: (
                replace(response, status=415) if "json" not in request.headers.get("content-type", "json") else response
            ),
        ),
    ),
    variant(
        "over-the-cap-is-413",
        "G-20",
        "A batch that is too long is answered 413.",
        answer(
            answered(BULK, "400"),
            lambda request, response: (
                with_json(replace(response, status=413), lambda whole: edited(whole, "/details", lambda _old: GONE))
                if len(_items(request)) > 100
                else response
            ),
        ),
    ),
    variant(
        "odd-ids-are-400",
        "G-36",
        "An id that is no UUID is a bad request.",
        refuse(answered(MESSAGE, "404"), 400, "Not an id.", lambda request: len(request.path) < len("/messages/") + 36),
    ),
    variant(
        "changes-are-201",
        "G-42",
        "Whatever is saved is answered 201.",
        chain(*[status(answered(place, "200"), 201) for place in (SAVE_CREDENTIALS, VERIFY, SAVE_WEBHOOK)]),
    ),
    variant("registration-is-200", "G-42", "A registration is answered 200.", status(answered(REGISTER, "201"), 200)),
    variant(
        "removals-are-empty",
        "G-42",
        "Removals are answered 204.",
        chain(*[answer(answered(place, "200"), _empty) for place in (DROP_CREDENTIALS, DROP_WEBHOOK)]),
    ),
)


# --- what is answered -------------------------------------------------------------------------------------------------


VARIANTS = LIMITS + ACCEPTING
