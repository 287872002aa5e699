"""The guard among faults, on a real Karpenter: whatever happens, the hand-over ends well."""

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from advisor.karpenter.budgets import budget
from tests.support.processes import Program, wait_for
from tests.support.stage import BAD, SETTINGS, Stage, priced, staged, tell
from tests.support.unsteady import FAULTS, unsteady
from warehouse.errors import WarehouseBusyError
from warehouse.store import Warehouse

KILLS = 50
WANTED = 4
CHAIN = [
    priced(instance_type, zone, 0.30 + 0.02 * number)
    for number, (instance_type, zone) in enumerate(
        (instance_type, zone)
        for instance_type in ("g6.xlarge", "g5.xlarge", "g4dn.xlarge")
        for zone in ("use1-az6", "use1-az4", "use1-az2")
    )
]
"""Pools by price: each in turn is the one that Karpenter has bought, and turns bad."""

LEASE_SECONDS = 4
TWO_AT_ONCE = replace(SETTINGS, budgets=(budget("2; reasons=Drifted"),))


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Stage]:
    """A service with so many pools that each hand-over can end in another one."""
    with staged(tmp_path, CHAIN) as made:
        yield made


def test_fifty_kills_at_random_moments_of_hand_overs_change_nothing(chain: Stage) -> None:
    nodes = chain.serve(WANTED, settings=TWO_AT_ONCE)
    random, found = Random(6), Counter[str]()  # noqa: S311 - no secret
    kills, rounds, began = 0, 0, monotonic()
    while kills < KILLS:
        nodes = chain.located()
        chain.rig.sell_out(*CHAIN[: rounds + 1])
        chain.turn(0.9, CHAIN[rounds])
        while kills < KILLS and not chain.are_over(nodes):
            # One in six while it starts; the others while it looks, stores and acts.
            is_looking = random.random() > 1 / 6
            _let_it_look(chain, f"guard-{kills}", random.uniform(0, 2.5), is_looking=is_looking)
            kills += 1
            found.update(_open_states(chain))
            assert chain.least_ready >= WANTED
        rounds += 1
    guard = chain.guard("the-last", interval="0.2s")
    chain.wait(lambda: chain.are_over(nodes), "what the killed ones left is handed over")
    guard.stop()

    tell(f"{kills} kills in {rounds} hand-overs of {WANTED} nodes, {monotonic() - began:.0f} s")
    tell(f"open hand-overs at a kill, by state: {dict(found)}; retired {chain.most_retired}")
    assert chain.least_ready >= WANTED
    assert chain.most_retired <= 2
    assert chain.most_replicas <= 2 * WANTED
    assert (chain.ours(), chain.replicas()) == ([], WANTED)
    assert not _taken_twice(chain)


def _let_it_look(stage: Stage, name: str, seconds: float, *, is_looking: bool) -> None:
    """Start a guard, watch it for so long (from its first look on, if that is waited for), kill."""
    before = stage.lease().get("renewTime")
    guard = stage.guard(name, interval="0.2s")
    if is_looking:
        stage.wait(lambda: stage.lease().get("renewTime") != before, "a first look")
    until = monotonic() + seconds
    while monotonic() < until:
        stage.watch()
    assert guard.is_running, guard.log.read_text(encoding="utf-8")
    guard.stop(signal.SIGKILL)


def test_refusals_and_lost_answers_of_the_api_server_hold_nothing_up_for_good(stage: Stage) -> None:
    nodes = stage.serve(WANTED, settings=TWO_AT_ONCE)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    with unsteady(stage.rig.plane, share=0.08, seed=6) as between:
        guard = stage.guard(interval="0.2s", kubeconfig=between.kubeconfig())
        stage.wait(lambda: stage.are_over(nodes), "handed over through a bad line")
        # Each fault must have been met, or the test would prove nothing of it.
        stage.wait(lambda: len(between.given) == len(FAULTS), "each fault was met")
        assert guard.is_running, guard.log.read_text(encoding="utf-8")
        guard.stop()

    tell(f"{between.given.total()} faults in {between.passed} requests: {dict(between.given)}")
    assert stage.least_ready == WANTED
    assert stage.most_retired <= 2
    assert (stage.ours(), stage.replicas()) == ([], WANTED)
    assert not _taken_twice(stage)


def test_of_two_guards_one_leads_and_the_other_goes_on_when_it_stands_still(stage: Stage) -> None:
    nodes = stage.serve(WANTED, settings=TWO_AT_ONCE)
    stage.rig.sell_out(BAD)
    stage.turn(0.9)
    guards = {
        name: stage.guard(name, interval="0.2s", holder=name, lease_seconds=LEASE_SECONDS)
        for name in ("one", "two")
    }
    changes = 0
    while not stage.are_over(nodes):
        leader = _leader(stage)
        _stop_without_the_file(stage, guards[leader])
        # Past its lease; then both run again, and the first still believes that it leads.
        stage.wait(partial(_leads_now, stage, _other(leader)), "the other leads")
        until = monotonic() + 2.0
        while monotonic() < until:
            stage.watch()
        guards[leader].send(signal.SIGCONT)
        changes += 1
    for one in guards.values():
        assert one.is_running, one.log.read_text(encoding="utf-8")
        one.stop()

    tell(f"the lease changed hands {changes} times, {stage.lease()['leaseTransitions']} in all")
    assert changes >= 2
    assert stage.least_ready == WANTED
    assert stage.most_retired <= 2
    assert (stage.ours(), stage.replicas()) == ([], WANTED)
    assert not _taken_twice(stage)


def _other(leader: str) -> str:
    return "two" if leader == "one" else "one"


def _leads_now(stage: Stage, name: str) -> bool:
    return stage.lease().get("holderIdentity") == name


def _leader(stage: Stage) -> str:
    """Who has the lease now, once somebody has."""
    wait_for(lambda: bool(stage.lease().get("holderIdentity")), "somebody leads")
    return str(stage.lease()["holderIdentity"])


def _stop_without_the_file(stage: Stage, guard: Program) -> None:
    """Let the process stand still, but not while it has the warehouse: that stops all others."""
    while True:
        guard.send(signal.SIGSTOP)
        try:
            Warehouse.open(stage.warehouse, patience_seconds=2.0).close()
        except WarehouseBusyError:
            guard.send(signal.SIGCONT)
        else:
            return


def _taken_twice(stage: Stage) -> list[list[str]]:
    """The courses of hand-overs that entered a state more than once."""
    found = stage.steps()
    assert found
    return [states for states in found.values() if len(states) != len(set(states))]


def _open_states(stage: Stage) -> list[str]:
    ends = {"done", "rolled_back", "overtaken", "failed"}
    return [state for _, state in stage.ends() if state not in ends]
