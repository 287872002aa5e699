"""The nodes of a guarded cluster: their risk, how long is left, what is done, what blocks it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from advisor.replacement.protection import held
from advisor.replacement.records import Evidence, HandOver
from advisor.replacement.settings import GuardSettings
from advisor.replacement.stages import age
from api.guard.report import Report, Seen
from api.rows.nodes import seen_rows
from api.service.guarding import GuardWatch
from api.service.page import Page, encoded
from api.service.state import Service

OLD_AFTER = timedelta(minutes=2)
"""A guard looks every 15 s; a look so old says more about the past than about now."""


class Standing(StrEnum):
    """What is to be thought of a node's risk."""

    AT_RISK = "at risk"
    """It is replaced, or would be were it not held back."""
    UNKNOWN = "unknown"
    """No forecast, one without proven skill, or an old one: not known to be safe."""
    BELOW_THRESHOLD = "below threshold"
    """A forecast with skill says that replacing it would cost more than it saves."""
    NOT_SPOT = "not spot"


class NodeOut(BaseModel):
    """One node. Null is unknown."""

    node: str = Field(examples=["ip-10-0-0-1"])
    nodepool: str | None
    provider: str | None
    region: str | None
    zone: str | None
    instance_type: str | None
    is_spot: bool
    age_seconds: float | None
    pods: int = Field(description="Without those of daemons.")
    standing: Standing = Field(
        description="Risk without proof is unknown, which is not the same as safe."
    )
    verdict: str = Field(examples=["keep"], description="What follows.")
    reason: str | None = Field(description="Why, with numbers.")
    probability: float | None = Field(
        description="Of a loss within `horizon_seconds`, as the forecast says; see `may_act`."
    )
    probability_low: float | None
    probability_high: float | None
    may_act: bool | None = Field(description="Whether the forecast has proven skill.")
    is_stale: bool | None = Field(description="Of the forecast.")
    horizon_seconds: float | None = Field(description="How far ahead a loss must be known.")
    lead_time_seconds: float | None = Field(description="Until a replacement serves, p95.")
    said: list[str] = Field(
        description="What the cloud said of this machine.", examples=[["interruption_notice"]]
    )
    taken_at: datetime | None = Field(description="When the cloud takes it, if it said so.")
    seconds_left: float | None = Field(description="Until then; 0 if it is past.")
    blocked_by: list[str] = Field(
        description="PodDisruptionBudgets that let none of its pods go now."
    )
    held_because: str | None = Field(description="Who holds it by karpenter.sh/do-not-disrupt.")
    hand_over_id: str | None = Field(description="Of the hand-over under way.")
    hand_over_state: str | None
    hand_over_mechanism: str | None
    hand_over_since: datetime | None = Field(description="When it entered that state.")
    hand_over_gives_up_at: datetime | None = Field(description="If it is stuck in that state.")


class NodePage(Page[NodeOut]):
    """Nodes: those that go soonest first, then those at risk, then the unknown."""

    is_guarded: bool = Field(description="Whether this server watches a cluster.")
    mode: str | None = Field(description="observe, advise or act; null without a guard.")
    findings: list[str] = Field(description="What in the cluster is amiss, in sentences.")
    total: int = Field(description="Nodes on all pages.")


def node_page(
    service: Service, *, standing: Sequence[Standing], first: int, limit: int
) -> NodePage:
    """The nodes as the guard's last look found them; none where no guard runs."""
    guard, now = service.guard, service.clock()
    report = guard.latest() if guard else None
    rows = node_rows(report, report.seen, now) if report and report.seen else []
    every = [row for row in rows if not standing or row["standing"] in standing]
    more = first + limit < len(every)
    return NodePage.model_validate(
        {
            "items": every[first : first + limit],
            "next_cursor": encoded([first + limit]) if more else None,
            "as_of": now,
            "data_as_of": report and report.at,
            "is_stale": report is not None and now - report.at > OLD_AFTER,
            "notes": _notes(guard, report, every),
            "is_guarded": guard is not None,
            "mode": guard and guard.mode.value,
            "findings": list(report.findings) if report else [],
            "total": len(every),
        }
    )


def node_rows(report: Report, seen: Seen, now: datetime) -> list[dict[str, Any]]:
    """One row per node of a look."""
    told: dict[str, list[Evidence]] = {}
    for one in seen.evidence:
        told.setdefault(one.node, []).append(one)
    under_way = {one.node: one for one in report.open}
    at_risk = {one.node for one in (*report.planned, *report.open)}
    at_risk |= {one.node for one in report.kept if one.is_at_risk}
    rows = []
    for row in seen_rows(report, seen):
        name = row["node"]
        rows.append(
            {
                **row,
                "standing": _standing(row, is_at_risk=name in at_risk),
                "held_because": held(seen.snapshot.nodes[name]),
                **_said(told.get(name, ()), now),
                **_hand_over(under_way.get(name), seen.settings, report.at),
            }
        )
    return sorted(rows, key=_place)


def _standing(row: Mapping[str, Any], *, is_at_risk: bool) -> Standing:
    if not row["is_spot"]:
        return Standing.NOT_SPOT
    if is_at_risk:
        return Standing.AT_RISK
    is_known = row["probability"] is not None and row["may_act"] and not row["is_stale"]
    return Standing.BELOW_THRESHOLD if is_known else Standing.UNKNOWN


def _said(told: Sequence[Evidence], now: datetime) -> dict[str, Any]:
    taken_at = min((one.takes_at for one in told if one.takes_at), default=None)
    left = None if taken_at is None else max(0.0, (taken_at - now).total_seconds())
    return {
        "said": sorted({one.kind.value for one in told}),
        "taken_at": taken_at,
        "seconds_left": left,
    }


def _hand_over(one: HandOver | None, settings: GuardSettings, at: datetime) -> dict[str, Any]:
    since = at - age(one, at) if one else None
    return {
        "hand_over_id": one and one.replacement_id,
        "hand_over_state": one and one.state.value,
        "hand_over_mechanism": one and one.mechanism.value,
        "hand_over_since": since,
        "hand_over_gives_up_at": _gives_up_at(one, since, settings) if one and since else None,
    }


def _gives_up_at(one: HandOver, since: datetime, settings: GuardSettings) -> datetime | None:
    limit = settings.limits.get(one.state)
    # A guard that only advises waits for ever.
    return None if limit is None or limit == timedelta.max else since + limit


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    left = row["seconds_left"]
    order = list(Standing).index(row["standing"])
    return (left is None, left or 0.0, order, -(row["probability"] or 0.0), row["node"])


def _notes(
    guard: GuardWatch | None, report: Report | None, rows: Sequence[Mapping[str, Any]]
) -> list[str]:
    if guard is None:
        return ["This server watches no cluster: start it with --guard observe, advise or act."]
    if report is None:
        return ["The guard has not ended its first look yet."]
    if report.seen is None:
        return ["Another guard leads and watches the cluster; this one waits."]
    if unknown := sum(row["standing"] is Standing.UNKNOWN for row in rows):
        return [f"{unknown} nodes are of unknown risk, which is no low risk."]
    return []
