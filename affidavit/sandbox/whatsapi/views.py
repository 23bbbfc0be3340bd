"""How messages look from outside: in answers and in webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from affidavit.sandbox.http import rfc3339
from affidavit.sandbox.model import Json
from affidavit.sandbox.whatsapi.messages import Message, Step

Object: TypeAlias = dict[str, Json]


def accepted(message: Message, now: float) -> Object:
    """What a send or a retry is answered with."""
    send_at = message.draft.send_at
    if send_at is not None and send_at > now:
        return {"id": message.id, "status": "scheduled", "scheduledFor": rfc3339(send_at)}
    return {"id": message.id, "status": "queued", "scheduledFor": None}


def listed(message: Message, now: float) -> Object:
    """The message as an item of a list."""
    return _facts("id", message, message.steps[: message.seen_at(now)])


def full(message: Message, now: float) -> Object:
    """The message with its history."""
    steps = message.steps[: message.seen_at(now)]
    view = _facts("id", message, steps)
    view["timeline"] = [{"status": status, "at": rfc3339(at)} for status, at in steps]
    return view


def status_event(message: Message, step: int) -> Object:
    """The webhook that tells of this step, as things stood when it was taken (G-49: without `sentAt`)."""
    data = _facts("messageId", message, message.steps[: step + 1])
    del data["body"], data["sentAt"]
    return {"event": "message.status_updated", "timestamp": rfc3339(message.steps[step][1]), "data": data}


def _facts(id_name: str, message: Message, steps: Sequence[Step]) -> Object:
    status = steps[-1][0]
    reached = {status: rfc3339(at) for status, at in steps if status in {"sent", "delivered", "read"}}
    failed = status == "failed"
    return {
        id_name: message.id,
        "to": message.draft.to,
        "body": message.draft.text,
        "status": status,
        "sentAt": reached.get("sent"),
        "deliveredAt": reached.get("delivered"),
        "readAt": reached.get("read"),
        "failedAt": rfc3339(steps[-1][1]) if failed else None,
        "errorMessage": message.error if failed else None,
        "metadata": message.draft.metadata,
    }
