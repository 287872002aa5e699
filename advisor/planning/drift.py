"""Which nodes Karpenter calls drifted: its own rule, on the labels of NodeClaims.

Karpenter compares a NodeClaim's labels with its NodePool's requirements (core 1.14:
areRequirementsDrifted in ``nodeclaim/disruption/drift.go``, ``scheduling/requirement.go``).
Requirements on one key are intersected first, and what comes out decides whether the key may be
absent: after ``Exists`` and ``NotIn`` on one key a node without it passes, though ``Exists`` alone
would not let it. We follow it to the letter; Karpenter's own verdicts are in the tests' fixtures.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.cluster import Manifest

NORMALIZED = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}
"""Old names of labels that Karpenter reads as the new ones (``apis/v1/labels.go``)."""

MAX_INT, MIN_INT = 2**63 - 1, -(2**63)
_INTEGER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The values that a key may have: those listed, or with ``is_complement`` all but those.

    ``at_least`` and ``at_most`` bound whole numbers, both ends included.
    """

    is_complement: bool
    values: frozenset[str] = frozenset()
    at_least: int | None = None
    at_most: int | None = None

    @property
    def may_be_absent(self) -> bool:
        """Whether a machine without the label passes: Karpenter's NotIn and DoesNotExist."""
        return self.is_complement == bool(self.values)

    def meets(self, other: "Allowed") -> bool:
        """Whether some value is allowed by both."""
        low, high = _bounds(self, other)
        if low is not None and high is not None and low > high:
            return False
        if self.is_complement and other.is_complement:
            return True
        return any(_is_within(value, low, high) for value in _listed(self, other))

    def joined(self, other: "Allowed") -> "Allowed":
        """What both allow."""
        low, high = _bounds(self, other)
        if low is not None and high is not None and low > high:
            return NOTHING
        if self.is_complement and other.is_complement:
            values = frozenset(
                one for one in self.values | other.values if _is_within(one, low, high)
            )
            return Allowed(True, values, low, high)
        return Allowed(
            False, frozenset(one for one in _listed(self, other) if _is_within(one, low, high))
        )


NOTHING = Allowed(False)


def allowed_by(requirements: Iterable[Manifest]) -> dict[str, Allowed]:
    """What a NodePool's requirements allow, by key."""
    allowed: dict[str, Allowed] = {}
    for requirement in requirements:
        key = normalized(requirement["key"])
        one = _allowed(requirement["operator"], requirement.get("values") or ())
        allowed[key] = one.joined(allowed[key]) if key in allowed else one
    return allowed


def unmet(labels: Mapping[str, str], allowed: Mapping[str, Allowed]) -> list[str]:
    """The keys for which a machine of those labels is drifted, sorted; [] if it is not."""
    known: dict[str, Allowed] = {}
    for name, value in labels.items():
        key = normalized(name)
        one = Allowed(False, frozenset({value}))
        known[key] = one.joined(known[key]) if key in known else one
    return sorted(key for key, asked in allowed.items() if not _is_met(known.get(key), asked))


def normalized(key: str) -> str:
    """The label's name as Karpenter reads it."""
    return NORMALIZED.get(key, key)


def requirements_of(nodepool: Manifest) -> Sequence[Mapping[str, Any]]:
    """The requirements in a NodePool's template; empty if it has none."""
    template = (nodepool.get("spec") or {}).get("template") or {}
    return (template.get("spec") or {}).get("requirements") or ()


def _is_met(labelled: Allowed | None, asked: Allowed) -> bool:
    if labelled is None:
        return asked.may_be_absent
    # Two names of one label that contradict each other leave no value, as for Karpenter.
    return labelled.meets(asked) or (asked.may_be_absent and labelled.may_be_absent)


def _allowed(operator: str, values: Sequence[str]) -> Allowed:
    match operator:
        case "In" | "NotIn":
            return Allowed(operator == "NotIn", frozenset(values))
        case "DoesNotExist":
            return NOTHING
        case "Gt" | "Gte":
            least = _whole_number(values[0]) or 0
            if operator == "Gte":
                return Allowed(True, at_least=least)
            return NOTHING if least == MAX_INT else Allowed(True, at_least=least + 1)
        case "Lt" | "Lte":
            most = _whole_number(values[0]) or 0
            return Allowed(True, at_most=most - (operator == "Lt"))
        case _:
            return Allowed(True)


def _listed(one: Allowed, other: Allowed) -> frozenset[str]:
    """The listed values that both allow, bounds aside; at least one of them is a list."""
    if one.is_complement:
        return other.values - one.values
    return one.values - other.values if other.is_complement else one.values & other.values


def _bounds(one: Allowed, other: Allowed) -> tuple[int | None, int | None]:
    lows = [bound for bound in (one.at_least, other.at_least) if bound is not None]
    highs = [bound for bound in (one.at_most, other.at_most) if bound is not None]
    return max(lows, default=None), min(highs, default=None)


def _is_within(value: str, low: int | None, high: int | None) -> bool:
    if low is None and high is None:
        return True
    number = _whole_number(value)
    # A number that Go's int cannot hold is none to Karpenter.
    if number is None or not MIN_INT <= number <= MAX_INT:
        return False
    return (low is None or number >= low) and (high is None or number <= high)


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and _INTEGER.fullmatch(text) else None
