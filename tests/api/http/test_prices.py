"""``/v1/prices`` and ``/v1/prices/history``."""

import io
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from api.service.prices import speaking_of
from api.service.state import Service
from collector.provider import providers
from tests.support.market import NOW, a_pool, a_price, a_shape
from tests.support.served import a_client, a_service, add
from warehouse.records import Semantics
from warehouse.retention import Terms, retain

HOUR = timedelta(hours=1)
HISTORY = "/v1/prices/history?provider=aws&instance_type=g5.xlarge"


def got(client: TestClient, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def every(client: TestClient, path: str) -> list[dict[str, Any]]:
    """The items of all pages of one item each, by following the links."""
    found: list[dict[str, Any]] = []
    following: str | None = f"{path}&limit=1"
    while following:
        answer = client.get(following)
        found += answer.json()["items"]
        following = answer.links["next"]["url"] if answer.links else None
    return found


def test_prices_in_force_carry_source_age_and_saving(client: TestClient) -> None:
    page = got(client, "/v1/prices?instance_type=g5.*")

    (price,) = page["items"]
    assert (price["usd_per_hour"], price["on_demand_usd_per_hour"]) == (0.4, 1.0)
    assert price["saving_share"] == pytest.approx(0.6)
    assert (price["source"], price["semantics"]) == ("aws.spot_price_history", "change_point")
    assert (price["age_seconds"], price["is_stale"]) == (0, False)


def test_prices_that_are_too_old_for_the_question_are_left_out() -> None:
    with a_service(a_shape(), a_price(0.5, effective_at=NOW - 2 * HOUR)) as service:
        client = a_client(service)

        assert got(client, "/v1/prices?max_age_seconds=7000")["total"] == 0
        assert got(client, "/v1/prices?max_age_seconds=7200")["total"] == 1


def test_a_stale_price_is_shown_and_said_to_be() -> None:
    with a_service(a_shape(), a_price(0.5, effective_at=NOW - 30 * HOUR)) as old:
        page = got(a_client(old), "/v1/prices")

    assert (page["is_stale"], page["items"][0]["is_stale"]) == (True, True)


def test_a_price_without_a_shape_is_counted_and_not_hidden() -> None:
    with a_service(a_price(0.5)) as service:
        page = got(a_client(service), "/v1/prices")

    assert page["items"] == []
    assert "1 pools have a price but no known machine shape" in page["notes"][0]


def test_pages_of_prices_follow_each_other(client: TestClient) -> None:
    whole = got(client, "/v1/prices")["items"]

    assert every(client, "/v1/prices?provider=aws") == whole
    assert len(whole) == 4


def test_history_gives_the_facts_as_they_were_told_with_what_they_are(service: Service) -> None:
    with service.writing() as warehouse:
        add(
            warehouse,
            a_price(7.0, effective_at=NOW - HOUR, currency="CNY", semantics=Semantics.SAMPLE),
            a_price(9.0, effective_at=NOW - 2 * HOUR, currency="XAU", source="other"),
        )
    client = a_client(service)

    items = got(client, HISTORY)["items"]

    assert [one["price_per_hour"] for one in items] == [0.4, 7.0, 9.0]
    assert [one["semantics"] for one in items] == ["change_point", "sample", "change_point"]
    assert [one["usd_per_hour"] for one in items] == [0.4, pytest.approx(0.98), None]
    assert every(client, HISTORY) == items
    assert every(client, f"{HISTORY}&order=oldest") == items[::-1]
    assert [one["source"] for one in got(client, f"{HISTORY}&source=other")["items"]] == ["other"]


def test_steps_tell_how_much_of_each_is_known(service: Service) -> None:
    with service.writing() as warehouse:
        add(warehouse, a_price(0.8, effective_at=NOW - HOUR / 2))
    client = a_client(service)
    path = f"{HISTORY}&step=1h&start=2026-11-24T07:00:00Z&order=oldest"

    page = got(client, path)

    assert [(one["step_at"], one["mean_per_hour"]) for one in page["items"]] == [
        ("2026-11-24T07:00:00Z", None),
        ("2026-11-24T08:00:00Z", 0.8),
    ]
    assert [one["known_share"] for one in page["items"]] == [0, 0.5]
    assert every(client, path) == page["items"]


def test_a_time_without_a_zone_is_utc_and_a_day_is_its_midnight(service: Service) -> None:
    client = a_client(service)

    for start, count in (("2026-11-24T09:00:00", 1), ("2026-11-24T09:00:01", 0), ("2026-11-24", 1)):
        path = f"{HISTORY}&start={start}&end=2026-11-25"
        assert len(got(client, path)["items"]) == count, start


def test_history_can_be_had_as_a_table(client: TestClient) -> None:
    answer = client.get(HISTORY, headers={"accept": "text/csv"})
    table = pl.read_csv(io.BytesIO(answer.content))
    empty = client.get(f"{HISTORY}&end=2020-01-01", headers={"accept": "text/csv"})

    assert table["semantics"].to_list() == ["change_point"]
    assert empty.text.strip().split(",") == table.columns


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("/v1/prices?limit=1001", "query.limit"),
        ("/v1/prices?max_age=5", "query.max_age"),
        ("/v1/prices?max_age_seconds=-1", "query.max_age_seconds"),
        ("/v1/prices/history?provider=aws", "query.instance_type"),
        (f"{HISTORY}&step=1y", "query.step"),
        (f"{HISTORY}&start=yesterday", "query.start"),
        (f"{HISTORY}&cursor=WzFd", "query.cursor"),
        (f"{HISTORY}&cursor=WyIyMDI2LTExLTI0IiwiYSIsImIiLCJjIl0", "query.cursor"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, query: str, names: str) -> None:
    answer = client.get(query)

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [names]


def test_an_end_before_the_start_is_refused_in_words(client: TestClient) -> None:
    answer = client.get(f"{HISTORY}&start=2026-02-01&end=2026-01-01")

    assert answer.status_code == 422
    assert "is not before end" in answer.json()["detail"]


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_times_beyond_any_market_find_nothing_and_break_nothing(
    client: TestClient, year: str
) -> None:
    for zone in ("%2B14:00", "-14:00", ""):
        path = f"{HISTORY}&step=7d&start={year}-01-01T00:00:00{zone}"
        assert client.get(path).status_code in {200, 422}


def test_a_text_that_no_name_can_be_is_not_found(client: TestClient) -> None:
    for name in ("%00", "[", "%F0%9F%90%99", "%FF", "*"):
        path = f"/v1/prices/history?provider={name}&instance_type={name}&region={name}"
        assert got(client, path)["items"] == []


def test_each_feed_of_prices_has_a_documented_time() -> None:
    speaking = speaking_of(providers().values())

    assert speaking.by_source["alibaba.spot_price_history"] == HOUR
    assert "azure.retail_prices" in speaking.listed
    assert a_pool().provider not in speaking.by_source


def test_history_that_is_kept_by_hours_only_says_so(service: Service, client: TestClient) -> None:
    old = NOW - timedelta(days=120)
    with service.writing() as warehouse:
        add(warehouse, *(a_price(0.5 + n / 10, effective_at=old + n * HOUR / 2) for n in range(3)))
        list(retain(warehouse, NOW, Terms(), speaking_of(providers().values())))
    span = f"start={old:%Y-%m-%dT%H:%M:%SZ}&end={old + 2 * HOUR:%Y-%m-%dT%H:%M:%SZ}"

    facts = got(client, f"{HISTORY}&{span}")
    steps = got(client, f"{HISTORY}&{span}&step=1h&order=oldest")
    recent = got(client, f"{HISTORY}&start=2026-11-24T00:00:00Z")

    assert "ask for steps of 1h" in facts["notes"][0]
    assert [one["usd_per_hour"] for one in facts["items"]] == [0.7]
    told = [(one["mean_per_hour"], one["resolution"]) for one in steps["items"]]
    assert told == [(pytest.approx(0.55), "hour"), (pytest.approx(0.7), "hour")]
    assert recent["notes"] == []
