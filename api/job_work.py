"""What a job is and what it is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.scheduler import Clock, Lease
from api.settings import Settings


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
