"""``spotcast plan``: what a new list would change in the cluster, and which nodes it would take."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from advisor.cluster import Cluster, Manifest, of_kind
from advisor.karpenter.manifests import to_yaml
from advisor.kubernetes import KubernetesCluster
from advisor.planning.budget import ChurnBudget
from advisor.planning.hysteresis import Hysteresis
from advisor.planning.plan import Plan, PlanSettings
from advisor.planning.protection import Eviction
from advisor.planning.report import as_json, diff
from api.answers import known_market
from api.choices import explain
from api.commands.market import warn_stale
from api.commands.nodepool import NodePoolOptions
from api.errors import EXIT_CHANGES, EXIT_REFUSED, UsageError
from api.making import nodepools_of
from api.options import Kubeconfig, KubeContext, with_fields
from api.output import note
from api.planning import Snapshot, Wanted, market_of, plans_of, snapshot_of, text_of
from api.settings import Settings
from api.wiring import utc_now


class PlanFormat(StrEnum):
    """How a plan is written: for people, as a diff, as data, or as the manifest to apply."""

    TEXT = "text"
    DIFF = "diff"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions(NodePoolOptions):
    """What is wanted, where it is compared, and what may be changed; for plan and apply."""

    wanted: Annotated[
        Path | None,
        typer.Option(
            help="NodePools to apply, as YAML, instead of a list made from the options.",
            exists=True,
            dir_okay=False,
        ),
    ] = None
    kubeconfig: Kubeconfig = None
    kube_context: KubeContext = None
    evict: Annotated[
        list[str] | None,
        typer.Option(
            help="Type, zone or key that may go though nodes run on it, or `all`; repeatable."
        ),
    ] = None
    template: Annotated[
        bool, typer.Option("--template", help="Write template changes: they replace every node.")
    ] = False
    churn: Annotated[
        str, typer.Option(help="Nodes of a NodePool that may be replaced: a number or a share.")
    ] = "10%"
    margin: Annotated[
        float, typer.Option(min=0, max=99, help="Percent of cost by which a type comes or goes.")
    ] = 100 * Hysteresis().margin_share
    min_stay: Annotated[
        float, typer.Option("--min-stay-hours", min=0, help="Hours that an applied list stands.")
    ] = Hysteresis().min_stay.total_seconds() / 3600

    def plan_settings(self, max_age: timedelta | None) -> PlanSettings:
        """What a plan may do.

        Raises:
            BudgetError: the budget is neither a number nor a share.
        """
        settled = Hysteresis(
            margin_share=self.margin / 100, min_stay=timedelta(hours=self.min_stay)
        )
        return PlanSettings(
            budget=ChurnBudget.of(self.churn),
            hysteresis=None if self.wanted else settled,
            eviction=Eviction(frozenset(self.evict or ())),
            writes_template=self.template,
            max_age=max_age,
        )

    def cluster(self) -> KubernetesCluster:
        """The cluster that the options name."""
        return KubernetesCluster(kubeconfig=self.kubeconfig, context=self.kube_context)


@with_fields(PlanOptions)
def plan_command(
    options: PlanOptions,
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option(
            help="The present NodePools as YAML (kubectl get nodepools -o yaml), not the cluster.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    nodes: Annotated[
        Path | None,
        typer.Option(
            help="What runs, as YAML (kubectl get nodeclaims,nodes -o yaml), with --file.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    output: Annotated[
        PlanFormat, typer.Option("--output", "-o", help="How to write the plan.")
    ] = PlanFormat.TEXT,
) -> None:
    """Show what a new list would change in the cluster, and each node that it would replace.

    Exit codes: 0 nothing to change, 4 changes, 5 refused for the budget.
    """
    if nodes and not file:
        raise UsageError("--nodes goes with --file; without it both are read from the cluster")
    wanted = wanted_nodepools(options, context.obj)
    if file:
        there = from_files(file, nodes)
    else:
        with options.cluster() as cluster:
            there = from_cluster(cluster, wanted)
    plans = plans_of(wanted, there, options.plan_settings(context.obj.price_max_age), now=utc_now())
    write_plans(plans, output)
    if there.claims is None:
        note("The nodes are not known: give --nodes to see which would be replaced.")
    if any(one.refusal for one in plans):
        raise typer.Exit(EXIT_REFUSED)
    if not all(one.is_empty for one in plans):
        raise typer.Exit(EXIT_CHANGES)


def wanted_nodepools(options: PlanOptions, settings: Settings) -> Wanted:
    """The NodePools of ``--wanted``, else those of the best offerings, with notes for people.

    With a file and a region, costs and risk are told as well.

    Raises:
        UsageError: a file holds no NodePool, or the options name no single region.
    """
    made_by_hand = _nodepools(options.wanted) if options.wanted else []
    if made_by_hand and not options.policy.providers:
        return Wanted(made_by_hand)
    choice = options.choice(settings)
    ranked = list(choice.answer.ranking.ranked)
    market = market_of(known_market(settings, options), options.demand(), options.policy)
    if made_by_hand:
        return Wanted(made_by_hand, ranked, market)
    explain(choice)
    if choice.is_stale:
        warn_stale(choice.ranked, choice.answer)
    return Wanted(nodepools_of(choice, options.wishes()).documents, ranked, market)


def from_cluster(cluster: Cluster, wanted: Wanted) -> Snapshot:
    """The wanted NodePools as they are now, and what runs."""
    names = [str(one["metadata"]["name"]) for one in wanted.nodepools]
    found = {name: cluster.nodepool(name) for name in names}
    return Snapshot(
        nodepools={name: one for name, one in found.items() if one is not None},
        claims=cluster.node_claims(),
        held_nodes=frozenset(one.name for one in cluster.nodes() if one.is_held),
    )


def from_files(nodepools: Path, nodes: Path | None) -> Snapshot:
    """The same from what kubectl wrote."""
    objects = None if nodes is None else read_manifests(nodes)
    return snapshot_of(_nodepools(nodepools, may_lack=True), objects)


def write_plans(plans: Sequence[Plan], form: PlanFormat) -> None:
    """To standard output."""
    match form:
        case PlanFormat.TEXT:
            text = text_of(plans)
        case PlanFormat.DIFF:
            text = "".join(map(diff, plans))
        case PlanFormat.YAML:
            text = to_yaml(one.proposed for one in plans)
        case PlanFormat.JSON:
            document = {"plans": [as_json(one) for one in plans]}
            text = json.dumps(document, indent=2, default=str) + "\n"
    sys.stdout.write(text)


def read_manifests(path: Path) -> list[Any]:
    """The objects in a YAML file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: no YAML that can be read: {error}") from error


def _nodepools(path: Path, *, may_lack: bool = False) -> list[Manifest]:
    found = of_kind(read_manifests(path), "NodePool")
    if not found and not may_lack:
        raise UsageError(f"{path}: holds no NodePool")
    return found
