"""Take what is due out of the outbox, try it, and note what came of it.

A message is tried until its receiver has accepted it, or it is given up. The attempt is counted
before it is made and its outcome stored after it: a process that is killed between the receiver's
acceptance and the stored row sends that message once more, with the same id, and nothing else can
make a repeat.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from api.config.channels import (
    ChannelSection,
    FolderChannel,
    ObjectStorageChannel,
    SlackChannel,
    SmtpChannel,
    WebhookChannel,
)
from api.delivery import folder, mail, posting, storage
from api.delivery.errors import DeliveryError
from api.delivery.notice import Notice
from api.delivery.parcel import Parcel
from warehouse.outbox import (
    Waiting,
    due_messages,
    give_up,
    note_accepted,
    note_failed,
    note_trying,
)
from warehouse.store import Warehouse

LOG = logging.getLogger("spotcast.delivery")

MOST = 100
"""Messages of one round; the next round is a minute later."""

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
"""Doubled after each failure up to this: a receiver that is back after a night has all within the
hour, and one that is away is asked 75 times in three days."""

PUT: Mapping[type[ChannelSection], Callable[[Any, Parcel], None]] = {
    FolderChannel: folder.put,
    SmtpChannel: mail.put,
    SlackChannel: posting.put_slack,
    WebhookChannel: posting.put_webhook,
    ObjectStorageChannel: storage.put,
}
"""How each kind of channel delivers."""

Lease = Callable[[], AbstractContextManager[Warehouse]]


class Outcome(StrEnum):
    """What came of a message in one round."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    """To be tried again."""
    GIVEN_UP = "given_up"
    LEFT = "left"
    """Not tried, as its channel had failed in this round, or the process ends."""


Sent = Mapping[Outcome, int]
"""How many messages of a round came to what; every outcome is in it."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends for one process; ``lease`` gives the warehouse for writing, never while it waits."""

    lease: Lease
    channels: Mapping[str, ChannelSection]
    environ: Mapping[str, str]
    clock: Callable[[], datetime]
    is_stopping: Callable[[], bool] = lambda: False

    def send_due(self) -> Sent:
        """Try each message that is due once.

        A channel that fails is left alone for the rest of the round: it may need as long as its
        time-out for each message, and others wait.
        """
        with self.lease() as warehouse:
            due = due_messages(warehouse, self.clock(), MOST)
        sent = dict.fromkeys(Outcome, 0)
        failed: set[str] = set()
        for one in due:
            is_left = one.channel in failed or self.is_stopping()
            came = Outcome.LEFT if is_left else self._tried(one)
            sent[came] += 1
            if came is Outcome.FAILED:
                failed.add(one.channel)
        return sent

    def _tried(self, one: Waiting) -> Outcome:
        now = self.clock()
        later = now + pause(one.message_id, one.attempts)
        with self.lease() as warehouse, warehouse.transaction():
            note_trying(warehouse, one.message_id, now, later)
        try:
            deliver(self._channel(one), parcel_of(one, now, self.environ))
        except DeliveryError as error:
            return self._failed(one, error)
        with self.lease() as warehouse, warehouse.transaction():
            note_accepted(warehouse, one.message_id, self.clock())
        self._tell(one, Outcome.ACCEPTED, None)
        return Outcome.ACCEPTED

    def _failed(self, one: Waiting, error: DeliveryError) -> Outcome:
        now, reason = self.clock(), str(error)
        channel = self.channels.get(one.channel)
        hours = (channel or ChannelSection()).give_up_after_hours
        with self.lease() as warehouse, warehouse.transaction():
            if error.is_final or now - one.created_at >= timedelta(hours=hours):
                give_up(warehouse, one.message_id, reason, now)
                came = Outcome.GIVEN_UP
            else:
                later = now + max(pause(one.message_id, one.attempts), error.wait or timedelta())
                note_failed(warehouse, one.message_id, reason, later)
                came = Outcome.FAILED
        self._tell(one, came, reason)
        return came

    def _channel(self, one: Waiting) -> ChannelSection:
        found = self.channels.get(one.channel)
        if found is None:
            raise DeliveryError(f"the configuration has no channel {one.channel!r}")
        return found

    @staticmethod
    def _tell(one: Waiting, came: Outcome, reason: str | None) -> None:
        told = {
            "message": one.message_id,
            "channel": one.channel,
            "attempt": one.attempts + 1,
            "outcome": came.value,
            "reason": reason,
        }
        LOG.log(logging.WARNING if reason else logging.INFO, "message", extra={"told": told})


def deliver(channel: ChannelSection, parcel: Parcel) -> None:
    """Hand one message to its channel.

    Raises:
        DeliveryError: it was not accepted.
    """
    PUT[type(channel)](channel, parcel)


def parcel_of(one: Waiting, now: datetime, environ: Mapping[str, str]) -> Parcel:
    """A message that is due, as its channel takes it.

    Raises:
        DeliveryError: what it says cannot be read.
    """
    try:
        notice = Notice.model_validate_json(one.payload)
    except ValidationError as error:
        raise DeliveryError("it was stored by another version", is_final=True) from error
    return Parcel(one.message_id, one.receiver, notice, now, environ)


def pause(message_id: str, attempts: int) -> timedelta:
    """How long to wait after an attempt: doubled each time, less up to half of it.

    The share is of the message's own, so that many that failed together do not come together
    again.
    """
    whole: timedelta = min(FIRST_PAUSE * (1 << min(attempts, 16)), LONGEST_PAUSE)
    digest = hashlib.sha256(f"{message_id} {attempts}".encode()).digest()
    return whole * (1 - digest[0] / 512)
