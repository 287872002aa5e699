"""The guard that a server runs, as the rest of the server sees it."""

from typing import Protocol

from advisor.replacement.records import HandOver
from api.guard.report import Mode, Report
from warehouse.replacements import ASKED_BY, ASKED_KEY

__all__ = ["ASKED_BY", "ASKED_KEY", "GuardWatch"]


class GuardWatch(Protocol):
    """One cluster that is guarded while the server runs."""

    @property
    def mode(self) -> Mode:
        """How far the guard may go."""
        ...

    def latest(self) -> Report | None:
        """What the last look that ended brought; None before the first."""
        ...

    def ask_for(self, node: str, reason: str, by: str, key: str | None = None) -> HandOver:
        """Begin the hand-over of a node that somebody asks for; the guard carries it out.

        ``by`` and ``key`` are kept in its detail as `ASKED_BY` and `ASKED_KEY`; it is stored when
        this returns. Only called of a guard whose mode is `Mode.ACT`.
        `api.guard.asking.hand_over_of` makes it, `Guard.start` notes it.

        Raises:
            RefusedError: the node is not there, is protected, has a hand-over under way, or a
                budget is spent; says why.
            ClusterError: the cluster cannot be asked now.
            WarehouseError: it cannot be noted.
        """
        ...
