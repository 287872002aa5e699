"""Importing files: every bad row is named, nothing good is lost, nothing is stored twice."""

import gzip
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from collector.history import KINDS, FileReport, HistoryFileError, load_file
from warehouse.store import Warehouse

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
HEADER = (
    "provider,region,zone,instance_type,effective_at,price_per_hour,currency,semantics,source\n"
)
ROW = "aws,us-east-1,use1-az4,g5.xlarge,{time},{price},USD,change_point,mine\n"


def prices_csv(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "prices.csv"
    path.write_text(header + "".join(rows))
    return path


def a_row(day: int, price: str = "0.5") -> str:
    return ROW.format(time=f"2026-01-{day:02d}T00:00:00Z", price=price)


def load(warehouse: Warehouse, kind: str, path: Path, **options: Any) -> FileReport:
    return load_file(warehouse, KINDS[kind], path, clock=lambda: NOW, **options)


def refused(report: FileReport) -> Mapping[int, str]:
    return {row.row: row.reason for row in report.refused}


def test_a_csv_goes_in_once(warehouse: Warehouse, tmp_path: Path) -> None:
    path = prices_csv(tmp_path, a_row(1), a_row(2))

    first, second = load(warehouse, "prices", path), load(warehouse, "prices", path)

    assert (first.rows_read, first.rows_new, first.rows_refused) == (2, 2, 0)
    assert (second.rows_read, second.rows_new, second.rows_refused) == (2, 0, 0)
    assert warehouse.rows("select outcome, rows_new from feed_run order by started_at") == [
        ("ok", 2),
        ("ok", 0),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (a_row(1, "-0.5"), "price_per_hour -0.5 is not above 0"),
        (a_row(1, "0"), "price_per_hour 0.0 stands for an unknown price, not for a free machine"),
        (a_row(1, "NaN"), "price_per_hour NaN is not a finite number"),
        (a_row(1, "inf"), "price_per_hour inf is not a finite number"),
        (a_row(1, "50000"), "price_per_hour 50000.0 is more than any machine costs"),
        (a_row(1, "cheap"), "price_per_hour 'cheap' is no number"),
        (a_row(1, ""), "price_per_hour is missing"),
        (
            ROW.format(time="2026-11-24T09:06:00Z", price="0.5"),
            "effective_at 2026-11-24 09:06:00.000000+00:00 is in the future",
        ),
        (
            ROW.format(time="1970-01-01T00:00:01Z", price="0.5"),
            "effective_at 1970-01-01 00:00:01.000000+00:00 is before the first spot market",
        ),
        (
            ROW.format(time="yesterday", price="0.5"),
            "effective_at 'yesterday' is no time (use 2026-11-24T09:00:00Z)",
        ),
        (a_row(1).replace("change_point", "guess"), "semantics guess is not one of"),
        (a_row(1).replace("USD", "dollar"), "currency dollar is not an ISO 4217 code"),
        (a_row(1).replace("g5.xlarge", "  "), "instance_type    is blank"),
        (a_row(1).replace("us-east-1,", ","), "region is missing"),
    ],
)
def test_a_bad_row_is_named_and_stops_nothing_else(
    warehouse: Warehouse, tmp_path: Path, row: str, reason: str
) -> None:
    path = prices_csv(tmp_path, a_row(2), row, a_row(3))

    report = load(warehouse, "prices", path)

    assert (report.rows_read, report.rows_new, report.rows_refused) == (3, 2, 1)
    assert refused(report)[2].startswith(reason)


def test_rows_keep_their_numbers_past_a_row_with_too_many_fields(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    broken = a_row(1).replace("\n", ",one,more\n")
    path = prices_csv(tmp_path, a_row(1), broken, a_row(2), broken, a_row(3, "-1"))

    report = load(warehouse, "prices", path)

    assert (report.rows_read, report.rows_new, report.rows_refused) == (5, 2, 3)
    assert refused(report) == {
        2: "11 fields where the header has 9",
        4: "11 fields where the header has 9",
        5: "price_per_hour -1.0 is not above 0",
    }


def test_strict_stores_nothing_of_a_file_with_a_bad_row(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = prices_csv(tmp_path, a_row(1), a_row(2), a_row(3, "-1"))

    with pytest.raises(HistoryFileError, match=r"prices\.csv: row 3: .*Nothing was stored"):
        load(warehouse, "prices", path, strict=True, batch_rows=1)

    assert warehouse.rows("select count(*) from spot_price") == [(0,)]
    assert warehouse.rows("select outcome, error is not null from feed_run") == [("failed", True)]


def test_columns_can_be_renamed_and_filled(warehouse: Warehouse, tmp_path: Path) -> None:
    path = prices_csv(
        tmp_path,
        "us-east-1,use1-az4,g5.xlarge,2026-01-01,0.5\n",
        header="region,AZ,InstanceType,Timestamp,SpotPrice\n",
    )

    report = load(
        warehouse,
        "prices",
        path,
        renamed={
            "AZ": "zone",
            "InstanceType": "instance_type",
            "Timestamp": "effective_at",
            "SpotPrice": "price_per_hour",
        },
        given={
            "provider": "aws",
            "currency": "USD",
            "semantics": "change_point",
            "source": "mine",
        },
    )

    assert report.rows_new == 1
    assert warehouse.rows("select zone, effective_at, source from spot_price") == [
        ("use1-az4", datetime(2026, 1, 1, tzinfo=UTC), "mine")
    ]


def test_a_missing_column_is_named_with_the_way_to_mend_it(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = prices_csv(tmp_path, "a\n", header="provider\n")

    with pytest.raises(HistoryFileError, match=r"lacks the column region, .*--map theirs=ours"):
        load(warehouse, "prices", path)


def test_renaming_a_column_that_is_not_there_is_an_error(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    with pytest.raises(HistoryFileError, match="has no column Price to rename"):
        load(warehouse, "prices", prices_csv(tmp_path, a_row(1)), renamed={"Price": "x"})


def test_a_gzip_that_was_cut_short_says_where_and_keeps_what_was_stored(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    load(warehouse, "prices", prices_csv(tmp_path, a_row(1)))
    whole = gzip.compress((HEADER + "".join(a_row(2) for _ in range(50_000))).encode())
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(HistoryFileError, match=r"cut\.csv\.gz: cannot be read"):
        load(warehouse, "prices", path)

    assert warehouse.rows("select count(*) from spot_price") == [(1,)]
    assert warehouse.rows("select outcome from feed_run order by started_at, outcome") == [
        ("failed",),
        ("ok",),
    ]


@pytest.mark.parametrize("name", ["page.parquet", "page.csv"])
def test_a_web_page_instead_of_data_is_refused(
    warehouse: Warehouse, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_text("<!doctype html><html><body>Not found</body></html>")

    with pytest.raises(HistoryFileError, match=name):
        load(warehouse, "prices", path)


def test_a_file_that_is_not_there_is_named(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(HistoryFileError, match="no such file"):
        load(warehouse, "prices", tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.250", datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05+08:00", datetime(2026, 1, 1, 19, 4, 5, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_the_usual_spellings(
    warehouse: Warehouse, tmp_path: Path, text: str, expected: datetime
) -> None:
    load(warehouse, "prices", prices_csv(tmp_path, ROW.format(time=text, price="1")))

    assert warehouse.rows("select effective_at from spot_price") == [(expected,)]


def test_an_open_band_stays_open(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "signals.csv"
    path.write_text(
        "provider,region,zone,instance_type,observed_at,definition,value_low,value_high,source\n"
        "aws,us-east-1,*,g5.xlarge,2026-01-01,aws.advisor_band_trailing_month,0.20,,mine\n"
        "aws,us-east-1,*,g6.xlarge,2026-01-01,aws.advisor_band_trailing_month,0.20,0.1,mine\n"
        "aws,us-east-1,*,g4dn.xlarge,2026-01-01,aws.advisor_band_trailing_month,20,,mine\n"
    )

    report = load(warehouse, "signals", path)

    assert warehouse.rows("select instance_type, value_high from signal") == [("g5.xlarge", None)]
    assert refused(report) == {
        2: "value_high 0.1 is below value_low",
        3: "value_low 20.0 is no share",
    }


def test_the_end_of_a_lifetime_is_told_apart(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "lifetimes.csv"
    path.write_text(
        "source,provider,zone,instance_type,instance,start_utc,last_alive_utc,first_dead_utc,"
        "event,end_reason\n"
        "t,gcp,us-west1-b,n1,a,2020-01-01,2020-01-02,2020-01-02,1,preempted\n"
        "t,gcp,us-west1-b,n1,b,2020-01-01,2020-01-02,2020-01-02,0,preempted_24h_cap\n"
        "t,gcp,us-west1-b,n1,c,2020-01-01,2020-01-02,2020-01-02,0,stop_op\n"
        "t,gcp,,n1,d,2020-01-01,2020-01-02,,0,censored_end_of_log\n"
    )

    assert load(warehouse, "lifetimes", path).rows_refused == 0

    assert warehouse.rows("select node, ended_by, region from exposure order by node") == [
        ("a", "interrupted", "us-west1"),
        ("b", "policy", "us-west1"),
        ("c", "user", "us-west1"),
        ("d", "still_running", None),
    ]


def test_launch_attempts_become_probes_and_impossible_machines_are_refused(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = tmp_path / "launches.parquet"
    pl.DataFrame(
        {
            "source": ["log"] * 3,
            "provider": ["gcp"] * 3,
            "zone": ["us-west1-b"] * 3,
            "instance_type": ["n1+V100x1", "n1+V100x1", "n1+P100x8"],
            "ts_local": [datetime(2020, 3, 1, hour, tzinfo=UTC) for hour in (2, 1, 1)],
            "success": [True, False, False],
            "valid_config": [True, True, False],
        }
    ).write_parquet(path)

    report = load(warehouse, "availability", path)

    assert refused(report) == {3: "valid_config is false: such a machine cannot exist"}
    assert warehouse.rows(
        "select tick, available, offset_seconds, region from availability_tick order by tick"
    ) == [(0, 0, 0.0, "us-west1"), (1, 1, 3600.0, "us-west1")]


def test_every_kind_says_which_table_it_fills(warehouse: Warehouse) -> None:
    columns = {
        name: {row[0] for row in warehouse.rows(f"describe {name}")}
        for name in {shape.table.name for kind in KINDS.values() for shape in kind.shapes}
    }

    assert set(KINDS) == {
        "prices", "on-demand", "signals", "instance-types",
        "offerings", "interruptions", "lifetimes", "availability",
    }  # fmt: skip
    for kind in KINDS.values():
        for shape in kind.shapes:
            filled = {one.becomes for one in shape.columns if one.becomes} | set(shape.derive)
            assert filled == columns[shape.table.name], kind.name


def test_the_real_archive_goes_in_and_a_second_time_adds_nothing(
    warehouse: Warehouse, real_data: Path
) -> None:
    archive = {
        "prices": "import/prices_aws_events_2019_2020.parquet",
        "on-demand": "import/on_demand.parquet",
        "signals": "import/signals_aws_advisor.parquet",
        "instance-types": "import/instance_types.parquet",
        "offerings": "import/offerings_aws.parquet",
        "lifetimes": "interruptions/instance_lifetimes.parquet",
        "availability": "interruptions/availability_spells.parquet",
    }

    for kind, name in archive.items():
        first = load(warehouse, kind, real_data / name)
        assert first.rows_new == first.rows_read - first.rows_refused > 0, name
        assert load(warehouse, kind, real_data / name).rows_new == 0, name
