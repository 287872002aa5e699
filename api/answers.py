"""Answers to "which offerings?": what the warehouse knows, ranked, with what must be said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from advisor import DEFINITIONS, Demand, Hazard, Policy, Ranked, Ranking, Universe, rank_in
from advisor.forecast_risk import Converted, best_of, forecast_hazards
from advisor.offerings import on_demand
from advisor.published_risk import hazards_told
from advisor.relax import why_nothing
from api.errors import NoAnswerError
from api.options import Filters
from api.settings import Settings
from api.units import age_text
from api.wiring import utc_now
from warehouse.forecasts import newest_forecasts
from warehouse.prices import market
from warehouse.records import Offering, Pool
from warehouse.signals import newest_signal_frame, signals_in
from warehouse.store import Warehouse

FORECAST, PUBLISHED, NO_RISK = "forecast", "published", "none"
"""Where the risk of an answer comes from: the stored forecast, for at least one of the offerings;
else the clouds' own published bands, not a forecast; or nothing is known for any of them."""

BASIS_NOTES = {
    FORECAST: (
        "Risk is Spotcast's own forecast where there is one (`spotcast risk` tells what it is "
        "worth), else what the clouds publish."
    ),
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
        is_forecast = self.ranking.ranked.is_forecast
        if is_forecast.any():
            return FORECAST
        return PUBLISHED if is_forecast.size else NO_RISK

    @property
    def data_as_of(self) -> datetime | None:
        """When the oldest price in the answer was last known to be true."""
        ranked = self.ranking.ranked
        return ranked[int(ranked.told_at.argmin())].offering.price_observed_at if ranked else None


@dataclass(frozen=True, slots=True)
class Known:
    """What the warehouse knows of the offerings of one policy, at one moment."""

    universe: Universe
    hazards: Mapping[Pool, Sequence[Hazard]]
    now: datetime
    shapeless: int


class Risks:
    """Forecasts and published rates as hazards; converted anew only when others are stored."""

    def __init__(self) -> None:
        self.issued = Converted(forecast_hazards)
        self.published = Converted(lambda frame: hazards_told(signals_in(frame)))


def ask(
    settings: Settings, filters: Filters, demand: Demand, *, with_on_demand: bool = False
) -> Answer:
    """Rank what the warehouse knows.

    ``with_on_demand`` also ranks the same machines on demand, where their list price is known.

    Raises:
        NoAnswerError: nothing is left; says what excludes everything, and what would relax it.
        WarehouseError: the database cannot be read.
    """
    known = known_market(settings, filters, with_on_demand=with_on_demand)
    return answer_of(settings, known, demand, filters.policy)


def answer_of(settings: Settings, known: Known, demand: Demand, policy: Policy) -> Answer:
    """Rank a market that was read.

    Raises:
        NoAnswerError: as `ask`.
    """
    ranking = rank_in(known.universe, demand, policy)
    notes = []
    if known.shapeless:
        notes.append(
            f"{known.shapeless} pools have a price but no known machine shape and were left "
            f"out: `spotcast import instance-types` or `spotcast collect` adds shapes."
        )
    if not ranking.ranked:
        raise NoAnswerError(" ".join([_why_nothing(known.universe, demand, policy), *notes]))
    if any(one.currency == "CNY" for one in ranking.ranked.offerings):
        notes.append(f"Prices in CNY are converted at {settings.usd_per_cny:g} USD (settings).")
    return Answer(ranking, known.now, settings.price_max_age, notes)


def known_market(settings: Settings, filters: Filters, *, with_on_demand: bool = False) -> Known:
    """Every offering of the clouds and regions asked for, with the best that is known of its risk.

    Raises:
        WarehouseError: the database cannot be read.
    """
    policy = filters.policy
    provider = policy.providers[0] if len(policy.providers) == 1 else None
    regions = list(policy.regions) or None
    with Warehouse.open(filters.warehouse or settings.warehouse, read_only=True) as warehouse:
        return known_in(
            warehouse,
            settings,
            utc_now(),
            provider=provider,
            regions=regions,
            with_on_demand=with_on_demand,
        )


def known_in(
    warehouse: Warehouse,
    settings: Settings,
    now: datetime,
    *,
    provider: str | None,
    regions: Sequence[str] | None,
    with_on_demand: bool = False,
    risks: Risks | None = None,
) -> Known:
    """The same, of a warehouse that is open; None is every cloud or region.

    Whoever asks again and again gives the same ``risks`` each time.
    """
    risks = risks or Risks()
    where: dict[str, Any] = {"provider": provider, "regions": regions}
    found = market(warehouse, now, usd_per_unit=settings.usd_per_unit, **where)
    signals = newest_signal_frame(warehouse, now, list(DEFINITIONS), **where)
    forecasts = newest_forecasts(warehouse, now, **where)
    pools = [one.pool for one in found.offerings]
    offerings: list[Offering] = list(found.offerings)
    if with_on_demand:
        offerings += _listed(found.offerings)
    hazards = best_of(pools, risks.issued.of(forecasts), risks.published.of(signals), now)
    return Known(Universe(offerings, hazards), hazards, now, len(found.shapeless))


def stale_note(shown: Sequence[Ranked], answer: Answer) -> str:
    """How old the data of these is, in a sentence that begins with STALE."""
    price = answer.now - max(one.offering.price_observed_at for one in shown)
    text = f"STALE: the newest price shown is {age_text(price)} old"
    risks = [one.hazard.observed_at for one in shown if one.hazard]
    if risks:
        text += f", the newest risk {age_text(answer.now - max(risks))}"
    return f"{text}. `spotcast collect` reads the market anew."


def with_list_prices(known: Known, policy: Policy) -> Known:
    """What is known of the places of the policy, and the same machines on demand, if listed."""
    providers, regions = set(policy.providers), set(policy.regions)
    near = [
        one
        for one in known.universe.offerings
        if (not providers or one.pool.provider in providers)
        and (not regions or one.pool.region in regions)
    ]
    return replace(known, universe=Universe([*near, *_listed(near)], known.hazards))


def _listed(offerings: Sequence[Offering]) -> list[Offering]:
    return [twin for one in offerings if (twin := on_demand(one))]


def _why_nothing(universe: Universe, demand: Demand, policy: Policy) -> str:
    if len(universe):
        return why_nothing(universe, demand, policy)
    places = [("of", policy.providers), ("in", policy.regions)]
    where = "".join(f" {word} {', '.join(names)}" for word, names in places if names)
    return f"The warehouse has no spot prices{where}."
