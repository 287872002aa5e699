"""Return to spot: when a workload that fell back to on-demand goes back, and when it leaves.

Spot comes back a minute after it was lost, and is lost again: who follows each change pays for a
restart every time. So a move wants a clear saving by the worst that the risk may be, a stay that
was long enough, a quiet time since the last loss, and a place among the moves of a day. What is
unknown or stale moves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from advisor.errors import AdvisorError
from advisor.hazards import window_text
from warehouse.records import CapacityType

SPOT, ON_DEMAND = CapacityType.SPOT, CapacityType.ON_DEMAND

DAY = timedelta(days=1)


class FallbackSettingsError(AdvisorError):
    """Settings with which a workload would flap; says which, and what they must be."""


@dataclass(frozen=True, slots=True)
class FallbackSettings:
    """What a move must bring, and how seldom it may be made.

    The times and the moves a day were chosen on the earlier half of each probed trace and judged
    on the later one (docs/return-to-spot.md).

    Raises:
        FallbackSettingsError: they would not keep a workload from flapping.
    """

    min_stay: timedelta = timedelta(minutes=30)
    """Shortest time in one place; several times what a GPU node needs to serve (5 to 8 min)."""
    margin_to_return: float = 0.10
    """Share of the on-demand price that spot must save, at the upper end of its risk."""
    margin_to_leave: float = 0.05
    """Share by which spot must be dearer than on demand, at the lower end of its risk."""
    quiet: timedelta = timedelta(minutes=30)
    """Time since spot was last lost or refused: losses come in bursts."""
    moves_per_day: int = 8
    """In any 24 hours, both ways together."""
    recheck: timedelta = timedelta(minutes=15)
    """When to ask again if only the market stands against a move; prices move more slowly."""

    def __post_init__(self) -> None:
        if not 0 <= self.margin_to_leave < self.margin_to_return < 1:
            raise FallbackSettingsError(
                f"margins: to leave {self.margin_to_leave:g}, to return {self.margin_to_return:g}; "
                f"give shares with 0 <= leave < return < 1, or prices at the border flap"
            )
        if self.min_stay <= timedelta(0) or self.recheck <= timedelta(0):
            raise FallbackSettingsError(
                "the minimum stay and the time to ask again must be above 0"
            )
        if self.quiet < timedelta(0) or self.moves_per_day < 1:
            raise FallbackSettingsError(
                f"quiet time {self.quiet} must not be negative, and the moves a day "
                f"({self.moves_per_day}) 1 or more"
            )


@dataclass(frozen=True, slots=True)
class Stay:
    """Where a workload is, since when, and how it came there. Times are aware, UTC.

    ``lost_at`` is when spot was last lost or refused; None for never, as far as is known.
    ``moves`` are the times of earlier decisions to move; older than a day they do not matter.
    """

    capacity_type: CapacityType
    since: datetime
    lost_at: datetime | None = None
    moves: tuple[datetime, ...] = ()

    def moved(self, to: CapacityType, now: datetime) -> "Stay":
        """The stay after a decision to move."""
        recent = tuple(one for one in self.moves if now - one < DAY)
        return replace(self, capacity_type=to, since=now, moves=(*recent, now))

    def lost(self, now: datetime) -> "Stay":
        """The stay after spot was lost: on demand, by nobody's decision."""
        return replace(self, capacity_type=ON_DEMAND, since=now, lost_at=now)

    def refused(self, now: datetime) -> "Stay":
        """The stay after spot was asked for, or probed, in vain."""
        return replace(self, lost_at=now)


@dataclass(frozen=True, slots=True)
class SpotOffer:
    """One pool as the decision sees it: what an hour in it is expected to cost, all in USD.

    The three costs are price plus hazard times the cost of one interruption, at the lower end, the
    middle and the upper end of the risk. None is unknown; ``cost_high_usd_per_hour`` is also None
    where the risk has no upper end. ``is_obtainable`` is what was last seen of its capacity: None
    if nobody has looked.
    """

    name: str
    cost_low_usd_per_hour: float | None
    cost_usd_per_hour: float | None
    cost_high_usd_per_hour: float | None
    on_demand_usd_per_hour: float | None
    is_stale: bool = False
    is_obtainable: bool | None = None

    def doubt(self) -> str | None:
        """Why its cost cannot be compared, in words; None if it can."""
        if self.on_demand_usd_per_hour is None:
            return f"the on-demand price of {self.name} is unknown"
        if self.cost_usd_per_hour is None or self.cost_low_usd_per_hour is None:
            return f"the price or the risk of {self.name} is unknown, and unknown is not safe"
        if self.is_stale:
            return f"what is known of {self.name} is stale"
        return None


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the workload should be now. ``offer`` is the pool to go to, None unless it returns."""

    capacity_type: CapacityType
    is_move: bool
    reason: str
    ask_again_at: datetime
    offer: SpotOffer | None = None


def decide(
    stay: Stay, offers: Sequence[SpotOffer], now: datetime, settings: FallbackSettings
) -> Decision:
    """Whether to move between spot and on-demand now.

    Args:
        stay: where the workload is.
        offers: of the pools it may run in, best first. On spot, those of the pool it is in.
        now: the moment of the decision, not before ``stay.since``.
        settings: what a move must bring.
    """
    if waits := _waits(stay, now, settings):
        until, reason = waits
        return Decision(stay.capacity_type, False, reason, until)
    chosen, reason = _judged(stay, offers, settings)
    if not chosen:
        return Decision(stay.capacity_type, False, reason, now + settings.recheck)
    to = ON_DEMAND if stay.capacity_type is SPOT else SPOT
    offer = chosen if to is SPOT else None
    return Decision(to, True, reason, now + settings.min_stay, offer)


def _waits(stay: Stay, now: datetime, settings: FallbackSettings) -> tuple[datetime, str] | None:
    """Until when no move is made whatever the market says, and why; None if one may be made."""
    waits = [
        (stay.since + settings.min_stay, f"the minimum stay of {window_text(settings.min_stay)}")
    ]
    recent = sorted(one for one in stay.moves if now - one < DAY)
    if len(recent) >= settings.moves_per_day:
        oldest = recent[-settings.moves_per_day]
        waits.append((oldest + DAY, f"{_count(len(recent), 'move')} within a day"))
    if stay.capacity_type is ON_DEMAND and stay.lost_at is not None:
        waits.append(
            (
                stay.lost_at + settings.quiet,
                f"spot was lost less than {window_text(settings.quiet)} ago",
            )
        )
    until, why = max(waits)
    if until <= now:
        return None
    return until, f"stays {_place(stay)}: {why}"


def _judged(
    stay: Stay, offers: Sequence[SpotOffer], settings: FallbackSettings
) -> tuple[SpotOffer | None, str]:
    """The offer that makes it move, if one does, and the sentence that says why or why not."""
    if not offers:
        return None, f"stays {_place(stay)}: no spot offering is known"
    if stay.capacity_type is SPOT:
        return _left(offers, settings)
    against = []
    for offer in offers:
        refusal = _refusal(offer, settings)
        if refusal is None:
            return offer, _returning(offer)
        against.append(refusal)
    others = len(offers) - 1
    more = f"; {_count(others, 'other offer')} no better" if others else ""
    return None, f"stays on demand: {against[0]}{more}"


def _refusal(offer: SpotOffer, settings: FallbackSettings) -> str | None:
    """Why not to return to this offer; None if nothing stands against it."""
    if doubt := offer.doubt():
        return doubt
    if offer.is_obtainable is False:
        return f"{offer.name} had no capacity when it was last asked"
    listed, high = offer.on_demand_usd_per_hour, offer.cost_high_usd_per_hour
    if listed is None or high is None:
        return f"the risk of {offer.name} has no upper end, so it may cost anything"
    most = listed * (1 - settings.margin_to_return)
    if high > most:
        return (
            f"{offer.name} may cost up to {high:.4f} USD an hour, interruptions included, and "
            f"would have to stay below {most:.4f} ({listed:.4f} on demand)"
        )
    return None


def _returning(offer: SpotOffer) -> str:
    caution = (
        ""
        if offer.is_obtainable
        else "; nobody has seen its capacity, so start it before the other one ends"
    )
    return (
        f"returns to spot: {offer.name} costs at most {offer.cost_high_usd_per_hour:.4f} USD an "
        f"hour, interruptions included, against {offer.on_demand_usd_per_hour:.4f} on demand"
        f"{caution}"
    )


def _left(offers: Sequence[SpotOffer], settings: FallbackSettings) -> tuple[SpotOffer | None, str]:
    """Leave if each offer is surely dearer than on demand, by its own list price."""
    for offer in offers:
        listed, low = offer.on_demand_usd_per_hour, offer.cost_low_usd_per_hour
        if (doubt := offer.doubt()) or listed is None or low is None:
            return None, f"stays on spot: {doubt}"
        least = listed * (1 + settings.margin_to_leave)
        if low <= least:
            return None, (
                f"stays on spot: {offer.name} may cost as little as {low:.4f} USD an hour, and "
                f"on demand wins above {least:.4f}"
            )
    best = offers[0]
    return best, (
        f"leaves spot: {best.name} costs at least {best.cost_low_usd_per_hour:.4f} USD an hour, "
        f"interruptions included, against {best.on_demand_usd_per_hour:.4f} on demand"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _place(stay: Stay) -> str:
    return "on spot" if stay.capacity_type is SPOT else "on demand"
