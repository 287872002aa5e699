"""How many spare replicas to hold: what runs where, the plan, and its rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from advisor import Demand, Policy
from advisor.headroom import Headroom, Spares, plan_headroom
from advisor.headroom import Workload as Held
from api.answers import Answer, Known, answer_of
from api.errors import UsageError
from api.settings import Settings
from warehouse.records import REGIONAL, Pool

PLACES = 3
"""Pools over which replicas are spread where nobody says where they are: one pool lost leaves two
thirds, and few services have more zones."""

TARGET = 0.99
"""P(enough replicas outlast the lead time) unless asked otherwise: a service that is short in one
lead time of a hundred."""

HELD = re.compile(r"(?P<type>[^@=]+)@(?P<zone>[^@=]+)=(?P<count>\d+)")


@dataclass(frozen=True, slots=True)
class HeadroomAnswer:
    """The plan, what it was made for, and what it rests on."""

    plan: Headroom
    running: Held
    target: float
    answer: Answer
    is_spread: bool
    """Whether the replicas were spread over the best pools, as nobody said where they are."""
    stale_since: datetime | None
    """When the oldest risk that is too old was observed; None if none is."""

    @property
    def is_stale(self) -> bool:
        """Whether the risk, or the best price, is too old to stand for now."""
        best = self.answer.ranking.ranked[:1]
        return self.stale_since is not None or any(map(self.answer.is_stale, best))


def headroom_of(
    settings: Settings,
    known: Known,
    demand: Demand,
    policy: Policy,
    *,
    needed: int | None = None,
    held: Sequence[str] = (),
    pools: int = PLACES,
    target: float = TARGET,
) -> HeadroomAnswer:
    """The spares for the replicas that are needed, held where ``held`` says (``TYPE@ZONE=N``).

    Raises:
        NoAnswerError: nothing is left of the market.
        UsageError: what is held is not to be read, or in no pool with a price.
        AdvisorError: no forecast reaches as far as the lead time.
    """
    answer = answer_of(settings, known, demand, policy)
    wanted = needed or demand.count
    replicas = held_in(held, known, policy) if held else _spread(answer, wanted, pools)
    ahead = max(demand.looks_ahead(pool.provider) for pool in replicas)
    running = Held(replicas, wanted, ahead, _prices(known))
    plan = plan_headroom(running, known.hazards, target)
    stale = [
        one.observed_at
        for pool in plan.lost_within
        for one in known.hazards.get(pool, ())
        if one.is_stale(known.now)
    ]
    return HeadroomAnswer(plan, running, target, answer, not held, min(stale, default=None))


def held_in(held: Sequence[str], known: Known, policy: Policy) -> dict[Pool, int]:
    """The replicas that were named, by the market's pool of that type and zone.

    Raises:
        UsageError: one is not written so, or names no pool, or several.
    """
    replicas: dict[Pool, int] = {}
    for text in held:
        match = HELD.fullmatch(text)
        if match is None:
            raise UsageError(f"held {text!r}: write TYPE@ZONE=N, such as g5.xlarge@use1-az4=2")
        named = [
            one.pool
            for one in known.universe.offerings
            if one.pool.instance_type == match["type"]
            and match["zone"] in {one.pool.zone, one.pool.region}
            and (not policy.providers or one.pool.provider in policy.providers)
            and (not policy.regions or one.pool.region in policy.regions)
        ]
        if len(set(named)) != 1:
            found = "no such pool has a price" if not named else "several pools are named so"
            raise UsageError(f"held {text!r}: {found}; give one provider and one region as well")
        replicas[named[0]] = replicas.get(named[0], 0) + int(match["count"])
    return replicas


def _spread(answer: Answer, wanted: int, pools: int) -> dict[Pool, int]:
    """The wanted replicas, evenly over the best pools of known risk."""
    best = [one.offering.pool for one in answer.ranking.ranked if one.hazard is not None][:pools]
    best = best or [one.offering.pool for one in answer.ranking.ranked[:pools]]
    return {
        pool: wanted // len(best) + (place < wanted % len(best)) for place, pool in enumerate(best)
    }


def _prices(known: Known) -> dict[Pool, float]:
    return {
        one.pool: one.usd_per_hour
        for one in known.universe.offerings
        if one.usd_per_hour is not None
    }


def headroom_notes(made: HeadroomAnswer) -> list[str]:
    """What the rows do not say."""
    plan, running = made.plan, made.running
    minutes = running.lead_time / timedelta(minutes=1)
    where = "spread over the best pools" if made.is_spread else "held"
    places = places_text(running.replicas)
    notes = [f"{running.needed} replicas must outlast {minutes:g} min; {where}: {places}."]
    if plan.unknown:
        unknown = ", ".join(map(place_text, plan.unknown))
        notes.append(f"Risk unknown, so counted as lost: {unknown}.")
    if plan.out_of_reach:
        notes.append(f"{plan.out_of_reach}.")
    if chosen := plan.by_forecast:
        covered, wanted = share_text(chosen.covered), share_text(made.target)
        notes.append(f"Hold {chosen.spares} spare: {covered} against {wanted}.")
    return [*notes, "A pool is taken to be lost as a whole, and pools independently of each other."]


def headroom_rows(plan: Headroom) -> list[dict[str, Any]]:
    """By forecast, if a number of spares meets the target, and the static rules."""
    return [_row(one) for one in (plan.by_forecast, *plan.static) if one]


def _row(spares: Spares) -> dict[str, Any]:
    return {
        "rule": spares.rule,
        "spares": spares.spares,
        "usd_per_hour": spares.usd_per_hour,
        "covered": spares.covered,
        "short": spares.short,
        "places": places_text(spares.places) or "-",
    }


def place_text(pool: Pool) -> str:
    """``g5.xlarge@use1-az4``, or with the region where the price is the region's."""
    where = pool.region if pool.zone == REGIONAL else pool.zone
    return f"{pool.instance_type}@{where}"


def places_text(places: Mapping[Pool, int]) -> str:
    """The places that hold something, each with its number."""
    return ", ".join(
        f"{place_text(pool)}={count}" for pool, count in sorted(places.items()) if count
    )


def share_text(value: float) -> str:
    """In per cent, with as many digits as count."""
    return f"{100 * value:.7g}%"


def pod_requests(demand: Demand) -> dict[str, str]:
    """What one replica asks of a node, as Kubernetes writes it."""
    resource = "amd.com/gpu" if demand.gpu_manufacturer == "amd" else "nvidia.com/gpu"
    gpus = demand.gpus or (1 if demand.wants_gpu else 0)
    asked = {
        resource: str(gpus) if gpus else None,
        "cpu": None if demand.vcpus_min is None else f"{round(1000 * demand.vcpus_min)}m",
        "memory": (
            None if demand.memory_min_gib is None else f"{round(1024 * demand.memory_min_gib)}Mi"
        ),
    }
    return {name: amount for name, amount in asked.items() if amount}
