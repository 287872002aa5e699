"""The demand of pods is one machine that the largest of them fits on."""

import pytest

from advisor import Demand, Policy
from advisor.demand_file import read_demand
from advisor.errors import DemandError

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  nodeSelector: {{{selector}}}
  containers:
  - name: main
    image: engine
    resources: {{requests: {{{requests}}}}}
"""


def a_pod(name: str, requests: str, selector: str = "") -> str:
    return POD.format(name=name, requests=requests, selector=selector)


def test_the_largest_pod_is_asked_for_and_all_are_counted() -> None:
    text = "---".join(
        [
            a_pod("small", 'cpu: "1", memory: 8Gi, nvidia.com/gpu: "1"'),
            a_pod("large", "cpu: 3500m, memory: 12Gi, nvidia.com/gpu: 1"),
        ]
    )

    assert read_demand(text, "pods.yaml") == (
        Demand(gpus=1, vcpus_min=3.5, memory_min_gib=12, count=2),
        Policy(),
    )


def test_replicas_are_counted_and_pods_without_a_gpu_want_none() -> None:
    text = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 7
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: web, resources: {requests: {cpu: 250m}}}]
"""

    demand, _ = read_demand(text, "web.yaml")

    assert (demand.gpus, demand.count, demand.vcpus_min) == (0, 7, 0.25)
    assert demand.memory_min_gib is None


def test_the_maker_and_the_architecture_are_those_of_the_pods() -> None:
    demand, _ = read_demand(
        a_pod("one", 'amd.com/gpu: "2"', "kubernetes.io/arch: arm64"), "pods.yaml"
    )

    assert (demand.gpus, demand.gpu_manufacturer, demand.architecture) == (2, "amd", "arm64")


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ([a_pod("a", "nvidia.com/gpu: 1"), a_pod("b", "nvidia.com/gpu: 4")], "ask for 1, 4 GPUs"),
        ([a_pod("a", "nvidia.com/gpu: 1"), a_pod("b", "amd.com/gpu: 1")], "GPUs of two makers"),
        (
            [
                a_pod("a", "cpu: 1", "kubernetes.io/arch: arm64"),
                a_pod("b", "cpu: 1", "kubernetes.io/arch: amd64"),
            ],
            "want two architectures",
        ),
        (["apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"], "there is no pod in it"),
    ],
)
def test_pods_that_no_one_machine_could_be_meant_for_are_told(
    texts: list[str], sentence: str
) -> None:
    with pytest.raises(DemandError, match=sentence):
        read_demand("---".join(texts), "pods.yaml")
