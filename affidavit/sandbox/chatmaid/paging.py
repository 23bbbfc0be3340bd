"""Pages of a list that grows at one end and is shown from that end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Generic, NamedTuple, Protocol, TypeVar

from affidavit.sandbox.model import Json


class Numbered(Protocol):
    """Anything with a place in the order of creation."""

    @property
    def number(self) -> int:
        """0 for the oldest."""
        ...


T = TypeVar("T", bound=Numbered)


class Page(NamedTuple):
    """Which page is wanted; both count from 1."""

    page: int
    limit: int

    def envelope(self, items: list[Json], total: int) -> Json:
        """The documented shape of a page; of nothing there are no pages (G-35)."""
        pages = -(-total // self.limit)
        pagination = {"page": self.page, "limit": self.limit, "total": total, "totalPages": pages}
        return {"data": items, "pagination": pagination}


@dataclass(frozen=True, slots=True)
class Run(Generic[T]):
    """Some neighbours in a list that is kept oldest first."""

    items: Sequence[T]
    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin

    def newest_first(self) -> Iterator[T]:
        """All of them, the last one first."""
        return map(self.items.__getitem__, range(self.end - 1, self.begin - 1, -1))

    def cut(self, skip: int, take: int) -> list[T]:
        """Without the `skip` newest, the next `take`, newest first."""
        end = max(self.begin, self.end - skip)
        return list(self.items[max(self.begin, end - take) : end])[::-1]


def whole(items: Sequence[T]) -> Run[T]:
    """The run of a whole list."""
    return Run(items, 0, len(items))


def newest_first(runs: Sequence[Run[T]], page: Page) -> tuple[list[T], int]:
    """The page's items from all runs together, newest first, and how many there are in all.

    One run is cut in the time the page takes. Several are merged, which walks over the pages before.
    """
    total = sum(map(len, runs))
    skip = (page.page - 1) * page.limit
    if skip >= total:
        return [], total
    if len(runs) == 1:
        return runs[0].cut(skip, page.limit), total
    merged = merge(*(run.newest_first() for run in runs), key=lambda item: -item.number)
    return list(islice(merged, skip, skip + page.limit)), total
