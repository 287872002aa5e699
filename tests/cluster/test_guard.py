"""The guard as a process of its own, on a real Karpenter: a pool turns bad, and is left in time."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from advisor.karpenter.budgets import budget
from advisor.karpenter.labels import RETIRE, WARMING
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from tests.support.control_plane import missing
from tests.support.guard import a_forecast, foretell
from tests.support.kwok_market import Manifest
from tests.support.market import a_price
from tests.support.offerings import offering
from tests.support.processes import Program, wait_for
from tests.support.rig import PROGRAMS, Rig, deployment, is_true, pool_of, rig
from warehouse.errors import WarehouseBusyError
from warehouse.frames import frames_of
from warehouse.records import Offering
from warehouse.replacements import history
from warehouse.store import Warehouse

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300.0
REGION = "topology.kubernetes.io/region"

PROGRAM = """
import sys
from datetime import timedelta
from advisor.replacement.records import State
from advisor.replacement.settings import LIMITS
from advisor.risk.verification import Verdict
import api.commands.guard
from api.guard_book import Book
from api.cli import main
# A container that is started again is the same holder: it need not wait for its own lease.
api.commands.guard.holder = lambda: "the same pod"
# Whether forecasts have skill is another test's; how long nobody brings capacity is shortened.
Book.__init__.__kwdefaults__["judged"] = lambda *_: lambda _: Verdict.SKILL
if seconds := int(sys.argv.pop(1)):
    LIMITS[State.SURGING] = LIMITS[State.RETIRING] = timedelta(seconds=seconds)
main(sys.argv[1:])
"""


def priced(instance_type: str, zone: str, usd: float) -> Offering:
    made = offering(instance_type, zone)
    return replace(made, price_per_hour=usd, usd_per_hour=usd)


BAD = priced("g6.xlarge", "use1-az6", 0.30)
SAFE = priced("g5.xlarge", "use1-az4", 0.45)
SETTINGS = NodePoolSettings("inference", "gpu", budgets=(budget("5; reasons=Drifted"),))


@dataclass
class Stage:
    """A cluster whose service runs in one pool, a warehouse, and the guard between them."""

    rig: Rig
    warehouse: Path
    guards: list[Program] = field(default_factory=list)
    least_ready: int = 1_000_000
    most_retired: int = 0

    def guard(self, name: str = "guard", limit_seconds: int = 0) -> Program:
        """Start one."""
        config = str(self.rig.plane.kubeconfig())
        command = [sys.executable, "-c", PROGRAM, str(limit_seconds), "guard", "--mode", "act"]
        options = ["--interval", "1s", "--kubeconfig", config, "-w", str(self.warehouse)]
        environ = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.warehouse.parent),
            "PYTHONPATH": str(ROOT),
        }
        made = self.rig.plane.run([*command, *options], name, environ)
        self.guards.append(made)
        return made

    def serve(self, replicas: int, *manifests: Manifest, settings: NodePoolSettings) -> list[str]:
        """Run a service in the bad pool; the names of its nodes."""
        about = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "llm"}}}
        budgets = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "llm"},
            "spec": about,
        }
        self.rig.use(
            nodepool([BAD, SAFE], settings, {}), deployment("llm", replicas), budgets, *manifests
        )
        self.wait(lambda: len(self.rig.ready_pods("llm")) == replicas, f"{replicas} Ready")
        names = [one["metadata"]["name"] for one in self.rig.nodes()]
        for name in names:
            # A cloud's own controller would have written it.
            about_node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
            self.rig.api.merge(about_node, {"metadata": {"labels": {REGION: "us-east-1"}}})
        self.least_ready = replicas
        return names

    def turn(self, probability: float) -> None:
        """Let a forecast say so of the bad pool from now on."""
        at = datetime.now(UTC)
        about = {"issued_at": at, "evidence_until": at, "zone": "use1-az6"}
        rows = [
            a_forecast(minutes, probability) | about | {"instance_type": "g6.xlarge"}
            for minutes in (15, 60, 360)
        ]
        # Before the guard is started: it would have the file now and then.
        with Warehouse.open(self.warehouse) as store:
            foretell(store, *rows)
            with store.transaction():
                price = a_price(0.3, BAD.pool, at - timedelta(hours=1))
                for table, frame in frames_of(store, [price]):
                    store.append(table, frame)

    def watch(self) -> None:
        """Note what must hold at every moment."""
        self.least_ready = min(self.least_ready, len(self.rig.ready_pods("llm")))
        claims = self.rig.api.every("karpenter.sh/v1", "NodeClaim")
        going = [one for one in claims if RETIRE in one["metadata"].get("labels", {})]
        self.most_retired = max(self.most_retired, len(going))

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait, and watch."""

        def looked() -> bool:
            self.watch()
            return is_so()

        wait_for(looked, what, SECONDS)

    def ends(self) -> list[tuple[str, str]]:
        """Node and state of each hand-over."""
        return sorted((str(row["node"]), str(row["state"])) for row in self.history())

    def history(self) -> list[dict[str, object]]:
        """The hand-overs there were; none while the guard has the file."""
        now = datetime.now(UTC)
        try:
            with Warehouse.open(self.warehouse) as store:
                return history(store, now, now - timedelta(days=1)).to_dicts()
        except WarehouseBusyError:
            return []

    def are_over(self, nodes: list[str]) -> bool:
        """Whether each of the nodes is gone, and the guard has closed its hand-over."""
        left = {one["metadata"]["name"] for one in self.rig.nodes()} & set(nodes)
        return not left and self.ends() == [(one, "done") for one in sorted(nodes)]

    def ours(self) -> list[str]:
        """What is left of ours in the cluster."""
        claims = self.rig.api.every("karpenter.sh/v1", "NodeClaim")
        labelled = [one for one in claims if RETIRE in one["metadata"].get("labels", {})]
        marked = [
            one
            for one in self.rig.nodes()
            if one["spec"].get("unschedulable")
            or any(taint["key"] == WARMING for taint in one["spec"].get("taints", ()))
        ]
        return [one["metadata"]["name"] for one in (*labelled, *marked)]

    def replicas(self) -> int:
        """How many the Deployment asks for."""
        (found,) = self.rig.api.every("apps/v1", "Deployment")
        return int(found["spec"]["replicas"])


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A cluster of one test's own."""
    if why := missing(*PROGRAMS):
        pytest.skip(why)
    warehouse = tmp_path / "w.duckdb"
    Warehouse.open(warehouse).close()
    with rig(tmp_path / "rig", [BAD, SAFE]) as made:
        yield Stage(made, warehouse)


def tell(text: str) -> None:
    """A figure for people, with ``pytest -s``."""
    sys.stdout.write(f"\n{text}\n")


@pytest.mark.smoke
def test_a_pool_that_turns_bad_is_left_without_a_gap(stage: Stage) -> None:
    nodes = stage.serve(10, settings=SETTINGS)
    stage.rig.sell_out(BAD)
    began = monotonic()
    stage.turn(0.9)
    guard = stage.guard()

    stage.wait(lambda: stage.are_over(nodes), "ten nodes handed over")

    seconds = monotonic() - began
    guard.stop()
    rows = stage.history()
    hours = sum(float(str(row["overlap_seconds"])) for row in rows) / 3600
    tell(f"10 nodes in {seconds:.0f} s; overlap {hours:.3f} h, {0.3 * hours:.4f} USD")
    assert {pool_of(one)[:2] for one in stage.rig.nodes()} == {("g5.xlarge", "use1-az4")}
    assert stage.least_ready == 10
    assert stage.most_retired <= 5
    assert (stage.ours(), stage.replicas()) == ([], 10)


def test_a_guard_that_is_killed_again_and_again_comes_to_the_same_end(stage: Stage) -> None:
    nodes = stage.serve(3, settings=SETTINGS)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    random, kills = Random(6), 0  # noqa: S311 - no secret
    while not stage.are_over(nodes):
        guard = stage.guard(f"guard-{kills}")
        # While it starts, looks, stores or acts: a start takes some seconds.
        until = monotonic() + random.uniform(3.0, 12.0)
        while monotonic() < until and not stage.are_over(nodes):
            stage.watch()
        guard.stop(signal.SIGKILL)
        kills += 1
        assert kills < 40

    tell(f"{kills} guards were killed")
    assert stage.least_ready == 3
    assert (stage.ours(), stage.replicas()) == ([], 3)


def test_an_api_server_that_is_restarted_half_way_changes_nothing(stage: Stage) -> None:
    nodes = stage.serve(2, settings=SETTINGS)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    guard = stage.guard()
    stage.wait(lambda: stage.replicas() > 2, "a replica more")
    stage.rig.plane.restart()

    stage.wait(lambda: stage.are_over(nodes), "both handed over")

    guard.stop()
    assert stage.least_ready == 2
    assert (stage.ours(), stage.replicas()) == ([], 2)


def test_where_no_capacity_can_be_had_all_is_taken_back(stage: Stage) -> None:
    nodes = stage.serve(2, settings=SETTINGS)
    stage.rig.sell_out(BAD, SAFE)
    stage.turn(0.9)
    guard = stage.guard(limit_seconds=20)

    rolled_back = [(one, "rolled_back") for one in sorted(nodes)]
    stage.wait(lambda: stage.ends() == rolled_back, "both taken back")

    guard.stop()
    assert stage.least_ready == 2
    assert sorted(one["metadata"]["name"] for one in stage.rig.nodes()) == sorted(nodes)
    assert (stage.ours(), stage.replicas()) == ([], 2)


def test_the_real_interruption_half_way_ends_the_hand_over(stage: Stage) -> None:
    nodes = stage.serve(2, settings=SETTINGS)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    guard = stage.guard()
    stage.wait(lambda: stage.replicas() > 2, "a replica more")
    stage.rig.take(nodes[0])

    def are_ended() -> bool:
        states = [state for _, state in stage.ends()]
        return len(states) == 2 and set(states) <= {"done", "overtaken"}

    stage.wait(are_ended, "both ended")
    stage.wait(lambda: len(stage.rig.ready_pods("llm")) == 2, "both Ready")

    guard.stop()
    assert (stage.ours(), stage.replicas()) == ([], 2)


def test_a_replacement_that_still_warms_holds_the_old_node(stage: Stage) -> None:
    warming = replace(SETTINGS, warming_taint=True)
    stage.rig.use(nodepool([BAD, SAFE], warming, {}), deployment("llm", 1))
    wait_for(lambda: len(stage.rig.nodes()) == 1, "the first node", SECONDS)
    stage.rig.warm(stage.rig.nodes()[0]["metadata"]["name"])
    nodes = stage.serve(1, settings=warming)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    guard = stage.guard()

    stage.wait(lambda: len(stage.rig.nodes()) == 2, "a replacement")
    (new,) = (
        one["metadata"]["name"] for one in stage.rig.nodes() if one["metadata"]["name"] not in nodes
    )
    stage.wait(lambda: is_true(stage.rig.node(new), "Ready"), "the replacement Ready")
    until = monotonic() + 25
    while monotonic() < until:
        stage.watch()
        assert stage.rig.node(nodes[0])
        assert "deletionTimestamp" not in stage.rig.node(nodes[0])["metadata"]
    stage.rig.warm(new)

    stage.wait(lambda: stage.are_over(nodes), "handed over")
    guard.stop()
    assert stage.least_ready == 1
    assert stage.ours() == []
