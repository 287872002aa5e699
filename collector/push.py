"""Events that arrive over HTTP: the same facts as a queue brings, taken out of their envelopes.

A cloud wraps its events as it likes: Pub/Sub puts base64 into a message, CloudEvents come alone,
in batches or with their attributes in headers. What is inside goes to the provider's ``pushed``.
Storing it twice changes nothing, for a record's key is the event's own time and machine.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from collector.errors import SourceChangedError
from collector.http import parse_json
from collector.payload import mapping, reading, text
from collector.provider import Provider
from warehouse.records import Record

MOST_EVENTS = 1_000
"""Events in one request. EventBridge and Pub/Sub push send one, a batch of CloudEvents a few."""

CLOUD_EVENT_HEADER = "ce-"


def read_pushed(
    provider: Provider, body: bytes, headers: Mapping[str, str], now: datetime
) -> list[Record]:
    """The records that one request holds; empty if its events say nothing to us.

    ``headers`` have lower-case names.

    Raises:
        SourceChangedError: no JSON, an envelope or an event of a form we do not know, or more
            than `MOST_EVENTS`. Then nothing of the request should be stored.
    """
    source = f"{provider.name} push"
    if provider.pushed is None:
        raise SourceChangedError(source, f"{provider.title} sends no events here")
    events = list(_events(parse_json(body, source=source), headers, source))
    if len(events) > MOST_EVENTS:
        raise SourceChangedError(source, f"{len(events)} events at once, more than {MOST_EVENTS}")
    return [record for event in events for record in provider.pushed(event, now)]


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
