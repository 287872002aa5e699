"""The jobs that report: files in a folder, and a notice for those who are told."""

from pathlib import Path

from api.delivery.notice import Attachment, Notice
from api.job_work import Detail, Work
from api.reports.market.asked import span_of
from api.reports.market.document import Period, ReportDocument
from api.reports.market.writing import Form, stem, text_of, write_report
from api.settings import Settings

MEDIA_TYPES = {Form.HTML: "text/html", Form.MARKDOWN: "text/markdown"}
"""What is sent along with a notice: one to open, one to read at once."""


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
    days = f"{document.start:%Y-%m-%d} to {document.end:%Y-%m-%d}"
    name = stem(document)
    return Notice(
        kind="report",
        key=name,
        title=f"Spotcast {document.period.value} report, {days}",
        text="\n".join(document.headlines),
        severity="info",
        at=document.end,
        facts={"period": document.period.value, "days": days},
        attachments=tuple(
            Attachment(
                name=f"{name}.{form.value}",
                media_type=media_type,
                text=text_of(document, form),
            )
            for form, media_type in MEDIA_TYPES.items()
        ),
    )


def _report(work: Work, period: Period) -> Detail:
    """Of the days before the date that was due: however late it is made, it has the same name."""
    # It loads Altair, which takes a second.
    from api.reports.market.build import build  # noqa: PLC0415

    settings = work.settings
    with work.reading() as warehouse:
        document = build(warehouse, settings, span_of(period, work.due_at))
    forms = tuple(Form(one) for one in settings.reports.forms)
    written = write_report(document, reports_in(settings), forms)
    return {
        "start": document.start,
        "end": document.end,
        "files": [str(path) for path in written if path.suffix != ".csv"],
        "headlines": list(document.headlines),
    }
