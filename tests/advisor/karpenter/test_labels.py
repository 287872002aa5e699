"""The labels of each provider, derived as the provider derives them."""

import pytest

from advisor.errors import ManifestError
from advisor.karpenter.labels import (
    ALIBABA,
    AWS,
    AWS_ZONE_ID,
    AZURE,
    GCP,
    ZONE,
    ProviderLabels,
    check_key,
    check_label_value,
    check_object_name,
    check_qualified_name,
    provider_labels,
    zone_key,
)
from advisor.karpenter.shapes import AlibabaShape, alibaba_shape, aws_family


@pytest.mark.parametrize(
    ("instance_type", "shape"),
    [
        ("ecs.g5.large", AlibabaShape("g", "5", "ecs.g5", "large")),
        ("ecs.gn7i-c8g1.2xlarge", AlibabaShape("gn", "7", "ecs.gn7i-c8g1", "2xlarge")),
        ("ecs.gn6i-c4g1.xlarge", AlibabaShape("gn", "6", "ecs.gn6i-c4g1", "xlarge")),
        ("ecs.ebmgn7ex.32xlarge", AlibabaShape("ebmgn", "7", "ecs.ebmgn7ex", "32xlarge")),
        ("ecs.sgn7i-vws-m2s.xlarge", AlibabaShape("sgn", "7", "ecs.sgn7i-vws-m2s", "xlarge")),
        ("ecs.vgn6i-m4-vws.xlarge", AlibabaShape("vgn", "6", "ecs.vgn6i-m4-vws", "xlarge")),
        ("ecs.gn8v.6xlarge", AlibabaShape("gn", "8", "ecs.gn8v", "6xlarge")),
        ("ecs.re-12tb4.large", AlibabaShape("re", "4", "ecs.re-12tb4", "large")),
        ("ecs.g5", AlibabaShape("g", "5", "ecs.g5", None)),
        ("ecs.g5.large.extra", AlibabaShape("g", "5", "ecs.g5", None)),
        ("g5.xlarge", None),
        ("ecs.turbo.large", None),
    ],
)
def test_alibaba_cloud_derives_labels_from_the_name(
    instance_type: str, shape: AlibabaShape | None
) -> None:
    assert alibaba_shape(instance_type) == shape


@pytest.mark.parametrize(
    ("instance_type", "family"),
    [("g5.xlarge", "g5"), ("p6-b200.48xlarge", "p6-b200"), ("p4d.24xlarge", "p4d")],
)
def test_the_family_of_an_aws_type_is_what_stands_before_the_dot(
    instance_type: str, family: str
) -> None:
    assert aws_family(instance_type) == family


@pytest.mark.parametrize(
    ("zones", "key"),
    [
        (["use1-az4", "use1-az6"], AWS_ZONE_ID),
        (["usw2-lax1-az1"], AWS_ZONE_ID),
        (["use1-wl1-bos-wlz1"], AWS_ZONE_ID),
        (["us-east-1a", "us-east-1b"], ZONE),
        (["us-west-2-lax-1a"], ZONE),
        (["us-east-1-wl1-bos-wlz-1"], ZONE),
    ],
)
def test_aws_zone_ids_and_zone_names_have_keys_of_their_own(zones: list[str], key: str) -> None:
    assert zone_key(AWS, zones) == key


def test_zones_of_alibaba_cloud_are_names() -> None:
    assert zone_key(ALIBABA, ["cn-hangzhou-i", "cn-hangzhou-az1"]) == ZONE


def test_zone_ids_and_zone_names_do_not_mix() -> None:
    with pytest.raises(ManifestError, match="zone ids and zone names are mixed"):
        zone_key(AWS, ["use1-az4", "us-east-1a"])


def test_a_node_class_is_named_by_group_and_version() -> None:
    assert provider_labels("aws").node_class_api_version == "karpenter.k8s.aws/v1"
    assert (
        provider_labels("alibaba").node_class_api_version == "karpenter.k8s.alibabacloud/v1alpha1"
    )


def test_another_provider_has_no_labels_here() -> None:
    with pytest.raises(ManifestError, match=r"provider oci: .* for aws, alibaba, gcp and azure"):
        provider_labels("oci")


@pytest.mark.parametrize(
    "key",
    [
        "karpenter.k8s.aws/instance-local-nvme",
        "karpenter.sh/capacity-type",
        "topology.k8s.aws/zone-id",
        "example.com/team",
        "team",
    ],
)
def test_keys_that_a_machine_can_have_are_accepted(key: str) -> None:
    check_key(AWS, key)


@pytest.mark.parametrize(
    "key",
    [
        "karpenter.k8s.aws/instance-colour",
        "x.karpenter.k8s.aws/instance-family",
        "karpenter.k8s.alibabacloud/instance-family",
        "karpenter.sh/nodepool",
        "my.karpenter.sh/any",
        "kubernetes.io/hostname",
        "two/slashes/here",
        "",
        f"{'a' * 254}/key",
        "example.com/" + "a" * 64,
    ],
)
def test_keys_that_no_machine_can_have_are_refused(key: str) -> None:
    with pytest.raises(ManifestError):
        check_key(AWS, key)


def test_a_key_of_alibaba_cloud_is_checked_though_its_crd_takes_any() -> None:
    check_key(ALIBABA, "karpenter.k8s.alibabacloud/instance-cpu-model")
    with pytest.raises(ManifestError, match="no label key of this provider"):
        check_key(ALIBABA, "karpenter.k8s.alibabacloud/instance-types")


@pytest.mark.parametrize("value", ["", "a", "g5.xlarge", "ecs.gn7i-c8g1.2xlarge", "a" * 63])
def test_values_of_labels_are_accepted(value: str) -> None:
    check_label_value(value, "key")


@pytest.mark.parametrize("value", ["a" * 64, "a/b", "-a", "a.", "a b", "a\n", "1.048576e+06", "ä"])
def test_values_that_no_label_can_hold_are_refused(value: str) -> None:
    with pytest.raises(ManifestError, match="is no label value"):
        check_label_value(value, "key")


@pytest.mark.parametrize("name", ["", "GPU", "gpu_spot", "-gpu", "gpu.", "a" * 64, "gpu\n"])
def test_names_that_no_object_can_have_are_refused(name: str) -> None:
    with pytest.raises(ManifestError, match="is no name"):
        check_object_name(name, "NodePool")


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        (AZURE, "karpenter.azure.com/sku-gpu-count"),
        (AZURE, "kubernetes.azure.com/os-sku"),
        (AZURE, "example.com/agentpool"),
        (GCP, "karpenter.k8s.gcp/instance-shape"),
        (GCP, "cloud.google.com/gke-accelerator"),
    ],
)
def test_keys_of_azure_and_gcp_are_accepted(labels: ProviderLabels, key: str) -> None:
    check_key(labels, key)


@pytest.mark.parametrize(
    ("labels", "key", "complaint"),
    [
        (AZURE, "karpenter.azure.com/instance-family", "no label key of this provider"),
        (AZURE, "karpenter.k8s.aws/instance-family", "azure has no labels of that domain"),
        (AZURE, "kubernetes.azure.com/colour", "no label key of AKS"),
        (AZURE, "agentpool", "AKS keeps this label to itself"),
        (GCP, "karpenter.k8s.gcp/instance-category", "no label key of this provider"),
        (GCP, "karpenter.k8s.gcp/instance-gpu-memory", "no node of this provider ever has it"),
        (GCP, "karpenter.k8s.gcp/instance-gpu-manufacturer", "no node of this provider ever"),
        (AWS, "karpenter.azure.com/sku-gpu-count", "aws has no labels of that domain"),
    ],
)
def test_keys_that_match_nothing_on_azure_or_gcp_are_refused(
    labels: ProviderLabels, key: str, complaint: str
) -> None:
    with pytest.raises(ManifestError, match=complaint):
        check_key(labels, key)


@pytest.mark.parametrize(
    ("labels", "zone"),
    [
        (AZURE, "1"),
        (AZURE, "westus2"),
        (GCP, "us-central1"),
        (GCP, "a"),
        (AWS, "A"),
        (ALIBABA, "h"),
    ],
)
def test_a_zone_that_no_node_can_be_in_is_refused(labels: ProviderLabels, zone: str) -> None:
    with pytest.raises(ManifestError, match=f"zone {zone}: {labels.provider} has no such zone"):
        zone_key(labels, [zone])


@pytest.mark.parametrize(
    ("labels", "zone"),
    [
        (AZURE, "westus2-1"),
        (GCP, "us-central1-a"),
        (GCP, "us-central1-ai1a"),
        (ALIBABA, "cn-beijing-l"),
    ],
)
def test_zones_are_named_as_each_provider_labels_its_nodes(
    labels: ProviderLabels, zone: str
) -> None:
    assert zone_key(labels, [zone]) == ZONE


def test_a_qualified_name_has_at_most_one_domain() -> None:
    check_qualified_name("spotcast.io/data-as-of")
    with pytest.raises(ManifestError, match="not of the form domain/name"):
        check_qualified_name("Spotcast.io/data-as-of")
