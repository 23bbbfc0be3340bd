"""One examination's conversation: what was asked and answered, what it cost, and when it has to end.

Every request passes `Talk.send`, so the caps hold whatever a strategy wants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from affidavit.ratelimit.clues import Seen
from affidavit.ratelimit.headers import Said, said
from affidavit.ratelimit.records import Caps, Interval, Place, Reply, Send, Traced, Wait
from affidavit.words import counted

TOO_MANY = 429
NO_ENTRY = frozenset({401, 403})
UNAVAILABLE = 503
ODD_AT_LEAST = 12
"""Answers that are neither served nor refused, after which it is no accident that most are so."""
NONE_ADMITTED = "no request was admitted; the key may be used up: try later"
LOST = 0.05
"""Share of a batch that may go without an answer."""
LEAST_SPREAD = 0.002
FEW = 2
"""Requests that a refusal may say remain, by a slip of the server's."""
SAME_RESET = 1.5
"""Seconds by which two announcements of one reset may differ."""

Step = Generator[Send | Wait, tuple[Reply, ...] | None, "Seen"]


class StopError(Exception):
    """The examination has to end; the message says why."""


class NothingToSayError(StopError):
    """Nothing that came tells of a limit, so no numbers may be shown."""


class SpentError(StopError):
    """What the examination may cost is spent."""


@dataclass
class Talk:
    """What was said so far with one place."""

    caps: Caps
    place: Place
    started: float | None = None
    now: float = 0.0
    """Seconds since the first request, at the last answer."""
    trace: list[Traced] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    """Beside the trace, what each answer announced."""
    refused: int = 0
    of_another: bool = False
    """Whether what is announced speaks of another limit than the one that refuses: it then counts for nothing."""
    _resets: list[float] = field(default_factory=list)
    """Those that were announced so far."""
    _trips: list[float] = field(default_factory=list)
    """Round trips of requests that did not have to wait."""

    @property
    def requests(self) -> int:
        """So many were sent."""
        return len(self.trace)

    @property
    def trip(self) -> float:
        """The usual round trip, seconds."""
        ordered = sorted(self._trips)
        return ordered[len(ordered) // 2] if ordered else 0.0

    @property
    def spread(self) -> float:
        """How far off a moment of arrival may be, seconds."""
        if len(self._trips) < 3:
            return max(LEAST_SPREAD, self.trip / 4)
        ordered = sorted(self._trips)
        apart = ordered[int(0.9 * (len(ordered) - 1))] - ordered[0]
        return max(LEAST_SPREAD, self.trip / 15, apart / 2.5)

    def skew(self) -> Interval | None:
        """Seconds by which the server's clock is ahead; None without a Date."""
        dated = [(one.date, row) for one, row in zip(self.said, self.trace, strict=True) if one.date is not None]
        if not dated or self.started is None:
            return None
        low = max(date - row.answered_at for date, row in dated) - self.started
        high = min(date + 1 - row.sent_at for date, row in dated) - self.started
        return Interval(min(low, high), (low + high) / 2, max(low, high))

    def resets(self) -> list[float]:
        """Announced resets, as seconds since the first request."""
        found = (self._reset(one, row.answered_at) for one, row in zip(self.said, self.trace, strict=True))
        return [one.best for one in found if one is not None]

    def _reset(self, note: Said, answered: float) -> Interval | None:
        """When an announced reset is, seconds since the first request."""
        if note.reset is None or self.started is None:
            return None
        if note.reset_dialect == "delta-s":
            end, off = answered + note.reset, 0.0
        else:
            skew = self.skew()
            if skew is None:
                return None
            end, off = note.reset_in(self.started + skew.best) or 0.0, (skew.high - skew.low) / 2
        rounded = 0.0 if note.reset_dialect == "epoch-ms" or note.reset != int(note.reset) else 1.0
        return Interval(end - rounded - off - self.trip, end - rounded / 2, end + off + self.trip)

    def _news_of_reset(self, note: Said, answered: float) -> Interval | None:
        """The announced reset, when it is another than before: what is said again tells nothing more."""
        found = self._reset(note, answered)
        if found is None or any(abs(found.best - known) < SAME_RESET for known in self._resets):
            return None
        self._resets.append(found.best)
        return found

    def affords(self, until: float, times: int) -> bool:
        """Whether so many may be sent at that moment."""
        return until <= self.caps.seconds and self.requests + times <= self.caps.requests

    def wait(self, until: float) -> Generator[Send | Wait, tuple[Reply, ...] | None, None]:
        """Let time pass until a moment since the first request. Raises StopError when that is beyond the cap."""
        if until > self.caps.seconds:
            raise SpentError(f"the next step would end after the {self.caps.seconds:g} s allowed: raise --max-seconds")
        if self.started is not None and until > self.now:
            yield Wait(self.started + until)
            self.now = until

    def send(self, times: int = 1, place: Place | None = None) -> Step:
        """Send at once, and note what came. Raises StopError when it may not, or when what came forbids to go on."""
        if self.requests + times > self.caps.requests:
            cap = counted(self.caps.requests, "request")
            raise SpentError(f"the cap of {cap} does not pay for the next step: raise --max-requests")
        if self.refused >= self.caps.refused:
            raise SpentError(f"the {self.caps.refused} refusals allowed have come: raise --max-refused")
        replies = (yield Send(times, place or self.place)) or ()
        lost = sum(one.status == 0 for one in replies)
        if lost and lost <= LOST * len(replies):
            replies = tuple(one for one in replies if one.status)
        if self.started is None:
            self.started = min(one.sent_at for one in replies)
        notes = [said(one) for one in replies]
        for one, note in zip(replies, notes, strict=True):
            self.trace.append(self._traced(one, note, place or self.place))
            self.said.append(note)
        notes = self._believed(notes)
        self.now = max(self.now, *(one.answered_at - self.started for one in replies))
        seen = self._seen(replies, notes)
        self.refused += seen.refused
        self._check(replies, notes)
        return seen

    def _believed(self, notes: list[Said]) -> list[Said]:
        """What of the announcements speaks of the limit that refuses; where plenty remained, nothing of all so far."""
        refused = [one.remaining for one, row in self._last(notes) if row.status == TOO_MANY]
        left = [one for one in refused if one is not None]
        self.of_another |= bool(left) and min(left) > FEW
        if self.of_another:
            self.said = [one.without_limit() for one in self.said]
            notes = self.said[-len(notes) :]
        return notes

    def _last(self, notes: list[Said]) -> Iterator[tuple[Said, Traced]]:
        return zip(notes, self.trace[-len(notes) :], strict=True)

    def _traced(self, one: Reply, note: Said, place: Place) -> Traced:
        start = self.started or 0.0
        return Traced(one.sent_at - start, one.answered_at - start, one.status, note.remaining, place)

    def _seen(self, replies: tuple[Reply, ...], notes: list[Said]) -> Seen:
        refused = [note for one, note in zip(replies, notes, strict=True) if one.status == TOO_MANY]
        served = [note for one, note in zip(replies, notes, strict=True) if one.status != TOO_MANY]
        trips = sorted(one.answered_at - one.sent_at for one in replies)
        longest = max((one.answered_at - one.sent_at for one in replies if one.status != TOO_MANY), default=0.0)
        if not self._trips or trips[-1] < 3 * self.trip + 0.05:
            self._trips += trips[:: max(1, len(trips) // 5)]
        left = [note.remaining for note in served if note.remaining is not None]
        trip = trips[0] if len(replies) == 1 and trips[0] < 3 * self.trip + 0.05 else self.trip or trips[0]
        sent = sorted(one.sent_at for one in replies)
        arrived = sent[len(sent) // 2] - (self.started or 0.0) + trip / 2
        apart = (sent[-1] - sent[0]) / 2
        return Seen(
            arrived,
            self.spread * (1.0 if len(replies) == 1 else 1.4) + apart,
            len(served),
            len(refused),
            max(0.0, longest - self.trip),
            _pace([one.answered_at for one in replies if one.status != TOO_MANY]),
            min(left) if left else None,
            max((note.retry_after for note in refused if note.retry_after is not None), default=None),
            self._news_of_reset(notes[-1], replies[-1].answered_at - (self.started or 0.0)) if served else None,
        )

    def _check(self, replies: tuple[Reply, ...], notes: list[Said]) -> None:
        for one, note in zip(replies, notes, strict=True):
            if one.status == 0:
                raise StopError("a request got no answer: see whether the target still runs, then start again")
            if one.status in NO_ENTRY or one.status >= 500:
                raise StopError(f"the target answered {one.status}: {_advice(one.status)}")
            if note.retry_after is not None and note.retry_after > self.caps.longest_wait:
                raise StopError(f"the target asked to wait {note.retry_after:g} s: try again after that")
        self._check_most()
        limits = [one.limit for one in self.said if one.limit is not None]
        if limits and limits[-1] < limits[0]:
            fell = f"the announced limit fell from {limits[0]} to {limits[-1]}"
            raise StopError(f"{fell}: try again when the server is less busy, or with another --operation")

    def _check_most(self) -> None:
        odd = Counter(one.status for one in self.trace if not _served_or_refused(one.status))
        if odd.total() >= ODD_AT_LEAST and odd.total() > len(self.trace) / 2:
            status, _ = odd.most_common(1)[0]
            raise NothingToSayError(
                f"most answers were {status}, so this says nothing about a limit: "
                "see whether address, key and operation are right"
            )


def _served_or_refused(status: int) -> bool:
    return status == TOO_MANY or 200 <= status < 400


def _advice(status: int) -> str:
    """What to do about a status that ends it."""
    if status in NO_ENTRY:
        return "see whether the key is right and may read this; name another read with --operation"
    if status == UNAVAILABLE:
        return "it is overloaded, or refuses so; try again later, with fewer --max-requests"
    return "see what is wrong with it, then start again"


def _pace(answered: list[float]) -> float:
    """Seconds from one answer to the next; the first half of them may not have had to wait."""
    ordered = sorted(answered)
    half = len(ordered) // 2
    return (ordered[-1] - ordered[half]) / (len(ordered) - 1 - half) if len(ordered) - 1 > half else 0.0
