"""All tools, in the order in which they are listed."""

from typing import Any

from api.tools.lead_time import LEAD_TIME
from api.tools.manifests import NODEPOOL, PLAN
from api.tools.offerings import EXPLAIN, RANK, SEARCH
from api.tools.prices import PRICE_HISTORY
from api.tools.risk import FEEDS, RISK
from api.tools.tool import Tool

TOOLS: tuple[Tool[Any, Any], ...] = (
    *(SEARCH, RANK, EXPLAIN, RISK, PRICE_HISTORY, LEAD_TIME, NODEPOOL, PLAN, FEEDS),
)
