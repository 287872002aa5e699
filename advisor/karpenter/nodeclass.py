"""The node class: image, network and disk of the machines, a stub for people to complete.

Subnets and security groups are found by the tag that both providers' guides use. What the stub
cannot know (the cluster's name, the nodes' role) comes in by argument.
"""

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

AWS_ROOT_DEVICE = {"al2023": "/dev/xvda", "bottlerocket": "/dev/xvdb"}
"""Where each image family keeps container images; Bottlerocket's first disk is its system."""

_AWS_VOLUME_GIB = range(20, 16_385)
_ALIBABA_DISK_GIB = range(20, 2_049)
_AWS_ALIAS_LENGTH = 30


def node_class(
    provider: str,
    name: str,
    *,
    cluster: str,
    role: str | None = None,
    image: str | None = None,
    root_volume_gib: int = ROOT_VOLUME_GIB,
) -> dict[str, Any]:
    """The EC2NodeClass or ECSNodeClass of that name, as a manifest.

    ``cluster`` is the value of the discovery tag; ``role`` the IAM role of the nodes, on AWS
    only; ``image`` the provider's alias, by default `AWS_IMAGE` or `ALIBABA_IMAGE`. In production
    pin AWS' version: with ``@latest`` every image release makes all nodes drift.

    Raises:
        ManifestError: an argument is missing, not of this provider, or would be refused.
    """
    labels = words.provider_labels(provider)
    words.check_object_name(name, labels.node_class_kind)
    if not cluster:
        raise ManifestError(labels.node_class_kind, "the cluster has no name to be found by")
    if labels is words.AWS:
        spec = _ec2(cluster, role, image or AWS_IMAGE, root_volume_gib)
    else:
        if role is not None:
            raise ManifestError("role", "only AWS' node class has one")
        spec = _ecs(cluster, image or ALIBABA_IMAGE, root_volume_gib)
    return {
        "apiVersion": labels.node_class_api_version,
        "kind": labels.node_class_kind,
        "metadata": {"name": name},
        "spec": spec,
    }


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


def _discovery(cluster: str) -> dict[str, Any]:
    return {"tags": {DISCOVERY_TAG: cluster}}


def _check_size(gib: int, sizes: range) -> None:
    if gib not in sizes:
        raise ManifestError("root_volume_gib", f"{gib} is not {sizes[0]} to {sizes[-1]} GiB")
