"""Faults of sending: what is accepted or refused against the rules, and what becomes of text and media."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable
from typing import Any

from affidavit.sandbox.chatmaid.deviations.parts import (
    LIST,
    MESSAGE,
    SEND,
    Build,
    answer_to,
    asked_body,
    body,
    json_of,
    message,
    row,
    status,
    to,
)
from affidavit.sandbox.chatmaid.envelope import ProblemError, failure
from affidavit.sandbox.chatmaid.recipients import RECIPIENTS
from affidavit.sandbox.chatmaid.world import PRIMARY
from affidavit.sandbox.deviation import edited, with_json
from affidavit.sandbox.model import Request, Response

PICTURE = "https://example.com/picture.png"
SHOWN_IN_LIST = 12


def takes(name: str, wrong: Callable[[Any], bool], instead: Callable[[Any], Any]) -> Build:
    """What is wrong with a member of an order is put right; a member that is not there is None."""

    def change(order: Any) -> Any:  # noqa: ANN401 - any JSON value
        if not isinstance(order, dict) or not wrong(order.get(name)):
            return order
        return {**order, name: instead(order.get(name))}

    return asked_body(SEND, "", change)


def forbids(wrong: Callable[[Any], bool], text: str) -> Build:
    """An order that is fine is refused as a validation error."""

    def change(request: Request, response: Response, now: float) -> Response:
        refused = wrong(json_of(request.body))
        return failure(ProblemError(400, text), request.path, now) if refused else response

    return answer_to(status(SEND, "201"), change)


def _lettered(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, str) and any(one.isalpha() for one in value)


def _starts(*prefixes: str) -> Callable[[Any], bool]:
    return lambda urls: isinstance(urls, list) and any(str(url).startswith(prefixes) for url in urls)


def _no_https(urls: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(urls, list) and any(isinstance(url, str) and "http" not in url for url in urls)


def _content(change: Callable[[str], str]) -> Build:
    return message("/content", lambda text: text and change(text))


def _without_emoji(text: str) -> str:
    return "".join(one if ord(one) < 0x10000 else "?" for one in text)


def _no_text(order: Any) -> bool:  # noqa: ANN401 - any JSON value
    return not order.get("content")


def _text_when_nothing(order: Any) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(order, dict) or "content" in order or order.get("mediaUrls"):
        return order
    return {**order, "content": "?"}


def _shown_as_asked(request: Request, response: Response, _now: float) -> Response:
    asked = json_of(request.body).get("fromPhoneId")
    return with_json(response, lambda whole: edited(whole, "/data/from", to(asked)))


def _by_id_not_found(request: Request, response: Response, now: float) -> Response:
    named = str(json_of(request.body).get("fromPhoneId"))
    return response if named.startswith("+") else failure(ProblemError(404, "fromPhoneId not found"), request.path, now)


FAULTS = (
    row(
        "sender-missing-accepted",
        "validation",
        "An order without a sender goes out from the first phone.",
        takes("fromPhoneId", lambda one: one is None, to(PRIMARY)),
    ),
    row(
        "sender-of-any-type-accepted",
        "validation",
        "A sender that is no text is taken for the first phone.",
        takes("fromPhoneId", lambda one: not isinstance(one, str | None), to(PRIMARY)),
    ),
    row(
        "recipient-missing-accepted",
        "validation",
        "An order without a recipient is accepted.",
        takes("to", lambda one: one is None, to(RECIPIENTS["normal"])),
    ),
    row(
        "recipient-of-any-type-accepted",
        "validation",
        "A recipient that is no text is accepted.",
        takes("to", lambda one: not isinstance(one, str | None), to(RECIPIENTS["normal"])),
    ),
    row(
        "recipient-with-letters-accepted",
        "validation",
        "A recipient with letters in it is accepted.",
        takes("to", _lettered, to(RECIPIENTS["normal"])),
    ),
    row(
        "recipient-too-long-accepted",
        "boundary",
        "A recipient of sixteen digits is accepted.",
        takes(
            "to", lambda one: isinstance(one, str) and len(one) > 16 and one[1:].isdecimal(), to(RECIPIENTS["normal"])
        ),
    ),
    row(
        "recipient-with-leading-zero-accepted",
        "validation",
        "A recipient in the national form, behind a plus, is accepted.",
        takes("to", lambda one: isinstance(one, str) and one.startswith("+0"), to(RECIPIENTS["normal"])),
    ),
    row(
        "recipient-empty-accepted",
        "validation",
        "An empty recipient is accepted.",
        takes("to", lambda one: one == "", to(RECIPIENTS["normal"])),
    ),
    row(
        "content-of-any-type-accepted",
        "validation",
        "A text that is no JSON string is made one.",
        takes("content", lambda one: not isinstance(one, str | None), str),
    ),
    row(
        "content-too-long-cut",
        "boundary",
        "A text that is too long is cut.",
        takes("content", lambda one: isinstance(one, str) and len(one) > 4096, lambda one: one[:4096]),
    ),
    row(
        "content-limit-one-less",
        "boundary",
        "The longest text is 4,095 characters.",
        forbids(lambda order: len(order.get("content", "")) > 4095, "content must be shorter than 4096 characters"),
    ),
    row(
        "content-limit-in-bytes",
        "boundary",
        "The length of a text is counted in bytes.",
        forbids(
            lambda order: len(order.get("content", "").encode()) > 4096, "content must not be longer than 4096 bytes"
        ),
    ),
    row(
        "nothing-to-say-accepted",
        "validation",
        "An order with neither text nor media is accepted.",
        asked_body(SEND, "", _text_when_nothing),
    ),
    row(
        "empty-text-accepted",
        "validation",
        "An empty text without media is accepted.",
        takes("content", lambda one: one == "", to("?")),
    ),
    row(
        "media-alone-refused",
        "validation",
        "Media without a text are refused.",
        forbids(_no_text, "content is required"),
    ),
    row(
        "media-of-any-type-accepted",
        "validation",
        "Media that are no array of texts are accepted.",
        takes(
            "mediaUrls",
            lambda one: one is not None and not (isinstance(one, list) and all(isinstance(url, str) for url in one)),
            to([PICTURE]),
        ),
    ),
    row(
        "media-text-accepted",
        "validation",
        "One media address in place of an array is accepted.",
        takes("mediaUrls", lambda one: isinstance(one, str), lambda one: [one]),
    ),
    row(
        "media-http-accepted",
        "validation",
        "A media address with plain http is accepted.",
        takes("mediaUrls", _starts("http:"), to([PICTURE])),
    ),
    row(
        "media-other-scheme-accepted",
        "validation",
        "A media address of any scheme but http is accepted.",
        takes("mediaUrls", _no_https, to([PICTURE])),
    ),
    row(
        "media-without-scheme-accepted",
        "validation",
        "A media address without a scheme is accepted.",
        takes(
            "mediaUrls",
            lambda urls: isinstance(urls, list) and any(isinstance(url, str) and ":" not in url for url in urls),
            to([PICTURE]),
        ),
    ),
    row(
        "sender-by-id-refused",
        "workflow",
        "A sender named by its id is not found.",
        answer_to(status(SEND, "201"), _by_id_not_found),
    ),
    row(
        "sender-shown-as-asked",
        "echo",
        "A message shows its sender as the order named it.",
        answer_to(status(SEND, "201"), _shown_as_asked),
    ),
    row(
        "sender-always-first-phone",
        "echo",
        "Every message shows the first phone as its sender.",
        message("/from", to(PRIMARY)),
    ),
    row(
        "recipient-shown-as-sender",
        "echo",
        "Sender and recipient of a message are shown the wrong way round.",
        message("", lambda one: {**one, "from": one["to"], "to": one["from"]}),
    ),
    # text and media
    row("content-trimmed", "encoding", "A text loses the space around it.", _content(str.strip)),
    row(
        "content-lines-joined",
        "encoding",
        "A text loses its line breaks.",
        _content(lambda text: text.replace("\n", " ")),
    ),
    row("content-loses-emoji", "encoding", "Characters of four bytes become question marks.", _content(_without_emoji)),
    row("content-escaped", "encoding", "A text is shown with its angle brackets escaped.", _content(html.escape)),
    row(
        "content-composed",
        "encoding",
        "Letters and their combining accents are put together.",
        _content(lambda text: unicodedata.normalize("NFC", text)),
    ),
    row(
        "content-read-escaped",
        "echo",
        "A message read alone shows its text escaped, unlike the send.",
        body(status(MESSAGE, "200"), "/data/content", lambda text: text and html.escape(text)),
    ),
    row(
        "recipient-read-masked",
        "echo",
        "A message read alone shows the recipient without the last digits.",
        body(status(MESSAGE, "200"), "/data/to", lambda one: one[:-4] + "0000"),
    ),
    row(
        "content-cut-in-list",
        "echo",
        "A list shows the beginning of each text.",
        body(status(LIST, "200"), "/data/data/*/content", lambda text: text and text[:SHOWN_IN_LIST]),
    ),
    row(
        "media-reversed", "echo", "Media are shown the other way round.", message("/mediaUrls", lambda urls: urls[::-1])
    ),
    row(
        "media-only-first",
        "echo",
        "Only the first of several media is kept.",
        message("/mediaUrls", lambda urls: urls[:1]),
    ),
    row(
        "media-lost-when-read",
        "echo",
        "A message read alone shows no media.",
        body(status(MESSAGE, "200"), "/data/mediaUrls", to([])),
    ),
)
