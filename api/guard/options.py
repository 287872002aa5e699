"""The options by which a guarded cluster is named and judged; the same for every command on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from advisor.hazards import NOTICE, window_text
from advisor.kubernetes import KubernetesCluster
from advisor.lead_time_terms import serving_by_default
from advisor.replacement.records import LeadTime
from advisor.replacement.settings import DRAIN, Claims, GuardSettings
from advisor.risk.horizons import HORIZONS_MINUTES
from api.errors import UsageError
from api.options import Kubeconfig, KubeContext, Warehouse, span

COOL_DOWN = timedelta(hours=1)
LONGEST = timedelta(minutes=max(HORIZONS_MINUTES))


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardOptions:
    """Which cluster, which warehouse, and what replacing and not replacing costs."""

    lead_time: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CLOUD=]TIME",
            help="From asking for a machine to serving on it, p95; else that of an 8B model "
            "without caches. `aws=12m` for one cloud; may be repeated. "
            "`spotcast lead-time -o one-line` gives yours.",
        ),
    ] = None
    drain: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CLOUD=]TIME",
            help="How long the old machine takes to end its work; 15 s if not given.",
        ),
    ] = None
    replace_cost: Annotated[
        float, typer.Option(help="USD that replacing one node costs: overlap and restart.")
    ] = 1.0
    outage_cost: Annotated[
        float, typer.Option(help="USD that losing a node costs before another one serves.")
    ] = 4.0
    budget: Annotated[
        int, typer.Option(help="Hand-overs that may be open at once, in the whole cluster.")
    ] = 10
    cool_down: Annotated[
        timedelta | None,
        typer.Option(
            parser=span,
            metavar="TIME",
            help="No node is handed over again sooner; 1h if not given.",
        ),
    ] = None
    claims: Annotated[
        Claims,
        typer.Option(
            help="Where a replacement gets a NodeClaim of its own, in an exact pool: auto is on "
            "Alibaba Cloud and GCP, where nothing else steers it, and for pods that cannot surge."
        ),
    ] = Claims.AUTO
    without_karpenter: Annotated[
        bool,
        typer.Option(
            "--without-karpenter",
            help="Also guard nodes that Karpenter does not manage: surge, cordon and evict.",
        ),
    ] = False
    kubeconfig: Kubeconfig = None
    kube_context: KubeContext = None
    namespace: Annotated[
        str, typer.Option(help="Namespace of the lease by which one guard leads.")
    ] = "default"
    warehouse: Warehouse = None

    def cluster(self) -> KubernetesCluster:
        """The cluster that the options name."""
        return KubernetesCluster(
            kubeconfig=self.kubeconfig, context=self.kube_context, namespace=self.namespace
        )

    def settings(self) -> GuardSettings:
        """How nodes are judged.

        Raises:
            UsageError: a time cannot be read, or no forecast reaches so far.
            GuardSettingsError: a number is out of range.
        """
        serving = _times(self.lead_time, serving_by_default())
        drain = _times(self.drain, dict.fromkeys(NOTICE, DRAIN))
        lead_times = {
            cloud: LeadTime(serving[cloud], drain[cloud], notice)
            for cloud, notice in NOTICE.items()
        }
        for cloud, one in lead_times.items():
            _check(cloud, one)
        return GuardSettings(
            lead_times=lead_times,
            replace_cost_usd=self.replace_cost,
            outage_cost_usd=self.outage_cost,
            most_at_once=self.budget,
            most_per_nodepool=self.budget,
            cool_down=COOL_DOWN if self.cool_down is None else self.cool_down,
            claims=self.claims,
            without_karpenter=self.without_karpenter,
        )


def _times(given: list[str] | None, otherwise: Mapping[str, timedelta]) -> dict[str, timedelta]:
    """A time for each cloud; what names a cloud goes before what names none.

    Raises:
        UsageError: a cloud is unknown, or two say something else of the same.
    """
    found: dict[str, timedelta] = {}
    for text in given or ():
        cloud, _, time = text.rpartition("=")
        if cloud and cloud not in NOTICE:
            raise UsageError(f"{text}: {cloud!r} is none of {', '.join(NOTICE)}")
        try:
            value = span(time)
        except typer.BadParameter as error:
            raise UsageError(f"{text}: {error}") from error
        if found.setdefault(cloud, value) != value:
            raise UsageError(f"{text}: another time is given for {cloud or 'every cloud'} as well")
    every = found.get("")
    return {cloud: found.get(cloud) or every or otherwise[cloud] for cloud in NOTICE}


def _check(cloud: str, lead: LeadTime) -> None:
    if lead.horizon > LONGEST:
        raise UsageError(
            f"{cloud}: {window_text(lead.horizon)} must be foreseen, and forecasts reach "
            f"{window_text(LONGEST)} at most: shorten --lead-time or --drain"
        )
