"""Offerings as the pages show them: each number a fact with its source and age."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from api.dashboard.facts import Fact, Facts, Line
from api.dashboard.figures import Figures, level_of
from api.dashboard.language import Words
from api.dashboard.site import path_of
from api.service.offerings import OfferingOut, RankedOut


@dataclass(frozen=True, slots=True)
class OfferingRow:
    """A ranked offering, laid out."""

    offering: RankedOut
    link: str
    price: Fact | None
    saving: Fact | None
    band: Fact | None
    probability: Fact | None
    cost: Fact | None
    age: Fact | None
    why: str


class Rows:
    """Lays out offerings for one reader, told at ``now``."""

    def __init__(self, words: Words, now: datetime) -> None:
        self._words, self._figures, self._now = words, Figures(words), now
        self._facts = Facts(words, now)

    def of(self, one: RankedOut) -> OfferingRow:
        """All cells of an offering."""
        return OfferingRow(
            offering=one,
            link=link_of(one.provider, one.instance_type, one.region),
            price=self.price(one),
            saving=self._saving(one),
            band=self.band(one),
            probability=self.probability(one),
            cost=self._cost(one),
            age=self._facts.of(
                self._figures.span(one.price_age_hours * 3_600),
                source=one.price_source,
                at=one.price_observed_at,
                is_stale=one.is_stale,
            ),
            why=self._why(one),
        )

    def price(self, one: OfferingOut) -> Fact | None:
        """The spot price, in USD, with what the source said itself."""
        more = [(self._words("about.semantics"), self._words.of("semantics", one.price_semantics))]
        if one.currency != "USD":
            native = f"{one.price_per_hour:,.4f} {one.currency}"
            more.append((self._words("about.native"), native))
        return self._of_price(one, self._figures.usd(one.usd_per_hour), more)

    def band(self, one: OfferingOut) -> Fact | None:
        """The band of its risk, in the familiar words, with the window that it is of."""
        level = self._level(one)
        if level is None:
            return None
        text = one.interrupted_band or self._figures.band(one.probability or 0.0)
        return self._of_risk(one, f"{text} · {self._window(one)}", level)

    def probability(self, one: OfferingOut) -> Fact | None:
        """The forecast's probability with its interval; None where there is no forecast."""
        if one.probability is None or one.interrupted_band is not None:
            return None
        share = self._figures.share
        text = str(share(one.probability))
        if one.probability_low is not None and one.probability_high is not None:
            text += f" ({self._figures.shares(one.probability_low, one.probability_high)})"
        return self._of_risk(one, text, None)

    def _saving(self, one: OfferingOut) -> Fact | None:
        more = [
            (self._words("about.on_demand"), str(self._figures.usd(one.on_demand_usd_per_hour)))
        ]
        return self._of_price(one, self._figures.share(one.saving_share, 0), more)

    def _cost(self, one: RankedOut) -> Fact | None:
        usd = self._figures.usd
        high = one.cost_high_usd_per_hour
        more = [(self._words("about.cost"), self._words("about.cost_is"))]
        if one.cost_low_usd_per_hour is not None:
            top = usd(high) or self._words("unbounded")
            ends = self._figures.between(usd(one.cost_low_usd_per_hour), top)
            more.append((self._words("about.interval"), ends))
        if one.rank_best is not None and one.rank_best != one.rank_worst:
            more.append(
                (
                    self._words("about.places"),
                    self._figures.between(str(one.rank_best), str(one.rank_worst)),
                )
            )
        return self._of_price(one, usd(one.cost_usd_per_hour), more)

    def _of_price(self, one: OfferingOut, text: str | None, more: list[Line]) -> Fact | None:
        return self._facts.of(
            text,
            source=one.price_source,
            at=one.price_observed_at,
            is_stale=one.is_stale,
            more=more,
        )

    def _of_risk(self, one: OfferingOut, text: str, level: int | None) -> Fact | None:
        more = [
            (self._words("about.definition"), self._words.of("definition", one.risk_definition))
        ]
        if one.risk_grade:
            more.append((self._words("about.grade"), self._words.of("grade", one.risk_grade)))
        at = self._now - timedelta(hours=one.risk_age_hours or 0.0)
        return self._facts.of(
            text, source=one.risk_source, at=at, is_stale=one.is_stale, level=level, more=more
        )

    def _window(self, one: OfferingOut) -> str:
        if one.horizon_seconds is None:
            return self._words("window.month")
        return self._words("window.within", span=self._figures.horizon(one.horizon_seconds))

    def _level(self, one: OfferingOut) -> int | None:
        if one.interrupted_band is not None:
            return band_level(one.interrupted_band)
        return None if one.probability is None else level_of(one.probability)

    def _why(self, one: RankedOut) -> str:
        """The numbers of its place in the reader's language."""
        price, cost = self._figures.usd(one.usd_per_hour), self._figures.usd(one.cost_usd_per_hour)
        if cost is None:
            key = "why.no_risk" if one.usd_per_hour is not None else "why.no_price"
            return self._words(key, price=price)
        hazard = self._figures.number(one.hazard_per_hour, 5)
        return self._words("why.cost", price=price, hazard=hazard, cost=cost)


def link_of(provider: str, instance_type: str, region: str | None = None) -> str:
    """The page of an instance type."""
    return path_of(f"/{provider}", {"instance": instance_type, "region": region})


def band_level(band: str) -> int:
    """The colour of a published band: ``<5%`` is 0, ``>20%`` is 4."""
    number = band.strip("<>%").partition("-")[0]
    return 0 if band.startswith("<") else level_of(float(number) / 100)
