"""``/v1/interruptions`` and ``/v1/interruptions/rates``."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from advisor.risk.rate_intervals import SURE, rate_between
from api.service.state import Service
from tests.support.market import NOW
from tests.support.served import a_client, add
from warehouse.records import EndedBy, Exposure, Interruption, InterruptionKind

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PLACE = ("us-east-1", "use1-az4", "g5.xlarge")


def lost(node: str, hours_ago: float, *, kind: str = "taken", known: bool = True) -> Interruption:
    at = NOW - hours_ago * HOUR
    region, zone, instance_type = PLACE if known else (None, None, None)
    told = InterruptionKind(kind)
    return Interruption("aws", region, zone, instance_type, node, told, at, None, "events", at)


def lived(node: str, since: float, until: float, ended_by: EndedBy) -> Exposure:
    """A machine from so many hours ago until so many hours ago."""
    alive, ended = (
        NOW - until * HOUR,
        None if ended_by is EndedBy.STILL_RUNNING else NOW - until * HOUR,
    )
    return Exposure("aws", *PLACE, node, NOW - since * HOUR, alive, ended, ended_by, "x", "nodes")


def asked(service: Service, path: str, *records: Any) -> dict[str, Any]:
    with service.writing() as warehouse:
        add(warehouse, *records)
    answer = a_client(service).get(path)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def test_machines_come_newest_first_each_once_and_the_unknown_are_counted(service: Service) -> None:
    told = [
        lost("i-1", 5, kind="announced"),
        lost("i-1", 4.97),
        lost("i-2", 3, known=False),
        lost("i-3", 40 * 24),
    ]
    page = asked(service, "/v1/interruptions", *told)

    assert [one["node"] for one in page["items"]] == ["i-2", "i-1"]
    assert page["items"][1]["announced_at"] < page["items"][1]["taken_at"]
    assert page["items"][0]["instance_type"] is None
    assert page["notes"] == ["1 were told of without a pool that any source knew."]


def test_pages_of_machines_follow_each_other_and_places_narrow_them(service: Service) -> None:
    page = asked(
        service, "/v1/interruptions?limit=2", *(lost(f"i-{one}", 5 + one % 2) for one in range(5))
    )
    client, found = a_client(service), page["items"]
    while cursor := page["next_cursor"]:
        page = client.get(f"/v1/interruptions?limit=2&cursor={cursor}").json()
        found += page["items"]

    assert [one["node"] for one in found] == ["i-4", "i-2", "i-0", "i-3", "i-1"]
    assert client.get("/v1/interruptions?zone=use1-az6").json()["items"] == []
    assert len(client.get("/v1/interruptions?end=2026-11-24T03:30:00Z").json()["items"]) == 2


def test_a_rate_has_its_hours_and_what_was_only_reported_is_in_none(service: Service) -> None:
    told = [
        lived("i-1", 40, 30, EndedBy.INTERRUPTED),
        lived("i-2", 50, 20, EndedBy.USER),
        lived("i-3", 20, 0, EndedBy.STILL_RUNNING),
        lost("i-4", 3),
    ]
    (row,) = asked(service, "/v1/interruptions/rates", *told)["items"]

    assert (row["machines"], row["node_hours"], row["interruptions"]) == (3, 60, 1)
    assert row["interruptions_without_exposure"] == 1
    assert row["rate_per_hour"] == pytest.approx(1 / 60)
    assert row["rate_low_per_hour"] < row["rate_per_hour"] < row["rate_high_per_hour"]


def test_only_the_hours_within_the_time_count(service: Service) -> None:
    told = [lived("i-1", 40, 30, EndedBy.INTERRUPTED), lived("i-2", 50, 20, EndedBy.USER)]
    path = "/v1/interruptions/rates?start=2026-11-23T03:00:00Z&end=2026-11-23T08:00:00Z"

    page = asked(service, path, *told)

    (row,) = page["items"]
    # From 30 to 25 hours ago: the first machine was lost at the beginning, the second was up.
    assert (row["node_hours"], row["interruptions"]) == (5, 1)
    assert (page["start"], page["end"]) == ("2026-11-23T03:00:00Z", "2026-11-23T08:00:00Z")


def test_without_time_at_risk_there_is_no_rate(service: Service) -> None:
    (row,) = asked(service, "/v1/interruptions/rates?by=provider", lost("i-1", 3))["items"]

    assert row["interruptions_without_exposure"] == 1
    names = ("node_hours", "interruptions", "rate_per_hour", "rate_low_per_hour", "region")
    assert [row[name] for name in names] == [None] * 5


@given(events=st.integers(0, 300), hours=st.floats(0.1, 1e6))
def test_the_interval_holds_the_rates_under_which_so_many_events_are_not_rare(
    events: int, hours: float
) -> None:
    middle, low, high = rate_between(events, hours)
    tail = (1 - SURE) / 2

    assert low <= middle < high
    assert poisson.cdf(events, high * hours) == pytest.approx(tail)
    if events:
        assert poisson.sf(events - 1, low * hours) == pytest.approx(tail)


@pytest.mark.parametrize(
    ("query", "field"),
    [("by=node", "query.by"), ("cursor=x", "query.cursor"), ("since=1d", "query.since")],
)
def test_a_wrong_field_is_named(client: TestClient, query: str, field: str) -> None:
    answer = client.get(f"/v1/interruptions/rates?{query}")

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]
