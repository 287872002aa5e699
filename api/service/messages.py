"""What no receiver has yet: messages that wait, and those that were given up."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.service.state import Service
from warehouse.outbox import backlogs


class BacklogOut(BaseModel):
    """What a channel owes. It names no receiver and nothing that is said."""

    channel: str = Field(examples=["ops"])
    kind: str | None = Field(
        default=None,
        examples=["slack"],
        description="Null: it is no longer in the configuration.",
    )
    waiting: int = 0
    oldest_waiting_at: datetime | None = None
    next_try_at: datetime | None = None
    given_up: int = 0
    newest_given_up_at: datetime | None = None
    newest_error: str | None = None
    newest_error_at: datetime | None = None


def backlog_list(service: Service) -> list[BacklogOut]:
    """Every channel that is set up, and those that owe something though they are not."""
    channels = service.settings.channels
    with service.reading() as warehouse:
        owed: dict[str, dict[str, Any]] = {
            row["channel"]: row for row in backlogs(warehouse).to_dicts()
        }
    return [
        BacklogOut.model_validate(
            {
                "channel": name,
                **(channels[name].model_dump(include={"kind"}) if name in channels else {}),
                **owed.get(name, {}),
            }
        )
        for name in sorted(channels.keys() | owed.keys())
    ]
