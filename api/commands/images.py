"""``spotcast images``: images that come to new nodes sooner, as a node class says it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.karpenter.labels import provider_labels
from advisor.karpenter.nodeclass import GCP_DISK
from advisor.lead_time import ImagePull, Part, Spread
from advisor.lead_time_terms import IMAGE_GB, Start, default_terms
from advisor.serving.images import Fast, System, Way, fragment, merged
from advisor.serving.images_aws import THROUGHPUT_MIB, snapshot, soci
from advisor.serving.images_elsewhere import (
    artifact_streaming,
    image_streaming,
    nydus,
    overlaybd,
    secondary_disk,
)
from api.errors import UsageError
from api.manifest_files import read_manifests, write_manifests
from api.options import size_gb, with_fields
from api.output import Manifest, note

WAYS = {
    "aws": (Way.SOCI, Way.SNAPSHOT),
    "alibaba": (Way.OVERLAYBD, Way.NYDUS),
    "gcp": (Way.SECONDARY_DISK, Way.STREAMING),
    "azure": (Way.ARTIFACT_STREAMING,),
}
"""The ways of each cloud, the first if none is asked for."""

DRIFTS = (
    "A changed node class drifts all its nodes: Karpenter replaces them, within the NodePool's "
    "budgets."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesOptions:
    """The cloud, the way, and the sizes."""

    provider: Annotated[
        str, typer.Option("--provider", "-p", help="Cloud: aws, alibaba, gcp or azure.")
    ]
    way: Annotated[
        Way | None, typer.Option(help="How; the usual one of the cloud if not given.")
    ] = None
    system: Annotated[
        System, typer.Option("--os", help="Operating system of the nodes, on AWS.")
    ] = System.AL2023
    image_size: Annotated[
        float | None,
        typer.Option(
            parser=size_gb, metavar="SIZE", help="Image as its registry stores it; 9.35GB."
        ),
    ] = None
    weights: Annotated[
        float | None,
        typer.Option(
            parser=size_gb, metavar="SIZE", help="The model's weights, if they go to the same disk."
        ),
    ] = None
    throughput: Annotated[int, typer.Option(help="MiB/s of the nodes' disk, on AWS.")] = (
        THROUGHPUT_MIB
    )
    snapshot_id: Annotated[
        str | None, typer.Option("--snapshot", help="EBS snapshot with the images.", metavar="ID")
    ] = None
    disk_image: Annotated[
        str | None,
        typer.Option(help="GCP disk image with the images, `global/images/NAME`."),
    ] = None
    disk: Annotated[str, typer.Option(help="Kind of that disk.")] = GCP_DISK

    def fast(self) -> Fast:
        """The way that is asked for.

        Raises:
            UsageError: the cloud has no such way, or the way lacks what it is made of.
            ManifestError: a value is none that the cloud would take.
        """
        provider_labels(self.provider)
        ways = WAYS[self.provider]
        way = self.way or ways[0]
        if way not in ways:
            known = " and ".join(one.value for one in ways)
            raise UsageError(f"--way {way.value}: {self.provider} has {known}")
        return self._made(way)

    def _made(self, way: Way) -> Fast:
        image_gb, weights_gb = self.image_size or IMAGE_GB, self.weights or 0.0
        made: Mapping[Way, Callable[[], Fast]] = {
            Way.SOCI: lambda: soci(
                self.system,
                image_gb=image_gb,
                weights_gb=weights_gb,
                throughput_mib=self.throughput,
            ),
            Way.SNAPSHOT: lambda: snapshot(
                _given(self.snapshot_id, "--snapshot", "the EBS snapshot with the images"),
                image_gb=image_gb,
                weights_gb=weights_gb,
                throughput_mib=self.throughput,
            ),
            Way.SECONDARY_DISK: lambda: secondary_disk(
                _given(self.disk_image, "--disk-image", "the disk image, or --way image-streaming"),
                image_gb=image_gb,
                category=self.disk,
            ),
            Way.STREAMING: image_streaming,
            Way.ARTIFACT_STREAMING: artifact_streaming,
            Way.OVERLAYBD: overlaybd,
            Way.NYDUS: nydus,
        }
        return made[way]()


@with_fields(ImagesOptions)
def images_command(
    options: ImagesOptions,
    node_class: Annotated[
        Path | None,
        typer.Option(
            help="Node classes to put it into (kubectl get ec2nodeclass -o yaml); - for standard "
            "input. Without it only the fields are written.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of a node class that only has them.")] = "gpu",
    output: Annotated[
        Manifest, typer.Option("--output", "-o", help="How to write the manifests.")
    ] = Manifest.YAML,
) -> None:
    """Write what a node class must say so that images come sooner, and say what that needs."""
    fast = options.fast()
    if node_class:
        write_manifests([merged(one, fast) for one in _node_classes(node_class, fast)], output)
        note(DRIFTS)
    elif made := fragment(fast, name):
        write_manifests([made], output)
        note(
            "These are the fields to add, no whole node class: --node-class FILE puts them into "
            "yours."
        )
        note(DRIFTS)
    else:
        note(f"{provider_labels(fast.provider).node_class_kind} has no field for it.")
    _explain(fast, options.image_size or IMAGE_GB)


def _given(value: str | None, option: str, what: str) -> str:
    if not value:
        raise UsageError(f"{option}: name {what}")
    return value


def _node_classes(path: Path, fast: Fast) -> list[dict[str, Any]]:
    kind = provider_labels(fast.provider).node_class_kind
    found = [one for one in read_manifests(path) if str(one["kind"]).endswith("NodeClass")]
    if not found:
        raise UsageError(f"{path}: holds no {kind}")
    for one in found:
        # What the server wrote is not ours to send back.
        one.pop("status", None)
        for key in ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"):
            one["metadata"].pop(key, None)
    return found


def _explain(fast: Fast, image_gb: float) -> None:
    for title, sentences in (("Needs", fast.needs), ("To do", fast.steps), ("Mind", fast.limits)):
        for sentence in sentences:
            note(f"{title}: {sentence}")
    before, _ = _pull(fast.provider, image_gb, ImagePull.EAGER)
    after, source = _pull(fast.provider, image_gb, fast.pull)
    note(
        f"Lead time: {image_gb:.3g} GB come in {_text(after)} instead of {_text(before)}, {source}."
    )


def _pull(provider: str, image_gb: float, pull: ImagePull) -> tuple[Spread, str]:
    """How long the image takes, and who says so; weights do not matter to it."""
    start = Start(provider=provider, weights_gb=1, image_gb=image_gb, image_pull=pull)
    term = next(one for one in default_terms(start) if one.part is Part.IMAGE)
    return term.spread, term.source


def _text(spread: Spread) -> str:
    return f"{spread.p50_seconds:.0f} s (p90 {spread.p90_seconds:.0f} s)"
