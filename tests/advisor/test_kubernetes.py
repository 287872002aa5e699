"""A cluster over HTTP: what is read, how an apply goes, and what each refusal asks of a person."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.cluster import (
    ClusterDeniedError,
    ClusterError,
    ClusterRefusedError,
    ClusterUnavailableError,
    ConflictError,
)
from advisor.kubernetes import KubernetesCluster
from advisor.planning.merge import applied
from tests.support.apiserver import (
    NODECLAIMS,
    NODEPOOLS,
    NODES,
    ApplyServer,
    kubeconfig,
    serving,
)
from tests.support.planning import a_nodepool


@pytest.fixture
def server() -> ApplyServer:
    """A server with Karpenter's resources, and nothing in them."""
    return ApplyServer(objects={NODEPOOLS: {}, NODECLAIMS: {}, NODES: {}})


@pytest.fixture
def url(server: ApplyServer) -> Iterator[str]:
    """Where it is."""
    with serving(server) as address:
        yield address


@pytest.fixture
def cluster(url: str, tmp_path: Path) -> Iterator[KubernetesCluster]:
    """The cluster, found through a kubeconfig."""
    with KubernetesCluster(kubeconfig=str(kubeconfig(tmp_path, url))) as found:
        yield found


def of_spotcast(nodepool: dict[str, Any]) -> dict[str, Any]:
    return {**nodepool, "metadata": {"name": nodepool["metadata"]["name"], "annotations": {}}}


def test_node_claims_and_nodes_come_by_name_from_all_pages(
    server: ApplyServer, cluster: KubernetesCluster
) -> None:
    server.page_size = 2
    for name in ("c", "a", "b"):
        server.put(
            NODECLAIMS,
            {
                "kind": "NodeClaim",
                "metadata": {"name": name, "labels": {"karpenter.sh/nodepool": "gpu-spot"}},
                "status": {
                    "nodeName": f"node-{name}",
                    "conditions": [
                        {"type": "Launched", "status": "True"},
                        {"type": "Drifted", "status": "True" if name == "b" else "False"},
                    ],
                },
            },
        )
    server.put(
        NODES,
        {"metadata": {"name": "n", "annotations": {"karpenter.sh/do-not-disrupt": "true"}}},
    )

    found = cluster.node_claims()

    assert [(one.name, one.node, one.is_drifted) for one in found] == [
        ("a", "node-a", False),
        ("b", "node-b", True),
        ("c", "node-c", False),
    ]
    assert found[0].nodepool == "gpu-spot"
    assert [one.is_held for one in cluster.nodes()] == [True]


def test_a_nodepool_that_is_not_there_is_none(cluster: KubernetesCluster) -> None:
    assert cluster.nodepool("gpu-spot") is None


def test_a_cluster_without_karpenter_is_no_cluster_without_nodepools(
    server: ApplyServer, cluster: KubernetesCluster
) -> None:
    server.objects.clear()

    with pytest.raises(ClusterError, match="is Karpenter"):
        cluster.nodepool("gpu-spot")


def test_an_apply_is_a_patch_under_our_name_and_a_dry_run_writes_nothing(
    server: ApplyServer, cluster: KubernetesCluster
) -> None:
    tried = cluster.apply(a_nodepool(), dry_run=True)
    there = cluster.nodepool("gpu-spot")
    cluster.apply(a_nodepool())

    assert there is None
    assert tried["spec"] == a_nodepool()["spec"]
    assert set(server.owners["gpu-spot"]) == {"spotcast"}
    assert server.asked[0] == (
        "PATCH",
        f"{NODEPOOLS}/gpu-spot",
        {
            "fieldManager": "spotcast",
            "force": "false",
            "dryRun": "All",
            "fieldValidation": "Strict",
        },
    )


def test_a_conflict_names_the_field_and_its_manager_and_force_takes_it_over(
    server: ApplyServer, cluster: KubernetesCluster
) -> None:
    server.put(NODEPOOLS, a_nodepool(weight=10), "argocd")

    with pytest.raises(ConflictError, match=r"\.spec\.weight is owned by argocd") as refused:
        cluster.apply(of_spotcast(a_nodepool(weight=20)))
    forced = cluster.apply(of_spotcast(a_nodepool(weight=20)), force=True)

    assert refused.value.owners == {".spec.weight": "argocd"}
    assert forced["spec"]["weight"] == 20


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.fixed_dictionaries({}, optional={"weight": st.integers(1, 2)}),
    ours=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "weight": st.integers(1, 2),
                "limits": st.dictionaries(st.sampled_from("ab"), st.just("1"), min_size=1),
                "disruption": st.just({"consolidateAfter": "5m", "budgets": [{"nodes": "1"}]}),
            },
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_a_merge_worked_out_without_a_server_is_the_servers(
    before: dict[str, Any], ours: list[dict[str, Any]]
) -> None:
    server = ApplyServer(objects={NODEPOOLS: {}})
    server.put(NODEPOOLS, a_nodepool(**before))
    query = {"fieldManager": "spotcast", "force": "true"}

    for spec in ours:
        wanted = of_spotcast(a_nodepool(**spec))
        expected = applied(server.shown(NODEPOOLS, "gpu-spot"), wanted)
        _, answer = server.apply(f"{NODEPOOLS}/gpu-spot", wanted, query)
        assert answer["spec"] == expected["spec"]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (403, ClusterDeniedError, "does not allow to list it .*docs/plan.md and deploy/rbac"),
        (401, ClusterDeniedError, "does not accept the credentials"),
        (422, ClusterRefusedError, "refuses it: spec is wrong"),
        (429, ClusterUnavailableError, "try again later"),
        (503, ClusterUnavailableError, "try again later"),
    ],
)
def test_each_refusal_says_what_to_do(
    server: ApplyServer,
    cluster: KubernetesCluster,
    status: int,
    kind: type[ClusterError],
    said: str,
) -> None:
    server.status, server.message = status, "spec is wrong"

    with pytest.raises(kind, match=said):
        cluster.node_claims()


def test_an_expired_login_is_read_anew_once(server: ApplyServer, url: str, tmp_path: Path) -> None:
    server.token = "new"  # noqa: S105 - of a server that lives for one test
    path = kubeconfig(tmp_path, url, "old")
    with KubernetesCluster(kubeconfig=str(path)) as cluster:
        with pytest.raises(ClusterDeniedError):
            cluster.nodes()
        kubeconfig(tmp_path, url, "new")

        assert cluster.nodes() == []


def test_a_server_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    with serving(ApplyServer()) as url:
        path = kubeconfig(tmp_path, url)
    with (
        KubernetesCluster(kubeconfig=str(path)) as cluster,
        pytest.raises(ClusterUnavailableError, match="does not answer"),
    ):
        cluster.nodes()


def test_without_credentials_one_is_told_how_to_name_them(tmp_path: Path) -> None:
    with (
        KubernetesCluster(kubeconfig=str(tmp_path / "none")) as cluster,
        pytest.raises(ClusterDeniedError, match="--kubeconfig or KUBECONFIG"),
    ):
        cluster.nodes()


def test_a_context_that_is_not_there_is_named(url: str, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, url)
    with (
        KubernetesCluster(kubeconfig=str(path), context="prod") as cluster,
        pytest.raises(ClusterDeniedError, match="No such context prod"),
    ):
        cluster.nodes()


def test_keys_that_kr8s_writes_to_files_are_gone_afterwards(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    path = kubeconfig(tmp_path, url)
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("user: {}", "user:\n    client-key-data: LS0tLS0=").replace(
            f"server: {url}", f"server: {url}\n    certificate-authority-data: LS0tLS0="
        ),
        encoding="utf-8",
    )

    with KubernetesCluster(kubeconfig=str(path)) as cluster, pytest.raises(ClusterError):
        cluster.nodes()

    assert "client-key-data" in path.read_text(encoding="utf-8")
    assert list(folder.iterdir()) == []
