"""What the simulated providers publish follows from what happened, and is silent on new types."""

from datetime import timedelta

import polars as pl

from advisor.published_risk import published_hazards
from advisor.simulation import Market
from advisor.simulation.signals import ADVISOR_BAND, ADVISOR_SAVING, ALIBABA_RATE, PUBLISHED_EVERY
from warehouse.records import Pool, Signal

BANDS = {0.0: 0.05, 0.05: 0.10, 0.10: 0.15, 0.15: 0.20, 0.20: None}


def newest(market: Market, definition: str) -> list[dict[str, object]]:
    """The rows of the newest edition of one definition."""
    return (
        market.facts["signal"]
        .filter(pl.col("definition") == definition, pl.col("observed_at") == market.now)
        .rows(named=True)
    )


def share_interrupted(market: Market, **place: object) -> float:
    """The plain count: machines interrupted over machines held, in the trailing month."""
    machines = market.facts["exposure"].filter(**place)
    return machines.filter(pl.col("ended_by") == "interrupted").height / machines.height


def test_the_band_of_aws_holds_the_share_of_the_machines_interrupted(market: Market) -> None:
    rows = newest(market, ADVISOR_BAND)

    assert len({row["value_low"] for row in rows}) == 5
    for row in rows:
        assert row["zone"] == "*"
        share = share_interrupted(
            market, region=row["region"], instance_type=row["instance_type"], provider="aws"
        )
        low = row["value_low"]
        assert isinstance(low, float)
        high = BANDS[low]
        assert row["value_high"] == high
        assert low <= share
        assert high is None or share < high


def test_the_rate_of_alibaba_is_the_share_per_zone(market: Market) -> None:
    rows = newest(market, ALIBABA_RATE)

    assert rows
    for row in rows:
        share = share_interrupted(market, zone=row["zone"], instance_type=row["instance_type"])
        assert row["value_low"] == row["value_high"] == round(share, 4)


def test_an_edition_knows_nothing_of_what_came_after_it(market: Market) -> None:
    at = market.now - 2 * PUBLISHED_EVERY
    machines = market.facts["exposure"].filter(
        pl.col("launched_at") < at, pl.col("provider") == "alibaba"
    )
    by_then = (pl.col("ended_by") == "interrupted") & (pl.col("ended_at") <= at)

    expected = machines.group_by("zone", "instance_type").agg(by_then.mean().round(4))
    edition = market.facts["signal"].filter(
        pl.col("definition") == ALIBABA_RATE, pl.col("observed_at") == at
    )
    told = set(edition.select("zone", "instance_type", "value_low").rows())
    assert told
    assert told <= set(expected.rows())


def test_the_saving_of_aws_is_a_whole_percent_of_the_list_price(market: Market) -> None:
    rows = newest(market, ADVISOR_SAVING)

    assert len(rows) == len(newest(market, ADVISOR_BAND))
    for row in rows:
        saving = row["value_low"]
        assert isinstance(saving, float)
        assert saving == row["value_high"] == round(saving, 2)
        assert 0 <= saving <= 0.9


def test_editions_are_a_week_apart(market: Market) -> None:
    editions = sorted(set(market.facts["signal"]["observed_at"]), reverse=True)

    assert editions == [market.now - week * timedelta(days=7) for week in range(4)]


def test_a_new_type_has_no_published_risk_and_no_other_lacks_it(market: Market) -> None:
    signals = [
        Signal(
            Pool(row["provider"], row["region"], row["zone"], row["instance_type"]),
            row["observed_at"],
            row["definition"],
            row["value_low"],
            row["value_high"],
            row["source"],
        )
        for row in market.facts["signal"].iter_rows(named=True)
    ]

    known = published_hazards(market.pools, signals)

    published = dict(zip(market.pools, market.truth["is_published"], strict=True))
    assert not all(published.values())
    assert set(known) == {pool for pool, is_published in published.items() if is_published}
