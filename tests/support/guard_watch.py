"""A server's guard on a cluster of records, as `api.service.guarding.GuardWatch` wants it."""

from datetime import timedelta

from advisor.replacement.records import HandOver
from advisor.replacement.settings import GuardSettings
from advisor.risk.verification import Verdict
from api.guard.asking import RefusedError, hand_over_of
from api.guard.book import Book
from api.guard.looking import Guard
from api.guard.places import PlaceFinder
from api.guard.report import Mode, Report
from api.service.guarding import ASKED_BY, ASKED_KEY
from api.service.state import Service
from tests.support.guard import FakeGuardedCluster

SETTINGS = GuardSettings()


class Watch:
    """Looks when a test says so; every kind of forecast has the ``verdict``."""

    def __init__(
        self,
        service: Service,
        cluster: FakeGuardedCluster,
        mode: Mode = Mode.ACT,
        verdict: Verdict = Verdict.SKILL,
    ) -> None:
        self.mode = mode
        self._cluster = cluster
        self._report: Report | None = None
        self._book = Book(
            service.writing,
            lambda cloud: SETTINGS.lead_time(cloud).horizon,
            SETTINGS.cool_down,
            judged=lambda _warehouse, _now: lambda _kind: verdict,
        )
        self._places = PlaceFinder(service.reading, service.settings, SETTINGS)
        self._guard = Guard(
            cluster,
            self._book,
            SETTINGS,
            places=self._places,
            mode=mode,
            holder="test",
            lease_for=timedelta(seconds=45),
            clock=cluster.clock,
        )

    def look(self) -> Report:
        """Look once."""
        self._report = self._guard.look()
        return self._report

    def latest(self) -> Report | None:
        """The last look."""
        return self._report

    def ask_for(self, node: str, reason: str, by: str, key: str | None = None) -> HandOver:
        """Note the hand-over that somebody asks for."""
        there = self._cluster.snapshot(self._cluster.now)
        detail = {ASKED_BY: by} | ({ASKED_KEY: key} if key else {})
        known = self._book.known(self._cluster.now)
        wanted = hand_over_of(there, node, reason, known, self._places, detail=detail)
        if not self._guard.start(wanted):
            raise RefusedError(f"Node {node}: a hand-over of it is open already.")
        return wanted
