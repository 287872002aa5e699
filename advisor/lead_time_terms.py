"""The terms of a start before anything is known of the user's own clusters, and their sources.

Every figure is published by others and not measured here, or assumed; each says which. Sizes are
in GB of 10^9 bytes, rates in MB of 10^6 bytes a second: a median, and what nine of ten are above.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from math import exp, hypot, log

from advisor.lead_time import (
    PLANNED_WITH,
    Z90,
    Estimate,
    ImagePull,
    Part,
    Spread,
    StartError,
    Term,
    WeightLoad,
    of_rate,
    of_sigma,
)

PUBLISHED = "published, not measured here"
ASSUMED = "assumed"

BOOT: Mapping[str, tuple[Spread, str]] = {
    "aws": (
        Spread(80, 150),
        f"{PUBLISHED}: karpenter-provider-aws#6165, #3102, #7515; NVIDIA/k8s-device-plugin#291",
    ),
    "alibaba": (Spread(190, 300), f"{PUBLISHED}: karpenter-provider-alibabacloud#67; p90 assumed"),
    "gcp": (Spread(120, 240), f"{PUBLISHED}: karpenter-provider-gcp#148, #174; p90 assumed"),
    "azure": (Spread(240, 420), f"{ASSUMED}: nothing is published"),
}
"""From launch until the node's GPUs can be given to pods, by provider."""

IMAGE_GB = 9.35
"""A vLLM image as it is stored in a registry, compressed: 9,354,342,327 bytes (aws-samples
karpenter-blueprints@529b88c, blueprints/soci-snapshotter/README.md)."""

BLUEPRINT = "karpenter-blueprints@529b88c, one pull each; p10 assumed"
PULL_MB_PER_S: Mapping[ImagePull, tuple[float, float, str]] = {
    ImagePull.EAGER: (72, 45, f"{PUBLISHED}: {BLUEPRINT}"),
    ImagePull.SOCI: (236, 150, f"{PUBLISHED}: {BLUEPRINT}"),
    ImagePull.SOCI_BOTTLEROCKET: (403, 300, f"{PUBLISHED}: {BLUEPRINT}"),
    ImagePull.LAZY: (72, 45, f"{ASSUMED}: 5 s and a fifth of the image (p90 half) before serving"),
}
"""How fast images come and are unpacked; measured by others on AWS, assumed to hold elsewhere."""

LAZY_BEGINS_SECONDS = 5.0
"""Until a lazily loaded image's container runs; assumed."""
LAZY_SHARE = (0.2, 0.5)
"""Share of a lazily loaded image that is read before the server answers, p50 and p90; assumed.
Slacker (FAST 2016) found 0.064 over 57 images, none with CUDA libraries: that is the least."""

PRELOADED = Spread(2, 10)
"""An image that is on the node's disk already: published as "about 0" for a disk snapshot
(ai-on-eks@41a979e), assumed to be this. A volume from a snapshot reads slowly at first."""

LOAD_MB_PER_S: Mapping[WeightLoad, tuple[float, float, str]] = {
    WeightLoad.INITIALIZER: (
        *(70, 50),
        f"{PUBLISHED}: kserve@aaac4e2 docs/samples/fluid, 15 GB in about 215 s; p10 assumed",
    ),
    WeightLoad.DIRECT: (
        *(210, 150),
        f"{PUBLISHED}: derived from 9 GiB in 46 s of a talk, on machines that are not told",
    ),
    WeightLoad.FLUID: (
        *(372, 210),
        f"{PUBLISHED}: derived from 9 GiB in 26 s of a talk, on machines that are not told",
    ),
    WeightLoad.STREAMER: (
        *(1050, 500),
        f"{PUBLISHED}: runai-model-streamer@f73a19a docs/src/benchmarks.md, gp3; p10 assumed",
    ),
    WeightLoad.NODE_CACHE: (
        *(313, 110),
        f"{PUBLISHED}: runai-model-streamer@f73a19a, 15 GB from gp3 in 48 s; p10 vllm#17327",
    ),
}
"""How fast weights come into the GPU's memory."""

PREFETCH_MB_PER_S = (88.0, 60.0, f"{PUBLISHED}: kserve@aaac4e2 docs/samples/fluid, 15 GB in 171 s")
"""How fast a Fluid DataLoad fills its cache; p10 assumed."""

ENGINE: Mapping[float, Spread] = {
    10: Spread(40, 80),
    27: Spread(100, 200),
    35: Spread(100, 200),
    70: Spread(215, 400),
}
"""Engine start by billions of parameters. Published: vLLM issues #11005, #20264 (8B), #19824 (70B,
FP8, 8 GPUs); 27 to 35 lie between them, assumed. One compilation took 2,219 s (#34399)."""
ENGINE_SOURCE = f"{PUBLISHED}: vLLM issues #11005, #20264, #19824; between and beyond assumed"

COMPILE_CACHE_FACTOR = 0.5
"""Of the engine's start with a warm torch.compile cache; assumed (the cache: vLLM's documents)."""
EAGER_FACTORS = (0.25, 15 / 80)
"""Of median and p90 with ``--enforce-eager``, so that 10B take 10 and 15 s: assumed. Nothing is
compiled then and no graph is captured, and every later token is slower."""

BYTES_PER_PARAMETER = 2.0
"""Where only the weights are known they are taken for bf16."""

SMALL_MODEL_GB = 16.0
"""Weights of a model of 8 billion parameters in bf16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is started, and how. Sizes in GB of 10^9 bytes, the image as the registry stores it.

    ``parameters_billion`` None: as many as the weights have in bf16. ``has_warm_node``: a node with
    its GPU and the image is there already. ``has_warm_cache``: Fluid's cache holds the weights.
    ``instance_type``, ``image`` and ``model`` (its storage URI) only tell which own starts count.

    Raises:
        StartError: a size is not above 0, or the provider is unknown.
    """

    provider: str
    weights_gb: float
    image_gb: float = IMAGE_GB
    parameters_billion: float | None = None
    image_pull: ImagePull = ImagePull.EAGER
    weight_load: WeightLoad = WeightLoad.INITIALIZER
    has_warm_node: bool = False
    has_warm_cache: bool = True
    has_compile_cache: bool = False
    enforces_eager: bool = False
    instance_type: str | None = None
    image: str | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be started."""
        if self.provider not in BOOT:
            raise StartError(f"{self.provider!r} is none of {', '.join(BOOT)}")
        sizes = {
            "weights": self.weights_gb,
            "image size": self.image_gb,
            "parameters": 1 if self.parameters_billion is None else self.parameters_billion,
        }
        for name, size in sizes.items():
            if not 0 < size < float("inf"):
                raise StartError(f"{name}: {size:g} is not above 0")

    @property
    def billions(self) -> float:
        """Billions of parameters, told or guessed."""
        return self.parameters_billion or self.weights_gb / BYTES_PER_PARAMETER


def default_terms(start: Start) -> tuple[Term, ...]:
    """The terms of a start by what others have published."""
    node = () if start.has_warm_node else (_boot(start), _image(start))
    return (*node, *_weights(start), _engine(start))


def _boot(start: Start) -> Term:
    return Term(Part.BOOT, *BOOT[start.provider])


def _image(start: Start) -> Term:
    if start.image_pull is ImagePull.PRELOADED:
        return Term(Part.IMAGE, PRELOADED, f"{PUBLISHED}: about 0, ai-on-eks@41a979e; p90 assumed")
    p50, p10, source = PULL_MB_PER_S[start.image_pull]
    whole = of_rate(start.image_gb, p50, p10)
    if start.image_pull is not ImagePull.LAZY:
        return Term(Part.IMAGE, whole, source)
    middle, high = LAZY_SHARE
    sigma = hypot(whole.sigma, log(high / middle) / Z90)
    read, begun = of_sigma(whole.p50_seconds * middle, sigma), LAZY_BEGINS_SECONDS
    spread = Spread(begun + read.p50_seconds, begun + read.p90_seconds)
    return Term(Part.IMAGE, spread, source)


def _weights(start: Start) -> tuple[Term, ...]:
    """Reading them; before it, a cache that must first be filled."""
    p50, p10, source = LOAD_MB_PER_S[start.weight_load]
    read = Term(Part.WEIGHTS, of_rate(start.weights_gb, p50, p10), source)
    if start.weight_load is WeightLoad.FLUID and not start.has_warm_cache:
        p50, p10, source = PREFETCH_MB_PER_S
        return Term(Part.PREFETCH, of_rate(start.weights_gb, p50, p10), source), read
    if start.weight_load is WeightLoad.NODE_CACHE and not start.has_warm_node:
        # A new node's cache is empty: KServe's agent downloads as the initializer does.
        p50, p10, source = LOAD_MB_PER_S[WeightLoad.INITIALIZER]
        return Term(Part.DOWNLOAD, of_rate(start.weights_gb, p50, p10), source), read
    return (read,)


def _engine(start: Start) -> Term:
    spread = _by_size(start.billions)
    p50, p90 = engine_factors(
        has_compile_cache=start.has_compile_cache, enforces_eager=start.enforces_eager
    )
    middle = spread.p50_seconds * p50
    return Term(Part.ENGINE, Spread(middle, max(middle, spread.p90_seconds * p90)), ENGINE_SOURCE)


def engine_factors(*, has_compile_cache: bool, enforces_eager: bool) -> tuple[float, float]:
    """Of the engine's start, median and p90; who compiles nothing gains nothing by a cache."""
    if enforces_eager:
        return EAGER_FACTORS
    factor = COMPILE_CACHE_FACTOR if has_compile_cache else 1.0
    return factor, factor


def _by_size(billions: float) -> Spread:
    """Straight lines between the sizes that are known, in logarithms; flat below the smallest."""
    sizes = sorted(ENGINE)
    if billions <= sizes[0]:
        return ENGINE[sizes[0]]
    above = next((one for one in sizes[1:] if billions <= one), sizes[-1])
    below = sizes[sizes.index(above) - 1]
    share = log(billions / below) / log(above / below)
    low, high = ENGINE[below], ENGINE[above]
    middle = _between(low.p50_seconds, high.p50_seconds, share)
    # Far beyond the sizes that are known the two lines cross.
    return Spread(middle, max(middle, _between(low.p90_seconds, high.p90_seconds, share)))


def _between(low: float, high: float, share: float) -> float:
    return low * exp(share * log(high / low))


@cache
def serving_by_default() -> Mapping[str, timedelta]:
    """Until an 8B model serves on a new node, p95, with no cache at all; by provider."""
    return {
        provider: timedelta(
            seconds=round(
                Estimate(
                    default_terms(Start(provider=provider, weights_gb=SMALL_MODEL_GB))
                ).quantiles(PLANNED_WITH)[0]
            )
        )
        for provider in BOOT
    }
