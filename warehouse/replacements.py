"""Hand-overs of nodes: each transition once, in order, and what was done to the cluster for them.

A hand-over is moved on from the row that was read: where another process has moved it meanwhile,
nothing is stored and the caller is told. So a controller that lost its lease cannot take a step.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from warehouse.records import Pool, Replacement
from warehouse.store import Warehouse

ENDS = ("done", "rolled_back", "overtaken", "failed")
"""The states after which a hand-over is over."""

NONE = ""
"""The hand-over of what was done for none in particular: our taint lifted off a new node."""

ASKED_BY = "asked_by"
"""In the detail: the name of the key or user that asked for the hand-over."""
ASKED_KEY = "asked_key"
"""In the detail: what the request calls itself, so that asking again begins nothing new."""

NEWEST = """
    from replacement
    qualify row_number() over (partition by replacement_id order by sequence desc) = 1
"""

FIELDS = """
    select
        replacement_id, changed_at, state, node, provider, region, zone, instance_type, mechanism,
        reason, detail
"""

OPEN_OR_RECENT = f"""
    {FIELDS}
    from ({NEWEST})
    where not list_contains($ends, state)
        or (cast($ended_since as timestamptz) is not null and changed_at >= $ended_since)
    order by changed_at, replacement_id
"""

LAST = f"""
    {FIELDS}, sequence
    from replacement
    where replacement_id = $replacement_id
    order by sequence desc
    limit 1
"""

OPEN_OF_NODE = """
    select replacement_id
    from (
        from replacement
        where node = $node
        qualify row_number() over (partition by replacement_id order by sequence desc) = 1
    )
    where not list_contains($ends, state)
"""

INSERT = """
    insert into replacement by name
    select
        $replacement_id as replacement_id, $changed_at as changed_at, $state as state,
        $node as node, $provider as provider, $region as region, $zone as zone,
        $instance_type as instance_type, $mechanism as mechanism, $reason as reason,
        cast($detail as varchar) as detail, $sequence as sequence
"""

INSERT_ACTION = """
    insert into replacement_action by name
    select
        $replacement_id as replacement_id, $sequence as sequence, $done_at as done_at,
        $action as action, $subject as subject, $outcome as outcome,
        cast($detail as varchar) as detail
"""

HISTORY = """
    with step as (
        select *, lead(changed_at) over (
            partition by replacement_id order by sequence
        ) as left_at
        from replacement
        where changed_at <= $now
    ),
    hand_over as (
        select
            replacement_id,
            arg_max(node, sequence) as node,
            arg_max(provider, sequence) as provider,
            arg_max(region, sequence) as region,
            arg_max(zone, sequence) as zone,
            arg_max(instance_type, sequence) as instance_type,
            arg_max(mechanism, sequence) as mechanism,
            arg_max(state, sequence) as state,
            arg_min(reason, sequence) as reason,
            arg_max(reason, sequence) as last_reason,
            arg_max(detail, sequence) as detail,
            min(changed_at) as planned_at,
            max(changed_at) as changed_at,
            min(changed_at) filter (list_contains($two, state)) as begun_at,
            case when bool_or(list_contains($ends, state)) then max(changed_at) end as ended_at,
            sum(
                epoch(coalesce(left_at, $now)) - epoch(changed_at)
            ) filter (list_contains($two, state)) as overlap_seconds
        from step
        group by replacement_id
        having max(changed_at) >= $since
            and (cast($node as varchar) is null or bool_or(node = $node))
            and (cast($replacement_id as varchar) is null or replacement_id = $replacement_id)
    ),
    told as (
        select
            provider, region, zone, instance_type, effective_at, price_per_hour, currency
        from spot_price
        union all
        select
            provider, region, zone, instance_type, hour_at, mean_per_hour, currency
        from spot_price_hour
    ),
    price as (
        select
            hand_over.replacement_id,
            arg_max(told.price_per_hour, told.effective_at) as price_per_hour,
            arg_max(told.currency, told.effective_at) as currency
        from hand_over
        join told
            on told.provider = hand_over.provider
            and told.region = hand_over.region
            and told.instance_type = hand_over.instance_type
            and told.zone in (hand_over.zone, '*')
            and told.effective_at <= hand_over.begun_at
        group by hand_over.replacement_id
    )
    select hand_over.*, price.price_per_hour, price.currency
    from hand_over
    left join price using (replacement_id)
    order by planned_at desc, replacement_id
"""

TWO = ("surging", "retiring", "draining")
"""States in which the old node and what replaces it may both run."""

TRANSITIONS = """
    select replacement_id, sequence, changed_at, state, node, mechanism, reason, detail
    from replacement
    where changed_at between $since and $now
        and (cast($node as varchar) is null or node = $node)
        and (cast($replacement_id as varchar) is null or replacement_id = $replacement_id)
    order by changed_at, replacement_id, sequence
"""

ASKED = """
    select replacement_id, node
    from replacement
    where sequence = 1
        and json_extract_string(detail, $by_field) = $by
        and json_extract_string(detail, $key_field) = $key
    order by changed_at, replacement_id
    limit 1
"""

AUDIT = """
    select
        action.done_at, action.replacement_id, action.sequence, hand_over.node, action.action,
        action.subject, action.outcome, action.detail
    from replacement_action as action
    left join (select distinct replacement_id, node from replacement) as hand_over
        using (replacement_id)
    where action.done_at between $since and $now
        and (cast($node as varchar) is null or hand_over.node = $node)
        and (
            cast($replacement_id as varchar) is null or action.replacement_id = $replacement_id
        )
    order by action.done_at, action.replacement_id, action.sequence
"""


SAID_OF_MACHINES = """
    select subject as machine, definition, max(observed_at) as observed_at
    from signal
    where list_contains($definitions, definition)
        and subject is not null
        and observed_at > $since
        and observed_at <= $now
    group by all
    order by all
"""


FATES_OF_MACHINES = """
    with word as (
        select subject as machine, min(observed_at) as told_at
        from signal
        where list_contains($definitions, definition)
            and subject is not null
            and observed_at > $since
            and observed_at <= $now - $within
        group by subject
    ),
    fate as (
        select
            exists (
                from machine_interruption
                where node = machine
                    and first_told_at > told_at - $within
                    and first_told_at <= told_at + $within
            ) as was_taken,
            exists (
                from exposure
                where node = machine and ended_at > told_at and ended_at <= told_at + $within
            ) as has_ended
        from word
    )
    select
        count(*) filter (was_taken) as taken,
        count(*) filter (was_taken or not has_ended) as told
    from fate
"""


@dataclass(frozen=True, slots=True)
class Done:
    """One line of the audit: what was done, or tried, for a hand-over."""

    replacement_id: str
    done_at: datetime
    action: str
    subject: str
    outcome: str
    detail: str | None = None


def running(warehouse: Warehouse) -> list[Replacement]:
    """The newest row of each hand-over that is not over, the oldest change first.

    Whatever the clock says: one that was set back must not bring back an old state.
    """
    return with_recent(warehouse, None)


def with_recent(warehouse: Warehouse, ended_since: datetime | None) -> list[Replacement]:
    """The same, and of those that ended since then: what a cool-down looks at."""
    given = {"ends": list(ENDS), "ended_since": ended_since}
    return [_replacement(row) for row in warehouse.rows(OPEN_OR_RECENT, given)]


def advance(warehouse: Warehouse, before: Replacement | None, after: Replacement) -> bool:
    """Store that a hand-over went from ``before`` (None: it is new) to ``after``.

    True if it is stored, now or by a run before. False, with nothing stored, if the hand-over is
    no longer at ``before``, or a new one is of a node that another one, still open, is about.
    Call it outside of a transaction: it is one.
    """
    with warehouse.transaction():
        found = warehouse.rows(LAST, {"replacement_id": after.replacement_id})
        last = _replacement(found[0][:-1]) if found else None
        if last == after:
            return True
        if last != before or (before is None and _is_open(warehouse, after.node)):
            return False
        sequence = int(found[0][-1]) + 1 if found else 1
        warehouse.execute(INSERT, _row(after) | {"sequence": sequence})
    return True


def note_done(warehouse: Warehouse, done: Sequence[Done]) -> None:
    """Add lines to the audit, all or none, under the newest transition of their hand-overs."""
    with warehouse.transaction():
        sequences: dict[str, int] = {}
        for one in done:
            if one.replacement_id not in sequences:
                found = warehouse.rows(LAST, {"replacement_id": one.replacement_id})
                sequences[one.replacement_id] = int(found[0][-1]) if found else 0
            sequence = sequences[one.replacement_id]
            warehouse.execute(INSERT_ACTION, asdict(one) | {"sequence": sequence})


def history(
    warehouse: Warehouse,
    now: datetime,
    since: datetime,
    *,
    node: str | None = None,
    replacement_id: str | None = None,
) -> pl.DataFrame:
    """The hand-overs that changed between ``since`` and ``now``, the newest first.

    Columns: replacement_id, node, provider, region, zone, instance_type, mechanism, state, reason
    (the first), last_reason, detail (the newest, JSON), planned_at, changed_at, begun_at (when
    something was first asked of the cluster; null if nothing was), ended_at (null while it is
    open; all UTC), overlap_seconds (in which both machines may have run; null if none),
    price_per_hour and currency (of the old machine's pool when it began; null if unknown).
    """
    given = _asked(now, since, node, replacement_id) | {"ends": list(ENDS), "two": list(TWO)}
    return warehouse.ask(HISTORY, given)


def transitions(
    warehouse: Warehouse,
    now: datetime,
    since: datetime,
    *,
    node: str | None = None,
    replacement_id: str | None = None,
) -> pl.DataFrame:
    """Every transition between ``since`` and ``now``, by time.

    Columns: replacement_id, sequence, changed_at, state, node, mechanism, reason, detail.
    """
    return warehouse.ask(TRANSITIONS, _asked(now, since, node, replacement_id))


def audit(
    warehouse: Warehouse,
    now: datetime,
    since: datetime,
    *,
    node: str | None = None,
    replacement_id: str | None = None,
) -> pl.DataFrame:
    """All that was done to the cluster between ``since`` and ``now``, by time.

    Columns: done_at, replacement_id, sequence, node, action, subject, outcome, detail.
    """
    return warehouse.ask(AUDIT, _asked(now, since, node, replacement_id))


def said_of_machines(
    warehouse: Warehouse, now: datetime, since: datetime, definitions: Sequence[str]
) -> pl.DataFrame:
    """When each of these signals was last told of a machine, after ``since`` and up to ``now``.

    Columns: machine (the provider's id, or the node's name), definition, observed_at (UTC).
    """
    given = {"definitions": list(definitions), "since": since, "now": now}
    return warehouse.ask(SAID_OF_MACHINES, given)


def fates_of_machines(
    warehouse: Warehouse,
    now: datetime,
    since: datetime,
    definitions: Sequence[str],
    within: timedelta,
) -> tuple[int, int]:
    """Of machines of which these signals told, how many were taken within a time; and how many.

    The first signal of each machine since then counts. A machine that ended otherwise meanwhile
    (scaled down, or replaced because of that very signal) is left out: nobody knows of it.
    """
    given = {"definitions": list(definitions), "since": since, "now": now, "within": within}
    ((taken, told),) = warehouse.rows(FATES_OF_MACHINES, given)
    return taken, told


def asked_before(warehouse: Warehouse, by: str, key: str) -> tuple[str, str] | None:
    """Id and node of the hand-over that this one asked for with this key; None if there is none."""
    given = {"by_field": f"$.{ASKED_BY}", "by": by, "key_field": f"$.{ASKED_KEY}", "key": key}
    rows = warehouse.rows(ASKED, given)
    return (rows[0][0], rows[0][1]) if rows else None


def _asked(
    now: datetime, since: datetime, node: str | None, replacement_id: str | None
) -> dict[str, Any]:
    return {"now": now, "since": since, "node": node, "replacement_id": replacement_id}


def _is_open(warehouse: Warehouse, node: str) -> bool:
    return bool(warehouse.rows(OPEN_OF_NODE, {"node": node, "ends": list(ENDS)}))


def _row(one: Replacement) -> dict[str, Any]:
    row = asdict(one)
    pool: dict[str, Any] = row.pop("pool")
    return pool | row


def _replacement(row: Sequence[Any]) -> Replacement:
    replacement_id, changed_at, state, node, *rest = row
    *pool, mechanism, reason, detail = rest
    return Replacement(
        replacement_id, changed_at, state, node, Pool(*pool), mechanism, reason, detail
    )
