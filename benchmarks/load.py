"""An open-loop load of HTTP: requests leave at their times, whatever became of those before.

Latency is counted from the time at which a request should have left, so that a server that stands
still for a second is charged with every request of that second (no coordinated omission).
The client is bare asyncio: a full HTTP client takes more of a core than the server that it asks.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

TIMEOUT_SECONDS = 10.0
OK = b"HTTP/1.1 200 "


@dataclass
class Outcome:
    """What came of a load: latencies in milliseconds, in the order of the requests."""

    milliseconds: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0

    def quantile(self, share: float) -> float:
        """The latency that so many requests stay under, milliseconds."""
        return float(np.quantile(self.milliseconds, share))


class Load:
    """Asks one server over connections that are kept open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def run(self, paths: Sequence[str], per_second: float, seconds: float) -> Outcome:
        """Ask for one path after the other, around and around, at an even rate."""
        outcome = Outcome()
        began = time.perf_counter() + 0.1
        asked = []
        for number in range(round(per_second * seconds)):
            due = began + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            path = paths[number % len(paths)]
            asked.append(asyncio.create_task(self._ask(path, due, outcome)))
        await asyncio.gather(*asked)
        return outcome

    async def _ask(self, path: str, due: float, outcome: Outcome) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status, size = await self._exchange(path)
        except (OSError, EOFError, TimeoutError) as error:
            outcome.errors[type(error).__name__] += 1
            return
        outcome.milliseconds.append(1_000 * (time.perf_counter() - due))
        outcome.bytes_read += size
        if not status.startswith(OK):
            outcome.errors[status[:12].decode()] += 1

    async def _exchange(self, path: str) -> tuple[bytes, int]:
        """Send a request; the first line of the answer, and how many bytes its body has."""
        reader, writer = await self._connection()
        try:
            head, size = await self._answer(path, reader, writer)
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        return head.partition(b"\r\n")[0].upper(), size

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """One that is open and idle, else a new one."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            # The server closes what was idle for long.
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _answer(
        self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[bytes, int]:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
            "Accept-Encoding: gzip\r\n\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(size)
        return head, size

    def close(self) -> None:
        """Let go of the connections."""
        for _, writer in self._idle:
            writer.close()
