"""Whether a server answers from fresh data, and if not, which feed is to blame.

Ready means: there is a view of the market, and each feed that this process reads by the clock has
had a good run within twice its cadence. A source that has nothing for us (a region not opted in)
holds nothing up. A server that reads no feeds is ready once it has a view: its data are whatever
somebody stored, and it says how old they are.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

from api.rows.feeds import LATE, NEVER_READ, feed_row
from api.service.state import Service
from warehouse.errors import WarehouseError
from warehouse.records import RunOutcome
from warehouse.runs import latest_runs


@dataclass(frozen=True, slots=True)
class Reading:
    """How one feed stands in one scope."""

    feed: str
    scope: str
    state: str
    is_planned: bool
    is_late: bool
    last_good_at: datetime | None
    age_seconds: float | None
    failures: int

    @property
    def is_waited_for(self) -> bool:
        """Whether it keeps the server from being ready."""
        if not self.is_planned or self.state == RunOutcome.SKIPPED:
            return False
        return self.is_late or self.last_good_at is None


class LateFeed(BaseModel):
    """A feed that keeps the server from being ready."""

    feed: str = Field(examples=["aws.spot_advisor"])
    scope: str = Field(examples=["*"], description="A region; `*` is all.")
    state: str = Field(examples=[LATE, NEVER_READ])
    last_good_at: datetime | None = Field(description="Its last good run; null: there is none.")


class Readiness(BaseModel):
    """Whether the server answers from fresh data."""

    status: str = Field(examples=["ready"], description="`ready` or `not ready`.")
    as_of: datetime
    view_made_at: datetime | None = Field(
        description="When the market's view was made that answers come from; null: not yet."
    )
    feeds_planned: int = Field(description="Feeds that this process reads by the clock.")
    late: list[LateFeed] = Field(description="Feeds without a good run in twice their cadence.")
    notes: list[str] = Field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        """Whether requests should come here."""
        return self.status == READY


READY, NOT_READY = "ready", "not ready"

STARTING = "The market has not been read yet."
STOPPING = "The server is stopping."
UNREADABLE = "The database cannot be read: the log says why."
NO_FEEDS = "This server reads no feeds: its data are as old as what was stored last."


def readiness(service: Service) -> Readiness:
    """Whether requests should come here now; a database that cannot be read is a no."""
    view, late = service.markets.newest, list[Reading]()
    said = [
        *([STARTING] if view is None else []),
        *([STOPPING] if service.stopping.is_set() else []),
    ]
    try:
        late += (one for one in readings(service) if one.is_waited_for)
    except WarehouseError:
        said.append(UNREADABLE)
    return Readiness(
        status=NOT_READY if said or late else READY,
        as_of=service.clock(),
        view_made_at=view.taken_at if view else None,
        feeds_planned=len(service.planned),
        late=[
            LateFeed(feed=one.feed, scope=one.scope, state=one.state, last_good_at=one.last_good_at)
            for one in late
        ],
        notes=said + ([] if service.planned else [NO_FEEDS]),
    )


def readings(service: Service) -> list[Reading]:
    """How every feed stands that is planned or was ever read, by name.

    Raises:
        WarehouseError: the database cannot be read.
    """
    with service.reading() as warehouse:
        runs = {(row["feed"], row["scope"]): row for row in latest_runs(warehouse).to_dicts()}
    planned = {(feed.name, scope): feed for feed, scope in service.planned}
    now = service.clock()
    found = []
    for feed, scope in sorted(planned.keys() | runs.keys()):
        run = runs.get((feed, scope))
        row = feed_row(feed, scope, run, now, planned.get((feed, scope)))
        found.append(
            Reading(
                feed=feed,
                scope=scope,
                state=row["state"],
                is_planned=(feed, scope) in planned,
                is_late=row["is_late"],
                last_good_at=row["last_good_at"],
                age_seconds=row["last_good_age_seconds"],
                failures=row["failures"],
            )
        )
    return found
