"""How images come to a node faster: what a node class must say for it, what it needs and changes.

Each way is one entry: a fragment of the node class' spec that `merged` puts into a whole one, the
kind of pull that the lead time then counts with, and the conditions under which it works, in words.
Sizes and versions are published ones, not measured here; each names its source.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter import labels as words
from advisor.lead_time import ImagePull
from advisor.serving.user_data import with_node_config, with_toml
from advisor.units import gib


class Way(StrEnum):
    """A way to have images sooner."""

    SOCI = "soci"
    """AWS: layers are fetched in ranges and unpacked side by side."""
    SNAPSHOT = "snapshot"
    """AWS, Bottlerocket: the data volume is made of a snapshot that holds the images."""
    SECONDARY_DISK = "secondary-disk"
    """GCP: a disk with the images is attached."""
    STREAMING = "image-streaming"
    """GCP: blocks are read from Artifact Registry as they are needed."""
    ARTIFACT_STREAMING = "artifact-streaming"
    """Azure: the same from ACR."""
    OVERLAYBD = "overlaybd"
    """Alibaba Cloud: the same from ACR, by DADI."""
    NYDUS = "nydus"
    """Alibaba Cloud: the same from any registry, by a snapshotter of one's own."""


class System(StrEnum):
    """The operating system of AWS' nodes."""

    AL2023 = "al2023"
    BOTTLEROCKET = "bottlerocket"


@dataclass(frozen=True, slots=True)
class Fast:
    """One way, ready to be merged; ``spec`` is empty where the node class has no place for it.

    ``user_data`` is merged by the rules of its format, everything else field by field; disks by
    their device. ``steps`` are left for people, ``limits`` is what it does not do.
    """

    way: Way
    provider: str
    pull: ImagePull
    spec: Mapping[str, Any] = field(default_factory=dict)
    node_config: Mapping[str, Any] | None = None
    toml: Mapping[str, Mapping[str, Any]] | None = None
    script: str | None = None
    needs: Sequence[str] = ()
    steps: Sequence[str] = ()
    limits: Sequence[str] = ()

    def user_data(self, before: str = "") -> str | None:
        """The userData with what this way adds; None if it adds nothing.

        Raises:
            ManifestError: it cannot be added to what is there.
        """
        if self.node_config is not None:
            return with_node_config(before, self.node_config)
        if self.toml is not None:
            return with_toml(before, self.toml)
        if self.script is not None:
            return _with_script(before, self.script)
        return None


def fragment(fast: Fast, name: str) -> dict[str, Any] | None:
    """A node class with this way's fields alone, to be filled in; None if there are none."""
    labels = words.provider_labels(fast.provider)
    words.check_object_name(name, labels.node_class_kind)
    spec = deepcopy(dict(fast.spec))
    if (text := fast.user_data()) is not None:
        spec["userData"] = text
    if not spec:
        return None
    return {
        "apiVersion": labels.node_class_api_version,
        "kind": labels.node_class_kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def merged(node_class: Mapping[str, Any], fast: Fast) -> dict[str, Any]:
    """The node class with this way; twice is as good as once, and nothing of it is lost.

    Raises:
        ManifestError: it is another provider's, or says something that this way contradicts.
    """
    labels = words.provider_labels(fast.provider)
    kind = str(node_class.get("kind"))
    if kind != labels.node_class_kind:
        raise ManifestError(
            kind, f"{fast.way.value} is for {fast.provider}'s {labels.node_class_kind}"
        )
    made = deepcopy(dict(node_class))
    spec = made["spec"] = dict(made.get("spec") or {})
    _check_image(spec, fast)
    for key, value in fast.spec.items():
        if key == "blockDeviceMappings":
            spec[key] = _with_devices(spec.get(key) or [], value)
        elif key == "disks":
            spec[key] = _with_disks(spec.get(key) or [], value)
        elif isinstance(value, Mapping):
            spec[key] = {**(spec.get(key) or {}), **value}
        else:
            spec[key] = value
    if (text := fast.user_data(spec.get("userData") or "")) is not None:
        spec["userData"] = text
    return made


def _check_image(spec: Mapping[str, Any], fast: Fast) -> None:
    """Refuse a node class whose image is of the other operating system, or hides the snapshot."""
    if fast.provider != words.AWS.provider:
        return
    wanted = System.BOTTLEROCKET if fast.toml or fast.way is Way.SNAPSHOT else System.AL2023
    aliases = [one["alias"] for one in spec.get("amiSelectorTerms") or () if "alias" in one]
    family = str(spec.get("amiFamily") or "").lower()
    found = next(iter(aliases), family).partition("@")[0]
    if found not in {"", "custom", wanted.value}:
        raise ManifestError(
            f"image {found}", f"this is {fast.way.value} for {wanted.value}; give --os {found}"
        )
    if fast.way is Way.SNAPSHOT and spec.get("instanceStorePolicy") == "RAID0":
        raise ManifestError(
            "instanceStorePolicy",
            "RAID0 puts images on the machine's own disks, where those of the snapshot are not: "
            "take it out, or use soci",
        )


def _with_devices(there: Sequence[Any], wanted: Sequence[Any]) -> list[Any]:
    """Block devices by name; of EBS the fields that this way sets, never a smaller disk."""
    made = [deepcopy(dict(one)) for one in there]
    for one in wanted:
        name = one["deviceName"]
        found = next((other for other in made if other.get("deviceName") == name), None)
        if found is None:
            # A second root is refused: the one that is there keeps the mark.
            marked = any(other.get("rootVolume") for other in made)
            made.append({k: v for k, v in one.items() if not (marked and k == "rootVolume")})
            continue
        found["ebs"] = _ebs(found.get("ebs") or {}, one["ebs"])
    return made


def _ebs(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    made = {**there, **wanted}
    if there.get("volumeType") not in {None, "gp3"}:
        # Its throughput is what its type and IOPS make it.
        made = {**made, "volumeType": there["volumeType"]}
        made.pop("throughput", None)
        if "iops" not in there:
            made.pop("iops", None)
    for key in ("throughput", "iops"):
        if key in made and key in there:
            made[key] = max(there[key], made[key])
    if "volumeSize" in there and "volumeSize" in wanted:
        made["volumeSize"] = _larger(there["volumeSize"], wanted["volumeSize"])
    if "snapshotID" in wanted:
        # EC2 takes the snapshot's own encryption, and refuses to be told one.
        made.pop("encrypted", None)
    return made


def _larger(there: str, wanted: str) -> str:
    """The larger disk; theirs where its unit is none that compares."""
    try:
        return wanted if gib(wanted) > gib(there) else there
    except ValueError:
        return there


def _with_disks(there: Sequence[Any], wanted: Sequence[Any]) -> list[Any]:
    """GCP's disks, with those that hold images behind them."""
    made = [deepcopy(dict(one)) for one in there]
    images = {one.get("secondaryBootImage") for one in made}
    if not made:
        raise ManifestError("disks", "the node class has no boot disk of its own to go beside")
    return made + [dict(one) for one in wanted if one["secondaryBootImage"] not in images]


def _with_script(before: str, script: str) -> str:
    """A bash script with another behind it, once."""
    if not before.strip():
        return script
    body = script.partition("\n")[2]
    if body in before:
        return before
    if not before.startswith(("#!/bin/bash", "#!/usr/bin/env bash")):
        raise ManifestError("userData", "it is no bash script that another can be added to")
    last = before.rstrip().rpartition("\n")[2]
    if last.startswith(("exit", "exec")):
        raise ManifestError("userData", f"its last line, {last!r}, lets nothing run behind it")
    return f"{before.rstrip()}\n\n{body}"
