"""Which values of a list change now: a type comes or goes for a margin, not for a cent.

Prices move every hour; a list that followed them would move nodes every hour. So a listed value
leaves only when it is clearly dearer than the dearest that is wanted, a new one comes in only where
there is room or it is clearly cheaper than one that stays, neither before the last list has stood
for a while, and nothing leaves on the word of old data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from advisor.errors import AdvisorError

Costs = Mapping[str, float | None]
"""Expected USD per hour by value; None is offered at an unknown cost, absent is not offered."""


class HysteresisError(AdvisorError):
    """The margin or the stay makes no sense; says what would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hysteresis:
    """When a difference counts.

    Raises:
        HysteresisError: a negative margin or stay.
    """

    margin_share: float = 0.05
    """How much dearer or cheaper in expected cost. Spot prices of one pool move a few percent a
    day; 5 % is more than that noise and less than the gap between neighbouring types."""
    min_stay: timedelta = timedelta(hours=6)
    """How long an applied list stands before costs may change it: longer than a day's peak."""

    def __post_init__(self) -> None:
        if not 0 <= self.margin_share < 1:
            raise HysteresisError(f"a margin of {self.margin_share:g}: write a share from 0 to 1")
        if self.min_stay < timedelta(0):
            raise HysteresisError("a stay below zero: write a duration such as 6h")


@dataclass(frozen=True, slots=True)
class Held:
    """A value that stays though it is not wanted, or waits though it is; ``reason`` says why."""

    action: Literal["stays", "waits"]
    key: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to judge a list by; ``applied_at`` is None if we never applied it."""

    costs: Costs
    now: datetime
    applied_at: datetime | None
    is_stale: bool
    hysteresis: Hysteresis | None
    """None: every difference counts, but for what stale data would take out."""

    @property
    def is_recent(self) -> bool:
        """Whether the list in force has not yet stood for long enough."""
        if self.applied_at is None or self.hysteresis is None:
            return False
        return self.now - self.applied_at < self.hysteresis.min_stay

    def order(self, value: str) -> tuple[bool, float, str]:
        """Cheapest first, unknown costs last: the room that there is goes to the best."""
        cost = self.costs.get(value)
        return (cost is None, cost or 0.0, value)

    def dearest(self, values: Sequence[str]) -> float | None:
        """The highest known cost among the values; None if none is known."""
        costs = [self.costs.get(value) for value in values]
        return max((cost for cost in costs if cost is not None), default=None)


def settled(
    key: str, current: Sequence[str], wanted: Sequence[str], evidence: Evidence
) -> tuple[list[str], list[Held]]:
    """The values to write now, wanted ones first, and what is held back and why."""
    held = []
    cutoff = evidence.dearest(wanted)
    staying = []
    for value in current:
        if value in wanted:
            continue
        if reason := _why_it_stays(evidence.costs.get(value), value, cutoff, evidence):
            staying.append(value)
            held.append(Held("stays", key, value, reason))
    kept = [value for value in wanted if value in current] + staying
    ceiling, room = evidence.dearest(kept), len(wanted) - len(kept)
    entering = []
    for value in sorted(set(wanted) - set(current), key=evidence.order):
        if reason := _why_it_waits(evidence.costs.get(value), ceiling, room, evidence):
            held.append(Held("waits", key, value, reason))
        else:
            entering.append(value)
            room -= 1
    written = [value for value in wanted if value in current or value in entering]
    return written + staying, held


def _why_it_stays(
    cost: float | None, value: str, cutoff: float | None, evidence: Evidence
) -> str | None:
    if evidence.is_stale:
        return "the data is too old to take anything out by"
    if evidence.hysteresis is None or value not in evidence.costs:
        return None
    if cutoff is None:
        return "no risk is known of what would replace it"
    if cost is None:
        # Unknown is never taken for safe: it makes room for what is known.
        return None
    margin = evidence.hysteresis.margin_share
    if cost <= cutoff * (1 + margin):
        return (
            f"at {cost:.4f} USD an hour it is within {margin:.0%} of {cutoff:.4f}, "
            "the dearest that is wanted"
        )
    return _too_soon(evidence)


def _why_it_waits(
    cost: float | None, ceiling: float | None, room: int, evidence: Evidence
) -> str | None:
    if room > 0 or evidence.hysteresis is None:
        return None
    if cost is None:
        return "its risk is unknown and the list is full"
    if ceiling is None:
        return None
    margin = evidence.hysteresis.margin_share
    if cost * (1 + margin) >= ceiling:
        return (
            f"at {cost:.4f} USD an hour it is not {margin:.0%} cheaper than {ceiling:.4f}, "
            "the dearest that stays"
        )
    return _too_soon(evidence)


def _too_soon(evidence: Evidence) -> str | None:
    if evidence.applied_at is None or evidence.hysteresis is None or not evidence.is_recent:
        return None
    hours = (evidence.now - evidence.applied_at).total_seconds() / 3600
    least = evidence.hysteresis.min_stay.total_seconds() / 3600
    return f"the list was applied {hours:.1f} h ago and stands for at least {least:g} h"
