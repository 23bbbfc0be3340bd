"""Faults of the two paged lists: pages, counts, order and filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from affidavit.sandbox.chatmaid.deviations.parts import (
    INBOX,
    LIST,
    Build,
    answer_to,
    asked,
    asked_query,
    body,
    json_of,
    row,
    sometimes,
    status,
)
from affidavit.sandbox.chatmaid.envelope import ProblemError, failure, success
from affidavit.sandbox.deviation import Around, Place
from affidavit.sandbox.model import Machine, Request, Response

MOST = 100


def number(request: Request, name: str, default: int) -> int:
    """A query parameter as a number."""
    text = dict(request.query).get(name, "")
    return int(text) if text.isdecimal() else default


def with_query(request: Request, **values: str) -> Request:
    """The request with those parameters, and those of its own that are not named."""
    kept = tuple((name, value) for name, value in request.query if name not in values)
    return replace(request, query=(*kept, *values.items()))


def page(place: Place, at: str, change: Callable[[Any], Any]) -> Build:
    """Another value in a page."""
    return body(status(place, "200"), "/data" + at, change)


class _Cut(Around):
    """Cuts pages by itself out of everything that matches."""

    def __init__(self, inner: Machine, place: Place, cut: Callable[[list[Any], int, int], list[Any]]) -> None:
        super().__init__(inner)
        self._place, self._cut = place, cut

    def step(self, request: Request, now: float) -> Response:
        response = self.inner.step(request, now)
        if response.status != 200 or not self._place.asks(request):
            return response
        shown = json_of(response.body)["data"]["pagination"]
        items = self._cut(everything(self.inner, request, now), shown["page"], shown["limit"])
        return success(200, {"data": items, "pagination": shown})


def everything(machine: Machine, request: Request, now: float) -> list[Any]:
    """All items that match a list request, newest first."""
    items: list[Any] = []
    while True:
        number_of_page = str(len(items) // MOST + 1)
        answer = machine.step(with_query(request, page=number_of_page, limit=str(MOST)), now)
        data = json_of(answer.body).get("data", {})
        items += data.get("data", [])
        if len(items) >= data.get("pagination", {}).get("total", 0):
            return items


def cut(place: Place, how: Callable[[list[Any], int, int], list[Any]]) -> Build:
    """Pages are cut another way: from all items, the page's number and its size."""
    return lambda inner: _Cut(inner, place, how)


def _slice(items: list[Any], number_of_page: int, limit: int) -> list[Any]:
    return items[(number_of_page - 1) * limit : number_of_page * limit]


def _unlimited(inner: Machine) -> Machine:
    return _Unlimited(inner)


class _Unlimited(Around):
    """Takes any limit, and keeps to it."""

    def step(self, request: Request, now: float) -> Response:
        limit = number(request, "limit", 20)
        if not LIST.asks(request) or limit <= MOST:
            return self.inner.step(request, now)
        response = self.inner.step(with_query(request, limit=str(MOST)), now)
        if response.status != 200:
            return response
        items = everything(self.inner, request, now)
        numbers = {"page": 1, "limit": limit, "total": len(items), "totalPages": -(-len(items) // limit)}
        return success(200, {"data": _slice(items, number(request, "page", 1), limit), "pagination": numbers})


def _refuses(place: Place, name: str, value: str) -> Build:
    def change(request: Request, response: Response, now: float) -> Response:
        refused = (name, value) in request.query
        return failure(ProblemError(400, f"{name} is out of bounds"), request.path, now) if refused else response

    return answer_to(place, change)


def _pages(change: Callable[[dict[str, Any]], dict[str, Any]], place: Place = LIST) -> Build:
    return page(place, "/pagination", change)


def _without(name: str, when: str) -> Build:
    """A parameter is ignored when another one is there as well."""

    def change(request: Request) -> Request:
        names = {key for key, _ in request.query}
        return replace(request, query=tuple(pair for pair in request.query if pair[0] != name or when not in names))

    return asked(LIST, change)


def _rounded_down(numbers: dict[str, Any]) -> dict[str, Any]:
    return {**numbers, "totalPages": numbers["total"] // numbers["limit"]}


def _one_more(numbers: dict[str, Any]) -> dict[str, Any]:
    return {**numbers, "totalPages": numbers["totalPages"] + 1}


def _counted_on_page(one: dict[str, Any]) -> dict[str, Any]:
    total, limit = len(one["data"]), one["pagination"]["limit"]
    return {**one, "pagination": {**one["pagination"], "total": total, "totalPages": -(-total // limit)}}


def _more(by: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(numbers: dict[str, Any]) -> dict[str, Any]:
        total = max(0, numbers["total"] + by)
        return {**numbers, "total": total, "totalPages": -(-total // numbers["limit"])}

    return change


def _from_zero(numbers: dict[str, Any]) -> dict[str, Any]:
    return {**numbers, "page": numbers["page"] - 1}


def _other_default(place: Place, limit: int) -> Build:
    return asked(
        place, lambda request: request if "limit" in dict(request.query) else with_query(request, limit=str(limit))
    )


def _without_failed(items: list[Any]) -> list[Any]:
    return [one for one in items if one["status"] != "failed"]


FAULTS = (
    # pages
    row(
        "page-ignored",
        "pagination",
        "Every page shows the first one's messages.",
        cut(LIST, lambda items, _page, limit: items[:limit]),
    ),
    row(
        "page-skips-one",
        "pagination",
        "Between two pages a message is lost.",
        cut(LIST, lambda items, page, limit: items[(page - 1) * (limit + 1) : (page - 1) * (limit + 1) + limit]),
    ),
    row(
        "page-repeats-one",
        "pagination",
        "Each page begins with the last message of the one before.",
        cut(
            LIST,
            lambda items, page, limit: items[max(0, (page - 1) * limit - 1) : max(0, (page - 1) * limit - 1) + limit],
        ),
    ),
    row("page-counts-from-zero", "pagination", "The first page says that it is page 0.", _pages(_from_zero)),
    row(
        "page-number-stays-one",
        "pagination",
        "Every page says that it is the first.",
        _pages(lambda numbers: {**numbers, "page": 1}),
    ),
    row(
        "page-one-too-many",
        "pagination",
        "A page holds one message more than its limit.",
        cut(LIST, lambda items, page, limit: items[(page - 1) * limit : page * limit + 1]),
    ),
    row(
        "page-one-too-few",
        "pagination",
        "A page before the last holds one message less than its limit, if that is more than one.",
        cut(LIST, lambda items, page, limit: items[(page - 1) * limit : page * limit - (limit > 1)]),
    ),
    row(
        "first-page-skipped",
        "default",
        "Without a page, the second one is returned.",
        asked(LIST, lambda request: request if "page" in dict(request.query) else with_query(request, page="2")),
    ),
    row(
        "limit-ignored",
        "pagination",
        "A page has 20 messages, whatever the limit.",
        asked_query(LIST, "limit", lambda text: "20" if text.isdecimal() and 1 <= int(text) <= MOST else text),
    ),
    row(
        "limit-shown-as-default",
        "pagination",
        "A page says that its limit is 20, whatever it is.",
        _pages(lambda numbers: {**numbers, "limit": 20, "totalPages": -(-numbers["total"] // 20)}),
    ),
    row("limit-one-refused", "boundary", "A limit of 1 is refused.", _refuses(LIST, "limit", "1")),
    row("limit-hundred-refused", "boundary", "A limit of 100 is refused.", _refuses(LIST, "limit", "100")),
    row(
        "limit-halved-above-fifty",
        "boundary",
        "A page holds 50 messages at most.",
        asked_query(LIST, "limit", lambda text: "50" if text == "100" else text),
    ),
    row("limit-without-bound", "boundary", "A page holds as many messages as are asked for.", _unlimited),
    row("limit-default-ten", "default", "Without a limit, a page has 10 messages.", _other_default(LIST, 10)),
    row(
        "limit-default-hundred",
        "default",
        "Without a limit, a page has 100 messages and says 20.",
        cut(LIST, lambda items, page, limit: _slice(items, page, 100 if limit == 20 else limit)),
    ),
    # counts
    row("total-of-the-page", "totals", "The total counts what is on the page.", page(LIST, "", _counted_on_page)),
    row("total-one-more", "totals", "The total counts one message too many.", _pages(_more(1))),
    row("total-one-less", "totals", "The total counts one message too few.", _pages(_more(-1))),
    row("total-pages-rounded-down", "totals", "The number of pages is rounded down.", _pages(_rounded_down)),
    row("total-pages-one-more", "totals", "The number of pages counts one too many.", _pages(_one_more)),
    # order
    row(
        "order-oldest-first",
        "order",
        "Messages are listed oldest first.",
        cut(LIST, lambda items, page, limit: _slice(items[::-1], page, limit)),
    ),
    row(
        "order-within-pages-reversed",
        "order",
        "Pages are newest first, what is on a page is oldest first.",
        cut(LIST, lambda items, page, limit: _slice(items, page, limit)[::-1]),
    ),
    row(
        "order-by-id",
        "order",
        "Messages are listed by their ids.",
        cut(LIST, lambda items, page, limit: _slice(sorted(items, key=lambda one: one["id"]), page, limit)),
    ),
    row(
        "order-by-status",
        "order",
        "Messages that failed are listed first.",
        cut(
            LIST,
            lambda items, page, limit: _slice(sorted(items, key=lambda one: one["status"] != "failed"), page, limit),
        ),
    ),
    row(
        "order-sometimes-reversed",
        "order",
        "Every third list is oldest first.",
        sometimes(LIST, 3, cut(LIST, lambda items, page, limit: _slice(items[::-1], page, limit))),
    ),
    # filters and content
    row(
        "status-filter-ignored",
        "filter",
        "The filter by status is ignored.",
        asked_query(LIST, "status", lambda _: None),
    ),
    row(
        "status-filter-pending-refused",
        "filter",
        "Pending messages cannot be asked for.",
        _refuses(LIST, "status", "pending"),
    ),
    row(
        "status-filter-takes-delivered-for-read",
        "filter",
        "Who asks for delivered messages gets those that were read as well.",
        asked_query(LIST, "status", lambda text: "read" if text == "delivered" else text),
    ),
    row(
        "phone-filter-ignored",
        "filter",
        "The filter by phone is ignored.",
        asked_query(LIST, "phoneNumberId", lambda _: None),
    ),
    row(
        "phone-filter-hides-all",
        "filter",
        "The filter by phone finds nothing.",
        asked_query(LIST, "phoneNumberId", lambda _: "nobody"),
    ),
    row(
        "status-filter-ignored-with-phone",
        "filter",
        "The filter by status is ignored when a phone is asked for.",
        _without("status", "phoneNumberId"),
    ),
    row(
        "phone-filter-ignored-with-status",
        "filter",
        "The filter by phone is ignored when a status is asked for.",
        _without("phoneNumberId", "status"),
    ),
    row(
        "filters-ignored-behind-first-page",
        "filter",
        "Only the first page is filtered.",
        asked(
            LIST,
            lambda request: (
                request
                if number(request, "page", 1) == 1
                else replace(request, query=tuple(pair for pair in request.query if pair[0] != "status"))
            ),
        ),
    ),
    row(
        "list-lacks-failed",
        "filter",
        "Messages that failed are in no list.",
        cut(LIST, lambda items, page, limit: _slice(_without_failed(items), page, limit)),
    ),
    row(
        "list-of-unknown-phone-shows-all",
        "filter",
        "Asked for the messages of a phone that nobody has, the list shows all.",
        asked_query(LIST, "phoneNumberId", lambda text: text if text.strip("0") else None),
    ),
    row(
        "list-lacks-newest",
        "workflow",
        "The newest message is in no list.",
        cut(LIST, lambda items, page, limit: _slice(items[1:], page, limit)),
        _pages(_more(-1)),
    ),
    row(
        "list-empty",
        "workflow",
        "Every list is empty.",
        cut(LIST, lambda _items, _page, _limit: []),
        _pages(lambda numbers: {**numbers, "total": 0, "totalPages": 0}),
    ),
    # inbound
    row(
        "inbound-page-ignored",
        "pagination",
        "Every page of the inbound list shows the first one's messages.",
        cut(INBOX, lambda items, _page, limit: items[:limit]),
    ),
    row(
        "inbound-page-skips-one",
        "pagination",
        "Between two pages of the inbound list a message is lost.",
        cut(INBOX, lambda items, page, limit: items[(page - 1) * (limit + 1) : (page - 1) * (limit + 1) + limit]),
    ),
    row(
        "inbound-page-from-zero",
        "pagination",
        "The first page of the inbound list says that it is page 0.",
        _pages(_from_zero, INBOX),
    ),
    row(
        "inbound-limit-ignored",
        "pagination",
        "A page of the inbound list has 20 messages, whatever the limit.",
        asked_query(INBOX, "limit", lambda text: "20" if text.isdecimal() and 1 <= int(text) <= MOST else text),
    ),
    row(
        "inbound-limit-default-fifty",
        "default",
        "Without a limit, a page of the inbound list has 50 messages.",
        _other_default(INBOX, 50),
    ),
    row(
        "inbound-total-pages-rounded-down",
        "totals",
        "The number of pages of the inbound list is rounded down.",
        _pages(_rounded_down, INBOX),
    ),
    row(
        "inbound-phone-filter-ignored",
        "filter",
        "The inbound list's filter by phone is ignored.",
        asked_query(INBOX, "phoneNumberId", lambda _: None),
    ),
)
