"""The guard in a thread of the server: it looks by the clock, and answers what requests ask of it.

All that is asked of the cluster is asked by this one thread, one thing after the other: between
two looks it takes up the hand-overs that people ask for, and then looks at once.
"""

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTimeError
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom

from advisor.cluster import ClusterError, ClusterUnavailableError, GuardedCluster
from advisor.replacement.records import HandOver
from api.guard.asking import RefusedError, hand_over_of
from api.guard.book import Book
from api.guard.looking import Guard
from api.guard.loop import Troubles, keep_looking
from api.guard.places import PlaceFinder
from api.guard.report import Mode, Report
from api.service.guarding import ASKED_BY, ASKED_KEY

LOG = logging.getLogger("spotcast.guard")

ANSWERED_WITHIN = timedelta(seconds=30)
"""How long a request waits for the guard. A look at 2,000 nodes takes less than 2 s; one that
waits for a server that is away takes up to a request's 30 s, and then there is nothing to ask."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A hand-over that somebody waits for."""

    node: str
    reason: str
    detail: dict[str, str]
    answer: "Future[HandOver]"


class GuardThread:
    """Meets `api.service.guarding.GuardWatch`."""

    def __init__(
        self,
        guard: Guard,
        cluster: GuardedCluster,
        book: Book,
        places: PlaceFinder,
        *,
        mode: Mode,
        clock: Callable[[], datetime],
        stop: threading.Event,
    ) -> None:
        """``cluster``, ``book`` and ``places`` are the guard's own."""
        self.mode = mode
        self._guard = guard
        self._cluster = cluster
        self._book = book
        self._places = places
        self._clock = clock
        self._stop = stop
        self._latest: Report | None = None
        self._asked: queue.SimpleQueue[_Asked] = queue.SimpleQueue()
        self._woken = threading.Event()

    def latest(self) -> Report | None:
        """What the last look that ended brought; None before the first."""
        return self._latest

    def ask_for(self, node: str, reason: str, by: str, key: str | None = None) -> HandOver:
        """Begin the hand-over of a node that somebody asks for; the guard carries it out.

        Raises:
            RefusedError: the node is not there, is protected, has a hand-over under way, or a
                budget is spent; says why.
            ClusterError: the cluster cannot be asked now.
            WarehouseError: it cannot be noted.
        """
        detail = {ASKED_BY: by, **({ASKED_KEY: key} if key else {})}
        if self._stop.is_set():
            raise ClusterUnavailableError(STOPPING)
        one = _Asked(node, reason, detail, Future())
        self._asked.put(one)
        self.wake()
        try:
            return one.answer.result(ANSWERED_WITHIN.total_seconds())
        except NotInTimeError as error:
            if one.answer.cancel():
                raise ClusterUnavailableError(BUSY) from error
            return one.answer.result()

    def wake(self) -> None:
        """Somebody asks, or it is time to stop."""
        self._woken.set()

    def keep_looking(
        self,
        take: Callable[[Report], None],
        *,
        interval: timedelta,
        troubles: Troubles,
        failed: Callable[[Exception], None],
    ) -> None:
        """Look until the server stops; ``take`` is given each report, and may raise its errors."""
        keep_looking(
            lambda: self._look(take),
            interval=interval,
            sleep=self._sleep,
            random=SystemRandom(),
            troubles=troubles,
            failed=failed,
        )
        self._refuse_all()
        try:
            self._guard.resign()
        except ClusterError as error:
            LOG.warning("lease_kept", extra={"told": {"reason": str(error)}})

    def _look(self, take: Callable[[Report], None]) -> None:
        report = self._guard.look()
        self._latest = report
        for one in report.steps:
            told = {
                "node": one.node,
                "state": one.state.value,
                "mechanism": one.mechanism.value,
                "replacement_id": one.replacement_id,
            }
            LOG.info("guard_step", extra={"told": told})
        take(report)

    def _sleep(self, seconds: float) -> bool:
        """Until the next look, or until somebody asks; True if it is time to stop."""
        if not self._stop.is_set():
            self._woken.wait(seconds)
        self._woken.clear()
        if self._stop.is_set():
            return True
        self._take_up()
        return False

    def _take_up(self) -> None:
        while not self._asked.empty():
            one = self._asked.get()
            if not one.answer.set_running_or_notify_cancel():
                continue
            try:
                one.answer.set_result(self._begun(one))
            except Exception as error:  # noqa: BLE001 - whoever asked is told; the guard goes on
                one.answer.set_exception(error)

    def _begun(self, asked: _Asked) -> HandOver:
        if self._latest and not self._latest.is_leader:
            raise RefusedError(
                f"Node {asked.node} is not replaced: another guard leads this cluster. Ask that one"
            )
        there = self._cluster.snapshot(self._clock())
        known = self._book.known(there.taken_at)
        wanted = hand_over_of(
            there, asked.node, asked.reason, known, self._places, detail=asked.detail
        )
        if not self._guard.start(wanted):
            raise RefusedError(f"Node {asked.node}: a hand-over of it is open already.")
        return wanted

    def _refuse_all(self) -> None:
        while not self._asked.empty():
            one = self._asked.get()
            if one.answer.set_running_or_notify_cancel():
                one.answer.set_exception(ClusterUnavailableError(STOPPING))


BUSY = "The guard is busy with a look that takes long: ask again"
STOPPING = "The server is stopping: nothing was begun"
