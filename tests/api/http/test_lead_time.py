"""``/v1/lead-time``, ``/v1/verification`` and what is kept of them while a server runs."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from advisor.lead_time import Part
from api.service.kept import Kept
from api.service.state import Service
from tests.support.cli import Run, fill
from tests.support.guard import a_forecast, foretell
from tests.support.market import NOW, a_price
from tests.support.served import a_client, a_service, add
from tests.support.starts import a_duration
from warehouse.records import AvailabilityTick, ProbeKind
from warehouse.starts import store_starts
from warehouse.store import SharedWarehouse, Warehouse

DAYS = 12


def a_tick(number: int, at: datetime, *, is_up: bool) -> AvailabilityTick:
    return AvailabilityTick(
        "t", number, "aws", "us-east-1", "use1-az4", "g5.xlarge", ProbeKind.HELD_INSTANCE, 1,
        int(is_up), at, False, 0.0, None, "test",
    )  # fmt: skip


@pytest.fixture(scope="module")
def scored() -> Iterator[Service]:
    """A forecast each hour of some days, and probes that say what followed."""
    chance = np.random.default_rng(3)
    begin = NOW - timedelta(days=DAYS)
    ticks = [
        a_tick(number, begin + timedelta(minutes=20 * number), is_up=bool(chance.random() > 0.2))
        for number in range(DAYS * 72)
    ]
    rows = [
        a_forecast(60, 0.2 + 0.01 * (hours % 9), age=timedelta(hours=hours))
        | {"made_from": "held_instance"}
        for hours in range(2, DAYS * 24)
    ]
    with a_service(a_price()) as made:
        with made.writing() as warehouse:
            foretell(warehouse, *rows)
            add(warehouse, *ticks)
        yield made


def test_scores_are_told_by_provider_kind_and_horizon(scored: Service) -> None:
    client = a_client(scored)
    page = client.get("/v1/verification?provider=aws").json()
    (one,) = page["items"]
    assert (one["evidence_kind"], one["horizon"]) == ("held_instance", "1h")
    assert one["brier_skill_low"] <= one["brier_skill"] <= one["brier_skill_high"]
    assert 0 <= one["ece"] <= 1
    assert 0 <= one["auc"] <= 1
    assert one["verdict"] in one["verdict_text"]
    assert page["forecasts_passed"] == page["forecasts_stored"] > one["rows"] / 2
    assert client.get("/v1/verification?provider=gcp").json()["items"] == []
    assert client.get("/v1/verification?made_from=machine").json()["items"] == []
    assert len(client.get("/v1/verification?horizon=1h").json()["items"]) == 3


def test_the_bins_of_the_reliability_hold_all_rows(scored: Service) -> None:
    client = a_client(scored)
    (score,) = client.get("/v1/verification?provider=aws").json()["items"]
    bins = client.get("/v1/verification/reliability?provider=aws").json()["items"]
    assert sum(one["rows"] for one in bins) == score["rows"]
    said = [one["mean_probability"] for one in bins]
    assert said == sorted(said)
    assert all(one["low"] <= one["observed_share"] <= one["high"] for one in bins)


def test_where_nothing_can_be_scored_it_is_said_why(client: TestClient) -> None:
    page = client.get("/v1/verification").json()
    assert (page["items"], page["forecasts_stored"]) == ([], 0)
    assert any("none is stored" in note for note in page["notes"])


def test_a_get_and_a_post_of_a_lead_time_tell_what_the_command_does(
    client: TestClient, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    asked: dict[str, Any] = {"weights_gb": 65.5, "provider": "aws", "compile_cache": True}
    got = client.get("/v1/lead-time", params=asked)
    posted = client.post("/v1/lead-time", json={**asked, "provider": ["aws"]})
    assert got.json() == posted.json()
    again = client.get(
        "/v1/lead-time", params=asked, headers={"if-none-match": got.headers["etag"]}
    )
    assert again.status_code == 304
    path = tmp_path_factory.mktemp("w") / "w.duckdb"
    fill(path, a_price())
    ended = run(
        *("lead-time", "--weights", "65.5GB", "-p", "aws", "--compile-cache"),
        *("-w", str(path), "-o", "json"),
    )
    items = got.json()["items"]
    for one in items:
        assert one.pop("is_within_reach") is True
    assert items == json.loads(ended.out)["lead_times"]


def test_what_was_measured_is_told_from_what_is_a_default(
    service: Service, client: TestClient
) -> None:
    def observed() -> dict[str, int]:
        page = client.get("/v1/lead-time?weights_gb=16&provider=aws").json()
        terms = page["items"][0]["terms"]
        assert all(one["source"] for one in terms)
        return {one["part"]: one["observed"] for one in terms}

    assert set(observed().values()) == {0}
    boots = [
        a_duration(
            Part.BOOT,
            60 + number,
            subject=f"n-{number}",
            observed_at=NOW - timedelta(hours=number + 1),
        )
        for number in range(5)
    ]
    with service.writing() as warehouse:
        store_starts(warehouse, boots)
    assert observed()["boot"] == 5


def test_a_cloud_where_forecasts_do_not_reach_far_enough_is_named(client: TestClient) -> None:
    page = client.get("/v1/lead-time?weights_gb=100000&provider=azure").json()
    assert page["items"][0]["is_within_reach"] is False
    assert any("must be foreseen" in note for note in page["notes"])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "weights_gb=0",
        "weights_gb=nan",
        "weights_gb=1&provider=oracle",
        "weights_gb=1&correlation=1",
    ],
)
def test_a_start_that_cannot_be_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/lead-time?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_what_is_kept_is_made_anew_after_a_write_but_not_at_each() -> None:
    now, made = NOW, []

    def make(_: Warehouse, at: datetime) -> int:
        made.append(at)
        return len(made)

    with Warehouse.in_memory() as opened:
        shared = SharedWarehouse(opened)
        kept = Kept(
            make,
            shared,
            lambda: now,
            shortest=timedelta(minutes=1),
            longest=timedelta(minutes=10),
        )
        assert [kept.get().value for _ in range(3)] == [1, 1, 1]
        with shared.writing():
            pass
        now += timedelta(seconds=59)
        assert kept.get().value == 1
        now += timedelta(seconds=1)
        assert [kept.get().value for _ in range(2)] == [2, 2]
        now += timedelta(minutes=9, seconds=59)
        assert kept.get().value == 2
        now += timedelta(seconds=1)
        assert kept.get().value == 3
