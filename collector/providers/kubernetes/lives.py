"""The life of one node as far as it was watched, and its form in the note between runs."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Any

from collector.providers.kubernetes.announcements import Announcement
from collector.providers.kubernetes.machines import Machine
from warehouse.records import EndedBy, Exposure


@dataclass(slots=True)
class Life:
    """A node that is there.

    ``alive_at`` is the last moment at which it is known to have lived; ``told_at`` is the one
    that was last stored, None if none was. ``announced_at`` with ``word`` is the cloud's
    announcement that stands on it, ``rebalance_at`` the recommendation. A machine is counted,
    with its time at risk, if it ``is_counted``; the others are kept while an announcement stands.
    """

    machine: Machine
    launched_at: datetime
    alive_at: datetime
    is_counted: bool
    is_answering: bool = True
    told_at: datetime | None = None
    word: str | None = None
    announced_at: datetime | None = None
    rebalance_at: datetime | None = None

    @classmethod
    def from_note(cls, note: list[Any]) -> "Life":
        """The life that `note` wrote."""
        machine, launched, alive, counted, answering, told, word, announced, rebalance = note
        return cls(
            machine=Machine(*machine),
            launched_at=datetime.fromisoformat(launched),
            alive_at=datetime.fromisoformat(alive),
            is_counted=counted,
            is_answering=answering,
            told_at=_time(told),
            word=word,
            announced_at=_time(announced),
            rebalance_at=_time(rebalance),
        )

    def note(self) -> list[Any]:
        """The life in a form fit for JSON."""
        return [
            list(astuple(self.machine)),
            self.launched_at.isoformat(),
            self.alive_at.isoformat(),
            self.is_counted,
            self.is_answering,
            _text(self.told_at),
            self.word,
            _text(self.announced_at),
            _text(self.rebalance_at),
        ]

    def lived_until(self, moment: datetime | None, seen_at: datetime) -> None:
        """It was alive at ``moment``, by a clock that may run ahead of ours."""
        if moment is not None:
            self.alive_at = max(self.alive_at, min(moment, seen_at))

    def is_news(self, announced: Announcement) -> bool:
        """Whether the announcement is another than the one that stood there before."""
        if self.announced_at is None:
            return True
        return announced.since is not None and announced.since != self.announced_at

    def running(self, source: str) -> Exposure:
        """Its time at risk so far."""
        return self._exposure(source, None, EndedBy.STILL_RUNNING, "still_running")

    def ended(self, source: str, seen_at: datetime, reason: str) -> Exposure:
        """Its whole time at risk; ``reason`` holds unless the cloud had announced the end."""
        ended_at = max(seen_at, self.alive_at)
        if self.word is not None:
            return self._exposure(source, ended_at, EndedBy.INTERRUPTED, self.word)
        return self._exposure(source, ended_at, EndedBy.USER, reason)

    def _exposure(
        self, source: str, ended_at: datetime | None, ended_by: EndedBy, reason: str
    ) -> Exposure:
        machine = self.machine
        if machine.provider is None or machine.instance_type is None:
            raise ValueError(f"{machine.node} is not counted")
        return Exposure(
            provider=machine.provider,
            region=machine.region,
            zone=machine.zone,
            instance_type=machine.instance_type,
            node=machine.node,
            launched_at=self.launched_at,
            last_alive_at=self.alive_at,
            ended_at=ended_at,
            ended_by=ended_by,
            end_reason=reason,
            source=source,
        )


def better(known: Machine, seen: Machine) -> Machine:
    """The machine as seen now, with what only an earlier look had told."""
    return replace(
        seen,
        provider=seen.provider or known.provider,
        region=seen.region or known.region,
        zone=seen.zone or known.zone,
        instance_type=seen.instance_type or known.instance_type,
        is_spot=seen.is_spot or known.is_spot,
    )


def lives_in(note: Mapping[str, list[Any]] | None) -> dict[str, Life]:
    """The lives in a note of the last run, by the uid of the object."""
    return {uid: Life.from_note(one) for uid, one in (note or {}).items()}


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
