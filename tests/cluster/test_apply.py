"""Plan, apply, conflict and the way back, on a real API server with the provider's own CRDs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.cluster import ClusterDeniedError, ClusterRefusedError, ConflictError
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.kubernetes import KubernetesCluster
from advisor.planning.changes import field_changes, requirement_changes
from advisor.planning.merge import applied
from advisor.planning.nodes import drifting_nodes, nodes_of
from advisor.planning.plan import PlanSettings, plan, to_apply, way_back
from advisor.planning.protection import Eviction
from tests.support.control_plane import ControlPlane
from tests.support.karpenter import TYPES, ZONES
from tests.support.offerings import offering
from tests.support.planning import NOW

BY_HAND = PlanSettings(hysteresis=None, eviction=Eviction(frozenset({"all"})))

DOCS = Path(__file__).resolve().parents[2] / "docs" / "plan.md"
ROLE: dict[str, Any] = yaml.safe_load(
    next(
        block
        for block in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
        if "kind: ClusterRole\n" in block
    )
)
"""The rights that the page tells people to grant."""


def a_nodepool(provider: str, count: int, name: str, **given: Any) -> dict[str, Any]:
    """A NodePool of so many types of the provider."""
    zone = ZONES[provider][0][1]
    chosen = [offering(one, zone, provider=provider) for one in TYPES[provider][:count]]
    return nodepool(chosen, NodePoolSettings(name, "gpu", **given), {})


@pytest.fixture
def cluster(provider_plane: ControlPlane) -> Iterator[KubernetesCluster]:
    """The cluster as an administrator sees it."""
    with KubernetesCluster(kubeconfig=str(provider_plane.kubeconfig())) as found:
        yield found


@pytest.mark.smoke
def test_a_plan_is_what_the_server_makes_of_it_and_goes_back(
    provider: str, provider_plane: ControlPlane, cluster: KubernetesCluster
) -> None:
    first = a_nodepool(provider, 2, "inference", weight=10)
    second = a_nodepool(provider, 1, "inference", weight=20, gpu_limit=8)
    cluster.apply(to_apply(plan(first, None, [], BY_HAND, now=NOW), NOW))
    start = cluster.nodepool("inference")
    assert start is not None

    made = plan(second, start, cluster.node_claims(), BY_HAND, now=NOW)
    rehearsed = cluster.apply(to_apply(made, NOW), dry_run=True)
    written = cluster.apply(to_apply(made, NOW))
    there = cluster.nodepool("inference")
    assert there is not None

    assert rehearsed["spec"] == written["spec"] == there["spec"] == made.after["spec"]
    assert plan(second, there, [], BY_HAND, now=NOW).is_empty

    back = plan(way_back(there), there, [], BY_HAND, now=NOW)
    restored = cluster.apply(to_apply(back, NOW))
    assert requirement_changes(start, restored) == ()
    assert field_changes(start, restored) == ()
    provider_plane.api.delete(first)


def test_a_field_of_another_manager_is_a_conflict_with_its_name(
    provider: str, provider_plane: ControlPlane, cluster: KubernetesCluster
) -> None:
    theirs = a_nodepool(provider, 2, "theirs", weight=10)
    provider_plane.api.create(theirs)
    ours = a_nodepool(provider, 2, "theirs", weight=20)
    current = cluster.nodepool("theirs")
    made = plan(ours, current, [], BY_HAND, now=NOW)

    with pytest.raises(ConflictError) as refused:
        cluster.apply(to_apply(made, NOW), dry_run=True)
    forced = cluster.apply(to_apply(made, NOW), force=True)

    assert refused.value.owners == {".spec.weight": "spotcast-tests"}
    assert forced["spec"] == applied(current, made.proposed)["spec"]
    provider_plane.api.delete(theirs)


def test_what_the_crd_forbids_is_refused_in_the_servers_words(
    provider: str, cluster: KubernetesCluster
) -> None:
    bad = a_nodepool(provider, 1, "bad")
    bad["spec"]["weight"] = 101

    with pytest.raises(ClusterRefusedError, match=r"spec\.weight"):
        cluster.apply(bad, dry_run=True)


def test_a_node_that_runs_is_read_and_named(
    provider: str, provider_plane: ControlPlane, cluster: KubernetesCluster
) -> None:
    current = a_nodepool(provider, 2, "running")
    spec = current["spec"]["template"]["spec"]
    gone = TYPES[provider][1]
    labels = {
        one["key"]: one["values"][0] for one in spec["requirements"] if one["operator"] == "In"
    }
    counted = {one["key"]: "1" for one in spec["requirements"] if one["operator"] == "Gt"}
    claim = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": "running-1",
            "labels": {
                **labels,
                **counted,
                "karpenter.sh/nodepool": "running",
                "node.kubernetes.io/instance-type": gone,
            },
        },
        "spec": {"nodeClassRef": spec["nodeClassRef"], "requirements": []},
        "status": {
            "providerID": "test:///1",
            "nodeName": "node-1",
            "conditions": [
                {
                    "type": "Launched",
                    "status": "True",
                    "reason": "Launched",
                    "message": "",
                    "lastTransitionTime": "2026-11-24T09:00:00Z",
                }
            ],
        },
    }
    provider_plane.api.create(claim)
    after = a_nodepool(provider, 1, "running")

    nodes = nodes_of(current, cluster.node_claims())

    named = {one.claim for one in drifting_nodes(current, after, nodes)}
    assert named == {"running-1"}
    provider_plane.api.delete(claim)


def test_the_documented_role_is_enough_and_none_is_not(
    provider: str, provider_plane: ControlPlane
) -> None:
    api = provider_plane.api
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "planner", "namespace": "default"},
    }
    api.create(account)
    config = provider_plane.kubeconfig(token=api.token("planner", "default"))
    wanted = a_nodepool(provider, 1, "by-role")

    with KubernetesCluster(kubeconfig=str(config)) as cluster:
        with pytest.raises(
            ClusterDeniedError, match=r"docs/plan\.md and deploy/rbac have the ClusterRoles"
        ):
            cluster.node_claims()
        api.create(ROLE)
        api.create(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "planner"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "spotcast-plan",
                },
                "subjects": [{"kind": "ServiceAccount", "name": "planner", "namespace": "default"}],
            }
        )
        _until_allowed(cluster)
        current = cluster.nodepool("by-role")
        made = plan(wanted, current, cluster.node_claims(), BY_HAND, now=NOW)
        cluster.nodes()
        written = cluster.apply(to_apply(made, NOW))

    assert written["metadata"]["name"] == "by-role"
    api.delete(wanted)


def _until_allowed(cluster: KubernetesCluster) -> None:
    """RBAC reads its roles through a watch: a new one holds a moment later."""
    for _ in range(200):
        try:
            cluster.node_claims()
        except ClusterDeniedError:
            continue
        return
    pytest.fail("the role never held")
