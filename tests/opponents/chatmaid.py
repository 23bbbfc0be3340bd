"""A naive imitation of Chatmaid's messaging API, written from its documents alone.

It shares nothing with the package: a fair checker has nothing to say against it. Where the documents are silent or
disagree it takes a legal but less obvious reading (the comments say which), so that a checker that expects more than
the documents promise is found out. All time comes from the callable it is made with.
"""

import contextlib
import ipaddress
import json
import math
import random
import re
import socket
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote_plus, urlsplit

Json = dict[str, Any]
Reply = tuple[int, dict[str, str], Json | bytes]
Connection = socket.socket | tuple[bytes, socket.socket]
PhoneRow = tuple[str, str, str, str, int | None, int | None]
HistoryRow = tuple[str, str, str, str, int, bool]
ReceivedRow = tuple[str, str, str, str, str, str | None, int]

SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

# The documents give no number; a window opens with a key's first request and resets as a whole.
REQUESTS_PER_WINDOW = 100
WINDOW = 60 * SECOND

LONGEST_CONTENT = 4096
LONGEST_IDEMPOTENCY_KEY = 64
LARGEST_BODY = 10_000_000
E164 = re.compile(r"\+[1-9][0-9]{1,14}")
BEARER = re.compile(r"\s*bearer\s+(\S+)\s*", re.IGNORECASE)
SEND_FIELDS = ("fromPhoneId", "to", "content", "mediaUrls", "idempotencyKey")
PERIODS = {"day": 1 * DAY, "week": 7 * DAY, "month": 30 * DAY}

MESSAGE_SCOPES = frozenset({"messages:send", "messages:write"})
READ_SCOPES = frozenset({"messages:read"})
# Strictly the listed scopes: a key with message scopes alone reads no phone numbers.
PHONE_SCOPES = frozenset({"phone_numbers:read", "phone-numbers:read"})
ACCOUNT_SCOPES = frozenset({"account:read", "messages:read", "messages:send", "messages:write"})

ALL_SCOPES = frozenset({"messages:send", "messages:read", "phone_numbers:read", "account:read"})
# The documented alternatives in place of the first choices.
OTHER_SCOPES = frozenset({"messages:write", "messages:read", "phone-numbers:read", "account:read"})

# Role, account, environment, scopes.
KEYS: tuple[tuple[str, str, str, frozenset[str]], ...] = (
    ("main", "northwind", "test", ALL_SCOPES),
    ("second", "northwind", "test", OTHER_SCOPES),
    ("live", "northwind", "live", ALL_SCOPES),
    ("expired", "northwind", "test", ALL_SCOPES),
    ("other_account", "harbour", "test", ALL_SCOPES),
    ("other_live", "harbour", "live", ALL_SCOPES),
    ("only_messages_send", "northwind", "test", frozenset({"messages:send"})),
    ("only_messages_write", "northwind", "test", frozenset({"messages:write"})),
    ("only_messages_read", "northwind", "test", frozenset({"messages:read"})),
    ("only_phone_numbers_read", "northwind", "test", frozenset({"phone_numbers:read"})),
    ("only_account_read", "northwind", "test", frozenset({"account:read"})),
)

ACCOUNTS: dict[str, Json] = {
    "northwind": {"accountId": "acct-northwind-2041", "name": "Northwind Flowers", "email": "it@northwind.example"},
    "harbour": {"accountId": "acct-harbour-2077", "name": "Harbour Dental", "email": "desk@harbour.example"},
}

# Account, number, name, state, hours since it was connected and disconnected. The first one listed is not connected.
PHONES: tuple[PhoneRow, ...] = (
    ("northwind", "+442079460011", "Old handset", "disconnected", 90, 40),
    ("northwind", "+442079460012", "Front desk", "connected", 30, 31),
    ("northwind", "+442079460013", "Van 3", "connecting", None, None),
    ("northwind", "+442079460014", "Shop", "connected", 100, None),
    ("harbour", "+442079460777", "Reception", "connected", 300, None),
)

# Account, environment, sender, recipient, hours ago, whether sending failed.
HISTORY: tuple[HistoryRow, ...] = (
    ("northwind", "test", "+442079460012", "+12025550110", 2, False),
    ("northwind", "test", "+442079460012", "+12025550111", 3 * 24, False),
    ("northwind", "test", "+442079460011", "+12025550112", 20 * 24, True),
    ("northwind", "test", "+442079460011", "+12025550113", 45 * 24, False),
    ("northwind", "live", "+442079460012", "+12025550110", 5, False),
    ("northwind", "live", "+442079460012", "+12025550114", 6 * 24, True),
    ("harbour", "test", "+442079460777", "+12025550150", 26, False),
    ("harbour", "live", "+442079460777", "+12025550151", 50, False),
)

# Account, receiving number, sender, type, content, group, hours ago.
RECEIVED: tuple[ReceivedRow, ...] = (
    ("northwind", "+442079460012", "+12025550110", "text", "Are the tulips in?", None, 4),
    ("northwind", "+442079460012", "+12025550110", "image", "these ones", None, 3),
    ("northwind", "+442079460012", "+12025550121", "text", "Who drives on Friday?", "120363025550100001@g.us", 9),
    ("northwind", "+442079460014", "+12025550122", "text", "Open on Sunday?", None, 70),
    ("northwind", "+442079460012", "+12025550123", "text", "Gr\u00fc\u00dfe \U0001f337", None, 1),
    ("harbour", "+442079460777", "+12025550150", "text", "I will be late", None, 12),
)


class RefusedError(Exception):
    """A request that gets the error envelope."""

    def __init__(
        self, status: int, error: str, reasons: list[str], headers: dict[str, str] | None = None, **members: int
    ) -> None:
        super().__init__(status, error, reasons)
        self.status = status
        self.error = error
        self.reasons = reasons
        self.headers = headers or {}
        self.members = members


@dataclass(frozen=True)
class Key:
    """An API key; `expires` in milliseconds."""

    value: str
    account: str
    environment: str
    scopes: frozenset[str]
    expires: int | None


@dataclass(frozen=True)
class Call:
    """A request that passed key, scope and limit; `at` in milliseconds."""

    key: Key
    reference: str
    query: dict[str, str]
    body: bytes
    at: int


def moment(milliseconds: int | None) -> str | None:
    """Write a time as the documents do: UTC, milliseconds, Z."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / SECOND, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def length(text: str) -> int:
    """Count as JavaScript does: the documents do not say what a length counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def is_public_https(url: object) -> bool:
    """Tell whether a media URL is one, as far as can be told without asking the network."""
    if not isinstance(url, str) or re.search(r"[\x00-\x20\x7f]", url):
        return False
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        has_good_port = parts.port != 0
    except ValueError:
        return False
    if parts.scheme != "https" or not host or not has_good_port:
        return False
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return False
    return is_public_address(host)


def is_public_address(host: str) -> bool:
    """Tell whether a host is a name or a public address."""
    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address
        # Also 127.1, 0x7f000001 and the like, which connect to the same place.
        address = ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return True
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast


def problems_of(body: Json) -> list[str]:
    """List what is wrong with the members of a message to send."""
    problems = [f"{name} is not a known property" for name in body if name not in SEND_FIELDS]
    sender, to, key = body.get("fromPhoneId"), body.get("to"), body.get("idempotencyKey", "")
    content, media = body.get("content", ""), body.get("mediaUrls", [])
    if not isinstance(sender, str) or not sender:
        problems.append("fromPhoneId has to be a phone number or a phone id")
    if not isinstance(to, str) or not E164.fullmatch(to):
        problems.append("to has to be an E.164 number, like +12025550100")
    if not isinstance(content, str) or length(content) > LONGEST_CONTENT:
        problems.append(f"content has to be a text of at most {LONGEST_CONTENT}")
    if not isinstance(media, list) or not all(is_public_https(url) for url in media):
        problems.append("mediaUrls has to be a list of public https addresses")
    if not content and not media:
        problems.append("one of content and mediaUrls has to have something in it")
    if not isinstance(key, str) or length(key) > LONGEST_IDEMPOTENCY_KEY:
        problems.append(f"idempotencyKey has to be a text of at most {LONGEST_IDEMPOTENCY_KEY}")
    return problems


def status_of(message: Json, at: int) -> str:
    """Say how far a message has come."""
    for status in ("failed", "read", "delivered", "sent"):
        if message[status] is not None and message[status] <= at:
            return status
    return "pending"


def as_sent(message: Json, at: int) -> Json:
    """Show a message as the examples of sending do: without the receipts, which cannot have come."""
    failed = status_of(message, at) == "failed"
    return {
        "status": status_of(message, at),
        "id": message["id"],
        "environment": message["environment"],
        "to": message["to"],
        "from": message["from"],
        "mediaUrls": message["media"],
        "content": message["content"],
        "errorMessage": "The number is not on WhatsApp" if failed else None,
        "errorCode": "RECIPIENT_UNREACHABLE" if failed else None,
        **{f"{step}At": moment(reached(message[step], at)) for step in ("failed", "sent")},
        "createdAt": moment(message["created"]),
    }


def as_stored(message: Json, at: int) -> Json:
    """Show a message whole."""
    return as_sent(message, at) | {f"{step}At": moment(reached(message[step], at)) for step in ("read", "delivered")}


def as_listed(message: Json, at: int) -> Json:
    """Show a message as the example of the list does: six members, and one more of our own."""
    names = ("createdAt", "environment", "status", "content", "to", "from", "id")
    return {name: value for name, value in as_sent(message, at).items() if name in names}


def reached(time: int | None, at: int) -> int | None:
    """Give a time that has come, else nothing."""
    return time if time is not None and time <= at else None


def whole_number(text: str | None, default: int) -> int:
    """Read a page or a limit; what is no number is as if it were not there, for the documents list no 400."""
    if text is None or not re.fullmatch("[0-9]{1,4000}", text):
        return default
    return int(text)


def page_of(items: list[Json], query: dict[str, str], show: Callable[[Json], Json]) -> Json:
    """Cut one page out of a list; what is out of range is moved into it."""
    page = max(whole_number(query.get("page"), 1), 1)
    limit = min(max(whole_number(query.get("limit"), 20), 1), 100)
    start = (page - 1) * limit
    return {
        "pagination": {
            "total": len(items),
            "totalPages": max(1, math.ceil(len(items) / limit)),
            "limit": limit,
            "page": page,
        },
        "data": [show(item) for item in items[start : start + limit]],
    }


class ChatmaidOpponent:
    """A Chatmaid on a loopback port, for as long as the context lasts; `now` gives epoch seconds."""

    url: str
    keys: dict[str, str]

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._random = random.Random(7)  # noqa: S311 - ids only have to differ
        self._windows: dict[str, tuple[int, int]] = {}
        self._replays: dict[tuple[str, str, str], Json] = {}
        start = self._at()
        self._seed_keys(start)
        self._phones = [self._seed_phone(start, row) for row in PHONES]
        self._messages: dict[str, Json] = {}
        for row in HISTORY:
            self._seed_message(start, row)
        self._received = [self._seed_received(start, row) for row in RECEIVED]
        self._received.sort(key=lambda message: message["received"])
        # Account, time, whether it succeeded.
        self._requests = [
            (name, start - hours * HOUR, hours % 4 != 1) for name in ACCOUNTS for hours in range(5, 900, 17)
        ]

    def __enter__(self) -> Self:
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.opponent = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def respond(self, method: str, target: str, headers: Message, body: bytes) -> Reply:
        """Answer one request; bytes in place of JSON are sent as they are."""
        return self.answer(method, target, headers["Authorization"], body)

    def answer(self, method: str, target: str, authorization: str | None, body: bytes) -> Reply:
        """Answer the holder of a key."""
        with self._lock:
            at = self._at()
            path = target.partition("?")[0]
            try:
                return self._operate(method, target, authorization, body, at)
            except RefusedError as refusal:
                return refusal.status, refusal.headers, self.envelope(refusal, path, at)

    def envelope(self, refusal: RefusedError, path: str, at: int | None = None) -> Json:
        """Write an error as the documents do."""
        return {
            "statusCode": refusal.status,
            "path": path,
            "timestamp": moment(self._at() if at is None else at),
            "message": refusal.reasons,
            "error": refusal.error,
            "success": False,
            **refusal.members,
        }

    def clock(self) -> float:
        """Tell the time of this server."""
        return self._at() / SECOND

    def _at(self) -> int:
        return round(self._now() * SECOND)

    def _operate(self, method: str, target: str, authorization: str | None, body: bytes, at: int) -> Reply:
        path, _, query = target.partition("?")
        allowed, scopes, operation, reference = self._route(path)
        if method != allowed:
            reasons = [f"{method} is not possible here"]
            raise RefusedError(405, "Method Not Allowed", reasons, {"Allow": allowed})
        key = self._key(authorization, at)
        try:
            self._admit(key, scopes, at)
            values = {name: found[0] for name, found in parse_qs(query).items()}
            data = operation(Call(key, reference, values, body, at))
        except RefusedError as refusal:
            if refusal.status != 429:
                self._requests.append((key.account, at, False))
            raise
        self._requests.append((key.account, at, True))
        return (201 if method == "POST" else 200), {}, {"data": data, "success": True}

    def _route(self, path: str) -> tuple[str, frozenset[str], Callable[[Call], Any], str]:
        for allowed, pattern, scopes, operation in (
            ("POST", "/v1/messages/send", MESSAGE_SCOPES, self._send),
            ("GET", "/v1/messages", READ_SCOPES, self._list_messages),
            ("GET", "/v1/messages/inbound", READ_SCOPES, self._list_received),
            ("GET", "/v1/messages/inbound/([^/]+)", READ_SCOPES, self._get_received),
            ("GET", "/v1/messages/([^/]+)", READ_SCOPES, self._get_message),
            ("GET", "/v1/phone-numbers", PHONE_SCOPES, self._list_phones),
            ("GET", "/v1/phone-numbers/([^/]+)", PHONE_SCOPES, self._get_phone),
            ("GET", "/v1/phone-numbers/([^/]+)/status", PHONE_SCOPES, self._get_phone_status),
            ("GET", "/v1/account", ACCOUNT_SCOPES, self._get_account),
            ("GET", "/v1/account/usage", ACCOUNT_SCOPES, self._get_usage),
        ):
            found = re.fullmatch(pattern, path)
            if found:
                # A bare + is a space here: the documents ask for %2B.
                return allowed, scopes, operation, unquote_plus(found[1]) if found.groups() else ""
        raise RefusedError(404, "Not Found", ["There is nothing at this address"])

    def _key(self, authorization: str | None, at: int) -> Key:
        found = BEARER.fullmatch(authorization or "")
        key = self._keys.get(found[1]) if found else None
        if not found:
            problem = "An API key is needed: Authorization: Bearer"
        elif key is None:
            problem = "This is not an API key of ours"
        elif key.expires is not None and key.expires <= at:
            problem = "This API key has expired"
        else:
            return key
        raise RefusedError(401, "Unauthorized", [problem], {"WWW-Authenticate": "Bearer"})

    def _admit(self, key: Key, scopes: frozenset[str], at: int) -> None:
        # The order of 403 and 429 is not documented: what the key may never do does not use up its limit.
        if not key.scopes & scopes:
            raise RefusedError(403, "Forbidden", [f"This needs a key with one of: {', '.join(sorted(scopes))}"])
        start, count = self._windows.get(key.value, (at, 0))
        # One millisecond may be lost in rounding when a caller waits exactly as long as it is told.
        if at >= start + WINDOW - 1:
            start, count = at, 0
        if count >= REQUESTS_PER_WINDOW:
            wait = max(1, math.ceil((start + WINDOW - at) / SECOND))
            raise RefusedError(429, "Rate limit exceeded", ["Rate limit exceeded"], retryAfter=wait)
        self._windows[key.value] = start, count + 1

    def _phone(self, account: str, reference: str) -> Json | None:
        for phone in self._phones:
            if phone["account"] == account and reference in {phone["id"], phone["phoneNumber"]}:
                return phone
        return None

    def _send(self, call: Call) -> Json:
        body = self._read(call.body)
        sender = body.get("fromPhoneId")
        phone = self._phone(call.key.account, sender) if isinstance(sender, str) else None
        if isinstance(sender, str) and sender and phone is None:
            # Looked up before the other members are judged: the documents give no order.
            raise RefusedError(404, "Not Found", ["fromPhoneId is no phone of this account"])
        problems = self._problems(body)
        if problems or phone is None:
            raise RefusedError(400, "Bad Request", problems)
        live = call.key.environment == "live"
        replay = (call.key.account, call.key.environment, body["idempotencyKey"]) if "idempotencyKey" in body else None
        if replay and replay in self._replays:
            # As it was first answered; the documents also allow to show how far it has come since.
            return self._replays[replay]
        if live and phone["connectionStatus"] != "connected":
            raise RefusedError(400, "Bad Request", [f"{phone['phoneNumber']} is {phone['connectionStatus']}"])
        message = self._store(call.key.account, call.key.environment, phone, body, call.at)
        data = as_sent(message, call.at)
        if replay:
            self._replays[replay] = data
        return data

    def _problems(self, body: Json) -> list[str]:
        return problems_of(body)

    def _read(self, body: bytes) -> Json:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            raise RefusedError(400, "Bad Request", ["The body is not JSON"]) from None
        if not isinstance(value, dict):
            raise RefusedError(400, "Bad Request", ["The body has to be a JSON object"])
        return value

    def _store(self, account: str, environment: str, phone: Json, body: Json, at: int) -> Json:
        sent = at + 1200 if environment == "live" else at
        # Half of the recipients have turned read receipts off: theirs stay delivered.
        tells_reading = int(body["to"][-1]) % 2 == 0
        message = {
            "id": f"msg_{self._identity()}",
            "account": account,
            "environment": environment,
            "phone": phone["id"],
            "from": phone["phoneNumber"],
            "to": body["to"],
            "content": body.get("content", ""),
            "media": body.get("mediaUrls", []),
            "created": at,
            "sent": sent,
            "delivered": sent + 3 * SECOND,
            "read": sent + 20 * SECOND if tells_reading else None,
            "failed": None,
        }
        self._messages[message["id"]] = message
        return message

    def _list_messages(self, call: Call) -> Json:
        found = [message for message in self._messages.values() if self._is_wanted(call, message)]
        # Only createdAt is promised: messages of the same millisecond come in the order of their ids.
        found.sort(key=lambda message: (-message["created"], message["id"]))
        return self._page(found, call.query, lambda message: as_listed(message, call.at))

    def _is_wanted(self, call: Call, message: Json) -> bool:
        key, phone, status = call.key, call.query.get("phoneNumberId"), call.query.get("status")
        return (
            (message["account"], message["environment"]) == (key.account, key.environment)
            and phone in {None, message["phone"]}
            and status in {None, status_of(message, call.at)}
        )

    def _page(self, items: list[Json], query: dict[str, str], show: Callable[[Json], Json]) -> Json:
        return page_of(items, query, show)

    def _get_message(self, call: Call) -> Json:
        message = self._messages.get(call.reference)
        # "Not found in this account": only the list is said to be scoped to the environment.
        if message is None or message["account"] != call.key.account:
            raise RefusedError(404, "Not Found", ["This account has no such message"])
        return as_stored(message, call.at)

    def _received_by(self, key: Key) -> list[Json]:
        if key.environment == "test":
            return []
        return [message for message in self._received if message["account"] == key.account]

    def _list_received(self, call: Call) -> Json:
        phone = call.query.get("phoneNumberId")
        # Oldest first: no order is documented for these.
        found = [
            message for message in self._received_by(call.key) if phone in {None, message["shown"]["phoneNumberId"]}
        ]
        return self._page(found, call.query, lambda message: dict(message["shown"]))

    def _get_received(self, call: Call) -> Json:
        for message in self._received_by(call.key):
            if message["shown"]["id"] == call.reference:
                return dict(message["shown"])
        raise RefusedError(404, "Not Found", ["This account has no such inbound message"])

    def _list_phones(self, call: Call) -> list[Json]:
        return [self._show_phone(phone) for phone in self._phones if phone["account"] == call.key.account]

    def _get_phone(self, call: Call) -> Json:
        phone = self._phone(call.key.account, call.reference)
        if phone is None:
            raise RefusedError(404, "Not Found", ["This account has no such phone"])
        return self._show_phone(phone)

    def _get_phone_status(self, call: Call) -> Json:
        shown = self._get_phone(call)
        for name in ("displayName", "createdAt"):
            del shown[name]
        return shown

    def _show_phone(self, phone: Json) -> Json:
        return {name: value for name, value in phone.items() if name != "account"}

    def _get_account(self, call: Call) -> Json:
        account = call.key.account
        # Of the account as a whole, both environments together.
        counters = {
            "messages": sum(message["account"] == account for message in self._messages.values()),
            "phoneNumbers": sum(phone["account"] == account for phone in self._phones),
            "apiKeys": sum(key.account == account for key in self._keys.values()),
        }
        return {"subscriptionStatus": "active", "stats": counters, "timeZone": "Europe/London", **ACCOUNTS[account]}

    def _get_usage(self, call: Call) -> Json:
        period = call.query.get("period", "month")
        if period not in PERIODS:
            period = "month"
        account, start = call.key.account, call.at - PERIODS[period]
        counts = dict.fromkeys(("pending", "sent", "delivered", "read", "failed"), 0)
        for message in self._messages.values():
            if message["account"] == account and start <= message["created"] <= call.at:
                counts[status_of(message, call.at)] += 1
        # What was delivered or read was sent as well.
        counts["sent"] += counts["delivered"] + counts["read"]
        results = [good for name, at, good in self._requests if name == account and start <= at <= call.at]
        return {
            "apiRequests": {"failed": results.count(False), "successful": results.count(True), "total": len(results)},
            "messages": {**counts, "total": counts["pending"] + counts["sent"] + counts["failed"]},
            "endDate": moment(call.at),
            "startDate": moment(start),
            "period": period,
        }

    def _identity(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _seed_keys(self, start: int) -> None:
        self.keys = {}
        self._keys: dict[str, Key] = {}
        for role, account, environment, scopes in KEYS:
            value = f"sk_{environment}_{self._random.getrandbits(128):032x}"
            expires = start - DAY if role == "expired" else None
            self.keys[role] = value
            self._keys[value] = Key(value, account, environment, scopes, expires)

    def _seed_phone(self, start: int, row: PhoneRow) -> Json:
        account, number, name, state, connected, gone = row
        made = start - 90 * DAY
        times = [made if hours is None else start - hours * HOUR for hours in (connected, gone)]
        return {
            "account": account,
            "platform": "whatsapp",
            "createdAt": moment(made),
            "updatedAt": moment(max(times)),
            "lastDisconnectedAt": None if gone is None else moment(times[1]),
            "lastConnectedAt": None if connected is None else moment(times[0]),
            "connectionStatus": state,
            "displayName": name,
            "phoneNumber": number,
            "id": self._identity(),
        }

    def _seed_message(self, start: int, row: HistoryRow) -> None:
        account, environment, number, to, hours, failed = row
        phone = self._phone(account, number) or {}
        body = {"to": to, "content": f"Your order of {hours} hours ago"}
        message = self._store(account, environment, phone, body, start - hours * HOUR)
        if failed:
            message.update(failed=message["sent"], sent=None, delivered=None, read=None)

    def _seed_received(self, start: int, row: ReceivedRow) -> Json:
        account, number, sender, kind, content, group, hours = row
        phone = self._phone(account, number) or {}
        received = start - hours * HOUR
        shown = {
            "createdAt": moment(received + 400),
            "receivedAt": moment(received),
            "groupId": group,
            "isGroup": group is not None,
            "type": kind,
            "content": content,
            "to": number,
            "from": sender,
            "phoneNumberId": phone["id"],
            "id": f"inmsg_{self._identity()}",
        }
        return {"account": account, "received": received, "shown": shown}


class Server(ThreadingHTTPServer):
    """One thread for each connection, all gone when it closes."""

    daemon_threads = False
    request_queue_size = 128
    opponent: ChatmaidOpponent

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.connections: set[Connection] = set()

    def process_request(self, request: Connection, client_address: object) -> None:
        """Remember the connection before its thread starts."""
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Connection) -> None:
        """Forget the connection, whoever closed it."""
        self.connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that callers keep open."""
        for connection in list(self.connections):
            if isinstance(connection, socket.socket):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """Carries requests to the opponent and its answers back."""

    protocol_version = "HTTP/1.1"
    server_version = "chatmaid"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def handle(self) -> None:
        """Serve one connection; a caller who hangs up is no error."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def finish(self) -> None:
        """End one connection; what a caller who hung up did not read is no error."""
        with contextlib.suppress(ConnectionError):
            super().finish()

    def serve(self) -> None:
        """Answer one request of any method."""
        size = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch("[0-9]{1,15}", size) or int(size) > LARGEST_BODY:
            self.send_error(400, "The body has to have a Content-Length, and not a huge one")
            return
        body = self.rfile.read(int(size))
        self.reply(*self.server.opponent.respond(self.command, self.path, self.headers, body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = serve  # noqa: N815 - the library's names

    def reply(self, status: int, headers: dict[str, str], value: Json | bytes) -> None:
        """Write an answer."""
        # After a broken request line the library would leave out the head.
        self.request_version = "HTTP/1.1"
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        for name, content in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
            self.send_header(name, content)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
        self.wfile.flush()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the library does not understand in the documented form."""
        if code == 501:
            self.serve()
            return
        status = code if code < 500 else 400
        refusal = RefusedError(status, HTTPStatus(status).phrase, [message or explain or "Not understood"])
        path = getattr(self, "path", "/").partition("?")[0]
        self.reply(refusal.status, {"Connection": "close"}, self.server.opponent.envelope(refusal, path))

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Write the Date header from the opponent's clock."""
        return super().date_time_string(self.server.opponent.clock() if timestamp is None else timestamp)

    def log_message(self, _format: str, *_args: object) -> None:
        """Keep quiet."""
