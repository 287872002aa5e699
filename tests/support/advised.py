"""The same market asked by command and over HTTP, so that the answers can be held together."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from api.service.market_view import Markets
from api.service.state import Service, service_of
from api.settings import settings_from
from collector.watchlist import Watchlist
from tests.support.market import a_price, a_shape, a_signal
from tests.support.served import a_client
from warehouse.frames import frames_of
from warehouse.records import OnDemandPrice, Pool, Record
from warehouse.store import Warehouse

PLACES = {
    "aws": ("us-east-1", ("use1-az4", "use1-az6"), ("g5.xlarge", "g6.xlarge")),
    "alibaba": (
        "cn-beijing",
        ("cn-beijing-k", "cn-beijing-l"),
        ("ecs.gn7i-c8g1.2xlarge", "ecs.gn6i-c8g1.2xlarge"),
    ),
    "gcp": ("us-central1", ("*",), ("g2-standard-8", "a2-highgpu-1g")),
    "azure": ("westus2", ("*",), ("Standard_NC4as_T4_v3", "Standard_NC8as_T4_v3")),
}


def facts(at: datetime) -> list[Record]:
    """On each cloud two types with prices, listed on demand; bands for those of AWS and Azure."""
    records: list[Record] = []
    for provider, (region, zones, types) in PLACES.items():
        pools = [Pool(provider, region, zone, name) for name, zone in product(types, zones)]
        records += [
            *(a_shape(name, provider=provider, gpu_name="NVIDIA L4") for name in types),
            *(a_price(0.5 + 0.1 * place, pool, at) for place, pool in enumerate(pools)),
            *(OnDemandPrice(provider, region, one, at, 2.0, "USD", "test", at) for one in types),
        ]
    region, _, types = PLACES["aws"]
    records += [
        a_signal(
            0.05 * place, 0.05 * (place + 1), pool=Pool("aws", region, "*", name), observed_at=at
        )
        for place, name in enumerate(types)
    ]
    return records


@dataclass(frozen=True, slots=True)
class Both:
    """A client of a server, and the options of the command, for one warehouse."""

    client: TestClient
    warehouse: str

    def options(self, provider: str) -> list[str]:
        """Of the command, for one machine with a GPU in the cloud's region."""
        return ["-p", provider, "-r", PLACES[provider][0], "--gpus", "1", "-w", self.warehouse]

    def body(self, provider: str, **more: Any) -> dict[str, Any]:
        """The same wishes as a body, with more fields beside them."""
        policy = {"provider": [provider], "region": [PLACES[provider][0]]}
        return {"demand": {"gpus": 1}, "policy": policy, **more}


@contextmanager
def both_ways(folder: Path, told_at: datetime, now: datetime) -> Generator[Both]:
    """A server on a copy of the warehouse of the command; its clock stands at ``now``."""
    path = folder / "market.duckdb"
    with Warehouse.open(path) as warehouse, warehouse.transaction():
        for table, frame in frames_of(warehouse, facts(told_at)):
            warehouse.append(table, frame)
    with Warehouse.in_memory() as copy:
        with copy.transaction():
            for table, frame in frames_of(copy, facts(told_at)):
                copy.append(table, frame)
        service = service_of(copy, settings_from({}), lambda: now, Watchlist())
        yield Both(a_client(service), str(path))


def later_than(service: Service, later: timedelta) -> Service:
    """The same warehouse, asked so much later."""

    def clock() -> datetime:
        return service.clock() + later

    return replace(
        service, clock=clock, markets=Markets(service.warehouse, service.settings, clock)
    )
