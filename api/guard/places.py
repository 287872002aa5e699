"""Where replacements may go, for nodes that are at risk: the market as the warehouse knows it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from advisor.replacement.deciding import Plan, decide
from advisor.replacement.places import Destination, Places
from advisor.replacement.records import Evidence, EvidenceKind, HandOver, Snapshot
from advisor.replacement.settings import GuardSettings, precision_seen
from api.answers import known_in
from api.guard.book import Facts, Lease
from api.settings import Settings

MARKET_FOR = timedelta(minutes=5)
"""How long a market that was read is looked at again: forecasts are made several times an hour,
and its arrays take a second to make."""


@dataclass(slots=True)
class PlaceFinder:
    """Finds places; the market is read when a node is at risk, and not before."""

    take: Lease
    settings: Settings
    judged: GuardSettings
    _markets: dict[tuple[str, str], tuple[datetime, Places]] = field(default_factory=dict)

    def of(
        self, snapshot: Snapshot, nodes: Sequence[str], now: datetime
    ) -> dict[str, list[Destination]]:
        """By node, best first.

        Raises:
            WarehouseError: the market cannot be read.
        """
        found: dict[str, list[Destination]] = {}
        for provider, region in sorted(_regions(snapshot, nodes)):
            places = self._places(provider, region, now)
            there = [one for one in nodes if _region(snapshot, one) == (provider, region)]
            found |= places.of(snapshot, there)
        return found

    def decide(
        self,
        snapshot: Snapshot,
        facts: Facts,
        evidence: Sequence[Evidence],
        known: Sequence[HandOver],
    ) -> Plan:
        """What is to be replaced, and where to, as `advisor.replacement.deciding.decide`."""
        judged = self._judged_by(facts)
        plan = decide(snapshot, facts.risks, evidence, known, judged)
        if not plan.at_risk:
            return plan
        places = self.of(snapshot, plan.at_risk, snapshot.taken_at)
        return decide(snapshot, facts.risks, evidence, known, judged, destinations=places)

    def _judged_by(self, facts: Facts) -> GuardSettings:
        """The settings, with how far the clouds are believed by what was seen of it."""
        kind = EvidenceKind.REBALANCE
        assumed = self.judged.precision.get(kind, 0.0)
        seen = {kind: precision_seen(assumed, *facts.rebalance)}
        return replace(self.judged, precision={**self.judged.precision, **seen})

    def _places(self, provider: str, region: str, now: datetime) -> Places:
        read_at, places = self._markets.get((provider, region), (None, None))
        if places is None or read_at is None or now - read_at > MARKET_FOR:
            with self.take() as warehouse:
                market = known_in(
                    warehouse, self.settings, now, provider=provider, regions=[region]
                )
            places = Places(market.universe, self.judged, now, self.settings.price_max_age)
            self._markets[provider, region] = now, places
        return places


def _region(snapshot: Snapshot, node: str) -> tuple[str, str] | None:
    pool = snapshot.nodes[node].pool
    return (pool.provider, pool.region) if pool else None


def _regions(snapshot: Snapshot, nodes: Sequence[str]) -> set[tuple[str, str]]:
    return {place for one in nodes if (place := _region(snapshot, one))}
