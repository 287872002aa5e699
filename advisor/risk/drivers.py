"""What drives forecasts: shares of the log odds that add up, and the strongest of them in words.

A share of d multiplies the odds by exp(d). The baseline and all shares sum to the log odds of the
stored probability; of a market of 60,000 pools the text of each is made column by column.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from advisor.risk.grid import Floats
from advisor.risk.hazard import DOUBT, NEIGHBORS_SHARE, SHORTER_HORIZON, VIEWS_SHARE
from advisor.risk.regression import FAMILIAR

DRIVERS_TOLD = 3
"""Shares told by name, the strongest; the others are one sum."""

RECALIBRATION = "recalibration"
"""Name of the share that the outcomes of earlier forecasts have."""

SMALLEST_TOLD = 0.005
"""A share that changes the odds by less than half a percent is told without a number."""

WORDS = {
    "rate_1h": "losses in this pool over the last hour",
    "rate_6h": "losses in this pool over the last 6 hours",
    "rate_24h": "losses in this pool over the last day",
    "rate_168h": "losses in this pool over the last week",
    "rate_own": "losses in this pool so far",
    "age_logit": "how long it has been up",
    "age": "how long it has been up",
    "age_censored": "that it was up when first seen",
    "type_up": "whether the same type is up in other zones",
    "zone_up": "whether other types are up in the zone",
    "all_up": "whether other pools are up",
    "type_rate_6h": "losses of the same type in other zones over the last 6 hours",
    "type_rate_1h": "losses of the same type in other zones over the last hour",
    "zone_rate_6h": "losses of other types in the zone over the last 6 hours",
    "zone_rate_1h": "losses of other types in the zone over the last hour",
    "all_rate_6h": "losses in all pools watched over the last 6 hours",
    "all_rate_1h": "losses in all pools watched over the last hour",
    "up_share_1h": "share of the last hour it was up",
    "up_share_6h": "share of the last 6 hours it was up",
    "up_share_24h": "share of the last day it was up",
    "up_share_168h": "share of the last week it was up",
    "last_up": "how long it was up the time before",
    "no_last_up": "that no earlier time up was seen",
    "last_down": "how long it was down the time before",
    "since_drop": "time since the last loss",
    "watched": "how long it has been watched",
    "carried": "age of the newest probe",
    "frailty": "losses against what is usual at its ages",
    "frailty_24h": "losses of the last day against what is usual at its ages",
    FAMILIAR: "being a pool that the model was fitted on",
    VIEWS_SHARE: "losses against what is usual at its ages, and of late",
    NEIGHBORS_SHARE: "losses of its neighbors, as it has hardly been watched",
    DOUBT: "few windows behind the model at this horizon",
    SHORTER_HORIZON: "the risk of the shorter horizon",
    RECALIBRATION: "what became of earlier forecasts",
}
"""What an input is called in a sentence; one that is not here goes by its name."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is said beside the drivers, without a share: a row's words, null where there is none."""

    name: str
    words: pl.Series


@dataclass(frozen=True, slots=True)
class Drivers:
    """What drives the forecasts of one horizon; one row per pool.

    ``baseline``: log odds, [row]. ``shares``: what each of ``names`` adds to them, [share, row].
    ``words``: for a share whose words differ by row, those words; a null is never told.
    """

    baseline: Floats
    names: tuple[str, ...]
    shares: Floats
    words: Mapping[str, pl.Series] = field(default_factory=dict[str, pl.Series])
    notes: tuple[Note, ...] = ()

    @classmethod
    def of(cls, baseline: Floats, shares: Mapping[str, Floats]) -> "Drivers":
        """Drivers without words of their own."""
        table = np.stack(list(shares.values())) if shares else np.zeros((0, baseline.size))
        return cls(baseline, tuple(shares), table)

    @property
    def log_odds(self) -> Floats:
        """What baseline and shares sum to, [row]."""
        total: Floats = self.baseline + self.shares.sum(axis=0)
        return total

    def plus(
        self,
        more: Mapping[str, Floats],
        *,
        words: Mapping[str, pl.Series] | None = None,
        notes: Sequence[Note] = (),
    ) -> "Drivers":
        """The same with more shares; one that is there already grows, one of zeros is no share."""
        shares = dict(zip(self.names, self.shares, strict=True))
        for name, share in more.items():
            if not share.any():
                continue
            shares[name] = shares[name] + share if name in shares else share
        made = Drivers.of(self.baseline, shares)
        both = {**self.words, **(words or {})}
        both = {name: one for name, one in both.items() if name in shares}
        return Drivers(made.baseline, made.names, made.shares, both, (*self.notes, *notes))

    def as_json(self) -> pl.Series:
        """Each row's baseline, strongest shares in words, and the sum of the others."""
        told = min(DRIVERS_TOLD, len(self.names))
        strongest = np.argsort(-np.abs(self.shares), axis=0, kind="stable")[:told]
        rows = np.arange(self.baseline.size)
        shares = [self.shares[place, rows] for place in strongest]
        others = self.shares.sum(axis=0) - sum(shares, np.zeros(rows.size))
        parts = [
            pl.when(pl.Series(share != 0.0)).then(
                pl.concat_str(
                    pl.lit('{"name": '),
                    self._quoted(place, self.names),
                    pl.lit(', "logit": '),
                    pl.Series(share).cast(pl.String),
                    pl.lit(', "text": '),
                    self._told(place),
                    pl.lit("}"),
                )
            )
            for place, share in zip(strongest, shares, strict=True)
        ]
        return pl.select(
            pl.concat_str(
                pl.lit('{"baseline": '),
                pl.Series(self.baseline).cast(pl.String),
                pl.lit(', "drivers": ['),
                pl.concat_str(*parts, *map(_noted, self.notes), separator=", ", ignore_nulls=True)
                if parts or self.notes
                else pl.lit(""),
                pl.lit('], "others": '),
                pl.Series(others).cast(pl.String),
                pl.lit("}"),
            ).alias("drivers")
        ).to_series()

    def _quoted(
        self, place: np.ndarray[Any, np.dtype[np.int64]], texts: Sequence[str]
    ) -> pl.Series:
        return pl.Series([json.dumps(text) for text in texts], dtype=pl.String).gather(place)

    def _told(self, place: np.ndarray[Any, np.dtype[np.int64]]) -> pl.Series:
        """The words of the share that is at ``place`` in each row, as JSON."""
        told = self._quoted(place, [WORDS.get(name, name) for name in self.names])
        for name, words in self.words.items():
            here = pl.Series(place == self.names.index(name))
            told = pl.select(pl.when(here).then(_quotes(words)).otherwise(told)).to_series()
        return told


def _noted(note: Note) -> pl.Expr:
    start = f'{{"name": {json.dumps(note.name)}, "logit": 0.0, "text": '
    return pl.concat_str(pl.lit(start), _quotes(note.words), pl.lit("}"))


def _quotes(words: pl.Series) -> pl.Series:
    """Words of this project as JSON; they hold no quote, backslash or control character."""
    return '"' + words + '"'


def driver_text(driver: Mapping[str, Any]) -> str:
    """A stored driver as a phrase with its size: ``how long it has been up: odds x 0.41``."""
    if abs(driver["logit"]) < SMALLEST_TOLD:
        return str(driver["text"])
    return f"{driver['text']}: odds x {_factor(float(np.exp(driver['logit'])))}"


def _factor(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 - two digits
