"""Answers to "which offerings?": what the warehouse knows, ranked, with what must be said of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from advisor import DEFINITIONS, Demand, Ranked, Ranking, published_hazards, rank
from api.errors import NoAnswerError
from api.options import Filters
from api.settings import Settings
from api.wiring import utc_now
from warehouse.prices import market
from warehouse.records import Offering
from warehouse.signals import newest_signals
from warehouse.store import Warehouse

PUBLISHED, NO_RISK = "published", "none"
"""Where the risk comes from: the clouds' own published bands, not a forecast; or nothing is
published for any of the offerings."""

BASIS_NOTES = {
    PUBLISHED: (
        "Risk is what the clouds publish (a share of machines over the past month, mostly per "
        "region), not a forecast."
    ),
    NO_RISK: "No risk is published for any of these offerings: the order is by price alone.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A ranking with what must be said about it."""

    ranking: Ranking
    now: datetime
    max_age: timedelta
    notes: list[str]

    def is_stale(self, ranked: Ranked) -> bool:
        """Whether the price or the risk behind a row is too old to stand for now."""
        too_old = self.now - ranked.offering.price_observed_at > self.max_age
        return too_old or (ranked.hazard is not None and ranked.hazard.is_stale(self.now))

    @property
    def risk_basis(self) -> str:
        """What stands behind the risk of the offerings."""
        return PUBLISHED if any(one.hazard for one in self.ranking.ranked) else NO_RISK

    @property
    def data_as_of(self) -> datetime | None:
        """When the oldest price in the answer was last known to be true."""
        times = [ranked.offering.price_observed_at for ranked in self.ranking.ranked]
        return min(times, default=None)


def ask(settings: Settings, filters: Filters, demand: Demand) -> Answer:
    """Rank what the warehouse knows.

    Raises:
        NoAnswerError: nothing is left; says which wish left out how many.
        WarehouseError: the database cannot be read.
    """
    now = utc_now()
    with Warehouse.open(filters.warehouse or settings.warehouse, read_only=True) as warehouse:
        where: dict[str, Any] = {"provider": filters.provider, "regions": filters.regions}
        found = market(warehouse, now, usd_per_unit=settings.usd_per_unit, **where)
        signals = newest_signals(warehouse, now, list(DEFINITIONS), **where)
    hazards = published_hazards((one.pool for one in found.offerings), signals)
    ranking = rank(found.offerings, hazards, demand, filters.policy)
    notes = []
    if found.shapeless:
        notes.append(
            f"{len(found.shapeless)} pools have a price but no known machine shape and were left "
            f"out: `spotcast import instance-types` or `spotcast collect` adds shapes."
        )
    if not ranking.ranked:
        raise NoAnswerError(_why_nothing(found.offerings, filters, ranking, notes))
    if any(one.offering.currency == "CNY" for one in ranking.ranked):
        notes.append(f"Prices in CNY are converted at {settings.usd_per_cny:g} USD (settings).")
    return Answer(ranking, now, settings.price_max_age, notes)


def _why_nothing(
    offerings: Sequence[Offering], filters: Filters, ranking: Ranking, notes: list[str]
) -> str:
    where = " ".join(
        f"{word} {value}"
        for word, value in (
            ("of", filters.provider),
            ("in", ", ".join(filters.regions) if filters.regions else None),
        )
        if value
    )
    if not offerings:
        return " ".join([f"The warehouse has no spot prices {where}".rstrip() + ".", *notes])
    lost = "; ".join(f"{count} lack {wish}" for wish, count in ranking.left_out.items())
    return " ".join([f"None of the {len(offerings)} offerings {where} fits: {lost}.", *notes])
