"""What one look at the cluster brought: for people, metrics, the audit and the webhook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from advisor.cluster import ClusterError
from advisor.replacement.records import Evidence, HandOver, PoolRisk, Snapshot, State
from advisor.replacement.settings import GuardSettings
from warehouse.records import Pool
from warehouse.replacements import Done


class Mode(StrEnum):
    """How far the guard may go."""

    OBSERVE = "observe"
    """Says what it would do; writes nothing, neither to the cluster nor to the warehouse."""
    ADVISE = "advise"
    """Notes each plan and tells it by Events; changes nothing."""
    ACT = "act"
    """Replaces nodes."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found and judged by: the cluster, its pools' risks, the clouds' words."""

    snapshot: Snapshot
    risks: Mapping[Pool, PoolRisk]
    evidence: Sequence[Evidence]
    settings: GuardSettings


@dataclass(slots=True)
class Report:
    """One look: ``planned`` are new, ``open`` all that stand at its end, ``steps`` states entered.

    ``kept`` says of each node that is not replaced why; ``findings`` what in the cluster is amiss.
    ``seconds`` is how long it took. ``seen`` is None where another guard leads: it did not look.
    """

    at: datetime
    mode: Mode
    is_leader: bool = True
    planned: list[HandOver] = field(default_factory=list)
    kept: Sequence[Any] = ()
    open: list[HandOver] = field(default_factory=list)
    steps: list[HandOver] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    findings: Sequence[str] = ()
    errors: list[ClusterError] = field(default_factory=list)
    seconds: float = 0.0
    seen: Seen | None = None


class Telling:
    """What a look brought, in sentences; what was said of a node is not said again."""

    def __init__(self) -> None:
        self._planned: dict[str, str] = {}
        self._failed: set[tuple[str, str]] = set()
        self._found: set[str] = set()
        self._leads: bool | None = None

    def __call__(self, report: Report) -> list[str]:
        """What is new in this look."""
        said: list[str] = []
        if report.is_leader is not self._leads:
            self._leads = report.is_leader
            if not report.is_leader:
                said.append("Another guard leads: this one waits.")
        said += [
            f"{WILL[report.mode]} {node_text(one)} by {one.mechanism}: {one.reason}"
            for one in report.planned
            if self._planned.get(one.node) != one.mechanism.value
        ]
        self._planned = {one.node: one.mechanism.value for one in report.planned}
        said += [
            f"{node_text(one)}: {one.state}"
            for one in report.steps
            if one.state is not State.PLANNED
        ]
        said += report.events
        said += [one for one in report.findings if one not in self._found]
        self._found = set(report.findings)
        troubled = {(one.action, one.subject): one for one in report.done if one.outcome != "done"}
        for key, done in troubled.items():
            if key not in self._failed:
                said.append(f"{done.action} {done.subject} {done.outcome}: {done.detail}")
        self._failed = set(troubled)
        return said


WILL = {
    Mode.OBSERVE: "Would replace",
    Mode.ADVISE: "Should be replaced:",
    Mode.ACT: "Replacing",
}


def node_text(one: HandOver) -> str:
    """``node ip-10-0-0-1 (g5.xlarge in use1-az4)``."""
    return f"node {one.node} ({one.pool.instance_type} in {one.pool.zone})"
