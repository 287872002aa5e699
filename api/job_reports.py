"""The jobs that report: files in a folder, and a notice for those who are told."""

from datetime import timedelta
from pathlib import Path

from api.delivery.notice import Attachment, Notice, addressed, chosen
from api.job_work import Detail, Work
from api.reports.market.asked import span_of
from api.reports.market.document import Period, ReportDocument
from api.reports.market.words import shown
from api.reports.market.writing import Form, stem, text_of, write_report
from api.settings import Settings
from warehouse.outbox import enqueue
from warehouse.reporting import tellers

MEDIA_TYPES = {Form.HTML: "text/html", Form.MARKDOWN: "text/markdown"}
"""What is sent along with a notice: one to open, one to read at once."""

NOTHING_YET = "No report: nothing was stored of these days or before them."


def daily_report_job(work: Work) -> Detail:
    """Report on the day before."""
    return _report(work, Period.DAILY)


def weekly_report_job(work: Work) -> Detail:
    """Report on the seven days before."""
    return _report(work, Period.WEEKLY)


def reports_in(settings: Settings) -> Path:
    """Where reports go: the folder that is set, else beside the database."""
    return settings.reports.folder or settings.warehouse.parent / "reports"


def report_notice(document: ReportDocument) -> Notice:
    """What those are told to whom reports are sent; the same days are the same notice."""
    first, last = document.start, document.end - timedelta(days=1)
    days = f"{last:%Y-%m-%d}" if first >= last else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    name = stem(document)
    return Notice(
        kind="report",
        key=name,
        title=f"{document.period.value.capitalize()} report, {days}",
        text="\n".join(document.headlines),
        at=document.end,
        facts={one.label: shown(one.value, one.kind) for one in document.figures},
        attachments=tuple(
            Attachment(
                name=f"{name}.{form.value}", media_type=media_type, text=text_of(document, form)
            )
            for form, media_type in MEDIA_TYPES.items()
        ),
    )


def _report(work: Work, period: Period) -> Detail:
    """Of the days before the date that was due: however late it is made, it has the same name."""
    # It loads Altair, which takes a second.
    from api.reports.market.build import build  # noqa: PLC0415

    settings, span = work.settings, span_of(period, work.due_at)
    with work.reading() as warehouse:
        if tellers(warehouse, span.start, span.end).is_empty():
            # A new server, whose first date is in the past: nobody waits for an empty page.
            days = {"start": span.start, "end": span.end}
            return {**days, "files": [], "messages": 0, "headlines": [NOTHING_YET]}
        document = build(warehouse, settings, span)
    forms = tuple(Form(one) for one in settings.reports.forms)
    written = write_report(document, reports_in(settings), forms)
    channels = chosen(settings.reports.channels, settings.channels)
    messages = addressed([report_notice(document)], channels, work.clock()) if channels else []
    with work.notes() as warehouse, warehouse.transaction():
        new = enqueue(warehouse, messages)
    return {
        "start": document.start,
        "end": document.end,
        "files": [str(path) for path in written if path.suffix != ".csv"],
        "messages": new,
        "headlines": list(document.headlines),
    }
