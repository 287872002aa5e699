"""What a list or a watch gives, piece by piece, and the version that it stands for."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.errors import SourceUnavailableError
from collector.http import parse_json
from collector.payload import mapping, reading, text
from collector.providers.kubernetes.refusals import GoneError, error_event

CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})

LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Listing:
    """All objects of a resource, page by page; ``version`` is known when all have been read."""

    pages: Iterator[tuple[list[Mapping[str, Any]], str]]
    version: str = ""

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for things, version in self.pages:
            self.version = version
            yield from things


@dataclass(slots=True)
class Watch:
    """The changes since ``version``, which goes along with what has been read.

    ``is_complete`` is whether the server ended it in good order: nothing was left to tell.
    """

    version: str
    lines: Callable[["Watch"], Iterator[bytes]]
    source: str
    place: str
    is_complete: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield ADDED, MODIFIED or DELETED with the object.

        Raises:
            GoneError: the server no longer knows the version: the resource must be listed.
            SourceUnavailableError: it broke off before it had said anything.
        """
        has_told = False
        try:
            for line in self.lines(self):
                with reading(self.source, self.place):
                    kind, thing = self._read(line)
                has_told = True
                if kind in CHANGES:
                    yield kind, thing
        except GoneError:
            raise
        except SourceUnavailableError as error:
            if not has_told:
                raise
            # What was read is kept; the next run goes on from there.
            LOG.warning("watch_cut source=%s reason=%s", self.source, error.what)

    def _read(self, line: bytes) -> tuple[str, Mapping[str, Any]]:
        event = parse_json(line, source=self.source)
        if not isinstance(event, dict):
            raise TypeError(f"a line is {event!r:.40}, not an object")
        kind, thing = text(event, "type"), mapping(event, "object")
        if kind == "ERROR":
            raise error_event(thing, source=self.source)
        if kind not in CHANGES and kind != "BOOKMARK":
            raise ValueError(f"type is {kind!r:.40}")
        self.version = text(mapping(thing, "metadata"), "resourceVersion")
        return kind, thing
