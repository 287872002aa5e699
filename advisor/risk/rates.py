"""How often a pool has been lost of late, shrunk towards its neighbors and its own past.

A chain of Gamma priors: each level believes the level before it with the strength of some hours
up, and corrects it by what it has seen itself. A pool with no history of its own gets its
siblings' rate, and one without siblings the rate of its kind; after a few hours up it speaks for
itself. Pools differ by a Gamma of strength 3 to 5 hours up only (risk contract, 3.6), so they
are believed soon.
"""

import numpy as np

from advisor.risk.evidence import GROUPS, Evidence
from advisor.risk.grid import Floats
from advisor.risk.history import HALF_LIVES_H

LEVELS = ("global", "siblings", "near", "own", "own_168h", "own_24h", "own_6h", "own_1h")
"""The chain, widest first."""

ALL_STRENGTH_H = 24.0
"""Hours up at which all siblings are believed half; with the next ones from the risk contract."""

NEAR_STRENGTH_H = 24.0

OWN_STRENGTH_H = {np.inf: 8.0, 168.0: 8.0, 24.0: 4.0, 6.0: 2.0, 1.0: 1.0}
"""Hours up at which a pool's own count at this half-life is believed half."""

SIBLINGS_HALF_LIFE = HALF_LIVES_H.index(168.0)
"""Siblings tell the level of the group, which moves by the week."""


def log_rates(evidence: Evidence, global_per_hour: Floats) -> Floats:
    """The log of the rate per hour up at each of `LEVELS`; [level, row].

    Args:
        evidence: what is known of each row.
        global_per_hour: the rate of all training data of the row's kind, [row].
    """
    kin, own = evidence.siblings, evidence.history
    life = SIBLINGS_HALF_LIFE
    every = GROUPS.index("all")
    near = [GROUPS.index("type"), GROUPS.index("zone")]
    rate = global_per_hour
    levels = [rate]
    rate = _shrunk(kin.drops[life, every], kin.up_hours[life, every], rate, ALL_STRENGTH_H)
    levels.append(rate)
    near_drops = kin.drops[life, near].sum(axis=0)
    near_hours = kin.up_hours[life, near].sum(axis=0)
    rate = _shrunk(near_drops, near_hours, rate, NEAR_STRENGTH_H)
    levels.append(rate)
    for half_life in reversed(HALF_LIVES_H):
        place = HALF_LIVES_H.index(half_life)
        strength = OWN_STRENGTH_H[half_life]
        rate = _shrunk(own.drops[place], own.up_hours[place], rate, strength)
        levels.append(rate)
    return np.log(np.stack(levels))


def _shrunk(drops: Floats, hours: Floats, prior: Floats, strength_h: float) -> Floats:
    return (drops + strength_h * prior) / (hours + strength_h)
