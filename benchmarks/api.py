"""The HTTP server under load: 20 million price rows, server and client on the same two cores.

Rankings at 100 requests a second and price history beside them, without and with ingestion, and a
bare FastAPI route for scale. ``--seconds 10`` for a quick look. Memory is that of the server's
process. Exits with 1 if a limit is not kept.
"""

import argparse
import asyncio
import itertools
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import numpy as np

from benchmarks.large_market import CLOUDS, END, FAMILIES, GPU_FAMILIES, PRICES, SIZES, large_market
from benchmarks.load import Load, Outcome

RANKINGS_PER_SECOND, HISTORIES_PER_SECOND = 100.0, 10.0
LIMITS_MS = {"rankings": 100.0, "price history": 150.0}
"""p99, of the issue that asked for it."""

INGEST_SECONDS = 5.0
WARM_UP_SECONDS = 3.0
STARTED_WITHIN_SECONDS = 120.0
PAGE = 4096

WAYS = {
    "rankings": RANKINGS_PER_SECOND,
    "price history": HISTORIES_PER_SECOND,
}


@dataclass
class Server:
    """A process that serves, and its memory once a second, MiB."""

    port: int
    process: subprocess.Popen[bytes]
    memory_mib: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    """Of the measured time: on a busy machine it says more than the latencies."""

    def cpu(self) -> float:
        """Seconds of a core that the process took so far."""
        told = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        user, system = told.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """What the process holds now, MiB."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * PAGE / 2**20

    async def watch(self) -> None:
        """Note the memory, until cancelled."""
        while True:
            self.memory_mib.append(self.memory())
            await asyncio.sleep(1)

    def slope(self) -> float:
        """Growth of the memory, MiB a minute, by a straight line."""
        if len(self.memory_mib) < 2:  # noqa: PLR2004 - a line needs two points
            return 0.0
        return 60 * float(np.polyfit(range(len(self.memory_mib)), self.memory_mib, 1)[0])


def rankings() -> list[str]:
    """Some 200 different wishes, most of them for GPUs."""
    models = ("T4", "L4", "A10G", "V100", "A100", "H100", None)
    several = itertools.product(models, (1, 4, 8, None), (300, 900, 3_600), (None, "aws", "gcp"))
    wishes = []
    for number, (model, gpus, restart, provider) in enumerate(several):
        wish = {
            "gpu_model": model,
            "gpus": gpus,
            "restart_seconds": restart,
            "provider": provider,
            "max_usd_per_hour": 20 if number % 5 == 0 else None,
            "vcpus_min": None if model or gpus else 16,
        }
        told = {name: value for name, value in wish.items() if value is not None}
        wishes.append(f"/v1/rankings?{urlencode(told)}")
    return list(np.random.default_rng(1).permutation(wishes))


def histories() -> list[str]:
    """The last 30 days of one type, of all its zones or of one region."""
    rng, since = np.random.default_rng(2), END - timedelta(days=30)
    paths = []
    for _ in range(200):
        cloud = CLOUDS[rng.integers(len(CLOUDS))]
        family = int(rng.integers(GPU_FAMILIES if rng.random() < 0.7 else FAMILIES))  # noqa: PLR2004
        kind = "g" if family < GPU_FAMILIES else "m"
        asked = {
            "provider": cloud.name,
            "instance_type": f"{kind}{family}{cloud.name[0]}.{rng.choice(SIZES)}",
            "start": since.isoformat().replace("+00:00", "Z"),
        }
        if rng.random() < 0.5:  # noqa: PLR2004 - one in two
            asked["region"] = f"{cloud.name}-region-{rng.integers(cloud.regions)}"
        paths.append(f"/v1/prices/history?{urlencode(asked)}")
    return paths


PATHS = {"rankings": rankings, "price history": histories}


async def bench(seconds: float, prices: int, threads: int | None) -> bool:
    """Measure all; whether every limit was kept."""
    print(f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}")
    print(f"{prices:,} price rows; {seconds:.0f} s each; latencies in ms from the time due")
    async with serving() as server:
        bare = await asked_of(server, {"bare": ["/bare"]}, seconds)
    told("bare FastAPI route", bare["bare"], None, server)
    bare_p99 = bare["bare"].quantile(0.99)
    kept = True
    with TemporaryDirectory(prefix="spotcast-bench-") as place:
        copied = Path(place) / "market.duckdb"
        shutil.copyfile(large_market(prices), copied)
        for title, ingest, names in (
            ("", 0.0, ["rankings"]),
            ("", 0.0, ["price history"]),
            (", both at once", 0.0, ["rankings", "price history"]),
            (", with ingestion", INGEST_SECONDS, ["rankings"]),
            (", both, with ingestion", INGEST_SECONDS, ["rankings", "price history"]),
        ):
            more = ["--warehouse", str(copied), "--ingest", str(ingest)]
            more += ["--threads", str(threads)] if threads else []
            async with serving(*more) as server:
                outcomes = await asked_of(server, {one: PATHS[one]() for one in names}, seconds)
            for name, outcome in outcomes.items():
                told(name + title, outcome, bare_p99, server)
                kept &= not outcome.errors and outcome.quantile(0.99) <= LIMITS_MS[name]
    return kept


@asynccontextmanager
async def serving(*arguments: str) -> AsyncGenerator[Server]:
    """A server of its own process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = _started("--port", str(port), *arguments)
    try:
        await _answering(port, process)
        yield Server(port, process)
    finally:
        process.terminate()
        process.wait()


async def asked_of(
    server: Server, paths: dict[str, Sequence[str]], seconds: float
) -> dict[str, Outcome]:
    """What came of asking for all of these at once, after a while that is not counted."""
    load = Load(server.port)
    rates = [WAYS.get(name, RANKINGS_PER_SECOND) for name in paths]
    runs = list(zip(paths.values(), rates, strict=True))
    await asyncio.gather(*(load.run(some, rate, WARM_UP_SECONDS) for some, rate in runs))
    watching, before = asyncio.create_task(server.watch()), server.cpu()
    outcomes = await asyncio.gather(*(load.run(some, rate, seconds) for some, rate in runs))
    server.cpu_seconds = server.cpu() - before
    watching.cancel()
    load.close()
    return dict(zip(paths, outcomes, strict=True))


def told(title: str, outcome: Outcome, bare_p99: float | None, server: Server) -> None:
    """Print one line of figures."""
    p50, p90, p99 = (outcome.quantile(share) for share in (0.5, 0.9, 0.99))
    ratio = "" if bare_p99 is None else f"; p99 {p99 / bare_p99:.1f} x bare"
    memory, each = server.memory_mib, max(1, len(outcome.milliseconds))
    print(
        f"{title}: {len(outcome.milliseconds):,} answers, {sum(outcome.errors.values())} errors "
        f"{dict(outcome.errors) or ''}; p50 {p50:.1f}, p90 {p90:.1f}, p99 {p99:.1f}, "
        f"max {max(outcome.milliseconds):.1f}{ratio}; "
        f"{outcome.bytes_read / each / 1024:.1f} KiB each; server {server.cpu_seconds:.1f} s CPU; "
        f"memory {memory[0]:,.0f} to {memory[-1]:,.0f} MiB, {server.slope():+.1f} a minute",
        flush=True,
    )


def _started(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.api_server", *arguments]
    return subprocess.Popen(command)  # noqa: S603 - our own module


async def _answering(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when the port takes connections."""
    until = time.monotonic() + STARTED_WITHIN_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit("the server ended before it answered")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit("the server did not answer in time")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def main() -> None:
    """Measure, print, and end with 1 if a limit was not kept."""
    given = argparse.ArgumentParser()
    given.add_argument("--seconds", type=float, default=60.0)
    given.add_argument("--prices", type=int, default=PRICES)
    given.add_argument("--threads", type=int, help="of DuckDB; by default as the server sets it")
    asked = given.parse_args()
    if not asyncio.run(bench(asked.seconds, asked.prices, asked.threads)):
        raise SystemExit("A limit was not kept.")


if __name__ == "__main__":
    main()
