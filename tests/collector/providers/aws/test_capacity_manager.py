"""Capacity Manager: the account's own interruptions by the hour, each hour once."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import (
    NotOfferedError,
    SourceChangedError,
    SourceDeniedError,
    SourceUnavailableError,
)
from collector.provider import Progress
from collector.providers.aws.capacity_manager import FEED, NAME, window
from tests.support.aws import Form, aws_at, ec2, item, refusal, replayed, reply, script
from tests.support.loopback import NOW, Answer, run
from warehouse.records import Pool, RunOutcome, Signal
from warehouse.store import Warehouse

HOUR = datetime(2026, 11, 23, 17, tzinfo=UTC)
POOL = Pool("aws", "us-east-1", "use1-az4", "m7g.xlarge")
RATE, RUN_TIME = "spot-interruption-rate-inst", "spot-avg-run-time-before-interruption-inst"


def attributes(status: str | None = "enabled", latest: str | None = None) -> Answer:
    told = {"capacityManagerStatus": status, "latestDatapointTimestamp": latest}
    return reply("GetCapacityManagerAttributes", fields(**told))


def fields(**told: str | None) -> str:
    return item(**told).removeprefix("<item>").removesuffix("</item>")


def data(*rows: str, following: str = "") -> Answer:
    content = f"<metricDataResultSet>{''.join(rows)}</metricDataResultSet>"
    return reply("GetCapacityManagerMetricData", f"{content}<nextToken>{following}</nextToken>")


def row(
    metric: str = RATE, value: str = "4.2", hour: str = "2026-11-23T17:00:00Z", **place: str | None
) -> str:
    where = fields(
        **{
            "resourceRegion": "us-east-1",
            "availabilityZoneId": "use1-az4",
            "instanceType": "m7g.xlarge",
            **place,
        }
    )
    return item(
        dimension=where,
        timestamp=hour,
        metricValueSet=item(metric=metric, value=value),
    )


def ask(answer: Answer, about: Answer | None = None, **given: Any) -> tuple[list[Signal], Form]:
    """What the feed gives, and what it asked EC2 for last."""
    answers = {
        "GetCapacityManagerAttributes": about or attributes(),
        "GetCapacityManagerMetricData": answer,
    }
    with ec2(script(**answers)) as server, aws_at(server.url, **given) as source:
        records = list(FEED.collect(source))
    return [one for one in records if isinstance(one, Signal)], server.asked[-1]


def test_the_recorded_hour_becomes_one_signal_per_metric() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    def signal(definition: str, value: float, metric: str) -> Signal:
        detail = json.dumps({"metric": metric, "hour": HOUR.isoformat()})
        name = f"aws.capacity_manager_{definition}"
        return Signal(POOL, HOUR, name, value, value, NAME, detail)

    assert records == [
        signal("interruptions_hour", 3.0, "spot-total-interruptions-inst"),
        signal("interruption_rate_hour", 0.042, RATE),
        signal("run_time_before_interruption_hours", 11.7, RUN_TIME),
    ]


def test_a_second_run_asks_for_nothing_that_it_has() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 3, 3),
        (RunOutcome.OK, 0, 0),
    ]
    assert source.progress.cursor == "2026-11-23T18:00:00+00:00"


def test_what_is_asked_for_is_whole_hours_by_place_and_type() -> None:
    _, asked = ask(data(), attributes(latest="2026-11-23T16:00:00Z"))

    assert asked["StartTime"] == "2026-11-09T18:00:00Z"
    assert asked["EndTime"] == "2026-11-23T17:00:00Z"
    assert asked["Period"] == "3600"
    assert [asked[f"GroupBy.{number}"] for number in (1, 2, 3)] == [
        "resource-region",
        "availability-zone-id",
        "instance-type",
    ]
    assert asked["MetricName.1"] == RATE


def test_an_hour_that_has_not_come_is_asked_for_again() -> None:
    progress = Progress(cursor="2026-11-23T15:00:00+00:00")

    signals, asked = ask(data(), progress=progress)

    assert signals == []
    assert (asked["StartTime"], asked["EndTime"]) == (
        "2026-11-23T15:00:00Z",
        "2026-11-23T18:00:00Z",
    )
    assert progress.cursor == "2026-11-23T15:00:00+00:00"


def test_equal_numbers_of_two_hours_are_two_facts() -> None:
    later = row(hour="2026-11-23T18:00:00Z")
    with Warehouse.in_memory() as warehouse:
        for answer, now in ((data(row()), NOW), (data(later), NOW + timedelta(hours=1))):
            answers = {
                "GetCapacityManagerAttributes": attributes(),
                "GetCapacityManagerMetricData": answer,
            }
            with ec2(script(**answers)) as server, aws_at(server.url, now=now) as source:
                run(warehouse, FEED, source)

        assert len(warehouse.rows("from signal")) == 2


def test_no_window_is_longer_than_ninety_days() -> None:
    with replayed(progress=Progress(cursor="2025-01-01T00:00:00+00:00")) as source:
        asked = window(source, None)

    assert asked.start == datetime(2026, 8, 25, 18, tzinfo=UTC)
    assert asked.end == datetime(2026, 11, 23, 18, tzinfo=UTC)


def test_an_account_without_it_is_told_how_to_enable_it() -> None:
    with pytest.raises(NotOfferedError, match="aws ec2 enable-capacity-manager"):
        ask(data(), attributes("disabled"))


def test_a_rate_of_zero_is_one_and_a_mean_over_no_machine_is_none() -> None:
    signals, _ = ask(data(row(value="0.0"), row(RUN_TIME, "0.0")))

    assert [one.value_low for one in signals] == [0.0]


def test_pages_are_followed_and_a_repeated_token_is_reported() -> None:
    def pages(form: Form) -> Answer:
        if form["Action"] == "GetCapacityManagerAttributes":
            return attributes()
        if "NextToken" in form:
            return data(row(availabilityZoneId="use1-az6"))
        return data(row(), following="two")

    with ec2(pages) as server, aws_at(server.url) as source:
        assert len(list(FEED.collect(source))) == 2
    with pytest.raises(SourceChangedError, match="token"):
        ask(data(row(), following="same"))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (data(row(resourceRegion=None)), "missing 'ResourceRegion'"),
        (data(row(availabilityZoneId=None)), "missing 'AvailabilityZoneId'"),
        (data(row(instanceType=None)), "missing 'InstanceType'"),
        (data(row("spot-new-thing")), "'spot-new-thing' was not asked for"),
        (data(row(value="104.2")), "no percentage"),
        (data(row(value="-1")), "no percentage"),
        (data(row("spot-total-count-inst", "-1")), "below 0"),
        (data(row(value="many")), "cannot be read"),
        (data(row(hour="yesterday")), "yesterday"),
        (data(item(timestamp="2026-11-23T17:00:00Z")), "a row without place: missing 'Dimension'"),
        (reply("GetCapacityManagerMetricData", ""), "missing 'MetricDataResults'"),
        (Answer(b"<html>sign in</html>"), "missing .MetricDataResults"),
        (Answer(b""), "not XML"),
    ],
)
def test_an_answer_of_an_unknown_form_is_reported(answer: Answer, why: str) -> None:
    with pytest.raises(SourceChangedError, match=why):
        ask(answer)


def test_attributes_of_an_unknown_form_are_reported() -> None:
    with pytest.raises(SourceChangedError, match="missing 'CapacityManagerStatus'"):
        ask(data(), attributes(None))


@pytest.mark.parametrize(
    "operation", ["GetCapacityManagerAttributes", "GetCapacityManagerMetricData"]
)
def test_a_missing_permission_is_named(operation: str) -> None:
    denied = refusal("UnauthorizedOperation", 403)
    given = {"about": denied} if operation.endswith("Attributes") else {"about": None}

    with pytest.raises(SourceDeniedError, match=f"needs ec2:{operation}"):
        ask(denied, **given)


def test_a_throttled_request_is_tried_later() -> None:
    with pytest.raises(SourceUnavailableError, match="RequestLimitExceeded"):
        ask(refusal("RequestLimitExceeded", 503))


def test_progress_that_is_not_stored_is_not_made() -> None:
    with replayed() as source:
        fresh = replace(source, progress=Progress())
        next(iter(FEED.collect(fresh)))

    assert fresh.progress.cursor is None
