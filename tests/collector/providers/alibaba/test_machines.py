"""The account's machines, and the pools of announcements."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from alibabacloud_ecs20140526.models import DescribeInstancesRequest

from collector.errors import SourceChangedError
from collector.providers.alibaba.machines import Machine, attributed, machines, parse
from tests.support.alibaba import REGION, alibaba_at, official_client, replayed
from tests.support.loopback import NOW, Answer, Request, always, loopback
from warehouse.records import Interruption, InterruptionKind


def row(node: str, **changed: Any) -> dict[str, Any]:
    given = {
        "InstanceId": node,
        "ZoneId": f"{REGION}-i",
        "InstanceType": "ecs.g7.large",
        "SpotStrategy": "SpotAsPriceGo",
        "Status": "Running",
        "CreationTime": "2026-11-23T10:00Z",
        "StartTime": "2026-11-23T10:01Z",
        "OperationLocks": {"LockReason": []},
    }
    return {**given, **changed}


def page(*rows: dict[str, Any], following: str = "") -> dict[str, Any]:
    return {"Instances": {"Instance": [*rows]}, "NextToken": following}


def read(**changed: Any) -> Machine:
    (found,) = parse(page(row("i-1", **changed)), region=REGION, feed="test")
    return found


def announcement(node: str, region: str | None = REGION, *pool: str) -> Interruption:
    zone, instance_type = pool or (None, None)
    kind = InterruptionKind.ANNOUNCED
    return Interruption(
        "alibaba", region, zone, instance_type, node, kind, NOW, 300.0, "test", observed_at=NOW
    )


def test_the_recorded_machines_are_read_from_all_pages() -> None:
    with replayed() as source:
        found = list(machines(source, REGION, feed="test"))

    started = datetime(2026, 11, 22, 6, 11, tzinfo=UTC)
    assert found[0] == Machine(
        node="i-bp1ecr********5go2go",
        zone=f"{REGION}-i",
        instance_type="ecs.g7.large",
        launched_at=started,
        is_spot=True,
        is_stopped=False,
        is_recycling=True,
    )
    assert [(one.is_spot, one.is_stopped, one.is_recycling) for one in found[1:]] == [
        (False, False, False),
        (True, False, False),
        (True, True, False),
    ]


def test_the_official_client_reads_the_same_machines() -> None:
    official = []
    with official_client() as client:
        token: str | None = None
        while token != "":
            request = DescribeInstancesRequest(region_id=REGION, max_results=100)
            request.next_token = token
            body = client.describe_instances(request).body
            token = body.next_token
            official += [
                (
                    one.instance_id,
                    one.zone_id,
                    one.instance_type,
                    one.start_time or one.creation_time,
                    one.spot_strategy != "NoSpot",
                    [lock.lock_reason for lock in one.operation_locks.lock_reason] == ["Recycling"],
                )
                for one in body.instances.instance
            ]

    with replayed() as source:
        found = list(machines(source, REGION, feed="test"))
    assert official == [
        (
            one.node,
            one.zone,
            one.instance_type,
            f"{one.launched_at:%Y-%m-%dT%H:%MZ}",
            one.is_spot,
            one.is_recycling,
        )
        for one in found
    ]


def test_a_machine_that_has_not_started_was_launched_when_it_was_made() -> None:
    assert read().launched_at == datetime(2026, 11, 23, 10, 1, tzinfo=UTC)
    assert read(StartTime="").launched_at == datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize("reason", ["financial", "security", "refunded", "something new"])
def test_a_lock_of_another_kind_is_no_announcement(reason: str) -> None:
    assert not read(OperationLocks={"LockReason": [{"LockReason": reason}]}).is_recycling


def test_machines_are_asked_for_by_name_a_hundred_at_a_time() -> None:
    nodes = [f"i-{number}" for number in range(101)]
    with (
        loopback(always(Answer(json.dumps(page()).encode()))) as server,
        alibaba_at(server.url) as source,
    ):
        assert list(machines(source, REGION, feed="test", nodes=nodes)) == []

    asked = [json.loads(one.query["InstanceIds"]) for one in server.requests]
    assert asked == [nodes[:100], nodes[100:]]
    assert {one.query["MaxResults"] for one in server.requests} == {"100"}


def test_a_token_that_leads_back_is_reported() -> None:
    answer = Answer(json.dumps(page(following="1")).encode())
    with (
        loopback(always(answer)) as server,
        alibaba_at(server.url) as source,
        pytest.raises(SourceChangedError, match="DescribeInstances in cn-hangzhou: the page token"),
    ):
        list(machines(source, REGION, feed="test"))


def test_announcements_get_the_pools_of_machines_that_can_be_seen() -> None:
    def answer(request: Request) -> Answer:
        if request.query["RegionId"] == "eu-central-1":
            return Answer(b'{"Code": "NoPermission"}', 403)
        known = [row("i-1"), row("i-2", ZoneId=f"{REGION}-j", SpotStrategy="NoSpot")]
        return Answer(json.dumps(page(*known)).encode())

    told = [
        announcement("i-1"),
        announcement("i-3"),
        announcement("i-2"),
        announcement("i-4", "eu-central-1"),
        announcement("i-5", None),
    ]
    with loopback(answer) as server, alibaba_at(server.url) as source:
        found = attributed(source, told, feed="test")

    assert found == [
        announcement("i-1", REGION, f"{REGION}-i", "ecs.g7.large"),
        announcement("i-3"),
        announcement("i-2", REGION, f"{REGION}-j", "ecs.g7.large"),
        announcement("i-4", "eu-central-1"),
        announcement("i-5", None),
    ]
    assert [json.loads(one.query["InstanceIds"]) for one in server.requests] == [
        ["i-1", "i-2", "i-3"],
        ["i-4"],
    ]


def test_a_look_up_that_fails_is_logged_and_loses_no_announcement(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        loopback(always(Answer(b"oops", 500))) as server,
        alibaba_at(server.url) as source,
    ):
        assert attributed(source, [announcement("i-1")], feed="test") == [announcement("i-1")]

    assert "pool_unknown region=cn-hangzhou machines=1 reason=test: " in caplog.text
