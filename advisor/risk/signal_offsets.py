"""Live signals as bounded offsets of the log odds, with their conversions from the table.

Until a coefficient is fitted (`signal_fitting`), a signal moves nothing and widens the interval,
and is called unfitted; only the rebalance recommendation has a prior that moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from advisor.risk.drivers import Note
from advisor.risk.grid import Floats
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.signal_conversions import (
    BOUND,
    CONVERSIONS,
    QUANTITIES,
    Coefficient,
    Conversion,
)
from warehouse.records import REGIONAL

FORGOTTEN = 4.0
"""Half-lives after which a signal counts no more: a sixteenth of it is left."""

LEAST_TOLD = 0.1
"""Spread, in log odds, from which an unfitted signal is mentioned."""

SIGNALS = pl.Schema(
    {
        **dict.fromkeys(("provider", "region", "zone", "instance_type"), pl.String()),
        "definition": pl.String(),
        "value": pl.Float64(),
        "observed_at": pl.Datetime("us", "UTC"),
    }
)
"""The columns of a frame of signals; a regional one (zone ``*``) speaks for all zones without."""

Offsets = Mapping[tuple[str, str, float], Coefficient]
"""What was fitted, by quantity, kind of evidence and horizon in seconds; else the prior holds."""


@dataclass(frozen=True, slots=True)
class Readings:
    """The signals of pools side by side, one row per pool.

    ``values`` has each quantity's reading, faded by its age, [row], 0 where there is none;
    ``words`` what was read, null where there is none.
    """

    rows: int
    values: Mapping[str, Floats]
    words: Mapping[str, pl.Series]

    def shares(self, offsets: Offsets, made_from: str, place: int) -> dict[str, Floats]:
        """What each quantity adds to the log odds at the horizon of that place, [row]."""
        return {
            name: _added(value, _coefficient(name, offsets, made_from, place))
            for name, value in self.values.items()
            if _coefficient(name, offsets, made_from, place).mean
        }

    def words_of(
        self, shares: Mapping[str, Floats], offsets: Offsets, made_from: str, place: int
    ) -> dict[str, pl.Series]:
        """The words of those shares, with what they rest on."""
        return {name: self._based(name, offsets, made_from, place) for name in shares}

    def notes(self, offsets: Offsets, made_from: str, place: int) -> list[Note]:
        """The signals that add nothing but widen the interval."""
        made = []
        for name, value in self.values.items():
            coefficient = _coefficient(name, offsets, made_from, place)
            if coefficient.mean:
                continue
            is_told = pl.Series(np.abs(value) * coefficient.sd >= LEAST_TOLD)
            if is_told.any():
                words = self._based(name, offsets, made_from, place)
                made.append(Note(name, words.zip_with(is_told, pl.Series([None] * self.rows))))
        return made

    def _based(self, name: str, offsets: Offsets, made_from: str, place: int) -> pl.Series:
        events = _coefficient(name, offsets, made_from, place).events
        basis = f" (fitted on {events} losses)" if events else " (unfitted)"
        return self.words[name] + basis

    def as_json(self, added: Floats) -> pl.Series:
        """What a later fit needs of each row: the readings and what was added; null for none."""
        if not self.values:
            return pl.Series([None] * self.rows, dtype=pl.String)
        parts = []
        for name, value in self.values.items():
            text = pl.concat_str(pl.lit(f'"{name}": '), pl.Series(value).round(4).cast(pl.String))
            parts.append(pl.when(pl.Series(value != 0.0)).then(text))
        several = pl.concat_str(*parts, separator=", ", ignore_nulls=True)
        sum_ = pl.concat_str(pl.lit('{"added": '), pl.Series(added).cast(pl.String), pl.lit(", "))
        whole = pl.concat_str(sum_, several, pl.lit("}"))
        return pl.select(pl.when(several != "").then(whole).alias("signals")).to_series()


def added_by(readings: Readings, offsets: Offsets, made_from: str) -> tuple[Floats, Floats]:
    """What all signals add to the log odds, and their variance; [horizon, row] each."""
    shape = (len(HORIZONS_MINUTES), readings.rows)
    mean, variance = np.zeros(shape), np.zeros(shape)
    for name, value in readings.values.items():
        for place in range(len(HORIZONS_MINUTES)):
            coefficient = _coefficient(name, offsets, made_from, place)
            mean[place] += _added(value, coefficient)
            variance[place] += np.square(value * coefficient.sd)
    return mean, variance


def _coefficient(name: str, offsets: Offsets, made_from: str, place: int) -> Coefficient:
    seconds = 60.0 * HORIZONS_MINUTES[place]
    return offsets.get((name, made_from, seconds), QUANTITIES[name].prior[place])


def _added(value: Floats, coefficient: Coefficient) -> Floats:
    return np.clip(coefficient.mean * value, -BOUND, BOUND)


def readings_of(pools: pl.DataFrame, signals: pl.DataFrame, now: datetime) -> Readings:
    """What the newest signals say of each of the pools.

    Of several for one quantity and pool, a zone's own goes before the region's, then the order
    of `CONVERSIONS` counts, then the newer one.

    Args:
        pools: columns provider, region, zone and instance_type; one row per pool.
        signals: the columns `SIGNALS`; other definitions than `DEFINITIONS` are passed over.
        now: the moment; nothing in ``signals`` is later.
    """
    read = pl.concat([_read(one, rank, signals, now) for rank, one in enumerate(CONVERSIONS)])
    values, words = dict[str, Floats](), dict[str, pl.Series]()
    for name in QUANTITIES:
        told = _told(pools, read.filter(pl.col("quantity") == name))
        if told["reading"].null_count() < pools.height:
            values[name] = told["reading"].fill_null(0.0).to_numpy()
            words[name] = told["words"]
    return Readings(pools.height, values, words)


def _read(one: Conversion, rank: int, signals: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The readings of one definition, faded by their age; those forgotten are left out."""
    half_lives = (pl.lit(now) - pl.col("observed_at")).dt.total_seconds() / (
        one.half_life / timedelta(seconds=1)
    )
    return (
        signals.filter(pl.col("definition") == one.definition, pl.col("value").is_finite())
        .with_columns(half_lives.clip(lower_bound=0.0).alias("half_lives"))
        .filter(pl.col("half_lives") <= FORGOTTEN)
        .select(
            "provider",
            "region",
            "zone",
            "instance_type",
            "observed_at",
            pl.lit(one.quantity).alias("quantity"),
            pl.lit(rank).alias("rank"),
            (one.reading(pl.col("value")).clip(-1.0, 1.0) * (0.5 ** pl.col("half_lives"))).alias(
                "reading"
            ),
            _words(one).alias("words"),
        )
        # A value outside of what its definition allows, such as a price ratio below 0.
        .filter(pl.col("reading").is_not_nan())
    )


def _words(one: Conversion) -> pl.Expr:
    """What is read, such as ``placement score 3 of 10``, or how long ago it happened."""
    title = QUANTITIES[one.quantity].title
    if one.is_event:
        minutes = (pl.col("half_lives") * (one.half_life / timedelta(minutes=1))).round()
        return pl.concat_str(pl.lit(f"{title} "), minutes.cast(pl.Int64), pl.lit(" min ago"))
    shown = (pl.col("value") * one.scale).round(2).cast(pl.String).str.strip_suffix(".0")
    return pl.concat_str(pl.lit(f"{title} "), shown, pl.lit(one.unit))


def _told(pools: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    """The reading and words of each pool, row by row; null where there is none."""
    best = read.sort("rank", "observed_at", descending=[False, True], maintain_order=True)
    own = ["provider", "region", "zone", "instance_type"]
    of_zone = best.unique(own, keep="first", maintain_order=True)
    regional = of_zone.filter(pl.col("zone") == REGIONAL)
    what = ("reading", "words")
    zoned = pools.join(of_zone.select(*own, *what), on=own, how="left", maintain_order="left")
    area = ["provider", "region", "instance_type"]
    wide = pools.join(regional.select(*area, *what), on=area, how="left", maintain_order="left")
    return pl.DataFrame([zoned[name].fill_null(wide[name]) for name in what])
