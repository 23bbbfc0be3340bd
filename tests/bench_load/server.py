"""A target that counts what arrives in each second, and can stall: `python -m tests.bench_load.server`.

It is told nothing by the generators it serves, so its counts are fair to all. While it stalls, requests are taken and
answered when the stall is over, as a server does that waits for a lock. It answers like Chatmaid's lists.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Callable

COUNTS = "/counts"
PHONES = "/v1/phone-numbers"
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
END = b"\r\n\r\n"
PAGINATION = {"page": 1, "limit": 20, "total": 0, "totalPages": 0}
PHONE = {"id": "phone_1", "phoneNumber": "+12025550100", "connectionStatus": "connected"}


def response(body: object) -> bytes:
    """A 200 with JSON."""
    text = json.dumps(body)
    return f"{HEAD}{len(text)}\r\n\r\n{text}".encode()


LIST = response({"success": True, "data": {"data": [], "pagination": PAGINATION}})
SENDERS = response({"success": True, "data": [PHONE]})


class Target:
    """Counts, and holds answers back during the stall."""

    def __init__(self, now: Callable[[], float], stall_at: float, stall: float) -> None:
        self._now, self._stall_at, self._stall = now, stall_at, stall
        self._begin: float | None = None
        self.counts: Counter[int] = Counter()

    def arrive(self) -> float:
        """Count a request; the seconds that its answer is to be held back."""
        now = self._now()
        self._begin = now if self._begin is None else self._begin
        age = now - self._begin
        self.counts[int(age)] += 1
        stalled = self._stall_at <= age < self._stall_at + self._stall
        return self._stall_at + self._stall - age if stalled else 0.0

    def shown(self) -> list[int]:
        """Requests in each second since the first."""
        return [self.counts[second] for second in range(max(self.counts, default=-1) + 1)]


class Connection(asyncio.Protocol):
    """Requests without a body, one after the other."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        *whole, self._rest = (self._rest + data).split(END)
        for request in whole:
            path = request.split(b" ", 2)[1].decode("latin-1")
            if path.startswith(COUNTS):
                self._transport.write(response(self._target.shown()))
            elif path.startswith(PHONES):
                self._transport.write(SENDERS)
            elif held := self._target.arrive():
                asyncio.get_running_loop().call_later(held, self._transport.write, LIST)
            else:
                self._transport.write(LIST)


async def serve(stall_at: float, stall: float) -> None:
    """Serve until killed; the port is the first line said."""
    loop = asyncio.get_running_loop()
    target = Target(loop.time, stall_at, stall)
    server = await loop.create_server(lambda: Connection(target), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - what the starter reads
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--stall-at", type=float, default=0.0)
    parser.add_argument("--stall", type=float, default=0.0)
    given = parser.parse_args()
    asyncio.run(serve(given.stall_at, given.stall))
