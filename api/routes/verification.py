"""``/v1/verification``: how good the forecasts were, against what happened."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.routes.risk import Horizon
from api.rows.risk import HORIZONS
from api.service.verification import BinPage, ScorePage, Slice, bin_page, score_page
from api.web.representation import pages, represented
from api.web.service import Served

router = APIRouter(tags=["verification"])

MAX_AGE = timedelta(minutes=1)
"""How long a client may keep an answer: scores are made every few minutes."""


class SliceQuery(BaseModel):
    """Which slices; all if nothing is asked."""

    model_config = ConfigDict(extra="forbid")

    provider: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, examples=["aws"], description="`all` for the scores over all of them."
    )
    made_from: Literal["machine", "held_instance", "launch_probe"] | None = Field(
        default=None,
        description="Kind of evidence that forecasts were made from, and outcomes are of.",
    )
    horizon: Horizon | None = None
    grade: Literal["all", "prior", "early", "learning", "established", "stale"] | None = Field(
        default=None, description="`all` for the scores over all of them."
    )

    def slices(self) -> Slice:
        """As the service takes it."""
        return Slice(
            provider=self.provider,
            evidence_kind=self.made_from,
            horizon_minutes=HORIZONS[self.horizon] / 60 if self.horizon else None,
            grade=self.grade,
        )


Asked = Annotated[SliceQuery, Query()]


@router.get("/verification", responses=pages("The scores"), response_model=ScorePage)
def get_verification(request: Request, service: Served, asked: Asked) -> Response:
    """The scores of past forecasts that every verdict on skill rests on, with their intervals."""
    return represented(request, score_page(service, asked.slices()), max_age=MAX_AGE)


@router.get("/verification/reliability", responses=pages("The bins"), response_model=BinPage)
def get_reliability(request: Request, service: Served, asked: Asked) -> Response:
    """What was said against what was observed, in bins of rising probability."""
    return represented(request, bin_page(service, asked.slices()), max_age=MAX_AGE)
