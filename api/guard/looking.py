"""The guard: one look at the cluster, and what follows from it.

Deciding and stepping are pure (`advisor.replacement`); here they are carried out. The order makes
a kill at any point harmless: the state that is entered is stored first, then its actions are done,
and each says what should be, not what to add. The last step is the other way round: a hand-over
is over when nothing of ours is left. A step is stored only from the row that was read, so of two
guards on one warehouse one alone takes it, even after its lease has run out.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from advisor.cluster import (
    ClusterError,
    ClusterUnavailableError,
    DisruptionBlockedError,
    GuardedCluster,
)
from advisor.replacement.actions import (
    Action,
    Cordon,
    CreateClaim,
    DeleteClaim,
    Evict,
    LiftWarming,
    PreferToDelete,
    PreferToKeep,
    Release,
    Retire,
    Surge,
    Tell,
    Uncordon,
    Unretire,
    Unsurge,
)
from advisor.replacement.machine import step
from advisor.replacement.records import (
    Evidence,
    HandOver,
    PoolRisk,
    Snapshot,
    State,
    WorkloadName,
)
from advisor.replacement.settings import GuardSettings
from advisor.replacement.stages import calmed, entered
from advisor.replacement.tidying import unowned
from api.guard.book import Book, Facts, is_over
from api.guard.places import PlaceFinder
from api.guard.report import Mode, Report, Seen
from api.guard.risks import joined
from warehouse.replacements import NONE, Done

LEASE = "spotcast-guard"
RENEWED_AFTER = 1 / 3
"""Share of the lease after which it is renewed within a look, as Kubernetes' own leaders do."""

BY = "by"
PERSON = "person"
"""In the detail of a hand-over that a person asked for: no forecast takes it back."""
ADVISED = "advised"
"""In the detail of a plan that was told and not begun: it does not run out, as nothing waits."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What every hand-over of one look is judged by."""

    snapshot: Snapshot
    facts: Facts
    evidence: Sequence[Evidence]

    def risk_of(self, one: HandOver) -> PoolRisk | None:
        """The forecast that may take a hand-over back.

        None, unknown, where a person asked for it or the cloud itself speaks of the machine.
        """
        if one.detail.get(BY) == PERSON or any(said.node == one.node for said in self.evidence):
            return None
        return self.facts.risks.get(one.pool)


class Guard:
    """Looks at one cluster; `look` may raise any `ClusterError` or `WarehouseError`."""

    def __init__(
        self,
        cluster: GuardedCluster,
        book: Book,
        settings: GuardSettings,
        *,
        places: PlaceFinder,
        mode: Mode,
        holder: str,
        lease_for: timedelta,
        clock: Callable[[], datetime],
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """``holder`` names this process in the lease; ``is_stopping`` is asked between nodes."""
        self._cluster = cluster
        self._book = book
        self._places = places
        self._settings = settings if mode is Mode.ACT else _patient(settings)
        self._mode = mode
        self._holder = holder
        self._lease_for = lease_for
        self._clock = clock
        self._is_stopping = is_stopping
        self._renewed_at: datetime | None = None
        self._unnoted: list[Done] = []
        self._told: dict[tuple[str, str, str], tuple[str, str, str | None]] = {}

    def look(self) -> Report:
        """Move every hand-over that is open, then decide on new ones."""
        began = time.perf_counter()
        now = self._clock()
        report = Report(now, self._mode)
        report.is_leader = self._leads(anew=True)
        if report.is_leader:
            standing = self._standing(now)
            report.seen = self._seen(standing)
            try:
                left = deque(standing.facts.running)
                while left and self._may_go_on():
                    self._move(left.popleft(), left, standing, report)
                report.open += left
                self._plan(standing, report)
            finally:
                self._note()
        report.seconds = time.perf_counter() - began
        return report

    def resign(self) -> None:
        """Let another guard lead at once, if this one does."""
        if self._mode is not Mode.OBSERVE and self._renewed_at is not None:
            self._cluster.lease(LEASE, self._holder, 1, self._clock())
            self._renewed_at = None

    def start(self, one: HandOver) -> bool:
        """Note a hand-over that a person asked for; False if the node has one already."""
        return self._book.advance(None, one)

    def drive(self, replacement_id: str) -> Report:
        """The same look, for this one hand-over alone."""
        now = self._clock()
        report = Report(now, self._mode)
        report.is_leader = self._leads(anew=True)
        if report.is_leader:
            standing = self._standing(now)
            running = standing.facts.running
            for one in running:
                if one.replacement_id == replacement_id:
                    others = [two for two in running if two != one]
                    try:
                        self._move(one, others, standing, report)
                        self._tidy(unowned(standing.snapshot, [*report.open, *others]), report)
                    finally:
                        self._note()
        return report

    def _standing(self, now: datetime) -> Standing:
        snapshot = self._cluster.snapshot(now)
        if self._mode is not Mode.OBSERVE:
            self._book.learn(snapshot.starts)
        facts = self._book.facts(snapshot, now)
        return Standing(snapshot, facts, joined(self._cluster.evidence(), facts.evidence))

    def _seen(self, standing: Standing) -> Seen:
        return Seen(standing.snapshot, standing.facts.risks, standing.evidence, self._settings)

    def _may_go_on(self) -> bool:
        return not self._is_stopping() and self._leads()

    def _leads(self, *, anew: bool = False) -> bool:
        """Whether this process may write; observing needs no leave, and must not write a lease."""
        if self._mode is Mode.OBSERVE:
            return True
        now = self._clock()
        fresh = self._renewed_at and now - self._renewed_at < RENEWED_AFTER * self._lease_for
        if anew or not fresh:
            seconds = round(self._lease_for.total_seconds())
            leads = self._cluster.lease(LEASE, self._holder, seconds, now)
            self._renewed_at = now if leads else None
        return self._renewed_at is not None

    def _plan(self, standing: Standing, report: Report) -> None:
        facts = standing.facts
        known = [*report.open, *(one for one in report.steps if is_over(one)), *facts.recent]
        plan = self._places.decide(standing.snapshot, facts, standing.evidence, known)
        report.kept, report.findings = plan.kept, standing.snapshot.findings
        self._tidy(plan.tidied, report)
        for decision in plan.decisions:
            one = self._begun(decision.hand_over(standing.snapshot.taken_at))
            report.planned.append(one)
            if self._mode is Mode.OBSERVE or not self._may_go_on():
                continue
            if self._advance(None, one):
                report.steps.append(one)
                self._done(one, "decided", f"Node {one.node}", report, detail=self._mode.value)
                self._move(one, [], standing, report)

    def _begun(self, one: HandOver) -> HandOver:
        if self._mode is Mode.ACT:
            return one
        return replace(one, detail={**one.detail, ADVISED: "yes"})

    def _tidy(self, actions: Sequence[Action], report: Report) -> None:
        """Do what is of no hand-over: lift our taint, take away marks that none owns."""
        if self._mode is Mode.ACT and actions and self._may_go_on():
            self._do(None, actions, report)

    def _move(
        self, one: HandOver, waiting: Iterable[HandOver], standing: Standing, report: Report
    ) -> None:
        """Take one step of a hand-over, and do what belongs to it."""
        others = [*report.open, *waiting]
        if self._mode is not Mode.ACT:
            self._advise(one, others, standing, report)
            return
        fresh = self._taken_up(one, standing.snapshot.taken_at)
        if not self._enter(one, fresh, report):
            return
        one = fresh
        made = step(one, standing.snapshot, standing.risk_of(one), self._settings, others)
        after = made.next or one
        report.events += made.events
        if is_over(after):
            if self._do(after, made.actions, report) and self._enter(one, after, report):
                return
            report.open.append(one)
        elif self._enter(one, after, report):
            self._do(after, made.actions, report)
            report.open.append(after)

    def _advise(
        self, one: HandOver, others: Sequence[HandOver], standing: Standing, report: Report
    ) -> None:
        """Tell a new plan, and close one that needs nothing more; change nothing."""
        if self._mode is Mode.OBSERVE:
            report.open.append(one)
            return
        there, risk = standing.snapshot, standing.risk_of(one)
        if one in report.planned:
            said = Tell(one.node, there.nodes[one.node].claim, "ReplacementAdvised", one.reason)
            self._do(one, [said], report)
        noted = calmed(one, risk, self._settings, there.taken_at)
        made = step(noted, there, risk, self._settings, others)
        after = made.next or noted
        if not _is_idle(made.actions) or (
            after.state is not State.RESTORING and not is_over(after)
        ):
            after = noted
        if self._enter(one, after, report) and not is_over(after):
            report.open.append(after)

    def _taken_up(self, one: HandOver, now: datetime) -> HandOver:
        """A plan that was only told of begins now, however long ago that was."""
        if one.state is not State.PLANNED or ADVISED not in one.detail:
            return one
        detail = {key: word for key, word in one.detail.items() if key != ADVISED}
        return entered(replace(one, detail=detail), State.PLANNED, now)

    def _enter(self, one: HandOver, after: HandOver, report: Report) -> bool:
        """Store the step; False if another process has taken one from there."""
        if after == one:
            return True
        is_ours = self._advance(one, after)
        if is_ours and after.state is not one.state:
            report.steps.append(after)
        return is_ours

    def _advance(self, before: HandOver | None, after: HandOver) -> bool:
        """Store the step, and before it in the audit what has been done so far."""
        is_ours = self._book.advance(before, after, self._unnoted)
        self._unnoted = []
        return is_ours

    def _do(self, one: HandOver | None, actions: Sequence[Action], report: Report) -> bool:
        """Do them in order until one fails: the next look does the same again.

        Raises:
            ClusterUnavailableError: there is no use in going on with others either.
        """
        for action in actions:
            name, subject = action_text(action)
            if not self._leads():
                return False
            try:
                self._cluster.do(action)
            except DisruptionBlockedError as error:
                detail = str(error)
                self._done(one, name, subject, report, outcome="blocked", detail=detail)
                continue
            except ClusterError as error:
                self._done(one, name, subject, report, outcome="failed", detail=str(error))
                if isinstance(error, ClusterUnavailableError):
                    raise
                report.errors.append(error)
                # An Event that cannot be written holds nothing up.
                if not isinstance(action, Tell):
                    return False
                continue
            why = action.why if isinstance(action, LiftWarming) else None
            self._done(one, name, subject, report, detail=why)
        return True

    def _done(
        self,
        one: HandOver | None,
        name: str,
        subject: str,
        report: Report,
        *,
        outcome: str = "done",
        detail: str | None = None,
    ) -> None:
        of, state = (one.replacement_id, one.state.value) if one else (NONE, "")
        line = Done(of, self._clock(), name, subject, outcome, detail)
        report.done.append(line)
        # What is asked again at every look until the cluster shows it is one line of the audit.
        key, said = (of, name, subject), (state, outcome, detail)
        if self._told.get(key) != said:
            self._told[key] = said
            self._unnoted.append(line)

    def _note(self) -> None:
        """Write what was done; what cannot be written now is written next time."""
        self._book.note(self._unnoted)
        self._unnoted = []


def _patient(settings: GuardSettings) -> GuardSettings:
    """The same for advising: a plan that nobody carries out is not given up for being old."""
    return replace(settings, limits={**settings.limits, State.PLANNED: timedelta.max})


def _is_idle(actions: Sequence[Action]) -> bool:
    """Whether they do no more than tell."""
    return all(isinstance(action, Tell) for action in actions)


def action_text(action: Action) -> tuple[str, str]:
    """The name of an action and its object, for the audit: ``evict``, ``Pod default/llm-0``."""
    match action:
        case Retire(claim=name) | Unretire(claim=name) | DeleteClaim(name=name):
            subject = f"NodeClaim {name}"
        case CreateClaim(manifest=manifest):
            subject = f"NodeClaim {manifest['metadata']['name']}"
        case LiftWarming(node=name) | Cordon(node=name) | Uncordon(node=name):
            subject = f"Node {name}"
        case Release(node=name) | Tell(node=name):
            subject = f"Node {name}"
        case Surge(workload=workload, replicas=replicas):
            subject = f"{workload_text(workload)} to {replicas}"
        case Unsurge(workload=workload):
            subject = workload_text(workload)
        case PreferToDelete(namespace=namespace, pod=pod) | Evict(namespace=namespace, pod=pod):
            subject = f"Pod {namespace}/{pod}"
        case PreferToKeep(namespace=namespace, pod=pod):
            subject = f"Pod {namespace}/{pod}"
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(action).__name__).lower()
    return name, subject


def workload_text(name: WorkloadName) -> str:
    """``Deployment default/llm``."""
    return f"{name.kind} {name.namespace}/{name.name}"
