from __future__ import annotations

import pytest

from affidavit.sandbox.whatsapi import Options
from tests.sandbox.whatsapi_caller import NORMAL, START, Answer, Caller

TEXT = {"to": NORMAL, "message": "Hello"}
RESET = 1_900_000_061
"""The first whole second after the window of 60 s that begins at START, a quarter past a second."""
CHANGED = (409, "This Idempotency-Key was already used with a different request.")


# --- rate limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "limit"), [("free", 20), ("basic", 100), ("pro", 500), ("enterprise", 2000)])
def test_a_plan_admits_its_requests_in_a_minute_and_not_one_more(role: str, limit: int) -> None:
    caller = Caller(unlimited=False)
    for left in range(limit - 1, -1, -1):
        answer = caller.get("/auth/me", role=role)
        assert (answer.status, answer.limits) == (200, (limit, left, RESET))
        assert "Retry-After" not in answer.headers
    refused = caller.get("/auth/me", role=role)
    assert refused.error == (429, "Too many requests. Try again in 60 seconds.")
    assert refused.limits == (limit, 0, RESET)
    assert refused.headers["Retry-After"] == "60"


@pytest.mark.parametrize("elapsed", [0, 0.5, 17.3, 59, 59.9])
def test_waiting_as_told_suffices_and_agrees_with_the_reset(elapsed: float) -> None:
    caller = Caller(unlimited=False)
    for _ in range(20):
        caller.get("/auth/me", role="free")
    caller.wait(elapsed)
    refused = caller.get("/auth/me", role="free")
    wait = int(refused.headers["Retry-After"])
    assert abs(refused.limits[2] - caller.now - wait) < 1
    caller.wait(wait - 1)
    assert wait == 1 or caller.get("/auth/me", role="free").status == 429
    caller.wait(1)
    assert caller.get("/auth/me", role="free").status == 200


def test_a_minute_may_also_be_that_of_the_clock() -> None:
    caller = Caller(Options(aligned_windows=True), unlimited=False)
    # START is 40.25 s past a full minute.
    assert caller.get("/auth/me", role="free").limits == (20, 19, 1_900_000_020)


def test_every_key_has_a_minute_of_its_own() -> None:
    caller = Caller(unlimited=False)
    for _ in range(21):
        caller.get("/auth/me", role="free")
    assert caller.get("/auth/me", role="no_credentials").limits == (20, 19, RESET)


def test_a_new_key_of_the_same_account_begins_a_minute_of_its_own() -> None:
    caller = Caller(unlimited=False)
    assert caller.post("/auth/me/rotate-key", role="sacrificial").limits == (100, 99, RESET)
    assert caller.get("/auth/me", role="sacrificial").limits == (100, 99, RESET)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/messages/nothing", 404),
        ("GET", "/nowhere", 404),
        ("PATCH", "/auth/me", 405),
        ("POST", "/send-message", 400),
        ("GET", "/openapi.json", 200),
    ],
)
def test_every_answer_to_a_known_key_shows_where_it_stands(method: str, path: str, status: int) -> None:
    answer = Caller(unlimited=False).ask(method, path, role="free")
    assert (answer.status, answer.limits) == (status, (20, 19, RESET))
    assert "Retry-After" not in answer.headers


def test_a_replay_and_a_conflict_count_like_any_request() -> None:
    caller = Caller(unlimited=False)
    answers = [
        caller.post("/send-message", body, idempotency_key="k") for body in (TEXT, TEXT, TEXT | {"to": "1202555"})
    ]
    assert [(answer.status, answer.limits[1]) for answer in answers] == [(202, 499), (202, 498), (409, 497)]


def test_too_often_comes_before_not_active_before_unknown() -> None:
    caller = Caller(unlimited=False)
    caller.control("set-rate-limit", role="deactivated", requests_per_minute=1)
    assert caller.get("/nowhere", role="deactivated").status == 403
    assert caller.get("/nowhere", role="deactivated").status == 429
    assert caller.get("/nowhere", role=None).error == (404, "There is no such endpoint.")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("HEAD", "/auth/me", "GET"),
        ("OPTIONS", "/auth/me", "GET"),
        ("GET", "/send-message", "POST"),
        ("PUT", "/messages/bulk", "POST"),
        ("GET", "/messages/bulk", "POST"),
        ("DELETE", "/webhooks/whatsapp", "GET, POST"),
        ("PATCH", "/auth/me/webhook", "DELETE, PUT"),
    ],
)
@pytest.mark.parametrize("role", [None, "main"])
def test_another_method_is_refused_and_the_right_ones_named(
    method: str, path: str, allow: str, role: str | None
) -> None:
    answer = Caller().ask(method, path, role=role)
    assert answer.error == (405, f"This endpoint only takes {allow}.")
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize(
    "path", ["", "/", "/messages/", "/auth", "/auth/me/", "//auth/me", "/MESSAGES", "/messages/a/b"]
)
def test_a_path_nobody_documented_is_not_found(path: str) -> None:
    assert Caller().get(path).status == 404


def test_a_path_may_be_written_with_percent_signs() -> None:
    caller = Caller()
    assert caller.get("/%61uth/me").status == 200
    assert caller.get("/openapi%2Ejson").status == 200
    assert caller.post("/send%2Dmessage", TEXT).status == 202
    assert caller.get("/auth%2Fme").status == 404


# --- idempotency keys -------------------------------------------------------------------------------------------------


def send(caller: Caller, key: str = "user-99-order-1234-shipped", role: str = "main", **more: object) -> Answer:
    return caller.post("/send-message", TEXT | more, role=role, idempotency_key=key)


def test_a_repeated_send_gets_the_first_answer_again_and_sends_nothing() -> None:
    caller = Caller()
    first = send(caller)
    caller.wait(60)
    again = send(caller)
    assert (again.status, again.raw) == (202, first.raw)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert caller.ids() == [first.data["id"]]
    assert caller.get("/auth/me").data["messagesSent"] == 1


def test_a_repeated_batch_is_one_batch() -> None:
    caller = Caller()
    first, again = (caller.post("/messages/bulk", {"messages": [TEXT, 5]}, idempotency_key="k") for _ in range(2))
    assert (again.status, again.raw, again.headers["Idempotency-Replayed"]) == (202, first.raw, "true")
    assert len(caller.ids()) == 1


def test_without_a_key_every_send_is_one_of_its_own() -> None:
    caller = Caller()
    assert len({caller.post("/send-message", TEXT).data["id"] for _ in range(3)}) == 3


@pytest.mark.parametrize(
    ("raw", "same"),
    [
        (b'{"message":"Hello","to":"12025550101","metadata":{"b":2,"a":1}}', True),
        (b' {"to" : "12025550101", "message": "\\u0048ello","metadata":{"a":1,"b":2}}\n', True),
        (b'{"to":"12025550101","message":"Hello","metadata":{"a":1,"b":true}}', False),
        (b'{"to":"12025550101","message":"Hello","metadata":{"a":1,"b":2},"dry_run":false}', False),
    ],
)
def test_a_request_is_the_same_when_its_json_means_the_same(raw: bytes, *, same: bool) -> None:
    caller = Caller()
    send(caller, "k", metadata={"a": 1, "b": 2})
    headers = {"content-type": "application/json", "idempotency-key": "k"}
    answer = caller.ask("POST", "/send-message", headers=headers, raw=raw)
    assert answer.status == (202 if same else 409)


def test_a_key_with_another_body_is_a_conflict_and_still_stands_for_the_first() -> None:
    caller = Caller()
    first = send(caller)
    assert send(caller, message="Good-bye").error == CHANGED
    assert send(caller).raw == first.raw
    assert caller.ids() == [first.data["id"]]


def test_a_key_with_another_operation_is_a_conflict() -> None:
    caller = Caller()
    send(caller, "k")
    assert caller.post("/messages/bulk", {"messages": [TEXT]}, idempotency_key="k").error == CHANGED


def test_a_body_that_is_wrong_in_itself_is_refused_before_it_is_a_conflict() -> None:
    caller = Caller()
    send(caller)
    assert send(caller, message="").status == 400


@pytest.mark.parametrize(("elapsed", "replayed"), [(86_399.5, True), (86_400, False), (86_401, False)])
def test_a_key_is_remembered_for_24_hours(elapsed: float, *, replayed: bool) -> None:
    caller = Caller()
    first = send(caller)
    caller.wait(elapsed)
    again = send(caller)
    assert (again.raw == first.raw) is replayed
    assert ("Idempotency-Replayed" in again.headers) is replayed


def test_the_24_hours_run_from_the_first_request_not_from_a_replay() -> None:
    caller = Caller()
    first = send(caller)
    caller.wait(86_000)
    assert send(caller).raw == first.raw
    caller.wait(401)
    assert send(caller).raw != first.raw


def test_forgetting_one_key_does_not_forget_a_younger_one() -> None:
    caller = Caller()
    send(caller, "old")
    caller.wait(50_000)
    young = send(caller, "young")
    caller.wait(50_000)
    assert send(caller, "young").raw == young.raw
    assert "Idempotency-Replayed" not in send(caller, "old").headers


def test_a_scheduled_send_is_replayed_although_its_moment_has_passed() -> None:
    caller = Caller()
    first = send(caller, sendAt="2030-03-17T18:00:00Z")
    caller.wait(3600)
    assert send(caller, sendAt="2030-03-17T18:00:00Z").raw == first.raw
    assert send(caller, "another", sendAt="2030-03-17T18:00:00Z").status == 400


def test_a_refused_request_leaves_the_key_free() -> None:
    caller = Caller()
    assert send(caller, message="").status == 400
    caller.control("upstream", mode="down")
    assert send(caller).status == 503
    caller.control("upstream", mode="ok")
    caller.wait(30)
    answer = send(caller)
    assert answer.status == 202
    assert "Idempotency-Replayed" not in answer.headers


def test_a_replay_is_given_even_while_sending_is_paused() -> None:
    caller = Caller()
    first = send(caller)
    caller.control("upstream", mode="down")
    assert send(caller).raw == first.raw
    assert send(caller, message="Good-bye").error == CHANGED


def test_accounts_do_not_share_their_keys() -> None:
    caller = Caller()
    answers = [send(caller, role=role) for role in ("main", "other_account")]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].data["id"] != answers[1].data["id"]


@pytest.mark.parametrize("key", ["k", "!", "~", "a" * 255, "order-1234/shipped:2"])
def test_a_key_is_any_1_to_255_visible_ascii_characters(key: str) -> None:
    caller = Caller()
    assert send(caller, key).raw == send(caller, key).raw


@pytest.mark.parametrize("key", ["", "a" * 256, "two words", "tab\t", "caf\u00e9", "\x7f", "k\n"])
def test_any_other_key_is_refused(key: str) -> None:
    caller = Caller()
    assert send(caller, key).faults == [("Idempotency-Key", "must be 1 to 255 visible ASCII characters")]
    assert caller.ids() == []


def test_operations_that_send_nothing_new_take_no_notice_of_a_key() -> None:
    caller = Caller()
    answers = [caller.post("/billing/checkout", {"plan": "pro"}, idempotency_key="k") for _ in range(2)]
    assert answers[0].data != answers[1].data
    assert caller.now == START
