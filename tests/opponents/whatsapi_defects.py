"""What might be wrong with a real WhatsAPI, and what might differ though nothing is wrong.

Written from the provider's documents alone. Every entry changes an opponent before it starts and names a talk that
shows the change. Numbers after a colon are lines of the provider's document.
"""

import hashlib
import html
import itertools
import json
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import formatdate
from typing import Any

from tests.opponents import whatsapi_talks as talks
from tests.opponents.whatsapi import (
    BULK_CAP,
    MINUTE,
    STATUSES,
    Account,
    Call,
    Handler,
    Json,
    Message,
    Place,
    Refusal,
    Reply,
    WhatsapiOpponent,
    detail,
    dicts,
    epoch_of,
    find_message,
    iso,
    new_key,
    read_body,
    refuse_if,
    whole_number,
)
from tests.opponents.whatsapi_changes import (
    ANALYTICS,
    BULK,
    LIST,
    ME,
    MESSAGE,
    SEND,
    Apply,
    Function,
    Poster,
    Seen,
    answering,
    asking,
    asking_body,
    asking_each,
    closing_to_strangers,
    counting,
    every,
    finding_key,
    handling,
    judging_post,
    leaving_out,
    once,
    opening_to_strangers,
    paging,
    posting,
    refusing,
    replacing,
    taking,
    telling,
    together,
    with_header,
    with_status,
    with_times,
)

DOCUMENT = "whatsapi_developer_docs"
HOUR = 60 * MINUTE
LIMIT, REMAINING, RESET = "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"


@dataclass(frozen=True)
class Defect:
    """One way in which a server may differ; `line` is that of the broken promise, None where none is broken."""

    what: str
    line: int | None
    severity: int
    family: str
    shown_by: talks.Talk
    apply: Apply = field(repr=False)

    @property
    def description(self) -> str:
        """Say what is wrong, and which promise that breaks."""
        return self.what if self.line is None else f"{self.what} ({DOCUMENT}:{self.line})."

    @property
    def seen_with_dry_runs(self) -> bool:
        """Tell whether dry runs and one key are enough to see it."""
        return self.shown_by.careful


# Answers


def without_details(seen: Seen) -> None:
    seen.payload.pop("details", None)


def only_first_detail(seen: Seen) -> None:
    del seen.payload.get("details", [])[1:]


def swap_error_for_object(seen: Seen) -> None:
    seen.payload["error"] = {"code": seen.reply.status, "message": seen.payload.get("error")}


def unwrap(seen: Seen) -> None:
    seen.answer(seen.reply.status, seen.data)


def set_statuses(old: str, new: str, where: str = "* *") -> Apply:
    """Call a status by another name."""

    def change(seen: Seen) -> None:
        for part in (seen.data, *dicts(seen.data, "timeline"), *seen.listed):
            if part.get("status") == old:
                part["status"] = new

    return answering(where, change)


def when_status(wanted: str, /, **members: object) -> Apply:
    """Tell other members of a message that has a status."""
    return answering(MESSAGE, lambda seen: seen.data.get("status") == wanted and seen.data.update(members))


def edit_metadata(change: Callable[[Json], object]) -> Apply:
    return telling(MESSAGE, metadata=lambda value: change(value) if isinstance(value, dict) else value)


def edit_text(change: Callable[[str], str]) -> Apply:
    return telling(MESSAGE, body=lambda value: change(value) if isinstance(value, str) else value)


def edit_timeline(change: Callable[[list[Json]], object]) -> Apply:
    return telling(MESSAGE, timeline=change)


def shift(seconds: float) -> Callable[[str], str]:
    def change(text: str) -> str:
        moment = datetime.fromisoformat(text) + timedelta(seconds=seconds)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    return change


def as_epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def swap_sent_and_delivered(seen: Seen) -> None:
    if seen.data.get("deliveredAt"):
        seen.data.update(sentAt=seen.data["deliveredAt"], deliveredAt=seen.data["sentAt"])


def stamp_timeline_now(seen: Seen) -> None:
    for step in dicts(seen.data, "timeline"):
        step["at"] = iso(seen.opponent.now())


def to_nobody(seen: Seen) -> Seen:
    return seen.refuse(404, "You have no such message.")


def answer_500(seen: Seen) -> Seen:
    return seen.refuse(500, "Internal server error.")


def is_broken_json(call: Call) -> bool:
    try:
        json.loads(call.body or b"{}")
    except ValueError:
        return True
    return False


def set_rate_header(name: str, change: Callable[[int, Seen], object]) -> Apply:
    """Change a number in a header of the rate limit."""

    def edit(seen: Seen) -> None:
        if name in seen.reply.headers:
            seen.reply.headers[name] = str(change(int(seen.reply.headers[name]), seen))

    return answering("* *", edit)


def without_headers(where: str, *names: str) -> Apply:
    return together(*(with_header(where, name, lambda _: None) for name in names))


# Messages as they are asked for and kept


def drop_when(
    name: str, is_dropped: Callable[[WhatsapiOpponent, Any], bool]
) -> Callable[[WhatsapiOpponent, Json], None]:
    """Take a field as not sent."""

    def change(opponent: WhatsapiOpponent, item: Json) -> None:
        if name in item and is_dropped(opponent, item[name]):
            del item[name]

    return change


def is_past(opponent: WhatsapiOpponent, send_at: object) -> bool:
    epoch = epoch_of(send_at)
    return epoch is not None and epoch <= opponent.now()


def is_no_moment(_: WhatsapiOpponent, send_at: object) -> bool:
    return epoch_of(send_at) is None


def default(name: str, value: object) -> Callable[[WhatsapiOpponent, Json], None]:
    """Fill in a field that was not sent."""

    def change(_: WhatsapiOpponent, item: Json) -> None:
        item.setdefault(name, value)

    return change


def text_if_none(_: WhatsapiOpponent, item: Json) -> None:
    if "template" not in item:
        item.setdefault("message", "Hi")


def digits_of(value: object) -> object:
    """Keep the digits of a number, as somebody who wants to be helpful does."""
    if not isinstance(value, str):
        return value
    return "".join(str(unicodedata.digit(letter)) for letter in value if letter.isdigit())


def keep_drafts(change: Callable[[WhatsapiOpponent, Json, str | None], Json]) -> Apply:
    """Keep another message than was asked for."""

    def make(opponent: WhatsapiOpponent, accept: Function) -> Function:
        def changed(account: Account, draft: Json, batch_id: str | None) -> Message:
            message: Message = accept(account, change(opponent, draft, batch_id), batch_id)
            return message

        return changed

    return replacing("_accept", make)


def keep_messages(change: Callable[[WhatsapiOpponent, Message], object]) -> Apply:
    """Change messages once they are kept."""

    def make(opponent: WhatsapiOpponent, accept: Function) -> Function:
        def changed(account: Account, draft: Json, batch_id: str | None) -> Message:
            message: Message = accept(account, draft, batch_id)
            change(opponent, message)
            return message

        return changed

    return replacing("_accept", make)


def stepping(name: str, is_left_out: Callable[[Message], bool]) -> Apply:
    """Leave out what would happen to some messages."""

    def make(_: WhatsapiOpponent, step: Function) -> Function:
        def changed(at: float, account: Account, message: Message) -> None:
            if not is_left_out(message):
                step(at, account, message)

        return changed

    return replacing(name, make)


def skip_checks_of_dry_runs(_: WhatsapiOpponent, read: Function) -> Function:
    def changed(call: Call, item: Json, place: Place, details: list[Json]) -> Json:
        draft: Json = read(call, item, place, [] if item.get("dry_run") is True else details)
        return {"to": None, "message": None, **draft}

    return changed


def fall_back_to_sent(opponent: WhatsapiOpponent, arrive: Function) -> Function:
    def changed(at: float, account: Account, message: Message) -> None:
        arrive(at, account, message)
        opponent._change(at, account, message, "sent")

    return changed


def enqueue_early(opponent: WhatsapiOpponent, later: Function) -> Function:
    def changed(at: float, step: Function, account: Account, message: Message) -> None:
        now = opponent.at
        later(now + (at - now) / 2 if at == message.scheduled_for else at, step, account, message)

    return changed


def never_enqueue(_: WhatsapiOpponent, later: Function) -> Function:
    def changed(at: float, step: Function, account: Account, message: Message) -> None:
        if at != message.scheduled_for:
            later(at, step, account, message)

    return changed


def share_one_batch(opponent: WhatsapiOpponent, send: Function) -> Function:
    """Give every batch the id of the first."""
    first: list[str] = []

    def changed(call: Call) -> Reply:
        reply: Reply = send(call)
        batch = Seen(opponent, call, reply).data
        first.append(batch["batchId"])
        for message in call.account.messages.values():
            message.batch_id = first[0] if message.batch_id == batch["batchId"] else message.batch_id
        batch["batchId"] = first[0]
        return reply

    return changed


def merge_recipients(_: WhatsapiOpponent, body: Json) -> None:
    body["messages"] = list({str(item.get("to")): item for item in dicts(body, "messages")}.values())


def repeat_last_text(_: WhatsapiOpponent, body: Json) -> None:
    items = dicts(body, "messages")
    for item in items:
        if "message" in item:
            item["message"] = items[-1].get("message")


def lose_last(opponent: WhatsapiOpponent, send: Function) -> Function:
    """Answer for all items of a bulk, and keep all but the last."""

    def changed(call: Call) -> Reply:
        reply: Reply = send(call)
        batch_id = Seen(opponent, call, reply).data["batchId"]
        batch = [message for message in call.account.messages.values() if message.batch_id == batch_id]
        del call.account.messages[batch[-1].id]
        return reply

    return changed


def count_bad_items(opponent: WhatsapiOpponent, send: Function) -> Function:
    """Send the good items of a bulk, and count the bad ones as failed."""

    def changed(call: Call) -> Reply:
        items = read_body(call).get("messages")
        good = []
        for item in items if isinstance(items, list) else []:
            details: list[Json] = []
            if isinstance(item, dict):
                opponent._read_draft(call, item, [], details)
            if isinstance(item, dict) and not details:
                good.append(item)
        if not good or not isinstance(items, list):
            reply: Reply = send(call)
            return reply
        call.body = json.dumps({**read_body(call), "messages": good}).encode()
        reply = send(call)
        Seen(opponent, call, reply).data.update(totalMessages=len(items), failedCount=len(items) - len(good))
        return reply

    return changed


# Pages and filters


def seeing_all(where: str, when: Callable[[Call], bool] = lambda _: True) -> Apply:
    """Answer one operation as if every message were the caller's."""

    def make(opponent: WhatsapiOpponent, handler: Handler) -> Handler:
        def changed(call: Call) -> Reply:
            if not when(call):
                return handler(call)
            everybody = opponent.accounts.values()
            messages = {id_: message for account in everybody for id_, message in account.messages.items()}
            call.account = replace(call.account, messages=messages)
            return handler(call)

        return changed

    return handling(where, make)


def refuse_full_page(_: WhatsapiOpponent, handler: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        if call.query.get("limit") == "200":
            refuse_if([detail(["limit"], "must be less than 200")])
        return handler(call)

    return changed


def without_batch(_: WhatsapiOpponent, message: Message) -> None:
    message.batch_id = None


def with_own_batch(_: WhatsapiOpponent, message: Message) -> None:
    if message.batch_id is not None and message.number % 3:
        message.batch_id = f"{message.batch_id}-{message.number}"


def without_last_slash(_: WhatsapiOpponent, call: Call) -> None:
    call.path = call.path.rstrip("/")


def forbid_foreign(opponent: WhatsapiOpponent, handler: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        others = [account for account in opponent.accounts.values() if account is not call.account]
        if any(call.id in account.messages for account in others):
            raise Refusal(403, "This message belongs to somebody else.")
        return handler(call)

    return changed


def listing(change: Callable[[Call, list[Message]], Iterable[Message]], *ignored: str) -> Apply:
    """List messages by another rule; the parameters named are kept from the usual one."""

    def make(_: WhatsapiOpponent, handler: Handler) -> Handler:
        def changed(call: Call) -> Reply:
            chosen = change(call, list(call.account.messages.values()))
            account = replace(call.account, messages={message.id: message for message in chosen})
            query = {name: value for name, value in call.query.items() if name not in ignored}
            return handler(replace(call, account=account, query=query))

        return changed

    return handling("GET /messages", make)


def either_filter(call: Call, messages: list[Message]) -> list[Message]:
    if "status" not in call.query or "batchId" not in call.query:
        status, batch_id = call.query.get("status"), call.query.get("batchId")
        return [m for m in messages if status in (None, m.status) and batch_id in (None, m.batch_id)]
    return [m for m in messages if m.status == call.query["status"] or m.batch_id == call.query["batchId"]]


def by_first_status(call: Call, messages: list[Message]) -> list[Message]:
    wanted = call.query.get("status")
    return [message for message in messages if wanted in (None, message.timeline[0]["status"])]


def by_page_before_status(call: Call, messages: list[Message]) -> list[Message]:
    limit = whole_number(call, "limit", 20)
    return messages[:limit] if "status" in call.query else messages


def all_if_batch_is_unknown(call: Call, messages: list[Message]) -> list[Message]:
    wanted = call.query.get("batchId")
    return [message for message in messages if message.batch_id == wanted] or messages


def shuffled(call: Call, messages: list[Message]) -> list[Message]:
    salt = call.query.get("page", "") + call.query.get("limit", "")
    return sorted(messages, key=lambda message: hashlib.sha256((message.id + salt).encode()).digest())


# Accounts and keys


def account_with(opponent: WhatsapiOpponent, fits: Callable[[str], bool]) -> Account | None:
    return next((account for key, account in opponent.accounts.items() if fits(key)), None)


def start_of_key(opponent: WhatsapiOpponent, _: Call, given: str) -> Account | None:
    start = given.removeprefix("Bearer ")[:48]
    return account_with(opponent, lambda key: len(start) == 48 and key.startswith(start))


def keep_old_key(seconds: float) -> Apply:
    """Let a key work for some time after it was rotated."""

    def apply(opponent: WhatsapiOpponent) -> None:
        retired: dict[str, tuple[Account, float]] = {}

        def make(opponent: WhatsapiOpponent, rotate: Handler) -> Handler:
            def changed(call: Call) -> Reply:
                retired[call.account.key] = (call.account, opponent.now() + seconds)
                return rotate(call)

            return changed

        def find(opponent: WhatsapiOpponent, _: Call, given: str) -> Account | None:
            account, until = retired.get(given.removeprefix("Bearer "), (None, 0.0))
            return account if opponent.now() < until else None

        together(handling("POST /auth/me/rotate-key", make), finding_key(find))(opponent)

    return apply


def rotate_into_a_new_account(opponent: WhatsapiOpponent, rotate: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        reply = rotate(call)
        old = call.account
        opponent.accounts[old.key] = Account(old.name, old.email, old.plan, old.key)
        return reply

    return changed


def rotate_nothing(_: WhatsapiOpponent, __: Handler) -> Handler:
    return lambda call: Reply(200, {"success": True, "data": {"apiKey": call.account.key}})


def rotate_to(make_key: Callable[[], str]) -> Apply:
    """Give out new keys of another form."""

    def make(opponent: WhatsapiOpponent, _: Handler) -> Handler:
        def changed(call: Call) -> Reply:
            del opponent.accounts[call.account.key]
            call.account.key = make_key()
            opponent.accounts[call.account.key] = call.account
            return Reply(200, {"success": True, "data": {"apiKey": call.account.key}})

        return changed

    return handling("POST /auth/me/rotate-key", make)


def expire_keys(opponent: WhatsapiOpponent, account_of: Function) -> Function:
    start = opponent.now()
    return lambda call: account_of(call) if opponent.now() - start < 365 * 24 * HOUR else None


def let_deactivated_in(opponent: WhatsapiOpponent) -> None:
    for account in opponent.accounts.values():
        account.active = True


def share_kept_answers(opponent: WhatsapiOpponent) -> None:
    kept = next(iter(opponent.accounts.values())).kept
    for account in opponent.accounts.values():
        account.kept = kept


def lose_new_accounts(opponent: WhatsapiOpponent, register: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        reply = register(call)
        opponent.accounts.popitem()
        return reply

    return changed


def upgrade_at_once(_: WhatsapiOpponent, checkout: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        reply = checkout(call)
        call.account.plan = read_body(call)["plan"]
        return reply

    return changed


def sell_enterprise(_: WhatsapiOpponent, checkout: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        if read_body(call).get("plan") == "enterprise":
            call.body = b'{"plan": "pro"}'
        return checkout(call)

    return changed


def sell_no_basic(_: WhatsapiOpponent, checkout: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        if read_body(call).get("plan") == "basic":
            refuse_if([detail(["plan"], "is not sold any more")])
        return checkout(call)

    return changed


def take_address(fits: Callable[[str], bool]) -> Apply:
    """Take webhook addresses that should be refused."""

    def make(_: WhatsapiOpponent, put: Handler) -> Handler:
        def changed(call: Call) -> Reply:
            url = read_body(call).get("url")
            if isinstance(url, str) and fits(url):
                call.account.webhook_url = url
                return Reply(200, {"data": {"webhookUrl": url}})
            return put(call)

        return changed

    return handling("PUT /auth/me/webhook", make)


def keep_first_address(_: WhatsapiOpponent, put: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        before = call.account.webhook_url
        reply = put(call)
        call.account.webhook_url = before or call.account.webhook_url
        return reply

    return changed


def refuse_known_email(opponent: WhatsapiOpponent, register: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        email = read_body(call).get("email")
        if any(account.email == email for account in opponent.accounts.values()):
            raise Refusal(409, "There is an account with this address.")
        return register(call)

    return changed


# Retries of callers


def replay_any_body(_: WhatsapiOpponent, once_: Function) -> Callable[[Call, Handler], Reply]:
    def changed(call: Call, work: Handler) -> Reply:
        kept = call.account.kept.get(call.headers.get("Idempotency-Key", ""))
        if kept is not None:
            call.body, call.path = kept.body, kept.path
        reply: Reply = once_(call, work)
        return reply

    return changed


def when_kept(answer: Callable[[WhatsapiOpponent, Call, Handler, Function], Reply | None]) -> Apply:
    """Answer a known Idempotency-Key in another way, or (None) in the usual one."""

    def make(opponent: WhatsapiOpponent, once_: Function) -> Callable[[Call, Handler], Reply]:
        def changed(call: Call, work: Handler) -> Reply:
            is_kept = call.headers.get("Idempotency-Key", "") in call.account.kept
            other = answer(opponent, call, work, once_) if is_kept else None
            reply: Reply = once_(call, work) if other is None else other
            return reply

        return changed

    return once(make)


def work_on_another_body(_: WhatsapiOpponent, call: Call, work: Handler, __: Function) -> Reply | None:
    return work(call) if call.account.kept[call.headers["Idempotency-Key"]].body != call.body else None


def refuse_every_repeat(_: WhatsapiOpponent, __: Call, ___: Handler, ____: Function) -> Reply | None:
    raise Refusal(409, "This Idempotency-Key was used before.")


def work_and_replay(_: WhatsapiOpponent, call: Call, work: Handler, __: Function) -> Reply | None:
    if call.account.kept[call.headers["Idempotency-Key"]].body == call.body:
        work(call)
    return None


def forget_after_an_hour(opponent: WhatsapiOpponent, call: Call, _: Handler, __: Function) -> Reply | None:
    key = call.headers["Idempotency-Key"]
    if opponent.at - call.account.kept[key].at > HOUR:
        del call.account.kept[key]
    return None


def remember_for_two_days(opponent: WhatsapiOpponent, call: Call, _: Handler, __: Function) -> Reply | None:
    kept = call.account.kept[call.headers["Idempotency-Key"]]
    if opponent.at - kept.at < 48 * HOUR:
        kept.at = max(kept.at, opponent.at - 23 * HOUR)
    return None


def replaying(change: Callable[[Seen], object]) -> Apply:
    """Change answers that are replayed."""
    return answering("* *", lambda seen: "idempotency-replayed" in seen.reply.headers and change(seen))


def tell_status_of_now(seen: Seen) -> None:
    account = seen.opponent._account_of(seen.call)
    message = account.messages.get(seen.data.get("id", "")) if account else None
    if message is not None:
        seen.data["status"] = message.status


def rename_idempotency_key(change: Callable[[str], str]) -> Apply:
    def edit(_: WhatsapiOpponent, call: Call) -> None:
        key = call.headers.get("Idempotency-Key")
        if key:
            call.headers.replace_header("Idempotency-Key", change(key))

    return asking("POST *", edit)


def keep_refusals(_: WhatsapiOpponent, once_: Function) -> Callable[[Call, Handler], Reply]:
    def changed(call: Call, work: Handler) -> Reply:
        def answered(call: Call) -> Reply:
            try:
                return work(call)
            except Refusal as refusal:
                if refusal.status != 400:
                    raise
                return Reply(400, {"success": False, "error": refusal.error, "details": refusal.details})

        reply: Reply = once_(call, answered)
        return reply

    return changed


# Limits


def count_by_route(opponent: WhatsapiOpponent) -> None:
    """Give each address its own limit."""
    path = [""]

    def note(_: WhatsapiOpponent, call: Call) -> None:
        path[0] = call.path

    together(asking("* *", note), counting(lambda who, limit: ((who[0], who[1] + path[0]), limit)))(opponent)


def never_reset(_: WhatsapiOpponent, count: Function) -> Function:
    blocked: set[tuple[str, str]] = set()

    def changed(who: tuple[str, str], limit: int, limits: dict[str, str]) -> None:
        try:
            count(who, limit, limits)
        except Refusal:
            blocked.add(who)
            raise
        if who in blocked:
            raise Refusal(429, "You asked too much.", Retry_After=str(MINUTE))

    return changed


def start_anew_when_refused(opponent: WhatsapiOpponent, count: Function) -> Function:
    """Let a refusal last a minute longer than the reset and Retry-After say."""

    def changed(who: tuple[str, str], limit: int, limits: dict[str, str]) -> None:
        try:
            count(who, limit, limits)
        except Refusal:
            end, used = opponent.windows[who]
            opponent.windows[who] = (int(opponent.at) + 2 * MINUTE, used)
            limits[RESET] = str(end)
            raise

    return changed


def count_nothing(opponent: WhatsapiOpponent, count: Function) -> Function:
    def changed(who: tuple[str, str], limit: int, limits: dict[str, str]) -> None:
        end, used = opponent.windows.get(who, (0, 0))
        opponent.windows[who] = (end, min(used, limit - 1))
        count(who, limit, limits)

    return changed


def count_whole_minutes(opponent: WhatsapiOpponent, count: Function) -> Function:
    """Let the window begin with each minute of the clock."""

    def changed(who: tuple[str, str], limit: int, limits: dict[str, str]) -> None:
        if opponent.at >= opponent.windows.get(who, (0, 0))[0]:
            opponent.windows[who] = (int(opponent.at // MINUTE + 1) * MINUTE, 0)
        count(who, limit, limits)

    return changed


def limit_of(kind: str, change: Callable[[int], int]) -> Apply:
    """Let another number of requests through than the headers tell."""
    return counting(lambda who, limit: (who, change(limit) if who[0] == kind else limit))


# Webhooks


def edit_told(change: Callable[[Json], object]) -> Apply:
    """Change what a webhook is told."""

    def edit(_: WhatsapiOpponent, __: str, told: Json) -> Json:
        change(told)
        return told

    return posting(edit)


def keep_quiet(is_kept: Callable[[Json], bool]) -> Apply:
    """Tell a webhook nothing of some changes."""
    return posting(lambda _, __, told: None if is_kept(told) else told)


def post_twice(_: WhatsapiOpponent, post: Poster) -> Poster:
    return lambda url, body: post(url, body) and post(url, body)


def post_once(_: WhatsapiOpponent, post: Poster) -> Poster:
    return lambda url, body: post(url, body) or True


def post_four_times(_: WhatsapiOpponent, post: Poster) -> Poster:
    return lambda url, body: post(url, body) or post(url, body)


def post_another_body(_: WhatsapiOpponent, post: Poster) -> Poster:
    posted: set[bytes] = set()

    def changed(url: str, body: bytes) -> bool:
        told = json.loads(body)
        if body in posted:
            told["data"] = {"messageId": told["data"]["messageId"]}
        posted.add(body)
        return post(url, json.dumps(told).encode())

    return changed


def lose_patience(opponent: WhatsapiOpponent, post: Poster) -> Poster:
    def changed(url: str, body: bytes) -> bool:
        started = opponent.now()
        return post(url, body) and opponent.now() - started <= 3

    return changed


def tell_everybody(opponent: WhatsapiOpponent, change_status: Function) -> Function:
    """Tell the webhooks of other accounts too."""

    def changed(at: float, account: Account, message: Message, status: str) -> None:
        before = len(opponent.outbox)
        change_status(at, account, message, status)
        urls = [other.webhook_url for other in opponent.accounts.values() if other.webhook_url]
        if account.webhook_url is None and urls and status in ("sent", "delivered", "read", "failed"):
            told = {"messageId": message.id, "status": status, "to": message.to, "metadata": message.metadata}
            payload = {"event": "message.status_updated", "timestamp": iso(at), "data": told}
            opponent.outbox[before:] = [(url, json.dumps(payload).encode()) for url in urls]

    return changed


# What is allowed


def add_members(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {"_etag": "x1", **{name: add_members(member) for name, member in value.items() if name != "metadata"}}
    return [add_members(item) for item in value] if isinstance(value, list) else value


def add_members_everywhere(seen: Seen) -> None:
    if seen.payload:
        metadata = {"metadata": seen.data["metadata"]} if "metadata" in seen.data else {}
        seen.answer(seen.reply.status, add_members(seen.payload))
        seen.data.update(metadata)


def sort_members(seen: Seen) -> None:
    """Write the JSON with other spaces, the members in another order, and letters as they are."""
    if isinstance(seen.reply.payload, dict):
        seen.reply.headers["Content-Type"] = "application/json"
        text = json.dumps(seen.payload, indent=2, sort_keys=True, ensure_ascii=False)
        seen.answer(seen.reply.status, text)


def write_header_names(seen: Seen) -> None:
    """Write the names of headers as the documents do."""
    names = {LIMIT: "X-RateLimit-Limit", REMAINING: "X-RateLimit-Remaining", RESET: "X-RateLimit-Reset"}
    names["idempotency-replayed"] = "Idempotency-Replayed"
    seen.reply.headers = {names.get(name, name): value for name, value in seen.reply.headers.items()}


def add_headers(seen: Seen) -> None:
    seen.reply.headers.update({"X-Request-Id": "r1", "Server-Timing": "db;dur=1"})
    if LIMIT in seen.reply.headers:
        seen.reply.headers["RateLimit-Limit"] = seen.reply.headers[LIMIT]


def list_whole_messages(opponent: WhatsapiOpponent, handler: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        reply = handler(call)
        for item in Seen(opponent, call, reply).listed:
            item.update(Seen(opponent, call, opponent._get_message(replace(call, id=item["id"]))).data)
        return reply

    return changed


def list_bare(seen: Seen) -> None:
    pagination = seen.data.get("pagination")
    seen.answer(200, {"data": seen.listed, "pagination": pagination})


def refuse_unknown_status(call: Call, messages: list[Message]) -> list[Message]:
    if call.query.get("status", STATUSES[0]) not in STATUSES:
        refuse_if([detail(["status"], "is not a status")])
    return messages


def any_case(call: Call, messages: list[Message]) -> list[Message]:
    wanted = call.query.get("status", "").lower()
    return [message for message in messages if wanted in ("", message.status)]


def batch_as_uuid(batch_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, batch_id))


def batches_as_uuids(opponent: WhatsapiOpponent) -> None:
    def make(opponent: WhatsapiOpponent, send: Function) -> Function:
        def changed(call: Call) -> Reply:
            reply: Reply = send(call)
            batch = Seen(opponent, call, reply).data
            for message in call.account.messages.values():
                if message.batch_id == batch["batchId"]:
                    message.batch_id = batch_as_uuid(batch["batchId"])
            batch["batchId"] = batch_as_uuid(batch["batchId"])
            return reply

        return changed

    replacing("_send_bulk", make)(opponent)


def random_ids(_: WhatsapiOpponent, new_id: Function) -> Function:
    return lambda: str(uuid.UUID(bytes=hashlib.sha256(new_id().encode()).digest()[:16], version=4))


def count_no_dry_runs(_: WhatsapiOpponent, call_whatsapp: Function) -> Function:
    def changed(at: float, account: Account, message: Message) -> None:
        before = account.messages_sent
        call_whatsapp(at, account, message)
        if message.dry_run:
            account.messages_sent = before

    return changed


def tell_nothing_of_dry_runs(_: WhatsapiOpponent, change_status: Function) -> Function:
    def changed(at: float, account: Account, message: Message, status: str) -> None:
        url = account.webhook_url
        account.webhook_url = None if message.dry_run else url
        change_status(at, account, message, status)
        account.webhook_url = url

    return changed


def hurry(opponent: WhatsapiOpponent, later: Function) -> Function:
    def changed(at: float, step: Function, account: Account, message: Message) -> None:
        ahead = at - opponent.at
        is_soon = 0 < ahead < 2 and message.scheduled_for != at
        later(opponent.at + ahead / 10 if is_soon else at, step, account, message)

    return changed


def allow_zero(_: WhatsapiOpponent, call: Call) -> None:
    if call.query.get("limit") == "0":
        del call.query["limit"]


def refuse_big_limit(_: WhatsapiOpponent, handler: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        limit = call.query.get("limit", "")
        if limit.isdigit() and int(limit) > 200:
            refuse_if([detail(["limit"], "must be 200 at most")])
        return handler(call)

    return changed


def refuse_unverified(opponent: WhatsapiOpponent, verify: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        reply = verify(call)
        if not Seen(opponent, call, reply).data["verified"]:
            refuse_if([detail(["credentials"], "were refused by Meta")])
        return reply

    return changed


def compare_json(_: WhatsapiOpponent, call: Call) -> None:
    if not is_broken_json(call) and call.body:
        call.body = json.dumps(json.loads(call.body), sort_keys=True).encode()


def exact_scheme(_: WhatsapiOpponent, account_of: Function) -> Function:
    return lambda call: account_of(call) if call.headers.get("Authorization", "").startswith("Bearer ") else None


def details_by_field(seen: Seen) -> None:
    seen.payload["details"] = [
        {"field": ".".join(map(str, item["path"])), "reason": item["message"], "code": "invalid"}
        for item in seen.details
    ]


def accept_empty_bulk(_: WhatsapiOpponent, send: Function) -> Function:
    def changed(call: Call) -> Reply:
        if read_body(call).get("messages") == []:
            return Reply(202, {"data": {"batchId": "0-0", "totalMessages": 0, "queued": 0, "failedCount": 0}})
        reply: Reply = send(call)
        return reply

    return changed


def unlimited(handler: Handler, call: Call) -> Reply:
    """Put as many messages into a page as asked for."""
    limit = call.query.get("limit", "20")
    if not limit.isdigit() or int(limit) <= 200 or call.query.get("page", "1") != "1":
        return handler(call)
    call.query["limit"] = "200"
    reply = handler(call)
    data = reply.payload.get("data") if isinstance(reply.payload, dict) else None
    call.query["page"] = "2"
    more = handler(call).payload
    if isinstance(data, dict) and isinstance(more, dict):
        data["messages"] = [*data["messages"], *more["data"]["messages"]][: int(limit)]
    return reply


def cap_bulk(change: Callable[[int], int]) -> Apply:
    """Allow another number of messages in a bulk than the plan's."""

    def make(_: WhatsapiOpponent, send: Function) -> Function:
        def changed(call: Call) -> Reply:
            cap = change(BULK_CAP[call.account.plan])
            items = read_body(call).get("messages")
            if isinstance(items, list) and len(items) > cap:
                refuse_if([detail(["messages"], f"must be a list of 1 to {cap} messages")])
            reply: Reply = send(replace(call, account=replace(call.account, plan="enterprise")))
            return reply

        return changed

    return replacing("_send_bulk", make)


def retrying_anything(opponent: WhatsapiOpponent) -> None:
    def make(opponent: WhatsapiOpponent, retry: Function) -> Function:
        def changed(call: Call) -> Reply:
            message = find_message(call)
            if message.status == "failed":
                reply: Reply = retry(call)
                return reply
            opponent._enqueue(opponent.at, call.account, message)
            return Reply(202, {"data": {"status": message.status, "id": message.id}})

        return changed

    replacing("_retry_message", make)(opponent)


def retry_nothing(_: WhatsapiOpponent, retry: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        message = find_message(call)
        return (
            Reply(202, {"data": {"status": "queued", "id": message.id}}) if message.status == "failed" else retry(call)
        )

    return changed


def forbid_bulk_templates(opponent: WhatsapiOpponent) -> None:
    def make(_: WhatsapiOpponent, send: Function) -> Function:
        def changed(call: Call) -> Reply:
            if any("template" in item for item in dicts(read_body(call), "messages")):
                refuse_if([detail(["messages"], "must be texts")])
            reply: Reply = send(call)
            return reply

        return changed

    replacing("_send_bulk", make)(opponent)


def count_singles(_: WhatsapiOpponent, handler: Handler) -> Handler:
    def changed(call: Call) -> Reply:
        singles = {id_: message for id_, message in call.account.messages.items() if message.batch_id is None}
        return handler(replace(call, account=replace(call.account, messages=singles)))

    return changed


def freezing(where: str) -> Apply:
    """Answer a key always as it was answered first."""

    def make(_: WhatsapiOpponent, handler: Handler) -> Handler:
        first: dict[str, Reply] = {}

        def changed(call: Call) -> Reply:
            reply = first.setdefault(call.account.key, handler(call))
            return Reply(reply.status, reply.payload)

        return changed

    return handling(where, make)


def losing_every_second(opponent: WhatsapiOpponent) -> None:
    turns = itertools.count(1)

    def change(opponent: WhatsapiOpponent, message: Message) -> None:
        if message.batch_id is None and next(turns) % 2 == 0:
            for account in opponent.accounts.values():
                account.messages.pop(message.id, None)

    keep_messages(change)(opponent)


A_SEND = "POST /send-message"
A_BULK = "POST /messages/bulk"
UNKNOWN = "GET /messages/{id} 404"
TIMES = ("sentAt", "deliveredAt", "readAt", "failedAt")


def swap_rates(seen: Seen) -> None:
    seen.data.update(deliveryRate=seen.data["failureRate"], failureRate=seen.data["deliveryRate"])


def lose_work(seen: Seen) -> None:
    if seen.data["status"] in ("delivered", "read"):
        seen.data["timeline"] = [entry for entry in seen.data["timeline"] if entry["status"] != "processing"]


def deliver_failed(seen: Seen) -> None:
    if seen.data["status"] == "failed":
        seen.data["deliveredAt"] = seen.data["failedAt"]


def give_metadata_of_first(_: WhatsapiOpponent, body: Json) -> None:
    items = dicts(body, "messages")
    for item in items:
        item["metadata"] = items[0].get("metadata", {"place": "first"})


def tell_late_delivery(_: WhatsapiOpponent, __: str, told: Json) -> Json:
    at = told["data"]["deliveredAt"]
    late = at and iso(datetime.fromisoformat(at).timestamp() + 7200)
    return {**told, "data": {**told["data"], "deliveredAt": late}}


SCHEMA: dict[str, Defect] = {
    "send-without-id": Defect(
        "A send is answered without the id to track it by", 77, 1, "schema", talks.text, leaving_out(SEND, "id")
    ),
    "send-with-number-as-id": Defect(
        "A send is answered with a number as id, where the id is a text",
        77,
        2,
        "schema",
        talks.text,
        telling(SEND, id=lambda value: int(str(value)[:8], 16)),
    ),
    "ids-are-no-uuids": Defect(
        "Message ids are not UUIDs",
        108,
        2,
        "schema",
        talks.text,
        replacing("_new_id", lambda _, old: lambda: f"msg_{old()[-12:]}"),
    ),
    "send-id-belongs-to-nothing": Defect(
        "The id in the answer to a send is not that of the message",
        9,
        1,
        "schema",
        talks.text,
        telling(SEND, id=lambda value: str(value)[::-1].replace("-", "", 1)),
    ),
    "send-without-status": Defect(
        "A send is answered without a status", 78, 1, "schema", talks.text, leaving_out(SEND, "status")
    ),
    "scheduled-for-left-out": Defect(
        "A send that is not scheduled is answered without scheduledFor instead of null",
        79,
        2,
        "schema",
        talks.text,
        leaving_out(SEND, "scheduledFor", when=lambda value: value is None),
    ),
    "scheduled-for-empty": Defect(
        "A send that is not scheduled is answered with an empty text as scheduledFor",
        79,
        2,
        "schema",
        talks.text,
        telling(SEND, scheduledFor=lambda value: value or ""),
    ),
    "message-without-to": Defect(
        "A message is read without its recipient", 114, 2, "schema", talks.text, leaving_out(MESSAGE, "to")
    ),
    "message-with-number-as-to": Defect(
        "A message is read with its recipient as a number", 114, 2, "schema", talks.text, telling(MESSAGE, to=int)
    ),
    "message-body-renamed": Defect(
        "The text of a message is read as `message` instead of `body`",
        115,
        1,
        "schema",
        talks.text,
        answering(MESSAGE, lambda seen: seen.data.update(message=seen.data.pop("body"))),
    ),
    "null-times-left-out": Defect(
        "Times that are not known yet are left out instead of null",
        119,
        2,
        "schema",
        talks.text,
        leaving_out(MESSAGE, *TIMES, when=lambda value: value is None),
    ),
    "null-times-empty": Defect(
        "Times that are not known yet are empty texts instead of null",
        119,
        2,
        "schema",
        talks.text,
        telling(MESSAGE, **{name: lambda value: value or "" for name in TIMES}),
    ),
    "no-error-message-left-out": Defect(
        "A message without an error is read without errorMessage instead of null",
        121,
        2,
        "schema",
        talks.text,
        leaving_out(MESSAGE, "errorMessage", when=lambda value: value is None),
    ),
    "no-error-message-false": Defect(
        "A message without an error has false as errorMessage instead of null",
        121,
        3,
        "schema",
        talks.text,
        telling(MESSAGE, errorMessage=lambda value: value or False),
    ),
    "message-without-timeline": Defect(
        "A message is read without its delivery history", 123, 1, "schema", talks.text, leaving_out(MESSAGE, "timeline")
    ),
    "timeline-by-status": Defect(
        "The timeline is an object by status instead of a list",
        123,
        2,
        "schema",
        talks.text,
        edit_timeline(lambda steps: {step["status"]: step["at"] for step in steps}),
    ),
    "timeline-at-renamed": Defect(
        "The steps of a timeline have `timestamp` instead of `at`",
        124,
        2,
        "schema",
        talks.text,
        edit_timeline(lambda steps: [{"status": step["status"], "timestamp": step["at"]} for step in steps]),
    ),
    "timeline-of-texts": Defect(
        "The timeline is a list of statuses without times",
        124,
        2,
        "schema",
        talks.text,
        edit_timeline(lambda steps: [step["status"] for step in steps]),
    ),
    "me-without-webhook-url": Defect(
        "The account without a webhook is read without webhookUrl instead of null",
        194,
        2,
        "schema",
        talks.me,
        leaving_out(ME, "webhookUrl", when=lambda value: value is None),
    ),
    "me-with-number-as-byoc": Defect(
        "byocConfigured is 0 or 1 instead of false or true", 193, 2, "schema", talks.me, telling(ME, byocConfigured=int)
    ),
    "me-with-text-as-count": Defect(
        "messagesSent is a text instead of a number", 192, 2, "schema", talks.me, telling(ME, messagesSent=str)
    ),
    "me-without-email": Defect(
        "The account is read without its email", 190, 3, "schema", talks.me, leaving_out(ME, "email")
    ),
    "me-with-plan-in-capitals": Defect(
        "The plan of the account is in capitals", 191, 3, "schema", talks.me, telling(ME, plan=str.upper)
    ),
    "rotation-without-success": Defect(
        "The answer to a rotation lacks success",
        236,
        3,
        "schema",
        talks.rotation,
        answering("POST /auth/me/rotate-key 2xx", lambda seen: seen.payload.pop("success")),
    ),
    "registration-without-plan": Defect(
        "The answer to a registration lacks the plan",
        32,
        2,
        "schema",
        talks.registration,
        leaving_out("POST /auth/register 2xx", "plan"),
    ),
}

STATUS: dict[str, Defect] = {
    "send-200": Defect("A send is answered 200 instead of 202", 60, 1, "status", talks.text, with_status(SEND, 200)),
    "bulk-201": Defect("A bulk is answered 201 instead of 202", 91, 1, "status", talks.bulk, with_status(BULK, 201)),
    "retry-200": Defect(
        "A retry is answered 200 instead of 202",
        140,
        2,
        "status",
        talks.real,
        with_status("POST /messages/{id}/retry 202", 200),
    ),
    "unknown-message-200": Defect(
        "An unknown message is answered 200 with null instead of 404",
        212,
        1,
        "status",
        talks.unknown,
        answering(UNKNOWN, lambda seen: seen.answer(200, {"data": None})),
    ),
    "unknown-message-400": Defect(
        "An unknown message with a well-formed id is answered 400 instead of 404",
        212,
        2,
        "status",
        talks.unknown,
        answering(UNKNOWN, lambda seen: seen.answer(400, {**seen.payload, "details": [detail(["id"], "is unknown")]})),
    ),
    "unknown-message-410": Defect(
        "An unknown message is answered 410 instead of 404", 212, 2, "status", talks.unknown, with_status(UNKNOWN, 410)
    ),
    "odd-id-500": Defect(
        "A message id that is no UUID is answered 500 instead of 404",
        212,
        2,
        "status",
        talks.unknown,
        answering(UNKNOWN, lambda seen: "not-an-id" in seen.call.path and answer_500(seen)),
    ),
    "invalid-422": Defect(
        "Invalid fields are answered 422 instead of 400",
        209,
        1,
        "status",
        talks.two_faults,
        with_status("* * 400", 422),
    ),
    "invalid-bulk-422": Defect(
        "Invalid fields are answered 422 instead of 400 in a bulk alone",
        209,
        2,
        "status",
        talks.two_faults,
        with_status(f"{A_BULK} 400", 422),
    ),
    "no-key-403": Defect(
        "Callers without a key are answered 403 instead of 401",
        210,
        1,
        "status",
        talks.keys,
        with_status("* * 401", 403),
    ),
    "odd-key-400": Defect(
        "A malformed Authorization header is answered 400 instead of 401",
        210,
        2,
        "status",
        talks.keys,
        answering(
            "* * 401",
            lambda seen: (
                "Authorization" in seen.call.headers
                and not seen.call.headers["Authorization"].startswith("Bearer sk_live_")
                and seen.answer(400, {**seen.payload, "details": []})
            ),
        ),
    ),
    "wrong-key-404": Defect(
        "A wrong key is answered 404 on one message instead of 401",
        210,
        2,
        "status",
        talks.keys,
        with_status("GET /messages/{id} 401", 404),
    ),
    "deactivated-401": Defect(
        "A deactivated account is answered 401 instead of 403",
        211,
        2,
        "status",
        talks.deactivated,
        with_status("* * 403", 401),
    ),
    "retry-of-unfailed-400": Defect(
        "A retry of a message that did not fail is answered 400 instead of 409",
        213,
        2,
        "status",
        talks.real,
        with_status("POST /messages/{id}/retry 409", 400),
    ),
    "other-body-422": Defect(
        "Another body under a used Idempotency-Key is answered 422 instead of 409",
        213,
        2,
        "status",
        talks.repeats,
        with_status(f"{A_SEND} 409", 422),
    ),
    "limit-503": Defect(
        "Callers over the limit are answered 503 instead of 429",
        217,
        1,
        "status",
        talks.burst,
        with_status("* * 429", 503),
    ),
    "outage-500": Defect(
        "Sends in an outage of WhatsApp are answered 500 instead of 503",
        215,
        2,
        "status",
        talks.outage,
        with_status("* * 503", 500),
    ),
}

ENVELOPE: dict[str, Defect] = {
    "no-key-without-success": Defect(
        "Errors 401 lack success",
        203,
        2,
        "envelope",
        talks.keys,
        answering("* * 401", lambda seen: seen.payload.pop("success")),
    ),
    "no-key-in-other-shape-on-one-route": Defect(
        "Errors 401 of the analytics alone have a message instead of an error",
        201,
        2,
        "envelope",
        talks.keys,
        answering("GET /analytics/summary 401", lambda seen: seen.answer(401, {"message": "Unauthorized"})),
    ),
    "error-with-success-true": Defect(
        "Errors 404 say success: true",
        203,
        1,
        "envelope",
        talks.unknown,
        answering("* * 404", lambda seen: seen.payload.update(success=True)),
    ),
    "error-as-object": Defect(
        "The error is an object instead of a text",
        204,
        1,
        "envelope",
        talks.two_faults,
        answering("* * 4xx", swap_error_for_object),
    ),
    "error-empty": Defect(
        "The error of an invalid request is an empty text",
        201,
        3,
        "envelope",
        talks.two_faults,
        answering("* * 400", lambda seen: seen.payload.update(error="")),
    ),
    "error-null-on-conflict": Defect(
        "The error of a conflict is null",
        204,
        2,
        "envelope",
        talks.repeats,
        answering("* * 409", lambda seen: seen.payload.update(error=None)),
    ),
    "errors-in-html": Defect(
        "An unknown message is answered with a page of HTML",
        201,
        1,
        "envelope",
        talks.unknown,
        answering(UNKNOWN, lambda seen: seen.answer(404, "<h1>Not Found</h1>")),
    ),
    "limit-in-plain-text": Defect(
        "Errors 429 are plain text",
        201,
        2,
        "envelope",
        talks.burst,
        answering("* * 429", lambda seen: seen.answer(429, "Too many requests")),
    ),
    "invalid-without-details": Defect(
        "Validation errors lack details", 201, 1, "envelope", talks.two_faults, answering("* * 400", without_details)
    ),
    "invalid-bulk-without-details": Defect(
        "Validation errors lack details in a bulk alone",
        201,
        2,
        "envelope",
        talks.two_faults,
        answering(f"{A_BULK} 400", without_details),
    ),
    "details-as-text": Defect(
        "The details are one text instead of a list",
        201,
        2,
        "envelope",
        talks.two_faults,
        answering("* * 400", lambda seen: seen.payload.update(details="to is wrong")),
    ),
    "details-empty": Defect(
        "The details are an empty list",
        205,
        2,
        "envelope",
        talks.two_faults,
        answering("* * 400", lambda seen: seen.payload.update(details=[])),
    ),
    "details-name-no-field": Defect(
        "The details do not say which field fails",
        201,
        2,
        "envelope",
        talks.two_faults,
        answering("* * 400", lambda seen: seen.payload.update(details=[{"message": "Invalid input"}])),
    ),
    "details-only-of-the-first": Defect(
        "The details list only the first failing field",
        205,
        2,
        "envelope",
        talks.two_faults,
        answering("* * 400", only_first_detail),
    ),
    "details-on-404": Defect(
        "Errors 404 have details, which belong to 400 only",
        205,
        3,
        "envelope",
        talks.unknown,
        answering("* * 404", lambda seen: seen.payload.update(details=[])),
    ),
    "message-without-data": Defect(
        "A message is read without the envelope `data`", 112, 1, "envelope", talks.text, answering(MESSAGE, unwrap)
    ),
    "message-as-list": Defect(
        "A message is read as a list of one",
        112,
        2,
        "envelope",
        talks.text,
        answering(MESSAGE, lambda seen: seen.answer(200, {"data": [seen.data]})),
    ),
    "bulk-without-data": Defect(
        "A bulk is answered without the envelope `data`", 93, 2, "envelope", talks.bulk, answering(BULK, unwrap)
    ),
    "send-without-success": Defect(
        "A send is answered without success",
        75,
        3,
        "envelope",
        talks.text,
        answering(SEND, lambda seen: seen.payload.pop("success")),
    ),
    "send-with-success-as-text": Defect(
        "A send is answered with success as a text",
        75,
        3,
        "envelope",
        talks.text,
        answering(SEND, lambda seen: seen.payload.update(success="true")),
    ),
    "send-with-success-false": Defect(
        "A send that is accepted says success: false",
        75,
        2,
        "envelope",
        talks.text,
        answering(SEND, lambda seen: seen.payload.update(success=False)),
    ),
}

AUTH: dict[str, Defect] = {
    "list-open-to-strangers": Defect(
        "The list of messages needs no key",
        48,
        1,
        "auth",
        talks.keys,
        opening_to_strangers("GET /messages", {"messages": []}),
    ),
    "analytics-open-to-strangers": Defect(
        "The analytics need no key",
        48,
        1,
        "auth",
        talks.keys,
        opening_to_strangers("GET /analytics/summary", {"total": 0, "byStatus": {}}),
    ),
    "unknown-message-before-key": Defect(
        "Callers without a key learn 404 of a message instead of 401",
        210,
        2,
        "auth",
        talks.keys,
        answering("GET /messages/{id} 401", lambda seen: "Authorization" not in seen.call.headers and to_nobody(seen)),
    ),
    "verify-open-to-strangers": Defect(
        "Credentials are verified without a key",
        48,
        2,
        "auth",
        talks.verify_without_a_key,
        opening_to_strangers("POST /auth/me/credentials/verify", {"verified": True}),
    ),
    "bare-key-accepted": Defect(
        "A key without Bearer before it is accepted",
        210,
        2,
        "auth",
        talks.keys,
        finding_key(lambda opponent, _, given: opponent.accounts.get(given)),
    ),
    "any-scheme-accepted": Defect(
        "A key behind Basic or Token is accepted",
        210,
        2,
        "auth",
        talks.keys,
        finding_key(
            lambda opponent, _, given: opponent.accounts.get(given.rpartition(" ")[2]) if " " in given else None
        ),
    ),
    "key-in-query-accepted": Defect(
        "A key in the query is accepted, though the Authorization header is missing",
        210,
        2,
        "auth",
        talks.keys,
        finding_key(lambda opponent, call, _: opponent.accounts.get(call.query.get("api_key", ""))),
    ),
    "other-header-accepted": Defect(
        "A key in X-API-Key is accepted, though the Authorization header is missing",
        210,
        3,
        "auth",
        talks.keys,
        finding_key(lambda opponent, call, _: opponent.accounts.get(call.headers.get("X-API-Key", ""))),
    ),
    "start-of-key-is-enough": Defect(
        "A key whose end is wrong is accepted", 210, 1, "auth", talks.keys, finding_key(start_of_key)
    ),
    "me-shows-key": Defect(
        "The account is read with its API key",
        186,
        1,
        "auth",
        talks.me,
        answering(
            ME, lambda seen: seen.data.update(apiKey=(seen.call.headers["Authorization"] or "").partition(" ")[2])
        ),
    ),
    "me-shows-key-in-a-link": Defect(
        "The account is read with its API key inside a link",
        186,
        2,
        "auth",
        talks.me,
        answering(ME, lambda seen: seen.data.update(links={"self": f"/auth/me?{seen.call.headers['Authorization']}"})),
    ),
    "old-key-stays-alive": Defect(
        "The old key works after a rotation", 232, 1, "auth", talks.rotation, keep_old_key(10**9)
    ),
    "old-key-lives-a-minute": Defect(
        "The old key works for some time after a rotation", 232, 1, "auth", talks.rotation, keep_old_key(30)
    ),
    "rotation-changes-nothing": Defect(
        "A rotation gives the same key again",
        232,
        1,
        "auth",
        talks.rotation,
        handling("POST /auth/me/rotate-key", rotate_nothing),
    ),
    "rotation-makes-short-key": Defect(
        "A rotated key has 32 hex characters instead of 48",
        50,
        2,
        "auth",
        talks.rotation,
        rotate_to(lambda: new_key()[:40]),
    ),
    "rotation-makes-test-key": Defect(
        "A rotated key starts with sk_test_",
        50,
        2,
        "auth",
        talks.rotation,
        rotate_to(lambda: new_key().replace("live", "test")),
    ),
    "keys-expire": Defect(
        "Keys stop working after a year", 50, 3, "auth", talks.old_key, replacing("_account_of", expire_keys)
    ),
    "deactivated-account-works": Defect(
        "A deactivated account may go on", 211, 1, "auth", talks.deactivated, let_deactivated_in
    ),
    "registration-needs-key": Defect(
        "A registration needs a key", 180, 1, "auth", talks.registration, closing_to_strangers("POST /auth/register")
    ),
    "registered-key-is-dead": Defect(
        "The key of a new account does not work",
        23,
        1,
        "auth",
        talks.registration,
        handling("POST /auth/register", lose_new_accounts),
    ),
}

ISOLATION: dict[str, Defect] = {
    "foreign-message-readable": Defect(
        "A message of another account can be read",
        212,
        1,
        "isolation",
        talks.isolation,
        seeing_all("GET /messages/{id}"),
    ),
    "foreign-message-403": Defect(
        "A message of another account is answered 403, which tells that it exists, instead of 404",
        212,
        2,
        "isolation",
        talks.isolation,
        handling("GET /messages/{id}", forbid_foreign),
    ),
    "foreign-messages-listed": Defect(
        "The list shows messages of other accounts", 131, 1, "isolation", talks.isolation, seeing_all("GET /messages")
    ),
    "foreign-batch-listed": Defect(
        "The batch of another account can be listed by its id",
        135,
        1,
        "isolation",
        talks.isolation,
        seeing_all("GET /messages", lambda call: "batchId" in call.query),
    ),
    "foreign-messages-counted": Defect(
        "The analytics count the messages of all accounts",
        143,
        1,
        "isolation",
        talks.isolation,
        seeing_all("GET /analytics/summary"),
    ),
    "foreign-message-retried": Defect(
        "A failed message of another account can be sent again",
        212,
        1,
        "isolation",
        talks.isolation,
        seeing_all("POST /messages/{id}/retry"),
    ),
    "idempotency-keys-shared": Defect(
        "Two accounts cannot use the same Idempotency-Key, and one gets the answer of the other",
        230,
        1,
        "isolation",
        talks.repeats_of_two_accounts,
        share_kept_answers,
    ),
    "rotation-loses-messages": Defect(
        "After a rotation the messages of the account are gone",
        212,
        2,
        "isolation",
        talks.rotation,
        handling("POST /auth/me/rotate-key", rotate_into_a_new_account),
    ),
    "webhook-told-of-foreign-messages": Defect(
        "A webhook is told of messages of other accounts",
        159,
        1,
        "isolation",
        talks.foreign_webhook,
        replacing("_change", tell_everybody),
    ),
}

VALIDATION: dict[str, Defect] = {
    "plus-accepted": Defect(
        "A phone number with + is accepted",
        52,
        2,
        "validation",
        talks.with_fields(to="+12025550123"),
        taking("to", lambda value: value.removeprefix("+") if isinstance(value, str) else value),
    ),
    "separators-accepted": Defect(
        "A phone number with spaces, dashes or brackets is accepted",
        52,
        2,
        "validation",
        talks.with_fields(to="1 (202) 555-0123"),
        taking("to", digits_of),
    ),
    "letters-accepted": Defect(
        "A phone number with letters is accepted",
        52,
        1,
        "validation",
        talks.with_fields(to="12025550123x"),
        taking("to", digits_of),
    ),
    "other-digits-accepted": Defect(
        "A phone number in digits of another script is accepted",
        52,
        3,
        "validation",
        talks.with_fields(to="\u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0662\u0663"),
        taking("to", digits_of),
    ),
    "newline-after-number-accepted": Defect(
        "A phone number with a newline behind it is accepted",
        52,
        3,
        "validation",
        talks.with_fields(to="12025550123\n"),
        taking("to", lambda to: to.rstrip("\n") if isinstance(to, str) else to),
    ),
    "number-as-to-accepted": Defect(
        "A number instead of a text is accepted as recipient",
        64,
        3,
        "validation",
        talks.with_fields(to=12025550123),
        taking("to", str),
    ),
    "leading-zero-accepted": Defect(
        "A phone number that starts with 0 instead of a country code is accepted",
        52,
        2,
        "validation",
        talks.with_fields(to="02025550123"),
        taking("to", lambda to: to.lstrip("0") if isinstance(to, str) else to),
    ),
    "missing-to-accepted": Defect(
        "A send without a recipient is accepted",
        64,
        1,
        "validation",
        talks.without("to"),
        asking_each(default("to", "10000000000")),
    ),
    "missing-content-accepted": Defect(
        "A send with neither message nor template is accepted",
        65,
        1,
        "validation",
        talks.without("message"),
        asking_each(text_if_none),
    ),
    "numbers-of-one-country-only": Defect(
        "Phone numbers outside the USA and Canada are refused",
        55,
        1,
        "validation",
        talks.with_fields(to="447700900123"),
        refusing("to", "must be a number of the USA", lambda _, item: not str(item["to"]).startswith("1")),
    ),
    "past-accepted": Defect(
        "A sendAt in the past is accepted and sent at once",
        209,
        1,
        "validation",
        talks.in_the_past,
        asking_each(drop_when("sendAt", is_past)),
    ),
    "no-moment-accepted": Defect(
        "A sendAt that is no date is accepted and sent at once",
        67,
        1,
        "validation",
        talks.with_fields(sendAt="tomorrow"),
        asking_each(drop_when("sendAt", is_no_moment)),
    ),
    "metadata-list-accepted": Defect(
        "A list as metadata is accepted",
        68,
        3,
        "validation",
        talks.with_fields(metadata=["a"]),
        taking("metadata", lambda value: dict(enumerate(value)) if isinstance(value, list) else value),
    ),
    "metadata-text-accepted": Defect(
        "A text as metadata is accepted and lost",
        68,
        2,
        "validation",
        talks.with_fields(metadata="a"),
        taking("metadata", lambda value: {} if isinstance(value, str) else value),
    ),
    "metadata-of-objects-refused": Defect(
        "Metadata whose values are not texts are refused",
        68,
        2,
        "validation",
        talks.text,
        refusing(
            "metadata",
            "must have texts only",
            lambda _, item: any(not isinstance(value, str) for value in item.get("metadata", {}).values()),
        ),
    ),
    "dry-run-text-accepted": Defect(
        'A text as dry_run is accepted, and "false" counts as true',
        69,
        2,
        "validation",
        talks.dry_run_as_text,
        taking("dry_run", bool),
    ),
    "template-text-accepted": Defect(
        "A text as template is accepted",
        66,
        3,
        "validation",
        talks.with_fields(template="hello_world"),
        taking("template", lambda value: {"name": value} if isinstance(value, str) else value),
    ),
    "bulk-checks-no-numbers": Defect(
        "A bulk accepts phone numbers that a single send refuses",
        89,
        1,
        "validation",
        talks.bulk_with_a_bad_item,
        asking_each(lambda _, item: item.update(to=digits_of(item.get("to"))), single=False),
    ),
    "registration-without-email-accepted": Defect(
        "A registration without email is accepted",
        184,
        2,
        "validation",
        talks.registration,
        asking_body("POST /auth/register", default("email", "nobody@example.com")),
    ),
    "registration-without-name-accepted": Defect(
        "A registration without name is accepted",
        183,
        2,
        "validation",
        talks.registration,
        asking_body("POST /auth/register", default("name", "Nobody")),
    ),
    "plain-http-webhook-accepted": Defect(
        "A webhook address without HTTPS is accepted",
        159,
        2,
        "validation",
        talks.webhook_addresses,
        take_address(lambda url: url.startswith("http://")),
    ),
    "private-webhook-accepted": Defect(
        "A webhook address that is not public is accepted",
        159,
        2,
        "validation",
        talks.webhook_addresses,
        take_address(lambda url: "localhost" in url or "//10." in url),
    ),
    "milliseconds-refused": Defect(
        "A sendAt with milliseconds, as in the example, is refused",
        105,
        1,
        "validation",
        talks.schedule,
        refusing("sendAt", "must have whole seconds", lambda _, item: "." in str(item.get("sendAt"))),
    ),
    "offset-refused": Defect(
        "A sendAt with an offset is refused, though it is ISO 8601",
        67,
        2,
        "validation",
        talks.schedule_abroad,
        refusing("sendAt", "must end with Z", lambda _, item: "+" in str(item.get("sendAt"))),
    ),
    "near-future-refused": Defect(
        "A sendAt less than five minutes ahead is refused, though it is in the future",
        101,
        2,
        "validation",
        talks.schedule,
        refusing(
            "sendAt",
            "must be five minutes ahead",
            lambda opponent, item: "sendAt" in item and (epoch_of(item["sendAt"]) or 0) < opponent.now() + 300,
        ),
    ),
}

BOUNDARY: dict[str, Defect] = {
    "text-of-4097-accepted": Defect(
        "A text of 4097 characters is accepted",
        65,
        2,
        "boundary",
        talks.with_fields(message="x" * 4097),
        taking("message", lambda value: value[:4096] if isinstance(value, str) else value),
    ),
    "text-of-4096-refused": Defect(
        "A text of 4096 characters is refused",
        65,
        2,
        "boundary",
        talks.with_fields(message="x" * 4096),
        refusing("message", "is too long", lambda _, item: len(item.get("message", "")) >= 4096),
    ),
    "text-limit-of-1024": Defect(
        "Texts of more than 1024 characters are refused",
        65,
        2,
        "boundary",
        talks.with_fields(message="x" * 4096),
        refusing("message", "is too long", lambda _, item: len(item.get("message", "")) > 1024),
    ),
    "text-counted-in-bytes": Defect(
        "The 4096 characters of a text are counted in bytes",
        65,
        2,
        "boundary",
        talks.with_fields(message="é" * 4096),
        refusing("message", "is too long", lambda _, item: len(item.get("message", "").encode()) > 4096),
    ),
    "number-of-16-digits-accepted": Defect(
        "A phone number of 16 digits is accepted, one more than E.164 has",
        52,
        2,
        "boundary",
        talks.with_fields(to="1202555012345678"),
        taking("to", lambda value: str(value)[:15]),
    ),
    "limit-of-200-refused": Defect(
        "A page of 200 is refused", 136, 2, "boundary", talks.big_pages, handling("GET /messages", refuse_full_page)
    ),
    "limit-stops-at-100": Defect(
        "A page of 200 has 100 messages at most",
        136,
        2,
        "boundary",
        talks.big_pages,
        paging(lambda found, page, limit: found[(page - 1) * min(limit, 100) : page * min(limit, 100)]),
    ),
    "limit-is-one-short": Defect(
        "A page has one message less than asked for",
        136,
        2,
        "boundary",
        talks.pages,
        answering(LIST, lambda seen: len(seen.listed) > 1 and seen.data["messages"].pop()),
    ),
    "limit-has-no-end": Defect(
        "A page has more than 200 messages when more are asked for",
        136,
        2,
        "boundary",
        talks.big_pages,
        handling("GET /messages", lambda _, handler: lambda call: unlimited(handler, call)),
    ),
    "bulk-cap-of-pro-one-short": Defect(
        "A bulk of 1000 is refused on the pro plan",
        90,
        2,
        "boundary",
        talks.bulk_caps("pro", 1000),
        cap_bulk(lambda cap: cap - 1),
    ),
    "bulk-cap-of-basic-one-more": Defect(
        "A bulk of 101 is accepted on the basic plan",
        90,
        2,
        "boundary",
        talks.bulk_caps("basic", 100),
        cap_bulk(lambda cap: cap + 1),
    ),
    "bulk-cap-same-for-basic": Defect(
        "A bulk of more than 100 is accepted on the basic plan",
        90,
        2,
        "boundary",
        talks.bulk_caps("basic", 100),
        cap_bulk(lambda _: 1000),
    ),
    "bulk-cap-same-for-enterprise": Defect(
        "A bulk of more than 1000 is refused on the enterprise plan",
        90,
        3,
        "boundary",
        talks.bulk_caps("enterprise", 5000),
        cap_bulk(lambda _: 1000),
    ),
}

DEFAULT: dict[str, Defect] = {
    "default-limit-10": Defect(
        "A page has 10 messages by default instead of 20",
        136,
        2,
        "default",
        talks.pages,
        asking("GET /messages", lambda _, call: call.query.setdefault("limit", "10")),
    ),
    "default-limit-25": Defect(
        "A page has 25 messages by default instead of 20",
        136,
        2,
        "default",
        talks.pages,
        asking("GET /messages", lambda _, call: call.query.setdefault("limit", "25")),
    ),
    "default-page-2": Defect(
        "The list starts with the second page by default",
        137,
        2,
        "default",
        talks.pages,
        asking("GET /messages", lambda _, call: call.query.setdefault("page", "2")),
    ),
    "default-dry-run": Defect(
        "Messages are dry runs unless dry_run is false",
        69,
        1,
        "default",
        talks.dry_run_left_out,
        asking_each(default("dry_run", value=True)),
    ),
    "default-plan-pro": Defect(
        "A new account is on the pro plan",
        32,
        2,
        "default",
        talks.registration,
        telling("POST /auth/register 2xx", plan="pro"),
    ),
}

ECHO: dict[str, Defect] = {
    "metadata-lost": Defect("Metadata are lost", 68, 1, "echo", talks.text, telling(MESSAGE, metadata=None)),
    "metadata-lost-in-bulk": Defect(
        "Metadata are lost in a bulk",
        89,
        1,
        "echo",
        talks.bulk,
        asking_each(lambda _, item: item.pop("metadata", None), single=False),
    ),
    "metadata-as-text": Defect(
        "Metadata are read as a text of JSON", 122, 2, "echo", talks.text, edit_metadata(json.dumps)
    ),
    "metadata-keys-lower-case": Defect(
        "The names in metadata lose their capitals",
        68,
        2,
        "echo",
        talks.text,
        edit_metadata(lambda value: {name.lower(): member for name, member in value.items()}),
    ),
    "metadata-values-as-texts": Defect(
        "Numbers in metadata become texts",
        68,
        2,
        "echo",
        talks.text,
        edit_metadata(lambda value: {name: str(m) if isinstance(m, int) else m for name, m in value.items()}),
    ),
    "metadata-flattened": Defect(
        "Objects inside metadata are flattened",
        68,
        2,
        "echo",
        talks.text,
        edit_metadata(lambda value: {name: str(m) if isinstance(m, dict) else m for name, m in value.items()}),
    ),
    "metadata-without-empty-values": Defect(
        "Empty values in metadata are dropped",
        68,
        3,
        "echo",
        talks.text,
        edit_metadata(lambda value: {name: member for name, member in value.items() if member}),
    ),
    "metadata-only-first-key": Defect(
        "Only the first key of the metadata is kept",
        68,
        2,
        "echo",
        talks.text,
        edit_metadata(lambda value: dict([*value.items()][:1])),
    ),
    "to-with-plus": Defect(
        "A message is read with + before the number that was sent without",
        114,
        2,
        "echo",
        talks.text,
        telling(MESSAGE, to=lambda to: f"+{to}"),
    ),
    "to-masked": Defect(
        "A message is read with a masked number",
        114,
        2,
        "echo",
        talks.text,
        telling(MESSAGE, to=lambda to: f"{to[:4]}*****{to[-2:]}"),
    ),
    "text-trimmed": Defect(
        "The text of a message loses the spaces around it", 115, 3, "echo", talks.text, edit_text(str.strip)
    ),
    "text-cut": Defect(
        "The text of a message is cut after 160 characters",
        115,
        1,
        "echo",
        talks.text,
        edit_text(lambda text: text[:160]),
    ),
    "text-null": Defect("A message is read without its text", 115, 1, "echo", talks.text, telling(MESSAGE, body=None)),
    "bulk-repeats-last-text": Defect(
        "Every item of a bulk gets the text of the last",
        89,
        1,
        "echo",
        talks.bulk,
        asking_body(A_BULK, repeat_last_text),
    ),
    "me-with-other-name": Defect(
        "The account is read with its email as name",
        189,
        3,
        "echo",
        talks.me,
        answering(ME, lambda seen: seen.data.update(name=seen.data["email"])),
    ),
}

ENCODING: dict[str, Defect] = {
    "emoji-lost": Defect(
        "Emoji become question marks",
        115,
        1,
        "encoding",
        talks.text,
        edit_text(lambda text: re.sub("[\U00010000-\U0010ffff]", "?", text)),
    ),
    "letters-mangled": Defect(
        "Letters outside ASCII are mangled",
        115,
        1,
        "encoding",
        talks.text,
        edit_text(lambda text: text.encode().decode("latin-1")),
    ),
    "accents-lost": Defect(
        "Accents are taken off letters",
        115,
        2,
        "encoding",
        talks.text,
        edit_text(lambda text: unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()),
    ),
    "text-escaped": Defect(
        "The text of a message comes back escaped for HTML", 115, 1, "encoding", talks.text, edit_text(html.escape)
    ),
    "newlines-lost": Defect(
        "New lines in a text become spaces",
        115,
        2,
        "encoding",
        talks.text,
        edit_text(lambda text: text.replace("\n", " ")),
    ),
    "emoji-refused": Defect(
        "Texts with emoji are refused",
        65,
        2,
        "encoding",
        talks.text,
        refusing("message", "has odd letters", lambda _, item: any(ord(c) > 0xFFFF for c in item.get("message", ""))),
    ),
    "json-cut-off": Defect(
        "The JSON of a message ends in the middle",
        112,
        2,
        "encoding",
        talks.text,
        answering(MESSAGE, lambda seen: seen.answer(200, json.dumps(seen.payload)[:-2])),
    ),
}

PAGINATION: dict[str, Defect] = {
    "page-ignored": Defect(
        "Every page is the first",
        137,
        1,
        "pagination",
        talks.pages,
        asking("GET /messages", lambda _, call: call.query.pop("page", None)),
    ),
    "limit-ignored": Defect(
        "Every page has 20 messages, whatever limit says",
        136,
        1,
        "pagination",
        talks.pages,
        asking("GET /messages", lambda _, call: call.query.pop("limit", None)),
    ),
    "pages-overlap": Defect(
        "Each page starts with the last message of the page before",
        137,
        1,
        "pagination",
        talks.pages,
        paging(lambda found, page, limit: found[max(0, (page - 1) * limit - 1) :][:limit]),
    ),
    "pages-leave-gaps": Defect(
        "Between two pages one message is missing",
        137,
        1,
        "pagination",
        talks.pages,
        paging(lambda found, page, limit: found[(page - 1) * (limit + 1) :][:limit]),
    ),
    "pages-from-zero": Defect(
        "Page 1 is the second page",
        137,
        1,
        "pagination",
        talks.pages,
        paging(lambda found, page, limit: found[page * limit :][:limit]),
    ),
    "last-page-empty": Defect(
        "The last page is empty unless it is full",
        131,
        1,
        "pagination",
        talks.pages,
        paging(lambda found, page, limit: found[(page - 1) * limit : len(found) // limit * limit][:limit]),
    ),
    "offset-of-default-limit": Defect(
        "Pages start at multiples of 20, whatever limit says",
        136,
        2,
        "pagination",
        talks.pages,
        paging(lambda found, page, limit: found[(page - 1) * 20 :][:limit]),
    ),
    "pages-stop-after-two": Defect(
        "From the third page on all pages are empty",
        131,
        2,
        "pagination",
        talks.pages,
        paging(lambda found, page, limit: found[(page - 1) * limit : page * limit] if page < 3 else []),
    ),
    "pages-in-other-order-each-time": Defect(
        "Each page has another order, so that paging shows some messages twice and some never",
        131,
        1,
        "order",
        talks.pages,
        listing(shuffled),
    ),
}

FILTER: dict[str, Defect] = {
    "status-ignored": Defect(
        "The filter by status does nothing",
        134,
        1,
        "filter",
        talks.filters,
        asking("GET /messages", lambda _, call: call.query.pop("status", None)),
    ),
    "batch-ignored": Defect(
        "The filter by batchId does nothing",
        135,
        1,
        "filter",
        talks.filters,
        asking("GET /messages", lambda _, call: call.query.pop("batchId", None)),
    ),
    "unknown-batch-shows-all": Defect(
        "An unknown batchId lists all messages",
        135,
        1,
        "filter",
        talks.filters,
        listing(all_if_batch_is_unknown, "batchId"),
    ),
    "filters-joined-with-or": Defect(
        "Status and batchId together list what fits one of them",
        135,
        2,
        "filter",
        talks.filters,
        listing(either_filter, "status", "batchId"),
    ),
    "status-wins-over-batch": Defect(
        "batchId is ignored when there is a status",
        135,
        2,
        "filter",
        talks.filters,
        asking("GET /messages", lambda _, call: "status" in call.query and call.query.pop("batchId", None)),
    ),
    "status-of-the-start": Defect(
        "The filter by status looks at the first status of a message",
        134,
        1,
        "filter",
        talks.filters,
        listing(by_first_status, "status"),
    ),
    "status-filtered-after-paging": Defect(
        "The filter by status looks at the first page only",
        134,
        1,
        "filter",
        talks.filters,
        listing(by_page_before_status),
    ),
    "status-scheduled-finds-nothing": Defect(
        "The filter by status finds no scheduled messages",
        134,
        2,
        "filter",
        talks.filters,
        answering(LIST, lambda seen: seen.call.query.get("status") == "scheduled" and seen.data.update(messages=[])),
    ),
    "status-retrying-500": Defect(
        "The filter by a rare status is answered 500",
        134,
        2,
        "filter",
        talks.filters,
        answering(LIST, lambda seen: seen.call.query.get("status") == "retrying" and answer_500(seen)),
    ),
    "status-negated": Defect(
        "The filter by status lists what has another status",
        134,
        1,
        "filter",
        talks.filters,
        listing(lambda call, messages: [m for m in messages if call.query.get("status") != m.status], "status"),
    ),
}

IDEMPOTENCY: dict[str, Defect] = {
    "replay-not-told": Defect(
        "A replayed answer lacks Idempotency-Replayed",
        230,
        2,
        "idempotency",
        talks.repeats,
        without_headers("* *", "idempotency-replayed"),
    ),
    "replay-always-told": Defect(
        "The first answer to an Idempotency-Key says that it is replayed",
        230,
        2,
        "idempotency",
        talks.repeats,
        answering(
            SEND,
            lambda seen: (
                "Idempotency-Key" in seen.call.headers and seen.reply.headers.update({"idempotency-replayed": "true"})
            ),
        ),
    ),
    "replay-told-as-number": Defect(
        "Idempotency-Replayed is 1 instead of true",
        230,
        3,
        "idempotency",
        talks.repeats,
        with_header("* *", "idempotency-replayed", lambda _: "1"),
    ),
    "no-replay": Defect(
        "An Idempotency-Key does nothing: the message is sent twice",
        228,
        1,
        "idempotency",
        talks.repeats,
        once(lambda _, __: lambda call, work: work(call)),
    ),
    "no-replay-in-bulk": Defect(
        "An Idempotency-Key does nothing for a bulk",
        228,
        1,
        "idempotency",
        talks.repeated_bulk,
        handling(A_BULK, lambda opponent, _: opponent._send_bulk),
    ),
    "replay-and-send": Defect(
        "A replayed answer is right, but the message is sent once more",
        228,
        1,
        "idempotency",
        talks.repeats,
        when_kept(work_and_replay),
    ),
    "replay-for-another-body": Defect(
        "Another body under a used Idempotency-Key gets the first answer instead of 409",
        213,
        1,
        "idempotency",
        talks.repeats,
        once(replay_any_body),
    ),
    "another-body-sent": Defect(
        "Another body under a used Idempotency-Key is sent instead of refused with 409",
        213,
        1,
        "idempotency",
        talks.repeats,
        when_kept(work_on_another_body),
    ),
    "repeat-refused": Defect(
        "The same request under a used Idempotency-Key is refused with 409 instead of replayed",
        228,
        1,
        "idempotency",
        talks.repeats,
        when_kept(refuse_every_repeat),
    ),
    "replay-200": Defect(
        "A replayed answer has status 200 instead of 202",
        228,
        2,
        "idempotency",
        talks.repeats,
        replaying(lambda seen: seen.answer(200, seen.reply.payload)),
    ),
    "replay-without-data": Defect(
        "A replayed answer lacks data",
        228,
        2,
        "idempotency",
        talks.repeats,
        replaying(lambda seen: seen.payload.pop("data")),
    ),
    "replay-with-new-id": Defect(
        "A replayed answer has another id",
        228,
        1,
        "idempotency",
        talks.repeats,
        replaying(lambda seen: seen.data.update(id=seen.opponent._new_id())),
    ),
    "replay-with-status-of-now": Defect(
        "A replayed answer has the status of now instead of the original one",
        228,
        3,
        "idempotency",
        talks.repeats,
        replaying(tell_status_of_now),
    ),
    "replay-for-an-hour": Defect(
        "An Idempotency-Key is forgotten after an hour instead of 24",
        228,
        2,
        "idempotency",
        talks.repeats_for_two_days,
        when_kept(forget_after_an_hour),
    ),
    "idempotency-key-cut": Defect(
        "Two Idempotency-Keys with the same 16 first characters count as one",
        228,
        1,
        "idempotency",
        talks.repeats,
        rename_idempotency_key(lambda key: key[:16]),
    ),
    "idempotency-key-lower-case": Defect(
        "Two Idempotency-Keys that differ in capitals count as one",
        228,
        3,
        "idempotency",
        talks.repeats,
        rename_idempotency_key(str.lower),
    ),
}

LIFECYCLE: dict[str, Defect] = {
    "status-pending": Defect(
        "A queued message is called pending", 13, 1, "lifecycle", talks.text, set_statuses("queued", "pending")
    ),
    "status-capitalised": Defect(
        "The status in the answer to a send is in capitals",
        78,
        2,
        "lifecycle",
        talks.text,
        telling(SEND, status=lambda value: str(value).upper()),
    ),
    "send-says-delivered": Defect(
        "A send is answered with delivered before anything can be delivered",
        8,
        2,
        "lifecycle",
        talks.text,
        telling(SEND, status="delivered"),
    ),
    "delivered-falls-back": Defect(
        "A delivered message becomes sent again",
        18,
        1,
        "lifecycle",
        talks.text,
        replacing("_arrive", fall_back_to_sent),
    ),
    "status-lags-behind-timeline": Defect(
        "The status of a delivered message stays sent, though its timeline says delivered",
        108,
        1,
        "lifecycle",
        talks.text,
        when_status("delivered", status="sent"),
    ),
    "timeline-only-of-now": Defect(
        "The timeline has the last step only", 108, 1, "lifecycle", talks.text, edit_timeline(lambda steps: steps[-1:])
    ),
    "timeline-without-queued": Defect(
        "The timeline lacks the step queued",
        124,
        2,
        "lifecycle",
        talks.text,
        edit_timeline(lambda steps: [step for step in steps if step["status"] != "queued"]),
    ),
    "timeline-twice": Defect(
        "Every step is twice in the timeline",
        123,
        2,
        "lifecycle",
        talks.text,
        edit_timeline(lambda steps: [step for step in steps for _ in range(2)]),
    ),
    "delivered-without-time": Defect(
        "A delivered message has no deliveredAt",
        118,
        2,
        "lifecycle",
        talks.text,
        when_status("delivered", deliveredAt=None),
    ),
    "sent-without-time": Defect(
        "A delivered message has no sentAt", 117, 2, "lifecycle", talks.text, when_status("delivered", sentAt=None)
    ),
    "delivered-is-gone": Defect(
        "A delivered message cannot be read any more, and is answered 404",
        108,
        1,
        "lifecycle",
        talks.text,
        answering(MESSAGE, lambda seen: seen.data.get("status") == "delivered" and to_nobody(seen)),
    ),
    "new-message-is-not-there": Defect(
        "A message cannot be read right after its send, and is answered 404",
        9,
        1,
        "lifecycle",
        talks.text,
        answering(MESSAGE, lambda seen: seen.data.get("status") == "queued" and to_nobody(seen)),
    ),
    "stuck-in-queue": Defect(
        "Real messages stay queued for ever",
        13,
        1,
        "lifecycle",
        talks.real,
        stepping("_process", lambda message: not message.dry_run),
    ),
    "failed-without-reason": Defect(
        "A failed message has no errorMessage", 20, 1, "lifecycle", talks.real, when_status("failed", errorMessage=None)
    ),
    "failed-without-time": Defect(
        "A failed message has no failedAt", 120, 2, "lifecycle", talks.real, when_status("failed", failedAt=None)
    ),
    "retry-of-delivered-accepted": Defect(
        "A message that did not fail can be sent again", 140, 1, "lifecycle", talks.real, retrying_anything
    ),
    "retry-does-nothing": Defect(
        "A retry is answered 202, and nothing happens",
        140,
        1,
        "lifecycle",
        talks.real,
        handling("POST /messages/{id}/retry", retry_nothing),
    ),
    "retry-of-unknown-accepted": Defect(
        "A retry of an unknown message is answered 202 instead of 404",
        212,
        2,
        "lifecycle",
        talks.real,
        answering("POST /messages/{id}/retry 404", lambda seen: seen.answer(202, {"data": {"status": "queued"}})),
    ),
    "credentials-not-saved": Defect(
        "byocConfigured stays false after credentials were saved",
        36,
        1,
        "lifecycle",
        talks.credentials,
        telling(ME, byocConfigured=False),
    ),
    "credentials-not-removed": Defect(
        "byocConfigured stays true after credentials were removed",
        199,
        2,
        "lifecycle",
        talks.credentials,
        handling("DELETE /auth/me/credentials", lambda _, __: lambda ___: Reply(204)),
    ),
    "messages-sent-stays-zero": Defect(
        "messagesSent stays 0, however many messages were sent",
        192,
        3,
        "lifecycle",
        talks.real,
        telling(ME, messagesSent=0),
    ),
}

TIMESTAMPS: dict[str, Defect] = {
    "times-without-zone": Defect(
        "Times have no zone", 117, 2, "timestamps", talks.text, with_times(lambda text: text.rstrip("Z"))
    ),
    "times-in-milliseconds": Defect(
        "Times are numbers of milliseconds",
        117,
        2,
        "timestamps",
        talks.text,
        with_times(lambda text: int(as_epoch(text) * 1000)),
    ),
    "times-as-seconds-in-text": Defect(
        "Times are texts of seconds",
        117,
        2,
        "timestamps",
        talks.text,
        with_times(lambda text: str(int(as_epoch(text)))),
    ),
    "times-with-space": Defect(
        "Times have a space instead of T and no zone",
        117,
        2,
        "timestamps",
        talks.text,
        with_times(lambda text: text.replace("T", " ").rstrip("Z")),
    ),
    "times-as-in-mail": Defect(
        "Times are written as in mail",
        117,
        2,
        "timestamps",
        talks.text,
        with_times(lambda text: formatdate(as_epoch(text), usegmt=True)),
    ),
    "local-times-called-utc": Defect(
        "Times are local ones two hours ahead with a Z behind them",
        117,
        2,
        "timestamps",
        talks.text,
        with_times(shift(2 * HOUR)),
    ),
    "times-in-1970": Defect(
        "Times are seconds read as milliseconds, and so in January 1970",
        117,
        2,
        "timestamps",
        talks.text,
        with_times(lambda text: iso(as_epoch(text) / 1000)),
    ),
    "delivered-before-sent": Defect(
        "deliveredAt is before sentAt", 118, 2, "timestamps", talks.text, answering(MESSAGE, swap_sent_and_delivered)
    ),
    "timeline-newest-first": Defect(
        "The timeline has its newest step first", 124, 2, "order", talks.text, edit_timeline(lambda steps: steps[::-1])
    ),
    "timeline-by-name": Defect(
        "The timeline is sorted by the names of the statuses",
        124,
        2,
        "order",
        talks.text,
        edit_timeline(lambda steps: sorted(steps, key=lambda step: str(step["status"]))),
    ),
    "timeline-always-now": Defect(
        "The times in the timeline are those of the reading",
        124,
        2,
        "timestamps",
        talks.text,
        answering(MESSAGE, stamp_timeline_now),
    ),
    "sent-at-other-than-timeline": Defect(
        "sentAt is an hour after the step sent of the timeline",
        117,
        2,
        "timestamps",
        talks.text,
        telling(MESSAGE, sentAt=lambda text: text and shift(HOUR)(text)),
    ),
    "scheduled-for-without-zone": Defect(
        "The scheduledFor of a send has no zone",
        105,
        3,
        "timestamps",
        talks.schedule,
        with_times(lambda text: text.rstrip("Z"), SEND),
    ),
}

SCHEDULES: dict[str, Defect] = {
    "schedule-ignored": Defect(
        "sendAt is ignored: the message is sent at once",
        67,
        1,
        "schedule",
        talks.schedule,
        asking_each(lambda _, item: item.pop("sendAt", None)),
    ),
    "schedule-ignored-in-bulk": Defect(
        "sendAt is ignored in a bulk",
        101,
        1,
        "schedule",
        talks.schedule_bulk,
        asking_each(lambda _, item: item.pop("sendAt", None), single=False),
    ),
    "schedule-not-told": Defect(
        "scheduledFor is null, though the message is scheduled",
        79,
        2,
        "schedule",
        talks.schedule,
        telling(SEND, scheduledFor=None),
    ),
    "scheduled-called-queued": Defect(
        "A scheduled message is called queued", 14, 1, "schedule", talks.schedule, set_statuses("scheduled", "queued")
    ),
    "scheduled-called-queued-in-answer": Defect(
        "A scheduled send is answered with queued", 14, 2, "schedule", talks.schedule, telling(SEND, status="queued")
    ),
    "offset-dropped": Defect(
        "The offset of sendAt is dropped, and the local time taken for UTC",
        67,
        1,
        "schedule",
        talks.schedule_abroad,
        asking_each(
            lambda _, item: "sendAt" in item and item.update(sendAt=re.sub(r"\+\d\d:\d\d$", "Z", item["sendAt"]))
        ),
    ),
    "scheduled-an-hour-off": Defect(
        "Messages are scheduled an hour late, as on the day the clocks change",
        67,
        1,
        "schedule",
        talks.schedule,
        keep_drafts(lambda _, draft, __: {**draft, "sendAt": draft["sendAt"] and draft["sendAt"] + HOUR}),
    ),
    "scheduled-without-seconds": Defect(
        "The seconds of sendAt are dropped",
        67,
        2,
        "schedule",
        talks.schedule,
        keep_drafts(lambda _, draft, __: {**draft, "sendAt": draft["sendAt"] and draft["sendAt"] // MINUTE * MINUTE}),
    ),
    "scheduled-sent-early": Defect(
        "Scheduled messages are sent after half of the time",
        14,
        1,
        "schedule",
        talks.schedule,
        replacing("_later", enqueue_early),
    ),
    "scheduled-never-sent": Defect(
        "Scheduled messages are never sent", 14, 1, "schedule", talks.schedule, replacing("_later", never_enqueue)
    ),
}

DRY_RUNS: dict[str, Defect] = {
    "dry-run-calls-whatsapp": Defect(
        "A dry run is sent for real",
        69,
        1,
        "dry-run",
        talks.text,
        keep_drafts(lambda _, draft, __: {**draft, "dry_run": False}),
    ),
    "dry-run-calls-whatsapp-in-bulk": Defect(
        "A dry run in a bulk is sent for real",
        89,
        1,
        "dry-run",
        talks.bulk,
        keep_drafts(lambda _, draft, batch_id: {**draft, "dry_run": batch_id is None and draft.get("dry_run", False)}),
    ),
    "dry-run-200": Defect(
        "A dry run is answered 200 instead of 202",
        60,
        2,
        "dry-run",
        talks.text,
        answering(SEND, lambda seen: b'"dry_run": true' in seen.call.body and seen.answer(200, seen.reply.payload)),
    ),
    "dry-run-without-id": Defect(
        "A dry run is answered with null as id",
        77,
        2,
        "dry-run",
        talks.text,
        answering(SEND, lambda seen: b'"dry_run": true' in seen.call.body and seen.data.update(id=None)),
    ),
    "dry-run-status": Defect(
        "A dry run has the status dry_run, which is none of the lifecycle",
        78,
        2,
        "dry-run",
        talks.text,
        telling(SEND, status="dry_run"),
    ),
    "dry-run-not-checked": Defect(
        "The fields of a dry run are not checked",
        209,
        1,
        "dry-run",
        talks.two_faults,
        replacing("_read_draft", skip_checks_of_dry_runs),
    ),
    "dry-run-fails": Defect(
        "A dry run is refused with 400",
        69,
        1,
        "dry-run",
        talks.text,
        refusing("dry_run", "is not known", lambda _, item: item.get("dry_run")),
    ),
}

BULKS: dict[str, Defect] = {
    "bulk-without-batch-id": Defect(
        "A bulk is answered without batchId", 94, 1, "bulk", talks.bulk, leaving_out(BULK, "batchId")
    ),
    "bulk-id-finds-nothing": Defect(
        "The batchId of a bulk finds no messages", 89, 1, "bulk", talks.bulk, keep_messages(without_batch)
    ),
    "bulk-id-differs-per-item": Defect(
        "Each message of a bulk has its own batchId", 89, 1, "bulk", talks.bulk, keep_messages(with_own_batch)
    ),
    "bulk-id-used-again": Defect(
        "Every bulk has the batchId of the first", 89, 1, "bulk", talks.bulk, replacing("_send_bulk", share_one_batch)
    ),
    "bulk-total-one-more": Defect(
        "totalMessages is one too many", 95, 2, "bulk", talks.bulk, telling(BULK, totalMessages=lambda count: count + 1)
    ),
    "bulk-total-as-text": Defect(
        "totalMessages is a text", 95, 2, "bulk", talks.bulk, telling(BULK, totalMessages=str)
    ),
    "bulk-queued-zero": Defect(
        "queued is 0, though all messages were accepted", 96, 2, "bulk", talks.bulk, telling(BULK, queued=0)
    ),
    "bulk-without-failed-count": Defect(
        "A bulk is answered without failedCount", 97, 2, "bulk", talks.bulk, leaving_out(BULK, "failedCount")
    ),
    "bulk-with-null-failed-count": Defect(
        "failedCount is null instead of 0", 97, 3, "bulk", talks.bulk, telling(BULK, failedCount=None)
    ),
    "bulk-accepted-renamed": Defect(
        "The number of accepted messages is called acceptedCount instead of queued",
        96,
        2,
        "bulk",
        talks.bulk,
        answering(BULK, lambda seen: seen.data.update(acceptedCount=seen.data.pop("queued"))),
    ),
    "bulk-counts-do-not-add-up": Defect(
        "failedCount is 1, though every message is queued", 97, 2, "bulk", talks.bulk, telling(BULK, failedCount=1)
    ),
    "bulk-loses-last": Defect(
        "The last message of a bulk is counted and lost", 89, 1, "bulk", talks.bulk, replacing("_send_bulk", lose_last)
    ),
    "bulk-merges-recipients": Defect(
        "Two messages of a bulk to the same number become one",
        89,
        1,
        "bulk",
        talks.bulk,
        asking_body(A_BULK, merge_recipients),
    ),
    "bulk-without-templates": Defect(
        "A bulk refuses templates", 101, 1, "bulk", talks.bulk_templates, forbid_bulk_templates
    ),
    "bulk-templates-lose-components": Defect(
        "Templates in a bulk lose their parameters",
        89,
        1,
        "bulk",
        talks.bulk_templates,
        asking_each(
            lambda _, item: isinstance(item.get("template"), dict) and item["template"].pop("components", None),
            single=False,
        ),
    ),
}

TEMPLATES: dict[str, Defect] = {
    "template-needs-components": Defect(
        "hello_world without components is refused",
        40,
        1,
        "template",
        talks.templates,
        refusing(
            "template", "needs components", lambda _, item: "components" not in item.get("template", {"components": 0})
        ),
    ),
    "template-refuses-components": Defect(
        "A template with components is refused",
        87,
        1,
        "template",
        talks.templates,
        refusing("template", "has too much", lambda _, item: "components" in item.get("template", {})),
    ),
    "template-needs-message": Defect(
        "A template without a message is refused",
        85,
        1,
        "template",
        talks.templates,
        refusing("message", "is required", lambda _, item: "message" not in item),
    ),
    "template-500": Defect(
        "A send with a template is answered 500",
        85,
        1,
        "template",
        talks.templates,
        answering(SEND, lambda seen: b'"template"' in seen.call.body and answer_500(seen)),
    ),
    "template-parameters-lost": Defect(
        "The parameters of a template are lost, so that Meta refuses it",
        87,
        1,
        "template",
        talks.real,
        asking_each(
            lambda _, item: isinstance(item.get("template"), dict) and item["template"].pop("components", None)
        ),
    ),
    "hello-world-not-approved": Defect(
        "hello_world is not available",
        86,
        2,
        "template",
        talks.real,
        asking_each(
            lambda _, item: (
                item.get("template", {}).get("name") == "hello_world" and item["template"].update(name="hello_world_2")
            )
        ),
    ),
}

ANALYTICS_DEFECTS: dict[str, Defect] = {
    "analytics-total-one-more": Defect(
        "The total is one more than the messages",
        147,
        2,
        "analytics",
        talks.analytics,
        telling(ANALYTICS, total=lambda total: total + 1),
    ),
    "analytics-total-of-a-page": Defect(
        "The total counts 20 messages at most",
        143,
        2,
        "analytics",
        talks.many_analytics,
        telling(ANALYTICS, total=lambda total: min(total, 20)),
    ),
    "analytics-total-as-text": Defect(
        "The total is a text", 147, 2, "analytics", talks.analytics, telling(ANALYTICS, total=str)
    ),
    "analytics-rates-in-percent": Defect(
        "The rates are percentages instead of parts of one",
        149,
        1,
        "analytics",
        talks.analytics,
        telling(ANALYTICS, deliveryRate=lambda rate: rate * 100, failureRate=lambda rate: rate * 100),
    ),
    "analytics-rates-as-text": Defect(
        "The rates are texts",
        149,
        2,
        "analytics",
        talks.analytics,
        telling(ANALYTICS, deliveryRate=str, failureRate=str),
    ),
    "analytics-500-when-empty": Defect(
        "The analytics of an account without messages are answered 500",
        143,
        2,
        "analytics",
        talks.analytics,
        answering(ANALYTICS, lambda seen: seen.data["total"] == 0 and answer_500(seen)),
    ),
    "analytics-failure-is-the-rest": Defect(
        "The failure rate is one minus the delivery rate, so that messages on their way have failed",
        150,
        1,
        "analytics",
        talks.analytics,
        answering(ANALYTICS, lambda seen: seen.data.update(failureRate=1 - seen.data["deliveryRate"])),
    ),
    "analytics-by-status-as-list": Defect(
        "byStatus is a list instead of an object",
        148,
        2,
        "analytics",
        talks.analytics,
        telling(ANALYTICS, byStatus=lambda counts: [{"status": s, "count": c} for s, c in counts.items()]),
    ),
    "analytics-by-status-in-capitals": Defect(
        "The statuses in byStatus are in capitals",
        148,
        2,
        "analytics",
        talks.analytics,
        telling(ANALYTICS, byStatus=lambda counts: {status.upper(): count for status, count in counts.items()}),
    ),
    "analytics-without-scheduled": Defect(
        "byStatus leaves the scheduled messages out, so that it does not add up to the total",
        143,
        3,
        "analytics",
        talks.analytics,
        telling(ANALYTICS, byStatus=lambda counts: {s: c for s, c in counts.items() if s != "scheduled"}),
    ),
    "analytics-without-bulks": Defect(
        "Messages of a bulk are not counted",
        143,
        1,
        "analytics",
        talks.analytics,
        handling("GET /analytics/summary", count_singles),
    ),
    "analytics-delivered-counted-as-sent": Defect(
        "byStatus counts delivered messages as sent",
        148,
        2,
        "analytics",
        talks.analytics,
        telling(ANALYTICS, byStatus=lambda counts: {**counts, "sent": counts["delivered"], "delivered": 0}),
    ),
    "analytics-frozen": Defect(
        "The analytics never change", 143, 1, "analytics", talks.analytics, freezing("GET /analytics/summary")
    ),
}

LIMITS: dict[str, Defect] = {
    "remaining-stands-still": Defect(
        "X-RateLimit-Remaining does not fall",
        225,
        2,
        "rate-limit",
        talks.burst,
        answering(
            "* *",
            lambda seen: (
                LIMIT in seen.reply.headers and seen.reply.headers.update({REMAINING: seen.reply.headers[LIMIT]})
            ),
        ),
    ),
    "remaining-one-too-many": Defect(
        "X-RateLimit-Remaining is one too many, as if the request itself did not count",
        225,
        2,
        "rate-limit",
        talks.burst,
        set_rate_header(REMAINING, lambda left, _: left + 1),
    ),
    "remaining-rises": Defect(
        "X-RateLimit-Remaining tells the requests used instead of those left",
        225,
        2,
        "rate-limit",
        talks.burst,
        set_rate_header(REMAINING, lambda left, seen: int(seen.reply.headers[LIMIT]) - left),
    ),
    "remaining-negative": Defect(
        "X-RateLimit-Remaining is -1 when nothing is left",
        225,
        3,
        "rate-limit",
        talks.burst,
        set_rate_header(REMAINING, lambda left, seen: left - (seen.reply.status == 429)),
    ),
    "limit-with-window": Defect(
        "X-RateLimit-Limit is not a number alone",
        225,
        3,
        "rate-limit",
        talks.headers_everywhere,
        set_rate_header(LIMIT, lambda limit, _: f"{limit}, {limit};w=60"),
    ),
    "limit-of-another-plan": Defect(
        "X-RateLimit-Limit tells a free key the limit of the pro plan",
        225,
        2,
        "rate-limit",
        talks.burst,
        set_rate_header(LIMIT, lambda _, __: 500),
    ),
    "reset-in-milliseconds": Defect(
        "X-RateLimit-Reset is in milliseconds",
        225,
        2,
        "rate-limit",
        talks.headers_everywhere,
        set_rate_header(RESET, lambda reset, _: reset * 1000),
    ),
    "reset-in-the-past": Defect(
        "X-RateLimit-Reset is the start of the window, and so in the past",
        225,
        2,
        "rate-limit",
        talks.burst,
        set_rate_header(RESET, lambda reset, _: reset - MINUTE),
    ),
    "reset-as-delay": Defect(
        "X-RateLimit-Reset is a number of seconds to wait",
        225,
        2,
        "rate-limit",
        talks.headers_everywhere,
        set_rate_header(RESET, lambda reset, seen: int(reset - seen.opponent.now())),
    ),
    "reset-as-date": Defect(
        "X-RateLimit-Reset is a date in ISO 8601",
        225,
        2,
        "rate-limit",
        talks.headers_everywhere,
        set_rate_header(RESET, lambda reset, _: iso(reset)),
    ),
    "reset-an-hour-away": Defect(
        "X-RateLimit-Reset is an hour away, though limits are per minute",
        217,
        2,
        "rate-limit",
        talks.headers_everywhere,
        set_rate_header(RESET, lambda reset, _: reset + HOUR),
    ),
    "no-rate-headers": Defect(
        "No answer has the headers of the rate limit",
        224,
        2,
        "rate-limit",
        talks.headers_everywhere,
        without_headers("* *", LIMIT, REMAINING, RESET),
    ),
    "no-rate-headers-on-errors": Defect(
        "Errors 4xx lack the headers of the rate limit",
        224,
        2,
        "rate-limit",
        talks.headers_everywhere,
        without_headers("* * 4xx", LIMIT, REMAINING, RESET),
    ),
    "no-rate-headers-on-429": Defect(
        "Errors 429 lack the headers of the rate limit",
        224,
        2,
        "rate-limit",
        talks.burst,
        without_headers("* * 429", LIMIT, REMAINING, RESET),
    ),
    "no-rate-headers-on-sends": Defect(
        "Answers to sends lack the headers of the rate limit",
        224,
        2,
        "rate-limit",
        talks.headers_everywhere,
        without_headers(A_SEND, LIMIT, REMAINING, RESET),
    ),
    "no-reset-header": Defect(
        "No answer has X-RateLimit-Reset", 224, 2, "rate-limit", talks.headers_everywhere, without_headers("* *", RESET)
    ),
    "no-retry-after": Defect(
        "Errors 429 lack Retry-After", 214, 1, "rate-limit", talks.burst, without_headers("* *", "Retry-After")
    ),
    "retry-after-too-short": Defect(
        "Retry-After is one second, though the limit stays used up",
        214,
        1,
        "rate-limit",
        talks.burst,
        with_header("* *", "Retry-After", lambda _: "1"),
    ),
    "retry-after-zero": Defect(
        "Retry-After is 0", 214, 1, "rate-limit", talks.burst, with_header("* *", "Retry-After", lambda _: "0")
    ),
    "retry-after-fraction": Defect(
        "Retry-After has a fraction",
        214,
        2,
        "rate-limit",
        talks.burst,
        with_header("* *", "Retry-After", lambda value: f"{value}.25"),
    ),
    "retry-after-in-milliseconds": Defect(
        "Retry-After is in milliseconds",
        214,
        1,
        "rate-limit",
        talks.burst,
        with_header("* *", "Retry-After", lambda value: f"{value}000"),
    ),
    "retry-after-as-date": Defect(
        "Retry-After is a date instead of seconds",
        214,
        2,
        "rate-limit",
        talks.burst,
        answering(
            "* * 429",
            lambda seen: seen.reply.headers.update(
                {"Retry-After": formatdate(seen.opponent.now() + MINUTE, usegmt=True)}
            ),
        ),
    ),
    "retry-after-always": Defect(
        "Retry-After is on answers that are no 429",
        225,
        2,
        "rate-limit",
        talks.headers_everywhere,
        answering("* * 2xx", lambda seen: seen.reply.headers.update({"Retry-After": "0"})),
    ),
    "one-request-more": Defect(
        "A free key may ask 21 times a minute",
        220,
        2,
        "rate-limit",
        talks.burst,
        limit_of("key", lambda limit: limit + 1),
    ),
    "one-request-less": Defect(
        "A free key may ask 19 times a minute",
        220,
        2,
        "rate-limit",
        talks.burst,
        limit_of("key", lambda limit: limit - 1),
    ),
    "limit-of-basic-for-free": Defect(
        "A free key may ask as often as a basic one",
        220,
        2,
        "rate-limit",
        talks.burst,
        limit_of("key", lambda limit: max(limit, 100)),
    ),
    "no-limit": Defect("No limit is ever kept", 217, 1, "rate-limit", talks.burst, replacing("_count", count_nothing)),
    "limit-per-route": Defect(
        "Each address has a limit of its own instead of one per key",
        217,
        2,
        "rate-limit",
        talks.burst_over_routes,
        count_by_route,
    ),
    "limit-shared-between-keys": Defect(
        "All keys share one limit",
        217,
        1,
        "rate-limit",
        talks.two_keys,
        counting(lambda who, limit: ((who[0], ""), limit)),
    ),
    "window-never-ends": Defect(
        "A key over its limit stays refused for ever",
        217,
        1,
        "rate-limit",
        talks.burst,
        replacing("_count", never_reset),
    ),
    "refusals-prolong-window": Defect(
        "A key is still refused after Retry-After, since each refusal starts the window anew",
        214,
        1,
        "rate-limit",
        talks.burst,
        replacing("_count", start_anew_when_refused),
    ),
    "registrations-one-more": Defect(
        "Six registrations a minute are accepted from one address",
        180,
        3,
        "rate-limit",
        talks.registration,
        limit_of("address", lambda limit: limit + 1),
    ),
    "registrations-without-limit": Defect(
        "Registrations have no limit", 180, 2, "rate-limit", talks.registration, limit_of("address", lambda _: 10**6)
    ),
}

WEBHOOKS: dict[str, Defect] = {
    "webhook-never-told": Defect(
        "A webhook is never told anything", 159, 1, "webhook", talks.webhook, keep_quiet(lambda _: True)
    ),
    "webhook-not-told-of-failures": Defect(
        "A webhook is not told of failed messages",
        159,
        1,
        "webhook",
        talks.webhook,
        keep_quiet(lambda told: bool(told["data"]["status"] == "failed")),
    ),
    "webhook-not-told-of-reads": Defect(
        "A webhook is not told that a message was read",
        159,
        2,
        "webhook",
        talks.webhook,
        keep_quiet(lambda told: bool(told["data"]["status"] == "read")),
    ),
    "webhook-told-only-sent": Defect(
        "A webhook is told only that a message was sent",
        159,
        1,
        "webhook",
        talks.webhook,
        keep_quiet(lambda told: bool(told["data"]["status"] != "sent")),
    ),
    "webhook-told-twice": Defect(
        "A webhook is told again although it answered 2xx", 162, 2, "webhook", talks.webhook, judging_post(post_twice)
    ),
    "webhook-not-told-again": Defect(
        "A webhook that answered 500 is not told again", 162, 1, "webhook", talks.webhook, judging_post(post_once)
    ),
    "webhook-told-four-times": Defect(
        "A webhook that goes on failing with 500 is told four times instead of twice",
        162,
        2,
        "webhook",
        talks.webhook,
        judging_post(post_four_times),
    ),
    "webhook-told-otherwise-again": Defect(
        "A webhook is told another body the second time",
        162,
        2,
        "webhook",
        talks.webhook,
        judging_post(post_another_body),
    ),
    "webhook-redirect-is-thanks": Defect(
        "A webhook that answers 302 is not told again",
        162,
        3,
        "webhook",
        talks.webhook,
        replacing("_is_thanks", lambda _, __: lambda status: 200 <= status < 400),
    ),
    "webhook-204-is-no-thanks": Defect(
        "A webhook that answers 204 is told again",
        162,
        2,
        "webhook",
        talks.webhook,
        replacing("_is_thanks", lambda _, __: lambda status: status == 200),
    ),
    "webhook-gets-three-seconds": Defect(
        "A webhook that answers within 10 seconds is told again",
        162,
        2,
        "webhook",
        talks.slow_webhook,
        judging_post(lose_patience),
    ),
    "webhook-other-event": Defect(
        "The event is called message.updated",
        164,
        2,
        "webhook",
        talks.webhook,
        edit_told(lambda told: told.update(event="message.updated")),
    ),
    "webhook-without-timestamp": Defect(
        "What a webhook is told has no timestamp",
        165,
        2,
        "webhook",
        talks.webhook,
        edit_told(lambda told: told.pop("timestamp")),
    ),
    "webhook-timestamp-as-number": Defect(
        "The timestamp that a webhook is told is a number",
        165,
        2,
        "webhook",
        talks.webhook,
        edit_told(lambda told: told.update(timestamp=as_epoch(told["timestamp"]))),
    ),
    "webhook-message-id-renamed": Defect(
        "A webhook is told id instead of messageId",
        167,
        1,
        "webhook",
        talks.webhook,
        edit_told(lambda told: told["data"].update(id=told["data"].pop("messageId"))),
    ),
    "webhook-without-data": Defect(
        "What a webhook is told has no envelope `data`",
        166,
        1,
        "webhook",
        talks.webhook,
        edit_told(lambda told: told.update(told.pop("data"))),
    ),
    "webhook-loses-metadata": Defect(
        "A webhook is told no metadata",
        68,
        1,
        "webhook",
        talks.webhook,
        edit_told(lambda told: told["data"].update(metadata=None)),
    ),
    "webhook-status-in-capitals": Defect(
        "A webhook is told the status in capitals",
        168,
        2,
        "webhook",
        talks.webhook,
        edit_told(lambda told: told["data"].update(status=told["data"]["status"].upper())),
    ),
    "webhook-delivered-without-time": Defect(
        "A webhook is told that a message is delivered, and deliveredAt is null",
        170,
        2,
        "webhook",
        talks.webhook,
        edit_told(lambda told: told["data"].update(deliveredAt=None)),
    ),
    "webhook-null-times-left-out": Defect(
        "Times that are not known yet are left out of what a webhook is told",
        171,
        3,
        "webhook",
        talks.webhook,
        edit_told(lambda told: [told["data"].pop(name) for name in TIMES if told["data"][name] is None]),
    ),
    "webhook-failed-without-reason": Defect(
        "A webhook is told that a message failed, and errorMessage is null",
        178,
        2,
        "webhook",
        talks.webhook,
        edit_told(lambda told: told["data"].update(errorMessage=None)),
    ),
    "webhook-address-not-shown": Defect(
        "webhookUrl stays null after a webhook was saved",
        194,
        2,
        "webhook",
        talks.webhook,
        telling(ME, webhookUrl=None),
    ),
    "webhook-not-removed": Defect(
        "A removed webhook is still told",
        160,
        1,
        "webhook",
        talks.webhook,
        handling("DELETE /auth/me/webhook", lambda _, __: lambda ___: Reply(204)),
    ),
    "webhook-address-cannot-change": Defect(
        "A second webhook address is answered 200 and not saved",
        158,
        2,
        "webhook",
        talks.moved_webhook,
        handling("PUT /auth/me/webhook", keep_first_address),
    ),
}

BILLING: dict[str, Defect] = {
    "checkout-without-url": Defect(
        "A checkout is answered without url",
        246,
        1,
        "billing",
        talks.billing,
        leaving_out("POST /billing/checkout 2xx", "url"),
    ),
    "checkout-not-at-stripe": Defect(
        "The url of a checkout does not point to Stripe",
        246,
        2,
        "billing",
        talks.billing,
        telling("POST /billing/checkout 2xx", url="http://localhost:3000/upgrade"),
    ),
    "checkout-upgrades-at-once": Defect(
        "A checkout changes the plan before anything is paid",
        244,
        1,
        "billing",
        talks.billing,
        handling("POST /billing/checkout", upgrade_at_once),
    ),
    "checkout-of-enterprise": Defect(
        "A checkout of the enterprise plan is accepted",
        246,
        2,
        "billing",
        talks.billing,
        handling("POST /billing/checkout", sell_enterprise),
    ),
    "checkout-not-of-basic": Defect(
        "A checkout of the basic plan is refused",
        246,
        2,
        "billing",
        talks.billing,
        handling("POST /billing/checkout", sell_no_basic),
    ),
    "portal-without-url": Defect(
        "The billing portal is answered without a URL",
        248,
        2,
        "billing",
        talks.portal,
        answering("GET /billing/portal 200", lambda seen: seen.answer(200, {"data": {}})),
    ),
    "portal-500": Defect(
        "The billing portal is answered 500",
        248,
        2,
        "billing",
        talks.portal,
        answering("GET /billing/portal 200", answer_500),
    ),
}

PUBLISHED: dict[str, Defect] = {
    "no-openapi": Defect(
        "openapi.json is not published",
        5,
        2,
        "published-documents",
        talks.published,
        answering("GET /openapi.json", lambda seen: seen.refuse(404, "Not found.")),
    ),
    "openapi-is-html": Defect(
        "openapi.json is a page of HTML",
        5,
        2,
        "published-documents",
        talks.published,
        answering("GET /openapi.json", lambda seen: seen.answer(200, "<!doctype html><title>WhatsAPI</title>")),
    ),
    "openapi-without-bulk": Defect(
        "openapi.json lacks the bulk",
        4,
        3,
        "published-documents",
        talks.published,
        answering("GET /openapi.json", lambda seen: seen.payload["paths"].pop("/messages/bulk")),
    ),
    "openapi-without-paths": Defect(
        "openapi.json has no paths",
        4,
        2,
        "published-documents",
        talks.published,
        answering("GET /openapi.json", lambda seen: seen.payload.pop("paths")),
    ),
    "openapi-needs-key": Defect(
        "openapi.json needs a key, so that no AI can read it",
        5,
        3,
        "published-documents",
        talks.published,
        closing_to_strangers("GET /openapi.json"),
    ),
    "no-llms": Defect(
        "llms.txt is not published",
        5,
        3,
        "published-documents",
        talks.published,
        answering("GET /llms.txt", lambda seen: seen.refuse(404, "Not found.")),
    ),
    "no-docs": Defect(
        "The endpoint explorer is not there",
        2,
        3,
        "published-documents",
        talks.published,
        answering("GET /docs", lambda seen: seen.refuse(404, "Not found.")),
    ),
    "no-developers": Defect(
        "The developer pages are not there",
        5,
        3,
        "published-documents",
        talks.published,
        answering("GET /developers", lambda seen: seen.refuse(404, "Not found.")),
    ),
}

ROBUSTNESS: dict[str, Defect] = {
    "one-in-five-fails": Defect(
        "One answer in five is 500", 207, 1, "robustness", talks.headers_everywhere, every(5, "* *", answer_500)
    ),
    "one-read-in-three-fails": Defect(
        "One in three readings of a message is answered 500",
        108,
        1,
        "robustness",
        talks.text,
        every(3, MESSAGE, answer_500),
    ),
    "one-send-in-two-is-lost": Defect(
        "Every second send is answered 202 and lost", 8, 1, "robustness", talks.templates, losing_every_second
    ),
    "broken-json-500": Defect(
        "A body that is no JSON is answered 500 instead of 400",
        209,
        2,
        "robustness",
        talks.odd_bodies,
        answering("POST * 400", lambda seen: is_broken_json(seen.call) and answer_500(seen)),
    ),
    "null-body-500": Defect(
        "A body of null is answered 500 instead of 400",
        209,
        2,
        "robustness",
        talks.odd_bodies,
        answering("POST * 400", lambda seen: seen.call.body == b"null" and answer_500(seen)),
    ),
    "null-text-500": Defect(
        "A text of null is answered 500 instead of 400",
        209,
        2,
        "robustness",
        talks.odd_bodies,
        answering("POST * 400", lambda seen: b'"message": null' in seen.call.body and answer_500(seen)),
    ),
    "odd-item-500": Defect(
        "A number as text in a bulk is answered 500 instead of 400",
        209,
        2,
        "robustness",
        talks.odd_bodies,
        answering(f"{A_BULK} 400", lambda seen: b'"message": 7' in seen.call.body and answer_500(seen)),
    ),
    "no-body-500": Defect(
        "A send without a body is answered 500 instead of 400",
        209,
        2,
        "robustness",
        talks.odd_bodies,
        answering("POST * 400", lambda seen: not seen.call.body and answer_500(seen)),
    ),
}

CONTRADICTIONS: dict[str, Defect] = {
    "limit-header-of-another-plan": Defect(
        "The analytics tell the limit of the free plan to everybody",
        225,
        2,
        "rate-limit",
        talks.headers_everywhere,
        answering("GET /analytics/summary", lambda seen: seen.reply.headers.update({"x-ratelimit-limit": "20"})),
    ),
    "rates-swapped": Defect(
        "The two rates are each other's",
        149,
        1,
        "analytics",
        talks.analytics,
        answering(ANALYTICS, swap_rates),
    ),
    "history-loses-work": Defect(
        "The history of a message that has arrived lacks the work on it",
        108,
        2,
        "timestamps",
        talks.text,
        answering(MESSAGE, lose_work),
    ),
    "failed-is-delivered": Defect(
        "A failed message has a moment of delivery",
        118,
        2,
        "lifecycle",
        talks.real,
        answering(MESSAGE, deliver_failed),
    ),
    "bulk-metadata-of-first": Defect(
        "Every item of a bulk gets the metadata of the first",
        89,
        1,
        "bulk",
        talks.bulk,
        asking_body("POST /messages/bulk", give_metadata_of_first),
    ),
    "event-moments-off": Defect(
        "A webhook is told deliveredAt two hours late",
        170,
        2,
        "webhook",
        talks.webhook,
        posting(tell_late_delivery),
    ),
}

DEFECTS: dict[str, Defect] = {
    **CONTRADICTIONS,
    **SCHEMA,
    **STATUS,
    **ENVELOPE,
    **AUTH,
    **ISOLATION,
    **VALIDATION,
    **BOUNDARY,
    **DEFAULT,
    **ECHO,
    **ENCODING,
    **PAGINATION,
    **FILTER,
    **IDEMPOTENCY,
    **LIFECYCLE,
    **TIMESTAMPS,
    **SCHEDULES,
    **DRY_RUNS,
    **BULKS,
    **TEMPLATES,
    **ANALYTICS_DEFECTS,
    **LIMITS,
    **WEBHOOKS,
    **BILLING,
    **PUBLISHED,
    **ROBUSTNESS,
}


def harmless(what: str, family: str, shown_by: talks.Talk, apply: Apply) -> Defect:
    return Defect(what, None, 3, family, shown_by, apply)


HARMLESS: dict[str, Defect] = {
    "ids-random": harmless(
        "Ids are UUIDs in no order: only that they are UUIDs is documented.",
        "schema",
        talks.text,
        replacing("_new_id", random_ids),
    ),
    "batch-ids-as-uuids": harmless(
        "Batch ids are UUIDs: no form of them is documented.", "bulk", talks.bulk, batches_as_uuids
    ),
    "more-members": harmless(
        "Every object has a member more: no document says that the shown ones are all.",
        "schema",
        talks.text,
        answering("* * 2xx", add_members_everywhere),
    ),
    "only-documented-members": harmless(
        "Members that no document names are left out of messages and accounts.",
        "schema",
        talks.text,
        together(
            leaving_out(MESSAGE, "batchId", "channel", "createdAt", "scheduledFor", "template"),
            leaving_out(SEND, "dryRun"),
            leaving_out(BULK, "acceptedAt"),
            leaving_out(ME, "requestsPerMinute"),
        ),
    ),
    "json-written-otherwise": harmless(
        "JSON has other spaces, another order and plain letters: it means the same.",
        "encoding",
        talks.text,
        answering("* *", sort_members),
    ),
    "newest-first": harmless(
        "The newest messages come first: no order of the list is documented.",
        "order",
        talks.pages,
        listing(lambda _, messages: messages[::-1]),
    ),
    "list-of-whole-messages": harmless(
        "The list shows whole messages: no member of its items is documented.",
        "pagination",
        talks.pages,
        handling("GET /messages", list_whole_messages),
    ),
    "list-in-data-itself": harmless(
        "The messages of a page are `data` itself: the shape of a page is not documented.",
        "pagination",
        talks.pages,
        answering(LIST, list_bare),
    ),
    "no-pagination-member": harmless(
        "A page tells no totals: none are documented.", "pagination", talks.pages, leaving_out(LIST, "pagination")
    ),
    "big-limit-refused": harmless(
        "A limit over 200 is refused with 400 instead of cut: `max 200` allows both.",
        "boundary",
        talks.big_pages,
        handling("GET /messages", refuse_big_limit),
    ),
    "zero-limit-is-default": harmless(
        "A limit of 0 counts as none: nothing is documented below 1.",
        "boundary",
        talks.big_pages,
        asking("GET /messages", allow_zero),
    ),
    "unknown-status-refused": harmless(
        "A filter by a status that does not exist is refused: no document says what it finds.",
        "filter",
        talks.odd_filters,
        listing(refuse_unknown_status),
    ),
    "status-in-any-case": harmless(
        "A filter by status in capitals finds the same: no document says that case counts.",
        "filter",
        talks.odd_filters,
        listing(any_case, "status"),
    ),
    "slash-at-the-end": harmless(
        "A slash behind an address is ignored: no document speaks of it.",
        "robustness",
        talks.odd_filters,
        asking("* *", without_last_slash),
    ),
    "success-everywhere": harmless(
        "Every good answer says success: true, as some of the examples do.",
        "envelope",
        talks.text,
        answering("* * 2xx", lambda seen: seen.payload and seen.payload.update(success=True)),
    ),
    "errors-with-code": harmless(
        "Errors have a code and the id of the request besides: no document forbids more.",
        "envelope",
        talks.two_faults,
        answering("* * 4xx", lambda seen: seen.payload and seen.payload.update(code="E1", requestId="r1")),
    ),
    "details-otherwise": harmless(
        "The details name the field in another member: only that they are per field is documented.",
        "envelope",
        talks.two_faults,
        answering("* * 400", details_by_field),
    ),
    "errors-in-other-words": harmless(
        "Errors are worded otherwise: the text is for people.",
        "envelope",
        talks.unknown,
        answering("* * 4xx", lambda seen: seen.payload.update(error="No luck, please look at the documents.")),
    ),
    "whole-seconds": harmless(
        "Times have whole seconds, as in the examples.",
        "timestamps",
        talks.text,
        with_times(lambda text: text[:19] + "Z"),
    ),
    "microseconds": harmless(
        "Times have microseconds: no precision is documented.",
        "timestamps",
        talks.text,
        with_times(lambda text: text[:-1] + "000Z"),
    ),
    "offset-instead-of-z": harmless(
        "Times end with +00:00 instead of Z: both are the same moment in RFC 3339.",
        "timestamps",
        talks.text,
        with_times(lambda text: text[:-1] + "+00:00"),
    ),
    "timeline-without-processing": harmless(
        "The timeline leaves processing out, as in the example.",
        "lifecycle",
        talks.text,
        edit_timeline(lambda steps: [step for step in steps if step["status"] != "processing"]),
    ),
    "timeline-with-more": harmless(
        "The steps of a timeline have a detail each: no document forbids more members.",
        "lifecycle",
        talks.text,
        edit_timeline(lambda steps: [{**step, "detail": None} for step in steps]),
    ),
    "faster": harmless(
        "Messages arrive within a fifth of a second: no document says that it must take longer.",
        "lifecycle",
        talks.text,
        replacing("_later", hurry),
    ),
    "dry-run-ends-at-sent": harmless(
        "A dry run is never delivered: the documents say only that it simulates a send.",
        "dry-run",
        talks.text,
        stepping("_arrive", lambda message: message.dry_run),
    ),
    "dry-runs-not-counted": harmless(
        "Dry runs do not count as messagesSent: no document says whether they do.",
        "dry-run",
        talks.me,
        replacing("_call_whatsapp", count_no_dry_runs),
    ),
    "dry-runs-not-told": harmless(
        "Webhooks are told nothing of dry runs: no document says that they are.",
        "dry-run",
        talks.webhook_of_a_dry_run,
        replacing("_change", tell_nothing_of_dry_runs),
    ),
    "template-has-text": harmless(
        "The body of a message with a template is a text about it: no document says what it is.",
        "template",
        talks.templates,
        telling(MESSAGE, body=lambda text: text or "[template]"),
    ),
    "bulk-counts-bad-items": harmless(
        "A bulk sends the good items and counts the bad ones as failedCount, which is there for that.",
        "bulk",
        talks.bulk_with_a_bad_item,
        replacing("_send_bulk", count_bad_items),
    ),
    "bulk-of-none-accepted": harmless(
        "A bulk of no messages is accepted: no document names a smallest number.",
        "bulk",
        talks.bulk_of_none,
        replacing("_send_bulk", accept_empty_bulk),
    ),
    "unknown-member-refused": harmless(
        "A send with a member that no document names is refused: none says that such are ignored.",
        "validation",
        talks.odd_bodies,
        refusing("unknown", "is not known", lambda _, item: "unknown" in item),
    ),
    "message-and-template-refused": harmless(
        "A send with both message and template is refused: the documents speak of one or the other.",
        "validation",
        talks.with_fields(**talks.HELLO),
        refusing("message", "is too much", lambda _, item: {"message", "template"} <= item.keys()),
    ),
    "refusals-replayed": harmless(
        "A refusal is kept under its Idempotency-Key too: `the original response` may be one.",
        "idempotency",
        talks.repeats_of_a_refusal,
        once(keep_refusals),
    ),
    "same-json-is-same-body": harmless(
        "Bodies under an Idempotency-Key are compared as JSON: no document says what `different` means.",
        "idempotency",
        talks.repeats_in_other_words,
        asking("POST *", compare_json),
    ),
    "replay-for-two-days": harmless(
        "An Idempotency-Key is known for two days: after 24 hours nothing is promised.",
        "idempotency",
        talks.repeats_for_two_days,
        when_kept(remember_for_two_days),
    ),
    "rate-header-names-with-capitals": harmless(
        "The names of headers have capitals: names of headers have no case.",
        "rate-limit",
        talks.repeats,
        answering("* *", write_header_names),
    ),
    "standard-rate-headers-too": harmless(
        "Answers have RateLimit-Limit and others besides: no document forbids more headers.",
        "rate-limit",
        talks.headers_everywhere,
        answering("* *", add_headers),
    ),
    "window-of-the-clock": harmless(
        "The window starts with each minute of the clock: no document says when it starts.",
        "rate-limit",
        talks.burst,
        replacing("_count", count_whole_minutes),
    ),
    "retry-after-a-second-more": harmless(
        "Retry-After is a second longer than needed: who waits as told is served.",
        "rate-limit",
        talks.burst,
        with_header("* * 429", "Retry-After", lambda value: str(int(value) + 1)),
    ),
    "no-authenticate-header": harmless(
        "Errors 401 have no WWW-Authenticate: no document promises it.",
        "auth",
        talks.keys,
        without_headers("* *", "WWW-Authenticate"),
    ),
    "scheme-exactly-bearer": harmless(
        "`bearer` in small letters is refused: the documents say that it must be Bearer.",
        "auth",
        talks.keys,
        replacing("_account_of", exact_scheme),
    ),
    "registration-201": harmless(
        "A registration is answered 201: no document names its status.",
        "status",
        talks.registration,
        with_status("POST /auth/register 200", 201),
    ),
    "registration-of-known-email-refused": harmless(
        "A second registration with an email is refused with 409: no document says that it works.",
        "status",
        talks.registration,
        handling("POST /auth/register", refuse_known_email),
    ),
    "removal-200": harmless(
        "Removed credentials are answered 200 with a body: no document names the status.",
        "status",
        talks.credentials,
        answering("DELETE * 204", lambda seen: seen.answer(200, {"success": True, "data": {"removed": True}})),
    ),
    "verification-refused-400": harmless(
        "Credentials that Meta refuses are answered 400: no document names the status.",
        "status",
        talks.credentials,
        handling("POST /auth/me/credentials/verify", refuse_unverified),
    ),
    "checkout-200": harmless(
        "A checkout is answered 200: no document names its status.",
        "billing",
        talks.billing,
        with_status("POST /billing/checkout 201", 200),
    ),
    "unknown-method-404": harmless(
        "A method that an address does not know is answered 404: no document names the status.",
        "status",
        talks.unknown_method,
        with_status("* * 405", 404),
    ),
    "analytics-without-zeros": harmless(
        "byStatus leaves out statuses that no message has, as in the example.",
        "analytics",
        talks.analytics,
        telling(ANALYTICS, byStatus=lambda counts: {status: count for status, count in counts.items() if count}),
    ),
    "analytics-rates-exact": harmless(
        "The rates are not rounded: no document says how many digits they have.",
        "analytics",
        talks.analytics,
        answering(
            ANALYTICS,
            lambda seen: (
                seen.data["total"]
                and seen.data.update(deliveryRate=seen.data["byStatus"]["delivered"] / seen.data["total"] + 0.0)
            ),
        ),
    ),
    "webhook-without-sent-at": harmless(
        "A webhook is told no sentAt: the example has none.",
        "webhook",
        talks.webhook,
        edit_told(lambda told: told["data"].pop("sentAt")),
    ),
    "webhook-with-event-id": harmless(
        "What a webhook is told has an id: no document forbids more members.",
        "webhook",
        talks.webhook,
        edit_told(lambda told: told.update(id="evt_1", apiVersion="1")),
    ),
    "connection-closed": harmless(
        "The server closes the connection after each answer, as HTTP allows.",
        "robustness",
        talks.me,
        answering("* *", lambda seen: seen.reply.headers.update({"Connection": "close"})),
    ),
}
