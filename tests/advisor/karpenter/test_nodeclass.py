"""The node class stubs pass their CRDs and hold nothing but what they were given."""

from typing import Any

import pytest

from advisor.errors import ManifestError
from advisor.karpenter.nodeclass import node_class
from tests.support.crd import judge


@pytest.mark.parametrize("image", [None, "al2023@v20261101", "bottlerocket@v1.50.0"])
def test_an_ec2_node_class_passes_its_crd(image: str | None) -> None:
    manifest = node_class("aws", "gpu", cluster="demo", role="nodes", image=image)

    verdict = judge("aws", manifest)
    assert verdict.errors == ()
    assert len(verdict.rules) >= 20


@pytest.mark.parametrize("image", [None, "ContainerOS"])
def test_an_ecs_node_class_passes_its_crd(image: str | None) -> None:
    manifest = node_class("alibaba", "gpu", cluster="demo", image=image)

    verdict = judge("alibabacloud", manifest)
    assert verdict.errors == ()
    assert len(verdict.rules) >= 10


@pytest.mark.parametrize(
    ("image", "term"),
    [
        (None, {"family": "ContainerOptimizedOS", "channel": "cluster"}),
        ("ContainerOptimizedOS@latest", {"family": "ContainerOptimizedOS", "version": "latest"}),
        ("Ubuntu2404@v20260416", {"family": "Ubuntu2404", "version": "v20260416"}),
    ],
)
def test_a_gce_node_class_passes_its_crd(image: str | None, term: dict[str, str]) -> None:
    manifest = node_class("gcp", "gpu", image=image, disk="hyperdisk-balanced")

    verdict = judge("gcp", manifest)
    assert verdict.errors == ()
    assert len(verdict.rules) >= 10
    assert manifest["spec"]["imageSelectorTerms"] == [term]
    assert manifest["spec"]["disks"][0]["category"] == "hyperdisk-balanced"


@pytest.mark.parametrize("image", [None, "AzureLinux"])
def test_an_aks_node_class_passes_its_crd(image: str | None) -> None:
    manifest = node_class("azure", "gpu", image=image)

    assert judge("azure", manifest).errors == ()
    assert manifest["spec"]["gpu"] == {"mode": "Driver"}


def test_networks_are_found_by_the_clusters_name() -> None:
    spec = node_class("aws", "gpu", cluster="prod-7", role="nodes")["spec"]

    found = [{"tags": {"karpenter.sh/discovery": "prod-7"}}]
    assert (spec["subnetSelectorTerms"], spec["securityGroupSelectorTerms"]) == (found, found)


def test_bottlerocket_keeps_images_on_its_second_disk() -> None:
    spec = node_class("aws", "gpu", cluster="demo", role="nodes", image="bottlerocket@latest")[
        "spec"
    ]

    assert spec["blockDeviceMappings"][0]["deviceName"] == "/dev/xvdb"


@pytest.mark.parametrize(
    ("provider", "arguments", "complaint"),
    [
        ("aws", {}, "needs the IAM role"),
        ("aws", {"role": "nodes", "cluster": ""}, "no name to be found by"),
        ("aws", {"role": "nodes", "name": "GPU"}, "EC2NodeClass: 'GPU' is no name"),
        ("aws", {"role": "nodes", "image": "al2023"}, "'al2023' is not al2023@version"),
        ("aws", {"role": "nodes", "image": "windows2022@latest"}, "is not al2023@version"),
        ("aws", {"role": "nodes", "image": f"al2023@{'v' * 30}"}, "is not al2023@version"),
        ("aws", {"role": "nodes", "root_volume_gib": 19}, "19 is not 20 to 16384 GiB"),
        ("alibaba", {"role": "nodes"}, "only AWS' node class has one"),
        ("alibaba", {"image": "AlibabaCloudLinux3@latest"}, "AlibabaCloudLinux3 or ContainerOS"),
        ("alibaba", {"root_volume_gib": 2049}, "2049 is not 20 to 2048 GiB"),
        ("alibaba", {"disk": "pd-ssd"}, "only GCP's node class has a choice"),
        ("gcp", {}, "finds no network by tag"),
        ("gcp", {"cluster": None, "role": "nodes"}, "only AWS' node class has one"),
        ("gcp", {"cluster": None, "image": "Ubuntu@latest"}, "'Ubuntu@latest' is not Container"),
        ("gcp", {"cluster": None, "image": "Ubuntu2404@stable"}, "'stable' is no version"),
        ("gcp", {"cluster": None, "disk": "pd-extreme"}, "'pd-extreme' is not hyperdisk-balanced"),
        ("gcp", {"cluster": None, "root_volume_gib": 9}, "9 is not 10 to 65536 GiB"),
        ("azure", {}, "finds no network by tag"),
        ("azure", {"cluster": None, "image": "Windows"}, "'Windows' is not AzureLinux"),
        ("azure", {"cluster": None, "root_volume_gib": 29}, "29 is not 30 to 2048 GiB"),
        ("oci", {}, "provider oci"),
    ],
)
def test_what_the_api_server_would_refuse_is_not_made(
    provider: str, arguments: dict[str, Any], complaint: str
) -> None:
    plain: dict[str, Any] = {"name": "gpu", "cluster": "demo"}

    with pytest.raises(ManifestError, match=complaint):
        node_class(provider, **(plain | arguments))
