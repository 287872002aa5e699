"""The database: appends are bulk, idempotent and atomic, and errors say what to do."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.market import NOW, a_pool, a_price, a_shape
from tests.support.reused import Reused
from warehouse.errors import (
    WarehouseBusyError,
    WarehouseCorruptError,
    WarehouseMissingError,
    WarehouseSpaceError,
)
from warehouse.frames import frames_of
from warehouse.records import EndedBy, Exposure, InstanceType, SpotPrice
from warehouse.store import Warehouse
from warehouse.tables import EXPOSURE, INSTANCE_TYPE, SPOT_PRICE

HOUR = timedelta(hours=1)


def append(warehouse: Warehouse, *records: SpotPrice | InstanceType | Exposure) -> int:
    with warehouse.transaction():
        return sum(warehouse.append(*pair) for pair in frames_of(warehouse, records))


def test_the_same_prices_twice_add_nothing(warehouse: Warehouse) -> None:
    prices = [a_price(0.5), a_price(0.6, effective_at=NOW + HOUR)]

    assert append(warehouse, *prices) == 2
    assert append(warehouse, *prices) == 0
    assert append(warehouse, *prices, a_price(0.7, effective_at=NOW + 2 * HOUR)) == 1


def test_of_two_rows_with_one_key_in_one_batch_the_first_is_kept(warehouse: Warehouse) -> None:
    assert append(warehouse, a_price(0.5), a_price(0.9)) == 1

    assert warehouse.rows("select price_per_hour from spot_price") == [(0.5,)]


@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=12), max_size=6
    )
)
def test_any_batches_in_any_order_leave_each_key_once(
    warehouses: Reused, batches: list[list[tuple[int, int]]]
) -> None:
    with warehouses.empty() as warehouse:
        new = 0
        for batch in batches:
            prices = [
                a_price(1.0, a_pool(f"g5.{size}xlarge"), NOW + hours * HOUR)
                for size, hours in batch
            ]
            new += append(warehouse, *prices)

        assert new == len({key for batch in batches for key in batch})
        assert warehouse.rows("select count(*) from spot_price") == [(new,)]


def test_an_unchanged_price_adds_no_row_but_is_seen_again(warehouse: Warehouse) -> None:
    append(warehouse, a_price(0.5))

    append(warehouse, a_price(0.5, observed_at=NOW + HOUR))

    assert warehouse.rows("select seen_at from last_seen") == [(NOW + HOUR,)]
    assert warehouse.rows("select count(*) from spot_price") == [(1,)]


def test_a_shape_is_stored_again_only_when_it_says_something_new(warehouse: Warehouse) -> None:
    first, later = a_shape(memory_gib=16), a_shape(memory_gib=32)

    assert append(warehouse, first) == 1
    assert append(warehouse, _seen(first, HOUR)) == 0
    assert append(warehouse, _seen(later, 2 * HOUR)) == 1
    assert append(warehouse, _seen(first, 3 * HOUR)) == 1

    assert warehouse.rows("select memory_gib from current_instance_type") == [(16.0,)]


def _seen(shape: InstanceType, after: timedelta) -> InstanceType:
    return replace(shape, observed_at=NOW + after)


def test_a_machine_that_was_running_and_then_ended_is_told_twice(warehouse: Warehouse) -> None:
    running = Exposure(
        provider="aws",
        region=None,
        zone=None,
        instance_type="g5.xlarge",
        node="i-1",
        launched_at=NOW,
        last_alive_at=NOW + HOUR,
        ended_at=None,
        ended_by=EndedBy.STILL_RUNNING,
        end_reason="",
        source="test",
    )

    assert append(warehouse, running) == 1
    assert append(warehouse, running) == 0
    frame = frames_of(warehouse, [running])[0][1]
    ended = frame.with_columns(
        last_alive_at=pl.lit(NOW + 2 * HOUR),
        ended_at=pl.lit(NOW + 3 * HOUR),
        ended_by=pl.lit("interrupted"),
    )
    with warehouse.transaction():
        assert warehouse.append(EXPOSURE, ended) == 1


def test_a_transaction_that_fails_leaves_nothing(warehouse: Warehouse) -> None:
    frame = frames_of(warehouse, [a_price(0.5)])[0][1]

    def append_and_fail() -> None:
        with warehouse.transaction():
            warehouse.append(SPOT_PRICE, frame)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        append_and_fail()

    assert warehouse.rows("select count(*) from spot_price") == [(0,)]
    assert warehouse.rows("select count(*) from last_seen") == [(0,)]


def test_times_come_back_as_aware_utc(warehouse: Warehouse) -> None:
    append(warehouse, a_price(0.5))

    stored = warehouse.rows("select effective_at from spot_price")[0][0]

    assert stored == NOW
    assert stored.utcoffset() == timedelta(0)


def test_a_second_process_is_told_who_holds_the_file(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    script = (
        "import sys\nfrom pathlib import Path\nfrom warehouse.store import Warehouse\n"
        "with Warehouse.open(Path(sys.argv[1])):\n    print('open', flush=True)\n    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "open\n"

        with pytest.raises(WarehouseBusyError, match=f"process {holder.pid}"):
            Warehouse.open(path)
        with pytest.raises(WarehouseBusyError, match=f"process {holder.pid}"):
            Warehouse.open(path, read_only=True)
        holder.communicate("\n")

    Warehouse.open(path).close()


def test_readers_open_a_file_that_no_one_writes_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    Warehouse.open(path).close()

    with Warehouse.open(path, read_only=True) as one, Warehouse.open(path, read_only=True) as two:
        assert one.rows("select 1") == two.rows("select 1")


def test_reading_what_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(WarehouseMissingError, match="spotcast import"):
        Warehouse.open(tmp_path / "none.duckdb", read_only=True)


def test_a_file_that_is_no_database_is_reported_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    path.write_bytes(b"not a database" * 1000)

    with pytest.raises(WarehouseCorruptError, match="damaged, or no database"):
        Warehouse.open(path)

    assert path.read_bytes() == b"not a database" * 1000


def test_damage_inside_a_file_is_told_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    with Warehouse.open(path) as made:
        append(made, *(a_price(0.5, effective_at=NOW + hour * HOUR) for hour in range(5_000)))
    with path.open("r+b") as file:
        # Past the three headers of 4 KiB the data blocks begin.
        file.seek(3 * 4096 + 1000)
        file.write(b"garbage" * 60_000)

    def read() -> None:
        with Warehouse.open(path, read_only=True) as damaged:
            damaged.rows("select sum(price_per_hour), max(instance_type) from spot_price")

    with pytest.raises(WarehouseCorruptError, match="Restore it from a backup"):
        read()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(WarehouseSpaceError, match="cannot be written"):
        Warehouse.open(tmp_path / "file" / "spotcast.duckdb")


def test_an_append_reads_only_the_span_of_time_it_brings(warehouse: Warehouse) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    append(warehouse, *(a_price(0.5, effective_at=start + day * 24 * HOUR) for day in range(300)))

    assert append(warehouse, a_price(0.5, effective_at=start + 299 * 24 * HOUR)) == 0
    assert append(warehouse, a_price(0.6, effective_at=start + 299 * 24 * HOUR + HOUR)) == 1


def test_every_table_that_takes_facts_has_its_key_among_its_columns(warehouse: Warehouse) -> None:
    frame = frames_of(warehouse, [a_shape()])[0][1]

    assert set(INSTANCE_TYPE.key) < set(frame.columns)
