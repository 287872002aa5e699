"""Jobs and messages as the page of alerts shows them: whether what tells people works itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from api.config.jobs import OFF
from api.dashboard.facts import Fact, Facts
from api.dashboard.figures import Figures
from api.dashboard.language import Words
from api.rows.jobs import COLLECT
from api.security.redaction import redacted
from api.service.jobs import JobOut
from api.service.messages import BacklogOut

SOON = timedelta(minutes=1)
"""What is due within this time is due now."""

TONES = {"ok": "is-good", "running": "", "never run": "is-warning", OFF: "is-idle"}
"""How the state of a job is shown; every other one is a failure."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job, laid out."""

    one: JobOut
    about: str
    schedule: str
    state: str
    tone: str
    began: Fact | None
    took: Fact | None
    good: Fact | None
    failures: Fact | None
    due: Fact | None
    is_overdue: bool
    link: str | None
    """Where there is more of it."""


@dataclass(frozen=True, slots=True)
class BacklogRow:
    """A channel, laid out."""

    one: BacklogOut
    kind: str | None
    waiting: Fact | None
    oldest: Fact | None
    next_try: Fact | None
    given_up: Fact | None
    error: str | None
    error_age: Fact | None


class DutyRows:
    """Lays both out for one reader, told at ``now``."""

    def __init__(self, words: Words, now: datetime) -> None:
        self._words, self._figures, self._now = words, Figures(words), now
        self._facts = Facts(words, now)

    def job(self, one: JobOut) -> JobRow:
        """All cells of a job."""
        words, figures = self._words, self._figures
        is_off = one.schedule == OFF
        is_feeds = one.job == COLLECT
        at = one.started_at
        state = OFF if is_off else one.state
        lines = [(words("alerts.last_state_line"), words.of("state", one.state))] if is_off else []
        late = self._now - one.next_at if one.next_at else timedelta(0)
        return JobRow(
            one=one,
            about=words.of("job", one.job),
            schedule=words("alerts.own_cadence") if is_feeds else one.schedule,
            state=self._feeds(one) if is_feeds else words.of("state", state),
            tone=self._feeds_tone(one) if is_feeds else TONES.get(state, "is-bad"),
            began=self._of(figures.ago(self._now - at) if at else None, at, lines),
            took=self._of(self._length(one.took_seconds), at),
            good=self._of(
                figures.ago(self._now - one.last_good_at) if one.last_good_at else None,
                one.last_good_at,
            ),
            failures=self._of(figures.count(one.failures), self._now),
            due=self._due(one, is_off=is_off),
            is_overdue=late > SOON and one.state != "running",
            link="/#feeds" if is_feeds else None,
        )

    def backlog(self, one: BacklogOut) -> BacklogRow:
        """All cells of a channel."""
        words, figures = self._words, self._figures
        source = words("alerts.outbox_source")

        def of(text: str | None, at: datetime | None) -> Fact | None:
            return self._facts.of(text, source=source, at=at)

        def ago(at: datetime | None) -> str | None:
            return figures.ago(self._now - at) if at else None

        oldest, failed = one.oldest_waiting_at, one.newest_error_at
        return BacklogRow(
            one=one,
            kind=words.of("channel_kind", one.kind) if one.kind else None,
            waiting=of(figures.count(one.waiting), self._now),
            oldest=of(ago(oldest), oldest),
            next_try=self._until(one.next_try_at, source) if one.next_try_at else None,
            given_up=of(figures.count(one.given_up), self._now),
            error=redacted(one.newest_error) if one.newest_error else None,
            error_age=of(ago(failed), failed),
        )

    def _of(
        self, text: str | None, at: datetime | None, more: list[tuple[str, str]] | None = None
    ) -> Fact | None:
        return self._facts.of(text, source=self._words("alerts.jobs_source"), at=at, more=more)

    def _feeds(self, one: JobOut) -> str:
        """How the feeds stand; `JobOut.detail` has their counts."""
        counts = one.detail or {}
        told = [
            self._words(f"alerts.feeds_{name}", n=counts[name])
            for name in ("late", "never_read")
            if counts.get(name)
        ]
        return ", ".join(told) or self._words(
            "state.ok" if counts.get("feeds") else "alerts.no_feeds"
        )

    def _feeds_tone(self, one: JobOut) -> str:
        counts = one.detail or {}
        if not counts.get("feeds"):
            return "is-idle"
        return "is-warning" if counts.get("late") or counts.get("never_read") else "is-good"

    def _length(self, seconds: float | None) -> str | None:
        """How long a run took; what took a moment is never written as nothing."""
        if seconds is not None and seconds < 1:
            return self._words("unit.seconds", n="<1")
        return self._figures.span(seconds)

    def _due(self, one: JobOut, *, is_off: bool) -> Fact | None:
        """When it is due; unknown if it is not off and has no date."""
        if one.job == COLLECT:
            return Fact(self._words("alerts.see_feeds"))
        if is_off:
            return Fact(self._words("alerts.never_due"))
        if one.next_at is None:
            return None
        return self._until(one.next_at, self._words("alerts.schedule_source"))

    def _until(self, at: datetime, source: str) -> Fact | None:
        late = self._now - at
        text = self._words("overview.due_now")
        if abs(late) >= SOON:
            key = "overview.overdue" if late > SOON else "overview.due_in"
            text = self._words(key, span=self._figures.span(abs(late)))
        lines = [(self._words("alerts.due_line"), str(self._figures.at(at)))]
        return self._facts.of(text, source=source, more=lines)
