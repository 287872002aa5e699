"""``spotcast spread``: machines over pools, so that a burst of interruptions takes few of them."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from advisor.risk.joint_artifact import load_joint, shipped_joint
from api.answers import ask
from api.choices import tell
from api.commands.market import warn_stale
from api.errors import EXIT_STALE
from api.options import Workload, with_workload
from api.output import Column, Format, write
from api.rows.spread import limits_of, spread_about, spread_notes, spread_of


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
    limits = limits_of(
        policy,
        count or demand.count,
        lose=lose,
        bound=bound,
        pool_share=max_share_pool,
        family_share=max_share_family,
        zone_share=max_share_zone,
        on_demand_min=on_demand_min,
        on_demand_max=on_demand_max,
        types_min=types_min,
        allow_unknown=allow_unknown_risk,
    )
    model, card = load_joint(joint_model) if joint_model else shipped_joint()
    answer = ask(context.obj, workload, demand)
    made = spread_of(answer, limits, timedelta(minutes=within_minutes), (model, card.version))
    write(output, COLUMNS, made.rows, name="placement", about=spread_about(made))
    tell(list(spread_notes(made)))
    if made.is_stale:
        warn_stale(made.shown, answer)
        raise typer.Exit(EXIT_STALE)
