"""The heat map: types by zones of one region, each cell the best that is known of its risk.

A cell shows the fresh forecast for the chosen window; else the band that its cloud publishes, which
is of a month and marked as such; else the last forecast, marked as stale; else that nothing is
known. It never turns one of them into another.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from advisor import Hazard
from api.dashboard.facts import Fact, Facts, Line
from api.dashboard.figures import Figures, level_of
from api.dashboard.language import Words
from api.dashboard.rows import band_level, link_of
from api.service.market_view import MarketView
from api.service.risk import ForecastOut
from warehouse.records import REGIONAL, Offering

MOST_TYPES = 60
"""Rows of the map; more cannot be looked through, and filters are there."""

Forecasts = Mapping[tuple[str, str], ForecastOut]
"""The newest forecast for one window, by zone and instance type of one region."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One pool; ``kind`` is forecast, published, unknown or absent (not offered there)."""

    kind: str
    fact: Fact | None = None
    link: str | None = None


ABSENT = Cell("absent")


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One instance type: its name, its GPUs in words, and a cell for each zone."""

    name: str
    gpus: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Heat:
    """The map, and how many types it leaves out."""

    zones: Sequence[str]
    rows: Sequence[HeatRow]
    left_out: int

    @property
    def kinds(self) -> set[str]:
        """The kinds of cells in it."""
        return {cell.kind for row in self.rows for cell in row.cells}

    @property
    def is_stale(self) -> bool:
        """Whether any of its cells is."""
        return any(cell.fact and cell.fact.is_stale for row in self.rows for cell in row.cells)


class HeatMap:
    """Draws the map for one reader."""

    def __init__(
        self,
        words: Words,
        view: MarketView,
        forecasts: Forecasts,
        *,
        max_age: timedelta,
        now: datetime,
    ) -> None:
        self._words, self._view, self._forecasts = words, view, forecasts
        self._max_age, self._now = max_age, now
        self._facts, self._figures = Facts(words, now), Figures(words)

    def of(self, provider: str, region: str, pattern: str, *, is_gpu: bool) -> Heat:
        """The map of a region."""
        found: dict[str, dict[str, Offering]] = {}
        for one in self._view.known.universe.offerings:
            pool, shape = one.pool, one.instance_type
            is_here = (pool.provider, pool.region) == (provider, region)
            if (
                is_here
                and (shape.gpu_count or not is_gpu)
                and fnmatchcase(shape.instance_type, pattern)
            ):
                found.setdefault(pool.instance_type, {})[pool.zone] = one
        names = sorted(found, key=natural)
        shown = names[:MOST_TYPES]
        zones = sorted({zone for name in shown for zone in found[name]})
        rows = [self._row(name, found[name], zones) for name in shown]
        return Heat(zones, rows, len(names) - len(shown))

    def _row(self, name: str, pools: Mapping[str, Offering], zones: Sequence[str]) -> HeatRow:
        cells = [self._cell(pools[zone]) if zone in pools else ABSENT for zone in zones]
        shape = next(iter(pools.values())).instance_type
        gpus = (
            self._words("chip.gpus", n=shape.gpu_count, name=shape.gpu_name)
            if shape.gpu_count
            else ""
        )
        return HeatRow(name, gpus, cells)

    def _cell(self, one: Offering) -> Cell:
        pool, prices = one.pool, self._price_lines(one)
        link = link_of(pool.provider, pool.instance_type, pool.region)
        own = (pool.zone, pool.instance_type)
        forecast = self._forecasts.get(own) or self._forecasts.get((REGIONAL, pool.instance_type))
        hazards = self._view.known.hazards.get(pool, ())
        band = next((hazard for hazard in hazards if not hazard.is_forecast), None)
        if forecast and (band is None or not forecast.is_stale):
            return Cell("forecast", self._of_forecast(forecast, prices), link)
        if band:
            return Cell("published", self._of_band(band, prices), link)
        return Cell("unknown", Fact(self._words("unknown"), prices), link)

    def _of_forecast(self, one: ForecastOut, prices: list[Line]) -> Fact | None:
        share, words = self._figures.share, self._words
        return self._facts.of(
            share(one.probability),
            source=one.model_version,
            at=one.issued_at,
            is_stale=one.is_stale,
            level=level_of(one.probability),
            more=[
                (
                    words("about.interval"),
                    self._figures.shares(one.probability_low, one.probability_high),
                ),
                (words("about.grade"), words.of("grade", one.grade)),
                (words("about.skill"), words.of("verdict", one.skill)),
                *prices,
            ],
        )

    def _of_band(self, one: Hazard, prices: list[Line]) -> Fact | None:
        return self._facts.of(
            one.band,
            source=one.source,
            at=one.observed_at,
            is_stale=one.is_stale(self._now),
            level=band_level(one.band),
            more=[
                (self._words("about.definition"), self._words.of("definition", one.definition)),
                *prices,
            ],
        )

    def _price_lines(self, one: Offering) -> list[Line]:
        usd = self._figures.usd(one.usd_per_hour) or self._words("unknown")
        age = self._now - one.price_observed_at
        told = f"{usd} · {self._words.of('source', one.price_source)} · {self._figures.ago(age)}"
        if age > self._max_age:
            told += f" · {self._words('stale.word')}"
        lines = [(self._words("about.price"), told)]
        if listed := self._figures.usd(one.on_demand_usd_per_hour):
            lines.append((self._words("about.on_demand"), listed))
        return lines


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sorts g5.2xlarge before g5.12xlarge."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.findall(r"[0-9]{1,9}|[^0-9]", name)
    ]
