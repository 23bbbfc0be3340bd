"""The evidence of one run, indexed the ways checks ask for it. A fold over the record; it judges nothing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from affidavit.exchange import Delivery, Exchange, Response

StatusSpec = int | str | Sequence[int | str]
"""One status, a class such as `2xx`, either with `not-` before it, `any`, or a list of these."""

TOO_MANY = 429
_STATUS = re.compile("any|(?:not-)?[1-5](?:xx|XX|[0-9][0-9])")


@dataclass(frozen=True, slots=True)
class Answered:
    """An exchange that has a response, the two side by side."""

    exchange: Exchange
    response: Response

    @property
    def seq(self) -> int:
        """Position in the record."""
        return self.exchange.seq


@dataclass(frozen=True)
class Evidence:
    """Everything recorded for one provider."""

    exchanges: tuple[Exchange, ...]
    deliveries: tuple[Delivery, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    """`probe/step` -> why it was not asked."""
    embedded: bool = False
    """True when the target was our own sandbox, whose clock can be moved."""

    def __post_init__(self) -> None:
        """Build the indexes once."""
        by_source: dict[str, list[Exchange]] = defaultdict(list)
        by_operation: dict[str, list[Answered]] = defaultdict(list)
        for exchange in self.exchanges:
            by_source[exchange.source].append(exchange)
            if exchange.operation and exchange.response:
                by_operation[exchange.operation].append(Answered(exchange, exchange.response))
        object.__setattr__(self, "_found", {})
        object.__setattr__(self, "_written", {})
        object.__setattr__(self, "_by_source", by_source)
        object.__setattr__(self, "_by_operation", by_operation)
        object.__setattr__(self, "_by_seq", {exchange.seq: exchange for exchange in self.exchanges})

    def asked(self, step: str) -> list[Exchange]:
        """Every exchange of a step, in order, answered or not."""
        by_source: Mapping[str, list[Exchange]] = self.__dict__["_by_source"]
        return by_source.get(step, [])

    def answered(self, step: str) -> list[Answered]:
        """The step's exchanges that got a response."""
        return [Answered(one, one.response) for one in self.asked(step) if one.response]

    def of(self, operations: str | Iterable[str], status: StatusSpec = "any") -> list[Answered]:
        """Every answered exchange of the operations (`*` = all documented ones) whose status fits, in order.

        The list is given to all who ask the same, and not to be changed.
        """
        names = (operations,) if isinstance(operations, str) else tuple(operations)
        known: dict[tuple[tuple[str, ...], str], list[Answered]] = self.__dict__["_found"]
        key = (names, repr(status))
        if key not in known:
            known[key] = self._of(names, status)
        return known[key]

    def _of(self, names: tuple[str, ...], status: StatusSpec) -> list[Answered]:
        by_operation: Mapping[str, list[Answered]] = self.__dict__["_by_operation"]
        chosen = by_operation if "*" in names else names
        some = [one for name in chosen for one in by_operation.get(name, [])]
        fitting = {code for code in {one.response.status for one in some} if fits(status, code)}
        found = [one for one in some if one.response.status in fitting]
        return sorted(found, key=lambda one: one.seq) if len(chosen) > 1 else found

    def writes(self, pattern: str) -> bool:
        """Whether any answer holds a text that fits the whole pattern."""
        known: dict[str, bool] = self.__dict__["_written"]
        if pattern not in known:
            quoted = re.compile(f'"{pattern.removeprefix("^").removesuffix("$")}"')
            known[pattern] = any(one.response and quoted.search(one.response.body) for one in self.exchanges)
        return known[pattern]

    def at(self, seqs: Iterable[int]) -> list[Exchange]:
        """The exchanges with these numbers; a number may be that of a delivery, which is none."""
        by_seq: Mapping[int, Exchange] = self.__dict__["_by_seq"]
        return [by_seq[seq] for seq in seqs if seq in by_seq]

    def sent_by(self, seq: int) -> int:
        """How many requests had been sent when the exchange or delivery with this number was complete."""
        arrived = next((one.at for one in self.deliveries if one.seq == seq), None)
        return seq if arrived is None else sum(one.at <= arrived for one in self.exchanges)

    def why_missing(self, step: str) -> str:
        """Why a step gave no usable answer, in words."""
        if step in self.skipped:
            return self.skipped[step]
        asked = self.asked(step)
        if not asked:
            return self.skipped.get(step.split("/", maxsplit=1)[0], f"the step `{step}` was not asked")
        last = asked[-1]
        if last.response is None:
            return f"`{step}` got no answer: {last.error}"
        if last.response.status == TOO_MANY:
            return f"`{step}` was rate limited"
        return f"`{step}` answered {last.response.status}"


def fits(spec: StatusSpec, status: int) -> bool:
    """Whether a status matches a specification."""
    if isinstance(spec, int):
        return status == spec
    if not isinstance(spec, str):
        return any(fits(one, status) for one in spec)
    if spec.startswith("not-"):
        return not fits(spec.removeprefix("not-"), status)
    return spec == "any" or spec.lower() in {str(status), f"{status // 100}xx"}


def strange(spec: Any) -> list[Any]:  # noqa: ANN401 - any YAML value
    """The parts of a status specification that name no status."""
    parts = spec if isinstance(spec, list) and spec else [spec]
    return [one for one in parts if isinstance(one, bool) or not _STATUS.fullmatch(str(one))]


def spoken(spec: StatusSpec) -> str:
    """A status specification in words."""
    if isinstance(spec, Sequence) and not isinstance(spec, str):
        return " or ".join(spoken(one) for one in spec)
    return re.sub("^not-", "any status but ", str(spec))
