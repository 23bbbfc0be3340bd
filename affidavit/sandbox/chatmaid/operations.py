"""The ten operations. Each takes a call that has passed authentication, rate limit and scope, and returns its data.

What an operation finds wrong it raises as a ProblemError, in the order of G-39: what is malformed (400) before what is
not there (404). A phone that is not connected comes last, because it has to be found first.
"""

from __future__ import annotations

from typing import NamedTuple

from affidavit.sandbox.chatmaid.accounts import ApiKey
from affidavit.sandbox.chatmaid.envelope import ProblemError
from affidavit.sandbox.chatmaid.lifecycle import STATUSES
from affidavit.sandbox.chatmaid.phones import Phone
from affidavit.sandbox.chatmaid.usage import PERIODS, report
from affidavit.sandbox.chatmaid.validation import QueryReader, read_order
from affidavit.sandbox.model import Json, Request

DEFAULT_PERIOD = "month"


class Call(NamedTuple):
    """One request that may be served."""

    request: Request
    parameter: str
    """What stands in the path's variable place, decoded; empty when the path has none."""
    key: ApiKey
    now: float


def send_message(call: Call) -> Json:
    """POST /v1/messages/send."""
    outbox = call.key.space.outbox
    order = read_order(call.request)
    message = outbox.original(order.idempotency_key) or outbox.accept(order, _sender(call, order.sender), call.now)
    return message.view(call.now)


def _sender(call: Call, reference: str) -> Phone:
    phone = call.key.account.phone(reference)
    if phone is None:
        raise ProblemError(404, "fromPhoneId not found in this account")
    if call.key.space.live and phone.connection_status != "connected":
        raise ProblemError(400, f"Phone {phone.number} is not connected: it is {phone.connection_status}")
    return phone


def list_messages(call: Call) -> Json:
    """GET /v1/messages."""
    query = QueryReader(call.request.query)
    page, reference, status = query.page(), query.text("phoneNumberId"), query.choice("status", STATUSES)
    query.check()
    phone = call.key.account.phone(reference) if reference is not None else None
    if reference is not None and phone is None:
        return page.envelope([], 0)
    messages, total = call.key.space.outbox.page(page, phone, status, call.now)
    return page.envelope([message.view(call.now) for message in messages], total)


def get_message(call: Call) -> Json:
    """GET /v1/messages/{messageId}."""
    message = call.key.space.outbox.get(call.parameter)
    if message is None:
        raise ProblemError(404, "Message not found")
    return message.view(call.now)


def list_inbound(call: Call) -> Json:
    """GET /v1/messages/inbound."""
    query = QueryReader(call.request.query)
    page, reference = query.page(), query.text("phoneNumberId")
    query.check()
    phone = call.key.account.phone(reference) if reference is not None else None
    if reference is not None and phone is None:
        return page.envelope([], 0)
    messages, total = call.key.space.inbox.page(page, phone)
    return page.envelope([message.view() for message in messages], total)


def get_inbound(call: Call) -> Json:
    """GET /v1/messages/inbound/{messageId}."""
    message = call.key.space.inbox.get(call.parameter)
    if message is None:
        raise ProblemError(404, "Inbound message not found")
    return message.view()


def list_phones(call: Call) -> Json:
    """GET /v1/phone-numbers."""
    return [phone.view() for phone in call.key.account.phones]


def get_phone(call: Call) -> Json:
    """GET /v1/phone-numbers/{id}."""
    return _phone(call).view()


def get_phone_status(call: Call) -> Json:
    """GET /v1/phone-numbers/{id}/status."""
    return _phone(call).status_view()


def _phone(call: Call) -> Phone:
    phone = call.key.account.phone(call.parameter)
    if phone is None:
        raise ProblemError(404, "Phone number not found")
    return phone


def get_account(call: Call) -> Json:
    """GET /v1/account."""
    return call.key.account.view(call.key.space)


def get_usage(call: Call) -> Json:
    """GET /v1/account/usage."""
    query = QueryReader(call.request.query)
    period = query.choice("period", tuple(PERIODS)) or DEFAULT_PERIOD
    query.check()
    return report(call.key.space.outbox, call.key.space.requests, period, call.now)
