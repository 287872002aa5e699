"""What a guard is set to: lead times, costs, budgets, time limits, and how far a cloud is believed.

Figures that nobody has measured on clusters of ours say so: "assumed".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from advisor.errors import AdvisorError
from advisor.hazards import NOTICE
from advisor.lead_time_terms import serving_by_default
from advisor.replacement.records import EvidenceKind, LeadTime, PoolRisk, State

EXACT = frozenset({"alibaba", "gcp"})
"""Providers where nothing but an explicit NodeClaim keeps a replacement out of a pool: NodeOverlays
have no effect there."""

KARPENTER_WAITS = timedelta(minutes=10)
"""How long Karpenter waits for a replacement to be Initialized before it gives up: the lower end of
its clamp(80 ms per command, 10 min, 1 h) (core v1.14 `disruption/queue.go`)."""

USABLE_WAIT = timedelta(minutes=8)
"""What of that can be planned with: the rest goes to launching the machine and to Karpenter's own
polling (the project's design, assumed)."""

PRECISION: Mapping[EvidenceKind, float] = {
    EvidenceKind.NOTICE: 0.98,
    EvidenceKind.EXPIRED: 0.95,
    EvidenceKind.PREEMPTION_SCHEDULED: 0.95,
    EvidenceKind.REBALANCE: 0.3,
}
"""Share of such words after which the machine was in fact taken. All four are assumed: no public
record links them to outcomes. Notices are near certain by the clouds' own documents, a rebalance
recommendation is documented as best effort; that one is corrected by what became of the machines
(`precision_seen`), as far as `spotcast watch` saw it."""

PRIOR_WORDS = 20
"""So many words the assumed precision weighs against those whose end was seen; assumed."""

DRAIN = timedelta(seconds=15)
"""How long a node of a GPU server drains beyond requests in flight; assumed."""

UNKNOWN_NOTICE = timedelta(0)
"""A cloud of which no notice is known gives none."""

LIMITS: Mapping[State, timedelta] = {
    State.PLANNED: timedelta(minutes=30),
    State.SURGING: timedelta(minutes=45),
    State.RETIRING: timedelta(minutes=30),
    State.DRAINING: timedelta(hours=1),
}
"""Surging fits the slowest published start (p95 34 min for a 32B model on Azure); retiring fits
three of Karpenter's own attempts; draining is over when pods with long grace periods are gone."""


def precision_seen(assumed: float, taken: int, told: int) -> float:
    """The share of words that came true, drawn to what is assumed while few were seen."""
    return (taken + PRIOR_WORDS * assumed) / (told + PRIOR_WORDS)


class Claims(StrEnum):
    """Where a replacement is asked for by a NodeClaim of its own, in an exact pool."""

    AUTO = "auto"
    """Where nothing else steers it: Alibaba Cloud and GCP."""
    ALWAYS = "always"
    NEVER = "never"


class SettingsError(AdvisorError):
    """The guard cannot be set like that; a person changes the setting that it names."""


def _lead_times() -> dict[str, LeadTime]:
    """Those of an 8B model without any cache: a 32B model takes 30 minutes and more."""
    return {
        name: LeadTime(serving, DRAIN, NOTICE[name])
        for name, serving in serving_by_default().items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """How much is done, and when; costs are USD for one node.

    ``lead_times`` is by provider. ``replace_cost_usd``: about an hour of a GPU machine twice;
    ``outage_cost_usd``: what a lost node costs before its successor serves (both assumed: 1 in 5).
    ``most_at_once`` holds for the cluster, ``most_per_nodepool`` for each NodePool; Karpenter's own
    budgets hold beside them. ``rollback_share``: a hand-over is taken back when the risk has been
    below that share of the threshold for ``calm_for``. ``burst_share``: when so much of a pool
    (and two nodes at least) has a word of its cloud, the others of the pool are judged by
    ``burst_precision`` (assumed: machines of a pool are mostly lost together).
    ``evidence_for``: a cloud's word is of no account after it. ``warming_limit``: how long a new
    node keeps our startup taint if nobody speaks of its warmth; ``warmers_limit``: if somebody
    does. ``claims``: where replacements get a NodeClaim in an exact pool. ``launch_limit``: how
    long such a one may go without a machine, for Karpenter does nothing else meanwhile;
    ``claim_limit``: without a node (Karpenter gives up after 15 min itself).
    ``without_karpenter``: nodes are drained by us where no Karpenter is in the cluster.

    Raises:
        SettingsError: a cost, share or count is not possible.
    """

    lead_times: Mapping[str, LeadTime] = field(default_factory=_lead_times)
    replace_cost_usd: float = 1.0
    outage_cost_usd: float = 4.0
    most_at_once: int = 10
    most_per_nodepool: int = 10
    cool_down: timedelta = timedelta(hours=1)
    limits: Mapping[State, timedelta] = field(default_factory=lambda: dict(LIMITS))
    rollback_share: float = 0.5
    calm_for: timedelta = timedelta(minutes=5)
    precision: Mapping[EvidenceKind, float] = field(default_factory=lambda: dict(PRECISION))
    evidence_for: timedelta = timedelta(minutes=15)
    burst_share: float = 0.3
    burst_precision: float = 0.5
    usable_wait: timedelta = USABLE_WAIT
    warming_limit: timedelta = USABLE_WAIT
    warmers_limit: timedelta = LIMITS[State.SURGING]
    claims: Claims = Claims.AUTO
    launch_limit: timedelta = timedelta(minutes=1)
    claim_limit: timedelta = timedelta(minutes=15)
    without_karpenter: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.replace_cost_usd <= 0 or self.outage_cost_usd <= 0:
            raise SettingsError("the costs of replacing and of an outage are both above 0 USD")
        if self.most_at_once < 1 or self.most_per_nodepool < 1:
            raise SettingsError("a budget below 1 node replaces nothing: observe instead")
        shares = {"rollback_share": self.rollback_share, "burst_share": self.burst_share}
        for name, share in shares.items():
            if not 0 < share <= 1:
                raise SettingsError(f"{name} is {share:g}; it is a share above 0, up to 1")
        for kind, precision in self.precision.items():
            if not 0 <= precision <= 1:
                raise SettingsError(f"the precision of {kind} is {precision:g}; it is 0 to 1")
        if not 0 <= self.burst_precision <= 1:
            raise SettingsError(f"burst_precision is {self.burst_precision:g}; it is 0 to 1")

    @property
    def threshold(self) -> float:
        """The probability of a loss above which replacing costs less than waiting."""
        return self.replace_cost_usd / (self.replace_cost_usd + self.outage_cost_usd)

    def lead_time(self, provider: str) -> LeadTime:
        """That of the provider; the slowest known, without any notice, for an unknown one."""
        found = self.lead_times.get(provider)
        if found is not None:
            return found
        known = list(self.lead_times.values()) or list(_lead_times().values())
        slowest = max(known, key=lambda one: one.serving + one.drain)
        return LeadTime(slowest.serving, slowest.drain, UNKNOWN_NOTICE)

    def may_claim(self, provider: str) -> bool:
        """Whether replacements on that cloud get a NodeClaim in an exact pool."""
        return self.claims is Claims.ALWAYS or (self.claims is Claims.AUTO and provider in EXACT)

    def limit(self, state: State) -> timedelta:
        """How long a hand-over may stay in a state."""
        return self.limits.get(state, LIMITS.get(state, timedelta(minutes=30)))

    def is_calm(self, risk: PoolRisk | None) -> bool:
        """Whether a forecast that may be believed says that the danger is over.

        An unknown or stale risk is not calm, and neither is one whose interval reaches up.
        """
        if risk is None or risk.is_stale or not risk.may_act:
            return False
        return (
            risk.probability < self.rollback_share * self.threshold and risk.high < self.threshold
        )
