"""The corrected InferenceService on a rig, watched, and measured as metrics-server would do."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

from advisor.karpenter.labels import WARM
from advisor.karpenter.nodepool import nodepool
from advisor.karpenter.requirements import Requirement
from advisor.kubernetes_pods import AUTOSCALER
from tests.support import pod_metrics
from tests.support.fluid_rig import volume
from tests.support.kserve import sample
from tests.support.kserve_facts import (
    APP,
    WATCHED,
    is_bought,
    is_of_service,
    of_node,
    of_pod,
    serves,
)
from tests.support.kserve_rig import VERSION as KSERVE
from tests.support.kserve_rig import on_kwok
from tests.support.kwok_market import Manifest
from tests.support.offerings import offering
from tests.support.processes import wait_for
from tests.support.rig import is_true, pool_of
from tests.support.stage import SETTINGS, Stage, tell
from tests.support.timeline import Timeline
from warehouse.errors import WarehouseBusyError
from warehouse.records import Offering
from warehouse.replacements import transitions
from warehouse.store import Warehouse

SECONDS = 240.0

MEMORY = Requirement("karpenter.k8s.aws/instance-gpu-memory", "Gt", ("79999",))
"""What the pods ask for as well; on AWS Karpenter knows the label by itself."""


def h100(zone: str, usd: float) -> Offering:
    """The one machine of AWS with a single GPU of 80 GB, in a zone."""
    made = offering("p5.4xlarge", zone, gpu_name="H100")
    machine = replace(made.instance_type, vcpu=16.0, memory_gib=256.0, gpu_memory_gib=80.0)
    return replace(made, price_per_hour=usd, usd_per_hour=usd, instance_type=machine)


POOLS = h100("use1-az6", 2.10), h100("use1-az4", 2.60)
ZONES = tuple(one.pool.zone for one in POOLS)


@dataclass
class Served:
    """The service on its stage, and how many of its pods were Ready after each change of one."""

    stage: Stage
    timeline: Timeline
    ready: list[int] = field(default_factory=list)
    _measured_at: float = 0.0

    def watch(self) -> None:
        """Begin to note what happens."""
        for version, kind, facts in WATCHED:
            self.timeline.watch(version, kind, facts)
        self.timeline.watch("v1", "Pod", of_pod, self._count)

    def serve(self, least: int, most: int, **annotations: str) -> None:
        """Apply a NodePool with those annotations, and the service with so many replicas."""
        made = replace(SETTINGS, warming_taint=True)
        pools = nodepool(POOLS, made, annotations, extra=[MEMORY])
        service, budget = sample("corrected")
        service["spec"]["predictor"] |= {"minReplicas": least, "maxReplicas": most}
        self.stage.rig.use(pools, *volume(), on_kwok(service, ready_after="3s"), budget)

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait, and let the autoscaler see what its pods use meanwhile."""

        def looked() -> bool:
            if monotonic() - self._measured_at > 1.0:
                self._measured_at = monotonic()
                # A third of what is asked for, where 80 % is wanted: the fewest pods will do.
                pod_metrics.measure(self.stage.rig.api, self.pods(), "2")
            return is_so()

        try:
            wait_for(looked, what, SECONDS)
        except AssertionError:
            tell(str(self.timeline))
            raise

    def is_served_by(self, replicas: int) -> bool:
        """Whether so many of its pods are Ready."""
        return sum(map(serves, self.pods())) == replicas

    def pods(self) -> list[Manifest]:
        """Its pods, but those that are going."""
        return self.stage.rig.pods(APP)

    def nodes_in(self, pool: Offering) -> list[str]:
        """The machines of a pool that Karpenter has bought."""
        return [
            str(one["metadata"]["name"])
            for one in self.stage.rig.nodes()
            if is_bought(one) and pool_of(one)[1] == pool.pool.zone
        ]

    def warming(self) -> list[str]:
        """The nodes that lack nothing but their warmth."""
        return [
            str(one["metadata"]["name"])
            for one in self.stage.rig.nodes()
            if is_true(one, "Ready") and "warming" in of_node(one)
        ]

    def speak_of(self, nodes: Iterable[str], *, warm: bool) -> None:
        """Say of nodes whether image and model are there."""
        for node in nodes:
            about = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}
            note = {"metadata": {"annotations": {WARM: str(warm).lower()}}}
            self.stage.rig.api.merge(about, note)

    def keeps(self, nodes: Sequence[str], seconds: float) -> bool:
        """Whether just these nodes warm for as long as that."""
        until = monotonic() + seconds
        self.wait(lambda: monotonic() > until or self.warming() != nodes, "a while")
        return self.warming() == nodes

    def turn(self, pool: Offering, probability: float) -> None:
        """Let a forecast turn, and no more be had there; the guard goes on looking."""
        self.stage.rig.sell_out(pool)

        def is_told() -> bool:
            try:
                self.stage.turn(probability, pool)
            except WarehouseBusyError:
                # The guard takes the file for each look.
                return False
            return True

        self.ready.clear()
        self.wait(is_told, "a forecast stored")
        self.timeline.note("Forecast", pool.pool.zone, f"P(lost) {probability:g}")

    def tell(self) -> None:
        """Write the timeline, with what the guard noted of its hand-overs; it has ended.

        They are dated by the look that decided on them, which is before what was then done.
        """
        now, states = datetime.now(UTC), dict[str, str]()
        with Warehouse.open(self.stage.warehouse) as store:
            rows = transitions(store, now, now - timedelta(days=1)).to_dicts()
        for row in rows:
            if states.get(row["node"]) != row["state"]:
                states[row["node"]] = row["state"]
                said = f"{row['state']} ({row['mechanism']})"
                self.timeline.note("Hand-over", row["node"], said, row["changed_at"])
        tell(f"{self.timeline}\n   Ready after each change: {counted(self.ready)}")

    def sizes(self) -> tuple[int, int, int]:
        """Least and most replicas of the InferenceService, and those of its Deployment."""
        (found,) = self.stage.rig.api.every(KSERVE, "InferenceService")
        predictor = found["spec"]["predictor"]
        return predictor["minReplicas"], predictor["maxReplicas"], self.stage.replicas()

    def autoscaler(self) -> str | None:
        """What KServe's Deployment says of who sizes it."""
        (found,) = self.stage.rig.api.every("apps/v1", "Deployment")
        said: Mapping[str, str] = found["metadata"]["annotations"]
        return said.get(AUTOSCALER)

    def templates(self) -> int:
        """How many pod templates the service has had: a new one is a cold start of all pods."""
        return len(self.stage.rig.api.every("apps/v1", "ReplicaSet"))

    def _count(self, pods: Mapping[str, Manifest]) -> None:
        self.ready.append(sum(serves(one) for one in pods.values() if is_of_service(one)))


def counted(ready: Sequence[int]) -> str:
    """The counts in order, each as often as it is followed by another one."""
    changes = [one for one, before in zip(ready, [None, *ready], strict=False) if one != before]
    return ", ".join(map(str, changes))
