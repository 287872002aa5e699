"""Why a pod has no place, and what would give it one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.packing.fit import NodeKind, unknown_labels
from advisor.packing.pods import Pod
from advisor.packing.quantities import UNITS


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Pods that run nowhere; ``count`` of those in ``pod``."""

    pod: Pod
    count: int
    reason: str
    remedy: str


def why_nowhere(pod: Pod, nodes: Sequence[NodeKind], *, needs_zone: bool) -> tuple[str, str]:
    """The reason that no node takes the pod, and the remedy.

    ``needs_zone`` says that some would, if their zone were known.
    """
    if not nodes:
        return "there is nothing to buy", "ask for other offerings, or collect prices"
    if needs_zone:
        return (
            "it is spread over zones, and the prices are those of whole regions",
            "name the zones that nodes may be bought in",
        )
    if missing := unknown_labels(pod, list(nodes)):
        return (
            f"it wants {missing[0]}, a label that no node has",
            "name the labels that the NodePool gives its nodes",
        )
    refusals = Counter(reason for node in nodes if (reason := node.refuses(pod)) is not None)
    if refusals.total() == len(nodes):
        reason, count = min(refusals.items(), key=lambda one: (-one[1], one[0]))
        remedy = "tolerate the taint" if "taint" in reason else "widen what is asked of the node"
        more = "" if count == len(nodes) else f" ({count} of {len(nodes)} offerings)"
        return f"{reason}{more}", f"{remedy}, or ask for other offerings"
    return _too_large(pod, [node for node in nodes if node.refuses(pod) is None])


def _too_large(pod: Pod, open_to: Sequence[NodeKind]) -> tuple[str, str]:
    """What no node that would take the pod has enough of."""
    for name, asked in sorted(pod.requests.items()):
        most = max(node.allocatable.get(name, 0) for node in open_to)
        if asked > most:
            wanted, had = amount_text(name, asked), amount_text(name, most)
            reason = (
                f"it asks for {wanted} of {name}, and the largest of {len(open_to)} offerings "
                f"has {had} left for pods"
            )
            return reason, "ask for less, or for larger machines"
    wanted = ", ".join(
        f"{amount_text(name, asked)} of {name}" for name, asked in sorted(pod.requests.items())
    )
    reason = f"none of {len(open_to)} offerings has enough of everything at once: {wanted}"
    return reason, "ask for less of one of them, or for other machines"


def crowded(_pod: Pod) -> tuple[str, str]:
    """Why the rules between zones leave a pod without a place."""
    return (
        "pods that keep apart by zone are more than there are zones for them",
        "allow more zones, or fewer replicas",
    )


def amount_text(resource: str, amount: float) -> str:
    """An amount of a resource as a person writes it."""
    if resource == "cpu":
        return f"{amount / 1000:g} cores"
    if resource in UNITS:
        return f"{amount / 1024:.4g} GiB"
    return f"{amount:g}"
