"""The decisions: from facts to a ranking, a manifest, a plan. Pure; all it needs is passed in.

>>> from advisor import Demand, Policy, rank
"""

from advisor.demand import Demand
from advisor.explain import explanation
from advisor.forecast_risk import hazards_of
from advisor.gpus import Work
from advisor.hazards import Hazard
from advisor.policy import Policy
from advisor.published_risk import DEFINITIONS, published_hazards
from advisor.ranking import Ranked, Ranking, rank, rank_in
from advisor.universe import Universe

__all__ = [
    "DEFINITIONS",
    "Demand",
    "Hazard",
    "Policy",
    "Ranked",
    "Ranking",
    "Universe",
    "Work",
    "explanation",
    "hazards_of",
    "published_hazards",
    "rank",
    "rank_in",
]
