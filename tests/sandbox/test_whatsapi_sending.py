from __future__ import annotations

import json
import re

import pytest

from affidavit.sandbox.whatsapi import RECIPIENTS, Options
from tests.sandbox.whatsapi_caller import CLOSED, NORMAL, Caller

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PHONE = "must be a phone number in E.164 format: digits only, without +"
MOMENT = "must be an ISO 8601 date and time with an offset, such as 2030-05-01T09:00:00Z"


def template(name: str = "hello_world", language: str = "en_US", *texts: str) -> dict[str, object]:
    parameters = [{"type": "text", "text": text} for text in texts]
    return {"name": name, "language": language, "components": [{"type": "body", "parameters": parameters}]}


def test_a_send_is_answered_with_202_before_anything_happened() -> None:
    caller = Caller()
    answer = caller.post("/send-message", {"to": NORMAL, "message": "Hello"})
    assert answer.status == 202
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "success": True,
        "data": {"id": answer.data["id"], "status": "queued", "scheduledFor": None},
    }
    assert UUID.fullmatch(answer.data["id"])


def test_a_message_shows_everything_the_documents_list_and_nothing_else() -> None:
    caller = Caller()
    sent = caller.send(metadata={"orderId": "1234", "deep": [1, {"a": None}]})
    caller.wait(2)
    assert caller.message(sent) == {
        "id": sent,
        "to": NORMAL,
        "body": "Hello",
        "status": "delivered",
        "sentAt": "2030-03-17T17:46:41.250Z",
        "deliveredAt": "2030-03-17T17:46:42.050Z",
        "readAt": None,
        "failedAt": None,
        "errorMessage": None,
        "metadata": {"orderId": "1234", "deep": [1, {"a": None}]},
        "timeline": [
            {"status": "queued", "at": "2030-03-17T17:46:40.250Z"},
            {"status": "processing", "at": "2030-03-17T17:46:40.450Z"},
            {"status": "sent", "at": "2030-03-17T17:46:41.250Z"},
            {"status": "delivered", "at": "2030-03-17T17:46:42.050Z"},
        ],
    }


def test_a_message_of_a_template_without_metadata_has_neither_body_nor_metadata() -> None:
    caller = Caller()
    message = caller.message(caller.send(CLOSED, template=template()))
    assert (message["body"], message["metadata"]) == (None, None)


@pytest.mark.parametrize(
    ("to", "sent"),
    [
        (NORMAL, True),
        ("447700900123", True),
        ("1202555", True),
        ("120255501011234", True),
        ("+12025550101", False),
        ("0012025550101", False),
        ("1 202 555 0101", False),
        ("+1 (202) 555-0101", False),
        ("1202555010a", False),
        ("120255", False),
        ("1202555010112345", False),
        ("12025550101\n", False),
        ("１２０２５５５０１０１", False),  # noqa: RUF001 - full-width digits are what is tested
        ("", False),
        (12025550101, False),
        (None, False),
        (["12025550101"], False),
    ],
)
def test_a_recipient_is_7_to_15_digits_and_nothing_else(to: object, *, sent: bool) -> None:
    answer = Caller().post("/send-message", {"to": to, "message": "Hello"})
    if sent:
        assert answer.status == 202
    else:
        assert answer.faults == [("to", PHONE)]


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, [("to", "is required"), ("message", "or a template is required")]),
        ({"message": "Hello"}, [("to", "is required")]),
        ({"to": NORMAL}, [("message", "or a template is required")]),
        (
            {"to": NORMAL, "message": "Hello", "template": template()},
            [("message", "must not come with a template")],
        ),
        ({"to": NORMAL, "message": ""}, [("message", "must not be empty")]),
        ({"to": NORMAL, "message": 5}, [("message", "must be a string")]),
        ({"to": NORMAL, "message": None}, [("message", "must be a string")]),
        ({"to": NORMAL, "template": "hello_world"}, [("template", "must be an object")]),
        (
            {"to": NORMAL, "template": {}},
            [("template.name", "is required"), ("template.language", "is required")],
        ),
        (
            {"to": NORMAL, "template": {"name": "", "language": 1}},
            [("template.name", "must not be empty"), ("template.language", "must be a string")],
        ),
        (
            {"to": NORMAL, "template": {"name": "a", "language": "b", "components": [{}, 1, {"parameters": [{}, 2]}]}},
            [
                ("template.components[1]", "must be an object"),
                ("template.components[2].parameters[1]", "must be an object"),
            ],
        ),
        (
            {"to": NORMAL, "template": {"name": "a", "language": "b", "components": {}}},
            [("template.components", "must be a list")],
        ),
        ({"to": NORMAL, "message": "Hello", "metadata": []}, [("metadata", "must be an object")]),
        ({"to": NORMAL, "message": "Hello", "metadata": None}, [("metadata", "must be an object")]),
        ({"to": NORMAL, "message": "Hello", "dry_run": "true"}, [("dry_run", "must be true or false")]),
        ({"to": NORMAL, "message": "Hello", "dry_run": 1}, [("dry_run", "must be true or false")]),
        ([], [("body", "must be an object")]),
        (None, [("body", "must be an object")]),
        ("to", [("body", "must be an object")]),
    ],
)
def test_an_invalid_send_is_refused_with_one_detail_for_each_field(body: object, faults: list[tuple[str, str]]) -> None:
    caller = Caller()
    answer = caller.post("/send-message", body)
    assert answer.faults == faults
    assert answer.body["error"] == "Validation failed. See details."
    assert caller.ids() == []


def test_fields_that_are_not_documented_are_ignored() -> None:
    assert Caller().post("/send-message", {"to": NORMAL, "message": "Hello", "colour": "red"}).status == 202


@pytest.mark.parametrize("letter", ["a", "é", "€", "👍"])
def test_a_text_has_at_most_4096_code_points_however_many_bytes(letter: str) -> None:
    caller = Caller()
    assert caller.post("/send-message", {"to": NORMAL, "message": letter * 4096}).status == 202
    too_long = caller.post("/send-message", {"to": NORMAL, "message": letter * 4097})
    assert too_long.faults == [("message", "must have at most 4096 characters, has 4097")]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "body is not valid JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"{", "body is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b'{"to":"\xff"}', "body is not valid UTF-8"),
        (b'{"to":"\\ud800"}', "body contains an unpaired surrogate"),
        (b'{"metadata":{"a":1e999}}', "body contains a number that is out of range"),
        (b'{"metadata":{"a":%s}}' % (b"9" * 5000), "body contains a number that is out of range"),
        (b'{"metadata":{"a":NaN}}', "body is not valid JSON: NaN is not a JSON value"),
        (b'{"metadata":' * 100 + b"{" + b"}" * 101, "is nested more than 100 levels deep"),
        (b"[" * 100_000 + b"]" * 100_000, "body is nested too deeply"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(raw: bytes, message: str) -> None:
    answer = Caller().ask("POST", "/send-message", headers={"content-type": "application/json"}, raw=raw)
    assert answer.faults == [("body", message)]


def test_what_only_looks_like_trouble_is_taken_as_it_is() -> None:
    caller = Caller()
    deep: object = {}
    for _ in range(97):
        deep = {"a": deep}
    metadata = {"deep": deep, "text": "\0", "pair": "👍", "number": 10**300, "wide": [[]] * 200}
    assert caller.message(caller.send(metadata=metadata))["metadata"] == metadata


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/xml"]
)
def test_a_body_of_another_media_type_is_refused(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    raw = json.dumps({"to": NORMAL, "message": "Hello"}).encode()
    answer = Caller().ask("POST", "/send-message", headers=headers, raw=raw)
    assert answer.faults == [("Content-Type", "must be application/json")]


# --- schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("send_at", "scheduled_for"),
    [
        ("2030-03-17T18:00:00Z", "2030-03-17T18:00:00.000Z"),
        ("2030-03-17T18:00:00.5Z", "2030-03-17T18:00:00.500Z"),
        ("2030-03-17T20:00:00+02:00", "2030-03-17T18:00:00.000Z"),
        ("2030-03-17T17:30:00-00:30", "2030-03-17T18:00:00.000Z"),
        ("2030-03-17t18:00:00.1234567z", "2030-03-17T18:00:00.123Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_message_for_later_is_scheduled_for_the_same_moment_in_utc(send_at: str, scheduled_for: str) -> None:
    answer = Caller().post("/send-message", {"to": NORMAL, "message": "Hello", "sendAt": send_at})
    assert (answer.data["status"], answer.data["scheduledFor"]) == ("scheduled", scheduled_for)


@pytest.mark.parametrize(
    ("send_at", "message"),
    [
        ("2030-03-17T17:46:40.250Z", "must be in the future"),
        ("2020-01-01T00:00:00Z", "must be in the future"),
        ("2030-03-17T18:46:40+02:00", "must be in the future"),
        ("2030-03-17", MOMENT),
        ("2030-03-17T18:00:00", MOMENT),
        ("2030-03-17 18:00:00Z", MOMENT),
        ("2030-03-17T18:00Z", MOMENT),
        ("2030-02-30T18:00:00Z", MOMENT),
        ("2030-03-17T25:00:00Z", MOMENT),
        ("2030-03-17T18:00:00Z\n", MOMENT),
        ("9999-12-31T23:59:59.9999Z", MOMENT),
        ("9999-12-31T23:59:59-01:00", MOMENT),
        ("0001-01-01T00:00:00+01:00", MOMENT),
        ("tomorrow", MOMENT),
        ("", MOMENT),
        (1_900_003_600, MOMENT),
        (None, MOMENT),
    ],
)
def test_a_moment_that_is_none_or_not_in_the_future_is_refused(send_at: object, message: str) -> None:
    answer = Caller().post("/send-message", {"to": NORMAL, "message": "Hello", "sendAt": send_at})
    assert answer.faults == [("sendAt", message)]


def test_a_scheduled_message_is_held_until_its_time_and_then_takes_the_usual_course() -> None:
    caller = Caller()
    sent = caller.send(sendAt="2030-03-17T17:56:40.250Z")
    caller.wait(599.999)
    assert caller.course(sent) == [("scheduled", 0)]
    caller.wait(6)
    assert caller.course(sent) == [
        ("scheduled", 0),
        ("queued", 600),
        ("processing", 600.2),
        ("sent", 601),
        ("delivered", 601.8),
        ("read", 605),
    ]


# --- what becomes of a message ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipient", "course"),
    [
        ("normal", [("sent", 1.0), ("delivered", 1.8), ("read", 5.0)]),
        ("receipts-off", [("sent", 1.0), ("delivered", 1.8)]),
        ("fails-permanently", [("failed", 1.0)]),
        # The first call errs at 1.0, the second begins 1 s later and takes 0.8 s like any call.
        (
            "recovers-from-transient-error",
            [("retrying", 1.0), ("sent", 2.8), ("delivered", 3.6), ("read", 6.8)],
        ),
        # Calls end at 1.0, 2.8 and 4.6; there is no fourth.
        ("never-recovers-from-transient-error", [("retrying", 1.0), ("failed", 4.6)]),
        ("window-closed", [("failed", 1.0)]),
    ],
)
@pytest.mark.parametrize("looks", [[100.0], [0.1] * 100])
def test_every_recipient_takes_its_course_however_often_somebody_looks(
    recipient: str, course: list[tuple[str, float]], looks: list[float]
) -> None:
    caller = Caller()
    sent = caller.send(RECIPIENTS[recipient])
    whole = [("queued", 0), ("processing", 0.2), *course]
    for wait in looks:
        caller.wait(wait)
        seen = caller.course(sent)
        assert seen == whole[: len(seen)]
    assert caller.course(sent) == whole


def test_a_failed_message_says_when_and_why_and_one_on_the_way_says_neither() -> None:
    caller = Caller()
    sent = caller.send(RECIPIENTS["fails-permanently"])
    caller.wait(0.9)
    message = caller.message(sent)
    assert (message["status"], message["failedAt"], message["errorMessage"]) == ("processing", None, None)
    caller.wait(0.1)
    message = caller.message(sent)
    assert (message["status"], message["failedAt"]) == ("failed", "2030-03-17T17:46:41.250Z")
    assert message["errorMessage"] == (
        "WhatsApp refused the message: (#131026) Message undeliverable, the recipient cannot receive it."
    )


@pytest.mark.parametrize(
    ("role", "more", "reason"),
    [
        ("main", {"template": template()}, None),
        ("main", {"template": template("order_ready", "en_US", "Sarah", "#1042")}, None),
        ("main", {"template": template("order_ready", "en_US", "Sarah")}, "#132000"),
        ("main", {"template": template("hello_world", "en_US", "Sarah")}, "#132000"),
        ("main", {"template": template("hello_world", "fr")}, "#132001"),
        ("main", {"template": template("goodbye_world")}, "#132001"),
        ("main", {"message": "Hello"}, "#131047"),
        ("no_credentials", {"template": template()}, "PUT /auth/me/credentials"),
        ("main", {"message": "Hello", "dry_run": True}, None),
        ("no_credentials", {"message": "Hello", "dry_run": True}, None),
        ("main", {"template": template("goodbye_world"), "dry_run": True}, None),
    ],
)
def test_whatsapp_refuses_later_and_the_message_tells_why(
    role: str, more: dict[str, object], reason: str | None
) -> None:
    caller = Caller()
    sent = caller.send(CLOSED, role=role, **more)
    caller.wait(60)
    message = caller.message(sent, role)
    if reason is None:
        assert (message["status"], message["errorMessage"]) == ("read", None)
    else:
        assert message["status"] == "failed"
        assert reason in message["errorMessage"]


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("12025550100", "failed"),
        ("12025550101", "read"),
        ("12025550106", "read"),
        ("12025550149", "read"),
        ("12025550150", "failed"),
        ("12025550199", "failed"),
    ],
)
def test_the_first_49_reserved_numbers_have_written_a_moment_ago(number: str, status: str) -> None:
    caller = Caller()
    sent = caller.send(number, role="other_account")
    caller.wait(60)
    assert caller.message(sent, "other_account")["status"] == status


@pytest.mark.parametrize(("elapsed", "status"), [(86_399.5, "read"), (86_400.5, "failed")])
def test_a_window_closes_24_hours_after_the_last_word_of_the_recipient(elapsed: float, status: str) -> None:
    caller = Caller(Options(process_after=0))
    caller.control("open-window", role="main", number=CLOSED)
    caller.wait(elapsed)
    sent = caller.send(CLOSED)
    caller.wait(60)
    assert caller.message(sent)["status"] == status


def test_a_window_counts_as_it_was_when_the_worker_called_not_when_somebody_looked() -> None:
    caller = Caller()
    before = caller.send(CLOSED)
    caller.wait(1)
    caller.control("open-window", role="main", number=CLOSED)
    after = caller.send(CLOSED)
    caller.wait(1_000_000)
    assert [caller.message(sent)["status"] for sent in (before, after)] == ["failed", "read"]


def test_a_scheduled_message_meets_the_world_of_its_own_time() -> None:
    caller = Caller()
    sent = caller.send(CLOSED, sendAt="2030-03-17T18:46:40Z")
    caller.wait(3000)
    caller.control("open-window", role="main", number=CLOSED)
    caller.wait(3600)
    assert caller.message(sent)["status"] == "read"


def test_only_the_values_for_the_body_of_a_template_are_counted() -> None:
    caller = Caller()
    order_ready = template("order_ready", "en_US", "Sarah", "#1042")
    header = {"type": "header", "parameters": [{"type": "text", "text": "Hello"}]}
    sent = caller.send(
        CLOSED, template={**order_ready, "components": [header, {"type": "body"}, *components(order_ready)]}
    )
    caller.wait(60)
    assert caller.message(sent)["status"] == "read"


def components(of: dict[str, object]) -> list[object]:
    inside = of["components"]
    assert isinstance(inside, list)
    return inside


# --- retry ------------------------------------------------------------------------------------------------------------


def test_a_failed_message_is_queued_again_and_can_be_delivered() -> None:
    caller = Caller()
    sent = caller.send(CLOSED)
    caller.wait(10)
    caller.control("open-window", role="main", number=CLOSED)
    answer = caller.post(f"/messages/{sent}/retry")
    assert (answer.status, answer.data) == (202, {"id": sent, "status": "queued", "scheduledFor": None})
    message = caller.message(sent)
    assert (message["status"], message["failedAt"], message["errorMessage"]) == ("queued", None, None)
    caller.wait(10)
    assert caller.course(sent) == [
        ("queued", 0),
        ("processing", 0.2),
        ("failed", 1),
        ("queued", 10),
        ("processing", 10.2),
        ("sent", 11),
        ("delivered", 11.8),
        ("read", 15),
    ]


def test_a_message_that_fails_again_can_be_retried_again() -> None:
    caller = Caller()
    sent = caller.send(RECIPIENTS["never-recovers-from-transient-error"])
    for _ in range(2):
        caller.wait(10)
        assert caller.post(f"/messages/{sent}/retry").status == 202
    caller.wait(10)
    assert [status for status, _ in caller.course(sent)] == ["queued", "processing", "retrying", "failed"] * 3


@pytest.mark.parametrize(
    ("wait", "status"), [(0, "queued"), (0.5, "processing"), (1, "sent"), (2, "delivered"), (9, "read")]
)
def test_a_message_that_has_not_failed_cannot_be_retried(wait: float, status: str) -> None:
    caller = Caller()
    sent = caller.send()
    caller.wait(wait)
    assert caller.message(sent)["status"] == status
    answer = caller.post(f"/messages/{sent}/retry")
    assert answer.error == (409, "Only failed messages can be retried.")


def test_a_scheduled_message_cannot_be_retried() -> None:
    caller = Caller()
    sent = caller.send(sendAt="2031-01-01T00:00:00Z")
    assert caller.post(f"/messages/{sent}/retry").error == (409, "Only failed messages can be retried.")


@pytest.mark.parametrize("message_id", ["9dd15ee1-3d3c-44e1-9dd2-8ec6547e7e20", "nothing", "%ff", "a%2Fb", "+"])
def test_a_message_that_is_not_there_is_not_found(message_id: str) -> None:
    caller = Caller()
    assert caller.get(f"/messages/{message_id}").error == (404, "Message not found.")
    assert caller.post(f"/messages/{message_id}/retry").error == (404, "Message not found.")


def test_a_message_of_another_account_is_not_found() -> None:
    caller = Caller()
    sent = caller.send(CLOSED)
    caller.wait(10)
    assert caller.get(f"/messages/{sent}", role="other_account").error == (404, "Message not found.")
    assert caller.post(f"/messages/{sent}/retry", role="other_account").error == (404, "Message not found.")
    assert caller.message(sent)["status"] == "failed"
