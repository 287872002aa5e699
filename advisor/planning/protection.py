"""Keep what nodes run on: a list that is applied takes no node away unless it was told to.

Each running node that fits the NodePool now must fit it afterwards. Where it would not, the list
keeps the node's value; where there is no list to widen, the key keeps what is asked of it now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from advisor.cluster import Manifest, NodeClaim
from advisor.karpenter import labels as words
from advisor.planning.changes import listed
from advisor.planning.drift import Allowed, allowed_by, normalized, unmet
from advisor.planning.hysteresis import Held

Groups = dict[str, list[Manifest]]
"""Requirements by key."""

ALL = "all"


@dataclass(frozen=True, slots=True)
class Eviction:
    """What may be taken away from running nodes: values (types, zones), keys, or everything."""

    what: frozenset[str] = frozenset()

    def allows(self, key: str, value: str | None) -> bool:
        """Whether nodes may go for lacking ``value`` of ``key``.

        The label that retires single nodes is there to make them go.
        """
        return key == words.RETIRE or bool(self.what & {ALL, key, value})


def causes(allowed: Mapping[str, Allowed], labels: Mapping[str, str]) -> dict[str, str | None]:
    """The keys for which a machine of those labels would drift, with its value of each.

    None stands for a missing label.
    """
    known = {normalized(key): value for key, value in labels.items()}
    return {key: known.get(key) for key in unmet(labels, allowed)}


def allowed_in(groups: Groups) -> dict[str, Allowed]:
    """What the requirements allow, by key."""
    return allowed_by(one for group in groups.values() for one in group)


def protected(
    current: Groups, wanted: Groups, claims: Iterable[NodeClaim], eviction: Eviction
) -> tuple[Groups, list[Held]]:
    """The wanted requirements, widened so that only nodes drift that may.

    ``claims`` are those that fit now. A node that goes anyway protects nothing.
    """
    groups, kept = dict(wanted), dict[tuple[str, str], list[str]]()
    allowed = allowed_in(wanted)
    for claim in claims:
        found = causes(allowed, claim.labels)
        if any(eviction.allows(key, value) for key, value in found.items()):
            continue
        for key, value in found.items():
            groups[key] = _widened(groups.get(key, []), current.get(key, []), value)
            kept.setdefault((key, value or ""), []).append(claim.name)
    held = [
        Held("stays", key, value, f"{len(names)} running {_nodes(len(names))}")
        for (key, value), names in sorted(kept.items())
    ]
    return {key: group for key, group in groups.items() if group}, held


def _widened(wanted: list[Manifest], current: list[Manifest], value: str | None) -> list[Manifest]:
    values = listed(wanted)
    if values is None or value is None:
        return current
    return [{**wanted[0], "values": [*values, *([] if value in values else [value])]}]


def _nodes(count: int) -> str:
    return "node needs it" if count == 1 else "nodes need it"
