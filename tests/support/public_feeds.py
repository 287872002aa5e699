"""AWS' feeds without an account, replayed from the recorded answers or served by a test."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from collector.provider import Feed, Source
from collector.replay import Recordings, ReplayServer
from tests.support.loopback import source_at

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"


@contextmanager
def replayed_page(feed: Feed, region: str = "*", folder: Path = PAYLOADS) -> Generator[Source]:
    """A source for ``feed`` whose pages come from the folder."""
    recorded_as = [("aws", one) for one in feed.recorded_as]
    with (
        ReplayServer(Recordings(folder, recorded_as)) as server,
        source_at(server.url, region) as source,
    ):
        yield source
