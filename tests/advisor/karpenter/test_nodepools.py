"""Several NodePools: by zone they say exactly the choice, as a pair spot goes first."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import ManifestError
from advisor.karpenter.nodepool import NodePoolSettings
from advisor.karpenter.nodepools import marked_name, nodepools
from tests.support.karpenter import PROVIDERS, choices
from tests.support.offerings import offering
from warehouse.records import REGIONAL, CapacityType, Offering

SETTINGS = NodePoolSettings(name="gpu", node_class="gpu", taint_gpu_nodes=False)
TYPE = "node.kubernetes.io/instance-type"
KIND = "karpenter.sh/capacity-type"

Way = tuple[str, str, str]


def values(manifest: dict[str, Any], *keys: str) -> list[str]:
    requirements = manifest["spec"]["template"]["spec"]["requirements"]
    return next((one["values"] for one in requirements if one["key"] in keys), [])


def allowed(manifest: dict[str, Any]) -> set[Way]:
    zones = values(manifest, "topology.kubernetes.io/zone", "topology.k8s.aws/zone-id")
    return set(product(values(manifest, TYPE), zones or [REGIONAL], values(manifest, KIND)))


def chosen_ways(chosen: list[Offering]) -> set[Way]:
    zones = {one.pool.zone for one in chosen} - {REGIONAL}
    return {
        (one.pool.instance_type, zone, one.capacity_type.value)
        for one in chosen
        for zone in (zones if zones and one.pool.zone == REGIONAL else {one.pool.zone})
    }


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PROVIDERS).flatmap(choices))
def test_nodepools_by_zone_allow_exactly_the_choice(chosen: list[Offering]) -> None:
    manifests = nodepools(chosen, SETTINGS, {}, per_zone=True)

    assert set().union(*map(allowed, manifests)) == chosen_ways(chosen)
    names = [manifest["metadata"]["name"] for manifest in manifests]
    assert len(set(names)) == len(names)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(PROVIDERS).flatmap(choices), st.randoms(use_true_random=False))
def test_the_names_and_lists_do_not_hang_on_the_order_of_offerings(
    chosen: list[Offering], random: Any
) -> None:
    shuffled = random.sample(chosen, len(chosen))

    def told(offerings: list[Offering]) -> dict[str, set[Way]]:
        manifests = nodepools(offerings, SETTINGS, {}, per_zone=True)
        return {one["metadata"]["name"]: allowed(one) for one in manifests}

    assert told(chosen) == told(shuffled)


def pair() -> list[Offering]:
    spot = [offering("g6.xlarge", "use1-az6"), offering("g5.xlarge", "use1-az4")]
    return spot + [replace(one, capacity_type=CapacityType.ON_DEMAND) for one in spot]


def test_of_a_pair_spot_has_the_higher_weight_and_each_its_own_kind() -> None:
    spot, fallback = nodepools(pair(), SETTINGS, {}, with_fallback=True)

    assert (spot["metadata"]["name"], fallback["metadata"]["name"]) == ("gpu", "gpu-on-demand")
    assert (spot["spec"]["weight"], fallback["spec"]["weight"]) == (50, 1)
    assert (values(spot, KIND), values(fallback, KIND)) == (["spot"], ["on-demand"])
    assert values(spot, TYPE) == values(fallback, TYPE)


def test_a_pair_by_zone_is_a_pair_in_each_zone() -> None:
    manifests = nodepools(pair(), SETTINGS, {}, per_zone=True, with_fallback=True)

    assert {one["metadata"]["name"]: one["spec"]["weight"] for one in manifests} == {
        "gpu-use1-az4": 50,
        "gpu-use1-az6": 50,
        "gpu-on-demand-use1-az4": 1,
        "gpu-on-demand-use1-az6": 1,
    }


def test_a_regional_fallback_opens_no_zone_that_was_not_chosen() -> None:
    chosen = [
        offering("g6.xlarge", "use1-az6"),
        offering("g6.xlarge", capacity_type=CapacityType.ON_DEMAND),
    ]

    _, fallback = nodepools(chosen, SETTINGS, {}, with_fallback=True)

    assert values(fallback, "topology.k8s.aws/zone-id") == ["use1-az6"]


def test_the_users_own_weight_is_that_of_spot() -> None:
    spot, fallback = nodepools(pair(), replace(SETTINGS, weight=7), {}, with_fallback=True)

    assert (spot["spec"]["weight"], fallback["spec"]["weight"]) == (7, 1)


@pytest.mark.parametrize(
    ("chosen", "weight", "complaint"),
    [
        (pair()[:2], None, "nothing was chosen on demand"),
        (pair()[2:], None, "nothing was chosen spot"),
        (pair(), 1, "leaves none below it"),
    ],
)
def test_a_pair_that_is_none_is_refused(
    chosen: list[Offering], weight: int | None, complaint: str
) -> None:
    with pytest.raises(ManifestError, match=complaint):
        nodepools(chosen, replace(SETTINGS, weight=weight), {}, with_fallback=True)


def test_on_alibaba_cloud_architectures_part_by_zone() -> None:
    chosen = [
        offering("ecs.gn7i-c8g1.2xlarge", "cn-hangzhou-i", provider="alibaba"),
        offering("ecs.g8y.large", "cn-hangzhou-i", provider="alibaba", architecture="arm64"),
    ]

    names = [one["metadata"]["name"] for one in nodepools(chosen, SETTINGS, {}, per_zone=True)]

    assert names == ["gpu-amd64-spot-cn-hangzhou-i", "gpu-arm64-spot-cn-hangzhou-i"]


@given(
    st.lists(st.from_regex(r"[a-z]{1,9}-[0-9]", fullmatch=True), max_size=12), st.integers(1, 63)
)
def test_a_name_is_never_too_long_and_tells_marks_apart(marks: list[str], length: int) -> None:
    name = "n" * length

    assert len(marked_name(name, marks)) <= 63
    assert marked_name(name, [*marks, "a"]) != marked_name(name, [*marks, "b"])
