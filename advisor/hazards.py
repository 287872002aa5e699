"""Hazard: how often a machine of a pool is interrupted, per hour, with what its source said of it.

Two kinds of sources give one. A forecast speaks of one window from now on, with an interval; a
published rate of the past month, as a band. Both come here as interruptions per machine and hour,
and each keeps its own words, age and idea of when it is stale.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

FORECAST = "spotcast.forecast"
"""The definition of a hazard that Spotcast forecast itself."""

PUBLISHED_STALE_AFTER = timedelta(days=45)
"""Published bands describe a trailing month; measured on AWS Spot Advisor snapshots of 2022 to
2025, a third of them have changed after 29 days and 40 % after two months."""

FORECAST_STALE_AFTER = timedelta(hours=1)
"""A forecast is stale when its window is over, and no sooner than after this: forecasts are made
several times an hour, and one that was not renewed for so long has lost its collectors."""

NOTICE = {
    "aws": timedelta(minutes=2),
    "alibaba": timedelta(minutes=5),
    "gcp": timedelta(seconds=30),
    "azure": timedelta(seconds=30),
}
"""Time between a cloud's word that it takes a machine and its end: EC2 spot interruption notices,
ECS preemptible instances, GCE preemption (ACPI G2), Azure Scheduled Events."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """Interruptions per machine and hour: a middle and the ends of what the source said.

    ``high_per_hour`` None means unbounded: the source's band is open. ``share_low`` and
    ``share_high`` are what was said itself: a published band, or the interval of a forecast's
    probability. ``horizon`` is the forecast's window, None for a published rate; ``share`` the
    forecast's probability; ``grade`` what it rests on (docs/risk-model.md).
    """

    per_hour: float
    low_per_hour: float
    high_per_hour: float | None
    share_low: float
    share_high: float | None
    definition: str
    source: str
    observed_at: datetime
    horizon: timedelta | None = None
    share: float | None = None
    grade: str | None = None

    @property
    def is_forecast(self) -> bool:
        """Whether it is a forecast, and no published rate."""
        return self.horizon is not None

    @property
    def band(self) -> str:
        """What was said, as it was said: ``5-10%``, ``>20%``; of a forecast ``3.9%``."""
        if self.share is not None:
            return f"{100 * self.share:.2g}%"
        low = f"{100 * self.share_low:g}"
        if self.share_high is None:
            return f">{low}%"
        if self.share_high == self.share_low:
            return f"{low}%"
        return (
            f"{low}-{100 * self.share_high:g}%"
            if self.share_low
            else f"<{100 * self.share_high:g}%"
        )

    def words(self) -> str:
        """The same in a sentence: ``5-10% interrupted a month as published``."""
        if self.horizon is None:
            return f"{self.band} interrupted a month as published"
        high = 1.0 if self.share_high is None else self.share_high
        return (
            f"{self.band} interrupted within {window_text(self.horizon)} as forecast "
            f"({100 * self.share_low:.2g} to {100 * high:.2g}%)"
        )

    def probability_within(self, hours: float) -> float:
        """P(interrupted within so many hours), were the hazard the same all the time."""
        return -math.expm1(-self.per_hour * hours)

    def is_stale(self, now: datetime) -> bool:
        """Whether it says more about the past than about now."""
        age = now - self.observed_at
        if self.horizon is None:
            return age > PUBLISHED_STALE_AFTER
        return age > max(self.horizon, FORECAST_STALE_AFTER)


def window_text(window: timedelta) -> str:
    """``15 min``, ``6 h``."""
    minutes = window / timedelta(minutes=1)
    return f"{minutes:g} min" if minutes < 60 else f"{minutes / 60:g} h"  # noqa: PLR2004 - an hour


def per_hour(share: float, hours: float) -> float | None:
    """The constant hazard that interrupts a share of machines within so many hours.

    None if all are: no finite hazard does that.
    """
    return -math.log1p(-share) / hours if share < 1 else None
