"""SQS queues: take messages, and delete them once what they say is stored.

A standard queue gives a message at least once and in no order. A message that was taken and not
deleted comes back when its time of hiding is over, so a kill at any moment loses none.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from collector.errors import NotRecordedError, SourceDeniedError
from collector.payload import members, reading, text
from collector.providers.aws.batches import batches
from collector.providers.aws.client import EVENT_QUEUE, AwsConnection

PERMISSIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage")

MOST_AT_ONCE = 10
"""As many messages as SQS gives or deletes in one call."""
MORE_WAIT_SECONDS = 1
"""A receive that does not wait asks a few of SQS' servers only, and may find nothing there."""

REGION = re.compile(r"\b[a-z]{2,}(?:-[a-z]+)+-\d+\b")

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``handle`` is what this delivery of it is deleted by."""

    identity: str
    handle: str
    body: str


class Queue:
    """One queue, by its URL."""

    def __init__(self, account: AwsConnection, url: str, source: str) -> None:
        """``source`` is the feed that an error names.

        Raises:
            SourceDeniedError: the URL names no region.
        """
        region = REGION.search(url.partition("//")[2].partition("/")[0])
        if not region:
            raise SourceDeniedError(source, f"{EVENT_QUEUE}: {url!r:.80} names no region of AWS")
        self.region = region[0]
        self._account = account
        self._url = url
        self._source = source

    def messages(self, wait_seconds: int) -> Iterator[Message]:
        """The messages there are, each once, and no more than a run may take.

        A first one is waited for. It ends when nothing came, or nothing that had not come before.
        """
        return islice(self._all(wait_seconds), self._account.queues.most_per_run)

    def _all(self, wait_seconds: int) -> Iterator[Message]:
        taken: set[str] = set()
        while True:
            wait = min(wait_seconds, MORE_WAIT_SECONDS) if taken else wait_seconds
            new = [one for one in self._receive(wait) if one.identity not in taken]
            if not new:
                return
            taken |= {one.identity for one in new}
            yield from new

    def _receive(self, wait_seconds: int) -> list[Message]:
        with self._account.asking(self._source, self.region):
            answer = self._account.sqs(self.region).receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MOST_AT_ONCE,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=self._account.queues.hidden_seconds,
            )
        return list(parse(answer, source=self._source))

    def delete(self, messages: Iterable[Message]) -> None:
        """Take the messages off the queue. One that cannot be comes again, and changes nothing."""
        for some in batches(messages, MOST_AT_ONCE):
            try:
                self._delete(some)
            except NotRecordedError:
                # A folder of payloads is not a queue: it has nothing to forget.
                return

    def deletion(self, messages: list[Message]) -> Callable[[], None]:
        """`delete`, to be called once the messages are stored."""
        return lambda: self.delete(messages)

    def _delete(self, messages: tuple[Message, ...]) -> None:
        entries: Any = [
            {"Id": str(place), "ReceiptHandle": one.handle} for place, one in enumerate(messages)
        ]
        with self._account.asking(self._source, self.region):
            answer = self._account.sqs(self.region).delete_message_batch(
                QueueUrl=self._url, Entries=entries
            )
        for failed in answer.get("Failed", []):
            LOG.warning("not_deleted feed=%s code=%s", self._source, failed.get("Code"))


def parse(answer: Mapping[str, Any], *, source: str) -> Iterator[Message]:
    """Read one answer, as boto3 gives it; an empty queue's has no messages at all."""
    with reading(source, "the queue's answer"):
        rows = members({"Messages": [], **answer}, "Messages")
    for row in rows:
        with reading(source, f"message {row.get('MessageId', 'without MessageId')}"):
            yield Message(text(row, "MessageId"), text(row, "ReceiptHandle"), text(row, "Body"))
