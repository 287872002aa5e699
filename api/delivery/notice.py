"""What is told, and the messages by which it goes to each receiver."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from api.config.channels import ChannelSection
from warehouse.outbox import Message


class Severity(StrEnum):
    """How soon somebody should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Attachment(BaseModel):
    """A file that goes with a notice."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[\w.-]+$")
    media_type: str
    text: str


class Notice(BaseModel):
    """One thing that is told: a report that was made, or what fires.

    ``key`` makes it the same notice: told twice, it is delivered once.
    """

    model_config = ConfigDict(frozen=True)

    kind: str = Field(pattern=r"^[a-z_]+$")
    key: str
    title: str
    """One line."""
    text: str
    """Sentences, without markup."""
    severity: Severity = Severity.INFO
    at: datetime
    facts: Mapping[str, str] = Field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()

    @property
    def subject(self) -> str:
        """The title as a subject."""
        mark = self.kind if self.severity is Severity.INFO else self.severity.value
        return f"[Spotcast][{mark}] {self.title}"


def message_id(notice: Notice, channel: str, receiver: str) -> str:
    """The same for the same notice to the same receiver, whenever and wherever it is made."""
    told = json.dumps([notice.kind, notice.key, channel, receiver])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def addressed(
    notices: Iterable[Notice], channels: Mapping[str, ChannelSection], now: datetime
) -> list[Message]:
    """A message for each notice and each receiver of the channels, which are by name.

    Each receiver has one of its own: what one refuses must not be sent to the others again.
    """
    return [
        Message(
            message_id=message_id(notice, name, receiver),
            channel=name,
            receiver=receiver,
            kind=notice.kind,
            subject=notice.subject,
            created_at=now,
            payload=notice.model_dump_json(),
        )
        for notice in notices
        for name, channel in channels.items()
        for receiver in channel.receivers
    ]


def chosen(
    names: Sequence[str], channels: Mapping[str, ChannelSection]
) -> dict[str, ChannelSection]:
    """The channels of these names, in their order; those that are not there are left out.

    Whether each is there is checked when the configuration is read.
    """
    return {name: channels[name] for name in names if name in channels}
