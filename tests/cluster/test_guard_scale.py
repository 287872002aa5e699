"""A guard of 2,000 nodes on a real API server: what it sees, and how much memory it takes.

How long a look takes is for benchmarks/guard.py: a busy machine says nothing about it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.control_plane import FOLDER, ControlPlane, running
from tests.support.large_cluster import Large
from tests.support.large_guard import LargeGuard, Look
from tests.support.stage import tell

LOOKS = 11
MOST_MB = 300
TEN = 10


@pytest.fixture(scope="module")
def large(_binaries: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with 2,000 nodes, their NodeClaims, and 6,000 pods."""
    with running(tmp_path_factory.mktemp("large")) as plane:
        plane.api.install_crds(FOLDER / "crds")
        Large().put(plane)
        yield plane


def test_2000_nodes_are_all_judged_in_little_memory(large: ControlPlane, tmp_path: Path) -> None:
    with LargeGuard(large, tmp_path, "observe") as guard:
        looks = [guard.look() for _ in range(LOOKS)]
        most = guard.most_mb

    _tell("observe", looks, most)
    assert {one.nodes for one in looks} == {Large().nodes}
    assert {one.replaced for one in looks} == {TEN}
    assert most < MOST_MB


def test_ten_hand_overs_begin_in_little_memory(large: ControlPlane, tmp_path: Path) -> None:
    with LargeGuard(large, tmp_path, "act") as guard:
        looks = [guard.look() for _ in range(LOOKS)]
        most, begun = guard.most_mb, guard.begun

    _tell("act", looks, most)
    assert {one.nodes for one in looks} == {Large().nodes}
    assert begun == TEN
    assert most < MOST_MB


def _tell(mode: str, looks: list[Look], most: float) -> None:
    first, *others = looks
    wall, cpu = (
        sorted(getattr(one, name) for one in others) for name in ("seconds", "cpu_seconds")
    )
    tell(
        f"{mode}: first look {first.seconds:.2f} s; then {wall[0]:.2f} to {wall[-1]:.2f} s, CPU "
        f"{cpu[0]:.2f} to {cpu[-1]:.2f} s; at most {most:.0f} MB"
    )
