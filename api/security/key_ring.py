"""The keys as a server sees them: a change of the file is seen at once, without a restart."""

import logging
import os
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from api.security.key_file import KeyFileError, read_keys
from api.security.keys import Key, id_in, is_of

logger = logging.getLogger("spotcast.security")

LOOK_EVERY = 1.0
"""Seconds between two looks at the file: a revoked key is good for so long at the most."""

Stamp = tuple[int, int, int, int]


class KeyRing:
    """The keys of a file.

    A file that is damaged or open to others opens nothing until it is mended: the keys of before
    may be revoked by now.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._clock = clock
        self._ticks = ticks
        self._looked_at = float("-inf")
        self._stamp: Stamp | None = None
        self._keys: dict[str, Key] = {}
        self._had_keys = False
        self._used: dict[str, date] = {}

    @property
    def had_keys(self) -> bool:
        """Whether there are keys, or were since the start: good, expired or revoked ones.

        Raises:
            KeyFileError: the file cannot be trusted.
        """
        self._look()
        return self._had_keys

    def find(self, text: str) -> Key | None:
        """The key with this text, if it is good now.

        Raises:
            KeyFileError: the file cannot be trusted.
        """
        found = self._known(id_in(text) or "")
        if not is_of(text, found) or found is None:
            return None
        return self._noted(found)

    def by_id(self, identity: str) -> Key | None:
        """The key with this id, if it is good now.

        Raises:
            KeyFileError: the file cannot be trusted.
        """
        found = self._known(identity)
        return found if found and found.is_good(self._clock()) else None

    def _known(self, identity: str) -> Key | None:
        self._look()
        return self._keys.get(identity)

    def _noted(self, key: Key) -> Key | None:
        """Log the first use of each day: what nobody uses can be revoked."""
        now = self._clock()
        if not key.is_good(now):
            return None
        if self._used.get(key.id) != now.date():
            self._used[key.id] = now.date()
            logger.info("key used: id=%s name=%r day=%s", key.id, key.name, now.date())
        return key

    def _look(self) -> None:
        """Read the file if it is another than before.

        What cannot be read leaves no keys and no stamp, so that the next look tries again.
        """
        now = self._ticks()
        if now - self._looked_at < LOOK_EVERY:
            return
        stamp = _stamp(self._path)
        if stamp != self._stamp or stamp is None:
            try:
                self._keys = {key.id: key for key in read_keys(self._path)}
            except KeyFileError:
                self._stamp, self._keys = None, {}
                raise
            self._had_keys = self._had_keys or bool(self._keys)
            self._stamp = stamp
        self._looked_at = now


def _stamp(path: Path) -> Stamp | None:
    """What differs once a file was replaced, written to or opened to others."""
    try:
        there = os.stat(path)  # noqa: PTH116 - follows the links of a mounted Secret
    except OSError:
        return None
    return there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns
