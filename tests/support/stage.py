"""A service on a real Karpenter whose pool turns bad, and guards as processes of their own."""

import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from advisor.karpenter.budgets import budget
from advisor.karpenter.labels import CORDONED_BY, HELD_BY, RETIRE, WARMING
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.kubernetes_pods import DELETION_COST, SURGED_FROM
from tests.support.control_plane import missing
from tests.support.guard import a_forecast, foretell
from tests.support.kwok_market import Manifest
from tests.support.market import a_price
from tests.support.offerings import offering
from tests.support.processes import Program, wait_for
from tests.support.rig import PROGRAMS, Rig, deployment, rig
from warehouse.errors import WarehouseBusyError
from warehouse.frames import frames_of
from warehouse.records import Offering
from warehouse.replacements import history, transitions
from warehouse.store import Warehouse

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300.0
REGION = "topology.kubernetes.io/region"
APP = "llm"

PROGRAM = """
import json
import sys
from datetime import timedelta
from advisor.replacement.records import State
from advisor.replacement.settings import LIMITS
from advisor.risk.verification import Verdict
import api.commands.guard
import api.commands.replace
from api.guard.book import Book
from api.cli import main
given = json.loads(sys.argv.pop(1))
import advisor.karpenter.nodeclaim
# kwok's node class stands for the cloud's.
advisor.karpenter.nodeclaim._template = lambda nodepool, _: nodepool["spec"]["template"]
# A container that is started again is the same holder: it need not wait for its own lease.
api.commands.guard.holder = api.commands.replace.holder = lambda: given["holder"]
# Whether forecasts have skill is another test's; times that nobody can wait for are shortened.
Book.__init__.__kwdefaults__["judged"] = lambda *_: lambda _: Verdict.SKILL
api.commands.replace.INTERVAL = timedelta(seconds=1)
if seconds := given["lease_seconds"]:
    api.commands.guard.SHORTEST_LEASE = timedelta(seconds=seconds)
if seconds := given["limit_seconds"]:
    LIMITS[State.SURGING] = LIMITS[State.RETIRING] = timedelta(seconds=seconds)
main(sys.argv[1:])
"""


def priced(instance_type: str, zone: str, usd: float) -> Offering:
    """A pool on sale at that price."""
    made = offering(instance_type, zone)
    return replace(made, price_per_hour=usd, usd_per_hour=usd)


BAD = priced("g6.xlarge", "use1-az6", 0.30)
SAFE = priced("g5.xlarge", "use1-az4", 0.45)
SETTINGS = NodePoolSettings("inference", "gpu", budgets=(budget("5; reasons=Drifted"),))


@dataclass
class Stage:
    """A cluster whose service runs in one pool, a warehouse, and the guards between them.

    The first of ``offerings`` is the cheapest: Karpenter buys it first. `watch` notes the extremes
    of what must hold at every moment.
    """

    rig: Rig
    warehouse: Path
    offerings: Sequence[Offering] = (BAD, SAFE)
    guards: list[Program] = field(default_factory=list)
    least_ready: int = 1_000_000
    most_retired: int = 0
    most_replicas: int = 0

    def guard(
        self,
        name: str = "guard",
        *options: str,
        mode: str = "act",
        interval: str = "1s",
        kubeconfig: Path | None = None,
        holder: str = "the same pod",
        limit_seconds: int = 0,
        lease_seconds: int = 0,
    ) -> Program:
        """Start one; ``options`` are more of its command's.

        ``limit_seconds`` is how long surging and retiring may take, ``lease_seconds`` how long a
        lease is taken for at least; 0 leaves them as they are.
        """
        made = self.command(
            *("guard", "--mode", mode, "--interval", interval, *options),
            name=name,
            kubeconfig=kubeconfig,
            holder=holder,
            limit_seconds=limit_seconds,
            lease_seconds=lease_seconds,
        )
        self.guards.append(made)
        return made

    def command(
        self, *words: str, name: str, kubeconfig: Path | None = None, **given: str | int
    ) -> Program:
        """Start a command of spotcast's on this cluster and warehouse; ``given`` is as above."""
        config = str(kubeconfig or self.rig.plane.kubeconfig())
        told = {"holder": name, "limit_seconds": 0, "lease_seconds": 0, **given}
        environ = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.warehouse.parent),
            "PYTHONPATH": str(ROOT),
        }
        options = ["--kubeconfig", config, "-w", str(self.warehouse)]
        command = [sys.executable, "-c", PROGRAM, json.dumps(told), *words, *options]
        return self.rig.plane.run(command, name, environ)

    def serve(self, replicas: int, *manifests: Manifest, settings: NodePoolSettings) -> list[str]:
        """Run a service in the first pool; the names of its nodes."""
        about = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": APP}}}
        budgets = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": APP},
            "spec": about,
        }
        pools = nodepool(list(self.offerings), settings, {})
        self.rig.use(pools, deployment(APP, replicas), budgets, *manifests)
        self.wait(lambda: len(self.rig.ready_pods(APP)) == replicas, f"{replicas} Ready")
        self.least_ready = replicas
        return self.located()

    def located(self) -> list[str]:
        """The names of all nodes, each told its region as a cloud's own controller does."""
        names = [str(one["metadata"]["name"]) for one in self.rig.nodes()]
        for name in names:
            about_node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
            self.rig.api.merge(about_node, {"metadata": {"labels": {REGION: "us-east-1"}}})
        return names

    def turn(self, probability: float, pool: Offering = BAD) -> None:
        """Let a forecast say so of a pool from now on."""
        at, of = datetime.now(UTC), pool.pool
        about = {"issued_at": at, "evidence_until": at}
        where = {"region": of.region, "zone": of.zone, "instance_type": of.instance_type}
        rows = [a_forecast(minutes, probability) | about | where for minutes in (15, 60, 360)]
        # Before the guard is started: it would have the file now and then.
        with Warehouse.open(self.warehouse) as store:
            foretell(store, *rows)
            with store.transaction():
                price = a_price(pool.price_per_hour, of, at - timedelta(hours=1))
                for table, frame in frames_of(store, [price, pool.instance_type]):
                    store.append(table, frame)

    def watch(self) -> None:
        """Note what must hold at every moment."""
        self.least_ready = min(self.least_ready, len(self.rig.ready_pods(APP)))
        claims = self.rig.api.every("karpenter.sh/v1", "NodeClaim")
        going = [one for one in claims if RETIRE in one["metadata"].get("labels", {})]
        self.most_retired = max(self.most_retired, len(going))
        self.most_replicas = max(self.most_replicas, self.replicas())

    def wait(self, is_so: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
        """Wait, and watch."""

        def looked() -> bool:
            self.watch()
            return is_so()

        wait_for(looked, what, seconds)

    def ends(self) -> list[tuple[str, str]]:
        """Node and state of each hand-over."""
        return sorted((str(row["node"]), str(row["state"])) for row in self.history())

    def history(self) -> list[dict[str, object]]:
        """The hand-overs there were; none while the guard has the file."""
        return self._asked(history)

    def steps(self) -> dict[str, list[str]]:
        """The states that each hand-over entered, in order; none while a guard has the file."""
        found: dict[str, list[str]] = {}
        for row in self._asked(transitions):
            states = found.setdefault(str(row["replacement_id"]), [])
            # A row may also note something within a state.
            if states[-1:] != [row["state"]]:
                states.append(str(row["state"]))
        return found

    def are_over(self, nodes: Iterable[str]) -> bool:
        """Whether each of the nodes is gone, and the guard has closed its one hand-over."""
        of = set(nodes)
        left = {one["metadata"]["name"] for one in self.rig.nodes()} & of
        ended = [one for one in self.ends() if one[0] in of] if not left else []
        return ended == [(one, "done") for one in sorted(of)]

    def ours(self) -> list[str]:
        """What is left of ours in the cluster: marks on claims, nodes, workloads and pods."""
        marked = [
            *(one for one in self._every("karpenter.sh/v1", "NodeClaim") if _has(one, RETIRE)),
            *(one for one in self.rig.nodes() if _is_kept_back(one)),
            *(one for one in self._every("apps/v1", "Deployment") if _has(one, SURGED_FROM)),
            *(one for one in self.rig.pods(APP) if _has(one, DELETION_COST)),
            *(one for one in self._every("coordination.k8s.io/v1", "Lease") if _is_surge(one)),
        ]
        return [one["metadata"]["name"] for one in marked]

    def replicas(self) -> int:
        """How many the Deployment asks for."""
        found = self._every("apps/v1", "Deployment")
        return int(found[0]["spec"]["replicas"]) if found else 0

    def lease(self, name: str = "spotcast-guard") -> Manifest:
        """The spec of a lease; {} if there is none."""
        about = {"name": name, "namespace": "default"}
        thing = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": about}
        found = self.rig.api.find(thing) or {"spec": {}}
        spec: Manifest = found["spec"]
        return spec

    def _every(self, version: str, kind: str) -> list[Manifest]:
        return self.rig.api.every(version, kind)

    def _asked(self, question: Callable[..., pl.DataFrame]) -> list[dict[str, object]]:
        now = datetime.now(UTC)
        try:
            with Warehouse.open(self.warehouse) as store:
                return question(store, now, now - timedelta(days=1)).to_dicts()
        except WarehouseBusyError:
            return []


@contextmanager
def staged(folder: Path, offerings: Sequence[Offering] = (BAD, SAFE)) -> Generator[Stage]:
    """A cluster and an empty warehouse while the context lasts; skips without the programs."""
    if why := missing(*PROGRAMS):
        pytest.skip(why)
    warehouse = folder / "w.duckdb"
    Warehouse.open(warehouse).close()
    with rig(folder / "rig", offerings) as made:
        yield Stage(made, warehouse, offerings)


def tell(text: str) -> None:
    """A figure for people, with ``pytest -s``."""
    sys.stdout.write(f"\n{text}\n")


def _has(thing: Manifest, mark: str) -> bool:
    about = thing["metadata"]
    return mark in about.get("labels", {}) or mark in about.get("annotations", {})


def _is_kept_back(node: Manifest) -> bool:
    spec = node["spec"]
    is_warming = any(taint["key"] == WARMING for taint in spec.get("taints", ()))
    marks = (CORDONED_BY, HELD_BY)
    return bool(spec.get("unschedulable")) or is_warming or any(_has(node, one) for one in marks)


def _is_surge(lease: Manifest) -> bool:
    return str(lease["metadata"]["name"]).startswith("spotcast-surge.")
