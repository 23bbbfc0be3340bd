"""What stands in a body."""

from __future__ import annotations

from base64 import b64encode

import pytest

from affidavit.redaction import Redactor
from tests.checks.hand_made import Talk

KEY = "sk_test_0123456789abcdef0123456789abcdef"
HIDE = Redactor({"main": KEY}).redact


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (KEY, "broken"),
        (KEY.upper(), "broken"),
        (f"Basic {b64encode(f'user:{KEY}'.encode()).decode()}", "broken"),
        (f"Basic {b64encode(b'user:password of no interest').decode()}", "kept"),
        (b64encode(b"sk_live_" + 24 * b"0a").decode(), "broken"),  # one that nobody knew of
        (KEY[:12] + "...", "kept"),  # the documents show keys so
        ("⟨key⟩", "kept"),
    ],
)
@pytest.mark.parametrize("place", ["body", "header"])
def test_an_answer_that_shows_a_key_in_any_form_breaks_the_promise(text: str, verdict: str, place: str) -> None:
    shown = HIDE(text)
    headers, body = ({"X-Debug": shown}, {}) if place == "header" else ({}, {"debug": shown})
    assert Talk().answered("getAccount", body, headers=headers).says("secret-free", operation="*") == verdict


@pytest.mark.parametrize(
    ("ended", "body", "verdict"),
    [
        (200, {"data": {"on": True}}, "kept"),
        (200, {"data": {"on": False}}, "broken"),
        (200, {"data": {}}, "broken"),
        (422, {"data": {"on": False}}, "`credentials/set` did not end with status 2xx"),
    ],
)
def test_a_value_that_follows_from_another_step_is_judged_once_that_went_well(
    ended: int, body: object, verdict: str
) -> None:
    talk = Talk("whatsapi").answered("setCredentials", {}, ended, source="credentials/set")
    talk.answered("getAccount", body, source="credentials/with")
    once = {"step": "credentials/set", "status": "2xx"}
    assert talk.says("value", step="credentials/with", at="/data/on", equals=True, once=once) == verdict
