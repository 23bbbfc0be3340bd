"""The side that faces Meta: the handshake, and the events that Meta posts.

An event with a message from a customer opens that customer's window with every account that sends from the number the
event names. Everything else Meta may post is taken and ignored, receipts too: the imitation knows by itself how its
messages fare. Only what is not JSON is refused, since Meta gives up on a receiver that refuses its events.
"""

from __future__ import annotations

from collections.abc import Iterator

from affidavit.sandbox.http import json_response
from affidavit.sandbox.model import Json, Response
from affidavit.sandbox.whatsapi.refusal import Problem, Refusal, invalid
from affidavit.sandbox.whatsapi.service import Call, Service
from affidavit.sandbox.whatsapi.validation import PHONE_NUMBER

TEXT = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))


def shake_hands(service: Service, call: Call) -> Response:
    """GET /webhooks/whatsapp: the challenge comes back as it is, if the agreed word is right."""
    given = dict(reversed(call.request.query))
    problems = [] if given.get("hub.mode") == "subscribe" else [Problem("hub.mode", "must be subscribe")]
    problems += [Problem(name, "is required") for name in ("hub.verify_token", "hub.challenge") if not given.get(name)]
    if problems:
        raise invalid(*problems)
    if given["hub.verify_token"] != service.verify_token:
        raise Refusal(403, "The verify token is not the right one.")
    return Response(200, TEXT, given["hub.challenge"].encode("utf-8", "replace"))


def take_event(service: Service, call: Call) -> Response:
    """POST /webhooks/whatsapp."""
    for phone_number_id, number in inbound_messages(call.body):
        for account in service.accounts.by_phone_number_id(phone_number_id):
            account.sender.windows.inbound(number, call.now)
    return json_response(200, {"success": True})


def inbound_messages(event: Json) -> Iterator[tuple[str, str]]:
    """Whose number was written to (Meta's id) and who wrote, for each message in an event."""
    for entry in _objects(event, "entry"):
        for change in _objects(entry, "changes"):
            value = change.get("value")
            metadata = value.get("metadata") if isinstance(value, dict) else None
            to = metadata.get("phone_number_id") if isinstance(metadata, dict) else None
            for message in _objects(value, "messages"):
                sender = message.get("from")
                if isinstance(to, str) and isinstance(sender, str) and PHONE_NUMBER.fullmatch(sender):
                    yield to, sender


def _objects(value: Json, name: str) -> Iterator[dict[str, Json]]:
    """The objects in the list of that name in an object; nothing where any of this is not so."""
    items = value.get(name) if isinstance(value, dict) else None
    return (item for item in (items if isinstance(items, list) else ()) if isinstance(item, dict))
