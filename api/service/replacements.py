"""Hand-overs of nodes: those there were, what was done for them, and new ones asked for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from pydantic import BaseModel, Field

from api.errors import NoAnswerError
from api.guard.asking import RefusedError
from api.guard.report import Mode
from api.rows.replacements import hand_over_row
from api.service.guarding import ASKED_BY, GuardWatch
from api.service.moments import EARLIEST
from api.service.page import CursorError, Page, decoded, encoded
from api.service.state import Service
from warehouse.replacements import asked_before, audit, history, transitions

WINDOW = timedelta(days=30)
"""How far back a list goes if not asked otherwise."""


class ReplacementOut(BaseModel):
    """One hand-over of a node. Null is unknown, or not yet."""

    replacement_id: str = Field(examples=["ip-10-0-0-1-20261124T090000Z"])
    node: str = Field(examples=["ip-10-0-0-1"])
    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])
    zone: str = Field(examples=["use1-az4"])
    instance_type: str = Field(examples=["g5.xlarge"])
    mechanism: str = Field(
        examples=["retire"],
        description="retire, surge, claim, claim-and-surge, evacuate or surge-and-evict.",
    )
    state: str = Field(
        examples=["draining"],
        description="planned, surging, retiring, draining, restoring; or how it ended: done, "
        "rolled_back, overtaken, failed.",
    )
    reason: str = Field(description="Why it was begun, with numbers.")
    last_reason: str = Field(description="Why it is in its state.")
    asked_by: str | None = Field(description="Who asked for it over HTTP; null: nobody did.")
    planned_at: datetime
    changed_at: datetime
    begun_at: datetime | None = Field(description="When the cluster was first asked for something.")
    ended_at: datetime | None = Field(description="Null while it is open.")
    took_seconds: float = Field(description="Until it ended, or until now.")
    overlap_seconds: float | None = Field(description="In which both machines may have run.")
    overlap_usd: float | None = Field(
        description="What that cost at most: at the old machine's price when it began."
    )


class ReplacementPage(Page[ReplacementOut]):
    """Hand-overs, the newest first."""


class TransitionOut(BaseModel):
    """One state that was entered."""

    sequence: int
    changed_at: datetime
    state: str
    mechanism: str
    reason: str


class ActionOut(BaseModel):
    """One thing that was done to the cluster, or tried: the audit."""

    sequence: int = Field(description="Of the transition that it was done for.")
    done_at: datetime
    action: str = Field(examples=["retire"])
    subject: str = Field(examples=["NodeClaim gpu-x7k2p"])
    outcome: str = Field(examples=["done"], description="done, failed or blocked.")
    detail: str | None


class ReplacementDetailOut(ReplacementOut):
    """The same with each step and all that was done."""

    as_of: datetime
    detail: dict[str, Any] = Field(description="What the next step must know.")
    transitions: list[TransitionOut]
    actions: list[ActionOut]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which hand-overs; None or an empty sequence is any."""

    state: Sequence[str] = ()
    node: str | None = None
    provider: Sequence[str] = ()
    since: datetime | None = None


def replacement_page(
    service: Service, wanted: Wanted, *, cursor: str | None, limit: int
) -> ReplacementPage:
    """Those that changed since a time, the newest first.

    Raises:
        CursorError: the cursor is none of ours.
    """
    now = service.clock()
    with service.reading() as warehouse:
        found = history(warehouse, now, wanted.since or now - WINDOW, node=wanted.node)
    left = found.filter(_filter(wanted) & _after(cursor))
    rows = [_row(row, service, now) for row in left.head(limit).iter_rows(named=True)]
    last = rows[-1] if left.height > limit else None
    return ReplacementPage.model_validate(
        {
            "items": rows,
            "next_cursor": last
            and encoded([last["planned_at"].isoformat(), last["replacement_id"]]),
            "as_of": now,
        }
    )


def replacement_out(service: Service, replacement_id: str) -> ReplacementDetailOut:
    """One hand-over with its audit.

    Raises:
        NoAnswerError: there is none of that id.
    """
    now = service.clock()
    with service.reading() as warehouse:
        found = history(warehouse, now, EARLIEST, replacement_id=replacement_id).to_dicts()
        if not found:
            raise NoAnswerError(f"There is no replacement {replacement_id!r}.")
        steps = transitions(warehouse, now, EARLIEST, replacement_id=replacement_id)
        done = audit(warehouse, now, EARLIEST, replacement_id=replacement_id)
    return ReplacementDetailOut.model_validate(
        {
            **_row(found[0], service, now),
            "detail": _detail(found[0]),
            "as_of": now,
            "transitions": steps.to_dicts(),
            "actions": done.to_dicts(),
        }
    )


def ask_for_replacement(
    service: Service, node: str, reason: str, *, by: str, key: str | None
) -> str:
    """Let the guard replace a node; the id of the hand-over. The same key gives the same one.

    Raises:
        RefusedError: no guard acts here, the node must not be replaced now, or the key was used
            for another node; says why.
        ClusterError: the cluster cannot be asked now.
    """
    if known := _before(service, node, by, key):
        return known
    guard = _acting(service.guard)
    try:
        return guard.ask_for(node, reason, by, key).replacement_id
    except RefusedError:
        # The same request may have come twice at once: then the other one began it.
        if known := _before(service, node, by, key):
            return known
        raise


def _before(service: Service, node: str, by: str, key: str | None) -> str | None:
    if key is None:
        return None
    with service.reading() as warehouse:
        found = asked_before(warehouse, by, key)
    if found is None:
        return None
    replacement_id, of_node = found
    if of_node != node:
        raise RefusedError(
            f"This Idempotency-Key was used for node {of_node}: take a new key for another node."
        )
    return replacement_id


def _acting(guard: GuardWatch | None) -> GuardWatch:
    if guard is None:
        raise RefusedError(
            "This server guards no cluster, so it can replace no node: run `spotcast replace` on "
            "the cluster, or start the server with --guard act."
        )
    if guard.mode is not Mode.ACT:
        raise RefusedError(
            f"The guard of this server only {guard.mode.value}s: start it with --guard act, or "
            "run `spotcast replace`."
        )
    return guard


def _row(row: Mapping[str, Any], service: Service, now: datetime) -> dict[str, Any]:
    return {**hand_over_row(row, service.settings, now), "asked_by": _detail(row).get(ASKED_BY)}


def _detail(row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["detail"] or "{}")
    return found


def _filter(wanted: Wanted) -> pl.Expr:
    kept = pl.lit(value=True)
    for name in ("state", "provider"):
        if values := getattr(wanted, name):
            kept &= pl.col(name).is_in(list(values))
    return kept


def _after(cursor: str | None) -> pl.Expr:
    """The rows after the one where the page before ended."""
    if cursor is None:
        return pl.lit(value=True)
    planned_at, replacement_id = decoded(cursor, 2)
    try:
        at, name = datetime.fromisoformat(planned_at), str(replacement_id)
    except (TypeError, ValueError) as error:
        raise CursorError from error
    if at.tzinfo is None or not name.isprintable():
        raise CursorError
    same = (pl.col("planned_at") == at) & (pl.col("replacement_id") > name)
    return (pl.col("planned_at") < at) | same
