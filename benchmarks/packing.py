"""Packing against its limits: 500 pods on 1,000 offerings, in time and near the proven bound.

The market is made and seeded: families of machines as the clouds sell them, in three zones, on
spot and on demand, each pool with a price of its own. What pods ask for is made as well: either
replicas of some 30 workloads, or 500 pods of which no two are alike. Every shape is packed for
several seeds. The bound is the solver's own proof, so the gap counts what was not proven as well
as what was not found.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from advisor.packing import Costs, PackingSettings, Pod, Toleration, Workload, pack
from advisor.packing.pods import Expression, Separation
from warehouse.records import CapacityType, InstanceType, Offering, Pool, Semantics

PODS, OFFERINGS = 500, 1_000
LIMIT_GAP = 0.02
LIMIT_SECONDS = 10.0
SEARCH = timedelta(seconds=9)
"""Handed to the search: reading, compiling and the last solver's step take the rest."""
SEEDS = (1, 2, 3)
TOLD_ONLY = frozenset({"workloads kept apart"})
"""Shapes without a limit on the gap: which zone each pod goes to is left open in the bound, and
what that is worth is not proven within the time."""
NOW = datetime(2026, 11, 24, tzinfo=UTC)
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")

FAMILIES = (
    # GiB per vCPU, USD per vCPU and hour on demand: about c5, m5, r5 and their successors.
    *((f"c{one}", 2.0, 0.0425 + 0.001 * one, None) for one in range(5, 9)),
    *((f"m{one}", 4.0, 0.048 + 0.001 * one, None) for one in range(5, 9)),
    *((f"r{one}", 8.0, 0.063 + 0.001 * one, None) for one in range(5, 9)),
    # USD per GPU and hour.
    ("g4dn", 4.0, 0.53, "T4"),
    ("g5", 4.0, 1.01, "A10G"),
    ("g6", 4.0, 0.80, "L4"),
    ("g6e", 8.0, 1.86, "L40S"),
)
SPOT_SHARE, BETWEEN, WITHIN = 0.36, 0.22, 0.19
"""Spot prices as shares of the list price: the median, and how far families, and sizes of one
family, lie apart (standard deviations of the logarithm). Measured on 51 families of us-east-1 at
the end of March 2026."""

SIZES = {
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "8xlarge": 32,
    "12xlarge": 48,
    "16xlarge": 64,
    "24xlarge": 96,
}
GPUS = {"xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 4, "24xlarge": 4}


def market(rng: np.random.Generator) -> tuple[list[Offering], Costs]:
    """`OFFERINGS` offerings of one region and what each is expected to cost."""
    offerings: list[Offering] = []
    costs: dict[tuple[Pool, CapacityType], float] = {}
    turn = 0
    while len(offerings) < OFFERINGS:
        suffix = "" if turn == 0 else "nadiz"[(turn - 1) % 5] * ((turn + 4) // 5)
        for family, ratio, usd, gpu in FAMILIES:
            levels = (SPOT_SHARE * rng.lognormal(0, BETWEEN, len(ZONES))).tolist()
            for size, vcpu in SIZES.items():
                gpus = GPUS.get(size, 0) if gpu else 0
                if gpu and not gpus:
                    continue
                listed = usd * (gpus + vcpu / 96) if gpu else usd * vcpu
                shape = machine(f"{family}{suffix}.{size}", vcpu, ratio * vcpu, gpu, gpus)
                for offering, cost in pools(shape, listed, levels, rng):
                    offerings.append(offering)
                    costs[offering.pool, offering.capacity_type] = cost
        turn += 1
    return offerings[:OFFERINGS], costs


def machine(name: str, vcpu: int, memory: float, gpu: str | None, gpus: int) -> InstanceType:
    """A machine of AWS."""
    memory_gib = 24.0 if gpus else None
    return InstanceType(
        "aws", name, vcpu, memory, "amd64", gpu, gpus, memory_gib, None, "made", NOW
    )


def pools(
    shape: InstanceType, listed: float, levels: Sequence[float], rng: np.random.Generator
) -> list[tuple[Offering, float]]:
    """One spot pool per zone, at its family's level there and some risk, and one on demand."""
    found: list[tuple[Offering, float]] = []
    for zone, level in zip(ZONES, levels, strict=True):
        usd = listed * min(level * rng.lognormal(0, WITHIN), 0.95)
        found.append((offered(shape, zone, usd, listed, CapacityType.SPOT), usd * 1.02))
    found.append((offered(shape, ZONES[0], listed, listed, CapacityType.ON_DEMAND), listed))
    return found


def offered(
    shape: InstanceType, zone: str, usd: float, listed: float, kind: CapacityType
) -> Offering:
    """An offering at that price."""
    pool = Pool("aws", "us-east-1", zone, shape.instance_type)
    sample = Semantics.SAMPLE
    return Offering(pool, kind, usd, "USD", usd, sample, "made", NOW, listed, shape)


def workloads(rng: np.random.Generator, gpu_share: float) -> list[Pod]:
    """Replicas of 30 workloads, `PODS` in all, at the sizes that people write."""
    shares = rng.dirichlet(np.full(30, 1.5))
    counts = rng.multinomial(PODS - 30, shares) + 1
    pods: list[Pod] = []
    for at, count in enumerate(counts.tolist()):
        cpu = int(rng.choice([100, 250, 500, 1000, 2000, 4000]))
        memory = int(cpu * rng.choice([1, 2, 4, 8]) * 1.024)
        gpus = int(rng.choice([1, 1, 1, 2, 4])) if rng.random() < gpu_share else 0
        pods.append(pod(f"w{at}", cpu, memory, gpus, count))
    return pods


def unlike(rng: np.random.Generator, gpu_share: float) -> list[Pod]:
    """`PODS` pods of as many sizes."""
    pods: list[Pod] = []
    for at in range(PODS):
        cpu = int(rng.integers(100, 4000))
        gpus = int(rng.choice([1, 1, 1, 2, 4])) if rng.random() < gpu_share else 0
        pods.append(pod(f"p{at}", cpu, int(cpu * rng.uniform(1, 8)), gpus, 1))
    return pods


def pod(name: str, cpu: int, memory: int, gpus: int, count: int) -> Pod:
    """A pod that bears the GPUs' taint if it wants any."""
    requests = {"cpu": cpu, "memory": memory} | ({"nvidia.com/gpu": gpus} if gpus else {})
    bears = (Toleration("nvidia.com/gpu", "Exists"),) if gpus else ()
    return Pod(name=name, count=count, requests=requests, labels={"app": name}, tolerations=bears)


def apart(rng: np.random.Generator) -> list[Pod]:
    """The workloads; of every four one spread over zones, one over nodes, one bound to a zone."""
    made: list[Pod] = []
    for at, one in enumerate(workloads(rng, 0.1)):
        mine = (Expression("app", "In", (one.name,)),)
        rules = {
            0: (Separation("zone", mine, (), 1, is_spread=True),),
            1: (Separation("hostname", mine, (), 2, is_spread=True),),
        }
        zone = Expression("topology.kubernetes.io/zone", "In", (ZONES[at % 3],))
        made.append(
            Pod(
                name=one.name,
                count=one.count,
                requests=one.requests,
                labels=one.labels,
                tolerations=one.tolerations,
                separations=rules.get(at % 4, ()),
                node_selector=(zone,) if at % 4 == 2 else (),  # noqa: PLR2004 - the third of four
            )
        )
    return made


SHAPES: dict[str, Callable[[np.random.Generator], list[Pod]]] = {
    "workloads": lambda rng: workloads(rng, 0.0),
    "workloads with GPUs": lambda rng: workloads(rng, 0.3),
    "workloads kept apart": apart,
    "all unlike": lambda rng: unlike(rng, 0.0),
    "all unlike with GPUs": lambda rng: unlike(rng, 0.2),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One shape over all seeds."""

    name: str
    gaps: Sequence[float]
    first_fit_gaps: Sequence[float]
    seconds: Sequence[float]

    @property
    def is_over(self) -> bool:
        """Whether any seed passes a limit."""
        is_wide = max(self.gaps) > LIMIT_GAP and self.name not in TOLD_ONLY
        return is_wide or max(self.seconds) > LIMIT_SECONDS

    def __str__(self) -> str:
        """One line of the table: worst gap and time, and as ratios to the limits."""
        return (
            f"{self.name:24} {100 * max(self.gaps):6.2f} % {max(self.gaps) / LIMIT_GAP:6.2f} "
            f"{max(self.seconds):7.2f} s {max(self.seconds) / LIMIT_SECONDS:6.2f} "
            f"{100 * statistics.median(self.first_fit_gaps):8.2f} %"
        )


def measured(name: str) -> Measured:
    """Pack one shape for every seed."""
    gaps: list[float] = []
    first: list[float] = []
    seconds: list[float] = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        offerings, costs = market(rng)
        workload = Workload(tuple(SHAPES[name](rng)), ())
        start = time.perf_counter()
        packing = pack(workload, offerings, costs, PackingSettings(time_limit=SEARCH, gap=0.005))
        seconds.append(time.perf_counter() - start)
        placed = sum(node.pod_count for node in packing.nodes)
        if placed != PODS:
            raise RuntimeError(f"{name}: {placed} of {PODS} pods placed")
        gaps.append(packing.gap)
        first.append(1 - packing.bound_usd_per_hour / packing.first_fit_usd_per_hour)
    return Measured(name, gaps, first, seconds)


def run() -> int:
    """Print the table; 1 if a limit is passed."""
    print(f"{PODS} pods on {OFFERINGS} offerings, worst of {len(SEEDS)} seeds")
    print(f"{'':24} {'gap':>8} {'/ 2 %':>6} {'time':>9} {'/ 10 s':>6} {'first fit':>10}")
    rows = []
    for name in SHAPES:
        rows.append(measured(name))
        print(rows[-1], flush=True)
    return int(any(row.is_over for row in rows))


if __name__ == "__main__":
    sys.exit(run())
