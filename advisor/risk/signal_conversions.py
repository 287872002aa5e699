"""What each published signal means for risk: one conversion per definition.

No two clouds mean the same by a score or a share, and nothing that can be had links one of them
to outcomes (risk contract, section 5). So a conversion only says which way a value points, from
-1 (safest) to 1 (riskiest); what a full reading adds is a coefficient with prior mean 0 and a
wide spread. The one exception is AWS' rebalance recommendation, which was measured.

A definition needs an entry in `CONVERSIONS` and nothing else; one that no feed collects yet counts
from its first row. A refused launch is no signal but an observation of the pool (`refusals`), and
a published share of machines taken is a forecast of its own (`bands`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from advisor.risk.horizons import HORIZONS_MINUTES

BOUND = 2.0
"""The most that one signal adds to or takes from the log odds: odds times 7.4, whatever a fit on
a few dozen events says."""

BASE_RATES = (0.067, 0.181, 0.472, 0.755)
"""Share lost within each of `HORIZONS_MINUTES` in the public traces (risk contract, 3.1)."""

REBALANCE_PRECISION = 0.30
"""Share of rebalance recommendations that an interruption followed within 15 minutes: the one
public measurement, which also found 60 % of the interruptions announced so. AWS says that it may
come only together with the notice."""


def rebalance_log_odds(precision: float = REBALANCE_PRECISION) -> tuple[float, ...]:
    """What a recommendation of this moment adds at each horizon.

    At 15 minutes the log of the likelihood ratio p / (1 - p) * (1 - b) / b of precision p and
    base rate b. Beyond, only those 15 minutes are worse than usual: who outlives them has the
    usual risk of the rest.
    """
    survival = (1.0 - precision) / (1.0 - BASE_RATES[0])
    added = []
    for base in BASE_RATES:
        risk = 1.0 - survival * (1.0 - base)
        added.append(min(math.log(risk / (1.0 - risk) * (1.0 - base) / base), BOUND))
    return tuple(added)


@dataclass(frozen=True, slots=True)
class Coefficient:
    """What a full reading adds to the log odds, and how unsure that is.

    ``events``: outcomes it was fitted on; 0 for a prior.
    """

    mean: float
    sd: float
    events: int = 0


@dataclass(frozen=True, slots=True)
class Quantity:
    """What several definitions may speak of: ``prior`` has one coefficient per horizon."""

    name: str
    title: str
    prior: tuple[Coefficient, ...]


def _unknown(sd: float) -> tuple[Coefficient, ...]:
    return tuple(Coefficient(0.0, sd) for _ in HORIZONS_MINUTES)


QUANTITIES = {
    one.name: one
    for one in (
        Quantity(
            "rebalance",
            "rebalance recommendation",
            tuple(Coefficient(mean, 0.7) for mean in rebalance_log_odds()),
        ),
        Quantity("placement_score", "placement score", _unknown(0.5)),
        Quantity("stock", "stock", _unknown(0.5)),
        Quantity(
            "preemption_share", "share of stopped machines that were preempted", _unknown(0.5)
        ),
        Quantity("discount", "price paid of on-demand", _unknown(0.35)),
        Quantity("price_movement", "price against a day ago", _unknown(0.35)),
    )
}
"""Spreads: two of them multiply the odds by 2.7 (scores and stock, which speak of capacity) or by
2 (prices, which often do not move while machines are lost), and by 4 for the rebalance signal."""

Reading = Callable[[pl.Expr], pl.Expr]


@dataclass(frozen=True, slots=True)
class Conversion:
    """How the values of one definition are read.

    ``reading`` turns a value into -1 (safest) to 1 (riskiest); it is cut there. ``half_life`` is
    the age at which it counts half. A value is shown as value * scale and ``unit``; of an event
    its age is.
    """

    definition: str
    quantity: str
    reading: Reading
    half_life: timedelta
    scale: float = 1.0
    unit: str = ""
    is_event: bool = False


def _falling(best: float, worst: float) -> Reading:
    """1 at ``worst`` and -1 at ``best``, straight between."""
    middle, half = (best + worst) / 2, (worst - best) / 2
    return lambda value: (value - middle) / half


HOUR, DAY = timedelta(hours=1), timedelta(days=1)

CHEAPEST, DEAREST = 0.26, 0.56
"""Share of the on-demand price that is paid: the middle 0.41, and .15 to either side. In 756,000
AWS prices of 2024 to 2026 the median is .41, and 98 % are below .56."""

LARGEST_MOVE = 1.12
"""Factor of a day's change of price that is a full reading: 99 % of the days of those prices move
by less."""

PAID = "spotcast.price_paid_share"
MOVED = "spotcast.price_against_day_before"
"""Derived from prices by `warehouse.signals.price_signals`, not from a feed."""

CONVERSIONS = (
    # Value 1: a machine of the pool was recommended for rebalancing.
    Conversion("aws.rebalance_recommendation", "rebalance", pl.Expr.sign, HOUR / 4, is_event=True),
    # 1 to 10, the likelihood that one request succeeds now; others' requests differ.
    Conversion("aws.spot_placement_score", "placement_score", _falling(10, 1), HOUR, unit=" of 10"),
    # 0 to 1; from .7 high, from .4 medium.
    Conversion("gcp.obtainability", "placement_score", _falling(1, 0), HOUR),
    # 0 low, .5 medium, 1 high.
    Conversion("azure.spot_placement_score", "placement_score", _falling(1, 0), HOUR),
    # 0 without stock, .5 closing, 1 with stock.
    Conversion("alibaba.stock", "stock", _falling(1, 0), HOUR),
    # Preempted of all Spot VMs that stopped in a day: not a hazard, a quiet pool has it too.
    Conversion("gcp.preemption_share_daily", "preemption_share", _falling(0, 1), 2 * DAY, 100, "%"),
    # The price in force now comes before means of a month.
    Conversion(PAID, "discount", _falling(CHEAPEST, DEAREST), DAY, 100, "%"),
    Conversion(
        "aws.advisor_saving_trailing_month",
        "discount",
        # A saving, not a share paid.
        lambda saving: _falling(CHEAPEST, DEAREST)(1 - saving),
        30 * DAY,
        100,
        "% saved",
    ),
    Conversion(
        "alibaba.price_paid_share_trailing_30_days",
        "discount",
        _falling(CHEAPEST, DEAREST),
        30 * DAY,
        100,
        "%",
    ),
    Conversion(MOVED, "price_movement", lambda ratio: ratio.log() / math.log(LARGEST_MOVE), DAY),
)
"""In the order of preference where several speak of one quantity in one pool."""

DEFINITIONS = tuple(one.definition for one in CONVERSIONS)
