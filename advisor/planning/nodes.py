"""The nodes of a NodePool: which count, which are on their way out, which a change would take."""

from collections.abc import Iterable
from dataclasses import dataclass

from advisor.cluster import DO_NOT_DISRUPT, Manifest, NodeClaim
from advisor.karpenter import labels as words
from advisor.planning.changes import by_key, field_changes, in_words, listed
from advisor.planning.drift import allowed_by, requirements_of, unmet
from advisor.planning.protection import causes
from advisor.planning.provenance import annotation

HASH = "karpenter.sh/nodepool-hash"
HASH_VERSION = "karpenter.sh/nodepool-hash-version"


@dataclass(frozen=True, slots=True)
class DriftedNode:
    """A node that Karpenter would replace; ``node`` is None if it has not joined yet.

    ``is_held`` says that ``karpenter.sh/do-not-disrupt`` keeps it where it is for now.
    """

    claim: str
    node: str | None
    instance_type: str | None
    zone: str | None
    reasons: tuple[str, ...]
    is_held: bool


@dataclass(frozen=True, slots=True)
class Nodes:
    """The NodeClaims of one NodePool, by name.

    ``fitting`` stay as things are; ``drifting`` are on their way out whatever is planned. Those
    not launched yet, and those being deleted, are in neither: Karpenter does not judge them.
    """

    fitting: tuple[NodeClaim, ...] = ()
    drifting: tuple[NodeClaim, ...] = ()
    is_known: bool = True
    """False if nobody looked: there may be any number, on anything."""

    @property
    def running(self) -> tuple[NodeClaim, ...]:
        """All of them."""
        return (*self.fitting, *self.drifting)


def nodes_of(nodepool: Manifest, claims: Iterable[NodeClaim] | None) -> Nodes:
    """The NodePool's own among the claims; None if nobody looked."""
    if claims is None:
        return Nodes(is_known=False)
    name = nodepool["metadata"]["name"]
    allowed = allowed_by(requirements_of(nodepool))
    fitting, drifting = list[NodeClaim](), list[NodeClaim]()
    for claim in sorted(claims, key=lambda one: one.name):
        if claim.nodepool != name or not claim.is_launched or claim.is_deleting:
            continue
        is_leaving = claim.is_drifted or hash_differs(claim, nodepool) is True
        (drifting if is_leaving or unmet(claim.labels, allowed) else fitting).append(claim)
    return Nodes(tuple(fitting), tuple(drifting))


def drifting_nodes(
    current: Manifest, after: Manifest, nodes: Nodes, held_nodes: frozenset[str] = frozenset()
) -> tuple[DriftedNode, ...]:
    """The fitting nodes that drift when ``after`` takes the place of ``current``.

    ``held_nodes`` are the names of nodes that must not be disrupted.
    """
    template = [one.field for one in field_changes(current, after) if one.replaces_all]
    groups, allowed = by_key(after), allowed_by(requirements_of(after))
    drifted = list[DriftedNode]()
    for claim in nodes.fitting:
        reasons = [
            _reason(key, value, groups[key]) for key, value in causes(allowed, claim.labels).items()
        ]
        if hash_differs(claim, current) is False:
            reasons += [f"{one} changes, which replaces every node" for one in template]
        if reasons:
            drifted.append(_drifted(claim, reasons, held_nodes))
    return tuple(drifted)


def hash_differs(claim: NodeClaim, nodepool: Manifest) -> bool | None:
    """Whether the node was made from another template; None if Karpenter does not compare it.

    It compares the hashes that it noted itself, and notes anew what an older version had noted.
    """
    if HASH not in claim.annotations or HASH_VERSION not in claim.annotations:
        return None
    if annotation(nodepool, HASH_VERSION) != claim.annotations[HASH_VERSION]:
        return False
    return annotation(nodepool, HASH) not in {None, claim.annotations[HASH]}


def _reason(key: str, value: str | None, group: list[Manifest]) -> str:
    if value is not None and listed(group) is not None:
        return f"{key} {value} is not in the list"
    return f"{key} is {value or 'absent'}, and asked is {' and '.join(in_words(group))}"


def _drifted(claim: NodeClaim, reasons: list[str], held_nodes: frozenset[str]) -> DriftedNode:
    is_held = claim.annotations.get(DO_NOT_DISRUPT) == "true" and claim.node is None
    return DriftedNode(
        claim=claim.name,
        node=claim.node,
        instance_type=claim.labels.get(words.INSTANCE_TYPE),
        zone=claim.labels.get(words.AWS_ZONE_ID) or claim.labels.get(words.ZONE),
        reasons=tuple(reasons),
        # Once the node has joined, it is the Node's annotation that Karpenter reads.
        is_held=is_held or claim.node in held_nodes,
    )
