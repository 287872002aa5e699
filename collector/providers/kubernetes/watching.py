"""One bounded run of a watch: go on where the last stored run ended, or list and compare.

The note between runs is stored in the transaction of the rows that it stands for. A run that is
killed leaves the old note, and the server tells the same changes again.
"""

import json
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from collector.provider import Source
from collector.providers.kubernetes.client import KubernetesApi, connection_of
from collector.providers.kubernetes.refusals import GoneError
from collector.providers.kubernetes.resources import Resource
from warehouse.records import Record

LOG = logging.getLogger(__name__)


class Observer(Protocol):
    """What a feed makes of what it sees. ``seen_at`` is when it was read: it was true by then."""

    def listed(
        self, things: Iterable[Mapping[str, Any]], clock: Callable[[], datetime]
    ) -> Iterator[Record]:
        """Everything there is, read bit by bit: what was known and is not there has ended."""
        ...

    def changed(self, kind: str, thing: Mapping[str, Any], seen_at: datetime) -> Iterator[Record]:
        """One object was ADDED, MODIFIED or DELETED."""
        ...

    def caught_up(self, at: datetime) -> Iterator[Record]:
        """All that had happened up to ``at`` has been told."""
        ...

    def note(self) -> Any:
        """What the next run must know, fit for JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Note:
    """Where to go on: in which cluster, from which version, with what the feed knows."""

    cluster: str
    version: str
    known: Any

    @classmethod
    def read(cls, cursor: str | None, cluster: str) -> "Note | None":
        """The note that the last run left; None if there is none or it is of another cluster."""
        if cursor is None:
            return None
        found = json.loads(cursor)
        if found["cluster"] != cluster:
            LOG.warning("another_cluster: what was known of the last one is left as it was")
            return None
        return cls(found["cluster"], found["version"], found["known"])

    def written(self) -> str:
        """The note as a cursor."""
        note = {"cluster": self.cluster, "version": self.version, "known": self.known}
        return json.dumps(note, separators=(",", ":"))


def observe(
    source: Source,
    feed: str,
    resource: Resource,
    observer_of: Callable[[KubernetesApi, Any], Observer],
) -> Iterator[Record]:
    """Yield what one run sees, and leave the note for the next.

    ``observer_of`` makes the observer from the API and what the last run's one had noted (None on
    the first run). Raises one of the `collector.errors`.
    """
    with connection_of(source, feed).opened(feed) as api:
        note = Note.read(source.progress.cursor, api.cluster)
        observer = observer_of(api, note.known if note else None)
        version = yield from _watched(api, resource, observer, note, source.now)
        source.progress.cursor = Note(api.cluster, version, observer.note()).written()


def _watched(
    api: KubernetesApi, resource: Resource, observer: Observer, note: Note | None, now: datetime
) -> Generator[Record, None, str]:
    """Watch on, or list if that cannot be; return the version to go on from."""
    if note is not None:
        watch = api.watch(resource, note.version)
        try:
            for kind, thing in watch:
                yield from observer.changed(kind, thing, api.now())
        except GoneError:
            LOG.info("listed_anew resource=%s", resource.name)
        else:
            if watch.is_complete:
                yield from observer.caught_up(now)
            return watch.version
    listing = api.everything(resource)
    yield from observer.listed(listing, api.now)
    yield from observer.caught_up(now)
    return listing.version
