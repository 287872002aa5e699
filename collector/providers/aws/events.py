"""AWS' events from SQS queues that EventBridge fills: interruptions as they are announced.

EventBridge is regional, so a user has a queue per region, or rules that send all regions' events
to one bus. What an event says is read in `collector.providers.aws.eventbridge`.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from collector.errors import SourceChangedError, SourceDeniedError, SourceUnavailableError
from collector.provider import Feed, Scope, Setting, Source
from collector.providers.aws import sqs
from collector.providers.aws.availability_zones import PERMISSION as ZONES
from collector.providers.aws.client import EVENT_QUEUE, connection_of
from collector.providers.aws.eventbridge import NAME, nodes_of, parse, pushed, read
from collector.providers.aws.machines import PERMISSION as MACHINES
from collector.providers.aws.machines import Machines
from collector.providers.aws.sqs import Message, Queue
from warehouse.records import Record, Semantics

__all__ = ["FEED", "NAME", "collect", "parse", "pushed"]

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that could be read, and where its machines are."""

    message: Message
    event: Mapping[str, Any]
    region: str
    nodes: list[str]


def collect(source: Source) -> Iterator[Record]:
    """Yield what the messages of all queues say; they are deleted once it is stored.

    A queue that cannot be reached now does not keep back the others' news.

    Raises:
        SourceDeniedError: no queue is set, or one refuses us.
        SourceUnavailableError: no queue could be reached.
    """
    account = connection_of(source, NAME)
    if not account.queues.urls:
        raise SourceDeniedError(NAME, f"no queue is set: {EVENT_QUEUE} holds its URL")
    machines = Machines(source, NAME)
    queues = [Queue(account, url, NAME) for url in account.queues.urls]
    # All queues are waited for in turn, while what the first gave is hidden for a time only.
    wait = account.queues.wait_seconds // len(queues)
    unreachable: list[SourceUnavailableError] = []
    for queue in queues:
        try:
            messages = list(queue.messages(wait))
        except SourceUnavailableError as error:
            LOG.warning("queue_unreachable region=%s reason=%s", queue.region, error)
            unreachable.append(error)
            continue
        yield from _drained(source, queue, messages, machines)
    if len(unreachable) == len(queues):
        raise unreachable[0]


def _drained(
    source: Source, queue: Queue, messages: list[Message], machines: Machines
) -> Iterator[Record]:
    """What the messages say. One that cannot be read is left for the dead-letter queue."""
    deliveries = [one for message in messages if (one := _delivery(message))]
    _look_up(deliveries, machines)
    done = []
    for one in deliveries:
        try:
            records = list(parse(one.event, observed_at=source.now, machines=machines.known))
        except SourceChangedError as error:
            _leave(one.message, error)
            continue
        done.append(one.message)
        yield from records
    source.progress.after_stored.append(queue.deletion(done))


def _delivery(message: Message) -> Delivery | None:
    try:
        event = read(message.body)
        return Delivery(message, event, *nodes_of(event))
    except SourceChangedError as error:
        _leave(message, error)
        return None


def _leave(message: Message, error: SourceChangedError) -> None:
    LOG.warning("unreadable_message feed=%s id=%s reason=%s", NAME, message.identity, error.what)


def _look_up(deliveries: list[Delivery], machines: Machines) -> None:
    nodes: dict[str, set[str]] = defaultdict(set)
    for one in deliveries:
        nodes[one.region].update(one.nodes)
    for region, some in nodes.items():
        machines.look_up(region, some)


FEED = Feed(
    name=NAME,
    title="AWS events",
    meaning=(
        "The account's own machines: interruptions announced (2 minutes ahead; 0 for hibernation) "
        "and carried out, rebalance recommendations, scheduled work, and the lives of Spot "
        "machines. Best effort: a machine taken while it boots is not announced. A recommendation "
        "or a change of state alone is no interruption."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(minutes=1),
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=True,
    permissions=(*sqs.PERMISSIONS, MACHINES, ZONES),
    settings=(
        Setting(
            EVENT_QUEUE,
            "the URL of the SQS queue that EventBridge fills; several, one per region, with commas",
        ),
    ),
    may_be_quiet=True,
)
