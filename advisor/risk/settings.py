"""What was chosen for the model, once, on the launch probes of 2022, and why.

Two protocols chose: walking forward through the pools' own time, and leaving out a zone or a
family. What gained in both is core or bend; what gained only in pools that training knew is
local, and counts elsewhere as far as left-out zones of the training data say.
"""

from dataclasses import dataclass

from advisor.risk.features import BENDS, CORE, LOCAL, SIBLINGS


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How a model is fitted; tuples have one value per horizon.

    Horizons are fitted from short to long, and the coefficients of one are where the next
    starts from: at 24 h there are only a few dozen independent windows, and what holds at 1 h
    is the best guess of what holds there.
    """

    core: tuple[str, ...] = CORE
    core_sd: float = 0.5
    """How far a core coefficient may stray from 0 at the first horizon."""
    step_sd: float = 0.1
    """The same from the coefficient of the horizon before; .05 and .2 were no better."""
    chained: bool = True
    """False fits each horizon by itself, as the plain core does."""
    bends: tuple[str, ...] = BENDS
    bends_sd: tuple[float, ...] = (0.03, 0.02, 0.0, 0.0)
    """How far a standardized piece may stray from 0; 0 for none. Without gain beyond 1 h."""
    local: tuple[tuple[str, ...], ...] = (LOCAL, LOCAL, SIBLINGS, SIBLINGS)
    local_sd: tuple[float, ...] = (0.05, 0.05, 0.02, 0.02)
    frailty_share: tuple[float, ...] = (0.15, 0.15, 0.15, 0.3)
    """Share, in log odds, of the age curve scaled by the pool's own drops (risk contract, 3)."""
    decayed_share: tuple[float, ...] = (0.15, 0.15, 0.15, 0.15)
    """The same of the plain decayed rate. Two simple views that err elsewhere than the regression
    steady it: log loss of launch probes falls by .001 at 1 h and .003 at 6 h walking forward, by
    .003 and .005 in zones that were left out; .25 each gave no more."""
    neighbors_h: tuple[float, ...] = (0.25, 0.25, 0.5, 1.5)
    """Hours of watching at which the pool is believed as much as its neighbors' rate, which alone
    speaks at first: a pool seen up for the first time is not as if it had lost nothing. In zones
    cut to their first half hour the log loss at 1 h falls from .464 to .439, beyond 2 h nothing
    changes; .5 to 2 times as long is as good. 0 for never."""
    doubted: bool = True
    """True forecasts the mean risk over what the coefficients may be, not the risk at their most
    likely values: at 24 h, where few windows fitted them, the two are far apart. Log loss of
    launch probes at 24 h .346 to .341, of machine lifetimes 2.080 to .578; else within .002."""
    pool_sd: tuple[float, ...] = (0.45, 0.6, 0.8, 1.0)
    """Standard deviation, in log odds, of a pool's mean risk around its forecast over days."""
    stride: tuple[int, ...] = (1, 1, 3, 6)
    """Every how many grid points a row is used: windows of 24 h overlap all the same."""


PLAIN_CORE = FitSettings(
    core=("rate_6h", "rate_24h", "age_logit"),
    core_sd=1.0,
    chained=False,
    bends_sd=(0.0, 0.0, 0.0, 0.0),
    local_sd=(0.0, 0.0, 0.0, 0.0),
    frailty_share=(0.0, 0.0, 0.0, 0.0),
    decayed_share=(0.0, 0.0, 0.0, 0.0),
    neighbors_h=(0.0, 0.0, 0.0, 0.0),
    doubted=False,
)
"""`core3` of the risk contract: two rates and the age curve, each horizon by itself."""

CORE_AND_RIDGE = FitSettings(
    core=("rate_6h", "rate_24h", "age_logit"),
    core_sd=1.0,
    chained=False,
    bends=tuple(dict.fromkeys((*BENDS, *LOCAL))),
    bends_sd=(0.1, 0.1, 0.03, 0.0),
    local_sd=(0.0, 0.0, 0.0, 0.0),
    local=((), (), (), ()),
    frailty_share=(0.0, 0.0, 0.0, 0.0),
    decayed_share=(0.0, 0.0, 0.0, 0.0),
    neighbors_h=(0.0, 0.0, 0.0, 0.0),
    doubted=False,
)
"""The frozen design of the risk contract: `core3` and a ridge residual with its strengths."""
