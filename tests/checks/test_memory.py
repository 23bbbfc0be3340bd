"""What one answer says of a thing is held to what others say of it."""

from __future__ import annotations

import pytest

from tests.checks.hand_made import Talk

TEXT = {"operation": "sendMessage", "at": "/content", "shows": "/content"}
STATUS = {"operation": "listMessages", "parameter": "status", "at": "/status"}
NUMBERS = {"operation": "listMessages", "at": "/to"}
ACCOUNTS = {"operation": "listMessages", "roles": ["other_account"]}


def sent(content: object = "Hello", status: int = 201, **message: object) -> Talk:
    """One send, and the message that came back."""
    return also_sent(Talk(), content, status, **message)


def also_sent(talk: Talk, content: object = "Hello", status: int = 201, **message: object) -> Talk:
    shown = {"id": "msg_1", "content": content, "status": "sent", **message}
    return talk.answered("sendMessage", {"data": shown}, status, sent={"content": content})


def read(talk: Talk, **message: object) -> Talk:
    return talk.answered("getMessage", {"data": {"id": "msg_1", **message}})


def listed(talk: Talk, *items: dict[str, object], role: str = "main", **query: object) -> Talk:
    return talk.answered("listMessages", {"data": {"data": list(items)}}, query=tuple(query.items()), role=role)


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (Talk(), "no message that was sent in this run was shown"),
        (read(Talk(), content="Hello"), "no message that was sent in this run was shown"),
        (sent(), "kept"),
        (read(sent(), content="Hello"), "kept"),
        (read(sent()), "kept"),  # that it is shown at all is another claim's
        (read(sent(), content="Hell"), "broken"),
        (listed(sent(), {"id": "msg_1", "content": "hello"}), "broken"),
        (listed(sent(), {"id": "msg_2", "content": "Other"}), "kept"),
        (also_sent(sent(), "Other"), "broken"),
    ],
)
def test_a_message_is_shown_as_it_was_sent(talk: Talk, verdict: str) -> None:
    assert talk.says("as-sent", **TEXT) == verdict


def test_the_first_send_that_was_answered_with_an_id_counts() -> None:
    talk = sent().answered("sendMessage", {"data": {"id": "msg_1", "content": "Hello"}}, 201, sent={"content": "Other"})
    assert talk.says("as-sent", **TEXT) == "kept"


@pytest.mark.parametrize(
    ("matches", "verdict"),
    [("Hel.*", "broken"), ("Bye", "no message that was sent in this run was shown")],
)
def test_only_values_of_a_form_are_expected_back(matches: str, verdict: str) -> None:
    assert read(sent(), content="changed").says("as-sent", matches=matches, **TEXT) == verdict


def test_a_step_may_be_left_out() -> None:
    left_out = read(sent(), content="changed").says("as-sent", **{"except": ["any/step"]}, **TEXT)
    assert left_out == "no message that was sent in this run was shown"


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (listed(Talk(), {"id": "a", "to": "+1"}), "nothing was shown twice"),
        (listed(Talk(), {"id": "a", "to": "+1"}, {"id": "b", "to": "+2"}), "nothing was shown twice"),
        (listed(listed(Talk(), {"id": "a", "to": "+1"}), {"id": "a", "to": "+1"}), "kept"),
        (listed(listed(Talk(), {"id": "a", "to": "+1"}), {"id": "a", "to": "+2"}, page=2), "broken"),
        (listed(listed(Talk(), {"id": "a", "to": "+1"}), {"id": "a"}), "nothing was shown twice"),
    ],
)
def test_what_never_changes_stays(talk: Talk, verdict: str) -> None:
    assert talk.says("steady", **NUMBERS) == verdict


@pytest.mark.parametrize(
    ("moments", "verdict"),
    [
        (["2026-01-01T10:00:00Z", "2026-01-01T11:00:00.000+01:00"], "kept"),
        (["2026-01-01T10:00:00.900Z", "2026-01-01T10:00:00Z"], "kept"),  # cut to the second
        ([None, "2026-01-01T10:00:00Z"], "nothing was shown twice"),
        ([None, "2026-01-01T10:00:00Z", "2026-01-01T10:00:09Z"], "broken"),
    ],
)
def test_a_moment_stays_once_it_has_come(moments: list[str | None], verdict: str) -> None:
    talk = Talk()
    for at in moments:
        read(talk, sentAt=at)
    assert talk.says("steady", operation="getMessage", at="/sentAt", set=True, tolerance=1) == verdict


def test_what_is_known_by_its_key_may_differ_from_key_to_key() -> None:
    talk = Talk()
    for role, name in (("main", "Ann"), ("second", "Bob"), ("main", "Ann")):
        talk.answered("getAccount", {"data": {"name": name}}, role=role)
    account = {"operation": "getAccount", "at": "/name", "id": "role", "in": {"getAccount/200": "/data"}}
    assert talk.says("steady", **account) == "kept"
    talk.answered("getAccount", {"data": {"name": "Eve"}}, role="second")
    assert talk.says("steady", **account) == "broken"


def filtered_after(status: str, *items: dict[str, object], then: str | None = None, **query: object) -> Talk:
    """A message in a state, then a filtered list, and perhaps another look at the message."""
    talk = read(listed(Talk(), {"id": "msg_1"}), status=status)
    asked = {"status": "sent", **query}
    talk.answered("listMessages", {"data": {"data": list(items)}}, query=tuple(asked.items()))
    return talk if then is None else read(talk, status=then)


FOUND: dict[str, object] = {"id": "msg_1", "status": "sent"}
UNKNOWN = "no whole filtered list, or nothing that was known to match"


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (Talk(), UNKNOWN),
        (filtered_after("sent"), UNKNOWN),  # it may have moved on meanwhile
        (filtered_after("sent", then="delivered"), UNKNOWN),
        (filtered_after("delivered", then="delivered"), UNKNOWN),
        (filtered_after("sent", then="sent"), "broken"),
        (filtered_after("sent", FOUND, then="sent"), "kept"),
        (filtered_after("sent", then="sent", page=1, limit=100), "broken"),
        (filtered_after("sent", then="sent", page=2), UNKNOWN),
        (filtered_after("sent", {"id": "msg_2", "status": "sent"}, then="sent", limit=1), UNKNOWN),
        (filtered_after("sent", then="sent", phoneNumberId="x"), UNKNOWN),
    ],
)
def test_a_filter_finds_what_is_known_to_match(talk: Talk, verdict: str) -> None:
    assert talk.says("complete", **STATUS) == verdict


def test_what_lasts_need_not_be_seen_again() -> None:
    assert filtered_after("sent").says("complete", lasting=True, **STATUS) == "broken"


@pytest.mark.parametrize(("retried", "verdict"), [(False, "broken"), (True, UNKNOWN)])
def test_a_message_that_was_retried_may_have_been_in_any_state(verdict: str, *, retried: bool) -> None:
    talk = Talk("whatsapi")
    talk.answered("listMessages", {"data": [{"id": "{id}"}]})
    talk.answered("getMessage", {"data": {"id": "{id}", "status": "failed"}})
    if retried:
        talk.answered("retryMessage", {}, 202)
    talk.answered("listMessages", {"data": []}, query=(("status", "failed"),))
    talk.answered("getMessage", {"data": {"id": "{id}", "status": "failed"}})
    assert talk.says("complete", **STATUS) == verdict


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (listed(Talk(), {"id": "a"}), "needs a list with a key of other_account"),
        (listed(listed(Talk(), {"id": "a"}), {"id": "b"}, role="other_account"), "kept"),
        (listed(listed(Talk(), {"id": "a"}), {"id": "a"}, role="other_account"), "broken"),
        (listed(listed(Talk(), {"id": "a"}), {"id": "a"}, role="second"), "needs a list with a key of other_account"),
    ],
)
def test_accounts_see_nothing_of_each_other(talk: Talk, verdict: str) -> None:
    assert talk.says("apart", **ACCOUNTS) == verdict


def refused(*accepted: str, status: int = 400) -> Talk:
    """A send that was refused, others that were not, and then a list."""
    talk = Talk().answered("sendMessage", {"error": "no"}, status, sent={"content": "Refused"})
    for content in accepted:
        also_sent(talk, content)
    return talk


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (refused(), "no message was shown after a send was refused"),
        (listed(refused(), {"id": "a", "content": "Other"}), "kept"),
        (listed(refused(), {"id": "a", "content": "Refused"}), "broken"),
        (listed(refused("Refused"), {"id": "a", "content": "Refused"}), "kept"),
        (
            listed(refused(status=500), {"id": "a", "content": "Refused"}),
            "no message was shown after a send was refused",
        ),
    ],
)
def test_what_was_refused_is_nowhere(talk: Talk, verdict: str) -> None:
    assert talk.says("nowhere", **TEXT) == verdict


SEEN_QUEUED, SEEN_SENT = (
    {"status": "queued", "at": "2026-03-28T10:00:00Z"},
    {"status": "sent", "at": "2026-03-28T10:00:01Z"},
)


def histories(*told: list[dict[str, str]]) -> Talk:
    """One message of WhatsAPI, read again and again."""
    talk = Talk("whatsapi")
    for timeline in told:
        talk.answered("getMessage", {"data": {"id": "{id}", "timeline": timeline}})
    return talk


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (histories([SEEN_QUEUED]), "no history was shown twice"),
        (histories([SEEN_QUEUED], [SEEN_QUEUED, SEEN_SENT]), "kept"),
        (histories([SEEN_QUEUED], [{**SEEN_QUEUED, "at": "2026-03-28T11:00:00+01:00"}]), "kept"),  # the same instant
        (histories([SEEN_QUEUED], [SEEN_SENT]), "broken"),
        (histories([SEEN_QUEUED], [{**SEEN_QUEUED, "at": "2026-03-28T10:00:09Z"}]), "broken"),
        (histories([SEEN_QUEUED]).answered("retryMessage", {}, 202).answered(
            "getMessage", {"data": {"id": "{id}", "timeline": [SEEN_SENT]}}), "no history was shown twice"),
    ],
)  # fmt: skip
def test_a_history_only_grows(talk: Talk, verdict: str) -> None:
    assert talk.says("history", operation="getMessage", at="/timeline") == verdict


@pytest.mark.parametrize(("status", "verdict"), [("failed", "broken"), ("read", "broken"), ("delivered", UNKNOWN)])
def test_a_state_that_no_message_leaves_need_not_be_seen_again(status: str, verdict: str) -> None:
    talk = listed(Talk(), {"id": "msg_1"}).answered("getMessage", {"data": {"id": "msg_1", "status": status}})
    talk.answered("listMessages", {"data": {"data": []}}, query=(("status", status),))
    assert talk.says("complete", **STATUS) == verdict


def test_what_is_only_read_alone_need_not_be_listed() -> None:
    talk = read(Talk(), status="failed").answered("listMessages", {"data": {"data": []}}, query=(("status", "failed"),))
    assert talk.says("complete", **STATUS) == UNKNOWN
