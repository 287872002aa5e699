"""Where replacements may go: known, fresh, allowed by the NodePool, and not at risk."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from advisor.hazards import Hazard
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.replacement.places import Destination, Places
from advisor.replacement.records import LeadTime, NodePoolState, Snapshot
from advisor.replacement.settings import Claims, GuardSettings
from advisor.universe import Universe
from tests.support.guard import a_node
from tests.support.market import NOW
from tests.support.offerings import offering
from tests.support.replacement import MINUTE
from warehouse.records import CapacityType, Offering

DAY = timedelta(days=1)
ALWAYS = GuardSettings(
    lead_times={"aws": LeadTime(10 * MINUTE, MINUTE, 2 * MINUTE)}, claims=Claims.ALWAYS
)
OLD = replace(offering("g5.xlarge", "use1-az6"), price_observed_at=NOW)
ZONE, SIZE = (
    replace(offering(name, zone), price_observed_at=NOW)
    for name, zone in (("g5.xlarge", "use1-az4"), ("g6.xlarge", "use1-az6"))
)


def a_hazard(per_hour: float, **given: Any) -> Hazard:
    """A forecast of an hour, issued now."""
    whole: dict[str, Any] = {
        "per_hour": per_hour,
        "low_per_hour": per_hour,
        "high_per_hour": per_hour,
        "share_low": 0.0,
        "share_high": 1.0,
        "definition": "spotcast.forecast",
        "source": "joint-1",
        "observed_at": NOW,
        "horizon": timedelta(hours=1),
    }
    return Hazard(**whole | given)


def places(
    *offerings: Offering,
    hazards: dict[Offering, Hazard] | None = None,
    settings: GuardSettings = ALWAYS,
    manifest: Any = None,
) -> list[Destination]:
    """Where a node of the old pool may be replaced."""
    risks = {one.pool: a_hazard(0.01) for one in offerings}
    risks |= {one.pool: hazard for one, hazard in (hazards or {}).items()}
    universe = Universe([OLD, *offerings], {pool: (one,) for pool, one in risks.items()})
    made = manifest or nodepool([OLD, *offerings], NodePoolSettings("gpu", "gpu"), {})
    there = Snapshot(
        NOW,
        {"n": a_node("n", OLD.pool)},
        {"gpu": NodePoolState("gpu", True, True, 10, made)},
        {},
    )
    return Places(universe, settings, NOW, DAY).of(there, ["n"]).get("n", [])


def named(found: list[Destination]) -> list[str]:
    return [f"{one.pool.instance_type} {one.pool.zone}" for one in found]


def test_the_cheapest_with_its_risk_comes_first_and_the_old_pool_never() -> None:
    dear = replace(ZONE, usd_per_hour=2.0)

    assert named(places(dear, SIZE)) == ["g6.xlarge use1-az6", "g5.xlarge use1-az4"]


@pytest.mark.parametrize(
    ("changed", "hazard"),
    [
        ({"price_observed_at": NOW - 2 * DAY}, a_hazard(0.01)),
        ({"usd_per_hour": None}, a_hazard(0.01)),
        ({"capacity_type": CapacityType.ON_DEMAND}, a_hazard(0.01)),
        ({}, a_hazard(0.01, observed_at=NOW - DAY)),
        ({}, a_hazard(5.0)),
        ({"instance_type": replace(SIZE.instance_type, vcpu=2.0)}, a_hazard(0.01)),
        ({"instance_type": replace(SIZE.instance_type, gpu_count=2)}, a_hazard(0.01)),
        ({"instance_type": replace(SIZE.instance_type, gpu_memory_gib=16.0)}, a_hazard(0.01)),
        ({"instance_type": replace(SIZE.instance_type, architecture="arm64")}, a_hazard(0.01)),
    ],
)
def test_what_is_old_unknown_at_risk_or_smaller_is_no_place(
    changed: dict[str, Any], hazard: Hazard
) -> None:
    other = replace(SIZE, **changed)

    assert named(places(ZONE, other, hazards={other: hazard})) == ["g5.xlarge use1-az4"]


def test_a_pool_of_unknown_risk_is_no_place() -> None:
    universe = Universe([OLD, ZONE], {})
    made = nodepool([OLD, ZONE], NodePoolSettings("gpu", "gpu"), {})
    there = Snapshot(
        NOW,
        {"n": a_node("n", OLD.pool)},
        {"gpu": NodePoolState("gpu", True, True, 10, made)},
        {},
    )

    assert Places(universe, ALWAYS, NOW, DAY).of(there, ["n"]) == {}


def test_a_type_s_regional_price_is_no_other_place_than_its_zones() -> None:
    regional = replace(OLD, pool=replace(OLD.pool, zone="*"))

    assert named(places(regional, SIZE)) == ["g6.xlarge use1-az6"]


@pytest.mark.parametrize(
    ("requirement", "is_allowed"),
    [
        ({"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["g6"]}, True),
        ({"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["g5"]}, False),
        ({"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "Gt", "values": ["0"]}, True),
        (
            {"key": "karpenter.k8s.aws/instance-gpu-name", "operator": "In", "values": ["a10g"]},
            True,
        ),
        ({"key": "karpenter.k8s.aws/instance-hypervisor", "operator": "In", "values": [""]}, False),
        ({"key": "example.com/team", "operator": "In", "values": ["llm"]}, True),
        ({"key": "spotcast.io/retire", "operator": "DoesNotExist"}, True),
    ],
)
def test_the_nodepool_must_allow_it_and_what_cannot_be_told_is_no(
    requirement: dict[str, Any], *, is_allowed: bool
) -> None:
    manifest = nodepool([OLD, SIZE], NodePoolSettings("gpu", "gpu"), {})
    manifest["spec"]["template"]["spec"]["requirements"] = [requirement]

    assert bool(places(SIZE, manifest=manifest)) is is_allowed


def test_a_claim_for_it_bears_our_mark_and_is_held_until_its_hand_over_is_over() -> None:
    (place,) = places(SIZE)

    assert place.manifest is not None
    about = place.manifest["metadata"]
    assert about["annotations"]["spotcast.io/held-by"] == "spotcast"
    assert about["annotations"]["karpenter.sh/do-not-disrupt"] == "true"
    asked = {one["key"]: one.get("values") for one in place.manifest["spec"]["requirements"]}
    assert asked["node.kubernetes.io/instance-type"] == ["g6.xlarge"]
    assert asked["topology.k8s.aws/zone-id"] == ["use1-az6"]


def test_no_claim_is_written_where_none_may_be_made() -> None:
    (never,) = places(SIZE, settings=replace(ALWAYS, claims=Claims.NEVER))
    foreign = nodepool([OLD, SIZE], NodePoolSettings("gpu", "gpu"), {})
    foreign["spec"]["template"]["spec"]["nodeClassRef"]["group"] = "karpenter.k8s.gcp"
    (other,) = places(SIZE, manifest=foreign)

    assert (never.manifest, other.manifest) == (None, None)


def test_a_place_is_told_with_its_price_and_its_risk() -> None:
    (place,) = places(SIZE)

    assert place.text == "g6.xlarge use1-az6 (1 USD/h, risk 0.15 %)"
