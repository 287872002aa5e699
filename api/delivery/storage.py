"""The channel ``object_storage``: boto3, hidden here; for every cloud whose buckets speak S3."""

from importlib.util import find_spec
from typing import Any

from api.config.channels import ObjectStorageChannel
from api.delivery.errors import DeliveryError
from api.delivery.parcel import Parcel, files_of
from api.delivery.secrets import secret_of

NEEDS = "boto3 is not installed: pip install 'spotcast[aws]'"

MEDIA_TYPES = {".json": "application/json", ".html": "text/html", ".md": "text/markdown"}
PLAIN = "text/plain"
CHARSET = "; charset=utf-8"


def put(channel: ObjectStorageChannel, parcel: Parcel) -> None:
    """Write the message's files; written again they are the same objects.

    ``notice.json`` comes last: where it is, all are.

    Raises:
        DeliveryError: the bucket cannot be reached or written to.
    """
    if not find_spec("boto3"):
        raise DeliveryError(NEEDS)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra

    home = f"{channel.prefix}{parcel.notice.kind}/{parcel.name}"
    files = files_of(parcel)
    try:
        client = _client(channel, parcel)
        for name in sorted(files, key=lambda one: one == "notice.json"):
            client.put_object(
                Bucket=channel.bucket,
                Key=f"{home}/{name}",
                Body=files[name].encode(),
                ContentType=_media_type(name),
            )
    except ClientError as error:
        told = error.response.get("Error", {})
        reason = f"bucket {channel.bucket}: {told.get('Code')}: {told.get('Message')}"
        raise DeliveryError(reason) from None
    except BotoCoreError as error:
        raise DeliveryError(f"bucket {channel.bucket}: {error}") from None


def _client(channel: ObjectStorageChannel, parcel: Parcel) -> Any:
    import boto3  # noqa: PLC0415 - an extra
    from botocore.config import Config  # noqa: PLC0415 - the same

    return boto3.session.Session().client(
        "s3",
        region_name=channel.region,
        endpoint_url=channel.endpoint,
        aws_access_key_id=secret_of(channel, "access_key_id", parcel.environ),
        aws_secret_access_key=secret_of(channel, "secret_access_key", parcel.environ),
        config=Config(
            connect_timeout=channel.timeout_seconds,
            read_timeout=channel.timeout_seconds,
            s3={"addressing_style": channel.addressing},
            # The outbox tries again, with dates that outlive the process.
            retries={"total_max_attempts": 1},
            # Checksums that other clouds' S3 do not know are sent only where they are asked for.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _media_type(name: str) -> str:
    found = next((kind for end, kind in MEDIA_TYPES.items() if name.endswith(end)), PLAIN)
    return found + CHARSET if found.startswith("text/") else found
