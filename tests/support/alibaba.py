"""An account at Alibaba Cloud that does not exist, and the recorded answers of its API."""

from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from collector.provider import Source
from collector.providers.alibaba.client import AlibabaConnection, AlibabaCredentials
from collector.replay import Recordings, ReplayServer
from tests.support.loopback import NOW, source_at

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"
REGION = "cn-hangzhou"
SECRET = "a-secret-that-is-in-no-message"  # noqa: S105 - invented
TOKEN = "a-token-that-is-in-no-message"  # noqa: S105 - invented


def connection(security_token: str | None = TOKEN) -> AlibabaConnection:
    """A connection whose clock stands still and whose nonces are 0, 1, 2."""
    nonces = count()
    return AlibabaConnection(
        AlibabaCredentials("key-id", SECRET, security_token),
        clock=lambda: NOW,
        nonce=lambda: str(next(nonces)),
    )


@contextmanager
def alibaba_at(url: str, **given: Any) -> Generator[Source]:
    """A source with that connection, whose API is the server at ``url``."""
    given.setdefault("region", REGION)
    given.setdefault("connections", {"alibaba": connection()})
    with source_at(url, **given) as source:
        yield source


@contextmanager
def replayed(folder: Path = PAYLOADS, **given: Any) -> Generator[Source]:
    """A source whose API is the folder of recorded answers."""
    with ReplayServer(Recordings(folder)) as server, alibaba_at(server.url, **given) as source:
        yield source


@contextmanager
def official_client() -> Generator[Client]:
    """The cloud's own client, told that its API is the folder of recorded answers."""
    with ReplayServer(Recordings(PAYLOADS)) as server:
        yield Client(
            Config(
                access_key_id="key-id",
                access_key_secret=SECRET,
                region_id=REGION,
                endpoint=server.url.removeprefix("http://"),
                protocol="HTTP",
            )
        )
