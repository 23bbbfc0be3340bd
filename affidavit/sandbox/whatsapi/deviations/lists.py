"""Faults in lists and batches: pages, filters, sizes, counts, caps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from affidavit.sandbox.deviation import Around, Deviation, with_body, with_json
from affidavit.sandbox.http import bearer
from affidavit.sandbox.model import Machine, Request, Response
from affidavit.sandbox.whatsapi.deviations.acts import (
    BULK,
    LIST,
    Act,
    Peeking,
    answer,
    answered,
    ask,
    every,
    fault,
    member,
    refuse,
    without,
)

LARGEST_PAGE = 200
LISTED = answered(LIST, "200")
TAKEN = answered(BULK, "202")
Query = Mapping[str, str]


def query(change: Callable[[dict[str, str]], Mapping[str, str]]) -> Act:
    """Another query of the list."""
    return ask(LIST, lambda request: replace(request, query=tuple(change(dict(request.query)).items())))


def ignoring(*names: str, unless: Callable[[Query], bool] = lambda _given: False) -> Act:
    """The list does not look at these parameters."""
    return query(
        lambda given: given if unless(given) else {name: it for name, it in given.items() if name not in names}
    )


def items(change: Callable[[list[Any]], list[Any]], when: Callable[[Query], bool] = lambda _given: True) -> Act:
    """Other items on a page."""

    def changed(request: Request, response: Response) -> Response:
        if not when(dict(request.query)):
            return response
        return with_json(response, lambda whole: {**whole, "data": change(whole["data"])})

    return answer(LISTED, changed)


class Offset(Peeking):
    """Pages begin elsewhere: after `first + (page - 1) * step` items, so that some come twice or never."""

    def __init__(self, inner: Machine, begin: Callable[[int, int], int]) -> None:
        """`begin` is where a page begins, by its number and size."""
        super().__init__(inner)
        self._begin = begin

    def step(self, request: Request, now: float) -> Response:
        """The answer with the items from there on."""
        response = self.asked(request, now)
        given = dict(request.query)
        if not LISTED.answers(request, response) or not given.get("page", "1").isdecimal():
            return response
        page, limit = int(given.get("page", "1")), int(given.get("limit", "20"))
        whole = self._everything(request, given, now)
        begin = self._begin(page, limit) if "page" in given else 0
        return with_json(response, lambda body: {**body, "data": whole[begin : begin + limit]})

    def _everything(self, request: Request, given: Query, now: float) -> list[Any]:
        role = next(role for role, key in self.keys().items() if key == bearer(request.headers))
        found: list[Any] = []
        for page in range(1, 20):
            asked = replace(request, query=tuple({**given, "limit": str(LARGEST_PAGE), "page": str(page)}.items()))
            more = json.loads(self.peek(asked, role, now).body)["data"]
            found += more
            if len(more) < LARGEST_PAGE:
                break
        return found


class OpenLimit(Offset):
    """A page is as long as was wanted."""

    def __init__(self, inner: Machine) -> None:
        super().__init__(inner, lambda page, limit: (page - 1) * limit)

    def step(self, request: Request, now: float) -> Response:
        """The answer; one that is too long is put together from shorter ones."""
        given = dict(request.query)
        limit = given.get("limit", "20")
        if not LIST.asks(request) or not limit.isdecimal() or int(limit) <= LARGEST_PAGE:
            return self.asked(request, now)
        allowed = replace(request, query=tuple({**given, "limit": str(LARGEST_PAGE)}.items()))
        response = self.asked(allowed, now)
        if response.status != 200:
            return response
        whole = self._everything(request, given, now)
        return with_json(response, lambda body: {**body, "data": whole[: int(limit)]})


class Caps(Around):
    """Another cap on batches: what is too long is taken as far as the documented cap goes."""

    def __init__(self, inner: Machine, taken: Callable[[int], int | None]) -> None:
        """`taken` is how many items of so many are taken; None: as documented."""
        super().__init__(inner)
        self._taken = taken

    def step(self, request: Request, now: float) -> Response:
        """The answer to the part that is taken, with the counts of the whole."""
        whole = json.loads(request.body) if BULK.asks(request) and request.body[:1] == b"{" else {}
        given = whole.get("messages") if isinstance(whole, dict) else None
        taken = self._taken(len(given)) if isinstance(given, list) else None
        if not isinstance(given, list) or taken is None:
            return self.inner.step(request, now)
        part = with_body(request, lambda body: {**body, "messages": given[:taken]})
        response = self.inner.step(part, now)
        counts = {"totalMessages": len(given), "queued": len(given)}
        if not TAKEN.answers(request, response):
            return response
        return with_json(response, lambda body: {**body, "data": {**body["data"], **counts}})


def sized(at_least: int, at_most: int) -> Callable[[Request], bool]:
    """Whether a batch has that many items."""

    def fits(request: Request) -> bool:
        whole = json.loads(request.body) if request.body[:1] == b"{" else {}
        given = whole.get("messages") if isinstance(whole, dict) else None
        return isinstance(given, list) and at_least <= len(given) <= at_most

    return fits


def _failing_simulated(request: Request, response: Response) -> Response:
    """Simulated items among others count as failed."""
    given = json.loads(request.body)["messages"]
    failed = sum(item.get("dry_run") is True for item in given)
    if failed in {0, len(given)}:
        return response
    counts = {"queued": len(given) - failed, "failedCount": failed}
    return with_json(response, lambda body: {**body, "data": {**body["data"], **counts}})


def _larger_by(more: int) -> Callable[[int], int | None]:
    """Caps of the documented size and so much more."""
    caps = (100, 1000, 5000)
    return lambda count: count - more if count - more in caps else None


PAGES: tuple[Deviation, ...] = (
    fault(
        "list-needs-a-parameter",
        "pagination",
        "The list needs some parameter.",
        refuse(LIST, 400, "No parameter.", lambda request: not request.query),
    ),
    fault("page-of-fifty", "default", "A page has fifty messages.", query(lambda given: {"limit": "50", **given})),
    fault("page-of-ten", "default", "A page has ten messages.", query(lambda given: {"limit": "10", **given})),
    fault(
        "page-of-200", "default", "The list comes as long as it may.", query(lambda given: {"limit": "200", **given})
    ),
    fault(
        "limit-ignored",
        "pagination",
        "A page always has twenty messages.",
        query(lambda given: {**given, "limit": "20"}),
    ),
    fault(
        "limit-up-to-hundred",
        "boundary",
        "A page has at most a hundred messages.",
        query(lambda given: {**given, "limit": "100"} if given.get("limit") in {"200", "201"} else given),
    ),
    fault("limit-without-end", "boundary", "A page has as many messages as wanted.", OpenLimit),
    fault(
        "limit-one-more",
        "pagination",
        "A page has one message more than wanted.",
        query(
            lambda given: (
                {**given, "limit": str(int(given["limit"]) + 1)}
                if given.get("limit", "-").isdecimal() and int(given["limit"]) < LARGEST_PAGE
                else given
            )
        ),
    ),
    fault(
        "limit-one-less",
        "pagination",
        "A page has one message less than wanted.",
        query(
            lambda given: (
                {**given, "limit": str(int(given.get("limit", "20")) - 1)}
                if given.get("limit", "20").isdecimal() and int(given.get("limit", "20")) <= LARGEST_PAGE
                else given
            )
        ),
    ),
    fault("page-ignored", "pagination", "Every page is the first.", ignoring("page")),
    fault(
        "pages-from-zero",
        "pagination",
        "The first page is page 0.",
        lambda inner: Offset(inner, lambda page, limit: page * limit),
    ),
    fault(
        "pages-overlap",
        "pagination",
        "A page begins with the last message of the one before.",
        lambda inner: Offset(inner, lambda page, limit: (page - 1) * (limit - 1)),
    ),
    fault(
        "pages-have-gaps",
        "pagination",
        "There is a message between two pages.",
        lambda inner: Offset(inner, lambda page, limit: (page - 1) * (limit + 1)),
    ),
    fault(
        "last-page-repeats",
        "pagination",
        "Beyond the last page there is the first again.",
        query(lambda given: {**given, "page": "1"} if given.get("page", "")[2:] else given),
    ),
    fault(
        "limit-200-refused",
        "boundary",
        "A page of 200 messages is refused.",
        refuse(LIST, 400, "Too many.", lambda request: dict(request.query).get("limit") == "200"),
    ),
)

FILTERS: tuple[Deviation, ...] = (
    fault("status-ignored", "filter", "The list does not look at the status.", ignoring("status")),
    fault(
        "failed-ignored",
        "filter",
        "The list cannot look for failures.",
        ignoring("status", unless=lambda given: given.get("status") != "failed"),
    ),
    fault(
        "status-finds-nothing",
        "filter",
        "A list by status is empty.",
        items(lambda _page: [], lambda given: "status" in given),
    ),
    fault(
        "status-finds-more",
        "filter",
        "Who asks for delivered messages gets read ones.",
        query(lambda given: {**given, "status": "read"} if given.get("status") == "delivered" else given),
    ),
    fault(
        "status-refused",
        "filter",
        "Scheduled messages cannot be listed.",
        refuse(LIST, 400, "No.", lambda request: dict(request.query).get("status") == "scheduled"),
    ),
    fault(
        "failed-refused",
        "filter",
        "Failed messages cannot be listed.",
        refuse(LIST, 400, "No.", lambda request: dict(request.query).get("status") == "failed"),
    ),
    fault("batch-ignored", "filter", "The list does not look at the batch.", ignoring("batchId")),
    fault(
        "batch-ignored-with-status",
        "filter",
        "With a status, the list does not look at the batch.",
        ignoring("batchId", unless=lambda given: "status" not in given),
    ),
    fault(
        "status-ignored-with-batch",
        "filter",
        "With a batch, the list does not look at the status.",
        ignoring("status", unless=lambda given: "batchId" not in given),
    ),
    fault(
        "batch-finds-one",
        "bulk",
        "A batch is one of its messages.",
        items(lambda page: page[1:2], lambda given: "batchId" in given and "status" not in given),
    ),
    fault(
        "batch-finds-nothing",
        "bulk",
        "A batch cannot be found.",
        items(lambda _page: [], lambda given: "batchId" in given),
    ),
    fault(
        "unknown-batch-finds-all",
        "filter",
        "A batch that is not there selects everything.",
        ignoring("batchId", unless=lambda given: not given.get("batchId", "").startswith("00000000")),
    ),
    fault(
        "list-crashes-with-both",
        "errors",
        "Two filters together crash the list.",
        refuse(LIST, 500, "Internal server error", lambda request: {"status", "batchId"} <= set(dict(request.query))),
    ),
)

BATCHES: tuple[Deviation, ...] = (
    fault(
        "bulk-total-off",
        "totals",
        "A batch counts one too many.",
        member(TAKEN, "/data/totalMessages", lambda count: count + 1),
    ),
    fault("bulk-queues-none", "totals", "A batch says that nothing was queued.", member(TAKEN, "/data/queued", 0)),
    fault(
        "bulk-fails-all",
        "totals",
        "A batch says that everything failed.",
        member(TAKEN, "/data", lambda data: {**data, "queued": 0, "failedCount": data["totalMessages"]}),
    ),
    fault("bulk-lacks-total", "schema", "A batch does not say how many it is.", without(TAKEN, "/data/totalMessages")),
    fault(
        "bulk-lacks-failures", "schema", "A batch does not say how many failed.", without(TAKEN, "/data/failedCount")
    ),
    fault("bulk-failures-are-a-list", "schema", "A batch lists its failures.", member(TAKEN, "/data/failedCount", [])),
    fault("bulk-counts-are-text", "schema", "A batch counts in text.", member(TAKEN, "/data/queued", str)),
    fault("bulk-lacks-id", "bulk", "A batch has no id.", without(TAKEN, "/data/batchId")),
    fault("bulk-id-null", "bulk", "A batch has a null for an id.", member(TAKEN, "/data/batchId", None)),
    fault(
        "bulk-id-of-its-own",
        "bulk",
        "A batch is answered with an id that finds nothing.",
        member(TAKEN, "/data/batchId", "a3f9c2d1-0000-4000-8000-000000000000"),
    ),
    fault(
        "bulk-sends-one",
        "bulk",
        "Of a small batch only the first message is sent.",
        lambda inner: Caps(inner, lambda count: 1 if 1 < count <= 10 else None),
    ),
    fault(
        "bulk-up-to-99",
        "boundary",
        "A basic account can send 99 messages at once.",
        refuse(BULK, 400, "Too many.", sized(100, 100)),
    ),
    fault(
        "bulk-up-to-999",
        "boundary",
        "A pro account can send 999 messages at once.",
        refuse(BULK, 400, "Too many.", sized(1000, 1000)),
    ),
    fault(
        "bulk-one-more",
        "boundary",
        "A batch can have one message more than the plan says.",
        lambda inner: Caps(inner, _larger_by(1)),
    ),
    fault(
        "bulk-basic-as-pro",
        "boundary",
        "A basic account can send more than a hundred messages at once.",
        lambda inner: Caps(inner, lambda count: 100 if count == 101 else None),
    ),
    fault(
        "bulk-refuses-templates",
        "bulk",
        "An item of a batch cannot be a template.",
        refuse(BULK, 400, "Texts only.", lambda request: b'"template"' in request.body),
    ),
    fault("bulk-fails-simulated", "bulk", "An item of a batch cannot be simulated.", answer(TAKEN, _failing_simulated)),
    fault(
        "sometimes-bulk-off",
        "totals",
        "Every second batch counts one too many.",
        every(2, BULK, member(TAKEN, "/data/totalMessages", lambda count: count + 1)),
    ),
)

FAULTS = PAGES + FILTERS + BATCHES
