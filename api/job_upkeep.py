"""The jobs that keep the database: backup, retention, and giving space back."""

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path

from api.config.jobs import terms_of
from api.job_work import Detail, ProcessEndsError, Work
from api.service.prices import speaking_of
from api.settings import Settings
from collector.provider import providers
from warehouse.backup import back_up, backup_folder
from warehouse.compacting import reclaim
from warehouse.retention import Removed, retain


def backups_in(settings: Settings) -> Path:
    """Where backups go: the folder that is set, else beside the database."""
    return settings.backup.folder or backup_folder(settings.warehouse)


def backup_job(work: Work) -> Detail:
    """Copy the database into a new folder; others go on writing."""
    settings = work.settings
    with work.reading() as warehouse:
        made = back_up(warehouse, backups_in(settings), work.clock(), keep=settings.backup.keep)
    told = made.manifest
    return {
        "folder": str(made.folder),
        "rows": sum(told.rows.values()),
        "size_bytes": told.size_bytes,
        "sha256": told.sha256,
    }


def retain_job(work: Work) -> Detail:
    """Roll up and take out what is older than its term; the writer's turn is taken step by step.

    Raises:
        ProcessEndsError: the process ends, and there may be more to do.
    """
    now = work.clock()
    removed, kept = Counter[str](), Counter[str]()
    last = None
    while (done := _step(work, now)) and done != last:
        removed[done.table] += done.rows_removed
        kept[done.table] += done.rows_kept
        last = done
        if work.is_stopping():
            raise ProcessEndsError
    return {"rows_removed": dict(removed), "rows_by_hours": {k: n for k, n in kept.items() if n}}


def _step(work: Work, now: datetime) -> Removed | None:
    """One transaction of `retain`, which finds by itself where it goes on; None if none is left."""
    terms, speaking = terms_of(work.settings.retention), speaking_of(providers().values())
    with work.writing() as warehouse:
        return next(islice(retain(warehouse, now, terms, speaking), 1), None)


def compact_job(work: Work) -> Detail:
    """Give back the space of removed rows, as far as can be while the file is open."""
    with work.writing() as warehouse:
        return asdict(reclaim(warehouse))
