"""Room that stands ready: as a CapacityBuffer where there is one, as pause pods anywhere."""

from typing import Any

import pytest
from hypothesis import given

from advisor.errors import ManifestError
from advisor.karpenter.buffer import Spare, capacity_buffer, pause_pods
from tests.support.crd import judge
from tests.support.karpenter import spares

SPARE = Spare(
    name="headroom",
    nodepools=("gpu", "gpu-on-demand"),
    replicas=2,
    requests={"nvidia.com/gpu": "1", "memory": "16Gi"},
)


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    holder = (
        manifest["template"] if manifest["kind"] == "PodTemplate" else manifest["spec"]["template"]
    )
    spec: dict[str, Any] = holder["spec"]
    return spec


@pytest.mark.parametrize("provider", ["aws", "gcp"])
def test_a_buffer_holds_replicas_of_its_template(provider: str) -> None:
    template, buffer = capacity_buffer(provider, SPARE)

    assert judge(provider, buffer).errors == ()
    assert buffer["spec"]["podTemplateRef"] == {"name": template["metadata"]["name"]}
    assert buffer["spec"]["replicas"] == 2
    assert template["metadata"]["namespace"] == buffer["metadata"]["namespace"] == "default"


@pytest.mark.parametrize("provider", ["azure", "alibaba"])
def test_where_there_is_no_buffer_pause_pods_are_named(provider: str) -> None:
    with pytest.raises(ManifestError, match=f"for {provider} does not ship it; pause pods"):
        capacity_buffer(provider, SPARE)


def test_pause_pods_yield_to_every_pod_and_take_nobodys_place() -> None:
    priority, deployment = pause_pods(SPARE)

    assert pod(deployment)["priorityClassName"] == priority["metadata"]["name"]
    assert priority["value"] < 0
    assert priority["preemptionPolicy"] == "Never"
    assert priority["globalDefault"] is False
    assert pod(deployment)["terminationGracePeriodSeconds"] == 0
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector == deployment["spec"]["template"]["metadata"]["labels"]


@given(spares)
def test_the_room_is_asked_for_on_gpu_nodes_of_the_nodepools_and_limits_equal_requests(
    spare: Spare,
) -> None:
    for manifest in (capacity_buffer("aws", spare)[0], pause_pods(spare)[1]):
        spec = pod(manifest)
        (container,) = spec["containers"]
        asked = container["resources"]["requests"]
        assert asked == spare.requests
        gpus = {key: value for key, value in asked.items() if "/" in key}
        assert container["resources"].get("limits", {}) == gpus
        assert [one["key"] for one in spec["tolerations"]] == list(gpus)
        terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        (expression,) = terms["nodeSelectorTerms"][0]["matchExpressions"]
        assert expression["values"] == list(spare.nodepools)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"name": "Room"}, "'Room' is no name"),
        ({"namespace": ""}, "'' is no name"),
        ({"nodepools": ()}, "no NodePool was named"),
        ({"nodepools": ("GPU",)}, "'GPU' is no name"),
        ({"replicas": 0}, "0 is not 1 or more"),
        ({"requests": {}}, "every node has room already"),
        ({"requests": {"cpu": "much"}}, "'much' is no quantity"),
        ({"requests": {"memory": "16GiB"}}, "'16GiB' is no quantity"),
        ({"requests": {"nvidia.com/gpu": "0.5"}}, "is no whole number"),
        ({"requests": {"a/b/c": "1"}}, "not of the form"),
    ],
)
def test_room_that_kubernetes_would_refuse_is_not_made(
    changed: dict[str, Any], complaint: str
) -> None:
    plain: dict[str, Any] = {
        "name": "a",
        "nodepools": ("b",),
        "replicas": 1,
        "requests": {"cpu": "1"},
    }

    with pytest.raises(ManifestError, match=complaint):
        Spare(**(plain | changed))
