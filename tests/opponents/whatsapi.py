"""A naive WhatsAPI that shares nothing with the embedded sandbox: the opponent that no check may flag.

It keeps every promise of the documents, and where they are silent it takes another way than most would: ids in time
order, the oldest message first, credentials missing refused at once, one bad item refusing the whole bulk, a rate
window from the first request on, names of headers in small letters, members nobody promised.

Nothing happens by itself: what is due happens when a request comes or when `tick` is called. Only addresses that start
with `webhook_prefix` are really posted to, so that no test leaves this machine.
"""

import heapq
import http.client
import http.server
import ipaddress
import itertools
import json
import math
import re
import secrets
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message as Headers
from email.utils import formatdate
from functools import partial
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

MINUTE = 60
DAY = 24 * 60 * MINUTE
REQUESTS_PER_MINUTE = {"free": 20, "basic": 100, "pro": 500, "enterprise": 2000}
BULK_CAP = {"free": 25, "basic": 100, "pro": 1000, "enterprise": 5000}
REGISTRATIONS_PER_MINUTE = 5
STATUSES = ("queued", "scheduled", "processing", "retrying", "sent", "delivered", "read", "failed")
TOLD_STATUSES = ("sent", "delivered", "read", "failed")
TEMPLATE_PARAMETERS = {("hello_world", "en_US"): 0, ("order_ready", "en_US"): 2}
VERIFY_TOKEN = "opponent-verify-token"

Json = dict[str, Any]
Place = list[str | int]


@dataclass
class Message:
    """One message of an account; times are epoch seconds."""

    id: str
    number: int
    to: str
    text: str | None
    template: Json | None
    metadata: Json | None
    dry_run: bool
    batch_id: str | None
    created_at: float
    scheduled_for: float | None
    status: str = "queued"
    had_transient_error: bool = False
    error: str | None = None
    times: dict[str, float] = field(default_factory=dict)
    timeline: list[Json] = field(default_factory=list)


@dataclass
class Reply:
    """What goes back to the caller: a dict as JSON, a str as text."""

    status: int
    payload: Json | str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Kept:
    """The first reply to an Idempotency-Key."""

    at: float
    path: str
    body: bytes
    reply: Reply


@dataclass
class Account:
    """One customer of the API."""

    name: str
    email: str
    plan: str
    key: str
    active: bool = True
    token: str | None = None
    phone_number_id: str | None = None
    webhook_url: str | None = None
    messages_sent: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)


@dataclass
class Call:
    """One request, read in full."""

    method: str
    path: str
    query: dict[str, str]
    headers: Headers
    body: bytes
    address: str
    account: Account
    id: str = ""


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of this server
    """An error response."""

    def __init__(self, status: int, error: str, details: list[Json] | None = None, **headers: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.details = details
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


Handler = Callable[[Call], Reply]
Step = Callable[[float, Account, Message], None]


class WhatsapiOpponent:
    """A WhatsAPI on a loopback port, from `with` on."""

    def __init__(self, now: Callable[[], float], webhook_prefix: str | None = None) -> None:
        self.now = now
        self.webhook_prefix = webhook_prefix
        self.outage_until = 0.0  # set it to a later time: WhatsApp errors repeatedly until then
        self.at = now()
        self.lock = threading.Lock()
        self.accounts: dict[str, Account] = {}
        self.windows: dict[tuple[str, str], tuple[int, int]] = {}
        self.wrote_to_us: dict[tuple[str, str], float] = {}
        self.due: list[tuple[float, int, Step, Account, Message]] = []
        self.outbox: list[tuple[str, bytes]] = []
        self.turns = itertools.count()
        self.numbers = itertools.count(1)
        self.keys = {
            "main": self._open_account("Main", "pro"),
            "free": self._open_account("Free", "free"),
            "other_account": self._open_account("Other", "pro"),
            "sacrificial": self._open_account("Sacrificial", "pro"),
            "no_credentials": self._open_account("No Credentials", "pro", credentials=False),
            "deactivated": self._open_account("Deactivated", "pro", active=False),
        }
        self.keys["unverified"] = self.keys["no_credentials"]
        for plan in REQUESTS_PER_MINUTE:
            self.keys[f"plan_{plan}"] = self._open_account(f"Plan {plan}", plan)
        self.open_routes: list[tuple[str, str, Handler]] = [
            ("POST", "/auth/register", self._register),
            ("GET", "/webhooks/whatsapp", self._meta_subscribes),
            ("POST", "/webhooks/whatsapp", self._meta_tells),
            ("GET", "/openapi.json", self._openapi),
            ("GET", "/llms.txt", self._llms),
            ("GET", "/docs", self._docs),
            ("GET", "/developers", self._docs),
        ]
        self.keyed_routes: list[tuple[str, str, Handler]] = [
            ("GET", "/auth/me", self._me),
            ("PUT", "/auth/me/credentials", self._put_credentials),
            ("DELETE", "/auth/me/credentials", self._delete_credentials),
            ("POST", "/auth/me/credentials/verify", self._verify_credentials),
            ("PUT", "/auth/me/webhook", self._put_webhook),
            ("DELETE", "/auth/me/webhook", self._delete_webhook),
            ("POST", "/auth/me/rotate-key", self._rotate_key),
            ("POST", "/send-message", lambda call: self._once(call, self._send_message)),
            ("POST", "/messages/bulk", lambda call: self._once(call, self._send_bulk)),
            ("GET", "/messages", self._list_messages),
            ("GET", "/messages/{id}", self._get_message),
            ("POST", "/messages/{id}/retry", lambda call: self._once(call, self._retry_message)),
            ("GET", "/analytics/summary", self._analytics),
            ("POST", "/billing/checkout", self._checkout),
            ("GET", "/billing/portal", self._portal),
        ]
        self.server = Server(("127.0.0.1", 0), partial(Wire, self))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def tick(self) -> None:
        """Let everything happen that is due by now."""
        with self.lock:
            self._advance()
        self._post_outbox()

    def _open_account(self, name: str, plan: str, *, credentials: bool = True, active: bool = True) -> str:
        """Make an account as if it had registered and paid long ago, and return its key."""
        email = f"{name.lower().replace(' ', '.')}@example.com"
        account = Account(name, email, plan, new_key(), active=active)
        if credentials:
            account.token = f"EAA{secrets.token_hex(20)}"
            account.phone_number_id = str(10**14 + secrets.randbelow(10**14))
        self.accounts[account.key] = account
        return account.key

    # One request

    def answer(self, call: Call) -> Reply:
        """Do what the request asks; webhooks that are due go out before the answer."""
        with self.lock:
            self._advance()
            limits: dict[str, str] = {}
            try:
                reply = self._route(call, limits)
            except Refusal as refusal:
                payload: Json = {"error": refusal.error, "success": False}
                if refusal.details is not None:
                    payload["details"] = refusal.details
                reply = Reply(refusal.status, payload, refusal.headers)
            reply.headers = {**limits, **reply.headers}
        self._post_outbox()
        return reply

    def _route(self, call: Call, limits: dict[str, str]) -> Reply:
        """Count the request, then find who answers it."""
        account = self._account_of(call)
        if (call.method, call.path) == ("POST", "/auth/register"):
            self._count(("address", call.address), REGISTRATIONS_PER_MINUTE, limits)
        elif account is not None:
            call.account = account
            self._count(("key", account.key), REQUESTS_PER_MINUTE[account.plan], limits)
            if not account.active:
                raise Refusal(403, "This account is deactivated.")
        allowed = []
        for method, template, handler in self.open_routes + (self.keyed_routes if account else []):
            match = re.fullmatch(re.escape(template).replace(r"\{id\}", "([^/]+)"), call.path)
            if match is None:
                continue
            allowed.append(method)
            if method != call.method.replace("HEAD", "GET"):
                continue
            call.id = unquote(match[1]) if match.groups() else ""
            return handler(call)
        if allowed:
            raise Refusal(405, f"{call.path} does not know {call.method}.", Allow=", ".join(allowed))
        if account is None:
            raise Refusal(401, "Send your API key: 'Authorization: Bearer sk_live_...'.", WWW_Authenticate="Bearer")
        raise Refusal(404, "There is nothing at this address.")

    def _account_of(self, call: Call) -> Account | None:
        """Whose key the request carries."""
        scheme, _, key = call.headers.get("Authorization", "").partition(" ")
        return self.accounts.get(key) if scheme.lower() == "bearer" else None

    def _count(self, who: tuple[str, str], limit: int, limits: dict[str, str]) -> None:
        """Count one request in a window of a minute that starts with the first; fill in the headers."""
        end, used = self.windows.get(who, (0, 0))
        if self.at >= end:
            end, used = int(self.at) + MINUTE, 0
        used += 1
        self.windows[who] = (end, used)
        limits["x-ratelimit-limit"] = str(limit)
        limits["x-ratelimit-remaining"] = str(max(0, limit - used))
        limits["x-ratelimit-reset"] = str(end)
        if used > limit:
            wait = str(math.ceil(end - self.at))
            raise Refusal(429, f"Limit of {limit} requests a minute used up.", Retry_After=wait)

    def _once(self, call: Call, work: Handler) -> Reply:
        """Answer a known Idempotency-Key with what it was answered first."""
        key = call.headers.get("Idempotency-Key")
        if not key:
            return work(call)
        kept = call.account.kept.get(key)
        if kept is None or self.at - kept.at >= DAY:
            reply = work(call)
            call.account.kept[key] = Kept(self.at, call.path, call.body, reply)
            return Reply(reply.status, reply.payload)
        if (kept.path, kept.body) != (call.path, call.body):
            raise Refusal(409, "This Idempotency-Key belongs to another request.")
        return Reply(kept.reply.status, kept.reply.payload, {"idempotency-replayed": "true"})

    # The account

    def _register(self, call: Call) -> Reply:
        body = read_body(call)
        details = missing_strings(body, "name", "email")
        email = body.get("email")
        if isinstance(email, str) and email and not re.fullmatch(r"\S+@\S+", email):
            details.append(detail(["email"], "is not an email address"))
        refuse_if(details)
        account = Account(body["name"], body["email"], "free", new_key())
        self.accounts[account.key] = account
        return Reply(200, {"data": {"plan": account.plan, "apiKey": account.key}, "success": True})

    def _me(self, call: Call) -> Reply:
        account = call.account
        data = {
            "webhookUrl": account.webhook_url,
            "byocConfigured": account.token is not None,
            "messagesSent": account.messages_sent,
            "plan": account.plan,
            "email": account.email,
            "name": account.name,
            "requestsPerMinute": REQUESTS_PER_MINUTE[account.plan],
        }
        return Reply(200, {"data": data})

    def _put_credentials(self, call: Call) -> Reply:
        body = read_body(call)
        refuse_if(missing_strings(body, "whatsappAccessToken", "whatsappPhoneNumberId"))
        call.account.token = body["whatsappAccessToken"]
        call.account.phone_number_id = body["whatsappPhoneNumberId"]
        return Reply(200, {"data": {"whatsappPhoneNumberId": call.account.phone_number_id, "byocConfigured": True}})

    def _delete_credentials(self, call: Call) -> Reply:
        call.account.token = call.account.phone_number_id = None
        return Reply(204)

    def _verify_credentials(self, call: Call) -> Reply:
        if call.account.token is None:
            refuse_if([detail(["credentials"], "are not saved yet: PUT /auth/me/credentials")])
        return Reply(200, {"data": {"verified": meta_knows(call.account), "checkedAt": iso(self.at)}})

    def _put_webhook(self, call: Call) -> Reply:
        url = read_body(call).get("url")
        if not isinstance(url, str) or not (self._is_ours(url) or is_public_https(url)):
            refuse_if([detail(["url"], "must be a public HTTPS address")])
        call.account.webhook_url = url
        return Reply(200, {"data": {"webhookUrl": url}})

    def _delete_webhook(self, call: Call) -> Reply:
        call.account.webhook_url = None
        return Reply(204)

    def _rotate_key(self, call: Call) -> Reply:
        del self.accounts[call.account.key]
        call.account.key = new_key()
        self.accounts[call.account.key] = call.account
        return Reply(200, {"data": {"apiKey": call.account.key}, "success": True})

    def _checkout(self, call: Call) -> Reply:
        plan = read_body(call).get("plan")
        if plan not in ("basic", "pro"):
            refuse_if([detail(["plan"], "must be basic or pro; for enterprise, talk to sales")])
        url = f"https://checkout.stripe.com/c/pay/cs_test_{secrets.token_hex(16)}"
        return Reply(201, {"data": {"plan": plan, "url": url}})

    def _portal(self, _: Call) -> Reply:
        return Reply(200, {"data": {"url": f"https://billing.stripe.com/p/session/test_{secrets.token_hex(16)}"}})

    # Messages

    def _send_message(self, call: Call) -> Reply:
        details: list[Json] = []
        draft = self._read_draft(call, read_body(call), [], details)
        refuse_if(details)
        self._refuse_in_outage()
        message = self._accept(call.account, draft, None)
        data = {"scheduledFor": iso(message.scheduled_for), "status": message.status, "id": message.id}
        return Reply(202, {"data": {**data, "dryRun": message.dry_run}, "success": True})

    def _send_bulk(self, call: Call) -> Reply:
        body = read_body(call)
        items = body.get("messages")
        cap = BULK_CAP[call.account.plan]
        if not isinstance(items, list) or not 1 <= len(items) <= cap:
            refuse_if([detail(["messages"], f"must be a list of 1 to {cap} messages on the {call.account.plan} plan")])
        details: list[Json] = []
        common = {"sendAt": body["sendAt"]} if "sendAt" in body else {}
        drafts = []
        for place, item in enumerate(items or []):
            if isinstance(item, dict):
                drafts.append(self._read_draft(call, {**common, **item}, ["messages", place], details))
            else:
                details.append(detail(["messages", place], "must be an object"))
        refuse_if(details)
        self._refuse_in_outage()
        batch_id = f"{secrets.token_hex(4)}-{next(self.numbers)}"
        for draft in drafts:
            self._accept(call.account, draft, batch_id)
        data = {"failedCount": 0, "queued": len(drafts), "totalMessages": len(drafts), "batchId": batch_id}
        return Reply(202, {"data": {**data, "acceptedAt": iso(self.at)}})

    def _read_draft(self, call: Call, item: Json, place: Place, details: list[Json]) -> Json:
        """Check one message as it was sent; what is wrong goes into details."""
        to = item.get("to")
        if not isinstance(to, str) or not re.fullmatch("[1-9][0-9]{1,14}", to):
            details.append(detail([*place, "to"], "must be a phone number in E.164, digits only, without +"))
        if "message" not in item and "template" not in item:
            details.append(detail([*place, "message"], "is required unless there is a template"))
        text = item.get("message")
        if "message" in item and not (isinstance(text, str) and 1 <= len(text) <= 4096):
            details.append(detail([*place, "message"], "must be a text of 1 to 4096 characters"))
        if "template" in item and not is_template(item["template"]):
            details.append(detail([*place, "template"], "must be an object with a name"))
        if not isinstance(item.get("metadata", {}), dict):
            details.append(detail([*place, "metadata"], "must be an object"))
        if not isinstance(item.get("dry_run", False), bool):
            details.append(detail([*place, "dry_run"], "must be true or false"))
        elif call.account.token is None and not item.get("dry_run"):
            details.append(detail([*place, "credentials"], "are not saved yet: PUT /auth/me/credentials"))
        send_at = epoch_of(item["sendAt"]) if "sendAt" in item else None
        if "sendAt" in item and (send_at is None or send_at <= self.at):
            details.append(detail([*place, "sendAt"], "must be an ISO 8601 date and time in the future"))
        return {**item, "sendAt": send_at}

    def _accept(self, account: Account, draft: Json, batch_id: str | None) -> Message:
        template = draft.get("template")
        message = Message(
            id=self._new_id(),
            number=next(self.numbers),
            to=draft["to"],
            text=draft["message"] if template is None else None,
            template=template,
            metadata=draft.get("metadata"),
            dry_run=draft.get("dry_run", False),
            batch_id=batch_id,
            created_at=self.at,
            scheduled_for=draft["sendAt"],
        )
        account.messages[message.id] = message
        if message.scheduled_for is None:
            self._enqueue(self.at, account, message)
        else:
            self._change(self.at, account, message, "scheduled")
            self._later(message.scheduled_for, self._enqueue, account, message)
        return message

    def _list_messages(self, call: Call) -> Reply:
        limit = min(200, whole_number(call, "limit", 20))
        page = whole_number(call, "page", 1)
        found = [
            message
            for message in call.account.messages.values()
            if call.query.get("status", message.status) == message.status
            and call.query.get("batchId", message.batch_id) == message.batch_id
        ]
        shown = [
            {
                "status": message.status,
                "to": message.to,
                "id": message.id,
                "batchId": message.batch_id,
                "createdAt": iso(message.created_at),
            }
            for message in found[(page - 1) * limit : page * limit]
        ]
        pages = {"total": len(found), "pages": math.ceil(len(found) / limit), "page": page, "limit": limit}
        return Reply(200, {"data": {"messages": shown, "pagination": pages}})

    def _get_message(self, call: Call) -> Reply:
        message = find_message(call)
        data = {
            "timeline": message.timeline,
            "metadata": message.metadata,
            "errorMessage": message.error,
            "failedAt": iso(message.times.get("failed")),
            "readAt": iso(message.times.get("read")),
            "deliveredAt": iso(message.times.get("delivered")),
            "sentAt": iso(message.times.get("sent")),
            "status": message.status,
            "body": message.text,
            "template": message.template,
            "to": message.to,
            "id": message.id,
            "batchId": message.batch_id,
            "channel": "whatsapp",
            "createdAt": iso(message.created_at),
            "scheduledFor": iso(message.scheduled_for),
        }
        return Reply(200, {"data": data})

    def _retry_message(self, call: Call) -> Reply:
        message = find_message(call)
        if message.status != "failed":
            raise Refusal(409, f"Only a failed message can be sent again; this one is {message.status}.")
        self._refuse_in_outage()
        message.error = None
        del message.times["failed"]
        self._enqueue(self.at, call.account, message)
        return Reply(202, {"data": {"status": message.status, "id": message.id}})

    def _analytics(self, call: Call) -> Reply:
        by_status = dict.fromkeys(STATUSES, 0)
        for message in call.account.messages.values():
            by_status[message.status] += 1
        total = len(call.account.messages)
        data = {
            "failureRate": rate(by_status["failed"], total),
            "deliveryRate": rate(by_status["delivered"] + by_status["read"], total),
            "byStatus": by_status,
            "total": total,
        }
        return Reply(200, {"data": data})

    def _refuse_in_outage(self) -> None:
        if self.at < self.outage_until:
            raise Refusal(503, "WhatsApp keeps failing; sending is paused and goes on by itself.")

    def _new_id(self) -> str:
        """Make a UUID of version 7: milliseconds first."""
        milliseconds = int(self.at * 1000) % 2**48
        bits = milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
        return str(uuid.UUID(int=bits))

    # What happens to a message, one step after the other

    def _advance(self) -> None:
        self.at = self.now()
        while self.due and self.due[0][0] <= self.at:
            at, _, step, account, message = heapq.heappop(self.due)
            step(at, account, message)

    def _later(self, at: float, step: Step, account: Account, message: Message) -> None:
        heapq.heappush(self.due, (at, next(self.turns), step, account, message))

    def _enqueue(self, at: float, account: Account, message: Message) -> None:
        self._change(at, account, message, "queued")
        self._later(at + 0.1, self._process, account, message)

    def _process(self, at: float, account: Account, message: Message) -> None:
        self._change(at, account, message, "processing")
        self._later(at + 0.5, self._call_whatsapp, account, message)

    def _call_whatsapp(self, at: float, account: Account, message: Message) -> None:
        stumbles = message.number % 7 == 0 and not message.had_transient_error
        if not message.dry_run and (stumbles or at < self.outage_until):
            message.had_transient_error = True
            self._change(at, account, message, "retrying")
            self._later(max(at + 0.5, self.outage_until), self._process, account, message)
            return
        message.error = None if message.dry_run else self._trouble_at_meta(at, account, message)
        if message.error:
            self._change(at, account, message, "failed")
            return
        account.messages_sent += 1
        self._change(at, account, message, "sent")
        self._later(at + 0.9, self._arrive, account, message)

    def _arrive(self, at: float, account: Account, message: Message) -> None:
        self._change(at, account, message, "delivered")
        if not message.dry_run and message.number % 3:
            self._later(at + 45, self._be_read, account, message)

    def _be_read(self, at: float, account: Account, message: Message) -> None:
        self._change(at, account, message, "read")

    def _trouble_at_meta(self, at: float, account: Account, message: Message) -> str | None:
        """Say why Meta refuses the message, if it does."""
        if not meta_knows(account):
            return "(#190) Invalid OAuth access token, or no access to this phone number id."
        if message.template is None:
            wrote_at = self.wrote_to_us.get((account.phone_number_id or "", message.to))
            if wrote_at is None or at - wrote_at > DAY:
                return "(#131047) More than 24 hours since the recipient last wrote: use a template."
            return None
        name, language = message.template["name"], message.template.get("language", "en_US")
        if (name, language) not in TEMPLATE_PARAMETERS:
            return f"(#132001) There is no approved template {name} in {language}."
        if TEMPLATE_PARAMETERS[name, language] != count_parameters(message.template):
            return f"(#132000) Wrong number of parameters for template {name}."
        return None

    def _change(self, at: float, account: Account, message: Message, status: str) -> None:
        """Give the message another status and tell the account's webhook."""
        message.status = status
        message.times[status] = at
        message.timeline.append({"at": iso(at), "status": status})
        if status not in TOLD_STATUSES or account.webhook_url is None:
            return
        data = {
            "metadata": message.metadata,
            "errorMessage": message.error,
            "failedAt": iso(message.times.get("failed")),
            "readAt": iso(message.times.get("read")),
            "deliveredAt": iso(message.times.get("delivered")),
            "sentAt": iso(message.times.get("sent")),
            "to": message.to,
            "status": status,
            "messageId": message.id,
        }
        told = {"data": data, "timestamp": iso(at), "event": "message.status_updated"}
        self.outbox.append((account.webhook_url, json.dumps(told).encode()))

    # Webhooks

    def _is_ours(self, url: str) -> bool:
        return self.webhook_prefix is not None and url.startswith(self.webhook_prefix)

    def _post_outbox(self) -> None:
        """Post without the lock, so that the receiver may ask the API; once more if it does not thank in time."""
        with self.lock:
            posts, self.outbox = self.outbox, []
        for url, body in posts:
            if self._is_ours(url) and not self._post(url, body):
                self._post(url, body)

    def _is_thanks(self, status: int) -> bool:
        return 200 <= status < 300

    def _post(self, url: str, body: bytes) -> bool:
        started = self.now()
        try:
            parts = urlsplit(url)
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            with closing(kind(parts.hostname or "", parts.port, timeout=10)) as connection:
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("POST", target, body, {"Content-Type": "application/json"})
                accepted = self._is_thanks(connection.getresponse().status)
        except (OSError, ValueError, http.client.HTTPException):
            return False
        return accepted and self.now() - started <= 10

    def _meta_subscribes(self, call: Call) -> Reply:
        query = call.query
        if query.get("hub.mode") != "subscribe" or query.get("hub.verify_token") != VERIFY_TOKEN:
            raise Refusal(403, "The verify token is not ours.")
        return Reply(200, query.get("hub.challenge", ""))

    def _meta_tells(self, call: Call) -> Reply:
        """Take events from Meta; a customer's message opens the 24 hours for answers."""
        for entry in dicts(read_body(call), "entry"):
            for one in dicts(entry, "changes"):
                value = one.get("value")
                metadata = value.get("metadata") if isinstance(value, dict) else None
                if isinstance(value, dict) and isinstance(metadata, dict):
                    for inbound in dicts(value, "messages"):
                        self.wrote_to_us[str(metadata.get("phone_number_id")), str(inbound.get("from"))] = self.at
        return Reply(200, {"data": {"received": True}})

    # Pages

    def _openapi(self, _: Call) -> Reply:
        paths: Json = {}
        for method, path, _handler in self.open_routes + self.keyed_routes:
            operation: Json = {"responses": {"default": {"description": "See /developers"}}}
            if "{id}" in path:
                operation["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
            paths.setdefault(path, {})[method.lower()] = operation
        return Reply(200, {"openapi": "3.0.3", "info": {"title": "WhatsAPI", "version": "1.0.0"}, "paths": paths})

    def _llms(self, _: Call) -> Reply:
        return Reply(200, "# WhatsAPI\n\nSend WhatsApp messages over HTTP. See /openapi.json and /developers.\n")

    def _docs(self, _: Call) -> Reply:
        page = "<!doctype html><title>WhatsAPI</title><a href=/openapi.json>openapi.json</a>"
        return Reply(200, page, {"Content-Type": "text/html; charset=utf-8"})


def new_key() -> str:
    return f"sk_live_{secrets.token_hex(24)}"


def iso(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_of(text: object) -> float | None:
    """Read an ISO 8601 date and time; without a zone it is UTC."""
    if not isinstance(text, str) or "T" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        epoch = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        iso(epoch)
    except (ValueError, OverflowError):
        return None
    return epoch


def rate(part: int, total: int) -> float:
    value = round(part / total, 2) if total else 0
    return int(value) if value in (0, 1) else value


def detail(path: Place, message: str) -> Json:
    return {"message": f"{path[-1]} {message}", "path": path}


def refuse_if(details: list[Json]) -> None:
    if details:
        raise Refusal(400, "Some fields are not right.", details)


def missing_strings(body: Json, *names: str) -> list[Json]:
    return [
        detail([name], "is required and must be a text")
        for name in names
        if not isinstance(body.get(name), str) or not body[name].strip()
    ]


def not_a_number(text: str) -> float:
    raise ValueError(text)


def finite(text: str) -> float | None:
    """Read a number; what no double can hold becomes null, as in JavaScript."""
    number = float(text)
    return number if math.isfinite(number) else None


def read_body(call: Call) -> Json:
    """Read a JSON object; a body that does not say it is JSON counts as empty."""
    if call.headers.get_content_type() != "application/json":
        return {}
    try:
        body = json.loads(call.body.decode(), parse_constant=not_a_number, parse_float=finite)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        refuse_if([detail(["body"], "must be a JSON object")])
    return body if isinstance(body, dict) else {}


def whole_number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        refuse_if([detail([name], "must be a whole number from 1 on")])
    return int(text)


def find_message(call: Call) -> Message:
    message = call.account.messages.get(call.id)
    if message is None:
        raise Refusal(404, "You have no such message.")
    return message


def is_template(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"]:
        return False
    components = value.get("components", [])
    return (
        isinstance(value.get("language", ""), str)
        and isinstance(components, list)
        and all(isinstance(component, dict) for component in components)
    )


def count_parameters(template: Json) -> int:
    return sum(len(dicts(part, "parameters")) for part in dicts(template, "components") if part.get("type") == "body")


def dicts(value: Json, name: str) -> list[Json]:
    """Get the objects in a list that may be anything."""
    items = value.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def meta_knows(account: Account) -> bool:
    """Every token that looks like one of Meta's works here."""
    return bool(
        account.token and account.token.startswith("EAA") and re.fullmatch("[0-9]+", account.phone_number_id or "")
    )


def is_public_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme != "https" or re.search(r"\s", url):
        return False
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        last = host.rpartition(".")[2]
        return "." in host.strip(".") and last[:1].isalpha() and last not in ("localhost", "local", "internal")
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_global


class Server(http.server.ThreadingHTTPServer):
    """One thread a connection."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the standard library has it
        """Say nothing of callers who hang up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Wire(http.server.BaseHTTPRequestHandler):
    """Reads requests and writes replies."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    disable_nagle_algorithm = True

    def __init__(self, opponent: WhatsapiOpponent, *arguments: Any) -> None:  # noqa: ANN401 - passed on as they come
        self.opponent = opponent
        super().__init__(*arguments)

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._any_method
        raise AttributeError(name)

    def _any_method(self) -> None:
        try:
            body = self._read_chunks() if "Transfer-Encoding" in self.headers else self._read_counted()
        except ValueError:
            self.send_error(400, "The length of the body cannot be read.")
            return
        path, _, query = self.path.partition("?")
        nobody = Account("", "", "free", "")
        call = Call(self.command, path, dict(parse_qsl(query)), self.headers, body, self.client_address[0], nobody)
        self._write(self.opponent.answer(call))

    def _read_counted(self) -> bytes:
        return self.rfile.read(max(0, int(self.headers.get("Content-Length", "0"))))

    def _read_chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(1000).partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline(1000)
        while self.rfile.readline(1000).strip():
            pass
        return body

    def _write(self, reply: Reply) -> None:
        self.send_response(reply.status)
        headers = dict(reply.headers)
        body = b""
        if isinstance(reply.payload, dict):
            body = json.dumps(reply.payload).encode()
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        elif reply.payload is not None:
            body = reply.payload.encode()
            headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        if reply.status != 204:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what cannot be read, in the shape of every error."""
        self.close_connection = True
        error = message or explain or "The request cannot be read."
        payload: Json = {"error": error, "success": False}
        if code == 400:
            payload["details"] = [detail(["request"], error)]
        self._write(Reply(int(code), payload, {"Connection": "close"}))

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Date answers by the same clock as everything else."""
        return formatdate(self.opponent.now() if timestamp is None else timestamp, usegmt=True)

    def version_string(self) -> str:
        """Name the server."""
        return "whatsapi"

    def log_message(self, *_: object) -> None:
        """Be quiet."""
