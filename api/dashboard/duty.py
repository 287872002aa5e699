"""What the page of alerts says first: the counts, and what keeps them from being all there is."""

from collections.abc import Sequence
from datetime import datetime

from api.alerts.jobs import FAULTS
from api.alerts.judging import State
from api.config.jobs import OFF
from api.dashboard.facts import Fact, Facts
from api.dashboard.figures import Figures
from api.dashboard.headlines import Headline
from api.dashboard.language import Words
from api.dashboard.notes import Note
from api.dashboard.site import path_of
from api.service.alerts import AlertPage
from api.service.firing import Firing
from api.service.jobs import JobOut
from api.service.messages import BacklogOut
from api.service.state import Service

JUDGE = "alerts"
"""The job that judges the rules."""


class Duty:
    """Counts of all alerts, jobs and messages, whatever the filters are."""

    def __init__(
        self,
        service: Service,
        words: Words,
        found: AlertPage,
        jobs: Sequence[JobOut],
        owed: Sequence[BacklogOut],
    ) -> None:
        self._service, self._words, self._found = service, words, found
        self._jobs, self._owed = jobs, owed
        self._figures, self._facts = Figures(words), Facts(words, found.as_of)
        fire = [one for one in found.items if one.state is State.FIRING]
        self._silenced = sum(one.is_silenced for one in fire)
        heard = [one for one in fire if not one.is_silenced]
        critical = sum(one.severity == "critical" for one in heard)
        self.firing = Firing(len(heard), critical, found.data_as_of)
        """As `api.service.firing` counts them, of this very moment."""

    def headlines(self) -> list[Headline]:
        """The numbers at the head of the page."""
        words, found = self._words, self._found
        key = "alerts.firing_sub_silenced" if self._silenced else "alerts.firing_sub"
        besides = words(key, critical=self.firing.critical, silenced=self._silenced)
        besides = besides if found.data_as_of else words("alerts.unknown_sub")
        looked = found.data_as_of
        ago = self._figures.ago(found.as_of - looked) if looked else None
        return [
            self._states(State.FIRING, self.firing.count, besides),
            self._states(State.PENDING, self._of(State.PENDING), words("alerts.pending_sub")),
            self._states(State.UNKNOWN, self._of(State.UNKNOWN), words("alerts.unknown_sub")),
            Headline(words("alerts.looked"), self._looked(ago), words("alerts.looked_sub")),
            self._failing(),
            self._given_up(),
        ]

    def notes(self) -> list[Note]:
        """What must be said first."""
        words, found = self._words, self._found
        notes: list[Note] = []
        if found.data_as_of is None:
            notes.append(("error", words("alerts.never_judged"), None))
        elif found.is_stale:
            age = found.as_of - found.data_as_of
            told = {"span": self._figures.span(age), "at": self._figures.at(found.data_as_of)}
            notes.append(("error", words("alerts.silent", **told), None))
        if self._is_off():
            notes.append(("warning", words("alerts.judge_off"), None))
        elif not self._service.does_jobs:
            notes.append(("warning", words("alerts.no_jobs"), None))
        if unknown := self._of(State.UNKNOWN):
            notes.append(
                ("warning", words("alerts.unknown_note", n=self._figures.count(unknown)), None)
            )
        return [*notes, *self._settings()]

    def _settings(self) -> list[Note]:
        """What the configuration leaves out."""
        words, section = self._words, self._service.settings.alerts
        on = [one for one in section.rules.values() if one.enabled]
        notes: list[Note] = []
        if off := [
            words.of("rule", name) for name, one in section.rules.items() if not one.enabled
        ]:
            notes.append(("", words("alerts.rules_off", rules=words("comma").join(off)), None))
        if not any(section.channels if one.channels is None else one.channels for one in on):
            notes.append(("", words("alerts.no_channels"), None))
        return notes

    def _is_off(self) -> bool:
        return any(one.job == JUDGE and one.schedule == OFF for one in self._jobs)

    def _of(self, state: State) -> int:
        return sum(one.state is state for one in self._found.items)

    def _states(self, state: State, number: int, sub: str) -> Headline:
        """A count of alerts; unknown where no rule was ever judged."""
        name = self._words(f"alerts.{state.value}")
        text = None if self._found.data_as_of is None else self._figures.count(number)
        return Headline(name, self._looked(text), sub, path_of("/alerts", {"state": state.value}))

    def _looked(self, text: str | None) -> Fact | None:
        return self._facts.of(
            text,
            source=self._words("alerts.source"),
            at=self._found.data_as_of,
            is_stale=self._found.is_stale,
        )

    def _failing(self) -> Headline:
        failing = [one for one in self._jobs if one.state in FAULTS and one.schedule != OFF]
        off = sum(one.schedule == OFF for one in self._jobs)
        return Headline(
            self._words("alerts.jobs_failing"),
            self._now(len(failing), "alerts.jobs_source"),
            self._words("alerts.jobs_failing_sub", off=off),
            "#jobs",
        )

    def _given_up(self) -> Headline:
        waiting = sum(one.waiting for one in self._owed)
        return Headline(
            self._words("alerts.given_up"),
            self._now(sum(one.given_up for one in self._owed), "alerts.outbox_source"),
            self._words("alerts.given_up_sub", n=self._figures.count(waiting)),
            "#messages",
        )

    def _now(self, number: int, source: str) -> Fact | None:
        """A count of rows as they are at this moment."""
        now: datetime = self._found.as_of
        return self._facts.of(self._figures.count(number), source=self._words(source), at=now)
