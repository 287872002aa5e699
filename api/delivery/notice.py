"""What can be told to people, apart from how and to whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text that goes along with a notice."""

    name: str
    media_type: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is told once."""

    kind: str
    """report or alert."""
    key: str
    """What makes it the same notice: it is told once for each key."""
    title: str
    text: str
    """Plain sentences."""
    severity: str
    """info, warning or critical."""
    at: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
