"""The operations on messages: send, bulk, read, list, retry, count.

A send is decided in two halves. `prepare` reads the request and refuses what is invalid; what it returns is carried out
by `accept`, which only an open circuit stops. Between the halves `_once` looks whether the Idempotency-Key already
stands for something: a repetition is answered before it is judged again, since what was a future moment then may be
past by now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from affidavit.sandbox.http import CONTENT_TYPE
from affidavit.sandbox.model import Json, Response
from affidavit.sandbox.whatsapi import idempotency, listing, validation, views
from affidavit.sandbox.whatsapi.accounts import Account
from affidavit.sandbox.whatsapi.messages import Draft, Message
from affidavit.sandbox.whatsapi.refusal import Problem, Refusal, invalid
from affidavit.sandbox.whatsapi.service import Call, Service, succeeded

Accept = Callable[[], Response]
"""The second half of a send."""


def send(service: Service, call: Call, account: Account) -> Response:
    """POST /send-message."""
    return _once(call, account, lambda: _prepare_one(service, call, account))


def send_bulk(service: Service, call: Call, account: Account) -> Response:
    """POST /messages/bulk."""
    return _once(call, account, lambda: _prepare_many(service, call, account))


def show(_service: Service, call: Call, account: Account) -> Response:
    """GET /messages/{id}."""
    return succeeded(200, views.full(_found(call, account), call.now))


def retry(service: Service, call: Call, account: Account) -> Response:
    """POST /messages/{id}/retry."""
    message = _found(call, account)
    if message.status_at(call.now) != "failed":
        raise Refusal(409, "Only failed messages can be retried.")
    _check_circuit(service, account, [message.draft], call.now)
    account.mailbox.queue_again(message, call.now, service.options.process_after)
    return succeeded(202, views.accepted(message, call.now))


def list_messages(_service: Service, call: Call, account: Account) -> Response:
    """GET /messages: newest first (G-22)."""
    return listing.answer(listing.read(call.request.query), account.mailbox, call.now)


def summarise(_service: Service, call: Call, account: Account) -> Response:
    """GET /analytics/summary (G-50); dry runs are messages like others here."""
    counts = account.mailbox.counts(call.now)
    total = len(account.mailbox)
    delivered = counts.get("delivered", 0) + counts.get("read", 0)
    return succeeded(
        200,
        {
            "total": total,
            "byStatus": {str(status): number for status, number in counts.items()},
            "deliveryRate": _share(delivered, total),
            "failureRate": _share(counts.get("failed", 0), total),
        },
    )


def _once(call: Call, account: Account, prepare: Callable[[], Accept]) -> Response:
    """Accept the request, unless its Idempotency-Key says that this has been done."""
    key = call.request.headers.get("idempotency-key")
    if key is None:
        return prepare()()
    if not idempotency.KEY.fullmatch(key):
        raise invalid(Problem("Idempotency-Key", "must be 1 to 255 visible ASCII characters"))
    fingerprint = idempotency.fingerprint(call.operation, call.body)
    kept = account.replays.find(key, call.now)
    if kept is not None and kept.fingerprint == fingerprint:
        return Response(kept.status, (CONTENT_TYPE, ("Idempotency-Replayed", "true")), kept.body)
    accept = prepare()
    if kept is not None:
        raise Refusal(409, "This Idempotency-Key was already used with a different request.")
    response = accept()
    account.replays.keep(key, idempotency.Kept(fingerprint, response.status, response.body, call.now))
    return response


def _prepare_one(service: Service, call: Call, account: Account) -> Accept:
    problems = validation.message(call.body, call.now)
    if problems or not isinstance(call.body, dict):
        raise invalid(*problems)
    draft = validation.draft(call.body)

    def accept() -> Response:
        _check_circuit(service, account, [draft], call.now)
        message = _queue(service, account, draft, None, call.now)
        return succeeded(202, views.accepted(message, call.now))

    return accept


def _prepare_many(service: Service, call: Call, account: Account) -> Accept:
    drafts, total = _drafts(call, _bulk_cap(service, account))

    def accept() -> Response:
        _check_circuit(service, account, drafts, call.now)
        batch = service.identity.uuid()
        for draft in drafts:
            _queue(service, account, draft, batch, call.now)
        counts: dict[str, Json] = {
            "totalMessages": total,
            "queued": len(drafts),
            "failedCount": total - len(drafts),
        }
        return succeeded(202, {"batchId": batch, **counts})

    return accept


def _drafts(call: Call, cap: int) -> tuple[list[Draft], int]:
    """The good items of a batch, and how many items there are; a batch without any good one is refused (G-21)."""
    problems = validation.batch(cap)(call.body, call.now)
    items = call.body.get("messages") if isinstance(call.body, dict) else None
    if problems or not isinstance(items, list):
        raise invalid(*problems)
    drafts: list[Draft] = []
    wrong: list[Problem] = []
    for index, item in enumerate(items):
        found = validation.message(item, call.now)
        if not found and isinstance(item, dict):
            drafts.append(validation.draft(item))
        wrong.extend(validation.under(f"messages[{index}]", found))
    if not drafts:
        raise invalid(*wrong)
    return drafts, len(items)


def _bulk_cap(service: Service, account: Account) -> int:
    plan = account.plan
    return plan.messages_per_bulk if plan.above_server_cap else min(plan.messages_per_bulk, service.options.max_bulk)


def _queue(service: Service, account: Account, draft: Draft, batch: str | None, now: float) -> Message:
    message = Message(service.identity.uuid(), len(account.mailbox), draft, batch)
    message.queue(now, service.options.process_after)
    account.mailbox.add(message, now)
    account.messages_sent += not draft.dry_run
    return message


def _check_circuit(service: Service, account: Account, drafts: Sequence[Draft], now: float) -> None:
    """Refuse while sending is paused; a dry run calls nobody and may pass."""
    paused = service.upstream.is_down(now) or account.sender.circuit.is_open(now)
    if paused and not all(draft.dry_run for draft in drafts):
        raise Refusal(503, "The WhatsApp API keeps failing. Sending is paused and resumes by itself.")


def _found(call: Call, account: Account) -> Message:
    message = account.mailbox.find(call.message_id, call.now)
    if message is None:
        raise Refusal(404, "Message not found.")
    return message


def _share(part: int, total: int) -> float:
    return round(part / total, 2) if total else 0.0
