"""A guard of 2,000 nodes on a real API server: one look, over what reading the same lists costs.

Needs ``make cluster``. Run as ``python -m benchmarks.guard``. A ratio holds on a busy machine as
well as on an idle one; seconds do not. The plain reader asks for the three long lists in kubectl's
pages and parses them with the standard library, nothing else.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.control_plane import FOLDER, ControlPlane, missing, running
from tests.support.large_cluster import Large
from tests.support.large_guard import LargeGuard

LOOKS, READS = 11, 4
LISTS = ("/api/v1/nodes", "/api/v1/pods", "/apis/karpenter.sh/v1/nodeclaims")
PAGE_SIZE = "500"


def main() -> None:
    """Print a look's time, CPU and memory in each mode, and that of the plain reader."""
    if why := missing():
        raise SystemExit(why)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "plane") as plane:
        plane.api.install_crds(FOLDER / "crds")
        Large().put(plane)
        wall, cpu = _timed(lambda: _listed(plane))
        print(f"plain reader: {_spread(wall)} s, CPU {_spread(cpu)} s", flush=True)
        for mode in ("observe", "act"):
            _measure(plane, Path(folder), mode, statistics.median(wall))


def _measure(plane: ControlPlane, folder: Path, mode: str, plain: float) -> None:
    own = folder / mode
    own.mkdir()
    with LargeGuard(plane, own, mode) as guard:
        first, *others = [guard.look() for _ in range(LOOKS)]
        most = guard.most_mb
    seconds = [one.seconds for one in others]
    print(
        f"{mode}: first look {first.seconds:.2f} s; then {_spread(seconds)} s, "
        f"{statistics.median(seconds) / plain:.2f} of the plain reader; "
        f"CPU {_spread([one.cpu_seconds for one in others])} s; at most {most:.0f} MB",
        flush=True,
    )


def _listed(plane: ControlPlane) -> None:
    for path in LISTS:
        after: str | None = ""
        while after is not None:
            asked = {"limit": PAGE_SIZE} | ({"continue": after} if after else {})
            page = plane.api.http.get(path, params=asked).raise_for_status().json()
            after = page["metadata"].get("continue")


def _timed(work: Callable[[], None]) -> tuple[list[float], list[float]]:
    wall, cpu = [], []
    for _ in range(READS):
        began, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    return wall, cpu


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
