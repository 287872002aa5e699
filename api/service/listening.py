"""Who listens to a stream: so many and no more, and all are let go when the server stops."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta

MOST = 100
"""Streams open at once. Each costs a look at a counter twice a second, and a short question when
something was stored."""

LOOKS_EVERY = timedelta(seconds=0.5)
"""How often a listener looks whether something was stored. Notices are at least 30 s ahead."""

BEATS_EVERY = timedelta(seconds=15)
"""How often a silent stream shows that it lives: proxies cut those that are silent for a minute,
and the server finds out by it that a client is gone."""


class TooManyListenersError(Exception):
    """No stream is free."""

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} clients listen already, which is the most; come back later.")


@dataclass
class Listeners:
    """Counts the open streams. ``stop`` ends them: call it when the server is asked to stop."""

    most: int = MOST
    looks_every: timedelta = LOOKS_EVERY
    beats_every: timedelta = BEATS_EVERY
    count: int = 0
    _is_stopping: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_stopping(self) -> bool:
        """Whether streams must end."""
        return self._is_stopping.is_set()

    def stop(self) -> None:
        """Let every stream end within a look."""
        self._is_stopping.set()

    def enter(self) -> None:
        """Take a place, which `leave` gives back.

        Raises:
            TooManyListenersError: none is free.
        """
        with self._turn:
            if self.count >= self.most:
                raise TooManyListenersError(self.most)
            self.count += 1

    def leave(self) -> None:
        """Give a place back."""
        with self._turn:
            self.count -= 1
