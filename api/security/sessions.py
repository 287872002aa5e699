"""Sessions of browsers: a cookie that stands for a key, for half a day.

They are kept in memory and by the hash of the cookie: a new start of the server ends them, and
whoever could read the memory's content could not sign in with it.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.security.keys import digest

LASTS = timedelta(hours=12)
"""A working day: nobody signs in twice on one, and a forgotten one is over by the next."""

MOST = 10_000
"""Sessions at a time; the oldest ends when one more begins."""


@dataclass(frozen=True, slots=True)
class Session:
    """Whose key it stands for, and until when."""

    key_id: str
    expires_at: datetime


class Sessions:
    """Those that are open."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._open: dict[str, Session] = {}

    def begin(self, key_id: str) -> str:
        """Open a session of a key; the text for the cookie."""
        now = self._clock()
        self._make_room(now)
        text = f"spotcast_session_{secrets.token_hex(32)}"
        self._open[digest(text)] = Session(key_id, now + LASTS)
        return text

    def _make_room(self, now: datetime) -> None:
        """All last equally long, so the oldest comes first and ends first."""
        while self._open:
            name, oldest = next(iter(self._open.items()))
            if oldest.expires_at > now and len(self._open) < MOST:
                break
            del self._open[name]

    def key_id(self, text: str) -> str | None:
        """The id of the key that a session stands for; None if it is over or never was."""
        found = self._open.get(digest(text))
        return found.key_id if found and found.expires_at > self._clock() else None

    def end(self, text: str) -> None:
        """End a session."""
        self._open.pop(digest(text), None)
