"""What becomes of a message, by environment and recipient, on a clock that only the test moves."""

from __future__ import annotations

from typing import Any

import pytest

from affidavit.sandbox.chatmaid import RECIPIENTS, Options
from tests.sandbox.chatmaid_caller import START, Caller

NORMAL, RECEIPTS_OFF, FAILS, READ_AT_ONCE = RECIPIENTS.values()
TIMES = ("sentAt", "deliveredAt", "readAt", "failedAt")


def seconds(message: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON value
    """The message's status, then its times, each as the seconds in `03:04:SS.mmm`; a dash for null."""
    return message["status"], *(message[name][17:23] if message[name] else "-" for name in TIMES)


def history(role: str, to: str, options: Options | None = None) -> list[tuple[str, ...]]:
    """What a poll every half second sees, without repetitions."""
    caller = Caller(options) if options else Caller()
    sent = caller.send(role, to=to).data
    seen = [seconds(sent)]
    for _ in range(20):
        caller.wait(0.5)
        seen.append(seconds(caller.message(sent["id"], role)))
    return list(dict.fromkeys(seen))


@pytest.mark.parametrize("to", [NORMAL, "+12025550100", "+12025550199", "+442079460000"])
def test_a_normal_test_message_is_delivered_after_2_seconds_and_read_after_5(to: str) -> None:
    assert history("main", to) == [
        ("sent", "05.678", "-", "-", "-"),
        ("delivered", "05.678", "07.678", "-", "-"),
        ("read", "05.678", "07.678", "10.678", "-"),
    ]


def test_a_recipient_without_receipts_never_reads() -> None:
    assert history("main", RECEIPTS_OFF) == [
        ("sent", "05.678", "-", "-", "-"),
        ("delivered", "05.678", "07.678", "-", "-"),
    ]


def test_a_test_message_that_fails_says_so_in_the_answer_to_send() -> None:
    assert history("main", FAILS) == [("failed", "-", "-", "-", "05.678")]


def test_a_message_may_go_from_sent_to_read_in_one_step() -> None:
    assert history("main", READ_AT_ONCE) == [
        ("sent", "05.678", "-", "-", "-"),
        ("read", "05.678", "10.678", "10.678", "-"),
    ]


def test_a_live_message_is_pending_for_a_second_first() -> None:
    assert history("live", NORMAL) == [
        ("pending", "-", "-", "-", "-"),
        ("sent", "06.678", "-", "-", "-"),
        ("delivered", "06.678", "08.678", "-", "-"),
        ("read", "06.678", "08.678", "11.678", "-"),
    ]


def test_a_live_message_fails_after_having_been_pending() -> None:
    assert history("live", FAILS) == [("pending", "-", "-", "-", "-"), ("failed", "-", "-", "-", "06.678")]


def test_the_times_can_be_set() -> None:
    options = Options(live_confirm_after=0.5, deliver_after=1.0, read_after=1.5)
    assert history("live", NORMAL, options) == [
        ("pending", "-", "-", "-", "-"),
        ("sent", "06.178", "-", "-", "-"),
        ("delivered", "06.178", "07.178", "-", "-"),
        ("read", "06.178", "07.178", "07.678", "-"),
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"deliver_after": 3.0, "read_after": 2.0},
        {"deliver_after": -1.0},
        {"live_confirm_after": -1.0},
        {"requests_per_minute": 0},
        {"window": 0.0},
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"use|negative"):
        Options(**options)


def test_only_a_failed_message_has_an_error() -> None:
    caller = Caller()
    errors = {
        to: (message["errorCode"], message["errorMessage"])
        for to in RECIPIENTS.values()
        for message in [caller.send(to=to).data]
    }
    nothing = (None, None)
    assert errors == {
        NORMAL: nothing,
        RECEIPTS_OFF: nothing,
        FAILS: ("recipient_unreachable", "The recipient cannot be reached on WhatsApp."),
        READ_AT_ONCE: nothing,
    }


def test_nothing_is_ever_due() -> None:
    caller = Caller()
    caller.send(role="live")
    assert caller.machine.next_due() is None
    assert caller.machine.tick(START + 1000) == ()


def test_a_message_of_another_account_or_environment_is_not_found() -> None:
    caller = Caller()
    message_id = caller.send().data["id"]
    statuses = {
        role: caller.get(f"/v1/messages/{message_id}", role=role).status
        for role in ("main", "second", "live", "other_account", "other_live")
    }
    assert statuses == {"main": 200, "second": 200, "live": 404, "other_account": 404, "other_live": 404}


@pytest.mark.parametrize("message_id", ["msg_0", "msg_", "x", "%00", "%ff", "a%2Fb", "é", "\ud800", "x" * 10_000])
def test_an_unknown_message_is_not_found(message_id: str) -> None:
    answer = Caller().get(f"/v1/messages/{message_id}")
    assert (answer.status, answer.wrong) == (404, ["Message not found"])
