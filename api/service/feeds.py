"""The feeds: how fresh each is, and what came of its runs."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.errors import NoAnswerError
from api.rows.feeds import feed_rows
from api.service.page import CursorError, Page, decoded, encoded
from api.service.state import Service
from warehouse.runs import latest_runs, runs_of


class FeedOut(BaseModel):
    """One feed in one region. Null is unknown, or never."""

    feed: str = Field(examples=["aws.spot_price_history"])
    scope: str = Field(examples=["us-east-1"], description="Region; `*` for all at once.")
    state: str = Field(
        examples=["ok"],
        description="Of the last run: ok, unchanged, failed, quarantined, skipped, killed, "
        "running; or late, or never read.",
    )
    is_late: bool = Field(description="No good run for twice its cadence.")
    is_planned: bool = Field(description="Whether it is set up and read by the clock.")
    last_run_at: datetime | None
    last_good_at: datetime | None
    last_good_age_seconds: float | None
    last_good_rows: int | None
    next_run_at: datetime | None = Field(description="Null if nothing plans it.")
    failures: int = Field(description="Since the last good run.")
    error: str | None = Field(description="Of the last run, in a sentence.")


class FeedPage(Page[FeedOut]):
    """All feeds that are planned, were read, or are pushed."""


class RunOut(BaseModel):
    """One run of a feed, or one request that was pushed."""

    run_id: str
    feed: str
    scope: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str = Field(examples=["ok"])
    rows_read: int | None
    rows_new: int | None = Field(description="Rows that said something that was not stored yet.")
    rows_rejected: int | None
    error: str | None
    retry_after_seconds: float | None = Field(description="The source asked for so much patience.")


class RunPage(Page[RunOut]):
    """The runs of one feed, the newest first."""


def feed_page(service: Service, *, late_only: bool = False) -> FeedPage:
    """Every feed with its newest run."""
    now = service.clock()
    with service.reading() as warehouse:
        runs = latest_runs(warehouse).to_dicts()
    every = feed_rows(service.providers, service.watchlist, service.settings, runs, now)
    rows = [
        {**row, "is_planned": row["next_run_at"] is not None, "error": row["error"] or None}
        for row in every
        if row["is_late"] or not late_only
    ]
    good = [row["last_good_at"] for row in rows if row["last_good_at"]]
    return FeedPage.model_validate(
        {
            "items": rows,
            "as_of": now,
            "data_as_of": min(good, default=None),
            "is_stale": any(row["is_late"] for row in rows),
        }
    )


def run_page(
    service: Service,
    feed: str,
    *,
    scope: str | None,
    outcome: str | None,
    cursor: str | None,
    limit: int,
) -> RunPage:
    """What came of the runs of a feed.

    Raises:
        NoAnswerError: there is no such feed.
        CursorError: the cursor is none of ours.
    """
    now = service.clock()
    with service.reading() as warehouse:
        found = runs_of(
            warehouse,
            feed,
            now,
            scope=scope,
            outcome=outcome,
            before=_before(cursor),
            limit=limit + 1,
        )
        is_known = _is_known(service, feed) or not runs_of(warehouse, feed, now, limit=1).is_empty()
    if not is_known:
        raise NoAnswerError(f"There is no feed {feed!r}: /v1/feeds names all.")
    shown = found.head(limit)
    more = found.height > limit
    return RunPage.model_validate(
        {
            "items": shown.to_dicts(),
            "next_cursor": _cursor(*shown.select("started_at", "run_id").row(-1)) if more else None,
            "as_of": now,
            "data_as_of": shown["started_at"].min(),
        }
    )


def _is_known(service: Service, feed: str) -> bool:
    return any(one.name == feed for cloud in service.providers.values() for one in cloud.feeds)


def _cursor(started_at: datetime, run_id: str) -> str:
    return encoded([started_at.isoformat(), run_id])


def _before(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    started_at, run_id = decoded(cursor, 2)
    try:
        at, name = datetime.fromisoformat(started_at), str(run_id)
    except (TypeError, ValueError) as error:
        raise CursorError from error
    if at.tzinfo is None or not name.isprintable():
        raise CursorError
    return at, name
