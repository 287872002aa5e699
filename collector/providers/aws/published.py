"""When a public page of AWS was last published: the pages themselves carry no date."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def published_at(headers: Mapping[str, str], now: datetime) -> datetime:
    """The ``Last-Modified`` header, so that an old page is shown as old; ``now`` without one.

    A header that cannot be read, has no zone or lies in the future is as good as none.
    """
    try:
        modified = parsedate_to_datetime(headers.get("last-modified", ""))
    except ValueError:
        return now
    if modified.tzinfo is None or modified > now:
        return now
    return modified.astimezone(UTC)
