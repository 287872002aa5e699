"""The warming taint on a real Karpenter: nothing is drained before its successor is warm."""

from dataclasses import replace
from time import monotonic

from advisor.karpenter.labels import WARMER, WARMING
from tests.support.kwok_market import Manifest
from tests.support.rig import READY_AFTER, is_true
from tests.support.stage import APP, BAD, SETTINGS, Stage, tell

WARMING_SETTINGS = replace(SETTINGS, warming_taint=True)
MINUTE = 60.0


def warmer(ready_after: str) -> Manifest:
    """A daemon that has brought image and model to a node after so long."""
    labels = {"app": "warmer", WARMER: "true"}
    container = {"name": "warmer", "image": "example.com/warmer:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "warmer"},
        "spec": {
            "selector": {"matchLabels": {"app": "warmer"}},
            "template": {
                "metadata": {"labels": labels, "annotations": {READY_AFTER: ready_after}},
                "spec": {"containers": [container], "tolerations": [{"operator": "Exists"}]},
            },
        },
    }


def serve(stage: Stage, replicas: int, warm_up: str) -> list[str]:
    """A service on warm nodes whose successors will warm for so long."""
    stage.rig.use(warmer("1s"))
    guard = stage.guard("first", "--lead-time", "7m")
    nodes = stage.serve(replicas, settings=WARMING_SETTINGS)
    guard.stop()
    stage.rig.use(warmer(warm_up))
    return nodes


def held(stage: Stage, nodes: list[str], options: tuple[str, ...], seconds: float) -> float:
    """Hand the nodes over; how long after its boot the successor let the first old pod go."""
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    guard = stage.guard("guard", *options, interval="3s")

    def successors() -> list[Manifest]:
        return [one for one in stage.rig.nodes() if one["metadata"]["name"] not in nodes]

    stage.wait(lambda: any(is_true(one, "Ready") for one in successors()), "a successor")
    booted = monotonic()

    def is_still_whole() -> bool:
        found = [stage.rig.node(name) for name in nodes]
        return all(one and "deletionTimestamp" not in one["metadata"] for one in found)

    stage.wait(lambda: not is_still_whole(), "the first old node going", seconds)
    waited = monotonic() - booted
    stage.wait(lambda: stage.are_over(nodes), "handed over")
    guard.stop()
    return waited


def test_an_old_node_is_not_drained_while_its_successor_warms_for_five_minutes(
    stage: Stage,
) -> None:
    nodes = serve(stage, 1, "300s")

    waited = held(stage, nodes, ("--lead-time", "7m"), 8 * MINUTE)

    tell(f"successors warmed for 300 s; the first old node went {waited:.0f} s after the boot")
    assert waited >= 300
    assert [row["mechanism"] for row in stage.history()] == ["retire"]
    assert stage.ours() == []


def test_a_warm_up_of_fifteen_minutes_ends_well_with_capacity_first(stage: Stage) -> None:
    nodes = serve(stage, 2, "900s")

    waited = held(stage, nodes, ("--lead-time", "20m"), 20 * MINUTE)

    tell(f"successors warmed for 900 s; the first old node went {waited:.0f} s after the boot")
    assert waited >= 900
    assert stage.least_ready == 2
    assert (stage.ours(), stage.replicas()) == ([], 2)
    assert not [one for one in stage.rig.nodes() if WARMING in str(one["spec"].get("taints"))]
    assert {one["spec"]["nodeName"] for one in stage.rig.pods(APP)}.isdisjoint(nodes)
