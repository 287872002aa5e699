"""The catalogue feeds against moto's server: a peer that others wrote, with AWS' own type list.

moto's spot prices are an invented constant, so that feed has only our own server to talk to.
"""

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from collector.provider import Source
from collector.providers.aws import availability_zones, instance_type_offerings, instance_types
from tests.support.aws import aws_at
from tests.support.loopback import run
from warehouse.records import AvailableType, InstanceType, Pool, RunOutcome, ZoneAlias
from warehouse.store import Warehouse


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of a moto server on a free port of this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def source(moto: str) -> Iterator[Source]:
    """A source whose EC2 is moto."""
    with aws_at(moto) as made:
        yield made


def test_all_types_are_read_and_stored(source: Source) -> None:
    with Warehouse.in_memory() as warehouse:
        result = run(warehouse, instance_types.FEED, source).result
        found = {
            name: rest
            for name, *rest in warehouse.rows("""
                select instance_type, vcpu, memory_gib, architecture, gpu_name, gpu_count
                from current_instance_type
            """)
        }

    assert result.outcome is RunOutcome.OK
    assert result.rows_new == result.rows_read == len(found)
    assert len(found) > 1000
    assert found["t2.micro"] == [1, 1, "amd64", None, 0]
    assert found["g5g.xlarge"] == [4, 8, "arm64", "T4g", 1]
    assert found["p5.48xlarge"] == [192, 2048, "amd64", "H100", 8]
    assert found["g6f.xlarge"] == [4, 16, "amd64", "L4", 0]
    assert found["inf2.xlarge"] == [4, 16, "amd64", None, 0]
    assert found["trn1.2xlarge"] == [8, 32, "amd64", None, 0]
    assert found["mac1.metal"] == [12, 32, "x86_64_mac", None, 0]


def test_every_offering_lies_in_a_zone_of_the_account(source: Source) -> None:
    zones = [one for one in availability_zones.FEED.collect(source) if isinstance(one, ZoneAlias)]
    pools = {
        one.pool
        for one in instance_type_offerings.FEED.collect(source)
        if isinstance(one, AvailableType)
    }

    assert {pool.zone for pool in pools} == {zone.zone_id for zone in zones}
    assert len(zones) == 6
    assert Pool("aws", "us-east-1", "use1-az4", "m5.large") in pools


def test_every_offered_type_has_a_shape(source: Source) -> None:
    shapes = {
        one.instance_type
        for one in instance_types.FEED.collect(source)
        if isinstance(one, InstanceType)
    }
    offered = {
        one.pool.instance_type
        for one in instance_type_offerings.FEED.collect(source)
        if isinstance(one, AvailableType)
    }

    assert offered
    assert offered <= shapes
