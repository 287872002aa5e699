"""``/v1/risk`` and ``/v1/risk/history``: what was forecast, what it is worth, what followed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.service.skill import Forecasts
from api.service.state import Service
from tests.support.guard import a_forecast, foretell
from tests.support.market import NOW, a_price
from tests.support.served import a_client, a_service, add
from warehouse.records import EndedBy, Exposure

DRIVERS = '{"baseline": -3.0, "drivers": [{"name": "x", "text": "losses here", "logit": 0.7}]}'
POOL = {
    "provider": "aws",
    "region": "us-east-1",
    "zone": "use1-az4",
    "instance_type": "g5.xlarge",
}
HOURS = 30


def forecasts() -> list[dict[str, Any]]:
    """One an hour for 15 min and 1 h, and one of another zone that knows little."""
    rows = [
        a_forecast(minutes, 0.2, age=timedelta(hours=hours)) | {"drivers": DRIVERS}
        for hours in range(HOURS)
        for minutes in (15, 60)
    ]
    other = a_forecast(60, 0.1, zone="use1-az6") | {"grade": "prior", "made_from": None}
    return [*rows, other | {"drivers": DRIVERS}]


def a_life(node: str, launched_at: datetime, ended_at: datetime | None) -> Exposure:
    return Exposure(
        "aws", "us-east-1", "use1-az4", "g5.xlarge", node, launched_at, ended_at or NOW, ended_at,
        EndedBy.INTERRUPTED if ended_at else EndedBy.STILL_RUNNING, "test", "test",
    )  # fmt: skip


@pytest.fixture
def service() -> Iterator[Service]:
    """Forecasts of a day, and two machines: one that was lost, one that runs."""
    with a_service(a_price()) as made:
        with made.writing() as warehouse:
            foretell(warehouse, *forecasts())
            start = NOW - timedelta(hours=10)
            lost_at = NOW - timedelta(hours=5, minutes=50)
            add(warehouse, a_life("i-a", start, lost_at), a_life("i-b", start, None))
        yield made


def test_the_newest_forecast_of_each_pool_and_horizon_comes_with_its_standing(
    client: TestClient,
) -> None:
    page = client.get("/v1/risk").json()
    assert page["total"] == len(page["items"]) == 3
    first = page["items"][0]
    assert first["issued_at"] == "2026-11-24T09:00:00Z"
    assert (first["horizon"], first["probability"]) == ("15m", 0.2)
    assert first["drivers"] == ["losses here: odds x 2"]
    assert (first["skill"], first["may_act"]) == ("too little evidence", False)
    assert any("nothing acts on it" in note for note in page["notes"])


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("horizon=1h", 2),
        ("zone=use1-az6", 1),
        ("zone=use1-az6&zone=use1-az4", 3),
        ("grade=prior", 1),
        ("instance_type=g5.*", 3),
        ("instance_type=p*", 0),
        ("provider=gcp", 0),
        ("region=us-east-1&horizon=15m", 1),
        ("may_act=true", 0),
        ("may_act=false", 3),
    ],
)
def test_forecasts_are_chosen_by_what_they_are_about(
    client: TestClient, query: str, count: int
) -> None:
    assert client.get(f"/v1/risk?{query}").json()["total"] == count


@pytest.mark.parametrize("path", ["/v1/risk", "/v1/risk/history", "/v1/verification"])
def test_another_horizon_is_refused_and_not_extrapolated(client: TestClient, path: str) -> None:
    answer = client.get(path, params={**POOL, "horizon": "2h"})
    assert answer.status_code == 422
    details = {one["field"]: one["detail"] for one in answer.json()["errors"]}
    assert details["query.horizon"] == (
        "forecasts are made for 15m, 1h, 6h, 24h; no other horizon is extrapolated"
    )


def test_a_forecast_that_has_outlived_its_horizon_is_stale() -> None:
    with a_service(a_price(), now=NOW + timedelta(minutes=30)) as service:
        with service.writing() as warehouse:
            foretell(warehouse, *forecasts())
        page = a_client(service).get("/v1/risk?zone=use1-az4").json()
    assert [one["is_stale"] for one in page["items"]] == [True, False]
    assert page["is_stale"]


def test_a_forecast_that_is_issued_while_the_server_runs_is_told() -> None:
    now = NOW
    with a_service(a_price()) as made:
        service = replace(made, clock=lambda: now)
        service = replace(service, forecasts=Forecasts(service.warehouse, service.clock))
        client = a_client(service)
        assert client.get("/v1/risk").json()["items"] == []
        with service.writing() as warehouse:
            foretell(warehouse, *forecasts())
        now += timedelta(seconds=15)
        assert client.get("/v1/risk").json()["total"] == 3
        with service.writing() as warehouse:
            later = a_forecast(15, 0.5) | {"issued_at": now, "drivers": DRIVERS}
            foretell(warehouse, later)
        now += timedelta(seconds=15)
        items = client.get("/v1/risk?horizon=15m").json()["items"]
    assert [one["probability"] for one in items] == [0.5]


def test_pages_of_a_history_miss_nothing_and_repeat_nothing(client: TestClient) -> None:
    every = client.get("/v1/risk/history", params={**POOL, "limit": 1000}).json()["items"]
    assert len(every) == 2 * HOURS
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {**POOL, "limit": 7}
    while True:
        page = client.get("/v1/risk/history", params=asked).json()
        found += page["items"]
        if page["next_cursor"] is None:
            break
        asked["cursor"] = page["next_cursor"]
    assert found == every
    assert [one["issued_at"] for one in every] == sorted(
        (one["issued_at"] for one in every), reverse=True
    )


def test_a_history_says_what_became_of_the_machines_that_were_up(client: TestClient) -> None:
    asked = {**POOL, "horizon": "1h"}
    items = client.get("/v1/risk/history", params=asked).json()["items"]
    names = ("watched", "lost", "kept", "censored")
    told = {one["issued_at"]: tuple(one[name] for name in names) for one in items}
    assert told["2026-11-24T09:00:00Z"] == (None, None, None, None)
    assert told["2026-11-24T03:00:00Z"] == (2, 1, 1, 0)
    assert told["2026-11-24T00:00:00Z"] == (2, 0, 2, 0)
    assert told["2026-11-24T05:00:00Z"] == (1, 0, 1, 0)
    assert told["2026-11-23T20:00:00Z"] == (0, 0, 0, 0)


def test_a_history_is_of_the_time_that_was_asked(client: TestClient) -> None:
    asked = {**POOL, "start": "2026-11-24T03:00:00+01:00", "end": "2026-11-24T04:00:00+00:00"}
    items = client.get("/v1/risk/history", params=asked).json()["items"]
    assert {one["issued_at"][11:13] for one in items} == {"02", "03", "04"}
    for odd in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"):
        asked = {**POOL, "start": odd, "end": odd}
        assert client.get("/v1/risk/history", params=asked).status_code == 200
    naive = client.get("/v1/risk/history", params={**POOL, "start": "2026-11-24T03:00:00"})
    assert naive.json()["errors"][0]["field"] == "query.start"


@pytest.mark.parametrize("cursor", ["WzEsMiwzXQ", "WyJ4IiwxLCJhIl0", "W10", "e30", "bnVsbA"])
def test_a_cursor_of_another_make_is_refused(client: TestClient, cursor: str) -> None:
    for path in ("/v1/risk/history", "/v1/replacements", "/v1/feeds/aws.spot_advisor/runs"):
        asked = {"cursor": cursor} | (POOL if "history" in path else {})
        answer = client.get(path, params=asked)
        assert [one["field"] for one in answer.json()["errors"]] == ["query.cursor"]


@pytest.mark.parametrize("media_type", ["text/csv", "application/vnd.apache.arrow.stream"])
def test_forecasts_can_be_had_as_tables(client: TestClient, media_type: str) -> None:
    for path in ("/v1/risk", "/v1/risk/history", "/v1/feeds", "/v1/verification", "/v1/nodes"):
        answer = client.get(
            path, params=POOL if "history" in path else {}, headers={"accept": media_type}
        )
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)
