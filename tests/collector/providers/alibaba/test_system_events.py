"""CloudMonitor's list of announcements."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import (
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.providers.alibaba.system_events import FEED, NAME
from tests.support.alibaba import REGION, alibaba_at, payload, replayed
from tests.support.loopback import NOW, Answer, Request, always, loopback, run
from warehouse.records import Interruption, InterruptionKind, Record, RunOutcome
from warehouse.store import Warehouse

NODE = "i-bp1ecr********5go2go"
AT = datetime(2026, 11, 23, 4, 18, 26, 922000, tzinfo=UTC)


def announcement(node: str = NODE, *pool: str) -> Interruption:
    zone, instance_type = pool or (None, None)
    kind = InterruptionKind.ANNOUNCED
    return Interruption(
        "alibaba", REGION, zone, instance_type, node, kind, AT, 300.0, NAME, observed_at=NOW
    )


def event(number: int) -> dict[str, Any]:
    return {
        "Name": "Instance:PreemptibleInstanceInterruption",
        "Content": json.dumps({"instanceId": f"i-{number}", "action": "delete"}),
        "RegionId": REGION,
        "Time": 1795407506922,
    }


def page(*events: dict[str, Any]) -> Answer:
    return Answer(json.dumps({"SystemEvents": {"SystemEvent": [*events]}}).encode())


def collected(*pages: Answer, **given: Any) -> tuple[list[Record], list[dict[str, str]]]:
    """What the feed yields from CloudMonitor's pages (the last for ever), and its queries.

    No machine can be looked up.
    """

    def answer(request: Request) -> Answer:
        if request.headers["x-acs-action"] == "DescribeInstances":
            return Answer(b'{"Instances": {"Instance": []}}')
        return pages[min(int(request.query["PageNumber"]), len(pages)) - 1]

    with loopback(answer) as server, alibaba_at(server.url, **given) as source:
        records = list(FEED.collect(source))
    return records, [one.query for one in server.requests if "metrics" in one.url]


def test_the_recorded_event_becomes_an_announcement_with_its_machines_pool() -> None:
    with replayed() as source:
        assert list(FEED.collect(source)) == [announcement(NODE, f"{REGION}-i", "ecs.g7.large")]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 1, 1),
        (RunOutcome.OK, 1, 0),
    ]


def test_a_quiet_week_is_no_fault() -> None:
    with (
        Warehouse.in_memory() as warehouse,
        loopback(always(page())) as server,
        alibaba_at(server.url) as source,
    ):
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_read) == (RunOutcome.OK, 0)
    assert len(server.requests) == 1


def milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


@pytest.mark.parametrize(
    ("since", "start"),
    [
        (None, NOW - timedelta(days=7)),
        (NOW - timedelta(minutes=5), NOW - timedelta(minutes=65)),
        (NOW - timedelta(days=30), NOW - timedelta(days=7)),
    ],
)
def test_a_run_reaches_back_an_hour_before_the_last_and_never_more_than_a_week(
    since: datetime | None, start: datetime
) -> None:
    _, queries = collected(page(), since=since)

    assert queries == [
        {
            "Product": "ECS",
            "Name": "Instance:PreemptibleInstanceInterruption",
            "StartTime": milliseconds(start),
            "EndTime": milliseconds(NOW),
            "PageSize": "100",
            "PageNumber": "1",
            "RegionId": REGION,
        }
    ]


def test_pages_are_read_up_to_the_first_that_is_not_full() -> None:
    full, rest = page(*map(event, range(100))), page(event(99), event(100))

    records, queries = collected(full, rest)

    assert records == [announcement(f"i-{number}") for number in range(101)]
    assert [one["PageNumber"] for one in queries] == ["1", "2"]


def test_a_full_page_that_repeats_is_reported() -> None:
    with pytest.raises(SourceChangedError, match="in cn-hangzhou: page 2 repeats"):
        collected(page(*map(event, range(100))))


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("403", SourceDeniedError, "grant cms:DescribeSystemEventAttribute to the key's RAM user"),
        ("503", SourceUnavailableError, "503"),
        ("Throttling.User", SourceUnavailableError, "Throttling.User"),
        ("400", SourceChangedError, "400"),
        ("", SourceChangedError, "no success"),
    ],
)
def test_a_refusal_with_http_200_is_told_by_its_code(
    code: str, kind: type[SourceError], words: str
) -> None:
    body = {"Success": False, "Code": code, "Message": "no"}
    with pytest.raises(kind, match=rf"^alibaba\.system_events: .*{words}"):
        collected(Answer(json.dumps(body).encode()))


def test_the_api_of_the_region_is_asked() -> None:
    with (
        loopback(always(Answer(payload("cms.describe_system_event_attribute.json")))) as server,
        alibaba_at(server.url, region="eu-central-1") as source,
    ):
        list(FEED.collect(source))

    assert [one.url for one in server.requests] == [
        "metrics.eu-central-1.aliyuncs.com/",
        "ecs-cn-hangzhou.aliyuncs.com/",
    ]
