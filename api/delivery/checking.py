"""What would keep a channel from delivering, found before there is something to deliver."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from api.config.channels import (
    ChannelSection,
    FolderChannel,
    ObjectStorageChannel,
    SlackChannel,
    SmtpChannel,
    WebhookChannel,
)
from api.delivery.errors import DeliveryError
from api.delivery.mail import mail_of
from api.delivery.notice import Attachment, Notice, message_id
from api.delivery.parcel import Parcel
from api.delivery.posting import slack_body, webhook_body
from api.delivery.secrets import secret_of
from api.delivery.storage import NEEDS

SECRETS = ("password", "url", "secret", "token", "access_key_id", "secret_access_key")


def sample(channel: str, now: datetime) -> Notice:
    """A notice of the kind ``test``, with a fact and an attachment."""
    return Notice(
        kind="test",
        key=f"{channel} {now.isoformat()}",
        title=f"Test of the channel {channel}",
        text="This message was asked for by `spotcast deliver --test`. Nothing has happened.",
        at=now,
        facts={"Channel": channel},
        attachments=(Attachment(name="test.md", media_type="text/markdown", text="# Test\n"),),
    )


def troubles(name: str, channel: ChannelSection, environ: Mapping[str, str]) -> list[str]:
    """Why the channel could not deliver now, as far as can be told without reaching it."""
    return [*_missing(channel, environ), *unfit(name, channel, environ)]


def _missing(channel: ChannelSection, environ: Mapping[str, str]) -> Iterator[str]:
    for secret in SECRETS:
        try:
            secret_of(channel, secret, environ)
        except DeliveryError as error:
            yield str(error)


def unfit(name: str, channel: ChannelSection, environ: Mapping[str, str]) -> Iterator[str]:
    """The same, but for secrets: a template that is wrong, a folder that cannot be written to."""
    now = datetime.now(UTC)
    notice = sample(name, now)
    receiver = channel.receivers[0]
    parcel = Parcel(message_id(notice, name, receiver), receiver, notice, now, environ)
    try:
        match channel:
            case SmtpChannel():
                mail_of(channel, parcel)
            case SlackChannel():
                slack_body(channel, parcel)
            case WebhookChannel():
                webhook_body(channel, parcel)
            case ObjectStorageChannel() if not find_spec("boto3"):
                yield NEEDS
            case FolderChannel() if reason := _unwritable(channel.path.expanduser()):
                yield reason
            case _:
                pass
    except DeliveryError as error:
        yield str(error)


def _unwritable(path: Path) -> str | None:
    """Why a folder could not be written to, or made; nothing is made."""
    here = next(one for one in (path, *path.parents) if one.exists())
    if not here.is_dir():
        return f"path: {here} is no folder"
    if not os.access(here, os.W_OK | os.X_OK):
        return f"path: {here} may not be written to"
    return None
