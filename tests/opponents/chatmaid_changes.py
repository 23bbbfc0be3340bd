"""How a Chatmaid is changed from outside: what it is asked, what it answers, and how it decides.

Each function gives an `Apply`, which changes one opponent before it starts and keeps all its state in that opponent.
`where` names operations and statuses, like "get list 200" or "send 4xx"; any of a kind when none is named.
"""

import copy
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.opponents.chatmaid import Call, ChatmaidOpponent, Json, Key, RefusedError, Reply

Apply = Callable[[ChatmaidOpponent], None]
Function = Callable[..., Any]

OPERATIONS = (
    ("POST", "/v1/messages/send", "send"),
    ("GET", "/v1/messages", "list"),
    ("GET", "/v1/messages/inbound", "inbound"),
    ("GET", "/v1/messages/inbound/[^/]+", "received"),
    ("GET", "/v1/messages/[^/]+", "get"),
    ("GET", "/v1/phone-numbers", "phones"),
    ("GET", "/v1/phone-numbers/[^/]+", "phone"),
    ("GET", "/v1/phone-numbers/[^/]+/status", "state"),
    ("GET", "/v1/account", "account"),
    ("GET", "/v1/account/usage", "usage"),
)
NAMES = {name for _, _, name in OPERATIONS}
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
EVERYTHING = frozenset({"messages:send", "messages:write", "messages:read", "phone_numbers:read", "account:read"})


def operation_of(method: str, path: str) -> str:
    """Name an operation; "" for what is none."""
    for known, pattern, name in OPERATIONS:
        if method == known and re.fullmatch(pattern, path):
            return name
    return ""


@dataclass
class Request:
    """What is asked, which may be changed in place."""

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        """Get the target without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """Get the query, the last of what is there twice."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def operation(self) -> str:
        """Get the name of the operation."""
        return operation_of(self.method, self.path)

    @property
    def content(self) -> Json:
        """Get the JSON object of the body, empty if it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def token(self) -> str:
        """Get the key as it was given."""
        return str(self.headers["Authorization"] or "").rpartition(" ")[2]

    def set_query(self, **members: str | None) -> None:
        """Ask for something else; None leaves a member out."""
        query = {name: value for name, value in (self.query | members).items() if value is not None}
        self.target = self.path + ("?" + urlencode(query) if query else "")

    def set_token(self, token: str) -> None:
        """Ask with another key."""
        del self.headers["Authorization"]
        self.headers["Authorization"] = f"Bearer {token}"


@dataclass
class Seen:
    """A request and its answer, which may be changed in place."""

    opponent: ChatmaidOpponent
    request: Request
    status: int
    headers: dict[str, str]
    body: Json | bytes

    @property
    def payload(self) -> Json:
        """Get the JSON of the answer."""
        return self.body if isinstance(self.body, dict) else {}

    @property
    def data(self) -> Json:
        """Get the object under `data`."""
        data = self.payload.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def pagination(self) -> Json:
        """Get what is said of the pages."""
        pagination = self.data.get("pagination")
        return pagination if isinstance(pagination, dict) else {}

    @property
    def items(self) -> list[Json]:
        """Get each message or phone, in a list or alone."""
        data = self.payload.get("data")
        if isinstance(data, dict) and isinstance(data.get("data"), list):
            data = data["data"]
        return [item for item in (data if isinstance(data, list) else [data]) if isinstance(item, dict)]

    def answer(self, status: int, body: Json | bytes) -> None:
        """Answer this instead."""
        self.status, self.body = status, body

    def refuse(self, status: int, error: str, **members: object) -> None:
        """Answer with an error in the documented form instead."""
        refusal = RefusedError(status, error, [error])
        self.answer(status, self.opponent.envelope(refusal, self.request.path) | members)

    def write(self, status: int, kind: str, text: str) -> None:
        """Answer with a text that is no JSON instead."""
        self.headers["Content-Type"] = kind
        self.answer(status, text.encode())


def applies(where: str, operation: str, status: int | None = None) -> bool:
    """Tell whether an operation and a status are among those named."""
    words = where.split()
    names = {word for word in words if not word[0].isdigit()}
    statuses = [word.replace("x", ".") for word in words if word[0].isdigit()]
    if not names <= NAMES:
        raise ValueError(f"{sorted(names - NAMES)} are no operations; there are {sorted(NAMES)}")
    is_status = status is None or not statuses or any(re.fullmatch(wanted, str(status)) for wanted in statuses)
    return is_status and (not names or operation in names)


def together(*changes: Apply) -> Apply:
    """Make several changes, the last one outermost."""

    def apply(opponent: ChatmaidOpponent) -> None:
        for change in changes:
            change(opponent)

    return apply


def replacing(name: str, make: Callable[[ChatmaidOpponent, Function], Function]) -> Apply:
    """Put another method in the place of one."""
    return lambda opponent: setattr(opponent, name, make(opponent, getattr(opponent, name)))


def around(make: Callable[[ChatmaidOpponent, Callable[[Request], Reply]], Callable[[Request], Reply]]) -> Apply:
    """Answer in another way, knowing how it was answered before."""

    def wrap(opponent: ChatmaidOpponent, respond: Function) -> Function:
        def before(request: Request) -> Reply:
            reply: Reply = respond(request.method, request.target, request.headers, request.body)
            return reply

        changed = make(opponent, before)
        return lambda method, target, headers, body: changed(Request(method, target, headers, body))

    return replacing("respond", wrap)


def answering(where: str, change: Callable[[Seen], object]) -> Apply:
    """Change the answers of operations."""

    def make(opponent: ChatmaidOpponent, respond: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        def changed(request: Request) -> Reply:
            asked = replace(request)
            status, headers, body = respond(request)
            seen = Seen(opponent, asked, status, dict(headers), copy.deepcopy(body))
            if applies(where, asked.operation, status):
                change(seen)
            return seen.status, seen.headers, seen.body

        return changed

    return around(make)


def asking(where: str, change: Callable[[ChatmaidOpponent, Request], object]) -> Apply:
    """Change what is asked before it is looked at."""

    def make(opponent: ChatmaidOpponent, respond: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        def changed(request: Request) -> Reply:
            if applies(where, request.operation):
                request = replace(request, headers=copy.copy(request.headers))
                change(opponent, request)
            return respond(request)

        return changed

    return around(make)


def stopping(where: str, change: Callable[[Seen], object]) -> Apply:
    """Answer before the request is looked at; what `change` leaves alone goes on."""

    def make(opponent: ChatmaidOpponent, respond: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        def changed(request: Request) -> Reply:
            seen = Seen(opponent, request, 0, {}, b"")
            if applies(where, request.operation):
                change(seen)
            return (seen.status, seen.headers, seen.body) if seen.status else respond(request)

        return changed

    return around(make)


def every(nth: int, where: str, change: Callable[[Seen], object]) -> Apply:
    """Change one in so many of the answers of operations."""

    def apply(opponent: ChatmaidOpponent) -> None:
        turns = itertools.count(1)
        answering(where, lambda seen: next(turns) % nth == 0 and change(seen))(opponent)

    return apply


def editing(where: str, change: Callable[[Json], object]) -> Apply:
    """Change each message, phone or account of good answers."""

    def edit(seen: Seen) -> None:
        for item in seen.items:
            change(item)

    return answering(f"{where} 2xx", edit)


def revised(members: Json, old: Json) -> Json:
    """Give members new values; a function makes them from the old ones that are there."""
    return {
        name: value(old[name]) if callable(value) else value
        for name, value in members.items()
        if not callable(value) or name in old
    }


def telling(where: str, **members: object) -> Apply:
    """Give members of each item another value."""
    return editing(where, lambda item: item.update(revised(members, item)))


def in_envelope(where: str, **members: object) -> Apply:
    """Give members of the whole answer another value."""
    return answering(where, lambda seen: seen.payload.update(revised(members, seen.payload)))


def in_pagination(where: str, **members: object) -> Apply:
    """Say something else of the pages."""
    return answering(f"{where} 200", lambda seen: seen.pagination.update(revised(members, seen.pagination)))


def leaving_out(where: str, *names: str, when: Callable[[object], bool] = lambda _: True) -> Apply:
    """Leave members of each item out."""

    def change(item: Json) -> None:
        for name in names:
            if name in item and when(item[name]):
                del item[name]

    return editing(where, change)


def without_member(where: str, name: str) -> Apply:
    """Leave a member of the whole answer out."""
    return answering(where, lambda seen: seen.payload.pop(name, None))


def with_status(where: str, status: int, *, told: bool = True) -> Apply:
    """Answer with another status, which an error also tells."""

    def change(seen: Seen) -> None:
        seen.status = status
        if told and "statusCode" in seen.payload:
            seen.payload["statusCode"] = status

    return answering(where, change)


def with_header(where: str, name: str, make: Callable[[Seen], str]) -> Apply:
    """Set a header."""
    return answering(where, lambda seen: seen.headers.update({name: make(seen)}))


def with_times(where: str, change: Callable[[str], object]) -> Apply:
    """Write every time of an answer in another way."""
    return answering(where, lambda seen: seen.payload.update(map_times(seen.payload, change)))


def map_times(value: Any, change: Callable[[str], object]) -> Any:  # noqa: ANN401 - any JSON
    """Change every time in a JSON value."""
    if isinstance(value, dict):
        return {name: map_times(member, change) for name, member in value.items()}
    if isinstance(value, list):
        return [map_times(item, change) for item in value]
    return change(value) if isinstance(value, str) and DATE_TIME.fullmatch(value) else value


def taking(change: Callable[[Json], object]) -> Apply:
    """Read the body of a send as something else."""

    def make(_: ChatmaidOpponent, read: Function) -> Function:
        def changed(body: bytes) -> Json:
            value: Json = read(body)
            change(value)
            return value

        return changed

    return replacing("_read", make)


def taking_member(name: str, change: Callable[[Any], object]) -> Apply:
    """Read one member of the body of a send as something else."""
    return taking(lambda body: body.update(revised({name: change}, body)))


def overlooking(name: str, when: Callable[[Json], object]) -> Apply:
    """Find nothing wrong with a member of the body of a send."""

    def make(_: ChatmaidOpponent, problems: Function) -> Function:
        return lambda body: [text for text in problems(body) if not (text.startswith(f"{name} ") and when(body))]

    return replacing("_problems", make)


def refusing(name: str, when: Callable[[Json], object]) -> Apply:
    """Find something wrong with a member of the body of a send that is fine."""

    def make(_: ChatmaidOpponent, problems: Function) -> Function:
        return lambda body: [*problems(body), *([f"{name} is not valid"] if when(body) else [])]

    return replacing("_problems", make)


def storing(change: Callable[[Json], object]) -> Apply:
    """Keep another message than the one that is sent; its times are milliseconds or None."""

    def make(_: ChatmaidOpponent, store: Function) -> Function:
        def changed(*arguments: object) -> Json:
            message: Json = store(*arguments)
            change(message)
            return message

        return changed

    return replacing("_store", make)


def calling(name: str, change: Callable[[ChatmaidOpponent, Call], Call]) -> Apply:
    """Let an operation answer another call."""
    return replacing(name, lambda opponent, operation: lambda call: operation(change(opponent, call)))


def calling_query(name: str, change: Callable[[Json], object]) -> Apply:
    """Let an operation answer another query."""

    def edit(_: ChatmaidOpponent, call: Call) -> Call:
        query = dict(call.query)
        change(query)
        return replace(call, query=query)

    return calling(name, edit)


def wanting(change: Callable[[Function, Call, Json], object]) -> Apply:
    """Find other messages for a list; `change` gets how it was decided before."""

    def make(_: ChatmaidOpponent, is_wanted: Function) -> Function:
        return lambda call, message: bool(change(is_wanted, call, message))

    return replacing("_is_wanted", make)


def paging(change: Callable[[Function, list[Json], dict[str, str], Function], Json], *, inbound: bool = False) -> Apply:
    """Cut pages in another way; `change` gets how it was done before."""

    def make(_: ChatmaidOpponent, page: Function) -> Function:
        def changed(items: list[Json], query: dict[str, str], show: Function) -> Json:
            if any("shown" in item for item in items) != inbound:
                found: Json = page(items, query, show)
                return found
            return change(page, items, query, show)

        return changed

    return replacing("_page", make)


def ordering(key: Callable[[Json], Any], *, reverse: bool = False) -> Apply:
    """List messages in another order."""
    return paging(lambda page, items, query, show: page(sorted(items, key=key, reverse=reverse), query, show))


def scoping(where: str, change: Callable[[frozenset[str]], frozenset[str]]) -> Apply:
    """Ask for other scopes."""

    def make(_: ChatmaidOpponent, route: Function) -> Function:
        def changed(path: str) -> tuple[object, ...]:
            method, scopes, operation, reference = route(path)
            new = change(scopes) if applies(where, operation_of(method, path)) else scopes
            return method, new, operation, reference

        return changed

    return replacing("_route", make)


def finding_key(find: Callable[[ChatmaidOpponent, str], Key | None]) -> Apply:
    """Accept other keys too: `find` gets the Authorization header that was refused."""

    def make(opponent: ChatmaidOpponent, key_of: Function) -> Function:
        def changed(authorization: str | None, at: int) -> Key:
            try:
                found: Key = key_of(authorization, at)
            except RefusedError:
                other = find(opponent, authorization or "")
                if other is None:
                    raise
                return other
            return found

        return changed

    return replacing("_key", make)


def finding_phone(find: Callable[[ChatmaidOpponent, Function, str, str], Json | None]) -> Apply:
    """Look for phones in another way; `find` gets how it was done before, an account and a reference."""

    def make(opponent: ChatmaidOpponent, phone: Function) -> Function:
        return lambda account, reference: find(opponent, phone, account, reference)

    return replacing("_phone", make)


def counting(change: Callable[[Key, int], tuple[str, int]]) -> Apply:
    """Count requests for somebody else or at another time."""

    def make(_: ChatmaidOpponent, admit: Function) -> Function:
        def changed(key: Key, scopes: frozenset[str], at: int) -> None:
            who, when = change(key, at)
            admit(replace(key, value=who), scopes, when)

        return changed

    return replacing("_admit", make)
