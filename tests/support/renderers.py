"""Choices of offerings for tests of the outputs, with machines as the clouds sell them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import strategies as st

from advisor.renderers.choice import Provenance
from warehouse.records import REGIONAL, CapacityType, InstanceType, Offering, Pool, Semantics

NOW = datetime(2026, 11, 1, tzinfo=UTC)
REGIONS = {"aws": "us-east-1", "gcp": "us-central1", "azure": "eastus", "alibaba": "cn-hangzhou"}
ZONES = {
    "aws": ("use1-az1", "use1-az2", "use1-az4"),
    "gcp": ("us-central1-a", "us-central1-b"),
    "azure": ("eastus-1", "eastus-2"),
    "alibaba": ("cn-hangzhou-h", "cn-hangzhou-i"),
}
PROVENANCE = Provenance(NOW, "published", is_stale=False, pools=4, unknown_risk_pools=1)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a catalog says of a type."""

    instance_type: str
    vcpu: float
    memory_gib: float
    gpu_name: str | None = None
    gpu_count: int = 0
    gpu_memory_gib: float | None = None
    architecture: str = "amd64"


MACHINES = {
    "aws": (
        Machine("g5.xlarge", 4, 16, "A10G", 1, 22.35),
        Machine("g5.2xlarge", 8, 32, "A10G", 1, 22.35),
        Machine("g5.12xlarge", 48, 192, "A10G", 4, 22.35),
        Machine("g6.xlarge", 4, 16, "L4", 1, 22.35),
        Machine("g4dn.xlarge", 4, 16, "T4", 1, 16),
        Machine("p3.2xlarge", 8, 61, "V100", 1, 16),
    ),
    "gcp": (
        Machine("g2-standard-4", 4, 16, "NVIDIA L4", 1, 24),
        Machine("g2-standard-24", 24, 96, "NVIDIA L4", 2, 24),
        Machine("a2-highgpu-1g", 12, 85, "NVIDIA A100 40GB", 1, 40),
        Machine("a2-ultragpu-1g", 12, 170, "NVIDIA A100 80GB", 1, 80),
        Machine("a3-megagpu-8g", 208, 1872, "NVIDIA H100 80GB (mega)", 8, 80),
        Machine("n2-standard-4", 4, 16),
    ),
    "azure": (
        Machine("Standard_NC4as_T4_v3", 4, 28, "T4", 1, 16),
        Machine("Standard_NC24ads_A100_v4", 24, 220, "A100", 1, 80),
    ),
    "alibaba": (Machine("ecs.gn7i-c8g1.2xlarge", 8, 30, "A10", 1, 24),),
}


def chosen(
    machine: Machine,
    zone: str = REGIONAL,
    *,
    provider: str = "aws",
    region: str | None = None,
    capacity_type: CapacityType = CapacityType.SPOT,
    usd_per_hour: float = 1.0,
) -> Offering:
    """A machine in a place, spot at a dollar an hour unless said otherwise, on demand at two."""
    return Offering(
        pool=Pool(provider, region or REGIONS[provider], zone, machine.instance_type),
        capacity_type=capacity_type,
        price_per_hour=usd_per_hour,
        currency="USD",
        usd_per_hour=usd_per_hour,
        price_semantics=Semantics.SAMPLE,
        price_source="test",
        price_observed_at=NOW,
        on_demand_usd_per_hour=2.0,
        instance_type=InstanceType(
            provider=provider,
            instance_type=machine.instance_type,
            vcpu=machine.vcpu,
            memory_gib=machine.memory_gib,
            architecture=machine.architecture,
            gpu_name=machine.gpu_name,
            gpu_count=machine.gpu_count,
            gpu_memory_gib=machine.gpu_memory_gib,
            local_disk_gb=None,
            source="test",
            observed_at=NOW,
        ),
    )


def some(provider: str, *names: str, zone: str = REGIONAL) -> list[Offering]:
    """Machines of `MACHINES` by name, in the order given."""
    known = {one.instance_type: one for one in MACHINES[provider]}
    return [chosen(known[name], zone, provider=provider) for name in names]


def choices(
    provider: str, *, machines: Sequence[Machine] | None = None
) -> st.SearchStrategy[list[Offering]]:
    """One to twelve pools of the provider, each once, in any order; regional ones among them."""
    pools = st.tuples(
        st.sampled_from(machines or MACHINES[provider]),
        st.sampled_from((*ZONES[provider], REGIONAL)),
    )
    drawn = st.lists(pools, min_size=1, max_size=12, unique=True)
    return drawn.map(
        lambda pairs: [chosen(machine, zone, provider=provider) for machine, zone in pairs]
    )


def many_types(count: int, zones: Sequence[str] = (REGIONAL,)) -> list[Offering]:
    """``count`` AWS types of one shape, in each of the zones: more than a limit holds."""
    return [
        chosen(Machine(f"g5.size{number}", 4, 16, "A10G", 1, 22.35), zone)
        for number in range(count)
        for zone in zones
    ]
