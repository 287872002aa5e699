"""What each acceleration of a start would buy on its cloud, and what of it must be foreseen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from advisor.hazards import NOTICE
from advisor.lead_time import PLANNED_WITH, Estimate, ImagePull, Part, WeightLoad
from advisor.lead_time_learning import learned_terms
from advisor.lead_time_terms import Start, default_terms
from advisor.replacement.records import LeadTime
from warehouse.records import StartDuration

PULLS: Mapping[str, tuple[ImagePull, ...]] = {
    "aws": (ImagePull.SOCI, ImagePull.SOCI_BOTTLEROCKET, ImagePull.PRELOADED),
    "alibaba": (ImagePull.LAZY,),
    "gcp": (ImagePull.LAZY, ImagePull.PRELOADED),
    "azure": (ImagePull.LAZY,),
}
"""What each cloud has beside plain pulls: SOCI, and Bottlerocket's data volume from a snapshot;
ACK's on-demand loading; GKE's image streaming and secondary boot disks; AKS' artifact streaming."""

LOADS = (WeightLoad.FLUID, WeightLoad.STREAMER)

ASKED, BEST = "as asked", "fastest of each"
WARM, BEST_WARM = "warm node", "warm node, fastest"


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to start, how long that takes, and what is left to be foreseen at its p95."""

    name: str
    start: Start
    estimate: Estimate
    p50_seconds: float
    p90_seconds: float
    p95_seconds: float
    lead: LeadTime


def choices(
    start: Start,
    history: Sequence[StartDuration],
    now: datetime,
    *,
    drain: timedelta,
    correlation: float = 0.0,
) -> list[Choice]:
    """The start as asked, then with each acceleration that it lacks, then with several.

    ``history`` are the parts of own starts that were over before ``now``.

    Raises:
        StartError: the correlation cannot be.
    """
    found = []
    for name, one in {ASKED: start, **dict(_faster(start))}.items():
        estimate = Estimate(learned_terms(one, history, now), correlation)
        p50, p90, p95 = estimate.quantiles(0.5, 0.9, PLANNED_WITH)
        lead = LeadTime(timedelta(seconds=p95), drain, NOTICE[start.provider])
        found.append(Choice(name, one, estimate, p50, p90, p95, lead))
    return found


def _faster(start: Start) -> Iterator[tuple[str, Start]]:
    best = replace(
        start,
        image_pull=start.image_pull if start.has_warm_node else _fastest_pull(start),
        weight_load=WeightLoad.STREAMER,
        has_compile_cache=True,
    )
    yield from _one_thing_faster(start)
    if best != start:
        yield BEST, best
    if not start.has_warm_node:
        yield WARM, replace(start, has_warm_node=True)
        if best != start:
            yield BEST_WARM, replace(best, has_warm_node=True)


def _one_thing_faster(start: Start) -> Iterator[tuple[str, Start]]:
    pulls = () if start.has_warm_node else PULLS[start.provider]
    for pull in pulls:
        if pull is not start.image_pull:
            yield f"image: {pull}", replace(start, image_pull=pull)
    if start.weight_load is WeightLoad.FLUID and not start.has_warm_cache:
        yield "weights: warm cache", replace(start, has_warm_cache=True)
    for load in LOADS:
        if load is not start.weight_load:
            yield f"weights: {load}", replace(start, weight_load=load)
    if not (start.has_compile_cache or start.enforces_eager):
        yield "engine: compile cache", replace(start, has_compile_cache=True)


def _fastest_pull(start: Start) -> ImagePull:
    """By its published median; plain pulls are no acceleration, but may be the fastest."""

    def median(pull: ImagePull) -> float:
        cold = replace(start, image_pull=pull, has_warm_node=False)
        term = Estimate(default_terms(cold)).term(Part.IMAGE)
        return term.spread.p50_seconds if term else 0.0

    return min({start.image_pull, *PULLS[start.provider]}, key=lambda one: (median(one), one))
