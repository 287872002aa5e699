"""Pods packed onto the least-cost nodes of one region."""

import json
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from advisor.packing import NodeSettings, PackingSettings, Taint, Workload, read_pods
from api.answers import answer_of, stale_note, with_list_prices
from api.errors import UsageError
from api.rows.packing import (
    check_one_region,
    label_of,
    node_rows,
    packed,
    packed_about,
    packed_notes,
    taint_of,
)
from api.service.manifests import wished
from api.service.manifests_in import Given, Manifests, documents_in
from api.service.solving import solving
from api.service.state import Service
from api.service.wishes import Asked

MOST_PODS = 2_000
"""Pods of one question: what the benchmark packs in seconds."""
MOST_KINDS = 200
"""Pods that ask for different things, for which the search grows the most."""
LONGEST = 10.0
"""Seconds that a search may take."""

Texts = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=50)]


class PackIn(Asked):
    """Demand and policy (one provider, one region) of the nodes, and the pods for them."""

    pods: Manifests
    daemonsets: Manifests | None = Field(
        default=None, description="DaemonSets that run on each node, in the same form."
    )
    spot_only: bool = Field(default=False, description="Buy nothing on demand.")
    unknown_risk: bool = Field(
        default=False, description="Also buy spot of unknown risk, counted at its price alone."
    )
    node_label: Texts = Field(
        default_factory=list, description="KEY=VALUE that the NodePool adds.", examples=[["a=b"]]
    )
    taint: Texts = Field(
        default_factory=list,
        description="KEY[=VALUE]:EFFECT of every node.",
        examples=[["team=ml:NoSchedule"]],
    )
    untainted_gpus: bool = Field(
        default=False, description="GPU nodes carry no taint nvidia.com/gpu:NoSchedule."
    )
    time_limit_seconds: float = Field(
        default=5.0, ge=0.1, le=LONGEST, description="How long to search, at most."
    )

    def settings(self) -> PackingSettings:
        """How to pack.

        Raises:
            UsageError: a label or a taint is none.
        """
        taints: tuple[Taint, ...] = tuple(map(taint_of, self.taint))
        return PackingSettings(
            node=NodeSettings(
                labels=dict(map(label_of, self.node_label)),
                taints=taints,
                taint_accelerators=not self.untainted_gpus,
            ),
            zones=tuple(self.policy.zone),
            architecture=self.demand.architecture or "amd64",
            time_limit=timedelta(seconds=self.time_limit_seconds),
        )


class NodesOut(BaseModel):
    """Nodes of one kind that run the same pods."""

    nodes: int
    provider: str
    region: str
    zone: str = Field(description="`any` where it does not matter.")
    instance_type: str
    capacity_type: str
    usd_per_hour: float = Field(description="Of each, with the cost of interruptions.")
    price_usd_per_hour: float | None
    pods: int = Field(description="On each.")
    cpu_used_share: float | None
    memory_used_share: float | None
    accelerators: str
    wasted_usd_per_hour: float | None
    allocatable: dict[str, int] = Field(description="For pods; cpu in thousandths.")
    used: dict[str, int]
    runs: str


class UnplacedOut(BaseModel):
    """Pods without a place."""

    pod: str
    count: int
    reason: str
    remedy: str


class SingleOut(BaseModel):
    """One machine that would hold all pods."""

    instance_type: str
    capacity_type: str
    usd_per_hour: float


class PackOut(BaseModel):
    """What to buy, what runs where, and what cannot run."""

    items: list[NodesOut] = Field(description="The nodes, dearest first.")
    unplaced: list[UnplacedOut]
    usd_per_hour: float
    bound_usd_per_hour: float = Field(description="No packing of these pods costs less: proven.")
    gap_share: float
    is_optimal: bool
    first_fit_usd_per_hour: float
    placed: int = Field(description="Pods that have a place.")
    smallest_single_machine: SingleOut | None
    risk_basis: str
    as_of: datetime
    data_as_of: datetime | None
    is_stale: bool
    notes: list[str]


def pack_answer(service: Service, asked: PackIn) -> PackOut:
    """The least-cost nodes found in time.

    Raises:
        BusyError: all solvers are at work.
        NoAnswerError: nothing is left of the market.
        PodError: a manifest that cannot be packed as it stands.
        ManifestError: no manifests at all.
        UsageError: no single region, no pods, or more than are packed here.
    """
    demand, policy = wished(asked)
    check_one_region(policy)
    settings = asked.settings()
    workload = _workload(asked)
    known = service.markets.view().known
    if not asked.spot_only:
        known = with_list_prices(known, policy)
    answer = answer_of(service.settings, known, demand, policy)
    with solving(service):
        made = packed(workload, answer, settings, by_price=asked.unknown_risk)
    about = packed_about(made)
    stale = [stale_note(made.used, answer)] if made.is_stale else []
    return PackOut.model_validate(
        {
            **about,
            "items": node_rows(made.packing),
            "as_of": about["now"],
            "is_stale": made.is_stale,
            "notes": [*stale, *packed_notes(made)],
        }
    )


def _workload(asked: PackIn) -> Workload:
    read = _read(asked.pods, "body.pods")
    more = Workload((), ())
    if asked.daemonsets is not None:
        more = _read(asked.daemonsets, "body.daemonsets")
        if more.pods or not more.daemons:
            raise UsageError("body.daemonsets: DaemonSets are wanted, and nothing else")
    daemons = {(one.namespace, one.name): one for one in (*read.daemons, *more.daemons)}
    if not read.pods:
        raise UsageError("body.pods: no pods to place")
    pods = sum(one.count for one in read.pods)
    if pods > MOST_PODS or len(read.pods) > MOST_KINDS:
        raise UsageError(
            f"body.pods: {pods} pods of {len(read.pods)} manifests; at most {MOST_PODS} of "
            f"{MOST_KINDS} are packed here. `spotcast pack` takes any number"
        )
    return Workload(read.pods, tuple(daemons.values()), (*read.notes, *more.notes))


def _read(given: Given, field: str) -> Workload:
    documents = documents_in(given, field)
    return read_pods(given if isinstance(given, str) else json.dumps(documents), field)
