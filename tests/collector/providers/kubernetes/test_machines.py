"""Labels and provider ids: which machine a node is."""

import pytest

from collector.providers.kubernetes.machines import Machine, machine_of, region_of
from warehouse.records import Pool

TYPE = {"node.kubernetes.io/instance-type": "a-type"}
ZONE = "topology.kubernetes.io/zone"


@pytest.mark.parametrize(
    ("provider_id", "labels", "expected"),
    [
        ("aws:///us-east-1a/i-0abc", {}, ("aws", "us-east-1", "us-east-1a", "i-0abc")),
        (
            "aws:///us-east-1a/i-0abc",
            {ZONE: "us-east-1a", "topology.k8s.aws/zone-id": "use1-az4"},
            ("aws", "us-east-1", "use1-az4", "i-0abc"),
        ),
        (
            "gce://p/us-central1-a/n-1",
            {},
            ("gcp", "us-central1", "us-central1-a", "p/us-central1-a/n-1"),
        ),
        (
            "azure:///subscriptions/S/virtualMachines/VM",
            {ZONE: "eastus-1"},
            ("azure", "eastus", "eastus-1", "vm"),
        ),
        (
            "azure:///subscriptions/S/virtualMachines/VM",
            {ZONE: "0", "topology.kubernetes.io/region": "westus"},
            ("azure", "westus", None, "vm"),
        ),
        (
            "cn-hangzhou.i-bp1",
            {ZONE: "cn-hangzhou-i"},
            ("alibaba", "cn-hangzhou", "cn-hangzhou-i", "i-bp1"),
        ),
        ("alicloud://ap-southeast-1.i-t4", {}, ("alibaba", "ap-southeast-1", None, "i-t4")),
        (
            "",
            {"eks.amazonaws.com/nodegroup": "g", ZONE: "eu-west-1b"},
            ("aws", "eu-west-1", "eu-west-1b", "the-name"),
        ),
        ("kind://docker/kind/worker", {}, (None, None, None, "the-name")),
        ("aws:///us-east-1a/fargate-ip-10-0-0-1", {}, (None, None, None, "the-name")),
    ],
)
def test_the_id_is_the_one_of_the_clouds_own_events(
    provider_id: str, labels: dict[str, str], expected: tuple[str | None, ...]
) -> None:
    provider, region, zone, node = expected

    found = machine_of({**TYPE, **labels}, provider_id, "the-name")

    assert found == Machine(provider, region, zone, "a-type", str(node), is_spot=False)


@pytest.mark.parametrize(
    ("provider", "zone", "region"),
    [
        ("aws", "us-gov-west-1a", "us-gov-west-1"),
        ("aws", "us-west-2-lax-1a", "us-west-2"),
        ("aws", "nowhere", None),
        ("gcp", "europe-west4-b", "europe-west4"),
        ("azure", "eastus2-3", "eastus2"),
        ("alibaba", "cn-hangzhou-i", "cn-hangzhou"),
        (None, "a-b", None),
        ("gcp", None, None),
    ],
)
def test_the_region_is_in_the_zones_name(
    provider: str | None, zone: str | None, region: str | None
) -> None:
    assert region_of(provider, zone) == region


def test_what_is_not_known_of_a_pool_is_a_star() -> None:
    assert machine_of({}, None, "name").pool == Pool("*", "*", "*", "*")
