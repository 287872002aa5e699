"""``spotcast nodepool``: the best offerings as Karpenter NodePools."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from advisor.karpenter.budgets import CAUTIOUS_BUDGETS, budget
from advisor.karpenter.nodeclass import finds_network_by_tag
from advisor.karpenter.nodeclass import node_class as render_node_class
from advisor.karpenter.nodepool import NodePoolSettings
from advisor.karpenter.traps import hyperdisk_types
from api.choices import Choice, ChoiceOptions, end_if_stale, notes_of, tell
from api.making import NodePoolWishes, nodepools_of
from api.manifest_files import write_manifests
from api.options import with_fields
from api.output import Manifest, note


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePoolOptions(ChoiceOptions):
    """The options of a NodePool; the same for every command that makes one."""

    name: Annotated[str, typer.Option(help="Name of the NodePool.")] = "gpu-spot"
    node_class: Annotated[str, typer.Option(help="Name of its node class.")] = "default"
    gpu_limit: Annotated[
        int | None, typer.Option(min=1, help="Most GPUs of all nodes of a NodePool together.")
    ] = None
    min_types: Annotated[
        int | None, typer.Option(min=1, help="Types that must stay in reach of each launch.")
    ] = None
    weight: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Which NodePool is tried first: the highest."),
    ] = None
    per_zone: Annotated[
        bool,
        typer.Option(
            "--per-zone", help="As many NodePools as say exactly the choice, by zone; else one."
        ),
    ] = False
    with_on_demand: Annotated[
        bool,
        typer.Option(
            "--with-on-demand", help="Also a NodePool of the same machines on demand, tried last."
        ),
    ] = False
    warming_taint: Annotated[
        bool,
        typer.Option(
            "--warming-taint",
            help="Keep pods off a new node until something takes spotcast.io/warming away.",
        ),
    ] = False
    warm_when: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CACHE",
            help="With --warming-taint: new nodes wait for this model cache, as `spotcast guard` "
            "sees it: dataset/NAMESPACE/NAME or localmodelcache/NAME. May be repeated.",
        ),
    ] = None
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            help="Nodes that may go at once, instead of `10%` and `1; reasons=Drifted`; also "
            "`0; schedule=0 8 * * mon-fri; duration=10h`. May be repeated.",
        ),
    ] = None
    expire_after: Annotated[
        str, typer.Option(help="Oldest age of a node, or Never.", metavar="DURATION")
    ] = "720h"
    termination_grace_period: Annotated[
        str | None,
        typer.Option(help="Longest drain; then pods are deleted.", metavar="DURATION"),
    ] = None

    def settings(self) -> NodePoolSettings:
        """How the nodes are treated.

        Raises:
            ManifestError: a value is none that Kubernetes would take.
        """
        maker = self.demand().gpu_manufacturer
        return NodePoolSettings(
            name=self.name,
            node_class=self.node_class,
            weight=self.weight,
            gpu_limit=self.gpu_limit,
            gpu_resource="amd.com/gpu" if maker == "amd" else "nvidia.com/gpu",
            expire_after=self.expire_after,
            termination_grace_period=self.termination_grace_period,
            budgets=tuple(map(budget, self.budget)) if self.budget else CAUTIOUS_BUDGETS,
            min_instance_types=self.min_types,
            warming_taint=self.warming_taint,
        )

    def wishes(self) -> NodePoolWishes:
        """The same as the makers take it.

        Raises:
            ManifestError: a value is none that Kubernetes would take.
        """
        return NodePoolWishes(
            settings=self.settings(),
            per_zone=self.per_zone,
            with_on_demand=self.with_on_demand,
            warm_when=self.warm_when or (),
        )


@with_fields(NodePoolOptions)
def nodepool_command(
    options: NodePoolOptions,
    context: typer.Context,
    cluster: Annotated[
        str | None,
        typer.Option(help="Also write the node class, for the cluster of this discovery tag."),
    ] = None,
    with_node_class: Annotated[
        bool, typer.Option("--with-node-class", help="Also write the node class (gcp, azure).")
    ] = False,
    role: Annotated[
        str | None, typer.Option(help="IAM role of the nodes, for the node class (AWS).")
    ] = None,
    output: Annotated[
        Manifest, typer.Option("--output", "-o", help="How to write the manifest.")
    ] = Manifest.YAML,
) -> None:
    """Write a Karpenter NodePool of the best offerings of one region.

    Only amd64 unless --arch says otherwise. Read docs/karpenter.md before applying it again:
    taking a type out of the list replaces the nodes that run on it.
    """
    choice = options.choice(context.obj)
    made = nodepools_of(choice, options.wishes())
    manifests = list(made.documents)
    if cluster is not None or with_node_class or role is not None:
        manifests.append(_node_class(options, choice, cluster, role))
    write_manifests(manifests, output)
    tell([*notes_of(choice), *made.notes])
    end_if_stale(choice)


def _node_class(
    options: NodePoolOptions, choice: Choice, cluster: str | None, role: str | None
) -> dict[str, Any]:
    types = {one.pool.instance_type for one in choice.offerings}
    # Each series takes some kinds of disk only; where all agree, the stub is right for all.
    all_hyperdisk = options.cloud == "gcp" and types == set(hyperdisk_types(choice.offerings))
    by_tag = finds_network_by_tag(options.cloud)
    if not by_tag and cluster is not None:
        note(f"The node class of {options.cloud} finds no network by tag: --cluster is not used.")
    return render_node_class(
        options.cloud,
        options.node_class,
        cluster=cluster if by_tag else None,
        role=role,
        disk="hyperdisk-balanced" if all_hyperdisk else None,
    )
