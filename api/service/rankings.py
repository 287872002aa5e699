"""Which offerings to take, best first."""

from pydantic import Field

from advisor import Demand, Policy, rank_in
from api.answers import BASIS_NOTES, Answer
from api.rows.offerings import Sort, ordered, row_of
from api.service.offerings import RankedOut
from api.service.page import Page, encoded
from api.service.state import Service

RANKINGS = "rankings"
"""What rankings are counted as."""


class RankingPage(Page[RankedOut]):
    """A ranking: its best offerings, and what was left out."""

    total: int = Field(description="How many offerings were ranked.")
    risk_basis: str = Field(description="forecast, published or none: what the risk rests on.")
    left_out: dict[str, int] = Field(description="By wish that it did not meet, how many.")


def ranking_page(
    service: Service, demand: Demand, policy: Policy, *, sort: Sort, first: int, limit: int
) -> RankingPage:
    """The offerings from place ``first`` (from 0) on; an empty ranking is an answer too."""
    service.tally.add(RANKINGS)
    answer = answer_of(service, demand, policy)
    every = ordered(answer.ranking.ranked, sort)
    shown = every[first : first + limit]
    return RankingPage.model_validate(
        {
            "items": [row_of(one, answer) for one in shown],
            "next_cursor": encoded([first + limit]) if first + limit < len(every) else None,
            "as_of": answer.now,
            "data_as_of": answer.data_as_of,
            "is_stale": any(answer.is_stale(one) for one in shown),
            "notes": [BASIS_NOTES[answer.risk_basis], *answer.notes],
            "total": len(every),
            "risk_basis": answer.risk_basis,
            "left_out": answer.ranking.left_out,
        }
    )


def answer_of(service: Service, demand: Demand, policy: Policy) -> Answer:
    """The ranking of the newest view of the market."""
    view = service.markets.view()
    ranking = rank_in(view.known.universe, demand, policy)
    return Answer(ranking, view.taken_at, service.settings.price_max_age, [])
