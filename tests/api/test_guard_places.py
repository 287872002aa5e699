"""Where replacements may go, as the warehouse knows: read for nodes at risk, and told to people."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.replacement.deciding import Decision, Kept
from advisor.replacement.records import Evidence, EvidenceKind, Mechanism, Snapshot
from advisor.replacement.settings import Claims, GuardSettings
from api.guard.book import Facts
from api.guard.places import MARKET_FOR, PlaceFinder
from api.settings import settings_from
from tests.support.guard import a_cluster, a_forecast, foretell
from tests.support.market import NOW, a_pool, a_price, a_shape
from tests.support.offerings import offering
from tests.support.replacement import a_risk
from warehouse.frames import frames_of
from warehouse.records import Record
from warehouse.store import Warehouse

BAD, GOOD = a_pool(), a_pool("g6.xlarge")
FACTS = Facts([], [], {BAD: a_risk(0.9)}, [])


@dataclass
class Shop:
    """A warehouse that counts how often it was opened."""

    warehouse: Warehouse
    opened: int = 0

    @contextmanager
    def take(self) -> Generator[Warehouse]:
        """Open it."""
        self.opened += 1
        yield self.warehouse


def stocked(warehouse: Warehouse, *, forecast_age: timedelta = timedelta(0)) -> Shop:
    """A market of two pools, of which a forecast says that the second is safe."""
    foretell(
        warehouse,
        *(
            a_forecast(minutes, 0.01, age=forecast_age) | {"instance_type": "g6.xlarge"}
            for minutes in (15, 60)
        ),
    )
    records: list[Record] = [
        *(a_price(0.4, pool, NOW - timedelta(hours=1)) for pool in (BAD, GOOD)),
        *(a_shape(pool.instance_type) for pool in (BAD, GOOD)),
    ]
    with warehouse.transaction():
        for table, frame in frames_of(warehouse, records):
            warehouse.append(table, frame)
    return Shop(warehouse)


def seen(*names: str) -> Snapshot:
    """Nodes of the bad pool, in a NodePool of both."""
    cluster = a_cluster(*names)
    offerings = [offering(one.instance_type, one.zone) for one in (BAD, GOOD)]
    manifest = nodepool(offerings, NodePoolSettings("gpu", "gpu"), {})
    cluster.nodepools["gpu"] = replace(cluster.nodepools["gpu"], manifest=manifest)
    return cluster.snapshot(NOW)


def test_a_node_at_risk_is_told_where_its_replacement_should_go(warehouse: Warehouse) -> None:
    shop = stocked(warehouse)
    never = GuardSettings(claims=Claims.NEVER)
    finder = PlaceFinder(shop.take, settings_from({}), never)

    (made,) = finder.decide(seen("a"), FACTS, [], []).decisions

    assert made.destinations == (GOOD,)
    assert "good now: g6.xlarge use1-az4 (0.4 USD/h, risk" in made.reason


def test_claims_go_to_the_best_place(warehouse: Warehouse) -> None:
    always = GuardSettings(claims=Claims.ALWAYS)
    finder = PlaceFinder(stocked(warehouse).take, settings_from({}), always)

    (made,) = finder.decide(seen("a"), FACTS, [], []).decisions

    assert made.mechanism is Mechanism.CLAIM
    assert '"g6.xlarge"' in made.detail["manifests"]


def test_the_market_is_read_when_a_node_is_at_risk_and_not_at_each_look(
    warehouse: Warehouse,
) -> None:
    shop = stocked(warehouse)
    finder = PlaceFinder(shop.take, settings_from({}), GuardSettings())

    finder.decide(seen("a"), replace(FACTS, risks={}), [], [])
    assert shop.opened == 0
    for minutes in (0, 4):
        there = replace(seen("a"), taken_at=NOW + timedelta(minutes=minutes))
        finder.decide(there, FACTS, [], [])
    assert shop.opened == 1
    finder.decide(replace(seen("a"), taken_at=NOW + 2 * MARKET_FOR), FACTS, [], [])
    assert shop.opened == 2


def test_a_forecast_that_is_stale_names_no_place(warehouse: Warehouse) -> None:
    shop = stocked(warehouse, forecast_age=timedelta(hours=3))
    finder = PlaceFinder(shop.take, settings_from({}), GuardSettings())

    (made,) = finder.decide(seen("a"), FACTS, [], []).decisions

    assert made.destinations == ()
    assert "good now" not in made.reason


def test_a_rebalance_recommendation_is_believed_by_what_became_of_the_last_ones(
    warehouse: Warehouse,
) -> None:
    finder = PlaceFinder(stocked(warehouse).take, settings_from({}), GuardSettings())
    said = [Evidence("a", EvidenceKind.REBALANCE, NOW)]

    def reason(taken: int, told: int) -> str:
        facts = replace(FACTS, risks={}, rebalance=(taken, told))
        plan = finder.decide(seen("a"), facts, said, [])
        made: list[Decision | Kept] = [*plan.decisions, *plan.kept]
        return made[0].reason

    assert "rebalance_recommendation (right in 30 %)" in reason(0, 0)
    assert "not above the 20 %" in reason(0, 30)
    assert "rebalance_recommendation (right in 12 %)" in reason(0, 30)
    assert "rebalance_recommendation (right in 65 %)" in reason(20, 20)
