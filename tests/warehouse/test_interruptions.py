"""One row per machine lost, by however many sources, with the pool if any source knew it."""

from datetime import UTC, datetime, timedelta

from warehouse.frames import frames_of
from warehouse.interruptions import machine_interruptions
from warehouse.records import EndedBy, Exposure, Interruption, InterruptionKind, Record
from warehouse.store import Warehouse

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TAKEN, ANNOUNCED = InterruptionKind.TAKEN, InterruptionKind.ANNOUNCED
DAY = timedelta(days=1)


def told(
    kind: InterruptionKind,
    minutes_ago: float,
    source: str = "aws.events",
    *,
    node: str = "i-1",
    zone: str | None = None,
) -> Interruption:
    at = NOW - timedelta(minutes=minutes_ago)
    region = "us-east-1" if zone else None
    instance_type = "g6.xlarge" if zone else None
    return Interruption("aws", region, zone, instance_type, node, kind, at, 120, source, at)


def lived(node: str = "i-1", zone: str = "use1-az4") -> Exposure:
    return Exposure(
        "aws",
        "us-east-1",
        zone,
        "g5.xlarge",
        node,
        NOW - DAY,
        NOW - timedelta(hours=1),
        None,
        EndedBy.STILL_RUNNING,
        "there",
        "aws.instances",
    )


def seen(warehouse: Warehouse, *records: Record) -> list[dict[str, object]]:
    with warehouse.transaction():
        for table, frame in frames_of(warehouse, records):
            warehouse.append(table, frame)
    return machine_interruptions(warehouse, NOW, NOW - DAY).to_dicts()


def test_reports_of_one_machine_within_ten_minutes_are_one_loss(warehouse: Warehouse) -> None:
    (row,) = seen(
        warehouse,
        told(ANNOUNCED, 30),
        told(ANNOUNCED, 29, "kubernetes.events"),
        told(TAKEN, 28, "aws.bid_evictions"),
    )

    assert row["announced_at"] == NOW - timedelta(minutes=30)
    assert row["taken_at"] == NOW - timedelta(minutes=28)
    assert row["sources"] == ["aws.bid_evictions", "aws.events", "kubernetes.events"]


def test_a_machine_lost_again_later_is_another_loss(warehouse: Warehouse) -> None:
    rows = seen(warehouse, told(TAKEN, 300), told(TAKEN, 20))

    assert len(rows) == 2


def test_two_machines_at_one_moment_are_two_losses(warehouse: Warehouse) -> None:
    assert len(seen(warehouse, told(TAKEN, 30), told(TAKEN, 30, node="i-2"))) == 2


def test_a_report_without_a_pool_has_the_pool_of_its_machine(warehouse: Warehouse) -> None:
    (row,) = seen(warehouse, told(ANNOUNCED, 30), lived())

    assert (row["region"], row["zone"], row["instance_type"]) == (
        "us-east-1",
        "use1-az4",
        "g5.xlarge",
    )


def test_the_pool_that_a_report_names_goes_before_the_machines(warehouse: Warehouse) -> None:
    (row,) = seen(warehouse, told(ANNOUNCED, 30, zone="use1-az6"), lived())

    assert (row["zone"], row["instance_type"]) == ("use1-az6", "g6.xlarge")


def test_a_loss_whose_machine_nobody_knows_is_counted_with_an_unknown_pool(
    warehouse: Warehouse,
) -> None:
    (row,) = seen(warehouse, told(TAKEN, 30))

    assert (row["region"], row["zone"], row["instance_type"]) == (None, None, None)


def test_only_the_window_and_the_cloud_asked_for_are_given(warehouse: Warehouse) -> None:
    seen(warehouse, told(TAKEN, 30), told(TAKEN, 3000, node="i-old"))

    assert machine_interruptions(warehouse, NOW, NOW - DAY).height == 1
    assert machine_interruptions(warehouse, NOW, NOW - 9 * DAY).height == 2
    assert machine_interruptions(warehouse, NOW, NOW - DAY, provider="gcp").is_empty()
