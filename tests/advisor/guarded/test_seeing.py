"""What is seen of a guarded cluster over HTTP: nodes, pods, workloads, and the clouds' words."""

from datetime import datetime, timedelta

import pytest

from advisor.cluster import (
    GuardedCluster,
)
from advisor.kubernetes import KubernetesCluster
from advisor.replacement.records import (
    DisruptionBudget,
    Evidence,
    EvidenceKind,
    Snapshot,
    Warmth,
)
from tests.support import guarded_objects as of
from tests.support.guarded_api import GuardedApi
from tests.support.guarded_cluster import AT, LLM, NOW
from tests.support.market import a_pool


def test_it_is_a_guarded_cluster(cluster: KubernetesCluster) -> None:
    port: GuardedCluster = cluster

    assert isinstance(port.snapshot(NOW), Snapshot)


def test_a_node_is_seen_with_its_claim_its_pool_and_its_pods(cluster: KubernetesCluster) -> None:
    node = cluster.snapshot(NOW).nodes["n1"]

    assert (node.claim, node.nodepool, node.pool) == ("claim-n1", "gpu", a_pool())
    assert (node.is_spot, node.is_ready, node.is_initialized) == (True, True, True)
    assert (node.launched_at, node.provider_id) == (AT, "aws:///us-east-1a/i-n1")
    assert not any((node.is_drifted, node.is_disrupted, node.is_deleting, node.is_cordoned))
    assert [(pod.name, pod.is_ready, pod.workload) for pod in node.pods] == [("llm-n1", True, LLM)]


def test_what_is_wrong_with_a_node_is_seen(api: GuardedApi, cluster: KubernetesCluster) -> None:
    taints = ("karpenter.sh/disrupted", "spotcast.io/warming")
    api.put(of.NODES, of.a_node("n1", taints=taints, unschedulable=True))
    claim = of.a_claim("claim-n1", "n1", labels={"spotcast.io/retire": "risk"}, drifted=True)
    claim["metadata"]["deletionTimestamp"] = of.AT
    api.put(of.CLAIMS, claim)
    api.put(of.NODES, of.a_node("n2", annotations={"karpenter.sh/do-not-disrupt": "true"}))

    one, two = (cluster.snapshot(NOW).nodes[name] for name in ("n1", "n2"))

    assert (one.is_disrupted, one.is_warming, one.is_cordoned) == (True, True, True)
    assert (one.is_drifted, one.is_deleting, one.retire) == (True, True, "risk")
    assert (one.is_cordoned_by_us, one.is_held, two.is_held) == (False, False, True)


def test_a_node_that_karpenter_does_not_manage_has_no_claim(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    labels = {
        "cloud.google.com/gke-spot": "true",
        "topology.kubernetes.io/zone": "europe-west4-a",
        "node.kubernetes.io/instance-type": "g2-standard-8",
    }
    api.put(of.NODES, of.a_node("g", labels=labels) | {"spec": {"providerID": "gce://p/z/g"}})

    node = cluster.snapshot(NOW).nodes["g"]

    assert (node.claim, node.is_spot, node.is_initialized) == (None, True, True)
    assert node.pool == a_pool("g2-standard-8", "europe-west4-a", "europe-west4", "gcp")


@pytest.mark.parametrize("missing", list(of.SPOT_LABELS)[2:4])
def test_a_pool_that_cannot_be_told_is_unknown(
    missing: str, api: GuardedApi, cluster: KubernetesCluster
) -> None:
    # Neither the claim nor the zone's name tells it.
    labels = {key: value for key, value in of.SPOT_LABELS.items() if key != missing}
    labels |= {"topology.kubernetes.io/zone": "odd"}
    api.put(of.NODES, of.a_node("n1", labels=labels))
    api.put(of.CLAIMS, of.a_claim("claim-n1", "elsewhere"))
    del api.objects[of.CLAIMS]["", "claim-n1"]

    assert cluster.snapshot(NOW).nodes["n1"].pool is None


def test_daemons_and_mirrors_are_left_out_and_a_pod_that_ends_is_not_ready(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    daemons = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d"}}
    api.put(of.PODS, of.a_pod("daemon", "n1", owned_by=daemons))
    mirror = of.a_pod("mirror", "n1", annotations={"kubernetes.io/config.mirror": "x"})
    api.put(of.PODS, mirror)
    done = of.a_pod("done", "n1")
    api.put(of.PODS, {**done, "status": {**done["status"], "phase": "Succeeded"}})
    going = of.a_pod("going", "n1")
    going["metadata"]["deletionTimestamp"] = of.AT
    api.put(of.PODS, going)

    found = [
        (pod.name, pod.is_ready, pod.workload) for pod in cluster.snapshot(NOW).nodes["n1"].pods
    ]

    assert found == [("going", False, None), ("llm-n1", True, LLM)]


@pytest.mark.parametrize(
    ("said", "is_held"),
    [("true", True), ("false", False), ("2m", True), ("30s", False), ("1h30m", True), ("x", False)],
)
def test_a_pod_is_held_for_good_or_for_a_time_from_its_start(
    said: str,
    is_held: bool,  # noqa: FBT001 - a table
    api: GuardedApi,
    cluster: KubernetesCluster,
) -> None:
    api.put(of.PODS, of.a_pod("held", "n1", annotations={"karpenter.sh/do-not-disrupt": said}))

    assert cluster.snapshot(NOW).nodes["n1"].pods[0].is_held is is_held


def test_a_budget_protects_the_pods_that_its_selector_selects(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    odd = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["llm"]}]}
    api.put(of.BUDGETS, of.a_budget("llm", 1))
    api.put(of.BUDGETS, of.a_budget("others", 1, odd))

    pods = [node.pods[0] for node in cluster.snapshot(NOW).nodes.values()]

    assert [pod.budgets for pod in pods] == [(DisruptionBudget("default", "llm", 1),)] * 2


def test_a_pod_of_two_budgets_can_never_be_evicted(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    api.put(of.BUDGETS, of.a_budget("one", 1))
    api.put(of.BUDGETS, of.a_budget("two", 3, {}))

    budgets = cluster.snapshot(NOW).nodes["n1"].pods[0].budgets

    assert [(one.name, one.allowed) for one in budgets] == [("one", 0), ("two", 0)]


def test_a_lenient_budget_does_not_hold_a_pod_that_is_not_ready(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    budget = of.a_budget("llm", 0)
    budget["spec"]["unhealthyPodEvictionPolicy"] = "AlwaysAllow"
    api.put(of.BUDGETS, budget)
    api.put(of.PODS, of.a_pod("ill", "n1", ready=False))

    found = {pod.name: len(pod.budgets) for pod in cluster.snapshot(NOW).nodes["n1"].pods}

    assert found == {"ill": 0, "llm-n1": 1}


def test_a_budget_that_its_controller_has_not_looked_at_allows_nothing(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    budget = of.a_budget("llm", 1)
    budget["metadata"]["generation"] = 2
    api.put(of.BUDGETS, budget)

    assert cluster.snapshot(NOW).nodes["n1"].pods[0].budgets[0].allowed == 0


def test_a_workload_is_surged_only_where_nobody_puts_it_back(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    api.put(of.DEPLOYMENTS, of.a_workload("Deployment", "scaled"))
    api.put(of.SCALERS, of.a_scaler("scaled"))
    api.put(of.DEPLOYMENTS, of.a_workload("Deployment", "alone", strategy={"type": "Recreate"}))
    operator = {"apiVersion": "x/v1", "kind": "Operator", "metadata": {"name": "o"}}
    api.put(of.DEPLOYMENTS, of.a_workload("Deployment", "owned", owned_by=operator))
    api.put(of.STATEFUL_SETS, of.a_workload("StatefulSet", "store"))
    served = of.a_workload("Deployment", "chat-predictor", owned_by=of.a_service("chat"))
    api.put(of.DEPLOYMENTS, served)
    other = of.a_workload("Deployment", "chat-transformer", owned_by=of.a_service("chat"))
    api.put(of.DEPLOYMENTS, other)
    others = {"serving.kserve.io/autoscalerClass": "external"}
    elsewhere = of.a_service("elsewhere")
    api.put(
        of.DEPLOYMENTS,
        of.a_workload("Deployment", "e-predictor", owned_by=elsewhere, annotations=others),
    )
    single = of.a_service("single")
    api.put(
        of.DEPLOYMENTS,
        of.a_workload("Deployment", "s-predictor", owned_by=single, strategy={"type": "Recreate"}),
    )

    found = cluster.snapshot(NOW).workloads.values()

    assert {one.name.name: one.can_surge for one in found} == {
        "llm": True,
        "scaled": False,
        "alone": False,
        "owned": False,
        "store": False,
        "chat": True,
        "chat-transformer": False,
        "elsewhere": False,
        "single": False,
    }
    assert all((one.replicas, one.ready) == (2, 2) for one in found)


def test_lists_come_in_pages_and_without_karpenter_as_well(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    api.page_size = 1
    assert set(cluster.snapshot(NOW).nodes) == {"n1", "n2"}

    del api.objects[of.CLAIMS], api.objects[of.NODEPOOLS]
    bare = cluster.snapshot(NOW)

    assert (len(bare.nodes), bare.nodepools) == (2, {})
    assert all(node.claim is None for node in bare.nodes.values())


def test_replica_sets_are_read_again_only_when_one_is_new(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    cluster.snapshot(NOW)
    cluster.snapshot(NOW)

    assert sum(path == of.REPLICA_SETS for _, path, _ in api.asked) == 1


def test_what_clouds_say_of_a_node_is_told_once(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    api.put(of.NODES, of.a_node("n1", conditions=(of.condition("InstanceExpired"),)))
    preempted = of.condition("PreemptionScheduled", "False")
    api.put(of.NODES, of.a_node("n2", conditions=(preempted,)))
    told = [("NodeClaim", "claim-n2"), ("Node", "n2"), ("Node", "gone")]
    for number, (kind, name) in enumerate(told):
        for reason in ("SpotInterrupted", "SpotRebalanceRecommendation", "Nominated"):
            later = f"2026-01-01T00:00:0{number}Z"
            event = of.an_event(f"{reason}{number}".lower(), reason, kind, name)
            api.put(of.CORE_EVENTS, event | {"firstTimestamp": later, "lastTimestamp": later})

    assert cluster.evidence() == [
        Evidence("n1", EvidenceKind.EXPIRED, AT, AT + timedelta(minutes=5)),
        Evidence("n2", EvidenceKind.NOTICE, AT, AT + timedelta(minutes=2)),
        Evidence("n2", EvidenceKind.REBALANCE, AT + timedelta(seconds=1)),
    ]


def test_a_spot_node_of_gke_that_shuts_down_unasked_is_being_taken(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    said = {"reason": "KubeletNotReady", "message": "node is shutting down"}
    for name, cordoned in (("asked", True), ("taken", False)):
        spot = {"cloud.google.com/gke-spot": "true"}
        node = of.a_node(name, labels=spot, unschedulable=cordoned)
        node["status"]["conditions"] = [of.condition("Ready", "False", **said)]
        api.put(of.NODES, node)

    taken = Evidence("taken", EvidenceKind.NOTICE, AT, AT + timedelta(seconds=30))
    assert cluster.evidence() == [taken]


def test_a_node_is_warm_when_the_pods_that_warm_it_are_ready_and_it_has_settled(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    def seen(*ready: bool, annotation: str | None = None, at: datetime = NOW) -> Warmth:
        said = {} if annotation is None else {"spotcast.io/warm": annotation}
        api.put(of.NODES, of.a_node("n1", taints=("spotcast.io/warming",), annotations=said))
        for number in range(2):
            api.objects[of.PODS].pop(("default", f"warmer-{number}"), None)
        for number, is_ready in enumerate(ready):
            labels = {"spotcast.io/warmer": "true"}
            daemon = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "warmer"}}
            pod = of.a_pod(f"warmer-{number}", "n1", owned_by=daemon, labels=labels, ready=is_ready)
            api.put(of.PODS, pod)
        return cluster.snapshot(at).nodes["n1"].warmth

    assert seen() is Warmth.UNKNOWN
    assert seen(False) is Warmth.WARMING
    assert seen(True, False) is Warmth.WARMING
    assert seen(True, True, at=AT + timedelta(seconds=29)) is Warmth.WARMING
    assert seen(True, True, at=AT + timedelta(seconds=30)) is Warmth.WARM
    assert seen(False, annotation="true") is Warmth.WARM
    assert seen(True, annotation="false") is Warmth.WARMING
    assert seen(annotation="perhaps") is Warmth.UNKNOWN


def test_what_bears_our_marks_is_seen(api: GuardedApi, cluster: KubernetesCluster) -> None:
    marks = {"spotcast.io/held-by": "spotcast", "karpenter.sh/do-not-disrupt": "true"}
    api.put(of.NODES, of.a_node("n1", annotations=marks))
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-100"}
    api.put(of.PODS, of.a_pod("marked", "n1", annotations=cost))

    node = cluster.snapshot(NOW).nodes["n1"]

    assert (node.is_held, node.is_held_by_us) == (True, True)
    assert [pod.name for pod in node.pods if pod.goes_first] == ["marked"]


def test_claims_are_seen_with_and_without_a_machine(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    waiting = of.a_claim("waiting", "none")
    waiting["status"] = {}
    api.put(of.CLAIMS, waiting)

    claims = cluster.snapshot(NOW).claims

    assert claims["waiting"] is False
    assert claims["claim-n1"] is True
    assert cluster.snapshot(NOW).nodepools["gpu"].manifest["kind"] == "NodePool"
