"""What a hand-over may do to a cluster: each action says what should be, so that twice is once.

Plain records; `advisor.cluster.GuardedCluster` carries them out. None of them touches what is
Karpenter's own: the taint `karpenter.sh/disrupted`, its hashes, its conditions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from advisor.replacement.records import WorkloadName


@dataclass(frozen=True, slots=True)
class Retire:
    """Label the NodeClaim `spotcast.io/retire` with ``value``: Karpenter replaces it as drifted."""

    claim: str
    value: str


@dataclass(frozen=True, slots=True)
class Unretire:
    """Take that label away: Karpenter lets the node be, if it has not begun."""

    claim: str


@dataclass(frozen=True, slots=True)
class LiftWarming:
    """Take our startup taint off a node: it may serve; ``why`` is for the audit."""

    node: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Surge:
    """Ask for ``replicas`` of a workload, an absolute number, and keep what it was before."""

    workload: WorkloadName
    replicas: int


@dataclass(frozen=True, slots=True)
class Unsurge:
    """Go back to the replicas that a workload had before `Surge`."""

    workload: WorkloadName


@dataclass(frozen=True, slots=True)
class PreferToDelete:
    """Let a scale-down take this pod first (`controller.kubernetes.io/pod-deletion-cost`)."""

    namespace: str
    pod: str


@dataclass(frozen=True, slots=True)
class PreferToKeep:
    """Take that mark of ours away: the pod stays after all."""

    namespace: str
    pod: str


@dataclass(frozen=True, slots=True)
class Release:
    """Let Karpenter disrupt a node again that came by a NodeClaim of ours."""

    node: str


@dataclass(frozen=True, slots=True)
class Cordon:
    """Keep new pods off a node, marked as ours."""

    node: str


@dataclass(frozen=True, slots=True)
class Uncordon:
    """Let pods onto it again, if the cordon is ours."""

    node: str


@dataclass(frozen=True, slots=True)
class Evict:
    """Ask the eviction API to end a pod; a PodDisruptionBudget may say no."""

    namespace: str
    pod: str


@dataclass(frozen=True, slots=True)
class CreateClaim:
    """Create a NodeClaim, unless one of that name is there."""

    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteClaim:
    """Delete a NodeClaim; none of that name is as good."""

    name: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Say something in an Event on a node and its NodeClaim."""

    node: str
    claim: str | None
    reason: str
    message: str
    is_warning: bool = False


Action = (
    Retire
    | Unretire
    | LiftWarming
    | Surge
    | Unsurge
    | PreferToDelete
    | PreferToKeep
    | Release
    | Cordon
    | Uncordon
    | Evict
    | CreateClaim
    | DeleteClaim
    | Tell
)
