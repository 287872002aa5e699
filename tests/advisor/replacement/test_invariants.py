"""What holds of hand-overs whatever happens: controller, cluster, kills and clouds at random."""

# ruff: noqa: D102 - the name of a rule is its sentence, as that of a test

import copy
from contextlib import suppress

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from advisor.replacement.actions import Action, Retire
from advisor.replacement.budgets import ENDS, SURGED
from advisor.replacement.deciding import decide
from advisor.replacement.machine import step
from advisor.replacement.places import Destination
from advisor.replacement.records import (
    Evidence,
    EvidenceKind,
    HandOver,
    LeadTime,
    Mechanism,
    PoolRisk,
)
from advisor.replacement.settings import Claims, GuardSettings
from tests.support.market import a_pool
from tests.support.replacement import BAD, BATCH, GOOD, LLM, MINUTE, SimulatedCluster, a_risk
from warehouse.records import Pool

NODES = ("a", "b", "c", "d", "e")
PRECIOUS = ("0-held", "0-on-demand", "0-unmanaged")
"""Named so that they would be the first, were they not left alone."""
CLAIM = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodeClaim",
    "metadata": {"name": "gpu", "annotations": {"spotcast.io/held-by": "spotcast"}},
}
PLACES = [Destination(GOOD, CLAIM), Destination(a_pool("g6.2xlarge"), CLAIM)]
UNBELIEVABLE = (
    None,
    a_risk(0.9, is_stale=True),
    a_risk(0.9, may_act=False),
    a_risk(0.5, low=0.1),
    a_risk(0.9, window=MINUTE),
)


class KilledError(Exception):
    """The controller was killed here."""


class Controller:
    """The order of the guard: a state is stored before its actions, an end after them."""

    def __init__(self, cluster: SimulatedCluster, chosen: GuardSettings) -> None:
        self.cluster = cluster
        self.settings = chosen
        names: list[str] = [*NODES, *PRECIOUS]
        self.destinations = dict.fromkeys(names, PLACES)
        self.stored: dict[str, HandOver] = {}
        self.fuel: int | None = None

    def look(self, risks: dict[Pool, PoolRisk]) -> None:
        """One look; may be killed once ``fuel`` is used up."""
        snapshot = self.cluster.snapshot()
        spoken = {one.node for one in self.cluster.said}
        for one in sorted(self.open(), key=lambda hand_over: hand_over.replacement_id):
            risk = None if one.node in spoken else risks.get(one.pool)
            made = step(one, snapshot, risk, self.settings, self.open())
            self.take(one, made.next or one, made.actions)
        plan = decide(
            snapshot,
            risks,
            self.cluster.said,
            list(self.stored.values()),
            self.settings,
            destinations=self.destinations,
        )
        for action in plan.tidied:
            self.do(action)
        for decision in plan.decisions:
            new = decision.hand_over(snapshot.taken_at)
            self.burn()
            self.stored[new.replacement_id] = new

    def take(self, one: HandOver, after: HandOver, actions: tuple[Action, ...]) -> None:
        """Store and do, in the order that a kill cannot harm."""
        if after.state not in ENDS:
            self.store(one, after)
        for action in actions:
            if isinstance(action, Retire) and one.mechanism in SURGED:
                assert not self.cluster.on(one.node), "retired before its pods had moved"
            self.do(action)
        self.store(one, after)

    def store(self, one: HandOver, after: HandOver) -> None:
        if self.stored[one.replacement_id] != after:
            self.burn()
            self.stored[one.replacement_id] = after

    def do(self, action: Action) -> None:
        self.burn()
        self.cluster.do(action)
        before = len(self.cluster.broken), copy.deepcopy(self.cluster.machines)
        self.cluster.do(action)
        assert before == (len(self.cluster.broken), self.cluster.machines), action

    def burn(self) -> None:
        if self.fuel is not None:
            if self.fuel == 0:
                raise KilledError
            self.fuel -= 1

    def open(self) -> list[HandOver]:
        return [one for one in self.stored.values() if one.state not in ENDS]


def a_world(
    serving: int, *, warming: bool, karpenter: bool, claims: Claims, launch_ticks: int
) -> Controller:
    cluster = SimulatedCluster(
        has_warming=warming, has_karpenter=karpenter, launch_ticks=launch_ticks
    )
    for name in NODES:
        cluster.add(name, managed=karpenter)
    cluster.add("0-held", managed=karpenter)
    cluster.machines["0-held"].is_held = True
    cluster.add("0-on-demand", managed=karpenter, spot=False)
    if karpenter:
        cluster.add("0-unmanaged", managed=False)
    cluster.run(LLM, "a", "b", "c", "0-held", can_surge=True)
    cluster.run(BATCH, "d", "0-on-demand", can_surge=False)
    lead = LeadTime(serving * MINUTE, MINUTE, 2 * MINUTE)
    chosen = GuardSettings(
        lead_times={"aws": lead},
        most_at_once=3,
        without_karpenter=not karpenter,
        claims=claims,
    )
    return Controller(cluster, chosen)


class HandOvers(RuleBasedStateMachine):
    """Everything may happen at any time."""

    world: Controller
    risks: dict[Pool, PoolRisk]

    @initialize(
        serving=st.sampled_from([5, 15]),
        warming=st.booleans(),
        karpenter=st.sampled_from([True, True, False]),
        claims=st.sampled_from(Claims),
        launch_ticks=st.sampled_from([0, 3]),
    )
    def begin(
        self, *, serving: int, warming: bool, karpenter: bool, claims: Claims, launch_ticks: int
    ) -> None:
        self.world = a_world(
            serving,
            warming=warming,
            karpenter=karpenter,
            claims=claims,
            launch_ticks=launch_ticks,
        )
        self.risks = {BAD: a_risk(0.9)}

    @rule(minutes=st.integers(1, 12))
    def time_passes(self, minutes: int) -> None:
        for _ in range(minutes):
            self.world.cluster.tick()
            self.look()

    @rule()
    def time_passes_unwatched(self) -> None:
        self.world.cluster.tick()

    @rule(fuel=st.integers(0, 6))
    def killed_and_started_again(self, fuel: int) -> None:
        uninterrupted = copy.deepcopy(self.world)
        uninterrupted.look(self.risks)
        self.world.fuel = fuel
        with suppress(KilledError):
            self.look()
        self.world.fuel = None
        self.look()
        begun = {one.replacement_id for one in uninterrupted.stored.values()}
        assert begun <= self.world.stored.keys()

    @rule(risk=st.sampled_from([a_risk(0.9), a_risk(0.02), *UNBELIEVABLE]))
    def the_forecast_changes(self, risk: PoolRisk | None) -> None:
        self.risks = {BAD: risk} if risk else {}

    @rule(node=st.sampled_from(NODES), kind=st.sampled_from(list(EvidenceKind)))
    def the_cloud_speaks(self, node: str, kind: EvidenceKind) -> None:
        self.world.cluster.say(Evidence(node, kind, self.world.cluster.now))

    @rule(node=st.sampled_from(NODES))
    def the_cloud_takes_a_machine(self, node: str) -> None:
        self.world.cluster.lose(node)

    @rule(has=st.booleans())
    def capacity_comes_and_goes(self, *, has: bool) -> None:
        self.world.cluster.has_capacity = has

    @rule(speaks=st.booleans())
    def somebody_speaks_of_warmth(self, *, speaks: bool) -> None:
        self.world.cluster.warmers = speaks

    @rule(allowed=st.integers(0, 4))
    def the_drift_budget_changes(self, allowed: int) -> None:
        self.world.cluster.drift_allowed = allowed

    @rule(node=st.sampled_from(NODES), is_held=st.booleans())
    def somebody_holds_a_node(self, node: str, *, is_held: bool) -> None:
        if node in self.world.cluster.machines:
            self.world.cluster.machines[node].is_held = is_held

    @precondition(lambda self: hasattr(self, "world"))
    @invariant()
    def nothing_forbidden_was_done(self) -> None:
        assert self.world.cluster.broken == []

    @precondition(lambda self: hasattr(self, "world"))
    @invariant()
    def never_more_than_the_budget(self) -> None:
        chosen = [one for one in self.world.open() if one.mechanism is not Mechanism.EVACUATE]
        assert len(chosen) <= self.world.settings.most_at_once

    @precondition(lambda self: hasattr(self, "world"))
    @invariant()
    def what_is_precious_was_never_handed_over(self) -> None:
        assert not {one.node for one in self.world.stored.values()} & set(PRECIOUS)

    def look(self) -> None:
        before = set(self.world.stored)
        try:
            self.world.look(self.risks)
        finally:
            for key in self.world.stored.keys() - before:
                self.check_cause(self.world.stored[key])

    def check_cause(self, one: HandOver) -> None:
        risk, spoken = self.risks.get(BAD), self.world.cluster.said
        assert one.pool == BAD
        assert spoken or risk == a_risk(0.9), f"{one.reason} on {risk}"

    def teardown(self) -> None:
        """All is well again: in the end nothing of ours is left."""
        if not hasattr(self, "world"):
            return
        cluster = self.world.cluster
        self.risks = {BAD: a_risk(0.02)}
        cluster.said, cluster.has_capacity, cluster.drift_allowed = [], True, 10
        for _ in range(240):
            cluster.tick()
            self.look()
            if not self.world.open() and not cluster.ours():
                break
        assert self.world.open() == []
        assert cluster.ours() == []
        assert cluster.broken == []


TestHandOvers = HandOvers.TestCase
TestHandOvers.settings = settings(
    max_examples=80,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
