"""What is packed: pods as the scheduler sees them, without the rest of the manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

HOSTNAME = "kubernetes.io/hostname"

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]


@dataclass(frozen=True, slots=True)
class Expression:
    """One condition on a label, of a node or of a pod."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether ``labels`` meet it; an absent label meets NotIn and DoesNotExist alone."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt":
                return (number := _number(value)) is not None and number > int(self.values[0])
            case "Lt":
                return (number := _number(value)) is not None and number < int(self.values[0])

    def __str__(self) -> str:
        """As a person would say it."""
        match self.operator:
            case "In":
                return f"{self.key} in ({', '.join(self.values)})"
            case "NotIn":
                return f"{self.key} not in ({', '.join(self.values)})"
            case "Gt" | "Lt":
                return f"{self.key} {'>' if self.operator == 'Gt' else '<'} {self.values[0]}"
            case _:
                return f"{self.key} {'exists' if self.operator == 'Exists' else 'does not exist'}"


def _number(value: str | None) -> int | None:
    """A label's value as Gt and Lt read it: a whole number, or nothing they can compare."""
    try:
        return None if value is None else int(value)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods off a node unless they tolerate it."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"

    def __str__(self) -> str:
        """As `kubectl taint` takes it."""
        return f"{self.key}{'=' if self.value else ''}{self.value}:{self.effect}"


@dataclass(frozen=True, slots=True)
class Toleration:
    """What taints a pod bears; an empty key with Exists bears all, an empty effect each effect."""

    key: str = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: str = ""

    def bears(self, taint: Taint) -> bool:
        """Whether it bears ``taint``."""
        if self.effect and self.effect != taint.effect:
            return False
        if self.key and self.key != taint.key:
            return False
        if self.operator == "Exists":
            return True
        return bool(self.key) and self.value == taint.value


@dataclass(frozen=True, slots=True)
class Separation:
    """Pods that may not be together: at most ``limit`` of those selected, where this pod is.

    Anti-affinity has a limit of 1, of which the pod itself takes a part if it is selected (else
    0). A spread over nodes has its skew as the limit: a new, empty node can always be had.
    ``skew`` is set for a spread over zones: no zone holds that many more than another.
    """

    topology: Literal["hostname", "zone"]
    selector: tuple[Expression, ...]
    namespaces: tuple[str, ...]
    """Empty for the namespace of the pod itself; ``*`` for all."""
    skew: int | None = None
    is_spread: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod, or ``count`` that are alike.

    ``requests`` holds whole amounts by resource: ``cpu`` in thousandths of a core, ``memory`` and
    ``ephemeral-storage`` in MiB, everything else in pieces.
    """

    name: str
    namespace: str = "default"
    count: int = 1
    requests: Mapping[str, int] = field(default_factory=dict[str, int])
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    node_selector: tuple[Expression, ...] = ()
    """All have to hold."""
    node_affinity: tuple[tuple[Expression, ...], ...] = ()
    """Terms, of which one has to hold in full; empty asks for nothing."""
    tolerations: tuple[Toleration, ...] = ()
    separations: tuple[Separation, ...] = ()

    @property
    def title(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    def selected_by(self, separation: Separation, owner: "Pod") -> bool:
        """Whether the separation that ``owner`` asks for means this pod."""
        namespaces = separation.namespaces or (owner.namespace,)
        if "*" not in namespaces and self.namespace not in namespaces:
            return False
        return all(one.holds(self.labels) for one in separation.selector)

    def untolerated(self, taints: Sequence[Taint]) -> Taint | None:
        """The first taint that keeps the pod off; None if it may stay."""
        for taint in taints:
            if taint.effect == "PreferNoSchedule":
                continue
            if not any(one.bears(taint) for one in self.tolerations):
                return taint
        return None


@dataclass(frozen=True, slots=True)
class Workload:
    """What a file holds: pods to place, pods that run on every node, and what was not heeded."""

    pods: tuple[Pod, ...]
    daemons: tuple[Pod, ...]
    notes: tuple[str, ...] = ()
