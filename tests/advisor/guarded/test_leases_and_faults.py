"""Leases of a guarded cluster, and what becomes of servers in trouble, conflicts and refusals."""

from datetime import timedelta

import pytest

from advisor.cluster import (
    ClusterDeniedError,
    ClusterUnavailableError,
)
from advisor.kubernetes import KubernetesCluster
from advisor.replacement.actions import (
    Action,
    Cordon,
    Retire,
    Surge,
    Unretire,
)
from tests.support import guarded_objects as of
from tests.support.guarded_api import CUT, Given, GuardedApi, serving, status
from tests.support.guarded_cluster import ACTIONS, LLM, NOW, faults, replicas, state

SECOND = timedelta(seconds=1)


def test_a_lease_is_held_renewed_and_taken_over_when_it_has_run_out(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    with serving(api) as url, KubernetesCluster(url=url) as other:
        assert cluster.lease("guard", "a", 10, NOW)
        assert not other.lease("guard", "b", 10, NOW)
        assert cluster.lease("guard", "a", 10, NOW + 9 * SECOND)
        # It was renewed: the time is counted anew from when that was seen.
        assert not other.lease("guard", "b", 10, NOW + 11 * SECOND)
        assert not other.lease("guard", "b", 10, NOW + 20 * SECOND)
        assert other.lease("guard", "b", 10, NOW + 21 * SECOND)
        assert not cluster.lease("guard", "a", 10, NOW + 21 * SECOND)

    spec = api.at(of.LEASES, "guard", "default")["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("b", 1)


@pytest.mark.parametrize("skew", [-timedelta(days=1), timedelta(days=1)])
def test_a_clock_that_is_wrong_takes_no_lease_away(
    skew: timedelta, api: GuardedApi, cluster: KubernetesCluster
) -> None:
    cluster.lease("guard", "a", 10, NOW)
    with serving(api) as url, KubernetesCluster(url=url) as other:
        assert not other.lease("guard", "b", 10, NOW + skew)
        assert not other.lease("guard", "b", 10, NOW + skew + 9 * SECOND)
        assert other.lease("guard", "b", 10, NOW + skew + 10 * SECOND)


def test_a_clock_that_was_set_back_only_waits_anew(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    cluster.lease("guard", "a", 10, NOW)
    with serving(api) as url, KubernetesCluster(url=url) as other:
        assert not other.lease("guard", "b", 10, NOW)
        assert not other.lease("guard", "b", 10, NOW - timedelta(hours=1))
        assert other.lease("guard", "b", 10, NOW - timedelta(hours=1) + 10 * SECOND)


def test_of_two_that_take_over_at_once_the_quicker_leads(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    later = NOW + 10 * SECOND
    cluster.lease("guard", "gone", 10, NOW)
    with serving(api) as url, KubernetesCluster(url=url) as one, KubernetesCluster(url=url) as two:
        assert not one.lease("guard", "one", 10, NOW)
        assert not two.lease("guard", "two", 10, NOW)
        quicker = iter([lambda: two.lease("guard", "two", 10, later)])

        def before(method: str, _: str) -> None:
            if method == "PATCH":
                next(quicker, lambda: None)()

        api.before = before
        assert not one.lease("guard", "one", 10, later)

    assert api.at(of.LEASES, "guard", "default")["spec"]["holderIdentity"] == "two"


@pytest.mark.parametrize("refusal", [status(409, "modified"), status(404, "gone")])
def test_a_lease_that_another_was_quicker_with_is_not_ours(
    refusal: Given, api: GuardedApi, cluster: KubernetesCluster
) -> None:
    cluster.lease("guard", "a", 10, NOW)
    api.before = faults(refusal)

    assert not cluster.lease("guard", "a", 10, NOW)


def test_a_server_that_asks_for_patience_gets_it(
    api: GuardedApi, cluster: KubernetesCluster, waited: list[float]
) -> None:
    busy = status(429, "too many requests", Retry_After="2")
    api.before = faults(busy, busy)

    cluster.do(Retire("claim-n1", "risk"))

    assert waited == [2.0, 2.0]
    assert api.at(of.CLAIMS, "claim-n1")["metadata"]["labels"]["spotcast.io/retire"] == "risk"


@pytest.mark.parametrize(
    "fault",
    [
        status(429, "too many requests", Retry_After="600"),
        status(429, "too many requests"),
        status(500, "etcd is away"),
        status(503, "starting"),
        CUT,
    ],
)
@pytest.mark.parametrize("action", ACTIONS[:4], ids=lambda one: type(one).__name__)
def test_a_server_in_trouble_is_tried_again_later_and_ends_the_same(
    fault: Given | str,
    action: Action,
    api: GuardedApi,
    cluster: KubernetesCluster,
    waited: list[float],
) -> None:
    api.put(of.NODES, of.a_node("n1", taints=("spotcast.io/warming",)))
    if isinstance(action, Unretire):
        api.put(of.CLAIMS, of.a_claim("claim-n1", "n1", labels={"spotcast.io/retire": "risk"}))
    before = state(api)
    api.before = faults(fault)
    with pytest.raises(ClusterUnavailableError):
        cluster.do(action)

    assert (state(api), waited) == (before, [])

    cluster.do(action)
    assert state(api) != before


@pytest.mark.parametrize(
    "action", [Cordon("n1"), Surge(LLM, 3)], ids=lambda one: type(one).__name__
)
def test_a_conflict_is_judged_anew_on_what_is_there(
    action: Action, api: GuardedApi, cluster: KubernetesCluster
) -> None:
    def meanwhile(method: str, _: str) -> None:
        if method == "PATCH" and len(api.writes()) == 1:
            node = of.a_node("n1", unschedulable=True)
            api.put(of.NODES, node)
            api.put(of.DEPLOYMENTS, of.a_workload("Deployment", "llm", 5))

    api.before = meanwhile
    cluster.do(action)

    # A person was quicker: their cordon and their replicas are not ours to take back.
    assert len(api.writes()) == 1
    assert not api.at(of.NODES, "n1")["metadata"].get("annotations")
    assert replicas(api) == 5


def test_a_conflict_without_end_is_told(api: GuardedApi, cluster: KubernetesCluster) -> None:
    api.before = lambda method, _: status(409, "modified") if method == "PATCH" else None

    with pytest.raises(ClusterUnavailableError, match="Node n1: others write to it"):
        cluster.do(Cordon("n1"))


def test_what_is_not_allowed_names_the_role(api: GuardedApi, cluster: KubernetesCluster) -> None:
    api.before = faults(status(403, 'User "x" cannot patch resource "nodeclaims"'))

    with pytest.raises(ClusterDeniedError, match=r"NodeClaim claim-n1: .* patch it .*deploy/rbac"):
        cluster.do(Retire("claim-n1", "risk"))


def test_half_an_answer_is_no_empty_cluster(api: GuardedApi, cluster: KubernetesCluster) -> None:
    api.before = lambda _method, path: CUT if path == of.PODS else None

    with pytest.raises(ClusterUnavailableError, match="does not answer"):
        cluster.snapshot(NOW)


def test_a_list_that_is_outdated_before_it_is_read_is_tried_later(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    api.before = lambda _method, path: status(410, "expired") if path == of.NODES else None

    with pytest.raises(ClusterUnavailableError, match="nodes: the list was outdated"):
        cluster.snapshot(NOW)
