"""``/``: how fresh the data are, what the model is worth now, and the headline numbers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request, Response

from advisor import Demand, Policy
from advisor.risk.verification import Verdict
from api.dashboard import data
from api.dashboard.equivalents import curl
from api.dashboard.facts import Fact, Facts
from api.dashboard.figures import Figures
from api.dashboard.headlines import Headline
from api.dashboard.language import Words
from api.dashboard.notes import Note
from api.dashboard.rows import Rows
from api.dashboard.site import page, path_of, reader_of
from api.rows.offerings import Sort
from api.service.feeds import FeedOut
from api.service.rankings import ranking_page
from api.service.state import Service

SOON = timedelta(minutes=1)
"""What is due within this time is due now."""

TONES = {
    "ok": "is-good",
    "unchanged": "is-good",
    "late": "is-stale",
    "never read": "is-idle",
    "running": "",
    "skipped": "",
}
"""How the state of a feed is shown; every other one is a failure."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table: its head, its cells, and a word for its state."""

    head: str
    cells: list[Fact | str | None]
    state: str = ""
    tone: str = ""
    link: str | None = None


class Overview:
    """Lays the first page out for one reader."""

    def __init__(self, words: Words, service: Service) -> None:
        self._words, self._service = words, service
        self.now = service.clock()
        self._facts, self._figures = Facts(words, self.now), Figures(words)
        self.clouds, self.feeds = data.clouds(service), data.feeds(service)
        self.skill = data.skill(service)

    def headlines(self) -> list[Headline]:
        """The numbers at the head of the page."""
        return [*self._market(), *self._model(), self._losses()]

    def _market(self) -> list[Headline]:
        pools = sum(one.pools for one in self.clouds)
        stale = sum(one.stale for one in self.clouds)
        newest = max(self.clouds, key=lambda one: one.newest_at, default=None)
        best = ranking_page(
            self._service, Demand(gpus=1), Policy(), sort=Sort.COST, first=0, limit=1
        ).items
        words, count = self._words, self._figures.count
        gpus = sum(one.gpu_pools for one in self.clouds)
        first = best[0] if best else None
        where = f"{first.instance_type} · {first.region}" if first else words("unknown")
        return [
            Headline(
                words("overview.pools"),
                self._of_newest(newest, count(pools)),
                words("overview.pools_sub", gpus=count(gpus), clouds=len(self.clouds)),
                "/search",
            ),
            Headline(
                words("overview.stale_pools"),
                self._of_newest(newest, self._figures.share(stale / pools, 0) if pools else None),
                words("overview.stale_sub", n=count(stale), age=self._max_age()),
            ),
            Headline(
                words("overview.best_gpu"),
                Rows(words, self.now).price(first) if first else None,
                where,
                path_of("/search", {"gpus": 1}),
            ),
        ]

    def _model(self) -> list[Headline]:
        words, count = self._words, self._figures.count
        several = sum(one["forecasts"] for one in self.skill)
        acting = sum(one["may_act"] for one in self.skill)
        known = self._service.forecasts.newest.get()
        newest = known.value["issued_at"].max()
        at = newest if isinstance(newest, datetime) else None
        source = str(known.value["model_version"][-1]) if known.value.height else None
        is_stale = at is not None and self.now - at > self._service.settings.price_max_age
        text = count(several) if several else None
        return [
            Headline(
                words("overview.forecasts"),
                self._facts.of(text, source=source, at=at, is_stale=is_stale),
                words("overview.forecasts_sub", n=count(acting)),
                "/verification",
            )
        ]

    def _losses(self) -> Headline:
        lost = data.losses(self._service)
        found = None if lost is None else self._figures.count(lost)
        fact = self._facts.of(found, source=self._words("overview.losses_from"), at=self.now)
        days = self._figures.span(data.LOSSES_SHOWN)
        return Headline(
            self._words("overview.losses"), fact, self._words("overview.losses_sub", span=days)
        )

    def cloud_lines(self) -> list[Line]:
        """Freshness by cloud."""
        count = self._figures.count
        max_age = self._service.settings.price_max_age
        lines = []
        for one in self.clouds:
            is_old = self.now - one.newest_at > max_age
            age = self._facts.of(
                self._figures.ago(self.now - one.newest_at),
                source=one.source,
                at=one.newest_at,
                is_stale=is_old,
            )
            cells: list[Fact | str | None] = [age, count(one.pools), count(one.gpu_pools)]
            cells += [count(one.regions), count(one.stale)]
            lines.append(
                Line(
                    self._words.of("cloud", one.provider),
                    cells,
                    self._words("stale.word" if is_old else "overview.fresh"),
                    "is-stale" if is_old else "is-good",
                    path_of("/search", {"provider": one.provider}),
                )
            )
        return lines

    def feed_lines(self) -> list[Line]:
        """Each feed: those that are planned or were read first."""
        lines = [self._feed(one) for one in self.feeds]
        return sorted(lines, key=lambda one: one.tone == "is-idle")

    def _feed(self, one: FeedOut) -> Line:
        words, figures = self._words, self._figures
        good = self._facts.of(
            figures.ago(one.last_good_age_seconds),
            source=one.feed,
            at=one.last_good_at,
            is_stale=one.is_late,
        )
        due = one.next_run_at
        next_run = words("overview.not_planned") if due is None else self._due(due)
        scope = words("overview.all_regions") if one.scope == "*" else one.scope
        cells: list[Fact | str | None] = [scope, good or words("overview.never")]
        cells += [figures.count(one.last_good_rows), next_run, figures.count(one.failures)]
        cells.append(one.error or words("overview.no_error"))
        return Line(one.feed, cells, words.of("state", one.state), TONES.get(one.state, "is-bad"))

    def _due(self, due: datetime) -> str:
        late = self.now - due
        if abs(late) < SOON:
            return self._words("overview.due_now")
        key = "overview.overdue" if late > SOON else "overview.due_in"
        return self._words(key, span=self._figures.span(abs(late)))

    def skill_lines(self) -> list[Line]:
        """What the forecasts that stand now are worth."""
        lines = []
        for one in self.skill:
            verdict = str(one["skill"])
            cells: list[Fact | str | None] = [
                self._words.of("evidence", one["made_from"]),
                self._figures.horizon(60 * one["horizon_minutes"]),
                self._figures.count(one["forecasts"]),
                self._figures.count(one["may_act"]),
            ]
            tone = "is-good" if verdict == Verdict.SKILL.value else "is-warning"
            head = self._words.of("cloud", one["provider"])
            lines.append(Line(head, cells, self._words.of("verdict", verdict), tone))
        return lines

    def notes(self) -> list[Note]:
        """What must be said first."""
        if not self.clouds:
            return [("warning", self._words("overview.no_data"), None)]
        old = [one for one in self.clouds if one.stale == one.pools]
        names = ", ".join(self._words.of("cloud", one.provider) for one in old)
        return [("stale", self._words("overview.all_stale", clouds=names), None)] if old else []

    def _of_newest(self, newest: data.Cloud | None, text: str | None) -> Fact | None:
        if newest is None:
            return None
        is_stale = self.now - newest.newest_at > self._service.settings.price_max_age
        return self._facts.of(text, source=newest.source, at=newest.newest_at, is_stale=is_stale)

    def _max_age(self) -> str | None:
        return self._figures.span(self._service.settings.price_max_age)


def overview(request: Request, service: Service) -> Response:
    """The page."""
    laid = Overview(reader_of(request).words, service)
    return page(
        request,
        "overview",
        service,
        headlines=laid.headlines(),
        notes=laid.notes(),
        clouds=laid.cloud_lines(),
        skill=laid.skill_lines(),
        feeds=laid.feed_lines(),
        copies=[("cli", "spotcast feeds"), ("curl", curl(request, "/v1/feeds", []))],
    )
