"""Sends a scenario's requests at their moments, whatever the target does, from gevent's loop.

    schedule ─► tick ─► Line of the key ─► Pool ─► answered ─► Outcome ─► whoever folds them
                 ▲                                    │
                 └──────── asked again, or later ◄────┘

One timer is armed for whatever comes first: the next arrival, the next look at a message, the end of a wait. Nothing is
ever waited for: an arrival that finds too many requests in flight is dropped and counted.

It decides nothing itself: when is the schedule's business, what the flow's, who may leave the line's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from types import MappingProxyType
from typing import Any

from gevent.event import Event

from affidavit.evidence import TOO_MANY
from affidavit.exchange import Response
from affidavit.load.flow import Arrival, Flow, Shot
from affidavit.load.outcome import NO_ROOM, Kind, Outcome
from affidavit.load.recipe import Wording
from affidavit.load.waiting import Line
from affidavit.load.wire import Answer, Pool
from affidavit.pacing import promised_wait, wait_for_reset
from affidavit.profile import RateLimit

NOT_LET_IN = "the target refuses the key"
MOST_REFUSALS = 3
REFUSED_KEY = frozenset({401, 403})
GONE = "the target does not answer any more"
FAILED_ITSELF = "this tool failed"
GONE_SECONDS = 5.0
"""Without a single answer for so long, and nothing but broken connections: the target is gone."""
MOST_ATTEMPTS = 10
MOST_DIGITS = 9
"""A limit with more digits is none."""
GLANCE_SECONDS = 0.25
"""At least so often it is looked whether anything is over."""


@dataclass(frozen=True)
class Settings:
    """What one process does of one scenario."""

    seconds: float
    """Length of the plan."""
    drain: float
    """Seconds after the plan's end for what is still under way."""
    in_flight: int
    """Most requests sent and not answered, or held, at the same time."""
    budget: int | None
    """Most requests in all."""
    patient: bool
    """Whether waits are kept, and refused requests sent again."""


class Dispatcher:
    """One scenario in one process, from `start` until `finished` is set."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a run, put together in one place
        self,
        settings: Settings,
        schedule: Iterator[Arrival],
        flow: Flow,
        wordings: Mapping[tuple[str, str], Wording],
        lines: Mapping[str, Line[Shot]],
        pool: Pool,
        limit: RateLimit,
        take: Callable[[Outcome], None],
        told_to_wait: Callable[[str, float, bool], None] = lambda *_: None,
    ) -> None:
        """Send nothing yet.

        Args:
            settings: as above.
            schedule: the arrivals of this process, in order.
            flow: what they ask.
            wordings: by request and role.
            lines: by role.
            pool: connections to the target.
            limit: where the provider announces its limit.
            take: gets every outcome.
            told_to_wait: hears of every 429: role, seconds, and whether the answer asked for them itself.
        """
        self.finished = Event()
        self.broken = ""
        """Why the run proves nothing; '' when nothing is wrong."""
        self.flow = flow
        self._settings, self._schedule, self._wordings, self._lines = settings, schedule, wordings, lines
        self._pool, self._limit, self._take, self._told_to_wait = pool, limit, take, told_to_wait
        self._next: Arrival | None = None
        self._later: list[tuple[float, int, Shot]] = []
        self._order = count()
        self._out: dict[int, Shot] = {}
        self._holding = 0
        self._sent = 0
        self._start = 0.0
        self._timer: Any = None
        self._armed = 0.0
        self._silent_since: float | None = None
        self._unreached = ""
        """Why the latest connection could not be opened; '' after any other end of a request."""
        names = {"remaining": limit.remaining_header, "limit": limit.limit_header}
        self._served: set[tuple[str, str]] = set()
        """Request and role of which one was not refused for its key."""
        self._refused: Counter[tuple[str, str]] = Counter()
        self._counts = {header.lower().encode(): name for name, header in names.items() if header}

    def start(self, start: float) -> None:
        """Begin; `start` is when the schedule's clock shows 0, on the clock of the pool."""
        self._start = start
        self._next = next(self._schedule, None)
        self._pool.loop.run_callback(self._tick)

    def now(self) -> float:
        """Seconds since the start."""
        return self._pool.clock() - self._start

    def hold(self, role: str, seconds: float, *, promised: bool) -> None:
        """Another process was told that this key must wait."""
        if role in self._lines:
            self._lines[role].hold(self.now() + seconds, promised=promised)

    def stop(self, broken: str = "") -> None:
        """End now: what is under way counts as not answered, what is held as not sent."""
        if self.finished.is_set():
            return
        self.broken = self.broken or broken
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
        now = self.now()
        self._give_up_held(now)
        for shot in self._out.values():
            self._record(shot, Kind.TIMEOUT, shot.left, now, problem="no answer when the run ended")
        self._out.clear()
        self.flow.give_up(now, everything=True)
        self._pool.close()
        self.finished.set()

    # --- going out ------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Send all that is due, and come back when more is."""
        if not self.finished.is_set():
            with self._ending_when_wrong():
                self._send_all_due()

    @contextmanager
    def _ending_when_wrong(self) -> Iterator[None]:
        """Nobody else would notice a mistake of ours in a callback of the loop: the run would never end."""
        try:
            yield
        except Exception as problem:
            self.stop(f"{FAILED_ITSELF}: {type(problem).__name__}")
            raise

    def _send_all_due(self) -> None:
        now = self.now()
        while self._next is not None and self._next.moment <= now:
            self._offer(self.flow.shot(self._next), now)
            self._next = next(self._schedule, None)
            now = self.now()
        if now >= self._end:
            self._finish(now)
            return
        while self._later and self._later[0][0] <= now:
            self._offer(heappop(self._later)[2], now)
        self._release(now)
        if self._is_done(now):
            self.stop(self._gone)
        else:
            self._arm(now)

    def _arm(self, now: float) -> None:
        moments = [now + GLANCE_SECONDS, max(now, self._end)]
        if self._next is not None:
            moments.append(self._next.moment)
        if self._later:
            moments.append(self._later[0][0])
        if self._holding:
            moments += [line.resume for line in self._lines.values() if len(line) and line.resume > now]
        self._wake(min(moments), now)

    def _wake(self, moment: float, now: float) -> None:
        self._armed = moment
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
        self._timer = self._pool.loop.timer(max(0.0, moment - now))
        self._timer.start(self._tick, update=True)

    def _offer(self, shot: Shot, now: float) -> None:
        """Send it, hold it or drop it."""
        if len(self._out) + self._holding >= self._settings.in_flight or self._is_spent:
            self._never_sent(shot, Kind.DROPPED, now)
            return
        line = self._lines[shot.role]
        if not self._settings.patient:
            line.sent()
        elif not line.offer(shot, now):
            self._holding += 1
            return
        self._send(shot)

    def _release(self, now: float) -> None:
        if not self._holding:
            return
        for line in self._lines.values():
            for shot in line.release(now):
                self._holding -= 1
                shot.held_until(now)
                if self._is_spent:
                    line.answered(now)
                    self._never_sent(shot, Kind.DROPPED, now)
                else:
                    self._send(shot)

    def _send(self, shot: Shot) -> None:
        now = self.now()
        shot.left = now
        shot.early = self._lines[shot.role].is_early(now)
        self._sent += 1
        self._out[id(shot)] = shot
        wording = self._wordings[shot.request, shot.role]
        self._pool.send(wording.about(shot.message), lambda answer: self._answered(shot, answer))

    # --- coming back ----------------------------------------------------------------------------------------------

    def _answered(self, shot: Shot, answer: Answer) -> None:
        if self._out.pop(id(shot), None) is not None:
            with self._ending_when_wrong():
                self._take_in(shot, answer)

    def _take_in(self, shot: Shot, answer: Answer) -> None:
        now = answer.finished - self._start
        kind = _kind(answer)
        counts = self._counts_in(answer)
        line = self._lines[shot.role]
        wait = 0.0
        if kind is Kind.LIMITED:
            response = response_of(answer)
            promised = promised_wait(response, self._limit)
            wait = promised or 0.0
            seconds = self._limit.window_seconds if promised is None else promised
            line.refused(now, seconds, promised=promised is not None)
            self._told_to_wait(shot.role, seconds, promised is not None)
        else:
            left = counts.get("remaining")
            line.answered(now, left=left, reset=wait_for_reset(response_of(answer), self._limit) if left == 0 else None)
        problem = answer.problem or ("" if kind in {Kind.OK, Kind.LIMITED} else f"status {answer.status}")
        self._record(shot, kind, answer.started - self._start, now, answer.status, counts, wait, problem)
        self._look_for_life(answer, now)
        self._look_for_leave(shot, answer.status)
        if self.finished.is_set():
            return
        if kind is Kind.LIMITED and self._settings.patient and shot.attempt < MOST_ATTEMPTS:
            self._holding += 1
            line.again(Shot(shot.request, shot.role, shot.intended, shot.message, shot.attempt + 1, since=now))
        else:
            body = answer.content if self.flow.wants_body(shot) else b""
            after = self.flow.answered(shot, kind, body, now)
            if after is not None:
                heappush(self._later, (after.intended, next(self._order), after))
        if now < self._end and (len(line) or (self._later and self._later[0][0] < self._armed)):
            self._release(now)
            self._arm(now)

    def _record(  # noqa: PLR0913, PLR0917 - the parts of one outcome
        self,
        shot: Shot,
        kind: Kind,
        started: float,
        finished: float,
        status: int = 0,
        counts: Mapping[str, int] = MappingProxyType({}),
        wait: float = 0.0,
        problem: str = "",
    ) -> None:
        operation = self._wordings[shot.request, shot.role].operation
        self._take(
            Outcome(
                shot.intended,
                started,
                finished,
                operation,
                shot.role,
                kind,
                status,
                counts.get("remaining"),
                counts.get("limit"),
                shot.early,
                shot.attempt,
                shot.waited,
                wait,
                problem,
                shot.held,
            )
        )

    def _never_sent(self, shot: Shot, kind: Kind, now: float) -> None:
        self._record(shot, kind, now, now)

    def _counts_in(self, answer: Answer) -> dict[str, int]:
        """What the answer's headers say of the limit."""
        if not self._counts:
            return {}
        found = {}
        for header, value in answer.headers:
            name = self._counts.get(header.lower())
            if name is not None and value.isdigit() and len(value) <= MOST_DIGITS:
                found[name] = int(value)
        return found

    # --- the end --------------------------------------------------------------------------------------------------

    @property
    def _is_spent(self) -> bool:
        return self._settings.budget is not None and self._sent >= self._settings.budget

    @property
    def _end(self) -> float:
        """After this nothing leaves any more."""
        return self._settings.seconds + self._settings.drain

    def _finish(self, now: float) -> None:
        """The time is over. What left late, after a wait, gets as long for its answer as what left in time."""
        self._give_up_held(now)
        self._later.clear()
        if any(shot.left + self._settings.drain > now for shot in self._out.values()):
            self._wake(now + GLANCE_SECONDS, now)
        else:
            self.stop(self._gone)

    def _give_up_held(self, now: float) -> None:
        for shot in [shot for line in self._lines.values() for shot in line.clear()]:
            shot.held_until(now)
            self._never_sent(shot, Kind.UNSENT, now)
        self._holding = 0

    @property
    def _gone(self) -> str:
        """Why a run that came to its end proves nothing all the same; '' when the target was there to the last."""
        return f"{GONE} ({self._unreached}): run again when it does" if self._unreached else ""

    def _is_done(self, now: float) -> bool:
        self.flow.give_up(now)
        if self._next is not None and not self._is_spent:
            return False
        told = "webhook" in self.flow.ways and self.flow.watched
        return not (self._out or self._later or self._holding or told)

    def _look_for_life(self, answer: Answer, now: float) -> None:
        """End the run when the target does not answer any more."""
        self._unreached = answer.problem if answer.unreached else ""
        if answer.status or answer.timeout or answer.problem.startswith(NO_ROOM):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since >= GONE_SECONDS:
            self.stop(f"{GONE} ({answer.problem}): run again when it does")

    def _look_for_leave(self, shot: Shot, status: int) -> None:
        """End the run when its key has never been let in: what a wrong key is answered says nothing of the target."""
        asked = (shot.request, shot.role)
        if status not in REFUSED_KEY:
            self._served.add(asked)
        elif asked not in self._served:
            self._refused[asked] += 1
            if self._refused[asked] == MOST_REFUSALS:
                operation = self._wordings[asked].operation
                self.stop(f"{NOT_LET_IN} {shot.role!r} for {operation} with {status}: check it, or use another")


def _kind(answer: Answer) -> Kind:
    if answer.timeout:
        return Kind.TIMEOUT
    if answer.status == TOO_MANY:
        return Kind.LIMITED
    return Kind.OK if 200 <= answer.status < 300 else Kind.FAILED


def response_of(answer: Answer) -> Response:
    """The answer in the form in which its waits are read."""
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers)
    return Response(answer.status, headers, answer.content.decode("utf-8", "backslashreplace"))
