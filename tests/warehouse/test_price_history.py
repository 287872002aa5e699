"""Prices over time: facts in pages, and what they say of each step of time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.market import NOW, a_pool, a_price
from tests.support.served import add
from warehouse.price_history import (
    FACT_KEY,
    STEP_KEY,
    PriceQuestion,
    price_facts,
    price_steps,
)
from warehouse.price_standing import INTERVAL_SPEAKS, SAMPLE_SPEAKS, Speaking
from warehouse.prices import CARRIED
from warehouse.records import Semantics, SpotPrice
from warehouse.store import Warehouse

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = NOW + DAY
A_QUESTION = PriceQuestion(provider="aws", instance_type="g5.xlarge", limit=10_000)
SPEAKING = Speaking({"half.hourly": HOUR / 2}, frozenset({"list"}))

CHANGES, SAMPLES, INTERVALS = Semantics.CHANGE_POINT, Semantics.SAMPLE, Semantics.INTERVAL


@dataclass(frozen=True)
class Stood:
    """One fact and the time of which it speaks."""

    fact: SpotPrice
    since: datetime
    until: datetime


def stood(facts: Sequence[SpotPrice], now: datetime) -> list[Stood]:
    """The rules of the module's first paragraph, one fact at a time."""
    told = sorted(
        (one for one in facts if one.effective_at <= now), key=lambda one: one.effective_at
    )
    found = []
    for one in told:
        seen = [max(two.effective_at, two.observed_at) for two in facts if _is_kin(one, two)]
        spoken = [
            max(two.effective_at, two.observed_at)
            for two in facts
            if (two.source, two.pool.region) == (one.source, one.pool.region)
        ]
        later = [
            two.effective_at
            for two in told
            if _is_kin(one, two) and two.effective_at > one.effective_at
        ]
        known_at = max(one.effective_at, min(max(seen), now))
        span = SPEAKING.by_source.get(
            one.source, SAMPLE_SPEAKS if one.semantics is SAMPLES else INTERVAL_SPEAKS
        )
        if one.semantics is CHANGES or one.source in SPEAKING.listed:
            until = later[0] if later else min(max(spoken), known_at + CARRIED)
        else:
            until = one.effective_at + span
        found.append(Stood(one, one.effective_at, min([until, now, *later])))
    return found


def _is_kin(one: SpotPrice, two: SpotPrice) -> bool:
    return (one.pool, one.source) == (two.pool, two.source)


def plain_steps(
    facts: Sequence[SpotPrice], now: datetime, question: PriceQuestion, step: timedelta
) -> list[dict[str, Any]]:
    """The answer of `price_steps` by one loop over steps, series and facts."""
    assert question.start
    assert question.end
    origin = datetime.fromisoformat("1970-01-01T00:00Z")
    first = origin + (question.start - origin) // step * step
    last = origin + -((origin - question.end) // step) * step
    kept = [one for one in stood(facts, now) if one.until > max(one.since, first)]
    kept = [one for one in kept if one.since < last]
    rows = []
    moment = first
    while moment < last:
        for series in {_series(one.fact) for one in kept}:
            parts = [
                (one.fact.price_per_hour, min(one.until, moment + step) - max(one.since, moment))
                for one in kept
                if _series(one.fact) == series
            ]
            rows.append(_step(moment, series, [one for one in parts if one[1] > 0 * step], step))
        moment += step
    return sorted(rows, key=_key)


def _series(fact: SpotPrice) -> tuple[str, ...]:
    pool = fact.pool
    return (pool.region, pool.zone, fact.source, fact.semantics.value, fact.currency)


def _step(
    at: datetime, series: tuple[str, ...], parts: list[tuple[float, timedelta]], step: timedelta
) -> dict[str, Any]:
    known = sum((span for _, span in parts), timedelta())
    mean = sum(price * (span / known) for price, span in parts) if parts else None
    return {
        **dict(zip(STEP_KEY, (at, *series), strict=True)),
        "mean_per_hour": mean,
        "low_per_hour": min((price for price, _ in parts), default=None),
        "high_per_hour": max((price for price, _ in parts), default=None),
        "known_share": known / step,
    }


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in STEP_KEY)


SOURCES = {
    "changes": CHANGES,
    "half.hourly": SAMPLES,
    "unknown.samples": SAMPLES,
    "means": INTERVALS,
    "list": INTERVALS,
}
MINUTES = st.integers(-3 * 24 * 60, 12 * 60)
LONG_AGO = st.sampled_from([0, 0, 0, 100, 500]).map(lambda days: days * 24 * 60)


@st.composite
def facts(draw: st.DrawFn) -> list[SpotPrice]:
    """A few facts of two zones by sources of each kind, some read late."""
    source = draw(st.sampled_from(list(SOURCES)))
    at = NOW + timedelta(minutes=draw(MINUTES) - draw(LONG_AGO))
    late = timedelta(minutes=draw(st.sampled_from([0, 0, 7, 600])))
    pool = a_pool(zone=draw(st.sampled_from(["a", "b"])))
    return [
        a_price(
            draw(st.integers(1, 9)) / 8,
            pool,
            at,
            currency=draw(st.sampled_from(["USD", "USD", "CNY"])),
            semantics=SOURCES[source],
            source=source,
            observed_at=at + late,
        )
    ]


def _once(told: Iterable[list[SpotPrice]]) -> list[SpotPrice]:
    return list(
        {
            (one.pool, one.source, one.effective_at): one for several in told for one in several
        }.values()
    )


def only(warehouse: Warehouse, told: Sequence[SpotPrice]) -> None:
    """Let the warehouse hold these facts and no others."""
    warehouse.execute("delete from spot_price")
    warehouse.execute("delete from last_seen")
    add(warehouse, *told)


SHARING = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""One database for all examples: each empties it first."""

MANY = st.lists(facts(), max_size=12).map(_once)


@SHARING
@given(
    told=MANY,
    start=MINUTES,
    length=st.integers(1, 3000),
    step=st.sampled_from([HOUR, 6 * HOUR, DAY]),
)
def test_the_steps_are_those_of_a_plain_loop(
    warehouse: Warehouse, told: list[SpotPrice], start: int, length: int, step: timedelta
) -> None:
    since = NOW + timedelta(minutes=start)
    asked = replace(
        A_QUESTION, start=since, end=since + timedelta(minutes=length), is_newest_first=False
    )
    only(warehouse, told)

    found = price_steps(warehouse, NOW, asked, step, SPEAKING).to_dicts()

    wanted = plain_steps(told, NOW, asked, step)
    assert [_key(row) for row in found] == [_key(row) for row in wanted]
    for row, plain in zip(found, wanted, strict=True):
        for name in ("mean_per_hour", "low_per_hour", "high_per_hour", "known_share"):
            assert row[name] == pytest.approx(plain[name]), name


@settings(SHARING, max_examples=20)
@given(told=MANY, limit=st.integers(2, 5), is_newest_first=st.booleans())
def test_pages_of_facts_and_of_steps_give_each_row_once_and_in_order(
    warehouse: Warehouse, told: list[SpotPrice], *, limit: int, is_newest_first: bool
) -> None:
    asked = replace(
        A_QUESTION, start=NOW - 2 * DAY, end=NOW + HOUR, is_newest_first=is_newest_first
    )
    only(warehouse, told)

    def steps(question: PriceQuestion, after: Sequence[Any] | None) -> list[dict[str, Any]]:
        found = price_steps(warehouse, NOW, question, DAY, SPEAKING, after=after)
        return found.to_dicts()

    def rows(question: PriceQuestion, after: Sequence[Any] | None) -> list[dict[str, Any]]:
        return price_facts(warehouse, NOW, question, after).to_dicts()

    for ask, key in ((rows, FACT_KEY), (steps, STEP_KEY)):
        whole, found = ask(asked, None), list[dict[str, Any]]()
        while page := ask(
            replace(asked, limit=limit), [found[-1][one] for one in key] if found else None
        ):
            assert len(page) <= limit
            found += page
        assert found == whole
        keys = [tuple(row[one] for one in key) for row in whole]
        assert keys == sorted(keys, reverse=is_newest_first)


def steps_of(warehouse: Warehouse, start: datetime, end: datetime, step: timedelta) -> list[Any]:
    asked = replace(A_QUESTION, start=start, end=end, is_newest_first=False)
    found = price_steps(warehouse, LATER, asked, step, SPEAKING)
    return found.select("mean_per_hour", "low_per_hour", "high_per_hour", "known_share").rows()


def test_nothing_is_known_before_the_first_fact(warehouse: Warehouse) -> None:
    add(warehouse, a_price(0.5, effective_at=NOW + HOUR / 2, observed_at=LATER))

    assert steps_of(warehouse, NOW - HOUR, NOW + 2 * HOUR, HOUR) == [
        (None, None, None, 0.0),
        (0.5, 0.5, 0.5, 0.5),
        (0.5, 0.5, 0.5, 1.0),
    ]


def test_a_mean_is_weighted_by_the_time_that_each_price_stood(warehouse: Warehouse) -> None:
    add(
        warehouse,
        a_price(1.0, effective_at=NOW),
        a_price(2.0, effective_at=NOW + HOUR / 4, observed_at=LATER),
    )

    assert steps_of(warehouse, NOW, NOW + HOUR, HOUR) == [(1.75, 1.0, 2.0, 1.0)]


def test_a_sample_speaks_for_its_documented_time_and_not_until_the_next(
    warehouse: Warehouse,
) -> None:
    add(
        warehouse,
        a_price(1.0, effective_at=NOW, semantics=SAMPLES, source="half.hourly"),
        a_price(3.0, effective_at=NOW + 2 * HOUR, semantics=SAMPLES, source="half.hourly"),
    )

    assert steps_of(warehouse, NOW, NOW + 3 * HOUR, HOUR) == [
        (1.0, 1.0, 1.0, 0.5),
        (None, None, None, 0.0),
        (3.0, 3.0, 3.0, 0.5),
    ]


def test_the_newest_change_stands_until_its_source_last_spoke_of_the_region(
    warehouse: Warehouse,
) -> None:
    add(
        warehouse,
        a_price(1.0, effective_at=NOW),
        a_price(9.0, a_pool("p3.2xlarge"), effective_at=NOW + HOUR),
        a_price(9.0, a_pool(region="us-west-2"), effective_at=NOW + 9 * HOUR),
    )

    asked = replace(
        A_QUESTION, regions=["us-east-1"], start=NOW, end=NOW + 2 * HOUR, is_newest_first=False
    )
    found = price_steps(warehouse, LATER, asked, HOUR, SPEAKING)

    assert found["known_share"].to_list() == [1.0, 0.0]


def test_a_change_is_not_carried_beyond_its_time(warehouse: Warehouse) -> None:
    at = NOW - CARRIED - DAY
    add(
        warehouse,
        a_price(1.0, effective_at=at),
        a_price(9.0, a_pool("p3.2xlarge"), effective_at=NOW),
    )

    found = steps_of(warehouse, NOW - 2 * DAY, NOW, DAY)

    assert [row[3] for row in found] == [1.0, 0.375, 0.0]


def test_two_currencies_are_two_series(warehouse: Warehouse) -> None:
    add(
        warehouse,
        a_price(1.0, effective_at=NOW),
        a_price(7.0, effective_at=NOW + HOUR / 2, currency="CNY", observed_at=LATER),
    )
    asked = replace(A_QUESTION, start=NOW, end=NOW + HOUR)

    found = price_steps(warehouse, LATER, asked, HOUR, SPEAKING)

    assert found.select("currency", "mean_per_hour", "known_share").rows() == [
        ("USD", 1.0, 0.5),
        ("CNY", 7.0, 0.5),
    ]


def test_facts_of_long_ago_are_found_behind_the_recent_ones(warehouse: Warehouse) -> None:
    old, new = NOW - 900 * DAY, NOW - DAY
    add(warehouse, a_price(1.0, effective_at=old), a_price(2.0, effective_at=new))
    asked = replace(A_QUESTION, limit=2)

    assert price_facts(warehouse, NOW, asked)["effective_at"].to_list() == [new, old]
    assert price_facts(warehouse, NOW, replace(asked, limit=1))["effective_at"].to_list() == [new]


def test_a_price_that_is_to_come_is_no_fact_yet(warehouse: Warehouse) -> None:
    add(warehouse, a_price(1.0, effective_at=NOW + HOUR))

    assert price_facts(warehouse, NOW, A_QUESTION).is_empty()
