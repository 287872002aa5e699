"""Receivers of messages on loopback that fail as a test says: a mail server and a webhook."""

import json
import ssl
import threading
from asyncio import WriteTransport
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.authority import LOOPBACK
from tests.support.processes import free_port


class Fault(Enum):
    """What a receiver does with a message, other than to take it and to say so."""

    BUSY = auto()
    """Says that it is busy: 421, or 503."""
    LATER = auto()
    """Asks for patience: 451, or 429 with Retry-After."""
    BROKEN = auto()
    """Breaks in the middle: 452 after the data, or 500."""
    CUT = auto()
    """Takes it, and is cut off before it can say so."""
    LOST = auto()
    """Is cut off before it has taken it."""


Behave = Callable[[str], Fault | None]
"""Asked with the id of each message that arrives."""


@dataclass
class Received:
    """What arrived and was taken, in order; ``places`` is where the receiver listens."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list[EmailMessage])
    posts: list[tuple[dict[str, str], bytes]] = field(
        default_factory=list[tuple[dict[str, str], bytes]]
    )

    @property
    def ids(self) -> list[str]:
        """The ids of what was taken, as often as it was."""
        mailed = [str(one["Message-ID"]).strip("<>").partition("@")[0] for one in self.mails]
        return mailed + [headers["idempotency-key"] for headers, _ in self.posts]


def willing(_: str) -> Fault | None:
    """Takes everything."""
    return None


class _Mailbox:
    """The handler of `aiosmtpd`, which calls methods of these names."""

    def __init__(self, received: Received, behave: Behave) -> None:
        self._received = received
        self._behave = behave

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del session
        content = envelope.content
        assert isinstance(content, bytes)
        mail = BytesParser(policy=default).parsebytes(content)
        assert isinstance(mail, EmailMessage)
        fault = self._behave(str(mail["Message-ID"]).strip("<>").partition("@")[0])
        if fault in {Fault.CUT, Fault.LOST}:
            if fault is Fault.CUT:
                self._received.mails.append(mail)
            assert isinstance(server.transport, WriteTransport)
            server.transport.abort()
            return "250 nobody hears this"
        replies = {Fault.BUSY: "421 busy", Fault.LATER: "451 later", Fault.BROKEN: "452 no room"}
        if fault:
            return replies[fault]
        self._received.mails.append(mail)
        return "250 taken"


@contextmanager
def mail_server(
    behave: Behave = willing, *, context: ssl.SSLContext | None = None
) -> Generator[Received]:
    """A real mail server; with ``context`` one that speaks TLS from the first byte."""
    received = Received(free_port())
    server = Controller(
        _Mailbox(received, behave), hostname=LOOPBACK, port=received.port, ssl_context=context
    )
    server.start()
    try:
        yield received
    finally:
        server.stop()


@contextmanager
def hook(behave: Behave = willing) -> Generator[Received]:
    """A program that takes posts."""
    received = Received(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): text for name, text in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            fault = behave(headers["idempotency-key"])
            if fault in {None, Fault.CUT}:
                received.posts.append((headers, body))
            if fault in {Fault.CUT, Fault.LOST}:
                self.close_connection = True
                return
            statuses = {None: 204, Fault.BUSY: 503, Fault.LATER: 429, Fault.BROKEN: 500}
            self.send_response(statuses[fault])
            if fault is Fault.LATER:
                self.send_header("retry-after", "900")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            del format, args

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        received.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


def posted(received: Received) -> list[dict[str, Any]]:
    """The posts as JSON."""
    return [json.loads(body) for _, body in received.posts]
