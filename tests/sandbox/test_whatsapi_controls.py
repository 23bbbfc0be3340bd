from __future__ import annotations

import pytest

from affidavit.sandbox.model import Json, UnknownControlError
from affidavit.sandbox.whatsapi import RECIPIENTS, Options
from affidavit.sandbox.whatsapi.machine import CONTROLS
from tests.sandbox.whatsapi_caller import CLOSED, NORMAL, Caller

TEXT = {"to": NORMAL, "message": "Hello"}
PAUSED = (503, "The WhatsApp API keeps failing. Sending is paused and resumes by itself.")


# --- upstream and circuit ---------------------------------------------------------------------------------------------


def test_while_whatsapp_is_down_nothing_is_sent_and_everything_else_works() -> None:
    caller = Caller()
    failed = caller.send(CLOSED)
    caller.wait(10)
    caller.control("upstream", mode="down")
    for answer in (
        caller.post("/send-message", TEXT),
        caller.post("/messages/bulk", {"messages": [TEXT, {**TEXT, "dry_run": True}]}),
        caller.post(f"/messages/{failed}/retry"),
        caller.post("/send-message", TEXT, role="other_account"),
    ):
        assert answer.error == PAUSED
        assert "Retry-After" not in answer.headers
        assert answer.limits[0] == 1_000_000
    assert caller.post("/send-message", {}).status == 400
    assert caller.get("/messages").status == 200
    assert caller.get("/auth/me").data["messagesSent"] == 1


def test_a_dry_run_passes_while_whatsapp_is_down() -> None:
    caller = Caller()
    caller.control("upstream", mode="down")
    sent = caller.send(dry_run=True)
    assert caller.post("/messages/bulk", {"messages": [{**TEXT, "dry_run": True}]}).status == 202
    caller.wait(10)
    assert caller.message(sent)["status"] == "read"


@pytest.mark.parametrize(
    # Tried again every 30 s from the beginning of the outage on.
    ("outage", "paused"), [(0, 30), (10, 20), (29, 1), (30, 0), (31, 29), (100, 20)],
)  # fmt: skip
def test_sending_resumes_by_itself_at_the_next_try_after_an_outage(outage: float, paused: float) -> None:
    caller = Caller()
    caller.control("upstream", mode="down")
    caller.wait(outage)
    assert caller.post("/send-message", TEXT).status == 503
    caller.control("upstream", mode="ok")
    if paused:
        caller.wait(paused - 0.5)
        assert caller.post("/send-message", TEXT).status == 503
        caller.wait(0.5)
    assert caller.post("/send-message", TEXT).status == 202


def test_a_message_caught_in_a_short_outage_is_retried_and_sent() -> None:
    caller = Caller()
    sent = caller.send()
    caller.wait(0.1)
    caller.control("upstream", mode="down")
    caller.wait(1)
    caller.control("upstream", mode="ok")
    caller.wait(60)
    assert caller.course(sent) == [
        ("queued", 0), ("processing", 0.2), ("retrying", 1), ("sent", 2.8), ("delivered", 3.6), ("read", 6.8),
    ]  # fmt: skip


def test_a_message_caught_in_a_long_outage_fails_and_can_be_retried_after_it() -> None:
    caller = Caller()
    sent = caller.send()
    caller.wait(0.1)
    caller.control("upstream", mode="down")
    caller.wait(60)
    message = caller.message(sent)
    assert (message["status"], message["errorMessage"]) == (
        "failed",
        "WhatsApp kept answering with a temporary error; the message was given up after several attempts.",
    )
    caller.control("upstream", mode="ok")
    caller.wait(30)
    assert caller.post(f"/messages/{sent}/retry").status == 202
    caller.wait(60)
    assert caller.message(sent)["status"] == "read"


def test_errors_in_a_row_pause_the_account_and_no_other() -> None:
    caller = Caller(Options(max_calls=1))
    caller.control("upstream", mode="transient")
    for _ in range(5):
        assert caller.post("/send-message", TEXT).status == 202
    # The fifth call is answered 1 s after its message was queued.
    caller.wait(0.75)
    assert caller.post("/send-message", TEXT | {"dry_run": True}).status == 202
    assert caller.control("describe")["accounts"]["main"]["circuitOpen"] is False
    caller.wait(0.25)
    assert caller.post("/send-message", TEXT).error == PAUSED
    assert caller.post("/send-message", TEXT, role="other_account").status == 202
    assert caller.control("describe")["accounts"]["main"]["circuitOpen"] is True


def test_a_paused_account_may_try_after_a_while_and_one_more_error_pauses_it_again() -> None:
    caller = Caller(Options(max_calls=1))
    caller.control("upstream", mode="transient")
    for _ in range(5):
        caller.send()
    caller.wait(30.75)
    assert caller.post("/send-message", TEXT).status == 503
    caller.wait(0.25)
    caller.send()
    caller.wait(1)
    assert caller.post("/send-message", TEXT).status == 503
    caller.control("upstream", mode="ok")
    caller.wait(30)
    caller.send()
    caller.wait(1)
    caller.control("upstream", mode="transient")
    for _ in range(4):
        caller.send()
    caller.wait(1)
    assert caller.post("/send-message", TEXT).status == 202


def test_a_success_between_errors_keeps_the_account_sending() -> None:
    caller = Caller(Options(max_calls=1))
    for mode in ("transient", "ok", "transient"):
        caller.control("upstream", mode=mode)
        for _ in range(4):
            caller.send()
        caller.wait(2)
    assert caller.post("/send-message", TEXT).status == 202


def test_recipients_that_play_trouble_never_pause_an_account() -> None:
    caller = Caller()
    for _ in range(20):
        caller.send(RECIPIENTS["never-recovers-from-transient-error"])
    caller.control("upstream", mode="transient")
    caller.control("upstream", mode="ok")
    caller.wait(60)
    assert caller.post("/send-message", TEXT).status == 202


# --- the other levers -------------------------------------------------------------------------------------------------


def test_an_opened_window_lets_text_through() -> None:
    caller = Caller()
    assert caller.control("open-window", role="main", number=CLOSED) == {"openUntil": caller.now + 86_400}
    sent = caller.send(CLOSED)
    caller.wait(60)
    assert caller.message(sent)["status"] == "read"


def test_a_deactivated_account_is_refused_from_then_on() -> None:
    caller = Caller()
    assert caller.control("deactivate", role="sacrificial") == {"active": False}
    assert caller.get("/auth/me", role="sacrificial").status == 403
    assert caller.get("/auth/me").status == 200


def test_another_plan_holds_at_once_and_keeps_the_count_of_the_minute() -> None:
    caller = Caller(unlimited=False)
    for _ in range(20):
        caller.get("/auth/me", role="free")
    assert caller.get("/auth/me", role="free").status == 429
    assert caller.control("set-plan", role="free", plan="pro") == {"plan": "pro"}
    answer = caller.get("/auth/me", role="free")
    assert (answer.data["plan"], answer.limits[:2]) == ("pro", (500, 479))


def test_another_rate_limit_holds_at_once() -> None:
    caller = Caller()
    assert caller.control("set-rate-limit", role="main", requests_per_minute=3) == {"requestsPerMinute": 3}
    assert [caller.get("/auth/me").status for _ in range(4)] == [200, 200, 200, 429]


def test_another_limit_of_registrations_holds_at_once() -> None:
    caller = Caller()
    assert caller.control("set-registration-limit", requests_per_minute=6) == {"requestsPerMinute": 6}
    somebody = {"name": "Somebody", "email": "somebody@customers.example"}
    statuses = [caller.post("/auth/register", somebody, role=None).status for _ in range(7)]
    assert statuses == [*[201] * 6, 429]


def test_the_description_shows_the_levers_the_recipients_and_the_accounts_but_no_key() -> None:
    caller = Caller()
    caller.send()
    described = caller.control("describe")
    assert described["controls"] == {name: list(control.arguments) for name, control in CONTROLS.items()}
    assert described["recipients"] == RECIPIENTS
    assert described["verifyToken"] == "sandbox-verify-token"
    assert described["templates"] == {"hello_world": 0, "order_ready": 2}
    assert (described["upstream"], described["sendingPaused"]) == ("ok", False)
    assert list(described["accounts"]) == list(caller.machine.keys())
    assert described["accounts"]["main"] == {
        "plan": "pro",
        "requestsPerMinute": 1_000_000,
        "active": True,
        "phoneNumberId": "100000000000001",
        "webhookUrl": None,
        "messages": 1,
        "circuitOpen": False,
    }
    assert not any(key in str(described) for key in caller.machine.keys().values())


@pytest.mark.parametrize(
    ("action", "arguments", "message"),
    [
        (
            "explode",
            {},
            f"control 'explode' is not known. Known: {', '.join(CONTROLS)}.",
        ),
        ("upstream", {}, "control 'upstream' takes mode; given: none."),
        ("upstream", {"mode": "ok", "for": 5}, "control 'upstream' takes mode; given: mode, for."),
        ("upstream", {"mode": "up"}, "mode 'up' is not known. Known: ok, transient, down."),
        ("describe", {"role": "main"}, "control 'describe' takes no arguments; given: role."),
        (
            "deactivate",
            {"role": "nobody"},
            f"role 'nobody' is not known. Known: {', '.join(Caller().machine.keys())}.",
        ),
        ("set-plan", {"role": "main", "plan": 5}, "plan 5 is not known. Known: free, basic, pro, enterprise."),
        (
            "open-window",
            {"role": "main", "number": "+12025550150"},
            "number is '+12025550150', must be a phone number: digits only, without +.",
        ),
        (
            "set-rate-limit",
            {"role": "main", "requests_per_minute": True},
            "requests_per_minute is True, must be a whole number from 1.",
        ),
        (
            "set-rate-limit",
            {"role": "main", "requests_per_minute": 0},
            "requests_per_minute is 0, must be a whole number from 1.",
        ),
        (
            "set-registration-limit",
            {"requests_per_minute": 1.5},
            "requests_per_minute is 1.5, must be a whole number from 1.",
        ),
    ],
)
def test_a_lever_that_is_not_there_is_named_with_those_that_are(
    action: str, arguments: dict[str, Json], message: str
) -> None:
    caller = Caller()
    with pytest.raises(UnknownControlError) as caught:
        caller.machine.control(action, arguments, caller.now)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "options",
    [
        {"process_after": -1},
        {"sent_after": 0.1},
        {"delivered_after": 0.5},
        {"read_after": 1},
        {"max_calls": 0},
        {"max_bulk": 0},
        {"circuit_threshold": 0},
        {"circuit_cooldown": 0},
        {"webhook_retry_after": 0},
        {"window": 0},
        {"idempotency": 0},
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Options"):
        Options(**options)  # type: ignore[arg-type]  # each field has its own type
