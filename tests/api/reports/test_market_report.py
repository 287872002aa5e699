"""What a report says is what the warehouse holds, counted again in SQL or by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.advising import advice_of, pool_advised, standings
from api.reports.market.asked import span_of
from api.reports.market.document import Cell, Period, ReportDocument, names_in
from api.reports.market.feeds import late_after
from tests.support.market import a_pool, a_price, a_shape
from tests.support.reporting import (
    DAY,
    END,
    FALLS,
    FEED,
    G4,
    G5,
    HOUR,
    RISES,
    START,
    keep,
    report_of,
)
from warehouse.advice import store_advice
from warehouse.prices import market_frame
from warehouse.store import Warehouse

SECTIONS = [
    "movers", "savings", "risk", "outcomes", "interruptions", "replacements", "hindsight", "feeds",
]  # fmt: skip


def records(report: ReportDocument, name: str) -> list[dict[str, Cell]]:
    table = report.table(name)
    assert table is not None, name
    return table.records()


def only(report: ReportDocument, name: str, **wanted: Cell) -> dict[str, Any]:
    found = [row for row in records(report, name) if wanted.items() <= row.items()]
    assert len(found) == 1, found
    return dict(found[0])


def told(report: ReportDocument, section: str) -> str:
    found = next(one for one in report.sections if one.name == section)
    return " ".join((*found.sentences, *found.missing))


def test_a_report_ends_at_the_midnight_before_it_is_made() -> None:
    at = datetime.fromisoformat("2026-11-23T03:30:00+05:00")

    span = span_of(Period.DAILY, at)

    assert (span.start, span.end) == (datetime(2026, 11, 21, tzinfo=UTC), END - DAY)


def test_every_section_of_a_full_week_has_data(weekly: ReportDocument) -> None:
    assert [one.name for one in weekly.sections] == SECTIONS
    assert [one.name for one in weekly.sections if one.missing] == []
    assert len(weekly.headlines) == len(SECTIONS)


def test_a_mover_has_both_prices_and_since_when(weekly: ReportDocument) -> None:
    rise = only(weekly, "rises")
    fall = only(weekly, "falls")

    assert rise["instance_type"] == G5.instance_type
    assert (rise["before_usd_per_hour"], rise["after_usd_per_hour"]) == RISES
    assert rise["change_share"] == pytest.approx(0.25)
    assert rise["since"] == "2026-11-18T00:00:00Z"
    assert (fall["before_usd_per_hour"], fall["after_usd_per_hour"]) == FALLS
    assert fall["since"] == "2026-11-18T01:00:00Z"


def test_new_and_gone_pools_are_told(weekly: ReportDocument) -> None:
    assert only(weekly, "new_pools")["instance_type"] == "g6.xlarge"
    assert only(weekly, "gone_pools")["instance_type"] == "p3.2xlarge"


def test_a_saving_is_one_less_spot_over_on_demand(weekly: ReportDocument) -> None:
    row = only(weekly, "savings_best", instance_type="g4dn.xlarge")

    assert row["saving_share"] == pytest.approx(1 - FALLS[1] / 0.526)
    assert row["band"] == "5-10%"
    assert row["on_demand_source"] == "list"


def test_a_saving_without_a_list_price_is_unknown_and_said_to_be(weekly: ReportDocument) -> None:
    assert only(weekly, "savings_best", instance_type="g6.xlarge")["saving_share"] is None
    assert "The saving of 1 pool (aws) is unknown" in told(weekly, "savings")


def test_pools_stand_by_their_risk_within_a_day(weekly: ReportDocument) -> None:
    rows = records(weekly, "riskiest")

    assert [row["instance_type"] for row in rows] == [G5.instance_type, G4.instance_type]
    assert rows[0]["probability_24h"] == 0.2
    assert (rows[0]["low_24h"], rows[0]["high_24h"]) == (0.1, 0.4)
    assert rows[0]["age_hours"] == 3


def test_what_was_said_is_set_beside_what_happened(weekly: ReportDocument, week: Warehouse) -> None:
    (expected,) = week.rows(
        """
        select count(*), avg(is_lost), avg(0.2), avg(power(0.2 - is_lost, 2))
        from (
            select
                cast(exists (
                    from availability_tick
                    where available = 0
                        and observed_at > issued_at
                        and observed_at <= issued_at + interval 1 hour
                ) as integer) as is_lost
            from (select distinct issued_at from risk_forecast)
            where issued_at + interval 1 hour <= (select max(observed_at) from availability_tick)
                and hour(issued_at) <> 5
        )
        """
    )

    row = only(weekly, "scores", horizon="1 h", evidence_kind="launch_probe")

    figures = row["rows"], row["base_rate"], row["mean_probability"], row["brier"]
    assert figures == pytest.approx(expected)


def test_calibration_bins_hold_every_forecast_once(weekly: ReportDocument) -> None:
    scored = sum(int(str(row["rows"])) for row in records(weekly, "scores"))

    assert sum(int(str(row["rows"])) for row in records(weekly, "calibration")) == scored


def test_a_rate_is_losses_over_the_node_hours_of_the_period(weekly: ReportDocument) -> None:
    row = only(weekly, "rates")

    assert (row["machines"], row["node_hours"], row["interruptions"]) == (2, 90.0, 1)
    assert row["rate_per_hour"] == pytest.approx(1 / 90)
    assert row["rate_low_per_hour"] < 1 / 90 < row["rate_high_per_hour"]
    assert row["interruptions_without_exposure"] == 1
    assert (row["source"], row["age_hours"]) == ("fleet", 108)


def test_a_hand_over_costs_at_most_the_hours_of_two_machines(weekly: ReportDocument) -> None:
    row = only(weekly, "hand_overs")

    assert row["overlap_hours"] == 1
    assert row["overlap_usd"] == pytest.approx(RISES[1])
    assert row["old_machine"] == "was announced or taken"


def test_a_feed_is_stale_from_twice_its_cadence_after_its_last_good_run(
    weekly: ReportDocument,
) -> None:
    span = only(weekly, "stale")
    late = late_after()[FEED]

    assert span["last_good_at"] == "2026-11-19T00:00:00Z"
    assert span["hours"] == pytest.approx(24 - late / HOUR)
    assert only(weekly, "feeds")["stale_share"] == pytest.approx((DAY - late) / (7 * DAY))
    assert only(weekly, "feeds")["error"] == "status 503"


def test_regret_is_the_mean_price_of_the_day_above_that_of_the_cheapest() -> None:
    first, other = a_pool(), a_pool(zone="use1-az6")
    noon = END - DAY / 2
    with Warehouse.in_memory() as store:
        keep(
            store,
            a_shape(),
            a_price(0.4, first, END - 3 * DAY),
            a_price(0.8, first, noon),
            a_price(0.5, other, END - 3 * DAY),
            # The source speaks, so that what it does not repeat still stands.
            a_price(0.01, a_pool("m7i.large"), noon),
        )
        report = report_of(store, Period.DAILY)

    row = only(report, "hindsight")

    assert (row["chosen"], row["best"]) == ("g5.xlarge in use1-az4", "g5.xlarge in use1-az6")
    assert row["chosen_usd_per_hour"] == pytest.approx((0.4 + 0.8) / 2)
    assert row["regret_usd_per_hour"] == pytest.approx(0.1)
    assert row["with_losses_usd_per_hour"] is None
    assert only(report, "hindsight_gpus")["right_days"] == 0


def test_advice_that_was_stored_is_judged_and_not_what_would_be_advised_by_now() -> None:
    cheap, dear, before = a_pool(), a_pool(zone="use1-az6"), END - 2 * DAY
    with Warehouse.in_memory() as store:
        keep(store, a_shape(), a_price(0.4, cheap, before), a_price(0.5, dear, before))
        market = market_frame(store, END - DAY).with_columns(usd_per_hour="price_per_hour")
        (standing,) = standings(store, market, {"USD": 1.0}, END - DAY)
        given = advice_of(standing, END - DAY + HOUR)
        assert pool_advised(given.answer) == cheap
        # Since then a price came to be known by which the other would have been first.
        keep(store, a_price(0.3, dear, before + HOUR, observed_at=END))
        again = only(report_of(store, Period.DAILY), "hindsight")
        assert store_advice(store, [given, given]) == 1
        judged = only(report_of(store, Period.DAILY), "hindsight")

    assert judged["chosen"] == "g5.xlarge in use1-az4"
    assert (again["chosen_is_stored"], judged["chosen_is_stored"]) == (False, True)
    assert judged["regret_usd_per_hour"] == pytest.approx(0.4 - 0.3, abs=0.01)
    assert (given.model_version, given.data_as_of) == ("unknown", before)


def test_a_gone_pool_saves_nothing(weekly: ReportDocument) -> None:
    assert "p3.2xlarge" not in {row["instance_type"] for row in records(weekly, "savings")}


def test_regret_with_losses_needs_both_pools_watched(weekly: ReportDocument) -> None:
    rows = [row for row in records(weekly, "hindsight") if row["gpu"] == "1 x A10G 24 GB"]
    known = [row for row in rows if row["with_losses_usd_per_hour"] is not None]

    assert len(rows) == 7
    # In the first two days the watched pool was both the first and the cheapest.
    assert sorted(str(row["day"])[:10] for row in known) == ["2026-11-16", "2026-11-17"]
    assert {row["with_losses_usd_per_hour"] for row in known} == {0.0}


def test_every_source_that_a_row_names_is_in_the_list(weekly: ReportDocument) -> None:
    named = {
        (column.fact, name)
        for section in weekly.sections
        for table in section.tables
        for place, column in enumerate(table.columns)
        if column.fact
        for row in table.rows
        for name in names_in(row[place])
    }
    listed = {(one.fact, one.name) for one in weekly.sources}

    assert named
    assert named == listed


def test_the_same_warehouse_and_days_give_the_same_document(
    weekly: ReportDocument, week: Warehouse
) -> None:
    assert report_of(week, at=END + 5 * HOUR) == weekly


def test_an_empty_warehouse_gives_a_report_of_what_is_missing() -> None:
    with Warehouse.in_memory() as store:
        report = report_of(store)

    assert [one.name for one in report.sections] == SECTIONS
    assert all(one.missing and not one.tables for one in report.sections)
    assert report.sources == ()
    assert report.headlines[0].startswith("Without data: Market movers;")


def test_a_price_that_nobody_repeated_for_a_month_is_in_no_section(week: Warehouse) -> None:
    report = report_of(week, at=END + timedelta(days=60))

    assert report.table("savings") is None
    assert "No spot price was in force" in told(report, "movers")


def test_a_daily_report_is_of_one_day(week: Warehouse) -> None:
    report = report_of(week, Period.DAILY, START + 3 * DAY)

    assert report.end - report.start == DAY
    assert records(report, "rises") == []
    assert only(report, "falls")["since"] == "2026-11-18T01:00:00Z"
