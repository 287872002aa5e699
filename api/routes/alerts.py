"""``/v1/alerts``: what fires."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.alerts.judging import State
from api.config.alerts import Severity
from api.service.alerts import AlertPage, alert_page
from api.service.page import place
from api.web.paging import Cursor, Limit
from api.web.representation import pages, represented
from api.web.service import Served

router = APIRouter(tags=["alerts"])

MAX_AGE = timedelta(seconds=15)
"""How long a client may keep an answer: the rules are judged every minute."""


class AlertQuery(BaseModel):
    """Which alerts."""

    model_config = ConfigDict(extra="forbid")

    state: State | None = Field(default=None, description="Only those in this state.")
    rule: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, examples=["risk"], description="Only those of this rule."
    )
    severity: Severity | None = Field(default=None, description="Only those this severe.")
    limit: Limit = 100
    cursor: Cursor = None


@router.get("/alerts", responses=pages("The alerts"), response_model=AlertPage)
def get_alerts(
    request: Request, service: Served, asked: Annotated[AlertQuery, Query()]
) -> Response:
    """List what fires, what will if it lasts, what was resolved lately, and what is unknown.

    As of the last look, which a server takes every minute. What is well has no row.
    """
    page = alert_page(
        service,
        state=asked.state,
        rule=asked.rule,
        severity=asked.severity,
        first=place(asked.cursor),
        limit=asked.limit,
    )
    return represented(request, page, max_age=MAX_AGE)
