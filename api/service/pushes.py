"""Events that are pushed to us: the same records as a feed makes of them, each stored once."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.service.moments import Moment
from api.service.state import Service
from collector.errors import SourceError
from collector.providers.azure.event_grid import validation_code
from collector.push import MOST_EVENTS, PUSH, Pushed, feed_of, keep_pushed, read_pushed
from warehouse.records import Interruption, InterruptionKind, Record

OWN_FEED = f"interruptions{PUSH}"
"""The feed and the source of what comes in our own words."""

Plain = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class PushOut(BaseModel):
    """What was made of a request. It is stored when this is sent."""

    feed: str = Field(examples=["aws.push"], description="Under which /v1/feeds has the request.")
    events: int = Field(description="How many the request held.", examples=[1])
    ignored: int = Field(description="Of them, those of kinds that say nothing to us.")
    records: int = Field(description="What the others told.", examples=[1])
    stored: int = Field(description="Of these, what was not known yet.", examples=[1])


class ValidationOut(BaseModel):
    """Our answer to Event Grid's question whether we want its events."""

    validationResponse: str  # noqa: N815 - Azure's name


def take(service: Service, provider: str, body: bytes, headers: Mapping[str, str]) -> PushOut:
    """Store the events of one request; ``headers`` have lower-case names.

    Raises:
        SourceError: it holds no such events, or what cannot be true; that is noted, and nothing
            of the request is stored.
    """
    cloud = service.providers[provider]
    try:
        told = read_pushed(cloud, body, headers, service.clock())
    except SourceError as error:
        with service.writing() as warehouse:
            keep_pushed(warehouse, feed_of(cloud), error, service.clock())
        raise
    return _kept(service, feed_of(cloud), told)


def take_azure(
    service: Service, body: bytes, headers: Mapping[str, str]
) -> PushOut | ValidationOut:
    """The same; Event Grid's question is answered, and noted as an event that says nothing.

    Raises:
        SourceError: as `take`.
    """
    told = take(service, "azure", body, headers)
    code = validation_code(json.loads(body))
    return ValidationOut(validationResponse=code) if code else told


class InterruptionIn(BaseModel):
    """A machine that a cloud took, or announced it takes. Leave out what is unknown."""

    model_config = ConfigDict(extra="forbid")

    provider: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=["aws"])
    region: Plain | None = Field(default=None, examples=["us-east-1"])
    zone: Plain | None = Field(
        default=None, examples=["use1-az4"], description="Of AWS the zone id, not the name."
    )
    instance_type: Plain | None = Field(default=None, examples=["g5.xlarge"])
    node: Plain = Field(
        examples=["i-0b662ef9931388ba0"],
        description="The cloud's id of the machine, as other sources have it: reports of one "
        "machine within ten minutes are one interruption.",
    )
    kind: InterruptionKind
    occurred_at: Moment = Field(description="When it was announced or taken.")
    notice_seconds: Annotated[float, Field(ge=0, le=86_400)] | None = Field(
        default=None, description="From the announcement to the loss."
    )

    def record(self, observed_at: datetime) -> Interruption:
        """As it is stored."""
        return Interruption(**self.model_dump(), source=OWN_FEED, observed_at=observed_at)


class InterruptionsIn(BaseModel):
    """Machines that were taken, or announced to be."""

    model_config = ConfigDict(extra="forbid")

    interruptions: Annotated[list[InterruptionIn], Field(min_length=1, max_length=MOST_EVENTS)]


def take_own(service: Service, told: InterruptionsIn) -> PushOut:
    """Store interruptions that come in our own words.

    Raises:
        SourceError: one cannot be true; that is noted, and nothing of the request is stored.
    """
    now = service.clock()
    records: list[Record] = [one.record(now) for one in told.interruptions]
    return _kept(service, OWN_FEED, Pushed(records, len(records)))


def _kept(service: Service, feed: str, told: Pushed) -> PushOut:
    with service.writing() as warehouse:
        result = keep_pushed(warehouse, feed, told, service.clock())
    return PushOut(
        feed=feed,
        events=told.events,
        ignored=told.ignored,
        records=len(told.records),
        stored=result.rows_new or 0,
    )
