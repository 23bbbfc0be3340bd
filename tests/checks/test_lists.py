"""Lists are judged from pages that can show it; a page that could not have been wrong proves nothing."""

from __future__ import annotations

import pytest

from tests.checks.hand_made import Query, Talk

NOTHING = "no answer of this operation could show it"
ITEMS = [{"id": f"msg_{number}", "status": "sent", "createdAt": "2026-01-01T00:00:00.000Z"} for number in range(300)]


def page(count: int, *, total: int, number: int = 1, limit: int = 20, query: Query = ()) -> Talk:
    """A page of Chatmaid's list."""
    pages = -(-total // limit)
    told = {"page": number, "limit": limit, "total": total, "totalPages": pages}
    return Talk().answered("listMessages", {"data": {"data": ITEMS[:count], "pagination": told}}, query=query)


def says(talk: Talk, rule: str) -> str:
    return talk.says("page", operation="listMessages", rule=rule)


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (page(20, total=21), "kept"),
        (page(19, total=21), "broken"),
        (page(0, total=21), "broken"),
        (page(19, total=20), NOTHING),  # the last page
        (page(1, total=21, number=2, query=[("page", 2)]), NOTHING),
        (page(4, total=21, number=4, limit=5, query=[("page", 4), ("limit", 5)]), "broken"),
        (page(5, total=21, number=4, limit=5, query=[("page", 4), ("limit", 5)]), "kept"),
        (page(0, total=21, number=0, query=[]), NOTHING),
        (page(0, total=21, number=1, query=[("page", 2)]), NOTHING),  # it is not known which page this is
        (page(5, total=21, limit=20, query=[("limit", 5)]), NOTHING),
        (page(100, total=2000, limit=1000, query=[("limit", 1000)]), NOTHING),  # beyond the largest limit
        (page(5, total=21, query=[("page", "x")]), NOTHING),
    ],
)
def test_a_page_before_the_last_is_full(talk: Talk, verdict: str) -> None:
    assert says(talk, "full-page") == verdict


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (page(3, total=3), "kept"),
        (page(0, total=0), "kept"),
        (page(3, total=4), "broken"),
        (page(0, total=1), "broken"),
        (page(20, total=20), "kept"),
        (page(20, total=19), "broken"),
        (page(20, total=21), "kept"),
        (page(3, total=13, limit=10, query=[("limit", 10), ("page", 2)]), "kept"),
        (page(3, total=23, limit=10, query=[("limit", 10), ("page", 2)]), "broken"),
        (page(0, total=10, limit=10, query=[("limit", 10), ("page", 2)]), "kept"),
        (page(0, total=11, limit=10, query=[("limit", 10), ("page", 2)]), "broken"),
        (page(3, total=9, limit=10, query=[("limit", 1000)]), NOTHING),  # how large the page was is not known
        (page(3, total=9, query=[("page", "x")]), NOTHING),
    ],
)
def test_a_page_with_room_left_is_the_last(talk: Talk, verdict: str) -> None:
    assert says(talk, "total-fits") == verdict


def test_a_list_that_stands_elsewhere_is_not_taken_for_an_empty_page() -> None:
    told = {"page": 1, "limit": 20, "total": 200, "totalPages": 10}
    talk = Talk().answered("listMessages", {"data": {"messages": ITEMS, "pagination": told}}, query=[("limit", 20)])
    for rule in ("full-page", "at-most-limit", "max-limit", "total-fits"):
        assert says(talk, rule) == NOTHING


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (page(101, total=101, limit=101, query=[("limit", 101)]), "broken"),
        (page(100, total=101, limit=100, query=[("limit", 101)]), "kept"),
        (page(20, total=101), "kept"),
        (page(3, total=3, limit=100, query=[("limit", 1000)]), NOTHING),  # there were no more to give
        (page(100, total=100, limit=100, query=[("limit", 1000)]), NOTHING),
        (Talk().answered("listMessages", {}, 400, query=[("limit", 101)]), "kept"),
        (Talk().answered("listMessages", {}, 400, query=[("limit", 100)]), NOTHING),
        (Talk().answered("listMessages", {}, 400, query=[("page", 101)]), NOTHING),
        (Talk().answered("listMessages", {}, 401, query=[("limit", 101)]), NOTHING),
    ],
)
def test_no_page_is_larger_than_the_largest_where_there_was_more_to_give(talk: Talk, verdict: str) -> None:
    assert says(talk, "max-limit") == verdict


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (page(2, total=9, limit=2, query=[("limit", 2)]), "kept"),
        (page(3, total=9, limit=2, query=[("limit", 2)]), "broken"),
        (page(2, total=2, limit=2, query=[("limit", 2)]), NOTHING),
        (page(0, total=0, limit=50, query=[("limit", 50)]), NOTHING),
        (page(20, total=200), NOTHING),
        (page(101, total=200, limit=101, query=[("limit", 101)]), NOTHING),
        (page(3, total=9, limit=20, query=[("limit", 2), ("limit", 20)]), NOTHING),
    ],
)
def test_a_page_holds_at_most_what_was_asked_for(talk: Talk, verdict: str) -> None:
    assert says(talk, "at-most-limit") == verdict


@pytest.mark.parametrize(
    ("count", "verdict"), [(1, NOTHING), (19, NOTHING), (20, "kept"), (21, "broken"), (0, NOTHING)]
)
def test_where_no_total_is_documented_only_a_full_page_shows_the_default(count: int, verdict: str) -> None:
    talk = Talk("whatsapi").answered("listMessages", {"data": ITEMS[:count]})
    assert says(talk, "default-limit") == verdict


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (page(1, total=1), "kept"),  # it says that its limit is 20
        (page(1, total=1, limit=10), "broken"),
        (page(21, total=30), "broken"),
        (page(1, total=1, limit=10, query=[("limit", 10)]), NOTHING),
    ],
)
def test_a_page_without_a_limit_has_the_default_one(talk: Talk, verdict: str) -> None:
    assert says(talk, "default-limit") == verdict


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (page(5, total=21, number=3, limit=5, query=[("page", 3)]), "kept"),
        (page(5, total=21, number=1, limit=5, query=[("page", 3)]), "broken"),
        (page(1, total=21, number=1, limit=5, query=[("page", 5)]), "broken"),
        (page(0, total=21, number=5, limit=5, query=[("page", 6)]), NOTHING),  # there is no such page
        (page(0, total=21, number=1_000_000, limit=5, query=[("page", 99_999_999)]), NOTHING),
        (page(0, total=0, number=2, query=[("page", 1)]), "broken"),
        (page(0, total=0, number=1, query=[("page", 0)]), NOTHING),
    ],
)
def test_a_page_that_exists_says_which_one_it_is(talk: Talk, verdict: str) -> None:
    assert says(talk, "echo-page") == verdict


@pytest.mark.parametrize(
    ("total", "limit", "pages", "verdict"),
    [(21, 5, 5, "kept"), (20, 5, 4, "kept"), (20, 5, 5, "broken"), (21, 5, 4, "broken"), (0, 5, 1, NOTHING)],
)
def test_the_number_of_pages_is_the_total_over_the_limit_rounded_up(
    total: int, limit: int, pages: int, verdict: str
) -> None:
    told = {"page": 1, "limit": limit, "total": total, "totalPages": pages}
    assert says(Talk().answered("listMessages", {"data": {"data": [], "pagination": told}}), "total-pages") == verdict
