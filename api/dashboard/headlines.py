"""The numbers that a page begins with."""

from dataclasses import dataclass

from api.dashboard.facts import Fact


@dataclass(frozen=True, slots=True)
class Headline:
    """A number, and what explains it."""

    name: str
    fact: Fact | None
    sub: str = ""
    link: str | None = None
