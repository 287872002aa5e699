"""Google Cloud's preemptions as its audit log tells them, read from a Pub/Sub subscription.

A sink of the Log Router sends the log's entries about preemptions to a topic; this feed empties a
subscription of it. The same entries may be pushed over HTTP instead, see `pushed`.
"""

import base64
import binascii
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.errors import SourceChangedError, SourceDeniedError
from collector.payload import instant, mapping, members, reading, text
from collector.provider import Feed, RecordedAs, Scope, Setting, Source
from collector.providers.gcp.client import SUBSCRIPTION, connection_of
from collector.providers.gcp.names import PROVIDER_NAME, instance_at, region_of
from warehouse.records import Interruption, InterruptionKind, Record, Semantics

NAME = "gcp.audit_events"
PUBSUB = "https://pubsub.googleapis.com/v1"
PERMISSION = "pubsub.subscriptions.consume"
METHOD = "compute.instances.preempted"

SUBSCRIPTION_NAME = re.compile(r"projects/[^/\s?#]+/subscriptions/[^/\s?#:]+")
AT_ONCE = 100
MOST_PULLS = 50
"""Messages of one pull, and pulls of one run; what is left comes with the next run."""

LOG = logging.getLogger(__name__)


def collect(source: Source) -> Iterator[Record]:
    """Yield the preemptions in the messages that wait; they are acknowledged once stored.

    A message that cannot be read is logged and left to the subscription's dead-letter policy.
    """
    seen: set[str] = set()
    for _ in range(MOST_PULLS):
        messages = _pulled(source)
        fresh = [one for one in messages if one[1] not in seen]
        if not fresh:
            return
        seen.update(message_id for _, message_id, _ in fresh)
        done: list[str] = []
        for ack_id, message_id, message in fresh:
            try:
                records = list(parse(entry_in(message), observed_at=source.now))
            except SourceChangedError:
                # Its id only: what is in it may be anything.
                LOG.warning("message_unreadable feed=%s id=%s", NAME, message_id)
                continue
            done.append(ack_id)
            yield from records
        if done:
            source.progress.after_stored.append(_acknowledgement(source, done))


def _pulled(source: Source) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Acknowledgement id, message id and message of what waits now; empty if nothing does.

    ``returnImmediately``: without it Pub/Sub keeps an empty pull open for longer than a run may
    take. It may then overlook a message, which the next run finds.
    """
    reply = _post(source, "pull", {"maxMessages": AT_ONCE, "returnImmediately": True})
    with reading(NAME, "the pull"):
        if reply and "receivedMessages" not in reply:
            raise KeyError("receivedMessages")
        return [
            (text(one, "ackId"), text(mapping(one, "message"), "messageId"), one["message"])
            for one in members({"receivedMessages": [], **reply}, "receivedMessages")
        ]


def _acknowledgement(source: Source, ack_ids: list[str]) -> Callable[[], None]:
    def acknowledge() -> None:
        _post(source, "acknowledge", {"ackIds": ack_ids})

    return acknowledge


def _post(source: Source, action: str, body: object) -> Mapping[str, Any]:
    connection = connection_of(source, NAME)
    if not SUBSCRIPTION_NAME.fullmatch(connection.subscription):
        raise SourceDeniedError(NAME, f"set {SUBSCRIPTION} to {MEANING}")
    return connection.call(
        source,
        "POST",
        f"{PUBSUB}/{connection.subscription}:{action}",
        feed=NAME,
        permission=PERMISSION,
        body=body,
    )


def entry_in(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The log entry in a Pub/Sub message.

    Raises:
        SourceChangedError: its data is not base64 of a JSON object.
    """
    with reading(NAME, "the message"):
        try:
            entry = json.loads(base64.b64decode(text(message, "data"), validate=True))
        except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError) as error:
            # The decoder's words, never the data: it is another's log.
            raise ValueError(f"data is not base64 of JSON ({type(error).__name__})") from error
        return mapping({"data": entry}, "data")


def parse(entry: Mapping[str, Any], *, observed_at: datetime) -> Iterator[Interruption]:
    """Read one log entry: an interruption if it is about a preemption, else nothing."""
    with reading(NAME, f"log entry {entry.get('insertId', 'without insertId')}"):
        text(entry, "logName")
        told = mapping({"protoPayload": {}, **entry}, "protoPayload")
        if told.get("methodName") != METHOD:
            return
        node, zone = instance_at(told, "resourceName")
        occurred_at = instant(entry, "timestamp").astimezone(UTC)
    yield Interruption(
        provider=PROVIDER_NAME,
        region=region_of(zone),
        zone=zone,
        instance_type=None,
        node=node,
        kind=InterruptionKind.TAKEN,
        occurred_at=occurred_at,
        notice_seconds=None,
        source=NAME,
        observed_at=observed_at,
    )


def pushed(event: Mapping[str, Any], observed_at: datetime) -> Iterator[Record]:
    """Read one log entry that Pub/Sub pushed over HTTP."""
    return parse(event, observed_at=observed_at)


MEANING = "projects/PROJECT/subscriptions/NAME, fed by a sink of the system event log"

FEED = Feed(
    name=NAME,
    title="Google Cloud preemptions (audit log)",
    meaning=(
        "Each Spot VM that Google preempted in the projects whose audit log goes to the "
        "subscription, within seconds. The log does not tell the machine's type; `gcp.instances` "
        "and `gcp.preemptions` do. It is the same preemption as in `gcp.preemptions`, told twice."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(minutes=1),
    may_be_quiet=True,
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION,),
    settings=(Setting(SUBSCRIPTION, MEANING),),
    recorded_as=(
        RecordedAs(":pull", "pubsub.pull"),
        RecordedAs(":acknowledge", "pubsub.acknowledge"),
    ),
)
