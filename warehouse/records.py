"""The vocabulary: the nouns that every part of Spotcast speaks, and nothing else.

The words are the field's own (Karpenter's and AWS's). Units end every name: `usd_per_hour`,
`notice_seconds`, `memory_gib`; shares run from 0 to 1; times are aware and UTC. ``None`` means
unknown, never zero. This module does no I/O and imports nothing of the project, so that all
packages can speak it.

Two clocks run through it. ``effective_at`` is the source's: when the price came into force.
``observed_at`` is ours: when we last knew it to be true. A price of last week read a minute ago
is old news that is still in force; a price of a minute ago read last week is not.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

REGIONAL = "*"
"""The zone of a fact that holds for a whole region."""


class Semantics(StrEnum):
    """What one observation says about the time around it; kinds are never mixed silently."""

    CHANGE_POINT = "change_point"
    """In force from `effective_at` until the next row of the same pool."""
    SAMPLE = "sample"
    """True at `effective_at`; nothing is said about the time between two samples."""
    INTERVAL = "interval"
    """A mean or a list price over the period that starts at `effective_at`."""
    TRAILING_WINDOW = "trailing_window"
    """A share or mean over a window that ends at the observation."""
    REQUEST_SCORE = "request_score"
    """An answer to one request (types, count); not comparable with another request's."""


class CapacityType(StrEnum):
    """Karpenter's three ways to buy a machine."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"
    RESERVED = "reserved"


class RunOutcome(StrEnum):
    """How a feed run ended."""

    RUNNING = "running"
    OK = "ok"
    UNCHANGED = "unchanged"
    """The source said what it said at the last good run."""
    QUARANTINED = "quarantined"
    """It told of far less than last time: its rows are kept aside until a person has looked."""
    FAILED = "failed"
    KILLED = "killed"
    """Left running by a process that is gone; found by the next writer."""
    SKIPPED = "skipped"
    """Not attempted: the source says it has nothing for us (a region not opted in)."""


class InterruptionKind(StrEnum):
    """What was seen: the cloud's word that it will take the machine, or the machine gone."""

    ANNOUNCED = "announced"
    TAKEN = "taken"


class EndedBy(StrEnum):
    """Why a machine's time at risk ended."""

    INTERRUPTED = "interrupted"
    POLICY = "policy"
    """A known rule of the provider, such as GCP's 24 h limit: not an interruption."""
    USER = "user"
    STILL_RUNNING = "still_running"
    """Right-censored: it was alive when the observation stopped."""


class ProbeKind(StrEnum):
    """How an availability series was measured. Different quantities; never pooled blindly."""

    LAUNCH_PROBE = "launch_probe"
    """A fresh machine is asked for at every tick and given back: obtainability."""
    HELD_INSTANCE = "held_instance"
    """One machine is kept until it is taken, then asked for again: survival."""
    HELD_FLEET = "held_fleet"
    """The size of a fleet that is kept at a target."""


@dataclass(frozen=True, slots=True, order=True)
class Pool:
    """A spot capacity pool: what one can buy in one place.

    ``zone`` is the zone id where the provider has one (AWS ``use1-az4``: names such as
    ``us-east-1a`` mean different places in different accounts), elsewhere the zone's name;
    `REGIONAL` marks a fact of the whole region.
    """

    provider: str
    region: str
    zone: str
    instance_type: str


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A machine shape. ``gpu_memory_gib`` is per GPU; ``gpu_count`` 0 means it has none."""

    provider: str
    instance_type: str
    vcpu: float
    memory_gib: float
    architecture: str
    """Kubernetes' word: ``amd64`` or ``arm64``; otherwise the provider's own."""
    gpu_name: str | None
    gpu_count: int
    gpu_memory_gib: float | None
    local_disk_gb: float | None
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class AvailableType:
    """The provider says that this pool exists, whether or not it has capacity now."""

    pool: Pool
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class ZoneAlias:
    """One account's name for a zone id; ``account`` is ``*`` where names mean the same to all."""

    provider: str
    account: str
    region: str
    zone_name: str
    zone_id: str
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class SpotPrice:
    """A spot price per machine and hour, in the currency the source gave."""

    pool: Pool
    effective_at: datetime
    price_per_hour: float
    currency: str
    semantics: Semantics
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class OnDemandPrice:
    """A list price per machine and hour, without commitment, in force from `effective_at`."""

    provider: str
    region: str
    instance_type: str
    effective_at: datetime
    price_per_hour: float
    currency: str
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Signal:
    """Anything that hints at risk, with its own definition: no two clouds mean the same.

    A band has both ends; a point has them equal; ``value_high`` None is an open band.
    ``detail`` is what else the source said, or the request that a score answers, as JSON.
    ``subject`` keeps apart what one pool is told of at one moment: the fingerprint of a request, a
    machine, an event's id.
    """

    pool: Pool
    observed_at: datetime
    definition: str
    value_low: float
    value_high: float | None
    source: str
    detail: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Interruption:
    """The cloud took, or announced it takes, a machine. Stored even if the pool is unknown."""

    provider: str
    region: str | None
    zone: str | None
    instance_type: str | None
    node: str
    kind: InterruptionKind
    occurred_at: datetime
    notice_seconds: float | None
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Exposure:
    """One machine's time at risk. Interruptions without exposure are not a rate.

    The end is known to lie between ``last_alive_at`` and ``ended_at``; ``ended_at`` is None
    for a machine that was still running when the observation stopped.
    """

    provider: str
    region: str | None
    zone: str | None
    instance_type: str
    node: str
    launched_at: datetime
    last_alive_at: datetime
    ended_at: datetime | None
    ended_by: EndedBy
    end_reason: str
    source: str


@dataclass(frozen=True, slots=True)
class AvailabilityTick:
    """How many of ``target_capacity`` machines one probe had at one moment."""

    trace_id: str
    tick: int
    provider: str
    region: str | None
    zone: str
    instance_type: str
    probe_kind: ProbeKind
    target_capacity: int
    available: int
    observed_at: datetime
    observed_at_is_approximate: bool
    offset_seconds: float
    spot_usd_per_hour: float | None
    source: str


@dataclass(frozen=True, slots=True)
class StartDuration:
    """One part of one start that was seen in the user's own cluster; see `start_duration`.

    ``way`` is how it was done, None for the plain way; ``subject`` the NodeClaim, or the pod and
    container: what cannot start twice. ``size_gb`` is in 10^9 bytes, None if nothing told it.
    """

    part: str
    provider: str
    region: str | None
    zone: str | None
    instance_type: str | None
    image: str | None
    model: str | None
    way: str | None
    seconds: float
    size_gb: float | None
    subject: str
    observed_at: datetime
    source: str

    @property
    def key(self) -> tuple[str, str, datetime]:
        """What tells it from every other part of a start in its cluster."""
        return self.part, self.subject, self.observed_at


@dataclass(frozen=True, slots=True)
class RiskForecast:
    """P(interrupted within ``horizon_seconds``) for a machine in the pool, as issued."""

    pool: Pool
    issued_at: datetime
    horizon_seconds: float
    probability: float
    probability_low: float
    probability_high: float
    model_version: str
    grade: str
    evidence_until: datetime | None
    drivers: str
    """JSON: additive contributions to the logit, strongest first."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What was recommended, to which question, and why; the outcome is scored later."""

    advice_id: str
    issued_at: datetime
    kind: str
    demand: str
    policy: str
    answer: str
    model_version: str
    data_as_of: datetime


@dataclass(frozen=True, slots=True)
class Replacement:
    """One transition in the hand-over of one node; the newest row is its present state."""

    replacement_id: str
    changed_at: datetime
    state: str
    node: str
    pool: Pool
    mechanism: str
    reason: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class Offering:
    """A pool one can buy now, with the shape of its machine and the price in force.

    ``usd_per_hour`` is None if the currency has no known rate; ``price_per_hour`` stays as the
    source gave it. ``price_observed_at`` is when the price was last known to be true.
    """

    pool: Pool
    capacity_type: CapacityType
    price_per_hour: float
    currency: str
    usd_per_hour: float | None
    price_semantics: Semantics
    price_source: str
    price_observed_at: datetime
    on_demand_usd_per_hour: float | None
    instance_type: InstanceType


Record = (
    InstanceType
    | AvailableType
    | ZoneAlias
    | SpotPrice
    | OnDemandPrice
    | Signal
    | Interruption
    | Exposure
    | AvailabilityTick
    | StartDuration
)
"""What a feed or a look at a cluster may yield."""
