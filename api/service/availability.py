"""What probes found: for how long a pool had how many of the machines that were asked for."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from api.service.asking import Between, Name, key_of, paged
from api.service.page import Page
from api.service.state import Service
from warehouse.availability import SPELL_KEY, availability_spells
from warehouse.keyset import Places
from warehouse.records import ProbeKind


class SpellOut(BaseModel):
    """A run of probes of one series that found the same. Null is unknown."""

    provider: str = Field(examples=["aws"])
    region: str | None = Field(examples=["us-east-1"])
    zone: str = Field(examples=["us-east-1f"])
    instance_type: str = Field(examples=["p3.2xlarge"])
    probe_kind: ProbeKind = Field(
        description="launch_probe: a machine is asked for and given back. held_instance: one is "
        "kept until it is taken. held_fleet: a fleet is kept at a size. Not to be pooled."
    )
    target_capacity: int = Field(description="Machines asked for.")
    available: int = Field(description="Machines that could be had or were held.")
    share: float = Field(description="Available of those asked for.")
    started_at: datetime
    last_seen_at: datetime = Field(description="When it was last found so.")
    duration_seconds: float = Field(description="From the first to the last such probe.")
    probes: int | None = Field(description="Null if the source told of spells.")
    is_approximate: bool | None = Field(description="Whether of the times only the day is known.")
    source: str
    trace_id: str = Field(description="Which series of the source.")
    spell: int = Field(description="Its number in the series.")


class SpellPage(Page[SpellOut]):
    """Spells, newest first."""


class SpellIn(Between):
    """Of which pool, and when."""

    model_config = ConfigDict(extra="forbid")

    provider: Name = Field(examples=["aws"])
    instance_type: Name = Field(examples=["p3.2xlarge"], description="One type or a pattern.")
    region: list[Name] = Field(default_factory=list, max_length=100)
    zone: list[Name] = Field(default_factory=list, max_length=100)
    probe_kind: list[ProbeKind] = Field(default_factory=list, max_length=10)


def spell_page(service: Service, asked: SpellIn, *, limit: int, cursor: str | None) -> SpellPage:
    """The spells of a type that touch the time asked for."""
    now = service.clock()
    places = Places(
        providers=[asked.provider],
        regions=asked.region,
        zones=asked.zone,
        types=[asked.instance_type],
    )
    after = key_of(cursor, (datetime, str, str, int))
    with service.reading() as warehouse:
        rows = availability_spells(
            warehouse,
            now,
            asked.span(now),
            places,
            probe_kinds=[one.value for one in asked.probe_kind],
            limit=limit + 1,
            after=after,
        ).to_dicts()
    shown, following = paged(rows, limit, SPELL_KEY)
    for row in shown:
        row["share"] = row["available"] / row["target_capacity"]
    return SpellPage.model_validate({"items": shown, "next_cursor": following, "as_of": now})
