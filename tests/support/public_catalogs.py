"""The files of third parties: replayed from the recorded ones, or served by a test."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collector.provider import Feed, Source
from collector.providers.public import PROVIDER
from collector.replay import Recordings, ReplayServer
from tests.support.loopback import Answer, always, loopback, source_at

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"


@contextmanager
def replayed() -> Generator[Source]:
    """A source whose public files are those of the folder."""
    recorded_as = [("public", one) for feed in PROVIDER.feeds for one in feed.recorded_as]
    with (
        ReplayServer(Recordings(PAYLOADS, recorded_as)) as server,
        source_at(server.url) as source,
    ):
        yield source


def collected(feed: Feed, answer: Answer) -> tuple[list[Any], str]:
    """What the feed yields of the answer, and the URL that it asked for."""
    with loopback(always(answer)) as server, source_at(server.url) as source:
        return list(feed.collect(source)), server.requests[0].url


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """A CSV file; a column that a row does not have is blank. No value may need quotes."""
    lines = [",".join(str(row.get(name, "")) for name in columns) for row in rows]
    return "\n".join([",".join(columns), *lines, ""]).encode()
