"""Actions on a guarded cluster: twice done is once done, and what is not ours is left."""

from datetime import timedelta

import pytest

from advisor.cluster import (
    ClusterRefusedError,
    ClusterUnavailableError,
    DisruptionBlockedError,
)
from advisor.kubernetes import KubernetesCluster
from advisor.replacement.actions import (
    Action,
    Cordon,
    CreateClaim,
    Evict,
    LiftWarming,
    PreferToDelete,
    PreferToKeep,
    Release,
    Retire,
    Surge,
    Tell,
    Uncordon,
    Unretire,
    Unsurge,
)
from advisor.replacement.records import (
    WorkloadName,
)
from tests.support import guarded_objects as of
from tests.support.guarded_api import CUT, GuardedApi
from tests.support.guarded_cluster import ACTIONS, LLM, NOW, SERVICE, replicas, state


@pytest.mark.parametrize("action", ACTIONS, ids=lambda one: type(one).__name__)
def test_doing_it_twice_is_doing_it_once(
    action: Action, api: GuardedApi, cluster: KubernetesCluster
) -> None:
    api.put(of.SERVICES, of.a_service("chat", minReplicas=2, maxReplicas=2))
    cluster.do(action)
    once = state(api)
    cluster.do(action)

    assert state(api) == once


@pytest.mark.parametrize("action", ACTIONS, ids=lambda one: type(one).__name__)
def test_what_is_gone_needs_nothing(
    action: Action, api: GuardedApi, cluster: KubernetesCluster
) -> None:
    for resource in of.RESOURCES:
        api.objects[resource] = {}

    cluster.do(action)

    made = {of.EVENTS, of.CLAIMS} if isinstance(action, (Tell, CreateClaim)) else set()
    assert {resource for resource, things in api.objects.items() if things} <= made


def test_a_claim_is_labelled_and_let_go_and_nothing_else_of_it_changes(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    before = state(api)
    cluster.do(Retire("claim-n1", "risk"))
    assert api.at(of.CLAIMS, "claim-n1")["metadata"]["labels"]["spotcast.io/retire"] == "risk"
    cluster.do(Unretire("claim-n1"))

    assert state(api) == before


def test_only_our_taint_is_lifted_though_another_writes_meanwhile(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    api.put(of.NODES, of.a_node("n1", taints=("karpenter.sh/disrupted", "spotcast.io/warming")))
    more = ("first", "karpenter.sh/disrupted", "spotcast.io/warming")
    meanwhile = iter([lambda: api.put(of.NODES, of.a_node("n1", taints=more))])

    def before(method: str, _: str) -> None:
        if method == "PATCH":
            next(meanwhile, lambda: None)()

    api.before = before
    cluster.do(LiftWarming("n1"))

    left = [one["key"] for one in api.at(of.NODES, "n1")["spec"]["taints"]]
    assert left == ["first", "karpenter.sh/disrupted"]


def test_a_cordon_of_another_is_not_lifted(api: GuardedApi, cluster: KubernetesCluster) -> None:
    api.put(of.NODES, of.a_node("n1", unschedulable=True))
    for action in (Cordon("n1"), Uncordon("n1"), Cordon("n2")):
        cluster.do(action)

    seen = cluster.snapshot(NOW).nodes
    assert (seen["n1"].is_cordoned, seen["n1"].is_cordoned_by_us) == (True, False)
    assert (seen["n2"].is_cordoned, seen["n2"].is_cordoned_by_us) == (True, True)

    cluster.do(Uncordon("n2"))
    assert api.at(of.NODES, "n2")["spec"].get("unschedulable") is None
    assert api.at(of.NODES, "n2")["metadata"]["annotations"] == {}


def test_a_surge_goes_up_and_down_and_back_to_where_it_began(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    before = state(api)
    seen = []
    for wanted in (3, 4, 3):
        cluster.do(Surge(LLM, wanted))
        one = cluster.snapshot(NOW).workloads[LLM]
        seen.append((replicas(api), one.replicas, one.surged_by))
    cluster.do(Unsurge(LLM))

    assert seen == [(3, 3, 1), (4, 4, 2), (3, 3, 1)]
    assert state(api) == before


def test_replicas_that_somebody_changed_since_stay_as_they_want_them(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    cluster.do(Surge(LLM, 3))
    api.at(of.DEPLOYMENTS, "llm", "default")["spec"]["replicas"] = 6
    cluster.do(Surge(LLM, 3))
    cluster.do(Unsurge(LLM))

    assert replicas(api) == 6
    assert api.at(of.DEPLOYMENTS, "llm", "default")["metadata"]["annotations"] == {}


def test_a_service_is_surged_without_touching_what_its_pods_are_made_of(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    given = of.a_service("chat", minReplicas=2, maxReplicas=2)
    before = api.put(of.SERVICES, given)
    made = of.a_workload("Deployment", "chat-predictor", owned_by=given)
    api.put(of.DEPLOYMENTS, made)
    cluster.snapshot(NOW)
    cluster.do(Surge(SERVICE, 3))

    after = api.at(of.SERVICES, "chat", "default")
    predictor = after["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (3, 3)
    assert after["metadata"].keys() == before["metadata"].keys()

    # KServe follows.
    api.put(of.DEPLOYMENTS, {**made, "spec": {**made["spec"], "replicas": 3}})
    assert cluster.snapshot(NOW).workloads[SERVICE].surged_by == 1

    cluster.do(Unsurge(SERVICE))
    assert api.at(of.SERVICES, "chat", "default")["spec"] == given["spec"]

    # An autoscaler follows later.
    waiting = cluster.snapshot(NOW).workloads[SERVICE]
    assert (waiting.surged_by, waiting.is_noted) == (1, True)
    cluster.do(Unsurge(SERVICE))
    assert api.objects[of.LEASES]
    api.put(of.DEPLOYMENTS, made)
    assert cluster.snapshot(NOW).workloads[SERVICE].is_noted
    cluster.do(Unsurge(SERVICE))
    assert api.objects[of.LEASES] == {}
    assert not cluster.snapshot(NOW).workloads[SERVICE].is_noted


def test_replicas_of_a_service_that_stay_are_wanted_by_its_autoscaler(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    a_surged_service(api, cluster)
    cluster.do(Unsurge(SERVICE))
    (lease,) = api.objects[of.LEASES].values()

    for minutes, is_left in ((5, True), (7, False)):
        lease["spec"]["renewTime"] = (NOW - timedelta(minutes=minutes)).isoformat()
        cluster.do(Unsurge(SERVICE))
        assert bool(api.objects[of.LEASES]) == is_left
    assert cluster.snapshot(NOW).workloads[SERVICE].surged_by == 0


def test_a_service_that_is_surged_anew_while_it_comes_back_begins_where_it_was(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    a_surged_service(api, cluster)
    cluster.do(Unsurge(SERVICE))
    cluster.snapshot(NOW)
    cluster.do(Surge(SERVICE, 3))

    assert api.at(of.SERVICES, "chat", "default")["spec"]["predictor"]["minReplicas"] == 3
    (lease,) = api.objects[of.LEASES].values()
    assert lease["spec"].get("renewTime") is None
    assert cluster.snapshot(NOW).workloads[SERVICE].surged_by == 1
    cluster.do(Unsurge(SERVICE))
    assert api.at(of.SERVICES, "chat", "default")["spec"]["predictor"]["minReplicas"] == 2


def a_surged_service(api: GuardedApi, cluster: KubernetesCluster) -> None:
    """One of two replicas, whose Deployment has the third."""
    given = of.a_service("chat", minReplicas=2, maxReplicas=4)
    api.put(of.SERVICES, given)
    made = of.a_workload("Deployment", "chat-predictor", owned_by=given)
    api.put(of.DEPLOYMENTS, made)
    cluster.snapshot(NOW)
    cluster.do(Surge(SERVICE, 3))
    api.put(of.DEPLOYMENTS, {**made, "spec": {**made["spec"], "replicas": 3}})
    cluster.snapshot(NOW)


@pytest.mark.parametrize("cut_at", range(3))
def test_a_service_goes_back_wherever_its_surge_was_cut(
    cut_at: int, api: GuardedApi, cluster: KubernetesCluster
) -> None:
    given = of.a_service("chat")
    api.put(of.SERVICES, given)
    writes = iter([None] * cut_at)
    api.before = lambda method, _: None if method == "GET" else next(writes, CUT)
    try:
        cluster.do(Surge(SERVICE, 2))
    except ClusterUnavailableError:
        assert cut_at < 2
    api.before = lambda _method, _path: None
    cluster.do(Unsurge(SERVICE))

    assert api.at(of.SERVICES, "chat", "default")["spec"] == given["spec"]
    assert api.objects[of.LEASES] == {}


def test_a_workload_of_another_kind_cannot_be_surged(cluster: KubernetesCluster) -> None:
    with pytest.raises(
        ClusterRefusedError, match="StatefulSet default/s cannot be given a replica"
    ):
        cluster.do(Surge(WorkloadName("StatefulSet", "default", "s"), 2))


def test_a_budget_that_says_no_is_no_trouble_of_the_server(
    api: GuardedApi, cluster: KubernetesCluster, waited: list[float]
) -> None:
    api.blocked = {"llm-n1"}

    with pytest.raises(DisruptionBlockedError, match="Pod default/llm-n1 is not evicted"):
        cluster.do(Evict("default", "llm-n1"))

    assert (waited, len(api.writes())) == ([], 1)


def test_another_pod_of_the_same_name_is_not_evicted(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    cluster.snapshot(NOW)
    again = of.a_pod("llm-n1", "n2")
    again["metadata"]["uid"] = "another"
    api.put(of.PODS, again)

    cluster.do(Evict("default", "llm-n1"))

    assert api.at(of.PODS, "llm-n1", "default")["spec"]["nodeName"] == "n2"


def test_the_same_words_are_one_event_on_each_object(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    cluster.snapshot(NOW)
    for message in ("n1: retired", "n1: retired", "n1: gone"):
        cluster.do(Tell("n1", "claim-n1", "Replacement", message))

    found = [(one["regarding"]["kind"], one["note"]) for one in api.objects[of.EVENTS].values()]
    assert sorted(found) == [
        ("Node", "n1: gone"),
        ("Node", "n1: retired"),
        ("NodeClaim", "n1: gone"),
        ("NodeClaim", "n1: retired"),
    ]


def test_a_node_that_we_hold_is_released_and_another_s_hold_stays(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    hold = {"karpenter.sh/do-not-disrupt": "true"}
    api.put(of.NODES, of.a_node("n1", annotations={**hold, "spotcast.io/held-by": "spotcast"}))
    api.put(of.NODES, of.a_node("n2", annotations=hold))

    cluster.do(Release("n1"))
    cluster.do(Release("n2"))

    assert api.at(of.NODES, "n1")["metadata"]["annotations"] == {}
    assert api.at(of.NODES, "n2")["metadata"]["annotations"] == hold


def test_a_pod_that_was_to_go_first_is_let_be_again(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    cluster.do(PreferToDelete("default", "llm-n1"))
    assert "pod-deletion-cost" in str(api.at(of.PODS, "llm-n1", "default"))
    cluster.do(PreferToKeep("default", "llm-n1"))

    assert "pod-deletion-cost" not in str(api.at(of.PODS, "llm-n1", "default"))
