"""Faults in what a request must hold: what is wrong and taken, and what is right and refused."""

from __future__ import annotations

from typing import Any

from affidavit.sandbox.deviation import Asking, Deviation, Place, with_body
from affidavit.sandbox.model import Request
from affidavit.sandbox.whatsapi.deviations.acts import (
    BULK,
    CHECKOUT,
    EVENT,
    HANDSHAKE,
    REGISTER,
    SAVE_CREDENTIALS,
    SAVE_WEBHOOK,
    SEND,
    VERIFY,
    Act,
    answered,
    ask,
    fault,
    object_of,
    refuse,
    sent,
)
from affidavit.sandbox.whatsapi.validation import parse_moment

GOOD_NUMBER = "12025550101"


def _given(place: Place, name: str, default: Any) -> Act:  # noqa: ANN401 - any JSON value
    """A member that is missing is made up."""
    return ask(
        place,
        lambda request: with_body(
            request, lambda whole: {name: default, **whole} if isinstance(whole, dict) else whole
        ),
    )


def _put_right(place: Place, at: str, wrong: Any, right: Any) -> Act:  # noqa: ANN401 - a test and a JSON value
    """A wrong value passes as a right one."""
    return sent(place, at, lambda value: right if wrong(value) else value)


def _without_dates(request: Request) -> Request:
    return with_body(
        request,
        lambda whole: (
            {key: held for key, held in whole.items() if key != "sendAt"} if isinstance(whole, dict) else whole
        ),
    )


def _past_dropped(request: Request, now: float) -> Request:
    moment = parse_moment(str(object_of(request).get("sendAt")))
    return _without_dates(request) if moment is not None and moment <= now else request


def _bare_template(request: Request) -> bool:
    template = object_of(request).get("template")
    return isinstance(template, dict) and "components" not in template


def _dated_in_words(request: Request) -> bool:
    return object_of(request).get("sendAt") == "next Tuesday"


def _simulated(request: Request) -> bool:
    return object_of(request).get("dry_run") is True


FAULTS: tuple[Deviation, ...] = (
    fault("no-recipient-taken", "validation", "A send needs no recipient.", _given(SEND, "to", GOOD_NUMBER)),
    fault(
        "number-may-be-number",
        "validation",
        "A recipient may be a JSON number.",
        _put_right(SEND, "/to", lambda to: isinstance(to, int), GOOD_NUMBER),
    ),
    fault(
        "letters-taken",
        "validation",
        "Any text is a recipient.",
        _put_right(SEND, "/to", lambda to: isinstance(to, str) and not to.isdigit(), GOOD_NUMBER),
    ),
    fault(
        "long-number-taken",
        "validation",
        "A recipient may have sixteen digits.",
        _put_right(SEND, "/to", lambda to: isinstance(to, str) and len(to) > 15, GOOD_NUMBER),
    ),
    fault(
        "leading-zero-taken",
        "validation",
        "A recipient may begin with zero.",
        _put_right(SEND, "/to", lambda to: isinstance(to, str) and to[:1] == "0", GOOD_NUMBER),
    ),
    fault(
        "british-refused",
        "validation",
        "British numbers are refused.",
        refuse(SEND, 400, "No.", lambda request: str(object_of(request).get("to")).startswith("44")),
    ),
    fault(
        "australian-refused",
        "validation",
        "Australian numbers are refused.",
        refuse(SEND, 400, "No.", lambda request: str(object_of(request).get("to")).startswith("61")),
    ),
    fault(
        "plus-required",
        "validation",
        "A recipient needs a plus.",
        refuse(SEND, 400, "No.", lambda request: str(object_of(request).get("to"))[:1].isdigit()),
    ),
    fault(
        "text-may-be-5000",
        "boundary",
        "A text may have 5,000 characters.",
        sent(SEND, "/message", lambda text: text[:4096] if isinstance(text, str) and len(text) <= 5000 else text),
    ),
    fault(
        "text-is-cut",
        "boundary",
        "A long text is cut instead of refused.",
        sent(SEND, "/message", lambda text: text[:4096] if isinstance(text, str) else text),
    ),
    fault(
        "text-up-to-4095",
        "boundary",
        "A text of 4,096 characters is too long.",
        refuse(SEND, 400, "Too long.", lambda request: len(str(object_of(request).get("message"))) == 4096),
    ),
    fault(
        "text-up-to-1024",
        "boundary",
        "A text of more than 1,024 characters is too long.",
        refuse(SEND, 400, "Too long.", lambda request: 1024 < len(str(object_of(request).get("message"))) < 4097),
    ),
    fault(
        "no-content-taken",
        "validation",
        "A send needs no content.",
        ask(
            SEND,
            lambda request: with_body(
                request,
                lambda whole: (
                    {**whole, "message": "."}
                    if isinstance(whole, dict) and not whole.keys() & {"message", "template"}
                    else whole
                ),
            ),
        ),
    ),
    fault(
        "template-may-be-name",
        "validation",
        "A template may be its name.",
        _put_right(SEND, "/template", lambda it: isinstance(it, str), {"name": "hello_world", "language": "en_US"}),
    ),
    fault(
        "template-needs-components",
        "template",
        "A template needs components.",
        refuse(
            SEND,
            400,
            "No.",
            lambda request: "components" not in (object_of(request).get("template") or {"components": 0}),
        ),
    ),
    fault(
        "past-taken",
        "validation",
        "A time in the past means now.",
        lambda inner: Asking(inner, SEND, _past_dropped),
    ),
    fault(
        "any-date-taken",
        "validation",
        "A time that is none means now.",
        ask(
            SEND,
            lambda request: _without_dates(request) if object_of(request).get("sendAt") == "next Tuesday" else request,
        ),
    ),
    fault(
        "offset-refused",
        "validation",
        "A time must be in UTC.",
        refuse(SEND, 400, "No.", lambda request: "+" in str(object_of(request).get("sendAt"))),
    ),
    fault(
        "schedule-refused",
        "validation",
        "Nothing can be scheduled.",
        refuse(SEND, 400, "No.", lambda request: "sendAt" in object_of(request)),
    ),
    fault(
        "metadata-may-be-text",
        "validation",
        "Metadata may be a text.",
        _put_right(SEND, "/metadata", lambda it: isinstance(it, str), {}),
    ),
    fault(
        "metadata-may-be-list",
        "validation",
        "Metadata may be a list.",
        _put_right(SEND, "/metadata", lambda it: isinstance(it, list), {}),
    ),
    fault("simulation-refused", "dry-run", "A simulated send is refused.", refuse(SEND, 400, "No.", _simulated)),
    fault("nameless-taken", "validation", "A registration needs no name.", _given(REGISTER, "name", "Nobody")),
    fault("name-may-be-number", "validation", "A name may be a number.", sent(REGISTER, "/name", str)),
    fault(
        "no-address-taken",
        "validation",
        "A registration needs no address.",
        _given(REGISTER, "email", "nobody@example.com"),
    ),
    fault(
        "any-address-taken",
        "validation",
        "Any text is an address.",
        sent(REGISTER, "/email", lambda email: email if "@" in str(email) else "somebody@example.com"),
    ),
    fault(
        "token-optional",
        "validation",
        "Credentials need no token.",
        _given(SAVE_CREDENTIALS, "whatsappAccessToken", "EAA"),
    ),
    fault(
        "phone-id-optional",
        "validation",
        "Credentials need no phone number id.",
        _given(SAVE_CREDENTIALS, "whatsappPhoneNumberId", "1"),
    ),
    fault("good-credentials-fail", "workflow", "Nothing passes verification.", refuse(VERIFY, 400, "Meta says no.")),
    fault(
        "webhook-may-be-http",
        "validation",
        "A webhook may be plain HTTP.",
        sent(SAVE_WEBHOOK, "/url", lambda url: str(url).replace("http://example", "https://example")),
    ),
    fault(
        "webhook-may-be-anything",
        "validation",
        "A webhook may be any text.",
        sent(SAVE_WEBHOOK, "/url", lambda url: url if "://" in str(url) else "https://example.com"),
    ),
    fault("webhook-refused", "validation", "No webhook is good enough.", refuse(SAVE_WEBHOOK, 400, "No.")),
    fault(
        "platinum-sold",
        "validation",
        "Every plan can be bought.",
        sent(CHECKOUT, "/plan", lambda plan: plan if plan == "enterprise" else "pro"),
    ),
    fault(
        "enterprise-sold",
        "validation",
        "Enterprise can be bought.",
        sent(CHECKOUT, "/plan", lambda plan: "pro" if plan == "enterprise" else plan),
    ),
    fault(
        "bulk-of-two-refused",
        "bulk",
        "A batch needs three messages.",
        refuse(BULK, 400, "No.", lambda request: len(object_of(request).get("messages") or ()) == 2),
    ),
    fault("handshake-missing", "webhook", "Meta's handshake is not answered.", refuse(answered(HANDSHAKE, "..."), 404)),
    fault("event-needs-key", "webhook", "Meta's events need a key.", refuse(EVENT, 401)),
    fault(
        "second-send-needs-text",
        "template",
        "Templates have a route of their own.",
        refuse(SEND, 404, "No.", lambda request: "template" in object_of(request)),
    ),
)
