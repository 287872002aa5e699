"""``spotcast lead-time``: until a replacement serves, what that is made of, what shortens it."""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from advisor import Demand
from advisor.hazards import NOTICE
from advisor.kubernetes import KubernetesCluster
from advisor.lead_time import ImagePull, WeightLoad
from advisor.lead_time_choices import ASKED, PULLS, Choice, choices
from advisor.lead_time_learning import REMEMBERED
from advisor.lead_time_terms import IMAGE_GB, Start
from advisor.replacement.settings import DRAIN
from advisor.units import GB_PER_GIB
from api.errors import UsageError
from api.options import (
    DemandFile,
    Kubeconfig,
    KubeContext,
    Output,
    demand_in,
    parameter_count,
    size_gb,
    span,
    with_fields,
)
from api.options import Warehouse as WarehouseOption
from api.output import Format, note, write
from api.rows.lead_time import COLUMNS, choice_rows, far_notes, guard_options
from api.settings import Settings
from api.wiring import utc_now
from warehouse.records import StartDuration
from warehouse.starts import starts_since, store_starts
from warehouse.store import Warehouse

MODELS_NAMED = 3
"""Models that a note names, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTimeOptions:
    """What is started, how, and where what was seen of starts is stored."""

    weights: Annotated[
        float | None,
        typer.Option(parser=size_gb, metavar="SIZE", help="The model's weights, `65GB`."),
    ] = None
    parameters: Annotated[
        float | None,
        typer.Option(
            parser=parameter_count,
            metavar="COUNT",
            help="`32B`; else what the weights are in bf16.",
        ),
    ] = None
    image_size: Annotated[
        float | None,
        typer.Option(
            parser=size_gb, metavar="SIZE", help="Image as its registry stores it; 9.35GB (vLLM)."
        ),
    ] = None
    provider: Annotated[
        list[str] | None,
        typer.Option("--provider", "-p", help="Cloud; may be repeated. All if not given."),
    ] = None
    type: Annotated[
        str | None, typer.Option("--type", help="Instance type: its own starts count most.")
    ] = None
    image: Annotated[
        str | None, typer.Option(help="Image, as pods name it: its own pulls count most.")
    ] = None
    model: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Model, as pods name it: its own loads count."),
    ] = None
    image_pull: Annotated[ImagePull, typer.Option(help="How images come to a node.")] = (
        ImagePull.EAGER
    )
    weight_load: Annotated[WeightLoad, typer.Option(help="How weights come to the server.")] = (
        WeightLoad.INITIALIZER
    )
    warm_node: Annotated[
        bool, typer.Option("--warm-node", help="A node with its GPU and the image waits.")
    ] = False
    cold_cache: Annotated[
        bool, typer.Option("--cold-cache", help="Fluid's cache must be filled first.")
    ] = False
    compile_cache: Annotated[
        bool, typer.Option("--compile-cache", help="torch.compile's cache is on a volume.")
    ] = False
    enforce_eager: Annotated[
        bool, typer.Option("--enforce-eager", help="The engine compiles nothing.")
    ] = False
    drain: Annotated[
        timedelta | None,
        typer.Option(parser=span, metavar="TIME", help="Until the old node has ended its work."),
    ] = None
    correlation: Annotated[
        float, typer.Option(min=0, max=0.99, help="Of the terms: slow regions are slow in all.")
    ] = 0.0
    demand_file: DemandFile = None
    warehouse: WarehouseOption = None

    def starts(self) -> list[Start]:
        """One start for each cloud that is asked about.

        Raises:
            UsageError: nothing tells the weights' size, or a cloud is unknown.
            DemandError: the demand's file cannot be read.
        """
        demand, policy = demand_in(self.demand_file)
        weights_gb = self.weights or _most_weights_gb(demand)
        if weights_gb is None:
            raise UsageError("--weights SIZE, such as 65GB: how large the model is decides most")
        clouds = self.provider or list(policy.providers) or list(NOTICE)
        for cloud in clouds:
            if cloud not in NOTICE:
                raise UsageError(f"--provider {cloud}: it is none of {', '.join(NOTICE)}")
        of_type = policy.types[0] if len(policy.types) == 1 else None
        return [
            Start(
                provider=cloud,
                weights_gb=weights_gb,
                image_gb=IMAGE_GB if self.image_size is None else self.image_size,
                parameters_billion=None if self.parameters is None else self.parameters / 1e9,
                image_pull=self.image_pull,
                weight_load=self.weight_load,
                has_warm_node=self.warm_node,
                has_warm_cache=not self.cold_cache,
                has_compile_cache=self.compile_cache,
                enforces_eager=self.enforce_eager,
                instance_type=self.type or of_type,
                image=self.image,
                model=self.model,
            )
            for cloud in dict.fromkeys(clouds)
        ]

    @property
    def is_about_a_model(self) -> bool:
        """Whether a lead time is asked for at all."""
        return self.weights is not None or self.demand_file is not None


@with_fields(LeadTimeOptions)
def lead_time_command(
    options: LeadTimeOptions,
    context: typer.Context,
    observe: Annotated[
        bool, typer.Option("--observe", help="First store how long the cluster's starts took.")
    ] = False,
    kubeconfig: Kubeconfig = None,
    kube_context: KubeContext = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw it, as SVG.", dir_okay=False)
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Show how long a replacement takes to serve, and what an acceleration would buy.

    Seconds; terms as median/p90. FORESEE is p95 and drain less the cloud's notice: how far ahead a
    loss must be known. `-o one-line` gives options for `spotcast guard`.
    """
    settings: Settings = context.obj
    path = options.warehouse or settings.warehouse
    if observe:
        _observe(path, kubeconfig, kube_context, options.image_pull)
        if not options.is_about_a_model:
            return
    starts, now = options.starts(), utc_now()
    history = _history(path, now, [one.provider for one in starts])
    drain = DRAIN if options.drain is None else options.drain
    found = [
        one
        for start in starts
        for one in choices(start, history, now, drain=drain, correlation=options.correlation)
    ]
    if output is Format.ONE_LINE:
        sys.stdout.write(f"{guard_options(found)}\n")
    else:
        about = {"as_of": now, "weights_gb": starts[0].weights_gb, "unit": "seconds"}
        rows = choice_rows(found, output)
        write(output, COLUMNS, rows, name="lead_times", about=about)
    if svg:
        _draw(svg, found)
    _tell(options, starts, found)
    _tell_learned(options, history, found)


def _observe(path: Path, kubeconfig: str | None, name: str | None, pull: ImagePull) -> None:
    with closing(KubernetesCluster(kubeconfig=kubeconfig, context=name)) as cluster:
        seen = cluster.starts(pull)
    with Warehouse.open(path) as warehouse:
        new = store_starts(warehouse, seen.durations)
    note(f"The cluster tells of {len(seen.durations)} parts of starts; {new} of them are new.")
    for reason, count in sorted(seen.left_out.items()):
        note(f"Left out: {count} {reason}.")


def _history(path: Path, now: datetime, providers: Sequence[str]) -> list[StartDuration]:
    """What is known of own starts; nothing where there is no warehouse yet."""
    if not path.exists():
        return []
    with Warehouse.open(path, read_only=True) as warehouse:
        return starts_since(warehouse, now, now - REMEMBERED, providers=providers)


def _draw(path: Path, found: Sequence[Choice]) -> None:
    # Altair takes a second to load.
    from api.reports.lead_time import lead_time_chart  # noqa: PLC0415

    try:
        path.write_text(lead_time_chart(found), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--svg {path}: cannot be written: {error}") from error


def _most_weights_gb(demand: Demand) -> float | None:
    """As many weights as fit into the GPU memory that is asked for."""
    each = demand.gpu_memory_min_gib
    total = demand.gpu_memory_total_min_gib or (each and each * (demand.gpus or 1))
    return total * GB_PER_GIB if total else None


def _tell(options: LeadTimeOptions, starts: Sequence[Start], found: Sequence[Choice]) -> None:
    """What a person should know of the figures."""
    first = starts[0]
    if options.weights is None:
        note(
            f"The demand names no weights: counted with {first.weights_gb:.3g} GB, all that the "
            "GPU memory takes. Give --weights."
        )
    if options.parameters is None:
        note(f"Counted as {first.billions:.3g}B parameters in bf16; --parameters if it is less.")
    if options.weight_load is WeightLoad.FLUID and not options.cold_cache:
        note("Fluid's cache is taken for filled; --cold-cache if nobody has made sure.")
    usual = {ImagePull.EAGER, options.image_pull}
    lacking = [one.provider for one in starts if not usual & {*PULLS[one.provider]}]
    if options.image_pull is not ImagePull.EAGER and lacking:
        note(f"{', '.join(lacking)}: offers no {options.image_pull} pulls; assumed as elsewhere.")
    for text in far_notes(found):
        note(text)


def _tell_learned(
    options: LeadTimeOptions, history: Sequence[StartDuration], found: Sequence[Choice]
) -> None:
    """What was learned of own starts, what was not, and how to have more."""
    aside = sum(term.set_aside for one in found if one.name == ASKED for term in one.estimate.terms)
    if aside:
        note(f"{aside} starts were too far from the others to count.")
    if not any(term.observed for one in found for term in one.estimate.terms):
        note(
            "By figures that others have published, and assumptions (-o json names each): "
            "`spotcast lead-time --observe` learns from your cluster."
        )
    else:
        note("What was never seen in your clusters is by published figures (-o json names each).")
    models = sorted({one.model for one in history if one.model})
    if models and options.model is None:
        more = ", ..." if len(models) > MODELS_NAMED else ""
        note(f"Seen starting: {', '.join(models[:MODELS_NAMED])}{more}. --model counts them.")
