"""Where the replacement of a node may stand: pools that are known, allowed, and not at risk.

A pool counts only by what is known of it and fresh: of unknown risk is not safe. The machine is as
large as the old one, so that whatever stood there fits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from advisor.demand import Demand, gpu_manufacturer
from advisor.errors import ManifestError
from advisor.karpenter.labels import HELD_BY, OURS
from advisor.karpenter.machine_labels import machine_labels
from advisor.karpenter.nodeclaim import CORE_KEYS, is_of_provider, node_claim
from advisor.planning.drift import Allowed, allowed_by, requirements_of, unmet
from advisor.policy import Policy
from advisor.ranking import Ranked, rank_in
from advisor.replacement.records import NodePoolState, Snapshot
from advisor.replacement.settings import Claims, GuardSettings
from advisor.universe import Universe
from warehouse.records import REGIONAL, CapacityType, InstanceType, Offering, Pool

MOST = 3
"""So many pools are named; a NodeClaim that finds no machine is tried in the next of them."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A pool in which a replacement may stand, with its price and its risk within the lead time.

    ``manifest`` is a NodeClaim for it (`advisor.karpenter.nodeclaim.node_claim`), None where none
    is to be made; its name is only a beginning, each hand-over makes one of its own.
    """

    pool: Pool
    manifest: Mapping[str, Any] | None = None
    usd_per_hour: float | None = None
    probability: float | None = None

    @property
    def text(self) -> str:
        """``g6.xlarge use1-az6 (0.45 USD/h, risk 3 %)``."""
        price = "" if self.usd_per_hour is None else f"{self.usd_per_hour:.3g} USD/h"
        risk = "" if self.probability is None else f"risk {100 * self.probability:.2g} %"
        told = ", ".join(one for one in (price, risk) if one)
        return f"{self.pool.instance_type} {self.pool.zone}" + (f" ({told})" if told else "")


class Places:
    """A market in which places are looked for; its arrays are made once."""

    def __init__(
        self, universe: Universe, settings: GuardSettings, now: datetime, max_age: timedelta
    ) -> None:
        """``max_age`` is how old a price may be to stand for now."""
        self._universe = universe
        self._settings = settings
        self._now = now
        self._max_age = max_age
        self._shapes: dict[tuple[str, str], InstanceType] = {
            (one.pool.provider, one.pool.instance_type): one.instance_type
            for one in universe.offerings
        }
        self._found: dict[tuple[str, Pool], list[Destination]] = {}

    def of(self, snapshot: Snapshot, nodes: Iterable[str]) -> dict[str, list[Destination]]:
        """By node, best first; a node that no place is known for is left out."""
        found: dict[str, list[Destination]] = {}
        for name in nodes:
            node = snapshot.nodes[name]
            state = snapshot.nodepools.get(node.nodepool or "")
            if node.pool is None or state is None:
                continue
            key = (state.name, node.pool)
            if key not in self._found:
                self._found[key] = list(islice(self._places(node.pool, state), MOST))
            if self._found[key]:
                found[name] = self._found[key]
        return found

    def _places(self, pool: Pool, state: NodePoolState) -> Iterable[Destination]:
        shape = self._shapes.get((pool.provider, pool.instance_type))
        if shape is None:
            return
        policy = Policy(providers=(pool.provider,), regions=(pool.region,))
        asked = allowed_by(requirements_of(state.manifest))
        horizon = self._settings.lead_time(pool.provider).horizon
        for one in rank_in(self._universe, self._like(shape, pool), policy).ranked:
            probability = self._probability(one, horizon)
            if (
                probability is not None
                and probability <= self._settings.threshold
                and self._is_elsewhere(one.offering.pool, pool)
                and is_allowed(one.offering, asked)
            ):
                yield Destination(
                    one.offering.pool,
                    self._manifest(state, one.offering),
                    one.offering.usd_per_hour,
                    probability,
                )

    def _like(self, shape: InstanceType, pool: Pool) -> Demand:
        return Demand(
            gpus=shape.gpu_count,
            gpu_manufacturer=gpu_manufacturer(shape) if shape.gpu_count else "nvidia",
            gpu_memory_min_gib=shape.gpu_memory_gib if shape.gpu_count else None,
            vcpus_min=shape.vcpu,
            memory_min_gib=shape.memory_gib,
            architecture=shape.architecture,
            lead_time=self._settings.lead_time(pool.provider).serving,
            interruption_cost_usd=self._settings.outage_cost_usd,
        )

    def _probability(self, one: Ranked, horizon: timedelta) -> float | None:
        """P(lost within the horizon); None if price or risk is unknown or old."""
        is_old = self._now - one.offering.price_observed_at > self._max_age
        if one.hazard is None or one.hazard.is_stale(self._now) or is_old:
            return None
        if one.offering.usd_per_hour is None or one.offering.capacity_type != CapacityType.SPOT:
            return None
        return one.hazard.probability_within(horizon / timedelta(hours=1))

    def _is_elsewhere(self, one: Pool, old: Pool) -> bool:
        """A type's price for a whole region speaks of the old zone as well."""
        return one != old and not (one.zone == REGIONAL and one == replace(old, zone=REGIONAL))

    def _manifest(self, state: NodePoolState, offering: Offering) -> Mapping[str, Any] | None:
        if self._settings.claims is Claims.NEVER:
            return None
        try:
            return node_claim(
                state.manifest, offering, name=state.name, annotations={HELD_BY: OURS}
            )
        except ManifestError:
            # A NodePool of another provider, or one that no claim can be made for by hand.
            return None


def is_allowed(offering: Offering, asked: Mapping[str, Allowed]) -> bool:
    """Whether a NodePool takes the offering's machine, as far as can be told; unknown is no.

    A label of the user's own domain is given to whatever machine is asked for.
    """
    try:
        unmet_keys = unmet(machine_labels(offering), asked)
    except ManifestError:
        return False
    return not any(key in CORE_KEYS or is_of_provider(key) for key in unmet_keys)
