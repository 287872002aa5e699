"""The roles of deploy/rbac on a real API server: each mode's are enough, and none is more."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from advisor.cluster import ClusterDeniedError, DisruptionBlockedError
from advisor.kubernetes import KubernetesCluster
from advisor.kubernetes_api import Answer
from advisor.replacement.actions import (
    Action,
    Cordon,
    CreateClaim,
    DeleteClaim,
    Evict,
    LiftWarming,
    PreferToDelete,
    Retire,
    Surge,
    Tell,
    Uncordon,
    Unretire,
    Unsurge,
)
from advisor.replacement.records import WorkloadName
from tests.support import guarded_objects as of
from tests.support.control_plane import ControlPlane, running
from tests.support.crd import FOLDER as CRDS
from tests.support.kube_api import documents
from tests.support.processes import wait_for

RBAC = Path(__file__).parents[2] / "deploy" / "rbac"
ACCOUNT = {"name": "spotcast", "namespace": "spotcast"}
USER = "system:serviceaccount:spotcast:spotcast"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

SERVICE = WorkloadName("InferenceService", "default", "llm")
DEPLOYMENT = WorkloadName("Deployment", "default", "web")

ACTIONS: tuple[Action, ...] = (
    Retire("claim", "risk"),
    Unretire("claim"),
    LiftWarming("node"),
    Surge(DEPLOYMENT, 3),
    Surge(SERVICE, 3),
    Unsurge(DEPLOYMENT),
    Unsurge(SERVICE),
    PreferToDelete("default", "pod"),
    Cordon("node"),
    Uncordon("node"),
    Evict("default", "pod"),
    CreateClaim({**of.a_claim("made", "none"), "status": None}),
    DeleteClaim("made"),
)
TOLD = Tell("node", "claim", "ReplacementAdvised", "node: would be retired")

KSERVE_CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "inferenceservices.serving.kserve.io"},
    "spec": {
        "group": "serving.kserve.io",
        "names": {
            "kind": "InferenceService",
            "listKind": "InferenceServiceList",
            "plural": "inferenceservices",
            "singular": "inferenceservice",
        },
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


@pytest.fixture(scope="module")
def guarded(_binaries: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with a node, what stands on it, and the service account."""
    with running(tmp_path_factory.mktemp("guarded")) as plane:
        plane.api.install_crds(CRDS / "aws")
        plane.api.create(KSERVE_CRD)
        plane.api.install_crds(CRDS / "fluid")
        plane.api.install_crds(CRDS / "localmodel")
        about = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "spotcast"}}
        plane.api.create(about)
        for namespace, name in (("spotcast", "spotcast"), ("default", "default")):
            where = {"name": name, "namespace": namespace}
            plane.api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": where})
        wait_for(lambda: _serves_kserve(plane), "InferenceServices served")
        yield plane


def _serves_kserve(plane: ControlPlane) -> bool:
    return plane.api.http.get("/apis/serving.kserve.io/v1beta1/inferenceservices").is_success


@pytest.fixture
def _objects(guarded: ControlPlane) -> Iterator[None]:
    api = guarded.api
    deployment = api.create(of.a_workload("Deployment", "web"))
    replicas = api.create(of.a_workload("ReplicaSet", "web-1", owned_by=deployment))
    waiting = of.a_nodepool()
    # Every cache that a NodePool can wait for is read.
    caches = "dataset/serving/r1, localmodelcache/r1"
    waiting["metadata"]["annotations"] = {"spotcast.io/warm-when": caches}
    made = [
        of.a_node("node", taints=("spotcast.io/warming", "other.io/taint")),
        of.a_claim("claim", "node"),
        waiting,
        of.a_pod("pod", "node", owned_by=replicas, labels={"app": "web"}),
        of.a_service("llm", minReplicas=2),
        of.a_scaler("other"),
    ]
    for one in made:
        api.create(one)
    yield
    # No kubelet ends it.
    at_once = {"gracePeriodSeconds": "0"}
    api.http.delete(api.path_of(of.a_pod("pod", "node")), params=at_once).raise_for_status()
    for one in [*made, deployment, replicas]:
        api.delete(one)


class Watched(KubernetesCluster):
    """A cluster that notes what it asks, as roles name it: verb, group, resource, namespace."""

    used: set[tuple[str, str, str, str]]
    meanwhile: Callable[[], object] | None = None
    """What another does before our first write."""

    def _ask(self, method: str, version: str, path: str, **given: Any) -> Answer:
        match = re.fullmatch(r"(?:namespaces/([^/]+)/)?([^/]+)(?:/([^/]+))?(?:/([^/]+))?", path)
        assert match, path
        namespace, resource, name, sub = match.groups()
        verbs = {"GET": "get" if name else "list", "POST": "create"}
        verb = verbs.get(method, method.lower())
        group = version.rpartition("/")[0]
        self.used.add((verb, group, f"{resource}/{sub}" if sub else resource, namespace or ""))
        if method == "PATCH" and self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return super()._ask(method, version, path, **given)


def grant(plane: ControlPlane, mode: str) -> None:
    """Give the account the roles of that mode, and take away all others."""
    for one in documents(RBAC / "bind-act.yaml"):
        plane.api.delete(one)
    for path in (RBAC / "guard.yaml", RBAC / f"bind-{mode}.yaml"):
        for one in documents(path):
            plane.api.create(one)
    # The server reads roles by a watch of its own, a moment later.
    wait_for(lambda: plane.api.may(USER, "list", "nodes"), "the role to be known")
    wait_for(lambda: plane.api.may(USER, "patch", "nodes") == (mode == "act"), "the role of act")


def cluster(plane: ControlPlane) -> Watched:
    """The cluster as the service account sees it."""
    token = plane.api.token(ACCOUNT["name"], ACCOUNT["namespace"])
    found = Watched(kubeconfig=str(plane.kubeconfig(token=token)))
    found.used = set()
    return found


def taint(plane: ControlPlane, key: str) -> None:
    """Put another's taint before all others of the node."""
    node = plane.api.find(of.a_node("node")) or {}
    taints = [{"key": key, "effect": "NoSchedule"}, *node["spec"]["taints"]]
    plane.api.merge(node, {"spec": {"taints": taints}})


def taints_of(node: dict[str, Any]) -> list[str]:
    """The taints by key, without what the server itself puts on a node that is new."""
    keys = [str(one["key"]) for one in node["spec"]["taints"]]
    return [key for key in keys if not key.startswith("node.kubernetes.io/")]


def events(plane: ControlPlane) -> list[dict[str, Any]]:
    """Our Events, by what they are about."""
    found = plane.api.every("events.k8s.io/v1", "Event")
    ours = [one for one in found if one.get("reportingController") == "spotcast.io/guard"]
    return sorted(ours, key=lambda one: str(one["regarding"]["kind"]))


def granted(mode: str) -> set[tuple[str, str, str, str]]:
    """Every verb that the roles of a mode allow, by group, resource and namespace."""
    bound = {
        (one["roleRef"]["kind"], one["roleRef"]["name"])
        for one in documents(RBAC / f"bind-{mode}.yaml")
    }
    return {
        (verb, group, resource, role["metadata"].get("namespace", ""))
        for role in documents(RBAC / "guard.yaml")
        if (role["kind"], role["metadata"]["name"]) in bound
        for rule in role["rules"]
        for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


def in_role(used: set[tuple[str, str, str, str]]) -> set[tuple[str, str, str, str]]:
    """What was used, as roles allow it: other namespaces than the guard's by a ClusterRole."""
    own = {"events", "leases"}
    return {
        (verb, group, resource, namespace if resource in own else "")
        for verb, group, resource, namespace in used
    }


@pytest.mark.smoke
@pytest.mark.usefixtures("_objects")
def test_the_role_of_act_is_what_acting_needs_and_no_more(guarded: ControlPlane) -> None:
    grant(guarded, "act")
    with cluster(guarded) as found:
        assert found.lease("spotcast-guard", "me", 15, NOW)
        assert found.lease("spotcast-guard", "me", 15, NOW)
        found.snapshot(NOW)
        found.evidence()
        for action in (*ACTIONS, TOLD):
            found.do(action)

    assert in_role(found.used) == granted("act")
    node = guarded.api.find(of.a_node("node")) or {}
    assert taints_of(node) == ["other.io/taint"]
    assert not node["metadata"].get("annotations")
    web = guarded.api.find(of.a_workload("Deployment", "web")) or {}
    assert (web["spec"]["replicas"], web["metadata"].get("annotations")) == (2, None)
    llm = guarded.api.find(of.a_service("llm")) or {}
    assert llm["spec"]["predictor"]["minReplicas"] == 2
    assert [one["regarding"]["kind"] for one in events(guarded)] == ["Node", "NodeClaim"]


@pytest.mark.usefixtures("_objects")
def test_a_taint_that_another_adds_meanwhile_is_not_lost(guarded: ControlPlane) -> None:
    grant(guarded, "act")
    with cluster(guarded) as found:
        found.meanwhile = lambda: taint(guarded, "first.io/taint")
        found.do(LiftWarming("node"))

    node = guarded.api.find(of.a_node("node")) or {}
    assert taints_of(node) == ["first.io/taint", "other.io/taint"]


@pytest.mark.usefixtures("_objects")
def test_a_budget_that_says_no_is_told_and_the_pod_stays(guarded: ControlPlane) -> None:
    grant(guarded, "act")
    budget = of.a_budget("web", 0, {"matchLabels": {"app": "web"}})
    guarded.api.create({**budget, "metadata": {"name": "web"}})
    try:
        with cluster(guarded) as found:
            seen = found.snapshot(NOW)
            with pytest.raises(DisruptionBlockedError, match="default/pod is not evicted"):
                found.do(Evict("default", "pod"))
    finally:
        guarded.api.delete(budget)

    assert guarded.api.find(of.a_pod("pod", "node"))
    assert [one.name for one in seen.nodes["node"].pods[0].budgets] == ["web"]


@pytest.mark.usefixtures("_objects")
def test_of_two_that_take_a_lease_at_once_one_has_it(guarded: ControlPlane) -> None:
    grant(guarded, "act")
    with cluster(guarded) as one, cluster(guarded) as other:
        first = [
            found.lease("raced", holder, 15, NOW) for found, holder in ((one, "a"), (other, "b"))
        ]
        later = NOW + timedelta(seconds=16)
        assert not other.lease("raced", "b", 15, NOW)
        # Seen unchanged for as long as it lasts: it has run out. Both try, and one is quicker.
        one.meanwhile = lambda: other.lease("raced", "b", 15, later)
        second = one.lease("raced", "a", 15, later)

    assert (first, second) == ([True, False], False)


@pytest.mark.usefixtures("_objects")
def test_a_server_that_was_away_is_looked_at_again(guarded: ControlPlane) -> None:
    grant(guarded, "act")
    with cluster(guarded) as found:
        before = found.snapshot(NOW)
        assert found.lease("kept", "me", 15, NOW)
        found.meanwhile = guarded.restart
        found.do(Retire("claim", "risk"))
        after = found.snapshot(NOW)
        assert not found.lease("kept", "another", 15, NOW)

    assert before.nodes.keys() == after.nodes.keys()
    assert (before.nodes["node"].retire, after.nodes["node"].retire) == (None, "risk")


@pytest.mark.usefixtures("_objects")
def test_the_role_of_advise_leads_and_tells_but_changes_nothing(guarded: ControlPlane) -> None:
    grant(guarded, "advise")
    with cluster(guarded) as found:
        found.lease("spotcast-guard-advise", "me", 15, NOW)
        found.lease("spotcast-guard-advise", "me", 15, NOW)
        found.snapshot(NOW)
        found.evidence()
        found.do(TOLD)
        used = in_role(found.used)
        for action in ACTIONS:
            if not isinstance(action, Unsurge) or action.workload is not SERVICE:
                with pytest.raises(ClusterDeniedError, match="deploy/rbac"):
                    found.do(action)

    assert used == granted("advise")


@pytest.mark.usefixtures("_objects")
def test_the_role_of_observe_only_reads(guarded: ControlPlane) -> None:
    grant(guarded, "observe")
    with cluster(guarded) as found:
        seen = found.snapshot(NOW)
        found.evidence()
        used = in_role(found.used)
        with pytest.raises(ClusterDeniedError):
            found.lease("spotcast-guard-observe", "me", 15, NOW)
        with pytest.raises(ClusterDeniedError):
            found.do(TOLD)

    assert used == granted("observe")
    assert {verb for verb, *_ in used} == {"list"}
    assert [pod.workload for pod in seen.nodes["node"].pods] == [DEPLOYMENT]
