"""What can be told: a notice is the same thing for every channel, which gives it its form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document that goes with a notice."""

    name: str
    """File name, without a folder."""

    media_type: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that is told."""

    kind: str
    """``report`` or ``alert``."""

    key: str
    """What makes it the same notice, such as ``weekly 2026-W47``."""

    title: str
    text: str
    """Plain sentences."""

    severity: str
    """``info``, ``warning`` or ``critical``."""

    at: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
