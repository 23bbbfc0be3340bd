"""Claims of the ledgers, judged on what a doubtful line of the documents leaves open."""

from __future__ import annotations

import pytest

from tests.checks.hand_made import Talk

AS_SHOWN = "2026-02-06T14:18:33.000Z"
PUBLISHED = {
    "WA-001": ("published-pages/docs", "getDocsPage"),
    "WA-002": ("published-pages/llms", "getLlmsText"),
    "WA-003": ("published-document/openapi", "getOpenapiDocument"),
}


def phones(*moments: object) -> Talk:
    """Phones in a list, each added at one of these moments."""
    number = {"id": "1", "phoneNumber": "+12025550123", "displayName": "Front", "connectionStatus": "connected"}
    fields = ("lastConnectedAt", "lastDisconnectedAt", "createdAt", "updatedAt")
    listed = [number | dict.fromkeys(fields, moment) for moment in moments]
    return Talk().answered("listPhoneNumbers", {"success": True, "data": listed})


@pytest.mark.parametrize(
    ("moments", "verdict"),
    [
        ([AS_SHOWN, AS_SHOWN], "kept"),
        (["2026-02-06T14:18:33Z"], "kept"),
        (["2026-02-06T14:18:33.123456+00:00"], "kept"),
        (["2026-02-06T16:18:33.000+02:00"], "kept"),
        ([AS_SHOWN, "2026-02-06T14:18:33Z"], "broken"),
        ([AS_SHOWN, "2026-02-06T16:18:33.000+02:00"], "broken"),
        (["2026-02-06T14:18:33"], "broken"),
        (["6 February 2026"], "broken"),
        ([1770387513], "broken"),
    ],
)
def test_moments_have_the_form_of_the_examples_or_another_one_throughout(moments: list[object], verdict: str) -> None:
    assert phones(*moments).verdict("CM-140") == verdict


def test_which_form_moments_have_is_observed() -> None:
    assert phones("2026-02-06T14:18:33Z").verdict("CM-401") == "observed"


def published(**statuses: int) -> Talk:
    """What a server answers to the three pages, by claim."""
    talk = Talk("whatsapi")
    for claim, (step, operation) in PUBLISHED.items():
        talk.answered(operation, "", statuses.get(claim.replace("-", "_"), 404), source=step, role=None)
    return talk


@pytest.mark.parametrize("claim", PUBLISHED)
def test_a_server_that_has_none_of_the_pages_is_not_their_place(claim: str) -> None:
    assert published().verdict(claim) == "undecided"


@pytest.mark.parametrize("status", [401, 500])
def test_a_page_that_is_there_and_refused_is_no_public_one(status: int) -> None:
    assert published(WA_002=status).verdict("WA-002") == "broken"


def test_a_page_that_is_missing_beside_another_is_missed() -> None:
    assert published(WA_001=200).verdict("WA-002") == "broken"
