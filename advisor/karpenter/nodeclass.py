"""The node class: image, network and disk of the machines, a stub for people to complete.

On AWS and Alibaba Cloud, subnets and security groups are found by the tag that both providers'
guides use. GCP's and Azure's providers know the cluster's network from their own settings. What
the stub cannot know (the cluster's name, the nodes' role) comes in by argument.
"""

import re
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter import labels as words

DISCOVERY_TAG = "karpenter.sh/discovery"
"""Tag of subnets (vSwitches) and security groups; its value is the cluster's name."""

ROOT_VOLUME_GIB = 200
"""Serving images with CUDA and an engine take 10 to 30 GiB each, and several stay on a node."""

AWS_IMAGE = "al2023@latest"
ALIBABA_IMAGE = "AlibabaCloudLinux3"
ALIBABA_IMAGES = frozenset({ALIBABA_IMAGE, "ContainerOS"})
"""The shipped CRD takes the family alone; ``family@version`` of the Go code is refused."""
GCP_IMAGE = "ContainerOptimizedOS@cluster"
"""``family@channel`` or ``family@version``; ``cluster`` is the release channel of the cluster."""
AZURE_IMAGE = "Ubuntu"
AZURE_IMAGES = frozenset({"Ubuntu", "Ubuntu2204", "Ubuntu2404", "AzureLinux"})

AWS_ROOT_DEVICE = {"al2023": "/dev/xvda", "bottlerocket": "/dev/xvdb"}
"""Where each image family keeps container images; Bottlerocket's first disk is its system."""

GCP_DISK = "pd-balanced"
GCP_DISKS = frozenset({GCP_DISK, "pd-ssd", "pd-standard", "hyperdisk-balanced"})
"""Boot disks; newer series take Hyperdisk only, see `shapes.needs_hyperdisk`."""

_AWS_VOLUME_GIB = range(20, 16_385)
_ALIBABA_DISK_GIB = range(20, 2_049)
_GCP_DISK_GIB = range(10, 65_537)
_AZURE_DISK_GIB = range(30, 2_049)
_AWS_ALIAS_LENGTH = 30
_GCP_CHANNELS = frozenset({"rapid", "regular", "stable", "extended", "cluster"})
_GCP_VERSION = {
    "ContainerOptimizedOS": re.compile(r"latest|[0-9]+(\.[0-9]+){3}"),
    "Ubuntu2404": re.compile(r"latest|v[0-9]{8}"),
    "Ubuntu2204": re.compile(r"latest|v[0-9]{8}"),
}
"""Image families of GKE and how each writes a version."""


def node_class(
    provider: str,
    name: str,
    *,
    cluster: str | None = None,
    role: str | None = None,
    image: str | None = None,
    root_volume_gib: int = ROOT_VOLUME_GIB,
    disk: str | None = None,
) -> dict[str, Any]:
    """The EC2NodeClass, ECSNodeClass, GCENodeClass or AKSNodeClass of that name, as a manifest.

    ``cluster`` is the value of the discovery tag, on AWS and Alibaba Cloud only; ``role`` the IAM
    role of the nodes, on AWS only; ``disk`` the kind of boot disk, on GCP only, by default
    `GCP_DISK`; ``image`` the provider's alias, by default one of the constants above. In
    production pin AWS' version: with ``@latest`` every image release makes all nodes drift.

    Raises:
        ManifestError: an argument is missing, not of this provider, or would be refused.
    """
    labels = words.provider_labels(provider)
    words.check_object_name(name, labels.node_class_kind)
    _check_owners(labels, cluster=cluster, role=role, disk=disk)
    if labels is words.AWS:
        spec = _ec2(cluster or "", role, image or AWS_IMAGE, root_volume_gib)
    elif labels is words.ALIBABA:
        spec = _ecs(cluster or "", image or ALIBABA_IMAGE, root_volume_gib)
    elif labels is words.GCP:
        spec = _gce(image or GCP_IMAGE, root_volume_gib, disk or GCP_DISK)
    else:
        spec = _aks(image or AZURE_IMAGE, root_volume_gib)
    return {
        "apiVersion": labels.node_class_api_version,
        "kind": labels.node_class_kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def finds_network_by_tag(provider: str) -> bool:
    """Whether the node class needs the cluster's name, to find its network by the tag."""
    return words.provider_labels(provider) in {words.AWS, words.ALIBABA}


def _check_owners(
    labels: words.ProviderLabels, *, cluster: str | None, role: str | None, disk: str | None
) -> None:
    """Every argument is one that this provider's node class has a place for."""
    by_tag = finds_network_by_tag(labels.provider)
    if by_tag and not cluster:
        raise ManifestError(labels.node_class_kind, "the cluster has no name to be found by")
    if not by_tag and cluster is not None:
        raise ManifestError(
            "cluster", f"{labels.node_class_kind} finds no network by tag; leave it out"
        )
    if role is not None and labels is not words.AWS:
        raise ManifestError("role", "only AWS' node class has one")
    if disk is not None and labels is not words.GCP:
        raise ManifestError("disk", "only GCP's node class has a choice of boot disk")


def _ec2(cluster: str, role: str | None, image: str, root_volume_gib: int) -> dict[str, Any]:
    if not role:
        raise ManifestError("role", "AWS' node class needs the IAM role of the nodes")
    family, _, version = image.partition("@")
    if family not in AWS_ROOT_DEVICE or not version or len(image) > _AWS_ALIAS_LENGTH:
        raise ManifestError("image", f"{image!r} is not al2023@version or bottlerocket@version")
    _check_size(root_volume_gib, _AWS_VOLUME_GIB)
    return {
        "role": role,
        "amiSelectorTerms": [{"alias": image}],
        "subnetSelectorTerms": [_discovery(cluster)],
        "securityGroupSelectorTerms": [_discovery(cluster)],
        # Local NVMe, where a type has it, becomes the place of images and model caches.
        "instanceStorePolicy": "RAID0",
        "blockDeviceMappings": [
            {
                "deviceName": AWS_ROOT_DEVICE[family],
                "rootVolume": True,
                "ebs": {
                    "volumeSize": f"{root_volume_gib}Gi",
                    "volumeType": "gp3",
                    "encrypted": True,
                },
            }
        ],
    }


def _ecs(cluster: str, image: str, root_volume_gib: int) -> dict[str, Any]:
    if image not in ALIBABA_IMAGES:
        raise ManifestError("image", f"{image!r} is not {' or '.join(sorted(ALIBABA_IMAGES))}")
    _check_size(root_volume_gib, _ALIBABA_DISK_GIB)
    return {
        "vSwitchSelectionPolicy": "cheapest",
        "vSwitchSelectorTerms": [_discovery(cluster)],
        "securityGroupSelectorTerms": [_discovery(cluster)],
        "imageSelectorTerms": [{"alias": image}],
        "systemDisk": {
            "categories": ["cloud_essd", "cloud_auto"],
            "size": root_volume_gib,
            "performanceLevel": "PL0",
        },
    }


def _gce(image: str, root_volume_gib: int, disk: str) -> dict[str, Any]:
    family, _, version = image.partition("@")
    if family not in _GCP_VERSION:
        raise ManifestError("image", f"{image!r} is not {' or '.join(_GCP_VERSION)}@version")
    if family == "ContainerOptimizedOS" and version in _GCP_CHANNELS:
        term = {"family": family, "channel": version}
    elif _GCP_VERSION[family].fullmatch(version):
        term = {"family": family, "version": version}
    else:
        raise ManifestError("image", f"{version!r} is no version (or channel) of {family}")
    if disk not in GCP_DISKS:
        raise ManifestError("disk", f"{disk!r} is not {', '.join(sorted(GCP_DISKS))}")
    _check_size(root_volume_gib, _GCP_DISK_GIB)
    return {
        "imageSelectorTerms": [term],
        # The NodePool's own taint keeps other pods off; autoGPUTaint would be a second one.
        "gpuDriverVersion": "default",
        "disks": [{"boot": True, "category": disk, "sizeGiB": root_volume_gib}],
    }


def _aks(image: str, root_volume_gib: int) -> dict[str, Any]:
    if image not in AZURE_IMAGES:
        raise ManifestError("image", f"{image!r} is not {', '.join(sorted(AZURE_IMAGES))}")
    _check_size(root_volume_gib, _AZURE_DISK_GIB)
    return {
        "imageFamily": image,
        "osDiskSizeGB": root_volume_gib,
        "gpu": {"mode": "Driver"},
    }


def _discovery(cluster: str) -> dict[str, Any]:
    return {"tags": {DISCOVERY_TAG: cluster}}


def _check_size(gib: int, sizes: range) -> None:
    if gib not in sizes:
        raise ManifestError("root_volume_gib", f"{gib} is not {sizes[0]} to {sizes[-1]} GiB")
