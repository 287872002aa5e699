"""The guard as a process of its own, on a real Karpenter: a pool turns bad, and is left in time."""

import signal
from dataclasses import replace
from random import Random
from time import monotonic

import pytest

from advisor.karpenter.nodepool import nodepool
from tests.support.processes import wait_for
from tests.support.rig import deployment, is_true, pool_of
from tests.support.stage import BAD, SAFE, SECONDS, SETTINGS, Stage, tell


@pytest.mark.smoke
def test_a_pool_that_turns_bad_is_left_without_a_gap(stage: Stage) -> None:
    nodes = stage.serve(10, settings=SETTINGS)
    stage.rig.sell_out(BAD)
    began = monotonic()
    stage.turn(0.9)
    guard = stage.guard()

    stage.wait(lambda: stage.are_over(nodes), "ten nodes handed over")

    seconds = monotonic() - began
    guard.stop()
    rows = stage.history()
    hours = sum(float(str(row["overlap_seconds"])) for row in rows) / 3600
    tell(f"10 nodes in {seconds:.0f} s; overlap {hours:.3f} h, {0.3 * hours:.4f} USD")
    assert {pool_of(one)[:2] for one in stage.rig.nodes()} == {("g5.xlarge", "use1-az4")}
    assert stage.least_ready == 10
    assert stage.most_retired <= 5
    assert (stage.ours(), stage.replicas()) == ([], 10)


def test_a_guard_that_is_killed_again_and_again_comes_to_the_same_end(stage: Stage) -> None:
    nodes = stage.serve(3, settings=SETTINGS)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    random, kills = Random(6), 0  # noqa: S311 - no secret
    while not stage.are_over(nodes):
        guard = stage.guard(f"guard-{kills}")
        # While it starts, looks, stores or acts: a start takes some seconds.
        until = monotonic() + random.uniform(3.0, 12.0)
        while monotonic() < until and not stage.are_over(nodes):
            stage.watch()
        guard.stop(signal.SIGKILL)
        kills += 1
        assert kills < 40

    tell(f"{kills} guards were killed")
    assert stage.least_ready == 3
    assert (stage.ours(), stage.replicas()) == ([], 3)


def test_an_api_server_that_is_restarted_half_way_changes_nothing(stage: Stage) -> None:
    nodes = stage.serve(2, settings=SETTINGS)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    guard = stage.guard()
    stage.wait(lambda: stage.replicas() > 2, "a replica more")
    stage.rig.plane.restart()

    stage.wait(lambda: stage.are_over(nodes), "both handed over")

    guard.stop()
    assert stage.least_ready == 2
    assert (stage.ours(), stage.replicas()) == ([], 2)


def test_where_no_capacity_can_be_had_all_is_taken_back(stage: Stage) -> None:
    nodes = stage.serve(2, settings=SETTINGS)
    stage.rig.sell_out(BAD, SAFE)
    stage.turn(0.9)
    guard = stage.guard(limit_seconds=20)

    rolled_back = [(one, "rolled_back") for one in sorted(nodes)]
    stage.wait(lambda: stage.ends() == rolled_back, "both taken back")

    guard.stop()
    assert stage.least_ready == 2
    assert sorted(one["metadata"]["name"] for one in stage.rig.nodes()) == sorted(nodes)
    assert (stage.ours(), stage.replicas()) == ([], 2)


def test_the_real_interruption_half_way_ends_the_hand_over(stage: Stage) -> None:
    nodes = stage.serve(2, settings=SETTINGS)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    guard = stage.guard()
    stage.wait(lambda: stage.replicas() > 2, "a replica more")
    stage.rig.take(nodes[0])

    def are_ended() -> bool:
        states = [state for _, state in stage.ends()]
        return len(states) == 2 and set(states) <= {"done", "overtaken"}

    stage.wait(are_ended, "both ended")
    stage.wait(lambda: len(stage.rig.ready_pods("llm")) == 2, "both Ready")

    guard.stop()
    assert (stage.ours(), stage.replicas()) == ([], 2)


def test_a_replacement_that_still_warms_holds_the_old_node(stage: Stage) -> None:
    warming = replace(SETTINGS, warming_taint=True)
    stage.rig.use(nodepool([BAD, SAFE], warming, {}), deployment("llm", 1))
    wait_for(lambda: len(stage.rig.nodes()) == 1, "the first node", SECONDS)
    first = stage.rig.nodes()[0]["metadata"]["name"]

    def serves() -> bool:
        # Karpenter puts the taint on when it registers the node, which may be after this.
        stage.rig.warm(first)
        return len(stage.rig.ready_pods("llm")) == 1

    wait_for(serves, "the first node warm", SECONDS)
    nodes = stage.serve(1, settings=warming)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    guard = stage.guard()

    stage.wait(lambda: len(stage.rig.nodes()) == 2, "a replacement")
    (new,) = (
        one["metadata"]["name"] for one in stage.rig.nodes() if one["metadata"]["name"] not in nodes
    )
    stage.wait(lambda: is_true(stage.rig.node(new), "Ready"), "the replacement Ready")
    until = monotonic() + 25
    while monotonic() < until:
        stage.watch()
        assert stage.rig.node(nodes[0])
        assert "deletionTimestamp" not in stage.rig.node(nodes[0])["metadata"]
    stage.rig.warm(new)

    stage.wait(lambda: stage.are_over(nodes), "handed over")
    guard.stop()
    assert stage.least_ready == 1
    assert stage.ours() == []
