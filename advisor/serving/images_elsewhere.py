"""GCP, Azure and Alibaba Cloud: disks that hold images, and images that are read when needed.

Sources: the CRDs of GCENodeClass (cloudpilot-ai/karpenter-provider-gcp@417f047b) and AKSNodeClass
(Azure/karpenter-provider-azure@352646f5); the providers' documentation; for overlaybd
containerd/accelerated-container-image `docs/QUICKSTART.md`, for nydus
containerd/nydus-snapshotter@a7a1f071. Published; nothing of this page was tried here.
"""

import math
import re

from advisor.errors import ManifestError
from advisor.karpenter.nodeclass import GCP_DISK, GCP_DISKS
from advisor.lead_time import ImagePull
from advisor.serving.images import Fast, Way

DISK_IMAGE = re.compile(r"(projects/[a-z][a-z0-9:.-]+/)?global/images/[a-z][-a-z0-9]{0,62}")
SMALLEST_DISK_GIB = 10
IMAGE_SPARE = 1.2
"""Room on a disk of images beside them: the file system's own. Assumed."""

SOCKETS = {
    Way.OVERLAYBD: "/run/overlaybd-snapshotter/overlaybd.sock",
    Way.NYDUS: "/run/containerd-nydus/containerd-nydus-grpc.sock",
}
"""Where each snapshotter listens, by its own guide."""

SCRIPT = """#!/bin/bash
# Images by {name}, on machines where its snapshotter runs; any other is left as it is.
for attempt in $(seq 30); do
  if [ -S {socket} ]; then
    config=/etc/containerd/config.toml
    if ! grep -q 'proxy_plugins.{name}' "$config"; then
      cp "$config" "$config.before-{name}"
      sed -i 's|snapshotter = "overlayfs"|snapshotter = "{name}"|' "$config"
      sed -i 's|disable_snapshot_annotations = true|disable_snapshot_annotations = false|' "$config"
      cat >>"$config" <<'PLUGIN'

[proxy_plugins.{name}]
  type = "snapshot"
  address = "{socket}"
PLUGIN
      systemctl restart containerd
    fi
    break
  fi
  sleep 1
done
"""

_LAZY = (
    "What is read of the image comes over the network while the server starts: an image that is "
    "read almost whole (above about 80 %) starts later than with a plain pull."
)


def secondary_disk(image: str, *, image_gb: float, category: str = GCP_DISK) -> Fast:
    """A disk image with the container images, attached to every node; ``image`` is its address.

    Raises:
        ManifestError: it is no disk image's address, or no disk of GCP's.
    """
    if not DISK_IMAGE.fullmatch(image):
        raise ManifestError("disk image", f"{image!r} is not [projects/PROJECT/]global/images/NAME")
    if category not in GCP_DISKS:
        raise ManifestError("disk", f"{category!r} is not {', '.join(sorted(GCP_DISKS))}")
    size_gib = max(SMALLEST_DISK_GIB, math.ceil(2 * image_gb * IMAGE_SPARE * 1e9 / 2**30))
    disk = {
        "category": category,
        "sizeGiB": size_gib,
        "secondaryBootImage": image,
        "secondaryBootMode": "CONTAINER_IMAGE_CACHE",
    }
    return Fast(
        Way.SECONDARY_DISK,
        "gcp",
        ImagePull.PRELOADED,
        spec={"disks": [disk]},
        needs=(
            "Image streaming, on the cluster or the node pool.",
            (
                f"A disk image of at most {size_gib} GiB with the images; a new one for each "
                "new image."
            ),
        ),
        steps=("Build the disk image: github.com/GoogleCloudPlatform/gke-disk-image-builder.",),
        limits=("Newer series take Hyperdisk only: give --disk hyperdisk-balanced for them.",),
    )


def image_streaming() -> Fast:
    """GKE's own streaming, which no field of the node class turns on."""
    return Fast(
        Way.STREAMING,
        "gcp",
        ImagePull.LAZY,
        needs=("Images in Artifact Registry, in the cluster's region or a multi-region near it.",),
        steps=(
            (
                "Turn it on for the cluster: gcloud container clusters update CLUSTER "
                "--enable-image-streaming. GCENodeClass has no field for it; whether Karpenter's "
                "nodes take it over from the node pool they are modelled on was not tried."
            ),
        ),
        limits=(_LAZY,),
    )


def artifact_streaming() -> Fast:
    """AKS' streaming from ACR."""
    return Fast(
        Way.ARTIFACT_STREAMING,
        "azure",
        ImagePull.LAZY,
        spec={"artifactStreaming": {"enabled": True}},
        needs=("Images in ACR of the tier Premium, pulled by tag, not by digest.",),
        steps=(
            (
                "Convert each image once: az acr artifact-streaming create --name REGISTRY --image "
                "REPOSITORY:TAG."
            ),
        ),
        limits=(_LAZY, "For Linux and amd64."),
    )


def overlaybd() -> Fast:
    """DADI's overlaybd, as ACK and ACR have it."""
    return Fast(
        Way.OVERLAYBD,
        "alibaba",
        ImagePull.LAZY,
        script=_script(Way.OVERLAYBD),
        needs=(
            "ACK managed 1.26 or newer, containerd 1.6.34 or newer, and ACR Enterprise Edition.",
            (
                "A machine image in which overlaybd-snapshotter runs: ECSNodeClass has no switch "
                "for it, and the script only turns containerd to it."
            ),
        ),
        steps=(
            (
                "Turn on acceleration of the image's repository in ACR and use the tag "
                "TAG_containerd_accelerated (about 130 % of the size) or TAG_accelerated (an "
                "index of about 3 %, at about 70 % of the speed)."
            ),
        ),
        limits=(_LAZY, "Not on ContainerOS, whose file system the script cannot change."),
    )


def nydus() -> Fast:
    """Nydus, run by oneself."""
    return Fast(
        Way.NYDUS,
        "alibaba",
        ImagePull.LAZY,
        script=_script(Way.NYDUS),
        needs=(
            (
                "A machine image in which nydus-snapshotter runs: if a DaemonSet alone brings it, "
                "no pod can start before it, its own neither."
            ),
        ),
        steps=("Convert each image once: nydusify convert --source IMAGE --target IMAGE-nydus.",),
        limits=(
            _LAZY,
            "ACK's own on-demand loading is overlaybd, not nydus: nobody supports this but you.",
            "Not on ContainerOS, whose file system the script cannot change.",
        ),
    )


def _script(way: Way) -> str:
    return SCRIPT.format(name=way.value, socket=SOCKETS[way])
