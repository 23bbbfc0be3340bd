"""How a WhatsAPI is changed from outside: what it is asked, what it answers, and what it does in between.

Each function gives an `Apply`, which changes one opponent before it starts and keeps all its state in that opponent.
An operation is named like "GET /messages/{id} 200"; `*` is any method, any path or (as is leaving it out) any status.
"""

import copy
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from tests.opponents.whatsapi import (
    Account,
    Call,
    Handler,
    Json,
    Message,
    Place,
    Reply,
    WhatsapiOpponent,
    detail,
    dicts,
    whole_number,
)

Apply = Callable[[WhatsapiOpponent], None]
Function = Callable[..., Any]
Poster = Callable[[str, bytes], bool]

SEND = "POST /send-message 202"
BULK = "POST /messages/bulk 202"
MESSAGE = "GET /messages/{id} 200"
LIST = "GET /messages 200"
ANALYTICS = "GET /analytics/summary 200"
ME = "GET /auth/me 200"
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


@dataclass
class Seen:
    """A request and its answer, which may be changed in place."""

    opponent: WhatsapiOpponent
    call: Call
    reply: Reply

    @property
    def payload(self) -> Json:
        """Get the JSON of the answer."""
        return self.reply.payload if isinstance(self.reply.payload, dict) else {}

    @property
    def data(self) -> Json:
        """Get the object under `data`."""
        data = self.payload.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def details(self) -> list[Json]:
        """Get the list of the failing fields."""
        return dicts(self.payload, "details")

    @property
    def listed(self) -> list[Json]:
        """Get the messages of a page."""
        return dicts(self.data, "messages")

    def answer(self, status: int, payload: Json | str | None) -> Self:
        """Answer this instead."""
        self.reply.status, self.reply.payload = status, payload
        return self

    def refuse(self, status: int, error: str) -> Self:
        """Answer with an error instead."""
        return self.answer(status, {"success": False, "error": error})


def every(nth: int, where: str, change: Callable[[Seen], object]) -> Apply:
    """Change one in so many of the answers of an operation."""

    def apply(opponent: WhatsapiOpponent) -> None:
        turns = itertools.count(1)
        answering(where, lambda seen: next(turns) % nth == 0 and change(seen))(opponent)

    return apply


def paging(cut: Callable[[list[Json], int, int], list[Json]]) -> Apply:
    """Cut pages (from 1 on, of so many messages) out of all messages that fit in another way."""

    def make(opponent: WhatsapiOpponent, handler: Handler) -> Handler:
        def changed(call: Call) -> Reply:
            reply = copy.deepcopy(handler(call))
            page, limit = whole_number(call, "page", 1), min(200, whole_number(call, "limit", 20))
            found: list[Json] = []
            for place in itertools.count(1):
                call.query.update(page=str(place), limit="200")
                more = Seen(opponent, call, handler(call)).listed
                found += more
                if not more:
                    break
            Seen(opponent, call, reply).data["messages"] = cut(found, page, limit)
            return reply

        return changed

    return handling("GET /messages", make)


def together(*changes: Apply) -> Apply:
    def apply(opponent: WhatsapiOpponent) -> None:
        for change in changes:
            change(opponent)

    return apply


def replacing(name: str, make: Callable[[WhatsapiOpponent, Function], Function]) -> Apply:
    """Put another method in the place of one."""
    return lambda opponent: setattr(opponent, name, make(opponent, getattr(opponent, name)))


def is_asked(where: str, call: Call, status: int | None = None) -> bool:
    method, path, wanted = (*where.split(" "), "*")[:3]
    is_path = path == "*" or re.fullmatch(re.escape(path).replace(r"\{id\}", "[^/]+"), call.path)
    is_status = wanted == "*" or status is None or re.fullmatch(wanted.replace("x", "."), str(status))
    return bool(method in ("*", call.method.replace("HEAD", "GET")) and is_path and is_status)


def answering(where: str, change: Callable[[Seen], object]) -> Apply:
    """Change the answers of an operation."""

    def make(opponent: WhatsapiOpponent, answer: Function) -> Function:
        def changed(call: Call) -> Reply:
            reply: Reply = answer(call)
            if is_asked(where, call, reply.status):
                reply = copy.deepcopy(reply)
                change(Seen(opponent, call, reply))
            return reply

        return changed

    return replacing("answer", make)


def telling(where: str, **members: object) -> Apply:
    """Give members of `data` another value; a function makes it from the old one, if there is one."""

    def change(seen: Seen) -> None:
        for name, value in members.items():
            if not callable(value):
                seen.data[name] = value
            elif name in seen.data:
                seen.data[name] = value(seen.data[name])

    return answering(where, change)


def leaving_out(where: str, *names: str, when: Callable[[object], bool] = lambda _: True) -> Apply:
    """Leave members of `data` out."""

    def change(seen: Seen) -> None:
        for name in names:
            if name in seen.data and when(seen.data[name]):
                del seen.data[name]

    return answering(where, change)


def with_status(where: str, status: int) -> Apply:
    return answering(where, lambda seen: seen.answer(status, seen.reply.payload))


def with_header(where: str, name: str, change: Callable[[str], str | None]) -> Apply:
    """Change a header that is there; None takes it away."""

    def edit(seen: Seen) -> None:
        for known in [known for known in seen.reply.headers if known.lower() == name.lower()]:
            value = change(seen.reply.headers[known])
            if value is None:
                del seen.reply.headers[known]
            else:
                seen.reply.headers[known] = value

    return answering(where, edit)


def with_times(change: Callable[[str], object], where: str = "* /messages/{id}") -> Apply:
    """Write every time of an answer in another way."""
    return answering(where, lambda seen: seen.payload.update(map_texts(seen.payload, DATE_TIME, change)))


def map_texts(value: Any, pattern: re.Pattern[str], change: Callable[[str], object]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: map_texts(member, pattern, change) for name, member in value.items()}
    if isinstance(value, list):
        return [map_texts(item, pattern, change) for item in value]
    return change(value) if isinstance(value, str) and pattern.fullmatch(value) else value


def asking(where: str, change: Callable[[WhatsapiOpponent, Call], object]) -> Apply:
    """Change what is asked before it is looked at."""

    def make(opponent: WhatsapiOpponent, answer: Function) -> Function:
        def changed(call: Call) -> Reply:
            if is_asked(where, call):
                change(opponent, call)
            reply: Reply = answer(call)
            return reply

        return changed

    return replacing("answer", make)


def asking_body(where: str, change: Callable[[WhatsapiOpponent, Json], object]) -> Apply:
    """Change the JSON object of a request before it is looked at."""

    def edit(opponent: WhatsapiOpponent, call: Call) -> None:
        try:
            body = json.loads(call.body)
        except ValueError:
            return
        if isinstance(body, dict):
            before = copy.deepcopy(body)
            change(opponent, body)
            if body != before:
                call.body = json.dumps(body).encode()

    return asking(where, edit)


def asking_each(
    change: Callable[[WhatsapiOpponent, Json], object], *, single: bool = True, in_bulk: bool = True
) -> Apply:
    """Change each message that is to be sent before it is looked at."""

    def edit_items(opponent: WhatsapiOpponent, body: Json) -> None:
        for item in dicts(body, "messages"):
            change(opponent, item)

    return together(
        *([asking_body("POST /send-message", change)] if single else []),
        *([asking_body("POST /messages/bulk", edit_items)] if in_bulk else []),
    )


def taking(name: str, change: Callable[[Any], object]) -> Apply:
    """Read one field of each message as something else."""

    def edit(_: WhatsapiOpponent, item: Json) -> None:
        if name in item:
            item[name] = change(item[name])

    return asking_each(edit)


def refusing(name: str, words: str, is_refused: Callable[[WhatsapiOpponent, Json], object]) -> Apply:
    """Refuse messages that are fine, with 400 and the name of a field."""

    def make(opponent: WhatsapiOpponent, read: Function) -> Function:
        def changed(call: Call, item: Json, place: Place, details: list[Json]) -> Json:
            draft: Json = read(call, item, place, details)
            if not details and is_refused(opponent, item):
                details.append(detail([*place, name], words))
            return draft

        return changed

    return replacing("_read_draft", make)


def handling(where: str, make: Callable[[WhatsapiOpponent, Handler], Handler]) -> Apply:
    """Put another handler in the place of an operation's."""
    method, path = where.split(" ")

    def apply(opponent: WhatsapiOpponent) -> None:
        for routes in (opponent.open_routes, opponent.keyed_routes):
            for place, (known_method, known_path, handler) in enumerate(routes):
                if (known_method, known_path) == (method, path):
                    routes[place] = (method, path, make(opponent, handler))

    return apply


def closing_to_strangers(where: str) -> Apply:
    """Ask for a key where none is needed."""
    method, path = where.split(" ")

    def apply(opponent: WhatsapiOpponent) -> None:
        moved = [route for route in opponent.open_routes if route[:2] == (method, path)]
        opponent.open_routes = [route for route in opponent.open_routes if route not in moved]
        opponent.keyed_routes.extend(moved)

    return apply


def opening_to_strangers(where: str, data: Json) -> Apply:
    """Answer those without a key, as if they had an empty account."""

    def change(seen: Seen) -> None:
        if "Authorization" not in seen.call.headers:
            seen.reply.headers.pop("WWW-Authenticate", None)
            seen.answer(200, {"data": data})

    return answering(f"{where} 401", change)


def finding_key(find: Callable[[WhatsapiOpponent, Call, str], Account | None]) -> Apply:
    """Accept other keys too: `find` gets the Authorization header when nobody was found in the right way."""

    def make(opponent: WhatsapiOpponent, account_of: Function) -> Function:
        def changed(call: Call) -> Account | None:
            account: Account | None = account_of(call)
            return account or find(opponent, call, call.headers.get("Authorization", ""))

        return changed

    return replacing("_account_of", make)


def posting(change: Callable[[WhatsapiOpponent, str, Json], Json | None]) -> Apply:
    """Change what a webhook is told, by its address; None tells it nothing."""

    def make(opponent: WhatsapiOpponent, change_status: Function) -> Function:
        def changed(at: float, account: Account, message: Message, status: str) -> None:
            before = len(opponent.outbox)
            change_status(at, account, message, status)
            new = [(url, change(opponent, url, json.loads(body))) for url, body in opponent.outbox[before:]]
            opponent.outbox[before:] = [(url, json.dumps(told).encode()) for url, told in new if told is not None]

        return changed

    return replacing("_change", make)


def judging_post(make: Callable[[WhatsapiOpponent, Poster], Poster]) -> Apply:
    """Post to a webhook in another way; the result tells whether it need not be told again."""
    return replacing("_post", make)


def counting(change: Callable[[tuple[str, str], int], tuple[tuple[str, str], int]]) -> Apply:
    """Count requests for somebody else or up to another limit; the headers are those of the plan."""

    def make(_: WhatsapiOpponent, count: Function) -> Function:
        def changed(who: tuple[str, str], limit: int, limits: dict[str, str]) -> None:
            other, other_limit = change(who, limit)
            try:
                count(other, other_limit, limits)
            finally:
                used = other_limit - int(limits["x-ratelimit-remaining"])
                limits["x-ratelimit-limit"] = str(limit)
                limits["x-ratelimit-remaining"] = str(max(0, limit - used))

        return changed

    return replacing("_count", make)


def once(make: Callable[[WhatsapiOpponent, Function], Callable[[Call, Handler], Reply]]) -> Apply:
    """Keep the promise of the Idempotency-Key in another way."""
    return replacing("_once", make)
