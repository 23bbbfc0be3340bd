"""What an answer is: its status, media type and headers."""

from __future__ import annotations

import pytest

from affidavit.evidence import Evidence
from affidavit.finding import VerdictKind
from affidavit.verdict import judge
from tests.checks.hand_made import Talk, catalog

STEP = "discover/senders"


def told(*statuses: int) -> Talk:
    """One step that was answered so, again and again."""
    talk = Talk()
    for status in statuses:
        talk.answered("listPhoneNumbers", {}, status, source=STEP)
    return talk


@pytest.mark.parametrize(
    ("statuses", "wanted", "verdict"),
    [
        ([200], 200, "kept"),
        ([200, 201], "2xx", "kept"),
        ([200, 404], "2xx", "broken"),
        ([404], [400, 422], "broken"),
        ([422], [400, 422], "kept"),
        ([500], "not-5xx", "broken"),
        ([429, 200], 200, "kept"),  # the 429 was waited out
        ([429, 404], 200, "broken"),
        ([429], 429, "kept"),
    ],
)
def test_every_answer_of_a_step_has_the_promised_status(statuses: list[int], wanted: object, verdict: str) -> None:
    assert told(*statuses).says("answers", step=STEP, status=wanted) == verdict


def test_nothing_but_waits_or_silence_shows_nothing() -> None:
    assert told(429).says("answers", step=STEP, status=200) not in {"kept", "broken"}
    assert told().says("answers", step=STEP, status=200) not in {"kept", "broken"}


def test_with_any_one_of_them_is_enough() -> None:
    assert told(404, 200).says("answers", step=STEP, status=200, any=True) == "kept"
    assert told(404, 404).says("answers", step=STEP, status=200, any=True) == "broken"


@pytest.mark.parametrize(("ended", "verdict"), [(200, "broken"), (400, "undecided"), (None, "undecided")])
def test_with_once_only_what_came_after_such_an_end_is_judged(ended: int | None, verdict: str) -> None:
    talk = told(404)
    if ended is not None:
        talk.answered("sendMessage", {}, 503, source="send/first").answered(
            "sendMessage", {}, ended, source="send/first"
        )
    for step in ("send/first", ["send/other", "send/first"]):
        says = talk.says("answers", step=STEP, status=200, once={"step": step, "status": "2xx"})
        assert says == "broken" if verdict == "broken" else "did not end with status 2xx" in says


@pytest.mark.parametrize(
    ("retry_after", "at", "verdict"),
    [(30, 20, "broken"), (30, 31, "undecided"), (None, 59, "broken"), (None, 61, "undecided")],
)
def test_a_key_is_refused_no_longer_than_its_wait(retry_after: int | None, at: float, verdict: str) -> None:
    talk = Talk().answered("getAccount", {}, source="limit/flood", at=0.5)
    talk.answered("getAccount", {"retryAfter": retry_after}, 429, source="limit/flood", at=0.9)
    talk.answered("listMessages", {}, source="limit-everywhere/list", at=at)
    once = {"step": "limit/flood", "status": 429}
    said = talk.says("answers", step="limit-everywhere/list", status=429, once=once)
    assert said == verdict if verdict == "broken" else said not in {"kept", "broken"}


@pytest.mark.parametrize(("status", "verdict"), [(200, "kept"), (401, "kept"), (418, "broken")])
def test_only_documented_statuses_occur(status: int, verdict: str) -> None:
    assert told(status).says("documented-status", operation="listPhoneNumbers") == verdict


@pytest.mark.parametrize(("status", "verdict"), [(200, "kept"), (404, "kept"), (500, "broken"), (502, "broken")])
def test_no_input_makes_the_server_fail(status: int, verdict: str) -> None:
    assert told(status).says("no-server-error", operation="*") == verdict


@pytest.mark.parametrize(
    ("media", "body", "verdict"),
    [
        ("application/json", {}, "kept"),
        ("application/json; charset=utf-8", {}, "kept"),
        ("application/problem+json", {}, "kept"),
        ("text/html", {}, "broken"),
        (None, {}, "broken"),
        ("text/html", "", "no such answer was seen"),  # nothing has no type
    ],
)
def test_what_has_a_body_has_the_promised_type(media: str | None, body: object, verdict: str) -> None:
    headers = {"Content-Type": media} if media else {}
    assert Talk().answered("getAccount", body, headers=headers).says("content-type", operation="*") == verdict


@pytest.mark.parametrize(
    ("headers", "params", "verdict"),
    [
        ({"X-Id": "5"}, {}, "kept"),
        ({"x-id": "5"}, {}, "kept"),
        ({}, {}, "broken"),
        ({}, {"optional": True}, "kept"),
        ({"X-Id": "5"}, {"present": False}, "broken"),
        ({}, {"present": False}, "kept"),
        ({"X-Id": "5"}, {"schema": {"type": "integer"}}, "kept"),
        ({"X-Id": "5 s"}, {"schema": {"type": "integer"}}, "broken"),
        ({"X-Id": "-5"}, {"schema": {"type": "integer", "minimum": 0}}, "broken"),
    ],
)
def test_a_header_is_there_or_not_and_has_its_form(
    headers: dict[str, str], params: dict[str, object], verdict: str
) -> None:
    talk = Talk().answered("getAccount", {}, headers=headers)
    assert talk.says("header", operation="*", name="X-Id", **params) == verdict


def test_a_header_for_known_keys_says_nothing_of_a_refused_one() -> None:
    talk = Talk().answered("getAccount", {}, 401).answered("getAccount", {}, role=None)
    assert talk.says("header", operation="*", name="X-Id", roles="known") == "no such answer was seen"


# --- credentials that are made up -------------------------------------------------------------------------------------

SAVED = {"data": {"byocConfigured": True}}
NOT_SAVED = {"data": {"byocConfigured": False}}


def credentials(saving: int, after: object) -> dict[str, VerdictKind]:
    """How the claims about saving credentials stand when it is answered so."""
    talk = Talk("whatsapi").answered("getAccount", NOT_SAVED, source="quickstart/account")
    for step in ("no-token", "no-phone", "empty"):
        details = {"details": [{"field": "whatsappAccessToken"}, {"field": "whatsappPhoneNumberId"}]}
        talk.answered("setCredentials", {"error": "x", **details}, 400, source=f"credentials/{step}")
    talk.answered("setCredentials", {}, saving, source="credentials/set")
    talk.answered("getAccount", after, source="credentials/with")
    known = catalog("whatsapi")
    verdicts = judge(known, Evidence(tuple(talk.exchanges)))
    return {one.claim: one.kind for one in verdicts if one.claim in {"WA-033", "WA-035"}}


def test_a_server_that_refuses_made_up_credentials_breaks_no_promise() -> None:
    refused = credentials(422, NOT_SAVED)
    assert refused == {"WA-033": VerdictKind.UNDECIDED, "WA-035": VerdictKind.UNDECIDED}


def test_a_server_that_takes_them_is_held_to_what_follows() -> None:
    assert credentials(200, SAVED) == {"WA-033": VerdictKind.KEPT, "WA-035": VerdictKind.KEPT}
    assert credentials(200, NOT_SAVED) == {"WA-033": VerdictKind.BROKEN, "WA-035": VerdictKind.KEPT}
    assert credentials(500, NOT_SAVED)["WA-035"] is VerdictKind.BROKEN
    assert credentials(404, NOT_SAVED)["WA-035"] is VerdictKind.BROKEN
