"""Times as AWS tells them."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from collector.quality import CLOCK_SKEW, FIRST_SPOT_MARKET

HOUR = timedelta(hours=1)


def plausible(at: datetime, now: datetime) -> datetime:
    """``at`` in UTC.

    Raises:
        ValueError: it has no zone, is in the future or before there was a spot market. The run
            would be refused whole for it, with all the other events that came along.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    if not FIRST_SPOT_MARKET <= at <= now + CLOCK_SKEW:
        raise ValueError(f"{at} cannot be when it happened")
    return at.astimezone(UTC)


def rfc_1123(told: str) -> datetime:
    """AWS Health's ``Wed, 02 Dec 2026 15:00:00 GMT`` in UTC; ValueError if it is no such time."""
    at = parsedate_to_datetime(told)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def hour_of(at: datetime) -> datetime:
    """The full hour before or at ``at``."""
    return at.replace(minute=0, second=0, microsecond=0)
