"""An account at Alibaba Cloud that does not exist, the recorded answers of its API, and a queue."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from collector.provider import Source
from collector.providers.alibaba import PROVIDER
from collector.providers.alibaba.client import AlibabaConnection
from collector.providers.alibaba.credentials import AlibabaCredentials
from collector.providers.alibaba.queue_client import EventQueue
from collector.replay import Recordings, ReplayServer
from tests.support.loopback import NOW, source_at

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"
REGION = "cn-hangzhou"
SECRET = "a-secret-that-is-in-no-message"  # noqa: S105 - invented
QUEUE = "https://1234567890123456.mns.cn-hangzhou.aliyuncs.com/queues/spotcast"
TOKEN = "a-token-that-is-in-no-message"  # noqa: S105 - invented

RECORDED_AS = [("alibaba", one) for feed in PROVIDER.feeds for one in feed.recorded_as]


def payload(name: str) -> bytes:
    """A recorded answer by its file's name."""
    return (PAYLOADS / "alibaba" / name).read_bytes()


def connection(security_token: str | None = TOKEN) -> AlibabaConnection:
    """A connection whose clock stands still and whose nonces are 0, 1, 2."""
    nonces = count()
    key = AlibabaCredentials("key-id", SECRET, security_token)
    return AlibabaConnection(
        key,
        clock=lambda: NOW,
        nonce=lambda: str(next(nonces)),
        event_queue=EventQueue(QUEUE, key, lambda: NOW),
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
    with (
        ReplayServer(Recordings(folder, RECORDED_AS)) as server,
        alibaba_at(server.url, **given) as source,
    ):
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


NO_MESSAGE = payload("mns.error.MessageNotExist.xml")


@dataclass(slots=True)
class Queue:
    """A queue that hides a message once shown; ``bodies`` by message id, receipts are ``r+ID==``.

    ``asked`` are method, path with query, and headers of each request; what is asked of another
    API than the queue's is refused.
    """

    bodies: dict[str, str]
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    url: str = ""

    def answer(self, method: str, target: str) -> tuple[int, bytes]:
        """Status and body for one request."""
        _, _, query = target.partition("/messages?")
        if method == "GET":
            some = [one for one in self.bodies if one not in self.shown][:16]
            self.shown |= set(some)
            return (200, self._batch(some)) if some else (404, NO_MESSAGE)
        if method == "DELETE":
            receipt = unquote(query.removeprefix("ReceiptHandle="))
            known = self.bodies.pop(receipt.removeprefix("r+").removesuffix("=="), None)
            return (204, b"") if known else (404, NO_MESSAGE)
        return 400, b'{"Code": "Odd", "Message": "not a queue\'s"}'

    def _batch(self, some: list[str]) -> bytes:
        messages = "".join(
            f"<Message><MessageId>{one}</MessageId><ReceiptHandle>r+{one}==</ReceiptHandle>"
            f"<MessageBody>{escape(self.bodies[one])}</MessageBody></Message>"
            for one in some
        )
        return (f'<Messages xmlns="http://mns.aliyuncs.com/doc/v1">{messages}</Messages>').encode()


@contextmanager
def queue_of(**bodies: str) -> Generator[Queue]:
    """A queue with these messages, served while the context lasts."""
    queue = Queue(bodies)

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            queue.asked.append((self.command, self.path, {**self.headers}))
            status, body = queue.answer(self.command, self.path)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_DELETE = do_POST = do_GET  # noqa: N815 - the base's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    queue.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield queue
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
