"""Faults of a message's members and of the page around them: missing, renamed, mistyped, null, of another form."""

from __future__ import annotations

from affidavit.sandbox.chatmaid.deviations.moments import epoch, half_a_day_later, offset, seconds, trimmed
from affidavit.sandbox.chatmaid.deviations.parts import (
    LIST,
    MESSAGE,
    SEND,
    body,
    gone,
    message,
    relabelled,
    renamed,
    row,
    sometimes,
    status,
    without_nulls,
)

SENT, READ, LISTED = status(SEND, "201"), status(MESSAGE, "200"), status(LIST, "200")


FAULTS = (
    # messages
    row(
        "message-id-without-prefix",
        "schema",
        "A message's id lacks its prefix.",
        relabelled(r"\bmsg_[0-9a-f]{16}", lambda one: one.removeprefix("msg_")),
    ),
    row(
        "message-id-is-number",
        "schema",
        "A message's id is a number.",
        relabelled('"msg_[0-9a-f]{16}"', lambda one: str(int(one[5:17], 16))),
    ),
    row(
        "message-id-deeper",
        "schema",
        "The answer to a send has the message one level deeper.",
        body(SENT, "/data", lambda one: {"message": one}),
    ),
    row(
        "message-status-unknown-word",
        "schema",
        "A sent message is called accepted in the answer to the send.",
        body(SENT, "/data/status", lambda one: "accepted" if one == "sent" else one),
    ),
    row(
        "message-status-in-capitals",
        "schema",
        "Statuses are shown in capitals, wherever a message is.",
        message("/status", str.upper),
    ),
    row(
        "created-at-without-milliseconds",
        "schema",
        "The moment of creation is cut to the second.",
        message("/createdAt", seconds),
    ),
    row("created-at-is-number", "schema", "The moment of creation is a number.", message("/createdAt", epoch)),
    row(
        "created-at-with-offset",
        "schema",
        "The moment of creation has an offset in place of Z.",
        message("/createdAt", offset),
    ),
    row(
        "moments-are-local",
        "schema",
        "Moments of a message are local time that calls itself UTC.",
        *(
            message(f"/{name}", half_a_day_later)
            for name in ("createdAt", "sentAt", "deliveredAt", "readAt", "failedAt")
        ),
    ),
    row("created-at-missing", "schema", "A message does not show when it was created.", message("/createdAt", gone)),
    row(
        "moments-lose-trailing-zeros",
        "schema",
        "Moments end where their zeros begin.",
        *(message(f"/{name}", trimmed) for name in ("createdAt", "sentAt", "deliveredAt", "readAt", "failedAt")),
    ),
    row(
        "sent-at-missing-on-send",
        "schema",
        "The answer to a send lacks the moment of sending.",
        body(SENT, "/data/sentAt", gone),
    ),
    row("sent-at-is-number", "schema", "The moment of sending is a number.", message("/sentAt", epoch)),
    row(
        "nulls-left-out",
        "schema",
        "Members of a message that are null are left out.",
        body(SENT, "/data", without_nulls),
        body(READ, "/data", without_nulls),
    ),
    row(
        "failed-at-renamed",
        "schema",
        "The moment of failure has another name.",
        message("", renamed("failedAt", "failureAt")),
    ),
    row(
        "delivered-at-missing-on-read",
        "schema",
        "A message read alone lacks the moment of delivery.",
        body(READ, "/data/deliveredAt", gone),
    ),
    row(
        "read-at-is-flag",
        "schema",
        "A message read alone says with a flag that it was read.",
        body(READ, "/data/readAt", lambda one: one is not None),
    ),
    row("error-code-missing", "schema", "No message has an error code.", message("/errorCode", gone)),
    row(
        "error-code-is-number",
        "schema",
        "A failed message has a number as its code.",
        message("/errorCode", lambda one: one and 131026),
    ),
    row(
        "error-message-missing-on-send",
        "schema",
        "The answer to a send has no error message.",
        body(SENT, "/data/errorMessage", gone),
    ),
    row(
        "media-urls-missing-without-media",
        "schema",
        "A message without media does not show its media.",
        message("/mediaUrls", lambda one: one or gone(one)),
    ),
    row(
        "media-urls-null-without-media",
        "schema",
        "A message without media shows null as its media.",
        message("/mediaUrls", lambda one: one or None),
    ),
    row(
        "from-without-plus",
        "schema",
        "A message shows its sender without the plus.",
        message("/from", lambda one: one.removeprefix("+")),
    ),
    row(
        "to-without-plus",
        "schema",
        "A message shows its recipient without the plus.",
        message("/to", lambda one: one.removeprefix("+")),
    ),
    # lists of messages
    row(
        "listed-message-lacks-text",
        "schema",
        "A listed message lacks its text.",
        body(LISTED, "/data/data/*/content", gone),
    ),
    row(
        "listed-message-lacks-recipient",
        "schema",
        "A listed message lacks its recipient.",
        body(LISTED, "/data/data/*/to", gone),
    ),
    row(
        "list-items-renamed",
        "schema",
        "A page has its items under another name.",
        body(LISTED, "/data", renamed("data", "items")),
    ),
    row(
        "list-flat",
        "schema",
        "A page has its items directly under data, and no page numbers.",
        body(LISTED, "/data", lambda page: page["data"]),
    ),
    row(
        "pagination-beside-data",
        "schema",
        "The page numbers stand beside data.",
        body(
            LISTED,
            "",
            lambda whole: {
                "success": True,
                "data": {"data": whole["data"]["data"]},
                "pagination": whole["data"]["pagination"],
            },
        ),
    ),
    row(
        "pagination-renamed",
        "schema",
        "The total has another name.",
        body(LISTED, "/data/pagination", renamed("total", "totalCount")),
    ),
    row(
        "pagination-of-texts",
        "schema",
        "Page numbers are texts.",
        body(LISTED, "/data/pagination", lambda numbers: {name: str(one) for name, one in numbers.items()}),
    ),
    # now and then
    row(
        "sometimes-no-recipient-shown",
        "schema",
        "Every third answer to a send lacks the recipient.",
        sometimes(SEND, 3, body(SENT, "/data/to", gone)),
    ),
    row(
        "sometimes-moments-cut",
        "schema",
        "Every fourth message read alone has its moments cut to the second.",
        sometimes(
            MESSAGE,
            4,
            body(
                READ,
                "",
                lambda whole: {
                    **whole,
                    "data": {name: seconds(one) if name.endswith("At") else one for name, one in whole["data"].items()},
                },
            ),
        ),
    ),
    row(
        "sometimes-extra-envelope",
        "schema",
        "Every fifth list is wrapped once more.",
        sometimes(LIST, 5, body(LISTED, "/data", lambda page: {"result": page})),
    ),
)
