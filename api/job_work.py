"""What a job is and what it is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from api.scheduler import Clock, Lease
from api.settings import Settings
from warehouse.newest import NewestFacts


@dataclass(frozen=True, slots=True)
class Work:
    """What one run of a job is given; each lease is held no longer than it is needed."""

    reading: Lease
    """The warehouse for questions; it waits for nobody."""
    writing: Lease
    """The warehouse for the one writer: feeds and hand-overs wait meanwhile."""
    settings: Settings
    clock: Clock
    due_at: datetime
    """The date of the schedule that the run is for, however late it is."""
    is_stopping: Callable[[], bool] = lambda: False
    """Whether the process ends: what can be left for the next one should be."""
    noting: Lease | None = None
    """The same for rows that no answer is kept of; None: as ``writing``."""
    facts: NewestFacts = field(default_factory=NewestFacts)
    """What the process has read of the database to tell what holds now."""
    kept: dict[str, Any] = field(default_factory=dict[str, Any])
    """What a job keeps from one run to the next, by a name of its own. It is dear to make and can
    be made again: a process that dies takes it along."""

    @property
    def notes(self) -> Lease:
        """Where jobs leave rows of their own: by the minute, they must not make views anew."""
        return self.noting or self.writing


class ProcessEndsError(Exception):
    """The process ends before the run did; what is left is done by the next one."""


Detail = Mapping[str, Any]
"""What a run did: figures and words for its row, as JSON has them; times as well."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done by the clock. Its schedule is the setting of its name in [jobs]."""

    name: str
    about: str
    """What it does, for `spotcast jobs`."""
    work: Callable[[Work], Detail]
    """Does it. It may be killed at any moment and is then done again, so that what it leaves must
    not be wrong if it is there twice."""
    is_quick: bool = False
    """It takes no core for longer than a moment. Of the others one runs at a time, so that requests
    always find a free core."""
