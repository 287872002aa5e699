"""Stored forecasts and their outcomes: each rule of what was lost, kept, or cannot be told."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from tests.support.market import NOW, a_pool
from warehouse.forecasts import (
    ForecastCounts,
    append_forecasts,
    forecast_counts,
    resolved_forecasts,
)
from warehouse.frames import frames_of, schema_of
from warehouse.records import (
    AvailabilityTick,
    EndedBy,
    Exposure,
    Interruption,
    InterruptionKind,
    Pool,
    ProbeKind,
    Record,
)
from warehouse.store import Warehouse
from warehouse.tables import RISK_FORECAST

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ISSUED = NOW - 10 * HOUR
END = ISSUED + HOUR


def store(warehouse: Warehouse, *records: Record) -> None:
    with warehouse.transaction():
        for table, frame in frames_of(warehouse, records):
            warehouse.append(table, frame)


def issue(
    warehouse: Warehouse,
    *,
    pool: Pool | None = None,
    at: datetime = ISSUED,
    horizon: timedelta = HOUR,
    probability: float = 0.2,
    version: str = "m1",
) -> int:
    """Store one forecast; how many of it were new."""
    row: dict[str, Any] = {
        **asdict(pool or a_pool()),
        "issued_at": at,
        "horizon_seconds": horizon.total_seconds(),
        "probability": probability,
        "probability_low": 0.1,
        "probability_high": 0.3,
        "model_version": version,
        "grade": "learning",
        "evidence_until": None,
        "drivers": "{}",
        "made_from": "launch_probe",
        "recalibration": 0.0,
        "signals": None,
    }
    frame = pl.DataFrame([row], schema=schema_of(warehouse, RISK_FORECAST))
    with warehouse.transaction():
        return append_forecasts(warehouse, frame)


def a_machine(
    alive_until: datetime,
    ended_by: EndedBy = EndedBy.STILL_RUNNING,
    *,
    node: str = "i-1",
    launched_at: datetime = ISSUED - HOUR,
    gone_by: datetime | None = None,
    zone: str | None = "use1-az4",
    region: str | None = "us-east-1",
    source: str = "fleet",
) -> Exposure:
    """A machine that ended when it was last alive, unless ``gone_by`` says later."""
    is_gone = ended_by is not EndedBy.STILL_RUNNING
    ended_at = (gone_by or alive_until) if is_gone else None
    return Exposure(
        "aws",
        region,
        zone,
        "g5.xlarge",
        node,
        launched_at,
        alive_until,
        ended_at,
        ended_by,
        "seen",
        source,
    )


def a_report(kind: InterruptionKind, at: datetime, node: str = "i-1") -> Interruption:
    return Interruption("aws", None, None, None, node, kind, at, None, "events", at)


def ticks(
    states: str,
    *,
    start: datetime = ISSUED - 5 * MINUTE,
    every: timedelta = 10 * MINUTE,
    kind: ProbeKind = ProbeKind.LAUNCH_PROBE,
    zone: str = "use1-az4",
    region: str | None = "us-east-1",
    is_approximate: bool = False,
    target: int = 1,
) -> list[AvailabilityTick]:
    """One tick per character: a digit is what was available, a dot a tick that is missing."""
    return [
        AvailabilityTick(
            f"{kind.value}-{zone}",
            number,
            "aws",
            region,
            zone,
            "g5.xlarge",
            kind,
            target,
            int(state),
            start + number * every,
            is_approximate,
            (number * every).total_seconds(),
            None,
            "trace",
        )
        for number, state in enumerate(states)
        if state != "."
    ]


def outcomes(warehouse: Warehouse) -> list[tuple[str, str, float | None, float | None]]:
    """Kind, subject, outcome, and minutes from the forecast to the event, of each row."""
    frame = resolved_forecasts(warehouse, NOW)
    minutes = (frame["event_at"] - frame["issued_at"]).dt.total_seconds() / 60
    columns = (frame["evidence_kind"], frame["subject"], frame["outcome"], minutes)
    return list(zip(*(column.to_list() for column in columns), strict=True))


def of_machine(warehouse: Warehouse, *records: Record) -> tuple[float | None, float | None]:
    """Outcome, and minutes to the event, of an hour's forecast for the one machine."""
    issue(warehouse)
    store(warehouse, *records)
    ((kind, subject, outcome, minutes),) = outcomes(warehouse)
    assert (kind, subject) == ("machine", "i-1")
    return outcome, minutes


LOST, USER, POLICY = EndedBy.INTERRUPTED, EndedBy.USER, EndedBy.POLICY
TAKEN, ANNOUNCED = InterruptionKind.TAKEN, InterruptionKind.ANNOUNCED


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (a_machine(ISSUED + 20 * MINUTE, LOST), (1.0, 20)),
        (a_machine(END, LOST), (1.0, 60)),
        (a_machine(END + MINUTE, LOST), (0.0, None)),
        (a_machine(ISSUED, LOST, gone_by=ISSUED + 5 * MINUTE), (1.0, 5)),
        (a_machine(END - MINUTE, LOST, gone_by=END + MINUTE), (None, None)),
        (a_machine(END - MINUTE, USER), (None, None)),
        (a_machine(END, USER), (0.0, None)),
        (a_machine(END - MINUTE, POLICY), (None, None)),
        (a_machine(END - MINUTE), (None, None)),
        (a_machine(END), (0.0, None)),
    ],
    ids=[
        "lost within the horizon",
        "lost exactly at its end",
        "lost after it",
        "lost between two looks within it",
        "lost between two looks around its end",
        "stopped by the user within it",
        "stopped by the user at its end",
        "ended by a rule within it",
        "not seen until its end",
        "alive at its end",
    ],
)
def test_a_machine_gives_the_outcome_that_its_life_tells(
    warehouse: Warehouse, machine: Exposure, expected: tuple[float | None, float | None]
) -> None:
    assert of_machine(warehouse, machine) == expected


@pytest.mark.parametrize(
    "machine",
    [
        a_machine(ISSUED, LOST),
        a_machine(ISSUED - MINUTE),
        a_machine(ISSUED - MINUTE, LOST, gone_by=ISSUED + MINUTE),
        a_machine(END, launched_at=ISSUED + MINUTE),
        a_machine(END, zone="use1-az6"),
        a_machine(END, zone=None),
        a_machine(END, zone="*"),
        a_machine(END, zone="*", region=None),
        a_machine(END, region="us-west-2"),
    ],
    ids=[
        "gone at that moment",
        "last seen before",
        "perhaps gone",
        "launched after",
        "another zone",
        "unknown zone",
        "the region",
        "any region",
        "another region",
    ],
)
def test_a_machine_not_known_to_be_up_in_the_pool_gives_no_row(
    warehouse: Warehouse, machine: Exposure
) -> None:
    issue(warehouse)
    store(warehouse, machine)

    assert outcomes(warehouse) == []


def test_a_machine_launched_when_the_forecast_was_issued_counts(warehouse: Warehouse) -> None:
    assert of_machine(warehouse, a_machine(END, launched_at=ISSUED)) == (0.0, None)


def test_a_zone_tells_the_pool_where_the_region_is_unknown(warehouse: Warehouse) -> None:
    assert of_machine(warehouse, a_machine(END, region=None)) == (0.0, None)


def test_evidence_of_a_region_belongs_to_the_forecast_for_the_region(warehouse: Warehouse) -> None:
    issue(warehouse, pool=a_pool(zone="*"))
    store(warehouse, a_machine(END, zone="*"), a_machine(END, node="i-2"), *ticks("1" * 9))

    assert outcomes(warehouse) == [("machine", "i-1", 0.0, None)]


def test_the_report_that_a_running_machine_was_taken_is_its_end(warehouse: Warehouse) -> None:
    taken = a_report(TAKEN, ISSUED + 30 * MINUTE)

    assert of_machine(warehouse, a_machine(ISSUED - MINUTE), taken) == (1.0, 30)


def test_the_report_tells_a_loss_that_two_looks_leave_open(warehouse: Warehouse) -> None:
    machine = a_machine(END - MINUTE, LOST, gone_by=END + 5 * MINUTE)

    assert of_machine(warehouse, machine, a_report(TAKEN, END + 2 * MINUTE)) == (0.0, None)


def test_a_report_of_a_machine_never_seen_up_gives_no_row(warehouse: Warehouse) -> None:
    issue(warehouse)
    store(warehouse, a_report(TAKEN, ISSUED + MINUTE))

    assert outcomes(warehouse) == []


def test_a_report_belongs_to_the_life_it_falls_into(warehouse: Warehouse) -> None:
    earlier = a_machine(ISSUED - 3 * HOUR, launched_at=ISSUED - 4 * HOUR)
    taken = a_report(TAKEN, ISSUED + 30 * MINUTE)

    assert of_machine(warehouse, earlier, a_machine(ISSUED), taken) == (1.0, 30)


def test_the_providers_rule_is_no_interruption_even_if_reported(warehouse: Warehouse) -> None:
    machine = a_machine(END - MINUTE, POLICY)

    assert of_machine(warehouse, machine, a_report(TAKEN, END - MINUTE)) == (None, None)


def test_an_end_by_the_user_that_answers_a_notice_is_an_interruption(warehouse: Warehouse) -> None:
    machine = a_machine(ISSUED + 20 * MINUTE, USER)
    notice = a_report(ANNOUNCED, ISSUED + 18 * MINUTE)

    assert of_machine(warehouse, machine, notice) == (1.0, 20)


def test_an_end_by_the_user_long_after_a_notice_is_not(warehouse: Warehouse) -> None:
    machine = a_machine(ISSUED + 20 * MINUTE, USER)
    notice = a_report(ANNOUNCED, ISSUED + 5 * MINUTE)

    assert of_machine(warehouse, machine, notice) == (None, None)


def test_the_newest_word_on_a_machine_counts(warehouse: Warehouse) -> None:
    store(warehouse, a_machine(ISSUED + 20 * MINUTE))
    seen_gone = a_machine(ISSUED + 20 * MINUTE, LOST, gone_by=ISSUED + 25 * MINUTE)

    assert of_machine(warehouse, seen_gone) == (1.0, 25)


def test_a_machine_of_two_sources_is_one_machine(warehouse: Warehouse) -> None:
    running = a_machine(ISSUED + 30 * MINUTE, source="cluster", launched_at=ISSUED - MINUTE)

    assert of_machine(warehouse, running, a_machine(ISSUED + 20 * MINUTE, LOST)) == (1.0, 20)


def test_each_machine_of_a_pool_is_one_row(warehouse: Warehouse) -> None:
    issue(warehouse)
    machines = [
        a_machine(ISSUED + 20 * MINUTE, LOST),
        a_machine(END, node="i-2"),
        a_machine(END - MINUTE, node="i-3"),
    ]
    store(warehouse, *machines)

    assert outcomes(warehouse) == [
        ("machine", "i-1", 1.0, 20),
        ("machine", "i-2", 0.0, None),
        ("machine", "i-3", None, None),
    ]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ("11111111", (0.0, None)),
        ("11101111", (1.0, 25)),
        ("1111111", (None, None)),
        ("1..11111", (0.0, None)),
        ("1...11111", (None, None)),
        ("11111110", (0.0, None)),
        ("1101", (None, None)),
    ],
    ids=[
        "up throughout",
        "down within",
        "not probed until the end",
        "a gap of 30 min is bridged",
        "a longer gap is not",
        "down after the end",
        "down, then not probed until the end",
    ],
)
def test_a_series_gives_the_outcome_that_its_probes_tell(
    warehouse: Warehouse, states: str, expected: tuple[float | None, float | None]
) -> None:
    issue(warehouse)
    store(warehouse, *ticks(states))

    ((kind, subject, *found),) = outcomes(warehouse)

    assert (kind, subject) == ("launch_probe", "launch_probe-use1-az4")
    assert tuple(found) == expected


def test_a_probe_down_exactly_at_the_end_of_the_horizon_counts(warehouse: Warehouse) -> None:
    issue(warehouse)
    store(warehouse, *ticks("1111110", start=ISSUED))

    assert outcomes(warehouse) == [("launch_probe", "launch_probe-use1-az4", 1.0, 60)]


@pytest.mark.parametrize(
    ("states", "start"),
    [("0111111111", ISSUED), ("1111111111", ISSUED + MINUTE), ("1.11111", ISSUED - 31 * MINUTE)],
    ids=["down then", "not begun", "last probed 31 min before"],
)
def test_a_series_not_known_to_be_up_gives_no_row(
    warehouse: Warehouse, states: str, start: datetime
) -> None:
    issue(warehouse)
    every = 40 * MINUTE if start < ISSUED else 10 * MINUTE
    store(warehouse, *ticks(states, start=start, every=every))

    assert outcomes(warehouse) == []


def test_a_horizon_without_a_probe_in_it_says_nothing(warehouse: Warehouse) -> None:
    issue(warehouse, horizon=15 * MINUTE)
    store(warehouse, *ticks("1111", every=25 * MINUTE))

    assert outcomes(warehouse) == [("launch_probe", "launch_probe-use1-az4", None, None)]


def test_half_of_what_was_asked_for_is_up(warehouse: Warehouse) -> None:
    issue(warehouse)
    store(warehouse, *ticks("4322214444", target=4))

    assert outcomes(warehouse) == [("launch_probe", "launch_probe-use1-az4", 1.0, 45)]


def test_kinds_of_evidence_stay_apart(warehouse: Warehouse) -> None:
    issue(warehouse)
    store(
        warehouse,
        a_machine(END),
        *ticks("1" * 8),
        *ticks("10111111", kind=ProbeKind.HELD_INSTANCE),
        *ticks("1" * 8, kind=ProbeKind.HELD_FLEET),
    )

    assert outcomes(warehouse) == [
        ("held_instance", "held_instance-use1-az4", 1.0, 5),
        ("launch_probe", "launch_probe-use1-az4", 0.0, None),
        ("machine", "i-1", 0.0, None),
    ]


def test_probes_of_other_zones_and_of_unknown_times_give_no_row(warehouse: Warehouse) -> None:
    issue(warehouse)
    store(
        warehouse,
        *ticks("1" * 8, zone="use1-az6"),
        *ticks("1" * 8, zone="*"),
        *ticks("1" * 8, is_approximate=True),
    )

    assert outcomes(warehouse) == []


def test_a_forecast_waits_until_its_horizon_has_passed(warehouse: Warehouse) -> None:
    issue(warehouse)
    store(warehouse, a_machine(NOW))

    assert resolved_forecasts(warehouse, END - MINUTE).height == 0
    assert resolved_forecasts(warehouse, END)["outcome"].to_list() == [0.0]


def test_an_outcome_is_not_made_of_probes_after_now(warehouse: Warehouse) -> None:
    issue(warehouse)
    store(warehouse, *ticks("1" * 9))

    assert resolved_forecasts(warehouse, END)["outcome"].to_list() == [None]
    assert resolved_forecasts(warehouse, END + 10 * MINUTE)["outcome"].to_list() == [0.0]


def test_each_horizon_and_version_is_scored_on_its_own(warehouse: Warehouse) -> None:
    for version in ("m1", "m2"):
        for hours in (1, 6):
            issue(warehouse, horizon=hours * HOUR, version=version)
    store(warehouse, a_machine(ISSUED + 2 * HOUR, LOST))

    frame = resolved_forecasts(warehouse, NOW)

    found = frame.select("horizon_seconds", "model_version", "outcome").rows()
    assert found == [(3600, "m1", 0), (3600, "m2", 0), (21600, "m1", 1), (21600, "m2", 1)]


def test_only_what_is_asked_for_is_answered(warehouse: Warehouse) -> None:
    issue(warehouse)
    issue(warehouse, at=ISSUED - 2 * HOUR)
    issue(warehouse, horizon=6 * HOUR)
    store(warehouse, a_machine(NOW, launched_at=ISSUED - 3 * HOUR))

    def count(**where: Any) -> int:
        return resolved_forecasts(warehouse, NOW, **where).height

    assert count() == 3
    assert count(since=ISSUED) == 2
    assert count(since=ISSUED, horizon_seconds=3600.0) == 1
    assert count(provider="gcp") == 0
    assert count(model_version="m2") == 0


def test_a_forecast_stays_as_it_was_first_issued(warehouse: Warehouse) -> None:
    assert issue(warehouse) == 1
    assert issue(warehouse, probability=0.9) == 0
    store(warehouse, a_machine(END))

    assert resolved_forecasts(warehouse, NOW)["probability"].to_list() == [0.2]


def test_forecasts_are_counted_whether_or_not_they_were_watched(warehouse: Warehouse) -> None:
    assert forecast_counts(warehouse, NOW) == ForecastCounts(0, 0, None)

    issue(warehouse)
    issue(warehouse, at=NOW)

    assert forecast_counts(warehouse, NOW) == ForecastCounts(2, 1, END)
    assert forecast_counts(warehouse, NOW, NOW) == ForecastCounts(1, 0, NOW + HOUR)
