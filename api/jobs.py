"""The jobs: name, what each does, and the function that does it.

The schedule of each is the setting of its name in the section [jobs] (`api.config.jobs`), with the
reason for its default. Feeds are no jobs: each has a cadence of its own (`api.scheduler`).
"""

from api.job_reports import daily_report_job, weekly_report_job
from api.job_risk import advise_job, forecast_job, retrain_job, verify_job
from api.job_upkeep import backup_job, compact_job, retain_job
from api.job_work import Job

JOBS = (
    Job("forecast", "Forecast the risk of every pool.", forecast_job),
    Job("verify", "Score forecasts against what happened.", verify_job),
    Job("retrain", "Fit the risk model on own data; adopt it if better.", retrain_job),
    Job("advise", "Store which pools would be taken, to be judged later.", advise_job),
    Job("backup", "Copy the database.", backup_job),
    Job("retain", "Take out what is older than its term.", retain_job),
    Job("compact", "Give back the space of removed rows.", compact_job),
    Job("report_daily", "Report on the day before.", daily_report_job),
    Job("report_weekly", "Report on the seven days before.", weekly_report_job),
)


def job_named(name: str) -> Job | None:
    """The job of that name; None if there is none."""
    return next((job for job in JOBS if job.name == name), None)
