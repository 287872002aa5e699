"""``spotcast apply``: carry a plan out, or take the last one back."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from advisor.cluster import Cluster, ClusterError, Manifest
from advisor.planning.changes import requirement_changes
from advisor.planning.nodes import drifting_nodes, nodes_of
from advisor.planning.plan import Plan, to_apply, way_back
from advisor.planning.provenance import PREVIOUS, annotation
from api.commands.plan import (
    PlanFormat,
    PlanOptions,
    from_cluster,
    wanted_nodepools,
    write_plans,
)
from api.errors import EXIT_REFUSED, UsageError
from api.options import with_fields
from api.output import note
from api.planning import Snapshot, Wanted, plans_of
from api.wiring import utc_now


class ChangedMeanwhileError(ClusterError):
    """The cluster is no longer as the plan was made for; a new plan must be looked at."""


@with_fields(PlanOptions)
def apply_command(
    options: PlanOptions,
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Let the API server judge it, and write nothing.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Go back to what the last apply replaced.")
    ] = False,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Take over fields that others manage.")
    ] = False,
) -> None:
    """Plan, ask, and write the NodePool by server-side apply as field manager `spotcast`.

    Exit codes: 0 done or nothing to do, 1 failed, 5 refused for the budget.
    """
    with options.cluster() as cluster:
        if rollback:
            wanted = Wanted([_way_back(cluster, options.name)])
            settings = replace(options.plan_settings(None), hysteresis=None)
        else:
            wanted = wanted_nodepools(options, context.obj)
            settings = options.plan_settings(context.obj.price_max_age)
        there = from_cluster(cluster, wanted)
        plans = plans_of(wanted, there, settings, now=utc_now())
        write_plans(plans, PlanFormat.TEXT)
        if any(one.refusal for one in plans):
            raise typer.Exit(EXIT_REFUSED)
        due = [one for one in plans if not one.is_empty]
        for one in due:
            _rehearse(cluster, one, there, is_forced=force_conflicts)
        if dry_run:
            note("The API server would take it. Nothing was written.")
        elif due:
            if not yes:
                _ask()
            _check_unchanged(
                plans, plans_of(wanted, from_cluster(cluster, wanted), settings, now=utc_now())
            )
            _write(cluster, due, is_forced=force_conflicts)


def _way_back(cluster: Cluster, name: str) -> dict[str, object]:
    current = cluster.nodepool(name)
    if current is None:
        raise UsageError(f"there is no NodePool {name}; --name says which one is meant")
    return way_back(current)


def _rehearse(cluster: Cluster, made: Plan, there: Snapshot, *, is_forced: bool) -> None:
    """Let the server say what the NodePool would be, and hold it against the plan.

    Defaults, webhooks and other managers' fields are the server's to know.

    Raises:
        ChangedMeanwhileError: its answer takes nodes that the plan does not name.
    """
    answer = cluster.apply(to_apply(made, utc_now()), dry_run=True, force=is_forced)
    if made.current is None:
        return
    nodes = nodes_of(made.current, there.claims)
    taken = {one.claim for one in drifting_nodes(made.current, answer, nodes)}
    surprises = sorted(taken - {one.claim for one in made.drifted})
    if surprises or requirement_changes(made.after, answer):
        named = f" and would replace {', '.join(surprises)}" if surprises else ""
        raise ChangedMeanwhileError(
            f"NodePool {made.name}: the API server makes something else of it{named}. "
            "Nothing was written; is a webhook changing NodePools?"
        )


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to ask: say --yes to apply, or --dry-run to try it")
    typer.confirm("Apply?", abort=True, err=True)


def _check_unchanged(shown: Sequence[Plan], now: Sequence[Plan]) -> None:
    """Accept what was shown if it still is the plan.

    Raises:
        ChangedMeanwhileError: nodes or the NodePool have changed so that it is another.
    """
    for before, after in zip(shown, now, strict=True):
        if (before.proposed, before.requirements, before.fields, before.drifted) != (
            after.proposed,
            after.requirements,
            after.fields,
            after.drifted,
        ):
            raise ChangedMeanwhileError(
                f"NodePool {before.name}: the cluster has changed since the plan was made. "
                "Nothing was written; look at a new plan"
            )


def _write(cluster: Cluster, plans: Sequence[Plan], *, is_forced: bool) -> None:
    for one in plans:
        manifest = to_apply(one, utc_now())
        cluster.apply(manifest, force=is_forced)
        note(f"NodePool {one.name} is applied. {_how_back(one, manifest)}")


def _how_back(made: Plan, manifest: Manifest) -> str:
    if made.current is None:
        return "It is new: there is nothing to go back to."
    if annotation(manifest, PREVIOUS) is None:
        return "What it replaces was too long to keep: there is no way back by --rollback."
    return f"`spotcast apply --rollback --name {made.name}` goes back."
