"""A market of our offerings, as Karpenter's kwok provider reads one, and manifests fit for it."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from itertools import groupby
from typing import Any

from advisor.demand import gpu_manufacturer
from advisor.karpenter.labels import AWS, AWS_ZONE_ID, AZURE, CAPACITY_TYPE, ZONE
from warehouse.records import REGIONAL, InstanceType, Offering, Pool

Manifest = dict[str, Any]

GROUP = "karpenter.kwok.sh"
NODE_CLASS_VERSION = f"{GROUP}/v1alpha1"
NODE_CLASS_KIND = "KWOKNodeClass"


def instance_types(offerings: Iterable[Offering]) -> list[dict[str, Any]]:
    """The offerings in the form of ``--instance-types-file-path``, types by name.

    Prices are USD an hour. A zone is both the name and AWS' id: a NodePool may use either label.
    """
    by_type = sorted(offerings, key=lambda one: one.pool.instance_type)
    return [
        _instance_type(list(group))
        for _, group in groupby(by_type, key=lambda one: one.pool.instance_type)
    ]


def node_class(name: str, boot: str) -> Manifest:
    """The node class whose machines take ``boot`` (``2s``) until they are nodes."""
    return {
        "apiVersion": NODE_CLASS_VERSION,
        "kind": NODE_CLASS_KIND,
        "metadata": {"name": name},
        "spec": {"nodeRegistrationDelay": boot},
    }


def on_kwok(manifest: Mapping[str, Any]) -> Manifest:
    """The NodePool or NodeClaim with kwok's node class in place of its cloud's, nothing else."""
    changed: Manifest = deepcopy(dict(manifest))
    spec = changed["spec"]["template"]["spec"] if "template" in changed["spec"] else changed["spec"]
    spec["nodeClassRef"] |= {"group": GROUP, "kind": NODE_CLASS_KIND}
    return changed


def without_capacity(pools: Iterable[tuple[Pool, str]]) -> Manifest:
    """The ConfigMap by which those pools, each with its capacity type, refuse every launch."""
    lines = [f"{pool.instance_type} {pool.zone} {capacity_type}" for pool, capacity_type in pools]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "market", "namespace": "kube-system"},
        "data": {"sold-out": "\n".join(lines)},
    }


def _instance_type(offerings: list[Offering]) -> dict[str, Any]:
    machine = offerings[0].instance_type
    return {
        "name": machine.instance_type,
        "architecture": machine.architecture,
        "operatingSystems": ["linux"],
        "resources": {
            "cpu": f"{machine.vcpu:g}",
            "memory": f"{machine.memory_gib:g}Gi",
            "ephemeral-storage": "200Gi",
            **_gpus(machine),
        },
        "offerings": [_offering(one) for one in offerings],
    }


def _gpus(machine: InstanceType) -> dict[str, str]:
    maker = gpu_manufacturer(machine)
    return {f"{maker}.com/gpu": str(machine.gpu_count)} if maker and machine.gpu_count else {}


def _gpu_labels(machine: InstanceType) -> dict[str, str]:
    """What the provider's Karpenter labels a machine with, of what our NodePools ask for.

    A key that no offering has is nobody's to Karpenter: it writes a random value on the node.
    """
    count, maker = str(machine.gpu_count), gpu_manufacturer(machine)
    match machine.provider:
        case "aws" if maker:
            manufacturer = {AWS.key("instance-gpu-manufacturer"): maker}
            memory = _mib(machine.gpu_memory_gib)
            return manufacturer | {AWS.key("instance-gpu-count"): count} | memory
        case "azure":
            return {AZURE.key("sku-gpu-count"): count}
        case _:
            return {}


def _mib(gpu_memory_gib: float | None) -> dict[str, str]:
    """The label of a GPU's memory, in MiB; none where it is not known."""
    key = AWS.key("instance-gpu-memory")
    return {} if gpu_memory_gib is None else {key: f"{1024 * gpu_memory_gib:.0f}"}


def _offering(offering: Offering) -> dict[str, Any]:
    zone = offering.pool.zone
    assert zone != REGIONAL, f"{offering.pool}: a machine stands in a zone"
    assert offering.usd_per_hour is not None, f"{offering.pool}: kwok buys by USD"
    labels = {CAPACITY_TYPE: offering.capacity_type.value, ZONE: zone, AWS_ZONE_ID: zone}
    labels |= _gpu_labels(offering.instance_type)
    return {
        "Price": offering.usd_per_hour,
        "Available": True,
        "Requirements": [
            {"key": key, "operator": "In", "values": [value]} for key, value in labels.items()
        ],
    }
