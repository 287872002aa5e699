"""Whether a workload goes back to spot: what it is decided on, and the row that tells it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from advisor import Ranked
from advisor.fallback import Decision, FallbackSettings, SpotOffer, Stay, decide
from api.answers import BASIS_NOTES
from api.choices import Choice
from api.errors import UsageError
from warehouse.records import REGIONAL


@dataclass(frozen=True, slots=True)
class Return:
    """A decision, the offering that it is told with, and what must be said of it."""

    decision: Decision
    row: dict[str, Any]
    notes: Sequence[str]


def return_of(
    choice: Choice,
    stay: Stay,
    settings: FallbackSettings,
    *,
    on_demand_price: float | None,
    capacity: bool | None,
) -> Return:
    """Whether the workload moves now.

    Raises:
        UsageError: a time of the stay is in the future.
    """
    now = choice.answer.now
    for name, time in (("since", stay.since), ("lost", stay.lost_at), *_named(stay.moves)):
        if time is not None and time > now:
            raise UsageError(f"{name}: {time:%Y-%m-%d %H:%M}Z is in the future")
    listed = _listed(choice.ranked) if on_demand_price is None else on_demand_price
    offers = [_offer(one, choice, listed, capacity) for one in choice.ranked]
    decision = decide(stay, offers, now, settings)
    notes = [
        f"{decision.reason[0].upper()}{decision.reason[1:]}.",
        BASIS_NOTES[choice.answer.risk_basis],
    ]
    if on_demand_price is None and listed is not None:
        notes.append(
            f"On demand: {listed:.4f} USD an hour, the lowest list price of these machines."
        )
    row = _row(decision, decision.offer or offers[0])
    return Return(decision, row, [*notes, *choice.answer.notes])


def _named(moves: Sequence[datetime]) -> list[tuple[str, datetime]]:
    return [("moved", one) for one in moves]


def _listed(ranked: Sequence[Ranked]) -> float | None:
    """What the workload can be had for on demand; None if no list price is known."""
    known = (one.offering.on_demand_usd_per_hour for one in ranked)
    return min((usd for usd in known if usd is not None), default=None)


def _offer(
    one: Ranked,
    choice: Choice,
    listed: float | None,
    capacity: bool | None,  # noqa: FBT001 - unknown is a third answer
) -> SpotOffer:
    pool = one.offering.pool
    place = pool.region if pool.zone == REGIONAL else pool.zone
    return SpotOffer(
        name=f"{pool.instance_type} in {place}",
        cost_low_usd_per_hour=one.cost_low_usd_per_hour,
        cost_usd_per_hour=one.cost_usd_per_hour,
        cost_high_usd_per_hour=one.cost_high_usd_per_hour,
        on_demand_usd_per_hour=listed,
        is_stale=choice.answer.is_stale(one),
        is_obtainable=capacity,
    )


def _row(decision: Decision, shown: SpotOffer) -> dict[str, Any]:
    return {
        "decision": "move" if decision.is_move else "stay",
        "capacity_type": decision.capacity_type.value,
        "pool": shown.name,
        "cost_low_usd_per_hour": shown.cost_low_usd_per_hour,
        "cost_usd_per_hour": shown.cost_usd_per_hour,
        "cost_high_usd_per_hour": shown.cost_high_usd_per_hour,
        "on_demand_usd_per_hour": shown.on_demand_usd_per_hour,
        "ask_again_at": decision.ask_again_at,
        "reason": decision.reason,
    }
