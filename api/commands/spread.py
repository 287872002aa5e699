"""``spotcast spread``: machines over pools, so that a burst of interruptions takes few of them."""

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.diversity import Limits, Placed, Placement, spread
from advisor.risk.joint import JointModel, JointRisk, probability_at_least
from advisor.risk.joint_artifact import load_joint, shipped_joint
from advisor.risk.joint_distribution import INDEPENDENT, WHOLE_POOLS
from api.answers import BASIS_NOTES, Answer, ask
from api.commands.market import warn_stale
from api.errors import EXIT_STALE
from api.options import Workload, with_workload
from api.output import Column, Format, note, write
from warehouse.records import CapacityType, Pool


def _four(value: float) -> str:
    return f"{value:.4f}"


COLUMNS = (
    Column("count", "MACHINES", is_right=True),
    Column("instance_type", "TYPE"),
    Column("zone", "ZONE"),
    Column("region", "REGION", is_wide=True),
    Column("capacity_type", "CAPACITY"),
    Column("usd_per_hour", "USD/H EACH", _four, is_right=True),
    Column("cost_usd_per_hour", "COST/H EACH", _four, is_right=True),
    Column("hazard_per_hour", "HAZARD/H", "{:.2g}".format, is_right=True),
    Column("total_usd_per_hour", "COST/H", _four, is_right=True),
)


@with_workload
def spread_command(
    workload: Workload,
    context: typer.Context,
    count: Annotated[
        int | None, typer.Option(min=1, help="Machines to place; the demand's count if not given.")
    ] = None,
    lose: Annotated[
        int, typer.Option(min=1, help="Losing this many at once is what must not happen.")
    ] = 2,
    bound: Annotated[
        float, typer.Option(min=0, max=1, help="How likely it may be, at most.")
    ] = 0.01,
    within_minutes: Annotated[
        float, typer.Option("--within", min=1, max=15, help="Minutes that count as at once.")
    ] = 5.0,
    max_share_pool: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the machines in one pool, at most.")
    ] = None,
    max_share_family: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share in one family of a region, at most.")
    ] = None,
    max_share_zone: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share in one zone, at most.")
    ] = None,
    on_demand_min: Annotated[
        int | None, typer.Option(min=0, help="Machines on demand, at least.")
    ] = None,
    on_demand_max: Annotated[
        int | None, typer.Option(min=0, help="At most. No more than the minimum if not given.")
    ] = None,
    types_min: Annotated[int | None, typer.Option(min=1, help="Different types, at least.")] = None,
    allow_unknown_risk: Annotated[
        bool, typer.Option("--allow-unknown-risk", help="Pools of unknown risk count as lost.")
    ] = False,
    joint_model: Annotated[
        Path | None,
        typer.Option(
            help="How machines are lost together, from fit-joint.", exists=True, dir_okay=False
        ),
    ] = None,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="How to write the answer.")
    ] = Format.TABLE,
) -> None:
    """Spread machines over pools at the least cost that bounds how many go at once.

    What is not given is as the policy of --demand has it, else unlimited.
    """
    demand, policy = workload.demand(), workload.policy
    machines = count or demand.count
    floor = math.ceil(policy.on_demand_min * machines)
    limits = Limits(
        count=machines,
        lose=lose,
        bound=bound,
        pool_share=_given(max_share_pool, policy.max_share_pool),
        family_share=_given(max_share_family, policy.max_share_family),
        zone_share=_given(max_share_zone, policy.max_share_zone),
        on_demand_min=floor if on_demand_min is None else on_demand_min,
        on_demand_max=on_demand_max,
        types_min=types_min or policy.types_min or 1,
        allow_unknown=allow_unknown_risk,
    )
    model, card = load_joint(joint_model) if joint_model else shipped_joint()
    answer = ask(context.obj, workload, demand)
    window = timedelta(minutes=within_minutes)
    placement = spread(answer.ranking.ranked, limits, model=model, window=window)
    rivals = {
        "independent": _as_if(placement.placed, limits, window, JointModel(INDEPENDENT, ())),
        "whole_pools": _as_if(placement.placed, limits, window, JointModel(WHOLE_POOLS, ())),
    }
    pools = {one.offering.pool for one in placement.placed}
    shown = [one for one in answer.ranking.ranked if one.offering.pool in pools]
    is_stale = any(answer.is_stale(one) for one in shown)
    about = {
        **_about(placement, limits, window, rivals),
        "joint_model": card.version,
        "risk_basis": answer.risk_basis,
        "now": answer.now,
        "is_stale": is_stale,
    }
    rows = [_row(one) for one in placement.placed]
    write(output, COLUMNS, rows, name="placement", about=about)
    _explain(placement, limits, window, rivals, answer)
    if is_stale:
        warn_stale(shown, answer)
        raise typer.Exit(EXIT_STALE)


def _given(option: float | None, policy: float | None) -> float:
    """The share that was asked for, the option's before the policy's; 1 of neither."""
    if option is not None:
        return option
    return 1.0 if policy is None else policy


def _as_if(placed: Iterable[Placed], limits: Limits, window: timedelta, model: JointModel) -> float:
    """The joint risk of the same machines by another belief."""
    spots = [one for one in placed if one.offering.capacity_type is CapacityType.SPOT]
    hazards: dict[Pool, float] = {
        one.offering.pool: math.nan if one.hazard_per_hour is None else one.hazard_per_hour
        for one in spots
    }
    counts = {one.offering.pool: one.count for one in spots}
    return probability_at_least(limits.lose, counts, hazards, window, model=model).value


def _row(one: Placed) -> dict[str, Any]:
    pool = one.offering.pool
    return {
        "count": one.count,
        "provider": pool.provider,
        "region": pool.region,
        "zone": pool.region if pool.zone == "*" else pool.zone,
        "instance_type": pool.instance_type,
        "capacity_type": one.offering.capacity_type.value,
        "usd_per_hour": one.offering.usd_per_hour,
        "cost_usd_per_hour": one.cost_usd_per_hour,
        "hazard_per_hour": one.hazard_per_hour,
        "total_usd_per_hour": one.count * one.cost_usd_per_hour,
    }


def _about(
    placement: Placement, limits: Limits, window: timedelta, rivals: Mapping[str, float]
) -> dict[str, Any]:
    """What JSON says beside the machines."""
    return {
        "count": limits.count,
        "lose": limits.lose,
        "bound": limits.bound,
        "window_seconds": window.total_seconds(),
        "cost_usd_per_hour": placement.usd_per_hour,
        "gap_usd_per_hour": placement.gap_usd_per_hour,
        "joint_probability": placement.joint.value,
        "joint_probability_low": placement.joint.low,
        "joint_probability_high": placement.joint.high,
        "joint_probability_at_high_risk": placement.joint_at_high,
        **{f"joint_probability_{name}": value for name, value in rivals.items()},
        "binding": list(placement.binding),
        "cheapest_cost_usd_per_hour": placement.cheapest_usd_per_hour,
        "cheapest_joint_probability": placement.cheapest_joint.value,
        "looked_at": placement.looked_at,
    }


def _explain(
    placement: Placement,
    limits: Limits,
    window: timedelta,
    rivals: Mapping[str, float],
    answer: Answer,
) -> None:
    """Say, for people, what the placement risks and costs, against what else could be done."""
    note(BASIS_NOTES[answer.risk_basis])
    for text in answer.notes:
        note(text)
    event = f"P(at least {limits.lose} of {limits.count} lost within {window.seconds / 60:g} min)"
    note(
        f"{event}: {_interval(placement.joint)}, bound {limits.bound:g}. As if machines were "
        f"independent: {rivals['independent']:.2g}; as if pools went as a whole: "
        f"{rivals['whole_pools']:.2g}."
    )
    if placement.joint.high > limits.bound:
        note("The interval of the joint model reaches above the bound.")
    if placement.joint_at_high > limits.bound:
        note(
            f"With every risk at the upper end of its own interval it would be "
            f"{placement.joint_at_high:.2g}; a risk without an upper end counts as surely lost."
        )
    more = placement.usd_per_hour - placement.cheapest_usd_per_hour
    where = ", ".join(
        f"{one.count} x {one.offering.pool.instance_type} in {_row(one)['zone']}"
        for one in placement.cheapest
    )
    note(
        f"{limits.count} machines cost {placement.usd_per_hour:.4f} USD an hour expected, "
        f"{more:.4f} more than the cheapest ({where}), whose joint risk is "
        f"{_interval(placement.cheapest_joint)}."
    )
    for text in placement.binding:
        note(f"Limit reached: {text}.")
    if placement.gap_usd_per_hour > 0:
        note(
            f"The search was cut short: another placement may be up to "
            f"{placement.gap_usd_per_hour:.4f} USD an hour cheaper."
        )
    if any(one.hazard_per_hour is None for one in placement.placed):
        note("Pools of unknown risk count as surely lost, at their price alone.")


def _interval(risk: JointRisk) -> str:
    return f"{risk.value:.2g} ({risk.low:.2g} to {risk.high:.2g})"
