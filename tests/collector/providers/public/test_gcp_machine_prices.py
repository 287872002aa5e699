"""Prices of Google's machines per region, without those whose GPUs are billed apart."""

from datetime import UTC, datetime

import pytest

from collector.errors import SourceChangedError
from collector.providers.public import gcp_machine_prices
from collector.providers.public.gcp_machine_prices import COLUMNS, FEED, NAME
from tests.support.loopback import NOW, Answer, run
from tests.support.public_catalogs import collected, csv_of, replayed
from warehouse.records import OnDemandPrice, Pool, Record, RunOutcome, Semantics, SpotPrice
from warehouse.store import Warehouse

N2 = "n2-standard-4"


def spot(region: str, price: float, at: datetime = NOW) -> SpotPrice:
    return SpotPrice(Pool("gcp", region, "*", N2), at, price, "USD", Semantics.SAMPLE, NAME, NOW)


def listed(region: str, price: float, name: str = N2) -> OnDemandPrice:
    return OnDemandPrice("gcp", region, name, NOW, price, "USD", NAME, NOW)


def row(**changed: object) -> dict[str, object]:
    return {"name": N2, "region": "us-central1", "hour": "0.2", "hourSpot": "0.05", **changed}


def parsed(*rows: dict[str, object]) -> list[Record]:
    content = csv_of(COLUMNS, rows)
    return list(gcp_machine_prices.parse(content, effective_at=NOW, observed_at=NOW))


def test_the_recorded_file_becomes_prices_per_region() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        spot("us-central1", 0.04708),
        listed("us-central1", 0.194236),
        spot("europe-west4", 0.05132),
        listed("europe-west4", 0.213772),
        listed("us-central1", 6.3039, "m1-ultramem-40"),
    ]


def test_a_second_run_on_the_same_file_reads_nothing() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_new) for one in results] == [
        (RunOutcome.OK, 5),
        (RunOutcome.UNCHANGED, 0),
    ]


def test_the_prices_are_as_old_as_the_page() -> None:
    content = csv_of(COLUMNS, [row()])
    dated = Answer(content, headers={"last-modified": "Sun, 22 Nov 2026 06:00:00 GMT"})

    records, url = collected(FEED, dated)

    assert records[0] == spot("us-central1", 0.05, datetime(2026, 11, 22, 6, tzinfo=UTC))
    assert url == "gcloud-compute.com/machine-types-regions.csv"


@pytest.mark.parametrize("unknown", ["", "0", "0.0", "-1", "nan"])
def test_what_stands_for_an_unknown_price_is_none(unknown: str) -> None:
    assert parsed(row(hourSpot=unknown)) == [listed("us-central1", 0.2)]
    assert parsed(row(hour=unknown)) == [spot("us-central1", 0.05)]


@pytest.mark.parametrize("blank", ["name", "region"])
def test_a_row_without_machine_or_region_is_passed_over(blank: str) -> None:
    assert parsed(row(**{blank: ""})) == []


def test_of_a_row_that_repeats_the_first_counts() -> None:
    assert parsed(row(), row(hour="0.3")) == [spot("us-central1", 0.05), listed("us-central1", 0.2)]


@pytest.mark.parametrize("name", ["a2-highgpu-1g", "a3-megagpu-8g", "g2-standard-4"])
def test_machines_whose_gpus_are_billed_apart_are_left_out(name: str) -> None:
    assert parsed(row(name=name)) == []


@pytest.mark.parametrize("column", ["hour", "hourSpot"])
def test_a_number_that_is_none_is_reported_with_its_row(column: str) -> None:
    with pytest.raises(SourceChangedError) as raised:
        parsed(row(), row(**{column: "cheap"}))

    expected = f"{NAME}: {N2} us-central1: {column} is 'cheap', not a number"
    assert str(raised.value) == expected


@pytest.mark.parametrize("gone", COLUMNS)
def test_a_column_that_is_missing_is_named(gone: str) -> None:
    content = csv_of([name for name in COLUMNS if name != gone], [row()])

    with pytest.raises(SourceChangedError, match=f"the header has no {gone} "):
        list(gcp_machine_prices.parse(content, effective_at=NOW, observed_at=NOW))


def test_a_last_line_that_does_not_end_is_not_read() -> None:
    content = csv_of(COLUMNS, [row(), row(region="europe-west4", hourSpot="0.0513")])
    cut = content.removesuffix(b"13\n")

    records = list(gcp_machine_prices.parse(cut, effective_at=NOW, observed_at=NOW))

    assert records == [spot("us-central1", 0.05), listed("us-central1", 0.2)]


def test_a_file_with_other_separators_is_reported() -> None:
    with pytest.raises(SourceChangedError, match="the header has no name, region, hour, hourSpot"):
        list(
            gcp_machine_prices.parse(
                b"name;region;hour;hourSpot\n", effective_at=NOW, observed_at=NOW
            )
        )
