"""The catalogue and the machines against moto: a peer that others wrote, with AWS' own type list.

moto's spot prices are an invented constant, so that feed has only our own server to talk to.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.ec2.utils import filter_dict_attribute_mapping
from moto.server import ThreadedMotoServer

from collector.providers.aws import (
    availability_zones,
    instance_type_offerings,
    instance_types,
    instances,
)
from collector.providers.aws.client import AwsConnection
from tests.support.aws import aws_at
from tests.support.loopback import run
from warehouse.records import EndedBy, Exposure, RunOutcome
from warehouse.runs import RunResult
from warehouse.store import Warehouse

REGION = "us-west-1"
"""A small region: its offerings are read in a fifth of the time."""
FEEDS = (instance_types.FEED, instance_type_offerings.FEED, availability_zones.FEED)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of a moto server on a free port of this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def collected(moto: str) -> Iterator[tuple[Warehouse, dict[str, RunResult]]]:
    """All three feeds run once against it: what is stored, and what came of each run."""
    # moto tells the region by the signature, so one address serves for every host.
    account = AwsConnection(endpoint=lambda _: moto, retries=0)
    with (
        Warehouse.in_memory() as warehouse,
        aws_at(moto, REGION, connections={"aws": account}) as source,
    ):
        yield warehouse, {feed.name: run(warehouse, feed, source).result for feed in FEEDS}


def test_every_run_stores_all_that_it_read(
    collected: tuple[Warehouse, dict[str, RunResult]],
) -> None:
    results = collected[1].values()

    assert [one.outcome for one in results] == [RunOutcome.OK] * 3
    assert [one.rows_new for one in results] == [one.rows_read for one in results]


def test_real_types_have_the_shapes_that_aws_publishes(
    collected: tuple[Warehouse, dict[str, RunResult]],
) -> None:
    found = {
        name: rest
        for name, *rest in collected[0].rows("""
            select instance_type, vcpu, memory_gib, architecture, gpu_name, gpu_count
            from current_instance_type
        """)
    }

    assert len(found) > 1000
    assert found["t2.micro"] == [1, 1, "amd64", None, 0]
    assert found["g5g.xlarge"] == [4, 8, "arm64", "T4g", 1]
    assert found["p5.48xlarge"] == [192, 2048, "amd64", "H100", 8]
    assert found["g6f.xlarge"] == [4, 16, "amd64", "L4", 0]
    assert found["inf2.xlarge"] == [4, 16, "amd64", None, 0]
    assert found["trn1.2xlarge"] == [8, 32, "amd64", None, 0]
    assert found["mac1.metal"] == [12, 32, "x86_64_mac", None, 0]


def test_offerings_shapes_and_zones_fit_together(
    collected: tuple[Warehouse, dict[str, RunResult]],
) -> None:
    offered = collected[0].rows("select distinct zone from available_type order by zone")
    zones = collected[0].rows("select zone_id from zone_alias order by zone_id")
    without_shape = collected[0].rows("""
        from available_type anti join instance_type using (provider, instance_type)
    """)

    assert offered == zones
    assert len(zones) == 2
    assert without_shape == []


def test_a_spot_machine_lives_from_its_launch_until_its_user_ends_it(
    moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # moto has the machine's lifecycle, but no filter for it.
    monkeypatch.setitem(filter_dict_attribute_mapping, "instance-lifecycle", "lifecycle")
    account = AwsConnection(endpoint=lambda _: moto, retries=0)
    ec2: Any = account.ec2(REGION)
    one = {"ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1}
    ec2.run_instances(**one, InstanceType="m5.large")
    (launched,) = ec2.run_instances(
        **one, InstanceType="g5.xlarge", InstanceMarketOptions={"MarketType": "spot"}
    )["Instances"]
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    ids = {zone["ZoneName"]: zone["ZoneId"] for zone in zones}
    now = datetime.now(UTC)

    with aws_at(moto, REGION, connections={"aws": account}, now=now) as source:
        (running,) = instances.FEED.collect(source)
        ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
        (ended,) = instances.FEED.collect(replace(source, now=now + timedelta(minutes=5)))

    assert running == Exposure(
        provider="aws",
        region=REGION,
        zone=ids[launched["Placement"]["AvailabilityZone"]],
        instance_type="g5.xlarge",
        node=launched["InstanceId"],
        launched_at=launched["LaunchTime"],
        last_alive_at=now,
        ended_at=None,
        ended_by=EndedBy.STILL_RUNNING,
        end_reason="running",
        source="aws.instances",
    )
    assert ended == replace(
        running,
        ended_at=now + timedelta(minutes=5),
        ended_by=EndedBy.USER,
        end_reason="Client.UserInitiatedShutdown",
    )
