"""``/verification``: how good the forecasts were, against what happened and against baselines."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from pydantic import BaseModel, Field

from advisor.risk.verification import Verdict
from api.dashboard import data
from api.dashboard.asking import asked
from api.dashboard.charts import Shown
from api.dashboard.equivalents import curl
from api.dashboard.facts import Fact, Facts
from api.dashboard.figures import Figures
from api.dashboard.language import Words
from api.dashboard.notes import Note, in_english
from api.dashboard.site import page, reader_of
from api.rows.verification import ALL
from api.service.state import Service
from api.service.verification import BinOut, ScoreOut, ScorePage

if TYPE_CHECKING:
    from api.dashboard.drawing import Drawing

WINDOWS = ("15m", "1h", "6h", "24h")


class VerificationQuery(BaseModel):
    """Of which outcomes and cloud; by default of all clouds, of the kind with most outcomes."""

    evidence_kind: str | None = Field(default=None, max_length=40)
    provider: str = Field(default=ALL, max_length=40)


def verification(request: Request, service: Service) -> Response:
    """The page."""
    wanted, words = asked(request, VerificationQuery), reader_of(request).words
    query = wanted.query or VerificationQuery()
    scored = data.scores(service)
    kinds = list(dict.fromkeys(one.evidence_kind for one in scored.items))
    kind = query.evidence_kind if query.evidence_kind in kinds else _richest(scored)
    clouds = list(dict.fromkeys(one.provider for one in scored.items))
    provider = query.provider if query.provider in clouds else ALL
    shown = [
        one
        for one in scored.items
        if (one.evidence_kind, one.provider, one.grade) == (kind, provider, ALL)
    ]
    return page(
        request,
        "verification",
        service,
        kinds=kinds,
        kind=kind,
        clouds=clouds,
        provider=provider,
        rows=[_row(one, words, scored) for one in shown],
        stored=scored.forecasts_stored,
        passed=scored.forecasts_passed,
        charts=_charts(service, words, kind, provider, shown) if kind else [],
        notes=_notes(words, scored),
        copies=[
            ("cli", "spotcast verify" + ("" if provider == ALL else f" --provider {provider}")),
            ("curl", curl(request, "/v1/verification", [])),
        ],
    )


def reliability_chart(request: Request, service: Service, drawing: "Drawing", words: Words) -> Any:
    """Said against happened."""
    query = asked(request, VerificationQuery).query or VerificationQuery()
    figures = Figures(words)
    rows = [
        {**one.model_dump(), "window": figures.horizon(60 * one.horizon_minutes)}
        for one in _bins(service, query.evidence_kind, query.provider)
    ]
    return drawing.reliability(rows, _windows(rows))


def skill_chart(request: Request, service: Service, drawing: "Drawing", words: Words) -> Any:
    """Skill by window, a series for each kind of outcome."""
    query = asked(request, VerificationQuery).query or VerificationQuery()
    figures = Figures(words)
    rows = [
        {
            "window": figures.horizon(60 * one.horizon_minutes),
            "series": words.of("evidence", one.evidence_kind),
            "low": one.brier_skill_low,
            "middle": one.brier_skill,
            "high": one.brier_skill_high,
        }
        for one in data.scores(service).items
        if (one.provider, one.grade) == (query.provider, ALL) and one.brier_skill is not None
    ]
    return drawing.skill(rows, _windows(rows))


def week_chart(request: Request, service: Service, drawing: "Drawing", words: Words) -> Any:
    """The last week by day."""
    query = asked(request, VerificationQuery).query or VerificationQuery()
    rows = [
        {"at": one["day"].isoformat(), "kind": words(f"chart.{kind}"), "share": one[kind]}
        for one in data.week(service, query.evidence_kind)
        for kind in ("said", "happened")
    ]
    return drawing.week(rows)


def _richest(scored: ScorePage) -> str | None:
    counts = {one.evidence_kind: one.rows for one in scored.items if one.provider == ALL}
    return max(counts, key=lambda name: counts[name], default=None)


def _bins(service: Service, kind: str | None, provider: str) -> list[BinOut]:
    return [one for one in data.bins(service, kind, provider) if one.grade == ALL]


def _windows(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(one["window"]) for one in rows))


def _row(one: ScoreOut, words: Words, scored: ScorePage) -> dict[str, Any]:
    figures = Figures(words)
    facts = Facts(words, scored.as_of)
    source = words("verification.source", kind=words.of("evidence", one.evidence_kind))

    def of(text: str | None, *more: tuple[str, str]) -> Fact | None:
        rests = [
            (words("about.rows"), str(figures.count(one.rows))),
            (words("about.events"), str(figures.count(one.events))),
        ]
        return facts.of(text, source=source, at=scored.as_of, more=[*more, *rests])

    share = figures.share
    interval = figures.shares(one.brier_skill_low, one.brier_skill_high)
    return {
        "window": figures.horizon(60 * one.horizon_minutes),
        "rows": of(figures.count(one.rows)),
        "events": of(figures.count(one.events)),
        "said": of(share(one.mean_probability)),
        "happened": of(share(one.base_rate)),
        "brier_skill": of(share(one.brier_skill), (words("about.interval"), interval)),
        "interval": interval,
        "log_loss": of(figures.number(one.log_loss, 4)),
        "auc": of(figures.number(one.auc, 3)),
        "ece": of(share(one.ece)),
        "precision": of(share(one.precision)),
        "recall": of(share(one.recall)),
        "verdict": words.of("verdict", one.verdict),
        "tone": "is-good" if one.verdict == Verdict.SKILL.value else "is-warning",
        "sentence": one.verdict_text,
    }


def _charts(
    service: Service, words: Words, kind: str, provider: str, scores: Sequence[ScoreOut]
) -> list[Shown]:
    """Those for which there are numbers."""
    query = {"evidence_kind": kind, "provider": provider}
    every = [
        _reliability(words, query, _bins(service, kind, provider)),
        _skill(words, query, scores),
        _week(words, query, data.week(service, kind)),
    ]
    return [one for one in every if one.rows]


def _reliability(words: Words, query: Mapping[str, Any], bins: Sequence[BinOut]) -> Shown:
    figures = Figures(words)
    share = figures.share
    return Shown(
        "reliability",
        words("verification.reliability"),
        words("verification.reliability_alt", n=len(bins)),
        query,
        [
            words("column.window"),
            *(words(f"chart.{name}") for name in ("said", "happened", "interval")),
            words("column.outcomes"),
        ],
        [
            (
                figures.horizon(60 * one.horizon_minutes),
                share(one.mean_probability),
                share(one.observed_share),
                figures.shares(one.low, one.high),
                figures.count(one.rows),
            )
            for one in bins
        ],
    )


def _skill(words: Words, query: Mapping[str, Any], scores: Sequence[ScoreOut]) -> Shown:
    figures = Figures(words)
    share = figures.share
    return Shown(
        "skill",
        words("verification.skill"),
        words("verification.skill_alt"),
        query,
        [words("column.window"), words("chart.skill"), words("chart.interval")],
        [
            (
                figures.horizon(60 * one.horizon_minutes),
                share(one.brier_skill),
                figures.shares(one.brier_skill_low, one.brier_skill_high),
            )
            for one in scores
            if one.brier_skill is not None
        ],
    )


def _week(words: Words, query: Mapping[str, Any], days: Sequence[Mapping[str, Any]]) -> Shown:
    figures = Figures(words)
    share = figures.share
    return Shown(
        "week",
        words("verification.week"),
        words("verification.week_alt", n=len(days)),
        query,
        [
            *(words(f"chart.{name}") for name in ("day", "said", "happened")),
            words("column.outcomes"),
        ],
        [
            (
                f"{one['day']:%Y-%m-%d}",
                share(one["said"]),
                share(one["happened"]),
                figures.count(one["rows"]),
            )
            for one in days
        ],
    )


def _notes(words: Words, scored: ScorePage) -> list[Note]:
    notes: list[Note] = [("", words("verification.window"), None)]
    if not scored.items:
        key = (
            "verification.nothing_stored" if not scored.forecasts_stored else "verification.nothing"
        )
        notes.append(("warning", words(key), None))
    for one in scored.alarms:
        said, happened = one.mean_probability, one.mean_outcome
        text = (
            f"Drift ({one.name}): {one.provider}, {one.evidence_kind}: {100 * happened:.1f}% were "
            f"lost where {100 * said:.1f}% were forecast."
        )
        notes.append(in_english(words, text, "warning"))
    return notes
