"""A small model of a cluster with Karpenter in it, for hand-overs: time passes by `tick`.

Each machine holds one pod, as a machine with one GPU does. Karpenter provisions, drifts what is
labelled within its budget, waits ten minutes at most, drains as PodDisruptionBudgets allow. What is
done to the cluster is checked as it is done: `broken` lists what must never happen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from advisor.replacement.actions import (
    Action,
    Cordon,
    CreateClaim,
    DeleteClaim,
    Evict,
    LiftWarming,
    PreferToDelete,
    PreferToKeep,
    Release,
    Retire,
    Surge,
    Uncordon,
    Unretire,
    Unsurge,
)
from advisor.replacement.records import (
    DisruptionBudget,
    Evidence,
    GuardedNode,
    NodePoolState,
    Pod,
    PoolRisk,
    Snapshot,
    Warmth,
    Workload,
    WorkloadName,
)
from advisor.replacement.settings import KARPENTER_WAITS
from tests.support.market import NOW, a_pool
from warehouse.records import Pool

MINUTE = timedelta(minutes=1)
BAD, GOOD = a_pool(), a_pool("g6.xlarge")
LLM = WorkloadName("Deployment", "default", "llm")
BATCH = WorkloadName("StatefulSet", "default", "batch")
NAMESPACE = "default"


def a_risk(
    probability: float,
    *,
    low: float | None = None,
    high: float | None = None,
    window: timedelta = 60 * MINUTE,
    may_act: bool = True,
    is_stale: bool = False,
) -> PoolRisk:
    """A forecast with an interval of a tenth around it."""
    return PoolRisk(
        probability,
        0.9 * probability if low is None else low,
        min(1.0, 1.1 * probability) if high is None else high,
        window,
        may_act,
        is_stale,
        "joint-1 of 08:55 UTC",
    )


@dataclass
class Machine:
    """One node; ``boots`` ticks are left until it joins, ``launches`` until it is a machine."""

    name: str
    claim: str | None
    pool: Pool
    launched_at: datetime
    nodepool: str | None = "gpu"
    is_spot: bool = True
    is_held: bool = False
    boots: int = 0
    retire: str | None = None
    is_warming: bool = False
    is_cordoned: bool = False
    is_held_by_us: bool = False
    launches: int = 0
    is_disrupted: bool = False
    is_deleting: bool = False
    disrupted_at: datetime | None = None
    replaced_by: str | None = None

    @property
    def is_up(self) -> bool:
        """Whether it has joined and is Initialized."""
        return self.boots == 0 and not self.is_warming

    @property
    def takes_pods(self) -> bool:
        """Whether the scheduler may use it."""
        return self.is_up and not (self.is_cordoned or self.is_disrupted or self.is_deleting)


@dataclass
class Replica:
    """One pod; ``node`` is None while it is pending, ``starts`` ticks are left until Ready."""

    name: str
    workload: WorkloadName
    node: str | None = None
    starts: int = 2
    is_held: bool = False
    goes_first: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether it serves."""
        return self.node is not None and self.starts == 0


@dataclass
class Service:
    """A workload; ``wanted`` is what its owner wants, ``replicas`` what is asked for now."""

    name: WorkloadName
    wanted: int
    can_surge: bool
    max_unavailable: int = 1
    replicas: int = 0


@dataclass
class SimulatedCluster:
    """All of it; ``broken`` is what was done to it that must never be."""

    drift_allowed: int = 10
    has_retire: bool = True
    has_warming: bool = True
    has_karpenter: bool = True
    has_capacity: bool = True
    warmers: bool = False
    start_ticks: int = 2
    launch_ticks: int = 0
    now: datetime = NOW
    machines: dict[str, Machine] = field(default_factory=dict)
    replicas: dict[str, Replica] = field(default_factory=dict)
    services: dict[WorkloadName, Service] = field(default_factory=dict)
    said: list[Evidence] = field(default_factory=list)
    warned: set[str] = field(default_factory=set)
    log: list[Action] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, name: str, pool: Pool = BAD, *, managed: bool = True, spot: bool = True) -> None:
        """A machine that is up for a day."""
        claim = f"claim-{name}" if managed else None
        nodepool = "gpu" if managed else None
        self.machines[name] = Machine(
            name, claim, pool, self.now - timedelta(days=1), nodepool, is_spot=spot
        )

    def run(self, service: WorkloadName, *nodes: str, can_surge: bool) -> None:
        """A workload with one Ready pod on each of these machines."""
        count = len(nodes)
        self.services[service] = Service(service, count, can_surge, replicas=count)
        for node in nodes:
            name = f"{service.name}-{node}"
            self.replicas[name] = Replica(name, service, node, starts=0)

    def snapshot(self) -> Snapshot:
        """What a client would see."""
        state = NodePoolState("gpu", self.has_retire, self.has_warming, self.drift_allowed)
        return Snapshot(
            taken_at=self.now,
            nodes={one.name: self._seen(one) for one in self.machines.values() if not one.boots},
            nodepools={"gpu": state} if self.has_karpenter else {},
            workloads={name: self._workload(one) for name, one in self.services.items()},
            claims={one.claim: not one.launches for one in self.machines.values() if one.claim},
        )

    def on(self, node: str) -> list[Replica]:
        """The pods of a machine."""
        return [one for one in self.replicas.values() if one.node == node]

    def ready(self, service: WorkloadName) -> int:
        """How many pods serve."""
        return sum(one.workload == service and one.is_ready for one in self.replicas.values())

    def allowed(self, service: WorkloadName) -> int:
        """What the PodDisruptionBudget of a workload says: maxUnavailable of those asked for."""
        one = self.services[service]
        return max(0, self.ready(service) - (one.replicas - one.max_unavailable))

    def ours(self) -> list[str]:
        """All of ours that is left."""
        marks = [
            one.name
            for one in self.machines.values()
            if one.retire or one.is_cordoned or one.is_warming or one.is_held_by_us
        ]
        surged = [str(one.name) for one in self.services.values() if one.replicas > one.wanted]
        return marks + surged + [one.name for one in self.replicas.values() if one.goes_first]

    def say(self, word: Evidence) -> None:
        """The cloud speaks of a machine."""
        self.said.append(word)
        self.warned.add(word.node)

    def lose(self, node: str) -> None:
        """The cloud takes a machine."""
        for pod in self.on(node):
            del self.replicas[pod.name]
        self.machines.pop(node, None)

    def do(self, action: Action) -> None:  # noqa: C901, PLR0912 - one line for each action
        """Make it so, and look whether it may be."""
        self.log.append(action)
        match action:
            case Retire(claim, value):
                for one in self._claimed(claim):
                    self._check_touch(one, "retired")
                    self._check_retire(one)
                    one.retire = value
            case Unretire(claim):
                for one in self._claimed(claim):
                    one.retire = None
            case Cordon(node) if node in self.machines:
                self._check_touch(self.machines[node], "cordoned")
                self.machines[node].is_cordoned = True
            case Uncordon(node) if node in self.machines:
                self.machines[node].is_cordoned = False
            case LiftWarming(node) if node in self.machines:
                self.machines[node].is_warming = False
            case Surge(workload, replicas):
                self.services[workload].replicas = replicas
            case Unsurge(workload):
                self.services[workload].replicas = self.services[workload].wanted
            case PreferToDelete(_, pod) if pod in self.replicas:
                self.replicas[pod].goes_first = True
            case PreferToKeep(_, pod) if pod in self.replicas:
                self.replicas[pod].goes_first = False
            case Release(node) if node in self.machines and self.machines[node].is_held_by_us:
                self.machines[node].is_held_by_us = self.machines[node].is_held = False
            case Evict(_, pod) if pod in self.replicas:
                self._evict_for_us(self.replicas[pod])
            case CreateClaim(manifest):
                name = str(manifest["metadata"]["name"])
                if not list(self._claimed(name)):
                    self._launch_claim(name, manifest)
            case DeleteClaim(name):
                for one in self._claimed(name):
                    one.is_deleting = True
            case _:  # words, and what is done to what is gone
                pass

    def tick(self) -> None:
        """A minute passes."""
        self.now += MINUTE
        for one in self.machines.values():
            one.boots = max(0, one.boots - 1)
            one.launches = max(0, one.launches - 1)
        for pod in self.replicas.values():
            if pod.node:
                pod.starts = max(0, pod.starts - 1)
        self._scale()
        self._schedule()
        if self.has_karpenter:
            self._provision()
            self._drift()
            self._delete()

    def _scale(self) -> None:
        for service in self.services.values():
            pods = [one for one in self.replicas.values() if one.workload == service.name]
            for _ in range(service.replicas - len(pods)):
                self.count += 1
                name = f"{service.name.name}-{self.count}"
                self.replicas[name] = Replica(name, service.name, starts=self.start_ticks)
            going = sorted(pods, key=lambda one: (one.is_ready, not one.goes_first, one.name))
            for pod in going[: max(0, len(pods) - service.replicas)]:
                del self.replicas[pod.name]
                if pod.is_ready and self.ready(service.name) < service.wanted:
                    self.broken.append(f"{pod.name} was scaled away before its successor served")

    def _schedule(self) -> None:
        free = iter(
            [one for one in self.machines.values() if one.takes_pods and not self.on(one.name)]
        )
        for pod in [one for one in self.replicas.values() if one.node is None]:
            if machine := next(free, None):
                pod.node = machine.name

    def _provision(self) -> None:
        pending = sum(one.node is None for one in self.replicas.values())
        coming = sum(not one.is_up and not one.is_deleting for one in self.machines.values())
        for _ in range(pending - coming):
            self._launch()

    def _launch(self, claim: str | None = None) -> str | None:
        if not self.has_capacity:
            return None
        self.count += 1
        name = f"new-{self.count}"
        new = Machine(name, claim or f"claim-{name}", GOOD, self.now, boots=3)
        new.is_warming = self.has_warming
        self.machines[name] = new
        return name

    def _launch_claim(self, name: str, manifest: Mapping[str, Any]) -> None:
        """One machine by name; Karpenter deletes a claim that finds none at once."""
        going = [one for one in self.machines.values() if one.launches and not one.is_deleting]
        if waiting := [one.name for one in going]:
            self.broken.append(f"{name} was asked for while {waiting} had no machine")
        if node := self._launch(name):
            machine = self.machines[node]
            machine.launches = self.launch_ticks
            machine.boots = machine.launches + 3
            machine.is_held = machine.is_held_by_us = "annotations" in manifest["metadata"]

    def _drift(self) -> None:
        for one in list(self.machines.values()):
            if one.is_disrupted and not one.is_deleting:
                self._wait(one)
        for one in list(self.machines.values()):
            spent = sum(m.is_disrupted or m.is_deleting for m in self.machines.values())
            if one.retire and not one.is_disrupted and spent < self.drift_allowed:
                self._disrupt(one)

    def _disrupt(self, one: Machine) -> None:
        pods = self.on(one.name)
        if one.is_held or any(pod.is_held or not self.allowed(pod.workload) for pod in pods):
            return
        free = [m for m in self.machines.values() if m.takes_pods and not self.on(m.name)]
        replacement = free[0].name if free else self._launch() if pods else one.name
        if replacement is None:
            return
        one.is_disrupted, one.disrupted_at = True, self.now
        one.replaced_by = replacement

    def _wait(self, one: Machine) -> None:
        new = self.machines.get(one.replaced_by or "")
        if new is one or (new and new.is_up):
            one.is_deleting = True
        elif self.now - (one.disrupted_at or self.now) >= KARPENTER_WAITS or new is None:
            one.is_disrupted = False

    def _delete(self) -> None:
        for one in [m for m in self.machines.values() if m.is_deleting]:
            for pod in self.on(one.name):
                if self.allowed(pod.workload) > 0 and not pod.is_held:
                    del self.replicas[pod.name]
            if not self.on(one.name):
                del self.machines[one.name]

    def _claimed(self, claim: str) -> Iterator[Machine]:
        return (one for one in self.machines.values() if one.claim == claim)

    def _check_touch(self, one: Machine, verb: str) -> None:
        held = one.is_held or any(pod.is_held for pod in self.on(one.name))
        unmanaged = self.has_karpenter and one.claim is None
        if held or unmanaged or not one.is_spot or one.is_disrupted or one.is_deleting:
            self.broken.append(f"{one.name} was {verb}: {one}")

    def _check_retire(self, one: Machine) -> None:
        going = [
            m
            for m in self.machines.values()
            if m is not one and (m.retire or m.is_disrupted or m.is_deleting)
        ]
        if len(going) >= self.drift_allowed and not one.retire:
            self.broken.append(f"{one.name} was retired beside {len(going)}: over the budget")
        for pod in self.on(one.name):
            rivals = sum(p.workload == pod.workload for m in going for p in self.on(m.name))
            if rivals >= self.allowed(pod.workload) and not one.retire:
                self.broken.append(f"{one.name} was retired against the PDB of {pod.name}")

    def _evict_for_us(self, pod: Replica) -> None:
        machine = self.machines[pod.node or ""]
        if not machine.is_deleting:
            self._check_touch(machine, "drained")
        if (
            machine.name not in self.warned
            and self.ready(pod.workload) <= self.services[pod.workload].wanted
        ):
            self.broken.append(f"{pod.name} was evicted before its successor served")
        if self.allowed(pod.workload) > 0:
            del self.replicas[pod.name]

    def _seen(self, one: Machine) -> GuardedNode:
        return GuardedNode(
            name=one.name,
            claim=one.claim,
            nodepool=one.nodepool,
            pool=one.pool,
            is_spot=one.is_spot,
            launched_at=one.launched_at,
            is_ready=True,
            is_initialized=one.is_up,
            is_drifted=one.retire is not None,
            is_disrupted=one.is_disrupted,
            is_deleting=one.is_deleting,
            is_cordoned=one.is_cordoned,
            is_warming=one.is_warming,
            is_held=one.is_held,
            is_held_by_us=one.is_held_by_us,
            is_cordoned_by_us=one.is_cordoned,
            warmth=Warmth.WARMING if self.warmers else Warmth.UNKNOWN,
            retire=one.retire,
            pods=tuple(
                Pod(
                    NAMESPACE,
                    pod.name,
                    pod.is_ready,
                    pod.is_held,
                    pod.workload,
                    (DisruptionBudget(NAMESPACE, pod.workload.name, self.allowed(pod.workload)),),
                    goes_first=pod.goes_first,
                )
                for pod in self.on(one.name)
            ),
        )

    def _workload(self, one: Service) -> Workload:
        return Workload(
            one.name, one.replicas, self.ready(one.name), one.can_surge, one.replicas - one.wanted
        )
