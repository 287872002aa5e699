"""``spotcast nodepool``: the best offerings as a Karpenter NodePool."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

import typer

from advisor import Ranked
from advisor.karpenter.manifests import to_yaml
from advisor.karpenter.nodeclass import node_class as render_node_class
from advisor.karpenter.nodepool import NodePoolSettings
from advisor.karpenter.nodepool import nodepool as render_nodepool
from advisor.karpenter.requirements import cross_product_extras
from api.answers import BASIS_NOTES, Answer, ask
from api.commands.market import warn_stale
from api.errors import EXIT_STALE, UsageError
from api.options import Filters, with_filters
from api.output import Manifest, note

TYPES = 10
"""Instance types in a NodePool unless asked otherwise: enough to fall back on, few enough to
know. AWS asks for flexibility over types; GPU families rarely offer more that are alike."""

NAMED = 5
"""Pools named in a note; more are counted."""

SLIGHT_SAVING = 0.01
"""Share below which spot is said to save nothing: a cent in the dollar, for a machine that can be
taken away."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The ranked offerings that go into one NodePool, and what must be said about them."""

    ranked: list[Ranked]
    answer: Answer

    @property
    def unknown_risk(self) -> list[Ranked]:
        """Those whose risk nobody has published."""
        return [one for one in self.ranked if one.hazard is None]

    @property
    def is_stale(self) -> bool:
        """Whether any of them rests on stale data."""
        return any(self.answer.is_stale(one) for one in self.ranked)

    def annotations(self) -> dict[str, str]:
        """Where the choice comes from, for whoever finds the NodePool in the cluster."""
        as_of: datetime = min(one.offering.price_observed_at for one in self.ranked)
        return {
            "spotcast.io/risk-basis": self.answer.risk_basis,
            "spotcast.io/data-as-of": as_of.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "spotcast.io/stale": str(self.is_stale).lower(),
            "spotcast.io/unknown-risk-pools": str(len(self.unknown_risk)),
        }


def choose(answer: Answer, types: int) -> Choice:
    """The offerings of the ``types`` best instance types, in all their pools, best first."""
    names = list(dict.fromkeys(one.offering.pool.instance_type for one in answer.ranking.ranked))
    kept = set(names[:types])
    ranked = answer.ranking.ranked
    return Choice([one for one in ranked if one.offering.pool.instance_type in kept], answer)


@with_filters
def nodepool_command(
    filters: Filters,
    context: typer.Context,
    types: Annotated[
        int, typer.Option("--types-max", min=1, help="Instance types to allow, best first.")
    ] = TYPES,
    name: Annotated[str, typer.Option(help="Name of the NodePool.")] = "gpu-spot",
    node_class: Annotated[str, typer.Option(help="Name of its node class.")] = "default",
    gpu_limit: Annotated[
        int | None, typer.Option(min=1, help="Most GPUs of all nodes together.")
    ] = None,
    min_types: Annotated[
        int | None, typer.Option(min=1, help="Types that must stay in reach of each launch.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Also write the node class, for the cluster of this discovery tag."),
    ] = None,
    role: Annotated[
        str | None, typer.Option(help="IAM role of the nodes, for the node class (AWS).")
    ] = None,
    output: Annotated[
        Manifest, typer.Option("--output", "-o", help="How to write the manifest.")
    ] = Manifest.YAML,
) -> None:
    """Write a Karpenter NodePool of the best offerings of one region (aws, alibaba).

    Only amd64 unless --arch says otherwise. Read docs/karpenter.md before applying it again:
    taking a type out of the list replaces the nodes that run on it.
    """
    provider = filters.provider
    if not provider or not filters.regions or len(filters.regions) > 1:
        raise UsageError("nodepool wants --provider and one --region: a NodePool serves one region")
    filters = replace(filters, arch=filters.arch or "amd64")
    choice = choose(ask(context.obj, filters, filters.demand()), types)
    settings = NodePoolSettings(
        name=name,
        node_class=node_class,
        gpu_limit=gpu_limit,
        min_instance_types=min_types,
        gpu_resource="amd.com/gpu" if filters.gpu_manufacturer == "amd" else "nvidia.com/gpu",
    )
    offerings = [one.offering for one in choice.ranked]
    manifests = [render_nodepool(offerings, settings, choice.annotations())]
    if cluster:
        manifests.append(render_node_class(provider, node_class, cluster=cluster, role=role))
    write_manifests(manifests, output)
    explain(choice)
    if choice.is_stale:
        warn_stale(choice.ranked, choice.answer)
        raise typer.Exit(EXIT_STALE)


def write_manifests(manifests: Sequence[dict[str, Any]], form: Manifest) -> None:
    """To standard output: YAML documents, or JSON (a List if there are several)."""
    if form is Manifest.YAML:
        sys.stdout.write(to_yaml(manifests))
        return
    whole: dict[str, Any] = (
        manifests[0]
        if len(manifests) == 1
        else {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    )
    sys.stdout.write(f"{json.dumps(whole, indent=2)}\n")


def explain(choice: Choice) -> None:
    """Say, for people, what the manifest cannot: why these, and what it also allows."""
    note(BASIS_NOTES[choice.answer.risk_basis])
    for text in choice.answer.notes:
        note(text)
    note(f"Best: {choice.ranked[0].reason()}.")
    if choice.unknown_risk:
        note(
            f"Risk unknown for {len(choice.unknown_risk)} of {len(choice.ranked)} pools in the "
            f"list: nothing is published for them. They stand after all others."
        )
    dear = [
        one
        for one in choice.ranked
        if one.saving_share is not None and one.saving_share < SLIGHT_SAVING
    ]
    if dear:
        note(f"{len(dear)} of {len(choice.ranked)} pools cost as much as on demand, or more.")
    if extras := cross_product_extras([one.offering for one in choice.ranked]):
        named = ", ".join(f"{pool.instance_type} in {pool.zone}" for pool in extras[:NAMED])
        more = f" and {len(extras) - NAMED} more" if len(extras) > NAMED else ""
        note(f"The lists of types and zones also allow pools that were not ranked: {named}{more}.")
