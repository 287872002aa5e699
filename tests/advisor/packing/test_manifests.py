"""Pods read from manifests, as the scheduler would see them."""

import json
from typing import Any

import pytest
import yaml

from advisor.packing import PodError, read_pods
from advisor.packing.pods import Expression, Pod, Toleration
from advisor.packing.quantities import amount


def a_pod(spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", **metadata},
        "spec": {"containers": [a_container()], **(spec or {})},
    }


def a_container(cpu: str = "1", memory: str = "1Gi", **more: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


def a_deployment(replicas: int = 3, kind: str = "Deployment", **spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [a_container()], **spec},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": replicas, "template": template},
    }


def read(*documents: dict[str, Any]) -> list[Pod]:
    return list(read_pods(yaml.safe_dump_all(documents), "pods.yaml").pods)


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(PodError) as caught:
        read(document)
    return str(caught.value)


@pytest.mark.parametrize(
    ("resource", "text", "whole"),
    [
        ("cpu", "250m", 250),
        ("cpu", 1, 1000),
        ("cpu", "0.1", 100),
        ("cpu", "1e-1", 100),
        ("cpu", "100u", 1),
        ("memory", "1Gi", 1024),
        ("memory", "1.5Gi", 1536),
        ("memory", "1G", 954),
        ("memory", 1048577, 2),
        ("memory", "1e9", 954),
        ("nvidia.com/gpu", "2", 2),
    ],
)
def test_quantities_are_read_as_kubernetes_reads_them(resource: str, text: str, whole: int) -> None:
    assert amount(resource, text) == whole


@pytest.mark.parametrize("text", ["", "1GiB", "-1", "one", "1 Gi", None, True, "0x10", "9E9E"])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="quantity"):
        amount("memory", text)


def test_a_part_of_a_gpu_is_refused() -> None:
    with pytest.raises(ValueError, match="whole pieces"):
        amount("nvidia.com/gpu", "500m")


def test_containers_add_up() -> None:
    pod = read(a_pod({"containers": [a_container("1"), a_container("500m")]}))[0]

    assert pod.requests == {"cpu": 1500, "memory": 2048}


def test_an_init_container_counts_where_it_needs_more_than_all_that_runs_later() -> None:
    pod = read(a_pod({"initContainers": [a_container("3", "100Mi")]}))[0]

    assert pod.requests == {"cpu": 3000, "memory": 1024}


def test_a_sidecar_runs_beside_the_containers_and_beside_later_init_containers() -> None:
    sidecar = a_container("200m", "100Mi", restartPolicy="Always")
    before = read(a_pod({"initContainers": [sidecar, a_container("2", "1Gi")]}))[0]
    after = read(a_pod({"initContainers": [a_container("2", "1Gi"), sidecar]}))[0]

    assert before.requests == {"cpu": 2200, "memory": 1124}
    assert after.requests == {"cpu": 2000, "memory": 1124}


def test_overhead_is_added_and_a_limit_stands_in_for_a_request() -> None:
    limited = {"name": "c", "resources": {"limits": {"cpu": "2", "nvidia.com/gpu": 1}}}
    pod = read(a_pod({"containers": [limited], "overhead": {"cpu": "100m"}}))[0]

    assert pod.requests == {"cpu": 2100, "nvidia.com/gpu": 1}


def test_a_controllers_replicas_are_its_count() -> None:
    assert [one.count for one in read(a_deployment(4), a_deployment(2, "StatefulSet"))] == [4, 2]
    assert read(a_deployment(0)) == []


def test_a_job_runs_no_more_pods_at_once_than_it_has_to_complete() -> None:
    job = a_deployment(kind="Job")
    job["spec"] |= {"parallelism": 5, "completions": 3}

    assert read(job)[0].count == 3


def test_a_daemonset_and_its_running_pods_stand_once_among_the_daemons() -> None:
    running = [
        a_pod(
            name=f"logs-{letter}",
            namespace="kube-system",
            ownerReferences=[{"kind": "DaemonSet", "name": "logs"}],
        )
        for letter in "ab"
    ]
    workload = read_pods(yaml.safe_dump_all([*running, a_pod()]), "pods.yaml")

    assert [one.title for one in workload.daemons] == ["kube-system/logs"]
    assert [one.title for one in workload.pods] == ["default/a"]


def test_static_pods_of_two_nodes_are_one_daemon() -> None:
    running = [
        a_pod(name=f"kube-proxy-{node}", ownerReferences=[{"kind": "Node", "name": node}])
        for node in ("n1", "n2")
    ]

    assert len(read_pods(yaml.safe_dump_all(running), "pods.yaml").daemons) == 1


def test_what_kubectl_get_writes_is_opened_and_what_has_finished_is_left_out() -> None:
    finished = a_pod() | {"status": {"phase": "Succeeded"}}
    text = json.dumps({"kind": "List", "items": [a_pod(), finished, {"kind": "Service"}]})

    assert len(read_pods(text, "stdin").pods) == 1


def test_a_time_in_a_manifest_is_text() -> None:
    text = "kind: ConfigMap\nmetadata: {creationTimestamp: 2026-01-01T00:00:00Z, name: x}\n"

    assert read_pods(text, "x.yaml").pods == ()


def test_selectors_affinity_and_tolerations_are_read() -> None:
    term = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a", "b"]}
    affinity = {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [term]}]
        }
    }
    pod = read(
        a_pod(
            {
                "nodeSelector": {"kubernetes.io/arch": "arm64"},
                "affinity": {"nodeAffinity": affinity},
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            }
        )
    )[0]

    assert pod.node_selector == (Expression("kubernetes.io/arch", "In", ("arm64",)),)
    assert pod.node_affinity == ((Expression("topology.kubernetes.io/zone", "In", ("a", "b")),),)
    assert pod.tolerations == (Toleration("nvidia.com/gpu", "Exists"),)


def test_preferences_are_left_out_and_said() -> None:
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}
    workload = read_pods(
        yaml.safe_dump(a_pod({"affinity": {"podAntiAffinity": preferred}})), "pods.yaml"
    )

    assert workload.notes == ("preferred pod anti-affinity of 1 manifests was not packed for",)
    assert workload.pods[0].separations == ()


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"affinity": {"podAffinity": {REQUIRED: [{}]}}}, "podAffinity: pods required to be"),
        (
            {"affinity": {"podAntiAffinity": {REQUIRED: [{"topologyKey": "rack"}]}}},
            "topologyKey 'rack': only",
        ),
        (
            {
                "topologySpreadConstraints": [
                    {"maxSkew": 0, "topologyKey": "kubernetes.io/hostname"}
                ]
            },
            "maxSkew 0",
        ),
        ({"nodeSelector": ["a"]}, "spec.nodeSelector: an object is wanted"),
        ({"tolerations": [{"operator": "Equal"}]}, "spec.tolerations 1: without a key"),
        ({"containers": []}, "spec.containers: a pod without containers"),
        ({"containers": [a_container("lots")]}, "container c resources.requests.cpu: 'lots' is no"),
        (
            {
                "affinity": {
                    "nodeAffinity": {
                        REQUIRED: {
                            "nodeSelectorTerms": [
                                {
                                    "matchExpressions": [
                                        {"key": "a", "operator": "Gt", "values": ["x"]}
                                    ]
                                }
                            ]
                        }
                    }
                }
            },
            "Gt on a wants a whole number, not 'x'",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_document_and_field(
    spec: dict[str, Any], told: str
) -> None:
    text = refusal(a_pod(spec))

    assert text.startswith("pods.yaml document 1 (Pod a): ")
    assert told in text


@pytest.mark.parametrize("text", ["a: b: c", "- 1", "'text'", "{", "{kind: List, items: 5}"])
def test_what_is_no_manifest_is_refused_with_the_files_name(text: str) -> None:
    with pytest.raises(PodError, match=r"pods\.yaml"):
        read_pods(text, "pods.yaml")


def test_replicas_that_are_no_number_are_refused() -> None:
    document = a_deployment()
    document["spec"]["replicas"] = "three"

    assert "spec.replicas: 'three' is no number of pods" in refusal(document)


def test_an_owner_that_is_none_owns_nothing() -> None:
    assert [one.name for one in read(a_pod(ownerReferences=[5]))] == ["a"]
