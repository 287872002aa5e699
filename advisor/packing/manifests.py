"""Pods out of Kubernetes manifests: as written for `kubectl apply`, or as `kubectl get` tells.

What a pod asks for is computed as the scheduler does (k8s.io/component-helpers resource
PodRequests; KEP-753 for sidecars): the containers' sum with all sidecars, or the dearest moment of
the init containers if that is more, plus the runtime's overhead.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import yaml

from advisor.packing.constraints import Reader
from advisor.packing.errors import PodError
from advisor.packing.pods import Pod, Workload
from advisor.packing.quantities import amount
from advisor.yaml_loader import KubernetesLoader

TEMPLATES = {
    "Deployment": "replicas",
    "StatefulSet": "replicas",
    "ReplicaSet": "replicas",
    "ReplicationController": "replicas",
    "Job": "parallelism",
    "CronJob": "parallelism",
    "DaemonSet": None,
}
"""Kinds that hold a pod's template, and the field that says how many run at once."""

FINISHED = frozenset({"Succeeded", "Failed"})

Requests = dict[str, int]

MOST = 2**53
"""Of one resource, in its unit: 9 million million cores, 9 PB of memory."""


def read_pods(text: str, source: str) -> Workload:
    """The pods of YAML or JSON ``text``; ``source`` names it in errors.

    Objects that hold no pods (Services, ConfigMaps) are passed over. Pods of a DaemonSet, and
    static pods, are no pods to place: each stands once among those that run on every node. Pods
    that have finished are left out.

    Raises:
        PodError: it is no manifest, or asks for what cannot be honoured.
    """
    pods: list[Pod] = []
    daemons: dict[str, Pod] = {}
    notes: dict[str, int] = {}
    for name, document in _documents(text, source):
        reader = Reader(name, _labels(document))
        read = _pod(document, reader)
        if read is None:
            continue
        for one in reader.notes:
            notes[one] = notes.get(one, 0) + 1
        if (owner := _daemon(document)) is not None:
            daemons.setdefault(owner, replace(read, name=owner.partition("/")[2]))
        elif read.count:
            pods.append(read)
    told = tuple(f"{what} of {many} manifests was not packed for" for what, many in notes.items())
    return Workload(tuple(pods), tuple(daemons.values()), told)


def _documents(text: str, source: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Each object with the name that errors call it by; lists are opened."""
    try:
        found = list(yaml.load_all(text, Loader=KubernetesLoader))
    except yaml.YAMLError as error:
        raise PodError(source, "document", f"neither YAML nor JSON: {error}") from error
    for at, document in enumerate(found, 1):
        if document is None:
            continue
        yield from _opened(document, f"{source} document {at}")


def _opened(document: object, place: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if isinstance(document, list):
        items = cast("list[object]", document)
    elif isinstance(document, dict):
        read = cast("Mapping[str, Any]", document)
        if not str(read.get("kind", "")).endswith("List"):
            metadata = read.get("metadata")
            named = cast("Mapping[str, Any]", metadata) if isinstance(metadata, dict) else {}
            name = f"{read.get('kind', 'object')} {named.get('name', 'without a name')}"
            yield f"{place} ({name})", read
            return
        found = read.get("items") or []
        if not isinstance(found, list):
            raise PodError(place, "items", f"a list is wanted, not {found!r}")
        items = cast("list[object]", found)
    else:
        raise PodError(place, "document", f"a manifest is wanted, not {str(document)[:40]!r}")
    for at, item in enumerate(items, 1):
        yield from _opened(item, f"{place} item {at}")


def _labels(document: Mapping[str, Any]) -> dict[str, str]:
    """The labels of the pods that an object makes."""
    holder: Any = document
    for step in _path_to_template(str(document.get("kind"))):
        holder = holder.get(step) if isinstance(holder, dict) else None
    metadata = holder.get("metadata") if isinstance(holder, dict) else None
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if not isinstance(labels, dict):
        return {}
    return {str(key): str(value) for key, value in labels.items()}


def _path_to_template(kind: str) -> Sequence[str]:
    if kind == "CronJob":
        return ("spec", "jobTemplate", "spec", "template")
    return ("spec", "template") if kind in TEMPLATES else ()


def _pod(document: Mapping[str, Any], reader: Reader) -> Pod | None:
    """The pod of an object that holds one and is not finished."""
    kind = str(document.get("kind"))
    if kind not in {*TEMPLATES, "Pod"}:
        return None
    if kind == "Pod":
        status = reader.mapping(document.get("status"), "status")
        if status.get("phase") in FINISHED:
            return None
    holder: Mapping[str, Any] = document
    for step in _path_to_template(kind):
        holder = reader.mapping(holder.get(step), step)
    spec = reader.mapping(holder.get("spec"), "spec")
    if not spec.get("containers"):
        raise reader.error("spec.containers", "a pod without containers")
    metadata = reader.mapping(document.get("metadata"), "metadata")
    return Pod(
        name=str(metadata.get("name") or metadata.get("generateName") or "unnamed"),
        namespace=str(metadata.get("namespace") or "default"),
        count=_count(document, kind, reader),
        requests=_within_reach(pod_requests(spec, reader), reader),
        labels=_labels(document),
        node_selector=reader.node_selector(spec),
        node_affinity=reader.node_affinity(spec),
        tolerations=reader.tolerations(spec),
        separations=reader.separations(spec),
    )


def _count(document: Mapping[str, Any], kind: str, reader: Reader) -> int:
    """How many pods run at once."""
    field = TEMPLATES.get(kind)
    if field is None:
        return 1
    spec = reader.mapping(document.get("spec"), "spec")
    if kind == "CronJob":
        spec = reader.mapping(reader.mapping(spec.get("jobTemplate"), "spec").get("spec"), "spec")
    counts = [spec.get(field, 1)]
    if field == "parallelism" and spec.get("completions") is not None:
        counts.append(spec["completions"])
    for count in counts:
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise reader.error(f"spec.{field}", f"{count!r} is no number of pods")
    return int(min(counts))


def _daemon(document: Mapping[str, Any]) -> str | None:
    """``namespace/name`` of the DaemonSet or static pod that runs on every node; None if none."""
    metadata = document.get("metadata") or {}
    namespace = metadata.get("namespace") or "default"
    if document.get("kind") == "DaemonSet":
        return f"{namespace}/{metadata.get('name')}"
    owners = metadata.get("ownerReferences")
    for owner in owners if isinstance(owners, list) else ():
        if not isinstance(owner, dict):
            continue
        if owner.get("kind") == "DaemonSet":
            return f"{namespace}/{owner.get('name')}"
        if owner.get("kind") == "Node":
            name = str(metadata.get("name"))
            return f"{namespace}/{name.removesuffix('-' + str(owner.get('name')))}"
    return None


def pod_requests(spec: Mapping[str, Any], reader: Reader) -> Requests:
    """What the pod asks of a node, by resource.

    Raises:
        PodError: a quantity is none.
    """
    running: Requests = {}
    for container in reader.sequence(spec.get("containers"), "spec.containers"):
        running = _added(running, _requests(container, reader))
    sidecars: Requests = {}
    starting: Requests = {}
    for container in reader.sequence(spec.get("initContainers"), "spec.initContainers"):
        asked = _requests(container, reader)
        if reader.mapping(container, "spec.initContainers").get("restartPolicy") == "Always":
            sidecars = _added(sidecars, asked)
            starting = _largest(starting, sidecars)
        else:
            starting = _largest(starting, _added(sidecars, asked))
    asked = _largest(_added(running, sidecars), starting)
    whole = reader.mapping(
        reader.mapping(spec.get("resources"), "spec.resources").get("requests"), ""
    )
    asked.update(_amounts(whole, "spec.resources.requests", reader))
    overhead = reader.mapping(spec.get("overhead"), "spec.overhead")
    return _added(asked, _amounts(overhead, "spec.overhead", reader))


def _within_reach(requests: Requests, reader: Reader) -> Requests:
    """What a pod asks for, if hundreds of such pods can still be added up in 64 bits."""
    for resource, asked in requests.items():
        if asked > MOST:
            raise reader.error(f"spec: {resource}", "more than any node could have")
    return requests


def _requests(container: object, reader: Reader) -> Requests:
    """Requests of one container; a limit stands in where the request is absent."""
    read = reader.mapping(container, "spec.containers")
    field = f"container {read.get('name', 'without a name')} resources"
    resources = reader.mapping(read.get("resources"), field)
    limits = _amounts(reader.mapping(resources.get("limits"), field), f"{field}.limits", reader)
    requests = reader.mapping(resources.get("requests"), field)
    return limits | _amounts(requests, f"{field}.requests", reader)


def _amounts(quantities: Mapping[str, Any], field: str, reader: Reader) -> Requests:
    found: Requests = {}
    for resource, value in quantities.items():
        try:
            found[resource] = amount(resource, value)
        except ValueError as error:
            raise reader.error(f"{field}.{resource}", str(error)) from error
    return found


def _added(one: Requests, other: Requests) -> Requests:
    return {name: one.get(name, 0) + other.get(name, 0) for name in one | other}


def _largest(one: Requests, other: Requests) -> Requests:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in one | other}
