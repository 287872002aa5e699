"""The judge itself: it takes good manifests and refuses what the API server is known to refuse."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.support.crd import judge

CLOUDS = ("aws", "alibabacloud")

GOOD = {
    "aws": """
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: inference}
spec:
  weight: 10
  limits: {nvidia.com/gpu: "8", cpu: 96}
  disruption:
    consolidationPolicy: WhenEmpty
    consolidateAfter: 5m
    budgets:
    - nodes: "10%"
    - {nodes: "0", schedule: "0 9 * * 1-5", duration: 8h}
  template:
    metadata:
      labels: {example.com/team: research}
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: gpu}
      expireAfter: Never
      taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
      requirements:
      - {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
      - {key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ["0"]}
      - {key: node.kubernetes.io/instance-type, operator: In, values: [g5.xlarge], minValues: 1}
      - {key: example.com/retire, operator: DoesNotExist}
---
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata: {name: gpu}
spec:
  instanceProfile: nodes
  amiFamily: AL2023
  amiSelectorTerms: [{id: ami-0123456789abcdef0}]
  subnetSelectorTerms: [{tags: {karpenter.sh/discovery: test}}]
  securityGroupSelectorTerms: [{name: nodes}]
""",
    "alibabacloud": """
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: inference}
spec:
  disruption:
    consolidateAfter: Never
    budgets: [{nodes: "1", reasons: [Drifted]}]
  template:
    spec:
      nodeClassRef: {group: karpenter.k8s.alibabacloud, kind: ECSNodeClass, name: gpu}
      requirements:
      - {key: karpenter.k8s.alibabacloud/instance-category, operator: In, values: [gn]}
      - {key: topology.kubernetes.io/zone, operator: In, values: [cn-hangzhou-i]}
---
apiVersion: karpenter.k8s.alibabacloud/v1alpha1
kind: ECSNodeClass
metadata: {name: gpu}
spec:
  vSwitchSelectorTerms: [{id: vsw-1}]
  securityGroupSelectorTerms: [{tags: {karpenter.sh/discovery: test}}]
  imageSelectorTerms: [{alias: ContainerOS}]
  systemDisk: {size: 20}
""",
}
"""Two documents a cloud, the NodePool first."""


def documents(cloud: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(GOOD[cloud]))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_good_manifests_pass_and_rules_were_evaluated(cloud: str) -> None:
    verdicts = [judge(cloud, document) for document in documents(cloud)]

    assert [verdict.errors for verdict in verdicts] == [(), ()]
    assert all(len(verdict.rules) >= 5 for verdict in verdicts)


def test_the_rules_of_the_aws_label_domain_are_among_those_evaluated() -> None:
    verdict = judge("aws", documents("aws")[0])

    assert any("karpenter.k8s.aws/instance-gpu-count" in rule for rule in verdict.rules)
    assert not any("oldSelf" in rule for rule in verdict.rules)


def _set(*path: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        place: Any = manifest
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


def _drop(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        place = manifest
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def _require(**requirement: object) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        manifest["spec"]["template"]["spec"]["requirements"].append(requirement)

    return change


BUDGETS = ("spec", "disruption", "budgets")
TEMPLATE = ("spec", "template", "spec")

REFUSED_BY_BOTH = {
    "no consolidateAfter": (_drop("spec", "disruption", "consolidateAfter"), "consolidateAfter"),
    "no template": (_drop("spec", "template"), "template"),
    "expireAfter in days": (_set(*TEMPLATE, "expireAfter", to="30d"), "30d"),
    "a line break": (_set(*TEMPLATE, "terminationGracePeriod", to="5m\n"), "does not match"),
    "budget over 100 %": (_set(*BUDGETS, to=[{"nodes": "150%"}]), "150%"),
    "budget as a number": (_set(*BUDGETS, to=[{"nodes": 1}]), "not of type 'string'"),
    "schedule alone": (_set(*BUDGETS, to=[{"nodes": "1", "schedule": "@daily"}]), "'duration'"),
    "unknown reason": (_set(*BUDGETS, to=[{"nodes": "1", "reasons": ["Spot"]}]), "Spot"),
    "weight 0": (_set("spec", "weight", to=0), "minimum"),
    "weight 101": (_set("spec", "weight", to=101), "maximum"),
    "unknown field": (_set("spec", "taints", to=[]), "unexpected"),
    "unknown field of metadata": (_set("metadata", "label", to={}), "unexpected"),
    "no class name": (_set(*TEMPLATE, "nodeClassRef", "name", to=""), "may not be empty"),
    "In without values": (_require(key="a", operator="In", values=[]), "must have a value"),
    "In with no list": (_require(key="a", operator="In"), "must have a value"),
    "Gt of a word": (_require(key="a", operator="Gt", values=["x"]), "single positive integer"),
    "Gt of -1": (_require(key="a", operator="Gt", values=["-1"]), "single positive integer"),
    "a number as value": (_require(key="a", operator="In", values=[8]), "not of type 'string'"),
    "minValues 51": (
        _require(key="a", operator="In", values=["v"] * 60, minValues=51),
        "maximum",
    ),
    "minValues over values": (
        _require(key="a", operator="In", values=["v"], minValues=2),
        "at least that many values",
    ),
    "101 requirements": (
        _set(*TEMPLATE, "requirements", to=[{"key": "a", "operator": "Exists"}] * 101),
        "too long",
    ),
}

REFUSED_BY_AWS = {
    "Karpenter's own key": (
        _require(key="karpenter.sh/nodepool", operator="Exists"),
        '"karpenter.sh/nodepool" is restricted',
    ),
    "Karpenter's domain": (_require(key="karpenter.sh/foo", operator="Exists"), '"karpenter.sh"'),
    "host name": (_require(key="kubernetes.io/hostname", operator="Exists"), "hostname"),
    "key unknown in its domain": (
        _require(key="karpenter.k8s.aws/unknown-key", operator="Exists"),
        '"karpenter.k8s.aws" is restricted',
    ),
    "unknown operator": (_require(key="a", operator="Near"), "Near"),
    "static with weight": (_set("spec", "replicas", to=1), "not supported on static"),
    "reason named twice": (
        _set(*BUDGETS, to=[{"nodes": "1", "reasons": ["Empty", "Empty"]}]),
        "non-unique",
    ),
}

REFUSED_BY_ALIBABA = {
    "replicas": (_set("spec", "replicas", to=1), "unexpected"),
    "Balanced": (_set("spec", "disruption", "consolidationPolicy", to="Balanced"), "Balanced"),
}

REFUSED = [
    *((cloud, why, *case) for why, case in REFUSED_BY_BOTH.items() for cloud in CLOUDS),
    *(("aws", why, *case) for why, case in REFUSED_BY_AWS.items()),
    *(("alibabacloud", why, *case) for why, case in REFUSED_BY_ALIBABA.items()),
]


@pytest.mark.parametrize(
    ("cloud", "change", "complaint"),
    [
        pytest.param(cloud, change, says, id=f"{cloud}-{why}")
        for cloud, why, change, says in REFUSED
    ],
)
def test_what_the_api_server_refuses_is_refused(
    cloud: str, change: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    manifest = documents(cloud)[0]
    change(manifest)

    errors = judge(cloud, manifest).errors

    assert complaint in " ".join(errors)


def test_a_node_class_must_keep_to_its_rules() -> None:
    aws, alibaba = documents("aws")[1], documents("alibabacloud")[1]
    aws["spec"]["role"] = "nodes"
    alibaba["spec"]["imageSelectorTerms"] = [{"alias": "AlibabaCloudLinux3@latest"}]

    assert len(judge("aws", aws).errors) == 1
    assert "improperly formatted" in judge("alibabacloud", alibaba).errors[0]


def test_alibaba_cloud_admits_a_key_that_matches_nothing() -> None:
    manifest = documents("alibabacloud")[0]
    _require(key="karpenter.k8s.alibabacloud/unknown", operator="Exists")(manifest)

    assert judge("alibabacloud", manifest).errors == ()
