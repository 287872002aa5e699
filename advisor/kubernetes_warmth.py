"""What a cluster says of the warmth of new nodes.

Somebody's word in the node's annotation goes before all else. Then speak the pods that warm it, and
the model caches that its NodePool waits for (`spotcast.io/warm-when`): it is warm only if all that
speak say so.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from advisor.cluster import Manifest
from advisor.errors import ManifestError
from advisor.karpenter.labels import WARM, WARM_WHEN, WARMER
from advisor.kubernetes_api import KubeApi, annotations_of, condition_of, is_true, labels_of
from advisor.kubernetes_caches import Caches, Place, WorkerPods, place_of, read_caches
from advisor.replacement.records import GuardedNode, Warmth
from advisor.serving.awaited import Awaited, awaited

SETTLED = timedelta(seconds=30)
"""How long a node must have been Ready before its warmers are counted: daemons put their pods on a
new node one after the other, within seconds."""

SAID = {"true": Warmth.WARM, "false": Warmth.WARMING}


class Warmers:
    """The pods that bring images and models to nodes, as they pass by."""

    def __init__(self) -> None:
        self._ready: defaultdict[str, list[bool]] = defaultdict(list)
        self.of_caches = WorkerPods()

    def noted(self, pods: Iterable[Manifest]) -> Iterator[Manifest]:
        """The same pods; those that warm are noted."""
        for one in self.of_caches.noted(pods):
            if labels_of(one).get(WARMER) == "true":
                self._ready[one["spec"]["nodeName"]].append(is_true(one, "Ready"))
            yield one

    def __bool__(self) -> bool:
        """Whether any node has one."""
        return bool(self._ready)

    def on(self, node: str) -> Sequence[bool]:
        """Of each warmer on that node whether it is Ready."""
        return self._ready.get(node, ())


@dataclass(slots=True)
class Awaiting:
    """What the nodes of each NodePool wait for; None where its annotation cannot be read.

    ``findings`` are sentences for people: what is awaited and can never be warm.
    """

    by_nodepool: dict[str, tuple[Awaited, ...] | None] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    caches: Caches = field(default_factory=Caches)
    warmers: Warmers = field(default_factory=Warmers)
    _said: set[str] = field(default_factory=set)
    _settled: set[str] = field(default_factory=set)

    def noted(self, nodes: Iterable[Manifest], now: datetime) -> Iterator[Manifest]:
        """The same nodes; where they are is noted, if anything is awaited at all."""
        places: dict[str, Place] = {}
        self.caches.places = places
        for one in nodes:
            if self.by_nodepool:
                name = one["metadata"]["name"]
                places[name] = place_of(one)
                if annotations_of(one).get(WARM) in SAID:
                    self._said.add(name)
                if _is_settled(one, now):
                    self._settled.add(name)
            yield one

    def warmth(self, node: GuardedNode) -> Warmth:
        """The node's warmth with what its NodePool waits for; ``node.warmth`` is without it."""
        if node.name in self._said or node.nodepool not in self.by_nodepool:
            return node.warmth
        wanted = self.by_nodepool[node.nodepool]
        if wanted is None:
            return Warmth.UNKNOWN
        words = [self.caches.verdict(one, node.name).warmth for one in wanted]
        if node.warmth is not Warmth.UNKNOWN:
            words.append(node.warmth)
        elif self.warmers and node.name not in self._settled:
            # Others have pods that warm them: this one's may be yet to come.
            words.append(Warmth.WARMING)
        return together(words)


def together(words: Iterable[Warmth]) -> Warmth:
    """WARM if all say so; WARMING if one knows that it is not yet; else UNKNOWN."""
    said = set(words)
    for one in (Warmth.WARMING, Warmth.UNKNOWN):
        if one in said:
            return one
    return Warmth.WARM if said else Warmth.UNKNOWN


def awaiting(api: KubeApi, nodepools: Iterable[Manifest], warmers: Warmers) -> Awaiting:
    """What NodePools wait for, and the caches that any of them names."""
    found = Awaiting()
    for nodepool in nodepools:
        text = annotations_of(nodepool).get(WARM_WHEN)
        if text is None:
            continue
        name = str(nodepool["metadata"]["name"])
        try:
            found.by_nodepool[name] = awaited(text)
        except ManifestError as error:
            found.by_nodepool[name] = None
            found.findings.append(f"NodePool {name}: {WARM_WHEN}: {error}; no node of it is warm")
    wanted = {one for terms in found.by_nodepool.values() for one in terms or ()}
    found.caches = read_caches(api, {one.cache for one in wanted})
    found.caches.workers, found.warmers = warmers.of_caches, warmers
    found.findings += [
        f"{one}, which NodePools wait for: {why}"
        for one in sorted(wanted)
        if (why := found.caches.trouble(one))
    ]
    return found


def warmth(node: Manifest, warmers: Warmers, now: datetime) -> Warmth:
    """What annotation and pods say of the node; the caches are not asked."""
    if said := SAID.get(annotations_of(node).get(WARM, "")):
        return said
    ready = warmers.on(node["metadata"]["name"])
    if not ready:
        return Warmth.UNKNOWN
    return Warmth.WARM if all(ready) and _is_settled(node, now) else Warmth.WARMING


def _is_settled(node: Manifest, now: datetime) -> bool:
    ready: Mapping[str, str] = condition_of(node, "Ready") or {}
    since = ready.get("lastTransitionTime")
    if ready.get("status") != "True" or since is None:
        return False
    return now - datetime.fromisoformat(since) >= SETTLED
