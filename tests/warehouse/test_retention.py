"""What is taken out after its term, what stays, and that answers by hours do not change."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.market import NOW, a_pool, a_price, a_signal
from tests.support.served import add
from tests.support.upkeep import in_another_process
from warehouse.errors import WarehouseError
from warehouse.price_history import PriceQuestion, price_steps
from warehouse.price_rollups import week_of
from warehouse.price_standing import Speaking
from warehouse.records import AvailabilityTick, ProbeKind, Semantics, SpotPrice
from warehouse.replacements import history
from warehouse.retention import Removed, Terms, facts_since, needed_since, retain
from warehouse.store import Warehouse
from warehouse.tables import SPOT_PRICE

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SPEAKING = Speaking({"half.hourly": HOUR / 2}, frozenset({"list"}))
TERMS = Terms(raw=45 * DAY)
UNTIL = week_of(NOW - TERMS.raw)
"""What is older is kept by hours."""

SOURCES = {
    "changes": Semantics.CHANGE_POINT,
    "half.hourly": Semantics.SAMPLE,
    "means": Semantics.INTERVAL,
    "list": Semantics.INTERVAL,
}
EVERYTHING = PriceQuestion(
    provider="aws",
    instance_type="g5.xlarge",
    start=UNTIL - 30 * DAY,
    end=UNTIL + 10 * DAY,
    limit=1_000_000,
)


@st.composite
def facts(draw: st.DrawFn) -> SpotPrice:
    """A price of one of two zones by a source of each kind, around the end of what is kept."""
    source = draw(st.sampled_from(sorted(SOURCES)))
    days = draw(st.sampled_from([-28, -20, -8, -7, -1, 0, 1]))
    at = UNTIL + days * DAY + draw(st.integers(-200, 200)) * MINUTE
    return a_price(
        draw(st.integers(1, 3)) / 4,
        a_pool(zone=draw(st.sampled_from(["a", "b"]))),
        at,
        semantics=SOURCES[source],
        source=source,
        observed_at=at + draw(st.sampled_from([0, 0, 7])) * MINUTE,
    )


def _once(told: Iterable[SpotPrice]) -> list[SpotPrice]:
    return list({(one.pool, one.source, one.effective_at): one for one in told}.values())


MANY = st.lists(facts(), max_size=12).map(_once)


def only(warehouse: Warehouse, told: Sequence[SpotPrice]) -> None:
    for table in ("spot_price", "last_seen", "spot_price_hour", "retention_run"):
        warehouse.execute(f"delete from {table}")  # noqa: S608 - names of our own
    add(warehouse, *told)


def kept(warehouse: Warehouse, now: datetime = NOW, terms: Terms = TERMS) -> list[Removed]:
    return list(retain(warehouse, now, terms, SPEAKING))


def steps(warehouse: Warehouse, step: timedelta) -> list[dict[str, Any]]:
    return price_steps(warehouse, NOW, EVERYTHING, step, SPEAKING).drop("resolution").to_dicts()


NUMBERS = ("mean_per_hour", "low_per_hour", "high_per_hour", "known_share")


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in NUMBERS}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in NUMBERS}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=MANY, step=st.sampled_from([HOUR, 6 * HOUR, 7 * DAY]), times=st.integers(1, 3))
def test_steps_of_hours_and_more_are_the_same_before_and_after(
    warehouse: Warehouse, told: list[SpotPrice], step: timedelta, times: int
) -> None:
    only(warehouse, told)
    before = steps(warehouse, step)

    for again in reversed(range(times)):
        kept(warehouse, NOW - again * 10 * DAY)

    after = steps(warehouse, step)
    assert len(after) == len(before)
    for row, old in zip(after, before, strict=True):
        assert _told(row) == _told(old)
        assert _numbers(row) == pytest.approx(_numbers(old))
    left = warehouse.rows(
        "select effective_at from spot_price where effective_at < $at", {"at": UNTIL}
    )
    assert len(left) <= len({(one.pool, one.source) for one in told})


def test_the_price_in_force_at_the_end_stays_and_older_ones_go(warehouse: Warehouse) -> None:
    told = [UNTIL - 3 * DAY, UNTIL - 2 * DAY, UNTIL - DAY, UNTIL + DAY]
    only(warehouse, [a_price(0.5, effective_at=at) for at in told])

    done = kept(warehouse)

    left = warehouse.rows("select effective_at from spot_price order by 1")
    assert left == [(UNTIL - DAY,), (UNTIL + DAY,)]
    assert sum(one.rows_removed for one in done) == 2
    assert facts_since(warehouse, SPOT_PRICE) == UNTIL


def test_a_second_run_finds_nothing_to_do(warehouse: Warehouse) -> None:
    add(warehouse, *(a_price(0.5, effective_at=UNTIL - day * DAY) for day in range(20)))
    add(warehouse, *(a_signal(observed_at=UNTIL - minute * MINUTE) for minute in range(1, 90)))

    assert kept(warehouse)
    before = warehouse.rows("from spot_price_hour order by all")

    assert kept(warehouse) == []
    assert warehouse.rows("from spot_price_hour order by all") == before


def test_hours_that_are_the_same_are_one_row(warehouse: Warehouse) -> None:
    at = UNTIL - 21 * DAY
    told = [(0.5, at), (0.5, at + DAY), (0.7, UNTIL)]
    only(warehouse, [a_price(usd, effective_at=when) for usd, when in told])

    kept(warehouse)

    rows = warehouse.rows("select hour_at, hours, mean_per_hour, known_share from spot_price_hour")
    assert rows == [(at, 21 * 24, 0.5, 1.0)]


def test_an_answer_says_that_it_rests_on_hours(warehouse: Warehouse) -> None:
    told = [UNTIL - HOUR, UNTIL - HOUR / 2, UNTIL + HOUR]
    prices = (1.0, 2.0, 3.0)
    only(warehouse, [a_price(usd, effective_at=at) for usd, at in zip(prices, told, strict=True)])
    kept(warehouse)
    asked = replace(EVERYTHING, start=UNTIL - HOUR, end=UNTIL + HOUR / 2, is_newest_first=False)

    found = price_steps(warehouse, NOW, asked, HOUR / 2, SPEAKING)

    assert found.select("mean_per_hour", "low_per_hour", "high_per_hour", "resolution").rows() == [
        (1.5, 1.0, 2.0, "hour"),
        (1.5, 1.0, 2.0, "hour"),
        (2.0, 2.0, 2.0, "fact"),
    ]


def test_old_facts_that_are_told_late_are_rolled_up_as_well(warehouse: Warehouse) -> None:
    only(warehouse, [a_price(0.5, effective_at=UNTIL - day * DAY) for day in range(9)])
    kept(warehouse)
    other = a_pool(zone="b")

    add(warehouse, *(a_price(0.9, other, UNTIL - day * DAY) for day in (30, 20, 10)))
    before = steps(warehouse, HOUR)
    kept(warehouse)

    assert steps(warehouse, HOUR) == before
    count = "select count(*) from spot_price where zone = 'b'"
    assert warehouse.rows(count) == [(1,)]


def test_hours_go_after_their_own_term_and_the_price_in_force_does_not(
    warehouse: Warehouse,
) -> None:
    told = [UNTIL - 800 * DAY, UNTIL - 790 * DAY, UNTIL - 10 * DAY, UNTIL - 5 * DAY]
    only(
        warehouse,
        [a_price(0.5, effective_at=at) for at in told]
        + [a_price(0.1, a_pool(zone="b"), UNTIL - 900 * DAY)],
    )

    kept(warehouse, terms=TERMS)

    oldest = warehouse.rows("select min(hour_at) from spot_price_hour")[0][0]
    assert oldest >= NOW - TERMS.hourly
    left = warehouse.rows("select zone, effective_at from spot_price order by 1")
    assert left == [("b", UNTIL - 900 * DAY), ("use1-az4", UNTIL - 5 * DAY)]


def test_of_signals_the_last_of_each_hour_and_the_newest_stay(warehouse: Warehouse) -> None:
    base = UNTIL - 2 * DAY
    told = [base, base + 10 * MINUTE, base + 70 * MINUTE]
    add(warehouse, *(a_signal(0.05 + n / 100, observed_at=at) for n, at in enumerate(told)))
    add(warehouse, a_signal(pool=a_pool("old", zone="*"), observed_at=NOW - 3000 * DAY))

    kept(warehouse)

    left = warehouse.rows("select observed_at from signal order by 1")
    assert left == [(NOW - 3000 * DAY,), (told[1],), (told[2],)]


def a_tick(number: int, at: datetime) -> AvailabilityTick:
    return AvailabilityTick(
        trace_id="one",
        tick=number,
        provider="aws",
        region="us-east-1",
        zone="use1-az4",
        instance_type="g5.xlarge",
        probe_kind=ProbeKind.LAUNCH_PROBE,
        target_capacity=4,
        available=number % 5,
        observed_at=at,
        observed_at_is_approximate=False,
        offset_seconds=number * 600.0,
        spot_usd_per_hour=None,
        source="probes",
    )


def test_probes_are_kept_by_hours(warehouse: Warehouse) -> None:
    start = UNTIL - DAY
    add(warehouse, *(a_tick(number, start + number * 10 * MINUTE) for number in range(12)))
    add(warehouse, a_tick(12, UNTIL + DAY))

    kept(warehouse)

    rows = warehouse.rows(
        "select hour_at, probes, mean_available, low_available, high_available "
        "from availability_hour order by 1"
    )
    assert rows == [(start, 6, 10 / 6, 0, 4), (start + HOUR, 6, 11 / 6, 0, 4)]
    assert warehouse.rows("select tick from availability_tick") == [(12,)]


KILLED = """
import os, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from warehouse import retention
from warehouse.price_standing import Speaking
from warehouse.store import Warehouse

noted = []
def note(*given):
    noted.append(given)
    if len(noted) == 3:
        os._exit(9)
    return first(*given)

first, retention._note = retention._note, note
with Warehouse.open(Path(sys.argv[1])) as warehouse:
    now = datetime.fromisoformat(sys.argv[2])
    list(retention.retain(
        warehouse, now, retention.Terms(raw=timedelta(days=45)), Speaking({})
    ))
"""
"""Ended by force in the third week, when its hours are written and its facts are gone."""


def test_a_kill_leaves_each_week_as_it_was_or_done(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    with Warehouse.open(path) as made:
        add(made, *(a_price(0.1 + d / 100, effective_at=UNTIL - d * DAY / 2) for d in range(80)))
        before = steps(made, HOUR)

    assert in_another_process(KILLED, path, NOW.isoformat()).returncode == 9

    with Warehouse.open(path) as left:
        assert left.rows("select count(*) from retention_run") == [(2,)]
        assert _rounded(steps(left, HOUR)) == _rounded(before)
        kept(left)
        assert facts_since(left, SPOT_PRICE) == UNTIL
        assert _rounded(steps(left, HOUR)) == _rounded(before)


def _rounded(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["step_at"], *(round(row[name] or 0, 9) for name in NUMBERS)) for row in rows]


def test_the_price_of_a_hand_over_of_old_times_is_that_of_its_hour(warehouse: Warehouse) -> None:
    at = UNTIL - 6 * DAY
    told = [(0.5, at), (0.7, at + DAY), (0.9, at + 2 * DAY)]
    only(warehouse, [a_price(usd, effective_at=when) for usd, when in told])
    for number, state in enumerate(("retiring", "done")):
        when = at + DAY + (5 + number) * HOUR
        warehouse.execute(HAND_OVER, {"id": "one", "at": when, "state": state, "number": number})

    kept(warehouse)

    found = history(warehouse, NOW, at)
    assert [row["price_per_hour"] for row in found.to_dicts()] == [0.7]


HAND_OVER = """
    insert into replacement by name
    select
        $id as replacement_id, $at as changed_at, $state as state, 'n' as node,
        'aws' as provider, 'us-east-1' as region, 'use1-az4' as zone,
        'g5.xlarge' as instance_type, 'retire' as mechanism, 'why' as reason, $number as sequence
"""


def test_what_an_open_hand_over_needs_stays_with_it(warehouse: Warehouse) -> None:
    planned = NOW - 3000 * DAY
    for name, state in (("open", "retiring"), ("over", "done")):
        warehouse.execute(HAND_OVER, {"id": name, "at": planned, "state": state, "number": 1})
    add(warehouse, *(a_price(0.5, effective_at=planned + day * DAY) for day in range(9)))

    kept(warehouse)

    assert needed_since(warehouse, NOW) == planned - DAY
    assert warehouse.rows("select replacement_id from replacement") == [("open",)]
    assert warehouse.rows("select count(*) from spot_price") == [(9,)]


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"raw": 20 * DAY}, "forecasts read so far back"),
        ({"hourly": 60 * DAY}, "no shorter than facts"),
        ({"decisions": DAY}, "decisions must be kept"),
    ],
)
def test_terms_that_take_away_what_is_read_are_refused(
    terms: dict[str, timedelta], said: str
) -> None:
    with pytest.raises(WarehouseError, match=said):
        Terms(**terms)
