"""What the lists of a NodePool let in beyond the choice."""

from advisor.karpenter.requirements import cross_product_extras, unchosen_offerings
from tests.support.offerings import offering
from warehouse.records import CapacityType, Pool

ON_DEMAND = CapacityType.ON_DEMAND


def test_pairs_that_nobody_chose_are_named() -> None:
    chosen = [offering("g6.xlarge", "use1-az6"), offering("g5.xlarge", "use1-az4")]

    assert cross_product_extras(chosen) == [
        Pool("aws", "us-east-1", "use1-az4", "g6.xlarge"),
        Pool("aws", "us-east-1", "use1-az6", "g5.xlarge"),
    ]


def test_a_full_grid_has_no_extras() -> None:
    chosen = [
        offering(name, zone)
        for name in ("g5.xlarge", "g6.xlarge")
        for zone in ("use1-az4", "use1-az6")
    ]

    assert cross_product_extras(chosen) == []


def test_one_type_in_one_zone_has_no_extras() -> None:
    assert cross_product_extras([offering("g5.xlarge", "use1-az4")]) == []


def test_no_choice_has_no_extras() -> None:
    assert cross_product_extras([]) == []


def test_a_regional_fallback_of_the_same_type_has_no_extras() -> None:
    chosen = [offering("g5.xlarge", "use1-az4"), offering("g5.xlarge", capacity_type=ON_DEMAND)]

    assert cross_product_extras(chosen) == []


def test_a_type_chosen_on_demand_only_is_an_extra_on_spot() -> None:
    chosen = [offering("g5.xlarge", "use1-az4"), offering("g6.xlarge", capacity_type=ON_DEMAND)]

    assert unchosen_offerings(chosen) == [
        (Pool("aws", "us-east-1", "use1-az4", "g5.xlarge"), CapacityType.ON_DEMAND),
        (Pool("aws", "us-east-1", "use1-az4", "g6.xlarge"), CapacityType.SPOT),
    ]


def test_regional_offerings_are_compared_for_the_whole_region() -> None:
    chosen = [offering("g5.xlarge"), offering("g6.xlarge", capacity_type=ON_DEMAND)]

    assert cross_product_extras(chosen) == [
        Pool("aws", "us-east-1", "*", "g5.xlarge"),
        Pool("aws", "us-east-1", "*", "g6.xlarge"),
    ]
