"""The outbox: messages are stored with what they tell of, and taken out by their receiver."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from warehouse.frames import schema_of
from warehouse.store import Warehouse
from warehouse.tables import MESSAGE


class MessageState(StrEnum):
    """How far a message has come."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one receiver, as it is put into the outbox."""

    message_id: str
    channel: str
    receiver: str
    kind: str
    subject: str
    created_at: datetime
    payload: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is due."""

    message_id: str
    channel: str
    receiver: str
    created_at: datetime
    payload: str
    attempts: int
    """Those before this one."""


DUE = """
    select message_id, channel, receiver, created_at, payload, attempts
    from message
    where state = 'pending' and next_try_at <= $now
    order by created_at, message_id
    limit $most
"""
TRYING = """
    update message
    set attempts = attempts + 1, last_tried_at = $now, next_try_at = $next_try_at
    where message_id = $message_id and state = 'pending'
"""
ACCEPTED = """
    update message
    set state = 'accepted', ended_at = $now, payload = null, last_error = null
    where message_id = $message_id
"""
FAILED = """
    update message
    set last_error = $error, next_try_at = $next_try_at
    where message_id = $message_id and state = 'pending'
"""
GIVEN_UP = """
    update message
    set state = 'given_up', ended_at = $now, last_error = $error
    where message_id = $message_id and state = 'pending'
"""
AGAIN = """
    update message
    set state = 'pending', ended_at = null, attempts = 0, next_try_at = $now, created_at = $now
    where state = 'given_up' and list_contains($ids, message_id)
"""
GIVEN_UP_IDS = """
    select message_id
    from message
    where state = 'given_up' and (cast($message_id as varchar) is null or message_id = $message_id)
    order by message_id
"""
LISTED = """
    select
        message_id, channel, receiver, kind, subject, state, attempts, created_at, last_tried_at,
        if(state = 'pending', next_try_at, null) as next_try_at, ended_at, last_error
    from message
    where (cast($state as varchar) is null or state = $state)
    order by created_at desc, message_id
    limit $most
"""
BACKLOGS = """
    select
        channel,
        count(*) filter (state = 'pending') as waiting,
        min(created_at) filter (state = 'pending') as oldest_waiting_at,
        min(next_try_at) filter (state = 'pending') as next_try_at,
        count(*) filter (state = 'given_up') as given_up,
        max(ended_at) filter (state = 'given_up') as newest_given_up_at,
        arg_max(last_error, coalesce(ended_at, last_tried_at, created_at))
            filter (last_error is not null) as newest_error,
        max(coalesce(ended_at, last_tried_at, created_at))
            filter (last_error is not null) as newest_error_at
    from message
    where state in ('pending', 'given_up')
    group by channel
    order by channel
"""


def enqueue(warehouse: Warehouse, messages: Sequence[Message]) -> int:
    """Put messages into the outbox; how many were new.

    One that is there already, in whatever state, is left as it is. Within a transaction of the
    caller's they are stored if, and only if, what they tell of is.
    """
    begun = {"state": MessageState.PENDING.value, "attempts": 0}
    rows = [{**asdict(one), **begun, "next_try_at": one.created_at} for one in messages]
    return warehouse.append(MESSAGE, pl.DataFrame(rows, schema=schema_of(warehouse, MESSAGE)))


def due_messages(warehouse: Warehouse, now: datetime, most: int) -> list[Waiting]:
    """Those to be tried now, the oldest first."""
    return [Waiting(*row) for row in warehouse.rows(DUE, {"now": now, "most": most})]


def note_trying(
    warehouse: Warehouse, message_id: str, now: datetime, next_try_at: datetime
) -> None:
    """Count an attempt before it is made: a process that dies of it does not repeat it at once."""
    given = {"message_id": message_id, "now": now, "next_try_at": next_try_at}
    warehouse.execute(TRYING, given)


def note_accepted(warehouse: Warehouse, message_id: str, now: datetime) -> None:
    """Its receiver has it: it is never tried again, and what it said is no longer kept."""
    warehouse.execute(ACCEPTED, {"message_id": message_id, "now": now})


def note_failed(warehouse: Warehouse, message_id: str, error: str, next_try_at: datetime) -> None:
    """An attempt failed; the next one is set."""
    given = {"message_id": message_id, "error": error, "next_try_at": next_try_at}
    warehouse.execute(FAILED, given)


def give_up(warehouse: Warehouse, message_id: str, error: str, now: datetime) -> None:
    """It is not tried again unless somebody asks for it; what it said is kept."""
    warehouse.execute(GIVEN_UP, {"message_id": message_id, "error": error, "now": now})


def try_again(warehouse: Warehouse, now: datetime, message_id: str | None = None) -> list[str]:
    """Begin anew with the one that was given up, or with all; the ids of those."""
    found = [row[0] for row in warehouse.rows(GIVEN_UP_IDS, {"message_id": message_id})]
    warehouse.execute(AGAIN, {"ids": found, "now": now})
    return found


def listed_messages(warehouse: Warehouse, state: MessageState | None, most: int) -> pl.DataFrame:
    """The messages, the newest first, without what they say.

    Columns: message_id, channel, receiver, kind, subject, state, attempts, created_at,
    last_tried_at, next_try_at (null unless pending), ended_at, last_error.
    """
    given = {"state": state.value if state else None, "most": most}
    return warehouse.ask(LISTED, given)


def backlogs(warehouse: Warehouse) -> pl.DataFrame:
    """What no receiver has, by channel; a channel that owes nothing is not there.

    Columns: channel, waiting, oldest_waiting_at, next_try_at (of those that wait), given_up,
    newest_given_up_at, newest_error and newest_error_at (of either; null if there is none).
    """
    return warehouse.ask(BACKLOGS)
