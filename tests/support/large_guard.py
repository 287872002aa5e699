"""A guard of a large cluster as a process of its own, and what it costs."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import httpx

from tests.support.authority import LOOPBACK
from tests.support.control_plane import ControlPlane
from tests.support.guard import a_forecast, foretell
from tests.support.large_cluster import POOLS
from tests.support.processes import Program, free_port, wait_for
from tests.support.stage import PROGRAM, ROOT
from warehouse.store import Warehouse

BAD, GOOD = 0.9, 0.02
SECONDS = 300.0
DURATION = "spotcast_guard_reconcile_duration_seconds"


@dataclass(frozen=True, slots=True)
class Look:
    """One look: its time by the guard's own figures, its CPU time, and what it judged."""

    seconds: float
    cpu_seconds: float
    nodes: int
    replaced: int


class LargeGuard:
    """A guard to which forecasts say that one pool of 50 is bad; a context manager."""

    def __init__(self, plane: ControlPlane, folder: Path, mode: str) -> None:
        """Started at once."""
        warehouse = folder / "w.duckdb"
        at = datetime.now(UTC)
        about = {"issued_at": at, "evidence_until": at}
        with Warehouse.open(warehouse) as store:
            foretell(
                store,
                *(
                    a_forecast(minutes, GOOD if number else BAD)
                    | about
                    | {"region": pool.region, "zone": pool.zone}
                    | {"instance_type": pool.instance_type}
                    for number, pool in enumerate(POOLS)
                    for minutes in (15, 60, 360)
                ),
            )
        port = free_port()
        self._url = f"http://{LOOPBACK}:{port}/metrics"
        told = {"holder": "the guard", "limit_seconds": 0, "lease_seconds": 0}
        command = [sys.executable, "-c", PROGRAM, json.dumps(told), "guard", "--mode", mode]
        command += ["--interval", "1s", "--metrics-port", str(port), "-w", str(warehouse)]
        environ = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
        }
        command += ["--kubeconfig", str(plane.kubeconfig())]
        self._program: Program = plane.run(command, f"guard-{mode}", environ)
        self._looks, self._seconds, self._cpu = 0.0, 0.0, 0.0
        self.most_mb = 0.0
        self.begun = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.stop()

    def look(self) -> Look:
        """Wait for the next look that is over."""
        before, cpu = (self._looks, self._seconds), self._cpu
        wait_for(lambda: self._figures().get(f"{DURATION}_count", 0) > before[0], "a look", SECONDS)
        found = self._figures()
        self._looks, self._seconds = found[f"{DURATION}_count"], found[f"{DURATION}_sum"]
        self._cpu, self.most_mb = self._used(), self._peak_mb()
        surging = 'spotcast_replacements_total{mechanism="surge",state="surging"}'
        self.begun = found.get(surging, 0.0)
        replace, keep = (found[f'spotcast_guard_nodes{{verdict="{one}"}}'] for one in VERDICTS)
        count = self._looks - before[0]
        return Look(
            (self._seconds - before[1]) / count,
            (self._cpu - cpu) / count,
            round(replace + keep),
            round(replace),
        )

    def _figures(self) -> Mapping[str, float]:
        try:
            text = httpx.get(self._url, trust_env=False, timeout=30).text
        except httpx.TransportError:
            return {}
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def _used(self) -> float:
        """CPU seconds of the process (proc(5): utime and stime, after the name in brackets)."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _peak_mb(self) -> float:
        (line,) = (one for one in self._proc("status").splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self._program.pid}/{name}").read_text(encoding="utf-8")


VERDICTS = ("replace", "keep")
