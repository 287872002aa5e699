"""Pods on offerings: every pod in one place or told why not, and no promise broken."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.packing import (
    Costs,
    NodeSettings,
    Packing,
    PackingSettings,
    Pod,
    Taint,
    Toleration,
    Workload,
    pack,
    smallest_machine,
    utilisation,
    wasted_usd_per_hour,
)
from advisor.packing.pods import Expression, Separation
from tests.support.market import a_pool, a_shape, an_offering
from warehouse.records import CapacityType, Offering

ZONE, TYPE = "topology.kubernetes.io/zone", "node.kubernetes.io/instance-type"
GPU = "nvidia.com/gpu"
BEARS_GPUS = (Toleration(GPU, "Exists"),)


def a_machine(
    name: str, vcpu: float, memory_gib: float, usd: float, zone: str = "us-east-1a", **more: object
) -> Offering:
    kind = {"gpu_name": None, "gpu_count": 0, "gpu_memory_gib": None} | more
    shape = a_shape(name, vcpu=vcpu, memory_gib=memory_gib, **kind)  # type: ignore[arg-type] # by name
    return an_offering(usd, pool=a_pool(name, zone), shape=shape)


M5 = [a_machine("m5.large", 2, 8, 0.1), a_machine("m5.xlarge", 4, 16, 0.19)]
G5 = a_machine("g5.xlarge", 4, 16, 0.5, gpu_name="A10G", gpu_count=1, gpu_memory_gib=24)


def a_pod(name: str = "a", cpu: int = 500, memory: int = 1024, **more: object) -> Pod:
    gpus = more.pop("gpus", 0)
    requests = {"cpu": cpu, "memory": memory} | ({GPU: gpus} if gpus else {})
    return Pod(name=name, requests=requests, **more)  # type: ignore[arg-type] # by name


def priced(offerings: Sequence[Offering]) -> Costs:
    return {
        (one.pool, one.capacity_type): one.usd_per_hour
        for one in offerings
        if one.usd_per_hour is not None
    }


def packed(
    pods: Sequence[Pod],
    offerings: Sequence[Offering],
    *,
    daemons: Sequence[Pod] = (),
    how: PackingSettings | None = None,
) -> Packing:
    packing = pack(Workload(tuple(pods), tuple(daemons)), offerings, priced(offerings), how)
    check(packing, pods)
    return packing


def check(packing: Packing, pods: Sequence[Pod]) -> None:
    """What holds of every packing."""
    placed: Counter[str] = Counter()
    for node in packing.nodes:
        for pod, count in node.pods:
            placed[pod.name] += count
        for resource, used in node.used.items():
            assert used <= node.allocatable.get(resource, 0)
            asked = sum(pod.requests.get(resource, 0) * count for pod, count in node.pods)
            assert used == (node.pod_count if resource == "pods" else asked)
    for one in packing.unplaced:
        placed[one.pod.name] += one.count
        assert one.reason
        assert one.remedy
    wanted: Counter[str] = Counter()
    for pod in pods:
        wanted[pod.name] += pod.count
    assert placed == wanted
    assert packing.usd_per_hour == pytest.approx(sum(one.usd_per_hour for one in packing.nodes))
    assert 0 <= packing.gap < 1
    assert packing.bound_usd_per_hour <= packing.usd_per_hour * (1 + 1e-9)
    assert packing.first_fit_usd_per_hour >= packing.bound_usd_per_hour * (1 - 1e-9)


def types(packing: Packing) -> list[str]:
    return [node.offering.pool.instance_type for node in packing.nodes]


def reason(packing: Packing) -> str:
    (only,) = packing.unplaced
    return f"{only.reason}: {only.remedy}"


def test_pods_go_to_the_cheapest_machine_that_holds_them_after_its_overhead() -> None:
    assert types(packed([a_pod(count=3)], M5)) == ["m5.large"]
    assert types(packed([a_pod(count=4)], M5)) == ["m5.xlarge"]  # 4 x 500m is more than 1930m


def test_a_packing_of_few_pods_is_proven_to_be_the_least() -> None:
    packing = packed([a_pod(count=5), a_pod("b", cpu=1500)], M5)

    assert packing.is_optimal


def test_an_offering_without_a_known_cost_is_never_bought() -> None:
    cheap = a_machine("m5.large", 2, 8, 0.01)
    packing = pack(Workload((a_pod(),), ()), [cheap, M5[1]], priced([M5[1]]))

    assert types(packing) == ["m5.xlarge"]
    assert packing.without_cost == 1


def test_the_cost_that_is_given_decides_and_not_the_price() -> None:
    costs = {(M5[0].pool, CapacityType.SPOT): 9.0, (M5[1].pool, CapacityType.SPOT): 1.0}

    assert types(pack(Workload((a_pod(),), ()), M5, costs)) == ["m5.xlarge"]


def test_a_node_selector_is_honoured() -> None:
    pod = a_pod(node_selector=(Expression(TYPE, "In", ("m5.xlarge",)),))

    assert types(packed([pod], M5)) == ["m5.xlarge"]


def test_one_term_of_node_affinity_is_enough() -> None:
    never = (Expression(TYPE, "In", ("x1.large",)),)
    large = (Expression("karpenter.k8s.aws/instance-cpu", "Gt", ("3",)),)

    assert types(packed([a_pod(node_affinity=(never, large))], M5)) == ["m5.xlarge"]


def test_a_capacity_type_can_be_asked_for() -> None:
    listed = replace(M5[0], capacity_type=CapacityType.ON_DEMAND, usd_per_hour=0.2)
    pod = a_pod(node_selector=(Expression("karpenter.sh/capacity-type", "In", ("on-demand",)),))
    packing = packed([pod, a_pod("b")], [M5[0], listed])

    assert {one.offering.capacity_type for one in packing.nodes} == {CapacityType.ON_DEMAND}


def test_a_gpu_node_takes_only_pods_that_tolerate_its_taint() -> None:
    plain, tolerant = a_pod("plain"), a_pod("tolerant", gpus=1, tolerations=BEARS_GPUS)
    packing = packed([plain, tolerant], [*M5, G5])

    assert types(packing) == ["g5.xlarge", "m5.large"]
    assert reason(packed([a_pod(gpus=1)], [*M5, G5])) == (
        "it asks for 1 of nvidia.com/gpu, and the largest of 2 offerings has 0 left for pods: "
        "ask for less, or for larger machines"
    )


def test_without_the_taint_a_gpu_nodes_rest_is_used_by_others() -> None:
    how = PackingSettings(node=NodeSettings(taint_accelerators=False))
    pods = [a_pod("plain"), a_pod("tolerant", gpus=1, tolerations=BEARS_GPUS)]

    assert types(packed(pods, [*M5, G5], how=how)) == ["g5.xlarge"]


def test_a_taint_of_the_nodepool_keeps_pods_off() -> None:
    how = PackingSettings(node=NodeSettings(taints=(Taint("team", "ml"),)))
    bears = a_pod("b", tolerations=(Toleration("team", "Equal", "ml"),))
    packing = packed([a_pod(), bears], M5, how=how)

    assert [one.pod.name for one in packing.unplaced] == ["a"]
    assert "does not tolerate the taint team=ml:NoSchedule" in reason(packing)


def test_a_label_that_no_node_has_is_named_with_the_remedy() -> None:
    pod = a_pod(node_selector=(Expression("tier", "In", ("gold",)),))

    assert "wants tier in (gold), a label that no node has" in reason(packed([pod], M5))
    how = PackingSettings(node=NodeSettings(labels={"tier": "gold"}))
    assert packed([pod], M5, how=how).unplaced == ()


def test_a_pod_too_large_for_every_machine_is_told_what_the_largest_has() -> None:
    assert "8 cores of cpu, and the largest of 2 offerings has 3.92 cores" in reason(
        packed([a_pod(cpu=8000)], M5)
    )


def test_a_pod_that_names_no_architecture_is_not_sent_to_arm() -> None:
    graviton = a_machine("m6g.large", 2, 8, 0.01, architecture="arm64")
    named = a_pod("b", node_selector=(Expression("kubernetes.io/arch", "In", ("arm64",)),))

    assert types(packed([a_pod(), named], [*M5, graviton])) == ["m5.large", "m6g.large"]
    assert types(packed([a_pod()], [*M5, graviton], how=PackingSettings(architecture=None))) == [
        "m6g.large"
    ]


def test_daemons_take_room_on_every_node_that_they_may_run_on() -> None:
    daemon = a_pod("logs", cpu=500, memory=100)
    gpu_only = replace(daemon, node_selector=(Expression(TYPE, "In", ("g5.xlarge",)),))

    assert types(packed([a_pod(count=3)], M5, daemons=[daemon])) == ["m5.xlarge"]
    assert types(packed([a_pod(count=3)], M5, daemons=[gpu_only])) == ["m5.large"]


def apart(topology: Literal["hostname", "zone"], skew: int | None = None) -> tuple[Separation, ...]:
    selector = (Expression("app", "In", ("a",)),)
    return (Separation(topology, selector, (), skew, is_spread=skew is not None),)


APP = {"app": "a"}


def test_pods_that_keep_apart_by_node_get_a_node_each() -> None:
    packing = packed([a_pod(count=3, labels=APP, separations=apart("hostname"))], M5)

    assert [node.pod_count for node in packing.nodes] == [1, 1, 1]


def test_keeping_apart_binds_pods_of_another_kind_that_are_selected() -> None:
    loner = a_pod("loner", labels={"app": "b"}, separations=apart("hostname"))
    packing = packed([loner, a_pod(labels=APP), a_pod("c", cpu=100)], M5)

    for node in packing.nodes:
        assert {"loner", "a"} - {pod.name for pod, _ in node.pods}


def test_a_spread_over_nodes_puts_no_more_than_its_skew_on_one() -> None:
    packing = packed([a_pod(count=5, cpu=100, labels=APP, separations=apart("hostname", 2))], M5)

    assert sorted(node.pod_count for node in packing.nodes) == [1, 2, 2]


ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def in_zones(pods: Packing) -> Counter[str | None]:
    found: Counter[str | None] = Counter()
    for node in pods.nodes:
        found[node.zone] += node.pod_count
    return found


def test_a_spread_over_zones_is_level_even_where_one_is_cheaper() -> None:
    dear = [
        a_machine("m5.large", 2, 8, usd, zone)
        for usd, zone in zip((0.1, 0.2, 0.3), ZONES, strict=True)
    ]
    packing = packed([a_pod(count=7, labels=APP, separations=apart("zone", 1))], dear)

    assert in_zones(packing) == {ZONES[0]: 3, ZONES[1]: 2, ZONES[2]: 2}


def test_a_regional_price_is_bought_in_the_zones_that_are_named() -> None:
    regional = [a_machine("m5.large", 2, 8, 0.1, "*")]
    pod = a_pod(count=3, labels=APP, separations=apart("zone", 1))

    assert set(in_zones(packed([pod], regional, how=PackingSettings(zones=ZONES)))) == set(ZONES)
    assert "name the zones" in reason(packed([pod], regional))


def test_pods_apart_by_zone_beyond_the_number_of_zones_have_no_place() -> None:
    two = [a_machine("m5.large", 2, 8, 0.1, zone) for zone in ZONES[:2]]
    packing = packed([a_pod(count=3, labels=APP, separations=apart("zone"))], two)

    assert in_zones(packing) == dict.fromkeys(ZONES[:2], 1)
    assert [one.count for one in packing.unplaced] == [1]
    assert "more than there are zones" in reason(packing)


def test_a_pod_bound_to_a_zone_goes_there() -> None:
    two = [
        a_machine("m5.large", 2, 8, usd, zone) for usd, zone in zip((0.1, 0.9), ZONES, strict=False)
    ]
    pod = a_pod(node_selector=(Expression(ZONE, "In", (ZONES[1],)),))

    assert in_zones(packed([pod], two)) == {ZONES[1]: 1}


def test_nothing_to_buy_is_said_of_each_pod() -> None:
    assert "there is nothing to buy" in reason(packed([a_pod()], []))


def test_no_pods_need_no_nodes() -> None:
    assert packed([], M5).nodes == ()


@st.composite
def some_pod(draw: st.DrawFn) -> Pod:
    gpus = draw(st.sampled_from([0, 0, 1]))
    return a_pod(
        draw(st.sampled_from("abcdef")),
        cpu=draw(st.sampled_from([100, 500, 1500, 3500])),
        memory=draw(st.sampled_from([128, 2048, 9000, 20_000])),
        count=draw(st.integers(1, 3)),
        gpus=gpus,
        tolerations=BEARS_GPUS if gpus else (),
    )


some_pods = st.lists(some_pod(), min_size=1, max_size=4)


@given(some_pods, st.permutations(range(3)), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_pods_and_offerings_changes_nothing(
    pods: list[Pod], order: list[int], shuffle: Random
) -> None:
    every = [*M5, G5]
    mixed = list(pods)
    shuffle.shuffle(mixed)

    first, second = packed(pods, every), packed(mixed, [every[at] for at in order])
    assert first.nodes == second.nodes


def test_time_that_is_up_still_gives_an_answer() -> None:
    pods = [a_pod(f"p{at}", cpu=100 + 37 * at, memory=100 + 91 * at) for at in range(40)]
    packing = packed(pods, M5, how=PackingSettings(time_limit=timedelta(0)))

    assert packing.unplaced == ()


def test_rightsizing_tells_what_is_unused_and_what_it_costs() -> None:
    (node,) = packed([a_pod(cpu=965, memory=1000)], M5[:1]).nodes
    unused = {one.resource: one.unused_share for one in utilisation([node])}

    assert unused["cpu"] == pytest.approx(0.5)
    assert wasted_usd_per_hour(node) == pytest.approx(0.05)


def test_the_smallest_single_machine_holds_everything_or_is_not_there() -> None:
    def single(*pods: Pod) -> str | None:
        found = smallest_machine(Workload(pods, ()), M5, priced(M5))
        return None if found is None else found.offering.pool.instance_type

    assert single(a_pod(count=3)) == "m5.large"
    assert single(a_pod(count=4)) == "m5.xlarge"
    assert single(a_pod(count=40)) is None
    assert single(a_pod(count=2, labels=APP, separations=apart("hostname"))) is None
