"""Faults of the members of inbound messages, phones, account and usage."""

from __future__ import annotations

from typing import Any

from affidavit.sandbox.chatmaid.deviations.moments import epoch, seconds
from affidavit.sandbox.chatmaid.deviations.parts import (
    ACCOUNT,
    CONNECTION,
    INBOX,
    LETTER,
    PHONE,
    PHONES,
    USAGE,
    Build,
    body,
    gone,
    relabelled,
    renamed,
    row,
    status,
    to,
    without_nulls,
)


def letters(at: str, change: Any) -> Build:  # noqa: ANN401 - a change
    """Another value of a listed inbound message's member."""
    return body(status(INBOX, "200"), "/data/data/*" + at, change)


def phones(at: str, change: Any) -> Build:  # noqa: ANN401 - a change
    """Another value of a listed phone's member."""
    return body(status(PHONES, "200"), "/data/*" + at, change)


def account(at: str, change: Any) -> Build:  # noqa: ANN401 - a change
    """Another value of the account's member."""
    return body(status(ACCOUNT, "200"), "/data" + at, change)


def usage(at: str, change: Any) -> Build:  # noqa: ANN401 - a change
    """Another value of a member of usage."""
    return body(status(USAGE, "200"), "/data" + at, change)


def _four_years_ago(moment: str) -> str:
    return f"{int(moment[:4]) - 4}{moment[4:]}"


FAULTS = (
    # inbound messages
    row(
        "inbound-id-of-outbound-form",
        "schema",
        "An inbound message's id has the form of an outbound one.",
        relabelled("inmsg_[0-9a-f]{16}", lambda one: one.removeprefix("in")),
    ),
    row(
        "inbound-numbers-without-plus",
        "schema",
        "Inbound messages show numbers without the plus.",
        letters("/from", lambda one: one.removeprefix("+")),
        letters("/to", lambda one: one.removeprefix("+")),
    ),
    row("inbound-type-missing", "schema", "An inbound message does not name its kind.", letters("/type", gone)),
    row(
        "inbound-group-flag-is-text",
        "schema",
        "An inbound message says in a text whether it was written in a group.",
        letters("/isGroup", lambda one: "yes" if one else "no"),
    ),
    row(
        "inbound-group-id-empty",
        "schema",
        "An inbound message from outside a group has an empty text as its group.",
        letters("/groupId", lambda one: one or ""),
    ),
    row(
        "inbound-received-at-cut",
        "schema",
        "The moment of receiving is cut to the second.",
        letters("/receivedAt", seconds),
    ),
    row(
        "inbound-created-at-missing",
        "schema",
        "An inbound message does not show when it was stored.",
        letters("/createdAt", gone),
    ),
    row(
        "inbound-content-renamed",
        "schema",
        "An inbound message has its text under another name.",
        letters("", renamed("content", "text")),
    ),
    row(
        "inbound-read-alone-differs",
        "echo",
        "An inbound message read alone shows its text in another case.",
        body(status(LETTER, "200"), "/data/content", str.upper),
    ),
    row(
        "inbound-total-missing",
        "schema",
        "The inbound list has no total.",
        body(status(INBOX, "200"), "/data/pagination/total", gone),
    ),
    # phones
    row(
        "phone-listed-twice",
        "schema",
        "The first phone is listed twice.",
        body(status(PHONES, "200"), "/data", lambda all_of_them: all_of_them[:1] + all_of_them),
    ),
    row(
        "phones-paged",
        "schema",
        "The phones stand in a page.",
        body(
            status(PHONES, "200"),
            "/data",
            lambda all_of_them: {
                "data": all_of_them,
                "pagination": {"page": 1, "limit": 20, "total": len(all_of_them), "totalPages": 1},
            },
        ),
    ),
    row("phone-id-missing", "schema", "A listed phone has no id.", phones("/id", gone)),
    row(
        "phone-number-formatted",
        "schema",
        "A phone shows its number with spaces, and understands it so.",
        relabelled(r'(?<="phoneNumber":")\+1[0-9]{10}', lambda one: f"{one[:2]} {one[2:5]} {one[5:]}"),
    ),
    row("phone-name-null", "schema", "A listed phone has no display name.", phones("/displayName", to(None))),
    row(
        "phone-connection-is-flag",
        "schema",
        "A listed phone says with a flag whether it is connected.",
        phones("/connectionStatus", lambda one: one == "connected"),
    ),
    row(
        "phone-connection-in-capitals",
        "schema",
        "The state of a connection is in capitals everywhere.",
        phones("/connectionStatus", str.upper),
        body(status(PHONE, "200"), "/data/connectionStatus", str.upper),
        body(status(CONNECTION, "200"), "/data/connectionStatus", str.upper),
    ),
    row(
        "phone-connected-at-is-number",
        "schema",
        "A listed phone shows the moment of connection as a number.",
        phones("/lastConnectedAt", epoch),
    ),
    row(
        "phone-nulls-left-out",
        "schema",
        "Members of a listed phone that are null are left out.",
        phones("", without_nulls),
    ),
    row(
        "phone-updated-at-missing",
        "schema",
        "A listed phone does not show when it changed.",
        phones("/updatedAt", gone),
    ),
    row(
        "phone-updated-before-created",
        "schema",
        "A phone last changed before it was added.",
        *(
            body(status(place, "200"), at + "/updatedAt", to("2001-01-01T00:00:00.000Z"))
            for place, at in ((PHONES, "/data/*"), (PHONE, "/data"))
        ),
    ),
    row(
        "phone-alone-lacks-name",
        "schema",
        "A phone read alone lacks its display name.",
        body(status(PHONE, "200"), "/data/displayName", gone),
    ),
    row(
        "connection-of-another-id",
        "schema",
        "A connection shows the number of its phone as the id.",
        body(status(CONNECTION, "200"), "/data", lambda one: {**one, "id": one["phoneNumber"]}),
    ),
    row(
        "connection-lacks-moments",
        "schema",
        "A connection is described without moments.",
        *(
            body(status(CONNECTION, "200"), f"/data/{name}", gone)
            for name in ("lastConnectedAt", "lastDisconnectedAt", "updatedAt")
        ),
    ),
    # account and usage
    row("account-id-is-number", "schema", "The account has a number as id.", account("/accountId", to(4711))),
    row("account-name-missing", "schema", "The account has no name.", account("/name", gone)),
    row(
        "account-email-no-address",
        "schema",
        "The account's e-mail address is none.",
        account("/email", lambda one: one.replace("@", " at ")),
    ),
    row(
        "account-subscription-null",
        "schema",
        "The account does not show its subscription.",
        account("/subscriptionStatus", to(None)),
    ),
    row(
        "account-stats-beside",
        "schema",
        "The account's counters stand beside its profile.",
        account("", lambda one: {**{name: value for name, value in one.items() if name != "stats"}, **one["stats"]}),
    ),
    row(
        "account-counts-are-texts",
        "schema",
        "The account's counters are texts.",
        *(account(f"/stats/{name}", str) for name in ("apiKeys", "phoneNumbers", "messages")),
    ),
    row(
        "usage-period-always-month", "echo", "Usage says month, whatever was asked for.", usage("/period", to("month"))
    ),
    row("usage-start-cut", "schema", "The first moment of usage is a date.", usage("/startDate", lambda one: one[:10])),
    row("usage-end-missing", "schema", "Usage has no last moment.", usage("/endDate", gone)),
    row(
        "usage-of-another-year",
        "schema",
        "Usage is that of four years ago.",
        usage(
            "",
            lambda one: {
                **one,
                "startDate": _four_years_ago(one["startDate"]),
                "endDate": _four_years_ago(one["endDate"]),
            },
        ),
    ),
    row(
        "usage-window-reversed",
        "schema",
        "Usage ends before it begins.",
        usage("", lambda one: {**one, "startDate": one["endDate"], "endDate": one["startDate"]}),
    ),
    row("usage-pending-missing", "schema", "Usage does not count what is pending.", usage("/messages/pending", gone)),
    row(
        "usage-counts-null-when-none",
        "schema",
        "Usage shows null in place of 0.",
        usage("/messages/*", lambda one: one or None),
        *(usage(f"/messages/{name}", lambda one: one or None) for name in ("total", "pending", "sent", "failed")),
    ),
    row(
        "usage-requests-do-not-add-up",
        "totals",
        "Usage counts refused requests twice in the total.",
        usage("/apiRequests", lambda one: {**one, "total": one["total"] + 1}),
    ),
)
