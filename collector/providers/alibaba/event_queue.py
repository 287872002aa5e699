"""A queue that the user's EventBridge or CloudMonitor sends interruption events to.

A message is deleted once its event is stored, or if it tells of something else. One that cannot
be read stays: the queue shows it again until its own limits (retention, dead letters) end that.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from collector.errors import SourceChangedError, SourceDeniedError
from collector.provider import Feed, RecordedAs, Scope, Setting, Source
from collector.providers.alibaba.client import connection_of
from collector.providers.alibaba.events import SOURCE, read_message
from collector.providers.alibaba.machines import PERMISSION as LOOK_UP
from collector.providers.alibaba.machines import attributed
from collector.providers.alibaba.queue_client import EVENT_QUEUE, EventQueue, Message
from warehouse.records import Interruption, Record, Semantics

NAME = SOURCE

WAIT_SECONDS = 10
"""How long the first call waits for a message (long polling; the service's limit is 30). Less
than the HTTP client's patience."""
MOST_BATCHES = 20
"""Calls in one run, 320 messages: what was received must be deleted before it is shown again."""

LOG = logging.getLogger(__name__)


def collect(source: Source) -> Iterator[Record]:
    """Yield an `Interruption` per message that announces one."""
    queue = _queue(source)
    told: list[Interruption] = []
    for message in _messages(source, queue):
        try:
            told += parse(message.body, observed_at=source.now)
        except SourceChangedError:
            # Its words may repeat what the message holds, so only the id is told.
            LOG.warning("message_not_read feed=%s message=%s", NAME, message.message_id)
            continue
        delete = partial(queue.delete, source.http, message.receipt, source=NAME)
        source.progress.after_stored.append(delete)
    yield from attributed(source, dict.fromkeys(told), feed=NAME)


def parse(body: str, *, observed_at: datetime) -> list[Interruption]:
    """The interruption that one message's body announces; empty for an event of another kind.

    Raises:
        SourceChangedError: the body, or the event in it, is of a form we do not know.
    """
    return read_message(body, observed_at=observed_at, source=NAME)


def _messages(source: Source, queue: EventQueue) -> Iterator[Message]:
    """What is in the queue, until it is empty or shows what it has shown in this run."""
    seen: set[str] = set()
    for _ in range(MOST_BATCHES):
        wait = 0 if seen else WAIT_SECONDS
        given = queue.receive(source.http, wait_seconds=wait, source=NAME)
        fresh = {one.message_id: one for one in given if one.message_id not in seen}
        if not fresh:
            return
        yield from fresh.values()
        seen |= fresh.keys()


def _queue(source: Source) -> EventQueue:
    """The queue that the wiring found.

    Raises:
        SourceDeniedError: none is set, or there is no access key.
    """
    queue = connection_of(source, NAME).event_queue
    if queue is None:
        raise SourceDeniedError(NAME, f"no queue: set {EVENT_QUEUE} to its address")
    return queue


FEED = Feed(
    name=NAME,
    title="Alibaba Cloud spot interruptions (queue)",
    meaning=(
        "Spot machines of the account that the cloud announced to take, as EventBridge or "
        "CloudMonitor put it into a queue, five minutes before. Zone and type are those of the "
        "machine if it could still be seen, else unknown. Events of other kinds are deleted."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(minutes=1),
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=True,
    permissions=("mns:ReceiveMessage", "mns:DeleteMessage", LOOK_UP),
    settings=(
        Setting(
            EVENT_QUEUE,
            "the queue's address, https://ACCOUNT.mns.REGION.aliyuncs.com/queues/NAME",
        ),
    ),
    recorded_as=(
        RecordedAs("/messages", "mns.batch_receive_message", asking="numOfMessages"),
        RecordedAs("/messages", "mns.delete_message", asking="ReceiptHandle"),
    ),
    may_be_quiet=True,
)
