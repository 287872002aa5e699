"""What a forecast may know of the user's own machines, and of losses without a machine."""

from datetime import datetime, timedelta

import polars as pl

from tests.support.market import NOW
from warehouse.features import MEMORY, interruptions_without_exposure, lifetimes_until
from warehouse.frames import frames_of
from warehouse.records import EndedBy, Exposure, Interruption, InterruptionKind, Record
from warehouse.store import Warehouse

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
TAKEN, ANNOUNCED = InterruptionKind.TAKEN, InterruptionKind.ANNOUNCED


def a_machine(
    node: str,
    *,
    launched: timedelta = 10 * HOUR,
    alive: timedelta = timedelta(0),
    gone: timedelta | None = None,
    ended_by: EndedBy = EndedBy.STILL_RUNNING,
    source: str = "fleet",
    provider: str = "aws",
    zone: str | None = "use1-az4",
    reason: str = "seen",
) -> Exposure:
    """A machine whose times are so long before `NOW`."""
    return Exposure(
        provider,
        "us-east-1",
        zone,
        "g5.xlarge",
        node,
        NOW - launched,
        NOW - alive,
        None if gone is None else NOW - gone,
        ended_by,
        reason,
        source,
    )


def a_report(node: str, kind: InterruptionKind, before: timedelta) -> Interruption:
    at = NOW - before
    return Interruption("aws", None, None, None, node, kind, at, None, "events", at)


def store(warehouse: Warehouse, *records: Record) -> None:
    with warehouse.transaction():
        for table, frame in frames_of(warehouse, records):
            warehouse.append(table, frame)


def lives(
    warehouse: Warehouse, now: datetime = NOW, provider: str | None = None
) -> list[tuple[str, float, float, float | None, int]]:
    """Instance, hours from its start, last sign of life and end to `NOW`, and the event."""
    frame = lifetimes_until(warehouse, now, provider=provider)
    hours = frame.with_columns(
        ((pl.lit(NOW) - pl.col(name)).dt.total_seconds() / 3600).alias(name)
        for name in ("start_utc", "last_alive_utc", "first_dead_utc")
    )
    return hours.select("instance", "start_utc", "last_alive_utc", "first_dead_utc", "event").rows()


def test_a_machine_is_told_with_all_columns(warehouse: Warehouse) -> None:
    store(
        warehouse,
        a_machine("i-1", alive=2 * HOUR, gone=HOUR, ended_by=EndedBy.INTERRUPTED, reason="taken"),
    )

    [row] = lifetimes_until(warehouse, NOW).rows(named=True)

    assert row == {
        "source": "fleet",
        "provider": "aws",
        "region": "us-east-1",
        "zone": "use1-az4",
        "instance_type": "g5.xlarge",
        "instance": "i-1",
        "start_utc": NOW - 10 * HOUR,
        "last_alive_utc": NOW - 2 * HOUR,
        "first_dead_utc": NOW - HOUR,
        "event": 1,
        "end_reason": "taken",
        "min_life_s": 8 * 3600.0,
        "max_life_s": 9 * 3600.0,
    }


def test_each_end_is_a_loss_or_not(warehouse: Warehouse) -> None:
    store(
        warehouse,
        a_machine("by user", alive=HOUR, gone=HOUR, ended_by=EndedBy.USER),
        a_machine("capped", alive=HOUR, gone=HOUR, ended_by=EndedBy.POLICY, reason="old"),
        a_machine("running"),
        a_machine("interrupted", alive=HOUR, gone=HOUR, ended_by=EndedBy.INTERRUPTED),
    )

    assert lives(warehouse) == [
        ("by user", 10.0, 1.0, 1.0, 0),
        ("capped", 10.0, 1.0, 1.0, 0),
        ("interrupted", 10.0, 1.0, 1.0, 1),
        ("running", 10.0, 0.0, None, 0),
    ]
    reasons = lifetimes_until(warehouse, NOW)["end_reason"].to_list()
    assert reasons == ["seen", "policy: old", "seen", "seen"]


def test_a_report_that_a_machine_was_taken_is_a_loss_whatever_its_end_says(
    warehouse: Warehouse,
) -> None:
    store(
        warehouse,
        a_machine("running", alive=3 * HOUR),
        a_report("running", TAKEN, 2 * HOUR),
        a_machine("by user", alive=HOUR, gone=HOUR, ended_by=EndedBy.USER),
        a_report("by user", TAKEN, HOUR - 5 * MINUTE),
    )

    assert lives(warehouse) == [
        ("by user", 10.0, 55 / 60, 55 / 60, 1),
        ("running", 10.0, 2.0, 2.0, 1),
    ]


def test_an_announcement_counts_if_it_led_to_the_end(warehouse: Warehouse) -> None:
    for node, notice in (("soon", 2 * MINUTE), ("late", 30 * MINUTE)):
        store(
            warehouse,
            a_machine(node, alive=HOUR, gone=HOUR, ended_by=EndedBy.USER),
            a_report(node, ANNOUNCED, HOUR + notice),
        )
    store(warehouse, a_machine("open"), a_report("open", ANNOUNCED, MINUTE))

    assert [(one[0], one[4]) for one in lives(warehouse)] == [("late", 0), ("open", 0), ("soon", 1)]


def test_a_loss_that_nobody_dated_is_no_event(warehouse: Warehouse) -> None:
    store(warehouse, a_machine("i-1", alive=HOUR, ended_by=EndedBy.INTERRUPTED))

    assert lives(warehouse) == [("i-1", 10.0, 1.0, None, 0)]


def test_nothing_is_known_of_what_comes_after(warehouse: Warehouse) -> None:
    store(
        warehouse,
        a_machine("i-1", alive=HOUR, gone=HOUR, ended_by=EndedBy.INTERRUPTED),
        a_machine("i-2", launched=2 * HOUR),
        a_machine("i-3"),
        a_report("i-3", TAKEN, HOUR),
    )

    assert lives(warehouse, NOW - 5 * HOUR) == [
        ("i-1", 10.0, 5.0, None, 0),
        ("i-3", 10.0, 5.0, None, 0),
    ]
    frame = lifetimes_until(warehouse, NOW - 5 * HOUR)
    assert frame["end_reason"].to_list() == ["still_running", "seen"]


def test_a_machine_is_one_row_however_often_and_by_whom_it_was_seen(warehouse: Warehouse) -> None:
    store(
        warehouse,
        a_machine("i-1", alive=5 * HOUR),
        a_machine("i-1", alive=HOUR),
        a_machine("i-1", launched=9 * HOUR, alive=3 * HOUR, source="other"),
    )

    assert lives(warehouse) == [("i-1", 10.0, 1.0, None, 0)]


def test_a_name_that_is_used_again_is_another_machine(warehouse: Warehouse) -> None:
    store(
        warehouse,
        a_machine("node", launched=9 * HOUR, alive=7 * HOUR),
        a_machine("node", launched=6 * HOUR, alive=HOUR),
        a_report("node", TAKEN, 2 * HOUR),
    )

    assert lives(warehouse) == [("node", 9.0, 7.0, None, 0), ("node", 6.0, 2.0, 2.0, 1)]


def test_machines_that_ended_before_the_memory_and_other_providers_are_left_out(
    warehouse: Warehouse,
) -> None:
    ended = MEMORY + HOUR
    store(
        warehouse,
        a_machine("old", launched=2 * ended, alive=ended, gone=ended, ended_by=EndedBy.USER),
        a_machine("long", launched=2 * ended),
        a_machine("there", provider="gcp"),
    )

    assert [one[0] for one in lives(warehouse)] == ["long", "there"]
    assert [one[0] for one in lives(warehouse, provider="gcp")] == ["there"]


def test_losses_of_machines_that_nobody_watched_are_counted_and_are_no_rate(
    warehouse: Warehouse,
) -> None:
    store(
        warehouse,
        a_machine("known", zone=None),
        a_report("known", TAKEN, HOUR),
        a_report("unknown", ANNOUNCED, 2 * HOUR),
        a_report("unknown", TAKEN, HOUR),
        a_report("another", TAKEN, HOUR),
        a_report("long ago", TAKEN, MEMORY + 2 * HOUR),
    )

    assert interruptions_without_exposure(warehouse, NOW) == 2
    assert interruptions_without_exposure(warehouse, NOW, provider="gcp") == 0
    assert interruptions_without_exposure(warehouse, NOW - 90 * MINUTE) == 1
