"""A number of a page with what must be known of it: who said so, when, and whether it is stale."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api.dashboard.figures import Figures
from api.dashboard.language import Words

Line = tuple[str, str]
"""What is told of a number: a name and a value."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is shown, and the lines that hover and focus show."""

    text: str
    lines: list[Line] = field(default_factory=list)
    is_stale: bool = False
    level: int | None = None
    """The risk band that it lies in, 0 to 4; None if it is no risk."""


class Facts:
    """Makes the facts of one page, told at ``now``."""

    def __init__(self, words: Words, now: datetime) -> None:
        self._words = words
        self._figures = Figures(words)
        self._now = now

    def of(
        self,
        text: str | None,
        *,
        source: str | None = None,
        at: datetime | None = None,
        is_stale: bool = False,
        level: int | None = None,
        more: list[Line] | None = None,
    ) -> Fact | None:
        """The fact; None if there is no text: it is unknown.

        ``source`` said so, ``at`` is when it was last known to be true.
        """
        if text is None:
            return None
        lines = [(self._words("about.source"), self._words.of("source", source))] if source else []
        if at is not None:
            lines += [
                (self._words("about.at"), str(self._figures.at(at))),
                (self._words("about.age"), str(self._figures.span(self._age(at)))),
            ]
        return Fact(text, lines + (more or []), is_stale, level)

    def _age(self, at: datetime) -> timedelta:
        return max(self._now - at, timedelta(0))
