"""Risk as the clouds publish it: the honest baseline until a forecast is there.

Each definition has its own conversion to a hazard per hour, written here and nowhere else.
A published rate is a share of machines over weeks, mostly of a whole region; it says little
about the next hour, and nothing about a pool that is being emptied now. Whoever uses it must
say so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from advisor.hazards import Hazard, per_hour
from advisor.offerings import regional
from warehouse.records import Pool, Signal

HOURS_PER_MONTH = 730.0
"""A twelfth of 365 days."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a published value means: the share of machines interrupted within ``window_hours``."""

    name: str
    title: str
    window_hours: float


DEFINITIONS = {
    definition.name: definition
    for definition in (
        Definition(
            "aws.advisor_band_trailing_month",
            "AWS Spot Advisor: share of instances interrupted in the trailing month, per region",
            HOURS_PER_MONTH,
        ),
        Definition(
            "alibaba.interruption_rate_trailing_30_days",
            "Alibaba Cloud: share of instances released in the trailing 30 days, per zone",
            30 * 24.0,
        ),
    )
}


def hazard_of(signal: Signal) -> Hazard:
    """Convert one published share to a hazard.

    A share m over a window of w hours is the hazard -ln(1 - m) / w, if the risk were the same
    all the time. The middle is that of the middle of the band; an open band ends at 1. Pools in
    the open band have been measured at hazards hundreds to thousands of times its lower end, so
    the upper end is left unbounded.
    """
    definition = DEFINITIONS[signal.definition]
    high = signal.value_high
    middle = (signal.value_low + (1.0 if high is None else high)) / 2
    hours = definition.window_hours
    low_per_hour, middle_per_hour = per_hour(signal.value_low, hours), per_hour(middle, hours)
    if low_per_hour is None or middle_per_hour is None:
        # All machines of the window were lost: at least one loss per window, no upper end.
        low_per_hour = middle_per_hour = 1 / definition.window_hours
    return Hazard(
        per_hour=middle_per_hour,
        low_per_hour=low_per_hour,
        high_per_hour=None if high is None else per_hour(high, hours),
        share_low=signal.value_low,
        share_high=high,
        definition=signal.definition,
        source=signal.source,
        observed_at=signal.observed_at,
    )


def published_hazards(pools: Iterable[Pool], signals: Iterable[Signal]) -> Mapping[Pool, Hazard]:
    """The hazard of each pool that a published rate speaks of; the others are left out.

    A zone's own signal goes before the region's; of two definitions the newer one counts.
    """
    told = hazards_told(signals)
    return {pool: found for pool in pools if (found := told.get(pool) or told.get(regional(pool)))}


def hazards_told(signals: Iterable[Signal]) -> dict[Pool, Hazard]:
    """The hazard of each pool or region that is spoken of; of two definitions the newer one."""
    newest: dict[Pool, Signal] = {}
    for signal in sorted(signals, key=attrgetter("observed_at", "definition")):
        if signal.definition in DEFINITIONS:
            newest[signal.pool] = signal
    return {pool: hazard_of(signal) for pool, signal in newest.items()}
