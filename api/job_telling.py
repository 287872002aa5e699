"""The jobs that tell people and programs: look for alerts, deliver what waits."""

from api.alerts.looking import Looker
from api.delivery.sending import Sender
from api.job_work import Detail, Work


def alerts_job(work: Work) -> Detail:
    """Judge the rules, and put what is to be told into the outbox."""
    looker: Looker = work.kept.setdefault("alerts", Looker(work.facts))
    return looker(work.reading, work.notes, work.settings, work.clock)


def deliver_job(work: Work) -> Detail:
    """Send what is due in the outbox."""
    settings = work.settings
    sender = Sender(work.notes, settings.channels, settings.environ, work.clock, work.is_stopping)
    return {outcome.value: number for outcome, number in sender.send_due().items()}
