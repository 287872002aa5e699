"""The inputs of the model, made from evidence that ends at the moment of the forecast.

Logs wherever a quantity spans decades. Hour of day and weekday are not here: they gave no gain
at 15 minutes, 1 and 6 hours (risk contract, section 0), and the phase of some traces is unknown.
"""

import numpy as np

from advisor.risk.evidence import GROUPS, Evidence
from advisor.risk.grid import STEP_H, STEP_S, Floats, Integers
from advisor.risk.history import AGED_HALF_LIVES, FOREVER, HALF_LIVES_H
from advisor.risk.logistic import logit
from advisor.risk.priors import Priors
from advisor.risk.rates import LEVELS, log_rates

DECAYED = "decayed_rate_6h"
"""The log of the pool's own rate with a half-life of 6 h, drawn to the rate of its kind only."""

DECAYED_STRENGTH_H = 2.0
"""Hours up at which that rate is believed half."""

NEAR = "near_rate"
"""The log of the rate that the pool's neighbors have had, `rates.LEVELS`; nothing of its own."""

FRAILTY = "frailty"
"""The log of the drops seen over those expected of the ages that the pool was up at."""

AGE_LOGIT = "age_logit"
"""The only input that depends on the horizon: the log odds of the pooled age curve."""

CORE = ("rate_6h", "rate_24h", AGE_LOGIT, "carried", "up_share_24h", "rate_1h")
"""Inputs of the core, linear in the logit. ``carried`` is how many grid points ago the state was
seen: where probes are rarer than the grid, the next one is due, and with it the next bad news."""

BENDS = (
    *("rate_1h", "rate_6h", "rate_24h", AGE_LOGIT, "age", "age_censored", "last_up"),
    *("last_down", "no_last_up", "since_drop", "up_share_1h", "up_share_6h", "up_share_24h"),
    "carried",
)
"""Inputs of the pool itself that are used by straight pieces."""

SIBLINGS = (
    *("type_up", "zone_up", "all_up", "type_rate_1h", "type_rate_6h"),
    *("zone_rate_1h", "zone_rate_6h", "all_rate_1h", "all_rate_6h"),
)
"""Inputs that speak of other pools: what they mean depends on who they are."""

LOCAL = (
    *SIBLINGS,
    *("rate_168h", "rate_own", "up_share_168h", "watched", FRAILTY, "frailty_24h"),
)
"""Inputs that hold in the pools of training: siblings, and the pool's level over weeks."""

LONGEST_MEMORY_H = 168.0
"""Times beyond a week are all the same."""

MOST_CARRIED = 6.0
"""Steps: an observation carried for half an hour is as stale as one carried for longer."""

TYPICAL_UP_SHARE = 0.6
"""Share of time up over all traces in hand; what one hour of watching is set against."""

SIBLING_STRENGTH_H = 2.0
"""Hours up of siblings at which their recent drops are believed half."""

FRAILTY_DROPS = 2.0
"""Drops' worth of belief that a pool is like the others of its age; pools differ by a Gamma of
alpha 1.5 to 3.2 (risk contract, 3.6)."""


def features(evidence: Evidence, kind: Integers, priors: Priors) -> dict[str, Floats]:
    """Every input but `AGE_LOGIT`, one array [row] by name.

    ``kind`` is the place of the row's kind of probe among the priors' (-1: not among them).
    """
    rate = priors.rate(kind)
    levels = dict(zip(LEVELS, log_rates(evidence, rate), strict=True))
    own = {f"rate_{name.removeprefix('own_')}": levels[name] for name in LEVELS if "own" in name}
    return {
        **own,
        NEAR: levels["near"],
        DECAYED: decayed_log_rate(evidence, rate),
        **_spells(evidence),
        **_up_shares(evidence),
        **_siblings(evidence, rate),
        **_frailties(evidence, kind, priors),
        "carried": np.minimum(np.floor(evidence.observed_age_s / STEP_S + 1e-9), MOST_CARRIED),
    }


def decayed_log_rate(evidence: Evidence, rate: Floats) -> Floats:
    """`DECAYED`; ``rate`` is that of each row's kind, drops per hour up."""
    own, life = evidence.history, HALF_LIVES_H.index(6.0)
    drops = own.drops[life] + DECAYED_STRENGTH_H * rate
    log_rate: Floats = np.log(drops / (own.up_hours[life] + DECAYED_STRENGTH_H))
    return log_rate


def age_logit(evidence: Evidence, kind: Integers, priors: Priors, horizon_h: float) -> Floats:
    """The log odds of loss within the horizon, from age alone."""
    return logit(priors.risk_by_age(evidence, kind, horizon_h))


def frailty_logit(risk_by_age: Floats, log_frailty: Floats) -> Floats:
    """The log odds if the age curve's hazard is scaled by the pool's own drops so far.

    Args:
        risk_by_age: P(lost within the horizon) as `Priors.risk_by_age` gives it, [row].
        log_frailty: the input `FRAILTY`, [row].
    """
    risk = np.clip(risk_by_age, 0.0, 1 - 1e-9)
    return logit(-np.expm1(np.log1p(-risk) * np.exp(log_frailty)))


def _spells(evidence: Evidence) -> dict[str, Floats]:
    own = evidence.history

    def log_time(hours: Floats, unknown: float) -> Floats:
        return np.log(np.minimum(np.nan_to_num(hours, nan=unknown), LONGEST_MEMORY_H) + STEP_H)

    return {
        "age": log_time(own.age, 0.0),
        "age_censored": own.censored.astype(np.float64),
        "last_up": log_time(own.last_up, 1.0),
        "last_down": log_time(own.last_down, 1.0),
        "no_last_up": np.isnan(own.last_up).astype(np.float64),
        "since_drop": log_time(own.since_drop, LONGEST_MEMORY_H),
        "watched": np.log1p(np.minimum(own.watched, LONGEST_MEMORY_H)),
    }


def _up_shares(evidence: Evidence) -> dict[str, Floats]:
    own = evidence.history
    return {
        f"up_share_{hours:g}h": (own.up_hours[place] + TYPICAL_UP_SHARE) / (own.hours[place] + 1)
        for place, hours in enumerate(HALF_LIVES_H)
        if hours != FOREVER
    }


def _siblings(evidence: Evidence, rate: Floats) -> dict[str, Floats]:
    kin = evidence.siblings
    made = {}
    for group, name in enumerate(GROUPS):
        made[f"{name}_up"] = (kin.up[group] + TYPICAL_UP_SHARE) / (kin.known[group] + 1)
        for hours in (1.0, 6.0):
            life = HALF_LIVES_H.index(hours)
            drops, up_hours = kin.drops[life, group], kin.up_hours[life, group]
            shrunk = (drops + SIBLING_STRENGTH_H * rate) / (up_hours + SIBLING_STRENGTH_H)
            made[f"{name}_rate_{hours:g}h"] = np.log(shrunk)
    return made


def _frailties(evidence: Evidence, kind: Integers, priors: Priors) -> dict[str, Floats]:
    """The log of drops seen over drops expected of the ages the pool was up at."""
    made = {}
    for place, life in enumerate(AGED_HALF_LIVES):
        expected = priors.expected_drops(evidence.history.aged_hours[place], kind)
        seen = evidence.history.drops[life]
        hours = HALF_LIVES_H[life]
        name = FRAILTY if hours == FOREVER else f"{FRAILTY}_{hours:g}h"
        made[name] = np.log((seen + FRAILTY_DROPS) / (expected + FRAILTY_DROPS))
    return made
