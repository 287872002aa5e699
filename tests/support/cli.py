"""The command line as a user has it, and a small market for it to speak of."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.support.market import a_pool, a_price, a_shape, a_signal
from warehouse.frames import frames_of
from warehouse.records import OnDemandPrice, Record
from warehouse.store import Warehouse


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


def fill(path: Path, *records: Record) -> None:
    """Append records to the database of that path, which is made if it is not there."""
    with Warehouse.open(path) as warehouse, warehouse.transaction():
        for table, frame in frames_of(warehouse, records):
            warehouse.append(table, frame)


def a_market(at: datetime) -> list[Record]:
    """Three GPU pools and one without a GPU, with bands for two of the types."""
    shapes = [
        a_shape("g5.xlarge"),
        a_shape("g4dn.xlarge", gpu_name="T4", gpu_memory_gib=16),
        a_shape("p3.2xlarge", gpu_name="V100", gpu_memory_gib=16),
        a_shape("m7i.large", gpu_name=None, gpu_count=0, gpu_memory_gib=None),
    ]
    prices = {"g5.xlarge": 0.4, "g4dn.xlarge": 0.2, "p3.2xlarge": 0.1, "m7i.large": 0.03}
    return [
        *shapes,
        *(a_price(usd, a_pool(name), at) for name, usd in prices.items()),
        OnDemandPrice("aws", "us-east-1", "g5.xlarge", at, 1.0, "USD", "list", at),
        a_signal(0.05, 0.10, pool=a_pool("g5.xlarge", zone="*"), observed_at=at),
        a_signal(0.20, None, pool=a_pool("g4dn.xlarge", zone="*"), observed_at=at),
    ]
