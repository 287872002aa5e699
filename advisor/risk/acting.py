"""Whether a stored forecast may cause anything: only where forecasts like it proved their skill."""

from dataclasses import dataclass

from advisor.risk.verification import Verdict, Verification

UNSURE_GRADES = frozenset({"prior", "stale"})
"""Grades whose forecasts rest on other pools or on old evidence; they need a proof of their own."""

ORDER = (Verdict.WITHOUT_SKILL, Verdict.TOO_LITTLE_EVIDENCE, Verdict.SKILL)
"""The worst first."""


@dataclass(frozen=True, slots=True)
class ForecastKind:
    """What a verdict is on: the fields of a row of `risk_forecast` that decide it.

    ``made_from`` None is not known; ``published_band`` and ``held_fleet`` are never verified, as
    no outcome is of that kind.
    """

    provider: str
    made_from: str | None
    horizon_seconds: float
    grade: str


def verdict_on(verification: Verification, kind: ForecastKind) -> Verdict:
    """What may be said of the skill of such forecasts.

    It is that of the provider's forecasts, on outcomes of the kind of evidence that this one was
    made from. A forecast of one of `UNSURE_GRADES` has the worse of that and of its grade's.
    """
    if kind.made_from is None:
        return Verdict.TOO_LITTLE_EVIDENCE
    slices: list[tuple[str | None, str | None]] = [(kind.provider, None)]
    if kind.grade in UNSURE_GRADES:
        slices.append((None, kind.grade))
    found = [
        verification.score(provider, kind.made_from, kind.horizon_seconds, grade)
        for provider, grade in slices
    ]
    verdicts = [Verdict.TOO_LITTLE_EVIDENCE if one is None else one.verdict for one in found]
    return min(verdicts, key=ORDER.index)


def may_act_on(verification: Verification, kind: ForecastKind) -> bool:
    """Whether such a forecast may be acted on; what was never verified may not."""
    return verdict_on(verification, kind) is Verdict.SKILL
