"""What might be wrong with a real Chatmaid, and what might differ though nothing is wrong.

Written from the provider's documents alone. Every entry changes an opponent before it starts and names a talk that
shows the change. A promise is a document and a line of it; the names of the documents begin with `chatmaid_`.
"""

import html
import json
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.opponents import chatmaid_talks as talks
from tests.opponents.chatmaid import (
    REQUESTS_PER_WINDOW,
    SECOND,
    WINDOW,
    Call,
    ChatmaidOpponent,
    Json,
    Key,
    RefusedError,
    Reply,
    as_listed,
    as_stored,
    moment,
    problems_of,
    status_of,
)
from tests.opponents.chatmaid_changes import (
    EVERYTHING,
    Apply,
    Function,
    Request,
    Seen,
    answering,
    around,
    asking,
    calling,
    calling_query,
    counting,
    editing,
    every,
    finding_key,
    finding_phone,
    in_envelope,
    in_pagination,
    leaving_out,
    ordering,
    overlooking,
    paging,
    refusing,
    replacing,
    scoping,
    stopping,
    storing,
    taking,
    taking_member,
    telling,
    together,
    wanting,
    with_status,
    with_times,
    without_member,
)
from tests.opponents.chatmaid_talks import bodies, following, getting, getting_as, sending, sending_as

NUMBER_OF_NOBODY = talks.NOBODY
ALL_PAGES = {"page": "1", "limit": "100"}
LISTS = "list inbound"
ONE = "send get"
SHOWN_MESSAGES = "send get list"
PHONES = "phones phone state"


@dataclass(frozen=True)
class Defect:
    """One way in which a server may differ; `promise` is the one it breaks, None where none is broken."""

    what: str
    promise: str | None
    severity: int
    family: str
    shown_by: talks.Talk
    apply: Apply = field(repr=False)

    @property
    def description(self) -> str:
        """Say what is different, and which promise that breaks."""
        return self.what if self.promise is None else f"{self.what} (chatmaid_{self.promise})."


def defect(family: str, severity: int, promise: str, what: str, shown_by: talks.Talk, *changes: Apply) -> Defect:
    """Write one row of the defects; 1 matters most."""
    return Defect(what, promise, severity, family, shown_by, together(*changes))


def harmless(family: str, what: str, shown_by: talks.Talk, *changes: Apply) -> Defect:
    """Write one row of what may differ; the sentence says why it may."""
    return Defect(what, None, 3, family, shown_by, together(*changes))


# Values


def shifted(milliseconds: float) -> Callable[[str], str]:
    """Move a time."""

    def change(text: str) -> str:
        time = datetime.fromisoformat(text) + timedelta(milliseconds=milliseconds)
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    return change


def at_twelve_hours(text: str) -> str:
    """Write the hour as a clock with two rounds a day does."""
    hour = int(text[11:13]) % 12 or 12
    return f"{text[:11]}{hour:02}{text[13:]}"


def collapsed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def without_emoji(text: str) -> str:
    return "".join("?" if ord(letter) > 0xFFFF else letter for letter in text)


def as_mojibake(text: str) -> str:
    return text.encode(errors="surrogatepass").decode("latin-1")


def grouped(number: str) -> str:
    return f"{number[:3]} {number[3:5]} {number[5:9]} {number[9:]}"


def is_loud(body: Json) -> bool:
    return bool(re.search(r"<\w+>|\bselect\b|\bdrop\b", str(body.get("content", "")), re.IGNORECASE))


def has_emoji(body: Json) -> bool:
    return any(ord(letter) > 0xFFFF for letter in str(body.get("content", "")))


def is_https_text(value: object) -> bool:
    return isinstance(value, str) and value.lower().startswith("https://")


def media_of(body: Json) -> list[Any]:
    media = body.get("mediaUrls")
    return media if isinstance(media, list) else []


def reordered(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: reordered(value[name]) for name in sorted(value, reverse=True)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


def as_floats(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: as_floats(member) for name, member in value.items()}
    return float(value) if type(value) is int else value


def with_more_members(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: with_more_members(member) for name, member in value.items()} | {"_links": {}, "version": 2}
    return [with_more_members(item) for item in value] if isinstance(value, list) else value


# Answers


def answer_500(seen: Seen) -> None:
    seen.refuse(500, "Internal Server Error")


def hang_up(_: Seen) -> None:
    raise ConnectionAbortedError


def unwrap(seen: Seen) -> None:
    seen.body = seen.payload["data"]


def move_pagination_up(seen: Seen) -> None:
    seen.payload["pagination"] = seen.data.pop("pagination")
    seen.payload["data"] = seen.data["data"]


def drop_pagination(seen: Seen) -> None:
    seen.payload["data"] = seen.data["data"]


def flatten_stats(item: Json) -> None:
    item.update(item.pop("stats"))


def edit_member(name: str, change: Callable[[Json], object]) -> Callable[[Json], None]:
    """Change an object inside an item."""

    def edit(item: Json) -> None:
        if isinstance(item.get(name), dict):
            change(item[name])

    return edit


def when_status(wanted: str, /, **members: object) -> Callable[[Json], None]:
    """Give members another value in messages that have a status."""

    def edit(item: Json) -> None:
        if item.get("status") == wanted:
            item.update({name: value for name, value in members.items() if name == "status" or name in item})

    return edit


def calling_status(old: str, new: str) -> Apply:
    """Call a status by another name."""
    return editing(SHOWN_MESSAGES, when_status(old, status=new))


def reuse_text(change: Callable[[str], str], where: str = "get") -> Apply:
    """Show another content than what was sent."""
    return telling(where, content=lambda text: change(text) if isinstance(text, str) else text)


def with_prefixes(old: str, new: str, where: str, path: str) -> Apply:
    """Begin ids in another way, in answers and in paths."""

    def restore(_: ChatmaidOpponent, request: Request) -> None:
        found = re.fullmatch(path, request.path)
        if found and not found[1].startswith(old):
            request.target = request.path[: found.start(1)] + old + found[1].removeprefix(new)

    return together(asking("", restore), telling(where, id=lambda text: new + text.removeprefix(old)))


def swap(first: str, second: str) -> Callable[[Json], None]:
    """Change two members for each other."""

    def edit(item: Json) -> None:
        if item.get(first) is not None and item.get(second) is not None:
            item[first], item[second] = item[second], item[first]

    return edit


def set_after(name: str, other: str, milliseconds: float) -> Callable[[Json], None]:
    """Make one time follow from another one."""

    def edit(item: Json) -> None:
        if item.get(name) and item.get(other):
            item[name] = shifted(milliseconds)(item[other])

    return edit


def show_now(*names: str) -> Callable[[Seen], None]:
    """Show the time of the answer in place of what has been."""

    def change(seen: Seen) -> None:
        now = moment(round(seen.opponent.clock() * SECOND))
        for item in seen.items:
            item.update({name: now for name in names if item.get(name)})

    return change


def freeze_timestamps() -> Apply:
    """Write the time of the first error in all."""

    def apply(opponent: ChatmaidOpponent) -> None:
        first: list[object] = []

        def change(seen: Seen) -> None:
            first.append(seen.payload.get("timestamp"))
            seen.payload["timestamp"] = first[0]

        answering("4xx", change)(opponent)

    return apply


def on_polls(change: Callable[[int, Json], object]) -> Apply:
    """Change a message by how often it has been read."""

    def apply(opponent: ChatmaidOpponent) -> None:
        counts: dict[str, int] = {}

        def edit(item: Json) -> None:
            counts[item["id"]] = counts.get(item["id"], 0) + 1
            change(counts[item["id"]], item)

        editing("get", edit)(opponent)

    return apply


def fall_back(count: int, item: Json) -> None:
    if count == 3 and item["status"] in {"delivered", "read"}:
        item.update(status="sent", deliveredAt=None, readAt=None)


def flicker(count: int, item: Json) -> None:
    if count % 2 == 0 and item["status"] == "read":
        item.update(status="delivered", readAt=None)


def forget_read(seen: Seen) -> None:
    if seen.data.get("status") == "read":
        seen.refuse(404, "Not Found")


def late_in_reading(seen: Seen) -> None:
    """Know a message only when it is a second old."""
    created = seen.data.get("createdAt")
    if created and datetime.fromisoformat(created).timestamp() > seen.opponent.clock() - 1:
        seen.refuse(404, "Not Found")


def revive(item: Json) -> None:
    if item["status"] == "failed":
        item.update(status="sent")


def lose_live(message: Json) -> None:
    if message["environment"] == "live":
        message.update(sent=None, delivered=None, read=None)


def send_live_at_once(message: Json) -> None:
    if message["environment"] == "live":
        message.update(sent=message["created"], delivered=message["created"] + 3 * SECOND)


def fail_live(message: Json) -> None:
    if message["environment"] == "live":
        message.update(failed=message["created"] + 2 * SECOND, sent=None, delivered=None, read=None)


def cached(where: str, key: Callable[[Request], object]) -> Apply:
    """Answer again what was answered before, for ever."""

    def make(_: ChatmaidOpponent, respond: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        kept: dict[object, Reply] = {}
        operations = where.split()

        def changed(request: Request) -> Reply:
            if request.operation not in operations:
                return respond(request)
            known = kept.get(key(request))
            reply = known or respond(request)
            if reply[0] == 200:
                kept[key(request)] = reply
            return reply

        return changed

    return around(make)


# Keys


def any_key(environment: str, account: str) -> Key:
    return Key("stranger", account, environment, EVERYTHING, None)


def environment_of(authorization: str) -> str:
    found = re.search(r"\bsk_(test|live)_", authorization)
    return found[1] if found else ""


def by_prefix(_: ChatmaidOpponent, authorization: str) -> Key | None:
    environment = environment_of(authorization)
    return any_key(environment, "northwind") if environment else None


def known_keys(opponent: ChatmaidOpponent) -> list[Key]:
    now = opponent.clock() * SECOND
    return [key for key in opponent._keys.values() if key.expires is None or key.expires > now]


def by_first_letters(opponent: ChatmaidOpponent, authorization: str) -> Key | None:
    token = authorization.rpartition(" ")[2]
    return next((key for key in known_keys(opponent) if len(token) > 16 and key.value[:16] == token[:16]), None)


def by_letters_of_any_case(opponent: ChatmaidOpponent, authorization: str) -> Key | None:
    token = authorization.rpartition(" ")[2].lower()
    return next((key for key in known_keys(opponent) if key.value == token), None)


def expired_too(opponent: ChatmaidOpponent, authorization: str) -> Key | None:
    return opponent._keys.get(authorization.rpartition(" ")[2])


def for_those_without(opponent: ChatmaidOpponent, authorization: str) -> Key | None:
    return None if authorization else opponent._keys[opponent.keys["main"]]


def remembering() -> Apply:
    """Let those without a key go on with the last one that was seen."""

    def make(_: ChatmaidOpponent, key_of: Function) -> Function:
        last: list[Key] = []

        def changed(authorization: str | None, at: int) -> Key:
            if not authorization and last:
                return last[-1]
            last.append(key_of(authorization, at))
            return last[-1]

        return changed

    return replacing("_key", make)


def only_at(where: str, change: Apply, name: str) -> Apply:
    """Make a change of a method count for some operations only."""

    def apply(opponent: ChatmaidOpponent) -> None:
        before = getattr(opponent, name)
        change(opponent)
        after = getattr(opponent, name)
        setattr(opponent, name, before)

        def make(_: ChatmaidOpponent, respond: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
            def changed(request: Request) -> Reply:
                setattr(opponent, name, after if request.operation in where.split() else before)
                return respond(request)

            return changed

        around(make)(opponent)

    return apply


def widened(*scopes: str) -> Callable[[frozenset[str]], frozenset[str]]:
    return lambda known: known | set(scopes)


def narrowed(*scopes: str) -> Callable[[frozenset[str]], frozenset[str]]:
    return lambda known: known - set(scopes)


def no_live_keys(seen: Seen) -> None:
    if environment_of(seen.request.token) == "live":
        seen.refuse(401, "Unauthorized")


# Accounts


def as_owner(is_wanted: Function, call: Call, message: Json) -> object:
    return is_wanted(replace(call, key=replace(call.key, account=message["account"])), message)


def in_any_environment(is_wanted: Function, call: Call, message: Json) -> object:
    return is_wanted(replace(call, key=replace(call.key, environment=message["environment"])), message)


def of_any_account_by_phone(is_wanted: Function, call: Call, message: Json) -> object:
    return as_owner(is_wanted, call, message) if "phoneNumberId" in call.query else is_wanted(call, message)


def read_any_message(opponent: ChatmaidOpponent, call: Call) -> Call:
    message = opponent._messages.get(call.reference, {})
    return replace(call, key=replace(call.key, account=message.get("account", call.key.account)))


def only_own_environment(opponent: ChatmaidOpponent, call: Call) -> Call:
    message = opponent._messages.get(call.reference, {})
    return call if message.get("environment") == call.key.environment else replace(call, reference="")


def received_by(change: Callable[[Key], Key]) -> Apply:
    """Show the inbound messages of another key."""
    return replacing("_received_by", lambda _, received: lambda key: received(change(key)))


def received_by_all(opponent: ChatmaidOpponent, _: Function) -> Function:
    return lambda key: [] if key.environment == "test" else list(opponent._received)


def phone_of_any(_: ChatmaidOpponent, phone: Function, account: str, reference: str) -> Json | None:
    found: Json | None = phone(account, reference)
    others = (phone(other, reference) for other in ("northwind", "harbour"))
    return found or next((other for other in others if other), None)


def phone_of_any_by_number(opponent: ChatmaidOpponent, phone: Function, account: str, reference: str) -> Json | None:
    found: Json | None = (
        phone_of_any(opponent, phone, account, reference) if reference.startswith("+") else phone(account, reference)
    )
    return found


def list_all_phones(opponent: ChatmaidOpponent, _: Function) -> Function:
    return lambda _call: [opponent._show_phone(phone) for phone in opponent._phones]


def total_of_both(_: ChatmaidOpponent, list_messages: Function) -> Function:
    def changed(call: Call) -> Json:
        page: Json = list_messages(call)
        other = replace(call.key, environment="live" if call.key.environment == "test" else "test")
        page["pagination"]["total"] += list_messages(replace(call, key=other))["pagination"]["total"]
        return page

    return changed


# Phones


def only(prefix: str) -> Callable[[ChatmaidOpponent, Function, str, str], Json | None]:
    """Look only for references that begin in some way."""

    def find(_: ChatmaidOpponent, phone: Function, account: str, reference: str) -> Json | None:
        found: Json | None = phone(account, reference) if re.match(prefix, reference) else None
        return found

    return find


def by_beginning(opponent: ChatmaidOpponent, _: Function, account: str, reference: str) -> Json | None:
    for phone in opponent._phones:
        if phone["account"] == account and (phone["id"] == reference or phone["phoneNumber"].startswith(reference)):
            return phone
    return None


def without_plus(_: ChatmaidOpponent, phone: Function, account: str, reference: str) -> Json | None:
    found: Json | None = phone(account, reference) or phone(account, f"+{reference}")
    return found


def spaces_as_plus(_: ChatmaidOpponent, phone: Function, account: str, reference: str) -> Json | None:
    found: Json | None = phone(account, re.sub("^ ", "+", reference))
    return found


def keep_percent(*signs: str) -> Apply:
    """Leave signs of a path as they are written."""

    def change(_: ChatmaidOpponent, request: Request) -> None:
        path, mark, query = request.target.partition("?")
        for sign in signs:
            path = path.replace(sign, sign.replace("%", "%25"))
        request.target = path + mark + query

    return asking("phone state", change)


def new_ids(seen: Seen) -> None:
    for item in seen.items:
        item["id"] = seen.opponent._identity()


def only_connected(seen: Seen) -> None:
    seen.payload["data"] = [item for item in seen.items if item["connectionStatus"] == "connected"]


def as_pages_of_phones(seen: Seen) -> None:
    found = seen.payload["data"]
    pagination = {"page": 1, "limit": 20, "total": len(found), "totalPages": 1}
    seen.payload["data"] = {"data": found, "pagination": pagination}


# Sending


def take_first_phone(_: ChatmaidOpponent, read: Function) -> Function:
    def changed(body: bytes) -> Json:
        value: Json = read(body)
        value.setdefault("fromPhoneId", talks.FRONT_DESK)
        return value

    return changed


def digits_to_number(value: object) -> object:
    return f"+{value}" if isinstance(value, str) and re.fullmatch("[1-9][0-9]{6,14}", value) else value


def strip_number(value: object) -> object:
    return re.sub(r"[\s().-]", "", value) if isinstance(value, str) else value


def digits_of_any_script(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"\+\d+", value):
        return value
    return "+" + "".join(str(unicodedata.decimal(letter)) for letter in value[1:])


def media_to_list(body: Json) -> None:
    if isinstance(body.get("mediaUrls"), str):
        body["mediaUrls"] = [body["mediaUrls"]]


def texts_of_numbers(body: Json) -> None:
    for name in ("content", "idempotencyKey"):
        if isinstance(body.get(name), int | float):
            body[name] = str(body[name])


def drop_unknown(body: Json) -> None:
    for name in [name for name in body if name not in ("fromPhoneId", "to", "content", "mediaUrls", "idempotencyKey")]:
        del body[name]


def broken_body(seen: Seen) -> bool:
    try:
        json.loads(seen.request.body)
    except ValueError:
        return True
    return False


def stop_when(where: str, when: Callable[[Seen], object], change: Callable[[Seen], object] = answer_500) -> Apply:
    """Fail over some requests, whoever asks."""
    return stopping(where, lambda seen: when(seen) and change(seen))


def validating_first(opponent: ChatmaidOpponent, send: Function) -> Function:
    def changed(call: Call) -> Json:
        problems = problems_of(opponent._read(call.body))
        if problems:
            raise RefusedError(400, "Bad Request", problems)
        data: Json = send(call)
        return data

    return changed


# Idempotency


def replay_key(call: Call) -> object:
    try:
        return json.loads(call.body).get("idempotencyKey")
    except (ValueError, AttributeError):
        return None


def sending_by_key(make: Callable[[ChatmaidOpponent, Function, dict[Any, Json], Call, Any], Json]) -> Apply:
    """Keep the promise of the idempotencyKey in another way: `make` gets a memory, the call and its key."""

    def wrap(opponent: ChatmaidOpponent, send: Function) -> Function:
        memory: dict[Any, Json] = {}

        def changed(call: Call) -> Json:
            key = replay_key(call)
            data: Json = send(call) if key is None else make(opponent, send, memory, call, key)
            return data

        return changed

    return replacing("_send", wrap)


def as_new(opponent: ChatmaidOpponent, send: Function, call: Call) -> Json:
    """Send in any case."""
    opponent._replays.clear()
    data: Json = send(call)
    return data


def remembered_by(name_of: Callable[[Call, Any], object]) -> Apply:
    """Remember messages by something else."""

    def make(opponent: ChatmaidOpponent, send: Function, memory: dict[Any, Json], call: Call, key: object) -> Json:
        name = name_of(call, key)
        if name not in memory:
            memory[name] = as_new(opponent, send, call)
        return memory[name]

    return sending_by_key(make)


def forgotten_after(milliseconds: int) -> Apply:
    """Forget a key after some time."""

    def make(opponent: ChatmaidOpponent, send: Function, memory: dict[Any, Json], call: Call, key: object) -> Json:
        known = memory.get((call.key.account, call.key.environment, key))
        if known is None or call.at - known["at"] > milliseconds:
            known = {"at": call.at, "data": as_new(opponent, send, call)}
            memory[call.key.account, call.key.environment, key] = known
        data: Json = known["data"]
        return data

    return sending_by_key(make)


def send_again(opponent: ChatmaidOpponent, send: Function, _: object, call: Call, __: object) -> Json:
    return as_new(opponent, send, call)


def only_last(opponent: ChatmaidOpponent, send: Function, memory: dict[Any, Json], call: Call, key: object) -> Json:
    known = memory.get(key)
    memory.clear()
    memory[key] = known or as_new(opponent, send, call)
    return memory[key]


def every_second(opponent: ChatmaidOpponent, send: Function, memory: dict[Any, Json], call: Call, key: object) -> Json:
    memory[key] = {} if memory.get(key) else as_new(opponent, send, call)
    return memory[key] or as_new(opponent, send, call)


def refuse_again(_: ChatmaidOpponent, send: Function, memory: dict[Any, Json], call: Call, key: object) -> Json:
    if key in memory:
        raise RefusedError(409, "Conflict", ["idempotencyKey has been used"])
    memory[key] = send(call)
    return memory[key]


def refuse_used_in_vain(_: ChatmaidOpponent, send: Function, memory: dict[Any, Json], call: Call, key: object) -> Json:
    if key in memory:
        raise RefusedError(400, "Bad Request", ["idempotencyKey has been used"])
    try:
        data: Json = send(call)
    except RefusedError:
        memory[key] = {}
        raise
    return data


def send_twice(opponent: ChatmaidOpponent, send: Function, memory: dict[Any, Json], call: Call, key: object) -> Json:
    if key in memory:
        as_new(opponent, send, call)
        return memory[key]
    memory[key] = send(call)
    return memory[key]


def overwrite(opponent: ChatmaidOpponent, send: Function, _: object, call: Call, __: object) -> Json:
    data: Json = send(call)
    body = opponent._read(call.body)
    opponent._messages[data["id"]].update(content=body.get("content", ""), to=body["to"])
    return {**data, "content": body.get("content", ""), "to": body["to"]}


def echo_request(opponent: ChatmaidOpponent, send: Function, _: object, call: Call, __: object) -> Json:
    data: Json = send(call)
    return {**data, "content": opponent._read(call.body).get("content", "")}


def show_current(opponent: ChatmaidOpponent, send: Function, _: object, call: Call, __: object) -> Json:
    data: Json = send(call)
    return as_stored(opponent._messages[data["id"]], call.at)


def same_text_once(opponent: ChatmaidOpponent, send: Function) -> Function:
    kept: dict[object, Json] = {}

    def changed(call: Call) -> Json:
        body = opponent._read(call.body)
        name = (call.key.account, call.key.environment, str(body.get("to")), str(body.get("content")))
        if name not in kept:
            kept[name] = send(call)
        return kept[name]

    return changed


# Pages


def cut(start: Callable[[int, int], int], end: Callable[[int, int], int]) -> Apply:
    """Show other items on a page, given its number from 1 on and its length."""

    def change(page: Function, items: list[Json], query: dict[str, str], show: Function) -> Json:
        found: Json = page(items, query, show)
        number, size = found["pagination"]["page"], found["pagination"]["limit"]
        found["data"] = [show(item) for item in items[max(0, start(number, size)) : end(number, size)]]
        return found

    return paging(change)


def sorted_on_each_page(page: Function, items: list[Json], query: dict[str, str], show: Function) -> Json:
    found: Json = page(items[::-1], query, show)
    found["data"].reverse()
    return found


def repeat_last_page(page: Function, items: list[Json], query: dict[str, str], show: Function) -> Json:
    found: Json = page(items, query, show)
    if items and not found["data"]:
        last = page(items, {**query, "page": str(found["pagination"]["totalPages"])}, show)
        found["data"] = last["data"]
    return found


def pages_as(change: Callable[[int, int], object]) -> Apply:
    """Count pages in another way, given the total and the length of a page."""
    return answering(
        f"{LISTS} 200",
        lambda seen: seen.pagination.update(totalPages=change(seen.pagination["total"], seen.pagination["limit"])),
    )


def count_page_only(seen: Seen) -> None:
    seen.pagination.update(total=len(seen.items), totalPages=1)


def echo_query(seen: Seen, name: str, default: int) -> object:
    return seen.request.query.get(name, default)


def filtered_after_paging(opponent: ChatmaidOpponent, list_messages: Function) -> Function:
    def changed(call: Call) -> Json:
        rest = {name: value for name, value in call.query.items() if name not in ("status", "phoneNumberId")}
        page: Json = list_messages(replace(call, query=rest))
        found = [opponent._messages[item["id"]] for item in page["data"]]
        page["data"] = [as_listed(message, call.at) for message in found if opponent._is_wanted(call, message)]
        return page

    return changed


def total_of_all(_: ChatmaidOpponent, list_messages: Function) -> Function:
    def changed(call: Call) -> Json:
        rest = {name: value for name, value in call.query.items() if name not in ("status", "phoneNumberId")}
        page: Json = list_messages(call)
        page["pagination"] = list_messages(replace(call, query=rest))["pagination"]
        return page

    return changed


def without_filter(*names: str, when: Callable[[Json], object] = bool) -> Callable[[Json], None]:
    """Forget what was asked for."""

    def change(query: Json) -> None:
        if when(query):
            for name in names:
                query.pop(name, None)

    return change


def in_first_status(is_wanted: Function, call: Call, message: Json) -> object:
    """Compare with the status that a message had when it was sent."""
    rest = {name: value for name, value in call.query.items() if name != "status"}
    old = "failed" if message["failed"] else "pending" if message["environment"] == "live" else "sent"
    return is_wanted(replace(call, query=rest), message) and call.query.get("status", old) == old


def sent_and_later(is_wanted: Function, call: Call, message: Json) -> object:
    rest = {name: value for name, value in call.query.items() if name != "status"}
    wanted, status = call.query.get("status"), status_of(message, call.at)
    later = wanted == "sent" and status in {"delivered", "read"}
    return is_wanted(replace(call, query=rest) if later else call, message)


def by_known_phone_only(opponent: ChatmaidOpponent, call: Call) -> Call:
    if opponent._phone(call.key.account, call.query.get("phoneNumberId", "")):
        return call
    return replace(call, query={name: value for name, value in call.query.items() if name != "phoneNumberId"})


def by_number_too(opponent: ChatmaidOpponent, call: Call) -> Call:
    phone = opponent._phone(call.key.account, call.query.get("phoneNumberId", ""))
    return replace(call, query={**call.query, "phoneNumberId": phone["id"]}) if phone else call


def refuse_odd_query(seen: Seen) -> None:
    query = seen.request.query
    numbers = [query[name] for name in ("page", "limit") if name in query]
    is_odd = query.get("status", "sent") not in {"pending", "sent", "delivered", "read", "failed"}
    is_odd = is_odd or query.get("period", "day") not in {"day", "week", "month"}
    if is_odd or not all(number.isascii() and number.isdigit() and int(number) > 0 for number in numbers):
        seen.refuse(400, "Bad Request")


def is_long_number(seen: Seen) -> bool:
    return any(len(value) > 15 for name, value in seen.request.query.items() if name in ("page", "limit"))


def is_no_number(seen: Seen) -> bool:
    return any(not value.isdigit() for name, value in seen.request.query.items() if name in ("page", "limit"))


def longer_limit(page: Function, items: list[Json], query: dict[str, str], show: Function) -> Json:
    found: Json = page(items, query, show)
    size = query.get("limit", "")
    if size.isdigit() and int(size) > 100:
        found["data"] = [show(item) for item in items[: int(size)]]
        found["pagination"].update(limit=int(size), totalPages=math.ceil(len(items) / int(size)))
    return found


# Inbound


def route_inbound_as_message(seen: Seen) -> None:
    seen.refuse(404, "Not Found")


def mix_outbound(opponent: ChatmaidOpponent, list_received: Function) -> Function:
    def changed(call: Call) -> Json:
        page: Json = list_received(call)
        if call.key.environment == "live":
            sent = [message for message in opponent._messages.values() if opponent._is_wanted(call, message)]
            page["data"] += [as_listed(message, call.at) for message in sent]
        return page

    return changed


def show_to_test_keys(seen: Seen) -> None:
    if environment_of(seen.request.token) == "test":
        seen.refuse(403, "Forbidden")


# Usage


def usage_of(change: Callable[[Seen], object]) -> Apply:
    return answering("usage 200", change)


def swap_day_and_month(query: Json) -> None:
    query["period"] = {"day": "month", "week": "week"}.get(query.get("period", "month"), "day")


def keep_period_name(seen: Seen) -> None:
    period = seen.request.query.get("period", "month")
    seen.data["period"] = period if period in {"day", "week", "month"} else "month"


def month_to_date(seen: Seen) -> None:
    if seen.data["period"] == "month":
        seen.data["startDate"] = seen.data["startDate"][:8] + "01T00:00:00.000Z"


def count_other_account(_: ChatmaidOpponent, usage: Function) -> Function:
    def changed(call: Call) -> Json:
        own: Json = usage(call)
        other = usage(replace(call, key=replace(call.key, account="harbour")))
        own["messages"] = {name: count + other["messages"][name] for name, count in own["messages"].items()}
        return own

    return changed


# Limits


def shared_by_environment(key: Key) -> str:
    return f"{key.account}"


def never_new(opponent: ChatmaidOpponent) -> None:
    start: dict[str, int] = {}
    counting(lambda key, at: (key.value, start.setdefault(key.value, at)))(opponent)


def retry_after(change: Callable[[int, Seen], object]) -> Apply:
    """Tell another time to wait."""
    return answering("429", lambda seen: seen.payload.update(retryAfter=change(seen.payload["retryAfter"], seen)))


def send_anyway(seen: Seen) -> None:
    opponent, token = seen.opponent, seen.request.token
    window = opponent._windows.pop(token)
    opponent.respond(seen.request.method, seen.request.target, seen.request.headers, seen.request.body)
    opponent._windows[token] = window


def sending_despite_limit() -> Apply:
    """Refuse a send, and do it all the same."""

    def make(opponent: ChatmaidOpponent, respond: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        def changed(request: Request) -> Reply:
            reply = respond(request)
            if request.operation == "send" and reply[0] == 429:
                window = opponent._windows.pop(request.token)
                respond(request)
                opponent._windows[request.token] = window
            return reply

        return changed

    return around(make)


def admitting(make: Callable[[Key, int, list[int]], int | None]) -> Apply:
    """Limit in another way: `make` gets the times of a key's requests, and gives the seconds to wait."""

    def wrap(_: ChatmaidOpponent, __: Function) -> Function:
        times: dict[str, list[int]] = {}

        def admit(key: Key, scopes: frozenset[str], at: int) -> None:
            if not key.scopes & scopes:
                raise RefusedError(403, "Forbidden", ["This needs a key with another scope"])
            wait = make(key, at, times.setdefault(key.value, []))
            if wait is not None:
                raise RefusedError(429, "Rate limit exceeded", ["Rate limit exceeded"], retryAfter=wait)
            times[key.value].append(at)

        return admit

    return replacing("_admit", wrap)


def sliding(_: Key, at: int, times: list[int]) -> int | None:
    times[:] = [time for time in times if time > at - WINDOW + 1]
    return None if len(times) < REQUESTS_PER_WINDOW else max(1, math.ceil((times[0] + WINDOW - at) / SECOND))


def on_the_clock(limit: int) -> Callable[[Key, int, list[int]], int | None]:
    """Count so many in each minute of the clock."""

    def wait(_: Key, at: int, times: list[int]) -> int | None:
        start = (at + 1) // WINDOW * WINDOW
        times[:] = [time for time in times if time >= start - 1]
        return None if len(times) < limit else max(1, math.ceil((start + WINDOW - at) / SECOND))

    return wait


def scope_after_limit(_: ChatmaidOpponent, admit: Function) -> Function:
    def changed(key: Key, scopes: frozenset[str], at: int) -> None:
        admit(key, key.scopes, at)
        if not key.scopes & scopes:
            raise RefusedError(403, "Forbidden", ["This needs a key with another scope"])

    return changed


def add_limit_headers(seen: Seen) -> None:
    _, count = seen.opponent._windows.get(seen.request.token, (0, 0))
    seen.headers.update({"RateLimit-Limit": "100", "RateLimit-Remaining": str(max(0, 100 - count))})
    if seen.status == 429:
        seen.headers["Retry-After"] = str(seen.payload["retryAfter"])


# Others


def redirect(seen: Seen) -> None:
    seen.headers["Location"] = seen.request.path + "/"
    seen.write(301, "text/html", "<h1>Moved Permanently</h1>")


def gateway_page(seen: Seen) -> None:
    seen.write(502, "text/html", "<html><h1>502 Bad Gateway</h1></html>")


def as_html(seen: Seen) -> None:
    seen.write(seen.status, "text/html; charset=utf-8", f"<h1>Error</h1><pre>{seen.payload.get('error')}</pre>")


def as_latin(seen: Seen) -> None:
    seen.body = json.dumps(seen.body, ensure_ascii=False).encode("latin-1", "replace")


def as_text_of_json(seen: Seen) -> None:
    seen.body = json.dumps(json.dumps(seen.body)).encode()


def pretty(seen: Seen) -> None:
    seen.body = json.dumps(seen.body, ensure_ascii=False, indent=2).encode()


def key_from_other_header(_: ChatmaidOpponent, request: Request) -> None:
    if "Authorization" not in request.headers and "X-Api-Key" in request.headers:
        request.set_token(str(request.headers["X-Api-Key"]))


def other_header(talker: talks.Talker) -> None:
    talker.ask("GET /v1/account", "", headers={"X-Api-Key": talker.opponent.keys["main"]})


def strip_slash(_: ChatmaidOpponent, request: Request) -> None:
    path, mark, query = request.target.partition("?")
    request.target = (path.rstrip("/") or "/") + mark + query


def only_capital_bearer(seen: Seen) -> None:
    if not str(seen.request.headers["Authorization"] or "").startswith("Bearer "):
        seen.refuse(401, "Unauthorized")


def odd_cases(talker: talks.Talker) -> None:
    key = talker.opponent.keys["main"]
    for value in (f"bearer {key}", f"Bearer {key.upper()}", f"Bearer {key[:-3]}abc", f"Bearer  {key}"):
        talker.ask("GET /v1/account", "", headers={"Authorization": value})


def typed(*kinds: str) -> talks.Talk:
    """Send with other media types."""

    def run(talker: talks.Talker) -> None:
        body = {"fromPhoneId": talks.FRONT_DESK, "to": NUMBER_OF_NOBODY, "content": "Hello"}
        for kind in kinds:
            talker.ask("POST /v1/messages/send", body=body, headers={"Content-Type": kind})

    return run


SENT = sending()
ODD_LISTS = getting("messages?page=0", "messages?limit=abc", "messages?status=gone", "account/usage?period=year")
GOOD_TEXTS = sending(content="<b>Hello</b> \U0001f44d please select a time")
EVERY_STATE = ("status=sent", "status=read", "status=delivered", "status=failed", "status=pending")
ONE_PHONE = getting("phone-numbers/{p1}", "phone-numbers/%2B442079460012", "phone-numbers/%2B442079460012/status")
OWN_LIMIT = talks.limit


def swap_numbers(item: Json) -> None:
    item["from"], item["to"] = item["to"], item["from"]


def cut_where_filtered(seen: Seen) -> None:
    if "status" in seen.request.query:
        for item in seen.items:
            item["content"] = item["content"][:5]


def count_more_with_phone(seen: Seen) -> None:
    if "phoneNumberId" in seen.request.query:
        total = seen.pagination["total"] + 3
        seen.pagination.update(total=total, totalPages=math.ceil(total / seen.pagination["limit"]))


def tell_first_phone(seen: Seen) -> None:
    first = seen.opponent._phones[0]
    seen.data.update({name: first[name] for name in seen.data if name in first})


def reading_inbound(talker: talks.Talker) -> None:
    heard = talker.ask("GET /v1/messages/inbound", "live")
    talker.ask(f"GET /v1/messages/inbound/{json.loads(heard.body)['data']['data'][0]['id']}", "live")


def reading_failed(talker: talks.Talker) -> None:
    heard = talker.ask("GET /v1/messages?status=failed")
    talker.ask(f"GET /v1/messages/{json.loads(heard.body)['data']['data'][0]['id']}")


def deliver_failed(item: Json) -> None:
    if item["status"] == "failed":
        item["deliveredAt"] = item["createdAt"]


def end_days_ago(seen: Seen) -> None:
    seen.data.update({name: shifted(-2 * 86_400_000)(seen.data[name]) for name in ("startDate", "endDate")})


ANSWERS: dict[str, Defect] = {
    "send-200": defect("status", 1, "api_reference:7", "A send is answered 200", SENT, with_status("send 201", 200)),
    "send-202": defect("status", 1, "api_reference:7", "A send is answered 202", SENT, with_status("send 201", 202)),
    "send-invalid-422": defect(
        "status", 2, "api_reference:7", "An invalid send is answered 422", sending(to="x"), with_status("send 400", 422)
    ),
    "sender-unknown-400": defect(
        "status",
        2,
        "api_reference:7",
        "An unknown sender is answered 400",
        talks.sender_of_others,
        with_status("send 404", 400),
    ),
    "message-unknown-200": defect(
        "status",
        1,
        "api_reference:106",
        "An unknown message is null with 200",
        getting("messages/msg_none"),
        answering("get 404", lambda seen: seen.answer(200, {"success": True, "data": None})),
    ),
    "message-unknown-400": defect(
        "status",
        2,
        "api_reference:106",
        "An unknown message is answered 400",
        getting("messages/msg_none"),
        with_status("get 404", 400),
    ),
    "phone-unknown-403": defect(
        "status",
        2,
        "api_reference:205",
        "An unknown phone is answered 403",
        getting("phone-numbers/none"),
        with_status("phone 404", 403),
    ),
    "state-unknown-200": defect(
        "status",
        2,
        "api_reference:236",
        "The state of an unknown phone is answered 200",
        getting("phone-numbers/none/status"),
        with_status("state 404", 200),
    ),
    "account-204": defect(
        "status", 1, "api_reference:265", "The account is answered 204", getting("account"), with_status("account", 204)
    ),
    "limit-503": defect(
        "status", 1, "api_reference:7", "Too many requests are answered 503", OWN_LIMIT, with_status("429", 503)
    ),
    "list-redirects": defect(
        "status", 2, "api_reference:61", "The list redirects", getting("messages"), answering("list 200", redirect)
    ),
    "success-missing": defect(
        "envelope", 1, "api_reference:328", "Good answers lack success", SENT, without_member("2xx", "success")
    ),
    "success-text": defect(
        "envelope", 2, "api_reference:328", "Success is a text", SENT, in_envelope("2xx", success="true")
    ),
    "data-unwrapped": defect("envelope", 1, "api_reference:329", "Data is not wrapped", SENT, answering("2xx", unwrap)),
    "errors-succeed": defect(
        "envelope",
        1,
        "api_reference:332",
        "Errors flag success",
        getting_as("", request="account"),
        in_envelope("4xx", success=True),
    ),
    "errors-lack-error": defect(
        "envelope",
        2,
        "api_reference:333",
        "Errors lack their text",
        getting_as("", request="account"),
        without_member("4xx", "error"),
    ),
    "errors-message-text": defect(
        "envelope",
        2,
        "api_reference:334",
        "The messages of an error are one text",
        getting_as("", request="account"),
        in_envelope("4xx", message=lambda texts: texts[0]),
    ),
    "errors-status-code-text": defect(
        "envelope",
        2,
        "api_reference:335",
        "The statusCode is a text",
        getting_as("", request="account"),
        in_envelope("4xx", statusCode=str),
    ),
    "errors-status-code-zero": defect(
        "envelope",
        2,
        "api_reference:335",
        "The statusCode is 0",
        getting_as("", request="account"),
        in_envelope("4xx", statusCode=0),
    ),
    "errors-time-frozen": defect(
        "envelope",
        3,
        "api_reference:336",
        "Errors tell the time of the first one",
        following("main", 400, 400),
        freeze_timestamps(),
        with_status("get 200", 404),
        answering("get 404", lambda seen: seen.refuse(404, "Not Found")),
        freeze_timestamps(),
    ),
    "errors-path-missing": defect(
        "envelope",
        2,
        "api_reference:337",
        "Errors lack their path",
        getting_as("", request="account"),
        without_member("4xx", "path"),
    ),
    "errors-path-root": defect(
        "envelope",
        3,
        "api_reference:337",
        "The path of an error is always /",
        getting_as("", request="account"),
        in_envelope("4xx", path="/"),
    ),
    "errors-html": defect(
        "envelope",
        1,
        "api_reference:331",
        "Errors are HTML",
        getting_as("", request="account"),
        answering("4xx", as_html),
    ),
    "json-in-text": defect(
        "encoding", 1, "api_reference:40", "JSON comes as a JSON text", SENT, answering("2xx", as_text_of_json)
    ),
    "latin-letters": defect(
        "encoding", 1, "api_reference:40", "JSON is not UTF-8", talks.text, answering("send get 2xx", as_latin)
    ),
    "numbers-as-floats": defect(
        "schema", 3, "api_reference:96", "A page is 1.5", getting("messages"), in_pagination("list", page=1.5)
    ),
    "gateway-errors": defect(
        "robustness",
        1,
        "api_reference:106",
        "One reading in four is a gateway's 502 page",
        following(),
        every(4, "get", gateway_page),
    ),
    "sends-fail-sometimes": defect(
        "robustness",
        1,
        "api_reference:7",
        "One send in three is answered 500",
        sending_as("main", "main", "main"),
        every(3, "send", answer_500),
    ),
    "broken-body-500": defect(
        "robustness",
        2,
        "api_reference:7",
        "A body that is no JSON is answered 500",
        bodies(b"{", b'{"to":'),
        stop_when("send", broken_body),
    ),
    "connection-lost": defect(
        "robustness",
        1,
        "api_reference:7",
        "A body that is no JSON ends the connection",
        bodies(b"{"),
        stop_when("send", broken_body, hang_up),
    ),
    "long-page-500": defect(
        "robustness",
        2,
        "api_reference:58",
        "A page of twenty digits is answered 500",
        getting("messages?page=99999999999999999999"),
        stop_when("list", is_long_number),
    ),
    "odd-page-500": defect(
        "robustness",
        2,
        "api_reference:58",
        "A page that is no number is answered 500",
        ODD_LISTS,
        stop_when("list", is_no_number),
    ),
    "emoji-500": defect(
        "robustness",
        1,
        "api_reference:5",
        "An emoji is answered 500",
        GOOD_TEXTS,
        stop_when("send", lambda seen: has_emoji(seen.request.content)),
    ),
}

SHAPES: dict[str, Defect] = {
    "message-id-number": defect(
        "schema", 1, "api_reference:8", "The id of a message is a number", SENT, telling(ONE, id=7)
    ),
    "message-id-bare": defect(
        "schema",
        1,
        "api_reference:8",
        "The id of a message does not begin with msg_",
        SENT,
        with_prefixes("msg_", "", SHOWN_MESSAGES, "/v1/messages/(?!send$|inbound)([^/]+)"),
    ),
    "message-status-queued": defect(
        "schema", 1, "api_reference:8", "Sent is called queued", SENT, calling_status("sent", "queued")
    ),
    "message-status-capitals": defect(
        "schema", 1, "api_reference:8", "A status is in capitals", SENT, telling(SHOWN_MESSAGES, status=str.upper)
    ),
    "message-lacks-status": defect(
        "schema", 1, "api_reference:8", "A message has no status", SENT, leaving_out("get", "status")
    ),
    "message-lacks-created": defect(
        "schema", 2, "api_reference:131", "A message lacks createdAt", SENT, leaving_out("get", "createdAt")
    ),
    "message-lacks-nulls": defect(
        "schema",
        2,
        "api_reference:134",
        "What is null is left out",
        SENT,
        leaving_out("get", "readAt", "deliveredAt", "failedAt", when=lambda value: value is None),
    ),
    "message-lacks-media": defect(
        "schema", 2, "api_reference:127", "A message lacks mediaUrls", SENT, leaving_out(ONE, "mediaUrls")
    ),
    "message-media-null": defect(
        "schema", 2, "api_reference:127", "No media are null", SENT, telling(ONE, mediaUrls=lambda urls: urls or None)
    ),
    "message-error-code-number": defect(
        "schema", 2, "api_reference:8", "An error code is a number", sending(), telling(ONE, errorCode=131)
    ),
    "message-from-renamed": defect(
        "schema", 1, "api_reference:44", "The sender is not shown", SENT, leaving_out(ONE, "from")
    ),
    "times-in-seconds": defect(
        "timestamps",
        2,
        "api_reference:49",
        "Times have no milliseconds",
        SENT,
        with_times("2xx", lambda text: text[:19] + "Z"),
    ),
    "times-as-numbers": defect(
        "timestamps",
        1,
        "api_reference:49",
        "Times are numbers",
        SENT,
        with_times("2xx", lambda text: datetime.fromisoformat(text).timestamp()),
    ),
    "times-local": defect(
        "timestamps", 1, "api_reference:49", "Times are an hour off", SENT, with_times("2xx", shifted(3_600_000))
    ),
    "times-without-zone": defect(
        "timestamps", 2, "api_reference:49", "Times have no zone", SENT, with_times("2xx", lambda text: text[:-1])
    ),
    "times-of-twelve-hours": defect(
        "timestamps",
        2,
        "api_reference:49",
        "Hours go to twelve",
        talks.in_the_afternoon,
        with_times("2xx", at_twelve_hours),
    ),
    "times-spaced": defect(
        "timestamps",
        2,
        "api_reference:49",
        "A space is in the middle of times",
        SENT,
        with_times("2xx", lambda text: text.replace("T", " ")),
    ),
    "list-bare": defect(
        "schema",
        1,
        "api_reference:85",
        "The list is not under data.data",
        getting("messages"),
        answering("list 200", drop_pagination),
    ),
    "pagination-beside": defect(
        "schema",
        1,
        "api_reference:95",
        "The pagination stands beside data",
        getting("messages"),
        answering("list 200", move_pagination_up),
    ),
    "phones-paged": defect(
        "phones",
        1,
        "api_reference:190",
        "Phones come in pages",
        talks.phones,
        answering("phones 200", as_pages_of_phones),
    ),
    "phone-lacks-id": defect(
        "phones", 1, "api_reference:192", "A phone has no id", talks.phones, leaving_out(PHONES, "id")
    ),
    "phone-grouped": defect(
        "phones",
        2,
        "api_reference:193",
        "A phone's number has blanks",
        talks.phones,
        telling(PHONES, phoneNumber=grouped),
    ),
    "phone-status-flag": defect(
        "phones", 1, "api_reference:195", "A connection is a flag", talks.phones, telling(PHONES, connectionStatus=True)
    ),
    "phone-status-unknown": defect(
        "phones",
        2,
        "phone_numbers:1",
        "A connection is online",
        talks.phones,
        telling(PHONES, connectionStatus="online"),
    ),
    "phone-lacks-times": defect(
        "phones",
        2,
        "api_reference:197",
        "A phone lacks lastDisconnectedAt",
        talks.phones,
        leaving_out(PHONES, "lastDisconnectedAt"),
    ),
    "account-stats-flat": defect(
        "account",
        1,
        "api_reference:285",
        "The counters stand outside stats",
        getting("account"),
        editing("account", flatten_stats),
    ),
    "account-counters-text": defect(
        "account",
        2,
        "api_reference:286",
        "Counters are texts",
        getting("account"),
        editing("account", edit_member("stats", lambda stats: stats.update(messages=str(stats["messages"])))),
    ),
    "account-lacks-email": defect(
        "account",
        2,
        "api_reference:283",
        "The account has no address",
        getting("account"),
        leaving_out("account", "email"),
    ),
    "account-id-renamed": defect(
        "account",
        2,
        "api_reference:281",
        "The account has no accountId",
        getting("account"),
        leaving_out("account", "accountId"),
    ),
    "usage-lacks-requests": defect(
        "usage",
        2,
        "api_reference:320",
        "Usage counts no requests",
        getting("account/usage"),
        leaving_out("usage", "apiRequests"),
    ),
    "usage-total-off": defect(
        "usage",
        1,
        "api_reference:315",
        "The total of usage is one too many",
        getting("account/usage"),
        editing("usage", edit_member("messages", lambda counts: counts.update(total=counts["total"] + 1))),
    ),
    "usage-requests-off": defect(
        "usage",
        2,
        "api_reference:321",
        "The total of requests is not the sum",
        getting("account/usage"),
        editing("usage", edit_member("apiRequests", lambda counts: counts.update(total=counts["total"] + 5))),
    ),
    "usage-dates-swapped": defect(
        "usage",
        2,
        "api_reference:312",
        "Usage ends before it starts",
        getting("account/usage"),
        editing("usage", swap("startDate", "endDate")),
    ),
    "usage-stands-still": defect(
        "usage",
        2,
        "api_reference:292",
        "Usage is kept for ever",
        talks.usage_grows,
        cached("usage", lambda request: request.target),
    ),
    "usage-day-is-month": defect(
        "usage",
        2,
        "api_reference:293",
        "A day is a month and a month a day",
        getting("account/usage?period=day"),
        calling_query("_get_usage", swap_day_and_month),
        usage_of(keep_period_name),
    ),
    "usage-default-day": defect(
        "usage",
        2,
        "api_reference:293",
        "Usage is of a day when nothing is asked",
        getting("account/usage"),
        calling_query("_get_usage", lambda query: query.setdefault("period", "day")),
    ),
    "usage-of-both": defect(
        "isolation",
        1,
        "api_reference:292",
        "Usage counts another account",
        getting("account/usage"),
        replacing("_get_usage", count_other_account),
    ),
}

ACCESS: dict[str, Defect] = {
    "no-key-account": defect(
        "auth",
        1,
        "api_reference:264",
        "The account needs no key",
        getting_as("", request="account"),
        only_at("account", finding_key(for_those_without), "_key"),
    ),
    "no-key-phones": defect(
        "auth",
        1,
        "api_reference:174",
        "Phones need no key",
        getting_as("", request="phone-numbers"),
        only_at("phones", finding_key(for_those_without), "_key"),
    ),
    "no-key-sends": defect(
        "auth",
        1,
        "api_reference:6",
        "Sending needs no key",
        lambda talker: talker.ask(
            "POST /v1/messages/send", "", body={"fromPhoneId": talks.FRONT_DESK, "to": NUMBER_OF_NOBODY, "content": "x"}
        ),
        only_at("send", finding_key(for_those_without), "_key"),
    ),
    "last-key-remembered": defect(
        "auth",
        1,
        "api_reference:264",
        "Who has no key goes on with the last one",
        getting_as("main", "", request="account"),
        remembering(),
    ),
    "prefix-is-enough": defect(
        "auth",
        1,
        "api_reference:335",
        "Any key with a known beginning is accepted",
        talks.with_authorization("Bearer sk_test_0123456789abcdef"),
        finding_key(by_prefix),
    ),
    "first-letters-are-enough": defect(
        "auth",
        1,
        "api_reference:335",
        "The first letters of a key are enough",
        odd_cases,
        finding_key(by_first_letters),
    ),
    "key-of-any-case": defect(
        "auth", 3, "api_reference:335", "Keys may be in capitals", odd_cases, finding_key(by_letters_of_any_case)
    ),
    "expired-accepted": defect(
        "auth",
        1,
        "api_reference:265",
        "An expired key is accepted",
        getting_as("expired", request="account"),
        finding_key(expired_too),
    ),
    "no-key-403": defect(
        "auth",
        2,
        "api_reference:265",
        "A missing key is answered 403",
        getting_as("", request="account"),
        with_status("401", 403),
    ),
    "live-refused": defect(
        "auth",
        1,
        "api_reference:264",
        "Live keys are refused",
        getting_as("live", request="account"),
        stopping("", no_live_keys),
    ),
    "read-scope-sends": defect(
        "scope",
        1,
        "api_reference:6",
        "The scope to read is enough to send",
        sending_as("only_messages_read"),
        scoping("send", widened("messages:read")),
    ),
    "send-scope-reads": defect(
        "scope",
        1,
        "api_reference:105",
        "The scope to send is enough to read",
        getting_as("only_messages_send", request="messages"),
        scoping("list get", widened("messages:send")),
    ),
    "account-scope-reads-all": defect(
        "scope",
        1,
        "api_reference:60",
        "The scope of the account is enough to list",
        getting_as("only_account_read", request="messages"),
        scoping("list", widened("account:read")),
    ),
    "account-scope-reads-inbound": defect(
        "scope",
        1,
        "api_reference:140",
        "The scope of the account is enough for the inbox",
        getting_as("only_account_read", request="messages/inbound"),
        scoping("inbound", widened("account:read")),
    ),
    "account-scope-reads-phones": defect(
        "scope",
        1,
        "api_reference:174",
        "The scope of the account is enough for phones",
        getting_as("only_account_read", request="phone-numbers"),
        scoping("phones phone state", widened("account:read")),
    ),
    "write-scope-refused": defect(
        "scope",
        1,
        "api_reference:6",
        "The scope messages:write does not send",
        sending_as("only_messages_write"),
        scoping("send", narrowed("messages:write")),
    ),
    "phones-scope-refused": defect(
        "scope",
        2,
        "api_reference:174",
        "The scope of phones does not read them",
        getting_as("only_phone_numbers_read", request="phone-numbers"),
        scoping("phones", narrowed("phone_numbers:read")),
    ),
    "account-needs-own-scope": defect(
        "scope",
        2,
        "api_reference:264",
        "The scopes of messages do not read the account",
        getting_as("only_messages_read", "only_messages_send", request="account"),
        scoping("account", narrowed("messages:read", "messages:send", "messages:write")),
    ),
    "missing-scope-401": defect(
        "scope",
        2,
        "api_reference:61",
        "A missing scope is answered 401",
        getting_as("only_account_read", request="messages"),
        with_status("403", 401),
    ),
    "missing-scope-404": defect(
        "scope",
        2,
        "api_reference:61",
        "A missing scope is answered 404",
        getting_as("only_account_read", request="messages"),
        with_status("403", 404),
    ),
    "messages-of-all": defect(
        "isolation",
        1,
        "api_reference:57",
        "The list shows every account's messages",
        getting("messages?limit=100"),
        wanting(as_owner),
    ),
    "messages-of-all-by-id": defect(
        "isolation",
        1,
        "api_reference:106",
        "Anybody reads a message",
        getting_as("other_account", request="messages/{m0}"),
        calling("_get_message", read_any_message),
    ),
    "messages-of-both": defect(
        "isolation",
        1,
        "api_reference:59",
        "The list mixes test and live",
        getting("messages?limit=100"),
        wanting(in_any_environment),
    ),
    "total-of-both": defect(
        "isolation",
        2,
        "api_reference:59",
        "The total counts test and live",
        getting("messages"),
        replacing("_list_messages", total_of_both),
    ),
    "inbox-of-all": defect(
        "isolation",
        1,
        "api_reference:138",
        "Every live key sees every inbox",
        getting_as("live", "other_live", request="messages/inbound"),
        replacing("_received_by", received_by_all),
    ),
    "inbox-for-test": defect(
        "isolation",
        1,
        "api_reference:138",
        "Test keys see the inbox",
        getting("messages/inbound"),
        received_by(lambda key: replace(key, environment="live")),
    ),
    "phones-of-all": defect(
        "isolation",
        1,
        "api_reference:173",
        "Everybody sees every phone",
        getting("phone-numbers"),
        replacing("_list_phones", list_all_phones),
    ),
    "phone-of-all": defect(
        "isolation",
        1,
        "api_reference:205",
        "Anybody reads a phone",
        getting("phone-numbers/{p4}"),
        finding_phone(phone_of_any),
    ),
    "sender-of-all": defect(
        "isolation",
        1,
        "api_reference:7",
        "Anybody sends from any number",
        talks.sender_of_others,
        finding_phone(phone_of_any),
    ),
}

SENDING: dict[str, Defect] = {
    "content-4095": defect(
        "boundary",
        1,
        "api_reference:5",
        "A text of 4,096 is too long",
        sending(content="x" * 4096),
        refusing("content", lambda body: len(str(body.get("content", ""))) > 4095),
    ),
    "content-5000": defect(
        "boundary",
        1,
        "api_reference:5",
        "A text may have 5,000 characters",
        sending(content="x" * 4097),
        overlooking("content", lambda body: len(str(body.get("content"))) <= 5000),
    ),
    "key-63": defect(
        "boundary",
        2,
        "api_reference:5",
        "A key of 64 is too long",
        sending(idempotencyKey="k" * 64),
        refusing("idempotencyKey", lambda body: len(str(body.get("idempotencyKey", ""))) > 63),
    ),
    "key-any": defect(
        "boundary",
        2,
        "api_reference:5",
        "A key may have any length",
        sending(idempotencyKey="k" * 65),
        overlooking("idempotencyKey", lambda body: isinstance(body.get("idempotencyKey"), str)),
    ),
    "to-without-plus": defect(
        "validation",
        1,
        "api_reference:5",
        "A recipient needs no plus",
        sending(to="12025550100"),
        taking_member("to", digits_to_number),
    ),
    "to-formatted": defect(
        "validation",
        2,
        "api_reference:5",
        "A recipient may have blanks",
        sending(to="+1 202 555 0100"),
        taking_member("to", strip_number),
    ),
    "to-any-digits": defect(
        "validation",
        3,
        "api_reference:5",
        "A recipient may have digits of any script",
        sending(to="+\u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0660\u0660"),
        taking_member("to", digits_of_any_script),
    ),
    "to-anything": defect(
        "validation",
        1,
        "api_reference:5",
        "A recipient may have letters",
        sending(to="nobody-7"),
        overlooking("to", lambda body: str(body.get("to"))[-1:].isdecimal()),
    ),
    "sender-optional": defect(
        "validation",
        1,
        "api_reference:5",
        "A send needs no sender",
        bodies(b'{"to": "+12025550100", "content": "Hello"}'),
        replacing("_read", take_first_phone),
    ),
    "empty-taken": defect(
        "validation",
        1,
        "api_reference:5",
        "A send needs neither text nor media",
        bodies(b'{"fromPhoneId": "+442079460012", "to": "+12025550100"}'),
        overlooking("one", lambda _: True),
    ),
    "text-required": defect(
        "validation",
        1,
        "api_reference:5",
        "Media need a text",
        sending(content=None, mediaUrls=talks.MEDIA),
        refusing("content", lambda body: not body.get("content")),
    ),
    "media-http": defect(
        "validation",
        1,
        "api_reference:5",
        "Media may come over HTTP",
        sending(mediaUrls=["http://cdn.example.com/a.png"]),
        overlooking("mediaUrls", lambda body: all(isinstance(url, str) for url in media_of(body))),
    ),
    "media-private": defect(
        "validation",
        3,
        "api_reference:5",
        "Media may be private",
        sending(mediaUrls=["https://127.0.0.1/a.png"]),
        overlooking("mediaUrls", lambda body: all(map(is_https_text, media_of(body)))),
    ),
    "media-single": defect(
        "validation",
        2,
        "api_reference:5",
        "Media may be one text",
        sending(mediaUrls="https://cdn.example.com/a.png"),
        taking(media_to_list),
    ),
    "numbers-as-texts": defect(
        "validation", 2, "api_reference:5", "A text may be a number", sending(content=12345), taking(texts_of_numbers)
    ),
    "html-refused": defect(
        "validation", 2, "api_reference:5", "A text with a tag is refused", GOOD_TEXTS, refusing("content", is_loud)
    ),
    "emoji-refused": defect(
        "validation",
        1,
        "api_reference:5",
        "A text with an emoji is refused",
        GOOD_TEXTS,
        refusing("content", has_emoji),
    ),
    "content-cut": defect(
        "echo",
        1,
        "api_reference:8",
        "A stored text ends after a thousand characters",
        talks.text,
        reuse_text(lambda text: text[:1000]),
    ),
    "content-trimmed": defect("echo", 1, "api_reference:8", "A text loses its ends", talks.text, reuse_text(str.strip)),
    "content-collapsed": defect("echo", 1, "api_reference:8", "Blanks are one", talks.text, reuse_text(collapsed)),
    "content-escaped": defect(
        "encoding", 1, "api_reference:8", "A text is escaped", talks.text, reuse_text(html.escape)
    ),
    "content-no-emoji": defect(
        "encoding", 1, "api_reference:8", "An emoji is lost", talks.text, reuse_text(without_emoji)
    ),
    "content-mojibake": defect(
        "encoding", 1, "api_reference:8", "A text is garbled", talks.text, reuse_text(as_mojibake)
    ),
    "content-normalised": defect(
        "encoding",
        2,
        "api_reference:8",
        "Letters are composed",
        talks.text,
        reuse_text(lambda text: unicodedata.normalize("NFC", text)),
    ),
    "media-sorted": defect(
        "echo", 2, "api_reference:8", "Media are sorted", talks.text, telling("get", mediaUrls=sorted)
    ),
    "media-lost": defect("echo", 1, "api_reference:8", "Media are lost", talks.text, telling("get", mediaUrls=[])),
    "recipient-changed": defect(
        "echo",
        1,
        "api_reference:8",
        "The recipient is masked",
        SENT,
        telling("get", to=lambda text: text[:-4] + "****"),
    ),
    "sender-changed": defect(
        "echo", 1, "api_reference:8", "The sender is another phone", SENT, telling(ONE, **{"from": talks.OLD_HANDSET})
    ),
    "ids-change": defect(
        "echo", 1, "api_reference:104", "Ids are new at every look", SENT, answering("get 200", new_ids)
    ),
    "created-now": defect(
        "timestamps",
        1,
        "api_reference:131",
        "A message was made just now",
        following(),
        answering("get 200", show_now("createdAt")),
    ),
    "sent-before-created": defect(
        "timestamps",
        2,
        "api_reference:132",
        "A message is sent before it is made",
        SENT,
        editing(ONE, set_after("sentAt", "createdAt", -60_000)),
    ),
    "delivered-before-sent": defect(
        "timestamps",
        2,
        "api_reference:133",
        "A message is delivered before it is sent",
        following(),
        editing("get", set_after("deliveredAt", "sentAt", -60_000)),
    ),
    "read-before-delivered": defect(
        "timestamps",
        2,
        "api_reference:134",
        "A message is read before it is delivered",
        following(),
        editing("get", set_after("readAt", "deliveredAt", -60_000)),
    ),
    "sent-lacks-time": defect(
        "lifecycle",
        1,
        "api_reference:8",
        "A sent message has no time of it",
        SENT,
        editing(ONE, when_status("sent", sentAt=None)),
    ),
    "delivered-lacks-time": defect(
        "lifecycle",
        1,
        "api_reference:8",
        "A delivered message has no time of it",
        following(),
        editing("get", when_status("delivered", deliveredAt=None)),
    ),
    "read-lacks-time": defect(
        "lifecycle",
        1,
        "api_reference:8",
        "A read message has no time of it",
        following(),
        editing("get", when_status("read", readAt=None)),
    ),
    "sent-has-error": defect(
        "lifecycle",
        2,
        "api_reference:8",
        "A sent message has an error",
        SENT,
        editing(ONE, when_status("sent", errorCode="OK", errorMessage="none")),
    ),
    "test-begins-pending": defect(
        "lifecycle",
        1,
        "api_reference:8",
        "A test send says pending",
        SENT,
        editing("send", when_status("sent", status="pending", sentAt=None)),
    ),
    "falls-back": defect(
        "lifecycle",
        1,
        "api_reference:8",
        "A delivered message falls back at the third look",
        following(),
        on_polls(fall_back),
    ),
    "flickers": defect(
        "lifecycle", 1, "api_reference:8", "Read and delivered take turns", following(), on_polls(flicker)
    ),
    "read-is-forgotten": defect(
        "lifecycle", 1, "api_reference:106", "A read message is gone", following(), answering("get 200", forget_read)
    ),
    "reads-come-late": defect(
        "lifecycle",
        1,
        "api_reference:104",
        "A message cannot be read for a second",
        SENT,
        answering("get 200", late_in_reading),
    ),
    "live-is-lost": defect(
        "lifecycle", 1, "api_reference:56", "A live message stays pending", following("live"), storing(lose_live)
    ),
    "live-sent-at-once": defect(
        "lifecycle", 2, "api_reference:56", "A live send is sent at once", following("live"), storing(send_live_at_once)
    ),
    "failed-looks-sent": defect(
        "lifecycle",
        1,
        "api_reference:8",
        "A failed message says sent",
        getting("messages/{m0}", "messages/{m1}", "messages/{m2}", "messages?limit=100"),
        editing(SHOWN_MESSAGES, revive),
    ),
    "messages-are-cached": defect(
        "lifecycle",
        1,
        "api_reference:103",
        "A message stays as it was first seen",
        following(),
        cached("get", lambda request: request.target),
    ),
}

KEYS_OF_SENDS: dict[str, Defect] = {
    "key-ignored": defect(
        "idempotency", 1, "api_reference:5", "A key does nothing", talks.replays, sending_by_key(send_again)
    ),
    "key-for-ten-seconds": defect(
        "idempotency",
        1,
        "api_reference:5",
        "A key is forgotten after three seconds",
        talks.replays,
        forgotten_after(3000),
    ),
    "key-for-an-hour": defect(
        "idempotency",
        2,
        "api_reference:5",
        "A key is forgotten after an hour",
        talks.replays_late,
        forgotten_after(3_600_000),
    ),
    "key-of-last": defect(
        "idempotency",
        2,
        "api_reference:5",
        "Only the last key is known",
        talks.two_keys_in_turn,
        sending_by_key(only_last),
    ),
    "key-every-second": defect(
        "idempotency",
        1,
        "api_reference:5",
        "Every second replay is a new message",
        talks.replays,
        sending_by_key(every_second),
    ),
    "key-refused-again": defect(
        "idempotency", 1, "api_reference:5", "A replay is answered 409", talks.replays, sending_by_key(refuse_again)
    ),
    "key-used-in-vain": defect(
        "idempotency",
        3,
        "api_reference:5",
        "A key of a refused send is used up",
        talks.corrected_replay,
        sending_by_key(refuse_used_in_vain),
    ),
    "key-sends-twice": defect(
        "idempotency",
        1,
        "api_reference:5",
        "A replay sends again and hides it",
        talks.replays,
        sending_by_key(send_twice),
    ),
    "key-overwrites": defect(
        "idempotency", 1, "api_reference:5", "A replay changes the message", talks.replays, sending_by_key(overwrite)
    ),
    "key-echoes": defect(
        "idempotency",
        1,
        "api_reference:5",
        "A replay shows what was asked now",
        talks.replays,
        sending_by_key(echo_request),
    ),
    "key-cut": defect(
        "idempotency",
        2,
        "api_reference:5",
        "Only forty letters of a key count",
        talks.near_replays,
        remembered_by(lambda call, key: (call.key.account, call.key.environment, str(key)[:40])),
    ),
    "key-of-any-case": defect(
        "idempotency",
        3,
        "api_reference:5",
        "Capitals of a key do not count",
        talks.near_replays,
        remembered_by(lambda call, key: (call.key.account, call.key.environment, str(key).lower())),
    ),
    "key-with-recipient": defect(
        "idempotency",
        2,
        "api_reference:5",
        "Another recipient makes another message",
        talks.replays,
        remembered_by(lambda call, key: (call.key.account, key, call.body)),
    ),
    "key-of-all": defect(
        "isolation",
        1,
        "api_reference:5",
        "A key belongs to all accounts",
        talks.replays_of_others,
        remembered_by(lambda _, key: key),
    ),
    "same-text-once": defect(
        "idempotency",
        1,
        "api_reference:4",
        "The same text is sent once only",
        talks.same_text_twice,
        replacing("_send", same_text_once),
    ),
}

LISTS_TABLE: dict[str, Defect] = {
    "page-zero": defect(
        "pagination",
        1,
        "api_reference:62",
        "The first page is 0",
        talks.six_more,
        in_pagination(LISTS, page=lambda page: page - 1),
    ),
    "pages-overlap": defect(
        "pagination",
        1,
        "api_reference:62",
        "A page repeats one of the page before",
        talks.six_more,
        cut(lambda page, size: (page - 1) * (size - 1), lambda page, size: (page - 1) * (size - 1) + size),
    ),
    "pages-have-gaps": defect(
        "pagination",
        1,
        "api_reference:62",
        "One is missing between pages",
        talks.six_more,
        cut(lambda page, size: (page - 1) * (size + 1), lambda page, size: (page - 1) * (size + 1) + size),
    ),
    "pages-one-short": defect(
        "pagination",
        1,
        "api_reference:62",
        "A page is one short",
        talks.six_more,
        cut(lambda page, size: (page - 1) * size, lambda page, size: page * size - 1),
    ),
    "pages-one-more": defect(
        "pagination",
        1,
        "api_reference:58",
        "A page has one more",
        talks.six_more,
        cut(lambda page, size: (page - 1) * size, lambda page, size: page * size + 1),
    ),
    "pages-from-the-first": defect(
        "pagination",
        1,
        "api_reference:58",
        "Every page begins with the first",
        talks.six_more,
        cut(lambda _, __: 0, lambda page, size: page * size),
    ),
    "page-ignored": defect(
        "pagination",
        1,
        "api_reference:58",
        "Every page is the first",
        talks.six_more,
        calling_query("_list_messages", lambda query: query.pop("page", None)),
    ),
    "limit-ignored": defect(
        "pagination",
        1,
        "api_reference:58",
        "A page has always twenty",
        talks.six_more,
        calling_query("_list_messages", lambda query: query.pop("limit", None)),
    ),
    "default-ten": defect(
        "default",
        1,
        "api_reference:58",
        "A page has ten when nothing is asked",
        getting("messages"),
        calling_query("_list_messages", lambda query: query.setdefault("limit", "10")),
    ),
    "default-hundred": defect(
        "default",
        1,
        "api_reference:58",
        "A page has a hundred when nothing is asked",
        getting("messages"),
        calling_query("_list_messages", lambda query: query.setdefault("limit", "100")),
    ),
    "limit-without-end": defect(
        "boundary", 1, "api_reference:58", "A page is as long as asked", talks.hundred_and_two, paging(longer_limit)
    ),
    "last-page-repeats": defect(
        "pagination",
        2,
        "api_reference:62",
        "Beyond the end the last page comes again",
        getting("messages?page=90"),
        paging(repeat_last_page),
    ),
    "total-of-page": defect(
        "pagination",
        1,
        "api_reference:62",
        "The total is that of the page",
        talks.six_more,
        answering("list 200", count_page_only),
    ),
    "total-of-all": defect(
        "filter",
        2,
        "api_reference:62",
        "The total does not see filters",
        talks.filters,
        replacing("_list_messages", total_of_all),
    ),
    "total-off": defect(
        "pagination",
        1,
        "api_reference:62",
        "The total is one too many",
        talks.six_more,
        in_pagination("list", total=lambda count: count + 1),
    ),
    "pages-off": defect(
        "pagination",
        1,
        "api_reference:62",
        "There is a page too many",
        talks.six_more,
        pages_as(lambda total, size: total // size + 2),
    ),
    "pages-rounded-down": defect(
        "pagination",
        1,
        "api_reference:62",
        "The count of pages is rounded down",
        talks.six_more,
        pages_as(lambda total, size: total // size),
    ),
    "limit-as-text": defect(
        "schema", 2, "api_reference:62", "The limit is a text", talks.six_more, in_pagination("list", limit=str)
    ),
    "oldest-first": defect(
        "order", 1, "api_reference:62", "The oldest comes first", talks.six_more, ordering(lambda item: item["created"])
    ),
    "sorted-by-page": defect(
        "order", 1, "api_reference:62", "Only pages are sorted", talks.six_more, paging(sorted_on_each_page)
    ),
    "by-recipient": defect(
        "order", 2, "api_reference:62", "The list goes by recipient", talks.six_more, ordering(lambda item: item["to"])
    ),
    "status-ignored": defect(
        "filter",
        1,
        "api_reference:58",
        "The status is not looked at",
        talks.filters,
        calling_query("_list_messages", without_filter("status")),
    ),
    "phone-ignored": defect(
        "filter",
        1,
        "api_reference:58",
        "The phone is not looked at",
        talks.filters,
        calling_query("_list_messages", without_filter("phoneNumberId")),
    ),
    "status-ignored-with-phone": defect(
        "filter",
        2,
        "api_reference:58",
        "With a phone the status is not looked at",
        talks.filters,
        calling_query("_list_messages", without_filter("status", when=lambda query: "phoneNumberId" in query)),
    ),
    "status-of-the-first": defect(
        "filter", 1, "api_reference:58", "The status is that of the beginning", talks.filters, wanting(in_first_status)
    ),
    "sent-and-later": defect(
        "filter", 2, "api_reference:58", "Sent finds what came later, too", talks.filters, wanting(sent_and_later)
    ),
    "filtered-after-paging": defect(
        "filter",
        1,
        "api_reference:58",
        "Filters look at one page only",
        talks.filters,
        replacing("_list_messages", filtered_after_paging),
    ),
    "unknown-phone-ignored": defect(
        "filter",
        2,
        "api_reference:58",
        "An unknown phone finds all",
        talks.sender_of_others,
        calling("_list_messages", by_known_phone_only),
    ),
    "inbox-mixed": defect(
        "inbound",
        1,
        "api_reference:138",
        "The inbox shows what was sent",
        getting("messages/inbound", role="live"),
        replacing("_list_received", mix_outbound),
    ),
    "inbox-is-missing": defect(
        "inbound",
        1,
        "api_reference:138",
        "The inbox is taken for a message",
        getting("messages/inbound", role="live"),
        stopping("inbound", route_inbound_as_message),
    ),
    "inbox-forbidden": defect(
        "inbound",
        1,
        "api_reference:138",
        "Test keys are refused the inbox",
        getting("messages/inbound"),
        stopping("inbound", show_to_test_keys),
    ),
    "inbound-id-bare": defect(
        "inbound",
        2,
        "api_reference:169",
        "Inbound ids begin otherwise",
        getting("messages/inbound", "messages/inbound/{i0}", role="live"),
        with_prefixes("inmsg_", "in-", "inbound received", "/v1/messages/inbound/([^/]+)"),
    ),
    "inbound-group-text": defect(
        "inbound",
        2,
        "api_reference:154",
        "isGroup is a text",
        getting("messages/inbound", role="live"),
        telling("inbound received", isGroup=str),
    ),
    "inbound-lacks-received": defect(
        "inbound",
        1,
        "api_reference:156",
        "receivedAt is missing",
        getting("messages/inbound", role="live"),
        leaving_out("inbound received", "receivedAt"),
    ),
    "inbound-unfiltered": defect(
        "inbound",
        2,
        "api_reference:139",
        "The inbox does not look at the phone",
        getting("messages/inbound?phoneNumberId={p0}", role="live"),
        calling_query("_list_received", without_filter("phoneNumberId")),
    ),
    "phones-by-id-only": defect(
        "phones", 1, "api_reference:204", "Phones are found by id only", ONE_PHONE, finding_phone(only("[^+]"))
    ),
    "phones-by-number-only": defect(
        "phones", 1, "api_reference:204", "Phones are found by number only", ONE_PHONE, finding_phone(only(r"\+"))
    ),
    "phones-by-beginning": defect(
        "phones",
        2,
        "api_reference:205",
        "The beginning of a number is enough",
        getting("phone-numbers/%2B44", "phone-numbers/%2B44207946"),
        finding_phone(by_beginning),
    ),
    "phone-percent-kept": defect(
        "phones", 1, "api_reference:204", "An encoded plus is not read", ONE_PHONE, keep_percent("%2B")
    ),
    "phones-hide-lost": defect(
        "phones",
        2,
        "api_reference:173",
        "Only connected phones are listed",
        talks.phones,
        answering("phones 200", only_connected),
    ),
    "state-always-connected": defect(
        "phones",
        1,
        "api_reference:234",
        "The state is always connected",
        talks.phones,
        telling("state", connectionStatus="connected"),
    ),
    "state-of-another-id": defect(
        "phones", 2, "api_reference:255", "The state has another id", ONE_PHONE, answering("state 200", new_ids)
    ),
}

RATES: dict[str, Defect] = {
    "limit-by-account": defect(
        "rate-limit",
        1,
        "api_reference:7",
        "All keys of an account share a limit",
        talks.limit,
        counting(lambda key, at: (shared_by_environment(key), at)),
    ),
    "limit-never-ends": defect("rate-limit", 1, "api_reference:346", "A window never ends", talks.limit, never_new),
    "wait-missing": defect(
        "rate-limit",
        1,
        "api_reference:346",
        "A refusal does not say how long to wait",
        talks.limit,
        without_member("429", "retryAfter"),
    ),
    "wait-text": defect(
        "rate-limit", 2, "api_reference:346", "The wait is a text", talks.limit, retry_after(lambda wait, _: f"{wait}s")
    ),
    "wait-negative": defect(
        "rate-limit", 1, "api_reference:346", "The wait is negative", talks.limit, retry_after(lambda wait, _: -wait)
    ),
    "wait-zero": defect(
        "rate-limit", 1, "api_reference:346", "The wait is 0", talks.limit, retry_after(lambda _, __: 0)
    ),
    "wait-too-short": defect(
        "rate-limit", 1, "api_reference:346", "The wait is a second", talks.limit, retry_after(lambda _, __: 1)
    ),
    "wait-in-milliseconds": defect(
        "rate-limit",
        2,
        "api_reference:346",
        "The wait is in milliseconds",
        talks.limit,
        retry_after(lambda wait, _: wait * 1000),
    ),
    "wait-as-time": defect(
        "rate-limit",
        2,
        "api_reference:346",
        "The wait is a moment",
        talks.limit,
        retry_after(lambda wait, seen: moment(round((seen.opponent.clock() + wait) * SECOND))),
    ),
    "refused-and-sent": defect(
        "rate-limit",
        1,
        "api_reference:7",
        "A refused send is done all the same",
        talks.limit_of_sending,
        sending_despite_limit(),
    ),
    "limit-lacks-envelope": defect(
        "envelope", 2, "api_reference:340", "A refusal for too many is HTML", talks.limit, answering("429", as_html)
    ),
}

CONTRADICTIONS: dict[str, Defect] = {
    "list-swaps-numbers": defect(
        "echo",
        1,
        "api_reference:88",
        "A list gives the sender as the recipient and the other way round",
        talks.six_more,
        editing("list", swap_numbers),
    ),
    "filtered-list-other-text": defect(
        "echo",
        1,
        "api_reference:90",
        "Texts are cut where a list is filtered",
        talks.filters,
        answering("list 200", cut_where_filtered),
    ),
    "failed-filter-empty": defect(
        "filter",
        1,
        "api_reference:58",
        "The filter by failed finds nothing",
        talks.filters,
        wanting(lambda wanted, call, message: call.query.get("status") != "failed" and wanted(call, message)),
    ),
    "phone-total-of-all": defect(
        "filter",
        2,
        "api_reference:62",
        "With a phone the total is three too many",
        talks.filters,
        answering("list 200", count_more_with_phone),
    ),
    "media-without-query": defect(
        "echo",
        2,
        "api_reference:8",
        "The addresses of media lose their query",
        sending(mediaUrls=["https://example.com/a.png?size=2"]),
        storing(lambda message: message.update(media=[url.partition("?")[0] for url in message["media"]])),
    ),
    "phones-listed-twice": defect(
        "phones",
        2,
        "api_reference:173",
        "The first phone is listed once more",
        talks.phones,
        answering("phones 200", lambda seen: seen.payload["data"].append(dict(seen.payload["data"][0]))),
    ),
    "phone-always-the-first": defect(
        "phones",
        1,
        "phone_numbers:61",
        "Whichever phone is asked for, its state is that of the first",
        talks.phones,
        answering("state 200", tell_first_phone),
    ),
    "inbound-other-alone": defect(
        "inbound",
        2,
        "api_reference:168",
        "An inbound message has another text when it is read alone",
        reading_inbound,
        telling("received", content="Other"),
    ),
    "failed-is-delivered": defect(
        "lifecycle",
        2,
        "api_reference:8",
        "A failed message has a moment of delivery",
        reading_failed,
        editing("get", deliver_failed),
    ),
    "usage-days-ago": defect(
        "usage",
        2,
        "api_reference:292",
        "Usage ended two days ago",
        getting("account/usage?period=day"),
        usage_of(end_days_ago),
    ),
}

DEFECTS: dict[str, Defect] = {
    **ANSWERS, **CONTRADICTIONS, **SHAPES, **ACCESS, **SENDING, **KEYS_OF_SENDS, **LISTS_TABLE, **RATES,
}  # fmt: skip

HARMLESS: dict[str, Defect] = {
    "members-sorted": harmless(
        "encoding",
        "Members come in another order: JSON objects have none.",
        SENT,
        answering("2xx", lambda seen: seen.answer(seen.status, reordered(seen.body))),
    ),
    "members-more": harmless(
        "schema",
        "Objects have more members: none is said to be the last.",
        SENT,
        answering("2xx", lambda seen: seen.answer(seen.status, with_more_members(seen.body))),
    ),
    "numbers-with-point": harmless(
        "encoding",
        "Whole numbers have a decimal point: to JSON they are the same.",
        getting("messages"),
        answering("list 200", lambda seen: seen.answer(seen.status, as_floats(seen.body))),
    ),
    "pretty": harmless("encoding", "JSON is written for people: blanks mean nothing.", SENT, answering("2xx", pretty)),
    "current-replay": harmless(
        "idempotency",
        "A replay shows the message as it is now: only that it is the original is promised.",
        talks.replays,
        sending_by_key(show_current),
    ),
    "clock-windows": harmless(
        "rate-limit",
        "Windows begin with the minute: no document says when.",
        talks.limits_in_the_middle_of_minutes,
        admitting(on_the_clock(REQUESTS_PER_WINDOW)),
    ),
    "sliding-windows": harmless(
        "rate-limit",
        "The last minute counts: no document names the kind of limit.",
        talks.limits_in_the_middle_of_minutes,
        admitting(sliding),
    ),
    "fewer-requests": harmless(
        "rate-limit",
        "Sixty requests a minute are allowed: no document has a number.",
        talks.limit,
        admitting(on_the_clock(60)),
    ),
    "limit-headers": harmless(
        "rate-limit",
        "Headers tell the limit as well: none forbids that.",
        talks.limit,
        answering("", add_limit_headers),
    ),
    "scope-after-limit": harmless(
        "scope",
        "The limit comes before the scope: no order is documented.",
        talks.limit_of_reading,
        replacing("_admit", scope_after_limit),
    ),
    "odd-queries-refused": harmless(
        "filter",
        "Odd queries are answered 400: their values are documented.",
        ODD_LISTS,
        answering("list inbound usage 200", refuse_odd_query),
    ),
    "validation-first": harmless(
        "validation",
        "A send is judged before its sender is looked up: no order is documented.",
        sending(fromPhoneId="+12025550199", to="x"),
        replacing("_send", validating_first),
    ),
    "unknown-members-dropped": harmless(
        "validation", "Unknown members are overlooked: none forbids that.", sending(colour="red"), taking(drop_unknown)
    ),
    "pages-zero-when-empty": harmless(
        "pagination",
        "Nothing has no page: the count of pages of an empty list is not documented.",
        getting("messages/inbound"),
        pages_as(lambda total, size: math.ceil(total / size)),
    ),
    "number-without-plus": harmless(
        "phones",
        "A phone is found without its plus, too: none forbids that.",
        getting("phone-numbers/442079460012"),
        finding_phone(without_plus),
    ),
    "blank-as-plus": harmless(
        "phones",
        "A blank is read as a plus: none forbids that.",
        getting("phone-numbers/+442079460012"),
        finding_phone(spaces_as_plus),
    ),
    "filter-by-number": harmless(
        "filter",
        "Messages are filtered by number, too: none forbids that.",
        getting("messages?phoneNumberId=%2B442079460012"),
        calling("_list_messages", by_number_too),
    ),
    "test-keys-apart": harmless(
        "isolation",
        "A message is found in its own environment only, as the list has it.",
        getting_as("main", "live", request="messages/{m0}"),
        calling("_get_message", only_own_environment),
    ),
    "key-in-another-header": harmless(
        "auth",
        "A key is taken from another header, too: none forbids that.",
        other_header,
        asking("", key_from_other_header),
    ),
    "slash-at-the-end": harmless(
        "status",
        "A slash at the end does not matter: no document speaks of it.",
        getting("account/"),
        asking("", strip_slash),
    ),
    "exact-scheme": harmless(
        "auth", "Bearer must be written as documented.", odd_cases, stopping("", only_capital_bearer)
    ),
    "month-to-date": harmless(
        "usage",
        "A month begins with its first day: no document says how long a period is.",
        getting("account/usage"),
        usage_of(month_to_date),
    ),
    "live-fails": harmless("lifecycle", "Live messages fail: a message may.", following("live"), storing(fail_live)),
}
