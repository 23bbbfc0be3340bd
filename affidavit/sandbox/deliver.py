"""Posts the webhooks that a machine has due, and tells the machine what became of them.

There are two ways to come by the moment of a delivery, one per kind of clock:

* `VirtualDeliveries`: time stands still unless somebody moves it, so deliveries happen while it is moved: moment by
  moment, one after the other, always in the same order. A receiver that hangs up without an answer stands for one that
  stays silent until the timeout, and the virtual clock moves by that much: nobody waits, and a slow machine that is
  merely slow to answer is not taken for a silent one.
* `TimedDeliveries`: a timer of the event loop fires when the next delivery is due, and each goes out in its own task.

What leaves this process only goes to this machine, or to the one place the user named (`Poster`'s `prefix`): an
address that a fuzzer made up, or that stands in somebody's example, may belong to a stranger.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol
from urllib.parse import SplitResult, urlsplit

import httpx

from affidavit.clock import Clock, VirtualClock
from affidavit.sandbox.model import Machine, Outgoing

TIMEOUT = 10.0
"""Seconds a receiver has to answer, on the clock of the sandbox."""
AT_ONCE = 32
"""Deliveries under way at a time; the others wait their turn."""
KEPT = 200
"""Latest deliveries that can be looked at."""
LONGEST_ANSWER = 65_536
"""Bytes read of a receiver's answer; only its status matters."""
SHORTEST_NAP = 0.001
"""Seconds between two looks at what is due; a timer may fire a little early."""


class Attempt(NamedTuple):
    """One delivery that was tried."""

    at: float
    """Epoch seconds on the sandbox's clock when it was given up or answered."""
    outgoing: Outgoing
    status: int | None
    note: str
    """In words, what happened; empty when it was answered."""
    late: bool = False
    """Whether the receiver took too long."""


class Poster:
    """Sends one webhook at a time, or so many at once, and remembers the latest."""

    def __init__(
        self,
        clock: Clock,
        *,
        prefix: str | None = None,
        patience: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        virtual = isinstance(clock, VirtualClock)
        self._clock = clock
        self._prefix = prefix
        self._hanging_up_is_silence = virtual
        self._patience = TIMEOUT if patience is None else patience
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.attempts: deque[Attempt] = deque(maxlen=KEPT)

    async def post(self, outgoing: Outgoing) -> Attempt:
        """Send it; whatever goes wrong is in the attempt."""
        status, note, late = await self._outcome(outgoing)
        attempt = Attempt(self._clock.now(), outgoing, status, note, late)
        self.attempts.append(attempt)
        return attempt

    async def aclose(self) -> None:
        """Drop all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _outcome(self, outgoing: Outgoing) -> tuple[int | None, str, bool]:
        if not may_receive(outgoing.url, self._prefix):
            return None, "not sent: the address is neither on this machine nor under the webhook prefix", False
        client = self._connected()
        async with self._turns:
            try:
                async with asyncio.timeout(self._patience):
                    return await _send(client, outgoing), "", False
            except TimeoutError:
                return None, f"no answer within {TIMEOUT:g} s", True
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                if self._hanging_up_is_silence and isinstance(error, httpx.RemoteProtocolError):
                    return None, f"no answer within {TIMEOUT:g} s", True
                return None, f"{type(error).__name__}: {error}", False

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            # Only a backstop: `_outcome` limits the whole delivery, which ends before any of its parts can time out.
            timeout = httpx.Timeout(TIMEOUT, pool=None)
            self._client = httpx.AsyncClient(
                trust_env=False, follow_redirects=False, timeout=timeout, transport=self._transport
            )
        return self._client


async def _send(client: httpx.AsyncClient, outgoing: Outgoing) -> int:
    headers = [("User-Agent", "affidavit-sandbox"), *outgoing.headers]
    async with client.stream("POST", outgoing.url, headers=headers, content=outgoing.body) as response:
        read = 0
        async for chunk in response.aiter_raw():
            read += len(chunk)
            if read > LONGEST_ANSWER:
                break
        return response.status_code


def may_receive(url: str, prefix: str | None) -> bool:
    """Whether the sandbox may post to the address: it is on this machine, or has the host and port of the prefix."""
    try:
        parts = urlsplit(url)
        return is_loopback(parts.hostname or "") or (prefix is not None and _origin(parts) == _origin(urlsplit(prefix)))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether the host, by name or number, is this machine and nothing else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port


class Deliveries(Protocol):
    """What the app needs of either kind."""

    async def catch_up(self) -> None:
        """Deliver what became due without anybody noticing; called before each request."""
        ...

    def wake(self) -> None:
        """See what is due next; called after everything that may have brought it forward."""
        ...

    async def aclose(self) -> None:
        """Give up what is planned and what is under way."""
        ...


class VirtualDeliveries(Deliveries):
    """Delivers while the virtual clock is moved."""

    def __init__(self, machine: Machine, clock: VirtualClock, poster: Poster) -> None:
        self._machine = machine
        self._clock = clock
        self._poster = poster
        self._moving = asyncio.Lock()

    async def advance(self, seconds: float) -> float:
        """Move the clock through every moment at which something is due, delivering it then; return the last moment."""
        async with self._moving:
            target = self._clock.now() + seconds
            while (due := self._machine.next_due()) is not None and due <= target:
                self._clock.advance_to(due)
                if not await self._deliver() and self._machine.next_due() == due:
                    raise RuntimeError(f"the machine has something due at {due}, but its tick does nothing about it")
            return self._clock.advance_to(target)

    async def catch_up(self) -> None:
        """Deliver what has become due because somebody else moved the clock."""
        due = self._machine.next_due()
        if due is not None and due <= self._clock.now():
            await self._deliver()

    def wake(self) -> None:
        """Nothing to plan: deliveries happen when the clock moves."""

    async def aclose(self) -> None:
        """Nothing is ever under way between two calls."""

    async def _deliver(self) -> int:
        outgoings = self._machine.tick(self._clock.now())
        for outgoing in outgoings:
            attempt = await self._poster.post(outgoing)
            if attempt.late:
                self._clock.advance(TIMEOUT)
            self._machine.delivered(outgoing, attempt.status, self._clock.now())
        return len(outgoings)


class TimedDeliveries(Deliveries):
    """Delivers when the clock says so."""

    def __init__(self, machine: Machine, clock: Clock, poster: Poster, failed: Callable[[Exception], None]) -> None:
        """`failed` is told what escapes the machine: nobody waits for the result of a timer."""
        self._machine = machine
        self._clock = clock
        self._poster = poster
        self._failed = failed
        self._timer: tuple[float, asyncio.TimerHandle] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def catch_up(self) -> None:
        """Nothing to do: the timer sees to it."""

    def wake(self) -> None:
        """Set the timer to the next moment."""
        due = self._machine.next_due()
        if due is None or (self._timer is not None and self._timer[0] <= due):
            return
        self._cancel_timer()
        nap = max(SHORTEST_NAP, due - self._clock.now())
        self._timer = (due, asyncio.get_running_loop().call_later(nap, self._fire))

    async def aclose(self) -> None:
        """Give up what is planned and what is under way."""
        self._cancel_timer()
        tasks = tuple(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fire(self) -> None:
        self._timer = None
        with self._watched():
            for outgoing in self._machine.tick(self._clock.now()):
                task = asyncio.get_running_loop().create_task(self._deliver(outgoing))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            self.wake()

    async def _deliver(self, outgoing: Outgoing) -> None:
        with self._watched():
            attempt = await self._poster.post(outgoing)
            self._machine.delivered(outgoing, attempt.status, self._clock.now())
            self.wake()

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - nobody waits for what a timer started: `failed` is told instead
            self._failed(error)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer[1].cancel()
            self._timer = None
