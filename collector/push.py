"""Events that arrive over HTTP: the same facts as a queue brings, taken out of their envelopes.

A cloud wraps its events as it likes: Pub/Sub puts base64 into a message, CloudEvents come alone,
in batches or with their attributes in headers. What is inside goes to the provider's ``pushed``.
Storing it twice changes nothing, for a record's key is the event's own time and machine.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from collector.errors import SourceChangedError, SourceError
from collector.http import parse_json
from collector.payload import mapping, reading, text
from collector.provider import Provider
from collector.run import append, plausible_frames
from warehouse.records import Record, RunOutcome
from warehouse.runs import RunResult, begin_run, finish_run
from warehouse.store import Warehouse

MOST_EVENTS = 1_000
"""Events in one request. EventBridge and Pub/Sub push send one, a batch of CloudEvents a few."""

CLOUD_EVENT_HEADER = "ce-"

EVERYWHERE = "*"
"""The scope of a request: it may speak of any region."""


PUSH = ".push"
"""How the name of a feed ends that nobody asks: its runs are the requests that were sent to us."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one request told: its records, of so many ``events``; the ``ignored`` say nothing to us.

    ``body_hash`` is that of the request as it came.
    """

    records: list[Record]
    events: int
    ignored: int = 0
    body_hash: str | None = None


def feed_of(provider: Provider) -> str:
    """Under which feed the requests of a provider are noted."""
    return f"{provider.name}{PUSH}"


def read_pushed(
    provider: Provider, body: bytes, headers: Mapping[str, str], now: datetime
) -> Pushed:
    """The records that one request holds; none if its events say nothing to us.

    ``headers`` have lower-case names.

    Raises:
        SourceChangedError: no JSON, an envelope or an event of a form we do not know, or more
            than `MOST_EVENTS`. Then nothing of the request should be stored.
    """
    source = f"{provider.name} push"
    if provider.pushed is None:
        raise SourceChangedError(source, f"{provider.title} sends no events here")
    try:
        events = list(_events(parse_json(body, source=source), headers, source))
        if len(events) > MOST_EVENTS:
            raise SourceChangedError(
                source, f"{len(events)} events at once, more than {MOST_EVENTS}"
            )
        told = [list(provider.pushed(event, now)) for event in events]
    except RecursionError as error:
        raise SourceChangedError(source, "the body is nested too deep") from error
    records = [record for one in told for record in one]
    _check_texts(records, source)
    ignored = sum(not one for one in told)
    return Pushed(records, len(events), ignored, hashlib.sha256(body).hexdigest())


def keep_pushed(
    warehouse: Warehouse, feed: str, told: Pushed | SourceError, now: datetime
) -> RunResult:
    """Store what a request told, and that it came, in one transaction.

    Raises:
        SourceError: it told nothing that we know, or a row cannot be true; only that is noted.
    """
    try:
        if isinstance(told, SourceError):
            raise told
        frames = plausible_frames(warehouse, feed, told.records, now)
    except SourceError as error:
        with warehouse.transaction():
            run_id = begin_run(warehouse, feed, EVERYWHERE, now)
            finish_run(warehouse, run_id, RunResult(RunOutcome.FAILED, error=str(error)), now)
        raise
    with warehouse.transaction():
        run_id = begin_run(warehouse, feed, EVERYWHERE, now)
        result = RunResult(
            RunOutcome.OK,
            rows_read=len(told.records),
            rows_new=append(warehouse, frames),
            body_hash=told.body_hash,
        )
        finish_run(warehouse, run_id, result, now)
    return result


def _check_texts(records: Sequence[Record], source: str) -> None:
    """JSON can spell what is no text: half of a surrogate pair, which no table takes."""
    try:
        for one in records:
            json.dumps(asdict(one), ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise SourceChangedError(source, "a text in it is no Unicode") from error


def _events(document: Any, headers: Mapping[str, str], source: str) -> Iterator[Mapping[str, Any]]:
    """The events in the request, without their envelopes."""
    for place, one in enumerate(document if isinstance(document, list) else [document], 1):
        if not isinstance(one, Mapping):
            raise SourceChangedError(source, f"event {place} is {one!r:.40}, not an object")
        attributes = {
            name.removeprefix(CLOUD_EVENT_HEADER): value
            for name, value in headers.items()
            if name.startswith(CLOUD_EVENT_HEADER)
        }
        if "specversion" in attributes:
            yield {**attributes, "data": one}
        elif isinstance(one.get("message"), Mapping) and "subscription" in one:
            yield _from_pubsub(one, source)
        else:
            yield one


def _from_pubsub(envelope: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """The event in a Pub/Sub message."""
    with reading(source, "the Pub/Sub message"):
        try:
            data = base64.b64decode(text(mapping(envelope, "message"), "data"), validate=True)
            event = json.loads(data)
        except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"data is not base64 of JSON ({error})") from error
        if not isinstance(event, Mapping):
            raise TypeError(f"data holds {event!r:.40}, not an object")
    return event
