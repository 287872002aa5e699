"""The decisions: from facts to a ranking, a manifest, a plan. Pure; all it needs is passed in.

>>> from advisor import Demand, Policy, rank
"""

from advisor.demand import Demand
from advisor.policy import Policy
from advisor.published_risk import DEFINITIONS, Hazard, published_hazards
from advisor.ranking import Ranked, Ranking, rank

__all__ = [
    "DEFINITIONS",
    "Demand",
    "Hazard",
    "Policy",
    "Ranked",
    "Ranking",
    "published_hazards",
    "rank",
]
