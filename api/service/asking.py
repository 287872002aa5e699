"""How a question says which pools and what time it means."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from advisor import Policy
from api.errors import UsageError
from api.service.page import CursorError, decoded, encoded
from api.service.wishes import Words
from warehouse.keyset import EARLIEST, LATEST, Places


def _bounded(at: datetime) -> datetime:
    """In UTC, which a time without a zone is taken for; one that no fact can have at the end."""
    told = at if at.tzinfo else at.replace(tzinfo=UTC)
    if told.year < EARLIEST.year:
        return EARLIEST
    if told.year >= LATEST.year:
        return LATEST
    return told.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_bounded)]
"""A time of a request, in UTC."""

Name = Annotated[str, Field(max_length=200)]
"""Of a cloud, a region, a zone, a type: any text, as what does not exist is not found."""


class Between(BaseModel):
    """A stretch of time."""

    start: Moment | None = Field(
        default=None,
        description="From then on (RFC 3339; a time without a zone is UTC).",
        examples=["2026-11-01T00:00:00Z"],
    )
    end: Moment | None = Field(default=None, description="Before then; null: until now.")

    def span(self, now: datetime, default: timedelta | None = None) -> tuple[datetime, datetime]:
        """Both ends; by default so long before the end, or everything.

        Raises:
            UsageError: the end is not after the start.
        """
        start, end = self.start, self.end or now + timedelta(microseconds=1)
        if start is None:
            start = EARLIEST if default is None else max(EARLIEST, end - default)
        if end <= start:
            raise UsageError(f"start {start.isoformat()} is not before end {end.isoformat()}")
        return start, end


class Where(BaseModel):
    """Which pools; each parameter may be repeated, and none means all."""

    model_config = ConfigDict(extra="forbid")

    provider: Words = Field(default_factory=list, examples=[["aws"]])
    region: Words = Field(default_factory=list, examples=[["us-east-1"]])
    zone: Words = Field(
        default_factory=list,
        examples=[["use1-az4"]],
        description="Zone ids. What holds for a whole region (`*`) is in every zone of it.",
    )
    instance_type: Words = Field(
        default_factory=list, examples=[["g5.*"]], description="Types or patterns."
    )

    def policy(self) -> Policy:
        """As the view of the market is asked."""
        return Policy(
            tuple(self.provider), tuple(self.region), tuple(self.zone), tuple(self.instance_type)
        )

    def places(self) -> Places:
        """As the warehouse is asked."""
        return Places(
            providers=self.provider,
            regions=self.region,
            zones=self.zone,
            types=self.instance_type,
        )


def paged(
    rows: list[dict[str, Any]], limit: int, key: tuple[str, ...]
) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of a page, and the cursor of the next; ``rows`` are one more where there is one."""
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    values = [last[name] for name in key]
    return rows[:limit], encoded(
        [one.isoformat() if isinstance(one, datetime) else one for one in values]
    )


def key_of(cursor: str | None, kinds: tuple[type, ...]) -> list[Any] | None:
    """The values of a cursor that `paged` gave, each of its kind: datetime, str or int.

    Raises:
        CursorError: it is none of ours.
    """
    if cursor is None:
        return None
    return [_value(one, kind) for one, kind in zip(decoded(cursor, len(kinds)), kinds, strict=True)]


def _value(told: Any, kind: type) -> Any:
    if kind is datetime and isinstance(told, str):
        return _time(told)
    if kind is str and isinstance(told, str) and _is_text(told):
        return told
    if kind is int and type(told) is int and -1 <= told < 2**62:
        return told
    raise CursorError


def _time(told: str) -> datetime:
    try:
        at = datetime.fromisoformat(told)
    except ValueError as error:
        raise CursorError from error
    if at.tzinfo and EARLIEST <= at <= LATEST:
        return at.astimezone(UTC)
    raise CursorError


def _is_text(told: str) -> bool:
    """JSON can hold halves of characters, which no database can."""
    return not any("\ud800" <= one <= "\udfff" for one in told)
