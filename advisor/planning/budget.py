"""How many nodes one apply may make drift."""

import re
from dataclasses import dataclass
from typing import Self

from advisor.errors import AdvisorError

_TEXT = re.compile(r"(?P<share>100|[0-9]{1,2})%|(?P<nodes>[0-9]{1,6})")


class BudgetError(AdvisorError):
    """What was given is no budget; says how to write one."""


@dataclass(frozen=True, slots=True)
class ChurnBudget:
    """A number of nodes, or a share (0 to 1) of those that run; exactly one is not None."""

    nodes: int | None = None
    share: float | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """``2`` or ``10%``, as Karpenter's own disruption budgets write it.

        Raises:
            BudgetError: it is neither.
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise BudgetError(f"{text!r} is no budget: write a number of nodes, or 0% to 100%")
        if match["nodes"]:
            return cls(nodes=int(match["nodes"]))
        return cls(share=int(match["share"]) / 100)

    def most(self, running: int) -> int:
        """Nodes that may drift while ``running`` run; a share is rounded up, as Karpenter does."""
        if self.nodes is not None:
            return self.nodes
        hundredths = round(100 * (self.share or 0.0))
        return -(-running * hundredths // 100)

    def __str__(self) -> str:
        return f"{self.nodes}" if self.nodes is not None else f"{100 * (self.share or 0.0):.0f}%"


CAUTIOUS = ChurnBudget(share=0.1)
"""A tenth of the nodes: Karpenter's default for its own disruptions."""
