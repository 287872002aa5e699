"""How long facts are kept: as they were told, by hours, and not at all.

What is still in force stays however old: the newest row of each pool and source. What a forecast
whose horizon has not passed, or a hand-over that is not over, may yet ask for stays as well. Each
span of time is rolled up and taken out in one transaction with the row that says so, so that a
kill leaves a span as it was or done, and a second run finds nothing to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from warehouse.errors import WarehouseError
from warehouse.features import MEMORY
from warehouse.forecasts import LONGEST_GAP
from warehouse.price_rollups import first_week, remove_before, roll_up, week_of
from warehouse.price_standing import WEEK, Speaking
from warehouse.replacements import ENDS
from warehouse.store import Warehouse
from warehouse.tables import SPOT_PRICE, Table

PRICE_HOURS, TICKS, TICK_HOURS = "spot_price_hour", "availability_tick", "availability_hour"

BEFORE_HAND_OVER = timedelta(days=1)
"""What is asked of the time before a hand-over was planned: prices and signals of that day."""

NEEDED_SINCE = """
    select least(
        (
            select min(issued_at) - $longest_gap
            from risk_forecast
            where issued_at + to_microseconds(cast(1e6 * horizon_seconds as bigint)) > $now
        ),
        (
            select min(planned_at) - $before
            from (
                select min(changed_at) as planned_at, arg_max(state, sequence) as state
                from replacement
                group by replacement_id
            )
            where not list_contains($ends, state)
        )
    )
"""

THIN_SIGNALS = """
    delete from signal
    using (
        select
            provider, region, zone, instance_type, definition, source, subject,
            date_trunc('hour', observed_at) as hour_at, max(observed_at) as newest_at
        from signal
        where observed_at < $end
        group by all
    ) as kept
    where signal.observed_at < kept.newest_at
        and date_trunc('hour', signal.observed_at) = kept.hour_at
        and signal.provider = kept.provider
        and signal.region = kept.region
        and signal.zone = kept.zone
        and signal.instance_type = kept.instance_type
        and signal.definition = kept.definition
        and signal.source = kept.source
        and signal.subject is not distinct from kept.subject
"""
"""Bands and scores have no mean: of an hour the last word is kept."""

DROP_SIGNALS = """
    delete from signal
    using (
        select
            provider, region, zone, instance_type, definition, source,
            max(observed_at) as newest_at
        from signal
        group by all
    ) as kept
    where signal.observed_at < $end
        and signal.observed_at < kept.newest_at
        and signal.provider = kept.provider
        and signal.region = kept.region
        and signal.zone = kept.zone
        and signal.instance_type = kept.instance_type
        and signal.definition = kept.definition
        and signal.source = kept.source
"""

ROLL_UP_TICKS = """
    insert into availability_hour by name
    select
        source, trace_id, provider, region, zone, instance_type, probe_kind, target_capacity,
        date_trunc('hour', observed_at) as hour_at, count(*) as probes,
        avg(available) as mean_available, min(available) as low_available,
        max(available) as high_available,
        bool_or(observed_at_is_approximate) as observed_at_is_approximate
    from availability_tick
    anti join (
        select source, trace_id, hour_at from availability_hour
    ) as done
    on done.source = availability_tick.source
        and done.trace_id = availability_tick.trace_id
        and done.hour_at = date_trunc('hour', availability_tick.observed_at)
    where observed_at < $end and observed_at >= $floor
    group by all
    order by source, trace_id, hour_at
"""

REMOVE_TICKS = """
    delete from availability_tick
    using (
        select source, trace_id, max(tick) as newest
        from availability_tick
        group by all
    ) as kept
    where availability_tick.observed_at < $end
        and availability_tick.tick < kept.newest
        and availability_tick.source = kept.source
        and availability_tick.trace_id = kept.trace_id
"""

OUTDATED = {
    PRICE_HOURS: "delete from spot_price_hour where hour_at < $end",
    TICK_HOURS: "delete from availability_hour where hour_at < $end",
    "signal": DROP_SIGNALS,
    "risk_forecast": """
        delete from risk_forecast
        using (
            select provider, region, zone, instance_type, horizon_seconds,
                max(issued_at) as newest_at
            from risk_forecast
            group by all
        ) as kept
        where risk_forecast.issued_at < $end
            and risk_forecast.issued_at < kept.newest_at
            and risk_forecast.provider = kept.provider
            and risk_forecast.region = kept.region
            and risk_forecast.zone = kept.zone
            and risk_forecast.instance_type = kept.instance_type
            and risk_forecast.horizon_seconds = kept.horizon_seconds
    """,
    "interruption": "delete from interruption where occurred_at < $end",
    "exposure": "delete from exposure where ended_at < $end",
    "availability_spell": "delete from availability_spell where started_at < $end",
    "start_duration": "delete from start_duration where observed_at < $end",
    "advice": "delete from advice where issued_at < $end",
    "replacement_action": """
        delete from replacement_action
        where done_at < $end
            and replacement_id not in (
                select replacement_id
                from replacement
                group by replacement_id
                having max(changed_at) >= $end
                    or not list_contains($ends, arg_max(state, sequence))
            )
    """,
    "replacement": """
        delete from replacement
        where replacement_id in (
            select replacement_id
            from replacement
            group by replacement_id
            having max(changed_at) < $end
                and list_contains($ends, arg_max(state, sequence))
        )
    """,
    "feed_run": """
        delete from feed_run
        where started_at < $end
            and outcome <> 'running'
            and run_id not in (
                select arg_max(run_id, started_at)
                from feed_run
                group by feed, scope, outcome
            )
    """,
    "job_run": """
        delete from job_run
        where outcome <> 'running'
            and (
                started_at < $end
                or run_id in (
                    select run_id
                    from job_run
                    qualify row_number() over (partition by job order by started_at desc) > 10000
                )
            )
            and run_id not in (
                select arg_max(run_id, started_at)
                from job_run
                group by job, outcome
            )
    """,
    "message": "delete from message where ended_at < $end",
    "alert_change": "delete from alert_change where changed_at < $end",
    "retention_run": """
        delete from retention_run
        where done_at < $end
            and end_at < (
                select max(end_at)
                from retention_run as later
                where later.table_name = retention_run.table_name
            )
    """,
}
"""What goes for good. Of forecasts the newest of each pool and horizon stays, of runs the newest of
each outcome: what came last is asked for however old it is. Of the runs of a job 10,000 stay, which
is a week of one that runs by the minute."""

NOTE = """
    insert into retention_run by name
    select
        $table_name as table_name, cast($start as timestamptz) as start_at, $end as end_at,
        $removed as rows_removed, $kept as rows_kept, $now as done_at
"""

FACTS_SINCE = "select max(end_at) from retention_run where table_name = $table_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long what is kept.

    Raises:
        WarehouseError: terms that would take away what is still read.
    """

    raw: timedelta = timedelta(days=90)
    """Prices, signals and probes as they were told: a season of weekly patterns, and twice what a
    forecast reads."""

    hourly: timedelta = timedelta(days=730)
    """The same by hours: this month against that of the year before, twice."""

    forecasts: timedelta = timedelta(days=730)
    """Forecasts and advice as they were given."""

    outcomes: timedelta = timedelta(days=1826)
    """Machines at risk, interruptions, spells and start times, of which there are few; five years
    of them are what models of rare events learn from."""

    decisions: timedelta = timedelta(days=1826)
    """Hand-overs and what was done to the cluster for them: the usual five years of an audit."""

    runs: timedelta = timedelta(days=365)
    """Runs of feeds and jobs, messages that are over, changes of alerts, and these notes."""

    def __post_init__(self) -> None:
        if self.raw < MEMORY:
            raise WarehouseError(
                f"facts must be kept for {MEMORY.days} days at least, as forecasts read so far "
                f"back; got {self.raw.days} days"
            )
        if self.hourly < self.raw:
            raise WarehouseError(
                f"hours must be kept no shorter than facts, {self.raw.days} days; "
                f"got {self.hourly.days} days"
            )
        for name in ("forecasts", "outcomes", "decisions", "runs"):
            if getattr(self, name) < MEMORY:
                raise WarehouseError(f"{name} must be kept for {MEMORY.days} days at least")

    def of(self, table: str) -> timedelta:
        """How long rows of one of the tables of `OUTDATED` are kept."""
        return {
            PRICE_HOURS: self.hourly,
            TICK_HOURS: self.hourly,
            "signal": self.hourly,
            "risk_forecast": self.forecasts,
            "advice": self.forecasts,
            "replacement": self.decisions,
            "replacement_action": self.decisions,
            "feed_run": self.runs,
            "job_run": self.runs,
            "retention_run": self.runs,
            "message": self.runs,
            "alert_change": self.runs,
        }.get(table, self.outcomes)


@dataclass(frozen=True, slots=True)
class Removed:
    """What one transaction took out of a table, and how many rows by hours it wrote instead."""

    table: str
    start: datetime | None
    end: datetime
    rows_removed: int
    rows_kept: int


def retain(
    warehouse: Warehouse, now: datetime, terms: Terms, speaking: Speaking
) -> Iterator[Removed]:
    """Roll up and take out what is older than its term, one transaction each; what was done.

    Nothing happens but as the iterator is followed; it may be left at any time.
    """
    raw_until = min(now - terms.raw, needed_since(warehouse, now) or now)
    yield from _prices(warehouse, now, terms, speaking, until=week_of(raw_until))
    yield from _only(_taken(warehouse, now, "signal", week_of(raw_until), THIN_SIGNALS))
    yield from _only(_ticks(warehouse, now, terms, until=week_of(raw_until)))
    for table, statement in OUTDATED.items():
        end = now - terms.of(table)
        if table == "signal":
            end = min(end, raw_until)
        yield from _only(_taken(warehouse, now, table, end, statement))


def needed_since(warehouse: Warehouse, now: datetime) -> datetime | None:
    """From when on facts are needed by a forecast to be scored or a hand-over that is open."""
    given = {
        "now": now,
        "longest_gap": LONGEST_GAP,
        "before": BEFORE_HAND_OVER,
        "ends": list(ENDS),
    }
    found: datetime | None = warehouse.rows(NEEDED_SINCE, given)[0][0]
    return found


def facts_since(warehouse: Warehouse, table: Table) -> datetime | None:
    """From when on ``table`` has every row as it was told; None if none was taken out."""
    found: datetime | None = warehouse.rows(FACTS_SINCE, {"table_name": table.name})[0][0]
    return found


def _prices(
    warehouse: Warehouse, now: datetime, terms: Terms, speaking: Speaking, *, until: datetime
) -> Iterator[Removed]:
    """Week by week: those whose time has come since the last run, and those of late facts."""
    floor = week_of(now - terms.hourly)
    started = [first_week(warehouse, floor=floor, until=until), facts_since(warehouse, SPOT_PRICE)]
    start = max(floor, min((one for one in started if one), default=until))
    while start < until:
        end = start + WEEK
        with warehouse.transaction():
            kept = roll_up(warehouse, start, now, speaking)
            removed = remove_before(warehouse, end)
            done = Removed(SPOT_PRICE.name, start, end, removed, kept)
            _note(warehouse, now, done)
        yield done
        start = end


def _ticks(warehouse: Warehouse, now: datetime, terms: Terms, *, until: datetime) -> Removed:
    floor = now - terms.hourly
    with warehouse.transaction():
        kept = warehouse.rows(ROLL_UP_TICKS, {"end": until, "floor": floor})[0][0]
        removed = warehouse.rows(REMOVE_TICKS, {"end": until})[0][0]
        done = Removed(TICKS, None, until, removed, kept)
        if removed:
            _note(warehouse, now, done)
    return done


def _taken(
    warehouse: Warehouse, now: datetime, table: str, end: datetime, statement: str
) -> Removed:
    """Carry out ``statement`` on what is before ``end``."""
    given: dict[str, Any] = {"end": end}
    if "$ends" in statement:
        given["ends"] = list(ENDS)
    with warehouse.transaction():
        removed = warehouse.rows(statement, given)[0][0]
        done = Removed(table, None, end, removed, 0)
        if removed:
            _note(warehouse, now, done)
    return done


def _only(done: Removed) -> Iterator[Removed]:
    """What was done, if anything was."""
    if done.rows_removed:
        yield done


def _note(warehouse: Warehouse, now: datetime, done: Removed) -> None:
    given = {
        "table_name": done.table,
        "start": done.start,
        "end": done.end,
        "removed": done.rows_removed,
        "kept": done.rows_kept,
        "now": now,
    }
    warehouse.execute(NOTE, given)
