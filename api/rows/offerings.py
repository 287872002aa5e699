"""Ranked offerings as rows: the same fields in every format and over HTTP, in every order."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from advisor import Ranked
from advisor.explain import explanation
from advisor.hazards import window_text
from advisor.ranking import RankedRows
from api.answers import Answer


class Sort(StrEnum):
    """By what an answer is ordered; what is unknown comes last."""

    COST = "cost"
    PRICE = "price"
    SAVING = "saving"
    RISK = "risk"
    TYPE = "type"
    AGE = "age"


def row_of(ranked: Ranked, answer: Answer) -> dict[str, Any]:
    """One offering as every format shows it; null is unknown."""
    offering = ranked.offering
    shape, pool = offering.instance_type, offering.pool
    memory = "" if shape.gpu_memory_gib is None else f" {shape.gpu_memory_gib:.4g} GiB"
    return {
        "rank": ranked.rank,
        "rank_best": ranked.rank_best,
        "rank_worst": ranked.rank_worst,
        "places": _places(ranked),
        "provider": pool.provider,
        "region": pool.region,
        "zone": pool.zone,
        "instance_type": pool.instance_type,
        "capacity_type": offering.capacity_type.value,
        "vcpu": shape.vcpu,
        "memory_gib": shape.memory_gib,
        "architecture": shape.architecture,
        "gpu": f"{shape.gpu_count} x {shape.gpu_name}{memory}" if shape.gpu_count else "-",
        "gpu_name": shape.gpu_name,
        "gpu_count": shape.gpu_count,
        "gpu_memory_gib": shape.gpu_memory_gib,
        "usd_per_hour": offering.usd_per_hour,
        "price_per_hour": offering.price_per_hour,
        "currency": offering.currency,
        "on_demand_usd_per_hour": offering.on_demand_usd_per_hour,
        "saving_share": ranked.saving_share,
        "price_source": offering.price_source,
        "price_semantics": offering.price_semantics.value,
        "price_observed_at": offering.price_observed_at,
        "price_age_hours": _hours(answer.now - offering.price_observed_at),
        **_risk(ranked, answer.now),
        "cost_usd_per_work": ranked.cost_usd_per_work,
        "work": answer.ranking.demand.work.value,
        "cost_usd_per_hour": ranked.cost_usd_per_hour,
        "cost_low_usd_per_hour": ranked.cost_low_usd_per_hour,
        "cost_high_usd_per_hour": ranked.cost_high_usd_per_hour,
        "is_stale": answer.is_stale(ranked),
        "reason": explanation(answer.ranking, ranked),
    }


def _places(ranked: Ranked) -> str | None:
    """``1-5``, the places that it could have by the intervals; ``2`` where it is sure."""
    if not ranked.is_uncertain:
        return None if ranked.rank_best is None else str(ranked.rank)
    return f"{ranked.rank_best}-{ranked.rank_worst}"


def _risk(ranked: Ranked, now: datetime) -> dict[str, Any]:
    """What is known of the risk; every value is null where nothing is."""
    hazard = ranked.hazard
    window = None if hazard is None else hazard.horizon
    said = (
        None
        if hazard is None
        else {
            "interrupted": f"{hazard.band} in {window_text(window) if window else 'a month'}",
            "interrupted_band": None if hazard.is_forecast else hazard.band,
            "probability": hazard.share,
            "probability_low": hazard.share_low if hazard.is_forecast else None,
            "probability_high": hazard.share_high if hazard.is_forecast else None,
            "horizon_seconds": None if window is None else window.total_seconds(),
            "risk_grade": hazard.grade,
            "hazard_per_hour": hazard.per_hour,
            "hazard_low_per_hour": hazard.low_per_hour,
            "hazard_high_per_hour": hazard.high_per_hour,
            "risk_source": hazard.source,
            "risk_definition": hazard.definition,
            "risk_age_hours": _hours(now - hazard.observed_at),
        }
    )
    return said or {**dict.fromkeys(RISK_FIELDS), "hazard_per_hour": ranked.hazard_per_hour}


RISK_FIELDS = (
    *("interrupted", "interrupted_band", "probability", "probability_low", "probability_high"),
    *("horizon_seconds", "risk_grade", "hazard_per_hour", "hazard_low_per_hour"),
    *("hazard_high_per_hour", "risk_source", "risk_definition", "risk_age_hours"),
)
"""What every format shows of the risk."""


def _hours(age: timedelta) -> float:
    return round(age.total_seconds() / 3600, 2)


def ordered(ranked: RankedRows, sort: Sort) -> Sequence[Ranked]:
    """By ``sort``; what is unknown last, ties in order of rank."""
    match sort:
        case Sort.COST:
            return ranked
        case Sort.PRICE:
            return ranked.by(ranked.usd_per_hour)
        case Sort.SAVING:
            return ranked.by(-ranked.saving_share)
        case Sort.RISK:
            return ranked.by(ranked.hazard_per_hour)
        case Sort.TYPE:
            return ranked.by_type()
        case Sort.AGE:
            return ranked.by(-ranked.told_at)
