"""Sections ``[jobs]``, ``[reports]``, ``[backup]``, ``[retention]``: what is done by the clock."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from api.config.section import Section, setting

if TYPE_CHECKING:
    from warehouse.retention import Terms

OFF = "off"


def _scheduled(text: str) -> str:
    """The text, if it is a schedule or says that there is none."""
    # The scheduler's library takes 50 ms to load, which commands without a file need not pay.
    from api.job_dates import schedule_of  # noqa: PLC0415

    if text != OFF:
        schedule_of(text)
    return text


Cron = Annotated[str, AfterValidator(_scheduled), Field(max_length=200)]
CRON = 'cron, UTC, or "off"'


class JobsSection(Section):
    """``[jobs]``: when each job runs."""

    forecast: Cron = setting(
        "7,37 * * * *",
        about="When the risk of every pool is forecast.",
        unit=CRON,
        why="A forecast for an hour is stale after one: the next is there before.",
    )
    verify: Cron = setting(
        "37 5 * * *",
        about="When forecasts whose time has passed are scored.",
        unit=CRON,
        why="The longest horizon is a day, and verdicts rest on weeks.",
    )
    retrain: Cron = setting(
        "17 3 * * sun",
        about="When the risk model is fitted on what was observed here.",
        unit=CRON,
        why="The model learns from 45 days: a day more or less changes little.",
    )
    advise: Cron = setting(
        "3 0 * * *",
        about="When it is stored which pools would be taken.",
        unit=CRON,
        why="Reports judge the advice of each day, from its beginning.",
    )
    backup: Cron = setting(
        "43 1 * * *",
        about="When the database is copied.",
        unit=CRON,
        why="At most a day is lost with the disk; before what is old is taken out.",
    )
    retain: Cron = setting(
        "13 2 * * *",
        about="When what is older than its term is rolled up and taken out.",
        unit=CRON,
        why="A day at a time is quick; [retention] has the terms.",
    )
    compact: Cron = setting(
        "53 2 * * *",
        about="When the space of removed rows is given back.",
        unit=CRON,
        why="After what is old was taken out.",
    )
    report_daily: Cron = setting(
        "20 6 * * *",
        about="When the day before is reported on.",
        unit=CRON,
        why="Before the working day in Europe and after it in America.",
    )
    report_weekly: Cron = setting(
        "40 6 * * mon",
        about="When the seven days before are reported on.",
        unit=CRON,
        why="A week from Monday to Sunday, at the beginning of the next.",
    )
    alerts: Cron = setting(
        "* * * * *",
        about="When the rules for alerts are judged.",
        unit=CRON,
        why="A notice of the cloud is minutes long: the next look must be before it ends.",
    )
    deliver: Cron = setting(
        "* * * * *",
        about="When the reports and alerts that are due are sent.",
        unit=CRON,
        why="An alert is told within the minute.",
    )


ReportForm = Literal["html", "md", "json", "csv"]


class ReportsSection(Section):
    """``[reports]``: where reports are written, and to whom they are sent."""

    folder: Path | None = setting(
        None,
        about="Folder of the reports that are made by the clock.",
        unit="path",
        why="If not given, reports is beside the database.",
    )
    forms: tuple[ReportForm, ...] = setting(
        ("html", "md", "json", "csv"),
        about="How reports are written.",
        unit="list of html, md, json, csv",
        why="All: one to read, one to mail, one to compare, one to count with.",
        min_length=1,
    )
    channels: tuple[str, ...] = setting(
        (),
        about="Channels that reports are sent to, by name: [channels.<name>].",
        unit="list of names",
        why="Nothing is sent unless somebody says where.",
    )


class BackupSection(Section):
    """``[backup]``: where copies of the database are kept, and how many."""

    folder: Path | None = setting(
        None,
        about="Folder of the backups.",
        unit="path",
        why="If not given, backups is beside the database; another disk is safer.",
    )
    keep: int = setting(
        14,
        about="How many of the newest backups are kept.",
        unit="backups",
        why="Two weeks of daily ones: a fault is found after the holidays too.",
        ge=1,
        le=10_000,
    )


LONGEST_DAYS = 36_500
"""A century; a term beyond it is a typing error."""


class RetentionSection(Section):
    """``[retention]``: how long what is kept."""

    raw_days: int = setting(
        90,
        about="Prices, signals and probes as they were told.",
        unit="days",
        why="A season of weekly patterns; twice what a forecast reads, 45 days, the least.",
        ge=1,
        le=LONGEST_DAYS,
    )
    hourly_days: int = setting(
        730,
        about="The same by hours.",
        unit="days",
        why="A month against that of the year before, twice.",
        ge=1,
        le=LONGEST_DAYS,
    )
    forecasts_days: int = setting(
        730,
        about="Forecasts and advice as they were given.",
        unit="days",
        why="As long as the prices that they are compared with.",
        ge=1,
        le=LONGEST_DAYS,
    )
    outcomes_days: int = setting(
        1826,
        about="Machines at risk, interruptions, spells and start times.",
        unit="days",
        why="Five years: they are few, and models of rare events learn from them.",
        ge=1,
        le=LONGEST_DAYS,
    )
    decisions_days: int = setting(
        1826,
        about="Hand-overs and what was done to a cluster for them.",
        unit="days",
        why="The usual five years of an audit.",
        ge=1,
        le=LONGEST_DAYS,
    )
    runs_days: int = setting(
        365,
        about="Runs of feeds and jobs.",
        unit="days",
        why="A year tells how reliable a source was.",
        ge=1,
        le=LONGEST_DAYS,
    )

    @model_validator(mode="after")
    def _must_fit(self) -> Self:
        from warehouse.errors import WarehouseError  # noqa: PLC0415 - see terms_of

        try:
            terms_of(self)
        except WarehouseError as error:
            raise ValueError(str(error)) from error
        return self


def terms_of(section: RetentionSection) -> "Terms":
    """The section as the warehouse takes it.

    Raises:
        WarehouseError: the terms would take away what is still read.
    """
    # It loads Polars, which commands that read no data need not pay.
    from warehouse.retention import Terms  # noqa: PLC0415

    return Terms(
        raw=timedelta(days=section.raw_days),
        hourly=timedelta(days=section.hourly_days),
        forecasts=timedelta(days=section.forecasts_days),
        outcomes=timedelta(days=section.outcomes_days),
        decisions=timedelta(days=section.decisions_days),
        runs=timedelta(days=section.runs_days),
    )
