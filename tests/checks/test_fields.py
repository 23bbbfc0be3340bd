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
