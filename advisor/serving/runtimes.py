"""ServingRuntimes, and what KServe's controller takes of them for a service.

`kserve pkg/controller/v1beta1/inferenceservice/utils/utils.go`, read at v0.20.0: the container of
the same name is merged strategically, its arguments come before the service's, and of the rest of
the runtime's pod only `TAKEN` counts. What else a runtime says of the pod does nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from advisor.serving.engine import Engine
from advisor.serving.kserve_objects import (
    CLUSTER_RUNTIME,
    RUNTIME,
    Manifest,
    Objects,
    list_at,
    mapping_at,
    title_of,
)
from advisor.serving.service import container_named
from advisor.serving.strategic import merged

CONTAINER = "kserve-container"

TAKEN = (
    *("nodeSelector", "affinity", "tolerations", "volumes", "imagePullSecrets", "schedulerName"),
    "resourceClaims",
)
"""What `MergePodSpec` takes; resourceClaims since after v0.20.0."""

SERVER_TYPE = "serving.kserve.io/server-type"

_PLACEHOLDER = re.compile(r"\{\{\s*\.(Name|Namespace)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Merged:
    """The pod and the server's container, as the controller makes them."""

    pod: Manifest
    container: Manifest


def runtime_of(
    objects: Objects, namespace: str, model: Mapping[str, Any]
) -> tuple[Manifest | None, str]:
    """The runtime that serves a model, and how it was found; None if it was not seen.

    By name where the service names one, the namespace's own before the cluster's; else the one of
    the highest priority that offers itself for the model's format.
    """
    named = model.get("runtime")
    if named:
        for key in ((RUNTIME, namespace, str(named)), (CLUSTER_RUNTIME, "", str(named))):
            if key in objects.runtimes:
                return objects.runtimes[key], f"{key[0]} {named}"
        return None, f"the runtime {named!r}"
    wanted = mapping_at({"model": model}, "model", "modelFormat").get("name")
    offered = [
        (kind == RUNTIME, priority, title_of(one), one)
        for (kind, where, _), one in objects.runtimes.items()
        if where in {"", namespace} and (priority := _priority(one, str(wanted))) is not None
    ]
    if not offered:
        return None, f"the runtime that KServe chooses for the format {wanted!r}"
    best = max(offered, key=lambda one: one[:3])
    return best[3], f"{best[2]}, chosen for the format {wanted!r}"


def _priority(runtime: Manifest, wanted: str) -> int | None:
    """With which priority it offers itself for a format; None if it does not."""
    spec = mapping_at(runtime, "spec")
    if spec.get("disabled") or spec.get("workerSpec"):
        # One for several nodes is chosen by name alone.
        return None
    formats = list_at(runtime, spec, "supportedModelFormats", "spec")
    found = [one for one in formats if one.get("name") == wanted and one.get("autoSelect")]
    return max((int(one.get("priority") or 0) for one in found), default=None)


def merge(runtime: Manifest | None, predictor: Manifest, own: Manifest, name: str) -> Merged:
    """The pod and container of a predictor on that runtime; ``own`` is the service's container."""
    if runtime is None:
        return Merged(predictor, own)
    spec = mapping_at(runtime, "spec")
    base = container_named(list_at(runtime, spec, "containers", "spec"), CONTAINER)
    whole = merged(base, own)
    whole["args"] = [
        *(_filled(one, runtime, name) for one in base.get("args") or ()),
        *(own.get("args") or ()),
    ]
    taken = {key: spec[key] for key in TAKEN if spec.get(key) is not None}
    return Merged(merged(taken, predictor), whole)


def _filled(argument: object, runtime: Manifest, name: str) -> str:
    """An argument with the service's name in it."""
    del runtime
    return _PLACEHOLDER.sub(lambda one: name if one[1] == "Name" else one[0], str(argument))


def engine_of(container: Manifest, runtime: Manifest | None, form: str) -> Engine:
    """Which server it is: by the runtime's own word, its name, the image, or the format."""
    about = mapping_at(runtime or {}, "metadata", "annotations")
    named = str(mapping_at(runtime or {}, "metadata").get("name") or "")
    said = str(about.get(SERVER_TYPE) or named)
    command = " ".join(
        map(str, [*(container.get("command") or ()), *(container.get("args") or ())])
    )
    for text in (said, str(container.get("image") or ""), form, command):
        if "huggingface" in text.lower():
            return Engine.HUGGINGFACE
        if "vllm" in text.lower() or "llm-d" in text.lower():
            return Engine.VLLM
    return Engine.OTHER
