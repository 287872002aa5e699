"""A guarded cluster made of plain records, and forecasts for it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from advisor.replacement.actions import (
    Action,
    Cordon,
    LiftWarming,
    Retire,
    Tell,
    Uncordon,
    Unretire,
)
from advisor.replacement.records import (
    Evidence,
    GuardedNode,
    NodePoolState,
    Pod,
    Snapshot,
    Workload,
    WorkloadName,
)
from tests.support.market import NOW, a_pool
from warehouse.forecasts import append_forecasts
from warehouse.frames import schema_of
from warehouse.records import Pool
from warehouse.store import Warehouse
from warehouse.tables import RISK_FORECAST

LLM = WorkloadName("Deployment", "default", "llm")


def a_forecast(
    minutes: int,
    probability: float,
    *,
    age: timedelta = timedelta(0),
    zone: str | None = None,
) -> dict[str, Any]:
    """A row of `risk_forecast` with what the guard reads of it."""
    pool = a_pool() if zone is None else a_pool(zone=zone)
    return {
        "provider": pool.provider,
        "region": pool.region,
        "zone": pool.zone,
        "instance_type": pool.instance_type,
        "issued_at": NOW - age,
        "horizon_seconds": 60.0 * minutes,
        "probability": probability,
        "probability_low": 0.9 * probability,
        "probability_high": min(1.0, 1.1 * probability),
        "model_version": "joint-1",
        "made_from": "machine",
        "grade": "established",
        "evidence_until": NOW - age,
        "drivers": "[]",
        "recalibration": 0.0,
        "signals": None,
    }


def foretell(warehouse: Warehouse, *rows: Mapping[str, Any]) -> None:
    """Store forecasts."""
    schema = schema_of(warehouse, RISK_FORECAST)
    with warehouse.transaction():
        append_forecasts(warehouse, pl.DataFrame(list(rows), schema=schema))


def a_node(
    name: str, pool: Pool | None = None, *, provider_id: str | None = None, **other: Any
) -> GuardedNode:
    """A spot node of Karpenter's that is up for a day."""
    given: dict[str, Any] = {
        "claim": f"claim-{name}",
        "nodepool": "gpu",
        "pool": pool or a_pool(),
        "is_spot": True,
        "launched_at": NOW - timedelta(days=1),
        "is_ready": True,
        "is_initialized": True,
        "is_drifted": False,
        "is_disrupted": False,
        "is_deleting": False,
        "is_cordoned": False,
        "is_warming": False,
        "is_held": False,
        "retire": None,
    }
    return GuardedNode(name=name, provider_id=provider_id, **given | other)


class FakeGuardedCluster:
    """A cluster of records; ``tick`` is Karpenter, which replaces one retired node at a time.

    ``fault`` is called before every write and may raise: then nothing of it is done.
    """

    def __init__(self, *nodes: GuardedNode, replicas: int = 0) -> None:
        self.nodes = {one.name: one for one in nodes}
        self.nodepools = {"gpu": NodePoolState("gpu", True, False, 10)}
        self.workloads = {LLM: Workload(LLM, replicas, replicas, can_surge=False)}
        self.said: list[Evidence] = []
        self.log: list[Action] = []
        self.leases: dict[str, tuple[str, datetime]] = {}
        self.fault: Callable[[object], None] = lambda _: None
        self.now = NOW
        self.made = 0

    def clock(self) -> datetime:
        """The time, which passes when a test says so."""
        return self.now

    def snapshot(self, now: datetime) -> Snapshot:
        """What is there."""
        return Snapshot(now, dict(self.nodes), dict(self.nodepools), dict(self.workloads))

    def evidence(self) -> list[Evidence]:
        """What a test has let the cloud say."""
        return list(self.said)

    def lease(self, name: str, holder: str, seconds: int, now: datetime) -> bool:
        """Give it, or renew it, unless another holder's runs."""
        self.fault("lease")
        held = self.leases.get(name)
        if held and held[0] != holder and held[1] > now:
            return False
        self.leases[name] = holder, now + timedelta(seconds=seconds)
        return True

    def do(self, action: Action) -> None:
        """Make it so."""
        self.fault(action)
        self.log.append(action)
        match action:
            case Retire(claim, value):
                self._of_claim(claim, retire=value)
            case Unretire(claim):
                self._of_claim(claim, retire=None)
            case LiftWarming(node):
                self._change(node, is_warming=False)
            case Cordon(node):
                self._change(node, is_cordoned=True)
            case Uncordon(node):
                self._change(node, is_cordoned=False)
            case _:
                pass

    def tick(self) -> None:
        """Karpenter goes one step further with the first retired node."""
        self.now += timedelta(seconds=15)
        retired = [one for one in self.nodes.values() if one.retire]
        if not retired:
            return
        old = min(retired, key=lambda one: (not one.is_drifted, one.name))
        if not old.is_drifted:
            self._change(old.name, is_drifted=True, is_disrupted=True)
            self.made += 1
            self._put(a_node(f"new-{self.made}", a_pool("g6.xlarge"), launched_at=self.now))
        elif not old.is_deleting:
            self._change(old.name, is_deleting=True)
        elif old.pods:
            new = next(one for one in self.nodes.values() if one.name == f"new-{self.made}")
            self._put(replace(new, pods=old.pods))
            self._change(old.name, pods=())
        else:
            del self.nodes[old.name]

    def take(self, node: str) -> None:
        """The cloud takes the machine: what stood there is short."""
        gone = self.nodes.pop(node)
        llm = self.workloads[LLM]
        self.workloads[LLM] = replace(llm, ready=llm.ready - len(gone.pods))

    def ours(self) -> list[str]:
        """What of ours is still on nodes: labels, taints and cordons."""
        return [
            one.name
            for one in self.nodes.values()
            if one.retire or one.is_warming or one.is_cordoned
        ]

    def writes(self) -> list[Action]:
        """All that was done but telling."""
        return [one for one in self.log if not isinstance(one, Tell)]

    def _of_claim(self, claim: str, **changed: Any) -> None:
        for one in list(self.nodes.values()):
            if one.claim == claim:
                self._change(one.name, **changed)

    def _change(self, node: str, **changed: Any) -> None:
        if node in self.nodes:
            self._put(replace(self.nodes[node], **changed))

    def _put(self, node: GuardedNode) -> None:
        self.nodes[node.name] = node


def a_cluster(*names: str, pool: Pool | None = None) -> FakeGuardedCluster:
    """Nodes of one pool, each with one Ready pod of a service that cannot surge."""
    nodes = [
        a_node(name, pool, pods=(Pod("default", f"llm-{name}", True, False, LLM),))
        for name in names
    ]
    return FakeGuardedCluster(*nodes, replicas=len(names))
