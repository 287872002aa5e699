"""What a person and a receiver of plans see of the guard, on a real Karpenter."""

import json
from collections import Counter
from typing import Any

from advisor.replacement.records import Mechanism
from tests.support.loopback import Answer, Request, loopback
from tests.support.stage import BAD, SETTINGS, Stage, tell

NODES = 2
PATIENCE = 240.0


def test_a_person_replaces_one_node_to_its_end_and_a_dry_run_writes_nothing(stage: Stage) -> None:
    nodes = stage.serve(NODES, settings=SETTINGS)
    stage.rig.sell_out(BAD)
    asked = ("replace", "--node", nodes[0], "--reason", "disk")
    before = _versions(stage)

    dry = stage.command(*asked, "--dry-run", name="dry")
    assert dry.ended(PATIENCE) == 0
    assert _versions(stage) == before
    assert (stage.lease(), stage.ends()) == ({}, [])

    real = stage.command(*asked, name="real")
    stage.wait(lambda: not real.is_running, "the command has ended", PATIENCE)

    said = real.log.read_text(encoding="utf-8")
    assert real.ended(1) == 0, said
    would = dry.log.read_text(encoding="utf-8")
    assert would.startswith(f"Would replace node {nodes[0]} (g6.xlarge in use1-az6) by surge")
    assert said.startswith(would.replace("Would replace", "Replacing").rstrip())
    assert stage.ends() == [(nodes[0], "done")]
    assert {one["metadata"]["name"] for one in stage.rig.nodes()} & set(nodes) == {nodes[1]}
    assert stage.least_ready == NODES
    assert (stage.ours(), stage.replicas()) == ([], NODES)
    assert not stage.lease().get("holderIdentity") or stage.lease()["leaseDurationSeconds"] == 1


def test_a_receiver_that_fails_half_of_the_time_gets_each_plan_once(stage: Stage) -> None:
    nodes = stage.serve(NODES, settings=SETTINGS)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    receiver = Receiver()
    with loopback(receiver) as served:
        hook = ("--webhook", f"{served.url}/plans?key=secret")
        adviser = stage.guard("adviser", *hook, mode="advise")
        stage.wait(lambda: bool(receiver.taken), "an advice is taken")
        adviser.stop()
        assert (stage.ours(), stage.replicas(), stage.most_retired) == ([], NODES, 0)
        advised = receiver.taken[0]

        guard = stage.guard("guard", *hook, mode="act")
        stage.wait(lambda: stage.are_over(nodes), "handed over")
        guard.stop()

    tell(f"{len(receiver.taken)} plans taken, {receiver.refused} times refused")
    assert {one["node"] for one in advised["replace"]} == set(nodes)
    assert {one["mechanism"] for one in advised["replace"]} == {Mechanism.SURGE.value}
    assert (advised["kind"], advised["mode"]) == ("spotcast.replacements", "advise")
    assert receiver.refused
    assert receiver.faults == []
    # The same plan is told again by another process, and to a receiver whose answer was lost.
    assert max(Counter(one["id"] for one in receiver.taken).values()) <= 2
    for log in (adviser.log, guard.log):
        assert "secret" not in log.read_text(encoding="utf-8")


class Receiver:
    """Refuses every other request, and checks what it takes."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.refused = 0

    def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        if self.refused <= len(self.taken):
            self.refused += 1
            return Answer(b"busy", 503)
        plan = json.loads(request.body)
        if request.headers.get("idempotency-key") != plan["id"]:
            self.faults.append(f"key {request.headers.get('idempotency-key')} of {plan['id']}")
        self.taken.append(plan)
        return Answer(b"{}")


def _versions(stage: Stage) -> dict[str, str]:
    """The version of each object that a hand-over could write to, but what kubelets renew."""
    kinds = (
        ("karpenter.sh/v1", "NodeClaim"),
        ("apps/v1", "Deployment"),
        ("v1", "Pod"),
        ("events.k8s.io/v1", "Event"),
    )
    marks = {
        one["metadata"]["name"]: json.dumps([one["spec"], one["metadata"].get("annotations")])
        for one in stage.rig.nodes()
    }
    found = [
        one
        for version, kind in kinds
        for one in stage.rig.api.every(version, kind)
        if kind != "Event" or one.get("reportingController") == "spotcast.io/guard"
    ]
    return marks | {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in found}
