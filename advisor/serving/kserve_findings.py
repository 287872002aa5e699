"""All that is to be said of a service, gravest first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from advisor.karpenter.labels import PROVIDERS
from advisor.lead_time import Estimate, ImagePull, WeightLoad
from advisor.lead_time_terms import Start, default_terms
from advisor.serving.engine import Engine
from advisor.serving.kserve_check_resources import (
    check_context,
    check_fit,
    check_parallelism,
    check_resources,
)
from advisor.serving.kserve_check_running import (
    check_budget,
    check_drain,
    check_mode,
    check_placement,
    check_rollout,
    check_scaling,
)
from advisor.serving.kserve_check_starting import (
    check_progress,
    check_readiness,
    check_startup,
)
from advisor.serving.kserve_demand import ServiceDemand
from advisor.serving.kserve_finding import Finding, Severity, Subject
from advisor.serving.kserve_gpus import terms_of
from advisor.serving.kserve_objects import Objects
from advisor.serving.service import Service, Weights
from warehouse.records import Offering

CHECKS = (
    check_resources,
    check_fit,
    check_parallelism,
    check_context,
    check_readiness,
    check_startup,
    check_progress,
    check_mode,
    check_scaling,
    check_budget,
    check_drain,
    check_rollout,
    check_placement,
)
GRAVEST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.INFO)

QUICKEST = "aws"
"""The cloud that starts nodes soonest, taken where the cloud is not known: a start that is too slow
there is so everywhere."""

LOADS = {
    Weights.INITIALIZER: WeightLoad.INITIALIZER,
    Weights.SERVER: WeightLoad.INITIALIZER,
    # What a volume reads from is not known; it may be Fluid's.
    Weights.VOLUME: WeightLoad.FLUID,
    Weights.FLUID: WeightLoad.FLUID,
    Weights.IMAGE: WeightLoad.NODE_CACHE,
    Weights.UNKNOWN: WeightLoad.INITIALIZER,
}
"""How a manifest's way of loading weights is counted in the lead time."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beside the manifest; see `Subject`."""

    objects: Objects
    provider: str | None = None
    offerings: Sequence[Offering] | None = None
    cold_start_seconds: float | None = None
    image_pull: ImagePull = ImagePull.EAGER


def findings(subject: Subject) -> list[Finding]:
    """What is to be said of a service, gravest first, else in the order of `CHECKS`.

    Raises:
        ServingError: a part of the manifest cannot be read.
        PodError: its constraints on nodes cannot.
    """
    found = [one for check in CHECKS for one in check(subject)]
    return sorted(found, key=lambda one: GRAVEST_FIRST.index(one.severity))


def subject_of(need: ServiceDemand, around: Surroundings) -> Subject:
    """The service with what is known around it; what is not given is estimated or left open."""
    service = need.service
    provider = around.provider or provider_of(service, around.objects)
    cold, load = _starts(service, need, provider, around)
    return Subject(
        service,
        need,
        around.objects,
        provider,
        around.offerings,
        around.cold_start_seconds or cold,
        load,
    )


def provider_of(service: Service, objects: Objects) -> str | None:
    """The cloud that the labels of the nodes speak of; None if they speak of none, or of two."""
    keys = {one.key for term in terms_of(service.title, service.pod) for one in term}
    found = {one.provider for one in PROVIDERS for key in keys if key.startswith(f"{one.domain}/")}
    if not found and objects.node_classes:
        found = {"alibaba"}
    return found.pop() if len(found) == 1 else None


def _starts(
    service: Service, need: ServiceDemand, provider: str | None, around: Surroundings
) -> tuple[float | None, float | None]:
    """Median seconds of a cold start, and from the container's start to its first answer."""
    model = need.model
    if model is None or service.engine is Engine.OTHER:
        return None, None
    start = Start(
        provider=provider or QUICKEST,
        weights_gb=model.weights_gb,
        parameters_billion=None if model.parameters is None else model.parameters / 1e9,
        image_pull=around.image_pull,
        weight_load=LOADS[service.weights],
        enforces_eager="enforce-eager" in service.arguments.given,
        model=service.model_source,
    )
    # What an init container or an image brought is then read from the node's own disk.
    is_there = service.weights in {Weights.INITIALIZER, Weights.IMAGE}
    load = WeightLoad.NODE_CACHE if is_there else start.weight_load
    own = default_terms(replace(start, weight_load=load, has_warm_node=True))
    seconds = sum(one.spread.p50_seconds for one in own)
    return Estimate(default_terms(start)).quantiles(0.5)[0], seconds
