"""``/v1/rankings``."""

import io

import polars as pl
import pytest
from fastapi.testclient import TestClient


def test_the_best_offering_comes_first_with_its_reason_and_the_age_of_its_price(
    client: TestClient,
) -> None:
    page = client.get("/v1/rankings", params={"gpus": 1}).json()
    costs = [one["cost_usd_per_hour"] for one in page["items"] if one["cost_usd_per_hour"]]
    assert costs == sorted(costs)
    assert page["items"][0]["reason"]
    assert page["items"][0]["price_observed_at"].endswith("Z")
    assert page["total"] == len(page["items"]) > 1


def test_a_get_and_a_post_of_the_same_wishes_give_the_same_items(client: TestClient) -> None:
    asked = {"gpus": 1, "restart_seconds": 1_200}
    got = client.get("/v1/rankings", params=asked).json()
    posted = client.post("/v1/rankings", json={"demand": asked}).json()
    assert got["items"] == posted["items"]


def test_pages_follow_each_other_by_cursor_and_miss_nothing(client: TestClient) -> None:
    every = client.get("/v1/rankings", params={"gpus": 1}).json()["items"]
    found, asked = [], {"gpus": 1, "limit": 1}
    while True:
        answer = client.get("/v1/rankings", params=asked)
        page = answer.json()
        found += page["items"]
        if page["next_cursor"] is None:
            break
        assert f"cursor={page['next_cursor']}" in answer.headers["link"]
        asked["cursor"] = page["next_cursor"]
    assert found == every


def test_the_same_answer_is_not_sent_twice(client: TestClient) -> None:
    first = client.get("/v1/rankings?gpus=1")
    again = client.get("/v1/rankings?gpus=1", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_rows_can_be_had_as_csv_and_as_arrow(client: TestClient) -> None:
    rows = client.get("/v1/rankings?gpus=1").json()["items"]
    csv = client.get("/v1/rankings?gpus=1", headers={"accept": "text/csv"})
    arrow = client.get(
        "/v1/rankings?gpus=1", headers={"accept": "application/vnd.apache.arrow.stream"}
    )
    names = [one["instance_type"] for one in rows]
    assert pl.read_csv(io.BytesIO(csv.content))["instance_type"].to_list() == names
    assert pl.read_ipc_stream(io.BytesIO(arrow.content))["instance_type"].to_list() == names
    assert csv.headers["spotcast-stale"] == "false"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("gpus=-1", "query.gpus"),
        ("gpu=1", "query.gpu"),
        ("limit=0", "query.limit"),
        ("cursor=oops", "query.cursor"),
        ("cursor=WyJhIl0", "query.cursor"),
        ("gpus=0&gpu_model=L4", "gpus"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, query: str, field: str) -> None:
    answer = client.get(f"/v1/rankings?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_a_market_without_anything_that_fits_says_what_left_it_out(client: TestClient) -> None:
    page = client.get("/v1/rankings?gpu_model=H900").json()
    assert page["items"] == []
    assert sum(page["left_out"].values()) > 0
