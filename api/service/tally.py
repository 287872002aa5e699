"""How often a server did something, counted from many threads."""

import threading
from collections import Counter
from collections.abc import Mapping


class Tally:
    """Counts by name."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Once more."""
        with self._turn:
            self._counts[name] += 1

    def counts(self) -> Mapping[str, int]:
        """How often, so far."""
        with self._turn:
            return dict(self._counts)
