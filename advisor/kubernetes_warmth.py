"""What a cluster says of the warmth of new nodes: their annotation, or the pods that warm them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from advisor.cluster import Manifest
from advisor.karpenter.labels import WARM, WARMER
from advisor.kubernetes_api import annotations_of, condition_of, is_true, labels_of
from advisor.replacement.records import Warmth

SETTLED = timedelta(seconds=30)
"""How long a node must have been Ready before its warmers are counted: daemons put their pods on a
new node one after the other, within seconds."""

SAID = {"true": Warmth.WARM, "false": Warmth.WARMING}


class Warmers:
    """The pods that bring images and models to nodes, as they pass by."""

    def __init__(self) -> None:
        self._ready: defaultdict[str, list[bool]] = defaultdict(list)

    def noted(self, pods: Iterable[Manifest]) -> Iterator[Manifest]:
        """The same pods; those that warm are noted."""
        for one in pods:
            if labels_of(one).get(WARMER) == "true":
                self._ready[one["spec"]["nodeName"]].append(is_true(one, "Ready"))
            yield one

    def on(self, node: str) -> Sequence[bool]:
        """Of each warmer on that node whether it is Ready."""
        return self._ready.get(node, ())


def warmth(node: Manifest, warmers: Warmers, now: datetime) -> Warmth:
    """What is known of the node; somebody's word in its annotation goes before its pods."""
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
