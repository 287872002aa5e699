"""AWS: SOCI's parallel pull on AL2023 and Bottlerocket, and volumes made of a snapshot.

Sources: awslabs/soci-snapshotter `docs/parallel-mode.md` (v0.12.0); awslabs/amazon-eks-ami@81fec2e8
`nodeadm/doc/examples.md`, `nodeadm/internal/containerd/config.go`; aws-samples/
karpenter-blueprints@529b88cf `blueprints/soci-snapshotter`; the EC2NodeClass CRD. Published, not
measured here.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter.nodeclass import AWS_ROOT_DEVICE, ROOT_VOLUME_GIB
from advisor.lead_time import ImagePull
from advisor.lead_time_terms import IMAGE_GB
from advisor.serving.images import Fast, System, Way

PROVIDER = "aws"
GIB_PER_GB = 1e9 / 2**30

THROUGHPUT_MIB = 600
"""MiB/s below which the disk is what the parallel pull waits for (the blueprint's own setting)."""
_THROUGHPUTS = range(125, 1001)
IOPS_PER_MIB = 4
"""gp3 gives at most 0.25 MiB/s for each of its IOPS."""
BASE_IOPS = 3000
"""What gp3 has without being asked."""
UNPACKED_PER_COMPRESSED = 2
SPARE_GIB = 20
"""Root disk: image twice (as it comes and unpacked), the weights if they are copied, the system.
The contract of the serving side assumes it."""

DOWNLOADS, CHUNK, UNPACKS = 20, "16mb", 12
"""`docs/parallel-mode.md` advises 10 to 20 downloads in chunks of 8 or 16 MB from ECR; unpacking by
the layers of the image. As the blueprint has them."""

NODE_CONFIG = {
    "apiVersion": "node.eks.aws/v1alpha1",
    "kind": "NodeConfig",
    "spec": {"featureGates": {"FastImagePull": True}},
}
RUNTIME = "settings.container-runtime"
PLUGIN = "settings.container-runtime-plugins.soci-snapshotter"
TOML: Mapping[str, Mapping[str, Any]] = {
    RUNTIME: {"snapshotter": "soci"},
    PLUGIN: {"pull-mode": "parallel-pull-unpack"},
    f"{PLUGIN}.parallel-pull-unpack": {
        "max-concurrent-downloads-per-image": DOWNLOADS,
        "concurrent-download-chunk-size": CHUNK,
        "max-concurrent-unpacks-per-image": UNPACKS,
        "discard-unpacked-layers": True,
    },
}

SNAPSHOT_ID = re.compile(r"snap-[0-9a-f]{8,17}")
_RATES = range(100, 301)

_EVERY_IMAGE = "It works for all images of the node, and is set when the node is launched."
_REGISTRY = (
    "The registry must serve ranges and bear many requests at once: ECR does, Docker Hub throttles."
)


def soci(
    system: System,
    *,
    image_gb: float = IMAGE_GB,
    weights_gb: float = 0.0,
    throughput_mib: int = THROUGHPUT_MIB,
) -> Fast:
    """SOCI's parallel pull; ``weights_gb`` if the weights are copied to the node's disk as well.

    Raises:
        ManifestError: gp3 has no such throughput.
    """
    if throughput_mib not in _THROUGHPUTS:
        raise ManifestError("throughput", f"{throughput_mib} MiB/s: gp3 has 125 to 1000")
    size_gib = root_gib(image_gb, weights_gb)
    disk = {
        "deviceName": AWS_ROOT_DEVICE[system.value],
        "rootVolume": True,
        "ebs": {
            "volumeType": "gp3",
            "volumeSize": f"{size_gib}Gi",
            "throughput": throughput_mib,
            "iops": max(BASE_IOPS, IOPS_PER_MIB * throughput_mib),
            "encrypted": True,
        },
    }
    is_bottlerocket = system is System.BOTTLEROCKET
    version = (
        "Bottlerocket 1.44 or newer."
        if is_bottlerocket
        else "An AL2023 AMI of v20250821 or newer; machines below 4 vCPU or 7 GiB leave it off."
    )
    return Fast(
        Way.SOCI,
        PROVIDER,
        ImagePull.SOCI_BOTTLEROCKET if is_bottlerocket else ImagePull.SOCI,
        spec={"instanceStorePolicy": "RAID0", "blockDeviceMappings": [disk]},
        node_config=None if is_bottlerocket else NODE_CONFIG,
        toml=TOML if is_bottlerocket else None,
        needs=(
            version,
            (
                f"A disk of {throughput_mib} MiB/s (gp3 costs more above 125), or local NVMe by "
                f"instanceStorePolicy RAID0; {size_gib} GiB of it."
            ),
            _REGISTRY,
        ),
        limits=(
            _EVERY_IMAGE,
            "It does not load lazily: the whole image is pulled, only faster.",
        ),
    )


def snapshot(
    snapshot_id: str,
    *,
    image_gb: float = IMAGE_GB,
    weights_gb: float = 0.0,
    rate_mib: int = 300,
    throughput_mib: int = THROUGHPUT_MIB,
) -> Fast:
    """Bottlerocket's data volume made of a snapshot; ``rate_mib`` is how fast it is filled.

    Raises:
        ManifestError: the snapshot or a rate is none that EC2 knows.
    """
    if not SNAPSHOT_ID.fullmatch(snapshot_id):
        raise ManifestError("snapshot", f"{snapshot_id!r} is no id such as snap-0123456789abcdef0")
    if rate_mib not in _RATES:
        raise ManifestError("initialization rate", f"{rate_mib} MiB/s: EBS has 100 to 300")
    if throughput_mib not in _THROUGHPUTS:
        raise ManifestError("throughput", f"{throughput_mib} MiB/s: gp3 has 125 to 1000")
    ebs = {
        "snapshotID": snapshot_id,
        "volumeInitializationRate": rate_mib,
        "volumeType": "gp3",
        "volumeSize": f"{root_gib(image_gb, weights_gb)}Gi",
        "throughput": throughput_mib,
        "iops": max(BASE_IOPS, IOPS_PER_MIB * throughput_mib),
    }
    unpacked_mib = image_gb * UNPACKED_PER_COMPRESSED * GIB_PER_GB * 1024
    return Fast(
        Way.SNAPSHOT,
        PROVIDER,
        ImagePull.PRELOADED,
        spec={
            "blockDeviceMappings": [
                {
                    "deviceName": AWS_ROOT_DEVICE[System.BOTTLEROCKET.value],
                    "rootVolume": True,
                    "ebs": ebs,
                }
            ]
        },
        needs=(
            "Bottlerocket: on AL2023 images are on the root volume, which an AMI fills.",
            (
                "A snapshot of a data volume (/dev/xvdb) with the images, of a node of the same "
                "version; a new one for each new image."
            ),
        ),
        steps=(
            "Make the snapshot: github.com/aws-samples/bottlerocket-images-cache does.",
            "Pull by tag or digest that the snapshot has, with imagePullPolicy IfNotPresent.",
        ),
        limits=(
            (
                "A volume of a snapshot is filled from S3 as it is read: at "
                f"{rate_mib} MiB/s the image is there whole after about "
                f"{unpacked_mib / rate_mib:.0f} s, and the rate is billed by the GiB."
            ),
            "Machines with instanceStorePolicy RAID0 do not see it.",
        ),
    )


def root_gib(image_gb: float, weights_gb: float) -> int:
    """GiB of the disk that holds images, and weights if they are copied; our usual one at least."""
    held_gib = (UNPACKED_PER_COMPRESSED * image_gb + weights_gb) * GIB_PER_GB + SPARE_GIB
    return max(ROOT_VOLUME_GIB, math.ceil(held_gib))
