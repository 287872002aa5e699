"""What each of AWS' events says, and what none of them says."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.errors import SourceChangedError
from collector.providers.aws import PROVIDER
from collector.providers.aws.eventbridge import NAME, nodes_of, parse
from collector.providers.aws.machines import Machine
from tests.support.aws import payload
from tests.support.loopback import NOW
from warehouse.records import (
    EndedBy,
    Exposure,
    Interruption,
    InterruptionKind,
    Pool,
    Record,
    Signal,
)

NODE = "i-0b662ef9931388ba0"
LAUNCHED = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
AT = datetime(2026, 11, 23, 18, 2, 11, tzinfo=UTC)
PLACE = Pool("aws", "us-east-1", "use1-az4", "g5.xlarge")


def machine(reason: str = "", *, is_spot: bool = True) -> Machine:
    return Machine(NODE, "us-east-1", "use1-az4", "g5.xlarge", is_spot, LAUNCHED, reason)


def read(event: Mapping[str, Any], *machines: Machine) -> list[Record]:
    known = {one.node: one for one in machines}
    return list(parse(event, observed_at=NOW, machines=known))


def state_change(state: str, **changed: object) -> Mapping[str, Any]:
    event = payload("event.instance_state_change.json")
    return {**event, "detail": {"instance-id": NODE, "state": state}, **changed}


def changed_detail(name: str, **changed: object) -> Mapping[str, Any]:
    event = payload(name)
    return {**event, "detail": {**event["detail"], **changed}}


def interruption(kind: InterruptionKind, at: datetime, notice: float | None) -> Interruption:
    return Interruption(
        "aws", "us-east-1", "use1-az4", "g5.xlarge", NODE, kind, at, notice, NAME, NOW
    )


def lived(
    state: str, ended_by: EndedBy, reason: str, *, ended_at: datetime | None = AT
) -> Exposure:
    return Exposure(
        "aws", "us-east-1", "use1-az4", "g5.xlarge", NODE, LAUNCHED, AT, ended_at, ended_by,
        reason or state, NAME,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "notice"),
    [
        ("event.spot_interruption_warning.json", 120.0),
        # It is of a hibernation, and its ARN has a zone where others have a region.
        ("event.spot_interruption_warning.az_in_arn.json", 0.0),
    ],
)
def test_a_warning_is_an_announced_interruption(name: str, notice: float) -> None:
    expected = interruption(InterruptionKind.ANNOUNCED, AT, notice)

    assert read(payload(name), machine()) == [expected]


def test_a_warning_of_an_unknown_machine_is_kept_without_its_pool() -> None:
    (record,) = read(payload("event.spot_interruption_warning.json"))

    assert isinstance(record, Interruption)
    assert (record.node, record.region) == (NODE, "us-east-1")
    assert (record.zone, record.instance_type) == (None, None)


def test_a_stop_is_announced_two_minutes_ahead() -> None:
    event = changed_detail("event.spot_interruption_warning.json", **{"instance-action": "stop"})

    assert read(event, machine()) == [interruption(InterruptionKind.ANNOUNCED, AT, 120.0)]


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("event.rebalance_recommendation.json", "aws.rebalance_recommendation"),
        (
            "event.capacity_reservation_interruption.json",
            "aws.capacity_reservation_interruption_warning",
        ),
    ],
)
def test_a_recommendation_is_a_signal_and_no_interruption(name: str, definition: str) -> None:
    event = payload(name)
    (record,) = read(event, machine())

    assert isinstance(record, Signal)
    assert (record.pool, record.definition) == (PLACE, definition)
    assert (record.value_low, record.value_high) == (1.0, 1.0)
    assert record.observed_at == datetime.fromisoformat(event["time"])
    assert record.subject == NODE
    assert json.loads(record.detail or "") == {
        "event": event["id"],
        "at": record.observed_at.isoformat(),
        "node": NODE,
    }


def test_a_signal_of_an_unknown_machine_is_of_no_zone_and_no_type() -> None:
    (record,) = read(payload("event.rebalance_recommendation.json"))

    assert isinstance(record, Signal)
    assert record.pool == Pool("aws", "us-east-1", "*", "*")


def test_two_machines_recommended_in_one_second_are_two_facts_and_one_told_twice_is_one() -> None:
    event = payload("event.rebalance_recommendation.json")
    other = {**event, "id": "another", "detail": {"instance-id": "i-0b662ef9931388ba1"}}
    records = [record for one in (event, other, event) for record in read(one)]

    signals = [one for one in records if isinstance(one, Signal)]
    assert {one.observed_at for one in signals} == {datetime.fromisoformat(event["time"])}
    assert {one.subject for one in signals} == {NODE, "i-0b662ef9931388ba1"}
    assert len(set(signals)) == 2


def test_scheduled_work_is_a_signal_per_machine_with_its_times() -> None:
    (record,) = read(payload("event.health_scheduled_change.json"), machine())

    assert isinstance(record, Signal)
    assert (record.pool, record.definition) == (PLACE, "aws.health_scheduled_change")
    assert record.subject == NODE
    detail = json.loads(record.detail or "")
    assert detail["code"] == "AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED"
    assert detail["starts_at"] == "2026-12-02T15:00:00+00:00"
    assert detail["ends_at"] == "2026-12-02T16:00:00+00:00"


@pytest.mark.parametrize("entities", [[], [{"entityValue": "vol-0b662ef9931388ba0"}]])
def test_scheduled_work_on_no_machine_is_of_the_region(entities: list[object]) -> None:
    event = changed_detail("event.health_scheduled_change.json", affectedEntities=entities)
    (record,) = read(event)

    assert isinstance(record, Signal)
    assert record.pool == Pool("aws", "us-east-1", "*", "*")
    assert json.loads(record.detail or "")["node"] is None
    assert record.subject == event["id"]


@pytest.mark.parametrize("changed", [{"service": "RDS"}, {"eventTypeCategory": "issue"}])
def test_other_news_of_health_says_nothing(changed: dict[str, object]) -> None:
    assert read(changed_detail("event.health_scheduled_change.json", **changed)) == []


def test_an_eviction_takes_each_machine_at_its_own_time() -> None:
    evicted = datetime(2026, 11, 23, 18, 4, 16, tzinfo=UTC)
    first, second = read(payload("event.cloudtrail_bid_evicted.json"), machine())

    assert first == interruption(InterruptionKind.TAKEN, evicted, None)
    assert isinstance(second, Interruption)
    assert (second.node, second.zone) == ("i-0b662ef9931388ba1", None)


def test_another_event_of_cloudtrail_says_nothing() -> None:
    assert read(changed_detail("event.cloudtrail_bid_evicted.json", eventName="Other")) == []


def test_a_running_spot_machine_is_at_risk_from_its_launch() -> None:
    records = read(state_change("running"), machine())

    assert records == [lived("running", EndedBy.STILL_RUNNING, "", ended_at=None)]


@pytest.mark.parametrize("state", ["shutting-down", "terminated", "stopping", "stopped"])
def test_an_end_is_the_users_unless_ec2_says_otherwise(state: str) -> None:
    reason = "Client.UserInitiatedShutdown"

    assert read(state_change(state), machine(reason)) == [lived(state, EndedBy.USER, reason)]
    assert read(state_change(state), machine()) == [lived(state, EndedBy.USER, "")]


@pytest.mark.parametrize(
    "reason",
    [
        "Server.SpotInstanceTermination",
        "Server.SpotInstanceShutdown",
        "Server.SpotInstanceTermination: Spot instance termination",
    ],
)
def test_a_machine_that_ec2_took_is_interrupted_and_taken(reason: str) -> None:
    records = read(state_change("terminated"), machine(reason))

    assert records == [
        lived("terminated", EndedBy.INTERRUPTED, reason),
        interruption(InterruptionKind.TAKEN, AT, None),
    ]


def test_a_retirement_is_no_interruption_of_the_spot_market() -> None:
    records = read(state_change("stopped"), machine("Server.ScheduledStop"))

    assert records == [lived("stopped", EndedBy.POLICY, "Server.ScheduledStop")]


@pytest.mark.parametrize("state", ["pending", "running", "terminated"])
def test_a_machine_that_is_unknown_or_not_spot_has_no_time_at_risk(state: str) -> None:
    assert read(state_change(state)) == []
    assert read(state_change(state), machine(is_spot=False)) == []


def test_an_end_before_the_launch_is_of_an_earlier_life() -> None:
    early = state_change("stopped", time="2026-11-23T09:00:00Z")

    assert read(early, machine("Client.UserInitiatedShutdown")) == []


@pytest.mark.parametrize(
    "event",
    [
        {**payload("event.spot_interruption_warning.json"), "source": "my.shop"},
        {**payload("event.spot_interruption_warning.json"), "detail-type": "EC2 Something New"},
        {**payload("event.health_scheduled_change.json"), "source": "my.shop"},
    ],
)
def test_an_event_of_another_kind_or_sender_says_nothing(event: Mapping[str, Any]) -> None:
    assert nodes_of(event) == ("us-east-1", [])
    assert read(event) == []


WARNING = payload("event.spot_interruption_warning.json")


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({}, "missing 'detail-type'"),
        ({**WARNING, "time": "2026-11-23 18:02:11"}, "without a time zone"),
        ({**WARNING, "time": "2027-01-01T00:00:00Z"}, "cannot be when it happened"),
        ({**WARNING, "time": "1970-01-01T00:00:00Z"}, "cannot be when it happened"),
        ({**WARNING, "time": 1}, "not a text"),
        ({**WARNING, "region": " "}, "region is blank"),
        ({**WARNING, "detail": "i-1"}, "not an object"),
        ({**WARNING, "detail": {}}, "missing 'instance-id'"),
        ({**WARNING, "detail": {"instance-id": ""}}, "no instance id"),
        ({**WARNING, "detail": {"instance-id": NODE}}, "missing 'instance-action'"),
        (
            {**WARNING, "detail": {"instance-id": NODE, "instance-action": "melt"}},
            "'melt' is unknown",
        ),
        (state_change("melted"), "'melted' is unknown"),
        (
            changed_detail("event.cloudtrail_bid_evicted.json", serviceEventDetails=None),
            "not an object",
        ),
        (
            changed_detail(
                "event.cloudtrail_bid_evicted.json", serviceEventDetails={"instanceIdSet": "i-1"}
            ),
            "not a list of texts",
        ),
        (changed_detail("event.health_scheduled_change.json", startTime="soon"), "Invalid date"),
        (
            changed_detail("event.health_scheduled_change.json", affectedEntities="all"),
            "not a list of objects",
        ),
    ],
)
def test_an_event_of_an_unknown_form_is_reported(event: Mapping[str, Any], why: str) -> None:
    with pytest.raises(SourceChangedError, match=rf"aws\.events: event .*{why}"):
        read(event)


def test_a_pushed_event_is_read_as_one_from_a_queue() -> None:
    assert PROVIDER.pushed is not None

    records = list(PROVIDER.pushed(WARNING, NOW))

    assert records == read(WARNING)
    assert len(records) == 1
    assert list(PROVIDER.pushed(state_change("running"), NOW)) == []
    with pytest.raises(SourceChangedError):
        list(PROVIDER.pushed({"hello": "world"}, NOW))
