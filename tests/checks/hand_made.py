"""Evidence made by hand, and what a check says of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from affidavit.catalog import Catalog
from affidavit.checks.case import Case
from affidavit.checks.table import CHECKS
from affidavit.documents import load_catalog
from affidavit.evidence import Evidence
from affidavit.exchange import Delivery, Exchange, Request, Response
from affidavit.finding import Judgement
from affidavit.verdict import judge

Query = Iterable[tuple[str, Any]]


@cache
def catalog(provider: str) -> Catalog:
    """Read once: it takes a second."""
    return load_catalog(provider)


class Talk:
    """Exchanges with one provider, in the order in which they are added."""

    def __init__(self, provider: str = "chatmaid", *, embedded: bool = False) -> None:
        """Nothing was said yet."""
        self.provider, self.embedded = provider, embedded
        self.exchanges: list[Exchange] = []
        self.deliveries: list[Delivery] = []

    def answered(  # noqa: PLR0913 - the parts of an exchange
        self,
        operation: str,
        body: object,
        status: int = 200,
        *,
        source: str = "any/step",
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        role: str | None = "main",
        at: float = 0.0,
        elapsed: float = 0.0,
        sent: object = None,
    ) -> Talk:
        """One more exchange; a body that is no text is written as JSON."""
        place = catalog(self.provider).openapi.operations[operation]
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        pairs = tuple((name, str(value)) for name, value in query)
        asked = None if sent is None else json.dumps(sent)
        self.exchanges.append(
            Exchange(
                len(self.exchanges) + 1, self.provider, operation, source, role,
                Request(place.method, f"http://x{place.template}", place.template, pairs, (), asked),
                Response(status, tuple((headers or {}).items()), text),
                None, at, elapsed,
            )
        )  # fmt: skip
        return self

    def unanswered(self, operation: str, *, source: str = "any/step", role: str = "main", at: float = 0.0) -> Talk:
        """One more request, whose connection broke before an answer came."""
        self.answered(operation, "", source=source, role=role, at=at)
        self.exchanges[-1] = replace(self.exchanges[-1], response=None, error="ReadError: the connection broke")
        return self

    def heard(
        self,
        body: object,
        *,
        at: float = 0.0,
        answered: int | None = 200,
        method: str = "POST",
        media: str = "application/json",
    ) -> Talk:
        """One webhook that arrived; a body that is no text is written as JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        asked = Request(method, "http://r/hook", "/hook", (), (("Content-Type", media),), text)
        self.deliveries.append(Delivery(1000 + len(self.deliveries), self.provider, at, asked, answered))
        return self

    def judged(self, check: str, /, **params: object) -> Judgement:
        """What a check of the table says."""
        known = catalog(self.provider)
        assert CHECKS[check].problem_with(params) == ""
        evidence = Evidence(tuple(self.exchanges), tuple(self.deliveries), embedded=self.embedded)
        return CHECKS[check].function(Case(check, params, known.openapi, known.profile, known.script, evidence))

    def says(self, check: str, /, **params: object) -> str:
        """`kept`, `broken`, or why it is undecided."""
        found = self.judged(check, **params)
        return "broken" if found.findings else "kept" if found.judged else found.missing

    def verdict(self, claim: str) -> str:
        """What becomes of a claim of the ledger."""
        evidence = Evidence(tuple(self.exchanges), tuple(self.deliveries), embedded=self.embedded)
        return next(str(one.kind) for one in judge(catalog(self.provider), evidence) if one.claim == claim)
