"""Karpenter's manifests of a choice, with what must be said of them.

One function for each kind, for the commands and for the server: they are made of the same choice by
the same rules, whoever asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from advisor.karpenter.buffer import Spare, capacity_buffer, pause_pods
from advisor.karpenter.labels import WARM_WHEN, provider_labels
from advisor.karpenter.nodeclaim import claim_name, node_claim, not_allowed
from advisor.karpenter.nodeoverlay import (
    OverlaySettings,
    check_has_overlays,
    node_overlays,
    premium,
)
from advisor.karpenter.nodepool import NodePoolSettings
from advisor.karpenter.nodepools import nodepools
from advisor.karpenter.requirements import cross_product_extras, placed
from advisor.karpenter.traps import traps
from advisor.offerings import on_demand
from advisor.serving.awaited import awaited
from api.choices import Choice, extras_notes
from api.errors import NoAnswerError, UsageError
from warehouse.records import REGIONAL, CapacityType, Offering

AWS_NOTE = (
    "On AWS an overlay is a hint: one alone turns the spot strategy of every NodePool that it "
    "touches from price-capacity-optimized to capacity-optimized-prioritized, in which EC2 looks "
    "at capacity first and at these prices after that. --nodepool keeps it to the ones named."
)
PROVIDER_NOTES = {
    "aws": AWS_NOTE,
    "azure": "On Azure the overlaid price decides: the cheapest type and zone by it are bought.",
}
GATE_NOTE = (
    "Overlays need Karpenter's gate NodeOverlay (alpha, 1.7 and later), and each of them the "
    "condition Ready=True. Karpenter's own price metrics show overlaid prices from then on."
)
HAZARD_NOTE = (
    "Create one at a time. Until Karpenter has launched it, nothing else in the cluster is "
    "provisioned or disrupted: delete it if its condition Launched is not True after a minute."
)
RELEASE_NOTE = (
    "It is kept from disruption by karpenter.sh/do-not-disrupt: take that off the Node, not the "
    "NodeClaim, once its pods run."
)


@dataclass(frozen=True, slots=True)
class Made:
    """Documents, with sentences that they cannot carry; ``text`` is another way to write them."""

    documents: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePoolWishes:
    """How NodePools are made of a choice."""

    settings: NodePoolSettings
    per_zone: bool = False
    """As many NodePools as say exactly the choice, by zone; else one."""
    with_on_demand: bool = False
    """Also a NodePool of the same machines on demand, tried last."""
    warm_when: Sequence[str] = field(default=())
    """The model caches that new nodes wait for."""

    def warmth(self) -> dict[str, str]:
        """The annotation that says what new nodes wait for; on the NodePool, so nothing drifts.

        Raises:
            UsageError: nothing would wait, as the nodes have no warming taint.
            ManifestError: a cache is written in another form.
        """
        if not self.warm_when:
            return {}
        if not self.settings.warming_taint:
            raise UsageError("warm-when is for nodes that wait: give the warming taint as well")
        return {WARM_WHEN: ",".join(map(str, awaited(",".join(self.warm_when))))}

    def offered(self, choice: Choice) -> list[Offering]:
        """The choice, and if wished the same machines on demand behind it."""
        chosen = choice.offerings
        twins = [twin for one in chosen if (twin := on_demand(one))] if self.with_on_demand else []
        return chosen + twins


def nodepools_of(choice: Choice, wishes: NodePoolWishes) -> Made:
    """The NodePools of the choice.

    Raises:
        ManifestError: they cannot be written.
        UsageError: wishes that contradict each other.
    """
    made = nodepools(
        wishes.offered(choice),
        wishes.settings,
        choice.annotations() | wishes.warmth(),
        per_zone=wishes.per_zone,
        with_fallback=wishes.with_on_demand,
    )
    return Made(made, list(_nodepool_notes(choice, wishes, len(made))))


def _nodepool_notes(choice: Choice, wishes: NodePoolWishes, count: int) -> Iterable[str]:
    chosen, gpu_limit = choice.offerings, wishes.settings.gpu_limit
    yield from traps(chosen, gpu_limit=gpu_limit)
    if not wishes.per_zone:
        extras = cross_product_extras(chosen)
        yield from extras_notes([f"{pool.instance_type} in {pool.zone}" for pool in extras])
    if count > 1 and gpu_limit is not None:
        yield f"Each of the {count} NodePools has the limit of {gpu_limit} GPUs for itself."
    if wishes.with_on_demand:
        listed = sum(one.capacity_type is CapacityType.ON_DEMAND for one in wishes.offered(choice))
        if listed < len(chosen):
            yield (
                f"{len(chosen) - listed} of {len(chosen)} pools have no known price on demand and "
                "are not in the fallback."
            )
    if wishes.settings.warming_taint:
        yield (
            "Nodes start with the taint spotcast.io/warming: until something takes it away, as "
            "`spotcast guard --mode act` does, nothing is scheduled on them. Switching it on "
            "replaces the nodes that run."
        )


def overlays_of(choice: Choice, settings: OverlaySettings) -> Made:
    """The overlays that add the expected cost of interruptions to the prices of the choice.

    Raises:
        ManifestError: they cannot be written, or the provider makes nothing of them.
    """
    check_has_overlays(choice.offerings[0].pool.provider)
    premiums = [
        premium(offering, one.cost_usd_per_hour)
        for one in choice.ranked
        for offering in placed([one.offering], choice.zones)
    ]
    made = node_overlays(
        premiums,
        settings,
        choice.annotations(),
        data_as_of=choice.data_as_of,
        expires_at=expires_at(choice),
    )
    return Made(made, list(_overlay_notes(choice, settings, is_empty=not made)))


def expires_at(choice: Choice) -> datetime:
    """When the oldest price is too old to stand for its present."""
    max_age: timedelta = choice.answer.max_age
    return choice.data_as_of + max_age


def _overlay_notes(choice: Choice, settings: OverlaySettings, *, is_empty: bool) -> Iterable[str]:
    unknown = sum(one.cost_usd_per_hour is None for one in choice.ranked)
    if is_empty:
        yield "No pool has a premium: nothing is known to add to the prices."
        return
    if unknown:
        told = (
            "a premium that puts them after all whose risk is known"
            if settings.unknown_share is None
            else f"the premium that was set, {100 * settings.unknown_share:g}% and up to its band"
        )
        yield f"Risk unknown for {unknown} of {len(choice.ranked)} pools: they get {told}."
    yield GATE_NOTE
    yield PROVIDER_NOTES[choice.offerings[0].pool.provider]
    until = expires_at(choice).isoformat(timespec="minutes").replace("+00:00", "Z")
    yield (
        f"They hold until {until}: renew them, or delete those that "
        f"`spotcast nodeoverlay --prune` lists."
    )


def claim_of(
    owner: Mapping[str, Any],
    choice: Choice,
    *,
    name: str | None = None,
    requests: Mapping[str, str] | None = None,
) -> Made:
    """The NodeClaim for the best offering that the NodePool allows.

    Raises:
        NoAnswerError: it allows none; says why not the best.
        ManifestError: it cannot be written.
    """
    offering, notes = _best_allowed(owner, choice)
    claim = node_claim(
        owner,
        offering,
        name=name or claim_name(owner["metadata"]["name"], offering.pool, choice.answer.now),
        requests=requests,
        annotations=choice.annotations(),
    )
    return Made([claim], [*notes, *_claim_notes(owner, offering)])


def _best_allowed(owner: Mapping[str, Any], choice: Choice) -> tuple[Offering, list[str]]:
    reasons: list[str] = []
    for offering in choice.offerings:
        reason = not_allowed(owner, offering)
        if reason is None:
            told = f"{len(reasons)} better pools are not allowed by the NodePool: "
            return offering, [f"{told}{reasons[0]}."] if reasons else []
        reasons.append(reason)
    raise NoAnswerError(
        f"NodePool {owner['metadata']['name']} allows none of the {len(reasons)} pools: "
        f"{reasons[0]}."
    )


def _claim_notes(owner: Mapping[str, Any], offering: Offering) -> Iterable[str]:
    pool = offering.pool
    price = (
        "of unknown price"
        if offering.usd_per_hour is None
        else f"{offering.usd_per_hour:.4f} USD an hour"
    )
    place = "a zone that Karpenter chooses" if pool.zone == REGIONAL else pool.zone
    yield f"Asks for one {pool.instance_type} in {place}, {price}."
    yield from traps([offering])
    if not owner["metadata"].get("uid"):
        yield (
            "The NodePool's manifest has no uid, as it is not from the cluster: deleting the "
            "NodePool will not delete this claim, and a change of its template will not drift it."
        )
    yield HAZARD_NOTE
    yield RELEASE_NOTE


class RoomKind(StrEnum):
    """How room is kept."""

    CAPACITY_BUFFER = "capacity-buffer"
    PAUSE_PODS = "pause-pods"


def room_of(provider: str, spare: Spare, kind: RoomKind | None) -> Made:
    """What keeps room for replicas; of no kind, a CapacityBuffer where the provider has it.

    Raises:
        ManifestError: the provider is not known, or has no CapacityBuffer.
    """
    labels = provider_labels(provider)
    chosen = kind or (
        RoomKind.CAPACITY_BUFFER if labels.has_capacity_buffer else RoomKind.PAUSE_PODS
    )
    asked = ", ".join(f"{amount} {resource}" for resource, amount in spare.requests.items())
    costs = (
        f"Keeps {spare.replicas} x {asked} free in {', '.join(spare.nodepools)}: machines that are "
        "paid for while they wait, and are interrupted like any other of their pool."
    )
    if chosen is RoomKind.CAPACITY_BUFFER:
        gate = (
            "A CapacityBuffer needs Karpenter 1.14 and its gate CapacityBuffer (alpha). It keeps "
            "nodes from going as empty, and from nothing else."
        )
        return Made(capacity_buffer(provider, spare), [gate, costs])
    instead = f"Karpenter for {provider} has no CapacityBuffer: pause pods do the same."
    yields = (
        "Pause pods yield to any pod of priority 0 or more; pods of a lower priority than -10 get "
        "no place from them."
    )
    return Made(pause_pods(spare), [*([] if kind else [instead]), yields, costs])
