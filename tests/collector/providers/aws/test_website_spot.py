"""The file behind AWS' spot price page: regional prices."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.errors import SourceChangedError, SourceError
from collector.providers.aws import website_spot
from collector.providers.aws.website_spot import FEED, NAME
from tests.support.loopback import (
    BAD_ANSWERS,
    NOW,
    Answer,
    always,
    loopback,
    run,
    source_at,
    stored,
)
from tests.support.public_feeds import PAYLOADS, replayed_page
from warehouse.records import Pool, Record, RunOutcome, Semantics, SpotPrice
from warehouse.store import Warehouse

PAGE = (PAYLOADS / "aws" / "website_spot_json.json").read_text(encoding="utf-8")


def price(region: str, instance_type: str, amount: float, at: datetime = NOW) -> SpotPrice:
    pool = Pool("aws", region, "*", instance_type)
    return SpotPrice(pool, at, amount, "USD", Semantics.SAMPLE, NAME, NOW)


def page(region: str, *columns: Any, size: str = "g5.xlarge") -> dict[str, Any]:
    sizes = [{"size": size, "valueColumns": [*columns]}]
    entry = {"region": region, "instanceTypes": [{"type": "gpu", "sizes": sizes}]}
    return {"config": {"regions": [entry]}}


def linux(usd: Any) -> dict[str, Any]:
    return {"name": "linux", "prices": {"USD": usd}}


def parsed(payload: Any) -> list[SpotPrice]:
    return list(website_spot.parse(payload, effective_at=NOW, observed_at=NOW))


def collected(answer: Answer) -> list[Record]:
    with loopback(always(answer)) as server, source_at(server.url) as source:
        return list(FEED.collect(source))


def test_the_linux_column_becomes_one_price_per_region_and_type() -> None:
    with replayed_page(FEED) as source:
        prices = list(FEED.collect(source))

    assert prices == [
        price("us-east-1", "m7g.xlarge", 0.0743),
        price("us-east-1", "m7i.xlarge", 0.0852),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed_page(FEED) as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2, 2),
        (RunOutcome.UNCHANGED, None, 0),
    ]


def test_it_is_off_unless_asked_for() -> None:
    assert FEED.opt_in == "undocumented page feed, regional prices only"
    assert not FEED.needs_account


def test_a_local_zone_keeps_its_name() -> None:
    assert parsed(page("us-east-1-atl-1", linux("1.5"))) == [
        price("us-east-1-atl-1", "g5.xlarge", 1.5)
    ]


def test_what_is_not_offered_has_no_price() -> None:
    windows = {"name": "mswin", "prices": {"USD": "2.0"}}

    assert parsed(page("us-east-1", linux("N/A*"), windows)) == []
    assert parsed(page("us-east-1", linux("N/A"))) == []


def test_a_price_is_as_old_as_the_file() -> None:
    headers = {"last-modified": "Mon, 23 Nov 2026 17:00:00 GMT"}
    published = datetime(2026, 11, 23, 17, tzinfo=UTC)

    prices = collected(Answer(PAGE.encode(), headers=headers))

    assert prices[0] == price("us-east-1", "m7g.xlarge", 0.0743, published)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (page("us-east-1", linux("free")), "us-east-1 g5.xlarge: could not convert"),
        (page("us-east-1", linux(1.5)), "us-east-1 g5.xlarge: USD is 1.5, not a text"),
        (page("us-east-1", {"name": "linux"}), "us-east-1 g5.xlarge: missing 'prices'"),
        (page("us-east-1", {"prices": {}}), "us-east-1 g5.xlarge: missing 'name'"),
        ({"config": {"regions": [{}]}}, "a region: missing 'region'"),
        ({"config": {"regions": [{"region": "r"}]}}, "r: missing 'instanceTypes'"),
        ({"config": {}}, "the page: missing 'regions'"),
    ],
)
def test_a_changed_form_is_told_with_its_place(payload: Any, words: str) -> None:
    with pytest.raises(SourceChangedError) as raised:
        parsed(payload)

    assert str(raised.value).startswith(f"aws.website_spot: {words}")


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_fails_the_run_by_the_right_error(kind: str) -> None:
    answer, expected = BAD_ANSWERS[kind]

    with pytest.raises(SourceError, match=r"^aws\.website_spot: ") as raised:
        collected(answer)

    assert isinstance(raised.value, expected)


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        ("-0.1", "spot_price aws/us-east-1/*/g5.xlarge"),
        ("NaN", "is not a finite number"),
        ("0.0", "unknown price"),
        ("1e6", "is more than any machine costs"),
    ],
)
def test_a_price_that_cannot_be_true_is_not_stored(usd: str, words: str) -> None:
    answer = Answer(json.dumps(page("us-east-1", linux(usd))).encode())

    with (
        loopback(always(answer)) as server,
        source_at(server.url) as source,
        Warehouse.in_memory() as warehouse,
    ):
        result = run(warehouse, FEED, source).result
        left = stored(warehouse)

    assert (result.outcome, left) == (RunOutcome.FAILED, {})
    assert words in (result.error or "")
