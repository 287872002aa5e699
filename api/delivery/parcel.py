"""One attempt: what is delivered to whom, with all that it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from api.delivery.notice import Notice


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message as it is handed to its channel."""

    message_id: str
    receiver: str
    notice: Notice
    now: datetime
    """When this attempt is made."""
    environ: Mapping[str, str]
    """Where the channel's secrets are looked for."""

    @property
    def name(self) -> str:
        """What it is called where it needs a name; the same for every attempt, sorted by time."""
        return f"{self.notice.at:%Y%m%dT%H%M%SZ}-{self.notice.kind}-{self.message_id[:12]}"


def files_of(parcel: Parcel) -> dict[str, str]:
    """The message as files, by name: ``notice.json`` and the attachments."""
    notice = parcel.notice
    told = notice.model_dump_json(exclude={"attachments"}, indent=1)
    return {"notice.json": told + "\n"} | {one.name: one.text for one in notice.attachments}
