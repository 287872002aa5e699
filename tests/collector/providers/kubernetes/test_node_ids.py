"""A machine has one id, whoever tells of it: its cluster's node or its cloud's own feeds.

Otherwise one loss would be counted twice, and once without its machine.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from collector.provider import Provider
from collector.providers.alibaba import PROVIDER as ALIBABA
from collector.providers.alibaba import machines as alibaba_machines
from collector.providers.aws import PROVIDER as AWS
from collector.providers.azure import scheduled_events
from collector.providers.gcp import PROVIDER as GCP
from collector.providers.gcp import instances, preemptions
from collector.providers.kubernetes.machines import machine_of
from tests.support.loopback import NOW
from warehouse.records import Interruption

PAYLOADS = Path(__file__).parents[3] / "fixtures" / "payloads"
GKE_NODE = "gce://example-project/us-central1-a/{name}"
AKS_GROUP = "azure:///subscriptions/s/resourceGroups/MC_x/providers/Microsoft.Compute"


def recorded(path: str) -> Any:
    """The JSON of a fixture."""
    return json.loads((PAYLOADS / path).read_bytes())


def node_of(provider_id: str) -> str:
    """The id that a cluster's node of that ``spec.providerID`` goes by."""
    return machine_of({}, provider_id, "the-objects-name").node


def pushed_nodes(provider: Provider, event: Mapping[str, Any]) -> set[str]:
    """The machines of which the provider's feeds report an interruption when told of ``event``."""
    assert provider.pushed is not None
    records = list(provider.pushed(event, NOW))
    return {one.node for one in records if isinstance(one, Interruption)}


def azure_nodes(*resources: str, at: datetime = NOW) -> set[str]:
    event = recorded("azure/scheduled_events.preempt.json")["Events"][0]
    told = scheduled_events.parse_event({**event, "Resources": [*resources]}, observed_at=at)
    return {one.node for one in told}


@pytest.mark.parametrize(
    "name", ["event.spot_interruption_warning.json", "event.cloudtrail_bid_evicted.json"]
)
def test_a_machine_of_aws_has_one_id(name: str) -> None:
    nodes = pushed_nodes(AWS, recorded(f"aws/{name}"))

    assert node_of("aws:///us-east-1a/i-0b662ef9931388ba0") in nodes


@pytest.mark.parametrize("prefix", ["", "alicloud://"])
@pytest.mark.parametrize("form", ["eventbridge", "cloudmonitor"])
def test_a_machine_of_alibaba_has_one_id(form: str, prefix: str) -> None:
    event = recorded(f"alibaba/event.{form}.preemptible_interruption.json")
    told = {"data" if form == "eventbridge" else "content": {"instanceId": "i-bp1", "action": "x"}}
    row = recorded("alibaba/describe_instances.page1.json")["Instances"]["Instance"][0]
    page = {"Instances": {"Instance": [{**row, "InstanceId": "i-bp1"}]}}
    (listed,) = alibaba_machines.parse(page, region="cn-hangzhou", feed="a feed")

    node = node_of(f"{prefix}cn-hangzhou.i-bp1")

    assert {node} == {listed.node} == pushed_nodes(ALIBABA, {**event, **told})


def test_a_machine_of_gcp_has_one_id() -> None:
    operations = recorded("gcp/zoneOperations.list.preempted.json")
    fleet = recorded("gcp/compute.instances.aggregatedList.json")
    seen = instances.see([fleet], project="example-project", now=NOW)

    taken, running = (node_of(GKE_NODE.format(name=f"spot-worker-{one}")) for one in (3, 1))

    assert {taken} == pushed_nodes(GCP, recorded("gcp/audit_log.preempted.json"))
    assert taken in {one.node for one in preemptions.preempted(operations, zone="us-central1-a")}
    assert taken in seen.stopped_at
    assert running in seen.alive


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("virtualMachineScaleSets/aks-spot-1-vmss/virtualMachines/3", "aks-spot-1-vmss_3"),
        ("virtualMachineScaleSets/AKS-spot-1-vmss/virtualMachines/3", "aks-spot-1-VMSS_3"),
        ("virtualMachines/aks-default-x7k2p", "aks-default-x7k2p"),
    ],
    ids=["scale set", "other case", "single machine"],
)
def test_a_machine_of_azure_has_one_id(path: str, resource: str) -> None:
    assert azure_nodes(resource) == {node_of(f"{AKS_GROUP}/{path}")}
