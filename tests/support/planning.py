"""Factories for plans: a NodePool, its NodeClaims and a ranking, small enough to read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from advisor import Ranked
from advisor.cluster import NodeClaim
from advisor.hazards import Hazard
from tests.support.market import a_pool, an_offering
from warehouse.records import Offering

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TYPE = "node.kubernetes.io/instance-type"
ZONE = "topology.k8s.aws/zone-id"
CAPACITY = "karpenter.sh/capacity-type"
RETIRE = "spotcast.io/retire"
HASHED = {"karpenter.sh/nodepool-hash": "1", "karpenter.sh/nodepool-hash-version": "v3"}


def a_nodepool(
    types: Sequence[str] = ("g5.xlarge",),
    zones: Sequence[str] = ("use1-az4",),
    *,
    name: str = "gpu-spot",
    annotations: Mapping[str, str] | None = None,
    extra: Sequence[Mapping[str, Any]] = (),
    template: Mapping[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A NodePool of these types and zones, on spot; ``template`` are fields of its spec."""
    requirements: list[Mapping[str, Any]] = [
        {"key": CAPACITY, "operator": "In", "values": ["spot"]},
        {"key": TYPE, "operator": "In", "values": list(types)},
        {"key": ZONE, "operator": "In", "values": list(zones)},
        *extra,
        {"key": RETIRE, "operator": "DoesNotExist"},
    ]
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": name, "annotations": {**HASHED, **(annotations or {})}},
        "spec": {
            **spec,
            "template": {
                "spec": {
                    "nodeClassRef": {
                        "group": "karpenter.k8s.aws",
                        "kind": "EC2NodeClass",
                        "name": "default",
                    },
                    "expireAfter": "720h",
                    "requirements": requirements,
                    **(template or {}),
                }
            },
        },
    }


def a_claim(
    name: str = "gpu-spot-1",
    instance_type: str = "g5.xlarge",
    zone: str = "use1-az4",
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] = HASHED,
    **given: Any,
) -> NodeClaim:
    """A running spot node of the NodePool gpu-spot, made from its template as it is."""
    return NodeClaim(
        name=name,
        labels={
            "karpenter.sh/nodepool": "gpu-spot",
            CAPACITY: "spot",
            TYPE: instance_type,
            ZONE: zone,
            **(labels or {}),
        },
        annotations=annotations,
        node=f"node-of-{name}",
        **given,
    )


def a_ranked(rank: int, cost: float | None, instance_type: str, zone: str = "use1-az4") -> Ranked:
    """An offering of that expected cost; None is one of unknown risk, for half a dollar."""
    offering: Offering = an_offering(
        0.5 if cost is None else 0.9 * cost, pool=a_pool(instance_type, zone)
    )
    hazard = None if cost is None else a_hazard()
    return Ranked(rank, offering, hazard, cost, cost, cost)


def a_ranking(costs: Mapping[str, float | None]) -> list[Ranked]:
    """One offering a type, cheapest first, unknown last."""
    known = sorted(costs.items(), key=lambda one: (one[1] is None, one[1] or 0.0, one[0]))
    return [a_ranked(rank, cost, name) for rank, (name, cost) in enumerate(known, 1)]


def a_hazard(per_hour: float = 0.01) -> Hazard:
    """A known risk."""
    return Hazard(
        per_hour=per_hour,
        low_per_hour=per_hour / 2,
        high_per_hour=2 * per_hour,
        share_low=0.05,
        share_high=0.10,
        definition="test",
        source="test",
        observed_at=NOW,
    )


def fresh(nodepool: dict[str, Any], at: datetime = NOW) -> dict[str, Any]:
    """The NodePool as made from data of that moment."""
    nodepool["metadata"]["annotations"]["spotcast.io/data-as-of"] = at.isoformat()
    return nodepool
