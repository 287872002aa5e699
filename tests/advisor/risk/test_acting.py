"""Which forecasts may be acted on: those of a kind that proved its skill, and no others."""

from dataclasses import replace

import pytest

from advisor.risk.acting import ForecastKind, may_act_on, verdict_on
from advisor.risk.verification import (
    Comparison,
    Interval,
    LeadTimes,
    Score,
    Verdict,
    Verification,
)

A_KIND = ForecastKind("aws", "launch_probe", 3600.0, "established")


def a_score(verdict: Verdict, *, provider: str | None = "aws", grade: str | None = None) -> Score:
    """A score with this verdict."""
    sign = 1 if verdict is Verdict.SKILL else -1
    events = 5 if verdict is Verdict.TOO_LITTLE_EVIDENCE else 100
    skill = Interval(0.1 * sign, 0.2 * sign, 0.3 * sign)
    worse = Interval(-0.3, -0.2, -0.1 * sign)
    return Score(
        evidence_kind="launch_probe",
        horizon_seconds=3600.0,
        provider=provider,
        grade=grade,
        rows=1000,
        censored_rows=0,
        base_rate=0.1,
        mean_probability=0.1,
        log_loss=0.3,
        brier=0.1,
        auc=None,
        ece=None,
        comparison=Comparison(1000, events, 20, skill, worse, 0.1 * sign),
        precision=None,
        recall=None,
        lead=LeadTimes(0, 0, None, None, None),
        reliability=(),
    )


def verdict(kind: ForecastKind, *scores: Score) -> Verdict:
    found = Verification(scores, ())
    assert may_act_on(found, kind) == (verdict_on(found, kind) is Verdict.SKILL)
    return verdict_on(found, kind)


@pytest.mark.parametrize("expected", list(Verdict))
def test_a_forecast_is_worth_what_its_kind_is_for_its_cloud(expected: Verdict) -> None:
    assert verdict(A_KIND, a_score(expected)) is expected


@pytest.mark.parametrize(
    "kind",
    [
        replace(A_KIND, provider="gcp"),
        replace(A_KIND, made_from="machine"),
        replace(A_KIND, made_from="published_band"),
        replace(A_KIND, made_from=None),
        replace(A_KIND, horizon_seconds=900.0),
    ],
    ids=["cloud", "kind", "band", "unknown", "horizon"],
)
def test_skill_of_another_kind_proves_nothing(kind: ForecastKind) -> None:
    assert verdict(kind, a_score(Verdict.SKILL)) is Verdict.TOO_LITTLE_EVIDENCE


@pytest.mark.parametrize("grade", ["prior", "stale"])
def test_a_forecast_on_thin_or_old_evidence_needs_a_proof_of_its_own(grade: str) -> None:
    kind, usual = replace(A_KIND, grade=grade), a_score(Verdict.SKILL)

    assert verdict(kind, usual) is Verdict.TOO_LITTLE_EVIDENCE
    for own in Verdict:
        assert verdict(kind, usual, a_score(own, provider=None, grade=grade)) is own
    worse = a_score(Verdict.WITHOUT_SKILL)
    proved = a_score(Verdict.SKILL, provider=None, grade=grade)
    assert verdict(kind, worse, proved) is Verdict.WITHOUT_SKILL


def test_nothing_that_was_never_verified_may_be_acted_on() -> None:
    assert not may_act_on(Verification((), ()), A_KIND)
