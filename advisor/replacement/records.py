"""What a replacement is decided on: one look at a cluster, and what is known of its pools.

Snapshots, without anything that can act: `advisor.kubernetes` makes them of a real cluster, tests
of nothing. Times are aware and UTC, durations `timedelta`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from warehouse.records import Pool, StartDuration


class EvidenceKind(StrEnum):
    """What a cloud said of one machine; no word of it is certain but the notice."""

    NOTICE = "interruption_notice"
    """It will be taken, at a time that is told: AWS 2 min, Alibaba Cloud 5 min, others 30 s."""
    REBALANCE = "rebalance_recommendation"
    """AWS: its risk is raised. Often for nothing, and often together with the notice."""
    EXPIRED = "instance_expired"
    """Alibaba Cloud's node condition InstanceExpired."""
    PREEMPTION_SCHEDULED = "preemption_scheduled"
    """Azure's node condition PreemptionScheduled."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One such word; ``takes_at`` is when the machine goes, None if that was not told."""

    node: str
    kind: EvidenceKind
    observed_at: datetime
    takes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DisruptionBudget:
    """A PodDisruptionBudget, and how many of its pods may go now."""

    namespace: str
    name: str
    allowed: int


@dataclass(frozen=True, slots=True, order=True)
class WorkloadName:
    """What owns pods: ``Deployment``, ``StatefulSet``, ``InferenceService`` and so on."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Workload:
    """Replicas wanted and Ready.

    ``can_surge``: one more may be asked for (a Deployment, or an InferenceService in Standard
    mode); ``surged_by`` is how many we have added to it. ``is_noted``: what it was before stands in
    the cluster, until it has come back to that.
    """

    name: WorkloadName
    replicas: int
    ready: int
    can_surge: bool
    surged_by: int = 0
    is_noted: bool = False


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod on a node; those of daemons and mirrors are left out."""

    namespace: str
    name: str
    is_ready: bool
    is_held: bool
    """Annotated `karpenter.sh/do-not-disrupt`."""
    workload: WorkloadName | None
    budgets: tuple[DisruptionBudget, ...] = ()
    goes_first: bool = False
    """We marked it as the one that a scale-down takes first."""


class Warmth(StrEnum):
    """What is known of images and models on a new node that still has our startup taint."""

    UNKNOWN = "unknown"
    """Nobody speaks of it."""
    WARMING = "warming"
    """Somebody does, and they are not there yet."""
    WARM = "warm"


@dataclass(frozen=True, slots=True)
class GuardedNode:
    """One node with what stands on it, as it was at the snapshot.

    ``claim`` is its NodeClaim, None where Karpenter does not manage it; ``pool`` is None where
    provider, zone or type cannot be told. ``retire`` is the value of our label on the claim.
    """

    name: str
    claim: str | None
    nodepool: str | None
    pool: Pool | None
    is_spot: bool
    launched_at: datetime | None
    is_ready: bool
    is_initialized: bool
    is_drifted: bool
    is_disrupted: bool
    """Karpenter's own taint `karpenter.sh/disrupted`: never touched by us."""
    is_deleting: bool
    is_cordoned: bool
    is_warming: bool
    """Our startup taint is still on it."""
    is_held: bool
    """Annotated `karpenter.sh/do-not-disrupt`."""
    retire: str | None
    pods: tuple[Pod, ...] = ()
    provider_id: str | None = None
    """`spec.providerID` as it stands there: by it the clouds' own reports name the machine."""
    is_cordoned_by_us: bool = False
    """The cordon bears our mark; another's is never lifted."""
    is_held_by_us: bool = False
    """`karpenter.sh/do-not-disrupt` came with a NodeClaim of ours, and goes with its hand-over."""
    warmth: Warmth = Warmth.UNKNOWN


@dataclass(frozen=True, slots=True)
class NodePoolState:
    """What of a NodePool matters: whether it has our switch and taint, and its drift budget now.

    ``drift_allowed`` is how many of its nodes may be disrupted as drifted at this moment, before
    those that already are. ``manifest`` is the NodePool as the cluster has it, for NodeClaims.
    """

    name: str
    has_retire: bool
    has_warming: bool
    drift_allowed: int
    manifest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A cluster at one moment; ``claims`` are its NodeClaims, and whether each has its machine.

    ``findings`` are sentences for people: what stands there and cannot do what it is meant to.
    ``starts`` is how long machines and models took that are there.
    """

    taken_at: datetime
    nodes: Mapping[str, GuardedNode]
    nodepools: Mapping[str, NodePoolState]
    workloads: Mapping[WorkloadName, Workload]
    claims: Mapping[str, bool] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    starts: tuple[StartDuration, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolRisk:
    """P(a machine there is interrupted within ``window``), with its interval, and its standing.

    ``may_act``: forecasts of its kind have verified skill. ``is_stale``: it says more about the
    past than about now.
    """

    probability: float
    low: float
    high: float
    window: timedelta
    may_act: bool
    is_stale: bool
    source: str


@dataclass(frozen=True, slots=True)
class LeadTime:
    """How long until a replacement serves (p95), and how long the old node drains."""

    serving: timedelta
    drain: timedelta
    notice: timedelta

    @property
    def horizon(self) -> timedelta:
        """What must be foreseen: max(0, serving + drain - notice)."""
        return max(timedelta(0), self.serving + self.drain - self.notice)


class State(StrEnum):
    """Where one hand-over stands; the last four are its ends."""

    PLANNED = "planned"
    """Decided, nothing done."""
    SURGING = "surging"
    """One more replica (or an explicit NodeClaim) was asked for, before the old node is touched."""
    RETIRING = "retiring"
    """The NodeClaim carries our label: Karpenter replaces it by its own rules."""
    DRAINING = "draining"
    """Karpenter (or we, in an emergency) is taking the pods off the old node."""
    RESTORING = "restoring"
    """The old node is gone, or was kept: replicas, labels and taints of ours are taken back."""
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    """The risk has passed, or the replacement cannot be had: all of ours was taken back."""
    OVERTAKEN = "overtaken"
    """The cloud took the node before the hand-over was through."""
    FAILED = "failed"
    """Given up after its time limit; a person is told what is left to do (nothing of ours is)."""


class Mechanism(StrEnum):
    """How a node is replaced."""

    RETIRE = "retire"
    """Label the NodeClaim; drift does the rest (default)."""
    SURGE = "surge"
    """One replica more first, then retire: no gap in serving, and any length of warm-up."""
    CLAIM = "claim"
    """An explicit NodeClaim in an exact pool first, then retire."""
    CLAIM_AND_SURGE = "claim-and-surge"
    """A NodeClaim in an exact pool, then one replica more on it, then retire."""
    EVACUATE = "evacuate"
    """The notice is there: cordon and evict at once."""
    SURGE_AND_EVICT = "surge-and-evict"
    """Without Karpenter: surge, cordon, evict through the eviction API."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """One replacement as it is stored: the newest row of its id.

    ``detail`` is what the next step needs to know and cannot see (JSON): the workload that was
    surged, the claim that was made, the deadline.
    """

    replacement_id: str
    changed_at: datetime
    state: State
    node: str
    pool: Pool
    mechanism: Mechanism
    reason: str
    detail: Mapping[str, str]
