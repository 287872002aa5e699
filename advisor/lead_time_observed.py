"""What a cluster's own objects tell of how long the parts of starts took.

NodeClaims tell of boots, the kubelet's events of pulls, pods of weights and engines. What would
mislead is left out, and counted by reason: it is no slow start but no such start at all. Objects
are noted as they pass by, so that who lists them anyway need not hold them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from advisor.cluster import Manifest
from advisor.karpenter.labels import WARMING
from advisor.kubernetes_api import condition_of, is_true, labels_of
from advisor.lead_time import ImagePull, Part, WeightLoad
from advisor.lead_time_learning import ENFORCE_EAGER
from warehouse.records import Pool, StartDuration

PULLED = "Pulled"
"""Reason of the kubelet's event about an image that is there now."""
PULLED_IN = re.compile(
    r'^Successfully pulled image "(?P<image>[^"]+)" in (?P<time>\S+)'
    r"(?: \((?P<all>\S+) including waiting\))?"
    r"(?:\. Image size: (?P<bytes>\d+) bytes)?"
)
"""The kubelet's words (pkg/kubelet/images): the first time is the pull's own, without the wait for
other pulls; before Kubernetes 1.27 that was not told, before 1.30 the size was not."""

GO_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+")
GO_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)")
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}

LEAST_GB = 1.0
"""Smaller images say nothing of a rate: requests and unpacking take as long; assumed."""

INITIALIZER = "storage-initializer"
SOURCE_URI = "internal.serving.kserve.io/storage-initializer-sourceuri"
"""KServe's annotation of a pod whose weights its webhook has downloaded."""
SERVERS = ("kserve-container", "vllm", "server")
"""Containers that serve, where none asks for a GPU."""
MODEL_ARGUMENTS = ("--model", "--model_id", "--model-id")
MOUNTED = "/mnt/models"
"""Where KServe mounts every model: it names none."""
SERVICE = "serving.kserve.io/inferenceservice"
"""KServe's label of a service's pods."""
LIARS = ("/v2/health/ready", "/v2/health/live")
"""Paths that KServe's Hugging Face server answers before it has a model (dataplane.py:247)."""

EAGER_ARGUMENT = "--enforce-eager"
STREAMING = "runai_streamer"

RESOLUTION_SECONDS = 1.0
"""Times in Kubernetes' objects are whole seconds: nothing shorter can be told."""


@dataclass(slots=True)
class Observed:
    """The parts of starts that were seen, and how many were left out, by reason."""

    durations: list[StartDuration] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Machine:
    """What of a node tells which starts are like its own; only its cloud must be known."""

    provider: str
    region: str | None
    zone: str | None
    instance_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One part of a start on a node; the fields are those of `StartDuration`."""

    node: str
    part: Part
    seconds: float
    subject: str
    observed_at: datetime
    source: str
    way: str | None = None
    image: str | None = None
    model: str | None = None
    size_gb: float | None = None

    def on(self, machine: Machine | Pool) -> StartDuration:
        """The same on a machine that is known."""
        return StartDuration(
            part=self.part,
            provider=machine.provider,
            region=machine.region,
            zone=machine.zone,
            instance_type=machine.instance_type,
            image=self.image,
            model=self.model,
            way=self.way,
            seconds=max(self.seconds, RESOLUTION_SECONDS),
            size_gb=self.size_gb,
            subject=self.subject,
            observed_at=self.observed_at,
            source=self.source,
        )


class Starts:
    """Notes the parts of starts in objects that pass by; their machines are told at the end.

    ``image_pull`` is how nodes pull, which no object says.
    """

    def __init__(self, image_pull: ImagePull = ImagePull.EAGER) -> None:
        self._image_pull = image_pull
        self._parts: list[_Part] = []
        self._left_out: Counter[str] = Counter()

    def claims(self, claims: Iterable[Manifest]) -> Iterator[Manifest]:
        """The same NodeClaims; the boots of their nodes are noted."""
        for one in claims:
            self._boot(one)
            yield one

    def pods(self, pods: Iterable[Manifest]) -> Iterator[Manifest]:
        """The same pods; of those that serve a model its load and the engine's start are noted."""
        for one in pods:
            self._load(one)
            yield one

    def events(self, events: Iterable[Manifest]) -> None:
        """Note the pulls that kubelets tell of."""
        for one in events:
            self._pull(one)

    def on(self, machines: Mapping[str, Machine | Pool]) -> Observed:
        """What was noted on these nodes; others tell nothing."""
        known = [(one, machines.get(one.node)) for one in self._parts]
        return Observed([one.on(machine) for one, machine in known if machine], self._left_out)

    def _boot(self, claim: Manifest) -> None:
        """From Launched to Initialized, for which Karpenter waits until GPUs are there.

        A claim whose launch was refused at first is Launched only when it was not.
        """
        node = (claim.get("status") or {}).get("nodeName")
        since, until = _since(claim, "Launched"), _since(claim, "Initialized")
        if not node or since is None or until is None:
            return
        taints = (claim.get("spec") or {}).get("startupTaints") or ()
        if any(one.get("key") == WARMING for one in taints):
            # Karpenter waits for our own startup taint as well: warming would count as boot.
            self._left_out["boots of nodes with the warming taint"] += 1
            return
        name = claim["metadata"]["name"]
        self._add(since, until, node=node, part=Part.BOOT, subject=name, source="nodeclaim")

    def _pull(self, event: Manifest) -> None:
        told = PULLED_IN.match(event.get("message") or event.get("note") or "")
        node = (event.get("source") or {}).get("host") or event.get("reportingInstance")
        at = event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp")
        if event.get("reason") != PULLED or told is None or not node or at is None:
            return
        seconds = go_seconds(told["time"])
        size_gb = int(told["bytes"]) / 1e9 if told["bytes"] else 0.0
        if seconds is None or size_gb < LEAST_GB:
            self._left_out[f"pulls of images below {LEAST_GB:g} GB or of unknown size"] += 1
            return
        about = event.get("involvedObject") or {}
        self._parts.append(
            _Part(
                node=node,
                part=Part.IMAGE,
                image=told["image"],
                way=self._image_pull,
                seconds=seconds,
                size_gb=size_gb,
                subject=f"{about.get('uid') or about.get('name')}/{told['image']}",
                observed_at=datetime.fromisoformat(at),
                source="kubelet",
            )
        )

    def _load(self, pod: Manifest) -> None:
        """Weights by the initializer, and the engine; or both as one, where the server reads."""
        server = _server(pod)
        model = _model(pod, server) if server else None
        node = pod["spec"].get("nodeName")
        if server is None or model is None or not node:
            return
        initializer = _status(pod, "initContainerStatuses", INITIALIZER)
        if initializer is not None:
            self._download(initializer, pod, node, model)
        began = _running_since(_status(pod, "containerStatuses", server["name"]))
        ready = _since(pod, "ContainersReady")
        if ready is None:
            return
        if began is None:
            self._left_out["servers that were started more than once"] += 1
        elif not _is_honest(server):
            self._left_out["servers that are Ready before they have a model, by their probe"] += 1
        elif initializer is None and _engine_way(server):
            self._left_out["servers that read their weights themselves and compile nothing"] += 1
        else:
            self._add(
                *(began, ready),
                node=node,
                part=Part.ENGINE if initializer else Part.LOADING,
                way=_engine_way(server) if initializer else _load_way(pod, server),
                image=server.get("image"),
                model=model,
                subject=f"{_uid(pod)}/{server['name']}",
                source="pod",
            )

    def _download(self, status: Manifest, pod: Manifest, node: str, model: str) -> None:
        if status.get("restartCount"):
            self._left_out["downloads that were begun more than once"] += 1
            return
        ended = (status.get("state") or {}).get("terminated") or {}
        if ended and ended.get("exitCode") == 0:
            self._add(
                *(datetime.fromisoformat(ended[one]) for one in ("startedAt", "finishedAt")),
                node=node,
                part=Part.WEIGHTS,
                way=WeightLoad.INITIALIZER,
                model=model,
                subject=f"{_uid(pod)}/{INITIALIZER}",
                source="pod",
            )

    def _add(self, since: datetime, until: datetime, **about: Any) -> None:
        seconds = (until - since).total_seconds()
        if seconds < 0:
            # The times are of several machines' clocks, or of conditions that came back.
            self._left_out["parts that ended before they began"] += 1
            return
        self._parts.append(_Part(seconds=seconds, observed_at=until, **about))


def _uid(pod: Manifest) -> str:
    return str(pod["metadata"].get("uid") or pod["metadata"]["name"])


def _since(manifest: Manifest, kind: str) -> datetime | None:
    """Since when the condition is True; None if it is not."""
    since = (condition_of(manifest, kind) or {}).get("lastTransitionTime")
    return datetime.fromisoformat(since) if since and is_true(manifest, kind) else None


def _server(pod: Manifest) -> Manifest | None:
    """The container that serves: the one that asks for a GPU, or one of a known name."""
    containers: list[Manifest] = pod["spec"].get("containers") or []
    asking = [one for one in containers if any("/gpu" in name for name in _limits(one))]
    named = [one for one in containers if one.get("name") in SERVERS]
    return next(iter([*asking, *named]), None)


def _limits(container: Manifest) -> Mapping[str, Any]:
    return (container.get("resources") or {}).get("limits") or {}


def _model(pod: Manifest, server: Manifest | None) -> str | None:
    """Where the weights come from, by the pod's own words."""
    annotations = pod["metadata"].get("annotations") or {}
    if uri := annotations.get(SOURCE_URI):
        return str(uri)
    for one in pod["spec"].get("initContainers") or ():
        if one.get("name") == INITIALIZER and one.get("args"):
            return str(one["args"][0])
    arguments = _arguments(server)
    for name in MODEL_ARGUMENTS:
        value = _value(arguments, name)
        if value and not value.startswith(MOUNTED):
            return value
    service = labels_of(pod).get(SERVICE)
    return f"{pod['metadata']['namespace']}/{service}" if service else None


def _arguments(container: Manifest | None) -> list[str]:
    given = container or {}
    return [str(one) for one in (*(given.get("command") or ()), *(given.get("args") or ()))]


def _value(arguments: list[str], name: str) -> str | None:
    """The value of ``--name value`` or ``--name=value``."""
    for argument, following in pairwise([*arguments, ""]):
        if argument == name:
            return following or None
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2] or None
    return None


def _engine_way(server: Manifest) -> str | None:
    eager = {EAGER_ARGUMENT, EAGER_ARGUMENT.replace("-", "_").replace("__", "--", 1)}
    return ENFORCE_EAGER if eager & set(_arguments(server)) else None


def _load_way(pod: Manifest, server: Manifest) -> str:
    if any(".fluid.io/" in name or name.startswith("fluid.io/") for name in labels_of(pod)):
        return WeightLoad.FLUID
    if STREAMING in " ".join(_arguments(server)):
        return WeightLoad.STREAMER
    return WeightLoad.DIRECT


def _status(pod: Manifest, of: str, name: str) -> Manifest | None:
    statuses: Iterator[Manifest] = iter((pod.get("status") or {}).get(of) or ())
    return next((one for one in statuses if one.get("name") == name), None)


def _running_since(status: Manifest | None) -> datetime | None:
    """When its first and only run began."""
    running = ((status or {}).get("state") or {}).get("running") or {}
    if status is None or status.get("restartCount") or not running.get("startedAt"):
        return None
    return datetime.fromisoformat(running["startedAt"])


def _is_honest(server: Manifest) -> bool:
    """Whether Ready means that a model answers: one of its probes asks more than an open port."""
    for name in ("startupProbe", "readinessProbe"):
        probe = server.get(name) or {}
        path = (probe.get("httpGet") or {}).get("path")
        if (path and path not in LIARS) or "exec" in probe or "grpc" in probe:
            return True
    return False


def go_seconds(text: str) -> float | None:
    """Seconds of ``2m10.8s``, as Go writes durations; None if it is none."""
    if not GO_DURATION.fullmatch(text):
        return None
    return sum(float(count) * SECONDS[unit] for count, unit in GO_PART.findall(text))
