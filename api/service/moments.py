"""Times in a request: with their zone, and within what a calendar and a database can hold."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""No fact is older or newer: a time beyond is as good as its end, and can be reckoned with."""


def _within(at: datetime) -> datetime:
    return at.astimezone(UTC) if EARLIEST < at < LATEST else max(EARLIEST, min(at, LATEST))


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_within),
    Field(description="RFC 3339 with its zone.", examples=["2026-11-24T09:00:00Z"]),
]
"""For the field of a query: UTC after it was read. A time without a zone is refused."""
