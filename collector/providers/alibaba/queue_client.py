"""A queue of Alibaba Cloud's Simple Message Queue (SMQ, once MNS): receive and delete.

The service speaks XML over HTTP and signs in its own way. An empty queue answers 404, as does a
queue that does not exist; only the error's code tells them apart.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus

import httpx

from collector.errors import SourceChangedError, SourceDeniedError, SourceError
from collector.http import DENIED, Fetcher, check_status, describe
from collector.payload import reading
from collector.providers.alibaba.credentials import AlibabaCredentials
from collector.providers.alibaba.queue_signature import authorization
from collector.providers.alibaba.safe_xml import name_of, root_of, texts_of

EVENT_QUEUE = "SPOTCAST_ALIBABA_EVENT_QUEUE"
VERSION = "2015-06-06"
MOST_MESSAGES = 16
"""The service's limit on one call."""

HOST_END = ".aliyuncs.com"
"""The signature and a temporary key's token go to no other host."""
QUEUE_PATH = re.compile(r"/queues/[A-Za-z0-9-]+")
ERROR_CODE = re.compile(r"[A-Za-z][\w.-]{0,63}")

EMPTY = "MessageNotExist"
TOLD_BY_CODE = frozenset({400, 403, 404, 408})
"""The statuses whose bodies say more than the status."""
TO_MEND = {
    "QueueNotExist": f"set {EVENT_QUEUE} to the address of a queue that exists",
    "TimeExpired": "set this machine's clock, it is minutes off",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message as received; ``receipt`` deletes it until it becomes visible again."""

    message_id: str
    receipt: str
    body: str


@dataclass(frozen=True, slots=True)
class EventQueue:
    """One queue. ``address`` is its full URL; ``clock`` gives now."""

    address: str
    credentials: AlibabaCredentials
    clock: Callable[[], datetime]

    def receive(self, fetcher: Fetcher, *, wait_seconds: int, source: str) -> list[Message]:
        """Up to `MOST_MESSAGES`; none if none comes within ``wait_seconds``.

        Raises one of the `collector.errors`.
        """
        query = f"numOfMessages={MOST_MESSAGES}&waitseconds={wait_seconds}"
        response = self._ask(fetcher, "GET", query, source)
        if response.is_success:
            return read_messages(response.content, source=source)
        if error_code(response.content) == EMPTY:
            return []
        raise _refusal(response, "BatchReceiveMessage", "mns:ReceiveMessage", source)

    def delete(self, fetcher: Fetcher, receipt: str, *, source: str) -> None:
        """Take one received message out of the queue.

        Raises one of the `collector.errors`; an outdated receipt is a `SourceChangedError`.
        """
        response = self._ask(fetcher, "DELETE", f"ReceiptHandle={receipt}", source)
        if not response.is_success:
            raise _refusal(response, "DeleteMessage", "mns:DeleteMessage", source)

    def _ask(self, fetcher: Fetcher, method: str, query: str, source: str) -> httpx.Response:
        url = self._messages(source).copy_with(query=query.encode())
        key = self.credentials
        headers = {
            "date": format_datetime(self.clock(), usegmt=True),
            "x-mns-version": VERSION,
        }
        headers["authorization"] = authorization(
            method, url.raw_path.decode(), headers, key_id=key.key_id, secret=key.secret
        )
        if key.security_token:
            headers["security-token"] = key.security_token
        return fetcher.request(
            method, str(url), source=source, headers=headers, accept_status=TOLD_BY_CODE
        )

    def _messages(self, source: str) -> httpx.URL:
        """Where the queue's messages are.

        Raises:
            SourceDeniedError: the address is not a queue's; nothing was sent there.
        """
        try:
            url = httpx.URL(self.address.rstrip("/"))
        except httpx.InvalidURL:
            url = httpx.URL()
        is_queue = url.scheme == "https" and url.host.endswith(HOST_END) and not url.userinfo
        if not is_queue or url.query or not QUEUE_PATH.fullmatch(url.path):
            raise SourceDeniedError(
                source,
                f"{EVENT_QUEUE} must be like https://ACCOUNT.mns.REGION{HOST_END}/queues/NAME",
            )
        return url.copy_with(path=f"{url.path}/messages")


def read_messages(body: bytes, *, source: str) -> list[Message]:
    """Read the XML of one batch.

    Raises:
        SourceChangedError: no XML, or another document than a list of messages.
    """
    with reading(source, "a batch of messages"):
        try:
            root = root_of(body)
        except ValueError as error:
            raise SourceChangedError(source, f"{error}: {describe(body)}") from error
        if name_of(root) != "Messages":
            raise ValueError(f"the XML is {name_of(root)[:40]!r}, not Messages")
        given = [texts_of(one) for one in root if name_of(one) == "Message"]
        return [
            Message(one["MessageId"], one["ReceiptHandle"], one.get("MessageBody", ""))
            for one in given
        ]


def error_code(body: bytes) -> str:
    """The ``Code`` of an error's XML; blank if the body is something else."""
    try:
        root = root_of(body)
    except ValueError:
        return ""
    code = texts_of(root).get("Code", "") if name_of(root) == "Error" else ""
    return code if ERROR_CODE.fullmatch(code) else ""


def _refusal(response: httpx.Response, action: str, permission: str, source: str) -> SourceError:
    """The error that a refused call stands for; the service's own words may repeat the key."""
    code = error_code(response.content)
    if not code:
        check_status(response, source=source)
    what = f"{action}: HTTP {response.status_code} {code}"
    if code in TO_MEND:
        return SourceDeniedError(source, f"{what}: {TO_MEND[code]}")
    if response.status_code in DENIED:
        advice = f"check the access key and grant {permission} to its RAM user"
        return SourceDeniedError(source, f"{what}: {advice}")
    if response.status_code == HTTPStatus.REQUEST_TIMEOUT:
        check_status(response, source=source)
    return SourceChangedError(source, what)
