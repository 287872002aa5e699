"""Karpenter's manifests, made for a request: NodePool, NodeOverlay, NodeClaim and spare room."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from advisor import Demand, Policy
from advisor.karpenter.budgets import CAUTIOUS_BUDGETS, budget
from advisor.karpenter.buffer import Spare
from advisor.karpenter.labels import provider_labels
from advisor.karpenter.nodeoverlay import OverlaySettings, check_has_overlays
from advisor.karpenter.nodepool import NodePoolSettings
from api.answers import stale_note
from api.choices import Choice, cloud_of
from api.errors import StaleDataError
from api.making import NodePoolWishes, RoomKind, claim_of, nodepools_of, overlays_of, room_of
from api.service.manifests import (
    ChoiceFields,
    ManifestsOut,
    choice_in_region,
    manifests_of_choice,
    wished,
)
from api.service.manifests_in import Manifests
from api.service.nodepools_in import one_nodepool
from api.service.state import Service
from api.service.wishes import Asked

Name = Annotated[str, Field(max_length=253)]
"""As long as Kubernetes lets a name be."""
Texts = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=50)]
Quantities = Annotated[
    dict[Annotated[str, Field(max_length=317)], Annotated[str, Field(max_length=40)]],
    Field(max_length=50),
]
"""By resource; a name may have a prefix of 253 characters before its own 63."""


class NodePoolFields(ChoiceFields):
    """How a NodePool treats its nodes."""

    name: Name = Field(default="gpu-spot", description="Of the NodePool.")
    node_class: Name = Field(default="default", description="Name of its node class.")
    gpu_limit: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Most GPUs of all its nodes together."
    )
    min_types: int | None = Field(
        default=None, ge=1, le=50, description="Types that must stay in reach of each launch."
    )
    weight: int | None = Field(
        default=None, ge=1, le=100, description="The NodePool of the highest is tried first."
    )
    per_zone: bool = Field(
        default=False, description="As many NodePools as say exactly the choice; else one."
    )
    with_on_demand: bool = Field(
        default=False, description="Also a NodePool of the same machines on demand, tried last."
    )
    warming_taint: bool = Field(
        default=False, description="Keep pods off a new node until its model is there."
    )
    warm_when: Texts = Field(
        default_factory=list,
        description="Model caches that new nodes wait for.",
        examples=[["dataset/serving/r1"]],
    )
    budget: Texts = Field(
        default_factory=list,
        description="Nodes that may go at once; none for `10%` and `1; reasons=Drifted`.",
        examples=[["10%"]],
    )
    expire_after: str = Field(default="720h", max_length=40, description="Oldest age, or Never.")
    termination_grace_period: str | None = Field(
        default=None, max_length=40, description="Longest drain; then pods are deleted."
    )

    def wishes(self, maker: str | None) -> NodePoolWishes:
        """As the maker takes it; ``maker`` is of the GPUs.

        Raises:
            ManifestError: a value is none that Kubernetes would take.
        """
        settings = NodePoolSettings(
            name=self.name,
            node_class=self.node_class,
            weight=self.weight,
            gpu_limit=self.gpu_limit,
            gpu_resource="amd.com/gpu" if maker == "amd" else "nvidia.com/gpu",
            expire_after=self.expire_after,
            termination_grace_period=self.termination_grace_period,
            budgets=tuple(map(budget, self.budget)) if self.budget else CAUTIOUS_BUDGETS,
            min_instance_types=self.min_types,
            warming_taint=self.warming_taint,
        )
        return NodePoolWishes(
            settings=settings,
            per_zone=self.per_zone,
            with_on_demand=self.with_on_demand,
            warm_when=self.warm_when,
        )


class NodePoolIn(Asked, NodePoolFields):
    """Demand, policy (one provider, one region) and how the NodePool treats its nodes."""


class OverlayFields(ChoiceFields):
    """How a set of overlays is written."""

    name: Name = Field(default="spotcast-risk", description="Names of its overlays begin with it.")
    nodepool: Annotated[list[Name], Field(max_length=50)] = Field(
        default_factory=list, description="Only for these NodePools; none for every one."
    )
    band_share: float = Field(
        default=0.05, ge=0.001, le=10, description="Between two premiums; 0.05 is 5%."
    )
    unknown_premium_share: float | None = Field(
        default=None,
        ge=0,
        le=1_000,
        description="On pools of unknown risk; null for so much that all others go before them.",
    )

    def settings(self) -> OverlaySettings:
        """As the maker takes it.

        Raises:
            ManifestError: a value is none that an overlay could have.
        """
        return OverlaySettings(
            name=self.name,
            nodepools=tuple(self.nodepool),
            band_share=self.band_share,
            unknown_share=self.unknown_premium_share,
        )


class OverlayIn(Asked, OverlayFields):
    """Demand, policy (one provider, one region) and how the overlays are written."""


class ClaimIn(Asked, ChoiceFields):
    """Demand, policy (one provider, one region) and the NodePool that the claim belongs to."""

    nodepool: Manifests
    name: Name | None = Field(default=None, description="Null: made of the pool and the time.")
    requests: Quantities = Field(
        default_factory=dict,
        description="What its pods ask for; none for the machine's GPUs.",
        examples=[{"nvidia.com/gpu": "1"}],
    )


class RoomIn(BaseModel):
    """Room that is kept for replicas."""

    model_config = ConfigDict(extra="forbid")

    provider: Literal["aws", "alibaba", "gcp", "azure"]
    nodepool: Annotated[list[Name], Field(min_length=1, max_length=50)] = Field(
        description="Where to keep the room.", examples=[["gpu-spot"]]
    )
    replicas: int = Field(default=1, ge=1, le=10_000, description="To keep room for.")
    requests: Quantities = Field(
        default_factory=dict, description="Of each replica; none for one NVIDIA GPU."
    )
    kind: RoomKind | None = Field(
        default=None, description="Null: a CapacityBuffer where the provider has it."
    )
    name: Name = Field(default="gpu-headroom", description="Of the objects.")
    namespace: Name = "default"


def nodepool_manifests(
    service: Service, demand: Demand, policy: Policy, asked: NodePoolFields
) -> ManifestsOut:
    """The NodePools of the best offerings of one region."""
    choice = choice_in_region(service, demand, policy, asked.types_max)
    return manifests_of_choice(nodepools_of(choice, asked.wishes(demand.gpu_manufacturer)), choice)


def overlay_manifests(
    service: Service, demand: Demand, policy: Policy, asked: OverlayFields
) -> ManifestsOut:
    """The NodeOverlays of the best offerings of one region.

    Raises:
        StaleDataError: they would have expired before they are applied.
    """
    settings = asked.settings()
    check_has_overlays(cloud_of(policy))
    choice = choice_in_region(service, demand, policy, asked.types_max)
    _check_fresh(choice)
    return manifests_of_choice(overlays_of(choice, settings), choice)


def _check_fresh(choice: Choice) -> None:
    if choice.is_stale:
        raise StaleDataError(
            f"No NodeOverlay is made of this: a premium that has expired misleads Karpenter. "
            f"{stale_note(choice.ranked, choice.answer)}"
        )


def claim_manifest(service: Service, asked: ClaimIn) -> ManifestsOut:
    """The NodeClaim of the best offering that the NodePool allows."""
    owner = one_nodepool(asked.nodepool, "nodepool")
    demand, policy = wished(asked)
    choice = choice_in_region(service, demand, policy, asked.types_max)
    made = claim_of(owner, choice, name=asked.name, requests=asked.requests or None)
    return manifests_of_choice(made, choice)


def room_manifests(service: Service, asked: RoomIn) -> ManifestsOut:
    """What keeps room for replicas; it rests on no price."""
    provider_labels(asked.provider)
    spare = Spare(
        name=asked.name,
        nodepools=tuple(asked.nodepool),
        replicas=asked.replicas,
        requests=asked.requests or {"nvidia.com/gpu": "1"},
        namespace=asked.namespace,
    )
    made = room_of(asked.provider, spare, asked.kind)
    items = [dict(one) for one in made.documents]
    return ManifestsOut(items=items, as_of=service.clock(), notes=list(made.notes))
