"""The channels ``webhook`` and ``slack``: a POST over HTTP; httpx, hidden here."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from api.config.channels import ChannelSection, SlackChannel, WebhookChannel
from api.delivery.errors import DeliveryError
from api.delivery.parcel import Parcel
from api.delivery.secrets import secret_of
from api.delivery.templates import facts_of, filled
from api.delivery.trust import trusted
from api.security.redaction import redacted

SIGNATURE = "spotcast-signature"

MENDABLE = frozenset({401, 402, 403, 404, 407, 408, 421, 423, 425, 429})
"""Refusals that do not speak of the message itself: of a key, an address or the time. Any other of
400 to 499 stays what it is however often it is tried (RFC 9110, 15.5)."""

SHOWN = 200
"""Characters of an answer that stand in an error."""

READ = 4_096
"""Bytes of an answer that are read."""

# https://api.slack.com/reference/block-kit/blocks: 150 for a header, 3000 for a section of text,
# 10 fields of 2000.
HEADER, SECTION, FIELDS, FIELD = 150, 3_000, 10, 2_000


LONGEST_WAIT_SECONDS = 86_400
"""That a receiver may ask for: a day."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted where; ``secrets`` must not stand in an error."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    secrets: tuple[str | None, ...]


def put_webhook(channel: WebhookChannel, parcel: Parcel) -> None:
    """Post the message.

    Raises:
        DeliveryError: the receiver is away or refuses it.
    """
    body = webhook_body(channel, parcel)
    url = channel.url or secret_of(channel, "url", parcel.environ) or ""
    key = secret_of(channel, "secret", parcel.environ)
    token = secret_of(channel, "token", parcel.environ)
    headers = {"content-type": channel.content_type}
    if key:
        headers[SIGNATURE] = signature(body, key, parcel.now)
    if token:
        headers["authorization"] = f"Bearer {token}"
    _post(
        channel, Request(url, body, headers, (url if not channel.url else None, key, token)), parcel
    )


def put_slack(channel: SlackChannel, parcel: Parcel) -> None:
    """Post the message to Slack's incoming webhook.

    Raises:
        DeliveryError: Slack is away or refuses it.
    """
    body = slack_body(channel, parcel)
    url = secret_of(channel, "url", parcel.environ) or ""
    headers = {"content-type": "application/json"}
    _post(channel, Request(url, body, headers, (url,)), parcel)


def signature(body: bytes, key: str, at: datetime) -> str:
    """``t=<seconds>,v1=<hex>``: HMAC-SHA256 of the seconds, a dot and the body."""
    seconds = int(at.timestamp())
    digest = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"


def webhook_body(channel: WebhookChannel, parcel: Parcel) -> bytes:
    """What is posted.

    Raises:
        DeliveryError: the template is wrong, or what it makes is no JSON though it should be.
    """
    if channel.template:
        text = filled(channel.template, parcel)
        if channel.content_type.startswith("application/json"):
            _check_json(text, channel)
        return text.encode()
    told = dict(facts_of(parcel))
    if not channel.attach:
        told["attachments"] = [
            {"name": one.name, "media_type": one.media_type} for one in parcel.notice.attachments
        ]
    return json.dumps(told).encode()


def slack_body(channel: SlackChannel, parcel: Parcel) -> bytes:
    """What is posted: blocks, and a text for the notification.

    Raises:
        DeliveryError: the template is wrong, or makes no JSON.
    """
    if channel.template:
        text = filled(channel.template, parcel)
        _check_json(text, channel)
        return text.encode()
    notice = parcel.notice
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(notice.title, HEADER)}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": _cut(_marked(notice.text), SECTION)},
        },
    ]
    fields = [
        {"type": "mrkdwn", "text": _cut(f"*{_marked(name)}*\n{_marked(value)}", FIELD)}
        for name, value in notice.facts.items()
    ]
    if fields:
        blocks.append({"type": "section", "fields": fields[:FIELDS]})
    about = f"{notice.severity.value}, {notice.at:%Y-%m-%d %H:%M} UTC, message {parcel.message_id}"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": about}]})
    return json.dumps({"text": notice.subject, "blocks": blocks}).encode()


def _marked(text: str) -> str:
    """The text as Slack takes it: three characters are its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") or " "


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _check_json(text: str, channel: SlackChannel | WebhookChannel) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise DeliveryError(f"template {channel.template}: it makes no JSON: {error}") from error


def _post(channel: ChannelSection, asked: Request, parcel: Parcel) -> None:
    headers = {
        **asked.headers,
        "idempotency-key": parcel.message_id,
        "user-agent": "spotcast",
    }
    try:
        with (
            httpx.Client(
                verify=trusted(), timeout=channel.timeout_seconds, follow_redirects=False
            ) as client,
            client.stream("POST", asked.url, content=asked.body, headers=headers) as answer,
        ):
            if answer.is_success:
                return
            said = next(answer.iter_bytes(READ), b"").decode(errors="replace")
            raise _refusal(answer, _hidden(said, asked), parcel.now)
    except httpx.InvalidURL:
        raise DeliveryError("its address is no URL") from None
    except httpx.HTTPError as error:
        said = _hidden(str(error), asked)
        name = type(error).__name__
        raise DeliveryError(f"not reached: {name}" + (f": {said}" if said else "")) from None


def _hidden(text: str, asked: Request) -> str:
    """What a receiver or a library said, in one line and without the secrets it may repeat."""
    for secret in filter(None, asked.secrets):
        text = text.replace(secret, "[redacted]")
    return redacted(" ".join(text.split()))[:SHOWN]


def _refusal(answer: httpx.Response, said: str, now: datetime) -> DeliveryError:
    status = answer.status_code
    is_final = (
        HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
        and status not in MENDABLE
    )
    reason = f"the receiver answers {status}" + (f": {said}" if said else "")
    return DeliveryError(reason, is_final=is_final, wait=_asked(answer, now))


def _asked(answer: httpx.Response, now: datetime) -> timedelta | None:
    """How long the receiver asks to be left alone: seconds or a date (RFC 9110, 10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return timedelta(seconds=min(int(text), LONGEST_WAIT_SECONDS))
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return None if until.tzinfo is None else max(until - now, timedelta())
