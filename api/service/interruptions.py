"""Machines that were lost, and how often that happens."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from advisor.risk.rate_intervals import SURE, rate_between
from api.service.asking import Between, Where, key_of, paged
from api.service.page import Page, encoded, place
from api.service.state import Service
from warehouse.interruption_rates import RateBy, interruption_counts
from warehouse.interruptions import MACHINE_KEY, machine_interruption_page

SHOWN = timedelta(days=30)
"""What is shown by default; as `spotcast interruptions`."""

BURSTS = (
    f"Intervals are {SURE:.0%}, of events that come independently; machines of one pool are lost "
    f"in bursts, so the truth is less sure than that."
)


class InterruptionOut(BaseModel):
    """A machine that was lost or announced to be. Reports of it within ten minutes are one."""

    provider: str = Field(examples=["aws"])
    region: str | None = Field(examples=["us-east-1"], description="Null if no source knew.")
    zone: str | None = Field(examples=["use1-az4"])
    instance_type: str | None = Field(examples=["g5.xlarge"])
    node: str = Field(examples=["i-0abc"], description="The cloud's id of it, or the node's name.")
    first_told_at: datetime
    announced_at: datetime | None = Field(description="Null: no announcement was seen.")
    taken_at: datetime | None = Field(description="Null: it was not seen to be taken.")
    notice_seconds: float | None = Field(description="From the announcement to the loss.")
    sources: list[str] = Field(examples=[["aws.events"]])


class InterruptionPage(Page[InterruptionOut]):
    """Machines that were lost, newest first."""


class RateOut(BaseModel):
    """Interruptions beside the time at risk. Null is unknown: a count alone is no rate."""

    provider: str = Field(examples=["aws"])
    region: str | None = Field(description="Null if not counted by it, or not known.")
    zone: str | None
    instance_type: str | None
    machines: int = Field(description="Of which the time at risk is known.")
    node_hours: float | None = Field(description="That they were up; null without a machine.")
    interruptions: int | None = Field(description="Of those machines; null without one.")
    interruptions_without_exposure: int = Field(
        description="Machines that were only reported lost; they are in no rate."
    )
    rate_per_hour: float | None = Field(
        description="Interruptions per machine and hour; null without time at risk."
    )
    rate_low_per_hour: float | None = Field(description="Lower end of the 90 % interval.")
    rate_high_per_hour: float | None = Field(description="Upper end of it.")


class RatePage(Page[RateOut]):
    """Rates, by cloud and place."""

    start: datetime = Field(description="Counted from then on.")
    end: datetime = Field(description="Counted until then, as it was known then.")
    by: RateBy


class TimeAndPlace(Where, Between):
    """Which pools, and when."""


def interruption_page(
    service: Service, asked: TimeAndPlace, *, limit: int, cursor: str | None
) -> InterruptionPage:
    """Machines first told of within the time asked for; the last 30 days by default."""
    now = service.clock()
    between = asked.span(now, SHOWN)
    after = key_of(cursor, (datetime, str, str))
    with service.reading() as warehouse:
        rows = machine_interruption_page(
            warehouse, now, between, places=asked.places(), limit=limit + 1, after=after
        ).to_dicts()
    shown, following = paged(rows, limit, MACHINE_KEY)
    unknown = sum(row["instance_type"] is None for row in shown)
    notes = [f"{unknown} were told of without a pool that any source knew."] if unknown else []
    return InterruptionPage.model_validate(
        {"items": shown, "next_cursor": following, "as_of": now, "notes": notes}
    )


def rate_page(
    service: Service, asked: TimeAndPlace, by: RateBy, *, limit: int, cursor: str | None
) -> RatePage:
    """Interruptions with the time at risk of the machines that were watched."""
    now, first = service.clock(), place(cursor)
    start, end = asked.span(now, SHOWN)
    end = max(min(end, now), start)
    with service.reading() as warehouse:
        rows = interruption_counts(warehouse, (start, end), by, places=asked.places()).to_dicts()
    shown = [rate_row(row) for row in rows[first : first + limit]]
    return RatePage.model_validate(
        {
            "items": shown,
            "next_cursor": encoded([first + limit]) if first + limit < len(rows) else None,
            "as_of": now,
            "notes": [BURSTS],
            "start": start,
            "end": end,
            "by": by,
        }
    )


def rate_row(row: dict[str, Any]) -> dict[str, Any]:
    """Counts as `RateOut` has them."""
    hours, lost = row["node_hours"], row["interruptions"]
    middle, low, high = (None, None, None) if not hours else rate_between(lost, hours)
    return {
        **row,
        "rate_per_hour": middle,
        "rate_low_per_hour": low,
        "rate_high_per_hour": high,
    }
