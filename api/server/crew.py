"""The threads of a server: they work until they are told to stop, and fall together.

A server of which one thread has died looks alive and answers from data that gets older. So a
fault of ours in one of them stops all, and the process ends with an error.
"""

import logging
import threading
from collections.abc import Callable

LOG = logging.getLogger("spotcast.server")


class Crew:
    """Threads that share one event, ``stop``: whoever sets it ends them all."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.fault: BaseException | None = None
        """What one of them died of."""
        self._threads: list[threading.Thread] = []
        self._ended: list[str] = []

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Let a thread work; it should return soon after ``stop`` is set, and not before."""
        thread = threading.Thread(target=self._run, args=(name, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def dead(self) -> list[str]:
        """The threads that have ended, though nobody had asked them to."""
        return list(self._ended)

    def fail(self, name: str, error: BaseException) -> None:
        """A thread died of this: stop the others."""
        LOG.error("thread_died", extra={"told": {"thread": name}}, exc_info=error)
        self._ended.append(name)
        self.fault = self.fault or error
        self.stop.set()

    def end(self) -> None:
        """Ask all to end, and wait until they have."""
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
            if not self.stop.is_set():
                self.fail(name, RuntimeError(f"{name} ended too soon"))
        except BaseException as error:  # noqa: BLE001 - whatever it was, the process must end of it
            self.fail(name, error)
